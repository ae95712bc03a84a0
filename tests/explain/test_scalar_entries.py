"""Terms of entries, computed from the entries of the matrices, for networks of every kind."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest
from drawn import drawn
from thorough import in_turn
from witness import in_float64

from glassnet.explain.entries.functions import program
from glassnet.explain.entries.terms import Counter, Entry, EntryOf, Letter, Over
from glassnet.explain.scalars import Scalars
from glassnet.formulas import (
    Applied,
    Cases,
    Indicator,
    Number,
    Power,
    Product,
    Quotient,
    SizeOf,
    Sum,
    Term,
)

COMPARE = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt, "<=": operator.le,
    ">=": operator.ge,
}  # fmt: skip
GATHER = {"sum": sum, "max": max, "min": min, "prod": np.prod}

Letters = dict[str, int]


class Numbers:
    """Computes terms of entries from the arrays of a derivation on a batch."""

    def __init__(self, derivation: Any) -> None:
        self.values = derivation.values
        self.m = derivation.evaluation.examples

    def entry(self, entry: Entry, at: Letters) -> Any:
        sizes = tuple(s if isinstance(s, int) else self.m for s in entry.quantity.shape)
        index = tuple(at[i.name] + i.shift if isinstance(i, Letter) else i for i in entry.index)
        return np.reshape(self.values[str(entry.quantity.name)], sizes)[index]

    def of(self, term: Term, at: Letters) -> Any:
        """Return the value of a term; letters stand for places counted from 0."""
        parts = () if isinstance(term, (Over, Cases)) else [self.of(p, at) for p in term.parts]
        match term:
            case Entry():
                return self.entry(term, at)
            case Number():
                return term.value
            case Counter():
                return at[term.letter.name] + term.letter.shift + 1
            case SizeOf():
                return self.m
            case Sum():
                return sum(parts)
            case Product():
                above = len(term.scalars)
                below = above + len(term.divisors)
                over = np.prod([term.top, *parts[:above], *parts[below:]])
                return over / np.prod([term.bottom, *parts[above:below]])
            case Quotient():
                return parts[0] / parts[1]
            case Power():
                return np.float64(parts[0]) ** parts[1]
            case Indicator():
                return float(COMPARE[term.relation](*parts))
            case Cases():
                return self.of(term.then if self.of(term.condition, at) else term.otherwise, at)
            case Over():
                size = term.size if isinstance(term.size, int) else self.m
                each = [self.of(term.body, {**at, term.letter: n}) for n in range(size)]
                return GATHER[term.kind](each)
            case Applied():
                return self.called(term, parts)
        raise TypeError(term)

    def called(self, term: Applied, parts: Any) -> Any:
        function, arguments = term.function, [np.asarray(p, np.float64) for p in parts]
        parameters = {key.removeprefix("_"): value for key, value in term.parameters}
        if function.name in ("max", "min"):
            return GATHER[function.name](arguments)
        if function.source:
            return program(function)[function.numpy](*arguments, **parameters)
        return getattr(np, function.numpy.removeprefix("np."))(*arguments, **parameters)


def is_whole(term: Term) -> bool:
    """Tell whether a term holds what is drawn, or the entry of something written as a whole."""
    return any(
        isinstance(p, EntryOf) or (isinstance(p, Applied) and p.function.drawn)
        for p in term.walk()
    )  # fmt: skip


@pytest.mark.parametrize(
    ("seed", "notation"),
    in_turn([0, 2, 5, 7, 10, 12, 15, 17, 20, 22], ["keras", "course", "torch"]),
)
def test_entries_are_those_of_the_matrices(seed: int, notation: str) -> None:
    with in_float64():
        network = drawn(seed)
        derivation = network.model.derive(network.x, network.y, notation=notation)
        numbers, compared = Numbers(derivation), 0
        for line in Scalars(derivation).lines:
            whole = np.asarray(derivation.values[line.step.name])
            for i in range(numbers.m) if line.entry.letters else [0]:
                at = dict.fromkeys(("i", "r", "s", "h", "o"), i)
                if is_whole(line.value):
                    continue
                with np.errstate(all="ignore"):
                    found, expected = numbers.of(line.value, at), numbers.entry(line.entry, at)
                dust = 1e-11 * (1 + np.abs(whole).max())
                assert found == pytest.approx(expected, rel=1e-9, abs=dust, nan_ok=True)
                compared += 1
        assert compared > 50
