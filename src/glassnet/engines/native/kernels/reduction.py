"""Kernels that bring an axis together: sums, products, extremes.

``…_along`` takes rows whose entries are combined one after the other; ``…_across`` combines whole
rows into one, entry by entry. For the latter short rows are joined, several to a wide one.
The order of a sum depends on sizes and strides alone.

Long sums are cut in blocks whose sums are added, so that rounding grows slowly: N. Higham, "The
accuracy of floating point summation", SIAM Journal on Scientific Computing 14 (1993).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from glassnet.engines.native.kernels.folding import (
    MAXIMUM,
    MINIMUM,
    PRODUCT,
    SUM,
    Fold,
    fold_line,
    fold_rows,
)
from glassnet.engines.native.kernels.primitives import stack, view, words

ARGUMENTS = 1

_WIDE = 64
"""Rows of fewer entries are joined to wide ones."""
_STRIP = 512
"""The entries of a row that are taken at a time."""
_BLOCK = 512
"""The rows that are combined in one go."""


def add_along(S: np.dtype, D: np.dtype) -> Any:
    """The sums of rows, in D. Words: see ``_along``."""
    return _along(SUM, S, D)


def add_across(S: np.dtype, D: np.dtype) -> Any:
    """The sum of rows, in D. Words: see ``_across``."""
    return _across(SUM, S, D)


def multiply_along(S: np.dtype, D: np.dtype) -> Any:
    """The products of rows, in D. Words: see ``_along``."""
    return _along(PRODUCT, S, D)


def multiply_across(S: np.dtype, D: np.dtype) -> Any:
    """The product of rows, in D. Words: see ``_across``."""
    return _across(PRODUCT, S, D)


def largest_along(T: np.dtype) -> Any:
    """The largest entries of rows; NaN where one is. Words: see ``_along``."""
    return _along(MAXIMUM, T, T)


def largest_across(T: np.dtype) -> Any:
    """The largest of rows, entry by entry; NaN where one is. Words: see ``_across``."""
    return _across(MAXIMUM, T, T)


def smallest_along(T: np.dtype) -> Any:
    """The smallest entries of rows; NaN where one is. Words: see ``_along``."""
    return _along(MINIMUM, T, T)


def smallest_across(T: np.dtype) -> Any:
    """The smallest of rows, entry by entry; NaN where one is. Words: see ``_across``."""
    return _across(MINIMUM, T, T)


def _along(fold: Fold, S: np.dtype, D: np.dtype) -> Any:
    """``[out, in, outer, inner, rows, outer stride, inner stride, row stride, onto]``.

    The rows stand in a table (outer, inner), and out is row-major. There are ``rows`` ≥ 1 entries
    in each; where ``onto`` is 1, the value is combined with what out holds.
    """
    size, along = D.itemsize, fold_line(fold, S, D)

    def kernel(p: int) -> None:
        q = words(p)
        to = q[0]
        for o in range(q[2]):
            place = q[1] + o * q[5]
            for _ in range(q[3]):
                along(to, place, q[4], q[7], q[8])
                to += size
                place += q[6]

    return kernel


def _across(fold: Fold, S: np.dtype, D: np.dtype) -> Any:
    """``[out, in, outer, inner, rows, outer stride, row stride, onto]``.

    For each of ``outer``, a table (rows, inner) whose rows, at least one, lie side by side in
    themselves. out is row-major (outer, inner); where ``onto`` is 1, the value is combined with
    what it holds.
    """
    size, out_size = S.itemsize, D.itemsize
    fold_in, fold_out = fold_rows(fold, S, D), fold_rows(fold, D, D)
    room = stack((_STRIP + 2 * _WIDE) * out_size)

    def kernel(p: int) -> None:
        q = words(p)
        inner, rows, step, onto = q[3], q[4], q[6], q[7]
        strip = room()
        wide, k = strip + _STRIP * out_size, 1
        if step == inner * size and rows * inner > 8 * _WIDE:
            while k * inner < _WIDE:
                k *= 2
        count = rows // k
        rest = (rows - count * k) * inner
        for o in range(q[2]):
            to, place = q[0] + o * inner * out_size, q[1] + o * q[5]
            if k > 1:
                made, width, end = wide, k * inner, k * inner
            else:
                made, width, end = to, _STRIP, inner
            start = 0
            while start < end:
                width = width if width < end - start else end - start
                done = 0
                while done < count:
                    block = count - done if count - done < _BLOCK else _BLOCK
                    there = place + start * size + done * k * step
                    straight = done == 0 and (k > 1 or onto == 0)
                    fold_in(made if straight else strip, there, block, k * step, width)
                    if not straight:
                        fold_out(made, made, 2, strip - made, width)
                    done += block
                made += width * out_size
                start += width
            if k > 1:
                if rest:
                    fold_in(strip, place + count * k * step, 1, 0, rest)
                    fold_out(wide, wide, 2, strip - wide, rest)
                many = k
                while many > 2:
                    many //= 2
                    fold_out(wide, wide, 2, many * inner * out_size, many * inner)
                fold_out(strip, wide, 2, inner * out_size, inner)
                if onto:
                    fold_out(to, to, 2, strip - to, inner)
                else:
                    fold_out(to, strip, 1, 0, inner)

    return kernel


# --- running ----------------------------------------------------------------------------------
def running_sum(S: np.dtype, D: np.dtype) -> Any:
    """The sums so far, in D. Words: see ``_running``."""
    return _running(lambda a, b: a + b, S, D)


def running_product(S: np.dtype, D: np.dtype) -> Any:
    """The products so far, in D. Words: see ``_running``."""
    return _running(lambda a, b: a * b, S, D)


def _running(of_two: Any, S: np.dtype, D: np.dtype) -> Any:
    """``[out, in, outer, rows, inner, outer stride, row stride, inner stride, from end]``.

    What is combined of the rows so far; out is row-major (outer, rows, inner).
    """
    combine, cast = njit(inline="always")(of_two), D.type

    def kernel(p: int) -> None:
        q = words(p)
        outer, rows, inner, back = q[2], q[3], q[4], q[8]
        by_row = -q[6] if back else q[6]
        to = view(q[0], outer * rows * inner, D)
        for o in range(outer):
            for i in range(inner):
                place, at, step = q[1] + o * q[5] + i * q[7], o * rows * inner + i, inner
                if back:
                    place, at = place - (rows - 1) * by_row, at + (rows - 1) * inner
                    step = -inner
                total = cast(view(place, 1, S)[0])
                to[at] = total
                for _ in range(1, rows):
                    place, at = place + by_row, at + step
                    total = combine(total, cast(view(place, 1, S)[0]))
                    to[at] = total

    return kernel
