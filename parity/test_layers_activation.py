"""Activation layers against Keras's, over randomly drawn arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from harness import assert_layer_parity, assert_same_signature, keras

from glassnet import layers

# Keras warns that a softmax of one entry is 1.
pytestmark = pytest.mark.filterwarnings("ignore:You are using a softmax")

SHAPES = [(4, 3), (1, 5), (2, 3, 4), (1, 1, 1), (2, 3, 2, 4)]


def _input(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return floats of both signs that keep away from the kinks at 0, 0.2 and 0.5."""
    x = np.random.default_rng(seed).normal(size=shape) * 1.5
    for kink in (0.0, 0.2, 0.5):
        x = np.where(np.abs(x - kink) < 1e-3, x + 0.01, x)
    return x.astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid", "softmax", "gelu", "selu", "linear"])
def test_activation(name: str, shape: tuple[int, ...]) -> None:
    arguments = {"activation": name}
    assert_layer_parity(
        keras.layers.Activation, layers.Activation, arguments, _input(1, shape), tolerance=2e-5
    )


@pytest.mark.parametrize("seed", range(12))
def test_relu(seed: int) -> None:
    rng = np.random.default_rng(seed)
    arguments: dict[str, Any] = {
        "max_value": [None, 0.5, 6.0][rng.integers(3)],
        "negative_slope": [0.0, 0.3][rng.integers(2)],
        "threshold": [0.0, 0.2][rng.integers(2)],
    }
    x = _input(seed, SHAPES[rng.integers(len(SHAPES))])
    assert_layer_parity(keras.layers.ReLU, layers.ReLU, arguments, x)


@pytest.mark.parametrize("slope", [0.0, 0.3, 2.0])
def test_leaky_relu(slope: float) -> None:
    arguments = {"negative_slope": slope}
    assert_layer_parity(keras.layers.LeakyReLU, layers.LeakyReLU, arguments, _input(2, (3, 4)))


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 3.0])
def test_elu(alpha: float) -> None:
    assert_layer_parity(keras.layers.ELU, layers.ELU, {"alpha": alpha}, _input(3, (3, 4)))


@pytest.mark.parametrize(
    ("shape", "shared"),
    [
        ((3, 4), None),
        ((1, 1), None),
        ((2, 3, 4, 2), [1, 2]),
        ((2, 3, 4, 2), [3]),
        ((2, 3, 4), 1),
        ((1, 3, 4), (1, 2)),
    ],
)
def test_prelu(shape: tuple[int, ...], shared: Any) -> None:
    arguments = {"shared_axes": shared, "alpha_regularizer": "l2"}
    assert_layer_parity(keras.layers.PReLU, layers.PReLU, arguments, _input(4, shape))


@pytest.mark.parametrize(
    ("shape", "axis", "mask_shape"),
    [
        ((3, 4), -1, None),
        ((3, 4), -1, (3, 4)),
        ((3, 4), -1, (1, 4)),
        ((3, 4), [-1], (4,)),
        ((2, 3, 4), 1, (2, 3, 1)),
        ((2, 3, 4), 1, (3, 4)),
        ((2, 3, 4), [1, 2], None),
        ((2, 3, 4), (1, 2), (2, 1, 4)),
        ((1, 1), -1, (1, 1)),
        ((1, 5, 1), 2, None),
    ],
)
@pytest.mark.parametrize("kind", [bool, np.float32])
def test_softmax(shape: Any, axis: Any, mask_shape: Any, kind: Any) -> None:
    call = {}
    if mask_shape is not None:
        rng = np.random.default_rng(5)
        call = {"mask": (rng.uniform(size=mask_shape) < 0.7).astype(kind)}
    x = _input(6, shape)
    named = mask_shape is None or len(mask_shape) == len(shape)
    assert_layer_parity(
        keras.layers.Softmax,
        layers.Softmax,
        {"axis": axis},
        x,
        call,
        named_batch=named,
        differentiate_inputs=True,
    )


def test_softmax_of_a_row_that_is_masked_as_a_whole() -> None:
    call = {"mask": np.array([[False, False], [True, False]])}
    assert_layer_parity(keras.layers.Softmax, layers.Softmax, {}, _input(7, (2, 2)), call)


@pytest.mark.parametrize("name", ["Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax"])
def test_signature(name: str) -> None:
    assert_same_signature(getattr(keras.layers, name), getattr(layers, name))
