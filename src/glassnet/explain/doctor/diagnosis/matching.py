"""How well predicted gradients agree with the given ones, up to factors that are mistakes too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

CLOSE = 1e-5
"""Two arrays of float64 that differ by no more than this, relative to their size, agree."""
CLOSE_32 = 5e-4
"""The same for arrays computed in float32: sums of numbers that nearly cancel lose that much."""
CLOSE_16 = 3e-2
NOTHING = 1e-13
"""What is no larger than this is the rounding of a gradient that is 0."""


@dataclass(frozen=True)
class Match:
    """How one given array compares to a predicted one.

    Args:
        factor: the given array is this times the predicted one; NaN where it is no multiple.
        error: what is left over, relative to its size.
        telling: whether the factor says anything: a single number is a multiple of any other.
    """

    factor: float
    error: float
    telling: bool = True

    @property
    def is_multiple(self) -> bool:
        """Whether the given array is a multiple of the predicted one."""
        return not np.isnan(self.factor)


NO_MATCH = Match(float("nan"), float("inf"))


@dataclass(frozen=True)
class Tolerance:
    """How near two arrays must be, by the precision of the given one."""

    of: Mapping[str, float]

    @classmethod
    def for_arrays(cls, given: Mapping[str, np.ndarray]) -> Tolerance:
        """Return the tolerance for each array: that of the coarsest type among all of them."""
        kinds = {name: precision(array) for name, array in given.items()}
        coarsest = max(kinds.values(), default=CLOSE)
        return cls({name: coarsest if coarsest < CLOSE_16 else kind
                    for name, kind in kinds.items()})  # fmt: skip


def precision(array: np.ndarray) -> float:
    """Return how near an array can be to the truth, by its type and by what its numbers are."""
    if array.dtype.kind != "f" or array.dtype.itemsize == 2:
        return CLOSE_16
    if array.dtype.itemsize == 4 or fits(array, np.dtype("float32")):
        return CLOSE_32
    return CLOSE


def fits(array: np.ndarray, dtype: np.dtype) -> bool:
    """Tell whether every number of an array is one of a smaller type, and not by chance."""
    finite = array[np.isfinite(array) & (array != 0)]
    if finite.size < 3:
        return False
    with np.errstate(all="ignore"):
        return bool((finite.astype(dtype).astype(finite.dtype) == finite).all())


def aligned(given: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return the given array in a shape, where it differs from it by axes of length 1 alone."""
    if given.shape == shape:
        return given
    if [n for n in given.shape if n != 1] == [n for n in shape if n != 1]:
        return given.reshape(shape)
    return None


def match(given: np.ndarray, predicted: np.ndarray, close: float) -> Match:
    """Compare two arrays up to a factor."""
    found = aligned(given, predicted.shape)
    if found is None:
        return NO_MATCH
    found = found.astype(np.float64)
    if not np.isfinite(found).all() or not np.isfinite(predicted).all():
        return NO_MATCH
    size, theirs = float(np.abs(predicted).max(initial=0.0)), float(np.abs(found).max(initial=0.0))
    if size <= NOTHING or theirs <= NOTHING:
        both = size <= NOTHING and theirs <= NOTHING
        return Match(1.0, 0.0, False) if both else NO_MATCH if size <= NOTHING else Match(0.0, 0.0)
    plain = float(np.abs(found - predicted).max()) / max(size, theirs)
    if plain <= close:
        return Match(1.0, plain, predicted.size > 1)
    factor = float(np.vdot(found, predicted) / np.vdot(predicted, predicted))
    error = float(np.abs(found - factor * predicted).max()) / theirs
    if error > close or factor == 0:
        return NO_MATCH
    return Match(factor, error, int(np.count_nonzero(predicted)) > 1)


def matches(
    given: Mapping[str, np.ndarray], predicted: Mapping[str, np.ndarray], tolerance: Tolerance
) -> dict[str, Match]:
    """Compare all given arrays with the predicted ones, by name."""
    return {
        name: match(array, predicted[name], tolerance.of[name]) for name, array in given.items()
    }
