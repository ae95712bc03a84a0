"""Every registered layer's weights in every notation: there and back bit for bit, in known shapes.

The shapes are written by hand, torch's from the documentation of ``torch.nn``, the course's from
its notation sheet and exercises. A new layer with weights needs a line in ``SHAPES``.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from layer_cases import CASES
from test_layers import NAMES, TRIALS, data, made

from glassnet.config import NOTATIONS
from glassnet.explain import convert_weights
from glassnet.nest import map_structure

SHAPES = {
    # the first case of each layer in layer_cases: weight, keras, course, torch
    "Dense": [
        ("kernel", (5, 4), (4, 5), (4, 5)),  # Linear(5, 4).weight is (out, in)
        ("bias", (4,), (4, 1), (4,)),
    ],
    "Conv1D": [
        ("kernel", (3, 2, 2), (3, 2, 2), (2, 2, 3)),  # Conv1d(2, 2, 3): (out, in, k)
        ("bias", (2,), (2,), (2,)),
    ],
    "Conv2D": [
        ("kernel", (3, 2, 2, 2), (3, 2, 2, 2), (2, 2, 3, 2)),  # (out, in, height, width)
        ("bias", (2,), (2,), (2,)),
    ],
    "Conv3D": [
        ("kernel", (2, 2, 2, 2, 2), (2, 2, 2, 2, 2), (2, 2, 2, 2, 2)),
        ("bias", (2,), (2,), (2,)),
    ],
    "Conv1DTranspose": [
        ("kernel", (3, 2, 2), (3, 2, 2), (2, 2, 3)),  # ConvTranspose1d(2, 2, 3): (in, out, k)
        ("bias", (2,), (2,), (2,)),
    ],
    "Conv2DTranspose": [
        ("kernel", (3, 3, 2, 2), (3, 3, 2, 2), (2, 2, 3, 3)),
        ("bias", (2,), (2,), (2,)),
    ],
    "DepthwiseConv1D": [
        ("kernel", (3, 2, 2), (3, 2, 2), (4, 1, 3)),  # Conv1d(2, 4, 3, groups=2)
        ("bias", (4,), (4,), (4,)),
    ],
    "DepthwiseConv2D": [
        ("kernel", (2, 2, 2, 1), (2, 2, 2, 1), (2, 1, 2, 2)),  # Conv2d(2, 2, 2, groups=2)
        ("bias", (2,), (2,), (2,)),
    ],
    "SeparableConv1D": [
        ("depthwise_kernel", (3, 2, 2), (3, 2, 2), (4, 1, 3)),
        ("pointwise_kernel", (1, 4, 2), (1, 4, 2), (2, 4, 1)),  # Conv1d(4, 2, 1)
        ("bias", (2,), (2,), (2,)),
    ],
    "SeparableConv2D": [
        ("depthwise_kernel", (2, 2, 2, 1), (2, 2, 2, 1), (2, 1, 2, 2)),
        ("pointwise_kernel", (1, 1, 2, 4), (1, 1, 2, 4), (4, 2, 1, 1)),
        ("bias", (4,), (4,), (4,)),
    ],
    "PReLU": [("alpha", (2, 5), (2, 5), (2, 5))],
    "BatchNormalization": [
        (name, (5,), (5, 1), (5,)) for name in ("gamma", "beta", "moving_mean", "moving_variance")
    ],
    "LayerNormalization": [("gamma", (5,), (5, 1), (5,)), ("beta", (5,), (5, 1), (5,))],
    "GroupNormalization": [("gamma", (4,), (4,), (4,)), ("beta", (4,), (4,), (4,))],
    "Embedding": [("embeddings", (6, 2), (2, 6), (6, 2))],  # torch's Embedding(6, 2) has rows
    "Normalization": [
        ("mean", (5,), (5, 1), (5,)),
        ("variance", (5,), (5, 1), (5,)),
        ("count", (), (), ()),
    ],
}


def called(name, case, dtype="float32"):
    """The layer, built by a call, with random weights."""
    layer = made(name, case, dtype)
    fresh = type(layer)(**case.arguments, dtype=dtype)
    if case.prepare is not None:
        case.prepare(fresh)
    fresh(map_structure(lambda a: a, data(case, dtype)), **case.call)
    fresh.set_weights(layer.get_weights())
    return fresh


@pytest.mark.parametrize(("name", "case"), TRIALS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_there_and_back_bit_for_bit(name, case, dtype):
    layer = called(name, case, dtype)
    own = layer.get_weights()
    for first, second in itertools.permutations(NOTATIONS, 2):
        there = convert_weights(layer, first)
        other = convert_weights(there, second, first, model=layer)
        back = convert_weights(other, "keras", second, model=layer)
        assert len(there) == len(other) == len(back) == len(own)
        for array, was in zip(back, own, strict=True):
            assert array.dtype == was.dtype
            assert array.shape == was.shape
            assert array.tobytes() == was.tobytes()
        for array in (*there.values(), *other, *back):
            assert array.flags.owndata
            assert not any(np.shares_memory(array, w.value) for w in layer.weights)


@pytest.mark.parametrize("name", NAMES)
def test_shapes_are_those_of_the_documentation(name):
    case = CASES[name][0] if name in CASES else None
    layer = called(name, case) if case is not None else None
    if layer is None or not layer.weights:
        assert name not in SHAPES
        return
    assert name in SHAPES, f"{name} has weights: write down how they lie, by hand"
    for place, notation in enumerate(NOTATIONS, 1):
        shapes = [a.shape for a in convert_weights(layer, notation).values()]
        assert [w.name for w in layer.weights] == [line[0] for line in SHAPES[name]]
        assert shapes == [line[place] for line in SHAPES[name]], notation


@pytest.mark.parametrize("name", SHAPES)
def test_a_layer_built_by_hand_knows_its_input_too(name):
    case = CASES[name][0]
    by_hand, by_call = made(name, case), called(name, case)
    for notation in NOTATIONS:
        first, second = convert_weights(by_hand, notation), convert_weights(by_call, notation)
        assert [a.shape for a in first.values()] == [a.shape for a in second.values()]
