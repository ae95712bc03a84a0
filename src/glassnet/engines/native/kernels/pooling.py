"""Kernels of pooling: the largest and the mean entry of windows, and their adjoints.

Words of each: ``[out, three arrays, images, whether to add, bytes of each image of out to clear
first, channels, bytes of an image, and from cell to cell along three axes, → places along three
axes (bytes, →)]``. A place along an axis is ``bytes to its first cell in the image, number of its
cells in the image, whether the window's first cell is outside``. A vector goes over the channels,
which lie together. Each window has at least one cell in the image.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from glassnet.engines.native.kernels.primitives import word
from glassnet.engines.native.kernels.simd import (
    both,
    but,
    clear,
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
def _put(value: Any, address: int, there: Any, add: int, T: Any) -> None:
    """Store a vector, or add it to what is there."""
    if add:
        value = plus(load(address, there, T), value)
    store(value, address, there)


def _windows(start: Any, meet: Any, finish: Any, T: np.dtype) -> Any:
    """Return the kernel that visits each vector of channels of each window.

    ``start(p, x, o, there, cells, cut)`` returns three values, given where the window starts in an
    array of images and its place in an array of values, both in bytes, the lanes that are there,
    how many cells the window has in the image, and whether its first cell is outside.
    ``meet(p, x, there, *three)`` returns them anew for each cell at x, and at the end comes
    ``finish(p, o, there, *three)``.
    """
    size = T.itemsize
    width = 64 // size

    def kernel(p: int) -> None:
        sheet, line, cell = word(p, 9), word(p, 10), word(p, 11)
        i, o, image = 0, 0, 0
        while i < word(p, 4):
            clear(word(p, 0) + i * word(p, 6), word(p, 6))
            p1 = word(p, 13)
            end1 = p1 + word(p, 12)
            while p1 < end1:
                p2 = word(p, 15)
                end2 = p2 + word(p, 14)
                while p2 < end2:
                    p3 = word(p, 17)
                    end3 = p3 + word(p, 16)
                    while p3 < end3:
                        x = image + word(p1, 0) + word(p2, 0) + word(p3, 0)
                        m1, m2, m3 = word(p1, 1), word(p2, 1), word(p3, 1)
                        cut = word(p1, 2) + word(p2, 2) + word(p3, 2)
                        next_line, next_sheet = line - m3 * cell, sheet - m2 * line
                        left = word(p, 7)
                        while left > 0:
                            there = lanes(left, T)
                            a, b, c = start(p, x, o, there, m1 * m2 * m3, cut)
                            at, i1, i2, i3 = x, m1, m2, m3
                            while i1 > 0:
                                a, b, c = meet(p, at, there, a, b, c)
                                at, i3 = at + cell, i3 - 1
                                if i3 == 0:
                                    at, i3, i2 = at + next_line, m3, i2 - 1
                                    if i2 == 0:
                                        at, i2, i1 = at + next_sheet, m2, i1 - 1
                            finish(p, o, there, a, b, c)
                            x, o, left = x + 64, o + 64, left - width
                        o += left * size
                        p3 += 24
                    p2 += 24
                p1 += 24
            i, image = i + 1, image + word(p, 8)

    return kernel


def largest(T: np.dtype) -> Any:
    """``[out, x, …]``: the largest entry of each window."""

    @njit(inline="always")
    def start(p: int, x: int, o: int, there: Any, cells: int, cut: int) -> Any:
        return load(word(p, 1) + x, there, T), 0, 0

    @njit(inline="always")
    def meet(p: int, x: int, there: Any, best: Any, b: int, c: int) -> Any:
        return larger(best, load(word(p, 1) + x, there, T)), b, c

    @njit(inline="always")
    def finish(p: int, o: int, there: Any, best: Any, b: int, c: int) -> None:
        _put(best, word(p, 0) + o, there, word(p, 5), T)

    return _windows(start, meet, finish, T)


@njit(inline="always")
def _free(y: Any, lowest: Any, cut: int) -> Any:
    """Return where the window's largest entry is still to be met."""
    found = equal(y, y)
    if cut:
        # The padding before the image counts as the lowest number, and comes first.
        found = but(found, equal(y, spread(lowest)))
    return found


