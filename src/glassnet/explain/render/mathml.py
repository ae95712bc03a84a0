"""Formulas as MathML, which browsers show without any script.

Only what MathML Core has is written, since that is what browsers share; where it leaves spacing to
the browser in a way that differs from mathematics' custom (signs in indices, names of functions),
the spaces are given.

Source: W3C, "MathML Core", 2025, with its operator dictionary.
"""

from __future__ import annotations

from dataclasses import replace
from html import escape

from glassnet.explain.render.breaking import TALL, height_of, segments, width_of
from glassnet.explain.render.parse import parse
from glassnet.explain.render.tree import (
    PRIME,
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
from glassnet.explain.render.unicode import unicode_of

_NARROW = 16.5
"""A formula wider than this, in em, comes in pieces, so that a narrow window can break the line."""
_THIN = '<mspace width="0.167em"></mspace>'
_TIMES, _APPLY = "<mo>&#x2062;</mo>", "<mo>&#x2061;</mo>"
"""Nothing to see: what is spoken between two factors, or a function and its argument."""
_ACCENT_SIGNS = {"hat": "ˆ", "tilde": "˜", "bar": "‾", "dot": "˙"}
_LARGE_SIGNS = {"Σ": "∑", "Π": "∏"}
_SIGNS = {"·": "⋅"}


def math_html(latex: str, display: bool = False) -> str:
    r"""Return a formula as HTML: one ``<math>``, or several side by side for a long one.

    Args:
        latex: LaTeX of the small grammar, without dollar signs.
        display: whether it stands on a line of its own: fractions and sums are larger there.

    Raises:
        FormulaError: where it is outside the grammar.

    >>> math_html("x^{2}")
    '<math alttext="x²" aria-label="x²"><msup><mi>x</mi><mn>2</mn></msup></math>'
    """
    return math_of(parse(latex), display)


def math_of(row: Row, display: bool = False) -> str:
    """Return a tree as HTML, as ``math_html`` does."""
    pieces = [row] if width_of(row) <= _NARROW else segments(row, _NARROW)
    return " ".join(_math(piece, display, first=i == 0) for i, piece in enumerate(pieces))


def _math(row: Row, display: bool, first: bool) -> str:
    spoken = escape(unicode_of(row))
    style = ' displaystyle="true"' if display else ""
    body = _items(row, tight=False, continued=not first)
    return f'<math{style} alttext="{spoken}" aria-label="{spoken}">{body}</math>'


# -- rows --------------------------------------------------------------------------------------


def _row(row: Row, tight: bool) -> str:
    """Return a row as exactly one element."""
    items = list(flat(row))
    if len(items) == 1 and not isinstance(items[0], Fence | Function):
        return _node(items[0], tight)
    return f"<mrow>{_items(row, tight)}</mrow>"


def _items(row: Row, tight: bool, continued: bool = False) -> str:
    text = ""
    last: Node | None = None
    for item in flat(row):
        if last is None and continued and isinstance(item, Operator):
            text += _operator(item, tight, continued=True)
        else:
            text += _between(last, item, tight) + _node(item, tight)
        last = item
    return text


def _between(last: Node | None, item: Node, tight: bool) -> str:
    if last is None:
        return ""
    head, here = core(last), core(item)
    if isinstance(here, Fence | Bracket) and here.applied:
        return _APPLY
    apart = (Operator, Space, Text, Large, Bracket)
    if isinstance(head, apart) or isinstance(item, Operator | Space | Text):
        return ""
    thin = "" if tight else _THIN
    if isinstance(head, Function):
        return _APPLY + thin
    if isinstance(head, Symbol) and head.clings:
        return ""
    space = isinstance(here, Function) or (isinstance(head, Fence) and isinstance(here, Fence))
    return _TIMES + (thin if space or isinstance(head, Fraction) else "")


# -- single things -----------------------------------------------------------------------------


def _node(node: Node, tight: bool) -> str:
    match node:
        case Symbol():
            return _symbol(node)
        case Number():
            return f"<mn>{node.text}</mn>"
        case Operator():
            return _operator(node, tight)
        case Function():
            return f"<mi>{escape(node.name)}</mi>"
        case Large():
            return f"<mo>{_LARGE_SIGNS[node.text]}</mo>"
        case Text():
            return f"<mtext>{escape(_held(node.text))}</mtext>"
        case Space():
            return f'<mspace width="{node.width:.3g}em"></mspace>'
        case Scripted():
            return _scripted(node, tight)
        case Fraction():
            return f"<mfrac>{_row(node.above, tight)}{_row(node.below, tight)}</mfrac>"
        case Root():
            return f"<msqrt>{_items(node.body, tight)}</msqrt>"
        case Fence():
            return _fence(node, tight)
        case Bracket():
            return _bracket(node)
        case Row():
            return _row(node, tight)
        case _:
            return _composed(node, tight)


def _composed(node: Accent | Grid | Underbrace, tight: bool) -> str:
    match node:
        case Accent():
            return _accent(node, tight)
        case Grid():
            return _grid(node)
        case Underbrace():
            braced = f"<munder>{_row(node.body, tight)}<mo>⏟</mo></munder>"
            return f"<munder>{braced}{_row(node.label, tight=True)}</munder>"


def _accent(node: Accent, tight: bool) -> str:
    body, sign = _row(node.body, tight), _ACCENT_SIGNS[node.kind]
    if node.kind == "bar":  # as an accent it would touch the letter in most fonts
        return f"<mover>{body}<mo>{sign}</mo></mover>"
    return f'<mover accent="true">{body}<mo stretchy="false">{sign}</mo></mover>'


def _symbol(node: Symbol) -> str:
    italic = not node.upright
    if len(node.text) > 1 or italic:
        return f"<mi>{escape(node.text)}</mi>"
    return f'<mi mathvariant="normal">{escape(node.text)}</mi>'


def _operator(node: Operator, tight: bool, continued: bool = False) -> str:
    sign = escape(_SIGNS.get(node.text, node.text))
    if node.kind == "prefix":
        return f'<mo form="prefix">{sign}</mo>'
    if tight:
        return f'<mo lspace="0" rspace="0">{sign}</mo>'
    if continued:  # it begins a line, or has a space before it
        return f'<mo form="infix" lspace="0">{sign}</mo>'
    if node.kind == "punctuation":
        return f'<mo separator="true" lspace="0" rspace="0.167em">{sign}</mo>'
    return f'<mo form="infix">{sign}</mo>'


def _held(text: str) -> str:
    """Return words with the spaces at their ends, which a browser would drop, held."""
    core_text = text.strip(" ")
    if not core_text:
        return "\u00a0" * len(text)
    before, after = text.split(core_text, 1)
    return "\u00a0" * len(before) + core_text + "\u00a0" * len(after)


def _fence(node: Fence, tight: bool) -> str:
    grows = "true" if node.grows and height_of(node.body) >= TALL else "false"
    inner = "0.1em" if node.opening in "|‖" else "0"
    both = f'fence="true" stretchy="{grows}"'
    opening = f'<mo form="prefix" {both} lspace="0" rspace="{inner}">{node.opening}</mo>'
    closing = f'<mo form="postfix" {both} lspace="{inner}" rspace="0">{node.closing}</mo>'
    return f"<mrow>{opening}{_items(node.body, tight)}{closing}</mrow>"


def _bracket(node: Bracket) -> str:
    size = 'stretchy="false"'
    if node.grows and node.height >= TALL:
        size = f'stretchy="true" minsize="{node.height:.2g}em" maxsize="{node.height:.2g}em"'
    form = "prefix" if node.opens else "postfix"
    return f'<mo form="{form}" fence="true" {size} lspace="0" rspace="0">{node.sign}</mo>'


def _scripted(node: Scripted, tight: bool) -> str:
    base = _row(node.base, tight) if isinstance(node.base, Row) else _node(node.base, tight)
    items = () if node.above is None else tuple(flat(node.above))
    if items and items[-1] == PRIME:
        # A prime is raised already; as an index it would be too small to see.
        before = Row(items[:-1]) if len(items) > 1 else None
        rest = replace(node, above=before) if before or node.below else node.base
        return f'<mrow>{_node(rest, tight)}<mo lspace="0" rspace="0">′</mo></mrow>'
    above = "" if node.above is None else _row(node.above, tight=True)
    below = "" if node.below is None else _row(node.below, tight=True)
    over = isinstance(node.base, Large)
    if isinstance(node.base, Function) and node.base.limits:
        base, over = f'<mo movablelimits="true" lspace="0" rspace="0">{node.base.name}</mo>', True
    if above and below:
        name = "munderover" if over else "msubsup"
    elif above:
        name = "mover" if over else "msup"
    else:
        name = "munder" if over else "msub"
    return f"<{name}>{base}{below}{above}</{name}>"


def _grid(node: Grid) -> str:
    cases = node.kind == "cases"
    start = "text-align:left;" if cases else ""
    rows = ""
    for cells in node.rows:
        rows += "<mtr>"
        for i, cell in enumerate(cells):
            side = 0 if i == len(cells) - 1 else 1
            rows += f'<mtd style="{start}padding:.15em {side}em .15em 0">'
            rows += f"{_items(cell, False)}</mtd>"
        rows += "</mtr>"
    opening, closing = ("{", "") if cases else ("(", ")")
    last = f'<mo form="postfix" fence="true">{closing}</mo>' if closing else ""
    first = f'<mo form="prefix" fence="true">{opening}</mo>'
    return f"<mrow>{first}<mtable>{rows}</mtable>{last}</mrow>"
