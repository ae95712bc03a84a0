"""Upsampling: images and sequences with more cells, read off between the cells there are.

Enlarged s times, cell q becomes the cells s·q + r for r = 0 … s − 1. The middle of such a cell lies
t = (r + ½)/s − ½ cells from the middle of cell q ("half-pixel centres"), so it is

    y[s·q + r] = Σₒ h(t − o) x[q + o] / Σₒ h(t − o),

both sums over the offsets o for which q + o is a cell, with h the kernel of the interpolation. The
numbers are those of Keras on JAX.

Source: R. Keys, "Cubic convolution interpolation for digital image processing", 1981;
C. Duchon, "Lanczos filtering in one and two dimensions", 1979.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from glassnet.graph.tensor import Tensor
from glassnet.layers.base import LAYERS
from glassnet.layers.core import positive_integer
from glassnet.layers.spatial import Spatial, channels_last
from glassnet.ops.joining import pad, repeat
from glassnet.ops.shaping import expand_dims, ones, reshape

Kernel = Callable[[np.ndarray], np.ndarray]


def _triangle(t: np.ndarray) -> np.ndarray:
    return np.maximum(0, 1 - np.abs(t))


def _cubic(t: np.ndarray) -> np.ndarray:
    """Keys's kernel with a = −½."""
    t = np.abs(t)
    near = (1.5 * t - 2.5) * t * t + 1
    far = ((-0.5 * t + 2.5) * t - 4) * t + 2
    return np.where(t < 1, near, np.where(t < 2, far, 0))


def _lanczos(t: np.ndarray, radius: int) -> np.ndarray:
    return np.where(np.abs(t) < radius, np.sinc(t) * np.sinc(t / radius), 0)


_KERNELS: dict[str, tuple[int, Kernel]] = {
    "bilinear": (1, _triangle),
    "bicubic": (2, _cubic),
    "lanczos3": (3, partial(_lanczos, radius=3)),
    "lanczos5": (5, partial(_lanczos, radius=5)),
}
"""The interpolations between cells: how far each kernel reaches, and the kernel."""
_MOST_CELLS = 2**20


def interpolated(x: Tensor, axis: int, factor: int, interpolation: str) -> Tensor:
    """Return ``x`` with ``factor`` cells for each cell of one axis, by the formula of this file."""
    if factor == 1:
        return x
    size = x.shape[axis]
    cells = size if isinstance(size, int) else 1
    if factor * cells > _MOST_CELLS:  # the weights of the cells are computed when it is recorded
        raise ValueError(
            f"Interpolation makes at most {_MOST_CELLS} cells on an axis; {factor} for each of "
            f"{cells} were asked for."
        )
    shape = tuple(n if i == axis else 1 for i, n in enumerate(x.shape))
    weights = _spread(ones(shape, x.dtype), axis, factor, interpolation)
    return _spread(x, axis, factor, interpolation) / weights


def _spread(x: Tensor, axis: int, factor: int, interpolation: str) -> Tensor:
    """Return ``Σₒ h(t − o) x[q + o]`` for every cell, with zeros outside ``x``."""
    reach, kernel = _KERNELS[interpolation]
    t = (np.arange(factor) + 0.5) / factor - 0.5  # (factor,)
    widths = [(reach, reach) if i == axis else (0, 0) for i in range(x.ndim)]
    wide = expand_dims(pad(x, widths), axis + 1)  # (…, n + 2·reach, 1, …)
    total: Any = None
    for o in range(-reach, reach + 1):
        h = kernel(t - o)
        if np.any(h):
            cells = slice(reach + o, o - reach if o < reach else None)
            moved = wide[(slice(None),) * axis + (cells,)]
            behind = (factor,) + (1,) * (x.ndim - axis - 1)
            part = moved * h.astype(x.dtype).reshape(behind)  # (…, n, factor, …)
            total = part if total is None else total + part
    return reshape(total, (*x.shape[:axis], x.shape[axis] * factor, *x.shape[axis + 1 :]))


@LAYERS.add()
class UpSampling1D(Spatial):
    """``A[i, s·p + r, c] = X[i, p, c]`` for r = 0 … s − 1: each step s times in a row.

    Args:
        size: s.

    Shapes: X (m, n, c), A (m, s·n, c).

    >>> import numpy as np, glassnet as gn
    >>> gn.layers.UpSampling1D(2)(np.array([[[1.0], [5.0]]]))[0, :, 0].tolist()
    [1.0, 1.0, 5.0, 5.0]
    """

    symbol = "U"

    rank = 1

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = positive_integer(size, "size", self)

    def call(self, inputs: Tensor) -> Tensor:
        return repeat(inputs, self.size, axis=1)


@LAYERS.add()
class UpSampling2D(Spatial):
    """``A[i, s·p + r, t·q + u, c] = X[i, p, q, c]``: each cell s·t times; or cells between cells.

    Args:
        size: s and t, how many times the height and the width; one integer for both.
        data_format: None or ``"channels_last"``.
        interpolation: ``"nearest"``, or between the cells ``"bilinear"``, ``"bicubic"``,
            ``"lanczos3"`` or ``"lanczos5"``.

    Shapes: X (m, height, width, c), A (m, s·height, t·width, c).

    >>> import numpy as np, glassnet as gn
    >>> layer = gn.layers.UpSampling2D((1, 2), interpolation="bilinear")
    >>> layer(np.array([[[[0.0], [4.0]]]]))[0, 0, :, 0].tolist()
    [0.0, 1.0, 3.0, 4.0]
    """

    symbol = "U"

    rank = 2

    def __init__(
        self,
        size: Any = 2,
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(data_format, self)
        self.size = self.axes(size, "size")
        found = interpolation.lower() if isinstance(interpolation, str) else interpolation
        if found != "nearest" and found not in _KERNELS:
            raise ValueError(
                f"UpSampling2D: interpolation is one of {', '.join(['nearest', *_KERNELS])}; "
                f"got {interpolation!r}."
            )
        self.interpolation = found

    def call(self, inputs: Tensor) -> Tensor:
        x = inputs
        for axis, factor in enumerate(self.size, 1):
            if self.interpolation == "nearest":
                x = repeat(x, factor, axis=axis)
            else:
                x = interpolated(x, axis, factor, self.interpolation)
        return x
