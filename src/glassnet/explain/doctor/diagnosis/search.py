"""The search: which mistake, or which two, give exactly the arrays that a person has."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from glassnet.explain.doctor.diagnosis.factors import Scaled, read
from glassnet.explain.doctor.diagnosis.matching import NOTHING, Match, Tolerance, aligned, matches
from glassnet.explain.doctor.diagnosis.plain import AnyCase
from glassnet.explain.doctor.diagnosis.variant import END, Arrays, Variant, together
from glassnet.explain.doctor.diagnosis.walk import ImpossibleSlipError

PATIENCE = 10.0
"""Seconds after which the search for two mistakes at once ends."""
DEEPEST, BEAM = 4, 3
"""How many mistakes are looked for one after another, and how many ways are followed."""
_DIFFER = 1e-9
"""Predictions that differ by less, relative to their size, are one."""


@dataclass(frozen=True)
class Hypothesis:
    """One or two mistakes that explain all the arrays.

    Args:
        variants: rules done wrongly.
        factors: factors at some of the gradients.
        error: how far off the prediction is.
        touched: the gradients that it says are wrong.
    """

    variants: tuple[Variant, ...]
    factors: tuple[Scaled, ...]
    error: float
    touched: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many mistakes; one that is made at several places counts once."""
        return len({v.kind for v in self.variants} | {s.factor.kind for s in self.factors})

    @property
    def is_known(self) -> bool:
        """Whether every factor is one that means something."""
        return all(f.factor.kind != "wrong factor" for f in self.factors)

    @property
    def weight(self) -> float:
        """How unusual the mistakes are, together."""
        scale = sum(f.factor.weight + 0.15 * (not f.everything) for f in self.factors)
        return sum(v.weight for v in self.variants) + scale

    @property
    def rank(self) -> tuple[float, ...]:
        """The smaller the likelier."""
        coarse = max(0.0, np.log10(max(self.error, 1e-16)) + 12) // 3
        known = sum(f.factor.kind == "wrong factor" for f in self.factors)
        return (known, self.count, coarse, self.weight)


@dataclass(frozen=True, eq=False)
class Tried:
    """A single mistake that was tried.

    Args:
        variant: the mistake.
        compared: how the given arrays compare with what it gives.
        touched: the gradients that it makes wrong, as bits.
        exact: those that it explains, as bits.
    """

    variant: Variant
    compared: dict[str, Match]
    touched: int
    exact: int

    def fits(self, other: Tried, right: int, everything: int) -> bool:
        """Whether both at once can explain all: where one alone acts, it must explain alone."""
        if self.variant.after or other.variant.after:
            return True  # finished arrays change places
        unexplained = (
            (self.touched & ~other.touched & ~self.exact)
            | (other.touched & ~self.touched & ~other.exact)
            | (~self.touched & ~other.touched & ~right)
        )
        return not unexplained & everything


