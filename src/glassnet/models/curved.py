"""A training step of an optimizer that looks at the curvature: several looks at one batch.

What is recorded once is the forward part (loss, metrics, moving averages) and the loss as a
function of the weights. A run computes the first, asks the optimizer for a move, and commits all
of it together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.graph.order import topological
from glassnet.graph.recording import recording
from glassnet.graph.tensor import Placeholder, Tensor
from glassnet.graph.variable import Variable, replace_arrays
from glassnet.models.data import Batch
from glassnet.models.guard import NonFiniteStep, all_finite
from glassnet.models.steps import Forward, Step, placeholders, record_forward
from glassnet.nest import flatten
from glassnet.objective import Objective

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

    def run(self, batch: Batch, step: int, *, check: bool = False) -> list[np.ndarray]:
        """Run on a batch, commit the new values, return the loss before the move.

        Raises:
            NonFiniteStep: where ``check`` is set and a result or a new weight is not finite;
                then nothing is committed.
        """
        arrays = [a for a in flatten(batch) if a is not None]
        values = self.program.run(*arrays, step=step)
        results, news = values[: self.count], values[self.count :]
        if check and not all_finite(results, news):
            raise NonFiniteStep(self, arrays, step)
        problem = self.objective.at(*arrays, step=step)
        start = problem.joined([v.value for v in self.variables])
        move = self.optimizer.move(problem, start)
        parts = problem.split(move.x)
        weights = [p.astype(v.dtype) for p, v in zip(parts, self.variables, strict=True)]
        if check and not all_finite((), weights):
            raise NonFiniteStep(self, arrays, step)
        replace_arrays(self.updated, [np.array(new) for new in news])
        replace_arrays(self.variables, weights)
        self._constrain()
        self.optimizer.finished(move)
        return results

    def _constrain(self) -> None:
        for variable in self.variables:
            if variable.constraint is not None:
                variable.assign(np.asarray(variable.constraint(variable)))


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
