"""Kernels about order: the place of the largest entry, sorting, the k best."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from glassnet.engines.native.kernels.primitives import view, words

ARGUMENTS = 1


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
    return _place(_after, T)


def argmin(T: np.dtype) -> Any:
    """The place of the smallest entry, the first one of several. Words: see ``_place``."""
    return _place(_before, T)


def _place(better: Any, T: np.dtype) -> Any:
    """``[out, in, outer, rows, inner, outer stride, row stride, inner stride]``: over the rows.

    A NaN is better than any number, as in NumPy. out is row-major (outer, inner).
    """

    def kernel(p: int) -> None:
        q = words(p)
        outer, rows, inner, by_row = q[2], q[3], q[4], q[6]
        to = view(q[0], outer * inner, np.int64)
        for o in range(outer):
            for i in range(inner):
                place = q[1] + o * q[5] + i * q[7]
                best, at = view(place, 1, T)[0], 0
                for r in range(1, rows):
                    entry = view(place + r * by_row, 1, T)[0]
                    if better(entry, best):
                        best, at = entry, r
                to[o * inner + i] = at

    return kernel
