"""Layers that arrange entries anew and compute nothing: flatten, reshape, permute, repeat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glassnet.graph.dimension import display, known, product
from glassnet.graph.tensor import Tensor
from glassnet.layers.base import LAYERS, Layer
from glassnet.layers.core import positive_integer
from glassnet.layers.spatial import channels_last
from glassnet.ops.joining import repeat
from glassnet.ops.shaping import expand_dims, reshape, transpose


@LAYERS.add()
class Flatten(Layer):
    """``A[i, :]`` = the entries of ``X[i]`` in one row, the last axis running fastest.

    Args:
        data_format: None or ``"channels_last"``.

    Shapes: X (m, n₁, …, n_d), A (m, n₁ ⋯ n_d).

    >>> import glassnet as gn
    >>> gn.layers.Flatten().compute_output_shape((None, 28, 28, 1))
    (None, 784)
    """

    symbol = "F"

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(data_format, self)

    def call(self, inputs: Tensor) -> Tensor:
        return reshape(inputs, (inputs.shape[0], product(inputs.shape[1:])))

    def check_input(self, inputs: Any) -> None:
        if inputs.ndim == 0:
            raise ValueError(
                f"Layer {self.name!r} expects examples along the first axis; got a single number."
            )


@LAYERS.add()
class Reshape(Layer):
    """``A[i]`` = the entries of ``X[i]`` in another shape, the last axis running fastest.

    Args:
        target_shape: the shape of one example; one size may be -1, which is what remains.

    Shapes: X (m, …), A (m, *target_shape).

    Raises:
        ValueError: where an example has another number of entries than ``target_shape``.

    >>> import glassnet as gn
    >>> gn.layers.Reshape((28, 28, -1)).compute_output_shape((None, 784))
    (None, 28, 28, 1)
    """

    symbol = "R"

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        sizes: tuple[Any, ...]
        sizes = tuple(target_shape) if hasattr(target_shape, "__iter__") else (target_shape,)
        if any(isinstance(n, bool) or not hasattr(n, "__index__") or n < -1 for n in sizes):
            raise ValueError(
                f"Reshape: target_shape is the shape of one example, for instance (28, 28, 1), "
                f"without the batch; got {target_shape!r}."
            )
        if sizes.count(-1) > 1:
            raise ValueError(f"Reshape: only one size can be -1; got target_shape={sizes}.")
        self.target_shape = tuple(int(n) for n in sizes)

    def call(self, inputs: Tensor) -> Tensor:
        each = product(inputs.shape[1:])
        fixed = product(n for n in self.target_shape if n != -1)
        if known((each,)):
            assert isinstance(each, int)
            assert isinstance(fixed, int)
            fits = each % fixed == 0 if fixed and -1 in self.target_shape else each == fixed
            if not fits:
                raise ValueError(
                    f"Layer {self.name!r}: an example of shape {display(inputs.shape[1:])} has "
                    f"{each} entries; it can't take the shape {display(self.target_shape)}."
                )
            sizes = tuple(each // fixed if n == -1 else n for n in self.target_shape)
            return reshape(inputs, (inputs.shape[0], *sizes))
        return reshape(inputs, (inputs.shape[0], *self.target_shape))


@LAYERS.add()
class Permute(Layer):
    """``A[i]`` = ``X[i]`` with its axes in the order ``dims``.

    Args:
        dims: the axes of an example, counted from 1: ``(2, 1)`` transposes a matrix.

    Shapes: X (m, n₁, …, n_d), A (m, n_{dims₁}, …).

    >>> import glassnet as gn
    >>> gn.layers.Permute((3, 1, 2)).compute_output_shape((None, 28, 27, 1))
    (None, 1, 28, 27)
    """

    symbol = "R"

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        found: tuple[Any, ...] = tuple(dims) if hasattr(dims, "__iter__") else (dims,)
        if set(found) != set(range(1, len(found) + 1)):
            raise ValueError(
                f"Permute: dims names the axes 1 … {len(found)} once each, the batch left out; "
                f"got {dims!r}."
            )
        self.dims = tuple(int(axis) for axis in found)

    def call(self, inputs: Tensor) -> Tensor:
        return transpose(inputs, (0, *self.dims))

    def check_input(self, inputs: Any) -> None:
        if inputs.ndim != len(self.dims) + 1:
            raise ValueError(
                f"Layer {self.name!r} orders {len(self.dims)} axes behind the batch, "
                f"dims={self.dims}; got an input of shape {display(inputs.shape)}."
            )


@LAYERS.add()
class RepeatVector(Layer):
    """``A[i, t, j] = X[i, j]`` for t = 1 … n: a vector becomes a sequence of n equal steps.

    Args:
        n: the number of steps.

    Shapes: X (m, k), A (m, n, k).

    >>> import numpy as np, glassnet as gn
    >>> gn.layers.RepeatVector(2)(np.array([[1.0, 5.0]])).tolist()
    [[[1.0, 5.0], [1.0, 5.0]]]
    """

    symbol = "R"

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = positive_integer(n, "n", self)

    def call(self, inputs: Tensor) -> Tensor:
        return repeat(expand_dims(inputs, 1), self.n, axis=1)

    def check_input(self, inputs: Any) -> None:
        if inputs.ndim != 2:
            raise ValueError(
                f"Layer {self.name!r} expects vectors as rows, (m, k); got an input of shape "
                f"{display(inputs.shape)}. Put Flatten before it."
            )
