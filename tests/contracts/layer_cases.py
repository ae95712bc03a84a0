"""How each registered layer is tried by ``test_layers``: its arguments and its inputs.

A new layer needs a line here; without one the contract fails. The shapes carry a batch of 3, so
that it can be told from other sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from glassnet import activations

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
    # activations
    "Activation": [Case({"activation": "tanh"}, (3, 2, 5))],
    "ReLU": [
        Case({}, (3, 5), distinct),
        Case({"max_value": 0.5, "negative_slope": 0.1, "threshold": 0.2}, (3, 2, 5), distinct),
    ],
    "LeakyReLU": [Case({}, (3, 5), distinct)],
    "PReLU": [
        Case({}, (3, 2, 5), distinct),
        Case({"shared_axes": [1, 2], "alpha_regularizer": "l2"}, (3, 4, 5, 2), distinct),
    ],
    "ELU": [Case({"alpha": 0.7}, (3, 5), distinct)],
    "Softmax": [
        Case({}, (3, 5)),
        Case({"axis": [1, 2]}, (3, 2, 5)),
        Case({"axis": 1}, (3, 2, 5), call={"mask": np.arange(30).reshape(3, 2, 5) % 4 > 0}),
    ],
    # regularization: a seed makes two layers draw alike
    "Dropout": [
        Case({"rate": 0.4}, (3, 5)),
        Case({"rate": 0.4, "seed": 1}, (3, 5), call={"training": True}),
        Case({"rate": 0.4, "noise_shape": (None, 1, 5)}, (3, 4, 5), call={"training": True}),
        Case({"rate": 1.0}, (3, 5), call={"training": True}),
    ],
    "SpatialDropout1D": [Case({"rate": 0.4, "seed": 3}, (3, 4, 5), call={"training": True})],
    "SpatialDropout2D": [Case({"rate": 0.4, "seed": 3}, (3, 4, 2, 5), call={"training": True})],
    "GaussianNoise": [Case({"stddev": 0.3, "seed": 1}, (3, 5), call={"training": True})],
    "GaussianDropout": [Case({"rate": 0.3, "seed": 1}, (3, 5), call={"training": True})],
    "AlphaDropout": [
        Case({"rate": 0.3, "seed": 1}, (3, 5), call={"training": True}),
        Case({"rate": 0.3, "noise_shape": (None, 1, 5)}, (3, 4, 5), call={"training": True}),
    ],
    "ActivityRegularization": [Case({"l1": 0.1, "l2": 0.2}, (3, 5))],
    # normalization
    "BatchNormalization": [
        Case({}, (3, 5)),
        Case({}, (3, 5), call={"training": True}),
        Case({"axis": 1, "center": False}, (3, 4, 2), call={"training": True}),
        Case(
            {"scale": False},
            (3, 4, 2),
            call={"training": True, "mask": np.arange(12).reshape(3, 4) % 3 > 0},
        ),
    ],
    "LayerNormalization": [
        Case({}, (3, 5)),
        Case({"axis": [-1, 1], "center": False}, (3, 4, 2, 5)),
        Case({"axis": 1, "scale": False}, (3, 4, 2)),
        Case({"rms_scaling": True}, (3, 5)),
    ],
    "GroupNormalization": [
        Case({"groups": 2}, (3, 5, 4)),
        Case({"groups": -1, "axis": 1}, (3, 4, 5)),
    ],
    "UnitNormalization": [Case({}, (3, 5)), Case({"axis": [1, 2]}, (3, 2, 5))],
    # embedding, preprocessing
    "Embedding": [
        Case({"input_dim": 6, "output_dim": 2}, (3, 4), integers(6)),
        Case({"input_dim": 6, "output_dim": 2, "mask_zero": True}, (3,), integers(6)),
    ],
    "Rescaling": [
        Case({"scale": 0.5, "offset": -1}, (3, 4, 2)),
        Case({"scale": [1.0, 2.0]}, (3, 4, 2)),
    ],
    "Normalization": [
        Case({}, (3, 5), prepare=lambda layer: layer.adapt(np.arange(20.0).reshape(4, 5) ** 2)),
        Case({"axis": None, "mean": 2.0, "variance": 4.0, "invert": True}, (3, 5)),
    ],
    "CategoryEncoding": [
        Case({"num_tokens": 5}, (3, 4), integers(5)),
        Case({"num_tokens": 5, "output_mode": "one_hot", "drop_first": True}, (3,), integers(5)),
        Case(
            {"num_tokens": 5, "output_mode": "count"},
            (3, 4),
            integers(5),
            call={"count_weights": np.arange(12.0, dtype=np.float32).reshape(3, 4)},
            float_input=False,
        ),
    ],
    # merging
    "Add": [Case({}, [(3, 4, 5), (3, 4, 5)]), Case({}, [(3, 1, 5), (3, 4, 1), (3, 5)])],
    "Subtract": [Case({}, [(3, 4, 5), (3, 5)])],
    "Multiply": [Case({}, [(3, 4, 5), (3, 1, 5), (3, 4, 5)])],
    "Average": [Case({}, [(3, 5), (3, 5), (3, 1)])],
    "Maximum": [Case({}, [(3, 5), (3, 5), (3, 1)])],
    "Minimum": [Case({}, [(3, 4, 5), (3, 5)])],
    "Concatenate": [Case({}, [(3, 2), (3, 5)]), Case({"axis": 1}, [(3, 2, 5), (3, 4, 5)])],
    "Dot": [
        Case({"axes": 1}, [(3, 5), (3, 5)]),
        Case({"axes": (2, 1), "normalize": True}, [(3, 4, 5), (3, 5, 2, 6)]),
    ],
    # the rest of the core
    "InputLayer": [Case({"shape": (5,)}, (3, 5))],
    "Identity": [Case({}, (3, 5))],
    "Lambda": [Case({"function": activations.tanh}, (3, 5))],
    "Masking": [Case({"mask_value": 0.0}, (3, 4, 5))],
}
