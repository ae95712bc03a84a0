"""Kernels of convolution with one filter for each channel: sums over cells, vectors over channels.

Words of each: ``[out, x, w or g, whether to add (else out is cleared), bytes of out, images,
channels, bytes of an image of x and of g, rows of places along axes 1 and 2, places in a row,
bytes of x from place to place along three axes, cells, → bytes of x to each cell]``. x has its
padding; places and cells lie in row-major order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from glassnet.engines.native.kernels.primitives import word
from glassnet.engines.native.kernels.simd import clear, fused, lanes, load, plus, spread, store

ARGUMENTS = 1


def _rows(visit: Any, T: np.dtype) -> Any:
    """Return the kernel that calls ``visit(p, x, y, pixel)`` for each row of places.

    x and y are the bytes to the row's first place in an array of images and in one of places.
    """
    size = T.itemsize

    def kernel(p: int) -> None:
        if word(p, 3) == 0:
            clear(word(p, 0), word(p, 4))
        pixel = word(p, 6) * size
        row, i = word(p, 11) * pixel, 0
        while i < word(p, 5):
            x, y, i1 = i * word(p, 7), i * word(p, 8), 0
            while i1 < word(p, 9):
                i2 = 0
                while i2 < word(p, 10):
                    visit(p, x + i1 * word(p, 12) + i2 * word(p, 13), y, pixel)
                    y, i2 = y + row, i2 + 1
                i1 += 1
            i += 1

    return kernel


def forward(T: np.dtype) -> Any:
    """out[place] += Σ over cells of x[place + cell] · w[cell], four places at a time."""
    width, zero = 64 // T.itemsize, T.type(0)

    @njit(inline="always")
    def visit(p: int, x: int, y: int, pixel: int) -> None:
        places, step, left = word(p, 11), word(p, 14), word(p, 6)
        x, w, y = x + word(p, 1), word(p, 2), y + word(p, 0)
        while left > 0:
            there = lanes(left, T)
            at, to, more = x, y, places
            while more > 0:
                # Beyond the end of the row the last place is done again.
                second = step if more > 1 else 0
                third = second + step if more > 2 else second
                fourth = third + step if more > 3 else third
                a, b, c, d = spread(zero), spread(zero), spread(zero), spread(zero)
                cell, last, factor = word(p, 16), word(p, 16) + 8 * word(p, 15), w
                while cell < last:
                    k, source = load(factor, there, T), at + word(cell, 0)
                    a = fused(load(source, there, T), k, a)
                    b = fused(load(source + second, there, T), k, b)
                    c = fused(load(source + third, there, T), k, c)
                    d = fused(load(source + fourth, there, T), k, d)
                    cell, factor = cell + 8, factor + pixel
                store(plus(load(to, there, T), a), to, there)
                if more > 1:
                    store(plus(load(to + pixel, there, T), b), to + pixel, there)
                if more > 2:
                    store(plus(load(to + 2 * pixel, there, T), c), to + 2 * pixel, there)
                if more > 3:
                    store(plus(load(to + 3 * pixel, there, T), d), to + 3 * pixel, there)
                at, to, more = at + 4 * step, to + 4 * pixel, more - 4
            x, y, w, left = x + 64, y + 64, w + 64, left - width

    return _rows(visit, T)


def by_input(T: np.dtype) -> Any:
    """out[place + cell] += w[cell] · g[place]; out takes the part of x, g is the third array."""
    width = 64 // T.itemsize

    @njit(inline="always")
    def visit(p: int, x: int, y: int, pixel: int) -> None:
        left = word(p, 6)
        x, w, y = x + word(p, 0), word(p, 1), y + word(p, 2)
        while left > 0:
            there = lanes(left, T)
            cell, last, factor = word(p, 16), word(p, 16) + 8 * word(p, 15), w
            while cell < last:
                # Cell by cell: neighbouring places then never add to the same entry in a row.
                k, to, source = load(factor, there, T), x + word(cell, 0), y
                end = y + word(p, 11) * pixel
                while source < end:
                    store(fused(k, load(source, there, T), load(to, there, T)), to, there)
                    to, source = to + word(p, 14), source + pixel
                cell, factor = cell + 8, factor + pixel
            x, y, w, left = x + 64, y + 64, w + 64, left - width

    return _rows(visit, T)


def by_kernel(T: np.dtype) -> Any:
    """out[cell] += Σ over places of x[place + cell] · g[place]."""
    width, zero = 64 // T.itemsize, T.type(0)

    @njit(inline="always")
    def visit(p: int, x: int, y: int, pixel: int) -> None:
        step, left = word(p, 14), word(p, 6)
        x, out, y = x + word(p, 1), word(p, 0), y + word(p, 2)
        while left > 0:
            there = lanes(left, T)
            cell, last, to = word(p, 16), word(p, 16) + 8 * word(p, 15), out
            while cell < last:
                # Two sums, so that one addition need not wait for the one before.
                a, b = load(to, there, T), spread(zero)
                at, source, more = x + word(cell, 0), y, word(p, 11)
                while more > 1:
                    a = fused(load(at, there, T), load(source, there, T), a)
                    b = fused(load(at + step, there, T), load(source + pixel, there, T), b)
                    at, source, more = at + 2 * step, source + 2 * pixel, more - 2
                if more > 0:
                    a = fused(load(at, there, T), load(source, there, T), a)
                store(plus(a, b), to, there)
                cell, to = cell + 8, to + pixel
            x, y, out, left = x + 64, y + 64, out + 64, left - width

    return _rows(visit, T)
