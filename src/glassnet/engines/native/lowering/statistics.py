"""Lowering of running sums and products."""

from __future__ import annotations

from glassnet.engines.native.lowering.base import Builder, lowers, slices
from glassnet.engines.native.lowering.ordering import code_of, three_axes
from glassnet.engines.native.lowering.reduction import supported
from glassnet.engines.native.memory import Value
from glassnet.ops.statistics import CumProd, CumSum

Axes = tuple[int | None, ...]
Shapes = tuple[tuple[int, ...], ...]


@lowers(CumSum, CumProd)
def running(builder: Builder, op: CumSum | CumProd, out: Value, value: Value) -> bool | None:
    """What is combined so far, along an axis; a sum from the end where it says so."""
    if not supported(value.dtype):
        return False
    if value.size:
        source, sizes = three_axes(builder, value, op.axis)
        name = "running_sum" if isinstance(op, CumSum) else "running_product"
        from_end = isinstance(op, CumSum) and op.reverse
        builder.emit(
            f"reduction.{name}:{code_of(value.dtype)}:{code_of(out.dtype)}",
            [out, source, *sizes, int(from_end)],
            writes=[out],
            reads=[source],
            operations=value.size,
            note=op.name,
        )
    return None


@slices(CumSum, CumProd)
def slice_running(
    op: CumSum | CumProd, out: tuple[int, ...], shapes: Shapes, axes: Axes
) -> int | None:
    """Another axis than the op's."""
    return None if axes[0] == op.axis else axes[0]
