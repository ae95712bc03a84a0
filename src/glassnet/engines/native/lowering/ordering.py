"""Lowering of ops about order."""

from __future__ import annotations

from glassnet.engines.native.lowering.base import Builder, lowers, slices
from glassnet.engines.native.lowering.movement import merged_axes
from glassnet.engines.native.lowering.reduction import supported
from glassnet.engines.native.memory import Value
from glassnet.ops.ordering import ArgMax, ArgMin, ArgSort, TopK

Axes = tuple[int | None, ...]
Shapes = tuple[tuple[int, ...], ...]


def three_axes(builder: Builder, value: Value, axis: int) -> tuple[Value, tuple[int, ...]]:
    """Return an array, or a copy, as (outer, rows, inner): their sizes and strides.

    The rows are the entries of ``axis``.
    """
    lead = merged_axes(value.shape[:axis], value.strides[:axis])
    tail = merged_axes(value.shape[axis + 1 :], value.strides[axis + 1 :])
    if len(lead) > 1 or len(tail) > 1:
        return three_axes(builder, builder.contiguous(value), axis)
    outer, by_outer = [(1, 0), *lead][-1]
    inner, by_inner = [(1, 0), *tail][-1]
    return value, (outer, value.shape[axis], inner, by_outer, value.strides[axis], by_inner)


def code_of(dtype: object) -> str:
    """Return the code of a dtype in a kernel's name, truth values being bytes 0 and 1."""
    code = str(getattr(dtype, "str", ""))[1:]
    return "u1" if code == "b1" else code


@lowers(ArgMax, ArgMin)
def place_of_extreme(builder: Builder, op: ArgMax, out: Value, value: Value) -> bool | None:
    """The place of the largest or smallest entry along an axis."""
    if not supported(value.dtype) or (value.size == 0 and out.size):
        return False
    if out.size:
        source, sizes = three_axes(builder, value, op.axis)
        builder.emit(
            f"ordering.{op.name}:{code_of(value.dtype)}",
            [out, source, *sizes],
            writes=[out],
            reads=[source],
            operations=value.size,
            note=op.name,
        )
    return None


@slices(ArgMax, ArgMin)
def slice_place(op: ArgMax, out: tuple[int, ...], shapes: Shapes, axes: Axes) -> int | None:
    """Another axis than the op's."""
    axis = axes[0]
    if axis is None or axis == op.axis:
        return None
    return axis if op.keepdims else axis - (axis > op.axis)


# --- sorting ----------------------------------------------------------------------------------
@lowers(ArgSort, TopK)
def sort(builder: Builder, op: ArgSort | TopK, out: Value, value: Value) -> bool | None:
    """The places in order along an axis, or the first k of them."""
    if not supported(value.dtype):
        return False
    if out.size:
        axis = op.axis if isinstance(op, ArgSort) else len(value.shape) - 1
        source, sizes = three_axes(builder, value, axis)
        n = value.shape[axis]
        scratch = builder.scratch(24 * n)
        builder.emit(
            f"ordering.{op.name}:{code_of(value.dtype)}",
            [out, source, *sizes, scratch, op.k if isinstance(op, TopK) else n],
            writes=[out],
            reads=[source],
            operations=value.size * n.bit_length(),
            scratch=[scratch],
            note=op.name,
        )
    return None


@slices(ArgSort)
def slice_sort(op: ArgSort, out: tuple[int, ...], shapes: Shapes, axes: Axes) -> int | None:
    """Another axis than the op's."""
    return None if axes[0] == op.axis else axes[0]


@slices(TopK)
def slice_top(op: TopK, out: tuple[int, ...], shapes: Shapes, axes: Axes) -> int | None:
    """Another axis than the last."""
    return None if axes[0] == len(out) - 1 else axes[0]
