"""Pooling: each window of an image or a sequence becomes one number; nothing is learned."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from glassnet.graph.dimension import Size
from glassnet.graph.tensor import Tensor
from glassnet.layers.base import LAYERS
from glassnet.layers.spatial import Spatial, channels_last, padding_name
from glassnet.ops.comparison import where
from glassnet.ops.elementwise import cast
from glassnet.ops.pooling import average_pool, max_pool
from glassnet.ops.shaping import expand_dims


class _Pooling(Spatial):
    """The pooling of any rank, of any kind."""

    symbol = "P"

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.pool_size = self.axes(pool_size, "pool_size")
        self.strides = self.pool_size if strides is None else self.axes(strides, "strides")
        self.padding = padding_name(padding, ("valid", "same"), self)
        self.data_format = channels_last(data_format, self)

    def check_shape(self, shape: Sequence[Size | None]) -> None:
        super().check_shape(shape)
        if self.padding == "valid":
            self.check_window(shape, self.pool_size, "pool_size")


class _MaxPooling(_Pooling):
    def call(self, inputs: Tensor) -> Tensor:
        return max_pool(inputs, self.pool_size, self.strides, self.padding)  # (m, o…, c)


class _AveragePooling(_Pooling):
    def call(self, inputs: Tensor) -> Tensor:
        return average_pool(inputs, self.pool_size, self.strides, self.padding)  # (m, o…, c)


@LAYERS.add("MaxPool1D")
class MaxPooling1D(_MaxPooling):
    """``A[i, p, c] = max over o of X[i, s·p + o, c]``: the largest entry of each window of steps.

    Arguments are those of `MaxPooling2D`, with one integer for the one spatial axis.

    Shapes: X (m, n, c), A (m, o, c) with o = ⌊(n − k) / s⌋ + 1, or ⌈n / s⌉ for ``"same"``.

    >>> import numpy as np, glassnet as gn
    >>> gn.layers.MaxPooling1D(2)(np.array([[[1.0], [3.0], [2.0], [0.0], [9.0]]]))[0, :, 0].tolist()
    [3.0, 2.0]
    """

    rank = 1


@LAYERS.add("MaxPool2D")
class MaxPooling2D(_MaxPooling):
    """``A[i, p, q, c] = max over (o, r) of X[i, s·p + o, s·q + r, c]``.

    The largest entry of each window of each channel. Where several are largest the derivative goes
    to the first of them.

    Args:
        pool_size: the height and width of the window; one integer for both.
        strides: s, how far it moves at a time; the size of the window for None.
        padding: ``"valid"`` (the window stays inside; what is left over at the end is dropped) or
            ``"same"`` (⌈n / s⌉ places; cells outside the image do not count).
        data_format: None or ``"channels_last"``.

    Shapes: X (m, height, width, c), A (m, o₁, o₂, c) with o = ⌊(n − k) / s⌋ + 1, or ⌈n / s⌉ for
    ``"same"``.

    Raises:
        ValueError: where the input has no four axes, or is smaller than the window with
            ``padding="valid"``.

    >>> import glassnet as gn
    >>> gn.layers.MaxPooling2D(2).compute_output_shape((None, 27, 27, 5))
    (None, 13, 13, 5)
    """

    rank = 2


@LAYERS.add("AvgPool1D")
class AveragePooling1D(_AveragePooling):
    """``A[i, p, c] = Σₒ X[i, s·p + o, c] / k``: the mean of each window of steps.

    Arguments are those of `AveragePooling2D`, with one integer for the one spatial axis.

    Shapes: X (m, n, c), A (m, o, c) with o = ⌊(n − k) / s⌋ + 1, or ⌈n / s⌉ for ``"same"``.

    >>> import numpy as np, glassnet as gn
    >>> gn.layers.AveragePooling1D(2)(np.array([[[1.0], [3.0], [2.0], [0.0]]]))[0, :, 0].tolist()
    [2.0, 1.0]
    """

    rank = 1


@LAYERS.add("AvgPool2D")
class AveragePooling2D(_AveragePooling):
    """``A[i, p, q, c] = Σ X[i, s·p + o, s·q + r, c] / (k₁ k₂)``: the mean of each window.

    Args:
        pool_size: the height and width of the window; one integer for both.
        strides: s, how far it moves at a time; the size of the window for None.
        padding: ``"valid"`` (the window stays inside; what is left over at the end is dropped) or
            ``"same"`` (⌈n / s⌉ places; the mean is over the cells inside the image alone).
        data_format: None or ``"channels_last"``.

    Shapes: X (m, height, width, c), A (m, o₁, o₂, c) with o = ⌊(n − k) / s⌋ + 1, or ⌈n / s⌉ for
    ``"same"``.

    Raises:
        ValueError: where the input has no four axes, or is smaller than the window with
            ``padding="valid"``.

    >>> import glassnet as gn
    >>> gn.layers.AveragePooling2D(2, padding="same").compute_output_shape((None, 27, 27, 5))
    (None, 14, 14, 5)
    """

    rank = 2


# --- over all places --------------------------------------------------------------------------
class _GlobalPooling(Spatial):
    """The pooling of whole sequences or images, of any kind."""

    symbol = "P"

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(data_format, self)
        self.keepdims = keepdims

    @property
    def spatial_axes(self) -> tuple[int, ...]:
        """The axes between examples and channels."""
        return tuple(range(1, self.rank + 1))

    @abstractmethod
    def call(self, inputs: Tensor) -> Tensor:
        """Return (m, c), or (m, 1…, c) where the axes are kept."""


class _GlobalMaxPooling(_GlobalPooling):
    def call(self, inputs: Tensor) -> Tensor:
        return inputs.max(self.spatial_axes, keepdims=self.keepdims)


class _GlobalAveragePooling(_GlobalPooling):
    def call(self, inputs: Tensor) -> Tensor:
        return inputs.mean(self.spatial_axes, keepdims=self.keepdims)


@LAYERS.add("GlobalMaxPool1D")
class GlobalMaxPooling1D(_GlobalMaxPooling):
    """``A[i, c] = max over p of X[i, p, c]``: the largest entry of each channel of a sequence.

    Args:
        data_format: None or ``"channels_last"``.
        keepdims: whether the axis of steps stays, with length 1.

    Shapes: X (m, n, c), A (m, c), or (m, 1, c).

    >>> import numpy as np, glassnet as gn
    >>> gn.layers.GlobalMaxPooling1D()(np.array([[[1.0, 5.0], [3.0, 2.0]]])).tolist()
    [[3.0, 5.0]]
    """

    rank = 1


@LAYERS.add("GlobalMaxPool2D")
class GlobalMaxPooling2D(_GlobalMaxPooling):
    """``A[i, c] = max over (p, q) of X[i, p, q, c]``: the largest entry of each channel.

    Where several are largest they share the derivative equally.

    Args:
        data_format: None or ``"channels_last"``.
        keepdims: whether the axes of height and width stay, with length 1.

    Shapes: X (m, height, width, c), A (m, c), or (m, 1, 1, c).

    >>> import numpy as np, glassnet as gn
    >>> gn.layers.GlobalMaxPooling2D()(np.arange(8.0).reshape(1, 2, 2, 2)).tolist()
    [[6.0, 7.0]]
    """

    rank = 2


@LAYERS.add("GlobalAvgPool1D")
class GlobalAveragePooling1D(_GlobalAveragePooling):
    """``A[i, c] = Σ_p w[i, p] X[i, p, c] / Σ_p w[i, p]``: the mean of each channel of a sequence.

    w is the mask, 1 for the steps that count; without one all do. A sequence of which no step
    counts gives NaN.

    Args:
        data_format: None or ``"channels_last"``.
        keepdims: whether the axis of steps stays, with length 1.

    Shapes: X (m, n, c), w (m, n), A (m, c), or (m, 1, c).

    >>> import numpy as np, glassnet as gn
    >>> layer = gn.layers.GlobalAveragePooling1D()
    >>> layer(np.array([[[1.0], [3.0], [8.0]]]), mask=np.array([[True, True, False]])).tolist()
    [[2.0]]
    """

    rank = 1

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Tensor, mask: Any = None) -> Tensor:
        if mask is None:
            return super().call(inputs)
        counted = cast(expand_dims(mask, -1), bool)  # (m, n, 1)
        # where, not a product: a NaN in a step that does not count must not reach the mean
        total = where(counted, inputs, 0).sum(1, keepdims=self.keepdims)
        return total / cast(counted, inputs.dtype).sum(1, keepdims=self.keepdims)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        return None


@LAYERS.add("GlobalAvgPool2D")
class GlobalAveragePooling2D(_GlobalAveragePooling):
    """``A[i, c] = Σ X[i, p, q, c] / (height · width)``: the mean of each channel of an image.

    Args:
        data_format: None or ``"channels_last"``.
        keepdims: whether the axes of height and width stay, with length 1.

    Shapes: X (m, height, width, c), A (m, c), or (m, 1, 1, c).

    >>> import glassnet as gn
    >>> gn.layers.GlobalAveragePooling2D().compute_output_shape((None, None, None, 5))
    (None, 5)
    """

    rank = 2


MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
