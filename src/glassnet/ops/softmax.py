"""Softmax and its kin, computed without overflow; and classes as rows of 0 and 1.

With the largest entry taken out first, no exponential exceeds 1.
Sources: I. Goodfellow, Y. Bengio, A. Courville, "Deep Learning", MIT Press 2016, 4.1 and 6.2.2;
P. Blanchard, D. J. Higham, N. J. Higham, "Accurately computing the log-sum-exp and softmax
functions", IMA Journal of Numerical Analysis 41 (2021).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from glassnet.formulas import Function, Term, axes_in, axis_in, call, matrix_shape
from glassnet.graph import dtypes
from glassnet.graph.dimension import Shape, Size
from glassnet.graph.op import Op, Sample
from glassnet.graph.recording import as_tensor, record
from glassnet.graph.slip import Slip
from glassnet.graph.stability import Form, Stability
from glassnet.graph.tensor import Tensor
from glassnet.ops import slips
from glassnet.ops.elementwise import Grads, cast, exp, log
from glassnet.ops.operands import float_operands, normalize_axes, normalize_axis
from glassnet.ops.reduction import Axis, Reduction, over_axes, sum
from glassnet.ops.shaping import RESHAPE

SOFTMAX = Function("softmax", axes=("axis",), meaning=(
    r"$\exp(z_{j}) / \sum_{k} \exp(z_{k})$ over the classes"), source="""
def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)
""")  # fmt: skip
LOG_SOFTMAX = Function("logsoftmax", numpy="log_softmax", axes=("axis",), meaning=(
    r"$z_{j} - \log \sum_{k} \exp(z_{k})$ over the classes, the logarithm of softmax"), source="""
def log_softmax(x, axis=-1):
    x = x - x.max(axis=axis, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=axis, keepdims=True))
""")  # fmt: skip
LOG_SUM_EXP = Function("logsumexp", axes=("axis",), meaning=(
    r"$\log \sum_{k} \exp(x_{k})$"), source="""
def logsumexp(x, axis=None):
    top = x.max(axis=axis, keepdims=True)
    total = top + np.log(np.exp(x - top).sum(axis=axis, keepdims=True))
    return total if axis is not None else total.item()
""")  # fmt: skip
ONE_HOT = Function("onehot", numpy="one_hot", axes=("axis",), meaning=(
    "1 at the place that the class number names, else 0"), source="""
def one_hot(y, classes, axis=-1):
    numbers = np.arange(classes).reshape(-1, *[1] * (y.ndim - 1 - axis % y.ndim))
    return (y == numbers) * 1.0
