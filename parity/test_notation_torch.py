"""Weights in torch's notation, given to torch: the same outputs, layer by layer, and a network's.

torch's data are channels first, so images are turned round on the way in and out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import glassnet as gn
from glassnet import layers
from glassnet.explain import convert_weights

RNG = np.random.default_rng(8)


def drawn(layer: Any, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and the layer's outputs for them, with random weights."""
    x = RNG.normal(size=(3, *shape))
    layer(x)
    layer.set_weights([RNG.uniform(0.2, 1.0, w.shape) for w in layer.get_weights()])
    return x, layer(x).numpy()


def filled(module: nn.Module, arrays: list[np.ndarray]) -> nn.Module:
    """The module in float64 with these parameters, whose shapes must be its own."""
    module = module.double().eval()
    parameters = [*module.parameters(), *(b for b in module.buffers() if b.ndim)]
    with torch.no_grad():
        for parameter, array in zip(parameters, arrays, strict=True):
            assert tuple(parameter.shape) == array.shape
            parameter.copy_(torch.from_numpy(array))
    return module


def first(x: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1)))


def last(y: torch.Tensor) -> np.ndarray:
    return np.moveaxis(y.detach().numpy(), 1, -1)


F64 = {"dtype": "float64"}
CASES = {
    "Dense": (lambda: layers.Dense(4, **F64), lambda: nn.Linear(5, 4), (5,)),
    "Conv1D": (lambda: layers.Conv1D(4, 3, **F64), lambda: nn.Conv1d(2, 4, 3), (7, 2)),
    "Conv2D": (
        lambda: layers.Conv2D(5, (3, 2), strides=2, **F64),
        lambda: nn.Conv2d(3, 5, (3, 2), stride=2),
        (7, 8, 3),
    ),
    "Conv2D in groups": (
        lambda: layers.Conv2D(6, 3, groups=2, **F64),
        lambda: nn.Conv2d(4, 6, 3, groups=2),
        (5, 5, 4),
    ),
    "Conv3D": (
        lambda: layers.Conv3D(3, (2, 3, 1), **F64),
        lambda: nn.Conv3d(2, 3, (2, 3, 1)),
        (3, 4, 5, 2),
    ),
    "Conv1DTranspose": (
        lambda: layers.Conv1DTranspose(4, 3, strides=2, **F64),
        lambda: nn.ConvTranspose1d(2, 4, 3, stride=2),
        (5, 2),
    ),
    "Conv2DTranspose": (
        lambda: layers.Conv2DTranspose(4, (3, 2), **F64),
        lambda: nn.ConvTranspose2d(2, 4, (3, 2)),
        (5, 4, 2),
    ),
    "DepthwiseConv1D": (
        lambda: layers.DepthwiseConv1D(3, depth_multiplier=2, **F64),
        lambda: nn.Conv1d(3, 6, 3, groups=3),
        (6, 3),
    ),
    "DepthwiseConv2D": (
        lambda: layers.DepthwiseConv2D((2, 3), depth_multiplier=3, **F64),
        lambda: nn.Conv2d(4, 12, (2, 3), groups=4),
        (5, 6, 4),
    ),
    "SeparableConv1D": (
        lambda: layers.SeparableConv1D(5, 2, depth_multiplier=2, **F64),
        lambda: nn.Sequential(nn.Conv1d(3, 6, 2, groups=3, bias=False), nn.Conv1d(6, 5, 1)),
        (6, 3),
    ),
    "SeparableConv2D": (
        lambda: layers.SeparableConv2D(5, 2, depth_multiplier=2, **F64),
        lambda: nn.Sequential(nn.Conv2d(3, 6, 2, groups=3, bias=False), nn.Conv2d(6, 5, 1)),
        (4, 5, 3),
    ),
    "BatchNormalization": (
        lambda: layers.BatchNormalization(epsilon=1e-5, **F64),
        lambda: nn.BatchNorm1d(4, eps=1e-5),
        (4,),
    ),
    "BatchNormalization of images": (
        lambda: layers.BatchNormalization(epsilon=1e-5, **F64),
        lambda: nn.BatchNorm2d(4, eps=1e-5),
        (3, 2, 4),
    ),
    "LayerNormalization": (
        lambda: layers.LayerNormalization(epsilon=1e-5, **F64),
        lambda: nn.LayerNorm(4, eps=1e-5),
        (4,),
    ),
    "GroupNormalization": (
        lambda: layers.GroupNormalization(groups=2, epsilon=1e-5, **F64),
        lambda: nn.GroupNorm(2, 6, eps=1e-5),
        (3, 2, 6),
    ),
    "PReLU": (lambda: layers.PReLU(**F64), lambda: nn.PReLU(4), (4,)),
    "PReLU of images": (
        lambda: layers.PReLU(shared_axes=[1, 2], **F64),
        lambda: nn.PReLU(4),
        (3, 2, 4),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_layer(case: str) -> None:
    make, module, shape = CASES[case]
    layer = make()
    x, expected = drawn(layer, shape)
    found = filled(module(), list(convert_weights(layer, "torch").values()))(first(x))
    assert np.allclose(last(found), expected, rtol=1e-10, atol=1e-12)


def test_an_embedding() -> None:
    layer = layers.Embedding(7, 3, **F64)
    index = np.array([[0, 6, 2], [5, 5, 1]])
    expected = np.asarray(layer(index))
    module = filled(nn.Embedding(7, 3), list(convert_weights(layer, "torch").values()))
    assert np.array_equal(module(torch.from_numpy(index)).detach().numpy(), expected)


def test_a_network_with_flatten() -> None:
    """Flatten keeps channels last: torch turns the images round before it flattens."""
    model = gn.Sequential(
        [
            gn.Input((6, 5, 2)),
            layers.Conv2D(3, 2, activation="relu", **F64),
            layers.Flatten(),
            layers.Dense(4, **F64),
        ],
    )
    x = RNG.normal(size=(3, 6, 5, 2)).astype(np.float32)
    arrays = list(convert_weights(model, "torch").values())
    conv, dense = filled(nn.Conv2d(2, 3, 2), arrays[:2]), filled(nn.Linear(60, 4), arrays[2:])
    hidden = torch.relu(conv(first(x.astype(np.float64))))
    found = dense(hidden.permute(0, 2, 3, 1).flatten(1))
    assert np.allclose(found.detach().numpy(), model(x).numpy(), rtol=1e-6, atol=1e-6)


def test_torchs_weights_come_back() -> None:
    module = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    arrays = [p.detach().numpy() for p in module.parameters()]
    model = gn.Sequential([gn.Input((4,)), layers.Dense(3, "tanh"), layers.Dense(2)])
    model.set_weights(convert_weights(arrays, "keras", source="torch", model=model))
    x = RNG.normal(size=(5, 4)).astype(np.float32)
    expected = module(torch.from_numpy(x)).detach().numpy()
    assert np.allclose(model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-6)
