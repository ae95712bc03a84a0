"""Layers that add cells around images and sequences, or take some away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet.graph.dimension import Size
from glassnet.graph.tensor import Tensor
from glassnet.layers.base import LAYERS
from glassnet.layers.spatial import Spatial, channels_last, public
from glassnet.ops.joining import pad


def _pair(value: Any, argument: str, layer: Spatial) -> tuple[int, int]:
    """Return (before, after) of one axis; one integer stands for both."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        value = (value, value)
    items = tuple(value) if hasattr(value, "__iter__") else (value,)
    if len(items) != 2 or any(
        isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 0 for n in items
    ):
        raise ValueError(
            f"{type(layer).__name__}: {argument} of an axis is an integer of at least 0, or two of "
            f"them, (before, after); got {value!r}."
        )
    return int(items[0]), int(items[1])


def _pairs(value: Any, argument: str, layer: Spatial) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return ((top, bottom), (left, right)); one integer stands for all four."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        value = (value, value)
    items = tuple(value) if hasattr(value, "__iter__") else (value,)
    if len(items) != 2:
        raise ValueError(
            f"{type(layer).__name__}: {argument} is an integer, (rows, columns) or "
            f"((top, bottom), (left, right)); got {value!r}."
        )
    return _pair(items[0], argument, layer), _pair(items[1], argument, layer)


class _ZeroPadding(Spatial):
    """Zeros around the spatial axes, of any rank."""

    symbol = "B"

    pairs: tuple[tuple[int, int], ...]

    def call(self, inputs: Tensor) -> Tensor:
        return pad(inputs, ((0, 0), *self.pairs, (0, 0)))


@LAYERS.add()
class ZeroPadding1D(_ZeroPadding):
    """``A = [0, …, 0, X, 0, …, 0]``: zeros before and after each sequence.

    Args:
        padding: how many steps of zeros: one integer for both ends, or ``(before, after)``.
        data_format: None or ``"channels_last"``.

    Shapes: X (m, n, c), A (m, before + n + after, c).

    >>> import numpy as np, glassnet as gn
    >>> gn.layers.ZeroPadding1D((2, 1))(np.array([[[7.0]]]))[0, :, 0].tolist()
    [0.0, 0.0, 7.0, 0.0]
    """

    rank = 1

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(data_format, self)
        self.padding = _pair(padding, "padding", self)
        self.pairs = (self.padding,)


@LAYERS.add()
class ZeroPadding2D(_ZeroPadding):
    """``A[i, p + top, q + left, c] = X[i, p, q, c]``, and zeros around.

    Args:
        padding: how many zeros: one integer for all sides, ``(rows, columns)``, or
            ``((top, bottom), (left, right))``.
        data_format: None or ``"channels_last"``.

    Shapes: X (m, height, width, c), A (m, top + height + bottom, left + width + right, c).

    >>> import glassnet as gn
    >>> gn.layers.ZeroPadding2D(((1, 0), (2, 2))).compute_output_shape((None, 5, 5, 3))
    (None, 6, 9, 3)
    """

    rank = 2

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(data_format, self)
        self.padding = _pairs(padding, "padding", self)
        self.pairs = self.padding


class _Cropping(Spatial):
    """Cells taken away at the ends of the spatial axes, of any rank."""

    symbol = "C"

    pairs: tuple[tuple[int, int], ...]

    def call(self, inputs: Tensor) -> Tensor:
        inner = (slice(lo, -hi if hi else None) for lo, hi in self.pairs)
        return inputs[(slice(None), *inner)]

    def check_shape(self, shape: Sequence[Size | None]) -> None:
        super().check_shape(shape)
        for size, (lo, hi) in zip(shape[1:-1], self.pairs, strict=True):
            if isinstance(size, int) and size <= lo + hi:
                raise ValueError(
                    f"Layer {self.name!r}: cropping ({lo}, {hi}) leaves nothing of an axis of "
                    f"{size} cells; got an input of shape {public(shape)}. Crop less."
                )


@LAYERS.add()
class Cropping1D(_Cropping):
    """``A = X[:, before : n − after]``: each sequence without its ends.

    Args:
        cropping: how many steps to take away: one integer for both ends, or ``(before, after)``.

    Shapes: X (m, n, c), A (m, n − before − after, c).

    Raises:
        ValueError: where nothing would be left.

    >>> import numpy as np, glassnet as gn
    >>> gn.layers.Cropping1D((0, 2))(np.array([[[7.0], [8.0], [9.0]]])).tolist()
    [[[7.0]]]
    """

    rank = 1

    def __init__(self, cropping: Any = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cropping = _pair(cropping, "cropping", self)
        self.pairs = (self.cropping,)


@LAYERS.add()
class Cropping2D(_Cropping):
    """``A = X[:, top : height − bottom, left : width − right]``: each image without its borders.

    Args:
        cropping: how much to take away: one integer for all sides, ``(rows, columns)``, or
            ``((top, bottom), (left, right))``.
        data_format: None or ``"channels_last"``.

    Shapes: X (m, height, width, c), A (m, height − top − bottom, width − left − right, c).

    Raises:
        ValueError: where nothing would be left.

    >>> import glassnet as gn
    >>> gn.layers.Cropping2D(((2, 2), (4, 0))).compute_output_shape((None, 28, 28, 3))
    (None, 24, 24, 3)
    """

    rank = 2

    def __init__(
        self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(data_format, self)
        self.cropping = _pairs(cropping, "cropping", self)
        self.pairs = self.cropping
