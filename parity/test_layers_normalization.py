"""Normalization layers against Keras's, over randomly drawn arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from harness import assert_layer_parity, assert_same_signature, keras

from glassnet import layers


def _drawn(seed: int, axes_allowed: int = 4) -> tuple[np.random.Generator, tuple[int, ...]]:
    rng = np.random.default_rng(seed)
    rank = int(rng.integers(2, axes_allowed + 1))
    sizes = [int(rng.choice([1, 2, 3, 4])) for _ in range(rank - 1)]
    return rng, (int(rng.choice([1, 2, 5])), *sizes)


def _input(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return (rng.normal(size=shape) * 2 + 0.5).astype(np.float32)


def _scaling(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "center": bool(rng.random() < 0.7),
        "scale": bool(rng.random() < 0.7),
        "epsilon": float(rng.choice([1e-3, 0.1])),
        "gamma_regularizer": [None, "l2"][rng.integers(2)],
    }


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("seed", range(10))
def test_batch_normalization(seed: int, training: bool) -> None:
    rng, shape = _drawn(seed)
    axis = int(rng.integers(1, len(shape))) if rng.random() < 0.5 else -1
    arguments = {**_scaling(rng), "axis": axis, "momentum": float(rng.choice([0.99, 0.5, 0.0]))}
    assert_layer_parity(
        keras.layers.BatchNormalization,
        layers.BatchNormalization,
        arguments,
        _input(rng, shape),
        {"training": training},
        tolerance=5e-5,  # the derivative takes differences of numbers that are almost equal
    )


@pytest.mark.parametrize("shape", [(4, 3, 2), (1, 3, 2), (5, 4), (2, 3, 4, 5)])
@pytest.mark.parametrize("kept", [0.6, 1.0, 0.0])
def test_batch_normalization_masked(shape: tuple[int, ...], kept: float) -> None:
    rng = np.random.default_rng(3)
    call = {"training": True, "mask": rng.uniform(size=shape[:-1]) < kept}
    assert_layer_parity(
        keras.layers.BatchNormalization,
        layers.BatchNormalization,
        {},
        _input(rng, shape),
        call,
        tolerance=5e-5,
    )


@pytest.mark.parametrize("clipping", [None, {"rmax": 1.5, "rmin": 0.7, "dmax": 0.2}])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("center", [True, False])
def test_batch_renormalization(clipping: Any, training: bool, center: bool) -> None:
    rng = np.random.default_rng(4)
    arguments = {
        "renorm": True,
        "renorm_clipping": clipping or {},
        "renorm_momentum": 0.8,
        "center": center,
        "scale": not center,
    }

    def weights(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return rng.uniform(0.5, 1.5, shape)

    assert_layer_parity(
        keras.layers.BatchNormalization,
        layers.BatchNormalization,
        arguments,
        _input(rng, (6, 3, 2)),
        {"training": training},
        weights=weights,
        tolerance=5e-5,
    )


def test_batch_normalization_frozen() -> None:
    x = _input(np.random.default_rng(5), (4, 3))
    assert_layer_parity(
        keras.layers.BatchNormalization,
        layers.BatchNormalization,
        {"trainable": False},
        x,
        {"training": True},
    )


@pytest.mark.parametrize("seed", range(16))
def test_layer_normalization(seed: int) -> None:
    rng, shape = _drawn(seed + 100)
    rank = len(shape)
    axes = sorted(rng.choice(range(1, rank), int(rng.integers(1, rank)), replace=False).tolist())
    axis = [a - rank for a in axes] if rng.random() < 0.5 else axes
    arguments = {**_scaling(rng), "axis": axis}  # a list, as Keras writes even one axis down
    assert_layer_parity(
        keras.layers.LayerNormalization,
        layers.LayerNormalization,
        arguments,
        _input(rng, shape),
        tolerance=1e-4 if min(shape[a] for a in axes) == 1 else 5e-5,
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("shape", [(3, 4), (1, 2, 5)])
def test_rms_scaling(shape: tuple[int, ...]) -> None:
    x = _input(np.random.default_rng(6), shape)
    arguments = {"rms_scaling": True, "axis": [-1]}
    assert_layer_parity(
        keras.layers.LayerNormalization, layers.LayerNormalization, arguments, x, tolerance=5e-5
    )


@pytest.mark.parametrize("seed", range(12))
def test_group_normalization(seed: int) -> None:
    rng, shape = _drawn(seed + 200)
    groups = int(rng.choice([1, 2, -1]))
    channels = 2 * int(rng.integers(1, 4))
    last = rng.random() < 0.6
    axis = -1 if last else 1
    sizes = list(shape)
    sizes[axis] = channels
    arguments = {**_scaling(rng), "groups": groups, "axis": axis}
    theirs = {**arguments, "groups": channels if groups == -1 else groups}
    assert_layer_parity(
        keras.layers.GroupNormalization,
        layers.GroupNormalization,
        theirs,
        _input(rng, tuple(sizes)),
        tolerance=1e-4,
    )
    assert layers.GroupNormalization(**arguments).groups == groups


@pytest.mark.parametrize(
    ("shape", "axis"), [((3, 4), -1), ((1, 1), -1), ((2, 3, 4), 1), ((2, 3, 4), [1, 2]), ((3,), 0)]
)
def test_unit_normalization(shape: tuple[int, ...], axis: Any) -> None:
    x = _input(np.random.default_rng(7), shape)
    assert_layer_parity(
        keras.layers.UnitNormalization,
        layers.UnitNormalization,
        {"axis": axis},
        x,
        named_batch=axis != 0,
        tolerance=1e-4 if shape == (1, 1) else 1e-5,
    )


@pytest.mark.parametrize("name", ["BatchNormalization", "GroupNormalization", "UnitNormalization"])
def test_signature(name: str) -> None:
    assert_same_signature(getattr(keras.layers, name), getattr(layers, name))


def test_signature_of_layer_normalization() -> None:
    ours = layers.LayerNormalization
    assert_same_signature(keras.layers.LayerNormalization, ours, ["rms_scaling"])
