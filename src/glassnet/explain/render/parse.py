r"""Reading a formula: LaTeX of our small grammar becomes a tree.

The grammar is told in ``docs/formula-grammar.md``. One thing in it is ours: a parenthesis that
follows a letter without a space holds arguments, ``\sigma(Z)``, and one after a space is a factor,
``A (1 - A)``. LaTeX sets both alike; a reader of the other forms sees the difference.
"""

from __future__ import annotations

import re
from functools import lru_cache

from glassnet.explain.render import symbols
from glassnet.explain.render.tree import (
    PRIME,
    Accent,
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
)

_TOKEN = re.compile(
    r"(?P<number>\d+(?:\.\d+)?|\.\d+)|(?P<command>\\(?:[A-Za-z]+|.))|(?P<letter>[A-Za-z])"
    r"|(?P<space>\s+)|(?P<sign>.)",
    re.DOTALL,
)
_DEEPEST = 100
"""Formulas nested deeper than this are refused, before Python's stack is."""


class FormulaError(ValueError):
    """A formula is not in the grammar."""


@lru_cache(maxsize=4096)
def parse(latex: str) -> Row:
    r"""Return the tree of a formula.

    Args:
        latex: LaTeX without the dollar signs around it.

    Raises:
        FormulaError: where it is outside the grammar; says what and at which character.

    >>> parse("x^{2}").items
    (Scripted(base=Symbol(latex='x', text='x', upright=False, clings=False), above=Row(items=(Number(text='2'),)), below=None),)
    """  # noqa: E501
    return _Parser(latex).whole()


