"""The peer: Keras 3 through `fit` and `predict`, on JAX and on PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers.base import Array, Peer, Variant, restore, thread_settings
from benchmarks.peers.with_jax import xla_settings
from benchmarks.peers.workloads import Conv, Dense, Pool, Workload


def network(work: Workload, jit: bool, together: int) -> Any:
    import keras

    stack: list[Any] = [keras.Input(work.shape)]
    for part, shape in zip(work.layers, work.shapes(), strict=False):
        if isinstance(part, Conv):
            stack.append(keras.layers.Conv2D(part.filters, part.size, activation=part.activation))
        elif isinstance(part, Pool):
            stack.append(keras.layers.MaxPooling2D(part.size))
        else:
            assert isinstance(part, Dense)
            stack += [keras.layers.Flatten()] * (len(shape) > 1)
            stack.append(keras.layers.Dense(part.units, activation=part.activation))
    model = keras.Sequential(stack)
    rule = keras.optimizers.SGD if work.optimizer == "sgd" else keras.optimizers.Adam
    if work.loss == "classes":
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    else:
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(rule(work.rate), loss, jit_compile=jit, steps_per_execution=together)
    return model


class Keras(Peer):
    jit: bool

    def __init__(self, work: Workload, x: Array, y: Array, steps_per_execution: int = 1) -> None:
        super().__init__(work, x, y)
        self.model = network(work, self.jit, steps_per_execution)
        self.model.optimizer.build(self.model.trainable_variables)
        self.first = work.weights()

    def reset(self) -> None:
        restore(self.model, self.first)

    def train(self, epochs: int) -> list[float]:
        return self._fit(self.x, self.y, epochs, True)

    def train_in_order(self, epochs: int, steps: int) -> list[float]:
        few = steps * self.work.batch
        return self._fit(self.x[:few], self.y[:few], epochs, False)

    def _fit(self, x: Array, y: Array, epochs: int, shuffle: bool) -> list[float]:
        history = self.model.fit(
            x, y, batch_size=self.work.batch, epochs=epochs, verbose=0, shuffle=shuffle
        )
        return history.history["loss"]

    def predictor(self) -> Callable[[Array], Array]:
        return lambda x: np.asarray(self.model.predict(x, verbose=0))


class KerasOnJax(Keras):
    title = "Keras 3 on JAX"
    needs = ("keras", "jax")
    jit = True

    @classmethod
    def settings(cls) -> dict[str, dict[str, str]]:
        return {name: {**env, "KERAS_BACKEND": "jax"} for name, env in xla_settings().items()}

    @classmethod
    def variants(cls, work: Workload) -> list[Variant]:
        return [{"steps_per_execution": n} for n in ((1, 10) if work.steps > 1 else (1,))]


class KerasOnTorch(Keras):
    title = "Keras 3 on PyTorch"
    needs = ("keras", "torch")
    jit = False

    @classmethod
    def settings(cls) -> dict[str, dict[str, str]]:
        return {name: {**env, "KERAS_BACKEND": "torch"} for name, env in thread_settings().items()}
