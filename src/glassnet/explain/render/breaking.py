"""Long equations: how wide they are and where they are broken into lines.

A line is broken before a relation, else before a ``+`` or ``−``, else before a product's sign, at
last inside brackets or between two factors. Of all ways to break, the one of fewest and best
breaks is taken, as a paragraph's is (D. E. Knuth, M. F. Plass, "Breaking Paragraphs into Lines",
Software: Practice and Experience 11, 1981).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from glassnet.explain.render.tree import (
    Accent,
    Bracket,
    Fence,
    Fraction,
    Function,
    Grid,
    Large,
    Node,
    Number,
    Operator,
    Root,
    Row,
    Scripted,
    Space,
    Symbol,
    Text,
    Underbrace,
    core,
    flat,
)

Measure = Callable[[Row], float]


@dataclass(frozen=True)
class Line:
    """A line of a broken equation; ``level`` says how far it is indented."""

    row: Row
    level: int = 0


@dataclass(frozen=True)
class _Piece:
    """What is never parted, with the price of a break before it."""

    items: tuple[Node, ...]
    price: float = 0.0
    level: int = 0


_LINE, _OVERFLOW = 10.0, 100.0
_RELATION, _COMMA, _SUM, _PRODUCT, _FACTOR, _INSIDE = 1.0, 2.0, 3.0, 8.0, 20.0, 6.0
_PAGE = 36.0
"""A fraction wider than this, in em, is on no screen's page; a narrower one may be scrolled."""
_DEEPEST = 4
_NEAR = 0.6


def broken(row: Row, width: float, measure: Measure, indent: float, gap: float = 0.0) -> list[Line]:
    """Break an equation into lines.

    Args:
        row: the equation.
        width: how wide a line may be, in the unit of ``measure``.
        measure: tells how wide a row is.
        indent: how far a line of level 1 is moved to the right; of level 2, twice that.
        gap: what stands between two pieces of a line beside their own widths.

    A line is wider than ``width`` only where it has no place to break.
    """
    if measure(row) <= width:
        return [Line(row)]
    row = _slashed(row, width)
    return _best(_pieces(row), width, measure, indent, gap)


def segments(row: Row, width: float) -> list[Row]:
    """Cut a row, coarsely where that does, into pieces of at most ``width`` em.

    They stand one after the other and the reader's window decides where lines end.
    """
    groups = [_pieces(_slashed(row, _PAGE))]
    for limit in (_SUM, _PRODUCT, _INSIDE + _SUM, 2 * _INSIDE + _PRODUCT, float("inf")):
        parted: list[list[_Piece]] = []
        for group in groups:
            fits = width_of(_whole(group)) <= width
            parted += [group] if fits else _parted(group, limit)
        groups = parted
    return [_whole(group) for group in groups]


def _slashed(row: Row, width: float) -> Row:
    """Write a fraction that is wider than a line with a slash, so that it can be broken."""
    items: list[Node] = []
    for item in flat(row):
        if isinstance(item, Fraction) and width_of(item) > width:
            slash = Operator("/", "/", "product")
            items += [_bracketed(item.above), slash, _bracketed(item.below)]
        else:
            items.append(item)
    return Row(tuple(items))


def _bracketed(row: Row) -> Node:
    items = tuple(flat(row))
    return items[0] if len(items) == 1 else Fence("(", ")", row, grows=True)


def sides(row: Row) -> tuple[Row, Row]:
    """Return what stands before the first relation, and the rest from the relation on."""
    items = tuple(flat(row))
    for i, item in enumerate(items):
        if isinstance(item, Operator) and item.kind == "relation":
            return Row(items[:i]), Row(items[i:])
    return Row(), row


