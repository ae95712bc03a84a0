"""Terms: what a formula is made of, before it is LaTeX or NumPy.

Terms are built with Python's operators (``a * b`` is entry by entry, ``a @ b`` the matrix
product) and tidied as they are built: numbers are gathered in front, equal sizes cancel, two
minus signs are none. Every term knows its shape, in the sense of `glassnet.formulas.shapes`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from glassnet.formulas.functions import Function
from glassnet.formulas.shapes import broadcast
from glassnet.graph.dimension import Shape, Size

Operand = Any  # a Term, or a Python number


@dataclass(frozen=True)
class Name:
    """What a quantity is called.

    Args:
        letter: ``"W"``, ``"mu"``, ``"Xhat"``: a letter, Latin or Greek by name, with a decoration.
        layer: the number in brackets.
        call: which use of a shared layer, counted from 1; 0 where there is one use.
        index: tells apart what would have one name.
        derivative: whether it is ∂J/∂ of what the rest names.
        of: for an optimizer's state: the name of the weight it belongs to.
    """

    letter: str
    layer: int | None = None
    call: int = 0
    index: int = 0
    derivative: bool = False
    of: Name | None = None

    def __str__(self) -> str:
        text = ("d" if self.derivative else "") + self.letter
        text += "" if self.layer is None else str(self.layer)
        text += f"_{self.call}" if self.call else ""
        text += f"_{'abcdefghijklmnopqrstuvwxyz'[self.index - 1]}" if 0 < self.index < 27 else (
            f"_n{self.index}" if self.index else "")  # fmt: skip
        return text + (f"_{self.of}" if self.of is not None else "")

    @property
    def d(self) -> Name:
        """The name of the derivative by it."""
        return replace(self, derivative=True)


class Term:
    """The base of terms."""

    shape: Shape

    @property
    def parts(self) -> tuple[Term, ...]:
        """The terms it is made of."""
        return ()

    def rebuilt(self, parts: tuple[Term, ...]) -> Term:
        """Return the same of other parts."""
        return self

    def walk(self) -> Iterator[Term]:
        """Yield this term and all within it."""
        stack: list[Term] = [self]
        while stack:
            term = stack.pop()
            yield term
            stack.extend(reversed(term.parts))

    # --- operators ----------------------------------------------------------------------------
    def __add__(self, other: Operand) -> Term:
        return add((self, as_term(other)))

    def __radd__(self, other: Operand) -> Term:
        return add((as_term(other), self))

    def __sub__(self, other: Operand) -> Term:
        return add((self, -as_term(other)))

    def __rsub__(self, other: Operand) -> Term:
        return add((as_term(other), -self))

    def __mul__(self, other: Operand) -> Term:
        return multiply((self, as_term(other)))

    def __rmul__(self, other: Operand) -> Term:
        return multiply((as_term(other), self))

    def __truediv__(self, other: Operand) -> Term:
        return divide(self, as_term(other))

    def __rtruediv__(self, other: Operand) -> Term:
        return divide(as_term(other), self)

    def __pow__(self, other: Operand) -> Term:
        return power(self, as_term(other))

    def __matmul__(self, other: Term) -> Term:
        return matrix_product(self, other)

    def __neg__(self) -> Term:
        return multiply((Number(-1), self))

    @property
    def T(self) -> Term:
        """The transpose."""
        return transposed(self)


@dataclass(frozen=True)
class Quantity(Term):
    """Something with a name."""

    name: Name
    shape: Shape = ()


@dataclass(frozen=True)
class Number(Term):
    """A number."""

    value: float | int
    shape: Shape = field(default=(), init=False)


@dataclass(frozen=True)
class SizeOf(Term):
    """A size as a number: ``m``, ``4 m``."""

    size: Size
    shape: Shape = field(default=(), init=False)


@dataclass(frozen=True)
class Sum(Term):
    """``a + b - c``."""

    terms: tuple[Term, ...]

    @property
    def shape(self) -> Shape:  # type: ignore[override]
        return broadcast(*(t.shape for t in self.terms))

    @property
    def parts(self) -> tuple[Term, ...]:
        return self.terms

    def rebuilt(self, parts: tuple[Term, ...]) -> Term:
        return add(parts)


@dataclass(frozen=True)
class Product(Term):
    """``(top · scalars) / (bottom · divisors) · (f ⊙ g ⊙ …)``: numbers in front, then arrays."""

    top: float | int = 1
    bottom: float | int = 1
    scalars: tuple[Term, ...] = ()
    divisors: tuple[Term, ...] = ()
    factors: tuple[Term, ...] = ()

    @property
    def shape(self) -> Shape:  # type: ignore[override]
        return broadcast(*(t.shape for t in self.factors))

    @property
    def parts(self) -> tuple[Term, ...]:
        return (*self.scalars, *self.divisors, *self.factors)

    def rebuilt(self, parts: tuple[Term, ...]) -> Term:
        a, b = len(self.scalars), len(self.scalars) + len(self.divisors)
        front = Product(self.top, self.bottom)
        under = multiply(parts[a:b])
        return divide(multiply((front, *parts[:a], *parts[b:])), under)


@dataclass(frozen=True)
class Quotient(Term):
    """``a / b`` entry by entry, b an array."""

    numerator: Term
    denominator: Term

    @property
    def shape(self) -> Shape:  # type: ignore[override]
        return broadcast(self.numerator.shape, self.denominator.shape)

    @property
    def parts(self) -> tuple[Term, ...]:
        return (self.numerator, self.denominator)

    def rebuilt(self, parts: tuple[Term, ...]) -> Term:
        return divide(*parts)


@dataclass(frozen=True)
class Power(Term):
    """``a ** b`` entry by entry."""

    base: Term
    exponent: Term

    @property
    def shape(self) -> Shape:  # type: ignore[override]
        return broadcast(self.base.shape, self.exponent.shape)

    @property
    def parts(self) -> tuple[Term, ...]:
        return (self.base, self.exponent)

    def rebuilt(self, parts: tuple[Term, ...]) -> Term:
        return power(*parts)


@dataclass(frozen=True)
class MatrixProduct(Term):
    """``A B`` over the last two axes."""

    first: Term
    second: Term

    @property
    def shape(self) -> Shape:  # type: ignore[override]
        a, b = self.first.shape, self.second.shape
        return (*broadcast(a[:-2], b[:-2]), a[-2], b[-1])

    @property
    def parts(self) -> tuple[Term, ...]:
        return (self.first, self.second)

    def rebuilt(self, parts: tuple[Term, ...]) -> Term:
        return matrix_product(*parts)


@dataclass(frozen=True)
class Transposed(Term):
    """``Aᵀ``: the last two axes exchanged."""

    term: Term

    @property
    def shape(self) -> Shape:  # type: ignore[override]
        s = self.term.shape
        return (*s[:-2], s[-1], s[-2])

    @property
    def parts(self) -> tuple[Term, ...]:
        return (self.term,)

    def rebuilt(self, parts: tuple[Term, ...]) -> Term:
        return transposed(*parts)


@dataclass(frozen=True)
class Reduced(Term):
    """The sum (or ``max``, ``min``, ``prod``) over axes, which stay as axes of length 1.

    Over all axes it is a number.
    """

    kind: str
    term: Term
    axes: tuple[int, ...]

    @property
    def shape(self) -> Shape:  # type: ignore[override]
        return reduced_shape(self.term.shape, self.axes)

    @property
    def parts(self) -> tuple[Term, ...]:
        return (self.term,)

    def rebuilt(self, parts: tuple[Term, ...]) -> Term:
        return reduce(self.kind, parts[0], self.axes)


@dataclass(frozen=True)
class Applied(Term):
    """A named function of arguments, with parameters."""

    function: Function
    arguments: tuple[Term, ...]
    parameters: tuple[tuple[str, Any], ...] = ()
    shape: Shape = ()

    @property
    def parts(self) -> tuple[Term, ...]:
        return self.arguments

    def rebuilt(self, parts: tuple[Term, ...]) -> Term:
        if self.function.entrywise:
            return replace(self, arguments=parts, shape=broadcast(*(p.shape for p in parts)))
        return replace(self, arguments=parts)


@dataclass(frozen=True)
class Indicator(Term):
    """``[a > b]``: 1 where it holds, else 0."""

    relation: str
    first: Term
    second: Term

    @property
    def shape(self) -> Shape:  # type: ignore[override]
        return broadcast(self.first.shape, self.second.shape)

    @property
    def parts(self) -> tuple[Term, ...]:
        return (self.first, self.second)

    def rebuilt(self, parts: tuple[Term, ...]) -> Term:
        return Indicator(self.relation, *parts)


@dataclass(frozen=True)
class Cases(Term):
    """``then`` where ``condition`` holds, else ``otherwise``; entry by entry."""

    condition: Term
    then: Term
    otherwise: Term

    @property
    def shape(self) -> Shape:  # type: ignore[override]
        return broadcast(*(p.shape for p in self.parts))

    @property
    def parts(self) -> tuple[Term, ...]:
        return (self.condition, self.then, self.otherwise)

    def rebuilt(self, parts: tuple[Term, ...]) -> Term:
        return Cases(*parts)


# The operators are written with these, and these make terms: each module needs the other.
from glassnet.formulas.building import (  # noqa: E402
    add,
    as_term,
    divide,
    matrix_product,
    multiply,
    power,
    reduce,
    reduced_shape,
    transposed,
)
