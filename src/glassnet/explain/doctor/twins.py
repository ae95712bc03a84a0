"""A layer's twin: the same layer in another precision, with other weights, to be tried freely.

What is tried on a twin leaves the person's own layer as it was.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from glassnet.engines import Program
from glassnet.graph.derivative import gradients
from glassnet.graph.dimension import Dim
from glassnet.graph.dtypes import is_float
from glassnet.graph.recording import as_tensor, recording
from glassnet.graph.tensor import STEP, Placeholder, Tensor
from glassnet.graph.variable import Variable
from glassnet.layers import Layer, NumpyLayer
from glassnet.models import Model
from glassnet.nest import flatten, map_structure


def twin(layer: Layer, dtype: Any = None, seed: int | None = None) -> Layer:
    """Return a copy of a layer that shares nothing with it.

    Args:
        layer: a layer, built.
        dtype: the float type of the copy and of its weights; as it is for None.
        seed: draws new weights: normal ones for those that are trained, positive ones for the
            others, which may be variances. The same weights for None.
    """
    memo: dict[int, Any] = {id(STEP): STEP}
    for part in all_layers(layer):
        memo[id(part._calls)] = []  # the models it stands in are no part of it
        if isinstance(part, Model):  # nor is what its training left: recorded steps, the history
            memo[id(part._steps)] = {}
            if part.history is not None:
                memo[id(part.history)] = None
    try:
        other = copy.deepcopy(layer, memo)
    except (TypeError, NotImplementedError) as error:
        raise TypeError(
            f"Layer {layer.name!r} can't be copied, so it can't be tried: {error}. Keep files, "
            "locks and generators out of self, or make them where they are used."
        ) from error
    if dtype is not None:
        _convert(other, np.dtype(dtype))
    if seed is not None:
        draw_weights(other, seed)
    return other


def built_twin(layer: Layer, inputs: Any, call: Mapping[str, Any] | None = None) -> Layer:
    """Return a copy of a layer with all its weights made, those of the layers in it too.

    Args:
        layer: the layer, built or not.
        inputs: an array or the list of arrays that it is built for.
        call: further arguments of its call.
    """
    other = twin(layer)
    Run(other, inputs, call)  # layers within are built by the first call
    return other


def all_layers(layer: Layer) -> Iterable[Layer]:
    """Yield a layer and the layers in it, each once."""
    seen: set[int] = set()
    waiting = [layer]
    while waiting:
        part = waiting.pop()
        if id(part) not in seen:
            seen.add(id(part))
            yield part
            waiting += part._sublayers()


def _convert(layer: Layer, dtype: np.dtype) -> None:
    for part in all_layers(layer):
        part._dtype = dtype
    for weight in layer.weights:
        if is_float(weight.dtype):
            weight.dtype = dtype
            weight.replace_array(weight.value.astype(dtype))


def draw_weights(layer: Layer, seed: int) -> None:
    """Give every weight of floats random entries."""
    rng = np.random.default_rng(seed)
    trained = {id(w) for w in layer.trainable_weights}
    for weight in layer.weights:
        if is_float(weight.dtype):
            drawn = rng.normal(size=weight.value.shape)
            values = drawn if id(weight) in trained else np.abs(drawn) + 0.1
            weight.replace_array(np.asarray(values).astype(weight.dtype))


def named_weights(layer: Layer) -> list[tuple[str, Variable]]:
    """Return the weights with the names a person calls them by: the attributes that hold them.

    >>> import glassnet as gn
    >>> dense = gn.layers.Dense(2)
    >>> dense.build((None, 3))
    >>> [name for name, _ in named_weights(dense)]
    ['kernel', 'bias']
    """
    names: dict[int, str] = {}
    for attribute, value in layer.__dict__.items():
        if attribute.startswith("_"):
            continue
        leaves = flatten(value)
        for place, leaf in enumerate(leaves):
            if isinstance(leaf, Variable):
                one = attribute if leaves == [value] else f"{attribute}[{place}]"
                names.setdefault(id(leaf), one)
    return [(names.get(id(w), w.name or w.path), w) for w in layer.weights]


class Run:
    """A layer recorded once for batches of any size, to be run as often as one likes.

    A run changes nothing in the layer: what it assigns (moving averages) is in ``updates``.

    Args:
        layer: the layer.
        inputs: an array or a list of arrays like those it is to be run on.
        call: further arguments of the call; arrays among them have the batch in front.
        training: the mode; None says nothing of it.
        named: whether the batch is a named size.
    """

    def __init__(
        self,
        layer: Layer,
        inputs: Any,
        call: Mapping[str, Any] | None = None,
        training: bool | None = None,
        named: bool = True,
    ) -> None:
        self.layer = layer
        self.placeholders: list[Placeholder] = []
        self._named = named
        holes = map_structure(self._hole, inputs)
        self.count = len(self.placeholders)
        options = dict(map_structure(self._hole, dict(call or {})))
        if training is not None:
            options["training"] = training
        with recording() as opened:
            found = layer(holes, **options)
        self.outputs = [as_tensor(t) for t in flatten(found)]
        self.updates = opened.updates
        self._forward: Program | None = None
        self._backward: Program | None = None

    def _hole(self, value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        m: Any = Dim.named("m")
        shape = (m, *value.shape[1:]) if self._named and value.ndim else value.shape
        place = Placeholder(shape, value.dtype, name=f"x{len(self.placeholders)}")
        self.placeholders.append(place)
        return place

    def forward(self, *arrays: Any, step: int = 0) -> list[np.ndarray]:
        """Return the outputs."""
        if self._forward is None:
            self._forward = Program(self.placeholders, self.outputs)
        return self._forward.run(*arrays, step=step)

    def backward(
        self, arrays: Sequence[Any], slopes: Sequence[Any], step: int = 0
    ) -> tuple[list[np.ndarray | None], list[np.ndarray]]:
        """Return dL/dX for every input (None for one of no floats) and dL/dW for every weight."""
        if self._backward is None:
            seeds = [Placeholder(o.shape, o.dtype, name="dY") for o in self.outputs]
            found = gradients(self.outputs, self.wrt, seeds)
            self._backward = Program([*self.placeholders, *seeds], found)
        results = self._backward.run(*arrays, *slopes, step=step)
        by_inputs = iter(results)
        floats = [is_float(p.dtype) for p in self.placeholders[: self.count]]
        return (
            [next(by_inputs) if known else None for known in floats],
            list(by_inputs),
        )

    @property
    def wrt(self) -> list[Tensor]:
        """What is differentiated by: the inputs that are floats, then the trainable weights."""
        floats = [p for p in self.placeholders[: self.count] if is_float(p.dtype)]
        return [*floats, *self.layer.trainable_weights]


def arrays_in(inputs: Any, call: Mapping[str, Any] | None = None) -> list[np.ndarray]:
    """Return the arrays among the inputs and the further arguments, in the order of `Run`."""
    return [a for a in flatten((inputs, dict(call or {}))) if isinstance(a, np.ndarray)]


def is_written_in_numpy(layer: Layer) -> bool:
    """Whether the layer, or one in it, has a backward of its own."""
    return any(isinstance(part, NumpyLayer) for part in all_layers(layer))


def knows_training(layer: Layer) -> bool:
    """Whether the layer, or one in it, behaves otherwise while training."""
    for part in all_layers(layer):
        method: Any = part.forward if isinstance(part, NumpyLayer) else part.call
        if "training" in inspect.signature(method).parameters:
            return True
    return False
