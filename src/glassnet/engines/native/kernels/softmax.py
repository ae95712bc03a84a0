"""Kernels of softmax and its kin, over the rows of a matrix.

A few rows at a time, about as many as the L1 cache holds, go through passes: the largest entry is
taken from each row, the exponentials of all entries are formed in one stretch, so that short rows
are no shorter vectors, and each row is summed up.
log Σ eᶻ is computed as the ops define it: the exponential of the largest entry, 1, is left out of
the sum, which goes through log1p. Source: see ``glassnet.ops.softmax``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from glassnet.engines.native.kernels.primitives import view, words

ARGUMENTS = 1

_CHUNK = 1024
"""About so many entries are taken at a time; the scratch of an instruction knows it too."""

_exp = math.exp
_log1p = math.log1p


@njit
def _top(row: Any, n: int) -> Any:
    """The largest entry; NaN where one is."""
    a = b = c = d = row[0]
    whole = n // 4 * 4
    for j in range(0, whole, 4):
        p, q, r, s = row[j], row[j + 1], row[j + 2], row[j + 3]
        a = a if a >= p or a != a else p  # a NaN stays
        b = b if b >= q or b != b else q
        c = c if c >= r or c != c else r
        d = d if d >= s or d != d else s
    for j in range(whole, n):
        p = row[j]
        a = a if a >= p or a != a else p
    a = a if a >= b or a != a else b
    c = c if c >= d or c != c else d
    return a if a >= c or a != a else c


@njit
def _sum(row: Any, n: int, zero: Any) -> Any:
    """The sum, in blocks so that rounding grows slowly."""
    total, start = zero, 0
    while start < n:
        end = min(start + 256, n)
        whole = start + (end - start) // 4 * 4
        a = b = c = d = zero
        for j in range(start, whole, 4):
            a, b, c, d = a + row[j], b + row[j + 1], c + row[j + 2], d + row[j + 3]
        for j in range(whole, end):
            a += row[j]
        total += (a + b) + (c + d)
        start = end
    return total


def _passes(T: np.dtype) -> tuple[Any, Any]:
    """The passes that all kernels share, in a float type."""
    size, number = T.itemsize, T.type
    zero, one = number(0), number(1)

    @njit
    def take_top(z: int, source: int, rows: int, n: int, step: int, tops: int) -> None:
        """z = x - the row's largest entry; ``tops`` keeps that, finite or 0, unless it is 0."""
        for i in range(rows):
            row, to = view(source + i * step, n, T), view(z + i * n * size, n, T)
            top = _top(row, n)
            if tops:
                top = top if top - top == zero else zero
                view(tops + i * size, 1, T)[0] = top
            for j in range(n):
                to[j] = row[j] - top

    @njit
    def log_sums(sums: int, e: int, z: int, rows: int, n: int) -> None:
        """sums = log Σ eᶻ for each row; e is room for as many entries as z has."""
        count = rows * n
        power, shifted = view(e, count, T), view(z, count, T)
        for j in range(count):
            power[j] = _exp(shifted[j]) - (one if shifted[j] == zero else zero)
        total = view(sums, rows, T)
        for i in range(rows):
            row = view(z + i * n * size, n, T)
            ties = -one
            for j in range(n):
                ties += one if row[j] == zero else zero
            total[i] = _sum(view(e + i * n * size, n, T), n, zero) + ties
        for i in range(rows):
            total[i] = _log1p(total[i])

    return take_top, log_sums


