"""Training in compiled code: interrupts, values that are not finite, errors, callbacks, data."""

from __future__ import annotations

import copy
import os
import pickle
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba", reason="the native engine needs Numba")

import glassnet as gn
from glassnet import layers
from glassnet.engines.native.lowering import random as random_rules
from glassnet.models import data, native

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6)).astype("float32")
Y = RNG.normal(size=(40, 1)).astype("float32")
ENGINES = ("numpy", "native")


def network(engine: str = "native", optimizer: Any = "adam", **options: Any) -> gn.Sequential:
    gn.utils.set_random_seed(1)
    parts = [
        layers.Dense(8, activation="tanh"),
        layers.BatchNormalization(),
        layers.Dropout(0.2),
        layers.Dense(1),
    ]
    model = gn.Sequential([gn.Input((6,)), *parts], name="net")
    model.compile(optimizer, "mse", engine=engine, **{"metrics": ["mae"], **options})
    return model


def state(model: gn.Model) -> list[bytes]:
    metrics = [v for metric in model.metrics for v in metric.variables]
    kept = (*model.weights, *model.optimizer.variables, *metrics)
    return [v.value.tobytes() for v in kept]


def weights(model: gn.Model) -> list[np.ndarray]:
    return [v.value.copy() for v in (*model.weights, *model.optimizer.variables)]


def close(one: Any, other: Any, rtol: float = 1e-4) -> None:
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-5)


def same_history(one: Any, other: Any, rtol: float = 1e-4) -> None:
    assert one.epoch == other.epoch
    assert one.history.keys() == other.history.keys()
    for name, values in one.history.items():
        np.testing.assert_allclose(values, other.history[name], rtol=rtol, atol=1e-6)


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The stays in compiled code: the first epoch of each, and the one behind its last."""
    found: list[tuple[int, int]] = []
    true_train = native.NativeEpochs._train

    def train(self: Any, epoch: int, end: int, hooks: Any) -> None:
        found.append((epoch, end))
        true_train(self, epoch, end, hooks)

    monkeypatch.setattr(native.NativeEpochs, "_train", train)
    return found


# --- interrupts -------------------------------------------------------------------------------
class Watch(gn.callbacks.Callback):
    """Asks for each epoch, so that training comes back to Python after it."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.told.append(epoch)


class StopAt(gn.callbacks.Callback):
    """Stops training when so many steps are made, without asking for batches one by one."""

    looks_now_and_then = True
    only_listens = True

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.steps -= 1
        if self.steps == 0:
            self.model.stop_training = True


BATCH = 4
STEPS = len(X) // BATCH