def _best(
    pieces: list[_Piece], width: float, measure: Measure, indent: float, gap: float
) -> list[Line]:
    """Choose the breaks of least price: the cheapest way to set each first part of the pieces."""
    widths = [measure(Row(piece.items)) + gap for piece in pieces]
    cost = [0.0] + [float("inf")] * len(pieces)
    begin = [0] * (len(pieces) + 1)
    for i, piece in enumerate(pieces):
        length = indent * piece.level - gap
        for j in range(i, len(pieces)):
            length += widths[j]
            if length > _NEAR * width and j > i:  # the sum is a guess, told by the whole
                whole = measure(_whole(pieces[i : j + 1])) + indent * pieces[i].level
                length = whole if gap else max(length, whole)
            over = max(0.0, length - width)
            price = cost[i] + _LINE + piece.price + _OVERFLOW * over
            if price < cost[j + 1]:
                cost[j + 1], begin[j + 1] = price, i
            if over and j > i:
                break
    lines: list[Line] = []
    end = len(pieces)
    while end:
        start = begin[end]
        items = [item for piece in pieces[start:end] for item in piece.items]
        while isinstance(items[-1], Space):
            items.pop()
        lines.append(Line(_regrouped(items), pieces[start].level))
        end = start
    return lines[::-1]


def _parted(pieces: list[_Piece], limit: float) -> list[list[_Piece]]:
    """Part before each piece whose price is at most ``limit``."""
    groups = [[pieces[0]]]
    for piece in pieces[1:]:
        if piece.price <= limit:
            groups.append([])
        groups[-1].append(piece)
    return groups


def _whole(pieces: list[_Piece]) -> Row:
    return _regrouped([item for piece in pieces for item in piece.items])


# -- pieces ------------------------------------------------------------------------------------


def _pieces(row: Row) -> list[_Piece]:
    """Return the pieces of an equation; a short left side stays with its equals sign."""
    found: list[_Piece] = []
    since = 0  # the pieces of this equation so far; a wide space begins another
    for piece in _of_row(row, 0):
        first = piece.items[0]
        relation = isinstance(first, Operator) and first.kind == "relation"
        if relation and 0 < since < 3:
            piece = replace(piece, price=piece.price + _SUM)
        since = -1000 if relation else since + 1
        found.append(piece)
        if isinstance(piece.items[-1], Space) and piece.items[-1].width >= 1:
            since = 0
    return found


def _of_row(row: Row, depth: int) -> list[_Piece]:
    found: list[_Piece] = []
    last: Node | None = None
    for item in flat(row):
        price, level = _price(last, item, depth)
        for i, piece in enumerate(_of_node(item, depth)):
            if i == 0 and price is None and found:
                found[-1] = replace(found[-1], items=found[-1].items + piece.items)
            elif i == 0:
                found.append(replace(piece, price=price or 0.0, level=level))
            else:
                found.append(piece)
        last = item
    return found


def _price(last: Node | None, item: Node, depth: int) -> tuple[float | None, int]:
    """Return the price of a break between two things, None where there is none, and the level."""
    inside = _INSIDE * depth
    if last is None:
        return 0.0, depth and depth + 1
    if isinstance(item, Operator) and item.kind != "prefix":
        if item.kind == "punctuation":
            return None, 0
        price = {"relation": _RELATION, "sum": _SUM, "product": _PRODUCT}[item.kind]
        relation = item.kind == "relation" and not depth
        if item.kind == "relation" and depth:  # of a condition, which is read as one thing
            price = 2 * _FACTOR
        return inside + price, 0 if relation else depth + 1
    if isinstance(last, Operator):
        comma = last.kind == "punctuation" and last.text in ",;"
        return (inside + _COMMA if comma else None), depth + 1
    if isinstance(last, Space):
        return (inside + _RELATION if last.width >= 1 else None), depth + 1
    if isinstance(item, Space | Text) or isinstance(last, Text):
        return None, 0
    head = core(last)
    bound = isinstance(head, Function | Large) or (isinstance(head, Symbol) and head.clings)
    if bound or (isinstance(item, Fence) and item.applied):
        return None, 0
    return inside + _FACTOR, depth + 1


def _of_node(node: Node, depth: int) -> list[_Piece]:
    """Return the pieces of one thing: brackets come apart, all else is one piece."""
    fence = core(node)
    if not isinstance(fence, Fence) or depth >= _DEEPEST or width_of(fence.body) < 2:
        return [_Piece((node,))]
    height = max((height_of(item) for item in flat(fence.body)), default=1.0)
    opening = Bracket(fence.opening, True, height, fence.grows, fence.applied)
    closing: Node = Bracket(fence.closing, False, height, fence.grows)
    if isinstance(node, Scripted):
        closing = replace(node, base=closing)
    inner = _of_row(fence.body, depth + 1)
    inner[0] = replace(inner[0], items=(opening, *inner[0].items))
    inner[-1] = replace(inner[-1], items=(*inner[-1].items, closing))
    return inner


