"""Functions that take entries from arrays and put them there."""

from __future__ import annotations

from typing import Any

import numpy as np

from interpreter.functions import Array, function


def whole(y: Array) -> Array:
    """Return numbers of entries as integers."""
    return np.asarray(y).astype(np.int64)


def numbers(y: Array) -> Array:
    """Return numbers of rows: of a row or a column, its entries one by one."""
    return whole(y).ravel() if y.ndim < 3 and y.size == max(y.shape, default=1) else whole(y)


def along(axis: Any, *values: Any) -> list[tuple[Any, ...]]:
    """Return (axis, value, …) for each axis; one value stands for all axes."""
    axes = axis if isinstance(axis, tuple) else (axis,)
    spread = [v if isinstance(v, tuple) else (v,) * len(axes) for v in values]
    return list(zip(axes, *spread, strict=True))


@function("stack")
def stack(A: Array) -> Array:
    return A.reshape(-1, A.shape[-1])


@function("repeat")
def repeat(A: Array, axis: Any, times: int) -> Array:
    for a in axis if isinstance(axis, tuple) else (axis,):
        A = np.take(A, [i for i in range(A.shape[a]) for _ in range(times)], axis=a)
    return A


@function("blocksum")
def blocksum(A: Array, axis: Any, size: int) -> Array:
    for a in axis if isinstance(axis, tuple) else (axis,):
        starts = range(0, A.shape[a], size)
        blocks = [np.take(A, range(i, i + size), axis=a).sum(axis=a) for i in starts]
        A = np.stack(blocks, axis=a)
    return A


@function("rows")
def rows(E: Array, y: Array) -> Array:
    return np.array([E[i] for i in numbers(y).flat]).reshape(*numbers(y).shape, *E.shape[1:])


@function("scatter")
def scatter(G: Array, y: Array, sizes: tuple[int, ...]) -> Array:
    table = np.zeros(sizes)
    for i, row in zip(numbers(y).flat, G.reshape(-1, *sizes[1:]), strict=True):
        table[i] += row
    return table


@function("concat", along_axis=True)
def concat(*arrays: Array, axis: int) -> Array:
    return np.concatenate(arrays, axis=axis)


@function("slice", along_axis=True)
def sliced(A: Array, axis: Any, start: Any = 0, stop: Any = None, step: Any = 1) -> Array:
    for a, first, last, by in along(axis, start, stop, step):
        size = A.shape[a]
        last = size if last is None else last
        A = np.take(A, [i for i in range(first, last, by) if 0 <= i < size], axis=a)
    return A


@function("place", along_axis=True)
def placed(A: Array, axis: Any, start: Any = 0, size: Any = 1, step: Any = 1) -> Array:
    for a, first, length, by in along(axis, start, size, step):
        shape = list(A.shape)
        shape[a] = length
        wide = np.zeros(shape)
        moved, source = np.moveaxis(wide, a, 0), np.moveaxis(A, a, 0)
        for number, entry in enumerate(source):
            moved[first + number * by] = entry
        A = wide
    return A


@function("pad", along_axis=True)
def padded(A: Array, axis: Any, before: Any = 0, after: Any = 0, value: float = 0.0) -> Array:
    for a, ahead, behind in along(axis, before, after):

        def edge(count: int, a: int = a, A: Array = A) -> Array:
            shape = list(A.shape)
            shape[a] = count
            return np.full(shape, value)

        A = np.concatenate([edge(ahead), A, edge(behind)], axis=a)
    return A


@function("takealong", along_axis=True)
def takealong(A: Array, index: Array, axis: int) -> Array:
    result = np.zeros(index.shape)
    for place in np.ndindex(*index.shape):
        source = list(place)
        source[axis] = int(index[place])
        result[place] = A[tuple(source)]
    return result


@function("addalong", along_axis=True)
def addalong(G: Array, index: Array, axis: int, size: int) -> Array:
    shape = list(G.shape)
    shape[axis] = size
    result = np.zeros(shape)
    for place in np.ndindex(*index.shape):
        target = list(place)
        target[axis] = int(index[place])
        result[tuple(target)] += G[place]
    return result
