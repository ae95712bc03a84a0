"""Lowering of softmax and its kin, of cross-entropies from logits, and of one-hot rows."""

from __future__ import annotations

import math

from glassnet.engines.native.lowering.base import Builder, lowers, slices
from glassnet.engines.native.lowering.movement import merged_axes, move
from glassnet.engines.native.memory import Value
from glassnet.ops.activation import Sparsemax
from glassnet.ops.logits import SoftmaxCrossEntropy, SparseSoftmaxCrossEntropy
from glassnet.ops.softmax import LogSoftmax, LogSumExp, OneHot, Softmax

Axes = tuple[int | None, ...]
Shapes = tuple[tuple[int, ...], ...]

_COST = 5
"""Operations an entry: the largest, a difference, an exponential, a sum, a quotient."""


# --- the ops ----------------------------------------------------------------------------------
@lowers(Softmax, LogSoftmax)
def normalise(builder: Builder, op: Softmax | LogSoftmax, out: Value, value: Value) -> bool | None:
    """Softmax or its logarithm."""
    if not _computed(value):
        return False
    if value.size == 0:
        return None
    rows, n, step, source = rows_over(builder, value, op.axis)
    made = _straight(builder, out, op.axis, (rows, n))
    size = out.dtype.itemsize
    _emit(builder, op.name, made, source, (rows, n, n * size, step))
    _turn_back(builder, out, made, op.axis)
    return None


@lowers(Sparsemax)
def sparsemax(builder: Builder, op: Sparsemax, out: Value, value: Value) -> bool | None:
    """The probabilities nearest to x."""
    if not _computed(value):
        return False
    if value.size:
        rows, n, step, source = rows_over(builder, value, (op.axis,))
        made = _straight(builder, out, (op.axis,), (rows, n))
        scratch = builder.scratch(24 * n)
        builder.emit(
            f"ordering.sparsemax:{out.dtype.str[1:]}",
            [made, source, rows, n, step, scratch],
            writes=[made],
            reads=[source],
            operations=value.size * n.bit_length(),
            scratch=[scratch],
            note="sparsemax",
        )
        _turn_back(builder, out, made, (op.axis,))
    return None


@lowers(LogSumExp)
def log_sum_exp(builder: Builder, op: LogSumExp, out: Value, value: Value) -> bool | None:
    """log Σ eˣ."""
    if not _computed(value) or (value.size == 0 and out.size):
        return False
    if value.size:
        _fold(builder, "log_sum_exp", out, value, op.axis)
    return None


@lowers(SoftmaxCrossEntropy)
def cross_entropy(
    builder: Builder, op: SoftmaxCrossEntropy, out: Value, logits: Value, targets: Value
) -> bool | None:
    """-Σ t log softmax(x)."""
    if not _computed(logits) or targets.dtype != logits.dtype or (logits.size == 0 and out.size):
        return False
    if logits.size:
        *_, step, rows = rows_over(builder, targets, (op.axis,))
        _fold(builder, "cross_entropy", out, logits, (op.axis,), rows, step)
    return None


@lowers(SparseSoftmaxCrossEntropy)
def sparse_cross_entropy(
    builder: Builder, op: SparseSoftmaxCrossEntropy, out: Value, logits: Value, labels: Value
) -> bool | None:
    """-log softmax(x)[c]; NaN where c names no class."""
    if not _computed(logits) or (logits.size == 0 and out.size):
        return False
    if logits.size:
        numbers = builder.contiguous(labels)
        step = numbers.dtype.itemsize
        _fold(builder, "sparse_cross_entropy", out, logits, (op.axis,), numbers, step)
    return None


@lowers(OneHot)
def one_hot(builder: Builder, op: OneHot, out: Value, labels: Value) -> bool | None:
    """1 at the place that the integer names, else 0."""
    if out.dtype.kind == "f" and out.dtype.itemsize == 2:
        return False
    if out.size == 0:
        return None
    numbers = builder.contiguous(labels)
    shape, code = labels.shape, out.dtype.str[1:]
    outer, inner = math.prod(shape[: op.axis]), math.prod(shape[op.axis :])
    builder.emit(
        f"indexing.one_hot:{numbers.dtype.str[1:]}:{'u1' if out.dtype.kind == 'b' else code}",
        [out, numbers, outer, int(op.num_classes), inner],
        writes=[out],
        reads=[numbers],
        note="one_hot",
    )
    return None


