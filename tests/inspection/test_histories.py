"""Runs are read from a History, a dict, a file, or several of these."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet.inspection import run_histories
from glassnet.inspection.histories import grows_better

X = np.random.default_rng(0).normal(size=(20, 2))
Y = (X[:, :1] > 0).astype("float32")


def fitted(**arguments: Any) -> Any:
    model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(X, Y, verbose=0, validation_data=(X, Y), **arguments)


def test_history_and_its_file_tell_the_same(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    for separator in (",", ";"):
        history = fitted(epochs=4, callbacks=[gn.callbacks.CSVLogger(path, separator=separator)])
        (run,), (read,) = run_histories(history), run_histories(path)
        assert run.epochs.tolist() == read.epochs.tolist() == [1, 2, 3, 4]
        assert run.metrics == ["loss", "accuracy"]
        assert set(run.values) == set(read.values) == set(history.history)
        for name, values in history.history.items():
            np.testing.assert_array_equal(run.values[name], values)
            np.testing.assert_allclose(read.values[name], values)
    assert run_histories(str(path))[0].epochs.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("frequency", [2, 3, [1, 2, 6]])
def test_values_stand_at_the_epochs_they_belong_to(tmp_path: Path, frequency: Any) -> None:
    path = tmp_path / "log.csv"
    logger = gn.callbacks.CSVLogger(path)
    history = fitted(epochs=7, validation_freq=frequency, callbacks=[logger])
    due = frequency if isinstance(frequency, list) else list(range(frequency, 8, frequency))
    for given in (history, path):
        (run,) = run_histories(given)
        assert run.epochs[np.isfinite(run.values["val_loss"])].tolist() == due
        np.testing.assert_allclose(
            run.values["val_loss"][np.array(due) - 1], history.history["val_loss"]
        )
    if isinstance(frequency, int):
        (run,) = run_histories(history.history)
        assert run.epochs[np.isfinite(run.values["val_loss"])].tolist() == due


def test_runs_appended_to_one_file_go_on_counting(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    for _ in range(2):
        fitted(epochs=2, callbacks=[gn.callbacks.CSVLogger(path, append=True)])
    (run,) = run_histories(path)
    assert run.epochs.tolist() == [1, 2, 3, 4]


def test_a_history_taken_up_again_knows_its_epochs() -> None:
    history = fitted(epochs=4, validation_freq=[1, 4])
    again = gn.callbacks.History()
    again.set_state(history.get_state())
    (run,) = run_histories(again)
    assert run.epochs[np.isfinite(run.values["val_loss"])].tolist() == [1, 4]


def test_later_epochs_keep_their_numbers() -> None:
    (run,) = run_histories(fitted(epochs=5, initial_epoch=3))
    assert run.epochs.tolist() == [4, 5]


def test_a_model_keeps_its_last_history() -> None:
    model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"was not trained yet: call fit\(\) first"):
        run_histories(model)
    history = model.fit(X, Y, epochs=2, verbose=0)
    for given in (model, {"one": model, "other": history}):
        for run in run_histories(given):
            assert run.values["loss"].tolist() == history.history["loss"]


def test_several_runs_by_name() -> None:
    runs = run_histories({"a": {"loss": [1.0]}, "b": fitted(epochs=2)})
    assert [(run.name, len(run.epochs)) for run in runs] == [("a", 1), ("b", 2)]


def test_the_loss_is_first_the_rate_last() -> None:
    (run,) = run_histories({"learning_rate": [1], "mae": [2], "loss": [3], "val_loss": [4]})
    assert run.metrics == ["loss", "mae", "learning_rate"]


def test_the_best_epoch_is_where_its_metric_is_best() -> None:
    (run,) = run_histories(
        {"loss": [3, 2, 1], "val_loss": [2.0, 1.0, np.nan], "accuracy": [0.1, 0.9, 0.9]}
    )
    assert run.best_epoch() == 2
    assert run.best_epoch("loss") == 3
    assert run.best_epoch("accuracy") == 2  # the first of equals
    assert run.best_epoch("precision") is None
    assert run_histories({"loss": [np.nan]})[0].best_epoch() is None


@pytest.mark.parametrize(
    ("name", "up"),
    [
        ("loss", False), ("val_loss", False), ("accuracy", True), ("val_acc", True),
        ("auc_1", True), ("mae", False), ("val_precision", True), ("head_f1_score", True),
        ("r2_score", True), ("my_own", False), ("mean_squared_error", False),
    ],
)  # fmt: skip
def test_metrics_say_which_way_is_better(name: str, up: bool) -> None:
    assert grows_better(name) is up


def test_arrays_an_epoch_are_no_curve(tmp_path: Path) -> None:
    (run,) = run_histories({"loss": [1, 2], "f1_score": [np.ones(3), np.ones(3)]})
    assert run.metrics == ["loss"]
    path = tmp_path / "log.csv"
    path.write_text('epoch,f1,loss,val_loss\n0,"[1.0, 2.0]",0.5,NA\n1,"[1.0, 2.0]",0.25,NA\n')
    (run,) = run_histories(path)
    assert run.metrics == ["loss"]
    assert run.values["loss"].tolist() == [0.5, 0.25]


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        (7, TypeError, "expected what fit"),
        ({}, ValueError, "holds no epoch"),
        ({"loss": []}, ValueError, "holds no epoch"),
        ({"loss": [1] * 7, "val_loss": [1] * 5}, ValueError, "5 values for 7 epochs"),
        ({"loss": 3.0}, TypeError, "no list of numbers"),
        ("nowhere.csv", FileNotFoundError, "no file 'nowhere.csv'"),
    ],
)
def test_anything_else_is_an_error(given: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        run_histories(given)


def test_a_file_of_another_kind_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="no CSVLogger's file"):
        run_histories(path)
    path.write_text("epoch,loss\n")
    with pytest.raises(ValueError, match="holds no epoch"):
        run_histories(path)
