"""What a diagnosis says: the mistake in a sentence, the line of mathematics, the mend."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from glassnet.checks import listed
from glassnet.explain.document import (
    Block,
    Document,
    Heading,
    Paragraph,
    Table,
    as_code,
    literally,
)
from glassnet.explain.render.html import to_html

SHOWN = 3
"""How many explanations are told."""


@dataclass(frozen=True)
class Mistake:
    """A mistake that explains the gradients.

    Args:
        kind: the mistake in a few words, as the table of kinds in the documentation has it.
        sentence: what was done, where.
        equation: the line of the derivation that it violates; empty where there is none.
        mend: what to write instead.
        about: the first derivative that is wrong, ``"dZ2"``.
        gradients: which of the given gradients are wrong by it.
    """

    kind: str
    sentence: str
    equation: str
    mend: str
    about: str
    gradients: tuple[str, ...] = ()

    def lines(self, width: int = 80) -> list[str]:
        """The mistake as lines of text."""
        told = [self.kind, *_wrapped(self.sentence, width)]
        if self.equation:
            told += _wrapped(f"The derivation says: {self.equation}", width)
        return [*told, *_wrapped(f"Mend: {self.mend}.", width)]


@dataclass(frozen=True)
class Row:
    """One gradient, beside what it should be.

    Args:
        name: ``"dW2"``.
        shape: its shape as given; ``should``: as it should be.
        verdict: ``"right"``, ``"wrong"``, ``"wrong shape"`` or ``"3.2 times too large"``.
        error: how far off it is, relative to its largest entry; NaN where shapes differ.
    """

    name: str
    shape: tuple[int, ...]
    should: tuple[int, ...]
    verdict: str
    error: float

    @property
    def ok(self) -> bool:
        """Whether it is right."""
        return self.verdict == "right"


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` found.

    Args:
        explanations: what explains all the gradients, the likeliest first: each is one mistake,
            or two made at once.
        rows: the gradients one by one, in the order of the backward pass.
        starts: where nothing explains them, the place in the chain where the error begins.
        notes: what is worth knowing and no mistake.
        subject: what was looked at.
    """

    explanations: tuple[tuple[Mistake, ...], ...]
    rows: tuple[Row, ...]
    starts: str = ""
    notes: tuple[str, ...] = ()
    subject: str = "the gradients"

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.explanations and all(row.ok for row in self.rows)

    @property
    def findings(self) -> tuple[Mistake, ...]:
        """The mistakes of all explanations, the likeliest first, each kind once."""
        found: dict[str, Mistake] = {}
        for explanation in self.explanations:
            for mistake in explanation:
                found.setdefault(mistake.kind, mistake)
        return tuple(found.values())

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of mistakes, the likeliest first."""
        return tuple(m.kind for m in self.findings)

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        """The mistakes of the likeliest explanation."""
        return self.explanations[0] if self.explanations else ()

    def __bool__(self) -> bool:
        return self.ok

    # --- reading ------------------------------------------------------------------------------
    @property
    def headline(self) -> str:
        """The diagnosis in a sentence."""
        wrong = [row.name for row in self.rows if not row.ok]
        if self.ok:
            which = ", ".join(row.name for row in self.rows)
            return f"Nothing is wrong with {self.subject}: {which} are what they should be."
        if not self.explanations:
            return (
                f"Wrong: {listed(wrong)}. Nothing in the catalogue of mistakes, and no two of "
                "them together, gives exactly these arrays."
            )
        said = listed(wrong or list(self.mistakes[0].gradients) or ["the gradients"])
        count = {1: "One mistake explains", 2: "Two mistakes together explain"}.get(
            len(self.mistakes), "Several mistakes together explain"
        )
        return f"Wrong: {said}. {count} every number."

    def text(self, width: int = 80) -> str:
        """Return the diagnosis as plain text."""
        lines = textwrap.wrap(self.headline, width)
        for mistake in self.mistakes:
            first, *rest = mistake.lines(width)
            lines += ["", f"→ {first}", *rest]
        if self.starts:
            lines += ["", *textwrap.wrap(self.starts, width)]
        if not self.ok:
            lines += ["", *self._table(width)]
        others = self.explanations[1:SHOWN]
        if others:
            lines += ["", "These would give the same numbers too:"]
            for explanation in others:
                told = "; and ".join(f"{m.kind}: {m.sentence}" for m in explanation)
                lines += textwrap.wrap(f"· {told}", width, subsequent_indent="  ")
        for note in self.notes:
            lines += ["", *textwrap.wrap(f"Note: {note}", width)]
        return "\n".join(lines)

    def _table(self, width: int) -> list[str]:
        """The gradients as a table; where it is wider than the text, without the errors."""
        header = ("gradient", "shape", "should be", "verdict", "relative error")
        rows = [header, *map(_cells, self.rows)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        kept = 5 if sum(widths) + 8 <= width else 4
        return [
            "  ".join(c.ljust(w) for c, w in zip(row[:kept], widths, strict=False)).rstrip()
            for row in rows
        ]

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Diagnosis: {self.kinds[0] if self.explanations else self.headline}>"

    def document(self) -> Document:
        """Return the diagnosis as a document."""
        blocks: list[Block] = [Paragraph(_plain(self.headline))]
        for mistake in self.mistakes:
            blocks.append(Heading(_plain(mistake.kind), 3))
            blocks.append(Paragraph(_plain(mistake.sentence)))
            if mistake.equation:
                blocks.append(Paragraph(f"The derivation says: {as_code(mistake.equation)}"))
            blocks.append(Paragraph(f"Mend: {_plain(mistake.mend)}."))
        blocks += [Paragraph(_plain(t)) for t in (self.starts,) if t]
        if not self.ok:
            header = ("gradient", "shape", "should be", "verdict", "relative error")
            blocks.append(Table(header, tuple(_cells(row) for row in self.rows)))
        for explanation in self.explanations[1:SHOWN]:
            told = "; and ".join(f"{m.kind}: {m.sentence}" for m in explanation)
            blocks.append(Paragraph(f"The same numbers come from: {_plain(told)}"))
        blocks += [Paragraph(f"Note: {_plain(note)}") for note in self.notes]
        return Document("Diagnosis", tuple(blocks))

    def _repr_html_(self) -> str:
        return to_html(self.document(), standalone=False)


def _cells(row: Row) -> tuple[str, str, str, str, str]:
    error = "" if row.error != row.error else f"{row.error:.1e}"
    return row.name, _shape(row.shape), _shape(row.should), row.verdict, error


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "a number"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ")


def _plain(text: str) -> str:
    """Text with nothing in it that a document would take for mathematics or code."""
    return literally(text)