class Search:
    """The search in one case.

    Args:
        case: the network and the batch.
        given: the person's arrays by name, in the order of the backward pass.
        variants: the catalogue, each mistake at each of its places.
    """

    def __init__(
        self, case: AnyCase, given: Mapping[str, np.ndarray], variants: Iterable[Variant]
    ) -> None:
        self.case, self.given = case, dict(given)
        self.names = list(given)
        self.tolerance = Tolerance.for_arrays(given)
        self.base = case.predicted(None, self.names)
        self.right = matches(self.given, self.base, self.tolerance)
        self.variants = list(variants)
        self._bit = {name: 1 << i for i, name in enumerate(self.names)}
        self._tried: list[Tried] = []

    @property
    def is_right(self) -> bool:
        """Whether all arrays are what they should be."""
        return all(m.factor == 1.0 for m in self.right.values())

    def wrong(self, found: Mapping[str, np.ndarray]) -> tuple[str, ...]:
        """The gradients in which a prediction differs from what is right."""
        return tuple(n for n in self.names if not _equal(found[n], self.base[n]))

    def run(self) -> list[Hypothesis]:
        """Return what explains the arrays, the likeliest first."""
        found = self._explained((), self.base, self.right)
        alike: dict[tuple[str, str], list[Variant]] = {}
        for variant in self.variants:
            tried = self._try(variant)
            for group in variant.groups if tried is not None else ():
                alike.setdefault((variant.kind, group), []).append(variant)
            found += tried or []
        for variants in _unions(alike):
            everywhere = together(variants)
            found += (self._try(everywhere) or []) if everywhere is not None else []
        if not any(h.count == 1 for h in found):
            found += self._peeled(None, (), 0)
        if not any(h.count <= 2 for h in found):
            found += self._pairs()
        return _best(found)

    def _try(self, variant: Variant) -> list[Hypothesis] | None:
        """Return what a mistake explains; None where nobody can have made it."""
        arrays = self._predicted(variant)
        if arrays is None:
            return None
        touched = self.wrong(arrays)
        if not touched:
            return []
        compared = matches(self.given, arrays, self.tolerance)
        self._tried.append(Tried(variant, compared, self._bits(touched), self._exact(compared)))
        return self._explained((variant,), arrays, compared)

    def _predicted(self, variant: Variant) -> dict[str, np.ndarray] | None:
        try:
            return self.case.predicted(variant, self.names)
        except ImpossibleSlipError:
            return None

    def _explained(
        self,
        variants: tuple[Variant, ...],
        arrays: Mapping[str, np.ndarray],
        compared: Mapping[str, Match],
    ) -> list[Hypothesis]:
        if not all(m.is_multiple for m in compared.values()):
            return []
        error = max(m.error for m in compared.values())
        touched = self.wrong(arrays)
        return [
            Hypothesis(variants, tuple(scaled), error,
                       tuple(n for n in self.names
                             if n in touched or any(n in s.names for s in scaled)))
            for scaled in read(self.case, compared, self.names)
            if len(variants) + len(scaled) <= DEEPEST
        ]  # fmt: skip

    # --- layer by layer -----------------------------------------------------------------------
    def _peeled(
        self, joined: Variant | None, made: tuple[Variant, ...], depth: int
    ) -> list[Hypothesis]:
        """Find mistakes one after another on the way back, each explaining one gradient more.

        Mistakes in different layers show one at a time: up to the second one, the first alone
        explains everything.
        """
        compared = self.right if joined is None else self._compared(joined)
        reached = self._reached(compared)
        if depth == DEEPEST or reached == len(self.names):
            return []
        better: list[tuple[int, float, Variant, Variant, Arrays, dict[str, Match]]] = []
        after = self._bits(self.names[:reached])
        for tried in self._tried:
            variant = tried.variant
            if not variant.after and (
                tried.touched & after or not tried.touched & self._bit[self.names[reached]]
            ):
                continue  # it acts elsewhere
            both = variant if joined is None else joined.joined(variant)
            arrays = self._predicted(both) if both is not None else None
            if both is None or arrays is None:
                continue
            found = matches(self.given, arrays, self.tolerance)
            if self._reached(found) > reached:
                better.append((self._reached(found), variant.weight, variant, both, arrays, found))
        better.sort(key=lambda one: (-one[0], one[1]))
        hypotheses: list[Hypothesis] = []
        for far, _, variant, both, arrays, found in better[:BEAM]:
            all_made = (*made, variant)
            if far == len(self.names):
                hypotheses += self._explained(all_made, arrays, found)
            elif not hypotheses:
                hypotheses += self._peeled(both, all_made, depth + 1)
        return hypotheses

    def _compared(self, variant: Variant) -> dict[str, Match]:
        return matches(self.given, self.case.predicted(variant, self.names), self.tolerance)

    def _reached(self, compared: Mapping[str, Match]) -> int:
        """How many gradients in a row, from the last layer on, are explained exactly."""
        exact = [compared[n].factor == 1.0 for n in self.names]
        return exact.index(False) if False in exact else len(exact)

    # --- two at once --------------------------------------------------------------------------
    def _pairs(self) -> list[Hypothesis]:
        """Join each mistake with all others, those that explain most first."""
        ends = time.monotonic() + PATIENCE
        right, everything = self._exact(self.right), self._bits(self.names)
        promising = sorted(self._tried, key=lambda t: (-self._score(t.compared), t.variant.weight))
        found: list[Hypothesis] = []
        for place, first in enumerate(promising):
            for second in promising[place + 1 :]:
                if second.variant.kind == first.variant.kind:
                    continue
                if first.fits(second, right, everything):
                    found += self._joined(first.variant, second.variant)
                    if time.monotonic() > ends:
                        return found
        return found

    def _joined(self, first: Variant, second: Variant) -> list[Hypothesis]:
        joined = first.joined(second)
        arrays = self._predicted(joined) if joined is not None else None
        if arrays is None:
            return []
        compared = matches(self.given, arrays, self.tolerance)
        if not all(m.factor == 1.0 for m in compared.values()):
            return []
        return self._explained((first, second), arrays, compared)

    def _bits(self, names: Iterable[str]) -> int:
        return sum(self._bit[name] for name in names)

    def _exact(self, compared: Mapping[str, Match]) -> int:
        return self._bits(name for name, match in compared.items() if match.factor == 1.0)

    def _score(self, compared: Mapping[str, Match]) -> float:
        """How much of the given arrays a prediction explains."""
        exact = sum(m.factor == 1.0 and m.telling for m in compared.values())
        multiple = sum(m.is_multiple and m.telling for m in compared.values())
        return exact + 0.5 * multiple


def _unions(alike: Mapping[tuple[str, str], list[Variant]]) -> list[list[Variant]]:
    """Mistakes made at several places: those of one group, and those at the end with them."""
    ends = [same + alike[kind, END] for (kind, group), same in alike.items()
            if group == "" and (kind, END) in alike]  # fmt: skip
    unions = {frozenset(map(id, same)): same for same in (*alike.values(), *ends)}
    return list(unions.values())


def _best(found: Sequence[Hypothesis]) -> list[Hypothesis]:
    """Sort; of hypotheses that name the same mistakes at the same places keep one."""
    ranked = sorted(found, key=lambda h: h.rank)
    if ranked and ranked[0].is_known:  # a number that nobody knows explains anything
        ranked = [h for h in ranked if h.is_known]
    if ranked and ranked[0].count < 3:
        ranked = [h for h in ranked if h.count < 3]
    seen: set[tuple[object, ...]] = set()
    kept = []
    for one in ranked:
        key = (tuple(sorted(v.kind for v in one.variants)),
               tuple(sorted(s.factor.kind for s in one.factors)), one.touched)  # fmt: skip
        if key not in seen:
            seen.add(key)
            kept.append(one)
    return kept


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    found = aligned(a, b.shape)
    if found is None:
        return False
    a = found
    size = max(float(np.abs(b).max(initial=0.0)), float(np.abs(a).max(initial=0.0)))
    return bool(np.abs(a - b).max(initial=0.0) <= max(_DIFFER * size, NOTHING))
