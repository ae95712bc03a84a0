"""The tables of the ziggurat by which NumPy draws normal numbers.

The half of the bell curve ``exp(-x²/2)`` is covered by 255 layers of one area and a base with the
tail, also of that area. Layer i ends at ``x[i]``, where the curve is as high as ``f[i]``. A draw
picks a layer and a place in it: below ``x[i-1]`` it lies under the curve for certain.

Source: G. Marsaglia and W. Tsang, "The ziggurat method for generating random variables", 2000: the
recurrence, and the end of the last layer. NumPy's tables are this recurrence in float64; the last
digits of the area, and one entry that was rounded up, were found by comparison.
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from functools import cache

import numpy as np

LAST = 3.6541528853610088
"""Where the last layer ends and the tail begins."""
_AREA = 0.004928673233974652
_LAYERS = 256
_ROUNDED_UP = 38


@cache
def tables(digits: int) -> tuple[tuple[float, ...], tuple[float, ...], tuple[int, ...]]:
    """Return ``x / 2**digits``, ``f`` and ``2**digits · x[i-1] / x[i]``; digits: 52 or 23."""
    x, f = [0.0] * _LAYERS, [1.0] * _LAYERS
    x[-1], f[-1] = LAST, _exp(-0.5 * LAST * LAST)
    x[0] = _AREA / f[-1]
    for i in range(_LAYERS - 2, 0, -1):
        x[i] = math.sqrt(-2 * _log(_AREA / x[i + 1] + f[i + 1]))
        f[i] = _exp(-0.5 * x[i] * x[i])
        if i == _ROUNDED_UP:
            f[i] = math.nextafter(f[i], 1)
    unit = 2.0**digits
    inside = [LAST / x[0], 0.0, *(x[i - 1] / x[i] for i in range(2, _LAYERS))]
    real = np.float64 if digits == 52 else np.float32
    return (
        tuple(float(real(end / unit)) for end in x),
        tuple(float(real(height)) for height in f),
        tuple(round(part * unit) for part in inside),
    )


# Rounded rightly on every machine, unlike those of the C library.
def _exp(x: float) -> float:
    with localcontext(prec=40):
        return float(Decimal(x).exp())


def _log(x: float) -> float:
    with localcontext(prec=40):
        return float(Decimal(x).ln())
