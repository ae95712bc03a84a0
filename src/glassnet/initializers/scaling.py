"""Initializers whose spread follows from the number of connections: Glorot, He, LeCun.

A sum of n products of independent entries has n times the variance of one product, so weights of
variance about 1/n keep the size of signals (and of derivatives) from layer to layer.

Sources: Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, "Efficient BackProp", 1998. X. Glorot,
Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS
2010. K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV 2015. A. Saxe,
J. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear
neural networks", ICLR 2014.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from glassnet.checks import number, one_of
from glassnet.graph.dimension import display
from glassnet.initializers.base import INITIALIZERS, RandomInitializer
from glassnet.initializers.simple import truncated_normal

Axes = Sequence[int] | int | None

# The standard deviation of a standard normal number that is cut off at ±2.
_CUT_DEVIATION = 0.87962566103423978


@INITIALIZERS.add()
class VarianceScaling(RandomInitializer):
    """Independent entries of mean 0 and variance ``scale / n``.

    Args:
        scale: the factor, above 0.
        mode: what ``n`` counts: ``"fan_in"``, the inputs of an output; ``"fan_out"``, the
            outputs of an input; ``"fan_avg"``, the mean of both.
        distribution: ``"truncated_normal"`` (cut at two deviations; also called ``"normal"``),
            ``"untruncated_normal"`` or ``"uniform"``, which lies within ``±√(3 scale / n)``.
        seed: an integer for the same values in every run, or None.
        input_axes: the axes of the weight that are inputs; with ``output_axes``, in place of the
            rule that the last axis is the output, the one before it the input, and the axes
            before these a field of view.
        output_axes: the axes of the weight that are outputs.

    Raises:
        ValueError: for a scale of 0 or below, an unknown mode or distribution.

    Sources: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010.
    K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV 2015.

    >>> from glassnet.initializers import VarianceScaling
    >>> weights = VarianceScaling(2.0, seed=1)((200, 100)).numpy()
    >>> round(float(weights.var()) * 200, 1)
    2.0
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        input_axes: Axes = None,
        output_axes: Axes = None,
    ) -> None:
        super().__init__(seed)
        what = type(self).__name__
        names = ("truncated_normal", "untruncated_normal", "uniform", "normal")
        found = one_of(str(distribution).lower(), names, f"{what}: distribution")
        self.scale = number(scale, f"{what}: scale", above=0)
        self.mode = one_of(mode, ("fan_in", "fan_out", "fan_avg"), f"{what}: mode")
        self.distribution = "truncated_normal" if found == "normal" else found
        self.input_axes = input_axes
        self.output_axes = output_axes

    def draw(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        fan_in, fan_out = fans(shape, self.input_axes, self.output_axes)
        count = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, count)
        rng = self.generator()
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return rng.uniform(-limit, limit, shape)
        if self.distribution == "untruncated_normal":
            return rng.normal(0.0, math.sqrt(variance), shape)
        return math.sqrt(variance) / _CUT_DEVIATION * truncated_normal(rng, shape)


def fans(
    shape: tuple[int, ...], input_axes: Axes = None, output_axes: Axes = None
) -> tuple[int, int]:
    """Return how many inputs an output entry has, and how many outputs an input entry.

    A kernel of shape (3, 3, 8, 16) has 3·3·8 inputs for each output.

    >>> from glassnet.initializers.scaling import fans
    >>> fans((3, 3, 8, 16))
    (72, 144)
    """
    if input_axes is not None and output_axes is not None:
        return _count(shape, input_axes), _count(shape, output_axes)
    if len(shape) < 2:
        size = shape[0] if shape else 1
        return size, size
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


def _count(shape: tuple[int, ...], axes: Sequence[int] | int) -> int:
    chosen = (axes,) if isinstance(axes, int) else tuple(axes)
    return math.prod(shape[axis] for axis in chosen)


class _Fixed(VarianceScaling):
    """The base of the named kinds of variance scaling."""

    def __init__(
        self, seed: int | None = None, input_axes: Axes = None, output_axes: Axes = None
    ) -> None:
        super().__init__(*self.setting, seed, input_axes, output_axes)

    setting: tuple[float, str, str]


@INITIALIZERS.add("xavier_uniform")
class GlorotUniform(_Fixed):
    """Uniform entries within ``±√(6 / (fan_in + fan_out))``: for tanh and sigmoid layers.

    Args:
        seed: an integer for the same values in every run, or None.
        input_axes: as in ``VarianceScaling``.
        output_axes: as in ``VarianceScaling``.

    Source: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010.

    >>> from glassnet.initializers import GlorotUniform
    >>> weights = GlorotUniform(seed=0)((2, 4)).numpy()
    >>> weights.shape, bool((abs(weights) <= 1).all())
    ((2, 4), True)
    """

    setting = (1.0, "fan_avg", "uniform")


