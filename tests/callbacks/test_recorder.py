"""Recorder: what it records, when, and in how much memory."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet.callbacks import BackupAndRestore, EarlyStopping, LambdaCallback, Recorder

X = np.random.default_rng(0).normal(size=(12, 2)).astype("float32")
Y = np.sin(X.sum(1, keepdims=True))


def small(seed: int = 3) -> gn.Sequential:
    gn.utils.set_random_seed(seed)
    model = gn.Sequential(
        [gn.Input((2,)), gn.layers.Dense(3, "tanh"), gn.layers.Dropout(0.2), gn.layers.Dense(1)]
    )
    model.compile(gn.optimizers.Adam(0.05), "mse")
    return model


def fitted(recorder: Any, epochs: int, model: Any = None, *others: Any) -> Any:
    model = small() if model is None else model
    return model.fit(
        X, Y, batch_size=4, epochs=epochs, verbose=0, callbacks=[recorder, *others]
    )  # 3 batches an epoch


def copies(unit: str) -> tuple[list[list[np.ndarray]], Any]:
    """Copies of the weights after every epoch or batch, made by hand."""
    kept: list[list[np.ndarray]] = []

    class Copy(gn.callbacks.Callback):
        def look(self, *_: Any) -> None:
            kept.append([np.array(w) for w in self.model.get_weights()])

        def on_train_begin(self, logs: Any = None) -> None:
            self.look()

    made = Copy()
    setattr(made, "on_epoch_end" if unit == "epoch" else "on_train_batch_end", made.look)
    return kept, made


def same(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> bool:
    return len(one) == len(other) and all(
        np.array_equal(a, b) for a, b in zip(one, other, strict=True)
    )


# --- when, and what ---------------------------------------------------------------------------
@pytest.mark.parametrize("unit", ["epoch", "batch"])
def test_the_frames_are_the_weights_of_their_moments(unit: str) -> None:
    recorder, (kept, copy) = Recorder(unit=unit), copies(unit)
    fitted(recorder, 5, None, copy)
    assert len(recorder) == (6 if unit == "epoch" else 16)
    assert all(same(a, b) for a, b in zip(recorder.weights, kept, strict=True))
    moved = [not same(a, b) for a, b in pairwise(kept)]
    assert all(moved)


def test_steps_epochs_and_logs() -> None:
    recorder = Recorder(every=2)
    run = fitted(recorder, 5)
    assert recorder.epochs == [0, 2, 4, 5]
    assert recorder.steps == [0, 6, 12, 15]
    losses = run.history["loss"]
    assert recorder.logs == [{}, {"loss": losses[1]}, {"loss": losses[3]}, {"loss": losses[4]}]
    assert recorder.labels[:2] == ["epoch 0", f"epoch 2, loss {losses[1]:.4g}"]


def test_batches_carry_the_running_loss() -> None:
    recorder, seen = Recorder(every=4, unit="batch"), []
    look = LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs["loss"]))
    run = fitted(recorder, 3, None, look)
    assert recorder.steps == [0, 4, 8, 9]
    assert recorder.epochs == [0, 1, 2, 3]
    last = run.history["loss"][-1]
    assert [f.logs.get("loss") for f in recorder.frames] == [None, seen[3], seen[7], last]
    assert recorder.labels[1] == f"step 4, loss {seen[3]:.4g}"


@pytest.mark.parametrize(
    ("every", "found"),
    [
        ([3, 1], [1, 3]),
        ([0, 4, 99], [0, 4]),
        (7, [0, 5]),
        ("log", [0, 1, 2, 3, 4, 5]),
    ],
)
def test_moments(every: Any, found: list[int]) -> None:
    recorder = Recorder(every)
    fitted(recorder, 5)
    assert recorder.epochs == found


def test_log_moments_are_a_ratio_apart() -> None:
    from glassnet.callbacks.moments import Moments

    moments = Moments("log", "test")
    chosen = np.array([n for n in range(100_001) if moments.chosen(n) is not None])
    assert chosen[:8].tolist() == list(range(8))
    late = chosen[chosen > 100]
    assert np.allclose(late[1:] / late[:-1], 10 ** (1 / 20), rtol=0.01)
    assert np.sum((chosen > 1000) & (chosen <= 10_000)) == 20


def test_the_predictions_are_those_of_the_moment() -> None:
    recorder = Recorder(every=2, watch=X)
    found: list[np.ndarray] = []
    model = small()
    look = LambdaCallback(
        on_train_begin=lambda logs: found.append(model.predict(X, verbose=0)),
        on_epoch_end=lambda epoch, logs: found.append(model.predict(X, verbose=0)),
    )
    fitted(recorder, 5, model, look)
    for frame, place in zip(recorder.frames, (0, 2, 4, 5), strict=True):
        assert np.array_equal(frame.outputs, found[place])
        with recorder.showing(frame) as shown:
            assert np.array_equal(shown.predict(X, verbose=0), found[place])


def test_several_outputs_are_a_list() -> None:
    inputs = gn.Input((2,))
    model = gn.Model(inputs, [gn.layers.Dense(1)(inputs), gn.layers.Dense(3)(inputs)])
    model.compile("sgd", "mse")
    recorder = Recorder(watch=X)
    model.fit(X, [Y, np.tile(Y, 3)], verbose=0, callbacks=[recorder])
    expected = model.predict(X, verbose=0)
    assert [a.shape for a in recorder.frames[0].outputs] == [(12, 1), (12, 3)]
    assert same(recorder.frames[-1].outputs, expected)


def test_training_is_the_same_with_and_without() -> None:
    one = small()
    fitted(Recorder(unit="batch", watch=X), 4, one)
    other = small()
    other.fit(X, Y, batch_size=4, epochs=4, verbose=0)
    assert same(one.get_weights(), other.get_weights())


def test_the_last_frame_is_of_the_last_epoch_though_the_best_weights_are_restored() -> None:
    (kept, copy), model = copies("epoch"), small()
    recorder = Recorder(every=100, watch=X)
    stop = EarlyStopping("loss", patience=1, mode="max", restore_best_weights=True)
    fitted(stop, 9, model, recorder, copy)
    assert recorder.epochs == [0, 2]
    assert same(recorder.weights[-1], kept[2])
    assert same(model.get_weights(), kept[1])
    model.set_weights(kept[2])
    assert np.array_equal(recorder.frames[-1].outputs, model.predict(X, verbose=0))


def test_a_run_that_breaks_off_leaves_its_last_state() -> None:
    (kept, copy), recorder = copies("epoch"), Recorder(every=100)

    def fail(epoch: int, logs: Any) -> None:
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(recorder, 9, None, copy, LambdaCallback(on_epoch_begin=fail))
    assert recorder.epochs == [0, 3]
    assert same(recorder.weights[-1], kept[3])


def test_a_second_run_begins_anew() -> None:
    recorder, model = Recorder(every=2), small()
    fitted(recorder, 5, model)
    fitted(recorder, 2, model)
    assert recorder.epochs == [0, 2]
    assert recorder.steps == [0, 6]


def test_an_initial_epoch_counts_in_epochs_and_not_in_moments() -> None:
    recorder = Recorder(every=2)
    small().fit(X, Y, batch_size=4, epochs=9, initial_epoch=5, verbose=0, callbacks=[recorder])
    assert recorder.epochs == [5, 7, 9]
    assert recorder.steps == [0, 6, 12]


# --- bounded memory ---------------------------------------------------------------------------
@pytest.mark.parametrize(("epochs", "most"), [(9, 10), (40, 10), (57, 7), (100, 3)])
def test_a_full_recorder_drops_every_second_frame(epochs: int, most: int) -> None:
    recorder = Recorder(max_frames=most)
    fitted(recorder, epochs)
    found = recorder.epochs
    assert len(found) <= most
    assert found[0] == 0
    assert found[-1] == epochs
    gaps = np.diff(found)
    stride = 1
    while -(-(epochs + 1) // stride) > most - 1:  # so many multiples of the stride there are
        stride *= 2
    assert set(gaps[:-1].tolist()) <= {stride}
    assert 0 < gaps[-1] <= stride


def test_memory_limits_the_frames() -> None:
    size = 4 * (2 * 3 + 3 + 3 + 1)  # float32 weights and biases
    model = small()
    random_state = sum(w.nbytes for w in model.get_weights()) - size
    recorder = Recorder(memory=6.5 * (size + random_state) / 1e6)
    fitted(recorder, 50, model)
    assert 3 <= len(recorder) <= 6
    assert recorder.epochs[-1] == 50


def test_too_little_memory_is_told_at_once() -> None:
    with pytest.raises(MemoryError, match=r"one frame takes .* memory=1e-05 holds no three"):
        fitted(Recorder(memory=1e-5), 1)


def test_dropped_arrays_are_freed() -> None:
    """What the recorder holds is what its frames hold: the arrays of dropped frames are gone."""
    import gc
    import weakref

    seen: list[Any] = []

    class Watch(gn.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            seen.append(weakref.ref(self.model.weights[0].value))

    recorder = Recorder(max_frames=5)
    fitted(recorder, 30, None, Watch())
    gc.collect()
    assert sum(ref() is not None for ref in seen) <= 5


# --- the model restored -----------------------------------------------------------------------
def test_showing_restores_the_very_arrays_also_after_an_error() -> None:
    recorder, model = Recorder(), small()
    fitted(recorder, 3, model)
    before = [w.value for w in model.weights]

    def fail() -> None:
        with recorder.showing(1):
            assert same(model.get_weights(), recorder.weights[1])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert all(w.value is kept for w, kept in zip(model.weights, before, strict=True))


def test_showing_in_another_model() -> None:
    recorder, other = Recorder(), small(9)
    fitted(recorder, 2)
    with recorder.showing(0, other) as shown:
        assert shown is other
        assert same(other.get_weights(), recorder.weights[0])
    wrong = gn.Sequential([gn.Input((5,)), gn.layers.Dense(1)])
    with (
        pytest.raises(ValueError, match="recorded weights have the shapes"),
        recorder.showing(0, wrong),
    ):
        pass


def test_an_empty_recorder_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="knows no model"), Recorder().showing(0):
        pass
    with pytest.raises(ValueError, match="no frames to save"):
        Recorder().save(tmp_path / "run.safetensors")


# --- files and backups ------------------------------------------------------------------------
def test_saved_and_loaded(tmp_path: Path) -> None:
    recorder, model = Recorder(every=2, unit="batch", watch=X), small()
    fitted(recorder, 3, model)
    recorder.frames[1].logs["loss"] = float("nan")
    path = tmp_path / "run.safetensors"
    recorder.save(path)
    found = Recorder.load(path, model)
    assert found.unit == "batch"
    assert found.steps == recorder.steps
    assert found.epochs == recorder.epochs
    assert repr(found.logs) == repr(recorder.logs)
    for one, other in zip(found.frames, recorder.frames, strict=True):
        assert same(one.weights, other.weights)
        assert np.array_equal(one.outputs, other.outputs)
    with found.showing(0) as shown:
        assert shown is model


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    small().save_weights(path)
    with pytest.raises(gn.errors.FileFormatError, match="no recording"):
        Recorder.load(path)
    recorder = Recorder()
    fitted(recorder, 1)
    with pytest.raises(ValueError, match=r"ends in \.safetensors"):
        recorder.save(tmp_path / "run.npz")


def test_a_run_taken_up_again_has_the_frames_of_one_that_was_not(tmp_path: Path) -> None:
    whole = Recorder(max_frames=6, watch=X)
    fitted(whole, 20)

    def interrupt(epoch: int, logs: Any) -> None:
        if epoch == 13:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(
            Recorder(max_frames=6, watch=X), 20, None,
            BackupAndRestore(tmp_path / "run"), LambdaCallback(on_epoch_begin=interrupt),
        )  # fmt: skip
    resumed = Recorder(max_frames=6, watch=X)
    fitted(resumed, 20, small(8), BackupAndRestore(tmp_path / "run"))
    assert resumed.epochs == whole.epochs
    assert resumed.steps == whole.steps
    assert resumed.logs == whole.logs
    for one, other in zip(resumed.frames, whole.frames, strict=True):
        assert same(one.weights, other.weights)
        assert np.array_equal(one.outputs, other.outputs)


# --- arguments --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"every": 0}, "least 1"),
        ({"every": "sometimes"}, "'log'"),
        ({"every": []}, "empty list"),
        ({"every": [1, -2]}, "least 0"),
        ({"unit": "step"}, "'epoch', 'batch'"),
        ({"max_frames": 2}, "least 3"),
        ({"memory": 0}, "above 0"),
    ],
)
def test_a_bad_argument_is_told(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recorder(**arguments)
