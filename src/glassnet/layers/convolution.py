"""Convolution and transposed convolution: a kernel slides over a sequence, an image, a volume."""

from __future__ import annotations

from typing import Any

from glassnet import constraints, initializers, regularizers
from glassnet.graph.tensor import Tensor
from glassnet.graph.variable import Variable
from glassnet.layers.base import LAYERS
from glassnet.layers.core import positive_integer
from glassnet.layers.spatial import SlidingKernel, public
from glassnet.ops.convolution import conv, conv_transpose


class _Convolution(SlidingKernel):
    """The convolution of any rank."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
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
        self.groups = positive_integer(groups, "groups", self)
        if self.filters % self.groups:
            raise ValueError(
                f"{type(self).__name__}: each of {self.groups} groups has equally many filters, so "
                f"filters is a multiple of {self.groups}; got filters={self.filters}."
            )
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)

    kernel: Variable

    def build(self, input_shape: Any) -> None:
        self.check_shape(input_shape)
        channels = self.known_channels(input_shape)
        if channels % self.groups:
            raise ValueError(
                f"Layer {self.name!r}: groups={self.groups} share the channels equally, so their "
                f"number is a multiple of {self.groups}; got {channels} in {public(input_shape)}."
            )
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self.add_kernel("kernel", shape, "kernel")
        self.add_bias(self.filters)
        self.channels = channels

    def call(self, inputs: Tensor) -> Tensor:
        z = conv(
            inputs, self.kernel, self.strides, self.padding, dilation_rate=self.dilation_rate
        )  # (m, o…, filters)
        return self.finished(z)


@LAYERS.add("Convolution1D")
class Conv1D(_Convolution):
    """``A[i, p, f] = g(Σₒ Σ_c X[i, s·p + d·o, c] W[o, c, f] + b[f])``: filters slide over steps.

    Args:
        filters: how many filters there are, the channels of the output.
        kernel_size: k, the number of steps a filter looks at.
        strides: s, how far it moves at a time.
        padding: ``"valid"`` (the filter stays inside), ``"same"`` (zeros around; ⌈n / s⌉ steps come
            out) or ``"causal"`` (zeros before; a step depends on none after it).
        data_format: None or ``"channels_last"``.
        dilation_rate: d, the distance between the steps a filter looks at. It may go with strides
            above 1, which Keras refuses.
        groups: the number of parts of the channels, each with filters of its own.
        activation: g, a name or a function; linear for None.
        use_bias: whether b is added.
        kernel_initializer: the first value of W.
        bias_initializer: the first value of b.
        kernel_regularizer: a penalty on W.
        bias_regularizer: a penalty on b.
        activity_regularizer: a penalty on A.
        kernel_constraint: a projection of W after each update.
        bias_constraint: a projection of b after each update.

    Shapes: X (m, n, c), W (k, c / groups, filters), b (filters,), A (m, o, filters); with
    ``"valid"`` o = ⌊(n − d(k − 1) − 1) / s⌋ + 1.

    Raises:
        ValueError: where the input has no three axes, is shorter than the filter with
            ``padding="valid"``, or has other channels than before.

    >>> import numpy as np, glassnet as gn
    >>> layer = gn.layers.Conv1D(1, 2, kernel_initializer="ones")
    >>> layer(np.array([[[1.0], [2.0], [4.0]]]))[0, :, 0].tolist()
    [3.0, 6.0]
    """

    rank = 1
    paddings = ("valid", "same", "causal")


@LAYERS.add("Convolution2D")
class Conv2D(_Convolution):
    """``A[i, p, q, f] = g(Σ X[i, s·p + d·o, s·q + d·r, c] W[o, r, c, f] + b[f])``.

    The sum is over the cells (o, r) of the filter and the channels c. Filters slide over the height
    and width of images.

    Args:
        filters: how many filters there are, the channels of the output.
        kernel_size: the height and width of a filter; one integer for both. So are the strides and
            the dilation.
        strides: s, how far it moves at a time.
        padding: ``"valid"`` (the filter stays inside) or ``"same"`` (zeros around; ⌈n / s⌉ places
            come out along an axis; an odd rest of the zeros goes to the end).
        data_format: None or ``"channels_last"``.
        dilation_rate: d, the distance between the cells a filter looks at. It may go with strides
            above 1, which Keras refuses.
        groups: the number of parts of the channels, each with filters of its own.
        activation: g, a name or a function; linear for None.
        use_bias: whether b is added.
        kernel_initializer: the first value of W.
        bias_initializer: the first value of b.
        kernel_regularizer: a penalty on W.
        bias_regularizer: a penalty on b.
        activity_regularizer: a penalty on A.
        kernel_constraint: a projection of W after each update.
        bias_constraint: a projection of b after each update.

    Shapes: X (m, height, width, c), W (k₁, k₂, c / groups, filters), b (filters,),
    A (m, o₁, o₂, filters).

    Raises:
        ValueError: where the input has no four axes, is smaller than the filter with
            ``padding="valid"``, or has other channels than before.

    >>> import glassnet as gn
    >>> gn.layers.Conv2D(5, 3).compute_output_shape((None, 28, 28, 1))
    (None, 26, 26, 5)
    >>> gn.layers.Conv2D(5, 3, strides=2, padding="same").compute_output_shape((None, 28, 28, 1))
    (None, 14, 14, 5)
    """

    rank = 2


@LAYERS.add("Convolution3D")
class Conv3D(_Convolution):
    """``A = g(X ∗ W + b)`` over depth, height and width.

    Arguments are those of `Conv2D`; ``kernel_size``, ``strides`` and ``dilation_rate`` are one
    integer or three.

    Shapes: X (m, depth, height, width, c), W (k₁, k₂, k₃, c / groups, filters), b (filters,).

    >>> import numpy as np, glassnet as gn
    >>> layer = gn.layers.Conv3D(1, 2, kernel_initializer="ones")
    >>> layer(np.ones((1, 2, 2, 2, 1))).tolist()
    [[[[[8.0]]]]]
    """

    rank = 3


class _TransposedConvolution(SlidingKernel):
    """The transposed convolution of any rank."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
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
        self.output_padding: tuple[int, ...] | None = None
        if output_padding is not None:
            self.output_padding = self.axes(output_padding, "output_padding", least=0)
            if any(more >= s for more, s in zip(self.output_padding, self.strides, strict=True)):
                raise ValueError(
                    f"{type(self).__name__}: output_padding is smaller than the stride along each "
                    f"axis; got output_padding={self.output_padding} and strides={self.strides}."
                )
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)

    kernel: Variable

    @property
    def reaches(self) -> tuple[int, ...]:
        """One cell along each axis: no input is too small."""
        return (1,) * self.rank

    def build(self, input_shape: Any) -> None:
        self.check_shape(input_shape)
        channels = self.known_channels(input_shape)
        self.kernel = self.add_kernel(
            "kernel", (*self.kernel_size, self.filters, channels), "kernel"
        )
        self.add_bias(self.filters)
        self.channels = channels

    def call(self, inputs: Tensor) -> Tensor:
        z = conv_transpose(
            inputs,
            self.kernel,
            self.strides,
            self.padding,
            self.output_padding,
            dilation_rate=self.dilation_rate,
        )  # (m, o…, filters)
        return self.finished(z)


