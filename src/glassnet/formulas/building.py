"""How terms are built and tidied: numbers gathered in front, sizes cancelled, signs drawn out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import gcd
from typing import Any

from glassnet.formulas.functions import Function
from glassnet.formulas.shapes import broadcast
from glassnet.formulas.terms import (
    Applied,
    Indicator,
    MatrixProduct,
    Number,
    Operand,
    Power,
    Product,
    Quotient,
    Reduced,
    SizeOf,
    Sum,
    Term,
    Transposed,
)
from glassnet.graph.dimension import Dim, Shape, Size


def as_term(value: Operand) -> Term:
    """Return a term: itself, a number, a size."""
    if isinstance(value, Term):
        return value
    return SizeOf(value) if isinstance(value, Dim) else Number(value)


def add(terms: Iterable[Operand]) -> Term:
    """Return the sum: sums within are opened, numbers gathered, shared factors taken out."""
    flat: list[Term] = []
    for term in map(as_term, terms):
        flat += _summands(term)
    whole = broadcast(*(t.shape for t in flat))
    flat = collected(united(flat))
    kept = [t for t in flat if not is_zero(t)]
    if broadcast(*(t.shape for t in kept)) != whole:
        kept = flat  # a 0 that gives the sum its shape
    if len(kept) < 2:
        return kept[0] if kept else Number(0)
    first = next((i for i, t in enumerate(kept) if not is_negative(t)), None)
    if first is None:
        return -add(-t for t in kept)
    kept = [kept[first], *kept[:first], *kept[first + 1 :]]  # -a + b is b - a
    below = shared_denominator(kept)
    if below > 1:
        return multiply((Product(1, below), add(multiply((below, t)) for t in kept)))
    common, rests = shared(kept)
    return multiply((*common, add(rests))) if common else Sum(tuple(kept))


def _summands(term: Term) -> tuple[Term, ...]:
    """What a term adds: a sum's terms, those of minus a sum with the other sign."""
    if isinstance(term, Product) and replace(term, factors=()) == Product(-1):
        (*others, inner) = term.factors
        if isinstance(inner, Sum) and not others:
            return tuple(-t for t in inner.terms)
    return term.terms if isinstance(term, Sum) else (term,)


def multiply(terms: Iterable[Operand]) -> Term:
    """Return the product, entry by entry: numbers gathered in front, equal sizes cancelled."""
    top: float | int = 1
    bottom: float | int = 1
    scalars: list[Term] = []
    divisors: list[Term] = []
    factors: list[Term] = []
    for term in map(as_term, terms):
        if isinstance(term, Number):
            top *= term.value
        elif isinstance(term, SizeOf):
            factor, rest = _split(term.size)
            top *= factor
            scalars.append(SizeOf(rest))
        elif isinstance(term, Product):
            top, bottom = top * term.top, bottom * term.bottom
            scalars += term.scalars
            divisors += term.divisors
            factors += term.factors
        elif term.shape == ():
            scalars.append(term)
        else:
            factors.append(term)
    tidied = joined(factors)
    if tidied == factors:
        return _product(top, bottom, scalars, divisors, factors)
    front = Product(top, bottom, tuple(scalars), tuple(divisors))
    return multiply((front, *tidied))


def _product(
    top: float | int,
    bottom: float | int,
    scalars: list[Term],
    divisors: list[Term],
    factors: list[Term],
) -> Term:
    for size in [t for t in scalars if t in divisors]:
        if size in divisors:
            scalars.remove(size)
            divisors.remove(size)
    scalars, divisors = with_powers(scalars), with_powers(divisors)
    if scalars or divisors or factors:
        top, bottom = without_halves(top, bottom)
    if float(top).is_integer() and float(bottom).is_integer() and bottom:
        common = gcd(int(top), int(bottom)) or 1
        top, bottom = int(top) // common, int(bottom) // common
    elif bottom != 1:
        top, bottom = _fraction(top, bottom)
    if bottom < 0:
        top, bottom = -top, -bottom
    for i, factor in enumerate(factors):
        if top < 0 and isinstance(factor, Sum) and any(map(is_negative, factor.terms)):
            top, factors[i] = -top, _negated(factor)  # -(Y - A) is A - Y
    if not (scalars or divisors or factors) and bottom == 1:
        return Number(tidy(top))
    if top == 1 and bottom == 1 and not divisors and len(scalars) + len(factors) == 1:
        return (*scalars, *factors)[0]
    return Product(tidy(top), tidy(bottom), tuple(scalars), tuple(divisors), tuple(factors))


def _fraction(top: float | int, bottom: float | int) -> tuple[float | int, float | int]:
    """A quotient of numbers as one number, or as the fraction where that is shorter: 1 / 0.7."""
    quotient, top, bottom = tidy(top / bottom), tidy(top), tidy(bottom)
    if len(repr(quotient)) > 9 and max(len(repr(top)), len(repr(bottom))) < 7:
        return top, bottom
    return quotient, 1


def _split(size: Size) -> tuple[int, Size]:
    """A size as a number times the rest: 8 m is 8 times m."""
    if isinstance(size, Dim) and len(size.terms) == 1:
        ((atoms, factor),) = size.terms
        return factor, Dim(((atoms, 1),))
    return 1, size


def is_negative(term: Term) -> bool:
    """Tell whether a term is written with a minus sign in front."""
    return (isinstance(term, Product) and term.top < 0) or (
        isinstance(term, Number) and term.value < 0
    )


