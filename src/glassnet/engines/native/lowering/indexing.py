"""Lowering of ops that pick entries by their numbers, and of those that put them back.

Integers out of range are an error of the op, which compiled code can't raise: it sets a flag and
gives NaN. Entries that are no floats have no NaN, so those are left to the reference.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from glassnet.engines.native.lowering.base import SUM, Builder, Word, lowers, slices
from glassnet.engines.native.lowering.elementwise import code
from glassnet.engines.native.lowering.movement import fill, merged_axes, move
from glassnet.engines.native.memory import Value
from glassnet.ops.checking import CheckedIndex
from glassnet.ops.indexing import AddAlong, AddAt, Pick, PickAlong

Axes = tuple[int | None, ...]
Shapes = tuple[tuple[int, ...], ...]


# --- along several axes -----------------------------------------------------------------------
@lowers(Pick)
def pick(builder: Builder, op: Pick, out: Value, value: Value, *indices: Value) -> bool | None:
    """The rows at the indices."""
    if not _supported(value, indices):
        return False
    if out.size == 0:
        return None
    if value.size == 0:
        return False
    picked, first = _together(value, op.axes)
    lead = merged_axes(picked.shape[:first], picked.strides[:first])
    last = first + len(op.axes)
    tail = merged_axes(picked.shape[last:], picked.strides[last:])
    size = value.dtype.itemsize
    if len(lead) > 1 or len(tail) > 1 or (tail and tail[0][1] != size):
        picked = builder.contiguous(picked)
        lead = merged_axes(picked.shape[:first], picked.strides[:first])
    shape, flat = _flat(builder, indices)
    builder.emit(
        f"indexing.pick:{_codes(value, indices)}",
        [
            out,
            picked,
            math.prod(picked.shape[:first]),
            math.prod(shape),
            math.prod(picked.shape[last:]),
            lead[0][1] if lead else 0,
            builder.flag or 0,
            *_table(flat, picked, first),
        ],
        writes=[out, *_flags(builder)],
        reads=[picked, *flat],
        note="pick",
    )
    return None


@lowers(AddAt)
def add_at(builder: Builder, op: AddAt, out: Value, value: Value, *indices: Value) -> bool | None:
    """Zeros to which rows are added."""
    if not _supported(value, indices):
        return False
    turned, first = _together(out, op.axes)
    target = out if turned is out else builder.temporary(turned.shape, out.dtype)
    fill(builder, target, 0)
    if value.size and out.size:
        rows = builder.contiguous(value)
        shape, flat = _flat(builder, indices)
        last = first + len(op.axes)
        tail = math.prod(target.shape[last:])
        picked = math.prod(target.shape[first:last])
        builder.emit(
            f"indexing.add_at:{_codes(value, indices)}",
            [
                target,
                rows,
                math.prod(target.shape[:first]),
                math.prod(shape),
                tail,
                picked * tail * out.dtype.itemsize,
                builder.flag or 0,
                *_table(flat, target, first),
            ],
            writes=[target, *_flags(builder)],
            reads=[rows, *flat],
            operations=value.size,
            note="add_at",
        )
    if target is not out:
        move(builder, turned, target, whole=out)
    return None


def _together(value: Value, axes: tuple[int, ...]) -> tuple[Value, int]:
    """The array with the picked axes side by side, and the first of them: NumPy's rule."""
    if axes[-1] - axes[0] == len(axes) - 1:
        return value, axes[0]
    order = (*axes, *(a for a in range(len(value.shape)) if a not in axes))
    shape = tuple(value.shape[a] for a in order)
    return value.viewed(shape, tuple(value.strides[a] for a in order)), 0


def _flat(builder: Builder, indices: Sequence[Value]) -> tuple[tuple[int, ...], list[Value]]:
    """The common shape of the indices, and each of them broadcast to it, row-major."""
    rank = max(len(i.shape) for i in indices)
    shape = tuple(
        _common(i.shape[k - rank] for i in indices if len(i.shape) >= rank - k) for k in range(rank)
    )
    flat = []
    for index in indices:
        sizes = (1,) * (rank - len(index.shape)) + index.shape
        steps = (0,) * (rank - len(index.shape)) + index.strides
        strides = tuple(s if n == to else 0 for n, s, to in zip(sizes, steps, shape, strict=True))
        flat.append(builder.contiguous(index.viewed(shape, strides)))
    return shape, flat


def _common(sizes: Iterable[int]) -> int:
    found = set(sizes) - {1}
    return found.pop() if found else 1


def _table(flat: Sequence[Value], value: Value, first: int) -> list[Word]:
    """How many axes are picked, and for each its indices, size and stride."""
    rows: list[Word] = [len(flat)]
    for k, index in enumerate(flat):
        rows += [index, value.shape[first + k], value.strides[first + k]]
    return rows


