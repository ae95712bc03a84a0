"""Looks at a loss from a point: where a step begins it must be finite, where one is tried need not.

A step that is tried may lie where an exponential overflows. That is no error, only a bad step, and
counts as infinitely high.
"""

from __future__ import annotations

import numpy as np

from glassnet.objective import Problem

Vector = np.ndarray


def look(problem: Problem, x: Vector, what: str) -> tuple[float, Vector]:
    """Return f(x) and ∇f(x) where a step begins.

    Args:
        problem: the function.
        x: the point.
        what: who asks, for the error.

    Raises:
        FloatingPointError: where the value or the gradient is not finite.
    """
    value, slope = problem.value_and_gradient(x)
    if np.isfinite(value) and np.isfinite(slope).all():
        return value, slope
    found = f"the value is {value:g}" if not np.isfinite(value) else "the gradient is not finite"
    raise FloatingPointError(
        f"{what}: a step begins where the function and its gradient are finite; here {found}. "
        "Begin at another point, or bring inputs and weights to moderate sizes."
    )


def height(problem: Problem, x: Vector) -> float:
    """Return f(x) where a step is tried; infinity where it is not finite."""
    with np.errstate(all="ignore"):
        value = problem.value(x)
    return value if np.isfinite(value) else np.inf


def height_and_slope(problem: Problem, x: Vector) -> tuple[float, Vector]:
    """Return f(x) and ∇f(x) where a step is tried; infinity where f(x) is not finite."""
    with np.errstate(all="ignore"):
        value, slope = problem.value_and_gradient(x)
    finite = np.isfinite(value) and np.isfinite(slope).all()
    return (value, slope) if finite else (np.inf, slope)


def precision(problem: Problem) -> float:
    """Return the distance of 1 from the next number, in the dtype of the function."""
    return float(np.finfo(problem.objective.loss.dtype).eps)


def rounding(problem: Problem, value: float) -> float:
    """Return how far values of f about ``value`` are apart, with some room for sums."""
    return 4 * precision(problem) * abs(value)


def representable(problem: Problem, x: Vector) -> Vector:
    """Return ``x`` as the weights will hold it: rounded to their dtype."""
    points = problem.objective.points
    parts = zip(problem.split(x), points, strict=True)
    return problem.joined([part.astype(point.dtype) for part, point in parts])
