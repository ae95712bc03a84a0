"""Convolution with Keras's names: `conv` and its relatives, for images and sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.graph.dimension import Dim, Size, display
from glassnet.graph.recording import record
from glassnet.graph.tensor import Tensor, implements, static_shape
from glassnet.ops.operands import float_operands, operands
from glassnet.ops.shaping import reshape
from glassnet.ops.sliding import Convolution, TransposedConvolution
from glassnet.ops.windows import Padding, channels_last, pairs_of, per_axis, span


def conv(
    inputs: Any,
    kernel: Any,
    strides: int | tuple[int, ...] = 1,
    padding: Padding = "valid",
    data_format: str | None = None,
    dilation_rate: int | tuple[int, ...] = 1,
) -> Tensor:
    """Return the convolution ``y[p] = Σₒ x[s·p + d·o] K[o]`` of ``inputs`` with ``kernel``.

    Args:
        inputs: (m, n…, c) with one, two or three spatial axes.
        kernel: (k…, c / groups, f). How often its channels go into those of ``inputs`` is the
            number of groups: each group of channels has filters of its own.
        strides: the step of the kernel, one integer or one for each spatial axis.
        padding: ``"valid"``, ``"same"``, ``"full"`` (also where the kernel covers the input only in
            part), ``"causal"``, or a pair (before, after) for each spatial axis.
        data_format: None or ``"channels_last"``.
        dilation_rate: the distance between the cells of the kernel.

    Returns:
        (m, o…, f): with ``"valid"`` o = ⌊(n − d(k − 1) − 1) / s⌋ + 1, with ``"same"`` o = ⌈n / s⌉.

    Raises:
        ValueError: where ranks or channels do not fit, a stride is below 1, or the kernel is larger
            than the padded input.

    >>> from glassnet import ops
    >>> image = ops.reshape([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], (1, 3, 3, 1))
    >>> ops.conv(image, ops.ones((2, 2, 1, 1))).numpy()[0, :, :, 0].tolist()
    [[12.0, 16.0], [24.0, 28.0]]
    """
    channels_last(data_format, "conv")
    x, kernel = float_operands(inputs, kernel)
    axes = _spatial_axes("conv", x, kernel)
    c, each, filters = (_number("conv", n) for n in (x.shape[-1], *kernel.shape[-2:]))
    if each == 0 or c % each:
        raise ValueError(
            f"conv: the inputs {display(x.shape)} have {c} channels and the kernel "
            f"{display(kernel.shape)} takes {each}: {c} must be a multiple of {each}. "
            "A kernel has the shape (k…, channels / groups, filters)."
        )
    groups = c // each
    if filters % groups:
        raise ValueError(
            f"conv: {c} channels and a kernel for {each} make {groups} groups; the number of "
            f"filters, {filters}, must be a multiple of {groups}."
        )
    return record(
        _moving("conv", x, kernel, axes, strides, padding, dilation_rate, groups), x, kernel
    )


def _spatial_axes(function: str, x: Tensor, kernel: Tensor) -> int:
    if not 3 <= x.ndim <= 5:
        raise ValueError(
            f"{function}: expected inputs of shape (m, n…, c) with 1, 2 or 3 spatial axes; got "
            f"{display(x.shape)}. One image needs an axis for the batch, x[None], and grey images "
            "an axis for the channel, x[..., None]."
        )
    if kernel.ndim != x.ndim:
        raise ValueError(
            f"{function}: expected a kernel with {x.ndim} axes, as the inputs {display(x.shape)} "
            f"have; got {display(kernel.shape)}."
        )
    return x.ndim - 2


def _number(function: str, size: Size) -> int:
    if isinstance(size, Dim):
        raise ValueError(f"{function}: the number of channels must be known; got {size}.")
    return size


def _moving(
    function: str,
    x: Tensor,
    kernel: Tensor,
    axes: int,
    strides: Any,
    padding: Padding,
    dilation_rate: Any,
    groups: int,
) -> Convolution:
    steps = per_axis(strides, axes, f"{function}: strides")
    dilation = per_axis(dilation_rate, axes, f"{function}: dilation_rate")
    cells = tuple(_number(function, k) for k in kernel.shape[:-2])
    pairs = pairs_of(padding, x.shape[1:-1], cells, steps, dilation, function)
    return Convolution(steps, pairs, dilation, groups)


def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: int | tuple[int, ...] = 1,
    padding: Padding = "valid",
    data_format: str | None = None,
    dilation_rate: int | tuple[int, ...] = 1,
) -> Tensor:
    """Return each channel's own convolution: ``y[p, c·r + j] = Σₒ x[s·p + d·o, c] K[o, c, j]``.

    Args:
        inputs: (m, n…, c).
        kernel: (k…, c, r): r filters for each channel.
        strides: as in `conv`, and so the arguments after it.

    Returns:
        (m, o…, c·r).
    """
    channels_last(data_format, "depthwise_conv")
    x, kernel = float_operands(inputs, kernel)
    axes = _spatial_axes("depthwise_conv", x, kernel)
    c, each = (_number("depthwise_conv", n) for n in kernel.shape[-2:])
    if x.shape[-1] != c:
        raise ValueError(
            f"depthwise_conv: the inputs {display(x.shape)} have {x.shape[-1]} channels and the "
            f"kernel {display(kernel.shape)} has filters for {c}."
        )
    kernel = reshape(kernel, (*kernel.shape[:-2], 1, c * each))
    op = _moving("depthwise_conv", x, kernel, axes, strides, padding, dilation_rate, c)
    return record(op, x, kernel)


def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: int | tuple[int, ...] = 1,
    padding: Padding = "valid",
    data_format: str | None = None,
    dilation_rate: int | tuple[int, ...] = 1,
) -> Tensor:
    """Return ``(x ∗ D) P``: `depthwise_conv`, then a convolution of 1 cell that mixes the channels.

    Args:
        inputs: (m, n…, c).
        depthwise_kernel: (k…, c, r).
        pointwise_kernel: (1…, c·r, f).
        strides, padding, data_format, dilation_rate: of the first step, as in `conv`.

    Returns:
        (m, o…, f).
    """
    each = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    shape = static_shape(pointwise_kernel)
    if any(size != 1 for size in shape[:-2]):
        raise ValueError(
            "separable_conv: the pointwise kernel has one cell along each spatial axis, shape "
            f"(1…, channels, filters); got {display(shape)}."
        )
    return conv(each, pointwise_kernel)


def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: int | tuple[int, ...] = 1,
    padding: str = "valid",
    output_padding: int | tuple[int, ...] | None = None,
    data_format: str | None = None,
    dilation_rate: int | tuple[int, ...] = 1,
) -> Tensor:
    """Return the transposed convolution ``y[s·p + d·o] += x[p] K[o]``: `conv` run backwards.

    It is the derivative of a convolution by its input, and it makes images larger.

    Args:
        inputs: (m, n…, c).
        kernel: (k…, f, c): filters before channels.
        strides: how far apart the entries of ``inputs`` are set.
        padding: with e = d·(k − 1) + 1, ``"valid"`` gives size (n − 1)·s + max(e, s), ``"same"``
            gives n·s.
        output_padding: if given, the size is (n − 1)·s + e + output_padding with ``"valid"`` and
            (n − 1)·s + (e mod 2) + output_padding with ``"same"``.
        data_format: None or ``"channels_last"``.
        dilation_rate: the distance between the cells of the kernel.

    >>> from glassnet import ops
    >>> ops.conv_transpose([[[1.0], [2.0]]], [[[1.0]], [[10.0]]], strides=2).tolist()
    [[[1.0], [10.0], [2.0], [20.0]]]
    """
    channels_last(data_format, "conv_transpose")
    x, kernel = float_operands(inputs, kernel)
    axes = _spatial_axes("conv_transpose", x, kernel)
    if x.shape[-1] != kernel.shape[-1]:
        raise ValueError(
            f"conv_transpose: the inputs {display(x.shape)} have {x.shape[-1]} channels and the "
            f"kernel {display(kernel.shape)} takes {kernel.shape[-1]}. Its shape is "
            "(k…, filters, channels): filters come first."
        )
    steps = per_axis(strides, axes, "conv_transpose: strides")
    dilation = per_axis(dilation_rate, axes, "conv_transpose: dilation_rate")
    reaches = (
        span(_number("conv_transpose", k), d) for k, d in zip(kernel.shape, dilation, strict=False)
    )
    more: tuple[int | None, ...] = (None,) * axes
    if output_padding is not None:
        more = per_axis(output_padding, axes, "conv_transpose: output_padding", least=0)
    pairs = tuple(_cropping(padding, e, s, m) for e, s, m in zip(reaches, steps, more, strict=True))
    return record(TransposedConvolution(steps, pairs, dilation), x, kernel)


def _cropping(padding: str, reach: int, stride: int, more: int | None) -> tuple[int, int]:
    """Return what is cut from (n − 1)·stride + reach before and after, by Keras's rule."""
    if padding.lower() == "valid":
        return 0, -(max(stride - reach, 0) if more is None else more)
    if padding.lower() != "same":
        raise ValueError(
            f"conv_transpose: padding is 'valid' or 'same'; got {padding!r}. Crop the result for "
            "anything else."
        )
    # Added on both sides of the spread inputs before a correlation with the turned kernel.
    added = reach - 2 + (stride if more is None else reach % 2 + more)
    before = min(-(-added // 2), reach - 1)
    return reach - 1 - before, reach - 1 - (added - before)


# --- two sequences ----------------------------------------------------------------------------
@implements(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Tensor:
    """Return ``c[k] = Σₙ a[n + k] v[n]`` of two one-dimensional tensors, as np.correlate.

    Args:
        a: (n,).
        v: (k,).
        mode: ``"valid"`` (only where both overlap fully, |n − k| + 1 entries), ``"same"``
            (max(n, k)), ``"full"`` (wherever they touch, n + k − 1).

    >>> from glassnet import ops
    >>> ops.correlate([1.0, 2.0, 3.0], [0.0, 1.0, 0.5], "full").tolist()
    [0.5, 2.0, 3.5, 3.0, 0.0]
    """
    a, v, n, k = _sequences("correlate", a, v)
    if mode == "full":
        pair = (k - 1, k - 1)
    elif mode == "same":
        pair = (k // 2, k - 1 - k // 2) if n >= k else (k - 1 - n // 2, k - n + n // 2)
    else:
        pair = (max(k - n, 0), max(k - n, 0))
    _check_mode("correlate", mode)
    x, kernel = reshape(a, (1, n, 1)), reshape(v, (k, 1, 1))
    return reshape(record(Convolution((1,), (pair,), (1,)), x, kernel), (-1,))


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Tensor:
    """Return ``c[k] = Σₙ a[n] v[k − n]`` of two one-dimensional tensors, as np.convolve.

    This is convolution in the sense of mathematics; `conv` does not turn the kernel around.

    >>> from glassnet import ops
    >>> ops.convolve([1.0, 2.0, 3.0], [0.0, 1.0, 0.5]).tolist()
    [0.0, 1.0, 2.5, 4.0, 1.5]
    """
    a, v, n, k = _sequences("convolve", a, v)
    few = min(n, k)
    pair = {"full": (0, 0), "valid": (few - 1, few - 1)}.get(mode, ((few - 1) // 2, few // 2))
    _check_mode("convolve", mode)
    g, kernel = reshape(a, (1, n, 1)), reshape(v, (k, 1, 1))
    return reshape(record(TransposedConvolution((1,), (pair,), (1,)), g, kernel), (-1,))


def _check_mode(function: str, mode: str) -> None:
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"{function}: mode is 'full', 'same' or 'valid'; got {mode!r}.")


def _sequences(function: str, a: Any, v: Any) -> tuple[Tensor, Tensor, int, int]:
    a, v = operands(a, v)
    if a.ndim != 1 or v.ndim != 1 or a.shape[0] == 0 or v.shape[0] == 0:
        raise ValueError(
            f"{function}: expected two one-dimensional tensors with entries; got shapes "
            f"{display(a.shape)} and {display(v.shape)}. For images use ops.conv."
        )
    return a, v, _number(function, a.shape[0]), _number(function, v.shape[0])
