r"""Terms in LaTeX: the small grammar of ``docs/formula-grammar.md``.

A term is written with as few brackets as its surroundings allow; levels say how closely a
writing binds: 0 sum, 1 entry by entry product, 2 product side by side, 3 closed, 4 a bare symbol.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from glassnet.formulas import (
    Applied,
    Cases,
    Indicator,
    MatrixProduct,
    Name,
    Number,
    Power,
    Product,
    Quantity,
    Quotient,
    Reduced,
    SizeOf,
    Sum,
    Term,
    Transposed,
)
from glassnet.graph.dimension import Dim, Shape, Size

GREEK = ("alpha", "beta", "gamma", "delta", "epsilon", "eta", "theta", "kappa", "lambda", "mu",
         "nu", "xi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega", "Sigma", "Phi", "Omega",
         "Delta", "Theta", "Lambda")  # fmt: skip
DECORATIONS = {"hat": r"\hat", "tilde": r"\tilde", "bar": r"\bar"}
RELATIONS = {"<=": r"\le", ">=": r"\ge", "!=": r"\ne"}
BIG = {"sum": r"\sum", "max": r"\max", "min": r"\min", "prod": r"\prod"}
LETTERS = {1: "j", 2: "ij", 3: "itj", 4: "ipqc", 5: "ipqrc", 6: "ipqrsc"}
"""The letters of the axes, by the number of axes; i counts examples."""


def name_latex(name: Name) -> str:
    r"""Return a name in LaTeX.

    >>> name_latex(Name("W", 2)), name_latex(Name("mu", 1, derivative=True))
    ('W^{[2]}', '\\mathrm{d}\\mu^{[1]}')
    """
    text = _letter(name.letter)
    below = [str(name.index)] if name.index else []
    if name.of is not None:
        below.insert(0, name_latex(name.of))
    if below:
        text += "_{" + ",".join(below) + "}"
    if name.layer is not None:
        text += f"^{{[{name.layer}]" + (f"({name.call})" if name.call else "") + "}"
    elif name.call:
        text += f"^{{({name.call})}}"
    return (r"\mathrm{d}" if name.derivative else "") + text


def _letter(letter: str) -> str:
    for suffix, command in DECORATIONS.items():
        if letter.endswith(suffix) and letter != suffix:
            return rf"{command}{{{_letter(letter.removesuffix(suffix))}}}"
    if letter in GREEK:
        return "\\" + letter
    if letter == "L":
        return r"\mathcal{L}"
    return letter if len(letter) == 1 else rf"\mathrm{{{letter}}}"


def space_latex(shape: Shape) -> str:
    r"""Return where a quantity of this shape lives: ``\mathbb{R}^{m \times 3}``."""
    if not shape:
        return r"\mathbb{R}"
    return r"\mathbb{R}^{" + r" \times ".join(map(size_latex, shape)) + "}"


def size_latex(size: Size) -> str:
    """Return a size: ``m``, ``4 m``."""
    return str(size).replace("*", " ") if isinstance(size, Dim) else str(size)


class LatexPrinter:
    """Prints terms; ``columns`` where examples stand in columns."""

    def __init__(self, *, columns: bool = False) -> None:
        self.columns = columns

    def print(self, term: Term, level: int = 0) -> str:
        """Return the term in LaTeX, in brackets where its surroundings bind closer."""
        text, own = getattr(self, "_" + type(term).__name__.lower())(term)
        return text if own >= level else rf"\left({text}\right)"

    # --- leaves -------------------------------------------------------------------------------
    def _quantity(self, term: Quantity) -> tuple[str, int]:
        text = name_latex(term.name)
        return text, 3 if "^" in text or "_" in text else 4

    def _number(self, term: Number) -> tuple[str, int]:
        text = number_latex(term.value)
        return text, 0 if term.value < 0 else 2 if r"\cdot" in text else 4

    def _sizeof(self, term: SizeOf) -> tuple[str, int]:
        text = size_latex(term.size)
        return text, 0 if "+" in text or "-" in text else 2 if " " in text else 4

    # --- arithmetic ---------------------------------------------------------------------------
    def _sum(self, term: Sum) -> tuple[str, int]:
        text = self.print(term.terms[0])
        for t in term.terms[1:]:
            sign, rest = _signed(t)
            text += f" {sign} {self.print(rest, 1)}"
        return text, 0

    def _product(self, term: Product) -> tuple[str, int]:
        big = [t for t in term.scalars if isinstance(t, Reduced)]
        small = [t for t in term.scalars if not isinstance(t, Reduced)]
        under = term.bottom != 1 or bool(term.divisors)
        above = self._side_by_side(abs(term.top), small, closed=under)
        if under:
            below = self._side_by_side(term.bottom, term.divisors, closed=True)
            front = rf"\frac{{{above or 1}}}{{{below}}}"
        else:
            front = above
        rest = [*big, *term.factors]
        side = 2 if front else 1
        written = [self.print(f, side if len(rest) == 1 else 3) for f in rest]
        if len(rest) == 1 and isinstance(rest[0], Reduced) and front:
            written = [self.print(rest[0])]
        if written and written[0][:1].isdigit() and front and not front.endswith("}"):
            front += r" \cdot"
        joined = r" \odot ".join(written)
        text = " ".join(p for p in (front, joined) if p)
        if term.top < 0:
            return "-" + text, 0
        return text, 2 if len(rest) < 2 and not (rest and isinstance(rest[0], Reduced)) else 1

    def _side_by_side(self, number: float | int, terms: Sequence[Term], *, closed: bool) -> str:
        """Numbers side by side; ``closed`` where a bar or brackets stand around them."""
        alone = closed and number == 1 and len(terms) == 1
        parts = [self.print(t, 0 if alone else 2) for t in terms]
        if number != 1 or not parts:
            parts.insert(0, number_latex(number) if number != 1 else "")
        dotted = [parts[0]]
        for part in parts[1:]:
            dotted.append(rf"\cdot {part}" if part[:1].isdigit() and dotted[-1] else part)
        return " ".join(p for p in dotted if p)

    def _quotient(self, term: Quotient) -> tuple[str, int]:
        return rf"\frac{{{self.print(term.numerator)}}}{{{self.print(term.denominator)}}}", 3

    def _power(self, term: Power) -> tuple[str, int]:
        if isinstance(term.exponent, Number) and isinstance(term.base, Quantity):
            bare = name_latex(term.base.name)
            if "^" not in bare:
                return f"{bare}^{{{number_latex(term.exponent.value)}}}", 3
        return f"{self.print(term.base, 4)}^{{{self.print(term.exponent)}}}", 3

    def _matrixproduct(self, term: MatrixProduct) -> tuple[str, int]:
        return f"{self.print(term.first, 2)} {self.print(term.second, 2)}", 2

    def _transposed(self, term: Transposed) -> tuple[str, int]:
        if isinstance(term.term, Quantity):
            text = name_latex(term.term.name)
            if text.endswith(("]}", ")}")):
                return text[:-1] + r"\top}", 3
            if "^" not in text:
                return text + r"^{\top}", 3
        return rf"\left({self.print(term.term)}\right)^{{\top}}", 3

    # --- everything else ----------------------------------------------------------------------
    def letters(self, shape: Shape) -> str:
        """Return the letters of the axes of what has this shape."""
        letters = LETTERS.get(len(shape)) or "abcdefgh"[: len(shape)]
        return letters[::-1] if self.columns and len(shape) == 2 else letters

    def _reduced(self, term: Reduced) -> tuple[str, int]:
        shape = term.term.shape
        letters = self.letters(shape)
        places = [letters[i] if i in term.axes else ":" for i in range(len(shape))]
        over = [letters[a] for a in term.axes]
        if all(p != ":" or size == 1 for p, size in zip(places, shape, strict=True)):
            places = [p for p in places if p != ":"]
        limits = ",".join(over)
        if len(over) == 1 and shape[term.axes[0]] == Dim.named("m"):
            text = rf"{BIG[term.kind]}_{{{limits}=1}}^{{m}} "
        else:
            text = rf"{BIG[term.kind]}_{{{limits}}} "
        inner = term.term
        if isinstance(inner, Quantity) and "_" not in name_latex(inner.name):
            body = _subscripted(name_latex(inner.name), "".join(places))
        else:
            body = rf"\left({self.print(inner)}\right)_{{{''.join(places)}}}"
        return text + body, 1

    def _applied(self, term: Applied) -> tuple[str, int]:
        function = term.function
        arguments = ", ".join(self.print(a) for a in term.arguments)
        if function.name == "sqrt":
            return rf"\sqrt{{{arguments}}}", 3
        below = ",".join(self._parameters(term))
        head = function.latex + (f"_{{{below}}}" if below else "")
        if function.drawn:
            return head, 3
        tall = r"\frac" in arguments or r"\left" in arguments or r"\sum" in arguments
        return head + (rf"\left({arguments}\right)" if tall else f"({arguments})"), 3

    def _parameters(self, term: Applied) -> list[str]:
        written = []
        for key, value in term.parameters:
            if key.startswith("_"):
                continue  # for programs alone
            if key == "spec":
                before, after = value.split("->")
                written.append(rf"\text{{{before}}} \to \text{{{after}}}")
            elif key == "sizes":
                written.append(r" \times ".join(map(size_latex, value)))
            elif key not in term.function.axes or not self._is_usual(term, key, value):
                written.append(f"{_key(key)}={parameter_latex(value)}")
        return written

    def _is_usual(self, term: Applied, key: str, value: Any) -> bool:
        """Whether an axis is the usual one, that of the features or classes."""
        rank = max(len(term.shape), 2)
        usual = 0 if self.columns and rank == 2 else rank - 1
        return value in (usual, (usual,))

    def _indicator(self, term: Indicator) -> tuple[str, int]:
        relation = RELATIONS.get(term.relation, term.relation)
        first, second = self.print(term.first, 1), self.print(term.second, 1)
        return rf"\left[ {first} {relation} {second} \right]", 3

    def _cases(self, term: Cases) -> tuple[str, int]:
        condition = self.print(term.condition)
        if isinstance(term.condition, Indicator):
            condition = condition.removeprefix(r"\left[ ").removesuffix(r" \right]")
        return (
            rf"\begin{{cases}} {self.print(term.then)} & \text{{where }} {condition} \\ "
            rf"{self.print(term.otherwise)} & \text{{elsewhere}} \end{{cases}}"
        ), 0


def _signed(term: Term) -> tuple[str, Term]:
    if isinstance(term, Product) and term.top < 0:
        return "-", -term
    if isinstance(term, Number) and term.value < 0:
        return "-", Number(-term.value)
    return "+", term


def _subscripted(latex: str, places: str) -> str:
    """Put a subscript between a symbol and its superscript."""
    head, mark, rest = latex.partition("^")
    return f"{head}_{{{places}}}{mark}{rest}"


def _key(key: str) -> str:
    return key if len(key) == 1 else rf"\mathrm{{{key.replace('_', ' ')}}}"


def parameter_latex(value: Any) -> str:
    """Return the value of a parameter: ``2``, ``(1,1)``, a text."""
    if isinstance(value, (tuple, list)):
        return "(" + ",".join(map(parameter_latex, value)) + ")"
    if isinstance(value, (bool, str)):
        return rf"\text{{{value}}}"
    if isinstance(value, Dim):
        return size_latex(value)
    return number_latex(value)


def number_latex(value: float | int) -> str:
    r"""Return a number; small and large ones with a power of ten.

    >>> number_latex(0.25), number_latex(1e-7), number_latex(1.5e-5)
    ('0.25', '10^{-7}', '1.5 \\cdot 10^{-5}')
    """
    if isinstance(value, (int, bool)):
        return str(int(value))
    if value != value or value in (float("inf"), float("-inf")):
        return {"inf": r"\infty", "-inf": r"-\infty"}.get(str(value), r"\text{NaN}")
    text = repr(float(value))
    found = re.fullmatch(r"(-?)([\d.]+)e([+-]?\d+)", text)
    if found is None:
        return text.removesuffix(".0")
    sign, digits, exponent = found[1], found[2].removesuffix(".0"), int(found[3])
    power = f"10^{{{exponent}}}"
    return f"{sign}{power}" if digits == "1" else rf"{sign}{digits} \cdot {power}"
