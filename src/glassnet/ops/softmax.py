"""Softmax and its kin, computed without overflow; and cross-entropies from logits in one piece.

With the largest entry taken out first, no exponential exceeds 1. A cross-entropy from logits never
forms the probabilities, so it stays exact where they would round to 0 or 1.
Source: I. Goodfellow, Y. Bengio, A. Courville, "Deep Learning", MIT Press 2016, 4.1 and 6.2.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.graph import dtypes
from glassnet.graph.dimension import Shape, Size, display
from glassnet.graph.op import Op, Sample
from glassnet.graph.recording import as_tensor, record
from glassnet.graph.tensor import Tensor
from glassnet.ops.elementwise import Elementwise, Grads, cast, exp
from glassnet.ops.functions import sigmoid
from glassnet.ops.operands import float_operands, normalize_axes, normalize_axis, unbroadcast
from glassnet.ops.reduction import Axis, Reduction
from glassnet.ops.shaping import expand_dims


def _draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape)


@dataclass(frozen=True)
class _OverAxes(Op):
    """The base of ops that keep the shape and normalise over ``axis``."""

    axis: tuple[int, ...] = (1,)

    def infer(self, x: Tensor) -> tuple[Shape, np.dtype]:
        return x.shape, x.dtype

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls((1,)), (_draw(3, 4),))
        yield Sample(cls((0, 2)), (_draw(2, 3, 2),))
        yield Sample(cls((0,)), (_draw(1, 2) + 50,))


class Softmax(_OverAxes):
    """eˣ / Σ eˣ."""

    name = "softmax"

    def value(self, xp: Any, x: Any) -> Any:
        e = xp.exp(x - xp.max(x, axis=self.axis, keepdims=True))
        return e / xp.sum(e, axis=self.axis, keepdims=True)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (y * (g - (g * y).sum(self.axis, keepdims=True)),)


class LogSoftmax(_OverAxes):
    """x - log Σ eˣ."""

    name = "log_softmax"

    def value(self, xp: Any, x: Any) -> Any:
        z = x - xp.max(x, axis=self.axis, keepdims=True)
        return z - xp.log(xp.sum(xp.exp(z), axis=self.axis, keepdims=True))

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g - exp(y) * g.sum(self.axis, keepdims=True),)


class LogSumExp(Reduction):
    """log Σ eˣ."""

    name = "logsumexp"

    def value(self, xp: Any, x: Any) -> Any:
        largest = xp.max(x, axis=self.axis, keepdims=True)
        largest = xp.where(xp.isfinite(largest), largest, 0)  # ∞ - ∞ is no number
        y = xp.log(xp.sum(xp.exp(x - largest), axis=self.axis, keepdims=True)) + largest
        return y if self.keepdims else xp.squeeze(y, axis=self.axis)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (self.spread(g, x) * exp(x - self.spread(y, x)),)

    def simplify(self, x: Tensor) -> Tensor | None:
        return None if self.axis else x


# --- cross-entropies from logits --------------------------------------------------------------
class SigmoidCrossEntropy(Elementwise):
    """-t log σ(x) - (1 - t) log(1 - σ(x)) = log(1 + eˣ) - t x, for logits x and targets t."""

    name = "sigmoid_cross_entropy"
    points = ((-2, 2), (0, 1))

    def value(self, xp: Any, x: Any, t: Any) -> Any:
        return xp.maximum(x, 0) - x * t + xp.log1p(xp.exp(-xp.abs(x)))

    def vjp(self, g: Tensor, y: Tensor, x: Tensor, t: Tensor) -> Grads:
        return unbroadcast(g * (sigmoid(x) - t), x.shape), unbroadcast(-g * x, t.shape)


@dataclass(frozen=True)
class SoftmaxCrossEntropy(Op):
    """-Σ t log softmax(x) over ``axis``, for logits x and a target distribution t."""

    name = "softmax_cross_entropy"
    axis: int = 1

    def infer(self, x: Tensor, t: Tensor) -> tuple[Shape, np.dtype]:
        if x.shape != t.shape:
            raise ValueError(
                f"Categorical cross-entropy: the targets have shape {display(t.shape)} and the "
                f"outputs {display(x.shape)}; they must be equal. For targets that are class "
                "numbers use the sparse categorical cross-entropy."
            )
        return (*x.shape[: self.axis], *x.shape[self.axis + 1 :]), x.dtype

    def value(self, xp: Any, x: Any, t: Any) -> Any:
        z = x - xp.max(x, axis=self.axis, keepdims=True)
        total = xp.log(xp.sum(xp.exp(z), axis=self.axis, keepdims=True))
        return xp.sum(t * (total - z), axis=self.axis)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor, t: Tensor) -> Grads:
        g = expand_dims(g, self.axis)
        by_x = softmax(x, self.axis) * t.sum(self.axis, keepdims=True) - t
        return g * by_x, -g * log_softmax(x, self.axis)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        t = np.random.default_rng(1).uniform(size=(3, 4))
        yield Sample(cls(1), (_draw(3, 4), t / t.sum(1, keepdims=True)))
        yield Sample(cls(0), (_draw(3, 4), t))


@dataclass(frozen=True)
class SparseSoftmaxCrossEntropy(Op):
    """-log softmax(x)[c] over ``axis``, for logits x and class numbers c."""

    name = "sparse_softmax_cross_entropy"
    axis: int = 1

    def infer(self, x: Tensor, labels: Tensor) -> tuple[Shape, np.dtype]:
        shape = (*x.shape[: self.axis], *x.shape[self.axis + 1 :])
        if labels.shape != shape or labels.dtype.kind not in "iu":
            raise ValueError(
                f"Sparse categorical cross-entropy: outputs of shape {display(x.shape)} need one "
                f"class number (an integer) for each of {display(shape)}; got {labels.dtype} of "
                f"shape {display(labels.shape)}. For one-hot targets use the categorical one."
            )
        return shape, x.dtype

    def value(self, xp: Any, x: Any, labels: Any) -> Any:
        if xp is np:
            _refuse_strange_labels(labels, x.shape[self.axis])
        z = x - xp.max(x, axis=self.axis, keepdims=True)
        total = xp.log(xp.sum(xp.exp(z), axis=self.axis))
        place = xp.expand_dims(labels, self.axis)
        return total - xp.squeeze(xp.take_along_axis(z, place, self.axis), axis=self.axis)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor, labels: Tensor) -> Grads:
        hot = one_hot(labels, x.shape[self.axis], self.axis, x.dtype)
        return expand_dims(g, self.axis) * (softmax(x, self.axis) - hot), None

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls(1), (_draw(3, 4), np.array([0, 3, 3])))
        yield Sample(cls(1), (_draw(2, 3, 2), np.array([[0, 2], [1, 1]])))


def _refuse_strange_labels(labels: np.ndarray, classes: int) -> None:
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        place = np.flatnonzero((labels < 0) | (labels >= classes))[0]
        raise ValueError(
            f"Sparse categorical cross-entropy: label {labels.flat[place]} (entry {place}) is "
            f"out of range: there are {classes} classes, numbered 0 to {classes - 1}. Number the "
            "classes from 0, or give the last layer more units."
        )


@dataclass(frozen=True)
class OneHot(Op):
    """1 at the place that the integer names along a new ``axis``, 0 elsewhere."""

    name = "one_hot"
    differentiable = False
    num_classes: Size = 2
    axis: int = 1
    dtype: str = "float32"

    def infer(self, x: Tensor) -> tuple[Shape, np.dtype]:
        if x.dtype.kind not in "iu":
            raise TypeError(f"one_hot: expected class numbers (integers); got {x.dtype}.")
        shape = (*x.shape[: self.axis], self.num_classes, *x.shape[self.axis :])
        return shape, np.dtype(self.dtype)

    def value(self, xp: Any, x: Any) -> Any:
        x = xp.asarray(x)
        classes = xp.arange(self.num_classes)  # not in x's dtype: bytes end at 255
        line = xp.reshape(classes, (-1, *[1] * (x.ndim - self.axis)))
        return xp.equal(xp.expand_dims(x, self.axis), line).astype(self.dtype)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls(4, 1), (np.array([0, 3, 5, -1]),))
        yield Sample(cls(300, 1), (np.array([0, 44, 255], np.uint8),))
        yield Sample(cls(3, 0, "bool"), (np.array([[0, 2], [1, 1]]),))


# --- the functions ----------------------------------------------------------------------------
def softmax(x: Any, axis: Axis = -1) -> Tensor:
    """Return ``eˣ / Σ eˣ`` over ``axis``: positive numbers that sum to 1.

    Derivative: ``∂aᵢ/∂xⱼ = aᵢ ([i = j] - aⱼ)`` with a the value.

    Source: J. Bridle, "Probabilistic interpretation of feedforward classification network outputs",
    1990.

    >>> from glassnet import ops
    >>> ops.softmax([0.0, 0.0, 1000.0]).tolist()
    [0.0, 0.0, 1.0]
    """
    (x,) = float_operands(x)
    return record(Softmax(normalize_axes(axis, x.ndim)), x)


def log_softmax(x: Any, axis: Axis = -1) -> Tensor:
    """Return ``x - log Σ eˣ`` over ``axis``: the logarithm of softmax, exact for any ``x``.

    Derivative: ``∂aᵢ/∂xⱼ = [i = j] - softmax(x)ⱼ``.

    Source: J. Bridle, "Probabilistic interpretation of feedforward classification network outputs",
    1990.
    """
    (x,) = float_operands(x)
    return record(LogSoftmax(normalize_axes(axis, x.ndim)), x)


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return ``log Σ eˣ`` over ``axis``, without overflow.

    >>> from glassnet import ops
    >>> round(ops.logsumexp([1000.0, 1000.0]).item(), 3)
    1000.693
    """
    (x,) = float_operands(x)
    return record(LogSumExp(normalize_axes(axis, x.ndim), bool(keepdims)), x)


def one_hot(x: Any, num_classes: Size, axis: int = -1, dtype: Any = None) -> Tensor:
    """Return 1 where the new ``axis`` counts the integer ``x``, else 0.

    An integer outside 0 … ``num_classes`` - 1 gives zeros alone, as in Keras.

    >>> from glassnet import ops
    >>> ops.one_hot([0, 2], 3).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    x = as_tensor(x)
    if x.dtype == np.bool_:
        x = cast(x, "int64")
    found = dtypes.default_float() if dtype is None else dtypes.standard(dtype)
    return record(OneHot(num_classes, normalize_axis(axis, x.ndim + 1), found.name), x)