# --- rows -------------------------------------------------------------------------------------
def rows_over(builder: Builder, value: Value, axes: tuple[int, ...]) -> tuple[int, int, int, Value]:
    """Return a non-empty array as rows over axes: how many, how long, the step, where they lie.

    The entries of a row lie side by side; a copy is made where they do not.
    """
    order = _order(value.shape, axes)
    shape = tuple(value.shape[a] for a in order)
    turned = value.viewed(shape, tuple(value.strides[a] for a in order))
    outer = merged_axes(shape[: -len(axes)], turned.strides[: -len(axes)]) if axes else []
    inner = merged_axes(shape[-len(axes) :], turned.strides[-len(axes) :]) if axes else []
    size = value.dtype.itemsize
    if not axes or len(outer) > 1 or len(inner) > 1 or any(step != size for _, step in inner):
        turned = builder.contiguous(turned)
        n = math.prod(value.shape[a] for a in axes)
        return value.size // n, n, n * size, turned
    (rows, step), (n, _) = [(1, 0), *outer][-1], [(1, size), *inner][-1]
    return rows, n, step, turned


def _order(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """The axes with those of the rows behind the others."""
    return (*(a for a in range(len(shape)) if a not in axes), *sorted(axes))


def _straight(builder: Builder, out: Value, axes: tuple[int, ...], shape: tuple[int, ...]) -> Value:
    """Where rows over axes are written: to ``out``, or to what ``_turn_back`` copies there."""
    order = _order(out.shape, axes)
    return out if order == tuple(sorted(order)) else builder.temporary(shape, out.dtype)


def _turn_back(builder: Builder, out: Value, made: Value, axes: tuple[int, ...]) -> None:
    if made is not out:
        order = _order(out.shape, axes)
        shape = tuple(out.shape[a] for a in order)
        turned = out.viewed(shape, tuple(out.strides[a] for a in order))
        move(builder, turned, made.reshaped(shape), whole=out)


def _fold(
    builder: Builder,
    name: str,
    out: Value,
    value: Value,
    axes: tuple[int, ...],
    more: Value | None = None,
    step_of_more: int = 0,
) -> None:
    """Emit a kernel that makes one number of each row."""
    rows, n, step, source = rows_over(builder, value, axes)
    steps = (rows, n, out.dtype.itemsize, step)
    _emit(builder, name, out, source, steps, more, step_of_more)


def _emit(
    builder: Builder,
    name: str,
    out: Value,
    source: Value,
    sizes: tuple[int, int, int, int],
    more: Value | None = None,
    step_of_more: int = 0,
) -> None:
    codes = [source.dtype.str[1:]]
    if more is not None and more.dtype != source.dtype:
        codes.append(more.dtype.str[1:])
    builder.emit(
        ":".join([f"softmax.{name}", *codes]),
        [out, source, *sizes, 0 if more is None else more, step_of_more],
        writes=[out],
        reads=[source] if more is None else [source, more],
        operations=_COST * source.size,
        note=name,
    )


def _computed(value: Value) -> bool:
    return value.dtype.kind == "f" and value.dtype.itemsize in (4, 8)


# --- slices of the batch ----------------------------------------------------------------------
@slices(Softmax, LogSoftmax)
def slice_normalised(
    op: Softmax | LogSoftmax, out: tuple[int, ...], shapes: Shapes, axes: Axes
) -> int | None:
    """Another axis than those normalised over."""
    return None if axes[0] in op.axis else axes[0]


@slices(Sparsemax)
def slice_sparsemax(op: Sparsemax, out: tuple[int, ...], shapes: Shapes, axes: Axes) -> int | None:
    """Another axis than the op's."""
    return None if axes[0] == op.axis else axes[0]


@slices(SoftmaxCrossEntropy)
def slice_cross_entropy(
    op: SoftmaxCrossEntropy, out: tuple[int, ...], shapes: Shapes, axes: Axes
) -> int | None:
    """Another axis than the classes, in both inputs the same."""
    axis = axes[0]
    if axis is None or axis == op.axis or axes[1] != axis:
        return None
    return axis - (axis > op.axis)


@slices(SparseSoftmaxCrossEntropy)
def slice_sparse(
    op: SparseSoftmaxCrossEntropy, out: tuple[int, ...], shapes: Shapes, axes: Axes
) -> int | None:
    """Another axis than the classes, in both inputs the same."""
    axis = axes[0]
    if axis is None or axis == op.axis or axes[1] != axis - (axis > op.axis):
        return None
    return axes[1]


@slices(OneHot)
def slice_one_hot(op: OneHot, out: tuple[int, ...], shapes: Shapes, axes: Axes) -> int | None:
    """The same axis, beside the new one."""
    return None if axes[0] is None else axes[0] + (axes[0] >= op.axis)
