"""Ops that pick entries by their numbers, and their reverses, which put entries back.

Each op and its reverse are the derivative rules of one another, so every order of derivative is
expressed with the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.formulas import Term, axis_in, call, each_axis_in, matrix_shape
from glassnet.formulas.entries import (
    ADD_ALONG,
    ADD_ENTRIES,
    ENTRIES,
    ROWS,
    SCATTER,
    TAKE_ALONG,
)
from glassnet.graph.dimension import Shape, Size, display, product
from glassnet.graph.op import Op, Sample
from glassnet.graph.recording import as_tensor, record
from glassnet.graph.slip import Slip
from glassnet.graph.tensor import Constant, Tensor
from glassnet.ops import slips
from glassnet.ops.elementwise import Grads
from glassnet.ops.operands import broadcast_shapes, normalize_axis
from glassnet.ops.shaping import broadcast_to, reshape, reshaped

_X = np.arange(24, dtype=np.float64).reshape(2, 3, 4)


def _vectors(indices: Sequence[Shape]) -> bool:
    """Whether all indices are columns or all are rows, which formulas count as one axis."""
    first = indices[0]
    return len(first) < 3 and sum(s != 1 for s in first) < 2 and set(indices) == {first}


def _rows_picked(shape: Shape, axes: tuple[int, ...], indices: Sequence[Shape]) -> Shape:
    """The shape of what formulas pick of a shape of theirs along axes of theirs."""
    if len(axes) < len(shape) and _vectors(indices):
        indices = [(product(i),) for i in indices]
    return _picked_shape(shape, axes, broadcast_shapes(*indices))


def _picked_shape(shape: Shape, axes: tuple[int, ...], index: Shape) -> Shape:
    """NumPy's rule: the index's axes stand where neighbouring axes stood, else in front."""
    if axes[-1] - axes[0] == len(axes) - 1:
        return (*shape[: axes[0]], *index, *shape[axes[-1] + 1 :])
    return (*index, *(size for i, size in enumerate(shape) if i not in axes))


def _axes_counted(axes: tuple[int, ...], shape: Shape) -> tuple[int, ...] | None:
    """The axes as formulas count them; None where one of them is dropped there."""
    found = [axis_in(axis, shape) for axis in axes]
    return None if None in found else tuple(a for a in found if a is not None)


def _single(axes: tuple[int, ...]) -> Any:
    return axes[0] if len(axes) == 1 else axes


def _picking_key(rank: int, axes: tuple[int, ...], indices: tuple[Any, ...]) -> tuple[Any, ...]:
    key: list[Any] = [slice(None)] * rank
    for axis, index in zip(axes, indices, strict=True):
        key[axis] = index
    return tuple(key)


def _check_indices(name: str, indices: tuple[Tensor, ...]) -> Shape:
    for index in indices:
        if index.dtype.kind not in "iu":
            raise IndexError(
                f"{name}: an index must hold integers or truth values; got {index.dtype}. "
                "Cast it: index.astype('int64')."
            )
    return broadcast_shapes(*(i.shape for i in indices), what=f"{name}: the indices")


@dataclass(frozen=True)
class Pick(Op):
    """The entries of x at integer indices along ``axes``, as ``x[:, i, j]`` picks them."""

    name = "pick"
    rules = ("Each row collects the derivatives of all places to which it was taken",)
    axes: tuple[int, ...] = (0,)

    def infer(self, x: Tensor, *indices: Tensor) -> tuple[Shape, np.dtype]:
        return _picked_shape(x.shape, self.axes, _check_indices("pick", indices)), x.dtype

    def value(self, xp: Any, x: Any, *indices: Any) -> Any:
        if len(self.axes) == 1:
            return xp.take(x, indices[0], axis=self.axes[0])
        return x[_picking_key(x.ndim, self.axes, indices)]

    def formula(self, node: Tensor, x: Term, *indices: Term) -> Term:
        source = node.inputs[0].shape
        if len(source) == 1:
            return call(ENTRIES, x, *indices, shape=indices[0].shape)
        axes = _axes_counted(self.axes, source)
        if axes is None:  # along an axis of length 1 that formulas drop
            x, axes = reshaped(x, source), self.axes
        shape = _rows_picked(x.shape, axes, [i.shape for i in indices])
        found = call(ROWS, x, *indices, shape=shape)
        if axes != (0,):
            found = call(ENTRIES, x, *indices, shape=shape, axis=_single(axes))
        return (
            found
            if matrix_shape(shape) == matrix_shape(node.shape)
            else reshaped(found, matrix_shape(node.shape))
        )

    def slips(self) -> Iterable[Slip]:
        return slips.PICK

    def vjp(self, g: Tensor, y: Tensor, x: Tensor, *indices: Tensor) -> Grads:
        return (record(AddAt(x.shape, self.axes), g, *indices), *[None] * len(indices))

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        i, j = np.array([[0, 1], [1, -1]]), np.array([2, 0])
        yield Sample(cls((0,)), (_X, i))
        yield Sample(cls((1,)), (_X, np.array(2)))
        yield Sample(cls((1, 2)), (_X, i, j))
        yield Sample(cls((0, 2)), (_X, i, np.array(3)))


@dataclass(frozen=True)
class AddAt(Op):
    """Zeros of ``shape`` to which x is added where an index names the entry: pick reversed."""

    name = "add_at"
    effort = 50.0
    rules = ("The derivative is taken from the rows to which was added",)
    shape: Shape = ()
    axes: tuple[int, ...] = (0,)

    def infer(self, x: Tensor, *indices: Tensor) -> tuple[Shape, np.dtype]:
        expected = _picked_shape(self.shape, self.axes, _check_indices("add_at", indices))
        if x.shape != expected:
            raise ValueError(f"add_at: expected {display(expected)}; got {display(x.shape)}.")
        return self.shape, x.dtype

    def value(self, xp: Any, x: Any, *indices: Any) -> Any:
        if xp is not np:
            key = _picking_key(len(self.shape), self.axes, indices)
            return xp.zeros(self.shape, dtype=x.dtype).at[key].add(x)
        return _add_at(x, self.shape, self.axes, indices)

    def formula(self, node: Tensor, x: Term, *indices: Term) -> Term:
        sizes = matrix_shape(self.shape)
        if len(self.shape) == 1:
            x = reshaped(x, indices[0].shape)
            return call(ADD_ENTRIES, x, *indices, shape=sizes, sizes=sizes)
        axes = _axes_counted(self.axes, self.shape)
        if axes is None:
            sizes, axes = self.shape, self.axes
        x = reshaped(x, _rows_picked(sizes, axes, [i.shape for i in indices]))
        if axes == (0,):
            return call(SCATTER, x, *indices, shape=sizes, sizes=sizes)
        return call(ADD_ENTRIES, x, *indices, shape=sizes, axis=_single(axes), sizes=sizes)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor, *indices: Tensor) -> Grads:
        return (record(Pick(self.axes), g, *indices), *[None] * len(indices))

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        i, j = np.array([[0, 1], [1, -1]]), np.array([2, 0])
        yield Sample(cls((3, 4), (0,)), (_X[0, :2, :], np.array([1, 1])))
        yield Sample(cls((5,), (0,)), (_X[0, 0], np.array([3, 3, 0, -1])))
        yield Sample(cls((2, 3, 4), (1, 2)), (_X[:, :2, :2], i, j))
        yield Sample(cls((2, 3, 4), (0, 2)), (_X[:, :2, :3], i, np.array(3)))


def _add_at(x: Any, shape: Any, axes: tuple[int, ...], indices: tuple[Any, ...]) -> np.ndarray:
    """Add up the rows of ``x`` that share a target.

    The rows are sorted by their target and each run is summed: many times faster than
    ``np.add.at``, and in one fixed order.
    """
    spread = np.broadcast_arrays(*indices)
    sizes = tuple(shape[a] for a in axes)
    target = np.zeros(spread[0].size, dtype=np.intp)
    for index, size in zip(spread, sizes, strict=True):
        flat = index.ravel().astype(np.intp, copy=False)
        target = target * size + np.where(flat < 0, flat + size, flat)
    first = axes[0] if axes[-1] - axes[0] == len(axes) - 1 else 0
    rank = spread[0].ndim
    rows = np.moveaxis(np.asarray(x), range(first, first + rank), range(rank))
    rest = rows.shape[rank:]
    rows = rows.reshape((len(target), -1) if len(target) else (0, int(np.prod(rest))))
    summed = _sums_by_target(rows, target, int(np.prod(sizes)))
    return np.moveaxis(summed.reshape(sizes + rest), range(len(axes)), axes)


def _sums_by_target(rows: np.ndarray, target: np.ndarray, count: int) -> np.ndarray:
    if rows.shape[1] == 1 and rows.dtype.kind == "f":
        sums = np.bincount(target, weights=rows[:, 0], minlength=count)
        return sums.astype(rows.dtype, copy=False)[:, None]
    result = np.zeros((count, rows.shape[1]), dtype=rows.dtype)
    if len(target) and rows.shape[1]:
        order = np.argsort(target, kind="stable")
        ordered = target[order]
        begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        result[ordered[begins]] = np.add.reduceat(rows[order], begins, axis=0)
    return result


@dataclass(frozen=True)
class PickAlong(Op):
    """The entries of x at the integer index of the same place along ``axis``."""

    name = "take_along_axis"
    rules = ("Each entry collects the derivatives of all places to which it was taken",)
    axis: int = 0

    def infer(self, x: Tensor, index: Tensor) -> tuple[Shape, np.dtype]:
        _check_indices("take_along_axis", (index,))
        _check_along(x.shape, index.shape, self.axis)
        return index.shape, x.dtype

    def value(self, xp: Any, x: Any, index: Any) -> Any:
        return xp.take_along_axis(x, index, self.axis)

    def formula(self, node: Tensor, x: Term, index: Term) -> Term:
        shape = node.inputs[0].shape
        axis = axis_in(self.axis, shape)
        given = each_axis_in(node.shape, shape, 1)
        if axis is None:
            x, axis, given = reshaped(x, shape), self.axis, node.shape
        return call(TAKE_ALONG, x, reshaped(index, given), shape=given, axis=axis)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor, index: Tensor) -> Grads:
        return record(AddAlong(x.shape[self.axis], self.axis), g, index), None

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls(0), (_X[0], np.array([[0, 2, 1, -1], [0, 0, 2, 2]])))
        yield Sample(cls(1), (_X[0], np.array([[3], [0], [-2]])))


@dataclass(frozen=True)
class AddAlong(Op):
    """Zeros to which x is added at the index along ``axis``: take_along_axis reversed."""

    name = "add_along_axis"
    rules = ("The derivative is taken from the entries to which was added",)
    size: Size = 1
    axis: int = 0

    def infer(self, x: Tensor, index: Tensor) -> tuple[Shape, np.dtype]:
        if x.shape != index.shape:
            raise ValueError(
                f"add_along_axis: {display(x.shape)} entries and {display(index.shape)} indices."
            )
        return (*x.shape[: self.axis], self.size, *x.shape[self.axis + 1 :]), x.dtype

    def value(self, xp: Any, x: Any, index: Any) -> Any:
        shape = (*x.shape[: self.axis], self.size, *x.shape[self.axis + 1 :])
        places = list(xp.indices(x.shape, sparse=True))
        if xp is not np:
            places[self.axis] = index
            return xp.zeros(shape, dtype=x.dtype).at[tuple(places)].add(x)
        places[self.axis] = np.where(index < 0, index + self.size, index)
        target = np.ravel_multi_index(tuple(places), shape)
        return _sums_by_target(x.reshape(-1, 1), target.ravel(), int(np.prod(shape))).reshape(shape)

    def formula(self, node: Tensor, x: Term, index: Term) -> Term:
        shape, given = node.shape, node.inputs[0].shape
        axis = axis_in(self.axis, shape)
        if axis is not None:
            shape, given = matrix_shape(shape), each_axis_in(given, shape, 1)
        else:
            axis = self.axis
        x, index = reshaped(x, given), reshaped(index, given)
        return call(ADD_ALONG, x, index, shape=shape, axis=axis, size=self.size)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor, index: Tensor) -> Grads:
        return record(PickAlong(self.axis), g, index), None

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls(3, 0), (_X[0, :2], np.array([[0, 2, 1, -1], [0, 0, 2, 2]])))
        yield Sample(cls(4, 1), (_X[0, :, :1], np.array([[3], [0], [-2]])))


def _check_along(shape: Shape, index: Shape, axis: int) -> None:
    same = len(shape) == len(index) and all(
        a == b for i, (a, b) in enumerate(zip(shape, index, strict=True)) if i != axis
    )
    if not same:
        raise ValueError(
            f"take_along_axis: the index {display(index)} must have the shape {display(shape)} "
            f"of the tensor everywhere but on axis {axis}."
        )


# --- the functions ----------------------------------------------------------------------------
def pick(x: Tensor, axes: tuple[int, ...], indices: tuple[Tensor, ...]) -> Tensor:
    """Return the entries at integer ``indices`` along ``axes``."""
    for axis, index in zip(axes, indices, strict=True):
        _check_range(x, axis, index)
    return record(Pick(axes), x, *indices)


def _check_range(x: Tensor, axis: int, index: Tensor) -> None:
    """Refuse, while recording, a constant index that the known size cannot hold."""
    size = x.shape[axis]
    if isinstance(index, Constant) and index.value.size and isinstance(size, int):
        low, high = int(index.value.min()), int(index.value.max())
        if low < -size or high >= size:
            wrong = low if low < -size else high
            raise IndexError(
                f"Index {wrong} is out of range: axis {axis} of {display(x.shape)} has {size} "
                f"entries, numbered 0 to {size - 1}."
            )


def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """Return the entries (or rows) of ``x`` at integer ``indices`` along ``axis``.

    Args:
        x: the tensor to take from.
        indices: integers of any shape; negative ones count from the end.
        axis: the axis to take along; by default ``x`` is taken as one row.

    Returns:
        A tensor in which ``axis`` is replaced by the axes of ``indices``.

    >>> from glassnet import ops
    >>> ops.take([10, 20, 30], [[0, 2], [1, 1]]).tolist()
    [[10, 30], [20, 20]]
    """
    x, index = as_tensor(x), as_tensor(indices)
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    return pick(x, (normalize_axis(axis, x.ndim),), (index,))


def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """Return the entries of ``x`` that ``indices`` names along ``axis``, place by place.

    >>> from glassnet import ops
    >>> ops.take_along_axis([[10, 20], [30, 40]], [[1], [0]], axis=1).tolist()
    [[20], [30]]
    """
    x, index = as_tensor(x), as_tensor(indices)
    if axis is None:
        x, index, axis = reshape(x, (-1,)), reshape(index, (-1,)), 0
    axis = normalize_axis(axis, x.ndim)
    if index.ndim != x.ndim:
        raise ValueError(
            f"take_along_axis: the index {display(index.shape)} needs as many axes as the tensor "
            f"{display(x.shape)}."
        )
    ones = tuple(1 if i == axis else size for i, size in enumerate(x.shape))
    common = broadcast_shapes(
        ones, tuple(1 if i == axis else size for i, size in enumerate(index.shape))
    )
    x = broadcast_to(x, tuple(x.shape[i] if i == axis else s for i, s in enumerate(common)))
    index = broadcast_to(
        index, tuple(index.shape[i] if i == axis else s for i, s in enumerate(common))
    )
    return record(PickAlong(axis), x, index)
