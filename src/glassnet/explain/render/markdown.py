r"""Documents as Markdown, as GitHub shows it.

Mathematics stands between ``$`` or ``$$``. A Markdown reader may take some characters of a formula
for its own before the formula is seen: ``\,`` for a comma, ``\\`` for one backslash, ``_`` for
emphasis, ``|`` for the end of a table's cell. None of them is written so that it could.

Source: GitHub Docs, "Writing mathematical expressions"; GitHub Flavored Markdown Spec, 0.29-gfm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

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
from glassnet.explain.render.breaking import Line, broken, sides, width_of
from glassnet.explain.render.inline import Code, Mathematics, Span, spans
from glassnet.explain.render.parse import parse
from glassnet.explain.render.source import Source
from glassnet.explain.render.tree import Row

_WIDTH = 42.0
"""How wide an equation may be, in em: about a page of GitHub."""
_SOURCE = Source(markdown=True)


def to_markdown(document: Document) -> str:
    r"""Return a document as Markdown.

    Args:
        document: what is to be read.

    Raises:
        FormulaError: where a formula is outside the grammar.

    >>> from glassnet.explain.document import Document, Formula
    >>> print(to_markdown(Document("One", (Formula(r"w_{1} = \left| x \right|"),))))
    # One
    <BLANKLINE>
    $$
    w _{1} = \left\vert x \right\vert
    $$
    <BLANKLINE>
    """
    parts = [f"# {_inline(document.title)}", *(_block(block) for block in document)]
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * min(block.level + 1, 6)} {_inline(block.text)}"
        case Paragraph():
            return _paragraph(block.text)
        case Formula():
            return "\n\n".join(_formula(block))
        case Table():
            return "\n".join(_table(block))
        case Listing():
            return _fenced(block.code.rstrip("\n"), block.language)
        case Drawing():
            return _paragraph(literally(block.words))


def _fenced(code: str, language: str = "") -> str:
    longest = max((len(ticks) for ticks in re.findall("`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


# -- texts -------------------------------------------------------------------------------------


def _paragraph(text: str) -> str:
    """Return a text in which no line begins a list, a heading or a quotation."""
    lines = (line.strip() for line in _inline(text).split("\n"))
    return "\n".join(re.sub(r"^([-+#=>])|^(\d+)([.)])", r"\2\\\1\3", line) for line in lines)


def _inline(text: str, in_table: bool = False) -> str:
    return "".join(_span(span, in_table) for span in spans(text))


def _span(span: Span, in_table: bool) -> str:
    if isinstance(span, Mathematics):
        return f"${_SOURCE(span.row)}$"
    if isinstance(span, Code):
        text = span.text.replace("|", r"\|") if in_table else span.text
        return f"`{text}`"
    return _escaped(span.text)


def _escaped(text: str) -> str:
    text = re.sub(r"([\\`*\[\]<>~|])", r"\\\1", text)
    text = re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", text)
    text = re.sub(r"&(?=#?\w+;)", "&amp;", text)
    return text.replace("$", "<span>$</span>")


# -- formulas ----------------------------------------------------------------------------------


def _formula(formula: Formula) -> Iterator[str]:
    if formula.rule:
        yield _paragraph(formula.rule)
    space = ""
    if formula.space:
        space = rf" \qquad \in {_SOURCE(parse(formula.space))}"
    yield f"$$\n{_equation(parse(formula.latex), space)}\n$$"
    numbers = "\n".join(formula.numbers)
    if numbers:
        yield _fenced(numbers, "text")
    if formula.check:
        yield _paragraph(formula.check)


def _equation(row: Row, space: str) -> str:
    left, rest = sides(row)
    if not len(left) or width_of(left) > _WIDTH / 3:
        left, rest = Row(), row
    lines = broken(rest, _WIDTH - width_of(left), width_of, 1.0)
    if len(lines) == 1:
        return _SOURCE(row) + space
    first, *others = lines
    texts = [f"{_SOURCE(left)} & {_SOURCE(first.row)}", *(f"& {_line(line)}" for line in others)]
    return "\\begin{aligned}\n" + " \\cr\n".join(texts) + space + "\n\\end{aligned}"


def _line(line: Line) -> str:
    return r"\quad " * line.level + "{} " + _SOURCE(line.row)


# -- tables ------------------------------------------------------------------------------------


def _table(table: Table) -> Iterator[str]:
    if table.caption:
        yield from (_paragraph(table.caption), "")
    yield _row(table.header)
    yield _row(["---"] * len(table.header), raw=True)
    yield from (_row(row) for row in table.rows)


def _row(texts: list[str] | tuple[str, ...], raw: bool = False) -> str:
    parts = texts if raw else [_inline(t, in_table=True).replace("\n", " ") for t in texts]
    return "| " + " | ".join(parts) + " |"
