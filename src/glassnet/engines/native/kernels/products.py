"""Matrix products C = A B: through BLAS by its address, and a plain loop for every dtype.

All kernels here take the same words::

    0 C   1 A   2 B   3 m   4 k   5 n   6 7 strides of A   8 9 strides of B   10 rows of C
    11 accumulate   12 bias   13 scratch   14 routine of BLAS   15 batch axes   16 → table

A is (m, k), B is (k, n), C is (m, n) with its columns side by side. Strides count bytes.
``accumulate`` 1 adds to what C holds; ``bias`` is the address of a row that is added to every row
of C, or 0. The table holds, for the axes before the matrices, sizes, steps of A, of B, of C.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from glassnet.engines.native.kernels.primitives import numba_type, view, words

ARGUMENTS = 1


@njit(inline="always")
def pieces(q: Any) -> int:
    """Return how many products the axes before the matrices make."""
    total = 1
    if q[15]:
        sizes = view(q[16], q[15], np.int64)
        for i in range(q[15]):
            total *= sizes[i]
    return total


@njit(inline="always")
def offset(q: Any, operand: int, piece: int) -> int:
    """Return where the matrix of a piece begins: 1 of A, 2 of B, 3 of C."""
    axes = q[15]
    place = 0
    if axes:
        sizes = view(q[16], axes, np.int64)
        steps = view(q[16] + 8 * axes * operand, axes, np.int64)
        for i in range(axes - 1, -1, -1):
            place += piece % sizes[i] * steps[i]
            piece //= sizes[i]
    return place


def _gemm_call(number: Any) -> Any:
    """Return ``call(routine, ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc)``, column-major."""
    integer, word, byte = ir.IntType(32), ir.IntType(64), ir.IntType(8)

    @intrinsic
    def call(typingctx: Any, routine: Any, *arguments: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            real = context.get_value_type(number)
            taken = [builder.extract_value(given[1], i) for i in range(12)]

            def held(value: Any, kind: Any) -> Any:
                place = cgutils.alloca_once(builder, kind)
                builder.store(value, place)
                return builder.ptrtoint(place, word)

            def size(i: int) -> Any:
                return held(builder.trunc(taken[i], integer), integer)

            def letter(i: int) -> Any:
                flag = builder.icmp_signed("!=", taken[i], word(0))
                return held(builder.select(flag, byte(ord("T")), byte(ord("N"))), byte)

            places = [letter(0), letter(1), size(2), size(3), size(4), held(real(1.0), real)]
            places += [taken[5], size(6), taken[7], size(8)]
            places += [held(builder.sitofp(taken[9], real), real), taken[10], size(11)]
            kind = ir.FunctionType(ir.VoidType(), [word] * 13)
            builder.call(builder.inttoptr(given[0], kind.as_pointer()), places)
            return context.get_dummy_value()

        return types.void(types.int64, types.StarArgTuple([types.int64] * 12)), generate

    return call


def gemm(T: np.dtype) -> Any:
    """By BLAS. Of the strides of A and B one of the two is the size of an entry."""
    size = T.itemsize
    call = _gemm_call(types.float32 if size == 4 else types.float64)

    def kernel(p: int) -> None:
        q = words(p)
        m, k, n = q[3], q[4], q[5]
        bias, beta = q[12], q[11]
        # C by rows is its transpose by columns: Cᵀ = Bᵀ Aᵀ.
        turn_b, turn_a = np.int64(q[9] != size), np.int64(q[7] != size)
        step_b = q[9] if turn_b else q[8]
        step_a = q[7] if turn_a else q[6]
        for piece in range(pieces(q)):
            c = q[0] + offset(q, 3, piece)
            if bias:
                added = view(bias, n, T)
                for i in range(m):
                    row = view(c + i * q[10], n, T)
                    for j in range(n):
                        row[j] = row[j] + added[j] if q[11] else added[j]
                beta = 1
            a, b = q[1] + offset(q, 1, piece), q[2] + offset(q, 2, piece)
            call(
                q[14], turn_b, turn_a, n, m, k,
                b, step_b // size, a, step_a // size, beta, c, q[10] // size,
            )  # fmt: skip

    return kernel


def plain(T: np.dtype) -> Any:
    """By three loops, for every dtype and all strides; bools are joined by or."""
    size, number = T.itemsize, numba_type(T)
    put = _put_any if T.kind == "b" else _put_sum

    def kernel(p: int) -> None:
        q = words(p)
        m, k, n = q[3], q[4], q[5]
        a_row, a_step, b_step, b_column = q[6], q[7], q[8], q[9]
        for piece in range(pieces(q)):
            a, b = q[1] + offset(q, 1, piece), q[2] + offset(q, 2, piece)
            c = q[0] + offset(q, 3, piece)
            for i in range(m):
                row = view(c + i * q[10], n, T)
                for j in range(n):
                    total = number(0)
                    left, right = a + i * a_row, b + j * b_column
                    for _ in range(k):
                        total = put(total, view(left, 1, T)[0] * view(right, 1, T)[0])
                        left += a_step
                        right += b_step
                    if q[12]:
                        total = put(total, view(q[12] + j * size, 1, T)[0])
                    row[j] = put(row[j], total) if q[11] else total

    return kernel


@njit(inline="always")
def _put_sum(total: Any, term: Any) -> Any:
    return type(total)(total + term)


@njit(inline="always")
def _put_any(total: Any, term: Any) -> Any:
    return total or term != 0