# --- along one axis, place by place -------------------------------------------------------------
@lowers(PickAlong)
def pick_along(
    builder: Builder, op: PickAlong, out: Value, value: Value, index: Value
) -> bool | None:
    """The entries at the index of the same place."""
    if not _supported(value, [index]) or (value.size == 0 and out.size):
        return False
    if out.size:
        _along(builder, "pick_along", out, value, index, op.axis, value.shape[op.axis])
    return None


@lowers(AddAlong)
def add_along(
    builder: Builder, op: AddAlong, out: Value, value: Value, index: Value
) -> bool | None:
    """Zeros to which the entries are added at the index."""
    if not _supported(value, [index]):
        return False
    fill(builder, out, 0)
    if value.size and out.size:
        _along(builder, "add_along", out, value, index, op.axis, out.shape[op.axis])
    return None


def _along(
    builder: Builder, name: str, out: Value, value: Value, index: Value, axis: int, size: int
) -> None:
    source, places = builder.contiguous(value), builder.contiguous(index)
    shape = index.shape
    outer, inner = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    builder.emit(
        f"indexing.{name}:{_codes(value, [index])}",
        [out, source, places, outer, shape[axis], inner, size, builder.flag or 0],
        writes=[out, *_flags(builder)],
        reads=[source, places],
        operations=index.size,
        note=name,
    )


@lowers(CheckedIndex)
def checked_index(builder: Builder, op: CheckedIndex, out: Value, value: Value) -> bool | None:
    """The numbers as they are; where one is out of range, the reference says so."""
    if builder.flag is None:
        return False
    numbers = builder.contiguous(value)
    builder.emit(
        f"indexing.check:{code(value.dtype)}",
        [out, numbers, out.size, op.limit, builder.flag],
        writes=[out, builder.flag],
        reads=[numbers],
        note="check",
    )
    return None


def _flags(builder: Builder) -> list[Value]:
    return [] if builder.flag is None else [builder.flag]


def _supported(value: Value, indices: Sequence[Value]) -> bool:
    floats = value.dtype.kind == "f" and value.dtype.itemsize in (4, 8)
    return floats and len({i.dtype for i in indices}) == 1


def _codes(value: Value, indices: Sequence[Value]) -> str:
    return f"{value.dtype.str[1:]}:{indices[0].dtype.str[1:]}"


# --- slices of the batch ----------------------------------------------------------------------
def _batch_of_indices(shapes: Shapes, axes: Axes) -> int | None:
    """The batch among the axes of the broadcast indices, counted from the front."""
    rank = max(map(len, shapes))
    found = {rank - len(s) + a for s, a in zip(shapes, axes, strict=True) if a is not None}
    if len(found) != 1:
        return None
    axis = found.pop()
    for shape, own in zip(shapes, axes, strict=True):
        place = axis - rank + len(shape)
        if own is None and place >= 0 and shape[place] != 1:
            return None
    return axis


def _place_picked(op: Pick | AddAt, rank: int, axis: int) -> int:
    """Where an axis that is not picked stands beside ``rank`` axes of indices."""
    side_by_side = op.axes[-1] - op.axes[0] == len(op.axes) - 1
    before = sum(a < axis for a in op.axes)
    if side_by_side:
        return axis if axis < op.axes[0] else axis - len(op.axes) + rank
    return rank + axis - before


@slices(Pick)
def slice_pick(op: Pick, out: tuple[int, ...], shapes: Shapes, axes: Axes) -> int | None:
    """An axis that is not picked, or one of the indices."""
    rank = max(map(len, shapes[1:]))
    if axes[0] is None:
        axis = _batch_of_indices(shapes[1:], axes[1:])
        side_by_side = op.axes[-1] - op.axes[0] == len(op.axes) - 1
        return None if axis is None else axis + (op.axes[0] if side_by_side else 0)
    if any(a is not None for a in axes[1:]) or axes[0] in op.axes:
        return None
    return _place_picked(op, rank, axes[0])


@slices(AddAt)
def slice_add_at(op: AddAt, out: tuple[int, ...], shapes: Shapes, axes: Axes) -> int | str | None:
    """An axis that is not indexed; where it is one of the indices, sums are added."""
    rank = max(map(len, shapes[1:]))
    if any(a is not None for a in axes[1:]):
        axis = _batch_of_indices(shapes[1:], axes[1:])
        side_by_side = op.axes[-1] - op.axes[0] == len(op.axes) - 1
        first = op.axes[0] if side_by_side else 0
        return SUM if axis is not None and axes[0] == first + axis else None
    for axis in range(len(out)):
        if axis not in op.axes and _place_picked(op, rank, axis) == axes[0]:
            return axis
    return None


@slices(PickAlong, AddAlong)
def slice_along(
    op: PickAlong | AddAlong, out: tuple[int, ...], shapes: Shapes, axes: Axes
) -> int | None:
    """Another axis than the op's, the same in both inputs."""
    return None if axes[0] == op.axis or axes[0] != axes[1] else axes[0]
