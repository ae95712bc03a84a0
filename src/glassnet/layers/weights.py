"""The weights of a layer: made, found in its parts, counted, read and set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from glassnet import constraints, initializers, regularizers
from glassnet.graph.dimension import display
from glassnet.graph.recording import scoped
from glassnet.graph.variable import Variable
from glassnet.layers.calling import unique
from glassnet.nest import flatten
from glassnet.notation import Arrangement, arrangement
from glassnet.registry import Configurable

_PLAIN = (type(None), bool, int, float, str)
"""What an attribute may be that holds no weights for certain."""


class Weighted(Configurable):
    """The base of `Layer`: what it has to do with its weights and those of its inner layers."""

    name: str
    built: bool
    _dtype: np.dtype
    _trainable: bool
    _weights: list[Variable]
    _input_rank: int | None
    weight_layouts: ClassVar[Mapping[str, str]] = {}
    """For the weights that lie otherwise in other notations, by name: a kind of
    `glassnet.notation.LAYOUTS`."""

    def arrangement_of(self, weight: Variable, notation: str) -> Arrangement:
        """Return how a weight of this layer itself lies in a notation."""
        kind = self.weight_layouts.get(str(weight.name), "as it is")
        return arrangement(kind, weight.value.shape, notation, self._input_rank)

    @property
    def dtype(self) -> str:
        """The dtype of weights and computation."""
        return self._dtype.name

    variable_dtype = dtype
    compute_dtype = dtype

    def add_weight(
        self,
        shape: Sequence[int] | int | None = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        name: str | None = None,
    ) -> Variable:
        """Return a new weight of this layer.

        Args:
            shape: its shape; ``()`` for None.
            initializer: a name, an initializer, or a callable ``(shape, dtype)``;
                Glorot's uniform one for None.
            dtype: its dtype; the layer's for None.
            trainable: whether an optimizer changes it.
            autocast: accepted for Keras's sake; weights have the dtype they are computed in.
            regularizer: a penalty added to the loss.
            constraint: a projection applied after each update.
            aggregation: accepted for Keras's sake; there is one copy of a weight.
            name: its name within the layer.
        """
        sizes = (shape,) if isinstance(shape, int) else tuple(shape or ())
        if any(size is None for size in sizes):
            raise ValueError(
                f"Layer {self.name!r}: the weight {name!r} would have the shape {sizes}; a weight "
                "needs sizes that are known. Give the input's last axis a size: "
                "Input(shape=(…, 3))."
            )
        variable = Variable(
            initializers.get("glorot_uniform" if initializer is None else initializer),
            sizes,
            self.dtype if dtype is None else dtype,
            trainable,
            name or f"variable_{len(self._weights)}",
        )
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.path = f"{scoped(self.name)}/{variable.name}"
        self._weights.append(variable)
        return variable

    def _parts(self) -> Iterator[Any]:
        """The variables and layers found in the attributes, in the order they were set."""
        for value in self.__dict__.values():
            if type(value) in _PLAIN:  # most are: this is asked for at every batch
                continue
            for part in flatten(value):
                if isinstance(part, (Variable, Weighted)):
                    yield part

    @property
    def _own(self) -> list[Variable]:
        found = self._weights + [p for p in self._parts() if isinstance(p, Variable)]
        return unique(found)

    def _sublayers(self) -> list[Any]:
        """The layers that this layer is made of."""
        return unique([p for p in self._parts() if isinstance(p, Weighted)])

    @property
    def weights(self) -> list[Variable]:
        """All weights in Keras's order: own trainable, own others, then the inner layers'."""
        own = [v for v in self._own if v.trainable] + [v for v in self._own if not v.trainable]
        if not self._trainable:  # freezing changes no order
            own = self._own
        return unique(own + [w for layer in self._sublayers() for w in layer.weights])

    @property
    def variables(self) -> list[Variable]:
        """All weights."""
        return self.weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that an optimizer changes."""
        if not self._trainable:
            return []
        parts = list(self._parts())
        own = [v for v in self._weights + parts if isinstance(v, Variable) and v.trainable]
        inner = [w for p in parts if isinstance(p, Weighted) for w in p.trainable_weights]
        return unique(own + inner)

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The other weights: frozen ones, moving statistics."""
        trained = {id(w) for w in self.trainable_weights}
        return [w for w in self.weights if id(w) not in trained]

    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    @property
    def trainable(self) -> bool:
        """Whether an optimizer changes the weights; set it to False to freeze the layer."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self._sublayers():
            layer.trainable = value

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of the weights' arrays, in the order of ``weights``."""
        return [w.value.copy() for w in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all weights, in the order of ``weights``; all fit or none is changed."""
        own = self.weights
        arrays = [np.asarray(w) for w in weights]
        if len(arrays) != len(own):
            raise ValueError(
                f"Layer {self.name!r} has {len(own)} weights; set_weights got {len(arrays)} "
                f"arrays.{'' if self.built else ' The layer is not built yet: call it once.'}"
            )
        for weight, array in zip(own, arrays, strict=True):
            if weight.shape != array.shape:
                raise ValueError(
                    f"Weight {weight.path!r} has shape {display(weight.shape)}; "
                    f"set_weights got {display(array.shape)}."
                )
        for weight, array in zip(own, arrays, strict=True):
            weight.assign(array)

    def count_params(self) -> int:
        """Return the number of entries of all weights."""
        if not self.built:
            raise ValueError(
                f"Layer {self.name!r} is not built, so it has no weights to count yet. "
                "Call it on data, or build(input_shape)."
            )
        return sum(w.value.size for w in self.weights)
