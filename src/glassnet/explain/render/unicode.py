r"""Formulas as Unicode text, as a person would type them.

``\mathrm{d}W^{[2]} = \frac{1}{m} A^{[1]\top} \mathrm{d}Z^{[2]}`` becomes
``dW[2] = 1/m · A[1]ᵀ dZ[2]``. Indices and exponents are small glyphs where Unicode has them all,
otherwise ``_(…)`` and ``^(…)``. A fraction is written with a slash, in parentheses where the slash
alone would say something else.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from glassnet.explain.render.parse import parse
from glassnet.explain.render.symbols import ACCENTS, LOWERED, RAISED
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

_THIN = 0.24
"""Spaces narrower than this, in em, are not typed."""
_ASIDE = "   "
"""What stands before a relation that a wide space sets off: ``Z = X W   ∈ ℝ^(m×3)``."""


def unicode(latex: str) -> str:
    r"""Return a formula as one line of Unicode text.

    Args:
        latex: LaTeX of the small grammar, without dollar signs.

    Raises:
        FormulaError: where it is outside the grammar.

    >>> unicode(r"\mathrm{d}W^{[2]} = \frac{1}{m} A^{[1]\top} \mathrm{d}Z^{[2]}")
    'dW[2] = 1/m · A[1]ᵀ dZ[2]'
    """
    return unicode_of(parse(latex))


@lru_cache(maxsize=4096)
def unicode_of(row: Row) -> str:
    """Return a tree as one line of Unicode text."""
    return _row(row, tight=False)


def cells(text: str) -> int:
    """Return how many columns of a terminal a line takes.

    >>> cells("X̂ = 1"), cells("层")
    (5, 2)
    """
    return sum(
        0 if unicodedata.category(letter) in ("Mn", "Me", "Cf")
        else 2 if unicodedata.east_asian_width(letter) in ("W", "F") else 1
        for letter in text
    )  # fmt: skip


def _row(row: Row, tight: bool) -> str:
    """Print things side by side; ``tight`` in indices and exponents, where no spaces are."""
    text = ""
    last: Node | None = None
    for item in flat(row):
        if isinstance(item, Space) and item.width < _THIN:
            continue
        if isinstance(item, Operator) and item.kind == "relation" and isinstance(last, Space):
            text = text.rstrip(" ") + _ASIDE
        piece = _node(item, tight)
        if isinstance(item, Fraction) and not (_begins_product(last) or _is_derivative(item)):
            piece = f"({piece})"
        text += _between(last, item, tight) + piece
        last = item
    return text


def _node(node: Node, tight: bool) -> str:
    match node:
        case Symbol() | Number() | Operator() | Large() | Text():
            return node.text
        case Function():
            return node.name
        case Space():
            return " " * (2 if node.width < 1 else round(2 + 2 * node.width))
        case Row():
            return _row(node, tight)
        case Accent():
            return _accent(node)
        case Scripted():
            return _scripted(node, tight)
        case Fraction():
            return f"{_part(node.above)}/{_part(node.below)}"
        case Root():
            body = _row(node.body, tight)
            return f"√{body}" if _is_atom(node.body) else f"√({body})"
        case Fence():
            return f"{node.opening}{_row(node.body, tight)}{node.closing}"
        case Bracket():
            return node.sign
        case Grid():
            return _grid(node)
        case Underbrace():
            label = f" ⟨{_row(node.label, False)}⟩" if len(node.label) else ""
            return _part(node.body) + label


# -- what stands between two things ------------------------------------------------------------


def _between(last: Node | None, item: Node, tight: bool) -> str:
    """Return the space, or the sign, between two things."""
    if last is None or isinstance(item, Space):
        return ""
    if isinstance(last, Space):
        return ""
    if isinstance(item, Text) or isinstance(last, Text):
        return "" if _has_space(last, item) else " "
    if _opens(last) or (isinstance(core(item), Bracket) and not _opens(item)):
        return ""
    if isinstance(item, Operator) or isinstance(last, Operator):
        return _around_operator(last, item, tight)
    if isinstance(item, Fence | Bracket) and item.applied:
        return ""
    return _between_factors(last, item, tight)


def _around_operator(last: Node, item: Node, tight: bool) -> str:
    if isinstance(item, Operator):
        if item.kind == "punctuation" or tight:
            return ""
        return "" if isinstance(last, Operator) and last.kind == "prefix" else " "
    assert isinstance(last, Operator)
    if last.kind == "punctuation":
        return " " if last.text in ",;" and not tight else ""
    return "" if tight or last.kind == "prefix" else " "


def _between_factors(last: Node, item: Node, tight: bool) -> str:
    head = core(last)
    if isinstance(head, Symbol) and head.clings:
        return ""
    if isinstance(head, Large):
        return " "
    if isinstance(head, Fraction) or (isinstance(item, Number) and isinstance(head, Number)):
        return "·" if tight else " · "
    if tight and not isinstance(head, Function):
        return ""
    return " "


def _has_space(last: Node, item: Node) -> bool:
    before = isinstance(last, Text) and (last.text == "" or last.text[-1].isspace())
    after = isinstance(item, Text) and (item.text == "" or item.text[0] in " ,.;:)")
    return before or after


def _begins_product(last: Node | None) -> bool:
    """Tell whether a fraction after ``last`` needs no parentheses."""
    head = None if last is None else core(last)
    if last is None or isinstance(head, Space | Text | Large | Fraction):
        return True
    if isinstance(last, Operator):
        return last.kind != "product"
    return _opens(last)


def _is_derivative(node: Fraction) -> bool:
    """Tell whether a fraction is one symbol to the eye: ``∂J/∂W``."""
    parts = [next(flat(part), None) for part in (node.above, node.below)]
    heads = [core(part) for part in parts if part is not None]
    return len(heads) == 2 and all(isinstance(h, Symbol) and h.clings for h in heads)


def _opens(node: Node) -> bool:
    return isinstance(node, Bracket) and node.opens


# -- fractions, accents ------------------------------------------------------------------------


def _part(row: Row) -> str:
    """Return one side of a fraction, in parentheses unless it is one thing."""
    text = _row(row, tight=False)
    return text if _is_atom(row) else f"({text})"


def _is_atom(row: Row) -> bool:
    """Tell whether a slash, or a root, beside it could not be misread."""
    items = list(flat(row))
    if len(items) == 2:
        first, second = core(items[0]), items[1]
        if isinstance(first, Symbol) and first.clings:
            return isinstance(core(second), Symbol | Accent)
        return isinstance(second, Fence) and second.applied
    if len(items) != 1:
        return False
    return not isinstance(items[0], Fraction | Grid | Underbrace)


def _accent(node: Accent) -> str:
    text = _row(node.body, tight=True)
    if len(text) == 1:
        return text + ACCENTS[node.kind]
    return f"{node.kind}({text})"


# -- indices and exponents ---------------------------------------------------------------------


def _scripted(node: Scripted, tight: bool) -> str:
    base = _node(node.base, tight)
    if isinstance(node.base, Root | Fraction | Row | Grid | Underbrace):
        base = f"({base})"
    below = "" if node.below is None else _index(node.below, lowered=True)
    if isinstance(node.base, Large | Function):
        return base + below + ("" if node.above is None else _index(node.above, lowered=False))
    items: list[Node] = [] if node.above is None else list(flat(node.above))
    if not below:
        return base + _exponent(items)
    names: list[Node] = [item for item in items if isinstance(item, Fence)]
    rest: list[Node] = [item for item in items if not isinstance(item, Fence)]
    return base + _exponent(names) + below + _exponent(rest)


def _exponent(items: list[Node]) -> str:
    """Return what stands above: names like ``[2]`` as they are, the rest raised, run by run."""
    text = ""
    run: list[Node] = []
    for item in [*items, None]:
        if item is not None and not (isinstance(item, Fence) and item.opening in "[("):
            run.append(item)
            continue
        if run:
            text += _index(Row(tuple(run)), lowered=False)
            run = []
        if item is not None:
            text += _node(item, tight=True)
    return text


def _index(row: Row, lowered: bool) -> str:
    """Return a row in small glyphs, or behind ``_`` or ``^`` where there are none."""
    text = _row(row, tight=True)
    table, sign = (LOWERED, "_") if lowered else (RAISED, "^")
    items = list(flat(row))
    if len(items) == 1 and isinstance(items[0], Text | Function) and len(text) > 1:
        return sign + text if text.isalnum() else f"{sign}({text})"
    if len(items) == 1 and isinstance(items[0], Symbol) and items[0].text in "∗⋆":
        return items[0].text
    words = any(letters.isalpha() for letters in re.findall(r"\w{3,}", text))  # not ₚₒₒₗ
    if not words and all(letter in table for letter in text):
        return "".join(table[letter] for letter in text)
    if len(items) == 1 and isinstance(items[0], Symbol | Number):
        return sign + text
    return f"{sign}({text})"


def _grid(node: Grid) -> str:
    if node.kind == "cases":
        rows = [" ".join(_row(cell, False) for cell in cells) for cells in node.rows]
        return "{" + "; ".join(rows) + "}"
    return "[" + "; ".join("  ".join(_row(cell, False) for cell in row) for row in node.rows) + "]"
