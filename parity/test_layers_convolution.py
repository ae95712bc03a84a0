"""Convolutions, pooling and reshaping against Keras's, over randomly drawn arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import layer_cases
import numpy as np
import pytest
from harness import assert_layer_parity, assert_same_signature, keras
from layer_cases import Case

from glassnet import layers

DRAWS: dict[str, tuple[Callable[[np.random.Generator, int], Case], int]] = {
    "Conv1D": (layer_cases.convolution, 1),
    "Conv2D": (layer_cases.convolution, 2),
    "Conv3D": (layer_cases.convolution, 3),
    "Conv1DTranspose": (layer_cases.transposed, 1),
    "Conv2DTranspose": (layer_cases.transposed, 2),
    "DepthwiseConv1D": (layer_cases.depthwise, 1),
    "DepthwiseConv2D": (layer_cases.depthwise, 2),
    "SeparableConv1D": (layer_cases.separable, 1),
    "SeparableConv2D": (layer_cases.separable, 2),
    "MaxPooling1D": (layer_cases.pooling, 1),
    "MaxPooling2D": (layer_cases.pooling, 2),
    "AveragePooling1D": (layer_cases.pooling, 1),
    "AveragePooling2D": (layer_cases.pooling, 2),
}


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", DRAWS)
def test_drawn(name: str, seed: int) -> None:
    draw, rank = DRAWS[name]
    arguments, x = draw(np.random.default_rng([seed, *name.encode()]), rank)
    assert_layer_parity(getattr(keras.layers, name), getattr(layers, name), arguments, x)


def _normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(5).normal(size=shape).astype(np.float32)


CHOSEN: list[tuple[str, dict[str, Any], np.ndarray]] = [
    (
        "Conv1D",
        {"filters": 2, "kernel_size": 3, "padding": "causal", "strides": 2},
        _normal(2, 4, 3),
    ),
    (
        "Conv1D",
        {"filters": 2, "kernel_size": 2, "padding": "causal", "dilation_rate": 3},
        _normal(1, 1, 1),
    ),
    (
        "Conv2D",
        {"filters": 4, "kernel_size": (1, 4), "padding": "same", "strides": 3},
        _normal(1, 1, 1, 1),
    ),
    (
        "Conv2D",
        {"filters": 4, "kernel_size": 2, "groups": 2, "dilation_rate": (2, 3)},
        _normal(2, 6, 6, 4),
    ),
    (
        "Conv2D",
        {
            "filters": 2,
            "kernel_size": 2,
            "kernel_regularizer": "l2",
            "bias_regularizer": "l1",
            "activity_regularizer": "l2",
        },
        _normal(3, 4, 4, 2),
    ),
    ("MaxPooling1D", {"pool_size": 3, "strides": 2}, np.ones((2, 6, 2), np.float32)),  # ties
    ("MaxPooling2D", {"pool_size": 2, "padding": "same"}, np.zeros((1, 3, 3, 1), np.float32)),
    ("GlobalMaxPooling2D", {}, np.ones((1, 2, 2, 1), np.float32)),
    ("Flatten", {}, _normal(2, 3, 4, 5)),
    ("Flatten", {}, _normal(3)),
    ("Flatten", {}, _normal(1, 1)),
    ("Reshape", {"target_shape": (4, -1)}, _normal(2, 2, 6)),
    ("Reshape", {"target_shape": (-1,)}, _normal(1, 2, 3)),
    ("Reshape", {"target_shape": (3, 1, 4)}, _normal(2, 12)),
    ("Permute", {"dims": (2, 1)}, _normal(2, 3, 4)),
    ("Permute", {"dims": (3, 1, 2)}, _normal(1, 3, 1, 5)),
    ("RepeatVector", {"n": 3}, _normal(2, 4)),
    ("ZeroPadding1D", {}, _normal(2, 3, 2)),
    ("ZeroPadding1D", {"padding": (0, 3)}, _normal(1, 1, 1)),
    ("ZeroPadding2D", {}, _normal(2, 3, 2, 1)),
    ("ZeroPadding2D", {"padding": (1, 0)}, _normal(2, 3, 2, 2)),
    ("ZeroPadding2D", {"padding": ((1, 0), (2, 3))}, _normal(1, 1, 2, 2)),
    ("Cropping1D", {}, _normal(2, 5, 3)),
    ("Cropping1D", {"cropping": (2, 0)}, _normal(1, 3, 1)),
    ("Cropping2D", {}, _normal(2, 3, 3, 1)),
    ("Cropping2D", {"cropping": 1}, _normal(2, 3, 4, 2)),
    ("Cropping2D", {"cropping": ((1, 0), (0, 2))}, _normal(2, 3, 4, 2)),
    ("UpSampling1D", {}, _normal(2, 3, 2)),
    ("UpSampling1D", {"size": 3}, _normal(1, 1, 1)),
    ("UpSampling2D", {}, _normal(2, 3, 4, 2)),
    ("UpSampling2D", {"size": (1, 3)}, _normal(1, 1, 2, 1)),
    *(
        ("UpSampling2D", {"size": size, "interpolation": kind}, _normal(*shape))
        for kind in ("bilinear", "bicubic", "lanczos3", "lanczos5")
        for size, shape in [((2, 3), (2, 4, 5, 2)), ((1, 4), (1, 1, 6, 1)), (5, (1, 1, 2, 3))]
    ),
    *(
        (f"Global{kind}Pooling{rank}D", {"keepdims": keepdims}, _normal(*shape, 3))
        for kind in ("Max", "Average")
        for keepdims in (False, True)
        for rank, shape in [(1, (2, 4)), (1, (1, 1)), (2, (2, 3, 4)), (2, (1, 1, 1))]
    ),
]


@pytest.mark.parametrize(("name", "arguments", "x"), CHOSEN, ids=lambda v: str(v)[:60])
def test_chosen(name: str, arguments: dict[str, Any], x: np.ndarray) -> None:
    assert_layer_parity(getattr(keras.layers, name), getattr(layers, name), arguments, x)


@pytest.mark.parametrize("keepdims", [False, True])
def test_mean_over_the_steps_that_count(keepdims: bool) -> None:
    mask = np.array([[True, True, False, True], [False, True, False, False]])
    assert_layer_parity(
        keras.layers.GlobalAveragePooling1D,
        layers.GlobalAveragePooling1D,
        {"keepdims": keepdims},
        _normal(2, 4, 3),
        {"mask": mask},
    )


@pytest.mark.parametrize("name", sorted({*DRAWS, *(name for name, _, _ in CHOSEN)}))
def test_signature(name: str) -> None:
    assert_same_signature(getattr(keras.layers, name), getattr(layers, name))


ALIASES = (
    *(f"Convolution{rank}D" for rank in (1, 2, 3)),
    *(f"Convolution{rank}DTranspose" for rank in (1, 2)),
    *(f"SeparableConvolution{rank}D" for rank in (1, 2)),
    *(f"{kind}Pool{rank}D" for kind in ("Max", "Avg", "GlobalMax", "GlobalAvg") for rank in (1, 2)),
)


@pytest.mark.parametrize("alias", ALIASES)
def test_alias(alias: str) -> None:
    assert getattr(layers, alias).__name__ == getattr(keras.layers, alias).__name__
