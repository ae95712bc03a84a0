"""How far a value is from what higher precision says of it: relative errors and digits lost."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

WIDE = np.longdouble
"""The precision of references: 80 bits on x86, 128 on some others, that of float64 elsewhere."""


@dataclass(frozen=True)
class Accuracy:
    """The errors of the entries of a value.

    Args:
        dtype: the float type of the value.
        worst: the largest relative error; infinite where an entry is NaN or wrongly infinite.
        median: the median of the relative errors.
        infinite: how many entries are infinite though the truth is not.
        nan: how many are NaN though the truth is a number.
        entries: how many entries the truth is known for.
    """

    dtype: np.dtype
    worst: float
    median: float
    infinite: int
    nan: int
    entries: int

    @property
    def lost(self) -> float:
        """The decimal digits lost at the worst entry."""
        return digits_lost(self.worst, self.dtype)

    @property
    def all_lost(self) -> bool:
        """Whether no digit of the worst entry is right: it is off by half of itself or more."""
        return self.worst >= 0.5

    def __str__(self) -> str:
        if self.infinite or self.nan:
            return f"{self.infinite + self.nan} {'∞' if not self.nan else 'NaN'}"
        return shown(self.worst)


def shown(error: float) -> str:
    """Return a relative error in few letters; beyond a thousand the size tells nothing more."""
    if error < 1e-20:
        return "0"
    return f"{error:.0e}" if error < 1e3 else "> 1e+03"


def digits_of(dtype: np.dtype) -> float:
    """Return the decimal digits that a float type carries: -log₁₀ of the gap behind 1."""
    return -math.log10(float(np.finfo(dtype).eps))


def digits_lost(error: float, dtype: np.dtype) -> float:
    """Return how many decimal digits a relative error costs, at most all that there are.

    >>> import numpy as np
    >>> round(digits_lost(1e-4, np.dtype("float32")), 1), digits_lost(0.0, np.dtype("float32"))
    (2.9, 0.0)
    """
    least = float(np.finfo(dtype).eps)
    if error <= least:
        return 0.0
    if error >= 0.5:
        return digits_of(dtype)
    return math.log10(error / least)


def accuracy(value: np.ndarray, truth: np.ndarray, *, by_largest: bool = False) -> Accuracy:
    """Compare a value with the truth, entry by entry.

    Args:
        value: the entries as they were computed.
        truth: the same in higher precision.
        by_largest: measure each error by the largest entry of the truth and not by its own, as
            suits a gradient, whose entries are added up.

    A truth below the smallest normal number of the dtype counts as that number, and a truth
    beyond the largest as infinity: no form can do better there.
    """
    info = np.finfo(value.dtype)
    value = np.asarray(value).ravel()
    truth = np.asarray(truth, WIDE).ravel()
    known = ~np.isnan(truth)
    value, truth = value[known], truth[known]
    truth = np.where(np.abs(truth) > info.max, np.copysign(WIDE(np.inf), truth), truth)
    representable = np.isfinite(truth)
    sizes = np.where(representable, np.abs(truth), 0)
    if by_largest and sizes.size:
        sizes = np.full_like(sizes, sizes.max())
    with np.errstate(all="ignore"):
        errors = np.abs(value.astype(WIDE) - truth) / np.maximum(sizes, WIDE(info.tiny))
    errors[value == truth] = 0  # infinity where infinity is right
    errors[np.isnan(errors)] = np.inf
    return Accuracy(
        value.dtype,
        float(errors.max(initial=0)),
        float(np.median(errors)) if errors.size else 0.0,
        int((np.isinf(value) & representable).sum()),
        int(np.isnan(value).sum()),
        len(value),
    )
