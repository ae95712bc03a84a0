"""Documents as HTML: one file that needs no other, with its mathematics as MathML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from glassnet.explain.document import (
    Document,
    Drawing,
    Formula,
    Heading,
    Listing,
    Paragraph,
    Table,
)
from glassnet.explain.render.inline import Code, Mathematics, plain, spans
from glassnet.explain.render.mathml import math_html, math_of
from glassnet.explain.render.style import CLASS, style_sheet

_DEEPEST_LISTED = 2
"""Headings down to this level stand in the table of contents."""
_MOST_LISTED = 24
"""Of more headings, only those of the first level do."""


def to_html(document: Document, standalone: bool = True) -> str:
    r"""Return a document as HTML.

    Args:
        document: what is to be read.
        standalone: whether as a page of its own, with a table of contents and an ``id`` at each
            named equation (``#dW2``); otherwise as an element for another's page, such as a
            notebook, whose style touches nothing else and which holds no ``id``.

    Raises:
        FormulaError: where a formula is outside the grammar.

    >>> from glassnet.explain.document import Document, Paragraph
    >>> to_html(Document("A", (Paragraph("$x$ & y"),)), standalone=False).splitlines()[-3:]
    ['<h1>A</h1>', '<p><math alttext="x" aria-label="x"><mi>x</mi></math> &amp; y</p>', '</div>']
    """
    page = _Page(standalone)
    body = "\n".join(page.parts(document))
    style = f"<style>\n{style_sheet(standalone)}</style>"
    if not standalone:
        return f'<div class="{CLASS}">\n{style}\n{body}\n</div>'
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(plain(document.title))}</title>\n{style}\n</head>\n"
        f'<body>\n<main class="{CLASS}">\n{body}\n</main>\n</body>\n</html>\n'
    )


def fragment(document: Document, level: int = 1) -> str:
    """Return a document as a part of another's page: no style, no ``id``, headings from ``level``.

    The page that takes it brings ``style_sheet(False)`` once.

    Raises:
        FormulaError: where a formula is outside the grammar.
    """
    body = "\n".join(_Page(False, level).parts(document))
    return f'<div class="{CLASS}">\n{body}\n</div>'


class _Page:
    """Makes the parts of a page and keeps their names apart; the title is of the level ``top``."""

    def __init__(self, named: bool, top: int = 1) -> None:
        self.named, self.top = named, top
        self.taken: set[str] = set()

    def parts(self, document: Document) -> Iterator[str]:
        yield f"<h{self.top}>{inline(document.title)}</h{self.top}>"
        equations = {block.name for block in document if isinstance(block, Formula)}
        self.taken = {_identifier(name) for name in equations}  # they keep their names
        headings = [
            (block, self._free(f"section-{_identifier(plain(block.text)).lower()}"))
            for block in document
            if isinstance(block, Heading)
        ]
        listed = [pair for pair in headings if pair[0].level <= _DEEPEST_LISTED]
        if len(listed) > _MOST_LISTED:
            listed = [pair for pair in headings if pair[0].level == 1]
        if self.named and len(listed) > 2:
            yield _contents(listed)
        anchors = iter(headings)
        self.taken -= {_identifier(name) for name in equations}
        for block in document:
            if isinstance(block, Heading):
                level = min(block.level + self.top, 6)
                anchor = self._attribute(next(anchors)[1])
                yield f"<h{level}{anchor}>{inline(block.text)}</h{level}>"
            else:
                yield from self._block(block)

    def _free(self, name: str) -> str:
        """Return the name, with a number where it is taken."""
        found, count = name, 1
        while found in self.taken:
            count += 1
            found = f"{name}-{count}"
        self.taken.add(found)
        return found

    def _attribute(self, name: str) -> str:
        return f' id="{name}"' if self.named else ""

    def _block(self, block: Paragraph | Formula | Table | Listing | Drawing) -> Iterator[str]:
        match block:
            case Paragraph():
                yield f"<p>{inline(block.text)}</p>"
            case Formula():
                yield from self._formula(block)
            case Table():
                yield from _table(block)
            case Listing():
                code = escape(block.code.rstrip("\n"), quote=False)
                language = escape(block.language)
                yield f'<pre class="code" tabindex="0"><code class="language-{language}">{code}</code></pre>'  # noqa: E501
            case Drawing():
                yield f'<div class="drawing" tabindex="0">{block.svg}</div>'

    def _formula(self, formula: Formula) -> Iterator[str]:
        name = _identifier(formula.name) if formula.name else ""
        yield f'<div class="step"{self._attribute(self._free(name)) if name else ""}>'
        if formula.rule:
            yield f"<p>{inline(formula.rule)}</p>"
        equation = f'<div class="formula">{math_html(formula.latex, display=True)}</div>'
        if formula.space:
            space = math_html(rf"\in {formula.space}")
            equation += f'\n<div class="space">{space}</div>'
        yield f'<div class="equation">{equation}</div>'
        if formula.numbers:
            numbers = escape("\n".join(formula.numbers), quote=False)
            yield f'<pre class="numbers" tabindex="0">{numbers}</pre>'
        if formula.check:
            yield f'<p class="check">{inline(formula.check)}</p>'
        yield "</div>"


def inline(text: str) -> str:
    """Return a text of the document as HTML; a sign after a formula stays on the formula's line."""
    parts: list[str] = []
    found = spans(text)
    for i, span in enumerate(found):
        if isinstance(span, Mathematics):
            parts.append(math_of(span.row))
            continue
        if isinstance(span, Code):
            parts.append(f"<code>{escape(span.text, quote=False)}</code>")
            continue
        words = span.text
        sign = re.match(r"[^\s\w(\[]+", words)
        if i and sign and isinstance(found[i - 1], Mathematics):
            start = parts[-1].rindex("<math")
            glued = f'<span class="whole">{parts[-1][start:]}{escape(sign[0], quote=False)}</span>'
            parts[-1] = parts[-1][:start] + glued
            words = words[sign.end() :]
        parts.append(escape(words, quote=False))
    return "".join(parts)


def _identifier(text: str) -> str:
    """Return a name for an ``id``: letters, digits, hyphens, dots, underscores."""
    return re.sub(r"[^\w.]+", "-", text).strip("-") or "part"


def _contents(headings: list[tuple[Heading, str]]) -> str:
    """Return the table of contents: lists within lists, whatever levels are skipped."""
    text = '<nav aria-label="Contents">\n'
    open_levels: list[int] = []
    for block, name in headings:
        while open_levels and open_levels[-1] > block.level:
            text += "</li>\n</ol>\n"
            open_levels.pop()
        if open_levels and open_levels[-1] == block.level:
            text += "</li>\n"
        else:
            text += "<ol>\n"
            open_levels.append(block.level)
        text += f'<li><a href="#{name}">{inline(block.text)}</a>'
    return text + "</li>\n</ol>\n" * len(open_levels) + "</nav>"


def _table(table: Table) -> Iterator[str]:
    """Yield a table; the roles hold where a narrow window shows its rows as blocks."""
    yield '<div class="table">\n<table role="table">'
    if table.caption:
        yield f"<caption>{inline(table.caption)}</caption>"
    header = "".join(
        f'<th scope="col" role="columnheader">{inline(text)}</th>' for text in table.header
    )
    yield f'<thead role="rowgroup">\n<tr role="row">{header}</tr>\n</thead>'
    yield '<tbody role="rowgroup">'
    labels = [escape(plain(text)) for text in table.header]
    for first, *others in table.rows:
        cells = "".join(
            f'<td role="cell" data-label="{label}">{inline(text)}</td>'
            for label, text in zip(labels[1:], others, strict=True)
        )
        yield f'<tr role="row"><th scope="row" role="rowheader">{inline(first)}</th>{cells}</tr>'
    yield "</tbody>\n</table>\n</div>"