def unpooled(T: np.dtype) -> Any:
    """``[out, g, x, y, …]``: g times 1 where x is the first that equals y, else g times 0."""
    lowest, zero = T.type(-np.inf), T.type(0)

    @njit(inline="always")
    def start(p: int, x: int, o: int, there: Any, cells: int, cut: int) -> Any:
        y = load(word(p, 3) + o, there, T)
        return load(word(p, 1) + o, there, T), y, _free(y, lowest, cut)

    @njit(inline="always")
    def meet(p: int, x: int, there: Any, g: Any, y: Any, free: Any) -> Any:
        hit = both(equal(load(word(p, 2) + x, there, T), y), free)
        part = where(hit, g, times(g, spread(zero)))
        _put(part, word(p, 0) + x, there, word(p, 5), T)
        return g, y, but(free, hit)

    @njit(inline="always")
    def finish(p: int, o: int, there: Any, g: Any, y: Any, free: Any) -> None:
        pass

    return _windows(start, meet, finish, T)


def picked(T: np.dtype) -> Any:
    """``[out, h, x, y, …]``: the sum of h times 1 where x is the first that equals y, else 0."""
    lowest, zero = T.type(-np.inf), T.type(0)

    @njit(inline="always")
    def start(p: int, x: int, o: int, there: Any, cells: int, cut: int) -> Any:
        y = load(word(p, 3) + o, there, T)
        return spread(zero), y, _free(y, lowest, cut)

    @njit(inline="always")
    def meet(p: int, x: int, there: Any, total: Any, y: Any, free: Any) -> Any:
        h = load(word(p, 1) + x, there, T)
        hit = both(equal(load(word(p, 2) + x, there, T), y), free)
        return plus(total, where(hit, h, times(h, spread(zero)))), y, but(free, hit)

    @njit(inline="always")
    def finish(p: int, o: int, there: Any, total: Any, y: Any, free: Any) -> None:
        _put(total, word(p, 0) + o, there, word(p, 5), T)

    return _windows(start, meet, finish, T)


def mean(T: np.dtype) -> Any:
    """``[out, x, …]``: the mean of the cells of each window that are in the image."""
    number, zero = T.type, T.type(0)

    @njit(inline="always")
    def start(p: int, x: int, o: int, there: Any, cells: int, cut: int) -> Any:
        return spread(zero), spread(number(1.0 / cells)), 0

    @njit(inline="always")
    def meet(p: int, x: int, there: Any, total: Any, share: Any, c: int) -> Any:
        return plus(total, load(word(p, 1) + x, there, T)), share, c

    @njit(inline="always")
    def finish(p: int, o: int, there: Any, total: Any, share: Any, c: int) -> None:
        _put(times(total, share), word(p, 0) + o, there, word(p, 5), T)

    return _windows(start, meet, finish, T)


def unmean(T: np.dtype) -> Any:
    """``[out, g, …]``: g divided evenly among the cells of its window that are in the image."""
    number = T.type

    @njit(inline="always")
    def start(p: int, x: int, o: int, there: Any, cells: int, cut: int) -> Any:
        share = spread(number(1.0 / cells))
        return times(load(word(p, 1) + o, there, T), share), 0, 0

    @njit(inline="always")
    def meet(p: int, x: int, there: Any, part: Any, b: int, c: int) -> Any:
        _put(part, word(p, 0) + x, there, word(p, 5), T)
        return part, b, c

    @njit(inline="always")
    def finish(p: int, o: int, there: Any, part: Any, b: int, c: int) -> None:
        pass

    return _windows(start, meet, finish, T)
