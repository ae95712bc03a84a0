"""Philox 4×64 with 10 rounds: four random words from a counter and a key.

The counter is of four words, the key of two. A generator's first words are those of its counter
plus one, as in NumPy's. Where fewer bits are drawn at once, the lower bits of a word come first,
which is the order in which they lie in memory.

Source: J. Salmon, M. Moraes, R. Dror and D. Shaw, "Parallel random numbers: as easy as 1, 2, 3",
2011: the multipliers, and the Weyl constants by which the key goes on from round to round.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from glassnet.engines.native.kernels.primitives import view

_MULTIPLIERS = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_WEYL = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
_ROUNDS = 10
BLOCK = 32
"""The bytes of four words."""


def _wide_product(typingctx: Any, a: Any, b: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word, double = ir.IntType(64), ir.IntType(128)
        first, second = (builder.zext(argument, double) for argument in arguments)
        product = builder.mul(first, second)
        upper = builder.trunc(builder.lshr(product, ir.Constant(double, 64)), word)
        halves = [upper, builder.trunc(product, word)]
        return context.make_tuple(builder, signature.return_type, halves)

    return types.UniTuple(types.uint64, 2)(types.uint64, types.uint64), generate


wide_product: Any = intrinsic(_wide_product)
"""``wide_product(a, b)``: the upper and the lower word of the product of two unsigned words."""


@njit(forceinline=True)
def random_words(number: int, top: Any, key: Any, second_key: Any) -> Any:
    """Return the words of block ``number``, from 0; ``top`` is the counter's highest word."""
    a, b, c, d = np.uint64(number + 1), np.uint64(0), np.uint64(0), top
    k, s = key, second_key
    for _ in range(_ROUNDS):
        upper, lower = wide_product(_MULTIPLIERS[0], a)
        upper_c, lower_c = wide_product(_MULTIPLIERS[1], c)
        a, b, c, d = upper_c ^ b ^ k, lower_c, upper ^ d ^ s, lower
        k += _WEYL[0]
        s += _WEYL[1]
    return a, b, c, d


@njit(forceinline=True)
def fill_blocks(place: int, first: int, count: int, top: Any, key: Any, second_key: Any) -> None:
    """Write ``count`` blocks from number ``first`` on to an address, 32 bytes each."""
    drawn = view(place, 4 * count, np.uint64)
    for i in range(count):
        a, b, c, d = random_words(first + i, top, key, second_key)
        drawn[4 * i], drawn[4 * i + 1] = a, b
        drawn[4 * i + 2], drawn[4 * i + 3] = c, d
