"""Kernels that draw random numbers: bit for bit those of NumPy's ``Generator`` on ``Philox``.

All random ops begin with the words ``[out, count, offset, seed, stream, → step]``, whose step is
read when the kernel runs. The numbers are entries ``offset`` … of the whole draw, where the rule
says that a kernel takes an offset: each entry comes from a counter, so it needs none before it.

Blocks of random bits are drawn into memory on the stack, from which the numbers are made: so that
the second loop is one over plain arrays.

Sources: NumPy's reference on its generators for what is drawn in which order; D. Lemire, "Fast
random integer generation in an interval", 2019; R. Durstenfeld, "Algorithm 235: random
permutation", 1964.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from glassnet.engines.native.kernels.philox import BLOCK, fill_blocks, wide_product
from glassnet.engines.native.kernels.primitives import float_of_bits, stack, view, words

ARGUMENTS = 1

_BLOCKS = 128
"""How many blocks are drawn at once: 4 kB, which stay in the nearest cache."""
_CHUNK = _BLOCKS * BLOCK


# --- one number from each draw ----------------------------------------------------------------
def _independent(T: np.dtype, D: Any, convert: Any) -> Any:
    """Return the kernel of numbers that each come from one draw of ``D``, with three parameters."""
    memory = stack(_CHUNK)
    size, width = T.itemsize, np.dtype(D).itemsize
    block = BLOCK // width

    def kernel(p: int) -> None:
        q = words(p)
        out, count, offset = q[0], q[1], q[2]
        key, stream, step = np.uint64(q[3]), np.uint64(q[4]), np.uint64(words(q[5])[0])
        a, b, c = float_of_bits(q[6]), float_of_bits(q[7]), float_of_bits(q[8])
        place = memory()
        done = 0
        while done < count:
            first, skip = (offset + done) // block, (offset + done) % block
            taken = min(_BLOCKS * block - skip, count - done)
            fill_blocks(place, first, (skip + taken + block - 1) // block, step, key, stream)
            drawn = view(place + skip * width, taken, D)
            to = view(out + done * size, taken, T)
            for i in range(taken):
                to[i] = convert(drawn[i], a, b, c)
            done += taken

    return kernel


def bernoulli(T: np.dtype) -> Any:
    """``[…, limit, hit, miss]``: hit where 32 random bits are at most ``limit``, else miss."""
    real = T.type

    @njit(forceinline=True)
    def convert(drawn: Any, limit: float, hit: float, miss: float) -> Any:
        return real(hit) if drawn <= np.uint32(limit) else real(miss)

    return _independent(T, np.uint32, convert)


def uniform(T: np.dtype) -> Any:
    """``[…, span, low, top]``: ``low + span · u`` with u on [0, 1), but at most ``top``."""
    real = T.type
    single = T.itemsize == 4
    # As many upper bits as the dtype holds digits; a signed integer turns into a float faster.
    unused, unit = (8, real(2.0**-24)) if single else (11, real(2.0**-53))
    draw, signed = (np.uint32, np.int32) if single else (np.uint64, np.int64)
    shift = draw(unused)

    @njit(forceinline=True)
    def convert(drawn: Any, span: float, low: float, top: float) -> Any:
        u = real(signed(drawn >> shift)) * unit * real(span) + real(low)
        return u if u < real(top) else real(top)

    return _independent(T, draw, convert)


# --- integers ---------------------------------------------------------------------------------
def integers(D: np.dtype, T: np.dtype) -> Any:
    """``[…, number of values, low]``: each of so many integers from ``low`` on equally likely.

    ``D`` is the dtype of a draw; T is that of the numbers, unsigned. All 2⁶⁴ values are written 0.
    A draw times the number of values, divided by the number of draws there are, is the integer;
    draws whose remainder is too small are left out, so that every integer has equally many.
    """
    memory = stack(_CHUNK)
    width, draw, value = D.itemsize, D.type, T.type
    block, wide = BLOCK // width, D.itemsize == 8
    bits, mask = np.uint64(8 * width % 64), np.uint64(2 ** (8 * width) - 1)

    def kernel(p: int) -> None:
        q = words(p)
        count, values, low = q[1], np.uint64(q[6]), np.uint64(q[7])
        key, stream, step = np.uint64(q[3]), np.uint64(q[4]), np.uint64(words(q[5])[0])
        least = np.uint64(0)
        if values:
            least = (mask - values + np.uint64(1)) % values
        to = view(q[0], count, value)
        place = memory()
        done = seen = 0
        while done < count:
            first, skip = seen // block, seen % block
            taken = min(_BLOCKS * block - skip, count - done)
            fill_blocks(place, first, (skip + taken + block - 1) // block, step, key, stream)
            drawn = view(place + skip * width, taken, draw)
            for i in range(taken):
                if wide:
                    upper, lower = wide_product(np.uint64(drawn[i]), values)
                    if values == 0:
                        upper = np.uint64(drawn[i])
                else:
                    product = np.uint64(drawn[i]) * values
                    upper, lower = product >> bits, product & mask
                to[done] = value(upper + low)
                done += lower >= least
            seen += taken

    return kernel


# --- permutations -----------------------------------------------------------------------------
def _permute() -> Any:
    memory = stack(_CHUNK)
    signed: Any = np.int64

    @njit(forceinline=True)
    def permute(out: int, count: int, key: Any, second_key: Any, top: Any) -> None:
        """Write 0, 1, … and exchange each entry, from the last, with one not behind it.

        Its place is a draw of 32 bits cut to the bits of the highest place, and drawn again while
        it is higher than that. Whether it is would be a branch that nobody can foretell: so a run
        of draws for which the bits are the same is sifted by arithmetic first.
        """
        to = view(out, count, np.int64)
        for i in range(count):
            to[i] = i
        place = memory()
        last, seen = count - 1, 0
        while last > 0:
            # About as many as will be needed: a third of the draws is refused on average.
            blocks = min(_BLOCKS, (last + last // 2) // 8 + 1)
            fill_blocks(place, seen // 8, blocks, top, key, second_key)
            drawn = view(place, 8 * blocks, np.uint32)
            at = seen % 8
            seen += 8 * blocks - at
            while at < 8 * blocks and last > 0:
                bound = 1
                while 2 * bound <= last:
                    bound *= 2
                run = min(8 * blocks - at, last - bound + 1)
                kept, high = 0, last
                for i in range(at, at + run):
                    other = signed(drawn[i]) & (2 * bound - 1)
                    drawn[at + kept] = other
                    fits = signed(other <= high)
                    kept += fits
                    high -= fits
                for i in range(at, at + kept):
                    other = signed(drawn[i])
                    to[last], to[other] = to[other], to[last]
                    last -= 1
                at += run

    return permute


def permutation() -> Any:
    """``[…]``: the numbers 0, …, count - 1 in random order, in int64."""
    permute = _permute()

    def kernel(p: int) -> None:
        q = words(p)
        step = np.uint64(words(q[5])[0])
        permute(q[0], q[1], np.uint64(q[3]), np.uint64(q[4]), step)

    return kernel


def shuffle() -> Any:
    """``[out, size, seed, → key]``: ``models.data.shuffled(size, seed, key)``, in int64."""
    permute = _permute()

    def kernel(p: int) -> None:
        q = words(p)
        permute(q[0], q[1], np.uint64(q[2]), np.uint64(words(q[3])[0]), np.uint64(0))

    return kernel
