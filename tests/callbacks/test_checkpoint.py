"""ModelCheckpoint and SwapEMAWeights: which weights are kept, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet.callbacks import (
    BackupAndRestore,
    Callback,
    LambdaCallback,
    ModelCheckpoint,
    SwapEMAWeights,
)

X, Y = np.ones((8, 2), "float32"), np.zeros((8, 1), "float32")


def model(optimizer: Any = "sgd") -> gn.Sequential:
    made = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1, name="only")])
    made.compile(optimizer, "mse")
    return made


class Given(Callback):
    """Puts given losses into the logs, and the epoch's number into the bias."""

    def __init__(self, losses: list[float]) -> None:
        self.losses = losses

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        assert logs is not None
        logs["loss"] = self.losses[epoch]
        self.model.set_weights([np.zeros((2, 1)), np.array([float(epoch)])])


def bias_in(path: Path) -> float:
    made = model()
    made.load_weights(path)
    return float(made.get_weights()[1].item())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_fields_of_the_path(tmp_path: Path) -> None:
    keep = ModelCheckpoint(tmp_path / "deep" / "{epoch:02d}-{loss:.2f}.safetensors")
    model().fit(X, Y, epochs=2, verbose=0, callbacks=[Given([0.125, 3.0]), keep])
    assert names(tmp_path / "deep") == ["01-0.12.safetensors", "02-3.00.safetensors"]
    assert bias_in(tmp_path / "deep" / "02-3.00.safetensors") == 1.0


def test_the_best_alone(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    keep = ModelCheckpoint(path, "loss", save_best_only=True)
    run = [Given([3.0, 1.0, 2.0, 1.0]), keep]
    model().fit(X, Y, epochs=4, verbose=0, callbacks=run)
    assert bias_in(path) == 1.0  # an equal value is no better one
    again = ModelCheckpoint(path, "loss", save_best_only=True, initial_value_threshold=0.5)
    model().fit(X, Y, epochs=2, verbose=0, callbacks=[Given([0.7, 0.6]), again])
    assert bias_in(path) == 1.0


def test_a_saved_model_goes_on_and_weights_alone_are_no_model(tmp_path: Path) -> None:
    whole, weights = tmp_path / "m.safetensors", tmp_path / "w.weights.safetensors"
    keep = [ModelCheckpoint(whole), ModelCheckpoint(weights, save_weights_only=True)]
    made = model("adam")
    made.fit(X, Y, epochs=2, verbose=0, callbacks=keep)
    loaded = gn.load(whole)
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), made.predict(X, verbose=0))
    assert int(loaded.optimizer.iterations) == 2
    assert bias_in(weights) == made.get_weights()[1].item()
    with pytest.raises(gn.errors.FileFormatError):
        gn.load(weights)


def test_after_a_number_of_batches(tmp_path: Path) -> None:
    keep = ModelCheckpoint(tmp_path / "{epoch}-{batch}.safetensors", save_freq=3)
    model().fit(X, Y, batch_size=2, epochs=2, verbose=0, callbacks=[keep])
    # Four batches an epoch: the third is the third of epoch 1, the sixth the second of epoch 2.
    assert names(tmp_path) == ["1-3.safetensors", "2-2.safetensors"]


def test_the_best_value_survives_a_backup(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"

    def callbacks(at: int) -> list[Callback]:
        def fail(epoch: int, logs: Any) -> None:
            if epoch == at:
                raise OSError

        return [
            Given([1.0, 0.5, 2.0, 3.0]),
            ModelCheckpoint(path, "loss", save_best_only=True),
            BackupAndRestore(tmp_path / "b"),
            LambdaCallback(on_epoch_begin=fail),
        ]

    with pytest.raises(OSError):
        model().fit(X, Y, epochs=4, verbose=0, callbacks=callbacks(2))
    model().fit(X, Y, epochs=4, verbose=0, callbacks=callbacks(-1))
    assert bias_in(path) == 1.0


def test_mistakes_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"for instance 'a/b\.safetensors'; got 'a/b\.keras'"):
        ModelCheckpoint("a/b.keras")
    wrong = ModelCheckpoint(tmp_path / "{val_loss}.safetensors")
    with pytest.raises(KeyError, match="has the field 'val_loss', which is none of loss, epoch"):
        model().fit(X, Y, verbose=0, callbacks=[wrong])
    (tmp_path / "d.safetensors").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        model().fit(X, Y, verbose=0, callbacks=[ModelCheckpoint(tmp_path / "d.safetensors")])


