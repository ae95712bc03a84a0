"""Kernels that move entries about: copies of any strides."""

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
