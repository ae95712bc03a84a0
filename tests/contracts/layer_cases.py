"""How each registered layer is tried by ``test_layers``: its arguments and its inputs.

A new layer needs a line here; without one the contract fails. The shapes carry a batch of 3, so
that it can be told from other sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return normally distributed floats."""
    return rng.normal(size=shape)


def distinct(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return floats that differ by at least ⅛, so that no difference quotient crosses a kink."""
    count = int(np.prod(shape))
    return (rng.permutation(count).reshape(shape) - count // 2 + 0.5) / 8


def integers(below: int) -> Draw:
    """Return a function that draws whole numbers from 0 to ``below`` - 1."""
    return lambda rng, shape: rng.integers(0, below, shape)


@dataclass(frozen=True)
class Case:
    """One trial of a layer.

    ``shape`` is the shape of the input, or a list of shapes for a layer of several inputs;
    ``call`` holds further arguments of the call (arrays among them have the batch in front);
    ``prepare`` does with the new layer what must be done before it is used (``adapt``);
    ``float_input`` is False where derivatives by the inputs mean nothing (categories).
    """

    arguments: Mapping[str, Any]
    shape: Any
    draw: Draw = normal
    call: Mapping[str, Any] = field(default_factory=dict)
    prepare: Callable[[Any], None] | None = None
    float_input: bool = True


CASES: dict[str, list[Case]] = {
    # core
    "Dense": [
        Case({"units": 4}, (3, 5)),
        Case({"units": 2, "activation": "tanh", "use_bias": False}, (3, 2, 5)),
    ],
    # convolution
    "Conv1D": [
        Case({"filters": 2, "kernel_size": 3}, (3, 5, 2)),
        Case({"filters": 4, "kernel_size": 2, "padding": "causal", "groups": 2}, (3, 4, 2)),
        Case({"filters": 2, "kernel_size": 4, "padding": "same", "strides": 3}, (3, 7, 1)),
    ],
    "Conv2D": [
        Case({"filters": 2, "kernel_size": (3, 2), "activation": "sigmoid"}, (3, 5, 4, 2)),
        Case({"filters": 2, "kernel_size": 2, "padding": "same", "strides": (2, 3)}, (3, 4, 5, 2)),
        Case({"filters": 4, "kernel_size": 2, "dilation_rate": 2, "groups": 2}, (3, 4, 5, 2)),
    ],
    "Conv3D": [Case({"filters": 2, "kernel_size": 2}, (3, 3, 2, 4, 2))],
    "Conv1DTranspose": [
        Case({"filters": 2, "kernel_size": 3, "strides": 2}, (3, 4, 2)),
        Case({"filters": 1, "kernel_size": 2, "strides": 3, "output_padding": 1}, (3, 4, 2)),
    ],
    "Conv2DTranspose": [
        Case({"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same"}, (3, 2, 4, 2)),
        Case({"filters": 2, "kernel_size": 2, "dilation_rate": 2}, (3, 2, 4, 2)),
    ],
    "DepthwiseConv1D": [Case({"kernel_size": 3, "depth_multiplier": 2}, (3, 5, 2))],
    "DepthwiseConv2D": [
        Case({"kernel_size": 2, "strides": 2, "padding": "same"}, (3, 5, 4, 2)),
        Case({"kernel_size": (1, 3), "depth_multiplier": 3, "use_bias": False}, (3, 2, 4, 2)),
    ],
    "SeparableConv1D": [Case({"filters": 2, "kernel_size": 3, "depth_multiplier": 2}, (3, 5, 2))],
    "SeparableConv2D": [
        Case({"filters": 4, "kernel_size": 2, "padding": "same", "strides": 2}, (3, 5, 4, 2))
    ],
    # pooling
    "MaxPooling1D": [Case({}, (3, 5, 2), distinct), Case({"strides": 3}, (3, 7, 2), distinct)],
    "MaxPooling2D": [
        Case({"pool_size": (2, 3), "padding": "same", "strides": 2}, (3, 5, 4, 2), distinct)
    ],
    "AveragePooling1D": [Case({"pool_size": 3, "strides": 1, "padding": "same"}, (3, 5, 2))],
    "AveragePooling2D": [
        Case({}, (3, 5, 4, 2)),
        Case({"pool_size": 2, "strides": 3, "padding": "same"}, (3, 5, 4, 2)),
    ],
    "GlobalMaxPooling1D": [
        Case({}, (3, 5, 2), distinct),
        Case({"keepdims": True}, (3, 5, 2), distinct),
    ],
    "GlobalMaxPooling2D": [
        Case({}, (3, 5, 4, 2), distinct),
        Case({"keepdims": True}, (3, 5, 4, 2), distinct),
    ],
    "GlobalAveragePooling1D": [
        Case({}, (3, 5, 2)),
        Case({"keepdims": True}, (3, 5, 2), call={"mask": np.arange(15).reshape(3, 5) % 3 > 0}),
    ],
    "GlobalAveragePooling2D": [Case({}, (3, 5, 4, 2)), Case({"keepdims": True}, (3, 5, 4, 2))],
    # arranging
    "Flatten": [Case({}, (3, 5, 4, 2)), Case({}, (3,))],
    "Reshape": [
        Case({"target_shape": (4, -1)}, (3, 5, 4, 2)),
        Case({"target_shape": (5, 2)}, (3, 10)),
    ],
    "Permute": [Case({"dims": (3, 1, 2)}, (3, 5, 4, 2))],
    "RepeatVector": [Case({"n": 4}, (3, 2))],
    # borders and sizes
    "ZeroPadding1D": [Case({}, (3, 5, 2)), Case({"padding": (0, 3)}, (3, 5, 2))],
    "ZeroPadding2D": [Case({"padding": ((1, 0), (2, 2))}, (3, 5, 4, 2))],
    "Cropping1D": [Case({}, (3, 5, 2)), Case({"cropping": (2, 0)}, (3, 5, 2))],
    "Cropping2D": [Case({"cropping": ((1, 0), (0, 2))}, (3, 5, 4, 2))],
    "UpSampling1D": [Case({"size": 3}, (3, 5, 2))],
    "UpSampling2D": [
        Case({"size": (2, 3)}, (3, 5, 4, 2)),
        Case({"size": (2, 3), "interpolation": "bilinear"}, (3, 5, 4, 2)),
        Case({"interpolation": "bicubic"}, (3, 1, 4, 2)),
    ],
}
