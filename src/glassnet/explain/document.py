r"""A document: what is to be read, before it is LaTeX, HTML, Markdown or text.

Texts are plain sentences with mathematics between dollar signs, ``"the gradient $\mathrm{d}W$"``:
LaTeX of the small grammar in ``docs/formula-grammar.md``, which every renderer understands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Heading:
    """A title within a document; ``level`` counts from 1."""

    text: str
    level: int = 1


@dataclass(frozen=True)
class Paragraph:
    """A few sentences."""

    text: str


@dataclass(frozen=True)
class Formula:
    """One equation on display.

    Args:
        latex: the equation, ``"Z = X W + b"``.
        space: where the left side lives, in LaTeX: ``"\\mathbb{R}^{m \\times 3}"``, or nothing.
        name: the name to find it by, ``"dW2"``; empty for equations that define nothing.
        rule: the sentence that says by which rule it follows; shown beside or above.
        numbers: its value on a batch, already abbreviated, one line a row of text.
        check: what a difference quotient says of it: ``"difference quotient 0.1234, …"``.
    """

    latex: str
    space: str = ""
    name: str = ""
    rule: str = ""
    numbers: tuple[str, ...] = ()
    check: str = ""


@dataclass(frozen=True)
class Table:
    """A table of texts; cells hold texts with mathematics."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True)
class Listing:
    """Source code."""

    code: str
    language: str = "python"


@dataclass(frozen=True)
class Drawing:
    """A picture as SVG with the colours of the page around it.

    Args:
        svg: the picture; it holds no ``id`` and no rule that touches anything else.
        words: what it shows, for formats without pictures.
    """

    svg: str
    words: str


Block = Heading | Paragraph | Formula | Table | Listing | Drawing


@dataclass(frozen=True)
class Document:
    """A title and what stands below it."""

    title: str
    blocks: tuple[Block, ...] = field(default=())

    def __iter__(self) -> Iterator[Block]:
        return iter(self.blocks)


def literally(text: str) -> str:
    r"""Return a text that somebody else chose, as words: dollar signs and backquotes are meant.

    >>> print(literally("cost in $"))
    cost in \$
    """
    return text.replace("$", r"\$").replace("`", r"\`")


def as_code(text: str) -> str:
    """Return a text as code; backquotes, which would end it, become quotes.

    >>> print(as_code("small"))
    `small`
    """
    return f"`{text.replace('`', chr(39))}`"
