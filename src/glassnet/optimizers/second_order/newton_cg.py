"""Newton's method without a Hessian: its products with vectors are enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.checks import number, whole
from glassnet.objective import Problem
from glassnet.optimizers.base import OPTIMIZERS
from glassnet.optimizers.second_order.base import Move, SecondOrder, Vector
from glassnet.optimizers.second_order.line_search import search
from glassnet.optimizers.second_order.looking import height, look, precision
from glassnet.optimizers.second_order.newton import curvature_not_finite


@dataclass
class _Solved:
    """An inexact Newton step: p, pᵀ(H + damping I) p, the number of products it took.

    ``negative`` is dᵀHd / dᵀd of the direction d at which negative curvature was met, else None.
    """

    step: Vector
    curved: float
    products: int
    negative: float | None = None


@OPTIMIZERS.add("newtoncg")
class NewtonCG(SecondOrder):
    """``w ← w + η p`` with ``H p ≈ -g``, solved by conjugate gradients from products H d.

    The equation is solved only as well as is worth while, the better the nearer the minimum::

        ‖H p + g‖ ≤ min(½, √‖g‖) ‖g‖

    which converges faster than linearly. The directions d of the conjugate gradients probe the
    curvature: where dᵀHd < 0 the parabola has no minimum along d. There the solution stops, and
    the part of the step along d is reflected, |rᵀr / dᵀHd| d, so that it goes down.

    Memory: 5 vectors of the size of the weights. Time of a step: up to ``max_products`` products
    with H, each about as dear as two gradients, and the line search.

    Args:
        learning_rate: η, the length of the first step that is tried.
        damping: is added to the curvature: H + damping · I.
        max_products: after how many products with H a step is taken as it is.
        line_search: whether the step is adapted until it meets the strong Wolfe conditions, which
            needs SciPy.
        name: its name.

    Sources: J. Nocedal, S. Wright, "Numerical optimization", 2nd ed., 2006, algorithm 7.1.
    T. Steihaug, "The conjugate gradient method and trust regions in large scale optimization",
    SIAM Journal on Numerical Analysis 20, 1983. J. Martens, "Deep learning via Hessian-free
    optimization", ICML 2010.

    >>> import glassnet as gn
    >>> rosenbrock = lambda w: (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2
    >>> found = gn.minimize(rosenbrock, [-1.2, 1.0], "newton_cg")
    >>> found.converged, found.x.round(6).tolist()
    (True, [1.0, 1.0])
    """

    def __init__(
        self,
        learning_rate: Any = 1.0,
        damping: float = 0.0,
        max_products: int = 250,
        line_search: bool = True,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(learning_rate, name=name)
        self.damping = number(damping, "NewtonCG: damping", least=0)
        self.max_products = whole(max_products, "NewtonCG: max_products", least=1)
        self.line_search = bool(line_search)

    def move(self, problem: Problem, x: Vector) -> Move:
        value, gradient = look(problem, x, "NewtonCG")
        slope = float(np.linalg.norm(gradient))
        move = Move(x, value, value, slope, 0.0, damping=self.damping or None)
        if slope * slope == 0:  # in conjugate gradients its square divides
            move.notes.append("the gradient is 0: the step is 0 too")
            return move
        solved = self._solve(problem, x, gradient)
        move.notes += _told(solved, self.max_products)
        self._step(problem, gradient, solved, move)
        return move

    def _solve(self, problem: Problem, x: Vector, gradient: Vector) -> _Solved:
        """Conjugate gradients on (H + damping I) p = -g, from p = 0."""
        slope = float(np.linalg.norm(gradient))
        enough = min(0.5, np.sqrt(slope)) * slope
        p, residual = np.zeros_like(x), gradient
        d, curved, largest = -gradient, 0.0, 0.0
        for count in range(1, self.max_products + 1):
            product = problem.product(x, d) + self.damping * d
            bend, squares = float(d @ product), float(residual @ residual)
            share = bend / float(d @ d)
            largest = max(largest, abs(share))
            flat = np.sqrt(precision(problem)) * largest
            if not np.isfinite(share):
                raise curvature_not_finite("NewtonCG")
            if share <= flat:
                if abs(share) <= flat:
                    return _Solved(p if count > 1 else -gradient, curved, count, min(share, 0.0))
                length = squares / -bend
                return _Solved(p + length * d, curved + length**2 * bend, count, share)
            length = squares / bend
            p = p + length * d
            curved += length**2 * bend
            residual = residual + length * product
            rest = float(residual @ residual)
            if np.sqrt(rest) <= enough:
                break
            d = -residual + (rest / squares) * d
        return _Solved(p, curved, count)

    def _step(self, problem: Problem, gradient: Vector, solved: _Solved, move: Move) -> None:
        rate, t = self.rate(), 1.0
        direction = rate * solved.step
        if self.line_search:
            found = search(problem, move.x, move.before, gradient, direction)
            t, move.x, move.after = found.rate, found.x, found.value
            if t == 0:
                move.notes.append("no smaller value was found along the step; it was not taken")
        else:
            move.x = move.x + direction
            move.after = height(problem, move.x)
        move.rate = rate * t
        linear = float(gradient @ solved.step)
        curved = solved.curved - self.damping * float(solved.step @ solved.step)
        move.predicted = -(move.rate * linear + move.rate**2 * curved / 2)


def _told(solved: _Solved, most: int) -> list[str]:
    if solved.negative is None:
        cut = solved.products == most
        end = f", the most that max_products={most} allows" if cut else ""
        return [f"the step took {_products(solved.products)} with the Hessian{end}"]
    if solved.negative == 0:
        return ["no curvature along this direction: the step goes as far as the others were solved"]
    return [
        f"negative curvature along this direction (dᵀHd / dᵀd = {solved.negative:.3g}, met after "
        f"{_products(solved.products)}): the plain Newton step would climb; it was reflected"
    ]


def _products(count: int) -> str:
    return f"{count} product{'s' if count != 1 else ''}"
