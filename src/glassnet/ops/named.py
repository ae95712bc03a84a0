"""What Keras's ``ops`` has under names of its own, made up of other ops."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet import config
from glassnet.graph.dimension import Size
from glassnet.graph.recording import as_tensor
from glassnet.graph.tensor import Tensor, implements
from glassnet.ops.comparison import equal, isinf, isnan, maximum, where
from glassnet.ops.elementwise import divide, square
from glassnet.ops.functions import rsqrt
from glassnet.ops.joining import concatenate
from glassnet.ops.matrices import ravel
from glassnet.ops.operands import float_operands, normalize_axis, operands
from glassnet.ops.reduction import max, min, sum
from glassnet.ops.shaping import ones_like, zeros_like
from glassnet.ops.softmax import one_hot
from glassnet.ops.statistics import norm

amax = max
amin = min
true_divide = divide


def array(x: Any, dtype: Any = None) -> Tensor:
    """Return ``x`` as a tensor.

    >>> from glassnet import ops
    >>> ops.array([1, 2], "float32").tolist()
    [1.0, 2.0]
    """
    tensor = as_tensor(x)
    return tensor if dtype is None else tensor.astype(dtype)


def is_tensor(x: Any) -> bool:
    """Tell whether ``x`` is a tensor: symbolic, constant or a variable."""
    return isinstance(x, Tensor)


def dtype(x: Any) -> str:
    """Return the name of the dtype of ``x``: ``"float32"``."""
    return as_tensor(x).dtype.name


def get_item(x: Any, key: Any) -> Tensor:
    """Return ``x[key]``."""
    return as_tensor(x)[key]


def slice(inputs: Any, start_indices: Sequence[int], shape: Sequence[Size]) -> Tensor:
    """Return the block of a shape that begins at ``start_indices``.

    >>> from glassnet import ops
    >>> ops.slice([[1, 2, 3], [4, 5, 6]], (0, 1), (2, 2)).tolist()
    [[2, 3], [5, 6]]
    """
    ends = zip(start_indices, shape, strict=True)
    return as_tensor(inputs)[tuple(builtins.slice(start, start + size) for start, size in ends)]


@implements(np.append)
def append(x1: Any, x2: Any, axis: int | None = None) -> Tensor:
    """Return ``x2`` put after ``x1`` along ``axis``; both as one row for None.

    >>> from glassnet import ops
    >>> ops.append([1, 2], [3]).tolist()
    [1, 2, 3]
    """
    x1, x2 = as_tensor(x1), as_tensor(x2)
    if axis is None:
        return concatenate([ravel(x1), ravel(x2)], axis=0)
    return concatenate([x1, x2], axis=axis)


def divide_no_nan(x1: Any, x2: Any) -> Tensor:
    """Return ``x1 / x2``, and 0 where ``x2`` is 0; the derivative there is 0 too.

    >>> from glassnet import ops
    >>> ops.divide_no_nan([1.0, 2.0], [0.0, 4.0]).tolist()
    [0.0, 0.5]
    """
    x1, x2 = float_operands(x1, x2)
    none = equal(x2, 0)
    quotient = divide(x1, where(none, ones_like(x2), x2))
    return where(none, zeros_like(quotient), quotient)


@implements(np.nan_to_num)
def nan_to_num(
    x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Return ``x`` with other numbers for NaN and infinities: 0 and the largest of the dtype.

    >>> from glassnet import ops
    >>> ops.nan_to_num([float("nan"), float("inf"), 2.0], posinf=9.0).tolist()
    [0.0, 9.0, 2.0]
    """
    (x,) = operands(x)
    if x.dtype.kind != "f":
        return x
    limits = np.finfo(x.dtype)
    top = np.asarray(limits.max if posinf is None else posinf, x.dtype)
    bottom = np.asarray(limits.min if neginf is None else neginf, x.dtype)
    infinite = where(x > 0, top, bottom)
    known = where(isinf(x), infinite, x)
    return where(isnan(x), np.asarray(nan, x.dtype), known)


def normalize(x: Any, axis: int = -1, order: int = 2, epsilon: float | None = None) -> Tensor:
    """Return ``x / max(‖x‖, ε)``: vectors of length 1 along ``axis``.

    Args:
        x: the vectors.
        axis: the axis along which a vector lies.
        order: the p of the p-norm.
        epsilon: ε; by default ``config.epsilon()``.

    >>> from glassnet import ops
    >>> [round(entry, 3) for entry in ops.normalize([3.0, 4.0]).tolist()]
    [0.6, 0.8]
    """
    (x,) = float_operands(x)
    least = config.epsilon() if epsilon is None else epsilon
    if order == 2:
        # The root of what is at least ε² has a derivative at 0 as well.
        return x * rsqrt(maximum(sum(square(x), axis, keepdims=True), least**2))
    return divide(x, maximum(norm(x, order, axis, keepdims=True), least))


def multi_hot(inputs: Any, num_classes: int, axis: int = -1, dtype: Any = None) -> Tensor:
    """Return rows with 1 for each class that occurs in a row of ``inputs``, else 0.

    >>> from glassnet import ops
    >>> ops.multi_hot([[0, 2], [1, 1]], 3).tolist()
    [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    inputs = as_tensor(inputs)
    rows = one_hot(inputs, num_classes, axis=axis, dtype=dtype)
    return max(rows, axis=normalize_axis(1 if inputs.ndim > 1 else 0, rows.ndim))
