"""What every optimizer that looks at the curvature fulfils."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import config, schedules
from glassnet.errors import NonFiniteError
from glassnet.objective import Objective
from glassnet.optimizers import OPTIMIZERS
from glassnet.optimizers.second_order import SecondOrder
from glassnet.registry import deserialize, serialize

NAMES = [n for n, c in OPTIMIZERS.entries.items() if issubclass(c, SecondOrder)]
NETWORKS_ONLY: dict[str, str] = {}
"""Optimizers that know nothing of plain functions, and why."""
FUNCTIONS = [n for n in NAMES if n not in NETWORKS_ONLY]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 2))
Y = np.tanh(X @ np.array([[1.0], [-2.0]])) + 0.3
A = RNG.normal(size=(6, 3)) * np.array([1.0, 3.0, 0.5])
B = RNG.normal(size=6)


@pytest.fixture(params=["float32", "float64"])
def floatx(request: pytest.FixtureRequest) -> Iterator[str]:
    before = config.floatx()
    config.set_floatx(request.param)
    yield request.param
    config.set_floatx(before)


def make(kind: str, **arguments: Any) -> Any:
    return OPTIMIZERS.entries[kind](**arguments)


def network(optimizer: Any, constraint: Any = None) -> Any:
    gn.utils.set_random_seed(1)
    hidden = gn.layers.Dense(3, "tanh", kernel_constraint=constraint)
    model = gn.Sequential([gn.Input((2,)), hidden, gn.layers.Dense(1)])
    model.compile(optimizer, "mse")
    return model


def fit(model: Any, epochs: int, x: np.ndarray = X, y: np.ndarray = Y) -> list[float]:
    history = model.fit(x, y, epochs=epochs, batch_size=len(x), shuffle=False, verbose=0)
    return list(history.history["loss"])


def loss_of(weights: list[np.ndarray]) -> float:
    """The loss of the network, in plain NumPy."""
    w1, b1, w2, b2 = (np.asarray(w, np.float64) for w in weights)
    return float(np.mean((np.tanh(X @ w1 + b1) @ w2 + b2 - Y) ** 2))


def residuals(x: Any) -> Any:
    return A @ x - B


def valley(x: Any) -> Any:
    """Rosenbrock's function as a sum of squares: its minimum is 0 at (1, 1)."""
    return np.stack([10 * (x[1] - x[0] ** 2), 1 - x[0]]) * np.sqrt(2)


# --- functions --------------------------------------------------------------------------------
@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_solves_linear_least_squares(name: str) -> None:
    found = gn.minimize(residuals, np.ones(3), make(name), max_steps=300, tolerance=1e-7)
    np.testing.assert_allclose(found.x, np.linalg.lstsq(A, B, rcond=None)[0], atol=1e-6)
    assert found.converged
    assert (np.diff(found.values) <= 1e-12).all()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_finds_the_end_of_the_valley(name: str) -> None:
    found = gn.minimize(valley, [-1.2, 1.0], make(name), max_steps=300)
    np.testing.assert_allclose(found.x, [1.0, 1.0], atol=1e-6)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_move_tells_what_happened_and_changes_nothing(name: str) -> None:
    optimizer = make(name)
    start = np.array([-1.2, 1.0])
    problem = Objective.of(valley, start).at()
    optimizer.build([gn.Variable(start, dtype="float64")])
    kept = [v.value.copy() for v in optimizer.variables]
    move = optimizer.move(problem, start)
    assert start.tolist() == [-1.2, 1.0]
    for variable, value in zip(optimizer.variables, kept, strict=True):
        np.testing.assert_array_equal(variable.value, value)
    # f(-1.2, 1) = 100 · 0.44² + 2.2² and ∇f = (-215.6, -88), by hand.
    assert move.before == pytest.approx(24.2)
    assert move.slope == pytest.approx(np.hypot(215.6, 88.0))
    u, v = move.x
    assert move.after == pytest.approx(100 * (v - u**2) ** 2 + (1 - u) ** 2, rel=1e-9)
    assert move.decrease == move.before - move.after
    assert move.decrease > 0
    assert move.predicted is None or move.predicted > 0
    optimizer.finished(move)
    assert optimizer.last is move
    assert int(optimizer.iterations) == 1


