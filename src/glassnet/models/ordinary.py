"""Which kernels ordinary networks need: what `glassnet kernels --compile` compiles ahead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from glassnet import layers, losses
from glassnet.layers import Layer
from glassnet.models import steps as recorded
from glassnet.models.data import ArraySource, Batch, source_of
from glassnet.models.model import Model
from glassnet.models.native import kernels_of
from glassnet.models.sequential import Sequential
from glassnet.optimizers import Adam, schedules

BATCHES = (32, 128)
"""Batch sizes, of which larger ones are computed by other kernels."""
_LOGITS = losses.SparseCategoricalCrossentropy(from_logits=True)


class _Network(NamedTuple):
    shape: tuple[int, ...]
    layers: Sequence[Layer]
    loss: Any
    optimizer: Any
    labels: str
    metrics: tuple[str, ...] = ("accuracy",)
    data: str = "f4"


def ordinary_kernels() -> list[str]:
    """Return the kernels for training, evaluation and prediction of ordinary networks in float32.

    They are planned and not compiled: that is left to `glassnet.engines.native.compiler`.
    """
    found: dict[str, None] = {}
    for network in _networks():
        model = Sequential([layers.Input(network.shape), *network.layers])
        model.compile(network.optimizer, network.loss, metrics=list(network.metrics))
        for size in BATCHES:
            found.update(dict.fromkeys(_kernels(model, network, size)))
    return list(found)


def _networks() -> Iterator[_Network]:
    dense, conv = layers.Dense, layers.Conv2D
    binary, rate = "binary_crossentropy", schedules.CosineDecay(1e-3, 100)
    small = [dense(4, "tanh"), dense(1, "sigmoid")]
    yield _Network((2,), small, binary, Adam(rate), "i8")
    scale = layers.Normalization()
    scale.adapt(np.eye(10))
    yield _Network(
        (10,), [scale, dense(16, "relu"), dense(1)], "mse", "adam", "f4", ("mae", "r2_score")
    )
    sigmoids = [layers.Rescaling(1 / 255), dense(25, "sigmoid"), dense(15, "sigmoid")]
    yield _Network((400,), [*sigmoids, dense(1, "sigmoid")], binary, "sgd", "u1", data="u1")
    rows = [dense(128, "relu"), dense(64, "elu"), dense(10)]
    yield _Network((784,), rows, _LOGITS, "adam", "i8")
    yield _Network((784,), [dense(512, "relu"), dense(512), dense(10)], _LOGITS, "sgd", "u1")
    regular = [layers.BatchNormalization(), layers.Activation("gelu"), layers.Dropout(0.3)]
    yield _Network((50,), [dense(100), *regular, dense(5)], _LOGITS, "rmsprop", "i8")
    pooled = [conv(16, 5, activation="relu"), layers.MaxPooling2D()]
    deeper = [conv(32, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten()]
    digits = [*pooled, *deeper, layers.Dropout(0.5), dense(10)]
    yield _Network((28, 28, 1), digits, _LOGITS, Adam(rate), "u1")
    separable = [
        conv(16, 3, padding="same", use_bias=False), layers.BatchNormalization(), layers.ReLU(),
        layers.SeparableConv2D(32, 3, padding="same"), layers.AveragePooling2D(),
        layers.GlobalAveragePooling2D(),
    ]  # fmt: skip
    yield _Network((16, 16, 3), [*separable, dense(10)], _LOGITS, "adamw", "i8")
    words = [layers.Embedding(1000, 16), layers.Conv1D(32, 5, activation="relu")]
    yield _Network((30,), [*words, layers.GlobalMaxPooling1D(), dense(1, "sigmoid")],
                   binary, "adam", "f4", data="i4")  # fmt: skip


def _kernels(model: Model, network: _Network, size: int) -> Iterator[str]:
    """Yield what `fit`, `evaluate` and `predict` need for batches of a size, and for a rest."""
    from glassnet.engines.native.program import NativeProgram

    count = size + 5
    x = np.zeros((count, *network.shape), network.data)
    y = np.zeros(count if network.loss is _LOGITS else (count, 1), network.labels)
    for training in (True, False):
        source = source_of(x, y, batch_size=size, shuffle=training)
        assert isinstance(source, ArraySource)
        yield from kernels_of(model, source, training=training)
    step, _ = recorded.predict_step(model, Batch(x, None, None))
    for rows in (1, size):
        given = step.program.prepare(x[:rows], step=0)
        yield from NativeProgram(step.program).plan_for(given).kernels
