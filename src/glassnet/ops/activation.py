"""Activations composed of primitives, entry by entry unless an axis is named.

Each docstring gives the formula and its derivative. Where a formula has two branches, the one not
taken is fed a harmless number, so no branch overflows and spoils the derivative of the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.formulas import Function, Term, axis_in, call
from glassnet.graph.dimension import Shape, display
from glassnet.graph.op import Op, Sample
from glassnet.graph.recording import as_tensor, record
from glassnet.graph.tensor import Tensor
from glassnet.ops.comparison import clip, minimum, where
from glassnet.ops.elementwise import Grads, absolute, cast, sign, sqrt, square
from glassnet.ops.error_function import normal_cdf
from glassnet.ops.functions import expm1, relu, sigmoid, softplus, tanh
from glassnet.ops.operands import float_operands, normalize_axis

SPARSEMAX = Function("sparsemax", axes=("axis",), source="""
def sparsemax(x, axis=-1):
    x = np.moveaxis(x, axis, -1)
    falling = -np.sort(-x, axis=-1)
    excess = np.cumsum(falling, axis=-1) - 1
    k = np.sum(np.arange(1, x.shape[-1] + 1) * falling > excess, axis=-1, keepdims=True)
    tau = np.take_along_axis(excess, k - 1, axis=-1) / k
    return np.moveaxis(np.maximum(x - tau, 0), -1, axis)