# --- networks ---------------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_it_trains_a_network(name: str, floatx: str) -> None:
    model = network(name)
    start = loss_of(model.get_weights())
    losses = fit(model, 25)
    assert losses[0] == pytest.approx(start, rel=1e-5)
    assert loss_of(model.get_weights()) < 0.05 * start
    assert {w.dtype.name for w in model.weights} == {floatx}
    assert {w.value.dtype.name for w in model.weights} == {floatx}
    assert int(model.optimizer.iterations) == 25


@pytest.mark.parametrize("name", NAMES)
def test_it_trains_on_batches_metrics_and_validation(name: str) -> None:
    model = network(make(name, learning_rate=0.1))
    model.compile(model.optimizer, "mse", metrics=["mae"])
    start = loss_of(model.get_weights())
    history = model.fit(X, Y, batch_size=8, epochs=3, validation_data=(X, Y), verbose=0)
    assert set(history.history) == {"loss", "mae", "val_loss", "val_mae"}
    assert history.history["val_loss"][-1] == pytest.approx(loss_of(model.get_weights()), rel=1e-5)
    assert history.history["val_loss"][-1] < start
    assert int(model.optimizer.iterations) == 9


@pytest.mark.parametrize("name", NAMES)
def test_equal_runs_are_bitwise_equal(name: str) -> None:
    first, second = network(name), network(name)
    fit(first, 5), fit(second, 5)
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", NAMES)
def test_a_schedule_sets_the_rate_of_each_step(name: str) -> None:
    stopping = schedules.PiecewiseConstantDecay([2], [1.0, 0.0])
    model = network(make(name, learning_rate=stopping))
    fit(model, 3)
    assert float(model.optimizer.learning_rate) == 0.0
    kept = model.get_weights()
    fit(model, 2)
    for a, b in zip(model.get_weights(), kept, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", NAMES)
def test_constraints_hold_after_every_step(name: str) -> None:
    model = network(name, constraint="non_neg")
    negative = []
    look = gn.callbacks.LambdaCallback(
        on_epoch_end=lambda e, logs: negative.append(float(model.layers[0].kernel.numpy().min()))
    )
    model.fit(X, Y, epochs=5, batch_size=len(X), verbose=0, callbacks=[look])
    assert len(negative) == 5
    assert min(negative) >= 0
    # Without the constraint a weight goes below 0, so it was at work.
    free = network(name)
    fit(free, 5)
    assert free.get_weights()[0].min() < 0


@pytest.mark.parametrize("name", NAMES)
def test_frozen_layers_stay(name: str) -> None:
    model = network(name)
    model.layers[0].trainable = False
    model.compile(name, "mse")
    kept = model.get_weights()
    fit(model, 3)
    np.testing.assert_array_equal(model.get_weights()[0], kept[0])
    # What is left is linear least squares.
    hidden = np.c_[np.tanh(X @ kept[0] + kept[1]), np.ones(len(X))]
    best = np.linalg.lstsq(hidden, Y, rcond=None)[0]
    assert loss_of(model.get_weights()) < loss_of(kept)
    assert loss_of(model.get_weights()) >= np.mean((hidden @ best - Y) ** 2) - 1e-6


# --- written down -----------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_json_and_back(name: str) -> None:
    optimizer = make(name, learning_rate=0.5, name="mine")
    saved = json.loads(json.dumps(serialize(optimizer)))
    again = deserialize(saved)
    assert type(again) is type(optimizer)
    assert serialize(again) == saved
    assert again.name == "mine"
    assert float(again.learning_rate) == 0.5


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_run_goes_on_bitwise(name: str, tmp_path: Path) -> None:
    through, saved = network(name), network(name)
    fit(through, 6)
    fit(saved, 3)
    saved.save(tmp_path / "model.safetensors")
    again = gn.load(tmp_path / "model.safetensors")
    assert type(again.optimizer).__name__ == name
    assert int(again.optimizer.iterations) == 3
    fit(again, 3)
    for a, b in zip(through.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(through.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.value, b.value, err_msg=a.path)


@pytest.mark.parametrize("name", NAMES)
def test_by_name_and_documented(name: str) -> None:
    cls = OPTIMIZERS.entries[name]
    assert type(gn.optimizers.get(name)) is cls
    assert type(gn.optimizers.get(name.lower())) is cls
    assert getattr(gn.optimizers, name) is cls
    for word in ("Args:", "Source", "Memory", "ime of a step"):
        assert word in cls.__doc__ or "Memory and time" in cls.__doc__, word


# --- what it refuses --------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_a_gradient_alone_is_refused(name: str) -> None:
    w = gn.Variable([1.0, 2.0])
    optimizer = make(name)
    for call in (
        lambda: optimizer.apply([np.ones(2)], [w]),
        lambda: optimizer.apply_gradients([(np.ones(2), w)]),
    ):
        with pytest.raises(TypeError, match=rf"{name} needs the loss itself.*gn\.minimize"):
            call()
    assert w.numpy().tolist() == [1.0, 2.0]
    assert int(optimizer.iterations) == 0


def refused(model: Any, x: np.ndarray, y: np.ndarray) -> str:
    """Train where that is not possible: nothing changes; return the reason."""
    kept = {v: v.value.copy() for v in (*model.weights, *model.optimizer.variables)}
    with pytest.raises(NonFiniteError) as error:
        fit(model, 1, x, y)
    for variable, value in kept.items():
        np.testing.assert_array_equal(variable.value, value, err_msg=variable.path)
    return str(error.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_that_is_not_finite_is_told(name: str) -> None:
    model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
    model.compile(name, lambda y, p: np.mean(np.log(p - y)))
    model.set_weights([np.ones((2, 1)), np.zeros(1)])
    reason = refused(model, np.abs(X), np.where(np.arange(20) == 3, 99.0, -1.0)[:, None])
    assert "op 'log' of the loss" in reason
    assert "in the forward pass, gave NaN in 1 of 20 entries" in reason
    assert "Examples of the batch concerned: 3." in reason


def corner(y: Any, p: Any) -> Any:
    """A loss of 0 whose slope is none where it is met exactly: the square root at 0."""
    return np.mean(np.sqrt((p - y) ** 2))


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_that_are_not_finite_are_told(name: str) -> None:
    model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(name, corner)
    model.fit(X, np.ones((20, 1)), epochs=1, batch_size=20, verbose=0)
    model.set_weights([np.zeros((2, 1)), np.zeros(1)])
    reason = refused(model, X, np.zeros((20, 1)))
    assert "in the backward pass" in reason
    assert "The step changed no weight" in reason


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_start_that_is_not_finite_is_refused(name: str) -> None:
    with pytest.raises(FloatingPointError, match="not finite at the start"):
        gn.minimize(lambda x: np.stack([np.log(x[0]), x[1]]), [-1.0, 1.0], make(name))
    problem = Objective.of(lambda x: np.stack([np.log(x[0]), x[1]]), np.zeros(2)).at()
    with pytest.raises(FloatingPointError, match=name):
        make(name).move(problem, np.array([-1.0, 1.0]))


# --- what it shows ----------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_the_derivation_shows_all_but_the_update(name: str) -> None:
    model = network(name)
    derivation = model.derive(X, Y)
    assert derivation.unicode("dZ2").startswith("dZ[2] = ")
    text = " ".join(str(derivation).split())
    assert f"{name} looks at the curvature of J" in text
    assert not [s for s in derivation.steps if s.phase == "update"]
    # Explaining changes nothing, and training goes on.
    assert not model.optimizer.built
    assert fit(model, 1)


@pytest.mark.parametrize("name", NAMES)
def test_programs_say_what_they_leave_out(name: str) -> None:
    model = network(name)
    with pytest.raises(ValueError, match=f"{name} tries the loss at several places"):
        model.code()
    assert f"Keras has no {name}" in model.code("keras")
    assert f"PyTorch has no {name}" in model.code("torch")


def test_the_microscope_leaves_the_curved_step_alone() -> None:
    """The step that it looks at is the one that training runs."""
    looked, plain = network("newton"), network("newton")
    gn.explain.stability(looked, X, Y)
    fit(looked, 3), fit(plain, 3)
    for a, b in zip(looked.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_layers_with_state_train_too() -> None:
    """Moving averages are updated, and the derivation still shows them."""
    model = gn.Sequential(
        [gn.Input((2,)), gn.layers.Dense(3, "tanh"), gn.layers.BatchNormalization(momentum=0.5),
         gn.layers.Dense(1)]
    )  # fmt: skip
    model.compile("newton", "mse")
    w, b = model.get_weights()[:2]
    fit(model, 1)
    mean = np.tanh(X @ w + b).mean(axis=0)
    found = next(v for v in model.weights if v.name == "moving_mean")
    np.testing.assert_allclose(found.numpy(), 0.5 * mean, rtol=1e-5)
    steps = [s for s in model.derive(X, Y).steps if s.phase == "update"]
    assert len(steps) == 2