def _negated(term: Sum) -> Term:
    terms = sorted((-t for t in term.terms), key=is_negative)
    return Sum(tuple(terms))


def tidy(value: float | int) -> float | int:
    """Return a number without the dust of rounding in its 16th digit; integers as such."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return float(f"{value:.15g}") if isinstance(value, float) else value


def divide(numerator: Term, denominator: Term) -> Term:
    """Return the quotient, entry by entry; a number below goes in front as a fraction."""
    if denominator.shape != ():
        return _quotient(numerator, denominator)
    if isinstance(denominator, Number):
        if denominator.value == 0:
            return Quotient(numerator, denominator)
        under = Product(top=1, bottom=denominator.value)
    elif isinstance(denominator, Product) and not denominator.factors:
        below, above = denominator.divisors, denominator.scalars
        if denominator.top == 0:
            return Quotient(numerator, denominator)
        under = Product(denominator.bottom, denominator.top, below, above)
    elif isinstance(denominator, SizeOf):
        factor, rest = _split(denominator.size)
        under = Product(bottom=factor, divisors=(SizeOf(rest),))
    else:
        under = Product(divisors=(denominator,))
    return multiply((under, numerator))


def _quotient(numerator: Term, denominator: Term) -> Term:
    """``a / b`` for an array b, with the numbers of both in front."""
    above, over = _front(numerator)
    below, under = _front(denominator)
    if isinstance(over, Quotient):
        under = multiply((over.denominator, under))
        over = over.numerator
    if isinstance(under, Quotient):
        over = multiply((over, under.denominator))
        under = under.numerator
    over, under = cancelled(over, under)
    found = Quotient(over, under) if under.shape != () else over
    return multiply((divide(above, below), found))


def _front(term: Term) -> tuple[Term, Term]:
    """The numbers in front of a term, and the rest."""
    if not isinstance(term, Product) or not term.factors or term.top == 0:
        return Number(1), term
    front = _product(term.top, term.bottom, list(term.scalars), list(term.divisors), [])
    return front, multiply(term.factors)


def power(base: Term, exponent: Operand) -> Term:
    """Return the power, entry by entry."""
    exponent = as_term(exponent)
    return base if exponent == Number(1) else Power(base, exponent)


def matrix_product(first: Term, second: Term) -> Term:
    """Return the matrix product; numbers are taken in front of it."""
    fronts: list[Term] = []
    plain: list[Term] = []
    for term in (first, second):
        if isinstance(term, Product) and len(term.factors) == 1:
            fronts.append(Product(term.top, term.bottom, term.scalars, term.divisors))
            plain.append(term.factors[0])
        else:
            plain.append(term)
    found = MatrixProduct(*plain)
    return multiply((*fronts, found)) if fronts else found


def transposed(term: Term) -> Term:
    """Return the transpose."""
    return term.term if isinstance(term, Transposed) else Transposed(term)


def reduced_shape(shape: Shape, axes: tuple[int, ...]) -> Shape:
    """Return the shape after a reduction that keeps its axes as axes of length 1."""
    if all(i in axes or size == 1 for i, size in enumerate(shape)) and axes:
        return ()
    return tuple(1 if i in axes else size for i, size in enumerate(shape))


def reduce(kind: str, term: Term, axes: Iterable[int]) -> Term:
    """Return the reduction; in front of a sum, numbers are taken out of it."""
    axes = tuple(sorted(a for a in set(axes) if a < len(term.shape) and term.shape[a] != 1))
    if not axes or term.shape == ():
        return term
    if isinstance(term, Reduced) and term.kind == kind and term.shape != ():
        return reduce(kind, term.term, (*term.axes, *axes))
    if kind == "sum" and isinstance(term, (Product, Quotient)):
        constant, inner = _constant_over(term, axes)
        if constant:
            return multiply((*constant, reduce(kind, inner, axes)))
    return Reduced(kind, term, axes)


def _constant_over(term: Term, axes: tuple[int, ...]) -> tuple[list[Term], Term]:
    """The factors that are the same all along the axes of a sum, and the rest."""
    rank = len(term.shape)
    constant: list[Term] = []
    rest: list[Term] = []
    for factor in factors_of(term):
        offset = rank - len(factor.shape)
        same = all(a < offset or factor.shape[a - offset] == 1 for a in axes)
        (constant if same else rest).append(factor)
    inner = multiply(rest)
    if all(a in axes or size == 1 for a, size in enumerate(term.shape)):
        constant = [c for c in constant if c.shape == ()]
        inner = multiply(f for f in factors_of(term) if f not in constant)
    whole = len(inner.shape) == rank and all(inner.shape[a] == term.shape[a] for a in axes)
    return (constant, inner) if whole else ([], term)


def call(
    function: Function, *arguments: Operand, shape: Shape | None = None, **parameters: Any
) -> Term:
    """Return a function's value; entry by entry functions know their shape."""
    terms = tuple(map(as_term, arguments))
    found = broadcast(*(t.shape for t in terms)) if shape is None else shape
    return Applied(function, terms, tuple(parameters.items()), found)


def compare(relation: str, first: Operand, second: Operand) -> Term:
    """Return ``[first relation second]``."""
    return Indicator(relation, as_term(first), as_term(second))


# Choices and factors are tidied with sums and products, and these with them.
from glassnet.formulas.conditions import united  # noqa: E402
from glassnet.formulas.factoring import (  # noqa: E402
    cancelled,
    collected,
    factors_of,
    is_zero,
    joined,
    shared,
    shared_denominator,
    with_powers,
    without_halves,
)
