"""BackupAndRestore: a run that is killed at any moment goes on as if it had never stopped."""

from __future__ import annotations

import importlib.util
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import glassnet as gn
from glassnet import callbacks as cb

SCRIPT = Path(__file__).with_name("interrupted_run.py")
PAUSE = 0.012


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("interrupted_run", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def start(folder: Path, seed: str, freq: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(SCRIPT), str(folder), seed, freq, str(PAUSE)])


def kill_once(folder: Path, freq: str, chance: random.Random) -> bool:
    """Run until a random moment after the next backup, kill; tell whether it died of that."""
    backup = folder / "backup" / "latest.safetensors"
    before = backup.stat().st_mtime_ns if backup.exists() else None
    process = start(folder, "none" if before else "5", freq)
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if backup.exists() and backup.stat().st_mtime_ns != before:
            break
        time.sleep(0.002)
    time.sleep(chance.uniform(0, 0.25))
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX")
@pytest.mark.parametrize("freq", ["epoch", "3"])
def test_killed_at_random_moments_the_run_ends_with_the_same_weights(
    tmp_path: Path, freq: str
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    script().main(whole, "5", freq, 0.0)
    chance = random.Random()
    deaths = sum(kill_once(killed, freq, chance) for _ in range(3))
    assert deaths >= 2  # the last may come too late, when the run has ended
    assert start(killed, "none", freq).wait() == 0
    one, other = np.load(whole / "final.npz"), np.load(killed / "final.npz")
    assert one.files == other.files
    for name in one.files:
        assert one[name].tobytes() == other[name].tobytes(), name
    assert (whole / "history.json").read_text() == (killed / "history.json").read_text()
    assert (whole / "log.csv").read_text() == (killed / "log.csv").read_text()
    assert not (killed / "backup").exists()


def small(units: int = 1, optimizer: str = "adam") -> gn.Sequential:
    model = gn.Sequential(
        [gn.Input((3,)), gn.layers.Dropout(0.5), gn.layers.Dense(units, name="only")]
    )
    model.compile(optimizer, "mse")
    return model


X = np.random.default_rng(1).normal(size=(20, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def stop_at(epoch: int, batch: int) -> cb.LambdaCallback:
    place = {"epoch": 0}

    def begin(number: int, logs: object) -> None:
        place["epoch"] = number

    def end(number: int, logs: object) -> None:
        if (place["epoch"], number) == (epoch, batch):
            raise KeyboardInterrupt

    return cb.LambdaCallback(on_epoch_begin=begin, on_train_batch_end=end)


def test_the_epoch_whose_backup_is_missing_is_run_again(tmp_path: Path) -> None:
    model = small()
    backup = cb.BackupAndRestore(tmp_path / "b")
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, 5, epochs=4, verbose=0, callbacks=[backup, stop_at(2, 1)])
    epochs: list[int] = []
    note = cb.LambdaCallback(on_epoch_begin=lambda epoch, logs: epochs.append(epoch))
    run = model.fit(X, Y, 5, epochs=4, verbose=0, callbacks=[backup, note])
    assert backup.restored
    assert epochs == [2, 3]
    assert run.epoch == [0, 1, 2, 3]
    assert not backup.path.exists()


def test_a_backup_within_an_epoch_goes_on_with_its_next_batch(tmp_path: Path) -> None:
    model = small()
    with pytest.raises(KeyboardInterrupt):
        model.fit(
            X,
            Y,
            5,
            epochs=4,
            verbose=0,
            callbacks=[cb.BackupAndRestore(tmp_path, save_freq=3), stop_at(1, 3)],
        )
    # Steps 0 1 2 3 | 4 5 6 7: backups after 3 and 6 steps, the interrupt after the eighth.
    again = small()
    batches: list[int] = []
    note = cb.LambdaCallback(on_train_batch_begin=lambda batch, logs: batches.append(batch))
    restore = cb.BackupAndRestore(tmp_path, save_freq=3)
    run = again.fit(X, Y, 5, epochs=3, verbose=0, callbacks=[restore, note])
    assert batches == [2, 3, 0, 1, 2, 3]
    assert run.epoch == [0, 1, 2]
    assert again.progress.seen == 12


def test_a_run_that_early_stopping_ended_is_not_trained_further(tmp_path: Path) -> None:
    def fit(model: gn.Sequential, keep: bool) -> tuple[list[int], cb.EarlyStopping]:
        stop = cb.EarlyStopping("loss", patience=2, min_delta=1e9, restore_best_weights=True)
        backup = cb.BackupAndRestore(tmp_path, delete_checkpoint=not keep)
        run = model.fit(X, Y, epochs=20, verbose=0, callbacks=[stop, backup])
        return run.epoch, stop

    first, again = small(), small()
    assert fit(first, keep=True)[0] == [0, 1, 2]  # dies here, say, before it deletes the backup
    epochs, stop = fit(again, keep=False)
    assert epochs == [0, 1, 2]
    assert stop.stopped_epoch == 2
    for a, b in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_backup_of_another_model_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    keep = cb.BackupAndRestore(tmp_path, delete_checkpoint=False)
    small().fit(X, Y, epochs=1, verbose=0, callbacks=[keep])
    wider = small(units=2)
    before = wider.get_weights()
    told = r"not of this run: it holds float32 \(3, 1\) for '\w+/only/"
    with pytest.raises(ValueError, match=told):
        wider.fit(X, np.hstack([Y, Y]), verbose=0, callbacks=[keep])
    for a, b in zip(before, wider.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="of the optimizer"):
        small(optimizer="sgd").fit(X, Y, verbose=0, callbacks=[keep])


def test_a_damaged_backup_is_refused_or_the_one_before_is_taken(tmp_path: Path) -> None:
    keep = cb.BackupAndRestore(tmp_path, double_checkpoint=True, delete_checkpoint=False)
    small().fit(X, Y, epochs=3, verbose=0, callbacks=[keep])
    whole = keep.path.read_bytes()
    keep.path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    epochs: list[int] = []
    note = cb.LambdaCallback(on_epoch_begin=lambda epoch, logs: epochs.append(epoch))
    small().fit(X, Y, epochs=4, verbose=0, callbacks=[keep, note])
    assert epochs == [2, 3]
    single = cb.BackupAndRestore(tmp_path)
    keep.previous_path.unlink()
    keep.path.write_bytes(whole[:-1])
    with pytest.raises(gn.errors.FileFormatError):
        small().fit(X, Y, epochs=4, verbose=0, callbacks=[single])
    assert keep.path.exists()


def test_two_callbacks_of_a_class_keep_their_own_states(tmp_path: Path) -> None:
    def two() -> tuple[cb.ReduceLROnPlateau, cb.ReduceLROnPlateau]:
        return (
            cb.ReduceLROnPlateau("loss", patience=90, min_delta=1e9),
            cb.ReduceLROnPlateau("loss", patience=90, min_delta=0, mode="max"),
        )

    first, second = two()
    keep = cb.BackupAndRestore(tmp_path, delete_checkpoint=False)
    run = small().fit(X, Y, epochs=3, verbose=0, callbacks=[first, keep, second])
    losses = run.history["loss"]
    again, other = two()
    small().fit(X, Y, epochs=3, verbose=0, callbacks=[again, keep, other])
    assert (again.best, again.wait) == (losses[0], 2)
    assert other.best == max(losses)


@pytest.mark.parametrize("freq", [0, -1, 1.5, True, "batch"])
def test_save_freq_is_epoch_or_a_number_of_batches(freq: object) -> None:
    with pytest.raises(ValueError, match="save_freq is 'epoch' or a number of batches"):
        cb.BackupAndRestore("x", save_freq=freq)  # type: ignore[arg-type]


def test_a_state_that_is_no_data_is_told(tmp_path: Path) -> None:
    class Odd(cb.Callback):
        def get_state(self) -> dict[str, object]:
            return {"f": lambda: 0}

    with pytest.raises(TypeError, match="a state is made of numbers"):
        small().fit(X, Y, verbose=0, callbacks=[Odd(), cb.BackupAndRestore(tmp_path)])
