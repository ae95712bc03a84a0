"""Slopes of a function along lines, without its derivative: by complex step and by differences.

φ(t) = f(x + t v) is the function along a line; φ′(0) = ⟨∇f(x), v⟩. Central differences
D(h) = (φ(h) − φ(−h)) / 2h have an error in even powers of h, so D at h, h/4 and h/16 give
(4² D(h/4) − D(h)) / (4² − 1) and so on, of order h⁶ (Richardson). Steps shrink until rounding,
about noise/h, costs more than it gains. How far off a slope may be is returned with it: what the
last refinement changed, and the rounding.

Source: C. Ridders, "Accurate computation of F′(x) and F′(x) F″(x)", Advances in Engineering
Software 4 (1982); noise by differences of higher order: J. Moré and S. Wild, "Estimating
computational noise", SIAM Journal on Scientific Computing 33 (2011).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import comb
from typing import Any, NamedTuple

import numpy as np

Function = Callable[[np.ndarray], Any]
"""A function of one array that gives one number."""

NOISY = 30
"""How many times the measured rounding is taken to be rounding still."""
STEP = 1e-40
"""The imaginary step; nothing is subtracted, so that it can be as small as one likes."""
LEVELS = 16
SHRINK = 4.0


class Slope(NamedTuple):
    """A slope and how far it may be off.

    ``bend`` is by how much the slopes to both sides differ, where that does not vanish with the
    step: at a kink, or beside one.
    """

    value: float
    doubt: float
    bend: float = 0.0


class NotAnalytic(Exception):
    """A function gave no complex number for a complex one."""


def noise_of(values: Sequence[float]) -> float:
    """Return how far rounding throws near values of a function off; seven values or so.

    The differences of order k of smooth values vanish as the k-th power of their distance;
    rounding of size σ leaves them with a standard deviation σ √(2k choose k).

    >>> round(noise_of([1.0, 4.0, 9.0, 16.0, 25.0, 36.0, 49.0]), 12)
    0.0
    """
    found = [
        float(np.sqrt(np.mean(np.square(np.diff(values, k))) / comb(2 * k, k)))
        for k in range(3, len(values))
    ]
    return max(found)


def complex_slope(function: Function, x: np.ndarray, v: np.ndarray, step: float = STEP) -> float:
    """Return Im f(x + ihv) / h.

    Raises:
        NotAnalytic: where the function gives no complex number.
    """
    with np.errstate(all="ignore"):
        value = np.asarray(function(x + 1j * step * v))
    if value.dtype.kind != "c" or value.size != 1:
        raise NotAnalytic
    return float(value.imag.reshape(())) / step


class Line:
    """A function along a line, t ↦ f(x + t v).

    Args:
        function: f.
        x: the point.
        v: the direction; ``unit`` is the t at which the entry that moves most moves by the size
            of an entry of x, at least 1.
        eps: the rounding unit of f's values.
        noise: how far rounding throws a value off, where that is known.
    """

    def __init__(
        self,
        function: Function,
        x: np.ndarray,
        v: np.ndarray,
        eps: float = 2.0**-52,
        noise: float | None = None,
    ) -> None:
        self.function, self.x, self.v, self.eps = function, x, v, eps
        self.unit = size_of(x) / (float(np.abs(v).max(initial=0.0)) or 1.0)
        self._known: dict[float, float] = {}
        self._noise = noise

    def at(self, t: float) -> float:
        """Return φ(t)."""
        if t not in self._known:
            with np.errstate(all="ignore"):
                self._known[t] = float(self.function(self.x + t * self.v))
        return self._known[t]

    def quotient(self, h: float) -> float:
        """Return the central difference quotient D(h)."""
        return (self.at(h) - self.at(-h)) / (2 * h)

    @property
    def noise(self) -> float:
        """How far rounding throws a value off, measured on values as near as tells something.

        They lie on one side, so that a kink at x is no noise; values so near that most are equal
        (a function that computes in a lower precision) tell nothing.
        """
        if self._noise is None:
            self._noise = max(self._measured(), self.noise_nearby() / 4)
        return self._noise

    @property
    def measured(self) -> float | None:
        """The noise, if it was asked for."""
        return self._noise

    def share(self, noise: float | None) -> None:
        """Take the noise measured on another line through the same function."""
        self._noise = noise

    def _measured(self) -> float:
        for distance in (1e-9, 1e-7, 1e-5, 1e-3):
            step = distance * self.unit * max(1.0, (self.eps / 2.0**-52) ** 0.25)
            values = [self.at(k * step) for k in range(1, 8)]
            if np.isfinite(values).all() and len(set(values)) > 3:
                return noise_of(values)
        return 0.0

    def slope(self, enough: float = 0.0) -> Slope:
        """Return φ′(0).

        Args:
            enough: a doubt with which no better slope is looked for.
        """
        h = self.unit * (0.02 if self.eps < 1e-10 else 0.2)
        best = Slope(np.nan, np.inf)
        row: list[float] = []
        bends: list[float] = []
        here = self.at(0.0)
        for level in range(LEVELS):
            right, left = self.at(h), self.at(-h)
            coarser, row = row, _refined(row, self.quotient(h))
            bends.append(abs((right - here) - (here - left)) / h)
            rounding = NOISY * self.noise / h
            if level >= 1 and np.isfinite([*row, *coarser, bends[-2]]).all():
                changed = max(abs(row[-1] - row[-2]), abs(row[-1] - coarser[-1]))
                # A smooth function's bend shrinks with h, a kink's within h does not.
                bend = bends[-1] if bends[-1] > 0.6 * bends[-2] + 4 * rounding else 0.0
                found = Slope(row[-1], changed + rounding + bend, bend)
                best = min(best, found, key=lambda s: s.doubt)
                if best.doubt <= enough or (level >= 2 and rounding > best.doubt):
                    break
            h /= SHRINK
        return best

    def jumps(self) -> bool:
        """Tell whether f jumps at x: f(x + tv) − f(x − tv) does not vanish with t."""
        far, near = (abs(self.at(t * self.unit) - self.at(-t * self.unit)) for t in (1e-6, 1e-11))
        return near > 0.3 * far and near > 100 * NOISY * self.noise_nearby()

    def noise_nearby(self) -> float:
        """Return the rounding of a value by its size alone."""
        return self.eps * max(abs(self.at(0.0)), 1e-300)

    def sides(self) -> tuple[Slope, Slope]:
        """Return the slopes to the left and to the right of x, of order h."""
        h = 1e-7 * self.unit if self.eps < 1e-10 else 1e-2 * self.unit
        here = self.at(0.0)
        doubt = 2 * NOISY * self.noise_nearby() / h
        return Slope((here - self.at(-h)) / h, doubt), Slope((self.at(h) - here) / h, doubt)


def _refined(row: list[float], first: float) -> list[float]:
    """The next row of Richardson's table, at most three columns: errors h², h⁴, h⁶."""
    found = [first]
    for k, above in enumerate(row[:2], start=1):
        factor = SHRINK ** (2 * k)
        found.append((factor * found[-1] - above) / (factor - 1))
    return found


def size_of(x: np.ndarray) -> float:
    """Return the size of an entry: the root of the mean square, at least 1."""
    return max(float(np.sqrt(np.mean(np.square(x)))) if x.size else 1.0, 1.0)
