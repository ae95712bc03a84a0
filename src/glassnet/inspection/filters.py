"""Weights as matrices and images, the kernels of convolutions, and the maps that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from glassnet.checks import nearest
from glassnet.inspection.signals import ACTIVATION_LAYERS, signals
from glassnet.inspection.wiring import one_example
from glassnet.layers import (
    Dense,
    DepthwiseConv1D,
    DepthwiseConv2D,
    Embedding,
)
from glassnet.layers.base import Layer
from glassnet.layers.convolution import Conv1DTranspose, Conv2DTranspose
from glassnet.layers.spatial import SlidingKernel, Spatial
from glassnet.models.model import Model
from glassnet.models.naming import layers_within


# --- matrices ---------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class WeightMatrix:
    """A weight of at least two axes as a matrix: rows are inputs, columns outputs.

    Args:
        name: the path of the weight: ``"hidden/kernel"``.
        layer: the layer that has it.
        matrix: (rows, columns); the kernel of a convolution has a row for each cell and channel.
        rows, columns: what they are, in words.
        bias: the layer's bias, (columns,), where it has one of that length.
        shape: the shape of the weight itself.
    """

    name: str
    layer: Layer
    matrix: np.ndarray
    rows: str
    columns: str
    bias: np.ndarray | None
    shape: tuple[int, ...]


def weight_matrices(model: Layer, layer: Any = None) -> tuple[WeightMatrix, ...]:
    """Return the weights of at least two axes, as matrices, in the order of the layers.

    Args:
        model: a model, or a layer.
        layer: only this layer's: its name, its path, or the layer; all for None.

    Raises:
        ValueError: where there is none, or no layer of that name.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(3, name="hidden")])
    >>> gn.inspection.weight_matrices(model)[0].matrix.shape
    (2, 3)
    """
    _check_layer("weights", model)
    found: list[WeightMatrix] = []
    chosen = [named_layer(model, layer)] if layer is not None else list(_leaves(model))
    for path, one in chosen:
        for place, inner in layers_within(one, path):
            found += [_matrix(place, inner, w) for w in inner._own if len(w.shape) > 1]
    if not found:
        raise ValueError(
            f"{_called(model if layer is None else chosen[0][1])} has no weights of two axes or "
            "more. Build the model first: begin it with Input(shape=…), or call it on data."
        )
    return tuple(found)


def _check_layer(what: str, model: Any) -> None:
    if not isinstance(model, Layer):
        raise TypeError(f"{what}: expected a model or a layer; got {type(model).__name__}.")


def _leaves(model: Layer) -> list[tuple[str, Layer]]:
    return [(p, x) for p, x in layers_within(model) if not list(x._sublayers())]


def _matrix(path: str, layer: Layer, weight: Any) -> WeightMatrix:
    array = np.array(weight.value)
    rows, columns = "inputs", "units"
    if isinstance(layer, Embedding):
        rows, columns = "indices", "features"
    elif isinstance(layer, SlidingKernel):
        rows, columns = "cells × channels", "filters"
        if isinstance(layer, (Conv1DTranspose, Conv2DTranspose)):
            array = np.swapaxes(array, -1, -2)
    elif not isinstance(layer, Dense):
        rows, columns = "leading axes", "last axis"
    matrix = array.reshape(-1, array.shape[-1])
    bias = getattr(layer, "bias", None)
    values = None if bias is None else np.array(bias.value)
    if values is not None and (values.shape != matrix.shape[1:] or weight is bias):
        values = None
    name = f"{path}/{weight.name}" if path else str(weight.name)
    return WeightMatrix(name, layer, matrix, rows, columns, values, weight.value.shape)


@dataclass(frozen=True, eq=False)
class WeightImages:
    """What each unit of a dense layer looks for, as an image of its weights.

    Args:
        name: the path of the layer.
        images: (units, height, width), or (units, height, width, channels).
    """

    name: str
    images: np.ndarray


def weight_images(model: Layer, shape: Sequence[int], layer: Any = None) -> WeightImages:
    """Return the kernel of a dense layer as one image for each unit.

    Args:
        model: a model, or a dense layer.
        shape: height and width of the images that the layer sees, and channels where there are.
        layer: the layer's name, path, or the layer; the first dense one for None.

    Raises:
        ValueError: where there is no dense layer, or its inputs are no images of that shape.
    """
    _check_layer("weights", model)
    sizes = tuple(int(size) for size in shape)
    if len(sizes) not in (2, 3) or min(sizes) < 1:
        raise ValueError(f"shape is (height, width) or (height, width, channels); got {shape!r}.")
    if layer is not None:
        path, found = named_layer(model, layer)
    else:
        dense = [(p, x) for p, x in layers_within(model) if isinstance(x, Dense)]
        if not dense:
            raise ValueError(f"{_called(model)} has no dense layer, whose weights could be images.")
        path, found = dense[0]
    kernel = getattr(found, "kernel", None)
    if not isinstance(found, Dense) or kernel is None:
        raise ValueError(f"{_called(found)} is no dense layer with weights.")
    array = np.array(kernel.value)
    if array.shape[0] != prod(sizes):
        raise ValueError(
            f"{_called(found)} has {array.shape[0]} inputs; images of shape {sizes} have "
            f"{prod(sizes)} numbers."
        )
    return WeightImages(path or found.name, np.ascontiguousarray(array.T).reshape(-1, *sizes))


# --- kernels of convolutions ------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Filters:
    """The kernels of a convolution.

    Args:
        name: the path of the layer.
        layer: the layer.
        kernels: (filters, channels, height, width): what filter f looks for in channel c. A
            one-dimensional filter is one image, its channels above each other: (filters, 1,
            channels, steps).
        bias: (filters,), where there is one.
        steps: whether the layer slides over steps.
    """

    name: str
    layer: Layer
    kernels: np.ndarray
    bias: np.ndarray | None
    steps: bool = False


def filter_kernels(model: Layer, layer: Any = None) -> Filters:
    """Return the kernels of a convolution over steps or images, filters first.

    Args:
        model: a model, or a convolution.
        layer: its name, its path, or the layer; the first convolution for None.

    A depthwise convolution has filters of one channel each.

    Raises:
        ValueError: where there is no convolution, it is not built, or slides over volumes.
    """
    _check_layer("filters", model)
    if layer is not None:
        path, found = named_layer(model, layer)
    else:
        every = [(p, x) for p, x in layers_within(model) if isinstance(x, SlidingKernel)]
        if not every:
            raise ValueError(
                f"{_called(model)} has no convolution. For dense layers: plots.weights(model)."
            )
        path, found = every[0]
    if not isinstance(found, SlidingKernel):
        raise ValueError(f"{_called(found)} is no convolution. For its weights: plots.weights.")
    if not found.built:
        raise ValueError(f"{_called(found)} is not built: call it on data first.")
    if found.rank > 2:
        raise ValueError(
            f"{_called(found)} slides over volumes. A matrix of its weights: plots.weights."
        )
    bias = getattr(found, "bias", None)
    return Filters(
        path or found.name, found, _filters_first(found),
        None if bias is None else np.array(bias.value), found.rank == 1,
    )  # fmt: skip


def _filters_first(layer: Any) -> np.ndarray:
    depthwise = getattr(layer, "depthwise_kernel", None)
    kernel = np.array((layer.kernel if depthwise is None else depthwise).value)
    if isinstance(layer, (Conv1DTranspose, Conv2DTranspose)):
        kernel = np.swapaxes(kernel, -1, -2)
    elif depthwise is not None or isinstance(layer, (DepthwiseConv1D, DepthwiseConv2D)):
        kernel = kernel.reshape(*kernel.shape[:-2], 1, -1)  # (k…, 1, channels · multiplier)
    if layer.rank == 1:
        return kernel.transpose(2, 1, 0)[:, None]  # (filters, 1, channels, steps)
    return kernel.transpose(3, 2, 0, 1)


# --- feature maps -----------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class LayerMaps:
    """What one layer made of an image: (height, width, channels)."""

    name: str
    maps: np.ndarray


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """An image and what the layers of a network made of it.

    Args:
        image: (height, width, channels).
        layers: the maps of each layer, in the order of computation.
    """

    image: np.ndarray
    layers: tuple[LayerMaps, ...]


def feature_maps(model: Model, x: Any, layer: Any = None) -> FeatureMaps:
    """Return the maps that convolutions, pooling layers and activations made of an image.

    Args:
        model: a model whose input is images.
        x: one image, (height, width, channels), with or without the axis of examples; the axis of
            one channel may be missing.
        layer: the name of a layer, or a list of names; all for None.

    Raises:
        ValueError: where x is no single image, or no layer makes maps.
    """
    if not isinstance(model, Model):
        raise TypeError(f"feature_maps: expected a model; got {type(model).__name__}.")
    inputs = model.inputs
    shape = tuple(inputs[0].shape[1:])
    if len(inputs) != 1 or len(shape) != 3:
        takes = f"{len(inputs)} inputs" if len(inputs) > 1 else f"inputs of shape {shape}"
        raise ValueError(
            f"Model {model.name!r} takes {takes}; feature maps are made of one image, (height, "
            "width, channels)."
        )
    array = np.asarray(x)
    if not all(isinstance(size, int) for size in shape):  # an image of any size
        array = array[None] if array.ndim == 3 else array
        shape = array.shape[1:]
    image = one_example(array, tuple(int(str(s)) for s in shape), "feature_maps(model, x)")
    every = [s for s in signals(model, image) if s.outputs.ndim == 4]
    if layer is not None:
        wanted = [layer] if isinstance(layer, (str, Layer)) else list(layer)
        names = [one.name if isinstance(one, Layer) else str(one) for one in wanted]
        for name in names:
            if name not in [s.name for s in every]:
                known = [s.name for s in every]
                raise ValueError(
                    f"No layer {name!r} makes maps; those that do: {', '.join(known)}."
                    + nearest(name, known)
                )
        found = [s for s in every if s.name in names]
    else:
        kinds = (Spatial, *ACTIVATION_LAYERS)
        found = [s for s in every if isinstance(s.layer, kinds) and min(s.outputs.shape[1:3]) > 1]
    if not found:
        raise ValueError(
            f"{_called(model)} has no convolution or pooling layer with maps of more than one cell."
        )
    return FeatureMaps(image[0], tuple(LayerMaps(s.name, s.outputs[0]) for s in found))


# --- finding a layer --------------------------------------------------------------------------
def named_layer(model: Layer, layer: Any) -> tuple[str, Layer]:
    """Return a layer of a model with the path to it.

    Args:
        model: a model, or a layer made of layers.
        layer: a name, a path (``"block/hidden"``), or the layer itself.

    Raises:
        ValueError: where the model has no such layer; names those there are.
    """
    every = [(path, found) for path, found in layers_within(model) if path]
    for path, found in every:
        if found is layer or layer in (path, found.name):
            return path, found
    names = [path for path, _ in every]
    told = layer.name if isinstance(layer, Layer) else layer
    raise ValueError(
        f"{_called(model)} has no layer {told!r}; there are {', '.join(names)}."
        f"{nearest(str(told), names)}"
    )


def _called(layer: Layer) -> str:
    kind = "Model" if isinstance(layer, Model) else f"{type(layer).__name__} layer"
    return f"{kind} {layer.name!r}"
