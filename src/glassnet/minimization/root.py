"""Roots of plain functions, by Newton's method."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.calculus import jacobian
from glassnet.checks import number, whole
from glassnet.engines import Program
from glassnet.graph.dimension import display
from glassnet.graph.recording import as_tensor, recording
from glassnet.graph.tensor import Placeholder
from glassnet.minimization.points import shown, start_of

Function = Callable[..., Any]


@dataclass
class Root:
    """What Newton's method for roots found, and how fast it got there.

    Args:
        x: the last point, in the shape of the start.
        residual: f there.
        converged: whether the last step was as short as ``tolerance`` asks.
        message: why it stopped.
        path: all points, the start first.
        residuals: ‖f‖ at each.
        errors: ‖xₖ - x‖: how far each was from the last. Near a simple root each is about the
            square of the one before, times a constant, until rounding sets in.
    """

    x: np.ndarray
    residual: np.ndarray
    converged: bool
    message: str
    path: np.ndarray
    residuals: np.ndarray
    errors: np.ndarray

    @property
    def steps(self) -> int:
        """The number of steps taken."""
        return len(self.path) - 1

    def table(self) -> str:
        """Return a line a step: the point, ‖f‖, the error, the error over the last one's square."""
        lines = [f"{'step':>4}  {'‖f(x)‖':>10}  {'error e':>10}  {'e / (last e)²':>13}  x"]
        for k, (x, size, error) in enumerate(
            zip(self.path, self.residuals, self.errors, strict=True)
        ):
            square = self.errors[k - 1] ** 2 if k else 0.0
            ratio = f"{error / square:.4g}" if square > 0 and error > 0 else ""
            point = f"{x:.16g}" if x.ndim == 0 else shown(x)
            lines.append(f"{k:4d}  {size:10.3e}  {error:10.3e}  {ratio:>13}  {point}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return (
            f"<Root x={shown(self.x)}, {self.steps} steps, converged={self.converged}: "
            f"{self.message}>"
        )


def newton_root(
    f: Function,
    x0: Any,
    *,
    max_steps: int = 50,
    tolerance: float = 1e-12,
    verbose: int = 0,
    args: Sequence[Any] = (),
) -> Root:
    """Return a root of f by ``x ← x - f(x) / f'(x)``, or ``x ← x - J(x)⁻¹ f(x)`` for a system.

    The tangent is followed to where it meets 0. Near a simple root the error squares in each
    step, so that the number of right digits doubles; at a root of higher order it only shrinks by
    a constant factor. Far from a root the steps may lead anywhere.

    Args:
        f: a function of one number that gives a number, or of an array that gives as many numbers.
        x0: where to start.
        max_steps: after how many steps to stop.
        tolerance: how short the last step must be, beside max(1, ‖x‖).
        verbose: 1 prints the table of the steps.
        args: further arguments of f.

    Raises:
        ValueError: where f does not give as many numbers as it takes.
        ZeroDivisionError: where the derivative is 0 or the Jacobian singular.
        FloatingPointError: where f or its derivative is not finite.

    Source: J. Nocedal, S. Wright, "Numerical optimization", 2nd ed., 2006, section 11.1.

    >>> import glassnet as gn
    >>> found = gn.newton_root(lambda x: x**2 - 2, 1.0)
    >>> float(found.x), found.errors[:5].round(6).tolist()
    (1.414213562373095, [0.414214, 0.085786, 0.002453, 2e-06, 0.0])
    """
    whole(max_steps, "newton_root: max_steps", least=0)
    number(tolerance, "newton_root: tolerance", least=0)
    x = start_of(x0)
    tangent = _tangent(f, x, args)
    path, values = [x], [tangent(x)[0]]
    converged = not values[0].any()
    while not converged and len(path) <= max_steps:
        value, slopes = tangent(x)
        step = _solved(slopes, value, x)
        x = x - step
        path.append(x)
        values.append(tangent(x)[0])
        length = float(np.linalg.norm(step))
        converged = length <= tolerance * max(1.0, float(np.linalg.norm(x)))
        converged = converged or not values[-1].any()
    message = (
        f"the last step was at most the tolerance {tolerance:g}"
        if converged
        else f"no root was found in {max_steps} steps; start elsewhere, or there is none"
    )
    root = _root(path, values, converged, message)
    if verbose:
        print(root.table())
    return root


def _tangent(
    f: Function, start: np.ndarray, args: Sequence[Any]
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The function that gives f(x) and its Jacobian as a square matrix."""
    point = Placeholder(start.shape, start.dtype, name="x")
    with recording():
        value = as_tensor(f(point, *args)).astype(start.dtype)
        if value.size != start.size:
            raise ValueError(
                f"newton_root: f takes {start.size} numbers and gives {value.size} (shape "
                f"{display(value.shape)}); as many are needed. For a minimum take gn.minimize."
            )
        slopes = jacobian(lambda x: as_tensor(f(x, *args)).astype(start.dtype))(point)
    program = Program([point], [value, slopes])

    def at(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with np.errstate(all="ignore"):
            value, slopes = program.run(x)
        if not (np.isfinite(value).all() and np.isfinite(slopes).all()):
            raise FloatingPointError(
                f"newton_root: f or its derivative is not finite at x = {shown(x)}. Start nearer "
                "to the root."
            )
        return np.asarray(value), np.asarray(slopes).reshape(start.size, start.size)

    return at


def _solved(slopes: np.ndarray, value: np.ndarray, x: np.ndarray) -> np.ndarray:
    """J⁻¹ f, in the shape of x."""
    try:
        return np.linalg.solve(slopes, value.ravel()).reshape(x.shape)
    except np.linalg.LinAlgError as error:
        what = "derivative is 0" if x.size == 1 else "Jacobian is singular"
        raise ZeroDivisionError(
            f"newton_root: the {what} at x = {shown(x)}: the tangent meets 0 nowhere. Start "
            "elsewhere."
        ) from error


def _root(path: list[np.ndarray], values: list[np.ndarray], converged: bool, message: str) -> Root:
    points = np.stack(path)
    errors = np.linalg.norm((points - points[-1]).reshape(len(path), -1), axis=1)
    sizes = np.array([float(np.linalg.norm(v)) for v in values])
    return Root(points[-1], values[-1], converged, message, points, sizes, errors)
