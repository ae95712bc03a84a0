"""Layers that act by chance against Keras's.

Draws can't be compared one by one. A mask of known positions can: what Keras does to kept and to
dropped entries, ours does. Expectation and variance follow, and outside training nothing happens.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from harness import assert_close, assert_layer_parity, assert_same_signature, keras

from glassnet import layers

ARGUMENTS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "Dropout": (0.3, (200, 50)),
    "SpatialDropout1D": (0.3, (200, 3, 50)),
    "SpatialDropout2D": (0.3, (200, 2, 2, 50)),
    "GaussianNoise": (0.3, (200, 50)),
    "GaussianDropout": (0.3, (200, 50)),
    "AlphaDropout": (0.3, (200, 50)),
}


def _normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("name", ARGUMENTS)
@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_nothing_happens_outside_training(name: str, rate: float) -> None:
    x = _normal(2, *[3] * (len(ARGUMENTS[name][1]) - 1))
    key = "stddev" if name == "GaussianNoise" else "rate"
    ours, theirs = getattr(layers, name), getattr(keras.layers, name)
    arguments = {key: rate, "seed": 1}
    assert_layer_parity(theirs, ours, arguments, x, {"training": False})
    if rate == 0:
        assert_layer_parity(theirs, ours, arguments, x, {"training": True})


@pytest.mark.parametrize("name", ["Dropout", "SpatialDropout1D", "SpatialDropout2D"])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_what_is_kept_is_scaled_alike(name: str, rate: float) -> None:
    x = np.abs(_normal(*ARGUMENTS[name][1])) + 0.1
    factors = []
    for library in (layers, keras.layers):
        y = np.asarray(getattr(library, name)(rate, seed=1)(x, training=True))
        kept = y != 0
        assert abs(kept.mean() - (1 - rate)) < 0.03
        factor = np.unique(np.round(y[kept] / x[kept], 4))
        assert factor.size == 1 or np.ptp(factor) < 2e-4
        factors.append(factor.mean())
        places = tuple(range(1, x.ndim - 1))
        if places:  # a channel is kept or dropped as a whole
            assert set(np.unique(kept.mean(places))) == {0.0, 1.0}
    assert_close(factors[0], factors[1], "the factor of kept entries", 1e-4)
    assert_close(factors[0], 1 / (1 - rate), "the factor of kept entries", 1e-4)


def test_noise_shape() -> None:
    x = np.ones((40, 5, 30), np.float32)
    for library in (layers, keras.layers):
        y = np.asarray(library.Dropout(0.5, (None, 1, None), seed=2)(x, training=True))
        assert (y == y[:, :1]).all()
        assert abs((y == 0).mean() - 0.5) < 0.05


def test_everything_dropped() -> None:
    x = _normal(3, 4)
    assert_layer_parity(
        keras.layers.Dropout, layers.Dropout, {"rate": 1.0, "seed": 1}, x, {"training": True}
    )


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_alpha_dropout_of_known_positions(rate: float) -> None:
    """An entry is kept or dropped; each case is one affine map, the same in both libraries."""
    x = _normal(300, 40)
    maps = []
    for library in (layers, keras.layers):
        y = np.asarray(library.AlphaDropout(rate, seed=1)(x, training=True)).astype(np.float64)
        values, counts = np.unique(np.round(y, 4), return_counts=True)
        dropped_to = values[np.argmax(counts)]
        kept = np.abs(y - dropped_to) > 1e-3
        assert abs(kept.mean() - (1 - rate)) < 0.03
        slope, shift = np.polyfit(x[kept].astype(np.float64), y[kept], 1)
        maps.append([slope, shift, dropped_to])
        assert abs(y.mean()) < 0.05
        assert abs(y.std() - 1) < 0.05
    np.testing.assert_allclose(maps[0], maps[1], atol=2e-4)


@pytest.mark.parametrize(
    ("name", "spread"), [("GaussianNoise", 0.3), ("GaussianDropout", math.sqrt(0.3 / 0.7))]
)
def test_gaussian_statistics(name: str, spread: float) -> None:
    x = np.full((400, 100), 2.0, np.float32)
    scale = 1.0 if name == "GaussianNoise" else 2.0
    for library in (layers, keras.layers):
        y = np.asarray(getattr(library, name)(0.3, seed=1)(x, training=True))
        assert abs(y.mean() - 2.0) < 0.02
        assert abs(y.std() - scale * spread) < 0.02
        assert abs(((y - y.mean()) ** 3).mean()) < 0.05  # symmetric


@pytest.mark.parametrize("shape", [(4, 3), (1, 2), (2, 3, 4)])
def test_activity_regularization(shape: tuple[int, ...]) -> None:
    """The penalty is divided by the number of examples, as Keras does."""
    assert_layer_parity(
        keras.layers.ActivityRegularization,
        layers.ActivityRegularization,
        {"l1": 0.2, "l2": 0.3},
        _normal(*shape),
    )


@pytest.mark.parametrize("name", [n for n in ARGUMENTS if n != "SpatialDropout2D"])
def test_signature(name: str) -> None:
    assert_same_signature(getattr(keras.layers, name), getattr(layers, name))


def test_signature_of_the_rest() -> None:
    for name in ("SpatialDropout2D", "ActivityRegularization"):
        assert_same_signature(getattr(keras.layers, name), getattr(layers, name))
