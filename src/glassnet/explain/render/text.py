"""Documents as plain Unicode text, for a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from glassnet.explain.document import (
    Block,
    Document,
    Drawing,
    Formula,
    Heading,
    Listing,
    Paragraph,
    Table,
    literally,
)
from glassnet.explain.render.breaking import broken, sides
from glassnet.explain.render.inline import Mathematics, plain, spans
from glassnet.explain.render.parse import parse
from glassnet.explain.render.tree import Row
from glassnet.explain.render.unicode import cells, unicode_of

_UNDERLINES = "━─┄"
_GAP = "   "
_NARROWEST_CELL = 6
_WIDEST = 96
"""Lines longer than this are hard to read, however wide the terminal is."""
_HOLD = "\u00a0"
"""Holds the parts of a formula together while a paragraph is broken into lines."""


def to_text(document: Document, width: int = 80) -> str:
    r"""Return a document as plain Unicode text.

    Args:
        document: what is to be read.
        width: how many columns a line may take, at least 20; more than 96 are not used. Source
            code alone is left as it is.

    Raises:
        ValueError: where ``width`` is under 20.
        FormulaError: where a formula is outside the grammar.

    >>> from glassnet.explain.document import Document, Formula, Paragraph
    >>> step = Formula(r"Z^{[1]} = X W^{[1]} + b^{[1]}", space=r"\mathbb{R}^{m \times 3}")
    >>> print(to_text(Document("A layer", (Paragraph("What $Z^{[1]}$ is:"), step)), width=50))
    A layer
    ━━━━━━━
    <BLANKLINE>
    What Z[1] is:
    <BLANKLINE>
        Z[1] = X W[1] + b[1]                 ∈ ℝ^(m×3)
    <BLANKLINE>
    """
    if width < 20:
        raise ValueError(f"A text can't be set in {width} columns; give a width of 20 or more.")
    width = min(width, _WIDEST)
    parts = [[*wrapped(document.title, width)]]
    parts[0].append(_UNDERLINES[0] * max(map(cells, parts[0])))
    parts += [list(_block(block, width)) for block in document]
    return "\n\n".join("\n".join(line.rstrip() for line in part) for part in parts) + "\n"


def wrapped(text: str, width: int, indent: str = "", hanging: str = "") -> Iterator[str]:
    """Yield the lines of a text of the document; a short formula is not parted.

    Args:
        text: words with mathematics between dollar signs.
        width: how many columns a line may take, indents included.
        indent: what stands before the first line.
        hanging: what stands before the others.
    """
    held = "".join(
        _held(span.row, width) if isinstance(span, Mathematics) else span.text
        for span in spans(text)
    )  # fmt: skip
    yield from _filled(held, width, indent, hanging)


def _held(row: Row, width: int) -> str:
    text = unicode_of(row)
    return text.replace(" ", _HOLD) if cells(text) <= width // 2 else text


def _filled(text: str, width: int, indent: str, hanging: str) -> Iterator[str]:
    line, empty = indent, True
    for word in _words(text, width - max(cells(indent), cells(hanging))):
        if not empty and cells(line) + 1 + cells(word) > width:
            yield line.replace(_HOLD, " ")
            line, empty = hanging, True
        line += word if empty else f" {word}"
        empty = False
    yield line.replace(_HOLD, " ")


def _words(text: str, width: int) -> Iterator[str]:
    """Yield the words; one longer than a line comes in pieces."""
    for word in re.split("[ \\n\\t]+", text):
        while cells(word) > width:
            end = max(i for i in range(1, len(word) + 1) if i == 1 or cells(word[:i]) <= width)
            yield word[:end]
            word = word[end:]
        if word:
            yield word


def _block(
    block: Block, width: int
) -> Iterator[str]:  # fmt: skip
    match block:
        case Heading():
            lines = list(wrapped(block.text, width))
            yield from lines
            sign = _UNDERLINES[min(block.level, len(_UNDERLINES) - 1)]
            yield sign * max(map(cells, lines))
        case Paragraph():
            yield from wrapped(block.text, width)
        case Formula():
            yield from _formula(block, width)
        case Table():
            yield from _table(block, width)
        case Listing():
            yield from (f"    {line}" for line in block.code.rstrip("\n").split("\n"))
        case Drawing():
            yield from wrapped(literally(block.words), width)


# -- formulas ----------------------------------------------------------------------------------


def _formula(formula: Formula, width: int) -> Iterator[str]:
    indent = "    " if width >= 40 else "  "
    if formula.rule:
        yield from wrapped(formula.rule, width)
        yield ""
    lines = [indent + line for line in equation_lines(formula.latex, width - len(indent))]
    if formula.space:
        space = f"∈ {unicode_of(parse(formula.space))}"
        if cells(lines[-1]) + len(_GAP) + cells(space) > width:
            lines.append("")
        lines[-1] += " " * (width - cells(lines[-1]) - cells(space)) + space
    yield from lines
    if formula.numbers or formula.check:
        yield ""
    deeper = indent + "  "
    for row in formula.numbers:
        if cells(deeper + row) <= width:
            yield deeper + row
        else:
            yield from _filled(row.strip(), width, deeper, deeper + "  ")
    if formula.check:
        yield from wrapped(formula.check, width, deeper, deeper)


def equation_lines(latex: str, width: int) -> Iterator[str]:
    """Yield an equation in lines of at most ``width`` columns, broken where it reads well.

    Args:
        latex: LaTeX of the small grammar, without dollar signs.
        width: how many columns a line may take.
    """
    row = parse(latex)
    left, rest = sides(row)
    lead = f"{unicode_of(left)} " if len(left) else ""
    if not lead or cells(lead) > width // 3:
        lead, rest = "", row
    for i, line in enumerate(broken(rest, width - cells(lead), _columns, 2, 1)):
        begin = lead if i == 0 else " " * cells(lead)
        hanging = " " * (cells(begin) + 2 * line.level)
        if i and not lead:
            hanging += "  "
        begin = begin if i == 0 else hanging
        text = unicode_of(line.row)
        if cells(begin + text) <= width:
            yield begin + text
        else:
            yield from _filled(text, width, begin, hanging)


def _columns(row: Row) -> int:
    return cells(unicode_of(row))


# -- tables ------------------------------------------------------------------------------------


def _table(table: Table, width: int) -> Iterator[str]:
    rows = [[plain(cell) for cell in row] for row in (table.header, *table.rows)]
    if table.caption:
        yield from wrapped(table.caption, width)
        yield ""
    widths = _column_widths(rows, width - len(_GAP) * (len(table.header) - 1))
    if widths is None:
        yield from _stacked(rows, width)
        return
    ruled = False
    for row in rows:
        columns = [list(_filled(c, w, "", "")) for c, w in zip(row, widths, strict=True)]
        for i in range(max(map(len, columns))):
            pieces = [c[i] if i < len(c) else "" for c in columns]
            padded = (p + " " * (w - cells(p)) for p, w in zip(pieces, widths, strict=True))
            yield _GAP.join(padded).rstrip()
        if not ruled:
            yield _GAP.join("─" * w for w in widths)
            ruled = True


def _column_widths(rows: list[list[str]], room: int) -> list[int] | None:
    """Return the width of each column, the widest made narrower; None where it can't be done."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(cells, column)) for column in columns]
    least = [max(_NARROWEST_CELL, min(16, _longest_word(column))) for column in columns]
    while sum(widths) > room:
        spare = [w - n for w, n in zip(widths, least, strict=True)]
        if max(spare) <= 0:
            return None
        widths[max(range(len(widths)), key=lambda i: (spare[i] > 0, widths[i]))] -= 1
    return widths


def _longest_word(column: Iterable[str]) -> int:
    return max((cells(word) for cell in column for word in cell.split()), default=0)


def _stacked(rows: list[list[str]], width: int) -> Iterator[str]:
    """Yield a table too wide for the page: each row as its fields, one below the other."""
    header, *body = rows
    for i, row in enumerate(body):
        if i:
            yield ""
        for name, cell in zip(header, row, strict=True):
            yield from _filled(f"{name}: {cell}", width, "", "    ")
