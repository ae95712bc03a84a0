"""The base of optimizers that look at the curvature of the loss.

A first-order optimizer needs a gradient, so its update is a few ops in the recorded step. These
ask the loss at several places: they get the `Problem` of a batch (value, gradient, products with
Hessian and Gauss-Newton matrix) and the weights as one vector, and give a `Move`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from glassnet.graph.tensor import Tensor
from glassnet.graph.variable import Variable
from glassnet.objective import Problem
from glassnet.optimizers.base import Optimizer

Vector = np.ndarray


@dataclass
class Move:
    """One step of a second-order method, and what there is to tell of it.

    Args:
        x: the new point.
        before: f at the old point.
        after: f at the new point.
        slope: the length of the gradient at the old point.
        predicted: by how much the model of f that the method made promised to decrease it.
        eigenvalues: those of the curvature that was used, where they are known; sorted.
        rate: what the step was multiplied by: the line search's, or the learning rate.
        damping: what was added to the curvature.
        notes: sentences worth telling: negative curvature met, a step refused.
        state: new values of the optimizer's variables, which hold from when the step is taken.
    """

    x: Vector
    before: float
    after: float
    slope: float
    predicted: float | None = None
    eigenvalues: np.ndarray | None = None
    rate: float = 1.0
    damping: float | None = None
    notes: list[str] = field(default_factory=list)
    state: dict[Variable, Any] = field(default_factory=dict)

    @property
    def decrease(self) -> float:
        """By how much f went down."""
        return self.before - self.after


class SecondOrder(Optimizer):
    """An optimizer that asks for the curvature of the loss.

    A subclass writes ``move(problem, x)``. In ``fit`` every batch is one problem; for these methods
    the batch is best the whole training set: ``fit(…, batch_size=len(x))``.
    """

    needs_objective: ClassVar[bool] = True
    leaves_saddles: ClassVar[bool] = False
    """Whether it steps off a point where the gradient vanishes and the loss bends down."""

    def __init__(self, learning_rate: Any = 1.0, *, name: str | None = None) -> None:
        super().__init__(learning_rate, name=name)
        self.last: Move | None = None
        """The last step, for those who want to be told."""

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self.remember(sum(v.value.size for v in variables))

    def remember(self, size: int) -> None:
        """Make the state that depends on the number of weights; none by default."""

    @abstractmethod
    def move(self, problem: Problem, x: Vector) -> Move:
        """Return the step from ``x``.

        Args:
            problem: the loss on this batch, a function of one vector.
            x: all trainable weights as one vector, in float64.

        It changes no variable: a move may be thrown away. What is to be kept for the next one goes
        into ``Move.state``.
        """

    def apply(
        self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None
    ) -> None:
        """Refuse: a gradient alone is not enough.

        Raises:
            TypeError: always, with what to do instead.
        """
        raise TypeError(
            f"{type(self).__name__} needs the loss itself, not only its gradient: use it in "
            "compile() and fit(), or in gn.minimize(f, x0, method=…)."
        )

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        self.apply([gradient], [variable])

    def finished(self, move: Move) -> None:
        """Take over the new state, count the step, and keep what there is to tell of it."""
        self.last = move
        for variable, value in move.state.items():
            variable.assign(value)
        self._iterations.assign(self._iterations.value + 1)

    def rate(self) -> float:
        """Return the learning rate of this step."""
        return float(np.asarray(self.learning_rate))
