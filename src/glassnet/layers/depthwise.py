"""Convolutions that keep the channels apart: depthwise, and separable (depthwise, then pointwise).

Source: F. Chollet, "Xception: deep learning with depthwise separable convolutions", 2017.
"""

from __future__ import annotations

from typing import Any, ClassVar

from glassnet import constraints, initializers, regularizers
from glassnet.graph.tensor import Tensor
from glassnet.graph.variable import Variable
from glassnet.layers.base import LAYERS
from glassnet.layers.core import positive_integer
from glassnet.layers.spatial import SlidingKernel
from glassnet.ops.convolution import depthwise_conv, separable_conv


class _DepthwiseConvolution(SlidingKernel):
    """The depthwise convolution of any rank."""

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            bias_initializer=bias_initializer,
            bias_regularizer=bias_regularizer,
            bias_constraint=bias_constraint,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.depth_multiplier = positive_integer(depth_multiplier, "depth_multiplier", self)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)

    kernel: Variable
    weight_layouts: ClassVar = {"kernel": "depthwise"}

    def build(self, input_shape: Any) -> None:
        self.check_shape(input_shape)
        channels = self.known_channels(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = self.add_kernel("kernel", shape, "depthwise")
        self.add_bias(channels * self.depth_multiplier)
        self.channels = channels

    def call(self, inputs: Tensor) -> Tensor:
        z = depthwise_conv(
            inputs, self.kernel, self.strides, self.padding, dilation_rate=self.dilation_rate
        )  # (m, o…, c·depth_multiplier)
        return self.finished(z)


@LAYERS.add()
class DepthwiseConv1D(_DepthwiseConvolution):
    """``A[i, p, c·r + j] = g(Σₒ X[i, s·p + d·o, c] W[o, c, j] + b[c·r + j])``.

    Arguments are those of `DepthwiseConv2D`, with one integer for the one spatial axis.

    Shapes: X (m, n, c), W (k, c, r), b (c·r,), A (m, o, c·r) with r = depth_multiplier.

    >>> import numpy as np, glassnet as gn
    >>> layer = gn.layers.DepthwiseConv1D(2, depthwise_initializer="ones")
    >>> layer(np.array([[[1.0, 10.0], [2.0, 20.0]]])).tolist()
    [[[3.0, 30.0]]]
    """

    rank = 1


@LAYERS.add()
class DepthwiseConv2D(_DepthwiseConvolution):
    """``A[i, p, q, c·r + j] = g(Σ X[i, s·p + d·o, s·q + d·t, c] W[o, t, c, j] + b[c·r + j])``.

    The sum is over the cells (o, t) of the filter: each channel c has r = depth_multiplier filters
    of its own, and channels do not mix.

    Args:
        kernel_size: the height and width of a filter; one integer for both. So are the strides and
            the dilation.
        strides: s, how far it moves at a time.
        padding: ``"valid"`` or ``"same"``, as in `Conv2D`.
        depth_multiplier: r, the number of filters for each channel.
        data_format: None or ``"channels_last"``.
        dilation_rate: d, the distance between the cells a filter looks at.
        activation: g, a name or a function; linear for None.
        use_bias: whether b is added.
        depthwise_initializer: the first value of W.
        bias_initializer: the first value of b.
        depthwise_regularizer: a penalty on W.
        bias_regularizer: a penalty on b.
        activity_regularizer: a penalty on A.
        depthwise_constraint: a projection of W after each update.
        bias_constraint: a projection of b after each update.

    Shapes: X (m, height, width, c), W (k₁, k₂, c, r), b (c·r,), A (m, o₁, o₂, c·r).

    >>> import glassnet as gn
    >>> gn.layers.DepthwiseConv2D(3, depth_multiplier=2).compute_output_shape((None, 9, 9, 4))
    (None, 7, 7, 8)
    """

    rank = 2


class _SeparableConvolution(SlidingKernel):
    """The separable convolution of any rank."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            bias_initializer=bias_initializer,
            bias_regularizer=bias_regularizer,
            bias_constraint=bias_constraint,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.filters = positive_integer(filters, "filters", self)
        self.depth_multiplier = positive_integer(depth_multiplier, "depth_multiplier", self)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.pointwise_constraint = constraints.get(pointwise_constraint)

    depthwise_kernel: Variable
    pointwise_kernel: Variable
    weight_layouts: ClassVar = {"depthwise_kernel": "depthwise", "pointwise_kernel": "filters"}

    def build(self, input_shape: Any) -> None:
        self.check_shape(input_shape)
        channels = self.known_channels(input_shape)
        each = (*self.kernel_size, channels, self.depth_multiplier)
        self.depthwise_kernel = self.add_kernel("depthwise_kernel", each, "depthwise")
        mixing = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        self.pointwise_kernel = self.add_kernel("pointwise_kernel", mixing, "pointwise")
        self.add_bias(self.filters)
        self.channels = channels

    def call(self, inputs: Tensor) -> Tensor:
        z = separable_conv(
            inputs,
            self.depthwise_kernel,
            self.pointwise_kernel,
            self.strides,
            self.padding,
            dilation_rate=self.dilation_rate,
        )  # (m, o…, filters)
        return self.finished(z)


@LAYERS.add("SeparableConvolution1D")
class SeparableConv1D(_SeparableConvolution):
    """``A = g((X ∗ D) P + b)``: filters for each step's channel alone, then a mixture of channels.

    Arguments are those of `SeparableConv2D`, with one integer for the one spatial axis.

    Shapes: X (m, n, c), D (k, c, r), P (1, c·r, filters), b (filters,), A (m, o, filters).

    >>> import numpy as np, glassnet as gn
    >>> layer = gn.layers.SeparableConv1D(
    ...     1, 2, depthwise_initializer="ones", pointwise_initializer="ones"
    ... )
    >>> layer(np.ones((1, 3, 2))).tolist()
    [[[4.0], [4.0]]]
    """

    rank = 1


@LAYERS.add("SeparableConvolution2D")
class SeparableConv2D(_SeparableConvolution):
    """``A = g((X ∗ D) P + b)``: a depthwise convolution, then a mixture of the channels.

    D has r = depth_multiplier filters for each channel alone, P mixes the c·r channels they give.
    That takes k₁k₂·c·r + c·r·filters weights; `Conv2D` takes k₁k₂·c·filters.

    Args:
        filters: the channels of the output.
        kernel_size: the height and width of D; one integer for both. So are the strides and the
            dilation.
        strides: how far D moves at a time.
        padding: ``"valid"`` or ``"same"``, as in `Conv2D`.
        data_format: None or ``"channels_last"``.
        dilation_rate: the distance between the cells D looks at.
        depth_multiplier: r.
        activation: g, a name or a function; linear for None.
        use_bias: whether b is added.
        depthwise_initializer: the first value of D.
        pointwise_initializer: the first value of P.
        bias_initializer: the first value of b.
        depthwise_regularizer: a penalty on D.
        pointwise_regularizer: a penalty on P.
        bias_regularizer: a penalty on b.
        activity_regularizer: a penalty on A.
        depthwise_constraint: a projection of D after each update.
        pointwise_constraint: a projection of P after each update.
        bias_constraint: a projection of b after each update.

    Shapes: X (m, height, width, c), D (k₁, k₂, c, r), P (1, 1, c·r, filters), b (filters,),
    A (m, o₁, o₂, filters).

    >>> import glassnet as gn
    >>> layer = gn.layers.SeparableConv2D(16, 3)
    >>> layer.compute_output_shape((None, 9, 9, 4)), layer.count_params()
    ((None, 7, 7, 16), 116)
    """

    rank = 2


SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D