@LAYERS.add("Convolution1DTranspose")
class Conv1DTranspose(_TransposedConvolution):
    """``Z[i, s·p + d·o, f] += X[i, p, c] W[o, f, c]``, ``A = g(Z + b)``: it makes sequences longer.

    Arguments are those of `Conv2DTranspose`, with one integer for the one spatial axis.

    Shapes: X (m, n, c), W (k, filters, c), b (filters,), A (m, o, filters).

    >>> import numpy as np, glassnet as gn
    >>> layer = gn.layers.Conv1DTranspose(1, 2, strides=2, kernel_initializer="ones")
    >>> layer(np.array([[[1.0], [5.0]]]))[0, :, 0].tolist()
    [1.0, 1.0, 5.0, 5.0]
    """

    rank = 1


@LAYERS.add("Convolution2DTranspose")
class Conv2DTranspose(_TransposedConvolution):
    """``Z[i, s·p + d·o, s·q + d·r, f] += X[i, p, q, c] W[o, r, f, c]``, ``A = g(Z + b)``.

    Every entry of X adds the kernel, weighted by it, to the place where it stands: a convolution
    run backwards, which makes images larger.

    Args:
        filters: the channels of the output.
        kernel_size: the height and width of the kernel; one integer for both. So are the strides,
            the dilation and the output padding.
        strides: s, how far apart the entries of X are set.
        padding: with e = d·(k − 1) + 1, ``"valid"`` gives size (n − 1)·s + max(e, s), ``"same"``
            gives n·s.
        output_padding: if given, the size is (n − 1)·s + e + output_padding with ``"valid"`` and
            (n − 1)·s + (e mod 2) + output_padding with ``"same"``.
        data_format: None or ``"channels_last"``.
        dilation_rate: d, the distance between the cells of the kernel.
        activation: g, a name or a function; linear for None.
        use_bias: whether b is added.
        kernel_initializer: the first value of W.
        bias_initializer: the first value of b.
        kernel_regularizer: a penalty on W.
        bias_regularizer: a penalty on b.
        activity_regularizer: a penalty on A.
        kernel_constraint: a projection of W after each update.
        bias_constraint: a projection of b after each update.

    Shapes: X (m, height, width, c), W (k₁, k₂, filters, c): filters before channels. b (filters,).

    >>> import glassnet as gn
    >>> layer = gn.layers.Conv2DTranspose(3, 3, strides=2, padding="same")
    >>> layer.compute_output_shape((None, 7, 7, 8))
    (None, 14, 14, 3)

    Source: M. Zeiler, D. Krishnan, G. Taylor and R. Fergus, "Deconvolutional networks", 2010.
    """

    rank = 2


Convolution1D = Conv1D
Convolution2D = Conv2D
Convolution3D = Conv3D
Convolution1DTranspose = Conv1DTranspose
Convolution2DTranspose = Conv2DTranspose
