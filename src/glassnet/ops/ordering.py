"""Ops about order: the place of the largest entry, sorting, the k best."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from glassnet.formulas import Function, Term, axis_in, call, matrix_shape
from glassnet.formulas.entries import ARGMAX, ARGMIN, ARGSORT, TOP_K
from glassnet.graph.dimension import Shape, Size, display
from glassnet.graph.op import Op, Sample
from glassnet.graph.recording import as_tensor, record
from glassnet.graph.tensor import Tensor, implements
from glassnet.ops.comparison import isfinite
from glassnet.ops.elementwise import cast
from glassnet.ops.indexing import take_along_axis
from glassnet.ops.operands import normalize_axis
from glassnet.ops.reduction import reduced_shape, sum
from glassnet.ops.shaping import expand_dims, reshape, reshaped, squeeze

_X = np.array([[3.0, -1.0, 3.0, 2.0], [0.0, 5.0, 1.0, 5.0]])


@dataclass(frozen=True)
class _Place(Op):
    differentiable = False
    function: ClassVar[Function]
    """What formulas call it."""
    axis: int = 0
    keepdims: bool = False

    def formula(self, node: Tensor, x: Term) -> Term:
        source = node.inputs[0].shape
        axis = axis_in(self.axis, source)
        if axis is None:  # along an axis of length 1 that formulas drop
            x, axis = reshaped(x, source), self.axis
        shape = tuple(1 if i == axis else n for i, n in enumerate(x.shape))
        return call(self.function, x, shape=shape, axis=axis)

    def infer(self, x: Tensor) -> tuple[Shape, np.dtype]:
        if x.shape[self.axis] == 0:
            raise ValueError(f"{self.name}: axis {self.axis} of {display(x.shape)} is empty.")
        return reduced_shape(x.shape, (self.axis,), self.keepdims), np.dtype(np.int64)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls(1), (_X,))
        yield Sample(cls(0, True), (_X,))


class ArgMax(_Place):
    name = "argmax"
    effort = 4.0
    calls = 5
    function = ARGMAX

    def value(self, xp: Any, x: Any) -> Any:
        return xp.argmax(x, axis=self.axis, keepdims=self.keepdims)


class ArgMin(_Place):
    name = "argmin"
    effort = 4.0
    calls = 5
    function = ARGMIN

    def value(self, xp: Any, x: Any) -> Any:
        return xp.argmin(x, axis=self.axis, keepdims=self.keepdims)


@dataclass(frozen=True)
class ArgSort(Op):
    """The places of the entries in ascending order; equal entries keep their order."""

    name = "argsort"
    differentiable = False
    axis: int = 0

    def infer(self, x: Tensor) -> tuple[Shape, np.dtype]:
        return x.shape, np.dtype(np.int64)

    def formula(self, node: Tensor, x: Term) -> Term:
        axis = axis_in(self.axis, node.shape)
        if axis is None:
            x, axis = reshaped(x, node.shape), self.axis
        return call(ARGSORT, x, shape=x.shape, axis=axis)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.argsort(x, axis=self.axis, stable=True)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls(1), (_X,))
        yield Sample(cls(0), (_X,))


@dataclass(frozen=True)
class TopK(Op):
    """The places of the ``k`` largest entries of the last axis, the largest first."""

    name = "top_k"
    differentiable = False
    k: int = 1

    def infer(self, x: Tensor) -> tuple[Shape, np.dtype]:
        size = x.shape[-1] if x.ndim else 0
        if self.k < 0 or (isinstance(size, int) and self.k > size):
            raise ValueError(f"top_k: k={self.k} of an axis with {size} entries ({x!r}).")
        return (*x.shape[:-1], self.k), np.dtype(np.int64)

    def formula(self, node: Tensor, x: Term) -> Term:
        if len(x.shape) == 2 and node.ndim == 1 and matrix_shape(node.inputs[0].shape)[1] == 1:
            x = reshaped(x, x.shape[::-1])
        return call(TOP_K, x, shape=(*x.shape[:-1], self.k), k=self.k)

    def value(self, xp: Any, x: Any) -> Any:
        # Sorted back to front and turned round, so that of equal entries the first comes first.
        order = xp.flip(xp.argsort(xp.flip(x, -1), axis=-1, stable=True), -1)
        return x.shape[-1] - 1 - order[..., : self.k]

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls(2), (_X,))
        yield Sample(cls(3), (_X[0],))


# --- the functions ----------------------------------------------------------------------------
@implements(np.argmax)
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return where along ``axis`` the largest entry stands; of equal ones, the first.

    >>> from glassnet import ops
    >>> ops.argmax([[1, 5, 2], [7, 0, 7]], axis=1).tolist()
    [1, 0]
    """
    x, axis, shape = _one_axis(x, axis)
    place = record(ArgMax(axis, bool(keepdims)), x)
    return reshape(place, shape) if keepdims and shape is not None else place


@implements(np.argmin)
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return where along ``axis`` the smallest entry stands; of equal ones, the first."""
    x, axis, shape = _one_axis(x, axis)
    place = record(ArgMin(axis, bool(keepdims)), x)
    return reshape(place, shape) if keepdims and shape is not None else place


def _one_axis(x: Any, axis: int | None) -> tuple[Tensor, int, tuple[Size, ...] | None]:
    """``x`` and its axis; for no axis the entries as one row, and the shape of a kept result."""
    x = as_tensor(x)
    if axis is None:
        return reshape(x, (-1,)), 0, (1,) * x.ndim
    return x, normalize_axis(axis, x.ndim), None


@implements(np.argsort)
def argsort(x: Any, axis: int | None = -1, *, kind: Any = None, stable: bool = True) -> Tensor:
    """Return the places of the entries along ``axis`` in ascending order; equal ones in theirs."""
    x, axis, _ = _one_axis(x, axis)
    return record(ArgSort(axis), x)


@implements(np.sort)
def sort(x: Any, axis: int | None = -1, *, kind: Any = None, stable: bool = True) -> Tensor:
    """Return the entries along ``axis`` in ascending order.

    >>> from glassnet import ops
    >>> ops.sort([3, 1, 2]).tolist()
    [1, 2, 3]
    """
    x, axis, _ = _one_axis(x, axis)
    return take_along_axis(x, record(ArgSort(axis), x), axis)


def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Tensor, Tensor]:
    """Return the ``k`` largest entries of the last axis and their places, the largest first.

    >>> from glassnet import ops
    >>> values, places = ops.top_k([1.0, 4.0, 3.0], 2)
    >>> values.tolist(), places.tolist()
    ([4.0, 3.0], [1, 2])
    """
    x = as_tensor(x)
    places = record(TopK(int(k)), x)
    return take_along_axis(x, places, -1), places


def in_top_k(targets: Any, predictions: Any, k: int) -> Tensor:
    """Return whether each target class is among the ``k`` best predictions of its row.

    Args:
        targets: class numbers, shape ``(m,)``.
        predictions: scores, shape ``(m, classes)``. Equal scores at the boundary all count.
        k: how many of the best count.
    """
    targets, predictions = as_tensor(targets), as_tensor(predictions)
    if predictions.ndim != targets.ndim + 1:
        raise ValueError(
            f"in_top_k: expected targets (m,) and predictions (m, classes); got "
            f"{display(targets.shape)} and {display(predictions.shape)}."
        )
    own = take_along_axis(predictions, expand_dims(cast(targets, "int64"), -1), -1)
    better = sum(predictions > own, -1)
    return (better < k) & isfinite(squeeze(own, -1))
