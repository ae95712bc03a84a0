"""Embeddings: a vector for each of a number of categories, looked up and learned."""

from __future__ import annotations

from typing import Any, ClassVar

from glassnet import constraints, initializers, regularizers
from glassnet.graph.tensor import Tensor
from glassnet.graph.variable import Variable
from glassnet.layers.base import LAYERS, Layer
from glassnet.layers.core import positive_integer
from glassnet.ops import cast, not_equal
from glassnet.ops.checking import checked_index
from glassnet.ops.indexing import take
from glassnet.registry import constructor_arguments, serialize


@LAYERS.add()
class Embedding(Layer):
    """``A = E[x]``: row x of the table E for each category number x.

    Args:
        input_dim: the number of categories; they are numbered from 0.
        output_dim: the length of each row.
        embeddings_initializer: the first value of E.
        embeddings_regularizer: a penalty on E.
        embeddings_constraint: a projection of E after each update.
        mask_zero: whether 0 stands for padding: the output then carries the mask ``x != 0``.
        weights: the first value of E as an array, in place of an initializer.
        input_length: accepted for old scripts' sake; it has no effect.

    Shapes: x (m, …) whole numbers, E (input_dim, output_dim), A (m, …, output_dim).

    Raises:
        ValueError: where a number is below 0 or not below ``input_dim``, naming the entry; when
            the network runs.

    >>> import numpy as np, glassnet as gn
    >>> layer = gn.layers.Embedding(3, 2, weights=np.array([[0, 0], [1, 2], [3, 4]]))
    >>> np.asarray(layer(np.array([[2, 1]]))).tolist()
    [[[3.0, 4.0], [1.0, 2.0]]]
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("input_length", None)
        # Category numbers may come as floats; float32 would round those above 2²⁴.
        kwargs.setdefault("autocast", False)
        super().__init__(**kwargs)
        self.input_dim = positive_integer(input_dim, "input_dim", self)
        self.output_dim = positive_integer(output_dim, "output_dim", self)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        if weights is not None:
            self.build()
            table = weights[0] if isinstance(weights, list) and len(weights) == 1 else weights
            self.set_weights([table])

    embeddings: Variable
    weight_layouts: ClassVar = {"embeddings": "table"}

    def build(self, input_shape: Any = None) -> None:
        self.embeddings = self.add_weight(
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            name="embeddings",
        )

    def call(self, inputs: Tensor) -> Tensor:
        index = inputs if inputs.dtype.kind in "iu" else cast(inputs, "int64")
        index = checked_index(index, self.input_dim, f"Layer {self.name!r}")
        outputs = take(self.embeddings, index, axis=0)
        outputs.mask = self.compute_mask(inputs)
        return outputs

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return not_equal(inputs, 0) if self.mask_zero else None

    def get_config(self) -> dict[str, Any]:
        # The table given as ``weights`` is a weight like any, and kept with the weights.
        names = [name for name in constructor_arguments(type(self)) if name != "weights"]
        return {name: serialize(getattr(self, name)) for name in names}
