"""Kernels of convolution: one product over windows for all three ops, and what prepares for it.

Convolution, its derivative by the input and its derivative by the kernel are all sums of products
of rows of A with the rows of B into rows of O, where the rows of A and O are found by strides in
the images themselves. `glassnet.engines.native.lowering.sliding` says which rows; `tiles` multiplies.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from glassnet.engines.native.kernels.primitives import call1, view, words
from glassnet.engines.native.kernels.tiles import ROWS

ARGUMENTS = 1
_A, _O, _SPARE = 8, 8 + ROWS, 256


@njit(inline="always")
def _tiles(scratch: int, tile: int, at_a: int, at_o: int, first: int, axes: Any) -> None:
    """Call a tile for all rows of four axes, of which the first has ``first`` entries."""
    block, spare = words(scratch), scratch + _SPARE
    n1, n2, n3 = axes[1], axes[2], axes[3]
    a3, o3 = axes[7], axes[11]
    # What an axis adds when the one after it starts again.
    a2, o2 = axes[6] - n3 * a3, axes[10] - n3 * o3
    a1, o1 = axes[5] - n2 * axes[6], axes[9] - n2 * axes[10]
    a0, o0 = axes[4] - n1 * axes[5], axes[8] - n1 * axes[9]
    i1, i2, i3 = 0, 0, 0
    left = first * n1 * n2 * n3
    while left > 0:
        for r in range(ROWS):
            block[_A + r], block[_O + r] = at_a, at_o
            at_a, at_o, i3 = at_a + a3, at_o + o3, i3 + 1
            if i3 == n3:
                at_a, at_o, i3, i2 = at_a + a2, at_o + o2, 0, i2 + 1
                if i2 == n2:
                    at_a, at_o, i2, i1 = at_a + a1, at_o + o1, 0, i1 + 1
                    if i1 == n1:
                        at_a, at_o, i1 = at_a + a0, at_o + o0, 0
        for r in range(left, ROWS):
            block[_A + r], block[_O + r] = block[_A], spare
        call1(tile, scratch)
        left -= ROWS


def product(T: np.dtype) -> Any:
    """Multiply the rows of A, found over four axes, with the rows of B, in passes.

    ``[O, A, B, scratch, bytes to clear at O, whether the first pass stores, step, pitch, items,
    items that are axis 0 of a round (0: an item a round), → strides of an item (A, B, O),
    → (4 sizes, 4 strides in A, 4 strides in O), groups, → strides of a group (A, B, O),
    column blocks, → (offset, entries of the last vector, tile), passes,
    → (A, B, O offsets, chunks, → chunks)]``, all in bytes. In each round, for each group, block of
    columns and pass all rows are taken, six at a time. The scratch of 512 bytes holds a tile's
    words, and the row of O for rows beyond the end.
    """

    def kernel(p: int) -> None:
        q = words(p)
        clear = view(q[0], q[4], np.uint8)
        for i in range(q[4]):
            clear[i] = 0
        block, row = words(q[3]), view(q[3] + _SPARE, 256, np.uint8)
        for i in range(256):
            row[i] = 0
        block[3], block[5] = q[6], q[7]
        item, axes, group = words(q[10]), words(q[11]), words(q[13])
        columns, passes = words(q[15]), words(q[17])
        together = q[9]
        for i in range(0, q[8], max(together, 1)):
            first = min(together, q[8] - i) if together else axes[0]
            for g in range(q[12]):
                a = q[1] + i * item[0] + g * group[0]
                b = q[2] + i * item[1] + g * group[1]
                o = q[0] + i * item[2] + g * group[2]
                for j in range(q[14]):
                    column = columns[3 * j]
                    block[6] = columns[3 * j + 1]
                    for k in range(q[16]):
                        block[0] = 1 - q[5] if k == 0 else 1
                        block[1], block[2] = passes[5 * k + 3], passes[5 * k + 4]
                        block[4] = b + column + passes[5 * k + 1]
                        at_a, at_o = a + passes[5 * k], o + column + passes[5 * k + 2]
                        _tiles(q[3], columns[3 * j + 2], at_a, at_o, first, axes)

    return kernel


def region(T: np.dtype) -> Any:
    """``[out, in, images, whether to add, channels, → (3 sizes of out, 3 of in, 3 offsets)]``.

    Entry o of the spatial axes is entry o − offset of the input, and zero outside it.
    """

    def kernel(p: int) -> None:
        q = words(p)
        add, channels, s = q[3], q[4], words(q[5])
        n1, n2, n3, m1, m2, m3 = s[0], s[1], s[2], s[3], s[4], s[5]
        lo1, lo2, lo3 = s[6], s[7], s[8]
        start, end = min(max(lo3, 0), n3), max(min(lo3 + m3, n3), 0)
        end = max(end, start)
        out = view(q[0], q[2] * n1 * n2 * n3 * channels, T)
        source = view(q[1], q[2] * m1 * m2 * m3 * channels, T)
        first, last, all_of = start * channels, end * channels, n3 * channels
        for i in range(q[2]):
            for o1 in range(n1):
                for o2 in range(n2):
                    to = ((i * n1 + o1) * n2 + o2) * all_of
                    j1, j2 = o1 - lo1, o2 - lo2
                    at = (((i * m1 + j1) * m2 + j2) * m3 - lo3) * channels
                    inside = 0 <= j1 < m1 and 0 <= j2 < m2
                    if inside and add:
                        for c in range(first, last):
                            out[to + c] += source[at + c]
                    elif inside:
                        for c in range(first):
                            out[to + c] = 0
                        for c in range(first, last):
                            out[to + c] = source[at + c]
                        for c in range(last, all_of):
                            out[to + c] = 0
                    elif not add:
                        for c in range(all_of):
                            out[to + c] = 0

    return kernel


def turned(T: np.dtype) -> Any:
    """``[out, in, cells, groups, a, b]``: in (cells, a, groups, b) → (groups, cells, b, a)."""

    def kernel(p: int) -> None:
        q = words(p)
        cells, groups, a, b = q[2], q[3], q[4], q[5]
        out, source = view(q[0], cells * groups * a * b, T), view(q[1], cells * groups * a * b, T)
        pitch = groups * b
        for g in range(groups):
            for cell in range(cells):
                to, at = (g * cells + cell) * b * a, cell * a * pitch + g * b
                for start in range(0, a, 16):
                    for j in range(b):
                        for i in range(start, min(start + 16, a)):
                            out[to + j * a + i] = source[at + i * pitch + j]

    return kernel
