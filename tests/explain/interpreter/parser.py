r"""From tokens to trees, by recursive descent.

equation = symbol ("=" | "\leftarrow" | "\sim") sum [ "\in" space ]
sum      = ["-"] product { ("+" | "-") product }
product  = side { "\odot" side }
side     = factor { ["\cdot"] factor }
factor   = primary { "^" "{" exponent "}" }
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from interpreter.tokens import END, Token, Unreadable, tokens
from interpreter.tree import (
    Call,
    Cases,
    EntryByEntry,
    Equation,
    Fraction,
    Number,
    Over,
    Power,
    Relation,
    SideBySide,
    Sum,
    Symbol,
    Transposed,
)

LARGE = {r"\sum": "sum", r"\prod": "prod", r"\max": "max", r"\min": "min"}
RELATIONS = ("<", ">", "=", r"\le", r"\ge", r"\ne")
FUNCTIONS = (r"\exp", r"\log", r"\tanh", r"\sin", r"\cos", r"\tan", r"\sinh", r"\cosh", r"\max",
             r"\min", r"\arctan", r"\arcsin", r"\arccos")  # fmt: skip
ACCENTS = (r"\hat", r"\tilde", r"\bar")
SIZES = tuple(rf"\{size}{side}" for size in ("big", "Big", "bigg", "Bigg") for side in "lr")
BRACKETS = {"(": ")", "[": "]", "|": "|"}


@lru_cache(maxsize=4096)
def read_equation(latex: str) -> Equation:
    """Return the equation that a text is."""
    return Parser(latex).equation()


class Parser:
    """Reads one text."""

    def __init__(self, latex: str) -> None:
        self.latex = latex
        self.tokens = tokens(latex)
        self.at = 0

    # --- tokens -------------------------------------------------------------------------------
    @property
    def next(self) -> Token:
        """The token that comes next."""
        return self.tokens[self.at] if self.at < len(self.tokens) else END

    def error(self, what: str) -> Unreadable:
        """Return the error that names the place."""
        rest = "".join(" " * t.spaced + t.text for t in self.tokens[self.at :])
        return Unreadable(f"{what} before {rest!r} in {self.latex!r}")

    def accept(self, *texts: str) -> str:
        """Take the next token if it is one of these; else return nothing."""
        if self.next.text in texts and self.next is not END:
            self.at += 1
            return self.tokens[self.at - 1].text
        return ""

    def expect(self, *texts: str) -> str:
        """Take the next token, which must be one of these."""
        found = self.accept(*texts)
        if not found:
            raise self.error(f"expected {' or '.join(texts)}")
        return found

    def group(self) -> str:
        """Take ``{…}`` and return what is in it, without spaces but those between letters."""
        self.expect("{")
        depth, parts = 1, []
        while True:
            token = self.next
            if token is END:
                raise self.error("a group that is not closed")
            self.at += 1
            depth += (token.text == "{") - (token.text == "}")
            if not depth:
                return "".join(parts)
            parts.append(token.text)

    def words(self) -> str:
        """Take ``{…}`` and return it as words, with its spaces."""
        start = self.at
        self.group()
        inner = self.tokens[start + 1 : self.at - 1]
        return "".join(" " * t.spaced + t.text for t in inner).replace(r"\_", "_").strip()

    # --- equations ----------------------------------------------------------------------------
    def equation(self) -> Equation:
        """Read ``name = term \\in space``."""
        name = self.symbol()
        if not isinstance(name, Symbol):
            raise self.error("an equation begins with a name")
        relation = self.expect("=", r"\leftarrow", r"\sim")
        term = self.sum()
        sizes = self.space() if self.accept(r"\in") else None
        if self.next is not END:
            raise self.error("something is left over")
        update, drawn = relation == r"\leftarrow", relation == r"\sim"
        return Equation(name.name, term, sizes, update, drawn)

    def space(self) -> tuple[Any, ...]:
        r"""Read ``\mathbb{R}^{m \times 3}``: the sizes as trees."""
        self.expect(r"\mathbb")
        self.group()
        if not self.accept("^"):
            return ()
        self.expect("{")
        found = self.sizes()
        self.expect("}")
        return found

    def sizes(self) -> tuple[Any, ...]:
        r"""Read ``m \times 3``."""
        found = [self.sum()]
        while self.accept(r"\times"):
            found.append(self.sum())
        return tuple(found)

    # --- arithmetic ---------------------------------------------------------------------------
    def sum(self) -> Any:
        """Read a sum."""
        sign = -1 if self.accept("-") else 1
        terms = [(sign, self.product())]
        while found := self.accept("+", "-"):
            terms.append((1 if found == "+" else -1, self.product()))
        return terms[0][1] if len(terms) == 1 and sign == 1 else Sum(tuple(terms))

    def product(self) -> Any:
        """Read an entry by entry product."""
        factors = [self.side()]
        while self.accept(r"\odot"):
            factors.append(self.side())
        return factors[0] if len(factors) == 1 else EntryByEntry(tuple(factors))

    def side(self) -> Any:
        """Read factors side by side."""
        factors = [self.factor()]
        while self.accept(r"\cdot") or self.begins_factor():
            factors.append(self.factor())
        return factors[0] if len(factors) == 1 else SideBySide(tuple(factors))

    def begins_factor(self) -> bool:
        """Tell whether the next token begins a factor."""
        kind, text = self.next.kind, self.next.text
        if kind in ("number", "letter") or text in ("(", "[", "{"):
            return True
        closers = (r"\odot", r"\cdot", r"\right", r"\in", r"\le", r"\ge", r"\ne", r"\leftarrow",
                   r"\times", r"\end", "\\\\", r"\text")  # fmt: skip
        opening = text not in SIZES or text.endswith("l")
        return kind == "command" and text not in closers and opening

    def factor(self) -> Any:
        """Read a primary with its exponents."""
        found = self.primary()
        while self.next.text == "^":
            self.at += 1
            found = self.raised(found)
        return found

    def raised(self, base: Any) -> Any:
        """Read what stands above: a transpose, or an exponent."""
        if self.tokens[self.at + 1 : self.at + 2] == [Token("command", r"\top")]:
            self.group()
            return Transposed(base)
        return Power(base, self.braced())

    def braced(self) -> Any:
        """Read ``{…}``."""
        self.expect("{")
        found = self.sum()
        self.expect("}")
        return found

    # --- primaries ----------------------------------------------------------------------------
    def primary(self) -> Any:
        """Read what binds most closely."""
        kind, text = self.next.kind, self.next.text
        if kind == "number":
            self.at += 1
            return Number(float(text))
        if text in ("(", "[", r"\left", "{") or text in SIZES:
            return self.bracketed()
        if text in LARGE and self.tokens[self.at + 1].text == "_":
            return self.over()
        if text == r"\frac":
            self.at += 1
            return Fraction(self.braced(), self.braced())
        if text == r"\sqrt":
            self.at += 1
            return Call("sqrt", (self.braced(),))
        if text == r"\operatorname" or text in FUNCTIONS:
            self.at += 1
            return self.call(self.words() if text == r"\operatorname" else text[1:])
        if text == r"\begin":
            return self.cases()
        if text == r"\infty":
            self.at += 1
            return Number(float("inf"))
        if text == r"\text":
            self.at += 1
            if self.words() == "NaN":
                return Number(float("nan"))
            raise self.error("words where a factor is expected")
        return self.symbol()

    def bracketed(self) -> Any:
        """Read brackets: round ones around a term, square ones around a relation."""
        opening = self.open()
        found = self.relation() if opening in "[{" else self.sum()
        if opening == "|":
            found = Call("abs", (found,))
        self.close(opening)
        return found

    def open(self) -> str:
        """Take an opening bracket of any size."""
        if self.accept("{"):
            return "{"
        self.accept(r"\left", *SIZES)
        return self.expect("(", "[", "|")

    def close(self, opening: str) -> None:
        """Take the bracket that closes it."""
        if opening == "{":
            self.expect("}")
            return
        self.accept(r"\right", *SIZES)
        self.expect(BRACKETS[opening])

    def relation(self) -> Any:
        """Read ``a > b``; without a sign it is the term alone."""
        first = self.sum()
        sign = self.accept(*RELATIONS)
        return Relation(sign, first, self.sum()) if sign else first

    def cases(self) -> Any:
        """Read rows of a term and its condition."""
        self.expect(r"\begin")
        if self.group() != "cases":
            raise self.error("an environment that is not 'cases'")
        rows = []
        while True:
            then = self.sum()
            self.expect("&")
            self.expect(r"\text")
            word = self.words()
            if word not in ("where", "elsewhere"):
                raise self.error(f"{word!r} in cases")
            rows.append((None if word == "elsewhere" else self.relation(), then))
            if not self.accept("\\\\"):
                break
        self.expect(r"\end")
        self.group()
        return Cases(tuple((condition, then) for condition, then in rows))

    # --- sums over axes -----------------------------------------------------------------------
    def over(self) -> Any:
        r"""Read ``\sum_{i=1}^{m} X_{i:}``."""
        kind = LARGE[self.tokens[self.at].text]
        self.at += 1
        self.expect("_")
        letters = tuple(self.group().partition("=")[0].split(","))
        if self.accept("^"):
            self.group()
        if self.next.text in ("(", r"\left") or self.next.text in SIZES:
            term = self.bracketed()
            self.expect("_")
            places = self.group()
        else:
            term, places = self.symbol(), ""
            if not isinstance(term, Over):
                raise self.error("a sum of something without places")
            term, places = term.term, term.places
        missing = [letter for letter in letters if letter not in places]
        strange = [p for p in places.replace(",", "") if p != ":" and p not in letters]
        if missing or strange:
            raise self.error(f"limits {letters} do not fit the places {places!r}")
        return Over(kind, term, places.replace(",", ""), letters)

    # --- names --------------------------------------------------------------------------------
    def symbol(self) -> Any:
        """Read a name; with places behind it, an `Over` without limits; with ⊤, its transpose."""
        head, start = self.letter(), self.at
        below = above = ""
        places = exponent = None
        turned = False
        while self.next.text in ("_", "^"):
            mark = self.accept("_", "^")
            rewind = self.at
            content = self.group()
            if mark == "_" and re.fullmatch("[a-z:]+(,[a-z:]+)*", content):
                places = content
            elif mark == "_":
                below = content
            elif content == r"\top":
                turned = True
            elif "[" in content or (content[:1] == "(" and not above):
                turned = content.endswith(r"\top")
                above = content.removesuffix(r"\top")
            else:
                self.at = rewind
                exponent = self.braced()
        if head in (r"\sigma", r"\Phi", r"\phi") and self.applied(start):
            return self.call(head[1:])
        name = Symbol(
            head + (f"_{{{below}}}" if below else "") + (f"^{{{above}}}" if above else "")
        )
        found: Any = Transposed(name) if turned else name
        found = found if exponent is None else Power(found, exponent)
        return found if places is None else Over("", found, places, ())

    def applied(self, start: int) -> bool:
        """Tell whether a bracket follows without a space: then the symbol is a function."""
        follows = self.next.text in ("(", r"\left") or self.next.text in SIZES
        return follows and not self.next.spaced and start == self.at

    def letter(self) -> str:
        r"""Read a letter with its accents and the d of a derivative."""
        kind, text = self.next.kind, self.next.text
        if kind == "letter":
            self.at += 1
            return text
        if kind != "command":
            raise self.error("expected a name")
        self.at += 1
        if text in (r"\mathrm", r"\mathcal", *ACCENTS):
            word = self.group()
            if text == r"\mathrm" and word == "d":
                return r"\mathrm{d}" + self.letter()
            return f"{text}{{{word}}}"
        if not text[1:].isalpha():
            raise self.error(f"{text!r} is no name")
        return text

    # --- functions ----------------------------------------------------------------------------
    def call(self, name: str) -> Call:
        r"""Read parameters and arguments: ``_{\mathrm{axis}=1}(x, y)``."""
        parameters: dict[str, Any] = {}
        if self.accept("_"):
            self.expect("{")
            parameters = self.parameters()
            self.expect("}")
        if self.next.text not in ("(", r"\left", *SIZES):
            return Call(name, (), parameters)  # a distribution
        opening = self.open()
        arguments = [] if self.next.text in (")", r"\right") else [self.sum()]
        while self.accept(","):
            arguments.append(self.sum())
        self.close(opening)
        return Call(name, tuple(arguments), parameters)

    def parameters(self) -> dict[str, Any]:
        """Read parameters; one without a name is the list of sizes."""
        found: dict[str, Any] = {}
        while True:
            start = self.at
            key = self.key()
            if self.next.text == r"\text":  # the letters of a sum of products
                self.at += 1
                found["before"] = self.words()
                self.expect(r"\to")
                self.expect(r"\text")
                found["after"] = self.words()
            elif key:
                found[key] = self.parameter()
            else:
                self.at = start
                found["sizes"] = self.sizes()
            if not self.accept(","):
                return found

    def key(self) -> str:
        """Read ``key=``; nothing where there is none."""
        if self.accept(r"\mathrm"):
            word = self.words().replace(" ", "_")
        elif self.next.kind == "letter":
            word = self.accept(self.next.text)
        else:
            return ""
        return word if self.accept("=") else ""

    def parameter(self) -> Any:
        """Read the value of a parameter: a term, words, or a list of such."""
        if self.accept(r"\text"):
            return self.words()
        if not self.accept("("):
            return self.sum()
        found: list[Any] = []
        while not self.accept(")"):
            found.append(self.parameter())
            self.accept(",")
        return tuple(found)
