"""Kernels that bring an axis together: sums, products, extremes.

An instruction sees three axes, ``outer``, ``rows`` and ``inner``, and combines over ``rows``. The
work is arranged so that entries that lie side by side are combined with entries that lie side by
side: whole rows into a strip of accumulators. Where rows are short, several rows make a wide one
first. The order of a sum depends on the sizes and strides alone.

Long sums are cut in blocks whose sums are added, so that rounding grows slowly: N. Higham, "The
accuracy of floating point summation", SIAM Journal on Scientific Computing 14 (1993).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from glassnet.engines.native.kernels.primitives import stack, view, words

ARGUMENTS = 1

_WIDE = 64
"""Rows of fewer entries are joined to wide ones."""
_STRIP = 512
"""The accumulators that are kept at a time."""
_BLOCK = 512
"""The rows whose sum is made in one go."""
_SMALL = 64
"""Up to so many entries a plain loop is the fastest."""


@njit(inline="always")
def _plus(a: Any, b: Any) -> Any:
    return a + b


@njit(inline="always")
def _times(a: Any, b: Any) -> Any:
    return a * b


@njit(inline="always")
def _larger(a: Any, b: Any) -> Any:
    return a if a >= b or a != a else b  # a NaN stays


@njit(inline="always")
def _smaller(a: Any, b: Any) -> Any:
    return a if a <= b or a != a else b


def add(S: np.dtype, D: np.dtype) -> Any:
    """The sum, in D. Words: see ``_reduction``."""
    return _reduction(_plus, S, D)


def multiply(S: np.dtype, D: np.dtype) -> Any:
    """The product, in D. Words: see ``_reduction``."""
    return _reduction(_times, S, D)


def largest(T: np.dtype) -> Any:
    """The largest entry; NaN where one is. Words: see ``_reduction``."""
    return _reduction(_larger, T, T)


def smallest(T: np.dtype) -> Any:
    """The smallest entry; NaN where one is. Words: see ``_reduction``."""
    return _reduction(_smaller, T, T)


def _reduction(combine: Any, S: np.dtype, D: np.dtype) -> Any:
    """``[out, in, outer, rows, inner, outer stride, row stride, inner stride, onto]``.

    ``rows`` is at least 1. out is row-major (outer, inner); where ``onto`` is 1, the value is
    combined with what it holds.
    """
    size, wide_size, cast = S.itemsize, D.itemsize, D.type
    sweep = _sweep(combine, S, D)
    room = stack((_STRIP + 2 * _WIDE) * wide_size)

    def kernel(p: int) -> None:
        q = words(p)
        outer, rows, inner = q[2], q[3], q[4]
        by_outer, by_row, by_inner, onto = q[5], q[6], q[7], q[8]
        across = by_inner == size and inner > 1
        if rows * inner > _SMALL and across:
            for o in range(outer):
                to = q[0] + o * inner * wide_size
                sweep(to, room(), q[1] + o * by_outer, rows, by_row, inner, onto)
            return
        along = rows > _SMALL and by_row == size
        to = view(q[0], outer * inner, D)
        for o in range(outer):
            for i in range(inner):
                place, at = q[1] + o * by_outer + i * by_inner, o * inner + i
                if along:
                    sweep(q[0] + at * wide_size, room(), place, rows, size, 1, onto)
                    continue
                total = cast(view(place, 1, S)[0])
                for r in range(1, rows):
                    total = combine(total, cast(view(place + r * by_row, 1, S)[0]))
                to[at] = combine(to[at], total) if onto else total

    return kernel


def _sweep(combine: Any, S: np.dtype, D: np.dtype) -> Any:
    size, wide_size, cast = S.itemsize, D.itemsize, D.type

    @njit
    def combine_rows(to: int, place: int, rows: int, step: int, width: int) -> None:
        """Write the combined rows of a block."""
        out, first = view(to, width, D), view(place, width, S)
        for j in range(width):
            out[j] = cast(first[j])
        rest, place = rows - 1, place + step
        while rest >= 4:
            a, b = view(place, width, S), view(place + step, width, S)
            c, d = view(place + 2 * step, width, S), view(place + 3 * step, width, S)
            for j in range(width):
                four = combine(combine(cast(a[j]), cast(b[j])), combine(cast(c[j]), cast(d[j])))
                out[j] = combine(out[j], four)
            rest, place = rest - 4, place + 4 * step
        while rest > 0:
            a = view(place, width, S)
            for j in range(width):
                out[j] = combine(out[j], cast(a[j]))
            rest, place = rest - 1, place + step

    @njit
    def merge(to: int, strip: int, width: int) -> None:
        out, more = view(to, width, D), view(strip, width, D)
        for j in range(width):
            out[j] = combine(out[j], more[j])

    @njit
    def combine_blocks(
        to: int, strip: int, place: int, rows: int, step: int, width: int, onto: int
    ) -> None:
        """Combine any number of rows, of up to as many entries as the strip holds."""
        done = 0
        while done < rows:
            count = min(rows - done, _BLOCK)
            if done == 0 and not onto:
                combine_rows(to, place, count, step, width)
            else:
                combine_rows(strip, place + done * step, count, step, width)
                merge(to, strip, width)
            done += count

    @njit
    def combine_short(
        to: int, strip: int, place: int, rows: int, step: int, inner: int, onto: int
    ) -> None:
        """Combine many short rows that lie one after another: first k at a time."""
        wide = strip + _STRIP * wide_size
        k = 1
        while k * inner < _WIDE:
            k *= 2
        count = rows // k
        combine_blocks(wide, strip, place, count, k * step, k * inner, 0)
        rest = (rows - count * k) * inner
        sums, more = view(wide, rest, D), view(place + count * k * step, rest, S)
        for j in range(rest):
            sums[j] = combine(sums[j], cast(more[j]))
        while k > 1:
            k //= 2
            merge(wide, wide + k * inner * wide_size, k * inner)
        out, sums = view(to, inner, D), view(wide, inner, D)
        for j in range(inner):
            out[j] = combine(out[j], sums[j]) if onto else sums[j]

    @njit
    def sweep(to: int, strip: int, place: int, rows: int, step: int, inner: int, onto: int) -> None:
        """Combine rows whose entries lie side by side."""
        if inner < _WIDE and step == inner * size and rows * inner > 4 * _WIDE:
            combine_short(to, strip, place, rows, step, inner, onto)
            return
        done = 0
        while done < inner:
            width = min(inner - done, _STRIP)
            there = place + done * size
            combine_blocks(to + done * wide_size, strip, there, rows, step, width, onto)
            done += width

    return sweep
