"""Cross-entropies from logits, in one piece.

A cross-entropy from logits never forms the probabilities, so it stays exact where they would round
to 0 or 1.
Source: I. Goodfellow, Y. Bengio, A. Courville, "Deep Learning", MIT Press 2016, 4.1 and 6.2.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from glassnet import config
from glassnet.formulas import Function, Term, axes_in, call, matrix_shape, reduce
from glassnet.graph.dimension import Shape, display
from glassnet.graph.op import Op, Sample
from glassnet.graph.recording import written
from glassnet.graph.stability import Form, Stability
from glassnet.graph.tensor import Tensor
from glassnet.ops.comparison import clip
from glassnet.ops.elementwise import Elementwise, Grads, log
from glassnet.ops.functions import sigmoid
from glassnet.ops.operands import unbroadcast
from glassnet.ops.reduction import sum
from glassnet.ops.shaping import expand_dims
from glassnet.ops.softmax import (
    LOG_SOFTMAX,
    log_softmax,
    log_sum,
    naive_softmax,
    one_hot,
    one_hot_term,
    softmax,
)

SOFTPLUS_CROSS_ENTROPY = Function("bce", entrywise=True, meaning=(
    r"$-t \log \sigma(z) - \left(1 - t\right) \log(1 - \sigma(z))$, from the logit $z$ and the "
    "target $t$"), source="""
def bce(z, t):
    return np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))
