"""Kernels about order: the place of the largest entry, sorting, the k best."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from glassnet.engines.native.kernels.folding import MAXIMUM, MINIMUM, Fold, fold_line
from glassnet.engines.native.kernels.primitives import stack, view, words

ARGUMENTS = 1

_BLOCK = 64


@njit(inline="always")
def _after(a: Any, b: Any) -> Any:
    """Whether a is larger, NaN being the largest."""
    return a > b or (a != a and b == b)


@njit(inline="always")
def _before(a: Any, b: Any) -> Any:
    """Whether a is smaller, NaN being the smallest."""
    return a < b or (a != a and b == b)


def argmax(T: np.dtype) -> Any:
    """The place of the largest entry, the first one of several. Words: see ``_place``."""
    return _place(_after, MAXIMUM, T)


def argmin(T: np.dtype) -> Any:
    """The place of the smallest entry, the first one of several. Words: see ``_place``."""
    return _place(_before, MINIMUM, T)


def _place(better: Any, fold: Fold, T: np.dtype) -> Any:
    """``[out, in, outer, rows, inner, outer stride, row stride, inner stride]``: over the rows.

    A NaN is better than any number, as in NumPy. out is row-major (outer, inner). Where the entries
    lie side by side, those of a block are looked at only if the best of them is better.
    """
    size, best_of, room = T.itemsize, fold_line(fold, T, T), stack(T.itemsize)
    first = _finding(T)

    def kernel(p: int) -> None:
        q = words(p)
        outer, rows, inner, by_row = q[2], q[3], q[4], q[6]
        slot = room()
        to, found = view(q[0], outer * inner, np.int64), view(slot, 1, T)
        along = by_row == size and rows > _BLOCK
        for o in range(outer):
            for i in range(inner):
                place = q[1] + o * q[5] + i * q[7]
                best, at = view(place, 1, T)[0], 0
                if not along:
                    for r in range(1, rows):
                        entry = view(place + r * by_row, 1, T)[0]
                        if better(entry, best):
                            best, at = entry, r
                    to[o * inner + i] = at
                    continue
                for start in range(0, rows, _BLOCK):
                    end = start + _BLOCK if start + _BLOCK < rows else rows
                    best_of(slot, place + start * size, end - start, size, 0)
                    if better(found[0], best):
                        best, at = found[0], start
                to[o * inner + i] = at + first(best, place + at * size, rows - at)

    return kernel


def _finding(T: np.dtype) -> Any:
    size = T.itemsize

    @njit
    def first(best: Any, place: int, n: int) -> int:
        """The place of the first entry that is ``best``, which may be NaN."""
        for r in range(n):
            entry = view(place + r * size, 1, T)[0]
            if entry == best or entry != entry:
                return r
        return 0

    return first


# --- sorting ----------------------------------------------------------------------------------
def argsort(T: np.dtype) -> Any:
    """The places in ascending order, NaN last. Words: see ``_sorted``."""
    return _sorted(lambda a, b: a < b or (a == a and b != b), T)


def top_k(T: np.dtype) -> Any:
    """The places in descending order, NaN first. Words: see ``_sorted``."""
    return _sorted(lambda a, b: a > b or (a != a and b == b), T)


def _sorted(first: Any, T: np.dtype) -> Any:
    """``[out, in, outer, rows, inner, outer stride, row stride, inner stride, scratch, k]``.

    The first k of the places of the rows in order; equal entries keep theirs. out is row-major
    (outer, k, inner), scratch holds 24 bytes for each row.
    """
    sort = _sorting(first, T)

    def kernel(p: int) -> None:
        q = words(p)
        outer, rows, inner, k = q[2], q[3], q[4], q[9]
        to, entries = view(q[0], outer * k * inner, np.int64), view(q[8], rows, T)
        for o in range(outer):
            for i in range(inner):
                place = q[1] + o * q[5] + i * q[7]
                for r in range(rows):
                    entries[r] = view(place + r * q[6], 1, T)[0]
                places = view(sort(entries, q[8] + 8 * rows, rows), rows, np.int64)
                for r in range(k):
                    to[(o * k + r) * inner + i] = places[r]

    return kernel


def _sorting(first: Any, T: np.dtype) -> Any:
    """``sort(entries, room, n)``: where the sorted places of the entries lie.

    By merging runs, of which all are sorted and each twice as long as before; the places go to and
    fro between two halves of the room. Source: D. Knuth, "The Art of Computer Programming", volume
    3, Addison-Wesley 1998, 5.2.4.
    """
    comes_first = njit(inline="always")(first)

    @njit
    def sort(entries: Any, room: int, n: int) -> int:
        here, there = room, room + 8 * n
        places = view(here, n, np.int64)
        for j in range(n):
            places[j] = j
        run = 1
        while run < n:
            source, target = view(here, n, np.int64), view(there, n, np.int64)
            for start in range(0, n, 2 * run):
                middle = start + run if start + run < n else n
                end = start + 2 * run if start + 2 * run < n else n
                a, b = start, middle
                for j in range(start, end):
                    if b < end and (
                        a >= middle or comes_first(entries[source[b]], entries[source[a]])
                    ):
                        target[j] = source[b]
                        b += 1
                    else:
                        target[j] = source[a]
                        a += 1
            here, there = there, here
            run *= 2
        return here

    return sort


def sparsemax(T: np.dtype) -> Any:
    """``[out, in, rows, n, step, scratch]``: the nearest probabilities for each row.

    Without the largest entry, x is sorted; k of the sorted entries stay above τ, where k is how
    often 1 + k xₖ > x₁ + … + xₖ. out is row-major, scratch holds 24 bytes for each entry of a row.
    Source: ``glassnet.ops.activation``.
    """
    sort = _sorting(lambda a, b: a > b or (a != a and b == b), T)
    size, number, zero, nan = T.itemsize, T.type, T.type(0), T.type(np.nan)

    def kernel(p: int) -> None:
        q = words(p)
        n, out, source = q[3], q[0], q[1]
        for _ in range(q[2]):
            row, to = view(source, n, T), view(out, n, T)
            places = view(sort(row, q[5], n), n, np.int64)
            top = row[places[0]]
            excess = number(-1)
            k = 0
            for j in range(n):
                excess += row[places[j]] - top
                k += number(j + 1) * (row[places[j]] - top) > excess
            excess = number(-1)
            for j in range(k):
                excess += row[places[j]] - top
            tau = excess / number(k) if k else nan
            for j in range(n):
                above = row[j] - top - tau
                to[j] = zero if above < zero else above
            out, source = out + n * size, source + q[4]

    return kernel