def test_verbose_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.safetensors"
    keep = ModelCheckpoint(path, "loss", verbose=1, save_best_only=True)
    model().fit(X, Y, epochs=3, verbose=0, callbacks=[Given([2.0, 1.0, 1.5]), keep])
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 1: loss improved to 2.00000",
        f"Epoch 1: saved {path}",
        "Epoch 2: loss improved from 2.00000 to 1.00000",
        f"Epoch 2: saved {path}",
        "Epoch 3: loss did not improve from 1.00000",
    ]


# --- moving averages --------------------------------------------------------------------------
def averaged() -> gn.Sequential:
    """One weight w with loss w², rate 1/4, so w halves in a step: 8, 4, 2, 1, …"""
    made = gn.Sequential([gn.Input((1,)), gn.layers.Dense(1, use_bias=False)])
    made.compile(gn.optimizers.SGD(0.25, use_ema=True, ema_momentum=0.5), "mse")
    made.set_weights([np.array([[8.0]])])
    return made


ONE, ZERO = np.array([[1.0]]), np.array([[0.0]])


def weight_of(made: gn.Model) -> float:
    return float(made.get_weights()[0].item())


def test_averages_are_judged_and_weights_are_trained() -> None:
    # w after each step: 4, 2, 1; the averages: 4, (4 + 2)/2 = 3, (3 + 1)/2 = 2.
    made, trained = averaged(), []
    look = LambdaCallback(on_train_batch_end=lambda batch, logs: trained.append(weight_of(made)))
    run = made.fit(
        ONE, ZERO, epochs=3, verbose=0, validation_data=(ONE, ZERO),
        callbacks=[SwapEMAWeights(), look],
    )  # fmt: skip
    assert trained == [4.0, 2.0, 1.0]
    assert run.history["val_loss"] == [16.0, 9.0, 4.0]
    assert weight_of(made) == 2.0  # what fit leaves with use_ema, with this callback or without


@pytest.mark.parametrize("stop", [False, True])
def test_callbacks_after_it_see_the_averages(stop: bool) -> None:
    made, seen = averaged(), []

    def look(epoch: int, logs: Any) -> None:
        seen.append(weight_of(made))
        made.stop_training = stop and epoch == 1

    callbacks = [SwapEMAWeights(swap_on_epoch=True), LambdaCallback(on_epoch_end=look)]
    made.fit(ONE, ZERO, epochs=3, verbose=0, callbacks=callbacks)
    assert seen == ([4.0, 3.0] if stop else [4.0, 3.0, 2.0])
    assert weight_of(made) == seen[-1]


def test_swapped_weights_survive_a_backup(tmp_path: Path) -> None:
    def callbacks(at: int) -> list[Callback]:
        def fail(epoch: int, logs: Any) -> None:
            if epoch == at:
                raise OSError

        swap = SwapEMAWeights(swap_on_epoch=True)
        return [LambdaCallback(on_epoch_begin=fail), swap, BackupAndRestore(tmp_path)]

    with pytest.raises(OSError):
        averaged().fit(ONE, ZERO, epochs=3, verbose=0, callbacks=callbacks(2))
    made = averaged()
    made.fit(ONE, ZERO, epochs=3, verbose=0, callbacks=callbacks(-1))
    assert weight_of(made) == 2.0


def test_without_averages_it_is_told() -> None:
    with pytest.raises(ValueError, match=r"SGD\(use_ema=True\)"):
        model().evaluate(X, Y, verbose=0, callbacks=[SwapEMAWeights()])
