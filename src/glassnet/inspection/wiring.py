"""A dense network as nodes and edges: what is connected to what, how strongly, which values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from glassnet import activations
from glassnet.inspection.signals import ACTIVATION_LAYERS, signals
from glassnet.layers import Dense, Flatten, Reshape
from glassnet.layers.base import Layer
from glassnet.layers.calling import LayerCall
from glassnet.layers.regularization import (
    ActivityRegularization,
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
)
from glassnet.models.model import Model
from glassnet.nest import flatten

_PASSING = (Dropout, GaussianDropout, GaussianNoise, AlphaDropout, ActivityRegularization)
_ADVICE = "plots.network draws dense layers one behind the other. For the shapes of any model: "
_DIAGRAM = "plots.diagram(model)."


@dataclass(frozen=True, eq=False)
class Column:
    """The nodes of one layer, and the edges that lead to them.

    Args:
        name: the layer's name; ``"inputs"`` for the first column.
        size: the number of nodes.
        activation: the name of g; None for inputs and linear layers.
        kernel: W, (nodes before, nodes); None for the inputs.
        bias: b, (nodes,), where there is one.
        values: the inputs, or A, of one example, (nodes,), where one was given.
    """

    name: str
    size: int
    activation: str | None = None
    kernel: np.ndarray | None = None
    bias: np.ndarray | None = None
    values: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Wiring:
    """A dense network: its columns of nodes, from the inputs to the outputs."""

    name: str
    columns: tuple[Column, ...]

    @property
    def largest(self) -> float:
        """The largest |w| or |b| of all."""
        arrays = [a for c in self.columns for a in (c.kernel, c.bias) if a is not None]
        return max((float(np.abs(array).max()) for array in arrays), default=0.0)


def wiring(model: Model, x: Any = None) -> Wiring:
    """Return the nodes and edges of a network of dense layers, one behind the other.

    Args:
        model: dense layers with their activations, which may be layers of their own; Flatten and
            Reshape before them; dropout and noise, which do nothing outside of training.
        x: one example, in the shape of the model's input with or without the axis of examples.

    Raises:
        ValueError: for a model with other layers, with branches, or not built; for an ``x`` that
            is no single example.
    """
    columns: list[Column] = []
    places: list[str] = []  # where the values of each column are found among the signals
    start, steps = _stack(model)
    size = int(np.prod(start))
    columns.append(Column("inputs", size))
    for path, layer in steps:
        last = columns[-1]
        if isinstance(layer, Dense):
            if layer.kernel.shape[0] != last.size:
                raise ValueError(
                    f"Layer {path!r} is applied along the last axis of {start}: its weights are "
                    f"shared between places. {_ADVICE}{_DIAGRAM}"
                )
            bias = None if layer.bias is None else np.array(layer.bias.value)
            kernel = np.array(layer.kernel.value)
            columns.append(Column(path, layer.units, _named(layer.activation), kernel, bias))
            places.append(path)
        elif isinstance(layer, ACTIVATION_LAYERS) and len(columns) > 1:
            told = _named(getattr(layer, "activation", None)) or type(layer).__name__.lower()
            both = told if last.activation is None else f"{last.activation}, {told}"
            columns[-1], places[-1] = replace(last, activation=both), path
        elif not isinstance(layer, (*_PASSING, Flatten, Reshape)):
            raise ValueError(
                f"Layer {path!r} is of type {type(layer).__name__}. {_ADVICE}{_DIAGRAM}"
            )
    if len(columns) == 1:
        raise ValueError(f"Model {model.name!r} has no dense layer. {_ADVICE}{_DIAGRAM}")
    for column in columns:
        arrays = [a for a in (column.kernel, column.bias) if a is not None]
        if not all(np.isfinite(array).all() for array in arrays):
            raise ValueError(
                f"Layer {column.name!r} has weights that are NaN or infinite, which no line can "
                "show. Where they come from: train with compile(check_finite=True)."
            )
    if x is not None:
        columns = _with_values(model, columns, places, start, x)
    return Wiring(model.name, tuple(columns))


def _named(activation: Any) -> str | None:
    if activation is None or activation is activations.linear:
        return None
    return str(getattr(activation, "__name__", type(activation).__name__))


def _stack(model: Model) -> tuple[tuple[int, ...], list[tuple[str, Layer]]]:
    """The shape of an example, and the layers in order with their paths."""
    if not isinstance(model, Model):
        raise TypeError(
            f"Expected a model; got {type(model).__name__}. For a layer: plots.weights."
        )
    if model._network is None:
        raise ValueError(
            f"Model {model.name!r} was not made from Input(), so what is connected to what is "
            f"known only while it runs. {_ADVICE}{_DIAGRAM}"
        )
    inputs = model._network.flat_inputs
    shape = inputs[0].shape[1:]
    if len(inputs) != 1 or not all(isinstance(size, int) for size in shape):
        raise ValueError(
            f"Model {model.name!r} has {len(inputs)} inputs, of shape {inputs[0].shape}. "
            f"{_ADVICE}{_DIAGRAM}"
        )
    return tuple(int(str(size)) for size in shape), list(_calls(model, ""))


def _calls(model: Model, path: str) -> Iterator[tuple[str, Layer]]:
    network = model._network
    assert network is not None
    before = network.flat_inputs[0]
    for item in network.order:
        chained = isinstance(item, LayerCall) and len(item.inputs) == 1 and item.inputs[0] is before
        if not chained or not isinstance(item, LayerCall) or len(item.outputs) != 1:
            told = f"layer {item.layer.name!r}" if isinstance(item, LayerCall) else str(item.op)
            raise ValueError(
                f"Model {model.name!r} is no chain: {told} does not follow the layer before it "
                f"alone. {_ADVICE}{_DIAGRAM}"
            )
        before = item.outputs[0]
        place = f"{path}{item.layer.name}"
        if isinstance(item.layer, Model) and item.layer._network is not None:
            yield from _calls(item.layer, f"{place}/")
        else:
            yield place, item.layer
    outputs = flatten(network.outputs)
    if len(outputs) != 1 or outputs[0] is not before:
        raise ValueError(f"Model {model.name!r} has several outputs. {_ADVICE}{_DIAGRAM}")


def _with_values(
    model: Model, columns: list[Column], places: list[str], shape: tuple[int, ...], x: Any
) -> list[Column]:
    example = one_example(x, shape, "plots.network(model, x)")
    found = signals(model, example)
    given = [example.reshape(-1), *(found[place].outputs.reshape(-1) for place in places)]
    return [replace(column, values=v) for column, v in zip(columns, given, strict=True)]


def one_example(x: Any, shape: tuple[int, ...], where: str) -> np.ndarray:
    """Return one example as a batch of one; raise where it is none.

    A missing axis of one channel is added.
    """
    array = np.asarray(x)
    for candidate in (array, array[None], array[..., None], array[None, ..., None]):
        if candidate.shape == (1, *shape):
            return candidate
    wanted = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
    raise ValueError(
        f"{where}: x is one example, of shape {wanted}; got an array of shape {array.shape}. "
        "Write x[0], or x[:1], for the first of several."
    )
