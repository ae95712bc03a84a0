"""The decisions of callbacks on given logs, against Keras's."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import glassnet as gn

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

CASES = range(40)


def models() -> tuple[Any, Any]:
    ours = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
    theirs = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    x, y = np.zeros((1, 2), "float32"), np.zeros((1, 1), "float32")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of Keras's __array__
        for lib, model in ((gn, ours), (keras, theirs)):
            model.compile(lib.optimizers.SGD(0.5), "mse", metrics=["accuracy", "mae"])
            model.fit(x, y, verbose=0)
    return ours, theirs


OURS, THEIRS = models()


def decisions(callback: Any, model: Any, name: str, values: list[float]) -> list[Any]:
    """Play the values through the callback; return rate, stop and weights after every epoch."""
    model.stop_training = False
    model.optimizer.learning_rate = 0.5
    callback.set_params({"epochs": len(values), "steps": 1, "verbose": 0})
    callback.set_model(model)
    callback.on_train_begin({})
    told: list[Any] = []
    for epoch, value in enumerate(values):
        model.set_weights([np.full((2, 1), epoch), np.full((1,), epoch)])
        callback.on_epoch_begin(epoch, {})
        callback.on_epoch_end(epoch, {name: value})
        rate = np.float32(np.asarray(model.optimizer.learning_rate)).item()
        told.append((rate, bool(model.stop_training)))
        if model.stop_training:
            break
    callback.on_train_end({})
    return [*told, np.asarray(model.get_weights()[1]).item()]


def drawn(rng: np.random.Generator) -> tuple[str, list[float], dict[str, Any]]:
    name = str(rng.choice(["val_loss", "loss", "val_accuracy", "mae"]))
    # Quarters, so that equal values and differences equal to min_delta occur, exactly.
    values = (rng.integers(1, 12, size=15) / 4).tolist()
    mode = str(rng.choice(["auto", "min", "max"]))
    return name, values, {"monitor": name, "mode": mode}


@pytest.mark.parametrize("case", CASES)
def test_early_stopping(case: int) -> None:
    rng = np.random.default_rng(case)
    name, values, arguments = drawn(rng)
    arguments |= {
        "patience": int(rng.integers(0, 5)),
        "min_delta": float(rng.choice([0, 0.25, 0.5, -0.25])),
        "baseline": None if rng.random() < 0.5 else float(rng.integers(1, 12) / 4),
        "restore_best_weights": bool(rng.random() < 0.7),
        "start_from_epoch": int(rng.integers(0, 4)),
    }
    ours, theirs = (lib.callbacks.EarlyStopping(**arguments) for lib in (gn, keras))
    assert decisions(ours, OURS, name, values) == decisions(theirs, THEIRS, name, values)
    assert ours.best == theirs.best
    assert ours.stopped_epoch == theirs.stopped_epoch
    if arguments["restore_best_weights"]:
        assert ours.best_epoch == theirs.best_epoch


@pytest.mark.parametrize("case", CASES)
def test_reduce_lr_on_plateau(case: int) -> None:
    rng = np.random.default_rng(100 + case)
    name, values, arguments = drawn(rng)
    arguments |= {
        "factor": float(rng.choice([0.1, 0.5, 0.9])),
        "patience": int(rng.integers(0, 4)),
        "min_delta": float(rng.choice([1e-4, 0.25, 0.5])),
        "cooldown": int(rng.integers(0, 4)),
        "min_lr": float(rng.choice([0, 0.1, 0.001])),
    }
    ours, theirs = (lib.callbacks.ReduceLROnPlateau(**arguments) for lib in (gn, keras))
    assert decisions(ours, OURS, name, values) == decisions(theirs, THEIRS, name, values)


@pytest.mark.parametrize("case", CASES[:10])
def test_learning_rate_scheduler(case: int) -> None:
    rng = np.random.default_rng(200 + case)
    a, b = rng.uniform(0.5, 1), rng.uniform(0, 0.1)
    ours, theirs = (
        lib.callbacks.LearningRateScheduler(lambda epoch, rate: float(rate * a + b * epoch))
        for lib in (gn, keras)
    )
    values = [0.0] * 6
    np.testing.assert_allclose(
        decisions(ours, OURS, "loss", values)[:-1],
        decisions(theirs, THEIRS, "loss", values)[:-1],
        rtol=1e-6,
    )


@pytest.mark.parametrize("case", CASES[:20])
def test_model_checkpoint_saves_when_keras_does(
    case: int, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(300 + case)
    name, values, arguments = drawn(rng)
    arguments |= {
        "save_best_only": bool(rng.random() < 0.8),
        "initial_value_threshold": None if rng.random() < 0.5 else float(rng.integers(1, 12) / 4),
    }
    saved: dict[str, list[str]] = {}
    for lib, model in ((gn, OURS), (keras, THEIRS)):
        files = saved[lib.__name__] = []
        monkeypatch.setattr(
            type(model),
            "save",
            lambda self, path, overwrite=True, f=files: f.append(Path(path).stem),
        )
        ending = ".safetensors" if lib is gn else ".keras"
        path = tmp_path / ("{epoch:02d}-{" + name + ":.2f}" + ending)
        callback = lib.callbacks.ModelCheckpoint(path, **arguments)
        decisions(callback, model, name, values)
    assert saved["glassnet"] == saved["keras"]
