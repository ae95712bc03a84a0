"""Kernels that draw normal numbers by the ziggurat: bit for bit those of NumPy's ``Generator``.

The words begin as those of ``kernels.random``, but there is no entry without those before it: the
word ``offset`` stays unread. ``native.ziggurat`` says what the tables are.

Source: G. Marsaglia and W. Tsang, "The ziggurat method for generating random variables", 2000; for
the tail, G. Marsaglia, "Generating a variable from the tail of the normal distribution", 1964.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from glassnet.engines.native.kernels.philox import BLOCK, fill_blocks
from glassnet.engines.native.kernels.primitives import float_of_bits, stack, view, words

ARGUMENTS = 1

_BLOCKS = 32
_LAST = 3.6541528853610088

# What the next draw is for: a layer and a place in it; the height of a place near the curve; the
# two numbers that give a place in the tail.
_LAYER, _HEIGHT, _TAIL, _TAIL_HEIGHT = 0, 1, 2, 3


def normal(T: np.dtype) -> Any:
    """``[…, mean, standard deviation, truncated, → tables]``: normal numbers.

    The tables are 256 widths, 256 heights (float64) and 256 limits (integers). With ``truncated``,
    numbers beyond 2 are drawn again, all in turn, as often as there are any; the mean and the
    standard deviation are applied last.
    """
    memory = stack(_BLOCKS * BLOCK)
    width, single = T.itemsize, T.itemsize == 4
    block = BLOCK // width
    real, draw = T.type, (np.uint32 if single else np.uint64)
    signed: Any = np.int64
    double: Any = np.float64
    # A draw: 8 bits of the layer, the sign, then the place. A unit draw: the upper bits.
    place_shift, place_mask = 9, (2**23 if single else 2**52) - 1
    unit_shift, unit = draw(8 if single else 11), real(2.0**-24 if single else 2.0**-53)
    last, inverse, two, half = real(_LAST), real(1 / _LAST), real(2), -0.5

    def kernel(p: int) -> None:
        q = words(p)
        count = q[1]
        key, stream, step = np.uint64(q[3]), np.uint64(q[4]), np.uint64(words(q[5])[0])
        widths, heights = view(q[9], 256, np.float64), view(q[9] + 2048, 256, np.float64)
        limits = view(q[9] + 4096, 256, np.int64)
        to = view(q[0], count, T)
        room = memory()
        drawn = view(room, _BLOCKS * block, draw)
        at = held = seen = target = bits = 0
        layer = np.uint64(0)
        state, again = _LAYER, False
        x = tail = real(0)
        while target < count:
            if at == held:
                blocks = min(_BLOCKS, (count - target) // block + 1)
                fill_blocks(room, seen, blocks, step, key, stream)
                seen += blocks
                at, held = 0, blocks * block
            if state == _LAYER:
                # Nearly all numbers are made here: a loop of its own, short of registers.
                run = 1 if again else min(held - at, count - target)
                rows, made = view(room + at * width, run, draw), view(q[0] + target * width, run, T)
                at, target = at + run, target + run
                for i in range(run):
                    layer = np.uint64(rows[i]) & np.uint64(255)
                    bits = signed(rows[i] >> draw(place_shift)) & place_mask
                    # Nobody foretells a sign: a factor, not a branch.
                    x = real(bits) * real(widths[layer]) * real(1 - (signed(rows[i]) >> 7 & 2))
                    if bits >= limits[layer]:
                        state = _HEIGHT if layer else _TAIL
                        at, target = at - run + i + 1, target - run + i
                        break
                    made[i] = x
            else:
                u = real(signed(drawn[at] >> unit_shift)) * unit
                at += 1
                if state == _HEIGHT:
                    low = real(heights[layer])
                    height = (real(heights[layer - np.uint64(1)]) - low) * u + low
                    done = double(height) < math.exp(half * double(x) * double(x))
                    state = _LAYER
                elif state == _TAIL:
                    tail = -inverse * real(math.log1p(-u))
                    done, state = False, _TAIL_HEIGHT
                else:
                    other = -real(math.log1p(-u))
                    done = other + other > tail * tail
                    x = -(last + tail) if bits & 256 else last + tail
                    state = _LAYER if done else _TAIL
                if done:
                    to[target] = x
                    target += 1
            while again and target < count and abs(to[target]) <= two:
                target += 1
            if target == count and q[8]:
                again, target = True, 0
                while target < count and abs(to[target]) <= two:
                    target += 1
        mean, spread = real(float_of_bits(q[6])), real(float_of_bits(q[7]))
        for i in range(count):
            to[i] = to[i] * spread + mean

    return kernel