""")  # fmt: skip


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


def log_sum(xp: Any, z: Any, axis: Any) -> Any:
    """log Σ eᶻ over axes where the largest z is 0.

    Its exponential, 1, is left out of the sum, which would swallow the others where they are
    small: beside a logit that leads by 20, a loss of 2e-9 would come out as 0 in float32.
    """
    top = z == 0
    others = xp.sum(xp.exp(z) - top, axis=axis, keepdims=True)
    ties = xp.sum(top, axis=axis, keepdims=True, dtype=z.dtype) - 1
    return xp.log1p(others + ties)


class Softmax(_OverAxes):
    """eˣ / Σ eˣ."""

    name = "softmax"
    effort = 10.0
    calls = 15
    rules = (
        r"Chain rule through softmax: with $A = \operatorname{softmax}(Z)$, $\frac{\partial a_{j}}"
        r"{\partial z_{k}} = a_{j} \left(\left[ j = k \right] - a_{k}\right)$",
    )

    def value(self, xp: Any, x: Any) -> Any:
        e = xp.exp(x - xp.max(x, axis=self.axis, keepdims=True))
        return e / xp.sum(e, axis=self.axis, keepdims=True)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(SOFTMAX, x, shape=x.shape, axis=axes_in(self.axis, node.shape))

    def slips(self) -> Iterable[Slip]:
        return slips.SOFTMAX

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (y * (g - (g * y).sum(self.axis, keepdims=True)),)

    def stability(self) -> Stability:
        return Stability(
            (Form("exp(x) / sum(exp(x))", partial(naive_softmax, self.axis)),),
            "e / sum(e), e = exp(x - max(x))",
            "Subtract the maximum first: np.exp(x - x.max(-1, keepdims=True)); ops.softmax does.",
        )


class LogSoftmax(_OverAxes):
    """x - log Σ eˣ."""

    name = "log_softmax"
    effort = 10.0
    calls = 15
    rules = ("Chain rule through the logarithm of softmax",)

    def value(self, xp: Any, x: Any) -> Any:
        z = x - xp.max(x, axis=self.axis, keepdims=True)
        return z - log_sum(xp, z, self.axis)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(LOG_SOFTMAX, x, shape=x.shape, axis=axes_in(self.axis, node.shape))

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g - exp(y) * g.sum(self.axis, keepdims=True),)

    def stability(self) -> Stability:
        return Stability(
            (
                Form("log(exp(x) / sum(exp(x)))", lambda x: log(naive_softmax(self.axis, x))),
                Form("log(softmax(x))", lambda x: log(softmax(x, self.axis))),
            ),
            "z - log(sum(exp(z))), z = x - max(x)",
            "Write ops.log_softmax(x): the logarithm of a probability that rounded to 0 is lost.",
        )


class LogSumExp(Reduction):
    """log Σ eˣ."""

    name = "logsumexp"
    effort = 6.0
    calls = 15
    rules = (
        r"Chain rule through $\log \sum_{k} \exp(x_{k})$: its derivative by $x_{j}$ is softmax",
    )

    def value(self, xp: Any, x: Any) -> Any:
        largest = xp.max(x, axis=self.axis, keepdims=True)
        largest = xp.where(xp.isfinite(largest), largest, 0)  # ∞ - ∞ is no number
        y = log_sum(xp, x - largest, self.axis) + largest
        return y if self.keepdims else xp.squeeze(y, axis=self.axis)

    def formula(self, node: Tensor, x: Term) -> Term:
        return over_axes(LOG_SUM_EXP, x, axes_in(self.axis, node.inputs[0].shape))

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (self.spread(g, x) * exp(x - self.spread(y, x)),)

    def stability(self) -> Stability:
        return Stability(
            (Form("log(sum(exp(x)))", lambda x: log(sum(exp(x), self.axis, self.keepdims))),),
            "max(x) + log(sum(exp(x - max(x))))",
            "Write ops.logsumexp(x): the maximum is taken out before the exponential.",
        )

    def simplify(self, x: Tensor) -> Tensor | None:
        return None if self.axis else x


# --- the form to keep away from --------------------------------------------------------------
def naive_softmax(axis: tuple[int, ...], x: Tensor) -> Tensor:
    """Softmax without the maximum taken out: overflows from 89 on in float32."""
    e = exp(x)
    return e / sum(e, axis, keepdims=True)


def one_hot_term(labels: Term, shape: Shape, axis: int) -> Term:
    """Rows of 0 and 1 of a shape, whose axis of the classes the labels have with length 1."""
    places = tuple(1 if i == axis else size for i, size in enumerate(shape))
    if labels.shape not in (places, ()):
        labels = call(RESHAPE, labels, shape=places, sizes=places)
    return call(ONE_HOT, labels, shape=shape, classes=shape[axis], axis=axis)


@dataclass(frozen=True)
class OneHot(Op):
    """1 at the place that the integer names along a new ``axis``, 0 elsewhere."""

    name = "one_hot"
    calls = 14
    differentiable = False
    num_classes: Size = 2
    axis: int = 1
    dtype: str = "float32"

    def infer(self, x: Tensor) -> tuple[Shape, np.dtype]:
        if x.dtype.kind not in "iu":
            raise TypeError(f"one_hot: expected class numbers (integers); got {x.dtype}.")
        shape = (*x.shape[: self.axis], self.num_classes, *x.shape[self.axis :])
        return shape, np.dtype(self.dtype)

    def formula(self, node: Tensor, x: Term) -> Term:
        axis = axis_in(self.axis, node.shape)
        assert axis is not None
        return one_hot_term(x, matrix_shape(node.shape), axis)

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
