"""From an equation of matrices to equations of their entries.

A term is computed as a program would compute it, with terms in place of numbers: every entry of
the array is the term of one number. One example, numbered i, stands for all; what adds examples
up makes a sum over i.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from glassnet.explain.entries.arrays import (
    Array,
    NotWritable,
    filled,
    full_index,
    gathered,
    gathered_all,
    is_plain,
    mapped,
    places,
)
from glassnet.explain.entries.functions import entries_of
from glassnet.explain.entries.terms import EXAMPLE, Entry, EntryOf, Over, product, total
from glassnet.formulas import (
    Applied,
    Cases,
    Indicator,
    MatrixProduct,
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
    divide,
    power,
)
from glassnet.graph.dimension import Dim


class Expansion:
    """Writes terms entry by entry.

    Args:
        known: entries that have a name, by what they are; they are called by it.
    """

    def __init__(self, known: Mapping[Term, Entry] | None = None) -> None:
        self.known = {} if known is None else known

    def entries(self, term: Term) -> Array:
        """Return the array of the term's entries."""
        if isinstance(term, Quantity):
            return filled(places(term.shape), lambda at: Entry(term, full_index(term.shape, at)))
        if not is_plain(term.shape) or not all(is_plain(p.shape) for p in term.parts):
            return self.whole(term)
        try:
            return np.asarray(_WRITERS[type(term)](self, term), object)
        except NotWritable:
            return self.whole(term)

    def whole(self, term: Term) -> Array:
        """Return the entries of a term that is written as a whole."""
        return filled(places(term.shape), lambda at: EntryOf(term, full_index(term.shape, at)))

    def named(self, term: Term) -> Term:
        """Return the entry that is defined as this term; else the term."""
        return self.known.get(term, term)

    # --- arithmetic ---------------------------------------------------------------------------
    def _alone(self, term: Term) -> Array:
        return filled((), lambda at: term)

    def _sum(self, term: Sum) -> Array:
        return mapped(lambda *t: total(t), *map(self.entries, term.terms))

    def _product(self, term: Product) -> Array:
        above = [*map(self.entries, (*term.scalars, *term.factors))]
        below = [*map(self.entries, term.divisors)]

        def entry(*terms: Term) -> Term:
            front = Product(term.top, term.bottom)
            over = product((front, *terms[: len(above)]))
            return divide(over, product(terms[len(above) :])) if below else over

        return mapped(entry, *above, *below)

    def _quotient(self, term: Quotient) -> Array:
        return mapped(lambda a, b: self.named(divide(a, b)), *map(self.entries, term.parts))

    def _power(self, term: Power) -> Array:
        return mapped(lambda a, b: power(a, b), *map(self.entries, term.parts))

    def _indicator(self, term: Indicator) -> Array:
        return mapped(
            lambda a, b: Indicator(term.relation, a, b), *map(self.entries, term.parts)
        )  # fmt: skip

    def _cases(self, term: Cases) -> Array:
        return mapped(Cases, *map(self.entries, term.parts))

    # --- matrices -----------------------------------------------------------------------------
    def _transposed(self, term: Transposed) -> Array:
        return np.swapaxes(self.entries(term.term), -1, -2)

    def _matrixproduct(self, term: MatrixProduct) -> Array:
        a, b = self.entries(term.first), self.entries(term.second)
        inner = term.first.shape[-1]
        summands = [
            mapped(lambda x, y: product((x, y)), a[..., :, k, None], b[..., None, k, :])
            for k in range(a.shape[-1])
        ]
        if isinstance(inner, Dim):
            return mapped(lambda t: Over("sum", EXAMPLE, inner, t), summands[0])
        return mapped(lambda *t: gathered("sum", t), *summands)

    def _reduced(self, term: Reduced) -> Array:
        inner, shape = self.entries(term.term), term.term.shape
        batch = [shape[a] for a in term.axes if isinstance(shape[a], Dim)]
        still = [a for a in term.axes if not isinstance(shape[a], Dim)]
        kept = [n for a, n in enumerate(inner.shape) if a not in still]
        moved = np.moveaxis(inner, still, range(-len(still), 0)) if still else inner
        found = filled(tuple(kept), lambda at: gathered_all(term.kind, moved[at]))
        if batch:
            found = mapped(lambda t: Over(term.kind, EXAMPLE, batch[0], t), found)
        return found.reshape(places(term.shape))

    # --- functions ----------------------------------------------------------------------------
    def _applied(self, term: Applied) -> Array:
        return entries_of(self, term)


_WRITERS: dict[type, Callable[[Expansion, Any], Array]] = {
    Number: Expansion._alone,
    SizeOf: Expansion._alone,
    Sum: Expansion._sum,
    Product: Expansion._product,
    Quotient: Expansion._quotient,
    Power: Expansion._power,
    Indicator: Expansion._indicator,
    Cases: Expansion._cases,
    Transposed: Expansion._transposed,
    MatrixProduct: Expansion._matrixproduct,
    Reduced: Expansion._reduced,
    Applied: Expansion._applied,
}
