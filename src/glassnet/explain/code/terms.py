"""Terms in NumPy: the same terms that the page shows, as source that runs.

Brackets follow Python's precedence; levels say how closely a writing binds: 0 comparison, 1 sum,
2 product, 3 power, 4 closed. A truth value is a number in mathematics and none in NumPy, so it is
made one, except where it only chooses or stands as a factor beside an array.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from glassnet.formulas import (
    FUNCTIONS,
    Applied,
    Cases,
    Function,
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
from glassnet.formulas.shapes import broadcast
from glassnet.graph.dimension import Dim, Shape, Size

RELATIONS = {"=": "=="}
METHODS = {"reshape": "reshape", "permute": "transpose"}
"""Functions of formulas that are methods of arrays, and take their parameter as arguments."""
TRUTH = ("and", "or", "xor", "not")
"""Of these NumPy makes truth values again, so their arguments may be such."""


class NumpyPrinter:
    """Prints terms as NumPy source.

    Args:
        name: how a quantity is called; by its name unless told.
        dtype: what truth values become where they are numbers: source such as ``"np.float32"``.
    """

    def __init__(self, name: Callable[[Name], str] = str, dtype: str = "float") -> None:
        self.name, self.dtype = name, dtype

    def print(self, term: Term, level: int = 0) -> str:
        """Return the term as source, in brackets where its surroundings bind closer."""
        text, own = getattr(self, "_" + type(term).__name__.lower())(term)
        return text if own >= level else f"({text})"

    def value(self, term: Term, shape: Shape) -> str:
        """Return the source of a term whose value is to have this shape.

        >>> from glassnet.formulas import Quantity
        >>> L = Quantity(Name("L"), (3, 1))
        >>> NumpyPrinter().value(1 - L, (3, 1)), NumpyPrinter().value(L, (3, 2))
        ('1 - L', 'np.broadcast_to(L, (3, 2))')
        """
        if term.shape == shape:
            return self.number(term)
        if set(shape) == {1} and _over_all(term, len(shape)):
            return self.print(_kept(term))
        if broadcast(term.shape, shape) == shape:
            text = self.number(term)
            if term.shape == ():
                text = repr(float(term.value)) if isinstance(term, Number) else text
                return f"np.full({shape_source(shape)}, {text}{self._precision(term)})"
            return f"np.broadcast_to({text}, {shape_source(shape)})"
        if shape == ():  # the one entry there is
            return f"{self.number(term, 4)}.sum()"
        return f"{self.number(term, 4)}.reshape({', '.join(map(size_source, shape))})"

    def number(self, term: Term, level: int = 0) -> str:
        """Return a term that must be numbers, which a truth value is not."""
        if is_truth(term) and term.shape == ():
            return f"float({self.print(term)})"
        if is_truth(term):
            return f"{self.print(term, 4)}.astype({self.dtype})"
        return self.print(term, level)

    def _precision(self, term: Term) -> str:
        """The dtype of an array made of a number that has none."""
        if self.dtype == "float" and not isinstance(term, (Number, SizeOf)):
            return ""
        return f", {self.dtype}"

    # --- leaves -------------------------------------------------------------------------------
    def _quantity(self, term: Quantity) -> tuple[str, int]:
        return self.name(term.name), 4

    def _number(self, term: Number) -> tuple[str, int]:
        whole = isinstance(term.value, float) and term.value.is_integer() and abs(term.value) < 1e6
        text = number_source(int(term.value) if whole else term.value)
        return text, 1 if term.value < 0 else 4

    def _sizeof(self, term: SizeOf) -> tuple[str, int]:
        return size_source(term.size), _level_of_size(term.size)

    # --- arithmetic ---------------------------------------------------------------------------
    def _sum(self, term: Sum) -> tuple[str, int]:
        text = self.number(term.terms[0], 1)
        for t in term.terms[1:]:
            negative = is_negative(t)
            text += f" {'-' if negative else '+'} {self.number(-t if negative else t, 2)}"
        return text, 1

    def _product(self, term: Product) -> tuple[str, int]:
        above: list[Term] = list(term.scalars)
        if abs(term.top) != 1:
            above.insert(0, Number(abs(term.top)))
        above += term.factors
        bare = any(not is_truth(f) for f in term.factors)
        written = [
            self._factor(f, i == 0, i == len(above) - 1, bare) for i, f in enumerate(above)
        ] or ["1"]
        if len(written) == 1 and term.bottom == 1 and not term.divisors:
            level = 2 if above and isinstance(above[0], MatrixProduct) else 3
        else:
            level = 2
        text = " * ".join(written)
        below = [self.print(t, 3) for t in term.divisors]
        if term.bottom != 1:
            below.insert(0, number_source(term.bottom))
        if len(below) == 1 and len(term.divisors) == 1:
            text += f" / {self.print(term.divisors[0], 3)}"
        elif below:
            joined = " * ".join(below)
            text += f" / {joined}" if len(below) == 1 else f" / ({joined})"
        return (f"-{text}", 1) if term.top < 0 else (text, level)

    def _factor(self, term: Term, first: bool, last: bool, bare: bool) -> str:
        """A factor; ``bare`` where a truth value stands beside an array of numbers."""
        if is_truth(term) and not bare:
            return self.number(term)
        if isinstance(term, Quotient):  # a * (b / c) is a * b / c
            return self.print(term, 2 if first or last else 3)
        alone = first and last and isinstance(term, MatrixProduct)
        return self.print(term, 2 if alone else 3)

    def _quotient(self, term: Quotient) -> tuple[str, int]:
        top, below = term.numerator, term.denominator
        level = 3 if isinstance(top, MatrixProduct) else 2
        return f"{self.number(top, level)} / {self.number(below, 3)}", 2

    def _power(self, term: Power) -> tuple[str, int]:
        return f"{self.number(term.base, 4)} ** {self.number(term.exponent, 3)}", 3

    def _matrixproduct(self, term: MatrixProduct) -> tuple[str, int]:
        first = term.first
        left = self.print(first, 2 if isinstance(first, MatrixProduct) else 3)
        return f"{left} @ {self.print(term.second, 3)}", 2

    def _transposed(self, term: Transposed) -> tuple[str, int]:
        text = self.number(term.term, 4)
        return (f"{text}.T" if len(term.shape) == 2 else f"{text}.swapaxes(-1, -2)"), 4

    # --- everything else ----------------------------------------------------------------------
    def _reduced(self, term: Reduced) -> tuple[str, int]:
        inner = self.print(term.term, 0) if term.kind == "sum" else self.number(term.term)
        if term.shape == () and not isinstance(term, Kept):
            arguments = ""
        else:
            axes = term.axes[0] if len(term.axes) == 1 else term.axes
            arguments = f"axis={literal_source(axes)}, keepdims=True"
        if isinstance(term.term, Quantity):
            return f"{inner}.{term.kind}({arguments})", 4
        return f"np.{term.kind}({inner}{', ' if arguments else ''}{arguments})", 4

    def _applied(self, term: Applied) -> tuple[str, int]:
        function = term.function
        if function.name in METHODS:
            (value,) = (value for _, value in term.parameters)
            where = self.number(term.arguments[0], 4)
            inside = ", ".join(map(literal_source, value)) if value else "()"
            return f"{where}.{METHODS[function.name]}({inside})", 4
        keeps = any(function.numpy == f"np.logical_{word}" for word in TRUTH)
        arguments = [self.print(a) if keeps else self.number(a) for a in term.arguments]
        if function.name == "broadcast":
            return f"np.broadcast_to({arguments[0]}, {shape_source(term.shape)})", 4
        for key, value in term.parameters:
            if not _is_default(term, key, value):
                told = literal_source(_single(value) if key in function.axes else value)
                arguments.append(f"{key.removeprefix('_')}={told}")
        return f"{function.numpy}({', '.join(arguments)})", 4

    _kept = _reduced

    def _indicator(self, term: Indicator) -> tuple[str, int]:
        first, second = self.number(term.first, 1), self.number(term.second, 1)
        return f"{first} {RELATIONS.get(term.relation, term.relation)} {second}", 0

    def _cases(self, term: Cases) -> tuple[str, int]:
        plain = isinstance(term.then, Number) and isinstance(term.otherwise, Number)
        then, otherwise = (
            repr(float(t.value)) if isinstance(t, Number) and plain else self.number(t)
            for t in (term.then, term.otherwise)
        )
        text = f"np.where({self.print(term.condition)}, {then}, {otherwise})"
        return (f"{text}.astype({self.dtype})" if plain and self.dtype != "float" else text), 4


# --- what functions need ------------------------------------------------------------------------
def functions_in(terms: Iterable[Term]) -> list[Function]:
    """Return the functions that a program of these terms defines, each after what it calls."""
    found: dict[str, Function] = {}
    for term in terms:
        for part in term.walk():
            if isinstance(part, Applied):
                _gather(part.function, found)
    return list(found.values())


def _gather(function: Function, found: dict[str, Function]) -> None:
    for needed in function.needs:
        _gather(FUNCTIONS[needed], found)
    if function.source:
        found.setdefault(function.name, function)


def source_of(functions: Iterable[Function]) -> Iterator[str]:
    """Yield the definitions."""
    for function in functions:
        yield function.source.strip("\n")


class Kept(Reduced):
    """A reduction to one number that keeps its axes."""


def _over_all(term: Term, rank: int) -> bool:
    """Whether it is one sum over all these axes, perhaps with numbers in front."""
    if isinstance(term, Product):
        reduced = [t for t in term.scalars if isinstance(t, Reduced)]
        return not term.factors and len(reduced) == 1 and _over_all(reduced[0], rank)
    return isinstance(term, Reduced) and term.shape == () and len(term.term.shape) == rank


def _kept(term: Term) -> Term:
    """The same with the axes kept."""
    if isinstance(term, Product):
        return replace(term, scalars=tuple(_kept(t) for t in term.scalars))
    return Kept(term.kind, term.term, term.axes) if isinstance(term, Reduced) else term


# --- small parts --------------------------------------------------------------------------------
def is_truth(term: Term) -> bool:
    """Tell whether NumPy makes truth values of a term.

    >>> from glassnet.formulas import compare
    >>> is_truth(compare(">", Quantity(Name("Z")), 0))
    True
    """
    if isinstance(term, Applied):
        name = term.function.numpy
        return name.startswith(("np.logical_", "np.is"))
    if isinstance(term, Transposed):
        return is_truth(term.term)
    if isinstance(term, Product):
        factors = (*term.scalars, *term.factors)
        return abs(term.top) == 1 == term.bottom and bool(factors) and all(map(is_truth, factors))
    return isinstance(term, Indicator)


def is_negative(term: Term) -> bool:
    """Tell whether a term is written with a minus sign in front."""
    if isinstance(term, Product):
        return term.top < 0
    return isinstance(term, Number) and term.value < 0


def number_source(value: float | int) -> str:
    """Return a number as source.

    >>> number_source(0.5), number_source(float("-inf"))
    ('0.5', '-np.inf')
    """
    if isinstance(value, float) and not math.isfinite(value):
        return "np.nan" if math.isnan(value) else "np.inf" if value > 0 else "-np.inf"
    return repr(value).replace("e-0", "e-")


def size_source(size: Size) -> str:
    """Return a size as source.

    >>> size_source(Dim.named("m") * 4)
    '4 * m'
    """
    if not isinstance(size, Dim):
        return str(int(size))
    return str(size).replace("*", " * ").replace("//", " // ")


def _level_of_size(size: Size) -> int:
    text = size_source(size)
    if not isinstance(size, Dim):
        return 4 if size >= 0 else 1
    if " + " in text or " - " in text or text.startswith("-"):
        return 1
    return 2 if " " in text else 4


def shape_source(shape: Shape) -> str:
    """Return a shape as source: ``(m, 15)``."""
    return f"({', '.join(map(size_source, shape))}{',' if len(shape) == 1 else ''})"


def literal_source(value: Any) -> str:
    """Return a parameter as source; sizes stay names."""
    if isinstance(value, Dim):
        return size_source(value)
    if isinstance(value, tuple):
        inner = ", ".join(map(literal_source, value))
        return f"({inner}{',' if len(value) == 1 else ''})"
    if isinstance(value, str):
        plain = repr(value) == f"'{value}'" and '"' not in value
        return f'"{value}"' if plain else repr(value)
    return number_source(value) if isinstance(value, float) else repr(value)


def _single(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value


def _is_default(term: Applied, key: str, value: Any) -> bool:
    """Whether it is the last axis, and the function's own definition takes that one untold."""
    rank = max((len(a.shape) for a in term.arguments), default=0)
    last = key in term.function.axes and _single(value) == rank - 1
    return last and f"{key}=-1" in term.function.source
