"""What has Keras's interface: the network of a workload, and its training by `fit`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers.base import Array, FitPeer
from benchmarks.peers.workloads import Conv, Dense, Pool, Workload


def compiled(library: Any, work: Workload, **options: Any) -> Any:
    """The compiled model of a workload.

    Args:
        library: the module with `layers`, `losses`, `optimizers`.
        options: what `compile` is given besides.
    """
    layers: list[Any] = [library.Input(work.shape)]
    for part, shape in zip(work.layers, work.shapes(), strict=False):
        if isinstance(part, Dense) and len(shape) > 1:
            layers.append(library.layers.Flatten())
        layers.append(_layer(library.layers, part))
    model = library.Sequential(layers)
    rule = library.optimizers.SGD if work.optimizer == "sgd" else library.optimizers.Adam
    if work.loss == "classes":
        loss = library.losses.SparseCategoricalCrossentropy(from_logits=True)
    else:
        loss = library.losses.BinaryCrossentropy(from_logits=True)
    model.compile(rule(work.rate), loss, **options)
    return model


def _layer(layers: Any, part: Conv | Pool | Dense) -> Any:
    if isinstance(part, Conv):
        return layers.Conv2D(part.filters, part.size, activation=part.activation)
    if isinstance(part, Pool):
        return layers.MaxPooling2D(part.size)
    return layers.Dense(part.units, activation=part.activation)


class KerasLike(FitPeer):
    """A model with Keras's interface."""

    def __init__(self, work: Workload, x: Array, y: Array, model: Any) -> None:
        super().__init__(work, x, y)
        self.model = model
        self.first = work.weights()

    def reset(self) -> None:
        """Optimizers keep what they have seen in variables that begin with zeros."""
        self.model.set_weights(self.first)
        for variable in self.model.optimizer.variables:
            if "learning_rate" not in variable.name:
                variable.assign(np.zeros(variable.shape, str(variable.dtype)))

    def fit(self, x: Array, y: Array, epochs: int, shuffle: bool) -> list[float]:
        history = self.model.fit(
            x, y, batch_size=self.work.batch, epochs=epochs, verbose=0, shuffle=shuffle
        )
        return history.history["loss"]

    def predictor(self) -> Callable[[Array], Array]:
        predict = self.model.predict
        return lambda x: np.asarray(predict(x, verbose=0))
