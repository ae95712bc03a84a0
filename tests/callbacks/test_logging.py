"""CSVLogger, LambdaCallback, TerminateOnNaN, History."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    LambdaCallback,
    TerminateOnNaN,
)
from glassnet.callbacks.base import HOOKS

X = np.random.default_rng(0).normal(size=(12, 2)).astype("float32")
Y = X.sum(1, keepdims=True)


def model(check_finite: bool = True) -> gn.Sequential:
    made = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
    made.compile("sgd", "mse", metrics=["mae"], check_finite=check_finite)
    return made


# --- CSVLogger --------------------------------------------------------------------------------
def rows(path: Path, separator: str = ",") -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter=separator))


def test_the_table_holds_the_history(tmp_path: Path) -> None:
    path = tmp_path / "new" / "log.csv"
    run = model().fit(
        X, Y, epochs=3, verbose=0, validation_data=(X, Y), callbacks=[CSVLogger(path)]
    )
    found = rows(path)
    assert list(found[0]) == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    assert [row["epoch"] for row in found] == ["0", "1", "2"]
    for name, values in run.history.items():
        assert [float(row[name]) for row in found] == values


def test_every_epoch_is_in_the_file_when_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    sizes: list[int] = []
    look = LambdaCallback(on_epoch_end=lambda epoch, logs: sizes.append(len(rows(path))))
    model().fit(X, Y, epochs=3, verbose=0, callbacks=[CSVLogger(path), look])
    assert sizes == [1, 2, 3]


def test_overwriting_and_appending(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    for append, count in ((False, 2), (False, 2), (True, 4)):
        model().fit(X, Y, epochs=2, verbose=0, callbacks=[CSVLogger(path, ";", append)])
        assert [row["epoch"] for row in rows(path, ";")] == ["0", "1"] * (count // 2)


def test_an_epoch_without_validation_says_na(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    model().fit(
        X,
        Y,
        epochs=2,
        verbose=0,
        validation_data=(X, Y),
        validation_freq=2,
        callbacks=[CSVLogger(path)],
    )
    first, second = rows(path)
    assert first["val_loss"] == "NA"
    assert float(second["val_loss"]) > 0


def test_a_run_taken_up_again_writes_no_epoch_twice(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"

    def callbacks(at: int) -> list[Callback]:
        def fail(epoch: int, logs: Any) -> None:
            if epoch == at:
                raise OSError

        # This one comes after the table's line is written and before the backup.
        return [
            CSVLogger(path),
            LambdaCallback(on_epoch_end=fail),
            BackupAndRestore(tmp_path / "b"),
        ]

    with pytest.raises(OSError):
        model().fit(X, Y, epochs=4, verbose=0, callbacks=callbacks(2))
    assert len(rows(path)) == 3
    model().fit(X, Y, epochs=4, verbose=0, callbacks=callbacks(-1))
    assert [row["epoch"] for row in rows(path)] == ["0", "1", "2", "3"]


# --- LambdaCallback ---------------------------------------------------------------------------
def test_every_hook_can_be_given_and_is_called_in_order() -> None:
    calls: list[str] = []

    def note(name: str) -> Any:
        return lambda *args: calls.append(name)

    names = [h for h in HOOKS if h not in ("on_train_abort", "on_batch_begin", "on_batch_end")]
    every = LambdaCallback(**{name: note(name.removeprefix("on_")) for name in names})
    made = model()
    made.fit(X, Y, batch_size=6, verbose=0, validation_data=(X[:2], Y[:2]), callbacks=[every])
    assert calls == [
        "train_begin",
        "epoch_begin",
        *["train_batch_begin", "train_batch_end"] * 2,
        *["test_begin", "test_batch_begin", "test_batch_end", "test_end"],
        "epoch_end",
        "train_end",
    ]
    calls.clear()
    made.predict(X, verbose=0, callbacks=[every])
    assert calls == ["predict_begin", "predict_batch_begin", "predict_batch_end", "predict_end"]


def test_batch_hooks_have_a_second_name_and_logs() -> None:
    losses: list[float] = []
    every = LambdaCallback(on_batch_end=lambda batch, logs: losses.append(logs["loss"]))
    run = model().fit(X, Y, batch_size=6, verbose=0, callbacks=[every])
    assert len(losses) == 2
    assert losses[-1] == run.history["loss"][0]


def test_an_error_reaches_on_train_abort() -> None:
    seen: list[BaseException] = []
    error = RuntimeError("stop")

    def fail(batch: int, logs: Any) -> None:
        raise error

    ended: list[Any] = []
    watch = LambdaCallback(
        on_train_batch_end=fail, on_train_abort=seen.append, on_train_end=ended.append
    )
    with pytest.raises(RuntimeError):
        model().fit(X, Y, verbose=0, callbacks=[watch])
    assert seen == [error]
    assert ended == []


def test_a_hook_that_does_not_exist_is_told_with_the_nearest() -> None:
    with pytest.raises(TypeError, match="Did you mean 'on_epoch_end'"):
        LambdaCallback(on_epochs_end=print)
    with pytest.raises(TypeError, match="on_epoch_end is a function; got 3"):
        LambdaCallback(on_epoch_end=3)  # type: ignore[arg-type]


def test_what_is_no_callback_is_told() -> None:
    with pytest.raises(TypeError, match="no Callback"):
        model().fit(X, Y, verbose=0, callbacks=[print])


# --- TerminateOnNaN ---------------------------------------------------------------------------
@pytest.mark.parametrize("check_finite", [True, False])
def test_a_nan_ends_training_quietly(
    check_finite: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    made = model(check_finite)
    ended: list[Any] = []

    def spoil(epoch: int, logs: Any) -> None:
        if epoch == 1:
            made.set_weights([np.full(w.shape, np.nan) for w in made.weights])

    watch = LambdaCallback(on_epoch_begin=spoil, on_train_end=ended.append)
    run = made.fit(X, Y, 4, epochs=5, verbose=0, callbacks=[watch, TerminateOnNaN()])
    assert len(ended) == 1
    assert run.epoch[0] == 0
    assert len(run.epoch) <= 2
    out = capsys.readouterr().out
    assert ("Usual cause" in out) if check_finite else ("the loss is nan" in out)


@pytest.mark.parametrize("check_finite", [True, False])
def test_raise_error_raises(check_finite: bool) -> None:
    made = model(check_finite)
    made.set_weights([np.full(w.shape, np.inf) for w in made.weights])
    with pytest.raises(gn.errors.NonFiniteError), np.errstate(all="ignore"):
        made.fit(X, Y, verbose=0, callbacks=[TerminateOnNaN(raise_error=True)])


# --- History ----------------------------------------------------------------------------------
def test_history_of_two_fits_is_that_of_the_last() -> None:
    made = model()
    first = made.fit(X, Y, epochs=2, verbose=0)
    second = made.fit(X, Y, epochs=5, initial_epoch=2, verbose=0)
    assert first.epoch == [0, 1]
    assert second.epoch == [2, 3, 4]
    assert made.history is second
    assert first.history["loss"][-1] > second.history["loss"][0]
