"""Minima of plain functions: every optimizer of the library, on f(x).

>>> import glassnet as gn
>>> valley = lambda x: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
>>> gn.minimize(valley, [-1.2, 1.0], method="newton").x.round(6).tolist()
[1.0, 1.0]
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from glassnet.checks import number, whole
from glassnet.graph.recording import as_tensor
from glassnet.graph.tensor import Tensor
from glassnet.graph.variable import Variable
from glassnet.minimization.points import shown, start_of
from glassnet.objective import Objective, Problem
from glassnet.optimizers import OPTIMIZERS, Optimizer
from glassnet.optimizers.second_order import Move, SecondOrder
from glassnet.optimizers.second_order.telling import told
from glassnet.schedules import LearningRateSchedule

Function = Callable[..., Any]
Vector = np.ndarray

LENGTH = 1e12
"""How far a minimisation goes before it counts as running away."""
PATIENCE = 5
"""After how many steps of a second-order method that led nowhere a minimisation ends."""
OTHER_NAMES = {"gradient_descent": "sgd"}


@dataclass
class Minimum:
    """What a minimisation found, and how it got there.

    Args:
        x: the last point, in the shape of the start.
        value: f there.
        gradient: ∇f there.
        converged: whether the gradient became as short as ``tolerance`` asks.
        message: why it stopped.
        path: all points, the start first: (steps + 1, …).
        values: f at each.
        slopes: ‖∇f‖ at each.
        counts: how often value, gradient and products with the curvature were computed.
        moves: what a second-order method tells of each step; empty for the others.
        problem: f, as the methods saw it.
    """

    x: np.ndarray
    value: float
    gradient: np.ndarray
    converged: bool
    message: str
    path: np.ndarray
    values: np.ndarray
    slopes: np.ndarray
    counts: Mapping[str, int]
    moves: list[Move]
    problem: Problem

    @property
    def steps(self) -> int:
        """The number of steps taken."""
        return len(self.path) - 1

    @cached_property
    def eigenvalues(self) -> np.ndarray:
        """Those of the Hessian at the last point, sorted; computed when asked for."""
        return np.linalg.eigvalsh(self.problem.hessian(self.x.ravel()))

    @property
    def kind(self) -> str:
        """What the last point is by its curvature, if the gradient vanishes there.

        ``"minimum"``, ``"maximum"`` or ``"saddle"``; ``"flat"`` where a direction has no curvature
        and no two have curvature of different signs, so that only higher derivatives decide.
        """
        bound = np.sqrt(np.finfo(float).eps) * float(np.abs(self.eigenvalues).max())
        up, down = bool((self.eigenvalues > bound).any()), bool((self.eigenvalues < -bound).any())
        if up and down:
            return "saddle"
        if (np.abs(self.eigenvalues) <= bound).any():
            return "flat"
        return "minimum" if up else "maximum"

    def __repr__(self) -> str:
        return (
            f"<Minimum value={self.value:.6g} at x={shown(self.x)}, {self.steps} steps, "
            f"converged={self.converged}: {self.message}>"
        )


class _Remembering(Problem):
    """A problem that computes value and gradient at a point once, where they are asked for twice.

    The end of one step is the start of the next, and that is where convergence is judged.
    """

    def __init__(self, objective: Objective) -> None:
        super().__init__(objective, ())
        self._last: tuple[bytes, float, Vector] | None = None

    def value_and_gradient(self, x: Vector) -> tuple[float, Vector]:
        key = np.ascontiguousarray(x).tobytes()
        if self._last is None or self._last[0] != key:
            self._last = (key, *super().value_and_gradient(x))
        return self._last[1], self._last[2]


class _FirstOrder:
    """An optimizer that sees gradients alone, on the vector x."""

    def __init__(self, optimizer: Optimizer, x: Vector) -> None:
        self.optimizer = optimizer
        self.variable = Variable(x, dtype="float64", name="x")
        self.variable.path = "x"

    def __call__(self, problem: Problem, x: Vector) -> Vector:
        _, gradient = problem.value_and_gradient(x)
        self.variable.assign(x)
        self.optimizer.apply([gradient], [self.variable])
        return self.variable.value.copy()


def minimize(
    f: Function,
    x0: Any,
    method: str | Optimizer = "newton",
    *,
    max_steps: int = 1000,
    tolerance: float = 1e-8,
    verbose: int = 0,
    args: Sequence[Any] = (),
    **options: Any,
) -> Minimum:
    """Return the minimum of f that ``xₖ₊₁ = xₖ + step(f, xₖ)`` leads to from ``x0``.

    Args:
        f: a function of one array (or number), written with NumPy's functions, that gives a
            number; or an array r of residuals, which stands for the least squares ½ ‖r‖².
        x0: where to start.
        method: an optimizer: its name (``"newton"``, ``"newton_cg"``, ``"saddle_free_newton"``,
            ``"lbfgs"``, ``"levenberg_marquardt"``, ``"adam"`` …; ``"gradient_descent"`` is
            ``"sgd"``) or the object.
        max_steps: after how many steps to stop.
        tolerance: how short the gradient must become: ‖∇f‖ ≤ tolerance.
        verbose: 1 prints a line a step, 2 what second-order methods have to tell as well.
        args: further arguments of f, arrays or numbers.
        options: arguments of the optimizer, say ``learning_rate=0.1``.

    Raises:
        ValueError: where f gives no number, or the method is unknown.
        FloatingPointError: where f or its derivatives are not finite at the start.

    >>> import numpy as np, glassnet as gn
    >>> found = gn.minimize(lambda x: np.exp(x) - 2 * x, 0.0)
    >>> found.converged, round(float(found.x), 9) == round(float(np.log(2)), 9)
    (True, True)
    """
    whole(max_steps, "minimize: max_steps", least=0)
    number(tolerance, "minimize: tolerance", least=0)
    start = start_of(x0)
    optimizer = _method(method, options)
    objective = Objective.of(f, start, args)
    run = _Run(_Remembering(objective), optimizer, start, tolerance, verbose)
    message = run.go(max_steps)
    return run.result(message)


def gradient_descent(
    f: Function,
    x0: Any,
    learning_rate: float = 0.1,
    steps: int = 100,
    *,
    tolerance: float = 0.0,
    verbose: int = 0,
    args: Sequence[Any] = (),
) -> Minimum:
    """Return where ``x ← x - η ∇f(x)`` leads in so many steps.

    Near a minimum with the curvatures λ it converges for 0 < η < 2 / λmax, and the slowest
    direction shrinks by |1 - η λ| a step; above that it runs away.

    Args:
        f: a function of one array (or number) that gives a number.
        x0: where to start.
        learning_rate: η.
        steps: how many steps.
        tolerance: stops early where ‖∇f‖ is as short as this.
        verbose: 1 prints a line a step.
        args: further arguments of f.

    Source: A. Cauchy, "Méthode générale pour la résolution des systèmes d'équations
    simultanées", Comptes rendus 25, 1847.

    >>> import glassnet as gn
    >>> gn.gradient_descent(lambda x: x**2, 1.0, learning_rate=0.25, steps=3).path.tolist()
    [1.0, 0.5, 0.25, 0.125]
    """
    return minimize(
        f, x0, "sgd", learning_rate=number(learning_rate, "gradient_descent: learning_rate"),
        max_steps=steps, tolerance=tolerance, verbose=verbose, args=args,
    )  # fmt: skip


class _Run:
    """One minimisation under way."""

    def __init__(
        self,
        problem: _Remembering,
        optimizer: Optimizer,
        start: np.ndarray,
        tolerance: float,
        verbose: int,
    ) -> None:
        self.problem, self.optimizer, self.shape = problem, optimizer, start.shape
        self.tolerance, self.verbose = tolerance, verbose
        self.path = [start.ravel()]
        self.values: list[float] = []
        self.slopes: list[float] = []
        self.moves: list[Move] = []
        self.converged = False
        self._first: _FirstOrder | None = None
        if isinstance(optimizer, SecondOrder):
            optimizer.build([Variable(start, dtype="float64", name="x")])
        else:
            self._first = _FirstOrder(optimizer, start.ravel())

    def go(self, most: int) -> str:
        """Take steps; return why they ended."""
        if not self._look(self.path[0]):
            raise FloatingPointError(
                f"minimize: f or its gradient is not finite at the start {shown(self._now())}: "
                f"f = {self.values[0]:g}. Start elsewhere."
            )
        for _ in range(most):
            if self._arrived():
                break
            if self._stuck():
                return f"no step leads further down from here, with {self._slope_told()}"
            x = self._step(self.path[-1])
            if not self._look(x):
                return f"step {len(self.path)} led to where f or its gradient is not finite"
            self.path.append(x)
            if np.abs(x).max() > LENGTH:
                return "x runs away: a smaller learning rate, or f has no minimum there"
        if self._arrived():
            told = f"{self._slope_told()} is at most the tolerance {self.tolerance:g}"
            known = self.moves[-1].eigenvalues if self.moves else None
            if known is not None and known[0] < -1e-8 * np.abs(known).max():
                told += "; the curvature was negative on the way, see kind: minimum or saddle"
            return told
        return f"stopped after {most} steps with {self._slope_told()}"

    def _slope_told(self) -> str:
        return f"‖∇f‖ = {self.slopes[-1]:.3g}"

    def _look(self, x: Vector) -> bool:
        """Note f and ∇f at a point; False where they are not finite, which later points are not."""
        with np.errstate(all="ignore"):
            value, gradient = self.problem.value_and_gradient(x)
            slope = float(np.linalg.norm(gradient))
        finite = bool(np.isfinite(value) and np.isfinite(slope) and np.isfinite(x).all())
        if finite or not self.values:
            self.values.append(value)
            self.slopes.append(slope)
            self._tell()
        return finite

    def _step(self, x: Vector) -> Vector:
        if self._first is not None:
            return self._first(self.problem, x)
        assert isinstance(self.optimizer, SecondOrder)
        move = self.optimizer.move(self.problem, x)
        self.optimizer.finished(move)
        self.moves.append(move)
        return np.asarray(move.x, dtype=np.float64)

    def _arrived(self) -> bool:
        """Whether the gradient is short enough, and stays so where a method may step off a saddle.

        At a saddle the gradient vanishes as it does at a minimum.
        """
        short = [slope <= self.tolerance for slope in self.slopes[-2:]]
        leaves = isinstance(self.optimizer, SecondOrder) and self.optimizer.leaves_saddles
        self.converged = short[-1] and (not leaves or (len(short) == 2 and short[0]))
        return self.converged

    def _stuck(self) -> bool:
        """Whether the last steps of a method led nowhere."""
        last = self.path[-PATIENCE - 1 :]
        return (
            self._first is None
            and len(last) > PATIENCE
            and all(np.array_equal(x, last[-1]) for x in last)
        )

    def _now(self) -> np.ndarray:
        return self.path[-1].reshape(self.shape)

    def _tell(self) -> None:
        if not self.verbose:
            return
        step = len(self.values) - 1
        print(f"step {step:4d}   f = {self.values[-1]: .10g}   ‖∇f‖ = {self.slopes[-1]:.3e}")
        if self.verbose > 1 and self.moves:
            print(textwrap.indent(told(self.moves[-1]), "            "))

    def result(self, message: str) -> Minimum:
        """Return what was found."""
        x = self._now()
        _, gradient = self.problem.value_and_gradient(self.path[-1])
        path = np.stack(self.path).reshape(len(self.path), *self.shape)
        return Minimum(
            x, self.values[-1], gradient.reshape(self.shape), self.converged, message, path,
            np.array(self.values), np.array(self.slopes), dict(self.problem.counts), self.moves,
            self.problem,
        )  # fmt: skip


# --- what was asked for -----------------------------------------------------------------------
class _Exactly(LearningRateSchedule):
    """A learning rate in float64; a variable would hold it in the library's float type."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def __call__(self, step: Any) -> Tensor:
        return as_tensor(self.rate, "float64")


def _method(method: str | Optimizer, options: dict[str, Any]) -> Optimizer:
    """The optimizer by its name and options, or as it is; one that has worked begins anew."""
    if isinstance(method, Optimizer):
        if options:
            raise TypeError(
                f"minimize: {', '.join(sorted(options))} belong to the optimizer: write "
                f"method={type(method).__name__}({', '.join(f'{o}=…' for o in sorted(options))})."
            )
        return type(method).from_config(method.get_config()) if method.built else method
    if not isinstance(method, str):
        raise TypeError(f"minimize: method: expected an optimizer or its name; got {method!r}.")
    cls = OPTIMIZERS.find(OTHER_NAMES.get(method, method))
    given = inspect.signature(cls).parameters["learning_rate"].default
    rate = options.get("learning_rate", given)
    exact = isinstance(rate, (int, float, np.number)) and not isinstance(rate, bool)
    return cls(**{**options, "learning_rate": _Exactly(float(rate)) if exact else rate})
