"""What the check of gradients found, as a table of text and as a document."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import numpy as np

from glassnet.explain.document import Document, Heading, Paragraph, Table, as_code
from glassnet.explain.quotients import short
from glassnet.graph.dimension import display

_WIDTH = 80
FAULTS = ("differs", "shape", "missing", "raised", "not finite")
"""The verdicts that make a gradient wrong."""

_SAID = {
    "agrees": "agrees",
    "differs": "WRONG",
    "shape": "WRONG SHAPE",
    "missing": "MISSING",
    "raised": "RAISED",
    "not finite": "NOT FINITE",
    "kink": "kink",
    "jump": "jump",
    "unresolved": "unresolved",
}

_MEANING = {
    "kink": (
        "at this very point the function has a kink (relu at 0, a tie, |x| at 0); beside it the "
        "gradient agrees"
    ),
    "jump": (
        "the function jumps here (rounding, argmax, a comparison), so it has no derivative to hold "
        "the gradient against"
    ),
    "unresolved": "too near to rounding to tell",
}


@dataclass(frozen=True)
class GradientFinding:
    """One entry of a gradient beside what it should be.

    Args:
        layer: the layer's name; empty for a function.
        parameter: the weight's name, ``"kernel"``, or that of the input: ``"x"``, ``"dX"``.
        index: the entry; None where the finding is about the whole array.
        given: the entry of the gradient under check.
        expected: what the function itself tells: by complex step or difference quotient.
        error: |given − expected| / max(|given|, |expected|).
        verdict: ``"agrees"``; ``"differs"``; ``"shape"``, the gradient has another shape;
            ``"missing"``, there is none; ``"raised"``, computing it raised an error;
            ``"not finite"``; ``"kink"``, ``"jump"``: no derivative exists here, and beside this
            point they agree; ``"unresolved"``, too near to rounding to tell.
        note: what else there is to say.
    """

    layer: str
    parameter: str
    index: tuple[int, ...] | None
    given: float
    expected: float
    error: float
    verdict: str
    note: str = ""

    @property
    def name(self) -> str:
        """The layer and the parameter: ``"dense_1.kernel"``."""
        return f"{self.layer}.{self.parameter}" if self.layer else self.parameter

    @property
    def place(self) -> str:
        """The entry by its name: ``"dense_1.kernel[3, 2]"``."""
        return self.name + (str(list(self.index)) if self.index else "")

    @property
    def is_fault(self) -> bool:
        """Whether it makes the gradient wrong."""
        return self.verdict in FAULTS

    def __str__(self) -> str:
        if self.verdict in ("shape", "missing", "raised"):
            return f"{self.place}: {self.note}"
        text = (
            f"{self.place}: given {self.given:.8g}, expected {self.expected:.8g}, relative error "
            f"{short(self.error)}"
        )
        if self.verdict in _MEANING:
            text += f"; {_MEANING[self.verdict]}"
        return text + (f"; {self.note}" if self.note else "")


@dataclass(frozen=True)
class ParameterCheck:
    """What was looked at in the gradient by one parameter, and what was found.

    Args:
        layer: the layer's name; empty for a function.
        parameter: its name.
        shape: its shape.
        method: ``"complex step"`` or ``"differences"``; empty where nothing could be compared.
        projections: how many random combinations of all entries were compared.
        singles: how many entries were compared one by one.
        resolution: the smallest error of a single entry that would have been seen.
        findings: the worst entry first; at least one.
    """

    layer: str
    parameter: str
    shape: tuple[int, ...]
    method: str
    projections: int
    singles: int
    resolution: float
    findings: tuple[GradientFinding, ...]

    @property
    def worst(self) -> GradientFinding:
        """The finding that weighs most."""
        return self.findings[0]

    @property
    def ok(self) -> bool:
        """Whether the gradient by this parameter is right, as far as can be told."""
        return not any(f.is_fault for f in self.findings)

    @property
    def size(self) -> int:
        """The number of entries."""
        return int(np.prod(self.shape, dtype=int))

    @property
    def looked_at(self) -> str:
        """What was compared, in a few words."""
        if not self.method:
            return "nothing"
        single = (
            "every entry" if self.singles >= self.size else f"{self.singles:,} of {self.size:,}"
        )
        return f"{single}, {self.projections} sums" if self.projections else single


@dataclass(frozen=True)
class GradientReport:
    """What `check_gradients` found. It is true where all is well: ``assert check_gradients(…)``.

    Args:
        subject: what was checked.
        checks: one a parameter.
        troubles: why there was nothing to hold a gradient against, in sentences.
        notes: what else is worth knowing.
    """

    subject: str
    checks: tuple[ParameterCheck, ...] = ()
    troubles: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything could be checked and every gradient is right."""
        return not self.troubles and all(check.ok for check in self.checks)

    def __bool__(self) -> bool:
        return self.ok

    @property
    def findings(self) -> tuple[GradientFinding, ...]:
        """All findings: of every parameter the worst entry, and each further fault found."""
        return tuple(f for check in self.checks for f in check.findings)

    @property
    def wrong(self) -> tuple[GradientFinding, ...]:
        """The findings that are faults."""
        return tuple(f for f in self.findings if f.is_fault)

    @property
    def worst(self) -> GradientFinding | None:
        """The finding that weighs most: a fault, else the entry that agrees least."""
        return max(self.findings, key=_weight, default=None)

    def raise_if_wrong(self) -> None:
        """Raise AssertionError with the whole report where something is wrong."""
        if not self.ok:
            raise AssertionError(str(self))

    # --- as text --------------------------------------------------------------------------------
    def __str__(self) -> str:
        lines = [*_filled(f"Gradients of {self.subject}: {self._verdict()}")]
        for trouble in self.troubles:
            lines += _filled(trouble, "  ")
        if self.checks:
            lines += ["", *_aligned([_HEADER, *map(_row, self.checks)])]
        for finding in self._told():
            lines += ["", *_filled(_sentence(finding), "  ")] if finding.is_fault else []
        kinks = [f for f in self._told() if not f.is_fault]
        for finding in kinks:
            lines += ["", *_filled(_sentence(finding), "  ")]
        for note in self.notes:
            lines += ["", *_filled(note)]
        if self.wrong:
            lines += ["", *_filled(_NEXT)]
        return "\n".join(lines)

    def _verdict(self) -> str:
        if self.troubles:
            return "they could not be checked."
        if not self.checks:
            return "there is nothing to differentiate by."
        bad = [c for c in self.checks if not c.ok]
        if bad:
            count = f"{len(bad)} of {len(self.checks)} parameters"
            return f"WRONG for {count if len(self.checks) > 1 else 'its only parameter'}."
        errors = [c.worst.error for c in self.checks if c.worst.verdict == "agrees"]
        told = f", to {short(max(*errors, 1e-16))}" if errors else ""
        return f"right{told}."

    def _told(self) -> list[GradientFinding]:
        return [f for f in self.findings if f.verdict != "agrees"]

    def _repr_html_(self) -> str:
        from glassnet.explain.render.html import to_html

        return to_html(self.document(), standalone=False)

    def document(self) -> Document:
        """Return the report as a document."""
        found: list[Heading | Paragraph | Table] = [
            Heading(f"Gradients of {self.subject}", 2),
            *map(Paragraph, (self._verdict(), *self.troubles)),
        ]
        if self.checks:
            rows = tuple(tuple(as_code(c) if c else "" for c in _row(k)) for k in self.checks)
            found.append(Table(_HEADER, rows))
        found += [Paragraph(as_code(str(f))) for f in self._told()]
        found += [Paragraph(note) for note in (*self.notes, *([_NEXT] if self.wrong else []))]
        return Document("", tuple(found))


