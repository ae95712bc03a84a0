"""What the checks of a layer found, as text and as a document."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from glassnet.explain.doctor.roles import Role
from glassnet.explain.document import (
    Block,
    Document,
    Heading,
    Listing,
    Paragraph,
    Table,
    as_code,
    literally,
)
from glassnet.explain.render.html import to_html

PASSED, FAILED, SKIPPED = "passed", "failed", "not applicable"
_MARKS = {PASSED: "✓", FAILED: "✗", SKIPPED: "–"}
WIDTH = 88


@dataclass(frozen=True)
class Result:
    """What one check found.

    Args:
        name: the check: ``"gradients"``.
        verdict: ``"passed"``, ``"failed"`` or ``"not applicable"``.
        sentence: what was found, or why there was nothing to check.
        numbers: the figures behind it, a line each.
        mend: what to write instead; code, or a sentence with code in it.
        detail: what was found in full: a `GradientReport`, an exception.
    """

    name: str
    verdict: str
    sentence: str
    numbers: tuple[str, ...] = ()
    mend: str = ""
    detail: Any = field(default=None, repr=False, compare=False)

    def __bool__(self) -> bool:
        return self.verdict != FAILED

    def __str__(self) -> str:
        return f"{self.name}: {self.verdict}. {self.sentence}"


@dataclass(frozen=True, repr=False)
class LayerReport:
    """What `check_layer` found. It is true where all is well: ``assert check_layer(…)``.

    Args:
        subject: the layer: ``"MyDense 'my_dense'"``.
        tried_on: what it was tried on, in words.
        results: one a check, in the order in which they were made.
        role: the library's brick that it is meant to be; None where there is none.
        own: whether it is a brick of the library itself.
    """

    subject: str
    tried_on: str
    results: tuple[Result, ...]
    role: Role | None = None
    own: bool = False

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return not self.failed

    def __bool__(self) -> bool:
        return self.ok

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __getitem__(self, name: str) -> Result:
        """The result of a check, by its name: ``report["gradients"]``."""
        for result in self.results:
            if result.name == name:
                return result
        known = ", ".join(result.name for result in self.results)
        raise KeyError(f"No check is called {name!r}; this report has {known}.")

    @property
    def failed(self) -> tuple[Result, ...]:
        """The checks that failed."""
        return self._with(FAILED)

    @property
    def passed(self) -> tuple[Result, ...]:
        """The checks that passed."""
        return self._with(PASSED)

    @property
    def skipped(self) -> tuple[Result, ...]:
        """The checks that do not apply."""
        return self._with(SKIPPED)

    def _with(self, verdict: str) -> tuple[Result, ...]:
        return tuple(r for r in self.results if r.verdict == verdict)

    def raise_if_wrong(self) -> None:
        """Raise AssertionError with the report where a check failed."""
        if not self.ok:
            raise AssertionError(self.text())

    # --- as text --------------------------------------------------------------------------------
    def __repr__(self) -> str:
        return f"<LayerReport of {self.subject}: {self._verdict}>"

    def __str__(self) -> str:
        return self.text()

    def text(self, width: int | None = None, causes: Mapping[str, str] | None = None) -> str:
        """Return the report as text: what is wrong first, then what is right.

        Args:
            width: the length of the longest line; the terminal's for None, at most 88.
            causes: what is behind a check that failed, as text, by the name of the check.
        """
        wide = min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns) if width is None else width
        lines = _filled(f"{self.subject} on {self.tried_on}: {self._verdict}.", wide)
        if self.role is not None:
            lines += _filled(self._role_told, wide)
        for result in self.failed:
            lines += ["", f"✗ {result.name}"]
            lines += _filled(result.sentence, wide, "  ")
            for line in result.numbers:
                lines += _filled(line, wide, "    ", "      ")
            cause = (causes or {}).get(result.name, "")
            lines += _mend(result.mend, wide)
            lines += [f"  {line}".rstrip() for line in cause.splitlines()]
        if self._stuck:
            count = len(self.skipped)
            return "\n".join(
                [*lines, *([f"\n– {count} other checks wait for that"] if count else [])]
            )
        for results in (self.passed, self.skipped):
            if results:
                lines += ["", *_table(results, wide)]
        return "\n".join(lines)

    @property
    def _verdict(self) -> str:
        count = len(self.passed) + len(self.failed)
        if not count:
            return "nothing could be checked"
        if self._stuck:
            return "it does not run"
        if not self.failed:
            return f"all {count} checks passed" if count > 1 else "the check passed"
        return f"{len(self.failed)} of {count} checks failed"

    @property
    def _stuck(self) -> bool:
        return any(r.name == "forward" for r in self.failed)

    @property
    def _role_told(self) -> str:
        role = self.role
        assert role is not None
        if role.agrees:
            return f"It {role}"
        like = "is meant as" if role.meant else "is like"
        return f"It {like} {role.source}, and differs from it."

    # --- as a document --------------------------------------------------------------------------
    @property
    def document(self) -> Document:
        """The report as a document, which every format is rendered from."""
        blocks: list[Block] = [Paragraph(literally(f"On {self.tried_on}: {self._verdict}."))]
        if self.role is not None:
            blocks.append(Paragraph(literally(self._role_told)))
        for result in self.failed:
            blocks += [Heading(f"✗ {result.name}", 2), Paragraph(literally(result.sentence))]
            if result.numbers:
                blocks.append(Listing("\n".join(result.numbers), "text"))
            if result.mend:
                blocks += [Paragraph("What mends it:"), Listing(result.mend)]
        rows = tuple(
            (f"{_MARKS[r.verdict]} {as_code(r.name)}", r.verdict, literally(r.sentence))
            for r in (*self.passed, *(() if self._stuck else self.skipped))
        )
        if rows:
            blocks += [Heading("The other checks", 2), Table(("check", "verdict", "found"), rows)]
        return Document(literally(self.subject), tuple(blocks))

    def _repr_html_(self) -> str:
        return to_html(self.document, standalone=False)


def _filled(text: str, width: int, indent: str = "", hanging: str | None = None) -> list[str]:
    after = indent if hanging is None else hanging
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=after, break_on_hyphens=False
    )


def _mend(mend: str, width: int) -> list[str]:
    """The mend: code as it is, a sentence filled."""
    if not mend:
        return []
    first, *rest = mend.split("\n")
    if not rest:
        return _filled(f"→ {first}", width, "  ", "    ")
    return [f"  → {first}", *(f"    {line}" for line in rest)]


def _table(results: Sequence[Result], width: int) -> list[str]:
    """A line for each result, filled beside its name."""
    column = max(len(r.name) for r in results) + 4
    lines = []
    for result in results:
        head = f"{_MARKS[result.verdict]} {result.name}".ljust(column)
        lines += _filled(result.sentence, width, head, " " * column)
    return lines