def softmax(T: np.dtype) -> Any:
    """``[out, in, rows, n, step from row to row]``: eˣ / Σ eˣ for each row; out is row-major."""
    size, zero, one = T.itemsize, T.type(0), T.type(1)
    take_top, _ = _passes(T)

    def kernel(p: int) -> None:
        q = words(p)
        rows, n, step = q[2], q[3], q[4]
        out, source = q[0], q[1]
        chunk = max(_CHUNK // n, 1)
        done = 0
        while done < rows:
            count = min(chunk, rows - done)
            take_top(out, source, count, n, step, 0)
            power = view(out, count * n, T)
            for j in range(count * n):
                power[j] = _exp(power[j])
            for i in range(count):
                row = view(out + i * n * size, n, T)
                share = one / _sum(row, n, zero)
                for j in range(n):
                    row[j] *= share
            done, out, source = done + count, out + count * n * size, source + count * step

    return kernel


def log_softmax(T: np.dtype) -> Any:
    """``[out, in, rows, n, step, scratch]``: x - log Σ eˣ for each row; out is row-major."""
    size = T.itemsize
    take_top, log_sums = _passes(T)

    def kernel(p: int) -> None:
        q = words(p)
        rows, n, step, e = q[2], q[3], q[4], q[5]
        out, source = q[0], q[1]
        chunk = max(_CHUNK // n, 1)
        sums = e + chunk * n * size
        done = 0
        while done < rows:
            count = min(chunk, rows - done)
            take_top(out, source, count, n, step, 0)
            log_sums(sums, e, out, count, n)
            total = view(sums, count, T)
            for i in range(count):
                row = view(out + i * n * size, n, T)
                for j in range(n):
                    row[j] -= total[i]
            done, out, source = done + count, out + count * n * size, source + count * step

    return kernel


def log_sum_exp(T: np.dtype) -> Any:
    """``[out, in, rows, n, step, scratch]``: log Σ eˣ for each row."""
    size = T.itemsize
    take_top, log_sums = _passes(T)

    def kernel(p: int) -> None:
        q = words(p)
        rows, n, step, z = q[2], q[3], q[4], q[5]
        out, source = q[0], q[1]
        chunk = max(_CHUNK // n, 1)
        e = z + chunk * n * size
        tops = e + chunk * n * size
        done = 0
        while done < rows:
            count = min(chunk, rows - done)
            take_top(z, source, count, n, step, tops)
            log_sums(out, e, z, count, n)
            total, top = view(out, count, T), view(tops, count, T)
            for i in range(count):
                total[i] += top[i]
            done, out, source = done + count, out + count * size, source + count * step

    return kernel


def cross_entropy(T: np.dtype) -> Any:
    """``[out, in, rows, n, step, scratch, targets, their step]``: -Σ t log softmax(x)."""
    size, zero = T.itemsize, T.type(0)
    take_top, log_sums = _passes(T)

    def kernel(p: int) -> None:
        q = words(p)
        rows, n, step, z = q[2], q[3], q[4], q[5]
        out, source, targets = q[0], q[1], q[6]
        chunk = max(_CHUNK // n, 1)
        e = z + chunk * n * size
        done = 0
        while done < rows:
            count = min(chunk, rows - done)
            take_top(z, source, count, n, step, 0)
            log_sums(out, e, z, count, n)
            total = view(out, count, T)
            for i in range(count):
                row, target = view(z + i * n * size, n, T), view(targets + i * q[7], n, T)
                terms = view(e + i * n * size, n, T)
                for j in range(n):
                    terms[j] = target[j] * (total[i] - row[j])
                total[i] = _sum(terms, n, zero)
            done, out, source = done + count, out + count * size, source + count * step
            targets += count * q[7]

    return kernel


def sparse_cross_entropy(T: np.dtype, L: np.dtype) -> Any:
    """``[out, in, rows, n, step, scratch, labels]``: -log softmax(x)[c], one label a row.

    A label that names no class gives NaN.
    """
    size, nan = T.itemsize, T.type(np.nan)
    take_top, log_sums = _passes(T)

    def kernel(p: int) -> None:
        q = words(p)
        rows, n, step, z = q[2], q[3], q[4], q[5]
        out, source = q[0], q[1]
        chunk = max(_CHUNK // n, 1)
        e = z + chunk * n * size
        labels = view(q[6], rows, L)
        done = 0
        while done < rows:
            count = min(chunk, rows - done)
            take_top(z, source, count, n, step, 0)
            log_sums(out, e, z, count, n)
            total, shifted = view(out, count, T), view(z, count * n, T)
            for i in range(count):
                label = np.int64(labels[done + i])
                total[i] = total[i] - shifted[i * n + label] if 0 <= label < n else nan
            done, out, source = done + count, out + count * size, source + count * step

    return kernel
