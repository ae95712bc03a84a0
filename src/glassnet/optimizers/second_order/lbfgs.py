"""L-BFGS: curvature learnt from how the gradient changed over the last steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet.checks import one_of, whole
from glassnet.graph.variable import Variable
from glassnet.objective import Problem
from glassnet.optimizers.base import OPTIMIZERS
from glassnet.optimizers.second_order.base import Move, SecondOrder
from glassnet.optimizers.second_order.line_search import search
from glassnet.optimizers.second_order.looking import look, precision, representable

Vector = np.ndarray


@OPTIMIZERS.add("l_bfgs")
class LBFGS(SecondOrder):
    """``w ← w + α p``, ``p = -H g``: H ≈ (∇²f)⁻¹ from the last steps s and changes of gradient y.

    H is never made. From ``H₀ = (sᵀy / yᵀy) I`` each pair, oldest first, adds what it tells::

        H ← (I - ρ s yᵀ) H (I - ρ y sᵀ) + ρ s sᵀ,    ρ = 1 / sᵀy

    and two loops over the pairs give H g. α is 1 where that fulfils the strong Wolfe conditions,
    else SciPy's line search finds it, else halving. The first step is as long as the gradient, at
    most 1.

    A pair tells of a bowl where sᵀy > 0, which the Wolfe conditions ensure. Where sᵀy ≤ 0 (a step
    found by halving, or rounding) the pair is left out or, after Powell, y is replaced by
    ``θ y + (1 - θ) H⁻¹ s`` with the θ that gives ``sᵀy = 0.2 sᵀ H⁻¹ s``.

    Memory: 2 · ``history_size`` + 6 vectors of n numbers of 8 bytes. Time of a step: about two
    gradients (one where it begins, one for each step that is tried, most often one), and
    5 · ``history_size`` · n operations. The pairs are variables of the optimizer, so training that
    was saved goes on as it would have. Give `fit` the whole training set as one batch: a change of
    gradient is taken on one batch, but the steps add up what different batches said.

    Args:
        learning_rate: what p is multiplied by before the line search.
        history_size: how many pairs are kept.
        curvature: what becomes of a pair with sᵀy ≤ 0: ``"skip"`` or ``"damp"``.
        name: a name, in front of the names of its variables.

    Raises:
        ImportError: in training, where SciPy is missing.

    Sources: J. Nocedal, "Updating quasi-Newton matrices with limited storage", Mathematics of
    Computation 35, 1980; J. Nocedal, S. Wright, "Numerical optimization", 2nd edition, 2006,
    algorithms 7.4 and 7.5, and 18.2 for Powell's damping.

    >>> import numpy as np, glassnet as gn
    >>> from glassnet.objective import Objective
    >>> bowl = Objective.of(lambda w: (w[0] - 1) ** 2 + 50 * (w[1] + 2) ** 2, np.zeros(2))
    >>> optimizer, w = gn.optimizers.LBFGS(), np.zeros(2)
    >>> for _ in range(10):
    ...     move = optimizer.move(bowl.at(), w)
    ...     optimizer.finished(move)
    ...     w = move.x
    >>> w.round(6).tolist()
    [1.0, -2.0]
    """

    def __init__(
        self,
        learning_rate: Any = 1.0,
        history_size: int = 10,
        curvature: str = "skip",
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(learning_rate, name=name)
        self.history_size = whole(history_size, "LBFGS: history_size", least=1)
        self.curvature = one_of(curvature, ("skip", "damp"), "LBFGS: curvature")
        self._steps: list[Variable] = []
        self._changes: list[Variable] = []

    # --- what it remembers ----------------------------------------------------------------------
    def remember(self, size: int) -> None:
        """Make the places for the pairs.

        Raises:
            ValueError: where they were made for another number of weights.
        """
        if not self._steps:
            for i in range(self.history_size):
                self._steps.append(self.add_variable((size,), "zeros", "float64", name=f"step_{i}"))
                self._changes.append(
                    self.add_variable((size,), "zeros", "float64", name=f"gradient_change_{i}")
                )
            self._count = self.add_variable((), "zeros", "int64", name="pairs")
        elif (known := self._steps[0].value.size) != size:
            raise ValueError(
                f"This LBFGS remembers steps of {known} weights; the function has {size}. Make a "
                "new optimizer for it."
            )

    @property
    def pairs(self) -> list[tuple[Vector, Vector]]:
        """The pairs (s, y), oldest first."""
        if not self._steps:
            return []
        count, room = int(self._count.value), self.history_size
        places = [i % room for i in range(max(0, count - room), count)]
        return [(self._steps[i].value, self._changes[i].value) for i in places]

    # --- a step ---------------------------------------------------------------------------------
    def move(self, problem: Problem, x: Vector) -> Move:
        self.remember(problem.size)
        before, g = look(problem, x, "LBFGS")
        move = Move(x, before, before, float(np.linalg.norm(g)), rate=0.0, predicted=0.0)
        if move.slope == 0:
            move.notes.append("the gradient is 0: no step was taken")
            return move
        direction = self.rate() * self._direction(g)
        if not self._search(problem, move, g, direction) and self.pairs:
            move.notes.append(
                "no smaller value was found along the step: the remembered curvature was "
                "forgotten, and the step is the gradient's"
            )
            move.state[self._count] = 0
            self._search(problem, move, g, self.rate() * first_direction(g))
        if move.rate == 0:
            move.notes.append("no smaller value was found along the gradient; no step was taken")
        return move

    def _direction(self, g: Vector) -> Vector:
        pairs = self.pairs
        return -times_inverse(pairs, g) if pairs else first_direction(g)

    def _search(self, problem: Problem, move: Move, g: Vector, direction: Vector) -> bool:
        """Go along a direction; note what was learnt. Tell whether there was a step."""
        found = search(problem, move.x, move.before, g, direction)
        to = representable(problem, found.x)
        step = to - move.x
        if found.rate == 0 or not np.any(step):
            return False
        slope = float(g @ direction)
        move.x, move.after, move.rate = to, found.value, found.rate * self.rate()
        expected = -move.rate * g  # H⁻¹ s, since s = -α η H g
        move.predicted = -found.rate * slope - float(step @ expected) / 2
        self._learn(problem, move, step, found.gradient - g, expected)
        return True

    def _learn(
        self, problem: Problem, move: Move, step: Vector, change: Vector, expected: Vector
    ) -> None:
        """Remember a pair; ``expected`` is H⁻¹ s, the change of gradient that H foretold."""
        product = float(step @ change)
        lengths = float(np.linalg.norm(step) * np.linalg.norm(change))
        if not product > precision(problem) * lengths:
            told = f"the gradient did not grow along this step (sᵀy = {product:.3g}): "
            promised = float(step @ expected)
            if self.curvature == "skip" or not promised > product:
                move.notes.append(told + "the pair was left out")
                return
            share = 0.8 * promised / (promised - product)
            change = share * change + (1 - share) * expected
            move.notes.append(told + "the pair was damped")
        count = int(move.state.get(self._count, self._count.value))
        place = count % self.history_size
        move.state |= {
            self._steps[place]: step,
            self._changes[place]: change,
            self._count: count + 1,
        }


def first_direction(g: Vector) -> Vector:
    """Return -g, at most 1 long."""
    return -g / max(1.0, float(np.linalg.norm(g)))


def times_inverse(pairs: Sequence[tuple[Vector, Vector]], g: Vector) -> Vector:
    """Return H g by the two loops over the pairs (s, y), oldest first."""
    products = [float(s @ y) for s, y in pairs]
    q, weights = g, []
    for (s, y), product in zip(reversed(pairs), reversed(products), strict=True):
        weights.append(float(s @ q) / product)
        q = q - weights[-1] * y
    y = pairs[-1][1]
    r = products[-1] / float(y @ y) * q
    for (s, y), product, weight in zip(pairs, products, reversed(weights), strict=True):
        r = r + (weight - float(y @ r) / product) * s
    return r