_HEADER = (
    "layer", "parameter", "shape", "verdict", "entry", "given", "expected", "rel. error",
    "looked at",
)  # fmt: skip
_SHAPE, _VALUES, _RIGHT = (2,), (5, 6), (5, 6, 7)
_NEXT = (
    "glassnet.diagnose looks for the mistake behind wrong gradients: it tries what people commonly "
    "get wrong and names what matches."
)


def _sentence(finding: GradientFinding) -> str:
    return f"{str(finding).removesuffix('.')}."


def _weight(finding: GradientFinding) -> tuple[bool, bool, float]:
    error = finding.error if np.isfinite(finding.error) else np.inf
    return finding.is_fault, finding.verdict == "agrees", error


def _row(check: ParameterCheck) -> tuple[str, ...]:
    worst = check.worst
    numbers = ("", "", "")
    if worst.verdict not in ("shape", "missing", "raised"):
        numbers = (f"{worst.given:.6g}", f"{worst.expected:.6g}", short(worst.error))
    return (
        check.layer, check.parameter, display(check.shape), _SAID[worst.verdict],
        str(list(worst.index)) if worst.index else "", *numbers, check.looked_at,
    )  # fmt: skip


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Return rows as lines, columns beneath each other; a column that is empty falls away.

    Where they are too wide the values fall away, which the sentences below repeat for every entry
    that does not agree, then the shapes.
    """
    used = [i for i in range(len(_HEADER)) if any(row[i] for row in rows[1:])]
    widths = {i: max(len(row[i]) for row in rows) for i in used}
    for less in (_VALUES, _SHAPE):
        if sum(widths[i] + 2 for i in used) - 2 > _WIDTH:
            used = [i for i in used if i not in less]
    return [
        "  ".join(
            row[i].rjust(widths[i]) if i in _RIGHT else row[i].ljust(widths[i]) for i in used
        ).rstrip()
        for row in rows
    ]


def _filled(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent)
