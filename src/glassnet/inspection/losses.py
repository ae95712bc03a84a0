"""The loss of a compiled network as a function of one vector: all its trainable weights.

The network itself is never touched: in the recorded loss its weights are replaced by inputs, so
nothing has to be put back, whatever happens while the function is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet.graph.recording import recording
from glassnet.models.data import ArraySource, Batch, source_of
from glassnet.models.model import Model
from glassnet.models.steps import placeholders, record_loss
from glassnet.nest import flatten
from glassnet.objective import Objective, Problem

Vector = np.ndarray

AT_ONCE = 1024
"""How many examples the loss is computed on at once, where nothing else is asked for."""


def length(batch: Batch) -> int:
    """Return the number of examples of a batch."""
    return len(flatten(batch.x)[0])


def loss_on(
    model: Model, batches: Sequence[Batch], *, training: bool
) -> list[tuple[float, Problem]]:
    """Return the loss on each batch, with the batch's share of all examples.

    A function of the trainable weights alone. In training, statistics of a batch are those of
    these batches, and dropout draws the same each time.
    """
    symbolic, inputs = placeholders(batches[0], np.dtype(model.dtype))
    with recording():
        outputs = model(symbolic.x, training=training)
        loss, _ = record_loss(model, symbolic, outputs, training=training)
    objective = Objective(loss, model.trainable_weights, inputs)
    total = sum(map(length, batches))
    return [
        (length(b) / total, objective.at(*(a for a in flatten(b) if a is not None)))
        for b in batches
    ]


class EvaluatedLoss:
    """``L(w)``, the loss that ``evaluate`` tells where the trainable weights are ``w``.

    Args:
        what: who asks, for messages.
        model: a compiled model.
        x, y, sample_weight: the data, as ``evaluate`` takes them.
        batch_size: examples computed at once, which bounds the memory; 1024 for None.

    Raises:
        TypeError: where this is no model.
        ValueError: where it is not compiled, has no trainable weight, or the data don't fit.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((1,)), gn.layers.Dense(1)])
    >>> model.compile(loss="mse")
    >>> loss = EvaluatedLoss("loss", model, np.ones((4, 1)), np.zeros((4, 1)))
    >>> loss(np.array([2.0, 1.0]))  # (2 + 1)²
    9.0
    """

    def __init__(
        self,
        what: str,
        model: Model,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        batch_size: int | None = None,
    ) -> None:
        _check_model(what, model)
        if x is None or y is None:
            raise ValueError(f"{what}: data is missing; pass the model, x and y.")
        source = source_of(x, y, sample_weight, batch_size=batch_size or AT_ONCE)
        if not isinstance(source, ArraySource):
            raise TypeError(
                f"{what}: expected the data as arrays, x and y; got an iterable of batches."
            )
        if not model.built:
            model(source.data.x)
        if not model.trainable_weights:
            raise ValueError(f"{what}: the model has no trainable weights to move.")
        model.check_data(source.data.x)
        self._parts = loss_on(model, list(source.batches(0)), training=False)
        self.start = Problem.joined([v.value for v in model.trainable_weights])

    def __call__(self, w: Vector) -> float:
        with np.errstate(all="ignore"):  # far from the minimum a loss may well be infinite
            return sum(share * problem.value(w) for share, problem in self._parts)


def _check_model(what: str, model: Any) -> None:
    if not isinstance(model, Model):
        raise TypeError(f"{what}: expected a model; got {type(model).__name__}.")
    if not model.compiled:
        raise ValueError(f"{what}: the model needs a loss first: model.compile(loss='mse').")
