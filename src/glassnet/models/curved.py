"""A training step of an optimizer that looks at the curvature: several looks at one batch.

What is recorded once is the forward part (loss, metrics, moving averages) and the loss as a
function of the weights. A run computes the first, asks the optimizer for a move, and commits all
of it together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.engines import Program
from glassnet.errors import NonFiniteError
from glassnet.graph.order import topological
from glassnet.graph.recording import as_tensor, recording
from glassnet.graph.tensor import Placeholder, Tensor
from glassnet.graph.variable import Variable, replace_arrays
from glassnet.models.data import Batch
from glassnet.models.guard import NonFiniteStep, all_finite
from glassnet.models.steps import Forward, Step, placeholders, record_forward
from glassnet.nest import flatten
from glassnet.objective import Objective, Problem
from glassnet.optimizers.second_order import Move

if TYPE_CHECKING:
    from glassnet.models.model import Model


class CurvedStep(Step):
    """A step that asks the optimizer for a move on the batch's objective."""

    def __init__(
        self,
        model: Model,
        inputs: Sequence[Placeholder],
        updates: dict[Variable, Tensor],
        forward: Forward,
        objective: Objective,
    ) -> None:
        super().__init__(inputs, [forward.loss], updates, watched=model.weights, forward=forward)
        self.optimizer = model.optimizer
        self.variables = model.trainable_weights
        self.objective = objective

    def run(
        self, batch: Batch, step: int, *, check: bool = False, engine: str | None = "numpy"
    ) -> list[np.ndarray]:
        """Run on a batch, commit the new values, return the loss before the move.

        The objective is asked again and again at other weights: that is the reference's work,
        whatever the engine.

        Raises:
            NonFiniteStep: where ``check`` is set and a result or a new weight is not finite;
                then nothing is committed.
        """
        arrays = [a for a in flatten(batch) if a is not None]
        results, news = self.computed(arrays, step, check)
        problem = self.objective.at(*arrays, step=step)
        move, weights = self._moved(problem, step, check)
        replace_arrays([*self.updated, *self.variables], [*news, *weights])
        self.optimizer.finished(move)
        return results

    def _moved(self, problem: Problem, step: int, check: bool) -> tuple[Move, list[np.ndarray]]:
        """Return the optimizer's move and the weights it leads to, in their dtypes."""
        start = problem.joined([v.value for v in self.variables])
        try:
            move = self.optimizer.move(problem, start)
        except FloatingPointError as error:
            if not check:
                raise
            raise self._lost(problem, start, step, str(error)) from error
        with np.errstate(over="ignore"):
            parts = zip(problem.split(move.x), self.variables, strict=True)
            weights = [_constrained(part.astype(v.dtype), v) for part, v in parts]
        if check and not all_finite((), weights):
            told = (
                f"the step of {type(self.optimizer).__name__} leads to weights that are no numbers"
            )
            raise self._lost(problem, start, step, told)
        return move, weights

    def _lost(self, problem: Problem, start: np.ndarray, step: int, told: str) -> NonFiniteStep:
        """The error that tells where, in the derivatives of the loss, a value is not finite."""
        objective = self.objective
        forward = Forward(
            objective.loss, objective.outputs, self.forward.names, self.forward.losses
        )
        weights = problem.split(start)
        ones = problem.split(np.ones(problem.size))
        looks = [(objective.gradient_program, weights)]
        looks += [(objective.product_program, [*weights, *ones])]
        for program, given in looks:
            with np.errstate(all="ignore"):
                found = program.run(*problem.arrays, *given, step=step)
            if not all_finite((), found):
                look = _Look(program, range(len(found)), forward)
                return LostStep(look, [*problem.arrays, *given], step, told)
        return LostStep(None, problem.arrays, step, told)


@dataclass
class _Look:
    """A program as the guard reads it, to find where in it the trouble starts."""

    program: Program
    checked: Sequence[int]
    forward: Forward


class LostStep(NonFiniteStep):
    """Raised by a step whose forward part is finite, while the optimizer met what is not.

    Args:
        look: what shows where it came from; None where nothing does.
        arrays: what that program is run on.
        number: the number of the step.
        told: what the optimizer said.
    """

    closing = "The step changed no weight."

    def __init__(
        self, look: _Look | None, arrays: Sequence[np.ndarray], number: int, told: str
    ) -> None:
        super().__init__(look, arrays, number)  # type: ignore[arg-type]
        self.told = told

    def explained(self, epoch: int, *, validating: bool = False) -> NonFiniteError:
        if self.step is not None:
            return super().explained(epoch, validating=validating)
        return NonFiniteError(f"{self.stopped(epoch)}: {self.told}\n{self.closing}")


def _constrained(array: np.ndarray, variable: Variable) -> np.ndarray:
    """The new value of a weight as its constraint lets it be."""
    if variable.constraint is None:
        return array
    return np.array(variable.constraint(as_tensor(array)), variable.dtype)


def curved_step(model: Model, batch: Batch) -> CurvedStep:
    """Record the training step of a model whose optimizer looks at the curvature."""
    symbolic, inputs = placeholders(batch, np.dtype(model.dtype))
    with recording() as opened:
        forward = record_forward(model, symbolic, training=True)
        penalty = _of_weights(model)
    variables = model.trainable_weights
    if not model.optimizer.built:
        model.optimizer.build(variables)
    objective = Objective(
        forward.loss, variables, inputs, loss_inputs(model, forward.loss, variables), penalty
    )
    return CurvedStep(model, inputs, opened.updates, forward, objective)


def _of_weights(model: Model) -> Tensor | None:
    """The penalties on weights."""
    total: Tensor | None = None
    for penalty in model.losses:
        total = penalty if total is None else total + penalty
    return total


def loss_inputs(model: Model, loss: Tensor, variables: Sequence[Variable]) -> list[Tensor]:
    """Return the tensors by which the losses depend on the weights: logits, or predictions.

    They are what nodes outside the model take from nodes inside it.
    """
    trained: set[int] = {id(v) for v in variables}
    found: dict[int, Tensor] = {}

    def inside(node: Tensor) -> bool:
        return (node.scope + "/").startswith(model.name + "/")

    for node in topological([loss]):
        if any(id(i) in trained for i in node.inputs):
            trained.add(id(node))
            for source in node.inputs:
                if id(source) in trained and inside(source) and not inside(node):
                    found[id(source)] = source
    return list(found.values())


def needs_objective(optimizer: Any) -> bool:
    """Tell whether an optimizer looks at the curvature."""
    return bool(getattr(optimizer, "needs_objective", False))
