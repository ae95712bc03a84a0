"""Ourselves, by engine."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from benchmarks.peers.base import Array, Peer, restore, thread_settings
from benchmarks.peers.workloads import Conv, Dense, Pool, Workload


def network(work: Workload, engine: str) -> Any:
    """The compiled model of a workload."""
    import glassnet as gn

    stack: list[Any] = [gn.Input(work.shape)]
    for part in work.layers:
        if isinstance(part, Conv):
            stack.append(gn.layers.Conv2D(part.filters, part.size, activation=part.activation))
        elif isinstance(part, Pool):
            stack.append(gn.layers.MaxPooling2D(part.size))
        else:
            assert isinstance(part, Dense)
            flat = not any(isinstance(layer, gn.layers.Flatten) for layer in stack)
            if work.convolves and flat:
                stack.append(gn.layers.Flatten())
            stack.append(gn.layers.Dense(part.units, activation=part.activation))
    model = gn.Sequential(stack)
    rule = gn.optimizers.SGD if work.optimizer == "sgd" else gn.optimizers.Adam
    model.compile(rule(work.rate), _loss(gn, work), **engine_argument(engine))
    return model


def _loss(gn: Any, work: Workload) -> Any:
    if work.loss == "classes":
        return gn.losses.SparseCategoricalCrossentropy(from_logits=True)
    return gn.losses.BinaryCrossentropy(from_logits=True)


def engine_argument(engine: str) -> dict[str, str]:
    """What `compile` takes to choose an engine; nothing where it knows one engine only."""
    import glassnet as gn

    known = "engine" in inspect.signature(gn.Model.compile).parameters
    return {"engine": engine} if known else {}


class Glassnet(Peer):
    engine: str

    def __init__(self, work: Workload, x: Array, y: Array) -> None:
        super().__init__(work, x, y)
        self.model = network(work, self.engine)
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
        predict = self.model.predict
        return lambda x: predict(x, verbose=0)


class GlassnetNative(Glassnet):
    """As users run it: it chooses its threads itself."""

    title = "glassnet"
    needs = ("numba", "scipy")
    engine = "native"

    @classmethod
    def missing(cls) -> str:
        if not engine_argument("native"):
            return "compile() takes no engine"
        return super().missing()

    @classmethod
    def settings(cls) -> dict[str, dict[str, str]]:
        return {"threads as it chooses": {}}


class GlassnetNumpy(Glassnet):
    title = "glassnet, engine numpy"
    engine = "numpy"

    @classmethod
    def settings(cls) -> dict[str, dict[str, str]]:
        return thread_settings()
