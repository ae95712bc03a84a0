"""The place where data enters a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet.graph.tensor import Placeholder, Tensor
from glassnet.layers.base import LAYERS, Layer
from glassnet.layers.calling import auto_name, public_shape, symbolic_shape


@LAYERS.add()
class InputLayer(Layer):
    """The place where data enters a network; ``layer.output`` is its symbolic tensor.

    Args:
        shape: the shape of one example, None for sizes that differ from run to run.
        batch_size: the number of examples, where it is fixed.
        dtype: the dtype of the data; the default float type for None.
        batch_shape: the shape with the number of examples, in place of ``shape``.
        input_tensor: a symbolic tensor to use, in place of a new one.
        name: the name of the input.

    Shapes: A (batch_size, *shape), with m for a batch that is not fixed.

    Raises:
        ValueError: where neither ``shape`` nor ``batch_shape`` is given, or both are.

    >>> import glassnet as gn
    >>> gn.layers.InputLayer((28, 28)).output.shape
    (m, 28, 28)
    """

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        *,
        batch_shape: Sequence[int | None] | None = None,
        input_tensor: Any = None,
        name: str | None = None,
    ) -> None:
        if name is None and isinstance(input_tensor, Tensor):
            name = input_tensor.name
        super().__init__(name=name if name is not None else auto_name("input_layer"))
        if input_tensor is None:
            sizes = _batch_shape(shape, batch_size, batch_shape)
            input_tensor = Placeholder(symbolic_shape(sizes, self.name), dtype, name=self.name)
        elif not isinstance(input_tensor, Placeholder):
            raise ValueError(
                "Input(tensor=…) takes the tensor that Input() returned; got "
                f"{type(input_tensor).__name__}."
            )
        self._tensor: Placeholder = input_tensor
        self._dtype = input_tensor.dtype
        self.built = True

    @property
    def input(self) -> Placeholder:
        """The symbolic tensor, which is input and output in one."""
        return self._tensor

    @property
    def output(self) -> Placeholder:
        """The symbolic tensor, to call layers on."""
        return self._tensor

    @property
    def batch_shape(self) -> tuple[int | None, ...]:
        """The shape with the number of examples, None for sizes that only a run tells."""
        return public_shape(self._tensor.shape)

    def call(self, inputs: Tensor) -> Tensor:
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {"batch_shape": list(self.batch_shape), "dtype": self.dtype, "name": self.name}


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    *,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: Any = None,
) -> Placeholder:
    """Return a symbolic tensor of shape ``(m, *shape)``: where data enters a network.

    Args:
        shape: the shape of one example, None for sizes that differ from run to run.
        batch_size: the number of examples, where it is fixed; m otherwise.
        dtype: the dtype of the data; the default float type for None.
        batch_shape: the shape with the number of examples, in place of ``shape``.
        name: the name; one is made up for None.
        tensor: a tensor that Input returned, to be given back.

    Raises:
        ValueError: where neither ``shape`` nor ``batch_shape`` is given, or both are.

    >>> import glassnet as gn
    >>> x = gn.Input(shape=(4,), name="flower")
    >>> x, gn.layers.Dense(3)(x).shape
    (<Placeholder 'flower' shape=(m, 4) dtype=float32>, (m, 3))
    """
    return InputLayer(
        shape, batch_size, dtype, batch_shape=batch_shape, input_tensor=tensor, name=name
    ).output


def _batch_shape(shape: Any, batch_size: Any, batch_shape: Any) -> tuple[int | None, ...]:
    if (shape is None) == (batch_shape is None) or (batch_shape is not None and batch_size):
        raise ValueError(
            "Input takes shape=, the shape of one example without the batch (and batch_size=, "
            "where that is fixed), or batch_shape=, the whole: Input(shape=(4,)); got "
            f"shape={shape}, batch_size={batch_size}, batch_shape={batch_shape}."
        )
    if isinstance(shape, (int, np.integer)) or isinstance(batch_shape, (int, np.integer)):
        given = shape if shape is not None else batch_shape
        raise ValueError(f"Input: a shape is a tuple: Input(shape=({given},)); got {given}.")
    sizes = (batch_size, *shape) if shape is not None else tuple(batch_shape)
    for size in sizes:
        whole = isinstance(size, (int, np.integer)) and not isinstance(size, bool)
        if size is not None and not (whole and size >= 0):
            raise ValueError(
                f"Input: a size is a whole number or None; got {size!r} in {tuple(sizes)}."
            )
    return tuple(None if size is None else int(size) for size in sizes)
