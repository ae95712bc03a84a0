"""NumPy functions made up of others, so that plain NumPy code runs on tensors."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from glassnet.graph.dimension import Size, display, product
from glassnet.graph.recording import as_tensor
from glassnet.graph.tensor import Tensor, implements
from glassnet.ops.comparison import where
from glassnet.ops.elementwise import multiply, subtract
from glassnet.ops.joining import flip
from glassnet.ops.operands import float_operands, normalize_axis
from glassnet.ops.reduction import max, mean, min, sum
from glassnet.ops.shaping import broadcast_to, reshape, transpose


@implements(np.ndim)
def ndim(x: Any) -> int:
    """Return the number of axes: ``len(x.shape)``."""
    return as_tensor(x).ndim


@implements(np.size)
def size(x: Any, axis: int | None = None) -> Size:
    """Return the number of entries, or of those along ``axis``; named where only a run tells."""
    x = as_tensor(x)
    return product(x.shape) if axis is None else x.shape[normalize_axis(axis, x.ndim)]


@implements(np.copy)
def copy(x: Any) -> Tensor:
    """Return ``x``: a tensor is never written into, so it is its own copy."""
    return as_tensor(x)


@implements(np.diff)
def diff(x: Any, n: int = 1, axis: int = -1) -> Tensor:
    """Return the differences ``xᵢ₊₁ - xᵢ`` of neighbours along ``axis``, taken ``n`` times.

    >>> from glassnet import ops
    >>> ops.diff([1.0, 4.0, 9.0]).tolist()
    [3.0, 5.0]
    """
    x = as_tensor(x)
    if n < 0:
        raise ValueError(f"diff: n is at least 0; got {n}.")
    before = (slice(None),) * normalize_axis(axis, x.ndim)
    for _ in range(n):
        x = subtract(x[(*before, slice(1, None))], x[(*before, slice(None, -1))])
    return x


@implements(np.ptp)
def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Return ``max(x) - min(x)`` over ``axis``: the range."""
    return subtract(max(x, axis, keepdims), min(x, axis, keepdims))


@implements(np.average)
def average(x: Any, axis: Any = None, weights: Any = None) -> Tensor:
    """Return the weighted mean ``Σ w x / Σ w`` over ``axis``; the mean without weights.

    Args:
        x: the tensor.
        axis: an axis, several, or all for None.
        weights: one for each entry, in the shape of ``x``; or one for each place of ``axis``.

    >>> from glassnet import ops
    >>> ops.average([[1.0, 2.0], [3.0, 6.0]], axis=0, weights=[3.0, 1.0]).tolist()
    [1.5, 3.0]
    """
    if weights is None:
        return mean(x, axis)
    x, w = float_operands(x, weights)
    if w.shape != x.shape:
        w = broadcast_to(_on_axes(w, x, axis), x.shape)
    return sum(x * w, axis) / sum(w, axis)


def _on_axes(weights: Tensor, x: Tensor, axis: Any) -> Tensor:
    """The weights with an axis of length 1 for each axis of ``x`` that is not averaged over."""
    given = [] if axis is None else list(axis) if isinstance(axis, Iterable) else [axis]
    axes = [normalize_axis(a, x.ndim) for a in given]
    if weights.shape != tuple(x.shape[a] for a in axes) or not axes:
        raise ValueError(
            f"average: weights of shape {display(weights.shape)} for {display(x.shape)} and "
            f"axis={axis}: expected a weight for each entry, or for each place along axis."
        )
    in_order = transpose(weights, tuple(int(i) for i in np.argsort(axes)))
    return reshape(in_order, tuple(s if i in axes else 1 for i, s in enumerate(x.shape)))


@implements(np.heaviside)
def heaviside(x1: Any, x2: Any) -> Tensor:
    """Return 0 below 0, ``x2`` at 0, 1 above; its derivative is 0."""
    x, middle = float_operands(x1, x2)
    return where(x < 0, 0.0, where(x > 0, 1.0, where(x == 0, middle, x)))  # NaN stays NaN


@implements(np.radians, np.deg2rad)
def radians(x: Any) -> Tensor:
    """Return ``x π / 180``: degrees as radians."""
    return multiply(x, math.pi / 180)


@implements(np.degrees, np.rad2deg)
def degrees(x: Any) -> Tensor:
    """Return ``180 x / π``: radians as degrees."""
    return multiply(x, 180 / math.pi)


@implements(np.flipud)
def flipud(x: Any) -> Tensor:
    """Return ``x[::-1]``: the rows in reverse order."""
    return flip(x, 0)


@implements(np.fliplr)
def fliplr(x: Any) -> Tensor:
    """Return ``x[:, ::-1]``: the columns in reverse order."""
    return flip(x, 1)


@implements(np.matrix_transpose)
def matrix_transpose(x: Any) -> Tensor:
    """Return ``x`` with its last two axes swapped."""
    x = as_tensor(x)
    return transpose(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


@implements(np.atleast_2d)
def atleast_2d(x: Any) -> Tensor:
    """Return ``x`` with at least two axes; a vector becomes one row."""
    x = as_tensor(x)
    return x if x.ndim >= 2 else reshape(x, (1, -1))
