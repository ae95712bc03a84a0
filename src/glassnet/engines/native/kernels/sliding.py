"""Kernels of convolution: one product over windows for all three ops, and what prepares for it.

Convolution, its derivative by the input and its derivative by the kernel are all sums of products
of rows of A with the rows of B into rows of O, where the rows of A and O are found by strides in
the images themselves. `glassnet.engines.native.lowering.sliding` says which; `tiles` multiplies.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.engines.native.kernels.primitives import call1, cells, stack, word
from glassnet.engines.native.kernels.simd import clear, copy, lanes, load, plus, store, turn
from glassnet.engines.native.kernels.tiles import ROWS

ARGUMENTS = 1
_A, _O, _SPARE = 64, 64 + 8 * ROWS, 256


def product(T: np.dtype) -> Any:
    """Multiply the rows of A, found over four axes, with the rows of B, in rounds.

    ``[O, A, B, bytes to clear at O, step, pitch, items, items that are axis 0 of the rows
    (0: one at a time), strides of an item (A, B, O), 4 sizes, steps from row to row (A, O) along
    axes 3, 2, 1, 0, rounds, → rounds]``, all in bytes. A step along an axis is the one after those
    along the axes behind it. A round is ``tile, whether to add, entries of the last vector, chunks,
    → chunks, offsets (A, B, O)``: for each item (or all items together) each round takes all rows,
    six at a time.
    """
    block_of, spare_of = stack(_SPARE), stack(256)
    _, put = cells(np.int64)

    def kernel(p: int) -> None:
        block, spare = block_of(), spare_of()
        clear(spare, 256)
        clear(word(p, 0), word(p, 3))
        put(block + 24, word(p, 4))
        put(block + 40, word(p, 5))
        items, together = word(p, 6), word(p, 7)
        n0, n1, n2, n3 = word(p, 11), word(p, 12), word(p, 13), word(p, 14)
        a3, o3, a2, o2 = word(p, 15), word(p, 16), word(p, 17), word(p, 18)
        a1, o1, a0, o0 = word(p, 19), word(p, 20), word(p, 21), word(p, 22)
        item = 0
        while item < items:
            if together:
                n0 = together if together < items - item else items - item
            a = word(p, 1) + item * word(p, 8)
            b = word(p, 2) + item * word(p, 9)
            o = word(p, 0) + item * word(p, 10)
            round_ = word(p, 24)
            last = round_ + 64 * word(p, 23)
            while round_ < last:
                tile = word(round_, 0)
                put(block, word(round_, 1))
                put(block + 48, word(round_, 2))
                put(block + 8, word(round_, 3))
                put(block + 16, word(round_, 4))
                at_a = a + word(round_, 5)
                put(block + 32, b + word(round_, 6))
                at_o = o + word(round_, 7)
                round_ += 64
                i1, i2, i3 = 0, 0, 0
                left = n0 * n1 * n2 * n3
                while left > 0:
                    row = block
                    while row < block + 8 * ROWS:
                        put(row + _A, at_a)
                        put(row + _O, at_o)
                        row += 8
                        at_a, at_o, i3 = at_a + a3, at_o + o3, i3 + 1
                        if i3 == n3:
                            at_a, at_o, i3, i2 = at_a + a2, at_o + o2, 0, i2 + 1
                            if i2 == n2:
                                at_a, at_o, i2, i1 = at_a + a1, at_o + o1, 0, i1 + 1
                                if i1 == n1:
                                    at_a, at_o, i1 = at_a + a0, at_o + o0, 0
                    left -= ROWS
                    over = left
                    while over < 0:
                        # A row too many repeats the first one, and goes where nobody looks.
                        row, over = row - 8, over + 1
                        put(row + _A, word(block + _A, 0))
                        put(row + _O, spare)
                    call1(tile, block)
            item += together if together else 1

    return kernel


def region(T: np.dtype) -> Any:
    """Images with room around them, or a part of images; whole rows are copied.

    ``[out, in, images, whether to add, sizes of out (1, 2, bytes of a row), sizes of in (the same),
    offsets (1, 2), bytes from the start of a row of out that are outside, bytes from there that are
    inside, where these start in a row of in]``: row (i, j) of out is row (i, j) − offset of the
    input, and zero outside it.
    """
    size = T.itemsize
    width = 64 // size

    def kernel(p: int) -> None:
        add, n1, n2, whole = word(p, 3), word(p, 4), word(p, 5), word(p, 6)
        m1, m2, row = word(p, 7), word(p, 8), word(p, 9)
        first, inside = word(p, 12), word(p, 13)
        out = word(p, 0)
        for i in range(word(p, 2)):
            for o1 in range(n1):
                for o2 in range(n2):
                    j1, j2 = o1 - word(p, 10), o2 - word(p, 11)
                    at = word(p, 1) + ((i * m1 + j1) * m2 + j2) * row + word(p, 14)
                    real = j1 >= 0 and j1 < m1 and j2 >= 0 and j2 < m2
                    if not add:
                        clear(out, first if real else whole)
                    if real and add:
                        left, to = inside // size, out + first
                        while left > 0:
                            there = lanes(left, T)
                            store(plus(load(to, there, T), load(at, there, T)), to, there)
                            left, to, at = left - width, to + 64, at + 64
                    elif real:
                        copy(out + first, at, inside)
                        clear(out + first + inside, whole - first - inside)
                    out += whole

    return kernel


def turned(T: np.dtype) -> Any:
    """``[out, in, cells, groups, a, b]``: in (cells, a, groups, b) → (groups, cells, b, a)."""
    size = T.itemsize
    width = 64 // size
    turn_block = turn(T)

    def kernel(p: int) -> None:
        out, a, b = word(p, 0), word(p, 4), word(p, 5)
        step, pitch = word(p, 3) * b * size, a * size
        for g in range(word(p, 3)):
            for cell in range(word(p, 2)):
                at = word(p, 1) + cell * a * step + g * b * size
                for i in range(0, a, width):
                    for j in range(0, b, width):
                        to, source = out + j * pitch + i * size, at + i * step + j * size
                        turn_block(to, pitch, source, step, a - i, b - j)
                out += b * pitch

    return kernel
