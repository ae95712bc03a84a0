"""The peer: Keras 3 through `fit` and `predict`, on JAX and on PyTorch."""

from __future__ import annotations

from benchmarks.peers.base import Array, Variant, thread_settings
from benchmarks.peers.keras_like import KerasLike, compiled
from benchmarks.peers.with_jax import xla_settings
from benchmarks.peers.workloads import Workload


class Keras(KerasLike):
    backend: str
    jit: bool

    def __init__(self, work: Workload, x: Array, y: Array, steps_per_execution: int = 1) -> None:
        import keras

        options = {"jit_compile": self.jit, "steps_per_execution": steps_per_execution}
        super().__init__(work, x, y, compiled(keras, work, **options))
        self.model.optimizer.build(self.model.trainable_variables)

    @classmethod
    def _on_backend(cls, settings: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        chosen = {"KERAS_BACKEND": cls.backend}
        return {name: {**changes, **chosen} for name, changes in settings.items()}


class KerasOnJax(Keras):
    title = "Keras 3 on JAX"
    needs = ("keras", "jax")
    backend = "jax"
    jit = True

    @classmethod
    def settings(cls) -> dict[str, dict[str, str]]:
        return cls._on_backend(xla_settings())

    @classmethod
    def variants(cls, work: Workload) -> list[Variant]:
        return [{"steps_per_execution": n} for n in ((1, 10) if work.steps > 1 else (1,))]


class KerasOnTorch(Keras):
    title = "Keras 3 on PyTorch"
    needs = ("keras", "torch")
    backend = "torch"
    jit = False

    @classmethod
    def settings(cls) -> dict[str, dict[str, str]]:
        return cls._on_backend(thread_settings())
