"""The tree of a formula: what the parser makes of LaTeX and every printer reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Symbol:
    """A letter or a sign that stands for something: ``W``, ``\\sigma``, ``\\mathbb{R}``, ``∞``."""

    latex: str
    text: str
    upright: bool = False
    clings: bool = False
    """Whether it stands close to what follows: the ``∂`` of ``∂J``, the ``d`` of ``dW``."""


@dataclass(frozen=True)
class Number:
    """Digits, with a point or without."""

    text: str


@dataclass(frozen=True)
class Operator:
    """A sign between two things or, as a prefix, before one.

    ``kind`` is ``relation``, ``sum``, ``product``, ``prefix`` or ``punctuation``.
    """

    latex: str
    text: str
    kind: str


@dataclass(frozen=True)
class Function:
    """A named function: ``\\exp``, ``\\operatorname{softmax}``; ``max`` takes its index below."""

    name: str
    limits: bool = False


@dataclass(frozen=True)
class Large:
    """``\\sum`` or ``\\prod``."""

    latex: str
    text: str


@dataclass(frozen=True)
class Text:
    """Words within a formula."""

    text: str


@dataclass(frozen=True)
class Space:
    """A space of a width in em."""

    latex: str
    width: float


@dataclass(frozen=True)
class Accent:
    """A mark over something: ``hat``, ``tilde``, ``bar``."""

    kind: str
    body: Row


@dataclass(frozen=True)
class Scripted:
    """Something with what stands above and below at its right."""

    base: Node
    above: Row | None = None
    below: Row | None = None


@dataclass(frozen=True)
class Fraction:
    """One thing over another."""

    above: Row
    below: Row


@dataclass(frozen=True)
class Root:
    """A square root."""

    body: Row


@dataclass(frozen=True)
class Fence:
    """Something in brackets.

    Args:
        opening, closing: a bracket each: ``( ) [ ] { } | ‖``.
        body: what stands between.
        grows: whether the brackets are as high as what they hold.
        applied: whether it holds the arguments of what stands before it.
    """

    opening: str
    closing: str
    body: Row
    grows: bool = False
    applied: bool = False


@dataclass(frozen=True)
class Bracket:
    """One bracket of a fence that a line break has parted; ``height`` in em."""

    sign: str
    opens: bool
    height: float
    grows: bool
    applied: bool = False


@dataclass(frozen=True)
class Grid:
    """``cases`` or ``pmatrix``."""

    kind: str
    rows: tuple[tuple[Row, ...], ...]


@dataclass(frozen=True)
class Underbrace:
    """Something with a brace and a label below it."""

    body: Row
    label: Row


@dataclass(frozen=True)
class Row:
    """Things side by side."""

    items: tuple[Node, ...] = ()

    def __iter__(self) -> Iterator[Node]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


Node = (
    Symbol
    | Number
    | Operator
    | Function
    | Large
    | Text
    | Space
    | Accent
    | Scripted
    | Fraction
    | Root
    | Fence
    | Bracket
    | Grid
    | Underbrace
    | Row
)

PRIME = Symbol(r"\prime", "′", upright=True)


def core(node: Node) -> Node:
    """Return what carries the scripts: ``W`` of ``W^{[2]}``; the node itself where it has none."""
    return node.base if isinstance(node, Scripted) else node


def flat(items: Iterable[Node]) -> Iterator[Node]:
    """Yield the items, those of a group within them one by one."""
    for item in items:
        if isinstance(item, Row):
            yield from flat(item.items)
        else:
            yield item
