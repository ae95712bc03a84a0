r"""Documents as LaTeX that compiles by itself, with the packages that every TeX has."""

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
from glassnet.explain.render.breaking import broken, sides, width_of
from glassnet.explain.render.inline import Code, Mathematics, Span, plain, spans
from glassnet.explain.render.parse import parse
from glassnet.explain.render.source import Source, escaped
from glassnet.explain.render.text import cells
from glassnet.explain.render.tree import Row

_WIDTH = 39.0
"""How wide an equation may be, in em: what an A4 page leaves beside the margins."""
_CHARACTERS = 82
"""How many characters of the text's letters fit on a line."""
_CODE_COLUMNS = 94
_NARROW = 14
"""Columns of a table up to this many characters are as wide as they are."""
_MOST_LISTED = 24
"""Of more headings, only those of the first level stand in the table of contents."""
_SECTIONS = ("section", "subsection", "subsubsection", "paragraph")
_SOURCE = Source()

_PREAMBLE = r"""\documentclass[11pt,a4paper,fleqn]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\IfFileExists{microtype.sty}{\usepackage{microtype}}{}
\usepackage{textcomp}
\usepackage{amsmath,amssymb}
\usepackage{array,longtable,booktabs}
\usepackage{graphicx}
\usepackage{alltt}
\usepackage[a4paper,margin=25mm]{geometry}
\usepackage[hidelinks,bookmarks=false]{hyperref}

\setlength{\parindent}{0pt}
\setlength{\parskip}{0.55\baselineskip plus 2pt}
\setlength{\mathindent}{2em}
\setcounter{secnumdepth}{0}
\setlength{\emergencystretch}{3em}
\allowdisplaybreaks[1]
\raggedbottom
\renewcommand{\arraystretch}{1.2}
\AtBeginDocument{%
  \setlength{\abovedisplayskip}{6pt plus 2pt minus 2pt}%
  \setlength{\belowdisplayskip}{6pt plus 2pt minus 2pt}%
  \setlength{\abovedisplayshortskip}{6pt plus 2pt minus 2pt}%
  \setlength{\belowdisplayshortskip}{6pt plus 2pt minus 2pt}}

% An equation's line that is wider than the page after all is made smaller.
\newcommand{\fitted}[1]{\resizebox{\ifdim\width>0.9\linewidth 0.9\linewidth\else\width\fi}%
  {!}{$\displaystyle #1$}}
% Source code and numbers.
\newenvironment{code}{\par\nopagebreak\footnotesize
  \topsep=0pt\partopsep=0pt\parskip=3pt\begin{alltt}}{\end{alltt}}
\newcommand{\checknote}[1]{\par\nopagebreak\hspace*{2em}%
  \parbox[t]{\dimexpr\linewidth-2em}{\raggedright\footnotesize #1}\par}
"""


def to_latex(document: Document) -> str:
    r"""Return a document as LaTeX that compiles by itself.

    Args:
        document: what is to be read.

    Raises:
        FormulaError: where a formula is outside the grammar.

    >>> from glassnet.explain.document import Document, Formula
    >>> latex = to_latex(Document("One layer", (Formula("Z = X W + b"),)))
    >>> print(latex[latex.index(r"\begin{document}"):])
    \begin{document}
    <BLANKLINE>
    \begin{center}\LARGE\bfseries One layer\end{center}
    <BLANKLINE>
    \begin{align*}
    Z & = X W + b
    \end{align*}
    <BLANKLINE>
    \end{document}
    <BLANKLINE>
    """
    parts = [_PREAMBLE, r"\begin{document}"]
    parts.append(f"\\begin{{center}}\\LARGE\\bfseries {_inline(document.title)}\\end{{center}}")
    levels = [block.level for block in document if isinstance(block, Heading) and block.level <= 2]
    if len(levels) > 2:
        depth = 1 if len(levels) > _MOST_LISTED else 2
        parts.append(f"{{\\setcounter{{tocdepth}}{{{depth}}}\\parskip=0pt\\tableofcontents}}")
    text = "\n\n".join(parts)
    for block in document:
        # An equation that begins a paragraph would have an empty line above it.
        bare = isinstance(block, Formula) and not block.rule
        text += ("\n" if bare else "\n\n") + "\n".join(_block(block))
    return text + "\n\n\\end{document}\n"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Heading():
            section = _SECTIONS[min(max(block.level, 1), len(_SECTIONS)) - 1]
            yield f"\\{section}{{{_inline(block.text)}}}"
        case Paragraph():
            yield _inline(block.text)
        case Formula():
            yield from _formula(block)
        case Table():
            yield from _table(block)
        case Listing():
            yield from _code(block.code.rstrip("\n").split("\n"))
        case Drawing():
            yield _inline(literally(block.words))


