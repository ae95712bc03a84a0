"""Factors: what the summands of a sum share, taken out of it; quotients within products, joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import lcm

from glassnet.formulas.shapes import broadcast
from glassnet.formulas.terms import Cases, Indicator, Number, Power, Product, Quotient, Term


def factors_of(term: Term) -> list[Term]:
    """Return the factors of a term; what divides it as 1 over that.

    >>> from glassnet.formulas import Name, Quantity
    >>> a, b = Quantity(Name("a"), (2, 3)), Quantity(Name("b"), (2, 3))
    >>> factors_of(2 * a / b) == [Product(2), a, 1 / b]
    True
    """
    if isinstance(term, Quotient):
        under = [divide(Number(1), d) for d in factors_of(term.denominator)]
        return [f for f in factors_of(term.numerator) if f != Number(1)] + under
    if not isinstance(term, Product):
        return [term]
    number = [Product(term.top, term.bottom)] if (term.top, term.bottom) != (1, 1) else []
    below: list[Term] = [Product(divisors=(d,)) for d in term.divisors]
    return [*number, *below, *term.scalars, *(f for t in term.factors for f in factors_of(t))]


def shared(terms: Sequence[Term]) -> tuple[list[Term], list[Term]]:
    """Return the factors that all terms share, and what each term has beside them.

    A sign alone is no factor to be taken out.
    """
    kept = [factors_of(t) for t in terms]
    common: list[Term] = []
    for factor in list(kept[0]):
        if factor not in (Number(0), Number(1), Product(-1)) and all(factor in k for k in kept):
            common.append(factor)
            for k in kept:
                k.remove(factor)
    return common, [multiply(k) for k in kept]


def collected(terms: Sequence[Term]) -> list[Term]:
    """Return summands, those that differ by a number alone made one: ``x + 2 x`` is ``3 x``."""
    found: dict[Term, list[Term]] = {}
    for term in terms:
        number = isinstance(term, Number) or (isinstance(term, Product) and not term.parts)
        core = Number(1) if number else _without_number(term)
        found.setdefault(core, []).append(term)
    result: list[Term] = []
    for core, alike in found.items():
        top, bottom = _number_of(alike[0])
        for term in alike[1:]:
            a, b = _number_of(term)
            top, bottom = top * b + a * bottom, bottom * b
        result.append(alike[0] if len(alike) == 1 else multiply((Product(top, bottom), core)))
    return result


def is_zero(term: Term) -> bool:
    """Tell whether a term is 0, or 0 times something."""
    return term == Number(0) or (isinstance(term, Product) and term.top == 0)


def _number_of(term: Term) -> tuple[float | int, float | int]:
    if isinstance(term, Number):
        return term.value, 1
    return (term.top, term.bottom) if isinstance(term, Product) else (1, 1)


def _without_number(term: Term) -> Term:
    return multiply((replace(term, top=1, bottom=1),)) if isinstance(term, Product) else term


def without_halves(top: float | int, bottom: float | int) -> tuple[float | int, float | int]:
    """Return a fraction with halves, quarters, eighths below as whole numbers: 0.5 is 1 / 2."""
    for scale in (1, 2, 4, 8):
        if float(top * scale).is_integer() and float(bottom * scale).is_integer():
            return int(top * scale), int(bottom * scale)
    return top, bottom


def shared_denominator(terms: Sequence[Term]) -> int:
    """Return the number below which all terms, being fractions, can stand; 1 where one is none."""
    below = [_number_of(t)[1] for t in terms]
    return lcm(*map(int, below)) if all(b > 1 and float(b).is_integer() for b in below) else 1


def joined(factors: Sequence[Term]) -> list[Term]:
    """Return factors with their quotients made one, and equal ones made a power."""
    factors = [f for i, f in enumerate(factors) if not _is_repeated(f, factors[:i])]
    factors = with_powers(_inside(factors))
    quotients = [f for f in factors if isinstance(f, Quotient)]
    if not quotients or len(factors) == 1:
        return factors
    above = multiply(f.numerator if isinstance(f, Quotient) else f for f in factors)
    return [divide(above, multiply(q.denominator for q in quotients))]


def cancelled(above: Term, below: Term) -> tuple[Term, Term]:
    """Return a numerator and a denominator without the factors that both have."""
    over, under = factors_of(above), factors_of(below)
    for factor in [f for f in over if f in under and f != Number(1)]:
        over.remove(factor)
        under.remove(factor)
    found = multiply(over), multiply(under)
    same = broadcast(found[0].shape, found[1].shape) == broadcast(above.shape, below.shape)
    return found if same else (above, below)


def with_powers(factors: Sequence[Term]) -> list[Term]:
    """Return factors, equal ones made a power."""
    exponents: dict[Term, float] = {}
    for factor in factors:
        known = isinstance(factor, Power) and isinstance(factor.exponent, Number)
        base, exponent = (factor.base, factor.exponent.value) if known else (factor, 1)  # type: ignore[attr-defined]
        exponents[base] = exponents.get(base, 0) + exponent
    if len(exponents) == len(factors):
        return list(factors)
    return [power(base, Number(exponent)) for base, exponent in exponents.items()]


def _is_repeated(factor: Term, before: Sequence[Term]) -> bool:
    """Whether it is 1 or 0, which is its own square."""
    return isinstance(factor, Indicator) and factor in before


def _inside(factors: Sequence[Term]) -> list[Term]:
    """``x ⊙ (1 where x > 0, 2 elsewhere)`` is ``x`` where ``x > 0``, ``2 x`` elsewhere."""
    if len(factors) != 2 or not any(isinstance(f, Cases) for f in factors):
        return list(factors)
    x, choice = factors if isinstance(factors[1], Cases) else factors[::-1]
    if not isinstance(choice, Cases) or not isinstance(choice.condition, Indicator):
        return list(factors)
    plain = isinstance(choice.then, Number) and isinstance(choice.otherwise, Number)
    if not plain or x != choice.condition.first:
        return list(factors)
    return [Cases(choice.condition, multiply((x, choice.then)), multiply((x, choice.otherwise)))]


# Products are made of factors, and factors taken out leave products.
from glassnet.formulas.building import divide, multiply, power  # noqa: E402