def _regrouped(items: list[Node]) -> Row:
    """Make fences again of brackets that stand on one line."""
    stack: list[list[Node]] = [[]]
    for item in items:
        bracket = core(item)
        if isinstance(bracket, Bracket) and bracket.opens:
            stack.append([item])
            continue
        if isinstance(bracket, Bracket) and len(stack) > 1:
            opening, *body = stack.pop()
            assert isinstance(opening, Bracket)
            fence: Node = Fence(
                opening.sign, bracket.sign, Row(tuple(body)), bracket.grows, opening.applied
            )
            item = replace(item, base=fence) if isinstance(item, Scripted) else fence
        stack[-1].append(item)
    rest = [item for level in stack for item in level]
    return Row(tuple(rest))


# -- sizes -------------------------------------------------------------------------------------

_NARROW, _WIDE = set("ijlt.,:;|'′()[]{}If"), set("mwMWQOℒ∑…⋯")


@lru_cache(maxsize=16384)
def width_of(node: Node) -> float:
    """Return about how wide a formula is in a display, in em; rather too much than too little."""
    match node:
        case Row():
            return sum(width_of(item) for item in flat(node))
        case Symbol() | Function() | Number() | Text():
            return _letters(node.name if isinstance(node, Function) else node.text)
        case Operator():
            return {"relation": 1.4, "sum": 1.25, "product": 1.2, "prefix": 0.8}.get(
                node.kind, 0.45
            )
        case Space():
            return node.width
        case Large():
            return 1.5
        case Accent():
            return width_of(node.body)
        case Scripted():
            return _scripted_width(node)
        case Fraction():
            return max(width_of(node.above), width_of(node.below)) + 0.35
        case Root():
            return width_of(node.body) + 0.95
        case Fence():
            return width_of(node.body) + (1.1 if node.grows else 0.85)
        case Bracket():
            return 0.5
        case Grid():
            return _grid_width(node)
        case Underbrace():
            return max(width_of(node.body), 0.75 * width_of(node.label))


def _letters(text: str) -> float:
    return sum(
        0.36 if letter in _NARROW else 0.95 if letter in _WIDE
        else 0.76 if letter.isupper() else 0.58 for letter in text
    )  # fmt: skip


def _scripted_width(node: Scripted) -> float:
    above = 0.0 if node.above is None else 0.75 * _tight(node.above)
    below = 0.0 if node.below is None else 0.75 * _tight(node.below)
    if isinstance(node.base, Large | Function) and getattr(node.base, "limits", True):
        return max(width_of(node.base), above, below)
    return width_of(node.base) + max(above, below) + 0.05


def _tight(row: Row) -> float:
    return sum(0.8 if isinstance(item, Operator) else width_of(item) for item in flat(row))


def _grid_width(node: Grid) -> float:
    columns = max((len(cells) for cells in node.rows), default=0)
    widths = [
        max(width_of(cells[i]) for cells in node.rows if i < len(cells)) for i in range(columns)
    ]
    return sum(widths) + 1.0 * max(columns - 1, 0) + 1.2


TALL = 1.5
"""From this height on, in em, a bracket must grow; lower, indices and exponents jut out of it."""


def height_of(node: Node) -> float:
    """Return about how high a formula is, in em: how high a bracket around it must be."""
    match node:
        case Row():
            return max((height_of(item) for item in flat(node)), default=1.0)
        case Fraction():
            return max(2.1, height_of(node.above) + height_of(node.below))
        case Grid():
            return 1.2 * len(node.rows)
        case Large() | Underbrace():
            return 2.2
        case Root() | Accent():
            return height_of(node.body) + 0.1
        case Fence():
            return height_of(node.body) + 0.2 if node.grows else 1.0
        case Bracket():
            return node.height
        case Scripted():
            both = node.above is not None and node.below is not None
            more = 0.5 if isinstance(node.base, Large) else 0.4 if both else 0.1
            return height_of(node.base) + more
    return 1.0
