"""Matrix products C = A B: in tiles of registers, through BLAS, and a plain loop for every dtype.

All kernels here take the same words::

    0 C   1 A   2 B   3 m   4 k   5 n   6 7 strides of A   8 9 strides of B   10 row of C
    11 accumulate   12 bias   13 scratch   14 routine of BLAS   15 axes of the stack   16 → table
    17 matrices of the stack   18 note of the rows to ask for, or 0: see ``kernels.ahead``

A is (m, k), B is (k, n), C is (m, n) with its columns side by side. Strides count bytes.
``accumulate`` 1 adds to what C holds; ``bias`` is the address of a row that is added to every row
of C, or 0. The table holds, for the axes before the matrices, sizes, steps of A, of B, of C.

Sums run over k in order, `DEPTH` terms at a time, which are added to what there is: a sum of many
terms loses fewer digits so. Where a sum has several chains (a single row of few columns, `paired`,
`dots`), these are added at last. Nothing is left out for being zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from glassnet.engines.native.kernels.ahead import look_ahead
from glassnet.engines.native.kernels.dots import by_dots, height
from glassnet.engines.native.kernels.micro import Tile, multiplier
from glassnet.engines.native.kernels.packing import transposer
from glassnet.engines.native.kernels.pairs import (
    by_rows,
    by_terms,
    height_of_terms,
    width,
)
from glassnet.engines.native.kernels.primitives import cells, numba_type, word
from glassnet.engines.native.kernels.vectors import hidden, lanes_of, registers

ARGUMENTS = 1

DEPTH = 512
"""The terms of a sum that are added in registers, before they go to what C holds."""


@njit
def places(p: int, piece: int) -> Any:
    """Return where the matrices A, B and C of a piece of the stack begin."""
    axes, table = word(p, 15), word(p, 16)
    a, b, c = word(p, 1), word(p, 2), word(p, 0)
    for i in range(table + 8 * (axes - 1), table - 8, -8):
        size = word(i, 0)
        here = piece % size
        a += here * word(i, axes)
        b += here * word(i, 2 * axes)
        c += here * word(i, 3 * axes)
        piece //= size
    return a, b, c


# --- in tiles of registers ------------------------------------------------------------------------
def block(T: np.dtype) -> Any:
    """By tiles of 8 or 6 rows. Word 13 is room for a panel of B: see ``lowering.linear``."""
    size, rows = T.itemsize, 8 if registers() == 32 else 6
    return _tiled(T, Tile(rows, 2, size), Tile(rows, 1, size))


def few(T: np.dtype) -> Any:
    """By tiles of 4 rows, for products whose limit is the memory of B."""
    size = T.itemsize
    return _tiled(T, Tile(4, registers() // 8, size), Tile(4, 1, size))


def row(T: np.dtype) -> Any:
    """By tiles of a single row, for products whose limit is the memory of B."""
    size = T.itemsize
    return _tiled(T, Tile(1, 8, size), Tile(1, 1, size, 4))


def _tiled(T: np.dtype, wide: Tile, narrow: Tile) -> Any:
    """Panels of B as wide as a tile, each times all rows of A; the last ones may be narrow."""
    size, rows = T.itemsize, wide.rows
    multiply, multiply_narrow = multiplier(wide), multiplier(narrow)
    pack = _packer(T)
    wide_columns, narrow_columns = wide.columns, narrow.columns

    def kernel(p: int) -> None:
        m, k, n, room = word(p, 3), word(p, 4), word(p, 5), word(p, 13)
        a_row, a_step, b_row, b_step = word(p, 6), word(p, 7), word(p, 8), word(p, 9)
        c_row, accumulate, bias = word(p, 10), word(p, 11), word(p, 12)
        direct = b_step == size and b_row >= n * size
        note, lines = word(p, 18), min(k, 64) // 2
        for piece in range(word(p, 17)):
            a, b, c = places(p, piece)
            j = 0
            while j < n:
                slim = n - j <= wide_columns // 2
                width = narrow_columns if slim else wide_columns
                columns = min(width, n - j)
                # Rows of B are read where they lie, but for those whose tile ends behind B.
                packed = k
                if direct:
                    packed = min(k, ((width - columns) * size + b_row - 1) // b_row)
                s = 0
                while True:
                    depth = min(k - s, DEPTH)
                    left, right, end = a + s * a_step, b + s * b_row + j * b_step, k - s - depth
                    last = min(depth, max(packed - end, 0))
                    if last:
                        source = right + (depth - last) * b_row
                        pack(source, b_row, b_step, last, columns, room, width * size)
                    adding, added = accumulate | s, bias + j * size if bias and s == 0 else 0
                    if slim:
                        for i in range(0, m, rows):
                            look_ahead(note, lines)
                            multiply_narrow(
                                left + i * a_row, a_row, a_step, right, b_row, depth - last, room,
                                last, min(rows, m - i), c + i * c_row + j * size, c_row, columns,
                                adding, added,
                            )  # fmt: skip
                    else:
                        for i in range(0, m, rows):
                            look_ahead(note, lines)
                            multiply(
                                left + i * a_row, a_row, a_step, right, b_row, depth - last, room,
                                last, min(rows, m - i), c + i * c_row + j * size, c_row, columns,
                                adding, added,
                            )  # fmt: skip
                    s += depth
                    if s == k:
                        break
                j += width

    return kernel


def _packer(T: np.dtype) -> Any:
    """Return ``pack(source, row, step, rows, columns, to, pitch)``: rows of B side by side."""
    size = T.itemsize
    get, put = cells(T)
    turn, side = transposer(size), lanes_of(size)

    @njit
    def pack(
        source: int, row: int, step: int, rows: int, columns: int, to: int, pitch: int
    ) -> None:
        if row == size and step != size:
            for j in range(0, columns, side):
                for i in range(0, rows, side):
                    turn(
                        source + i * size + j * step, step, columns - j, rows - i,
                        to + i * pitch + j * size, pitch,
                    )  # fmt: skip
        else:
            one, i = hidden(1), 0
            while i < rows:
                j = 0
                while j < columns:
                    put(to + i * pitch + j * size, get(source + i * row + j * step))
                    j += one
                i += one

    return pack


# --- of few rows, by a transposed matrix ----------------------------------------------------------
def across(T: np.dtype) -> Any:
    """In squares turned in registers: terms lie side by side in B as in A, of which rows are few.

    Word 13 is room for the terms of A, turned: packed are few rows of A, not all columns of B.
    """
    size, lanes = T.itemsize, lanes_of(T.itemsize)
    multiply = multiplier(Tile(lanes, 1, size, turned=True))
    turn, pitch = transposer(size), lanes * size

    def kernel(p: int) -> None:
        m, k, n, room = word(p, 3), word(p, 4), word(p, 5), word(p, 13)
        a_row, b_step, c_row = word(p, 6), word(p, 9), word(p, 10)
        panel = (min(k, DEPTH) + lanes - 1) // lanes * lanes * pitch
        for piece in range(word(p, 17)):
            a, b, c = places(p, piece)
            for s in range(0, k, DEPTH):
                depth, accumulate = min(k - s, DEPTH), word(p, 11) | s
                bias, to = 0 if s else word(p, 12), room
                for i in range(0, m, lanes):
                    for t in range(0, depth, lanes):
                        source = a + i * a_row + (s + t) * size
                        turn(source, a_row, m - i, depth - t, to + t * pitch, pitch)
                    to += panel
                for j in range(0, n, lanes):
                    left, panels = b + j * b_step + s * size, room
                    for i in range(0, m, lanes):
                        multiply(
                            left, b_step, size, panels, pitch, depth, room, 0, min(n - j, lanes),
                            c + i * c_row + j * size, c_row, min(m - i, lanes),
                            accumulate, bias + j * size if bias else 0,
                        )  # fmt: skip
                        panels += panel

    return kernel


# --- of few columns -------------------------------------------------------------------------------
def paired(T: np.dtype) -> Any:
    """Two terms at a time: columns of A lie side by side, and those of B, of which are not few."""
    size, rows, columns = T.itemsize, height_of_terms(), width(T.itemsize)
    multiply = by_terms(size)

    def kernel(p: int) -> None:
        m, k, n = word(p, 3), word(p, 4), word(p, 5)
        a_row, b_row, c_row = word(p, 6), word(p, 8), word(p, 10)
        for piece in range(word(p, 17)):
            a, b, c = places(p, piece)
            for s in range(0, k, DEPTH):
                accumulate, bias = word(p, 11) | s, 0 if s else word(p, 12)
                for j in range(0, n * size, columns * size):
                    for i in range(0, m, rows):
                        multiply(
                            a + i * a_row + s * size, a_row, b + s * b_row + j, b_row,
                            min(k - s, DEPTH), min(m - i, rows), c + i * c_row + j, c_row,
                            min(n - j // size, columns), accumulate, bias + j if bias else 0,
                        )  # fmt: skip

    return kernel


def paired_rows(T: np.dtype) -> Any:
    """Two rows at a time: rows of A lie side by side, as many as a vector has lanes, or more."""
    size, rows, columns = T.itemsize, lanes_of(T.itemsize), width(T.itemsize)
    multiply = by_rows(size)

    def kernel(p: int) -> None:
        m, k, n = word(p, 3), word(p, 4), word(p, 5)
        a_step, b_row, c_row = word(p, 7), word(p, 8), word(p, 10)
        note, lines = word(p, 18), min(k, 64)
        for piece in range(word(p, 17)):
            a, b, c = places(p, piece)
            for s in range(0, k, DEPTH):
                accumulate, bias = word(p, 11) | s, 0 if s else word(p, 12)
                for r in range(0, m, rows):
                    # The last tile begins among rows that are there already.
                    i = min(r, m - rows)
                    for j in range(0, n * size, columns * size):
                        look_ahead(note, lines)
                        multiply(
                            a + i * size + s * a_step, a_step, b + s * b_row + j, b_row,
                            min(k - s, DEPTH), r - i, c + i * c_row + j, c_row,
                            min(n - j // size, columns), accumulate, bias + j if bias else 0,
                        )  # fmt: skip

    return kernel


def dots(T: np.dtype) -> Any:
    """Terms side by side in A; word 13 is room for a column of B, unless it is so in B as well."""
    size, rows = T.itemsize, height(T.itemsize)
    multiply = by_dots(size)
    get, put = cells(T)

    def kernel(p: int) -> None:
        m, k, n, room = word(p, 3), word(p, 4), word(p, 5), word(p, 13)
        a_row, b_row, c_row = word(p, 6), word(p, 8), word(p, 10)
        accumulate, bias, one = word(p, 11), word(p, 12), hidden(size)
        for piece in range(word(p, 17)):
            a, b, c = places(p, piece)
            b_step = word(p, 9)
            if b_row != size:
                to = room
                for j in range(n):
                    at, end = b + j * b_step, to + k * size
                    while to < end:
                        put(to, get(at))
                        at += b_row
                        to += one
                b, b_step = room, k * size
            for i in range(0, m, rows):
                for j in range(n):
                    multiply(
                        a + i * a_row, a_row, b + j * b_step, k, min(m - i, rows),
                        c + i * c_row + j * size, c_row, accumulate, bias + j * size if bias else 0,
                    )  # fmt: skip

    return kernel


# --- through BLAS ---------------------------------------------------------------------------------
def gemm(T: np.dtype) -> Any:
    """By BLAS. Of the strides of A and B one of the two is the size of an entry."""
    size = T.itemsize
    call = _gemm_call(numba_type(T))
    get, put = cells(T)

    def kernel(p: int) -> None:
        m, k, n, c_row = word(p, 3), word(p, 4), word(p, 5), word(p, 10)
        beta, bias = word(p, 11), word(p, 12)
        # C by rows is its transpose by columns: Cᵀ = Bᵀ Aᵀ.
        turn_b, turn_a = np.int64(word(p, 9) != size), np.int64(word(p, 7) != size)
        step_b = word(p, 9) if turn_b else word(p, 8)
        step_a = word(p, 7) if turn_a else word(p, 6)
        for piece in range(word(p, 17)):
            a, b, c = places(p, piece)
            if bias:
                for i in range(m):
                    for j in range(0, n * size, size):
                        to = c + i * c_row + j
                        put(to, get(to) + get(bias + j) if beta else get(bias + j))
            call(
                word(p, 14), turn_b, turn_a, n, m, k, b, step_b // size,
                a, step_a // size, 1 if bias else beta, c, c_row // size,
            )  # fmt: skip

    return kernel


def _gemm_call(number: Any) -> Any:
    """Return ``call(routine, ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc)``, column-major."""
    integer, address, byte = ir.IntType(32), ir.IntType(64), ir.IntType(8)

    @intrinsic
    def call(typingctx: Any, routine: Any, *arguments: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            real = context.get_value_type(number)
            taken = [builder.extract_value(given[1], i) for i in range(12)]

            def held(value: Any, kind: Any) -> Any:
                place = cgutils.alloca_once(builder, kind)
                builder.store(value, place)
                return builder.ptrtoint(place, address)

            def size(i: int) -> Any:
                return held(builder.trunc(taken[i], integer), integer)

            def letter(i: int) -> Any:
                flag = builder.icmp_signed("!=", taken[i], address(0))
                return held(builder.select(flag, byte(ord("T")), byte(ord("N"))), byte)

            places = [letter(0), letter(1), size(2), size(3), size(4), held(real(1.0), real)]
            places += [taken[5], size(6), taken[7], size(8)]
            places += [held(builder.sitofp(taken[9], real), real), taken[10], size(11)]
            kind = ir.FunctionType(ir.VoidType(), [address] * 13)
            builder.call(builder.inttoptr(given[0], kind.as_pointer()), places)
            return context.get_dummy_value()

        return types.void(types.int64, types.StarArgTuple([types.int64] * 12)), generate

    return call


# --- by plain loops -------------------------------------------------------------------------------
def plain(T: np.dtype) -> Any:
    """By three loops, for every dtype and all strides; bools are joined by or."""
    size, number = T.itemsize, numba_type(T)
    boolean = T.kind == "b"
    get, put = cells(T)

    def kernel(p: int) -> None:
        m, k, n = word(p, 3), word(p, 4), word(p, 5)
        a_row, a_step, b_row, b_step = word(p, 6), word(p, 7), word(p, 8), word(p, 9)
        c_row, accumulate, bias = word(p, 10), word(p, 11), word(p, 12)
        one = hidden(1)
        for piece in range(word(p, 17)):
            a, b, c = places(p, piece)
            i = 0
            while i < m:
                j = 0
                while j < n:
                    total, left, right, s = number(0), a, b + j * b_step, k
                    while s > 0:
                        if boolean:
                            total = total or (get(left) and get(right))
                        else:
                            total = number(total + get(left) * get(right))
                        left += a_step
                        right += b_row
                        s -= one
                    if bias:
                        total = number(total + get(bias + j * size))
                    if accumulate:
                        total = number(total + get(c + j * size))
                    put(c + j * size, total)
                    j += one
                a += a_row
                c += c_row
                i += one

    return kernel


def tiny(T: np.dtype) -> Any:
    """For k from 1 to 4 and few entries, of all strides and in no stack."""
    size = T.itemsize
    get, put = cells(T)

    def kernel(p: int) -> None:
        c, a, b = word(p, 0), word(p, 1), word(p, 2)
        m, k, n, c_row = word(p, 3), word(p, 4), word(p, 5), word(p, 10)
        a_row, a_step, b_row, b_step = word(p, 6), word(p, 7), word(p, 8), word(p, 9)
        accumulate, bias = word(p, 11), word(p, 12)
        extra, one = accumulate | bias, hidden(1)
        while m > 0:
            right, to, added, left = b, c, bias, n
            while left > 0:
                total = get(a) * get(right)
                if k > 1:
                    total += get(a + a_step) * get(right + b_row)
                if k > 2:
                    total += get(a + 2 * a_step) * get(right + 2 * b_row)
                if k > 3:
                    total += get(a + 3 * a_step) * get(right + 3 * b_row)
                if extra:
                    if bias:
                        total += get(added)
                        added += size
                    if accumulate:
                        total += get(to)
                put(to, total)
                right += b_step
                to += size
                left -= one
            a += a_row
            c += c_row
            m -= one

    return kernel
