"""How far to go along a direction: the full step where it does, else SciPy's strong Wolfe search.

A step t along p must bring f down in proportion to its slope, and flatten that slope
(J. Nocedal, S. Wright, "Numerical optimization", 2nd ed., 2006, section 3.1)::

    f(x + t p) ≤ f(x) + c₁ t ∇f(x)ᵀp        |∇f(x + t p)ᵀp| ≤ c₂ |∇f(x)ᵀp|

Near a minimum the promised decrease drowns in the rounding of f, long before the gradient does.
There a step counts as no worse where f stays the same up to rounding and the slope flattens
(W. Hager, H. Zhang, "A new conjugate gradient method with guaranteed descent", SIAM Journal on
Optimization 16, 2005).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.objective import Problem
from glassnet.optimizers.second_order.looking import height, height_and_slope, rounding
from glassnet.optional import optional_module

Vector = np.ndarray

SUFFICIENT = 1e-4
"""c₁: what part of the decrease that the slope promises must come."""
FLATTER = 0.9
"""c₂: how much of the slope may be left; SciPy's and the book's for Newton's methods."""
LONGEST = 10.0
"""How many times its length a step may become: farther away the curvature says nothing."""
HALVINGS = 60


def scipy_part(name: str) -> Any:
    """Return a module of SciPy.

    Raises:
        ImportError: where SciPy is missing, with the command that brings it.
    """
    return optional_module(f"scipy.{name}", "Line searches come from SciPy", "curvature")


class Ray:
    """f along a line, t ↦ f(x + t p), where every t is computed once."""

    def __init__(
        self, problem: Problem, x: Vector, value: float, gradient: Vector, direction: Vector
    ) -> None:
        self.problem, self.x, self.direction = problem, x, direction
        self.start = value
        self.first_slope = float(gradient @ direction)
        self._values = {0.0: value}
        self._slopes = {0.0: self.first_slope}
        self._latest = (0.0, gradient)

    def at(self, t: float) -> Vector:
        """Return x + t p."""
        return self.x + t * self.direction

    def value(self, t: Any) -> float:
        """Return f(x + t p); infinity where it is not finite, so that no search goes there."""
        t = float(np.asarray(t).item())
        if t not in self._values:
            self._values[t] = height(self.problem, self.at(t))
        return self._values[t]

    def slope(self, t: Any) -> float:
        """Return ∇f(x + t p)ᵀp."""
        t = float(np.asarray(t).item())
        if t not in self._slopes:
            self._values[t], gradient = height_and_slope(self.problem, self.at(t))
            self._latest = (t, gradient)
            with np.errstate(all="ignore"):
                self._slopes[t] = float(gradient @ self.direction)
        return self._slopes[t]

    def found(self, t: float) -> Found:
        """Return what there is at t; its gradient is most often the one computed last."""
        if self._latest[0] != t:
            self._latest = (t, height_and_slope(self.problem, self.at(t))[1])
        return Found(t, self.at(t), self.value(t), self._latest[1])

    def flattens(self, t: float) -> bool:
        """Tell whether the slope at t is small enough."""
        return abs(self.slope(t)) <= FLATTER * abs(self.first_slope)

    def decreases(self, t: float) -> bool:
        """Tell whether f at t is small enough."""
        return self.value(t) <= self.start + SUFFICIENT * t * self.first_slope

    def lowest(self) -> float | None:
        """Return the best t that was looked at and decreases f enough; None where none does."""
        enough = [t for t in self._values if t > 0 and self.decreases(t)]
        return min(enough, key=self.value, default=None)


@dataclass
class Found:
    """What a line search found: how far, where, f and its gradient there. ``rate`` 0: nowhere."""

    rate: float
    x: Vector
    value: float
    gradient: Vector


def search(problem: Problem, x: Vector, value: float, gradient: Vector, direction: Vector) -> Found:
    """Return how far to go along a direction of descent.

    The full step, where it fulfils the conditions; else SciPy's strong Wolfe search, up to ten
    times the step; where that fails, the best that it looked at; then the first of ½, ¼, ⅛ … that
    decreases f enough; where none does, no step.

    Args:
        problem: f.
        x: the point.
        value: f(x).
        gradient: ∇f(x).
        direction: p, with ∇f(x)ᵀp < 0.

    Raises:
        ImportError: where SciPy is missing.
    """
    wolfe = scipy_part("optimize").line_search
    ray = Ray(problem, x, value, gradient, direction)
    if not ray.first_slope < 0:
        return ray.found(0.0)
    ray.slope(1.0)  # most often the full step is taken, and this look serves for its value too
    enough = ray.decreases(1.0) or ray.value(1.0) <= value + rounding(problem, value)
    if enough and ray.flattens(1.0):
        return ray.found(1.0)
    rate = _wolfe(wolfe, ray)
    if rate is None or not ray.value(rate) < value:
        rate = ray.lowest()
    if rate is None:
        rate = next((t for t in (0.5**k for k in range(HALVINGS)) if ray.decreases(t)), 0.0)
    return ray.found(rate)


def _wolfe(line_search: Any, ray: Ray) -> float | None:
    """SciPy's search, on the function of t alone."""
    start, unit = np.zeros(1), np.ones(1)
    slope = np.array([ray.first_slope])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # it warns where it finds nothing, which the result says
        found = line_search(
            ray.value, lambda t: np.array([ray.slope(t)]), start, unit,
            gfk=slope, old_fval=ray.start, c1=SUFFICIENT, c2=FLATTER, amax=LONGEST, maxiter=20,
        )[0]  # fmt: skip
    return None if found is None or not found > 0 else float(found)