class _Parser:
    def __init__(self, latex: str) -> None:
        self.latex = latex
        self.at = 0
        self.depth = 0
        self.tokens: list[tuple[str, str, int]] = []
        self.spaced: set[int] = set()  # the tokens that a space stands before
        for found in _TOKEN.finditer(latex):
            if found.lastgroup == "space":
                self.spaced.add(len(self.tokens))
            else:
                self.tokens.append((str(found.lastgroup), found.group(), found.start()))

    def whole(self) -> Row:
        row = self._row(())
        if self.at < len(self.tokens):
            raise self._error(f"{_quoted(self._peek())} closes nothing")
        return row

    def _error(self, what: str, at: int | None = None) -> FormulaError:
        at = self.at if at is None else at
        place = self.tokens[at][2] if at < len(self.tokens) else len(self.latex)
        return FormulaError(
            f"The formula {self.latex} is outside the grammar: {what}, at character {place}. "
            "What a formula may hold is listed in docs/formula-grammar.md."
        )

    def _peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self.at += 1
        return token

    def _expect(self, token: str) -> None:
        if self._peek() != token:
            raise self._error(
                f"expected {_quoted(token)}, found {_quoted(self._peek() or 'the end')}"
            )
        self.at += 1

    # -- rows ----------------------------------------------------------------------------------

    def _row(self, ends: tuple[str, ...]) -> Row:
        """Read up to, not including, one of ``ends`` or anything that closes a group."""
        items: list[Node] = []
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self._error(f"it is nested deeper than {_DEEPEST} levels")
        while (token := self._peek()) and token not in ends:
            if token in ("}", "&", r"\\", r"\end", r"\right") or token in symbols.CLOSING:
                break
            items.append(self._scripted(items))
        self.depth -= 1
        return Row(tuple(items))

    def _scripted(self, before: list[Node]) -> Node:
        if self._peek() in ("^", "_", "'"):
            raise self._error(f"{_quoted(self._peek())} stands after nothing")
        base = self._single(before)
        above: Row | None = None
        below: Row | None = None
        while (sign := self._peek()) in ("^", "_", "'"):
            self.at += 1
            if sign == "'":
                above = Row((*(above or ()), PRIME))
            elif (above if sign == "^" else below) is not None:
                raise self._error(f"two {_quoted(sign)} at the same thing", self.at - 1)
            elif sign == "^":
                above = self._argument()
            else:
                below = self._argument()
        return Scripted(base, above, below) if above or below else base

    def _argument(self) -> Row:
        """Read ``{…}`` or a single thing."""
        if self._peek() != "{":
            if not self._peek():
                raise self._error("it ends where something should follow")
            return Row((self._single([]),))
        self.at += 1
        row = self._row(())
        self._expect("}")
        return row

    def _raw_argument(self) -> str:
        """Read the characters of ``{…}`` as they are; a backslash makes a bracket a character."""
        start = self.at
        self._expect("{")
        depth = 1
        begin = self.tokens[start][2] + 1
        while depth:
            if self.at >= len(self.tokens):
                raise self._error("a '{' is not closed", start)
            token = self._take()
            depth += (token == "{") - (token == "}")
        return self.latex[begin : self.tokens[self.at - 1][2]]

    # -- single things -------------------------------------------------------------------------

    def _single(self, before: list[Node]) -> Node:
        kind, token, _ = self.tokens[self.at]
        if kind == "number":
            self.at += 1
            return Number(token)
        if kind == "letter":
            self.at += 1
            return Symbol(token, token)
        if token == "{":
            return self._argument()
        if token in symbols.OPENING:
            return self._fence(before)
        word = token.removeprefix("\\")
        if word in symbols.RELATIONS and (kind == "command") == word.isalpha():
            self.at += 1
            return Operator(token, symbols.RELATIONS[word], "relation")
        if word in symbols.SUMS and (kind == "command") == word.isalpha():
            self.at += 1
            return Operator(token, symbols.SUMS[word], "sum" if _ends_term(before) else "prefix")
        if word in symbols.PRODUCTS and (kind == "command") == word.isalpha():
            self.at += 1
            between = _ends_term(before)
            text = symbols.PRODUCTS[word]
            return Operator(token, text, "product") if between else Symbol(token, text, True)
        if kind == "sign":
            return self._sign(token)
        return self._command(word, before)

    def _sign(self, token: str) -> Node:
        self.at += 1
        if token in symbols.PUNCTUATION:
            return Operator(token, symbols.PUNCTUATION[token], "punctuation")
        if token == "|":
            raise self._error(r"a bare '|'; write \left| … \right|", self.at - 1)
        raise self._error(f"the character {_quoted(token)}", self.at - 1)

    def _command(self, word: str, before: list[Node]) -> Node:
        start = self.at
        self.at += 1
        if word in symbols.GREEK:
            return Symbol(f"\\{word}", symbols.GREEK[word], upright=word[0].isupper())
        if word in symbols.SIGNS:
            clings = word in ("partial", "nabla")
            return Symbol(f"\\{word}", symbols.SIGNS[word], upright=True, clings=clings)
        if word in symbols.LARGE:
            return Large(f"\\{word}", symbols.LARGE[word])
        if word in symbols.FUNCTIONS:
            return Function(word, word in symbols.LIMITS)
        if word in symbols.SPACES:
            return Space(f"\\{word}", symbols.SPACES[word])
        if word in symbols.ACCENTS:
            return Accent(word, self._argument())
        if word in _READERS:
            return _READERS[word](self)
        if word == "left":
            return self._growing_fence(before)
        raise self._error(f"the command '\\{word}'", start)

    def _fence(self, before: list[Node]) -> Node:
        start = self.at
        applied = self._applied(before)
        opening = symbols.OPENING[self._take()]
        body = self._row(())
        if self._peek() not in symbols.CLOSING:
            raise self._error(f"the bracket {_quoted(opening)} is not closed", start)
        return Fence(opening, symbols.CLOSING[self._take()], body, applied=applied)

    def _growing_fence(self, before: list[Node]) -> Node:
        self.at -= 1
        start, applied = self.at, self._applied(before)
        self.at += 1
        opening = self._bracket({**symbols.OPENING, **symbols.BARS})
        body = self._row(())
        if self._peek() != r"\right":
            raise self._error(r"a '\left' has no '\right'", start)
        self.at += 1
        closing = self._bracket({**symbols.CLOSING, **symbols.BARS})
        return Fence(opening, closing, body, grows=True, applied=applied and opening == "(")

    def _bracket(self, table: dict[str, str]) -> str:
        if self._peek() not in table:
            raise self._error(f"expected a bracket, found {_quoted(self._peek() or 'the end')}")
        return table[self._take()]

    def _applied(self, before: list[Node]) -> bool:
        """Tell whether a bracket here holds arguments."""
        if not before or self._peek() == "[":
            return False
        head = core(before[-1])
        if isinstance(head, Function):
            return True
        return isinstance(head, Symbol | Accent) and self.at not in self.spaced

    # -- commands with arguments ---------------------------------------------------------------

    def _fraction(self) -> Node:
        return Fraction(self._argument(), self._argument())

    def _root(self) -> Node:
        return Root(self._argument())

    def _text(self) -> Node:
        return Text(re.sub(r"\\([%&#_{}$\\ ])", r"\1", self._raw_argument()))

    def _operator_name(self) -> Node:
        name = self._raw_argument().strip()
        if not name:
            raise self._error(r"'\operatorname' without a name")
        name = re.sub(r"\\([%&#_ ])|\\,", lambda m: m[1] or " ", name)
        return Function(name, name.replace(" ", "") in symbols.LIMITS)

    def _roman(self) -> Node:
        word = self._raw_argument()
        latex = f"\\mathrm{{{word}}}"
        return Symbol(latex, word.replace(r"\_", "_"), upright=True, clings=word == "d")

    def _calligraphic(self) -> Node:
        letter = self._capital()
        return Symbol(f"\\mathcal{{{letter}}}", symbols.calligraphic(letter), upright=True)

    def _blackboard(self) -> Node:
        letter = self._capital()
        return Symbol(f"\\mathbb{{{letter}}}", symbols.blackboard(letter), upright=True)

    def _capital(self) -> str:
        letter = self._raw_argument()
        if not re.fullmatch("[A-Z]", letter):
            raise self._error(f"expected one capital letter, found {_quoted(letter)}")
        return letter

    def _underbrace(self) -> Node:
        body = self._argument()
        label = Row()
        if self._peek() == "_":
            self.at += 1
            label = self._argument()
        return Underbrace(body, label)

    def _grid(self) -> Node:
        kind = self._raw_argument()
        if kind not in ("cases", "pmatrix"):
            raise self._error(f"the environment {_quoted(kind)}")
        rows: list[tuple[Row, ...]] = []
        cells: list[Row] = []
        while True:
            cells.append(self._row(("&", r"\\")))
            if self._peek() == "&":
                self.at += 1
                continue
            if len(cells) > 1 or len(cells[0]):  # the last row may end in \\
                rows.append(tuple(cells))
            cells = []
            if self._peek() != r"\\":
                break
            self.at += 1
        self._expect(r"\end")
        if (ended := self._raw_argument()) != kind:
            raise self._error(f"'{kind}' is ended by '{ended}'")
        return Grid(kind, tuple(rows))


_READERS = {
    "frac": _Parser._fraction,
    "sqrt": _Parser._root,
    "text": _Parser._text,
    "operatorname": _Parser._operator_name,
    "mathrm": _Parser._roman,
    "mathcal": _Parser._calligraphic,
    "mathbb": _Parser._blackboard,
    "underbrace": _Parser._underbrace,
    "begin": _Parser._grid,
}


def _quoted(token: str) -> str:
    """Return a token in quotes, its backslash as it stands."""
    return f"'{token}'"


def _ends_term(before: list[Node]) -> bool:
    """Tell whether a sign after ``before`` stands between two things."""
    real = [node for node in before if not isinstance(node, Space)]
    return bool(real) and not isinstance(core(real[-1]), Operator | Large)
