"""A run that is taken up from a backup, in a process where other models came first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import callbacks as cb
from glassnet import layers
from glassnet import optimizers as opt

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 6)).astype("float32")
Y = np.sin(X.sum(1, keepdims=True)).astype("float32")
W = RNG.random(50).astype("float32")


class Killed(Exception):
    pass


def dying_after(steps: int) -> cb.Callback:
    made = [0]

    def count(batch: int, logs: object) -> None:
        made[0] += 1
        if made[0] == steps:
            raise Killed

    return cb.LambdaCallback(on_train_batch_end=count)


def network(optimizer: Any) -> gn.Sequential:
    model = gn.Sequential(
        [
            layers.Dense(8, activation="tanh"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.GaussianNoise(0.1),
            layers.Dense(1),
        ]
    )
    model.compile(optimizer, "mse", metrics=["mae", gn.metrics.R2Score()])
    return model


def batches() -> Iterator[tuple[np.ndarray, ...]]:
    while True:
        for i in range(0, 50, 16):
            yield X[i : i + 16], Y[i : i + 16], W[i : i + 16]


class Numbered(gn.utils.PyDataset):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = slice(12 * index, 12 * index + 12)
        return X[rows], Y[rows]


def arrays() -> dict[str, Any]:
    return {"x": X, "y": Y, "batch_size": 16}


def nothing() -> list[cb.Callback]:
    return []


FAMILIES = [
    *("SGD", "RMSprop", "Adagrad", "Adadelta", "Adam"),
    *("AdamW", "Adamax", "Nadam", "Ftrl", "Lion"),
]
RUNS: dict[str, tuple[Callable[[], Any], ...]] = {
    **{name: (lambda n=name: getattr(opt, n)(0.01), arrays, nothing) for name in FAMILIES},
    "momentum": (lambda: opt.SGD(0.01, momentum=0.9, nesterov=True), arrays, nothing),
    "amsgrad": (lambda: opt.Adam(0.01, amsgrad=True, clipnorm=1.0, weight_decay=0.01),
                arrays, nothing),
    "schedule": (lambda: opt.Adam(opt.schedules.CosineDecay(0.05, 20)), arrays, nothing),
    "averages": (lambda: opt.Adam(0.01, use_ema=True, ema_overwrite_frequency=3), arrays, nothing),
    "accumulated": (lambda: opt.Adam(0.01, gradient_accumulation_steps=3), arrays, nothing),
    "plateau": (lambda: opt.Adam(0.01), arrays,
                lambda: [cb.ReduceLROnPlateau("loss", patience=1, min_delta=0.1)]),
    "stopping": (lambda: opt.Adam(0.01), lambda: {**arrays(), "validation_split": 0.2},
                 lambda: [cb.EarlyStopping(patience=4, restore_best_weights=True)]),
    "weighted": (lambda: opt.Adam(0.01), lambda: {**arrays(), "sample_weight": W}, nothing),
    "steps": (lambda: opt.Adam(0.01), lambda: {**arrays(), "steps_per_epoch": 3}, nothing),
    "generator": (lambda: opt.Adam(0.01), lambda: {"x": batches(), "steps_per_epoch": 5}, nothing),
    "numbered": (lambda: opt.Adam(0.01), lambda: {"x": Numbered(), "shuffle": True}, nothing),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_a_resumed_run_ends_bitwise_alike(name: str, tmp_path: Path) -> None:
    optimizer, data, callbacks = RUNS[name]

    def fit(model: gn.Model, *more: cb.Callback) -> Any:
        given = [*callbacks(), *more]
        return model.fit(**data(), epochs=4, verbose=0, callbacks=given).history

    def state(model: gn.Model) -> list[bytes]:
        return [v.value.tobytes() for v in (*model.weights, *model.optimizer.variables)]

    gn.utils.set_random_seed(5)
    whole = network(optimizer())
    history = fit(whole)
    for freq, death in ((3, 7), ("epoch", 9)):
        folder = tmp_path / str(freq)
        gn.utils.set_random_seed(5)
        with pytest.raises(Killed):
            fit(network(optimizer()), cb.BackupAndRestore(folder, freq), dying_after(death))
        assert (folder / "latest.safetensors").exists()
        gn.utils.set_random_seed(99)
        layers.Dense(3)(X)  # the names that layers make up are others now
        resumed = network(optimizer())
        backup = cb.BackupAndRestore(folder, freq)
        assert fit(resumed, backup) == history
        assert backup.restored
        assert state(resumed) == state(whole)
