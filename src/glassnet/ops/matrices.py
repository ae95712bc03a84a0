"""Axes moved, and tensors that follow a pattern: ranges, identity, triangles, diagonals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.formulas import Term, call, matrix_shape
from glassnet.formulas.entries import RANGE
from glassnet.graph import dtypes
from glassnet.graph.dimension import Dim, Shape, Size, display
from glassnet.graph.op import Op, Sample
from glassnet.graph.recording import as_tensor, record
from glassnet.graph.tensor import Constant, Tensor, implements
from glassnet.ops.comparison import where
from glassnet.ops.elementwise import cast
from glassnet.ops.indexing import AddAt, pick
from glassnet.ops.operands import float_operands, normalize_axis
from glassnet.ops.reduction import sum
from glassnet.ops.rounding import floor
from glassnet.ops.shaping import broadcast_to, full, reshape, transpose


@dataclass(frozen=True)
class Range(Op):
    """0, 1, … up to a size that only a run tells."""

    name = "range"
    differentiable = False
    size: Size = 1
    dtype: str = "int64"

    def infer(self) -> tuple[Shape, np.dtype]:
        return (self.size,), np.dtype(self.dtype)

    def formula(self, node: Tensor) -> Term:
        shape = matrix_shape(node.shape)
        return call(RANGE, shape=shape, sizes=shape)

    def value(self, xp: Any) -> Any:
        return xp.arange(self.size, dtype=self.dtype)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls(3))
        yield Sample(cls(4, "float64"))


def counting(size: Size) -> Tensor:
    """Return 0, 1, … , ``size`` - 1, whether the size is known or named."""
    return Constant(np.arange(size)) if isinstance(size, int) else record(Range(size))


def on_or_below(rows: Size, columns: Size, k: int = 0) -> Tensor:
    """Return where an entry of a matrix lies on or below its ``k``-th diagonal."""
    return reshape(counting(rows) + k, (-1, 1)) >= counting(columns)


# --- axes -------------------------------------------------------------------------------------
@implements(np.moveaxis)
def moveaxis(x: Any, source: int | Iterable[int], destination: int | Iterable[int]) -> Tensor:
    """Return ``x`` with the axes ``source`` at the places ``destination``, the others in order."""
    x = as_tensor(x)
    sources = [normalize_axis(a, x.ndim, "source") for a in _listed(source)]
    places = [normalize_axis(a, x.ndim, "destination") for a in _listed(destination)]
    if len(sources) != len(places) or len(set(sources)) != len(sources):
        raise ValueError(f"moveaxis: source {source} and destination {destination} don't match.")
    order = [a for a in range(x.ndim) if a not in sources]
    for place, axis in sorted(zip(places, sources, strict=True)):
        order.insert(place, axis)
    return transpose(x, order)


def _listed(axis: int | Iterable[int]) -> list[int]:
    return [int(axis)] if isinstance(axis, (int, np.integer)) else [int(a) for a in axis]


@implements(np.swapaxes)
def swapaxes(x: Any, axis1: int, axis2: int) -> Tensor:
    """Return ``x`` with two axes exchanged."""
    x = as_tensor(x)
    first, second = normalize_axis(axis1, x.ndim), normalize_axis(axis2, x.ndim)
    order = list(range(x.ndim))
    order[first], order[second] = second, first
    return transpose(x, order)


@implements(np.ravel)
def ravel(x: Any) -> Tensor:
    """Return the entries of ``x`` as one row."""
    return reshape(x, (-1,))


@implements(np.atleast_1d)
def atleast_1d(x: Any) -> Tensor:
    """Return ``x`` with at least one axis."""
    x = as_tensor(x)
    return reshape(x, (1,)) if x.ndim == 0 else x


# --- patterns ---------------------------------------------------------------------------------
def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """Return ones on the ``k``-th diagonal of an N × M matrix of zeros.

    >>> from glassnet import ops
    >>> ops.eye(2).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return Constant(np.eye(N, M, k, dtype=_float_or(dtype)))


def identity(n: int, dtype: Any = None) -> Tensor:
    """Return the identity matrix with ``n`` rows."""
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """Return ones on and below the ``k``-th diagonal of an N × M matrix of zeros."""
    return Constant(np.tri(N, M, k, dtype=_float_or(dtype)))


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Tensor:
    """Return the numbers from ``start`` up to, and without, ``stop``, ``step`` apart.

    With one argument they run from 0. Integers give integers, floats the default float type.

    >>> from glassnet import ops
    >>> ops.arange(3).tolist()
    [0, 1, 2]
    """
    first, last = (0, start) if stop is None else (start, stop)
    if isinstance(last, Dim) and (first, step) == (0, 1):
        return cast(counting(last), np.int64 if dtype is None else dtype)
    for bound in (first, last, step):
        if isinstance(bound, Dim):
            raise ValueError(
                f"arange: the size {bound} is known only when the network runs; of those only "
                "arange(size) can be recorded. Shift and scale that."
            )
    values = np.arange(first, last, step)
    if dtype is None and values.dtype.kind == "f":
        dtype = dtypes.default_float()
    return as_tensor(values, dtype)


