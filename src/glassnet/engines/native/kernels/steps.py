"""Kernels of a training step beside its arithmetic: whether all numbers are finite."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.engines.native.kernels.primitives import view, words

ARGUMENTS = 1

_BLOCK = 16384
"""Bytes after which it looks whether the answer is known: a vectorised loop has no early end."""


def finite(T: np.dtype) -> Any:
    """``[→ flag, segments, → (address, entries) of each]``: the flag, an int64, becomes 1 where an
    entry is infinite or no number, and stays otherwise.

    Such an entry has all the bits of the exponent set (IEEE 754), so no other has greater ones.
    """
    integer: Any = np.dtype(f"i{T.itemsize}").type
    infinite = integer(np.array(np.inf, T).view(integer))
    size = T.itemsize
    block = _BLOCK // size

    def kernel(p: int) -> None:
        q = words(p)
        segments = view(q[2], 2 * q[1], np.int64)
        for segment in range(q[1]):
            place, entries = segments[2 * segment], segments[2 * segment + 1]
            for first in range(0, entries, block):
                taken = min(block, entries - first)
                bits = view(place + first * size, taken, integer)
                greatest = integer(0)
                for i in range(taken):
                    greatest = max(greatest, bits[i] & infinite)
                if greatest == infinite:
                    view(q[0], 1, np.int64)[0] = 1
                    return

    return kernel
