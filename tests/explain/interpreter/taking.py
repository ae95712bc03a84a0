"""Functions that take entries from arrays and put them there."""

from __future__ import annotations

import math
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


def places(shape: tuple[int, ...], axis: Any, index: tuple[Array, ...]) -> list[Any]:
    """Return, for each place of the result, the place among the entries of an array.

    The numbers, broadcast together, stand where the first of their axes was; the other axes stay.
    Where axes stay, a row or a column of numbers has one axis.
    """
    axes = [a for a, *_ in along(axis)]
    numbered = [whole(i) for i in index]
    if len(axes) < len(shape) and numbered[0].size == max(numbered[0].shape, default=1):
        numbered = [i.ravel() if i.ndim < 3 else i for i in numbered]
    numbered = list(np.broadcast_arrays(*numbered))
    size = numbered[0].shape
    before = [n for a, n in enumerate(shape) if a < axes[0]]
    behind = [n for a, n in enumerate(shape) if a > axes[0] and a not in axes]
    found = []
    for place in np.ndindex(*before, *size, *behind):
        inner = place[len(before) : len(before) + len(size)]
        rest = iter([*place[: len(before)], *place[len(before) + len(size) :]])
        numbers_here = {a: i[inner] for a, i in zip(axes, numbered, strict=True)}
        found.append(
            (place, tuple(int(numbers_here[a]) if a in axes else next(rest)
                          for a in range(len(shape))))
        )  # fmt: skip
    return found


@function("entries")
def entries_at(A: Array, *index: Array, axis: Any = None) -> Array:
    if axis is None:  # of a row or a column
        return A.ravel()[whole(index[0])]
    found = places(A.shape, axis, index)
    result = np.zeros([n + 1 for n in found[-1][0]])
    for place, source in found:
        result[place] = A[source]
    return result


@function("addentries")
def addentries(G: Array, *index: Array, sizes: tuple[int, ...], axis: Any = None) -> Array:
    result = np.zeros(sizes)
    if axis is None:
        for i, g in zip(whole(index[0]).flat, G.flat, strict=True):
            result.reshape(-1)[i] += g
        return result
    for place, target in places(sizes, axis, index):
        result[target] += G[place]
    return result


# --- order ------------------------------------------------------------------------------------
@function("argsort", along_axis=True)
def argsort(A: Array, axis: int) -> Array:
    def order(row: Array) -> list[int]:
        return sorted(range(len(row)), key=lambda i: (row[i], i))

    return np.apply_along_axis(order, axis, A)


@function("topk")
def topk(A: Array, k: int) -> Array:
    return np.apply_along_axis(
        lambda row: sorted(range(len(row)), key=lambda i: (-row[i], i))[:k], -1, A
    )


@function("range")
def counted(sizes: tuple[int, ...]) -> Array:
    return np.arange(math.prod(sizes)).reshape(sizes)


@function("einsum")
def einsum(*arrays: Array, before: str, after: str) -> Array:
    """The sum over all values of all letters of the products of the entries they name."""
    lists = before.split(",")
    sizes = {c: n for names, a in zip(lists, arrays, strict=True)
             for c, n in zip(names, a.shape, strict=True)}  # fmt: skip
    letters = "".join(sizes)
    result = np.zeros([sizes[c] for c in after])
    for values in np.ndindex(*sizes.values()):
        value = dict(zip(letters, values, strict=True))
        term = 1.0
        for names, array in zip(lists, arrays, strict=True):
            term *= array[tuple(value[c] for c in names)]
        result[tuple(value[c] for c in after)] += term
    return result
