"""Kernels that move entries about: copies of any strides, rows picked by number, fills."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.engines.native.kernels.primitives import view, words

ARGUMENTS = 1


def copy(T: np.dtype) -> Any:
    """``[out, in, axes, → (sizes, strides in bytes)]``: a row-major copy."""
    size = T.itemsize

    def kernel(p: int) -> None:
        q = words(p)
        out, source, axes = q[0], q[1], q[2]
        sizes = view(q[3], axes, np.int64)
        steps = view(q[3] + 8 * axes, axes, np.int64)
        total = 1
        for i in range(axes):
            total *= sizes[i]
        to = view(out, total, T)
        inner = sizes[axes - 1] if axes else 1
        step = steps[axes - 1] if axes else 0
        done = 0
        while done < total:
            rest, place = done // inner, source
            for i in range(axes - 2, -1, -1):
                place += rest % sizes[i] * steps[i]
                rest //= sizes[i]
            if step == size:
                row = view(place, inner, T)
                for j in range(inner):
                    to[done + j] = row[j]
            else:
                for j in range(inner):
                    to[done + j] = view(place + j * step, 1, T)[0]
            done += inner

    return kernel


def move(T: np.dtype) -> Any:
    """``[out, in, axes, rows, inner, out step, in step, → (sizes, out strides, in strides)]``.

    Copies an array of any strides to a place of any strides. The last axis (inner, with its two
    steps) stands apart from the others in the table; ``rows`` is the product of those.
    """
    size = T.itemsize

    def kernel(p: int) -> None:
        q = words(p)
        axes, rows, inner, to_step, from_step = q[2], q[3], q[4], q[5], q[6]
        sizes = view(q[7], axes, np.int64)
        to_steps = view(q[7] + 8 * axes, axes, np.int64)
        from_steps = view(q[7] + 16 * axes, axes, np.int64)
        for row in range(rows):
            rest, to, place = row, q[0], q[1]
            for i in range(axes - 1, -1, -1):
                at = rest % sizes[i]
                rest //= sizes[i]
                to += at * to_steps[i]
                place += at * from_steps[i]
            if to_step == size and from_step == size:
                target, source = view(to, inner, T), view(place, inner, T)
                for j in range(inner):
                    target[j] = source[j]
            else:
                for j in range(inner):
                    view(to + j * to_step, 1, T)[0] = view(place + j * from_step, 1, T)[0]

    return kernel


def fill(T: np.dtype) -> Any:
    """``[out, n, value]``: n entries of one value, given as the integer with its bits."""

    def kernel(p: int) -> None:
        q = words(p)
        n, value = q[1], T.type(q[2])
        to = view(q[0], n, T)
        for j in range(n):
            to[j] = value

    return kernel


def zero() -> Any:
    """``[out, nbytes]``: bytes of 0."""

    def kernel(p: int) -> None:
        q = words(p)
        n = q[1]
        to = view(q[0], n, np.uint8)
        for j in range(n):
            to[j] = 0

    return kernel


def copy_bytes() -> Any:
    """``[out, in, nbytes]``: bytes as they are."""

    def kernel(p: int) -> None:
        q = words(p)
        n = q[2]
        to, source = view(q[0], n, np.uint8), view(q[1], n, np.uint8)
        for j in range(n):
            to[j] = source[j]

    return kernel


def accumulate(T: np.dtype) -> Any:
    """``[out, in, n]``: out += in."""

    def kernel(p: int) -> None:
        q = words(p)
        n = q[2]
        to, source = view(q[0], n, T), view(q[1], n, T)
        for j in range(n):
            to[j] += source[j]

    return kernel


def gather(S: np.dtype, D: np.dtype) -> Any:
    """``[out, source, row numbers, count, entries a row]``: the rows with these numbers.

    The source is row-major; out holds the rows one after another, cast from S to D. The numbers
    are 64-bit integers and must be in range.
    """
    cast, by_out, by_source = D.type, D.itemsize, S.itemsize

    def kernel(p: int) -> None:
        q = words(p)
        count, n = q[3], q[4]
        numbers = view(q[2], count, np.int64)
        for i in range(count):
            target = view(q[0] + i * n * by_out, n, D)
            source = view(q[1] + numbers[i] * n * by_source, n, S)
            for j in range(n):
                target[j] = cast(source[j])

    return kernel


def count_up(T: np.dtype) -> Any:
    """``[out, n]``: 0, 1, … as far as n entries go."""
    cast = T.type

    def kernel(p: int) -> None:
        q = words(p)
        n = q[1]
        to = view(q[0], n, T)
        for j in range(n):
            to[j] = cast(j)

    return kernel
