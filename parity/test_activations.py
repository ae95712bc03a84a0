"""Agreement with Keras 3: values and derivatives of activations over random arguments."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import keras
import numpy as np
import pytest

from glassnet import activations, ops
from glassnet.calculus import grad

# Keras's variables turn into arrays in NumPy's former way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Draw = Callable[[np.random.Generator], Any]

ARGUMENTS: dict[str, dict[str, Draw]] = {
    "relu": {
        "negative_slope": lambda r: float(r.choice([0, 0.3])),
        "max_value": lambda r: [None, 1.5, 6.0][r.integers(3)],
        "threshold": lambda r: float(r.choice([0, 0.7, -0.4])),
    },
    "leaky_relu": {"negative_slope": lambda r: float(r.uniform(0, 0.5))},
    "softmax": {"axis": lambda r: int(r.integers(-3, 3))},
    "log_softmax": {"axis": lambda r: int(r.integers(-3, 3))},
    "elu": {"alpha": lambda r: float(r.uniform(0.1, 2))},
    "celu": {"alpha": lambda r: float(r.uniform(0.1, 2))},
    "soft_shrink": {"threshold": lambda r: float(r.uniform(0, 1))},
    "hard_shrink": {"threshold": lambda r: float(r.uniform(0, 1))},
    "threshold": {
        "threshold": lambda r: float(r.uniform(-1, 1)),
        "default_value": lambda r: float(r.uniform(-1, 1)),
    },
    "gelu": {"approximate": lambda r: bool(r.integers(2))},
    "glu": {"axis": lambda r: int(r.choice([-1, 1, 2]))},
    "squareplus": {"b": lambda r: float(r.uniform(0.1, 8))},
}
NEEDED = {"threshold"}


def names() -> list[str]:
    # Keras 3.15's sparsemax adds up the cumulative sums of all chosen entries where the paper has
    # the last of them, so its values do not sum to 1. Ours are held against a projection onto the
    # simplex in tests/test_activations.py.
    return sorted(set(activations.ACTIVATIONS.entries) - {"sparsemax"})


def test_keras_s_sparsemax_is_right_for_one_chosen_entry_only() -> None:
    x = np.array([[3.0, 1.0, 0.5]], np.float32)
    np.testing.assert_array_equal(
        activations.sparsemax(x).numpy(), np.asarray(keras.activations.sparsemax(x))
    )
    two = np.array([[1.0, 0.9, -1.0]], np.float32)
    assert activations.sparsemax(two).numpy().sum() == pytest.approx(1)
    assert np.asarray(keras.activations.sparsemax(two)).sum() != pytest.approx(1, abs=0.1)


def test_all_of_keras_are_here() -> None:
    assert {n for n in dir(keras.activations) if not n.startswith("_")} <= set(dir(activations))


@pytest.mark.parametrize("draw", range(6))
@pytest.mark.parametrize("name", names())
def test_value_and_derivative(name: str, draw: int) -> None:
    rng = np.random.default_rng([draw, *name.encode()])
    drawn = ARGUMENTS.get(name, {})
    arguments = {k: f(rng) for k, f in drawn.items() if name in NEEDED or rng.random() < 0.7}
    x = (rng.normal(0, [0.5, 2, 20][draw % 3], (3, 4, 6))).astype(np.float32)
    if draw == 5:
        x = x[:1, :, :2]
    ours, theirs = getattr(activations, name), getattr(keras.activations, name)
    expected = np.asarray(theirs(keras.ops.convert_to_tensor(x), **arguments))
    found = np.asarray(ours(x, **arguments))
    assert found.dtype == np.float32
    close(found, expected)
    c = rng.normal(0, 1, expected.shape).astype(np.float32)
    slope = jax.grad(lambda t: jax.numpy.sum(c * theirs(t, **arguments)))(x)
    close(grad(lambda t: ops.sum(c * ours(t, **arguments)))(x), slope, least=1)


def close(found: Any, expected: Any, least: float = 1e-3) -> None:
    expected = np.asarray(expected)
    scale = max(np.abs(expected).max(), least)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * scale)


@pytest.mark.parametrize("name", ["relu", "relu6", "leaky_relu", "elu", "celu", "hard_sigmoid"])
def test_derivative_at_zero(name: str) -> None:
    x = np.zeros(3, np.float32)
    ours, theirs = getattr(activations, name), getattr(keras.activations, name)
    slope = jax.grad(lambda t: jax.numpy.sum(theirs(t)))(x)
    close(grad(lambda t: ops.sum(ours(t)))(x), slope)


@pytest.mark.parametrize(
    "name",
    [n for n in names() if n in dir(ops) and n in dir(keras.ops) and n not in NEEDED],
)
def test_function_of_the_same_name_in_ops(name: str) -> None:
    x = np.random.default_rng(0).normal(0, 2, (3, 4)).astype(np.float32)
    close(np.asarray(getattr(ops, name)(x)), getattr(keras.ops, name)(x))
