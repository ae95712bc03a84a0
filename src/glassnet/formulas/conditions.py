"""Terms that depend on conditions: choices tidied, what a condition settles settled.

A sum ``a ⊙ [c] + b ⊙ [not c]`` is one choice between a and b. Within a choice its condition is
known, so ``x ⊙ [x ≤ 0]`` is x where ``x ≤ 0`` is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from glassnet.formulas.terms import (
    Applied,
    Cases,
    Indicator,
    Number,
    Operand,
    Power,
    Product,
    Quotient,
    SizeOf,
    Sum,
    Term,
)

OPPOSITES = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}

Choice = tuple[Term, Term, Term]
"""A condition, what is where it holds, what is elsewhere."""


def negated(condition: Term) -> Term:
    """Return the term that is 1 where the condition is 0.

    >>> from glassnet.formulas import Name, Quantity, compare
    >>> z = Quantity(Name("Z"))
    >>> negated(compare(">", z, 0)) == compare("<=", z, 0)
    True
    """
    if isinstance(condition, Indicator):
        return replace(condition, relation=OPPOSITES[condition.relation])
    return Indicator("=", condition, Number(0))


def cases(condition: Term, then: Operand, otherwise: Operand) -> Term:
    """Return ``then`` where the condition holds, else ``otherwise``, as shortly as that goes."""
    if isinstance(condition, Number):
        return as_term(then if condition.value else otherwise)
    a, b = given(as_term(then), condition, True), given(as_term(otherwise), condition, False)
    if a == b:
        return a
    if a == Number(1) and b == Number(0):
        return condition
    if a == Number(0) and b == Number(1):
        return negated(condition)
    # What is not chosen may be infinite; then a product with 0 would not be 0.
    if b == Number(0) and is_finite(a):
        return multiply((a, condition))
    if a == Number(0) and is_finite(b):
        return multiply((b, negated(condition)))
    return Cases(condition, a, b)


def is_finite(term: Term) -> bool:
    """Tell whether a term has a value wherever its quantities have one."""
    return not any(
        isinstance(t, (Quotient, Power, Applied))
        or (isinstance(t, Product) and not all(isinstance(d, SizeOf) for d in t.divisors))
        for t in term.walk()
    )


def given(term: Term, condition: Term, holds: bool) -> Term:
    """Return a term where the condition is known to hold, or known not to."""
    if term == condition:
        return Number(int(holds))
    if isinstance(term, Indicator) and term == negated(condition):
        return Number(int(not holds))
    if isinstance(term, Cases) and term.condition in (condition, negated(condition)):
        chosen = term.then if (term.condition == condition) == holds else term.otherwise
        return given(chosen, condition, holds)
    entrywise = isinstance(term, (Sum, Product, Quotient, Power, Cases, Indicator)) or (
        isinstance(term, Applied) and term.function.entrywise
    )
    if not entrywise or not any(isinstance(t, (Indicator, Cases)) for t in term.walk()):
        return term
    parts = tuple(given(p, condition, holds) for p in term.parts)
    return term if parts == term.parts else term.rebuilt(parts)


# --- sums of choices --------------------------------------------------------------------------
def united(terms: Sequence[Term]) -> list[Term]:
    """Return summands, two that are choices by one condition made one choice."""
    found = list(terms)
    for i, first in enumerate(found):
        for j in range(i + 1, len(found)):
            pair = _matching(first, found[j])
            if pair is not None:
                rest = [t for k, t in enumerate(found) if k not in (i, j)]
                return united([*rest[:i], _joined(*pair), *rest[i:]])
    return found


def _matching(first: Term, second: Term) -> tuple[Choice, Choice] | None:
    """The two as choices by one condition, one of them with nothing where the other has."""
    for condition, a, b in _choices(first):
        for other, c, d in _choices(second):
            if other == negated(condition):
                other, c, d = condition, d, c
            empty = [t == Number(0) for t in (a, b, c, d)]
            if other == condition and empty in ([0, 1, 1, 0], [1, 0, 0, 1]):
                return (condition, a, b), (condition, c, d)
    return None


def _choices(term: Term) -> list[Choice]:
    """The ways to read a term as a choice between something and 0."""
    if isinstance(term, Cases):
        return [(term.condition, term.then, term.otherwise)]
    if isinstance(term, Indicator):
        return [(term, Number(1), Number(0))]
    if not isinstance(term, Product):
        return []
    found: list[Choice] = []
    for i, factor in enumerate(term.factors):
        rest = multiply(
            (replace(term, factors=()), *term.factors[:i], *term.factors[i + 1 :]),
        )
        if isinstance(factor, Indicator):
            found.append((factor, rest, Number(0)))
        elif isinstance(factor, Cases):
            found.append((factor.condition, rest * factor.then, rest * factor.otherwise))
    return found


def _joined(first: Choice, second: Choice) -> Term:
    condition, a, b = first
    common, (a, b) = shared((add((a, second[1])), add((b, second[2]))))
    return multiply((*common, cases(condition, a, b)))


# Sums and products are tidied by these, and these make sums and products.
from glassnet.formulas.building import add, as_term, multiply  # noqa: E402
from glassnet.formulas.factoring import shared  # noqa: E402
