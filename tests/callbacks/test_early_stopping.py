"""EarlyStopping: when it stops, and the best weights however training ends."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from callbacks_played import compiled, play

import glassnet as gn
from glassnet.callbacks import BackupAndRestore, Callback, EarlyStopping, LambdaCallback


@pytest.mark.parametrize(
    ("values", "arguments", "epochs"),
    [
        # Best 1.0 at epoch 1; epochs 2 and 3 are no better: stop after epoch 3.
        ([2.0, 1.0, 1.5, 1.2, 0.1], {"patience": 2}, 4),
        # 0.99 improves 1.0 by less than min_delta, 0.85 by more.
        ([1.0, 0.99, 0.85, 0.84, 0.83, 0.1], {"patience": 2, "min_delta": 0.1}, 5),
        # With patience 0 the second epoch without an improvement is the first that may stop.
        ([1.0, 1.0, 0.5], {}, 2),
        # Never under the baseline, so no epoch counts as an improvement: patience has run out when
        # one is worse than the best, and only such an epoch ends training.
        ([1.0, 0.9, 0.8, 0.7, 0.8, 0.1], {"patience": 3, "baseline": 0.2}, 5),
        ([1.0, 1.0, 1.0, 0.1], {"patience": 3, "baseline": 0.2}, 3),
        ([1.0, 0.1, 0.8, 0.7, 0.9, 0.9], {"patience": 3, "baseline": 0.2}, 5),
        # Epochs 0 and 1 are not looked at, so epoch 2 is the first best.
        ([0.1, 0.2, 3.0, 2.0, 2.5, 0.0], {"patience": 1, "start_from_epoch": 2}, 5),
        ([1.0, 2.0, 3.0, 2.5, 9.0], {"patience": 1, "mode": "max"}, 4),
        # NaN is no improvement, and what follows it may be one.
        ([float("nan"), 1.0, float("nan"), float("nan"), 0.0], {"patience": 2}, 4),
    ],
)
def test_epochs_until_the_stop(values: list[float], arguments: dict[str, Any], epochs: int) -> None:
    stop = EarlyStopping("val_loss", **arguments)
    rates, model = play(stop, values)
    assert len(rates) == epochs
    assert model.stop_training
    assert stop.stopped_epoch == epochs - 1


@pytest.mark.parametrize(("name", "better"), [("val_accuracy", "more"), ("val_mae", "less")])
def test_auto_asks_the_metric(name: str, better: str) -> None:
    up, down = [0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]
    improving, worsening = (up, down) if better == "more" else (down, up)
    assert len(play(EarlyStopping(name, patience=1), improving, name)[0]) == 4
    assert len(play(EarlyStopping(name, patience=1), worsening, name)[0]) == 2


def test_auto_does_not_guess() -> None:
    with pytest.raises(ValueError, match=r"which way is 'own' better\? Pass mode='max'"):
        play(EarlyStopping("own"), [1.0, 2.0], "own")
    with pytest.raises(ValueError, match="mode is 'auto', 'min' or 'max'; got 'maximum'"):
        EarlyStopping(mode="maximum")


def test_a_name_that_the_logs_lack_is_told_with_the_nearest() -> None:
    with pytest.warns(UserWarning, match="Did you mean 'val_loss'"):
        play(EarlyStopping("val_los"), [1.0])
    with pytest.warns(UserWarning, match="Pass validation_data= to fit, or watch 'acc'"):
        play(EarlyStopping("val_acc"), [1.0], "mse")


class Marked(Callback):
    """Sets the weights to the epoch's number, and the loss of the logs to a given one."""

    def __init__(self, losses: list[float]) -> None:
        self.losses = losses

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        assert logs is not None
        logs["loss"] = self.losses[epoch]
        self.model.set_weights([np.full(w.shape, epoch) for w in self.model.weights])


def fail(error: BaseException, at: int) -> Callable[..., None]:
    def begin(epoch: int, logs: Any) -> None:
        if epoch == at:
            raise error

    return begin


X, Y = np.zeros((4, 2)), np.zeros((4, 1))


@pytest.mark.parametrize("end", ["patience", "last epoch", "error", "interrupt"])
def test_the_best_weights_however_training_ends(end: str) -> None:
    losses = [3.0, 1.0, 2.0, 2.0, 2.0]
    stop = EarlyStopping("loss", patience=2 if end == "patience" else 9, restore_best_weights=True)
    model = compiled()
    error = {"error": OSError("disk"), "interrupt": KeyboardInterrupt()}.get(end)
    breaking = LambdaCallback(on_epoch_begin=fail(error, 4) if error else None)
    arguments = {"epochs": 5, "verbose": 0, "callbacks": [Marked(losses), stop, breaking]}
    if error is None:
        run = model.fit(X, Y, **arguments)
        assert len(run.epoch) == (4 if end == "patience" else 5)
    else:
        with pytest.raises(type(error)):
            model.fit(X, Y, **arguments)
        assert model.history.epoch == [0, 1, 2, 3]
    assert stop.best_epoch == 1
    for weight in model.get_weights():
        np.testing.assert_array_equal(weight, np.ones_like(weight))


def test_the_best_weights_after_a_value_that_is_not_finite() -> None:
    stop = EarlyStopping("loss", patience=9, restore_best_weights=True)
    model = compiled()
    x = X.copy()

    def spoil(epoch: int, logs: Any) -> None:
        if epoch == 2:
            model.set_weights([np.full(w.shape, np.inf) for w in model.weights])

    with pytest.raises(gn.errors.NonFiniteError):
        model.fit(
            x + 1,
            Y,
            epochs=5,
            verbose=0,
            callbacks=[Marked([3.0, 1.0]), stop, LambdaCallback(on_epoch_begin=spoil)],
        )
    np.testing.assert_array_equal(model.get_weights()[1], [1.0])


def test_without_restore_the_last_weights_stay() -> None:
    model = compiled()
    model.fit(X, Y, epochs=3, verbose=0, callbacks=[Marked([1, 2, 3]), EarlyStopping("loss", 0, 9)])
    np.testing.assert_array_equal(model.get_weights()[1], [2.0])


def test_the_best_weights_survive_a_backup(tmp_path: Any) -> None:
    def callbacks(error: BaseException | None) -> list[Callback]:
        return [
            Marked([3.0, 1.0, 2.0, 2.0, 2.0]),
            EarlyStopping("loss", patience=9, restore_best_weights=True),
            BackupAndRestore(tmp_path / "b"),
            LambdaCallback(on_epoch_begin=fail(error, 3) if error else None),
        ]

    with pytest.raises(KeyboardInterrupt):
        compiled().fit(X, Y, epochs=5, verbose=0, callbacks=callbacks(KeyboardInterrupt()))
    model = compiled()
    model.fit(X, Y, epochs=5, verbose=0, callbacks=callbacks(None))
    np.testing.assert_array_equal(model.get_weights()[1], [1.0])


def test_verbose_tells(capsys: pytest.CaptureFixture[str]) -> None:
    stop = EarlyStopping("val_loss", restore_best_weights=True, verbose=1)
    play(stop, [1.0, 2.0])
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 2: early stopping",
        "Restoring the weights of the best epoch: 1",
    ]


def test_used_again_it_begins_anew() -> None:
    stop = EarlyStopping("val_loss", patience=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(play(stop, [1.0, 2.0, 3.0])[0]) == 2
        assert len(play(stop, [5.0, 4.0, 3.0])[0]) == 3