""", meaning="the probabilities nearest to $x$")  # fmt: skip


# --- pieces of straight lines -----------------------------------------------------------------
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Tensor:
    """Return ``x`` where ``x ≥ 0``, else ``negative_slope · x``.

    Derivative: 1 where ``x ≥ 0``, else ``negative_slope``.
    Source: A. Maas, A. Hannun, A. Ng, "Rectifier nonlinearities improve neural network acoustic
    models", ICML 2013.

    >>> from glassnet import ops
    >>> ops.leaky_relu([-1.0, 2.0], negative_slope=0.5).tolist()
    [-0.5, 2.0]
    """
    (x,) = float_operands(x)
    slope = where(x >= 0, as_tensor(1, x.dtype), as_tensor(negative_slope, x.dtype))
    return x * slope


def relu6(x: Any) -> Tensor:
    """Return ``min(max(x, 0), 6)``. Derivative: 1 where ``0 < x < 6``, else 0.

    Source: A. Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.

    >>> from glassnet import ops
    >>> ops.relu6([-1.0, 2.0, 9.0]).tolist()
    [0.0, 2.0, 6.0]
    """
    (x,) = float_operands(x)
    return minimum(relu(x), 6)


def hard_sigmoid(x: Any) -> Tensor:
    """Return ``relu6(x + 3) / 6``: a line from 0 at -3 to 1 at 3.

    Derivative: 1/6 where ``-3 < x < 3``, else 0.

    Source: A. Howard et al., "Searching for MobileNetV3", ICCV 2019.

    >>> from glassnet import ops
    >>> ops.hard_sigmoid([-4.0, 0.0, 4.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    (x,) = float_operands(x)
    return relu6(x + 3) / 6


def hard_silu(x: Any) -> Tensor:
    """Return ``x · hard_sigmoid(x)``, the swish function in pieces; also ``hard_swish``.

    Derivative: 0 where ``x < -3``, 1 where ``x > 3``, ``x/3 + 1/2`` between.
    Source: A. Howard et al., "Searching for MobileNetV3", ICCV 2019.

    >>> from glassnet import ops
    >>> ops.hard_silu([-1.5, 0.0, 4.0]).tolist()
    [-0.375, 0.0, 4.0]
    """
    (x,) = float_operands(x)
    return x * hard_sigmoid(x)


def hard_tanh(x: Any) -> Tensor:
    """Return ``min(max(x, -1), 1)``. Derivative: 1 where ``-1 < x < 1``, else 0.

    Source: R. Collobert, "Large scale machine learning", PhD thesis, 2004.

    >>> from glassnet import ops
    >>> ops.hard_tanh([-2.0, 0.5, 2.0]).tolist()
    [-1.0, 0.5, 1.0]
    """
    (x,) = float_operands(x)
    return clip(x, -1, 1)


def hard_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """Return ``x`` where ``|x| > threshold``, else 0. Derivative: 1 there, else 0.

    Source: D. Donoho, I. Johnstone, "Ideal spatial adaptation by wavelet shrinkage",
    Biometrika, 1994.

    >>> from glassnet import ops
    >>> ops.hard_shrink([-1.0, 0.2]).tolist()
    [-1.0, 0.0]
    """
    (x,) = float_operands(x)
    return where(absolute(x) > threshold, x, 0)


def soft_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """Return ``sign(x) max(|x| - threshold, 0)``: ``x`` drawn towards 0.

    Derivative: 1 where ``|x| > threshold``, else 0.

    Source: D. Donoho, I. Johnstone, "Ideal spatial adaptation by wavelet shrinkage",
    Biometrika, 1994.

    >>> from glassnet import ops
    >>> ops.soft_shrink([-2.0, 0.25, 1.0]).tolist()
    [-1.5, 0.0, 0.5]
    """
    (x,) = float_operands(x)
    return where(absolute(x) > threshold, x - threshold * sign(x), 0)


def threshold(x: Any, threshold: float, default_value: float) -> Tensor:
    """Return ``x`` where ``x > threshold``, else ``default_value``.

    Derivative: 1 where ``x > threshold``, else 0.

    >>> from glassnet import ops
    >>> ops.threshold([-1.0, 2.0], 0.5, 9.0).tolist()
    [9.0, 2.0]
    """
    (x,) = float_operands(x)
    return where(x > threshold, x, default_value)


def sparse_sigmoid(x: Any) -> Tensor:
    """Return ``min(max((x + 1) / 2, 0), 1)``: a line from 0 at -1 to 1 at 1.

    Derivative: 1/2 where ``-1 < x < 1``, else 0.
    Source: A. Martins, R. Astudillo, "From softmax to sparsemax", ICML 2016.

    >>> from glassnet import ops
    >>> ops.sparse_sigmoid([-2.0, 0.0, 2.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    (x,) = float_operands(x)
    return clip(x + 1, 0, 2) / 2


# --- smooth ones ------------------------------------------------------------------------------
def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """Return ``x`` where ``x > 0``, else ``alpha (eˣ - 1)``.

    Derivative: 1 where ``x > 0``, else ``alpha eˣ``.
    Source: D. Clevert, T. Unterthiner, S. Hochreiter, "Fast and accurate deep network learning by
    exponential linear units", ICLR 2016.

    >>> from glassnet import ops
    >>> ops.elu([-1000.0, 2.0]).tolist()
    [-1.0, 2.0]
    """
    (x,) = float_operands(x)
    positive = x > 0
    return where(positive, x, alpha * expm1(where(positive, 0, x)))


def selu(x: Any) -> Tensor:
    """Return ``s · elu(x, a)`` with a = 1.67326… and s = 1.05070….

    With LeCun-normal weights the outputs of a layer keep mean 0 and variance 1.
    Derivative: s where ``x > 0``, else ``s a eˣ``.
    Source: G. Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017.

    >>> from glassnet import ops
    >>> round(ops.selu(1.0).item(), 4)
    1.0507
    """
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


def celu(x: Any, alpha: float = 1.0) -> Tensor:
    """Return ``x`` where ``x > 0``, else ``alpha (e^{x/alpha} - 1)``: an ELU without a kink.

    Derivative: 1 where ``x > 0``, else ``e^{x/alpha}``.
    Source: J. Barron, "Continuously differentiable exponential linear units", 2017.

    >>> from glassnet import ops
    >>> ops.celu([-1000.0, 2.0], alpha=0.5).tolist()
    [-0.5, 2.0]
    """
    (x,) = float_operands(x)
    positive = x > 0
    return where(positive, x, alpha * expm1(where(positive, 0, x) / alpha))


def silu(x: Any) -> Tensor:
    """Return ``x σ(x)`` with the sigmoid σ; also called ``swish``.

    Derivative: ``σ(x) (1 + x (1 - σ(x)))``.
    Source: P. Ramachandran, B. Zoph, Q. Le, "Searching for activation functions", 2017.

    >>> from glassnet import ops
    >>> round(ops.silu(1.0).item(), 4)
    0.7311
    """
    (x,) = float_operands(x)
    return x * sigmoid(x)


def gelu(x: Any, approximate: bool = True) -> Tensor:
    """Return ``x Φ(x)`` with Φ the distribution function of the standard normal.

    Derivative: ``Φ(x) + x φ(x)`` with φ its density.

    Args:
        x: the input.
        approximate: compute ``x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))`` in place of it.

    Source: D. Hendrycks, K. Gimpel, "Gaussian error linear units", 2016.

    >>> from glassnet import ops
    >>> round(ops.gelu(1.0, approximate=False).item(), 4)
    0.8413
    """
    (x,) = float_operands(x)
    if approximate:
        inner = x * (1 + 0.044715 * square(x))
        return 0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * inner))
    return x * normal_cdf(x)


def log_sigmoid(x: Any) -> Tensor:
    """Return ``log σ(x) = -softplus(-x)``, exact for any ``x``. Derivative: ``1 - σ(x)``.

    >>> from glassnet import ops
    >>> ops.log_sigmoid([-1000.0, 1000.0]).tolist()
    [-1000.0, -0.0]
    """
    (x,) = float_operands(x)
    return -softplus(-x)


def mish(x: Any) -> Tensor:
    """Return ``x tanh(softplus(x))``.

    Derivative: ``t + x σ(x) (1 - t²)`` with ``t = tanh(softplus(x))``.
    Source: D. Misra, "Mish: a self regularized non-monotonic activation function", BMVC 2020.

    >>> from glassnet import ops
    >>> round(ops.mish(1.0).item(), 4)
    0.8651
    """
    (x,) = float_operands(x)
    return x * tanh(softplus(x))


def softsign(x: Any) -> Tensor:
    """Return ``x / (1 + |x|)``. Derivative: ``1 / (1 + |x|)²``.

    Source: J. Bergstra, G. Desjardins, P. Lamblin, Y. Bengio, "Quadratic polynomials learn better
    image features", 2009.

    >>> from glassnet import ops
    >>> ops.softsign([-1.0, 0.0, 3.0]).tolist()
    [-0.5, 0.0, 0.75]
    """
    (x,) = float_operands(x)
    return x / (1 + absolute(x))


def sparse_plus(x: Any) -> Tensor:
    """Return 0 where ``x ≤ -1``, ``x`` where ``x ≥ 1``, and ``(x + 1)² / 4`` between.

    Derivative: ``sparse_sigmoid(x)``.

    Source: the integral of ``sparse_sigmoid``, which A. Martins, R. Astudillo, "From softmax to
    sparsemax", ICML 2016, derive.

    >>> from glassnet import ops
    >>> ops.sparse_plus([-2.0, 0.0, 2.0]).tolist()
    [0.0, 0.25, 2.0]
    """
    (x,) = float_operands(x)
    return where(x >= 1, x, square(relu(minimum(x, 1) + 1)) / 4)


def squareplus(x: Any, b: float = 4) -> Tensor:
    """Return ``(x + √(x² + b)) / 2``. Derivative: ``(1 + x / √(x² + b)) / 2``.

    Source: J. Barron, "Squareplus: a softplus-like algebraic rectifier", 2021.

    >>> from glassnet import ops
    >>> ops.squareplus([0.0]).tolist()
    [1.0]
    """
    (x,) = float_operands(x)
    return (x + sqrt(square(x) + b)) / 2


def tanh_shrink(x: Any) -> Tensor:
    """Return ``x - tanh(x)``. Derivative: ``tanh²(x)``.

    >>> from glassnet import ops
    >>> ops.tanh_shrink([0.0, 100.0]).tolist()
    [0.0, 99.0]
    """
    (x,) = float_operands(x)
    return x - tanh(x)


# --- along an axis ----------------------------------------------------------------------------
def glu(x: Any, axis: int = -1) -> Tensor:
    """Return ``a σ(b)`` with ``a`` and ``b`` the two halves of ``x`` along ``axis``.

    Derivative: ``σ(b)`` by ``a`` and ``a σ(b) (1 - σ(b))`` by ``b``.

    Args:
        x: the input.
        axis: the axis, of even length, that is halved.

    Raises:
        ValueError: where the length of the axis is odd.

    Source: Y. Dauphin et al., "Language modeling with gated convolutional networks", ICML 2017.

    >>> from glassnet import ops
    >>> ops.glu([3.0, 5.0, 0.0, 0.0]).tolist()
    [1.5, 2.5]
    """
    (x,) = float_operands(x)
    place = normalize_axis(axis, x.ndim)
    size = x.shape[place]
    if not isinstance(size, int) or size % 2:
        raise ValueError(
            f"glu halves axis {axis} of {display(x.shape)}; its length must be even, not {size}."
        )
    lead = (slice(None),) * place
    first, second = x[(*lead, slice(size // 2))], x[(*lead, slice(size // 2, None))]
    return first * sigmoid(second)


@dataclass(frozen=True)
class Sparsemax(Op):
    """The probabilities nearest to x: max(x - τ, 0), with τ such that they sum to 1 over ``axis``.

    Among sorted entries x₁ ≥ x₂ ≥ … the k largest count, k the last with 1 + k xₖ > x₁ + … + xₖ,
    and τ = (x₁ + … + xₖ - 1) / k.
    """

    name = "sparsemax"
    rules = (
        "The entries that are above 0 share: each receives its derivative less their mean; the "
        "others receive nothing",
    )
    axis: int = 0

    def infer(self, x: Tensor) -> tuple[Shape, np.dtype]:
        return x.shape, x.dtype

    def value(self, xp: Any, x: Any) -> Any:
        x = x - xp.max(x, axis=self.axis, keepdims=True)  # τ moves along; sums stay small
        falling = xp.flip(xp.sort(x, axis=self.axis), axis=self.axis)
        line = (-1, *[1] * (x.ndim - self.axis - 1))
        count = xp.reshape(xp.arange(1, x.shape[self.axis] + 1, dtype=x.dtype), line)
        excess = xp.cumsum(falling, axis=self.axis) - 1
        counts = count * falling > excess
        k = xp.sum(counts, axis=self.axis, keepdims=True)
        tau = xp.take_along_axis(excess, k - 1, axis=self.axis) / k.astype(x.dtype)
        return xp.maximum(x - tau, 0)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(SPARSEMAX, x, shape=x.shape, axis=axis_in(self.axis, node.shape))

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        chosen = cast(y > 0, g.dtype)
        kept = g * chosen
        mean = kept.sum(self.axis, keepdims=True) / chosen.sum(self.axis, keepdims=True)
        return (kept - chosen * mean,)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        x = np.array([[0.3, -0.2, 1.1, 0.6], [2.5, 0.1, 0.2, -1.0], [0.0, 0.05, -0.1, 0.02]])
        yield Sample(cls(1), (x,))
        yield Sample(cls(0), (x,))
        yield Sample(cls(1), (x[:, :1],))


def sparsemax(x: Any, axis: int = -1) -> Tensor:
    """Return the probabilities over ``axis`` nearest to ``x``: a softmax with true zeros.

    ``max(x - τ, 0)`` with ``τ`` such that they sum to 1. Derivative, on the s entries that are not
    0: ``g - (Σ g) / s`` over these entries; 0 elsewhere.
    Source: A. Martins, R. Astudillo, "From softmax to sparsemax", ICML 2016.

    >>> from glassnet import ops
    >>> ops.sparsemax([2.0, 1.5, 0.0]).tolist()
    [0.75, 0.25, 0.0]
    """
    (x,) = float_operands(x)
    return record(Sparsemax(normalize_axis(axis, x.ndim)), x)


swish = silu
hard_swish = hard_silu
