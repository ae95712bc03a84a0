"""The base of ailments and their registry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from glassnet.explain.doctor.training.case import Case
from glassnet.explain.doctor.training.report import Finding

AILMENTS: list[Ailment] = []
"""All ailments that are looked for."""


class Ailment(ABC):
    """Something that can be wrong with a run.

    A subclass names it, says what it needs, and measures in ``examine``. ``order`` tells causes
    from what they bring about: where several are found, the lower comes first.
    """

    name: ClassVar[str]
    order: ClassVar[float]
    needs: ClassVar[str] = "data"
    """``"model"``, ``"history"``, ``"data"``, or ``"run"``: data that the network can be run on."""
    why: ClassVar[str]
    source: ClassVar[str] = ""
    fallback: ClassVar[bool] = False
    """Whether it is looked for only where nothing else was found."""

    @abstractmethod
    def examine(self, case: Case) -> Finding | None:
        """Return what was found, or None where all is well."""

    def can_examine(self, case: Case) -> bool:
        """Tell whether there is what it needs."""
        return {
            "model": True,
            "history": case.epochs > 0,
            "data": case.data is not None,
            "run": case.runs,
        }[self.needs]

    def found(self, severity: str, *evidence: str, remedy: str, **told: Any) -> Finding:
        """Return a finding of this ailment."""
        why = told.pop("why", self.why)
        return Finding(self.name, severity, evidence, why, remedy, source=self.source, **told)


def ailment(cls: type[Ailment]) -> type[Ailment]:
    """Register an ailment; a decorator of its class."""
    AILMENTS.append(cls())
    AILMENTS.sort(key=lambda known: known.order)
    return cls


def listed(names: list[str], most: int = 4) -> str:
    """Return names as text, not too many: ``"a, b and 3 more"``."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"
