"""How arguments become inputs of an op: conversion, common dtype, broadcasting and its reverse."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from glassnet.graph import dtypes
from glassnet.graph.dimension import Shape, Size, display
from glassnet.graph.recording import as_tensor
from glassnet.graph.tensor import Constant, Tensor


def operands(*values: Any) -> tuple[Tensor, ...]:
    """Return the values as tensors of one dtype, as an elementwise op takes them.

    Python numbers take the dtype of what they meet, and so does the precision of plain arrays
    that meet a tensor: ``x * np.array([0.1, 0.2])`` does not turn a float32 network into float64.
    """
    target = _common_dtype(values)
    return tuple(
        _cast(v, target) if isinstance(v, Tensor) else as_tensor(v, target) for v in values
    )


def _common_dtype(values: Sequence[Any]) -> np.dtype:
    tensors = [v.dtype for v in values if isinstance(v, Tensor)]
    if any(map(dtypes.is_float, tensors)):
        return dtypes.promote(tensors)
    others = [v for v in values if not isinstance(v, Tensor)]
    arrays = [as_tensor(v).dtype for v in others if _has_dtype(v)]
    kinds = {as_tensor(v).dtype.kind for v in others if not _has_dtype(v)}
    decided = tensors + arrays
    if "f" in kinds and not any(map(dtypes.is_float, decided)):
        decided.append(dtypes.default_float())
    elif kinds & {"i", "u"} and not any(d.kind in "iuf" for d in decided):
        decided.append(np.dtype(np.int64))
    found = dtypes.promote(decided or [np.dtype(np.bool_)])
    if found.kind in "iu" and not all(_holds(found, v) for v in others if not _has_dtype(v)):
        return dtypes.promote([found, np.dtype(np.int64)])  # bytes == -1, bytes + 300
    return found


def _holds(dtype: np.dtype, value: Any) -> bool:
    """Whether an integer dtype holds these whole numbers."""
    array, limits = np.asarray(value), np.iinfo(dtype)
    return not array.size or bool(array.min() >= limits.min and array.max() <= limits.max)


def _has_dtype(value: Any) -> bool:
    """Whether it is an array; NumPy's scalars count as the Python numbers they stand for."""
    return isinstance(value, np.ndarray) or (hasattr(value, "__array__") and np.ndim(value) > 0)


def number_operands(*values: Any) -> tuple[Tensor, ...]:
    """Return the values as tensors of one dtype, with truth values as the integers 0 and 1."""
    tensors = operands(*values)
    if tensors[0].dtype != np.bool_:
        return tensors
    return tuple(_cast(t, np.dtype(np.int64)) for t in tensors)


def float_operands(*values: Any) -> tuple[Tensor, ...]:
    """Return the values as tensors of one float dtype; integers get the default float type."""
    tensors = operands(*values)
    if dtypes.is_float(tensors[0].dtype):
        return tensors
    return tuple(_cast(t, dtypes.default_float()) for t in tensors)


def _cast(tensor: Tensor, dtype: np.dtype) -> Tensor:
    return tensor if tensor.dtype == dtype else tensor.astype(dtype)


def broadcast_shapes(*shapes: Shape, what: str = "these shapes") -> Shape:
    """Return the shape that NumPy's broadcasting gives; a named size meets itself or 1.

    Raises:
        ValueError: naming the shapes and the sizes that do not fit.
    """
    rank = max((len(s) for s in shapes), default=0)
    result: list[Size] = []
    for axis in range(-rank, 0):
        sizes = {s[axis] for s in shapes if len(s) >= -axis} - {1}
        if len(sizes) > 1:
            raise ValueError(
                f"{what} do not fit together: {' and '.join(map(display, shapes))} have sizes "
                f"{' and '.join(sorted(map(str, sizes)))} on axis {axis}, and sizes must be equal "
                "or 1. Reshape or transpose one of them."
            )
        result.append(sizes.pop() if sizes else 1)
    return tuple(result)


def unbroadcast(g: Tensor, shape: Shape) -> Tensor:
    """Return ``g`` summed to ``shape``: the derivative of broadcasting from ``shape``.

    An entry that was copied to many places receives the sum of what they received.
    """
    if g.shape == shape:
        return g
    lead = len(g.shape) - len(shape)
    stretched = [lead + i for i, size in enumerate(shape) if size != g.shape[lead + i]]
    if stretched:
        g = g.sum(axis=tuple(stretched), keepdims=True)
    if lead:
        g = g.sum(axis=tuple(range(lead)))
    return g


def normalize_axis(axis: int, rank: int, what: str = "axis") -> int:
    """Return ``axis`` counted from the front.

    Raises:
        ValueError: where there is no such axis.
    """
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        raise TypeError(f"{what}: expected an integer; got {axis!r}.")
    if not -rank <= axis < rank:
        raise ValueError(
            f"{what}={axis} does not exist: there are {rank} axes, {-rank} to {rank - 1}."
        )
    return int(axis) % rank


def normalize_axes(axis: int | Iterable[int] | None, rank: int) -> tuple[int, ...]:
    """Return the axes counted from the front, sorted; all of them for None."""
    if axis is None:
        return tuple(range(rank))
    given: Sequence[Any] = list(axis) if isinstance(axis, Iterable) else [axis]
    axes = [normalize_axis(a, rank) for a in given]
    if len(set(axes)) != len(axes):
        raise ValueError(f"axis={axis!r} names an axis twice.")
    return tuple(sorted(axes))


def is_scalar(tensor: Tensor, value: float) -> bool:
    """Tell whether ``tensor`` is the constant number ``value``."""
    return isinstance(tensor, Constant) and tensor.shape == () and tensor.value == value