def _inline(text: str) -> str:
    return "".join(_span(span) for span in spans(text)).replace("\n\n", "\n")


def _span(span: Span) -> str:
    if isinstance(span, Mathematics):
        return f"${_SOURCE(span.row)}$"
    if isinstance(span, Code):
        return f"\\texttt{{{_breakable(escaped(span.text))}}}"
    return _breakable(escaped(span.text))


def _breakable(text: str) -> str:
    """Let a line end after the underscores, brackets and signs within calls: ``a_b(c=d.e)``."""
    return re.sub(r"(?<=[A-Za-z])(\\_|[(=]|\.(?=[a-z]))(?=[\w\\])", r"\1\\allowbreak{}", text)


# -- formulas ----------------------------------------------------------------------------------


def _formula(formula: Formula) -> Iterator[str]:
    if formula.rule:
        yield _inline(formula.rule)
    tag = f" \\tag*{{$\\in {_SOURCE(parse(formula.space))}$}}" if formula.space else ""
    yield r"\begin{align*}"
    yield " \\\\\n".join(_equation(parse(formula.latex))) + tag
    yield r"\end{align*}"
    if formula.numbers:
        yield from _code(["    " + line for line in formula.numbers])
    if formula.check:
        yield f"\\checknote{{{_inline(formula.check)}}}"


def _equation(row: Row) -> Iterator[str]:
    """Yield the lines of an equation, aligned at its first relation where that stands early."""
    left, rest = sides(row)
    if not len(left) or width_of(left) > _WIDTH / 3:
        left, rest = Row(), row
    room = _WIDTH - width_of(left)
    for i, line in enumerate(broken(rest, room, width_of, 1.5)):
        text = _SOURCE(line.row)
        if i:
            text = "{} " + text
        if width_of(line.row) + 1.5 * line.level > room:
            text = f"\\fitted{{{'' if i else '{} '}{text}}}"
        indent = r"\quad " * (line.level + (not len(left))) if i else ""
        yield f"{_SOURCE(left) + ' ' if i == 0 and len(left) else ''}& {indent}{text}"


# -- code and tables ---------------------------------------------------------------------------


def _code(lines: list[str]) -> Iterator[str]:
    yield r"\begin{code}"
    for line in lines:
        text = line.expandtabs(4)
        while len(text) > _CODE_COLUMNS:
            yield _code_line(text[:_CODE_COLUMNS])
            text = "      " + text[_CODE_COLUMNS:]
        yield _code_line(text)
    yield r"\end{code}"


def _code_line(line: str) -> str:
    """Return a line for ``alltt``, where a backslash and braces alone mean something."""
    plain_letters = {"'": r"\textquotesingle{}", "`": r"\textasciigrave{}", "-": "-{}"}
    return "".join(
        plain_letters.get(c) or (escaped(c) if c in "\\{}" or c > "~" else c) for c in line
    )


def _table(table: Table) -> Iterator[str]:
    columns = _columns(table)
    if table.caption:
        yield f"{_inline(table.caption)}\\par\\nopagebreak"
    yield f"\\begin{{longtable}}[l]{{@{{}}{columns}@{{}}}}"
    yield r"\toprule"
    yield " & ".join(f"\\textbf{{{_inline(text)}}}" for text in table.header) + r" \\ \midrule"
    yield r"\endhead"
    for row in table.rows:
        yield " & ".join("{}" + _inline(text) for text in row) + r" \\"
    yield r"\bottomrule"
    yield r"\end{longtable}"


def _columns(table: Table) -> str:
    """Return the columns' kinds: as wide as they are, or shares of the page for the wide ones."""
    rows = (table.header, *table.rows)
    widths = [max(cells(plain(text)) for text in column) for column in zip(*rows, strict=True)]
    gaps = 2.5 * (len(widths) - 1)
    if sum(widths) + gaps <= _CHARACTERS:
        return "l" * len(widths)
    fair = (_CHARACTERS - gaps) / len(widths)
    narrow = [width if width <= min(fair, _NARROW) else 0 for width in widths]
    room = (_CHARACTERS - gaps - sum(narrow)) / _CHARACTERS
    capped = [0 if slim else min(w, _CHARACTERS) for w, slim in zip(widths, narrow, strict=True)]
    return "".join(
        f">{{\\raggedright\\arraybackslash}}p{{{room * width / sum(capped):.3f}\\linewidth}}"
        if width
        else "l"
        for width in capped
    )
