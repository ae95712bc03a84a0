"""Agreement with Keras 3: trajectories of weights and state from the same start and gradients."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import pytest

from glassnet import constraints, optimizers, schedules
from glassnet.graph import Variable

# Keras's variables turn into arrays in NumPy's former way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

STEPS = 30
SHAPES = ((4, 3), (3,), (2, 3, 2, 2))
NAMES = ("dense/kernel", "dense/bias", "conv/kernel")

OWN: dict[str, dict[str, Any]] = {
    "SGD": {
        "momentum": lambda r: float(r.choice([0.0, 0.5, 0.9])),
        "nesterov": lambda r: bool(r.integers(2)),
    },
    "RMSprop": {
        "rho": lambda r: float(r.uniform(0.5, 0.99)),
        "momentum": lambda r: float(r.choice([0.0, 0.8])),
        "epsilon": lambda r: float(10.0 ** r.uniform(-7, -2)),
        "centered": lambda r: bool(r.integers(2)),
    },
    "Adagrad": {
        "initial_accumulator_value": lambda r: float(r.uniform(0, 0.5)),
        "epsilon": lambda r: float(10.0 ** r.uniform(-7, -2)),
    },
    "Adadelta": {
        "rho": lambda r: float(r.uniform(0.5, 0.99)),
        "epsilon": lambda r: float(10.0 ** r.uniform(-7, -2)),
    },
    "Adam": {
        "beta_1": lambda r: float(r.uniform(0.5, 0.95)),
        "beta_2": lambda r: float(r.uniform(0.9, 0.999)),
        "epsilon": lambda r: float(10.0 ** r.uniform(-7, -2)),
        "amsgrad": lambda r: bool(r.integers(2)),
    },
    "AdamW": {
        "weight_decay": lambda r: float(r.uniform(0, 0.1)),
        "beta_1": lambda r: float(r.uniform(0.5, 0.95)),
        "amsgrad": lambda r: bool(r.integers(2)),
    },
    "Adamax": {
        "beta_1": lambda r: float(r.uniform(0.5, 0.95)),
        "beta_2": lambda r: float(r.uniform(0.9, 0.999)),
        "epsilon": lambda r: float(10.0 ** r.uniform(-7, -2)),
    },
    "Nadam": {
        "beta_1": lambda r: float(r.uniform(0.5, 0.95)),
        "beta_2": lambda r: float(r.uniform(0.9, 0.999)),
        "epsilon": lambda r: float(10.0 ** r.uniform(-7, -2)),
    },
    "Ftrl": {
        "learning_rate_power": lambda r: float(r.choice([-0.5, -0.3, -0.8])),
        "initial_accumulator_value": lambda r: float(r.uniform(0.05, 0.5)),
        "l1_regularization_strength": lambda r: float(r.choice([0.0, 0.1])),
        "l2_regularization_strength": lambda r: float(r.choice([0.0, 0.1])),
        "l2_shrinkage_regularization_strength": lambda r: float(r.choice([0.0, 0.1])),
        "beta": lambda r: float(r.choice([0.0, 0.3])),
    },
    "Lion": {
        "beta_1": lambda r: float(r.uniform(0.5, 0.95)),
        "beta_2": lambda r: float(r.uniform(0.9, 0.999)),
    },
    "Lamb": {
        "beta_1": lambda r: float(r.uniform(0.5, 0.95)),
        "beta_2": lambda r: float(r.uniform(0.9, 0.999)),
        "epsilon": lambda r: float(10.0 ** r.uniform(-7, -2)),
    },
    "Adafactor": {
        "beta_2_decay": lambda r: float(r.uniform(-0.9, -0.6)),
        "clip_threshold": lambda r: float(r.uniform(0.5, 2)),
        "epsilon_2": lambda r: float(10.0 ** r.uniform(-4, -1)),
        "relative_step": lambda r: bool(r.integers(2)),
    },
}


def common(rng: np.random.Generator) -> dict[str, Any]:
    """Random arguments that all optimizers share; each draw turns a few of them on."""
    drawn: dict[str, Any] = {"learning_rate": float(10.0 ** rng.uniform(-3, -1))}
    kind = rng.integers(4)
    if kind == 1:
        drawn["clipnorm"] = float(rng.uniform(0.2, 3))
    elif kind == 2:
        drawn["clipvalue"] = float(rng.uniform(0.1, 1))
    elif kind == 3:
        drawn["global_clipnorm"] = float(rng.uniform(0.5, 5))
    if rng.random() < 0.4:
        drawn["weight_decay"] = float(rng.uniform(0, 0.1))
    if rng.random() < 0.4:
        drawn["use_ema"] = True
        drawn["ema_momentum"] = float(rng.uniform(0.5, 0.99))
        drawn["ema_overwrite_frequency"] = [None, 4][rng.integers(2)]
    if rng.random() < 0.3:
        drawn["gradient_accumulation_steps"] = int(rng.integers(2, 5))
    if rng.random() < 0.3:
        drawn["loss_scale_factor"] = float(rng.uniform(0.5, 4))
    return drawn


def gradient_of(values: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """A bowl's gradient with noise: of all sizes, with some entries exactly 0."""
    grads = []
    for value in values:
        g = value + rng.normal(0, 1, value.shape) * 10.0 ** rng.uniform(-2, 0.5)
        grads.append((g * (rng.random(value.shape) < 0.9)).astype(np.float32))
    return grads