""")  # fmt: skip

SOFTMAX_LESSON = (
    (
        "For one example, with logits $z_{j}$ and targets $y_{j}$ over the classes $j$, softmax "
        "and cross-entropy are",
        r"p_{j} = \frac{\exp(z_{j})}{\sum_{k} \exp(z_{k})} \quad \mathcal{L} = "
        r"-\sum_{j} y_{j} \log(p_{j})",
    ),
    (
        "Every probability depends on every logit; the quotient rule gives",
        r"\frac{\partial p_{j}}{\partial z_{k}} = p_{j} \left(\left[ j = k \right] - p_{k}\right)",
    ),
    (
        "The chain rule through the logarithm adds up what comes from all classes; the "
        "probabilities cancel",
        r"\frac{\partial \mathcal{L}}{\partial z_{k}} = -\sum_{j} \frac{y_{j}}{p_{j}} "
        r"\frac{\partial p_{j}}{\partial z_{k}} = p_{k} \sum_{j} y_{j} - y_{k}",
    ),
    (
        "The targets of an example sum to 1, so what remains is prediction minus target",
        r"\frac{\partial \mathcal{L}}{\partial z_{k}} = p_{k} - y_{k}",
    ),
)
SIGMOID_LESSON = (
    (
        "For one logit $z$ and its target $y$, sigmoid and cross-entropy are",
        r"p = \sigma(z) \quad \mathcal{L} = -y \log(p) - \left(1 - y\right) \log(1 - p)",
    ),
    (
        "The derivative by the probability, and that of the sigmoid",
        r"\frac{\partial \mathcal{L}}{\partial p} = \frac{p - y}{p \left(1 - p\right)} \quad "
        r"\frac{\partial p}{\partial z} = p \left(1 - p\right)",
    ),
    (
        "In their product the denominator cancels; what remains is prediction minus target",
        r"\frac{\partial \mathcal{L}}{\partial z} = p - y",
    ),
)


def _draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape)


# --- the forms to keep away from -------------------------------------------------------------
def _kept(p: Tensor) -> Tensor:
    return clip(p, config.epsilon(), 1 - config.epsilon())


def _two_sided(p: Tensor, t: Tensor) -> Tensor:
    return -(t * log(p)) - (1 - t) * log(1 - p)


def _of_probabilities(axis: int, p: Tensor, t: Tensor) -> Tensor:
    return -sum(t * log(p), axis)


def _naive_forms(
    formula: str, loss: Callable[[Tensor, Tensor], Tensor], axis: tuple[int, ...]
) -> tuple[Form, ...]:
    """A loss of probabilities, on what three kinds of code make of the logits."""
    return (
        Form(
            f"{formula}, p = exp(x) / sum(exp(x))",
            lambda x, target: loss(naive_softmax(axis, x), target),
        ),
        Form(f"{formula}, p = softmax(x)", lambda x, target: loss(softmax(x, axis), target)),
        Form(
            "the same, p kept in [ε, 1 - ε]",
            lambda x, target: loss(_kept(softmax(x, axis)), target),
        ),
    )


# --- the ops ----------------------------------------------------------------------------------
class SigmoidCrossEntropy(Elementwise):
    """-t log σ(x) - (1 - t) log(1 - σ(x)) = log(1 + eˣ) - t x, for logits x and targets t."""

    name = "sigmoid_cross_entropy"
    effort = 12.0
    calls = 4
    lesson = SIGMOID_LESSON
    rules = (
        r"Cross-entropy of $\sigma(Z)$ and the target: the derivative by the logit is "
        r"$\sigma(Z) - Y$",
        "The targets",
    )
    points = ((-2, 2), (0, 1))

    def value(self, xp: Any, x: Any, t: Any) -> Any:
        return xp.maximum(x, 0) - x * t + xp.log1p(xp.exp(-xp.abs(x)))

    def formula(self, node: Tensor, x: Term, t: Term) -> Term:
        return call(SOFTPLUS_CROSS_ENTROPY, x, t)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor, t: Tensor) -> Grads:
        return unbroadcast(g * (sigmoid(x) - t), x.shape), unbroadcast(-g * x, t.shape)

    def stability(self) -> Stability:
        return Stability(
            (
                Form(
                    "-t log(p) - (1 - t) log(1 - p), p = sigmoid(x)",
                    lambda x, t: _two_sided(sigmoid(x), t),
                ),
                Form(
                    "the same, p kept in [ε, 1 - ε]", lambda x, t: _two_sided(_kept(sigmoid(x)), t)
                ),
            ),
            "max(x, 0) - x t + log1p(exp(-|x|))",
            "Give the loss logits: BinaryCrossentropy(from_logits=True) after a layer without "
            "sigmoid. (Where a sigmoid stands right before the loss, glassnet does it by itself.)",
        )


_FROM_LOGITS = (
    "Give the loss logits: {}(from_logits=True) after a layer without softmax. (Where a softmax "
    "stands right before the loss, glassnet does it by itself.)"
)


@dataclass(frozen=True)
class SoftmaxCrossEntropy(Op):
    """-Σ t log softmax(x) over ``axis``, for logits x and a target distribution t."""

    name = "softmax_cross_entropy"
    effort = 12.0
    calls = 25
    distributions = (1,)
    lesson = SOFTMAX_LESSON
    rules = (
        r"Cross-entropy of $\operatorname{softmax}(Z)$ and the target: the derivative by the "
        r"logits is $\operatorname{softmax}(Z) - Y$",
        "The targets",
    )
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
        return xp.sum(t * (log_sum(xp, z, self.axis) - z), axis=self.axis)

    def formula(self, node: Tensor, x: Term, t: Term) -> Term:
        axes = axes_in((self.axis,), node.inputs[0].shape)
        return -reduce("sum", t * call(LOG_SOFTMAX, x, shape=x.shape, axis=axes), axes)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor, t: Tensor) -> Grads:
        g = expand_dims(g, self.axis)
        by_x = softmax(x, self.axis) * t.sum(self.axis, keepdims=True) - t
        return g * by_x, -g * log_softmax(x, self.axis)

    def stability(self) -> Stability:
        loss, axis = partial(_of_probabilities, self.axis), (self.axis,)
        return Stability(
            _naive_forms("-sum(t log(p))", loss, axis),
            "sum(t (log(sum(exp(z))) - z)), z = x - max(x)",
            _FROM_LOGITS.format("CategoricalCrossentropy"),
        )

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        t = np.random.default_rng(1).uniform(size=(3, 4))
        yield Sample(cls(1), (_draw(3, 4), t / t.sum(1, keepdims=True)))
        yield Sample(cls(0), (_draw(3, 4), t))


@dataclass(frozen=True)
class SparseSoftmaxCrossEntropy(Op):
    """-log softmax(x)[c] over ``axis``, for logits x and class numbers c."""

    name = "sparse_softmax_cross_entropy"
    effort = 12.0
    calls = 60
    lesson = SOFTMAX_LESSON
    rules = (
        r"Cross-entropy of $\operatorname{softmax}(Z)$ and the class: the derivative by the logits "
        r"is $\operatorname{softmax}(Z) - Y$, with $Y$ 1 at the class and 0 elsewhere",
        "The classes",
    )
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
        place = xp.expand_dims(labels, self.axis)
        chosen = xp.take_along_axis(z, place, self.axis)
        return xp.squeeze(log_sum(xp, z, self.axis) - chosen, axis=self.axis)

    def formula(self, node: Tensor, x: Term, labels: Term) -> Term:
        axes = axes_in((self.axis,), node.inputs[0].shape)
        log = call(LOG_SOFTMAX, x, shape=x.shape, axis=axes)
        hot = one_hot_term(labels, matrix_shape(node.inputs[0].shape), axes[0])
        return -reduce("sum", hot * log, axes)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor, labels: Tensor) -> Grads:
        hot = written(one_hot(labels, x.shape[self.axis], self.axis, x.dtype), "Y")
        return expand_dims(g, self.axis) * (softmax(x, self.axis) - hot), None

    def stability(self) -> Stability:
        def loss(p: Tensor, labels: Tensor) -> Tensor:
            hot = one_hot(labels, p.shape[self.axis], self.axis, p.dtype)
            return -log(sum(hot * p, self.axis))

        return Stability(
            _naive_forms("-log(p[c])", loss, (self.axis,)),
            "log(sum(exp(z))) - z[c], z = x - max(x)",
            _FROM_LOGITS.format("SparseCategoricalCrossentropy"),
        )

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
