"""Ops whose value is their input seen otherwise: reshape, transpose, broadcast, slice."""

from __future__ import annotations

import math

from glassnet.engines.native.lowering.base import Builder, lowers, slices, views
from glassnet.engines.native.lowering.movement import fill, move
from glassnet.engines.native.memory import Value
from glassnet.graph.dimension import Shape
from glassnet.ops.rounding import Identity, StopGradient
from glassnet.ops.shaping import BroadcastTo, Reshape, Transpose
from glassnet.ops.slicing import Place, Slice

Axes = tuple[int | None, ...]
Shapes = tuple[tuple[int, ...], ...]


@views(Identity, StopGradient)
def see_same(op: Identity, shape: tuple[int, ...], value: Value) -> Value:
    """The input itself."""
    return value


@slices(Identity, StopGradient)
def slice_same(op: Identity, out: tuple[int, ...], shapes: Shapes, axes: Axes) -> int | None:
    """Whatever axis the input has."""
    return axes[0]


# --- reshape ----------------------------------------------------------------------------------
@views(Reshape)
def see_reshaped(op: Reshape, shape: tuple[int, ...], value: Value) -> Value | None:
    """The entries in another shape, where each new axis runs along one stride."""
    if value.contiguous:
        return value.reshaped(shape)
    strides = _strides_after(value, shape)
    return None if strides is None else value.viewed(shape, strides)


def _strides_after(value: Value, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The strides of the new axes; None where one of them would need two."""
    if value.size == 0:
        return None
    old = [(n, s) for n, s in zip(value.shape, value.strides, strict=True) if n != 1]
    strides: list[int] = []
    run, step = 1, value.dtype.itemsize  # what is left of a stretch of evenly spaced entries
    for size in reversed(shape):
        if size != 1 and run == 1:
            if not old:
                return None
            run, step = old.pop()
        while old and run % size and old[-1][1] == run * step:
            run *= old.pop()[0]
        if run % size:
            return None
        strides.append(step)
        run, step = run // size, step * size
    return tuple(reversed(strides))


@lowers(Reshape)
def reshape(builder: Builder, op: Reshape, out: Value, value: Value) -> None:
    """The entries copied row by row, where no view can show them in the new shape."""
    move(builder, out.reshaped(value.shape), value, whole=out)


@slices(Reshape)
def slice_reshaped(op: Reshape, out: tuple[int, ...], shapes: Shapes, axes: Axes) -> int | None:
    """The new axis of that size with as many entries before it."""
    axis, (shape,) = axes[0], shapes
    if axis is None:
        return None
    before, size = math.prod(shape[:axis]), shape[axis]
    for i, n in enumerate(out):
        if n == size and math.prod(out[:i]) == before:
            return i
    return None


# --- transpose, broadcast ---------------------------------------------------------------------
@views(Transpose)
def see_transposed(op: Transpose, shape: tuple[int, ...], value: Value) -> Value:
    """The axes in another order."""
    return value.viewed(shape, tuple(value.strides[a] for a in op.axes))


@slices(Transpose)
def slice_transposed(op: Transpose, out: tuple[int, ...], shapes: Shapes, axes: Axes) -> int | None:
    """Where the axis went."""
    return None if axes[0] is None else op.axes.index(axes[0])


@views(BroadcastTo)
def see_broadcast(op: BroadcastTo, shape: tuple[int, ...], value: Value) -> Value:
    """Axes that stretch have stride 0."""
    new = len(shape) - len(value.shape)
    pairs = zip(value.shape, value.strides, shape[new:], strict=True)
    return value.viewed(shape, (0,) * new + tuple(s if n == to else 0 for n, s, to in pairs))


@slices(BroadcastTo)
def slice_broadcast(
    op: BroadcastTo, out: tuple[int, ...], shapes: Shapes, axes: Axes
) -> int | None:
    """The same axis, counted from the end."""
    return None if axes[0] is None else axes[0] + len(out) - len(shapes[0])


# --- slices -----------------------------------------------------------------------------------
@views(Slice)
def see_slice(op: Slice, shape: tuple[int, ...], value: Value) -> Value | None:
    """Entries some steps apart."""
    if math.prod(shape) == 0:
        return value.viewed(shape, (0,) * len(shape))
    return _part(value, op.starts, shape, op.steps)


def _part(
    value: Value, starts: Shape, shape: tuple[int, ...], steps: tuple[int, ...]
) -> Value | None:
    offset, strides = 0, []
    parts = zip(starts, shape, steps, value.shape, value.strides, strict=True)
    for begin, size, step, limit, stride in parts:
        start = int(begin)
        if not (0 <= start < limit and 0 <= start + (size - 1) * step < limit):
            return None
        offset += start * stride
        strides.append(stride * step)
    return value.viewed(shape, tuple(strides), offset)


@slices(Slice)
def slice_slice(op: Slice, out: tuple[int, ...], shapes: Shapes, axes: Axes) -> int | None:
    """An axis that is taken whole."""
    axis = axes[0]
    if axis is None or (op.starts[axis], op.steps[axis]) != (0, 1):
        return None
    return axis if out[axis] == shapes[0][axis] else None


@lowers(Place)
def place(builder: Builder, op: Place, out: Value, value: Value) -> bool | None:
    """Zeros, and the input copied into the slice."""
    part = _part(out, op.starts, value.shape, op.steps) if value.size else out
    if part is None:
        return False
    if part.size < out.size or not value.size:
        fill(builder, out, 0)
    if value.size:
        move(builder, part, value, whole=out)
    return None


@slices(Place)
def slice_place(op: Place, out: tuple[int, ...], shapes: Shapes, axes: Axes) -> int | None:
    """An axis that is filled whole."""
    axis = axes[0]
    if axis is None or (op.starts[axis], op.steps[axis]) != (0, 1):
        return None
    return axis if out[axis] == shapes[0][axis] else None
