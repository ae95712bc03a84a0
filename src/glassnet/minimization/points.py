"""Points: where to start, and how one is written."""

from __future__ import annotations

from typing import Any

import numpy as np


def start_of(x0: Any) -> np.ndarray:
    """Return where to start, in float64.

    Raises:
        TypeError: where it is no number and no array of numbers.
    """
    start = np.asarray(x0)
    if start.dtype.kind not in "iuf" or not start.size:
        raise TypeError(f"x0: expected a number or an array of numbers; got {x0!r}.")
    return start.astype(np.float64)


def shown(x: np.ndarray) -> str:
    """Return a point as a message shows it."""
    if x.ndim == 0:
        return f"{x:.6g}"
    return np.array2string(x, precision=6, threshold=8, separator=", ")
