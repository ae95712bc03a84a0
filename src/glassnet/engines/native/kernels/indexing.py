"""Kernels that pick entries by their numbers, and put them back."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.engines.native.kernels.primitives import view, words

ARGUMENTS = 1


def one_hot(L: np.dtype, D: np.dtype) -> Any:
    """``[out, labels, outer, classes, inner]``: 1 at the class, 0 elsewhere; out row-major."""
    zero, one = D.type(0), D.type(1)

    def kernel(p: int) -> None:
        q = words(p)
        outer, classes, inner = q[2], q[3], q[4]
        to, labels = view(q[0], outer * classes * inner, D), view(q[1], outer * inner, L)
        for j in range(outer * classes * inner):
            to[j] = zero
        for o in range(outer):
            for i in range(inner):
                label = np.int64(labels[o * inner + i])
                if 0 <= label < classes:
                    to[(o * classes + label) * inner + i] = one

    return kernel
