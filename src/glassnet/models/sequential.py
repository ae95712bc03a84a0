"""A stack of layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from glassnet.graph.recording import outside_recording, within
from glassnet.graph.tensor import Placeholder, Tensor
from glassnet.layers import Input, InputLayer
from glassnet.layers.base import LAYERS, Layer
from glassnet.models.configuration import sequential_arguments, sequential_config
from glassnet.models.model import Model
from glassnet.models.network import Network
from glassnet.nest import flatten


@LAYERS.add()
class Sequential(Model):
    """A plain stack of layers, each with one input and one output.

    Args:
        layers: the layers, in order; an ``Input`` first fixes the shape of the input.
        trainable: whether an optimizer changes the weights.
        name: the name; one is made up for None.

    Without an ``Input`` the weights are made at the first call.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(3, "tanh"), gn.layers.Dense(1)])
    >>> model.count_params()
    13
    """

    def __init__(
        self,
        layers: Iterable[Any] | None = None,
        trainable: bool = True,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self._stack: list[Layer] = []
        self._entry: Tensor | None = None
        for layer in layers or ():
            self.add(layer)

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return list(self._stack)

    def add(self, layer: Any) -> None:
        """Put a layer on top of the stack."""
        if isinstance(layer, (Placeholder, InputLayer)):
            if self._stack or self._entry is not None:
                raise ValueError("Sequential: Input comes first, before any layer.")
            self._entry = layer if isinstance(layer, Placeholder) else layer.output
            return
        if not isinstance(layer, Layer):
            wrong = (
                "a function; wrap it: layers.Lambda(function)" if callable(layer) else "no layer"
            )
            if isinstance(layer, type):
                wrong = f"a class; make a layer of it: {layer.__name__}(…)"
            raise TypeError(f"Sequential is made of layers; {layer!r} is {wrong}.")
        if any(layer.name == other.name for other in self._stack):
            raise ValueError(
                f"Sequential: two layers are called {layer.name!r}; names must be unique."
            )
        entry = self._entry
        if not self._stack and entry is None:
            self._entry = _entry_of(layer)
        self._stack.append(layer)
        try:
            self._connect()
        except BaseException:  # a layer that does not fit is not there
            self._stack.pop()
            self._entry = entry
            raise

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer off and return it."""
        if not self._stack:
            raise IndexError("Sequential: there is no layer to pop.")
        layer = self._stack.pop()
        self._network, self.built = None, False
        if rebuild:
            self._connect()
        return layer

    def _connect(self) -> None:
        """Make the network anew, once the shape of the input is known."""
        if self._entry is None or not self._stack:
            return
        x: Any = self._entry
        first = 0
        if self._network is not None and len(self._stack) > 1:
            x, first = self._network.outputs, len(self._stack) - 1  # only the new layer is called
        for layer in self._stack[first:]:
            with outside_recording(), within(self.name):
                x = layer(x)
            if len(flatten(x)) != 1:
                raise ValueError(
                    f"Sequential: layer {layer.name!r} gives {len(flatten(x))} outputs; a stack "
                    "has one at each layer. Use Model(inputs, outputs)."
                )
        self._set_network(Network(self._entry, x))

    def build(self, input_shape: Any = None) -> None:
        """Make the weights for inputs of this shape."""
        if self._network is None and input_shape is not None:
            if not self._stack:
                raise ValueError("Sequential has no layers yet: add() some before it is called.")
            self._entry = Input(batch_shape=(None, *input_shape[1:]), dtype=self.dtype)
            self._connect()

    def _parts(self) -> Any:
        yield from self._stack

    @classmethod
    def is_arranged(cls) -> bool:
        """Whether the layers are given to it; else an ``__init__`` of a subclass makes them."""
        return cls.__init__ is Sequential.__init__

    @property
    def called(self) -> list[Layer]:
        """The layers, in order."""
        return self.layers

    def arrangement(self) -> dict[str, Any]:
        """Return the input and the layers as plain data."""
        return sequential_config(self, self._entry)

    @classmethod
    def rearranged(cls, config: Mapping[str, Any], *given: Any) -> Any:
        return cls(**sequential_arguments(config, *given))


def _entry_of(layer: Layer) -> Tensor | None:
    """The input that a first layer brings: its ``input_shape=``, or a model's own input."""
    if layer.declared_input_shape is not None:
        return Input(layer.declared_input_shape, dtype=layer.dtype)
    if isinstance(layer, Model) and layer._network is not None:
        own = layer._network.flat_inputs
        if len(own) == 1:
            return Input(batch_shape=layer.input_shape, dtype=own[0].dtype.name)
    return None
