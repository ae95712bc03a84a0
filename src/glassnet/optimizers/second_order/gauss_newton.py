"""Gauss-Newton and Levenberg-Marquardt: curvature from how the outputs move, which is never < 0.

For a loss L of outputs z(x), J = ∂z/∂x, the Hessian is ``Jᵀ (∂²L/∂z²) J + Σ ∂L/∂zᵢ ∂²zᵢ/∂x²``. The
first part is G; it needs no second derivative of the network. Where L is convex in z (squares,
cross-entropies) G has no negative eigenvalue, so a step ``-(G + λ D)⁻¹ g`` with λ > 0 goes down.
The second part is small where the ∂L/∂zᵢ (the residuals) are small or z is nearly linear.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.checks import number, one_of, whole
from glassnet.graph.variable import Variable
from glassnet.objective import Problem
from glassnet.optimizers.base import OPTIMIZERS
from glassnet.optimizers.second_order.base import Move, SecondOrder
from glassnet.optimizers.second_order.damped import (
    MATRIX_LIMIT,
    MatrixSystem,
    ProductSystem,
    System,
)
from glassnet.optimizers.second_order.looking import height, look, precision, rounding

Vector = np.ndarray

NOT_CONVEX = (
    "the loss is not convex in the outputs of the network: negative curvature was taken as none"
)
AT_ROUNDING = "the decrease still to be had is below the rounding of the loss; no step was taken"


class _Damped(SecondOrder):
    """The base of methods that solve ``(G + λ D) p = -g``."""

    def __init__(
        self, learning_rate: Any, solver: str, cg_tolerance: float, cg_steps: int, name: str | None
    ) -> None:
        super().__init__(learning_rate, name=name)
        what = type(self).__name__
        self.solver = one_of(solver, ("auto", "matrix", "cg"), f"{what}: solver")
        self.cg_tolerance = number(cg_tolerance, f"{what}: cg_tolerance", above=0, most=1)
        self.cg_steps = whole(cg_steps, f"{what}: cg_steps", least=1)

    def by_matrix(self, problem: Problem) -> bool:
        """Tell whether G is made, rather than multiplied with."""
        if self.solver == "auto":
            return problem.size <= MATRIX_LIMIT
        return self.solver == "matrix"

    def check(self, problem: Problem) -> None:
        """Raise where there are no outputs of which the loss is a function."""
        if not problem.has_outputs:
            raise ValueError(
                f"{type(self).__name__} needs a loss of outputs: a network, or a function that "
                "gives the vector of residuals r(x), which stands for ½ ‖r(x)‖². This function "
                "gives a single number; use Newton, NewtonCG or LBFGS for it."
            )

    def products(self, problem: Problem, x: Vector) -> ProductSystem:
        """Return the system by products."""
        return ProductSystem(problem, x, self.cg_tolerance, self.cg_steps)


@OPTIMIZERS.add("gaussnewton")
class GaussNewton(_Damped):
    """``w ← w - η (G + λ I)⁻¹ g``, with ``G = Jᵀ (∂²L/∂z²) J``: least squares and cross-entropies.

    With λ = 0 one step solves linear least squares. Where the loss would not go down, the step is
    halved until it does (by at least 10⁻⁴ of what the slope promised).

    Memory and time, for n weights: by matrix, 3 n² numbers, and n products with G (each about two
    gradients) and 10 n³ operations a step. By conjugate gradients, 5 n numbers and one product for
    each of their steps.

    Args:
        learning_rate: η, the step that is tried first.
        damping: λ, in the scale of G. It keeps steps short where G is nearly singular, as it is
            for networks with more weights than examples.
        backtracking: whether to look if the loss goes down; without, each step is taken as it is.
        solver: ``"matrix"`` makes G, ``"cg"`` uses products and conjugate gradients; ``"auto"``
            makes it for up to 500 weights.
        cg_tolerance: conjugate gradients end when the residual is so much shorter than g.
        cg_steps: how many of their steps are made at most.
        name: a name, in front of the names of its variables.

    Raises:
        ValueError: in training, for a function that gives a single number.

    Sources: J. Nocedal, S. Wright, "Numerical optimization", 2nd edition, 2006, section 10.3;
    N. Schraudolph, "Fast curvature matrix-vector products", Neural Computation 14, 2002;
    J. Martens, "Deep learning via Hessian-free optimization", ICML 2010.

    >>> import numpy as np, glassnet as gn
    >>> from glassnet.objective import Objective
    >>> t = np.array([0.0, 1.0, 2.0])
    >>> line = Objective.of(lambda w: w[0] + w[1] * t - np.array([1.0, 3.0, 5.0]), np.zeros(2))
    >>> move = gn.optimizers.GaussNewton(damping=0.0).move(line.at(), np.zeros(2))
    >>> move.x.round(6).tolist()
    [1.0, 2.0]
    """

    def __init__(
        self,
        learning_rate: Any = 1.0,
        damping: float = 1e-3,
        backtracking: bool = True,
        solver: str = "auto",
        cg_tolerance: float = 1e-3,
        cg_steps: int = 100,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(learning_rate, solver, cg_tolerance, cg_steps, name)
        self.damping = number(damping, "GaussNewton: damping", least=0)
        self.backtracking = bool(backtracking)

    def system(self, problem: Problem, x: Vector) -> System:
        """Return the system at ``x``."""
        if not self.by_matrix(problem):
            return self.products(problem, x)
        return MatrixSystem(problem.gauss_newton(x), np.ones(problem.size), precision(problem))

    def move(self, problem: Problem, x: Vector) -> Move:
        self.check(problem)
        before, g = look(problem, x, "GaussNewton")
        system = self.system(problem, x)
        p, curved = system.solve(g, self.damping)
        move = Move(x, before, before, float(np.linalg.norm(g)), damping=self.damping)
        move.eigenvalues = system.eigenvalues
        if system.negative:
            move.notes.append(NOT_CONVEX)
        self._along(problem, x, move, p, float(g @ p), curved)
        return move

    def _along(
        self, problem: Problem, x: Vector, move: Move, p: Vector, slope: float, curved: float
    ) -> None:
        """Take the first of the steps η p, η p / 2, … by which the loss goes down."""
        move.rate = first = self.rate()
        room = rounding(problem, move.before)
        for _ in range(_HALVINGS):
            after = height(problem, x + move.rate * p)
            move.predicted = -move.rate * slope - move.rate**2 * curved / 2
            enough = after <= move.before + 1e-4 * move.rate * slope
            at_rounding = -move.rate * slope <= room and after <= move.before
            if enough or at_rounding or not self.backtracking:
                move.x, move.after = x + move.rate * p, after
                if move.rate < first:
                    move.notes.append(
                        f"the whole step would climb; {move.rate:.3g} of it was taken"
                    )
                return
            move.rate /= 2
        move.rate, move.predicted = 0.0, 0.0
        move.notes.append("no smaller value was found along the step; it was not taken")


_HALVINGS = 40
"""After these a step is shorter than the rounding of what it is added to."""


@OPTIMIZERS.add("levenbergmarquardt")
class LevenbergMarquardt(_Damped):
    """``w ← w - η (G + λ D)⁻¹ g``, λ adapted: Gauss-Newton near the goal, short steps far away.

    After each try of a step p the gain compares the decrease that came with the one promised,
    ``ρ = (f(w) - f(w + p)) / (-gᵀp - ½ pᵀ G p)``::

        ρ > 0:  take the step,  λ ← λ max(⅓, 1 - (2ρ - 1)³)
        else:   try again with  λ ← λ ν,  ν ← 2 ν             (ν = 2 at first)

    One step of training makes as many tries as it takes, up to ``tries``. λ is kept as a variable
    of the optimizer, so training that was saved goes on as it would have.

    Memory and time as for `GaussNewton`; by matrix, each further try costs n² operations and one
    look at the loss.

    Args:
        learning_rate: η, what steps are multiplied by.
        initial_damping: the first λ, in parts of the largest eigenvalue of G (in the scale of D).
            1 begins like gradient descent, which suits random weights; 1e-3 a good first guess.
        scaling: D. ``"identity"`` treats all weights alike. ``"marquardt"`` takes the diagonal of
            G, its largest values so far (after Moré), which makes steps the same in whatever units
            each weight is measured: for the parameters of a formula. It needs the matrix.
        tries: how many λ are tried in one step.
        solver: ``"matrix"`` makes G, ``"cg"`` uses products and conjugate gradients; ``"auto"``
            makes it for up to 500 weights.
        cg_tolerance: conjugate gradients end when the residual is so much shorter than g.
        cg_steps: how many of their steps are made at most.
        name: a name, in front of the names of its variables.

    Raises:
        ValueError: in training, for a function that gives a single number, or where Marquardt's
            scaling meets a network too large for the matrix.

    Sources: K. Levenberg, "A method for the solution of certain non-linear problems in least
    squares", 1944; D. Marquardt, "An algorithm for least-squares estimation of nonlinear
    parameters", 1963; H. Nielsen, "Damping parameter in Marquardt's method", 1999; K. Madsen,
    H. Nielsen, O. Tingleff, "Methods for non-linear least squares problems", 2nd edition, 2004,
    section 3.2; J. Moré, "The Levenberg-Marquardt algorithm: implementation and theory", 1978.

    >>> import numpy as np, glassnet as gn
    >>> from glassnet.objective import Objective
    >>> valley = Objective.of(  # Rosenbrock's function, as a sum of two squares
    ...     lambda w: np.stack([10 * (w[1] - w[0] ** 2), 1 - w[0]]), np.zeros(2)
    ... )
    >>> optimizer, w = gn.optimizers.LevenbergMarquardt(), np.array([-1.2, 1.0])
    >>> for _ in range(25):
    ...     move = optimizer.move(valley.at(), w)
    ...     optimizer.finished(move)
    ...     w = move.x
    >>> w.round(6).tolist()
    [1.0, 1.0]
    """

    def __init__(
        self,
        learning_rate: Any = 1.0,
        initial_damping: float = 1.0,
        scaling: str = "identity",
        tries: int = 20,
        solver: str = "auto",
        cg_tolerance: float = 1e-3,
        cg_steps: int = 100,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(learning_rate, solver, cg_tolerance, cg_steps, name)
        what = "LevenbergMarquardt"
        self.initial_damping = number(initial_damping, f"{what}: initial_damping", above=0)
        self.scaling = one_of(scaling, ("identity", "marquardt"), f"{what}: scaling")
        self.tries = whole(tries, f"{what}: tries", least=1)
        # 0 says that no step was made yet.
        self._damping = self.add_variable((), "zeros", "float64", name="damping")
        self._diagonal: Variable | None = None

    def remember(self, size: int) -> None:
        """Make the state that is as large as the weights are."""
        if self.scaling == "marquardt" and self._diagonal is None:
            self._diagonal = self.add_variable((size,), "zeros", "float64", name="diagonal")

    @property
    def damping(self) -> float:
        """λ now; 0 before the first step."""
        return float(self._damping.value)

    def system(self, problem: Problem, x: Vector, move: Move) -> System:
        """Return the system at ``x``; note the scale for the next one in the move."""
        if not self.by_matrix(problem):
            if self.scaling == "marquardt":
                raise ValueError(
                    f"LevenbergMarquardt: scaling='marquardt' needs the diagonal of a matrix of "
                    f"{problem.size} × {problem.size} numbers, which is not made here (solver="
                    f"{self.solver!r}). Write scaling='identity', or solver='matrix'."
                )
            return self.products(problem, x)
        matrix, scale = problem.gauss_newton(x), np.ones(problem.size)
        self.remember(problem.size)
        if self._diagonal is not None:
            largest = np.maximum(self._diagonal.value, np.diag(matrix))
            move.state[self._diagonal] = largest
            scale = np.where(largest > 0, largest, 1)
        return MatrixSystem(matrix, scale, precision(problem))

    def move(self, problem: Problem, x: Vector) -> Move:
        self.check(problem)
        before, g = look(problem, x, "LevenbergMarquardt")
        move = Move(x, before, before, float(np.linalg.norm(g)), rate=self.rate())
        system = self.system(problem, x, move)
        move.eigenvalues = system.eigenvalues
        largest = system.largest or 1.0  # of a loss like |z| G is 0: the step is the gradient's
        # Below the rounding of G a λ says nothing.
        least = max(precision(problem) * largest, _SMALLEST)
        damping = max(self.damping or self.initial_damping * largest, least)
        self._try(problem, g, system, move, damping)
        if system.negative:
            move.notes.append(NOT_CONVEX)
        return move

    def _try(self, problem: Problem, g: Vector, system: System, move: Move, damping: float) -> None:
        """Try one λ after the other until a step goes down.

        Where none does, λ was not at fault, and the next step begins with the same.
        """
        x, move.damping, growth = move.x, damping, 2.0
        for refused in range(self.tries):
            p, curved = system.solve(g, damping)
            step = move.rate * p
            move.predicted = -float(g @ step) - move.rate**2 * curved / 2
            after = height(problem, x + step)
            if move.predicted <= rounding(problem, move.before):
                self._last(problem, x + step, after, g, system, move)
                return
            gain = (move.before - after) / move.predicted
            if gain > 0:
                move.x, move.after, move.damping = x + step, after, damping
                falls = max(1 / 3, 1 - (2 * gain - 1) ** 3)
                move.state[self._damping] = damping * falls
                if refused:
                    move.notes.append(_refused(refused))
                return
            damping, growth = damping * growth, growth * 2
        move.predicted = 0.0
        move.notes.append(f"{_refused(self.tries)}, and no step was taken")

    def _last(
        self, problem: Problem, to: Vector, after: float, g: Vector, system: System, move: Move
    ) -> None:
        """Where values of f can't tell a better point any more, the gradient still can."""
        if after <= move.before + rounding(problem, move.before) and np.any(to != move.x):
            with np.errstate(all="ignore"):
                shorter = problem.gradient(to)
            if system.length(shorter) < system.length(g):
                move.x, move.after = to, after
                return
        move.predicted = 0.0
        move.notes.append(AT_ROUNDING)


def _refused(count: int) -> str:
    steps = "1 longer step" if count == 1 else f"{count} longer steps"
    return f"{steps} would have climbed: the damping was raised"


_SMALLEST = 1e-300
"""A λ above 0 where G is 0, so that it can grow."""
