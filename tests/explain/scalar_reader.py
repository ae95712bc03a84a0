r"""Reads and computes equations of single numbers, as they are printed, without the library.

    equation   = left { "=" sum }
    sum        = ["-"] product { ("+" | "-") product }
    product    = factor { ["\cdot"] factor }
    factor     = primary [ "^" "{" sum "}" ]

A sum sign takes the product behind it. A derivative, a fraction with ∂ above and below, is a name;
one of an entry by an entry is computed by a step into the complex plane.

Source: W. Squire and G. Trapp, "Using complex variables to estimate derivatives of real functions",
SIAM Review 40, 1998.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

TOKEN = re.compile(r"\\[A-Za-z]+|\d+(?:\.\d+)?|[A-Za-z]|\S")
FUNCTIONS: dict[str, Callable[..., Any]] = {
    r"\exp": np.exp, r"\log": np.log, r"\tanh": np.tanh,
    r"\sigma": lambda x: 1 / (1 + np.exp(-x)),
    "ReLU": lambda x: x * (np.real(x) > 0),
    "max": lambda *x: max(x, key=np.real),
}  # fmt: skip
RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: np.real(a) == np.real(b), "<": lambda a, b: np.real(a) < np.real(b),
    ">": lambda a, b: np.real(a) > np.real(b), r"\le": lambda a, b: np.real(a) <= np.real(b),
}  # fmt: skip
STEP = 1e-30

Letters = Mapping[str, int]
Value = Callable[[Letters], Any]
Key = tuple[Any, ...]


def sides(latex: str) -> list[str]:
    """Return the sides of an equation: what equality signs outside all brackets part."""
    depth, found = 0, [""]
    for token in re.findall(r"\\left|\\right|\\[A-Za-z]+|.", latex):
        depth += (token in ("{", r"\left")) - (token in ("}", r"\right"))
        if token == "=" and depth == 0:
            found.append("")
        else:
            found[-1] += token
    return [side.strip() for side in found]


class Sheet:
    """A list of equations, and the values of what none of them defines.

    Args:
        equations: in LaTeX.
        given: values of leaves by their key, ``("x", "1", "(2)")``.
        examples: m.
    """

    def __init__(self, equations: list[str], given: Mapping[Key, float], examples: int) -> None:
        self.given, self.examples = dict(given), examples
        self.formulas: dict[Key, Value] = {}
        self.chains: dict[Key, list[Value]] = {}
        self.moved: Key | None = None
        self.cache: dict[Key, Any] = {}
        for latex in equations:
            left, *rest = sides(latex)
            name = Reader(self, left).left()
            if name in self.formulas:
                raise ValueError(f"two equations for {name}")
            values = [Reader(self, side).whole() for side in rest]
            self.formulas[name], self.chains[name] = values[-1], values[:-1]

    def value(self, key: Key) -> Any:
        """Return the value of a name in which no letter is left."""
        if key not in self.cache:
            self.cache[key] = self._computed(key)
        return self.cache[key] + 1j * STEP * (key == self.moved)

    def _computed(self, key: Key) -> Any:
        if key in self.given:
            return self.given[key]
        general, letters = of_any_example(key)
        if general not in self.formulas:
            raise KeyError(f"{key} is defined by nothing")
        return self.formulas[general](letters)

    def slope(self, of: Key, by: Key) -> float:
        """Return the derivative of a name by a name that its equation leads to."""
        before, self.cache, self.moved = self.cache, {}, by
        try:
            return float(np.imag(self.value(of)) / STEP)
        finally:
            self.cache, self.moved = before, None

    def chain(self, key: Key) -> list[float]:
        """Return what the sides between the first and the last come to."""
        general, letters = of_any_example(key)
        return [float(np.real(side(letters))) for side in self.chains[general]]


def of_any_example(key: Key) -> tuple[Key, dict[str, int]]:
    """Return the name with i in place of the number of the example, and that number."""
    found: dict[str, int] = {}

    def general(part: Any) -> Any:
        if isinstance(part, tuple):
            return tuple(map(general, part))
        match = re.search(r"\((\d+)\)$", part)
        if match is None:
            return part
        found["i"] = int(match[1])
        return part[: match.start()] + "(i)"

    return general(key), found


class Reader:
    """Reads one side."""

    def __init__(self, sheet: Sheet, latex: str) -> None:
        self.sheet, self.latex, self.at = sheet, latex, 0
        self.tokens = TOKEN.findall(latex)

    @property
    def next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, *wanted: str) -> str:
        token = self.next
        if wanted and token not in wanted:
            raise ValueError(f"expected {wanted}, found {token!r} at {self.at} in {self.latex}")
        self.at += 1
        return token

    def group(self) -> str:
        """Take ``{…}`` as text."""
        self.take("{")
        depth, text = 1, ""
        while depth:
            token = self.take()
            depth += (token == "{") - (token == "}")
            text += (token + " " * token[:1].count("\\")) * bool(depth)
        return text

    # --- names --------------------------------------------------------------------------------
    def left(self) -> Key:
        """Read the name that an equation defines."""
        key = self.derivative() if self.next in (r"\frac", r"\mathrm") else self.entry()
        if self.next:
            raise ValueError(f"more than a name: {self.latex}")
        return key

    def entry(self) -> Key:
        """Read ``w_{12}^{[1]}``: letter, what is below, what is above."""
        letter = self.take()
        if letter in (r"\tilde", r"\hat", r"\mathcal"):
            letter += self.group()
        below = above = ""
        while self.next in ("_", "^"):
            if self.next == "^" and self.tokens[self.at + 2] not in ("[", "("):
                break  # an exponent
            if self.take() == "_":
                below = self.group()
            else:
                above = self.group()
        return (letter, below, above)

    def derivative(self) -> Key:
        r"""Read ``\frac{\partial J}{\partial w}`` or ``\mathrm{d}z``."""
        if self.take() == r"\mathrm":
            self.group()
            return ("short", *self.entry())
        inner = Reader(self.sheet, self.group())
        inner.take(r"\partial")
        above = inner.entry() if inner.next else ()
        inner = Reader(self.sheet, self.group())
        inner.take(r"\partial")
        return ("partial", above, inner.entry())

    def is_derivative(self) -> bool:
        return self.next == r"\frac" and self.tokens[self.at + 2] == r"\partial"

    # --- arithmetic ---------------------------------------------------------------------------
    def whole(self) -> Value:
        found = self.sum()
        if self.next:
            raise ValueError(f"left over at {self.at}: {self.tokens[self.at :]} in {self.latex}")
        return found

    def sum(self) -> Value:
        sign = -1 if self.next == "-" and self.take() else 1
        terms = [(sign, self.product())]
        while self.next in ("+", "-"):
            terms.append((1 if self.take() == "+" else -1, self.product()))
        return lambda e: sum(s * t(e) for s, t in terms)

    def product(self) -> Value:
        factors = [self.factor()]
        while self.next not in ("", "+", "-", ")", "]", "}", r"\right", ",", "&", *RELATIONS):
            if self.next == r"\cdot":
                self.take()
            factors.append(self.factor())
        return lambda e: np.prod([f(e) for f in factors])

    def factor(self) -> Value:
        base = self.primary()
        if self.next != "^":
            return base
        self.take()
        exponent = Reader(self.sheet, self.group()).whole()
        return lambda e: base(e) ** exponent(e)

    def primary(self) -> Value:
        token = self.next
        if token[0].isdigit():
            number = float(self.take())
            return lambda e: number
        if token == r"\sum":
            return self.total()
        if token == r"\left":
            return self.brackets()
        if self.is_derivative() or token == r"\mathrm":
            return self.slope(self.derivative())
        if token == r"\frac":
            self.take()
            above, below = (Reader(self.sheet, self.group()).whole() for _ in range(2))
            return lambda e: above(e) / below(e)
        if token == r"\sqrt":
            self.take()
            inner = Reader(self.sheet, self.group()).whole()
            return lambda e: np.sqrt(inner(e))
        if token == r"\operatorname":
            self.take()
            return self.call(self.group())
        if token in FUNCTIONS and self.tokens[self.at + 1] in ("(", r"\left"):
            return self.call(self.take())
        if token == "m":
            self.take()
            return lambda e: self.sheet.examples
        key = self.entry()
        return lambda e: self.sheet.value(settled(key, e))

    def total(self) -> Value:
        self.take(r"\sum")
        self.take("_")
        letter = self.group().removesuffix("=1")
        self.take("^")
        size = self.group()
        body = self.product()
        count = self.sheet.examples if size == "m" else int(size)
        return lambda e: sum(body({**e, letter: n}) for n in range(1, count + 1))

    def brackets(self) -> Value:
        self.take(r"\left")
        opening = self.take("(", "[")
        first = self.sum()
        if opening == "[":
            relation, second = RELATIONS[self.take(*RELATIONS)], self.sum()
            self.close("]")
            return lambda e: float(relation(first(e), second(e)))
        self.close(")")
        return first

    def close(self, sign: str) -> None:
        self.take(r"\right")
        self.take(sign)

    def call(self, name: str) -> Value:
        tall = self.take("(", r"\left") == r"\left"
        if tall:
            self.take("(")
        arguments = [self.sum()]
        while self.next == ",":
            self.take()
            arguments.append(self.sum())
        if tall:
            self.take(r"\right")
        self.take(")")
        function = FUNCTIONS[name]
        return lambda e: function(*(a(e) for a in arguments))

    def slope(self, key: Key) -> Value:
        """The value of a derivative: by its own equation, or that of an entry by an entry."""
        if key[0] == "short":
            return lambda e: self.sheet.value(settled(key, e))
        kind, of, by = key
        if not of:
            return self.operator(by)

        def value(e: Letters) -> Any:
            above, below = settled(of, e), settled(by, e)
            whole = (kind, above, below)
            if of_any_example(whole)[0] in self.sheet.formulas:
                return self.sheet.value(whole)
            return self.sheet.slope(above, below)

        return value

    def operator(self, by: Key) -> Value:
        """∂/∂w of what stands in brackets behind it."""
        inner, sheet = self.brackets(), self.sheet

        def value(e: Letters) -> float:
            before, sheet.cache, sheet.moved = sheet.cache, {}, settled(by, e)
            try:
                return float(np.imag(inner(e)) / STEP)
            finally:
                sheet.cache, sheet.moved = before, None

        return value


def settled(key: Key, letters: Letters) -> Key:
    """Return the name with numbers in place of letters."""

    def below(text: str) -> str:
        head, mark, rest = text.rpartition(";")
        comma = "," if "," in rest else ""
        places = rest.split(",") if comma else list(rest)
        numbers = [re.sub("[a-z]", lambda found: str(letters[found[0]]), p) for p in places]
        return (
            head
            + mark
            + comma.join(str(sum(map(int, re.findall(r"[+-]?\d+", n)))) for n in numbers)
        )

    def above(text: str) -> str:
        return re.sub(r"\(([a-z])\)$", lambda found: f"({letters[found[1]]})", text)

    if key[0] == "partial":
        return ("partial", settled(key[1], letters), settled(key[2], letters))
    if key[0] == "short":
        return ("short", *settled(key[1:], letters))
    return (key[0], below(key[1]), above(key[2]))
