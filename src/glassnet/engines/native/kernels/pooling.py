"""Kernels of pooling: the largest and the mean entry of windows, and their adjoints.

Words of each: ``[out, three arrays, images, whether to add, bytes of each image of out to clear
first, → geometry]``, where the geometry is ``[3 sizes, 3 counts, 3 window sizes, 3 strides, 3
paddings before, channels]``. A vector goes over the channels, which lie together. Windows are
clipped to the image; each has at least one cell in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from glassnet.engines.native.kernels.primitives import view, words
from glassnet.engines.native.kernels.simd import (
    both,
    but,
    equal,
    lanes,
    larger,
    load,
    plus,
    spread,
    store,
    times,
    where,
)

ARGUMENTS = 1


@njit(inline="always")
def _span(geometry: Any, axis: int, place: int) -> Any:
    """Return from where to where a window reaches along an axis, inside the image."""
    start = place * geometry[9 + axis] - geometry[12 + axis]
    return max(start, 0), min(start + geometry[6 + axis], geometry[axis])


@njit(inline="always")
def _put(value: Any, address: int, there: Any, add: int, T: Any) -> None:
    """Store a vector, or add it to what is there."""
    if add:
        value = plus(load(address, there, T), value)
    store(value, address, there)


def _windows(visit: Any, T: np.dtype) -> Any:
    """Return the kernel that calls ``visit`` for each vector of channels of each window.

    ``visit(q, x, o, there, sheet, line, cell, m1, m2, m3, cut)``: where the window starts in an
    array of images and its place in an array of values, both in bytes; the lanes that are there;
    the bytes from cell to cell, and the number of cells, along three axes; whether the window's
    first cell is clipped away.
    """
    size, width = T.itemsize, 64 // T.itemsize

    def kernel(p: int) -> None:
        q = words(p)
        geo = words(q[7])
        channels = geo[15]
        cell = channels * size
        line = geo[2] * cell
        sheet = geo[1] * line
        o = 0
        for i in range(q[4]):
            clear = view(q[0] + i * q[6], q[6] // size, T)
            for j in range(q[6] // size):
                clear[j] = 0
            image = i * geo[0] * sheet
            for p1 in range(geo[3]):
                a1, b1 = _span(geo, 0, p1)
                cut1 = p1 * geo[9] < geo[12]
                for p2 in range(geo[4]):
                    a2, b2 = _span(geo, 1, p2)
                    cut2 = cut1 or p2 * geo[10] < geo[13]
                    for p3 in range(geo[5]):
                        a3, b3 = _span(geo, 2, p3)
                        cut = cut2 or p3 * geo[11] < geo[14]
                        x = image + a1 * sheet + a2 * line + a3 * cell
                        m1, m2, m3 = b1 - a1, b2 - a2, b3 - a3
                        for j in range(0, channels, width):
                            there, k = lanes(channels - j, T), j * size
                            visit(q, x + k, o + k, there, sheet, line, cell, m1, m2, m3, cut)
                        o += cell

    return kernel


def largest(T: np.dtype) -> Any:
    """``[out, x, …]``: the largest entry of each window."""

    @njit(inline="always")
    def visit(
        q: Any, x: int, o: int, there: Any, sheet: int, line: int, cell: int,
        m1: int, m2: int, m3: int, cut: bool,
    ) -> None:  # fmt: skip
        at = q[1] + x
        best = load(at, there, T)
        if m1 == 1 and m2 == 2 and m3 == 2:
            best = larger(best, load(at + cell, there, T))
            other = larger(load(at + line, there, T), load(at + line + cell, there, T))
            best = larger(best, other)
        else:
            for i1 in range(m1):
                for i2 in range(m2):
                    for i3 in range(m3):
                        c = at + i1 * sheet + i2 * line + i3 * cell
                        best = larger(best, load(c, there, T))
        _put(best, q[0] + o, there, q[5], T)

    return _windows(visit, T)


def unpooled(T: np.dtype) -> Any:
    """``[out, g, x, y, …]``: g times 1 where x is the first that equals y, else g times 0."""
    lowest = T.type(-np.inf)

    @njit(inline="always")
    def cell_of(x: int, out: int, y: Any, g: Any, none: Any, free: Any, there: Any, add: int) -> Any:
        hit = both(equal(load(x, there, T), y), free)
        _put(where(hit, g, none), out, there, add, T)
        return but(free, hit)

    @njit(inline="always")
    def visit(
        q: Any, x: int, o: int, there: Any, sheet: int, line: int, cell: int,
        m1: int, m2: int, m3: int, cut: bool,
    ) -> None:  # fmt: skip
        g, y = load(q[1] + o, there, T), load(q[3] + o, there, T)
        none = times(g, spread(T.type(0)))
        free = equal(y, y)
        if cut:
            # The padding before the image is the lowest number and comes first.
            free = but(free, equal(y, spread(lowest)))
        a, b, add = q[2] + x, q[0] + x, q[5]
        if m1 == 1 and m2 == 2 and m3 == 2 and not add:
            free = cell_of(a, b, y, g, none, free, there, 0)
            free = cell_of(a + cell, b + cell, y, g, none, free, there, 0)
            free = cell_of(a + line, b + line, y, g, none, free, there, 0)
            cell_of(a + line + cell, b + line + cell, y, g, none, free, there, 0)
        else:
            for i1 in range(m1):
                for i2 in range(m2):
                    for i3 in range(m3):
                        c = i1 * sheet + i2 * line + i3 * cell
                        free = cell_of(a + c, b + c, y, g, none, free, there, add)

    return _windows(visit, T)


def picked(T: np.dtype) -> Any:
    """``[out, h, x, y, …]``: the sum of h times 1 where x is the first that equals y, else 0."""
    lowest = T.type(-np.inf)

    @njit(inline="always")
    def visit(
        q: Any, x: int, o: int, there: Any, sheet: int, line: int, cell: int,
        m1: int, m2: int, m3: int, cut: bool,
    ) -> None:  # fmt: skip
        y, zero = load(q[3] + o, there, T), spread(T.type(0))
        free, total = equal(y, y), zero
        if cut:
            free = but(free, equal(y, spread(lowest)))
        for i1 in range(m1):
            for i2 in range(m2):
                for i3 in range(m3):
                    c = x + i1 * sheet + i2 * line + i3 * cell
                    h = load(q[1] + c, there, T)
                    hit = both(equal(load(q[2] + c, there, T), y), free)
                    free = but(free, hit)
                    total = plus(total, where(hit, h, times(h, zero)))
        _put(total, q[0] + o, there, q[5], T)

    return _windows(visit, T)


@njit(inline="always")
def _share(m1: int, m2: int, m3: int) -> float:
    return 1.0 / m1 / m2 / m3


def mean(T: np.dtype) -> Any:
    """``[out, x, …]``: the mean of the cells of each window that are in the image."""
    number = T.type

    @njit(inline="always")
    def visit(
        q: Any, x: int, o: int, there: Any, sheet: int, line: int, cell: int,
        m1: int, m2: int, m3: int, cut: bool,
    ) -> None:  # fmt: skip
        total = spread(number(0))
        for i1 in range(m1):
            for i2 in range(m2):
                for i3 in range(m3):
                    c = x + i1 * sheet + i2 * line + i3 * cell
                    total = plus(total, load(q[1] + c, there, T))
        share = spread(number(_share(m1, m2, m3)))
        _put(times(total, share), q[0] + o, there, q[5], T)

    return _windows(visit, T)


def unmean(T: np.dtype) -> Any:
    """``[out, g, …]``: g divided evenly among the cells of its window that are in the image."""
    number = T.type

    @njit(inline="always")
    def visit(
        q: Any, x: int, o: int, there: Any, sheet: int, line: int, cell: int,
        m1: int, m2: int, m3: int, cut: bool,
    ) -> None:  # fmt: skip
        part = times(load(q[1] + o, there, T), spread(number(_share(m1, m2, m3))))
        for i1 in range(m1):
            for i2 in range(m2):
                for i3 in range(m3):
                    c = x + i1 * sheet + i2 * line + i3 * cell
                    _put(part, q[0] + c, there, q[5], T)

    return _windows(visit, T)