def after(steps: int, monkeypatch: pytest.MonkeyPatch) -> tuple[list[bytes], Any]:
    """The state, and the history, of a run of so many steps that nothing interrupts."""
    with monkeypatch.context() as patch:
        patch.setattr(native, "FIRST_BUDGET", 1)  # never grows
        model = network()
        stop = [StopAt(steps)] if steps else []
        epochs = -(-steps // STEPS)
        history = model.fit(X, Y, batch_size=BATCH, epochs=epochs, verbose=0, callbacks=stop)
    assert model.progress.seen == steps
    return state(model), history


def test_a_run_can_be_stopped_after_any_step(
    monkeypatch: pytest.MonkeyPatch, blocks: list[tuple[int, int]]
) -> None:
    """What the tests of interrupts compare with: states that differ from step to step."""
    states = {steps: after(steps, monkeypatch)[0] for steps in (1, 9, 10, 11, 23)}
    assert len({tuple(s) for s in states.values()}) == 5
    assert len(blocks) == 5  # in compiled code, the last epoch too
    assert after(23, monkeypatch)[0] == states[23]
    history = after(23, monkeypatch)[1]
    assert history.epoch == [0, 1, 2]
    plain = network("numpy")
    told = plain.fit(X, Y, batch_size=BATCH, epochs=2, verbose=0)
    np.testing.assert_allclose(told.history["loss"], history.history["loss"][:2], rtol=1e-5)


def interrupted(call: Callable[[], object], seconds: float) -> bool:
    """Call; tell whether a keyboard interrupt from a timer's thread came before its end."""
    done = threading.Event()

    def interrupt() -> None:
        if not done.wait(seconds):
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    try:
        try:
            thread.start()
            call()
            return False
        finally:
            done.set()
            thread.join()
    except KeyboardInterrupt:
        return True


needs_kill = pytest.mark.skipif(os.name != "posix", reason="signals to oneself are of POSIX")


@needs_kill
@pytest.mark.parametrize("asks", [False, True])
def test_an_interrupt_at_any_moment_leaves_a_whole_step(
    asks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, hits, partial = random.Random(), 0, 0
    network().fit(X, Y, batch_size=BATCH, verbose=0)  # kernels are there
    for _ in range(12):
        model = network()
        model.fit(X, Y, batch_size=BATCH, epochs=0, verbose=0)
        watch = Watch()
        if not interrupted(
            lambda m=model, w=watch: m.fit(
                X, Y, batch_size=BATCH, epochs=50_000, verbose=0, callbacks=[w] if asks else []
            ),
            chance.uniform(0.005, 0.12),
        ):
            continue
        hits += 1
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        progress, seen = model.progress, model.progress.seen
        assert seen == int(model.optimizer.iterations.numpy()) if model.optimizer.built else True
        history = model.history
        if progress.batch == STEPS:  # trained, but not told
            assert asks
        assert progress.epoch * STEPS + progress.batch == seen
        assert history.epoch == list(range(progress.epoch))
        assert all(len(v) == progress.epoch for v in history.history.values())
        if asks:
            assert watch.told == history.epoch
        partial += 0 < progress.batch < STEPS
        if not seen or seen > 5000:
            continue
        expected, told = after(seen, monkeypatch)
        assert state(model) == expected
        for name, values in history.history.items():
            assert values == told.history[name][: progress.epoch]
        model.fit(X, Y, batch_size=BATCH, epochs=2, verbose=0)
        assert model.progress.seen == seen + 2 * STEPS
    assert hits >= 6
    assert partial or asks  # an epoch is over before Python is asked


@needs_kill
def test_going_on_after_an_interrupt_is_as_after_a_run_of_as_many_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def more(model: gn.Sequential) -> list[bytes]:
        model.fit(X, Y, batch_size=BATCH, epochs=3, verbose=0)
        return state(model)

    for seconds in (0.02, 0.05):
        model = network()
        assert interrupted(
            lambda m=model: m.fit(X, Y, batch_size=BATCH, epochs=10**6, verbose=0), seconds
        )
        seen = model.progress.seen
        if not seen:
            continue
        other = network()
        with monkeypatch.context() as patch:
            patch.setattr(native.Budget, "run", exactly(seen))
            other.fit(X, Y, batch_size=BATCH, epochs=10**6, verbose=0, callbacks=[StopAt(1)])
        assert other.progress.seen == seen
        assert state(other) == state(model)
        assert more(other) == more(model)


def exactly(steps: int) -> Callable[..., None]:
    """A budget of so many steps."""

    def run(self: Any, session: Any, epochs: int, table: np.ndarray, most: int = 0) -> None:
        session.run(epochs, table, steps)

    return run


@needs_kill
def test_an_interrupt_while_a_session_is_made_leaves_nothing_half_made() -> None:
    chance = random.Random()
    for _ in range(12):
        model = network()
        run = lambda m=model: m.fit(X, Y, batch_size=BATCH, epochs=3, verbose=0)  # noqa: E731
        interrupted(run, chance.uniform(1e-3, 0.06))
        model.fit(X, Y, batch_size=BATCH, epochs=2, verbose=0)
        assert model.history.epoch == [0, 1]


@needs_kill
def test_an_interrupt_in_a_persons_own_op_comes_at_once() -> None:
    def endless(x: np.ndarray) -> None:
        while armed:
            x = x + 0

    armed: list[int] = []
    model = own_op(endless)
    model.fit(X, Y, batch_size=BATCH, epochs=1, verbose=0)
    armed.append(1)
    before = state(model)
    assert interrupted(lambda: model.fit(X, Y, batch_size=BATCH, epochs=9, verbose=0), 0.3)
    assert state(model)[: len(model.weights)] == before[: len(model.weights)]
    assert interrupted(lambda: model.predict(X, verbose=0), 0.3)
    armed.clear()
    model.fit(X, Y, batch_size=BATCH, epochs=1, verbose=0)
    assert model.progress.seen == int(model.optimizer.iterations.numpy())


# --- stops ------------------------------------------------------------------------------------
def test_another_thread_may_stop_training(blocks: list[tuple[int, int]]) -> None:
    model = network()

    def stop() -> None:
        while not blocks:  # on a busy machine it takes a while to begin
            time.sleep(0.01)
        time.sleep(0.2)
        model.stop_training = True

    other = threading.Thread(target=stop, daemon=True)
    other.start()
    history = model.fit(X, Y, batch_size=BATCH, epochs=10**6, verbose=0)
    other.join()
    assert blocks[0] == (0, native.EPOCHS_AHEAD)
    seen = model.progress.seen
    assert len(history.epoch) == -(-seen // STEPS) < 10**6
    assert history.epoch == list(range(len(history.epoch)))
    assert model.progress.epoch == len(history.epoch)


# --- values that are not finite ---------------------------------------------------------------
def growing(engine: str, **options: Any) -> gn.Sequential:
    """A network whose weight grows tenfold in each epoch until it overflows: the same in NumPy."""
    gn.utils.set_random_seed(1)
    part = layers.Dense(1, use_bias=False, kernel_initializer="ones", name="growing")
    model = gn.Sequential([gn.Input((1,)), part], name="net")
    rate = options.pop("rate", 4.5)
    options = {"metrics": ["mae"], **options}
    model.compile(gn.optimizers.SGD(rate), "mse", engine=engine, **options)
    return model


ONES, ZEROS = np.ones((8, 1), "float32"), np.zeros((8, 1), "float32")


def explained(engine: str, batch_size: int, **options: Any) -> tuple[str, Any, Any]:
    """What training says when a value is not finite, with the model and its history."""
    callbacks = options.pop("callbacks", [])
    fitted = options.pop("fitted", {})
    model = growing(engine, **options)
    with pytest.raises(gn.errors.NonFiniteError) as caught:
        model.fit(
            ONES, ZEROS, batch_size=batch_size, epochs=200, verbose=0, callbacks=callbacks, **fitted
        )
    assert caught.value.__suppress_context__
    return str(caught.value), model, model.history


@pytest.mark.parametrize("batch_size", [8, 4, 3])
@pytest.mark.parametrize("asks", [False, True])
def test_a_value_that_is_not_finite(
    batch_size: int, asks: bool, blocks: list[tuple[int, int]]
) -> None:
    found = {}
    for engine in ENGINES:
        callbacks = [Watch()] if asks else []
        found[engine] = explained(engine, batch_size, callbacks=callbacks)
    (text, plain, expected), (said, model, history) = (found[e] for e in ENGINES)
    assert blocks[0] == ((0, 1) if asks else (0, 200))
    assert said == text
    assert "Training stopped at step" in said
    assert history.epoch == expected.epoch
    assert len(history.epoch) > 3
    same_history(history, expected)
    close(list(weights(model)), list(weights(plain)), rtol=1e-5)
    assert np.isfinite(model.weights[0].value).all()
    one, other = model.progress, plain.progress
    assert (one.seen, one.epoch, one.batch) == (other.seen, other.epoch, other.batch)
    assert int(model.optimizer.iterations.numpy()) == one.seen


def test_training_goes_on_where_nobody_checks() -> None:
    histories = []
    for engine in ENGINES:
        model = growing(engine, check_finite=False)
        histories.append(model.fit(ONES, ZEROS, batch_size=4, epochs=60, verbose=0))
        assert not np.isfinite(model.weights[0].value).any()
        assert model.progress.seen == 120
    one, other = histories
    assert one.epoch == other.epoch == list(range(60))
    same_history(one, other)
    assert not np.isfinite(one.history["loss"][-1])


def test_checks_may_begin_in_the_middle_of_a_run() -> None:
    """The loss overflows in a later epoch than that in which a callback asks for checks."""
    said = []
    for engine in ENGINES:
        gn.utils.set_random_seed(1)
        model = gn.Sequential([gn.Input((6,)), layers.Dense(1)], name="net")
        model.compile(gn.optimizers.SGD(1e8), "mse", engine=engine, check_finite=False)

        def begin(epoch: int, logs: Any, model: gn.Model = model) -> None:
            model.check_finite = epoch > 0

        checked = gn.callbacks.LambdaCallback(on_epoch_begin=begin)
        with pytest.raises(gn.errors.NonFiniteError) as caught:
            model.fit(X, Y, batch_size=40, epochs=12, verbose=0, callbacks=[checked])
        said.append((str(caught.value), model.history.epoch))
    assert said[0] == said[1]
    assert said[0][1]


def test_terminate_on_nan(capsys: pytest.CaptureFixture[str]) -> None:
    found = []
    for engine in ENGINES:
        model = growing(engine)
        stop = gn.callbacks.TerminateOnNaN()
        history = model.fit(ONES, ZEROS, batch_size=4, epochs=200, verbose=0, callbacks=[stop])
        found.append((history, model.progress, capsys.readouterr().out))
    (one, first, said), (other, second, text) = found
    same_history(one, other)
    assert (first.seen, first.epoch) == (second.seen, second.epoch)
    assert said == text
    assert "Training stopped at step" in said


def test_in_validation() -> None:
    texts, epochs = [], []
    for engine in ENGINES:
        model = growing(engine, rate=1e-3)
        with pytest.raises(gn.errors.NonFiniteError) as caught:
            model.fit(
                ONES, ZEROS, batch_size=4, epochs=3, verbose=0, validation_freq=2,
                validation_data=(ONES * 1e30, ZEROS),
            )  # fmt: skip
        texts.append(str(caught.value))
        epochs.append((model.history.epoch, model.progress.seen))
    assert texts[0] == texts[1]
    assert texts[0].startswith("The validation after step 4 (epoch 2) stopped training")
    assert epochs[0] == epochs[1] == ([0], 4)


@pytest.mark.parametrize("batch_size", [2, 8])
def test_an_optimizers_state_that_is_not_finite(batch_size: int) -> None:
    """Squares of gradients overflow, so that nothing moves any more: told at every 16th step."""
    found = []
    x = np.ones((8, 1), "float32")
    for engine in ENGINES:
        model = growing(engine)
        model.compile(gn.optimizers.Adam(1e-3), "mse", engine=engine)
        y = np.full((8, 1), 1e18, "float32") * np.float32(40)
        with pytest.raises(gn.errors.NonFiniteError) as caught:
            model.fit(x, y, batch_size=batch_size, epochs=64, verbose=0)
        found.append((str(caught.value), model.history.epoch, model.progress.seen))
    assert found[0] == found[1]


def test_where_the_reference_finds_a_number_training_goes_on() -> None:
    """Whether a sum overflows depends on the order of its terms, which engines choose."""
    chance, differ = np.random.default_rng(0), 0
    for _ in range(40):
        x = np.zeros((4, 64), "float32")
        x[:, :4] = 3e38, -3e38, 2e38, -2e38
        x = chance.permuted(x, axis=1)
        plain, found = (outcome(summing(engine), x) for engine in ENGINES)
        if isinstance(found, str):
            assert found.startswith("Training stopped at step")
            assert found == plain
        differ += type(found) is not type(plain)
    assert differ  # where NumPy's order overflows, and the native one does not


def summing(engine: str) -> gn.Model:
    gn.utils.set_random_seed(1)
    model = gn.Sequential(
        [gn.Input((64,)), layers.Lambda(total, name="total"), layers.Dense(1)], name="net"
    )
    model.compile("sgd", "mse", engine=engine)
    return model


def total(x: Any) -> Any:
    return np.sum(x, axis=-1, keepdims=True) * 1e-38


def outcome(model: gn.Model, x: np.ndarray) -> Any:
    try:
        return model.fit(x, np.ones((4, 1), "float32"), batch_size=4, epochs=2, verbose=0)
    except gn.errors.NonFiniteError as error:
        return str(error)


# --- errors -----------------------------------------------------------------------------------
class Boom(Exception):
    pass


class Own(layers.NumpyLayer):
    """A brick of NumPy code that the reference computes."""

    def __init__(self, watch: Callable[[np.ndarray], None]) -> None:
        super().__init__(name="own")
        self.watch = watch

    def forward(self, X: np.ndarray) -> np.ndarray:
        self.watch(X)
        return X * 2

    def backward(self, dY: np.ndarray) -> np.ndarray:
        return dY * 2

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


def own_op(watch: Callable[[np.ndarray], None], engine: str = "native") -> gn.Sequential:
    gn.utils.set_random_seed(1)
    parts = [layers.Dense(4), Own(watch), layers.Dense(1)]
    model = gn.Sequential([gn.Input((6,)), *parts], name="net")
    model.compile("adam", "mse", metrics=["mae"], engine=engine)
    return model


def test_what_a_persons_own_op_keeps_stays_as_it_was() -> None:
    kept: list[tuple[np.ndarray, bytes]] = []
    model = own_op(lambda x: kept.append((x, x.tobytes())))
    model.fit(X, Y, batch_size=BATCH, epochs=2, verbose=0)
    model.predict(X, verbose=0)
    del model
    assert len(kept) > 2 * STEPS
    assert all(x.tobytes() == content for x, content in kept)
    assert len({content for _, content in kept}) > STEPS


@pytest.mark.parametrize("step", [1, 7, 10, 11, 27])
def test_an_error_in_a_persons_own_op(step: int) -> None:
    found = []
    for engine in ENGINES:
        calls: list[int] = []
        armed: list[bool] = []

        def failing(x: np.ndarray, calls: Any = calls, armed: Any = armed) -> None:
            if armed:
                calls.append(1)
                if len(calls) == 2 * step - 1:  # the derivative runs forward again
                    raise Boom(f"step {step}")

        model = own_op(failing, engine)
        model.predict(X, verbose=0)
        model.fit(X, Y, batch_size=BATCH, epochs=1, verbose=0)
        armed.append(True)
        with pytest.raises(Boom, match=f"step {step}"):
            model.fit(X, Y, batch_size=BATCH, epochs=9, verbose=0)
        found.append(model)
        progress = model.progress
        assert progress.seen == int(model.optimizer.iterations.numpy()) == STEPS + step - 1
        assert progress.epoch * STEPS + progress.batch == step - 1
        assert model.history.epoch == list(range((step - 1) // STEPS))
    plain, model = found
    close(weights(model), weights(plain))
    same_history(model.history, plain.history)
    for model in found:
        model.fit(X, Y, batch_size=BATCH, verbose=0)
    close(weights(found[1]), weights(found[0]))


def test_an_index_that_is_out_of_range() -> None:
    table = layers.Embedding(5, 3)
    x = RNG.integers(0, 5, size=(40, 2))
    x[29, 1] = 7
    said = []
    for engine in ENGINES:
        gn.utils.set_random_seed(1)
        table = layers.Embedding(5, 3, name="table")
        model = gn.Sequential(
            [gn.Input((2,), dtype="int64"), table, layers.Flatten(), layers.Dense(1)], name="net"
        )
        model.compile("adam", "mse", engine=engine)
        with pytest.raises(Exception) as caught:  # whatever the reference says
            model.fit(x, Y, batch_size=BATCH, epochs=3, shuffle=False, verbose=0)
        said.append((type(caught.value), str(caught.value)))
        assert model.progress.seen == int(model.optimizer.iterations.numpy())
    assert said[0] == said[1]


def picking(kind: str, engine: str) -> tuple[gn.Model, np.ndarray]:
    """A model that picks by its input's numbers, and numbers of which one is out of range."""
    gn.utils.set_random_seed(1)
    x = np.random.default_rng(3).integers(0, 5, size=(40, 2))
    inputs = gn.Input((2,), dtype="int64")
    table = gn.Variable(np.linspace(0, 1, 15, dtype="float32").reshape(5, 3))
    if kind == "embedding":
        picked = layers.Embedding(5, 3, name="table")(inputs)
    elif kind == "take":
        picked = gn.ops.take(table, inputs, axis=0)
    else:
        rows = gn.ops.cast(gn.ops.stack([inputs] * 3, axis=1), "float32")[:, :, :1]
        picked = gn.ops.take_along_axis(rows, inputs[:, :, None] - 2, axis=1)
    model = gn.Model(inputs, layers.Dense(1)(layers.Flatten()(picked)), name="net")
    model.compile("sgd", "mse", engine=engine)
    x[29, 1] = 7
    return model, x


@pytest.mark.parametrize("rows", [1, 5, 40])
@pytest.mark.parametrize("kind", ["embedding", "take", "take along"])
def test_a_prediction_for_an_index_that_is_out_of_range(kind: str, rows: int) -> None:
    """Compiled code can't raise: it says that the reference has to."""
    said, given = [], []
    for engine in ENGINES:
        model, x = picking(kind, engine)
        good, bad = np.roll(x, -30, axis=0)[:rows], x[29 : 29 + rows]
        given.append([model.predict(good if rows < 40 else x[:29], verbose=0) for _ in range(3)])
        for _ in range(2):
            with pytest.raises((ValueError, IndexError)) as caught:
                model.predict(bad, verbose=0)
            said.append((type(caught.value), str(caught.value)))
        given[-1].append(model.predict(good if rows < 40 else x[:29], verbose=0))
    assert said[:2] == said[2:]
    close(given[0], given[1])


@pytest.mark.parametrize("kind", ["embedding", "take", "take along"])
@pytest.mark.parametrize("method", ["evaluate", "fit"])
def test_a_run_with_an_index_that_is_out_of_range(kind: str, method: str) -> None:
    said = []
    for engine in ENGINES:
        model, x = picking(kind, engine)
        with pytest.raises((ValueError, IndexError)) as caught:
            getattr(model, method)(x, Y, batch_size=BATCH, verbose=0)
        said.append((type(caught.value), str(caught.value), model.progress.seen))
    assert said[0] == said[1]


def test_a_metric_of_classes_that_the_model_has_not() -> None:
    """The metric's numbers stay finite, so nothing but the index tells."""
    for engine in ENGINES:
        gn.utils.set_random_seed(1)
        model = gn.Sequential([gn.Input((6,)), layers.Dense(1)])
        top = gn.metrics.SparseTopKCategoricalAccuracy(1)
        model.compile("sgd", "mse", metrics=[top], engine=engine)
        with pytest.raises(IndexError, match="out of bounds"):
            model.fit(X, np.arange(40) % 3, batch_size=8, verbose=0)


def test_embeddings_are_looked_up_in_compiled_code(blocks: list[tuple[int, int]]) -> None:
    model, x = picking("embedding", "native")
    model.fit(x % 5, Y, batch_size=8, epochs=3, verbose=0)
    assert blocks == [(0, 3)]
    assert model.explain_plan(x % 5, Y).totals.by_reference == 0


# --- callbacks --------------------------------------------------------------------------------
def fitted(engine: str, callbacks: Callable[[], Any] = list, **options: Any) -> tuple[Any, Any]:
    model = network(engine)
    given = {"batch_size": 8, "epochs": 6, "verbose": 0, **options}
    history = model.fit(X, Y, callbacks=callbacks(), **given)
    return model, history


class Looks(gn.callbacks.Callback):
    """Notes the weights at every epoch, and at every batch if it shall."""

    def __init__(self, batches: bool = False, stop: int = -1) -> None:
        self.seen: list[np.ndarray] = []
        self.stop = stop
        if batches:
            self.on_train_batch_end = self._note  # type: ignore[method-assign]

    def _note(self, number: int, logs: Any = None) -> None:
        self.seen.append(self.model.weights[0].value.copy())
        if number == self.stop:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._note(-1 if hasattr(self, "on_train_batch_end") and self.stop >= 0 else epoch)
        assert logs is not None
        assert set(logs) >= {"loss", "mae"}


class Sets(gn.callbacks.Callback):
    """Changes weights between epochs, and the rate."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.model.optimizer.learning_rate = 0.01 / (epoch + 1)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.model.set_weights([w * 0.9 for w in self.model.get_weights()])


class Freezes(gn.callbacks.Callback):
    """Trains the first layer in every other epoch only."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.model.layers[0].trainable = epoch % 2 == 0


class Compiles(gn.callbacks.Callback):
    """Has the model trained in another way from the third epoch on."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == 2:
            self.model.compile("sgd", "mae", metrics=["mae"], engine=self.model.engine)


class Evaluates(gn.callbacks.Callback):
    """Uses the model's metrics where an epoch begins, and where it ends."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.model.evaluate(X[:9], Y[:9], verbose=0)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.model.evaluate(X[:9], Y[:9], verbose=0)


CALLBACKS: dict[str, Callable[[], Any]] = {
    "none": list,
    "early": lambda: gn.callbacks.EarlyStopping("loss", patience=0, min_delta=0.05,
                                                restore_best_weights=True),
    "schedule": lambda: gn.callbacks.LearningRateScheduler(lambda epoch: 0.05 / (epoch + 1)),
    "plateau": lambda: gn.callbacks.ReduceLROnPlateau("loss", patience=0, min_delta=0.3),
    "looks": Looks,
    "looks at batches": lambda: Looks(batches=True),
    "stops at a batch": lambda: Looks(batches=True, stop=2),
    "stops at an epoch": lambda: Looks(stop=2),
    "sets": Sets,
    "freezes": Freezes,
    "compiles": Compiles,
    "evaluates": Evaluates,
}  # fmt: skip


@pytest.mark.parametrize("name", CALLBACKS)
def test_callbacks(name: str) -> None:
    found = [fitted(engine, CALLBACKS[name]) for engine in (*ENGINES, "native")]
    (plain, expected), (model, history), (again, repeated) = found
    same_history(history, expected)
    close(weights(model), weights(plain))
    assert state(model) == state(again)
    assert history.history == repeated.history
    assert model.progress == plain.progress


def test_what_callbacks_see() -> None:
    noted = {}
    for engine in ENGINES:
        looks = Looks()
        fitted(engine, lambda looks=looks: [looks])
        noted[engine] = looks.seen
    assert len(noted["native"]) == 6
    close(noted["native"], noted["numpy"])
    assert not np.array_equal(noted["native"][0], noted["native"][1])


def test_an_evaluation_where_an_epoch_begins_changes_no_logs() -> None:
    _, expected = fitted("numpy")
    _, history = fitted("numpy", Evaluates)
    assert history.history == expected.history


@pytest.mark.parametrize("kind", ["as it is", "columns first", "big-endian", "float16"])
def test_a_callback_that_changes_the_data(kind: str) -> None:
    """The tables of compiled code are copies of arrays that it can't read as they are."""
    found = []
    for engine in ENGINES:
        x = np.array(X, {"big-endian": ">f4", "float16": "f2"}.get(kind),
                     order="F" if kind == "columns first" else "C")  # fmt: skip

        def fade(epoch: int, logs: Any, x: np.ndarray = x) -> None:
            x *= 0.5

        model = network(engine)
        fades = gn.callbacks.LambdaCallback(on_epoch_end=fade)
        history = model.fit(x, Y, batch_size=8, epochs=3, verbose=0, callbacks=[fades])
        found.append((history, weights(model)))
    same_history(found[1][0], found[0][0])
    close(found[1][1], found[0][1])


def test_checkpoints(tmp_path: Any) -> None:
    for engine in ENGINES:
        path = str(tmp_path / f"{engine}-{{epoch}}.weights.h5")
        path = path.replace(".weights.h5", ".weights.safetensors")
        fitted(engine, lambda p=path: [gn.callbacks.ModelCheckpoint(p, save_weights_only=True)])
    for epoch in (1, 6):
        plain, model = network("numpy"), network()
        plain.load_weights(tmp_path / f"numpy-{epoch}.weights.safetensors")
        model.load_weights(tmp_path / f"native-{epoch}.weights.safetensors")
        close(model.get_weights(), plain.get_weights())


@pytest.mark.parametrize("save_freq", ["epoch", 3])
def test_a_backup_is_taken_up(save_freq: Any, tmp_path: Any) -> None:
    def run(folder: str, *more: Any) -> gn.Sequential:
        model = network()
        backup = gn.callbacks.BackupAndRestore(tmp_path / folder, save_freq=save_freq)
        with pytest.MonkeyPatch.context() as patch:
            if not more:
                patch.setattr(gn.callbacks.BackupAndRestore, "on_train_end", lambda *_: None)
            model.fit(X, Y, batch_size=8, epochs=6, verbose=0, callbacks=[backup, *more])
        return model

    def interrupt(epoch: int, logs: Any) -> None:
        if epoch == 3:
            raise KeyboardInterrupt

    whole = run("whole")
    with pytest.raises(KeyboardInterrupt):
        run("cut", gn.callbacks.LambdaCallback(on_epoch_end=interrupt))
    resumed = run("cut")
    assert resumed.history.epoch == whole.history.epoch
    close(weights(resumed), weights(whole), rtol=1e-6)
    if save_freq == "epoch":
        assert state(resumed) == state(whole)
        assert resumed.history.history == whole.history.history


def test_a_callback_that_trains_the_same_model() -> None:
    """A run within a run finds the compiled one taken, and is done by Python."""
    found = []
    for engine in ENGINES:
        model = network(engine)
        inner = gn.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs, m=model: m.train_on_batch(X[:8] * 2, Y[:8])
        )
        model.fit(X, Y, batch_size=8, epochs=4, verbose=0, callbacks=[inner])
        evaluated = gn.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs, m=model: m.evaluate(X[:16], Y[:16], verbose=0)
        )
        model.fit(X, Y, batch_size=8, epochs=4, verbose=0, callbacks=[evaluated])
        found.append(model)
    close(weights(found[1]), weights(found[0]))


def test_a_run_within_a_run() -> None:
    found = []
    for engine in ENGINES:
        model = network(engine)
        depth: list[int] = []

        def inner(epoch: int, logs: Any, m: Any = model, depth: Any = depth) -> None:
            if not depth:
                depth.append(1)
                m.fit(X[::-1].copy(), Y, batch_size=8, epochs=2, verbose=0)

        within = gn.callbacks.LambdaCallback(on_epoch_end=inner)
        model.fit(X, Y, batch_size=8, epochs=3, verbose=0, callbacks=[within])
        found.append(model)
    close(weights(found[1]), weights(found[0]))


class Count(gn.metrics.Metric):
    """A metric of one's own: how often it was updated since it was reset."""

    def __init__(self) -> None:
        super().__init__(name="count")
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.total.assign(self.total + 1)

    def result(self) -> Any:
        return self.total


def test_a_metric_of_ones_own_begins_anew_with_each_epoch(blocks: list[tuple[int, int]]) -> None:
    model = network(metrics=[Count()])
    history = model.fit(X, Y, batch_size=8, epochs=4, verbose=0)
    assert history.history["count"] == [5.0] * 4
    assert model.progress.seen == 20
    assert blocks == [(i, i + 1) for i in range(4)]


def test_a_listener_that_fails_leaves_whole_epochs() -> None:
    class Fails(gn.callbacks.Callback):
        only_listens = True

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                raise Boom

    model = network()
    with pytest.raises(Boom):
        model.fit(X, Y, batch_size=8, epochs=6, verbose=0, callbacks=[Fails()])
    assert model.progress.epoch * 5 + model.progress.batch == model.progress.seen
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    assert model.history.epoch == [0, 1]


# --- data and options -------------------------------------------------------------------------
class Numbered(gn.utils.PyDataset):
    def __len__(self) -> int:
        return 5

    def __getitem__(self, number: int) -> Any:
        rows = slice(8 * number, 8 * number + 8)
        return X[rows], Y[rows]


def endless_batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    while True:
        for i in range(0, 40, 8):
            yield X[i : i + 8], Y[i : i + 8]


WEIGHTS = np.linspace(0.1, 2, 40)
OPTIONS: dict[str, dict[str, Any]] = {
    "class_weight": {"class_weight": {0: 0.2, 1: 3.0}, "y": (Y > 0).astype("float32")},
    "sample_weight": {"sample_weight": WEIGHTS},
    "validation_split": {"validation_split": 0.25},
    "validation_data": {"validation_data": (X[:13], Y[:13]), "validation_freq": 2},
    "validation with weights": {"validation_data": (X[:13], Y[:13], WEIGHTS[:13])},
    "validation by a generator": {"validation_data": endless_batches, "validation_steps": 3},
    "validation_steps": {"validation_data": (X, Y), "validation_steps": 2},
    "initial_epoch": {"initial_epoch": 2},
    "initial_epoch behind the last": {"initial_epoch": 9},
    "steps_per_epoch": {"steps_per_epoch": 3},
    "more steps than a pass has": {"steps_per_epoch": 7},
    "generator": {"x": endless_batches, "y": None, "steps_per_epoch": 4, "batch_size": None},
    "dataset": {"x": Numbered, "y": None, "batch_size": None},
    "no shuffling": {"shuffle": False},
    "float64": {"x": X.astype("float64"), "y": Y.astype("float64")},
    "float16": {"x": X.astype("float16")},
    "uint8": {"x": np.clip(X + 2, 0, 4).astype("uint8")},
    "int64": {"x": (X * 3).astype("int64"), "y": (Y * 3).astype("int16")},
    "bool": {"x": X > 0, "y": Y > 0},
    "big-endian": {"x": X.astype(">f4"), "y": Y.astype(">f8")},
    "big-endian integers": {"x": (X * 2).astype(">i2"), "y": (Y * 2).astype(">i4")},
    "columns first": {"x": np.asfortranarray(X)},
    "strided": {"x": np.repeat(X, 2, 1)[:, ::2], "y": np.repeat(Y, 3, 0)[::3]},
    "backwards": {"x": X[::-1], "y": Y[::-1]},
    "broadcast": {"x": np.broadcast_to(X[:, :1], X.shape)},
    "lists": {"x": X.tolist(), "y": Y.tolist()},
    "flat targets": {"y": Y[:, 0]},
    "read-only": {"x": X.copy(), "frozen": True},
    "larger batch than data": {"batch_size": 1000},
    "one at a time": {"batch_size": 1, "epochs": 2},
    "a last batch of one": {"batch_size": 13},
    "one example": {"x": X[:1], "y": Y[:1]},
    "no epochs": {"epochs": 0},
}


def run_with(engine: str, given: dict[str, Any]) -> tuple[Any, Any]:
    options = {"x": X, "y": Y, "batch_size": 8, "epochs": 4, "verbose": 0, **given}
    if callable(options["x"]):
        options["x"] = options["x"]()
    if callable(options.get("validation_data")):
        options["validation_data"] = options["validation_data"]()
    if options.pop("frozen", False):
        options["x"].flags.writeable = False
    if options["x"] is not X and not isinstance(options["x"], np.ndarray) and options["y"] is None:
        del options["y"]
    model = network(engine)
    return model, model.fit(**options)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", OPTIONS)
def test_options(name: str) -> None:
    found = [run_with(engine, OPTIONS[name]) for engine in (*ENGINES, "native")]
    (plain, expected), (model, history), (again, repeated) = found
    # Batch normalisation of few examples divides by almost nothing, which magnifies rounding.
    rtol = 1e-2 if name in ("one at a time", "one example") else 2e-4
    same_history(history, expected, rtol)
    close(weights(model), weights(plain), rtol)
    assert state(model) == state(again)
    assert history.history == repeated.history
    assert model.progress == plain.progress


@pytest.mark.parametrize("shuffle", [True, False])
def test_where_numpy_shuffles_otherwise_its_order_counts(
    shuffle: bool, monkeypatch: pytest.MonkeyPatch, blocks: list[tuple[int, int]]
) -> None:
    """As with a later NumPy, which may make other numbers of the same bits."""
    true_order = data.shuffled
    monkeypatch.setattr(data, "shuffled", lambda *key: true_order(*key)[::-1])
    checksum = random_rules._DRAWS["permutation"][1]
    draw = (lambda rng: rng.permutation(50)[::-1], checksum)
    monkeypatch.setitem(random_rules._DRAWS, "permutation", draw)
    random_rules.agrees_with_numpy.cache_clear()
    try:
        found = [fitted(engine, shuffle=shuffle) for engine in ENGINES]
    finally:
        random_rules.agrees_with_numpy.cache_clear()
    (plain, expected), (model, history) = found
    same_history(history, expected)
    close(weights(model), weights(plain))
    assert bool(blocks) is not shuffle


def test_a_memory_mapped_table(tmp_path: Any) -> None:
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    models = [run_with("native", {"x": x})[0] for x in (X, mapped)]
    assert state(models[0]) == state(models[1])


@pytest.mark.parametrize("engine", ["native", "auto"])
def test_half_precision(engine: str) -> None:
    """No kernel knows float16: each op is the reference's, and Python keeps the loop."""
    found = []
    for name in ("numpy", engine):
        gn.utils.set_random_seed(1)
        parts = [layers.Dense(4, activation="tanh", dtype="float16"), layers.Dense(1)]
        model = gn.Sequential([gn.Input((6,)), *parts])
        model.compile("sgd", "mse", metrics=["mae"], engine=name)
        history = model.fit(X, Y, batch_size=8, epochs=2, verbose=0, validation_split=0.2)
        found.append((history, weights(model), model.predict(X, verbose=0)))
    same_history(found[1][0], found[0][0], rtol=1e-2)
    close(found[1][1], found[0][1], rtol=1e-2)
    close(found[1][2], found[0][2], rtol=1e-2)
    assert found[0][1][0].dtype == np.float16


def test_several_inputs_and_outputs_by_name() -> None:
    found = []
    for engine in ENGINES:
        gn.utils.set_random_seed(1)
        a, b = gn.Input((6,), name="a"), gn.Input((2,), name="b")
        joined = layers.Concatenate()([layers.Dense(5, activation="relu")(a), b])
        one = layers.Dense(1, name="one")(joined)
        two = layers.Dense(3, activation="softmax", name="two")(joined)
        model = gn.Model({"a": a, "b": b}, {"one": one, "two": two})
        model.compile(
            "adam",
            {"one": "mse", "two": "sparse_categorical_crossentropy"},
            metrics={"two": ["accuracy"]},
            loss_weights={"one": 0.5, "two": 2.0},
            engine=engine,
        )
        x = {"b": X[:, :2], "a": X}
        y = {"two": np.arange(40) % 3, "one": Y}
        history = model.fit(x, y, batch_size=9, epochs=4, verbose=0, validation_data=(x, y))
        found.append((model, history, model.predict(x, verbose=0)))
    (plain, expected, outputs), (model, history, given) = found
    same_history(history, expected)
    close(weights(model), weights(plain))
    close([given[k] for k in ("one", "two")], [outputs[k] for k in ("one", "two")])


# --- engines, copies --------------------------------------------------------------------------
def test_engines_may_change_between_runs() -> None:
    models = []
    for engines in (("numpy",) * 4, ("native", "numpy", "native", "auto")):
        model = network()
        for engine in engines:
            model.engine = engine
            model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
        models.append(model)
    close(weights(models[0]), weights(models[1]))


@pytest.mark.parametrize("copied", ["pickle", "deepcopy", "saved"])
def test_copies_of_a_trained_model(copied: str, tmp_path: Any) -> None:
    model = network()
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0, validation_split=0.2)
    model.predict(X, verbose=0)
    model.predict(X[:1], verbose=0)
    if copied == "pickle":
        other = pickle.loads(pickle.dumps(model))
    elif copied == "deepcopy":
        other = copy.deepcopy(model)
    else:
        model.save(tmp_path / "model.safetensors")
        other = gn.saving.load_model(tmp_path / "model.safetensors")
    assert [w.tobytes() for w in other.get_weights()] == [w.tobytes() for w in model.get_weights()]
    close([other.predict(X, verbose=0)], [model.predict(X, verbose=0)])
    before = state(model)
    if copied == "saved":
        other.engine = "native"
        other.progress = copy.copy(model.progress)
    else:  # an optimizer knows its variables by identity
        other.compile("adam", "mse", metrics=["mae"], engine="native")
    other.fit(X, Y, batch_size=8, epochs=1, verbose=0)
    assert state(model) == before
    model.fit(X, Y, batch_size=8, epochs=1, verbose=0)
    if copied == "saved":
        close(model.get_weights(), other.get_weights())


def test_a_clone_of_a_trained_model() -> None:
    model = network()
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    clone = gn.models.clone_model(model)
    clone.set_weights(model.get_weights())
    clone.compile("adam", "mse", engine="native")
    np.testing.assert_array_equal(clone.predict(X, verbose=0), model.predict(X, verbose=0))