@implements(np.linspace)
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Return ``num`` numbers evenly from ``start`` to ``stop``, along a new ``axis``.

    >>> from glassnet import ops
    >>> ops.linspace(0, 1, 3).tolist()
    [0.0, 0.5, 1.0]
    """
    if num < 0:
        raise ValueError(f"linspace: num is at least 0; got {num}.")
    first, last = float_operands(start, stop)
    steps = num - 1 if endpoint else num
    weights = np.arange(num) / max(steps, 1)
    rank = max(first.ndim, last.ndim)
    t = as_tensor(weights.reshape(-1, *[1] * rank), first.dtype)
    # As a weighted mean, so that both ends are met exactly.
    values = moveaxis(first * (1 - t) + last * t, 0, axis)
    if dtype is not None:  # NumPy's rule: integers are the next below
        values = cast(values if dtypes.is_float(dtypes.standard(dtype)) else floor(values), dtype)
    return (values, (last - first) / max(steps, 1)) if retstep else values


@implements(np.full_like)
def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """Return a tensor of the shape and dtype of ``x``, filled with one value."""
    x = as_tensor(x)
    return full(x.shape, cast(fill_value, x.dtype if dtype is None else dtype))


@implements(np.meshgrid)
def meshgrid(*x: Any, indexing: str = "xy") -> list[Tensor]:
    """Return the coordinates of a grid: each of the rows ``x`` spread over all the others.

    With ``"xy"`` the first two axes are exchanged, as in a plot; with ``"ij"`` they are not.
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij'; got {indexing!r}.")
    rows = [reshape(row, (-1,)) for row in x]
    shape = tuple(row.shape[0] for row in rows)
    grid = [
        broadcast_to(reshape(row, tuple(-1 if i == k else 1 for i in range(len(rows)))), shape)
        for k, row in enumerate(rows)
    ]
    return [swapaxes(g, 0, 1) for g in grid] if indexing == "xy" and len(rows) > 1 else grid


def _float_or(dtype: Any) -> np.dtype:
    return dtypes.default_float() if dtype is None else dtypes.standard(dtype)


# --- triangles and diagonals ------------------------------------------------------------------
@implements(np.tril)
def tril(x: Any, k: int = 0) -> Tensor:
    """Return the last two axes of ``x`` with zeros above the ``k``-th diagonal."""
    x = as_tensor(x)
    return where(on_or_below(*_matrix_sizes("tril", x), k), x, 0)


@implements(np.triu)
def triu(x: Any, k: int = 0) -> Tensor:
    """Return the last two axes of ``x`` with zeros below the ``k``-th diagonal."""
    x = as_tensor(x)
    return where(on_or_below(*_matrix_sizes("triu", x), k - 1), 0, x)


@implements(np.diagonal)
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Return the ``offset``-th diagonal over two axes, as the last axis of the result."""
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    rows, columns = _matrix_sizes("diagonal", x)
    if isinstance(rows, Dim) or isinstance(columns, Dim):
        raise ValueError(f"diagonal: expected a matrix of known size; got {x!r}.")
    i, j = _diagonal_indices(rows, columns, offset)
    return pick(x, (x.ndim - 2, x.ndim - 1), (as_tensor(i), as_tensor(j)))


@implements(np.diag)
def diag(x: Any, k: int = 0) -> Tensor:
    """Return the ``k``-th diagonal of a matrix, or the matrix that has a vector there.

    >>> from glassnet import ops
    >>> ops.diag([1, 2]).tolist(), ops.diag([[1, 2], [3, 4]]).tolist()
    ([[1, 0], [0, 2]], [1, 4])
    """
    x = as_tensor(x)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1 or isinstance(x.shape[0], Dim):
        raise ValueError(f"diag: expected a vector or matrix of known size; got {x!r}.")
    n = x.shape[0] + abs(k)
    i, j = _diagonal_indices(n, n, k)
    return record(AddAt((n, n), (0, 1)), x, as_tensor(i), as_tensor(j))


@implements(np.trace)
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Return the sum of the ``offset``-th diagonal."""
    return sum(diagonal(x, offset, axis1, axis2), -1)


def _diagonal_indices(rows: int, columns: int, offset: int) -> tuple[np.ndarray, np.ndarray]:
    i = np.arange(max(0, -offset), rows)
    i = i[i + offset < columns]
    return i, i + offset


def _matrix_sizes(what: str, x: Tensor) -> tuple[Size, Size]:
    if x.ndim < 2:
        raise ValueError(f"{what}: expected at least two axes; got {display(x.shape)}.")
    return x.shape[-2], x.shape[-1]