@INITIALIZERS.add("xavier_normal")
class GlorotNormal(_Fixed):
    """Truncated normal entries of variance ``2 / (fan_in + fan_out)``.

    Args:
        seed: an integer for the same values in every run, or None.
        input_axes: as in ``VarianceScaling``.
        output_axes: as in ``VarianceScaling``.

    Source: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010.

    >>> from glassnet.initializers import GlorotNormal
    >>> weights = GlorotNormal(seed=1)((200, 100)).numpy()
    >>> round(float(weights.var()) * (200 + 100), 1)
    2.0
    """

    setting = (1.0, "fan_avg", "truncated_normal")


@INITIALIZERS.add()
class HeUniform(_Fixed):
    """Uniform entries within ``±√(6 / fan_in)``: for ReLU layers, which halve the variance.

    Args:
        seed: an integer for the same values in every run, or None.
        input_axes: as in ``VarianceScaling``.
        output_axes: as in ``VarianceScaling``.

    Source: K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV 2015.

    >>> from glassnet.initializers import HeUniform
    >>> weights = HeUniform(seed=1)((200, 100)).numpy()
    >>> bool((abs(weights) <= (6 / 200) ** 0.5).all()), round(float(weights.var()) * 200, 1)
    (True, 2.0)
    """

    setting = (2.0, "fan_in", "uniform")


@INITIALIZERS.add()
class HeNormal(_Fixed):
    """Truncated normal entries of variance ``2 / fan_in``: for ReLU layers.

    Args:
        seed: an integer for the same values in every run, or None.
        input_axes: as in ``VarianceScaling``.
        output_axes: as in ``VarianceScaling``.

    Source: K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV 2015.

    >>> from glassnet.initializers import HeNormal
    >>> weights = HeNormal(seed=1)((200, 100)).numpy()
    >>> round(float(weights.var()) * 200, 1)
    2.0
    """

    setting = (2.0, "fan_in", "truncated_normal")


@INITIALIZERS.add()
class LecunUniform(_Fixed):
    """Uniform entries within ``±√(3 / fan_in)``: for SELU layers.

    Args:
        seed: an integer for the same values in every run, or None.
        input_axes: as in ``VarianceScaling``.
        output_axes: as in ``VarianceScaling``.

    Source: Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, "Efficient BackProp", 1998, section 4.6.

    >>> from glassnet.initializers import LecunUniform
    >>> weights = LecunUniform(seed=1)((200, 100)).numpy()
    >>> bool((abs(weights) <= (3 / 200) ** 0.5).all()), round(float(weights.var()) * 200, 1)
    (True, 1.0)
    """

    setting = (1.0, "fan_in", "uniform")


@INITIALIZERS.add()
class LecunNormal(_Fixed):
    """Truncated normal entries of variance ``1 / fan_in``: for SELU layers.

    Args:
        seed: an integer for the same values in every run, or None.
        input_axes: as in ``VarianceScaling``.
        output_axes: as in ``VarianceScaling``.

    Source: Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, "Efficient BackProp", 1998, section 4.6.

    >>> from glassnet.initializers import LecunNormal
    >>> weights = LecunNormal(seed=1)((200, 100)).numpy()
    >>> round(float(weights.var()) * 200, 1)
    1.0
    """

    setting = (1.0, "fan_in", "truncated_normal")


@INITIALIZERS.add("OrthogonalInitializer")
class Orthogonal(RandomInitializer):
    """``Q gain`` with orthonormal rows or columns, whichever are fewer.

    Q is that factor of a normal random matrix, with the signs that make it uniform among all
    such matrices. More than two axes are seen as the matrix of all axes but the last by the last.

    Args:
        gain: the length of each row or column.
        seed: an integer for the same values in every run, or None.

    Raises:
        ValueError: at the call, for a shape of fewer than two axes.

    Sources: A. Saxe, J. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of
    learning in deep linear neural networks", ICLR 2014. F. Mezzadri, "How to generate random
    matrices from the classical compact groups", Notices of the AMS, 2007.

    >>> from glassnet.initializers import Orthogonal
    >>> w = Orthogonal(seed=1)((3, 2)).numpy()  # two columns of length 1, at right angles
    >>> abs(w.T @ w).round(3).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def draw(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        if len(shape) < 2:
            raise ValueError(
                "Orthogonal makes matrices, so it needs a shape of two or more axes; "
                f"got {display(shape)}."
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = (max(rows, columns), min(rows, columns))
        q, r = np.linalg.qr(self.generator().standard_normal(tall))
        q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
        return self.gain * (q.T if rows < columns else q).reshape(shape)
