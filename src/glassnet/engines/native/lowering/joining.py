"""Lowering of ops that put arrays together, pad them, or count."""

from __future__ import annotations

import numpy as np

from glassnet.engines.native.lowering.base import Builder, lowers, slices
from glassnet.engines.native.lowering.movement import fill, move
from glassnet.engines.native.memory import Value
from glassnet.ops.joining import Concatenate, Pad
from glassnet.ops.matrices import Range

Axes = tuple[int | None, ...]
Shapes = tuple[tuple[int, ...], ...]


@lowers(Concatenate)
def concatenate(builder: Builder, op: Concatenate, out: Value, *values: Value) -> bool | None:
    """Each part copied to its place."""
    if any(value.dtype != out.dtype for value in values):
        return False
    start = 0
    for value in values:
        place = out.viewed(value.shape, out.strides, start * out.strides[op.axis])
        move(builder, place, value, whole=out)
        start += value.shape[op.axis]
    return None


@slices(Concatenate)
def slice_concatenate(
    op: Concatenate, out: tuple[int, ...], shapes: Shapes, axes: Axes
) -> int | None:
    """Another axis than the op's, the same in all inputs."""
    return None if axes[0] == op.axis or len(set(axes)) > 1 else axes[0]


@lowers(Pad)
def pad(builder: Builder, op: Pad, out: Value, value: Value) -> None:
    """One number everywhere, and the input copied into it."""
    if value.size < out.size:
        fill(builder, out, np.asarray(op.fill).astype(out.dtype))
    offset = sum(
        before * stride for (before, _), stride in zip(op.widths, out.strides, strict=True)
    )
    move(builder, out.viewed(value.shape, out.strides, offset), value, whole=out)


@slices(Pad)
def slice_pad(op: Pad, out: tuple[int, ...], shapes: Shapes, axes: Axes) -> int | None:
    """An axis without padding."""
    return axes[0] if axes[0] is not None and not any(op.widths[axes[0]]) else None


@lowers(Range)
def count_up(builder: Builder, op: Range, out: Value) -> bool | None:
    """0, 1, … up to a size."""
    if out.dtype.kind == "b" or out.dtype.itemsize == 2:
        return False
    if out.size:
        builder.emit(
            f"movement.count_up:{out.dtype.str[1:]}",
            [out, out.size],
            writes=[out],
            reads=[],
            note="range",
        )
    return None
