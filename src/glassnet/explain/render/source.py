"""Formulas as LaTeX again: from the tree, so that a piece of one is whole LaTeX too."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from glassnet.explain.render.breaking import TALL, height_of
from glassnet.explain.render.symbols import (
    BLACKBOARD,
    BRACKET_LATEX,
    CALLIGRAPHIC,
    FUNCTIONS,
    GREEK,
    LARGE,
    LOWERED,
    PRODUCTS,
    RAISED,
    RELATIONS,
    SIGNS,
)
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

_MARKDOWN_WORDS = {
    r"\,": r"\thinspace", r"\:": r"\medspace", r"\;": r"\thickspace", r"\!": r"\negthinspace",
    r"\ ": r"\space", r"\{": r"\lbrace", r"\}": r"\rbrace", r"\|": r"\Vert", "|": r"\vert",
    "<": r"\lt", ">": r"\gt",
}  # fmt: skip
_BARS = "|‖"
_SIZES = ((TALL, ""), (1.9, "big"), (2.5, "Big"), (3.1, "bigg"))


@dataclass(frozen=True)
class Source:
    """A printer of trees as LaTeX.

    Args:
        markdown: whether it must survive a Markdown reader, which takes ``\\,`` for a comma and
            an underscore after a bracket for the begin of emphasis.
        tight: whether without spaces, as indices and exponents are written.
    """

    markdown: bool = False
    tight: bool = False

    def __call__(self, node: Node) -> str:
        """Return the LaTeX of a node."""
        return _PRINTERS[type(node)](self, node)

    def _word(self, latex: str) -> str:
        return _MARKDOWN_WORDS.get(latex, latex) if self.markdown else latex

    def _escaped(self, text: str) -> str:
        return markdown_escaped(text) if self.markdown else escaped(text)

    def _braced(self, row: Row) -> str:
        return "{" + self(row) + "}"

    def _row(self, row: Row) -> str:
        text = ""
        last: Node | None = None
        for item in flat(row):
            piece = self(item)
            text += self._between(text, last, item, piece) + piece
            last = item
        return text

    def _between(self, text: str, last: Node | None, item: Node, piece: str) -> str:
        """Return a space where the next thing needs one, or reads better with one."""
        if last is None or (isinstance(item, Fence | Bracket) and item.applied):
            return ""
        if re.search(r"\\[A-Za-z]+$", text) and piece[:1].isalpha():
            return " "  # \partial J
        if self.markdown and text[-1:] == "]" and piece[:1] == "(":
            return " "  # [2](1) is a link in Markdown
        if (isinstance(item, Operator) and item.kind == "punctuation") or _clings(last):
            return ""
        return "" if self.tight else " "

    def _script(self, row: Row) -> str:
        return "{" + replace(self, tight=True)(row) + "}"

    def _symbol(self, node: Symbol) -> str:
        return node.latex

    def _number(self, node: Number) -> str:
        return node.text

    def _operator(self, node: Operator) -> str:
        return self._word(node.latex)

    def _function(self, node: Function) -> str:
        if node.name in FUNCTIONS:
            return f"\\{node.name}"
        if node.limits:  # \operatorname* has a star, which Markdown would take
            return f"\\mathop{{\\mathrm{{{self._escaped(node.name)}}}}}"
        return f"\\operatorname{{{self._escaped(node.name)}}}"

    def _large(self, node: Large) -> str:
        return node.latex

    def _text(self, node: Text) -> str:
        return f"\\text{{{self._escaped(node.text)}}}"

    def _space(self, node: Space) -> str:
        return self._word(node.latex)

    def _accent(self, node: Accent) -> str:
        return f"\\{node.kind}{self._braced(node.body)}"

    def _scripted(self, node: Scripted) -> str:
        base = self(node.base)
        if isinstance(node.base, Row | Fraction | Root | Grid):
            base = f"{{{base}}}"
        above = below = ""
        if node.above is not None and set(node.above) == {PRIME}:
            above = "'" * len(node.above)
        elif node.above is not None:
            above = "^" + self._script(node.above)
        if node.below is not None:
            below = " " * self.markdown + "_" + self._script(node.below)
        if isinstance(node.base, Large | Function):
            return base + below + above
        return base + above + below

    def _fraction(self, node: Fraction) -> str:
        return f"\\frac{self._braced(node.above)}{self._braced(node.below)}"

    def _root(self, node: Root) -> str:
        return f"\\sqrt{self._braced(node.body)}"

    def _fence(self, node: Fence) -> str:
        opening, closing = self._bracket_sign(node.opening), self._bracket_sign(node.closing)
        low = height_of(node.body) < TALL and node.opening not in _BARS
        if low or not node.grows:
            return f"{_spaced(opening)}{self(node.body)}{_before(closing)}"
        return f"\\left{opening} {self(node.body)} \\right{closing}"

    def _bracket(self, node: Bracket) -> str:
        sign = self._bracket_sign(node.sign)
        size = next((size for top, size in _SIZES if node.height < top), "Bigg")
        if not size:
            return sign
        return f"\\{size}{'l' if node.opens else 'r'}{sign}"

    def _bracket_sign(self, sign: str) -> str:
        return self._word(BRACKET_LATEX.get(sign, sign))

    def _grid(self, node: Grid) -> str:
        end = r" \cr " if self.markdown else r" \\ "
        rows = end.join(" & ".join(self(cell) for cell in cells) for cells in node.rows)
        return f"\\begin{{{node.kind}}} {rows} \\end{{{node.kind}}}"

    def _underbrace(self, node: Underbrace) -> str:
        label = f"_{self._braced(node.label)}" if len(node.label) else ""
        return f"\\underbrace{self._braced(node.body)}{' ' * self.markdown}{label}"


_PRINTERS: dict[type, Callable[[Source, Any], str]] = {
    Row: Source._row,
    Symbol: Source._symbol,
    Number: Source._number,
    Operator: Source._operator,
    Function: Source._function,
    Large: Source._large,
    Text: Source._text,
    Space: Source._space,
    Accent: Source._accent,
    Scripted: Source._scripted,
    Fraction: Source._fraction,
    Root: Source._root,
    Fence: Source._fence,
    Bracket: Source._bracket,
    Grid: Source._grid,
    Underbrace: Source._underbrace,
}

_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "#": r"\#",
    "_": r"\_", "$": r"\$", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "\u00a0": "~", "\u202f": r"\,", "\u2009": r"\,",
    "—": "---", "–": "--", "‑": "-", "…": r"\dots{}",
}  # fmt: skip
_SUPPORTED = set("“”‘’„«»§°±·×÷µ¶†‡•€£¥©®¬¹²³¼½¾¿¡") | {chr(i) for i in range(0xC0, 0x180)}
"""Characters that LaTeX sets by itself, given UTF-8 and the T1 fonts."""


def _mathematics() -> dict[str, str]:
    """Return the LaTeX of each mathematical character that may stand in plain text."""
    table = {text: f"\\{name}" for name, text in {**GREEK, **SIGNS}.items()}
    for words in (RELATIONS, PRODUCTS, LARGE):
        table |= {t: f"\\{name}" for name, t in words.items() if name.isalpha()}
    table |= {BLACKBOARD[c]: f"\\mathbb{{{c}}}" for c in BLACKBOARD}
    table |= {CALLIGRAPHIC[c]: f"\\mathcal{{{c}}}" for c in CALLIGRAPHIC}
    table |= {t: f"^{{{table.get(c, c)}}}" for c, t in RAISED.items()}
    table |= {t: f"_{{{table.get(c, c)}}}" for c, t in LOWERED.items()}
    table |= {"−": "-", "√": r"\surd", "‖": r"\|", "⟨": r"\langle", "⟩": r"\rangle", "′": "'",
              "∑": r"\sum", "∏": r"\prod", "⋅": r"\cdot", "⇒": r"\Rightarrow", "✓": r"\checkmark",
              "ᵀ": r"^{\top}"}  # fmt: skip
    return {text: f"\\ensuremath{{{latex}}}" for text, latex in table.items()}


_MATHEMATICS = {c: latex for c, latex in _mathematics().items() if c not in _SUPPORTED}


def escaped(text: str) -> str:
    r"""Return plain text as LaTeX; what LaTeX has no glyph for is given by its number.

    >>> escaped("50 % of a_b")
    '50 \\% of a\\_b'
    """
    return "".join(map(_letter, unicodedata.normalize("NFC", text)))


def _letter(letter: str) -> str:
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    if letter in _MATHEMATICS:
        return _MATHEMATICS[letter]
    if letter in "\n\t" or " " <= letter <= "~" or letter in _SUPPORTED:
        return letter
    return "" if letter < " " else f"\\texttt{{U+{ord(letter):04X}}}"


_LOOKALIKES = str.maketrans({"|": "∣", "*": "∗", "\\": "∖", "`": "‵", "~": "∼", "^": "ˆ", "<": "‹",
                             ">": "›"})  # fmt: skip
"""Characters that no escape carries through both Markdown and a formula's words."""


def markdown_escaped(text: str) -> str:
    """Return words as a formula within Markdown takes them."""
    return re.sub(r"([{}%&#$_])", r"\\\1", text.translate(_LOOKALIKES))


def _clings(node: Node) -> bool:
    if isinstance(node, Operator):
        return node.kind == "prefix"
    head = core(node)
    return isinstance(head, Symbol) and head.clings


def _spaced(sign: str) -> str:
    return f"{sign} " if sign[-1].isalpha() else sign


def _before(sign: str) -> str:
    return f" {sign}" if sign.startswith("\\") else sign