def assert_trajectories_agree(
    ours: Any, theirs: Any, rng: np.random.Generator, constrained: bool = False
) -> None:
    starts = [rng.normal(0, 1, shape).astype(np.float32) for shape in SHAPES]
    our_variables, keras_variables = [], []
    for path, start in zip(NAMES, starts, strict=True):
        variable = Variable(start, name=path.split("/")[1])
        variable.path = path
        other = keras.Variable(start, name=path.split("/")[1])
        if constrained:
            variable.constraint = constraints.MaxNorm(1.0)
            other.constraint = keras.constraints.MaxNorm(1.0)
        our_variables.append(variable)
        keras_variables.append(other)
    for step in range(STEPS):
        # The gradients follow Keras's weights, so that a difference adds up and shows.
        grads = gradient_of([np.asarray(v) for v in keras_variables], rng)
        ours.apply(grads, our_variables)
        theirs.apply([keras.ops.convert_to_tensor(g) for g in grads], keras_variables)
        for path, a, b in zip(NAMES, our_variables, keras_variables, strict=True):
            expected = np.asarray(b)
            scale = max(np.abs(expected).max(), 0.5)  # weights start at 1, and may shrink to 0
            error = np.abs(a.value - expected).max()
            assert error <= 1e-5 * scale, f"step {step}, {path}: {error / scale:.2g} of {scale:.3g}"
    ours.finalize_variable_values(our_variables)
    theirs.finalize_variable_values(keras_variables)
    for a, b in zip(our_variables, keras_variables, strict=True):
        expected = np.asarray(b)
        atol = 1e-5 * max(np.abs(expected).max(), 0.5)
        np.testing.assert_allclose(a.value, expected, rtol=0, atol=atol)
    assert int(ours.iterations) == int(theirs.iterations)
    assert float(ours.learning_rate) == pytest.approx(float(theirs.learning_rate), rel=1e-6)


@pytest.mark.parametrize("draw", range(8))
@pytest.mark.parametrize("name", OWN)
def test_trajectory(name: str, draw: int) -> None:
    rng = np.random.default_rng([draw, *name.encode()])
    arguments = common(rng) if draw else {}
    own = {k: f(rng) for k, f in OWN[name].items() if rng.random() < 0.7} if draw else {}
    arguments |= own
    ours = getattr(optimizers, name)(**arguments)
    theirs = getattr(keras.optimizers, name)(**arguments)
    assert_trajectories_agree(ours, theirs, rng)
    if name != "Adafactor":  # Keras counts its placeholders for vectors as variables
        assert [v.shape for v in ours.variables] == [tuple(v.shape) for v in theirs.variables]
        for a, b in zip(ours.variables, theirs.variables, strict=True):
            expected = np.asarray(b)
            np.testing.assert_allclose(
                a.value, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max(), err_msg=a.path
            )


@pytest.mark.parametrize("name", OWN)
def test_same_arguments_and_defaults(name: str) -> None:
    ours, theirs = getattr(optimizers, name)(), getattr(keras.optimizers, name)()
    expected = {k: v for k, v in theirs.get_config().items() if k != "name"}
    found = {k: v for k, v in ours.get_config().items() if k != "name"}
    assert set(found) == set(expected)
    for key, value in expected.items():
        assert found[key] == pytest.approx(value), key


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop"])
def test_trajectory_with_a_schedule(name: str) -> None:
    ours = getattr(optimizers, name)(schedules.CosineDecay(0.0, 15, 0.1, "s", 0.05, 5))
    schedule = keras.optimizers.schedules.CosineDecay(0.0, 15, 0.1, "s", 0.05, 5)
    theirs = getattr(keras.optimizers, name)(schedule)
    assert_trajectories_agree(ours, theirs, np.random.default_rng(5))


@pytest.mark.parametrize("name", ["SGD", "Adam", "Lamb"])
def test_trajectory_with_constraints(name: str) -> None:
    ours = getattr(optimizers, name)(0.05)
    theirs = getattr(keras.optimizers, name)(0.05)
    assert_trajectories_agree(ours, theirs, np.random.default_rng(6), constrained=True)


def test_trajectory_with_weights_excluded_from_decay() -> None:
    ours, theirs = optimizers.AdamW(0.01, 0.5), keras.optimizers.AdamW(0.01, 0.5)
    ours.exclude_from_weight_decay(var_names=["bias"])
    theirs.exclude_from_weight_decay(var_names=["bias"])
    assert_trajectories_agree(ours, theirs, np.random.default_rng(7))


def test_names_of_the_state() -> None:
    ours, theirs = (o.Adam(amsgrad=True, name="adam") for o in (optimizers, keras.optimizers))
    with keras.name_scope("dense"):
        other = keras.Variable(np.ones(2, np.float32), name="bias")
    theirs.build([other])
    variable = Variable(np.ones(2, np.float32), name="bias")
    variable.path = "dense/bias"
    ours.build([variable])
    assert [v.path for v in ours.variables] == [v.path for v in theirs.variables]
