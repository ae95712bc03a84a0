"""The sections of a report, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from glassnet.checks import nearest
from glassnet.explain.report.sections.curves import curves
from glassnet.explain.report.sections.derivation import derivation
from glassnet.explain.report.sections.doctor import doctor
from glassnet.explain.report.sections.evaluation import evaluation
from glassnet.explain.report.sections.examples import examples
from glassnet.explain.report.sections.inside import inside
from glassnet.explain.report.sections.network import network
from glassnet.explain.report.sections.reproduce import reproduce
from glassnet.explain.report.sections.setup import setup
from glassnet.explain.report.subject import Subject


@dataclass(frozen=True)
class Section:
    """A section: its name, which is its ``id`` too, its heading, and what makes it."""

    name: str
    title: str
    make: Callable[[Subject], Iterable[str]]


SECTIONS = (
    Section("setup", "What was trained on what", setup),
    Section("network", "The network", network),
    Section("curves", "How the training went", curves),
    Section("evaluation", "How well it does", evaluation),
    Section("examples", "The worst-judged examples", examples),
    Section("inside", "What it looks like inside", inside),
    Section("doctor", "What the doctor says", doctor),
    Section("derivation", "The mathematics of a step", derivation),
    Section("reproduce", "How to reproduce it", reproduce),
)


def chosen_sections(names: Sequence[str] | None) -> tuple[Section, ...]:
    """Return the sections of these names, in the order of the page; all for None.

    Raises:
        ValueError: for a name that no section has, or no name at all.
    """
    if names is None:
        return SECTIONS
    wanted = [names] if isinstance(names, str) else list(names)
    known = [section.name for section in SECTIONS]
    for name in wanted:
        if name not in known:
            raise ValueError(
                f"report: there is no section {name!r}; there are {', '.join(known)}."
                f"{nearest(name, known)}"
            )
    if not wanted:
        raise ValueError(f"report: sections is empty; there are {', '.join(known)}.")
    return tuple(section for section in SECTIONS if section.name in wanted)
