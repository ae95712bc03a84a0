"""Kernels that pick entries by their numbers, and put them back.

Where an index is out of range they set a flag; the address of the flag is 0 where nobody looks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from glassnet.engines.native.kernels.primitives import view, words

ARGUMENTS = 1


@njit
def _counted(index: int, size: int) -> int:
    """Return an index counted from the start; -1 where it is out of range."""
    index += size if index < 0 else 0
    return index if 0 <= index < size else -1


@njit
def _note(flag: int) -> None:
    if flag:
        words(flag)[0] = 1


def _row(L: np.dtype) -> Any:
    """``row(words, table, o, c)``: the address of a row of a table; 0 where there is no such row.

    The words are those of ``pick``: the row of the c-th indices, in the o-th of the leading parts.
    """

    @njit
    def row(p: int, table: int, o: int, c: int) -> int:
        q = words(p)
        place = table + o * q[5]
        for a in range(8, 8 + 3 * q[7], 3):
            index = _counted(np.int64(view(q[a], q[3], L)[c]), q[a + 1])
            if index < 0:
                _note(q[6])
                return 0
            place += index * q[a + 2]
        return place

    return row


def one_hot(L: np.dtype, D: np.dtype) -> Any:
    """``[out, labels, outer, classes, inner]``: 1 at the class, 0 elsewhere; out row-major."""
    zero, one = D.type(0), D.type(1)

    def kernel(p: int) -> None:
        q = words(p)
        outer, classes, inner = q[2], q[3], q[4]
        to, labels = view(q[0], outer * classes * inner, D), view(q[1], outer * inner, L)
        for j in range(outer * classes * inner):
            to[j] = zero
        for o in range(outer):
            for i in range(inner):
                label = np.int64(labels[o * inner + i])
                if 0 <= label < classes:
                    to[(o * classes + label) * inner + i] = one

    return kernel


def pick(T: np.dtype, L: np.dtype) -> Any:
    """``[out, in, lead, count, tail, lead stride, → flag, k, (indices, size, stride) × k]``.

    The input is (lead, picked axes, tail) with ``tail`` entries side by side; for each of k picked
    axes there are ``count`` indices, the axis's size and its stride. out is row-major
    (lead, count, tail). Negative indices count from the end; one out of range gives NaN.
    """
    size, nan, row = T.itemsize, T.type(np.nan), _row(L)

    def kernel(p: int) -> None:
        q = words(p)
        count, tail, out = q[3], q[4], q[0]
        for o in range(q[2]):
            for c in range(count):
                place = row(p, q[1], o, c)
                to = view(out, tail, T)
                if place:
                    source = view(place, tail, T)
                    for j in range(tail):
                        to[j] = source[j]
                else:
                    for j in range(tail):
                        to[j] = nan
                out += tail * size

    return kernel


def add_at(T: np.dtype, L: np.dtype) -> Any:
    """``[out, in, lead, count, tail, lead stride, → flag, k, (indices, size, stride) × k]``.

    Adds the rows of the input, row-major (lead, count, tail), to the rows of out that the indices
    name, one after another; ``pick`` reversed. Rows with an index out of range are left out.
    """
    size, row = T.itemsize, _row(L)

    def kernel(p: int) -> None:
        q = words(p)
        count, tail, place = q[3], q[4], q[1]
        for o in range(q[2]):
            for c in range(count):
                to = row(p, q[0], o, c)
                if to:
                    total, source = view(to, tail, T), view(place, tail, T)
                    for j in range(tail):
                        total[j] += source[j]
                place += tail * size

    return kernel


def pick_along(T: np.dtype, L: np.dtype) -> Any:
    """``[out, in, indices, outer, count, inner, size, → flag]``

    out[o, c, i] = in[o, indices[o, c, i], i]. All are row-major; out and the indices are (outer,
    count, inner), the input has ``size`` in the middle. Negative indices count from the end; one
    out of range gives NaN.
    """
    nan = T.type(np.nan)

    def kernel(p: int) -> None:
        q = words(p)
        outer, count, inner, limit = q[3], q[4], q[5], q[6]
        total = outer * count * inner
        to, indices = view(q[0], total, T), view(q[2], total, L)
        source = view(q[1], outer * limit * inner, T)
        at = 0
        for o in range(outer):
            for _ in range(count):
                for i in range(inner):
                    index = _counted(np.int64(indices[at]), limit)
                    if index >= 0:
                        to[at] = source[(o * limit + index) * inner + i]
                    else:
                        to[at] = nan
                        _note(q[7])
                    at += 1

    return kernel


def add_along(T: np.dtype, L: np.dtype) -> Any:
    """``[out, in, indices, outer, count, inner, size, → flag]``

    out[o, indices[o, c, i], i] += in[o, c, i]. All are row-major; the input and the indices are
    (outer, count, inner), out has ``size`` in the middle; ``pick_along`` reversed. Entries with an
    index out of range are left out.
    """

    def kernel(p: int) -> None:
        q = words(p)
        outer, count, inner, limit = q[3], q[4], q[5], q[6]
        total = outer * count * inner
        source, indices = view(q[1], total, T), view(q[2], total, L)
        to = view(q[0], outer * limit * inner, T)
        at = 0
        for o in range(outer):
            for _ in range(count):
                for i in range(inner):
                    index = _counted(np.int64(indices[at]), limit)
                    if index >= 0:
                        to[(o * limit + index) * inner + i] += source[at]
                    else:
                        _note(q[7])
                    at += 1

    return kernel


def check(L: np.dtype) -> Any:
    """``[out, in, n, limit, → flag]``: the numbers as they are; each must lie in 0 … limit - 1."""

    def kernel(p: int) -> None:
        q = words(p)
        n, limit = q[2], q[3]
        to, numbers = view(q[0], n, L), view(q[1], n, L)
        for i in range(n):
            number = numbers[i]
            to[i] = number
            if not 0 <= np.int64(number) < limit:
                _note(q[4])

    return kernel
