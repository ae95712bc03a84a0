"""Lowering of reductions: any axes, of an input of any strides, as passes over three axes."""

from __future__ import annotations

import math

import numpy as np

from glassnet.engines.native.lowering.base import SUM, Builder, lowers, slices
from glassnet.engines.native.lowering.movement import fill, merged_axes
from glassnet.engines.native.memory import Value
from glassnet.ops.reduction import Max, Min, Number, Reduction, Sum
from glassnet.ops.softmax import LogSumExp
from glassnet.ops.statistics import All, Any_, Prod

Axes = tuple[int | None, ...]
Shapes = tuple[tuple[int, ...], ...]


# --- the ops ----------------------------------------------------------------------------------
@lowers(Sum, accumulates=True)
def sum_over(builder: Builder, op: Sum, out: Value, value: Value) -> bool | None:
    """A sum; integers and truth values add up as int64."""
    if not supported(value.dtype):
        return False
    if value.size == 0:
        if not builder.accumulating:
            fill(builder, out, 0)
        return None
    reduce(builder, "add", out, value, op.axis, onto=builder.accumulating)
    return None


@lowers(Prod)
def product_over(builder: Builder, op: Prod, out: Value, value: Value) -> bool | None:
    """A product; integers and truth values as int64."""
    if not supported(value.dtype):
        return False
    if value.size == 0:
        fill(builder, out, 1)
    else:
        reduce(builder, "multiply", out, value, op.axis)
    return None


@lowers(Max, Min, All, Any_)
def extreme_over(builder: Builder, op: Reduction, out: Value, value: Value) -> bool | None:
    """The largest or smallest entry; of truth values that is "any" and "all"."""
    if not supported(value.dtype) or (value.size == 0 and out.size and isinstance(op, Max | Min)):
        return False
    if value.size == 0:
        fill(builder, out, isinstance(op, All))
    else:
        reduce(
            builder, "largest" if isinstance(op, Max | Any_) else "smallest", out, value, op.axis
        )
    return None


@lowers(Number)
def number(builder: Builder, op: Number, out: Value) -> None:
    """A size as a number."""
    fill(builder, out, op.size)


@slices(Sum)
def slice_sum(op: Sum, out: tuple[int, ...], shapes: Shapes, axes: Axes) -> int | str | None:
    """Sums of the slices are added where the batch is summed."""
    return SUM if axes[0] in op.axis else _axis_after(op, axes[0])


@slices(Max, Min, Prod, All, Any_, LogSumExp)
def slice_reduction(op: Reduction, out: tuple[int, ...], shapes: Shapes, axes: Axes) -> int | None:
    """Another axis than the reduced ones."""
    return None if axes[0] in op.axis else _axis_after(op, axes[0])


def _axis_after(op: Reduction, axis: int | None) -> int | None:
    if axis is None or op.keepdims:
        return axis
    return axis - sum(a < axis for a in op.axis)


def supported(dtype: np.dtype) -> bool:
    """Tell whether kernels compute in a dtype; half precision is left to the reference."""
    return dtype.kind in "biu" or (dtype.kind == "f" and dtype.itemsize in (4, 8))


# --- the passes -------------------------------------------------------------------------------
def reduce(
    builder: Builder,
    template: str,
    out: Value,
    value: Value,
    axes: tuple[int, ...],
    *,
    onto: bool = False,
) -> None:
    """Combine a non-empty array over axes into ``out``, or with what that holds."""
    kept, reduced = _split(value, axes)
    if len(kept) > 2 or len(reduced) > 1:
        if value.contiguous:
            made = _reduce_last(builder, template, out, value, axes)
            reduce(builder, template, out, made, axes, onto=onto)
        else:
            reduce(builder, template, out, builder.contiguous(value), axes, onto=onto)
        return
    _emit(builder, template, out, value, kept, reduced, onto)


def _split(value: Value, axes: tuple[int, ...]) -> tuple[list[tuple[int, ...]], ...]:
    """The axes that stay and those that go, as few as they can be written with.

    The order of the latter among each other does not matter.
    """
    both = list(zip(value.shape, value.strides, strict=True))
    kept = [both[i] for i in range(len(both)) if i not in axes]
    gone = sorted((both[i] for i in axes), key=lambda axis: -abs(axis[1]))
    return tuple(merged_axes(*zip(*part, strict=True)) if part else [] for part in (kept, gone))


def _emit(
    builder: Builder,
    template: str,
    out: Value,
    value: Value,
    kept: list[tuple[int, ...]],
    reduced: list[tuple[int, ...]],
    onto: bool,
) -> None:
    size = value.dtype.itemsize
    rows, by_row = reduced[0] if reduced else (1, 0)
    across = bool(kept) and kept[-1][1] == size and by_row != size
    if len(kept) == 1 and not across:
        kept = [kept[0], (1, size)]
    (outer, by_outer), (inner, by_inner) = [(1, 0), (1, size), *kept][-2:]
    strides = [by_outer, by_row] if across else [by_outer, by_inner, by_row]
    builder.emit(
        _kernel(template + ("_across" if across else "_along"), value.dtype, out.dtype),
        [out, value, outer, inner, rows, *strides, int(onto)],
        writes=[out],
        reads=[value],
        operations=value.size,
        note=template,
    )


def _kernel(template: str, source: np.dtype, target: np.dtype) -> str:
    codes = f"{_code(source)}:{_code(target)}"
    one = template.startswith(("largest", "smallest"))
    return f"reduction.{template}:{_code(source) if one else codes}"


def _code(dtype: np.dtype) -> str:
    return "u1" if dtype.kind == "b" else dtype.str[1:]


def _reduce_last(
    builder: Builder, template: str, out: Value, value: Value, axes: tuple[int, ...]
) -> Value:
    """Combine a row-major array over its last run of reduced axes alone; these have size 1 then."""
    first, last = _last_run(value.shape, axes)
    shape = value.shape
    lead, rows, tail = (math.prod(s) for s in (shape[:first], shape[first:last], shape[last:]))
    made = builder.temporary((*shape[:first], *(1,) * (last - first), *shape[last:]), out.dtype)
    reduce(builder, template, made.reshaped((lead, tail)), value.reshaped((lead, rows, tail)), (1,))
    return made


def _last_run(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, int]:
    """Where the last neighbouring reduced axes begin and end; axes of size 1 count as any."""
    last = max(a for a in axes if shape[a] != 1) + 1
    first = last - 1
    while first and (first - 1 in axes or shape[first - 1] == 1):
        first -= 1
    return first, last
