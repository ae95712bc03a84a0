"""What the doctor found in a run: findings, in the order in which to mend them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from glassnet.explain.document import (
    Block,
    Document,
    Heading,
    Listing,
    Paragraph,
    literally,
)
from glassnet.explain.render.html import to_html

_WIDTH = 80
SEVERITIES = ("serious", "notable", "minor")
"""Training can't succeed; it is held back; it works, and something deserves a look."""


@dataclass(frozen=True)
class Finding:
    """One ailment of a run.

    Args:
        name: the ailment, ``"dead ReLUs"``.
        severity: ``"serious"``, ``"notable"`` or ``"minor"``.
        evidence: what was measured, in sentences.
        why: why it hurts, one line of mathematics.
        remedy: what to try, in a sentence.
        code: what to try, as code.
        layers: the names of the layers concerned.
        numbers: the measured numbers by name.
        source: where the threshold or the reason comes from.
        born: whether it was there before the first step, so that nothing else brought it about.
    """

    name: str
    severity: str
    evidence: tuple[str, ...]
    why: str
    remedy: str
    code: str = ""
    layers: tuple[str, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)
    source: str = ""
    born: bool = False

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self, number: int = 1) -> list[str]:
        """Return the finding as lines of text, at most 80 wide."""
        title = f"{number}. {self.name} ({self.severity})"
        where = f", in {', '.join(self.layers)}" if self.layers else ""
        found = textwrap.wrap(title + where, _WIDTH, subsequent_indent="   ")
        for label, text in (
            ("seen", " ".join(self.evidence)),
            ("why", self.why),
            ("try", self.remedy),
        ):
            found += textwrap.wrap(
                text, _WIDTH, initial_indent=f"   {label + ':':<6}", subsequent_indent=" " * 9
            )
        found += [f"         {line}" for line in self.code.splitlines()]
        return found


@dataclass(frozen=True)
class TrainingReport:
    """What `diagnose_training` found.

    Args:
        model: the model's name.
        findings: the causes before what they bring about; what is minor comes last.
        looked_at: what was looked for, by the names of the ailments.
        unseen: what could not be looked at, and what it would take.
        subject: what was examined: examples, epochs.
    """

    model: str
    findings: tuple[Finding, ...]
    looked_at: tuple[str, ...]
    unseen: tuple[str, ...] = ()
    subject: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def names(self) -> list[str]:
        """The names of the ailments that were found, in order."""
        return [finding.name for finding in self.findings]

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __getitem__(self, name: str) -> Finding:
        """The finding of that name."""
        for finding in self.findings:
            if finding.name == name:
                return finding
        found = ", ".join(self.names) or "nothing"
        raise KeyError(f"No finding is called {name!r}; found was: {found}.")

    # --- as text --------------------------------------------------------------------------------
    @property
    def verdict(self) -> str:
        """What was found, in a sentence."""
        if self.ok:
            return "Nothing found."
        first = self.findings[0].name
        if len(self) == 1:
            return f"One finding: {first}."
        return f"{len(self)} findings. Mend the first one first, {first}; the rest may follow it."

    def __str__(self) -> str:
        lines = [*_filled(self._title()), *_filled(self.verdict)]
        for i, finding in enumerate(self.findings, 1):
            lines += ["", *finding.lines(i)]
        lines += ["", *_filled(self._quiet())]
        for missing in self.unseen:
            lines += _filled(missing)
        return "\n".join(lines)

    __repr__ = __str__

    def _title(self) -> str:
        return f"First aid for the training of {self.model!r}{self.subject}"

    def _quiet(self) -> str:
        found = set(self.names)
        rest = [name for name in self.looked_at if name not in found]
        return f"Looked for{' and not found' if found else ''}: {', '.join(rest)}."

    # --- as a document --------------------------------------------------------------------------
    @property
    def document(self) -> Document:
        """The report as a document, for HTML, Markdown and LaTeX."""
        blocks: list[Block] = [Paragraph(literally(self.verdict))]
        for i, finding in enumerate(self.findings, 1):
            where = f", in {', '.join(finding.layers)}" if finding.layers else ""
            blocks.append(Heading(literally(f"{i}. {finding.name} ({finding.severity}){where}")))
            blocks.append(Paragraph(literally(" ".join(finding.evidence))))
            blocks.append(Paragraph(literally(f"Why: {finding.why}")))
            blocks.append(Paragraph(literally(f"Try: {finding.remedy}")))
            if finding.code:
                blocks.append(Listing(finding.code))
            if finding.source:
                blocks.append(Paragraph(literally(f"Source: {finding.source}.")))
        blocks.append(Paragraph(literally(self._quiet())))
        blocks += [Paragraph(literally(text)) for text in self.unseen]
        return Document(literally(self._title()), tuple(blocks))

    def _repr_html_(self) -> str:
        return to_html(self.document, standalone=False)


def _filled(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH)
