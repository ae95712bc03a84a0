"""Interrupts, errors and threads: the state of a model is that of a whole step, always."""

from __future__ import annotations

import random
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from at_once import in_threads

import glassnet as gn
from glassnet import layers
from glassnet.graph.recording import _scope, apart, current_recording, current_scope

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 6)).astype("float32")
Y = RNG.normal(size=(32, 1)).astype("float32")


def network(entry: bool = True) -> gn.Sequential:
    gn.utils.set_random_seed(1)
    model = gn.Sequential(
        [
            *([gn.Input((6,))] if entry else []),
            layers.Dense(8, activation="tanh"),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model


def state(model: gn.Model) -> list[bytes]:
    return [v.value.tobytes() for v in (*model.weights, *model.optimizer.variables)]


def steps_of(model: gn.Model) -> int:
    return int(model.optimizer.iterations.numpy())


def every_state(epochs: int) -> dict[int, list[bytes]]:
    """The states of an uninterrupted run, by the number of steps made."""
    model, found = network(), {}

    def note(batch: int, logs: object) -> None:
        found[steps_of(model)] = state(model)

    note(0, None)
    watch = gn.callbacks.LambdaCallback(on_train_begin=lambda logs: note(0, logs),
                                        on_train_batch_end=note)  # fmt: skip
    model.fit(X, Y, batch_size=4, epochs=epochs, verbose=0, callbacks=[watch])
    return found


def interrupted(call: Callable[[], object], seconds: float) -> bool:
    """Call; tell whether an interrupt came before its end."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        call()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        return True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return False


needs_alarm = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="alarms are of POSIX")


@needs_alarm
def test_an_interrupt_at_any_moment_leaves_a_whole_step() -> None:
    epochs, chance, hits = 20, random.Random(), 0
    whole = every_state(epochs)
    for _ in range(25):
        model = network()
        run = lambda m=model: m.fit(X, Y, batch_size=4, epochs=epochs, verbose=0)  # noqa: E731
        hits += interrupted(run, chance.uniform(0.002, 0.04))
        if model.optimizer.built:
            assert state(model) == whole[steps_of(model)]
        model.fit(X, Y, batch_size=4, verbose=0)  # goes on
    assert hits >= 10


@needs_alarm
def test_an_interrupt_while_a_model_is_built_leaves_nothing_behind() -> None:
    chance, hits = random.Random(), 0
    plain = network(entry=False)
    plain.fit(X, Y, verbose=0)
    shapes = [v.shape for v in (*plain.weights, *plain.optimizer.variables)]
    for _ in range(40):
        model = network(entry=False)
        hits += interrupted(lambda m=model: m.fit(X, Y, verbose=0), chance.uniform(5e-4, 0.02))
        model.fit(X, Y, verbose=0)
        assert [v.shape for v in (*model.weights, *model.optimizer.variables)] == shapes
        assert model.metrics_names == ["loss", "mae"]
    assert hits >= 10


class Boom(Exception):
    pass


def raising_at(batch: int) -> Callable[[int, object], None]:
    def check(number: int, logs: object) -> None:
        if number == batch:
            raise Boom

    return check


def failing_generator() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for i in range(0, 12, 4):
        yield X[i : i + 4], Y[i : i + 4]
    raise Boom


def test_an_error_in_a_callback_or_a_generator_leaves_a_whole_step() -> None:
    whole = every_state(1)
    for hook in ("on_train_batch_begin", "on_train_batch_end"):
        model = network()
        failing = gn.callbacks.LambdaCallback(**{hook: raising_at(3)})
        with pytest.raises(Boom):
            model.fit(X, Y, batch_size=4, verbose=0, callbacks=[failing])
        assert state(model) == whole[steps_of(model)]
        assert steps_of(model) == 3 + (hook == "on_train_batch_end")
    model = network()
    with pytest.raises(Boom):
        model.fit(failing_generator(), verbose=0)
    assert steps_of(model) == 3


def test_an_error_in_a_layers_build_or_call_leaves_nothing_behind() -> None:
    class Fragile(layers.Layer):
        fails = ""

        def build(self, input_shape: Any) -> None:
            self.kernel = self.add_weight((6, 2), name="kernel")
            if self.fails == "build":
                raise Boom
            self.bias = self.add_weight((2,), name="bias")

        def call(self, inputs: Any) -> Any:
            if self.fails == "call":
                raise Boom
            return inputs @ self.kernel + self.bias

    fragile = Fragile()
    model = gn.Sequential([fragile, layers.Dense(1)])
    model.compile("adam", "mse")
    for fragile.fails in ("build", "build", "call", "call"):
        with pytest.raises(Boom):
            model.fit(X, Y, verbose=0)
    fragile.fails = ""
    model.fit(X, Y, verbose=0)
    assert [w.shape for w in model.weights] == [(6, 2), (2,), (2, 1), (1,)]
    assert len(model.optimizer.variables) == 2 + 2 * 4


def test_a_layer_that_does_not_fit_is_not_added() -> None:
    model = gn.Sequential([gn.Input((6,))])
    with pytest.raises(ValueError, match="conv2d"):
        model.add(layers.Conv2D(2, 3))
    assert model.layers == []
    model.add(layers.Dense(1))
    assert model.predict(X, verbose=0).shape == (32, 1)


# --- threads ----------------------------------------------------------------------------------
def predictions_at_once(model: gn.Model) -> list[np.ndarray]:
    found: list[np.ndarray] = []

    def predicting(size: int) -> Callable[[], None]:
        return lambda: found.append(model.predict(X, batch_size=size, verbose=0))

    in_threads(*map(predicting, (3, 7, 16, 32, 5, 1)))
    return found


@pytest.mark.parametrize("entry", [True, False])
def test_first_predictions_from_several_threads(entry: bool) -> None:
    expected = network(entry).predict(X, verbose=0)
    for _ in range(5):
        for outputs in predictions_at_once(network(entry)):
            np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


class Equal(layers.Layer):
    """Many weights that get the same slope: they differ only in a torn state."""

    def build(self, input_shape: Any) -> None:
        self.parts = [self.add_weight((), "zeros", name=f"w{i}") for i in range(40)]

    def call(self, inputs: Any) -> tuple[Any, Any]:
        total = sum(self.parts[1:], self.parts[0])
        spread = sum(((w - self.parts[0]) ** 2 for w in self.parts[1:]), self.parts[0] * 0)
        column = inputs[:, :1] * 0
        return column + total, column + spread


def test_predictions_while_another_thread_trains_are_of_one_step() -> None:
    inputs = gn.Input((6,))
    total, spread = Equal()(inputs)
    model = gn.Model(inputs, [total, spread])
    model.compile(gn.optimizers.SGD(1e-3), ["mse", None])
    done = threading.Event()
    seen: set[float] = set()

    def train() -> None:
        try:
            for _ in range(200):
                model.train_on_batch(X, [Y + 9, Y])
        finally:
            done.set()

    def predict() -> None:
        while not done.is_set():
            value, difference = model.predict_on_batch(X[:2])
            seen.add(float(value[0, 0]))
            assert not difference.any()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        in_threads(train, predict, predict)
    finally:
        sys.setswitchinterval(interval)
    assert len(seen) > 3


def test_two_models_train_in_two_threads_as_they_do_alone() -> None:
    def made() -> list[gn.Sequential]:
        models = [network(), network()]
        for model in models:
            model.fit(X, Y, verbose=0)
        return models

    alone, together = made(), made()
    for model in alone:
        model.fit(X, Y, batch_size=8, epochs=3, verbose=0)
    in_threads(*(lambda m=m: m.fit(X, Y, batch_size=8, epochs=3, verbose=0) for m in together))
    for one, other in zip(alone, together, strict=True):
        assert state(one) == state(other)


@needs_alarm
def test_an_interrupt_leaves_no_scope_behind() -> None:
    chance = random.Random()
    for _ in range(25):
        model = network()
        interrupted(lambda m=model: m.fit(X, Y, verbose=0), chance.uniform(5e-4, 0.02))
        assert current_scope() == ""
        assert current_recording() is None


def test_what_a_function_leaves_ends_with_it() -> None:
    """As when an interrupt comes between setting the scope and the try that resets it."""

    @apart
    def entered() -> str:
        _scope.set("left behind")
        return current_scope()

    assert entered() == "left behind"
    assert current_scope() == ""
