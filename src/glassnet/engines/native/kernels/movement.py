"""Kernels that move entries about: copies of any strides, fills, sums."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from glassnet.engines.native.kernels.arrays import WORD, Array
from glassnet.engines.native.kernels.folding import apart, loop, sweep
from glassnet.engines.native.kernels.primitives import view, words

ARGUMENTS = 1


_TILE = 16


def copy(T: np.dtype) -> Any:
    """``[out, in, axes, → (sizes, strides in bytes)]``: a row-major copy."""
    size, plane = T.itemsize, _plane(T)

    def kernel(p: int) -> None:
        q = words(p)
        axes, to = q[2], q[0]
        sizes, steps = words(q[3]), words(q[3] + 8 * axes)
        n, step = (sizes[axes - 1], steps[axes - 1]) if axes > 0 else (1, size)
        m, pitch = (sizes[axes - 2], steps[axes - 2]) if axes > 1 else (1, 0)
        planes = 1
        for i in range(axes - 2):
            planes *= sizes[i]
        for k in range(planes):
            rest, place = k, q[1]
            for i in range(axes - 3, -1, -1):
                place += rest % sizes[i] * steps[i]
                rest //= sizes[i]
            plane(to, place, m, n, n * size, size, pitch, step)
            to += m * n * size

    return kernel


def move(T: np.dtype) -> Any:
    """``[out, in, axes, → (sizes, out strides, in strides)]``: from any strides to any strides."""
    plane = _plane(T)

    def kernel(p: int) -> None:
        q = words(p)
        axes = q[2]
        sizes, to_steps, steps = words(q[3]), words(q[3] + 8 * axes), words(q[3] + 16 * axes)
        n, a, b = (sizes[axes - 1], to_steps[axes - 1], steps[axes - 1]) if axes > 0 else (1, 0, 0)
        m, c, d = (sizes[axes - 2], to_steps[axes - 2], steps[axes - 2]) if axes > 1 else (1, 0, 0)
        planes = 1
        for i in range(axes - 2):
            planes *= sizes[i]
        for k in range(planes):
            rest, to, place = k, q[0], q[1]
            for i in range(axes - 3, -1, -1):
                at = rest % sizes[i]
                rest //= sizes[i]
                to += at * to_steps[i]
                place += at * steps[i]
            plane(to, place, m, n, c, a, d, b)

    return kernel


def _plane(T: np.dtype) -> Any:
    """``plane(to, from, m, n, to's steps along m and n, from's steps)``: copy m rows of n entries.

    Where the entries of a row lie apart, tiles keep to the memory that the cache has.
    """
    size, line = T.itemsize, _line(T)

    @njit
    def plane(to: int, place: int, m: int, n: int, c: int, a: int, d: int, b: int) -> None:
        tile = n if a == size and b == size else _TILE
        high = m if tile == n else _TILE
        for top in range(0, m, high):
            bottom = top + high if top + high < m else m
            for left in range(0, n, tile):
                width = tile if left + tile < n else n - left
                for r in range(top, bottom):
                    line(to + r * c + left * a, place + r * d + left * b, width, a, b)

    return plane


def _line(T: np.dtype) -> Any:
    """``line(to, from, n, to's step, from's step)``: copy n entries."""

    def write(builder: Any, to: Any, place: Any, n: Any, to_step: Any, step: Any) -> None:
        beside = builder.and_(
            builder.icmp_signed("==", to_step, WORD(T.itemsize)),
            builder.icmp_signed("==", step, WORD(T.itemsize)),
        )
        with builder.if_else(beside) as (then, otherwise):
            with then:
                target, source = Array(builder, to, T), Array(builder, place, T)
                sweep(builder, n, [source], lambda x: [x], write=target)
            with otherwise:

                def one(i: Any, held: Any) -> Any:
                    there = Array(builder, builder.add(place, builder.mul(i, step)), T)
                    here = Array(builder, builder.add(to, builder.mul(i, to_step)), T)
                    here.store(there.load(WORD(0), 1), WORD(0))
                    return held

                loop(builder, WORD(0), n, WORD(1), [], one)

    return apart(f"line.{T.str[1:]}", write, 5)


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


def accumulate(T: np.dtype) -> Any:
    """``[out, in, n]``: out += in."""

    def kernel(p: int) -> None:
        q = words(p)
        n = q[2]
        to, source = view(q[0], n, T), view(q[1], n, T)
        for j in range(n):
            to[j] += source[j]

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
