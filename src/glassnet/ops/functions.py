"""Elementary and special functions, entry by entry: activations, logarithms, powers, erf.

Every rule reads as mathematics: with g = ∂L/∂y, the rule returns ∂L/∂x = g · ∂y/∂x.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from glassnet.formulas import Function, Term, call
from glassnet.graph.op import Sample
from glassnet.graph.recording import record
from glassnet.graph.stability import Form, Stability
from glassnet.graph.tensor import Tensor, implements
from glassnet.ops.comparison import minimum
from glassnet.ops.elementwise import Elementwise, Grads, cast, exp, log, sqrt, square
from glassnet.ops.operands import float_operands, number_operands, unbroadcast

RELU = Function("ReLU", numpy="relu", entrywise=True, meaning="the larger of 0 and $x$", source="""
def relu(x):
    return np.maximum(x, 0)
""")  # fmt: skip
SIGMOID = Function("sigmoid", r"\sigma", entrywise=True,
                   meaning=r"$\sigma(x) = \frac{1}{1 + \exp(-x)}$", source="""
def sigmoid(x):
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))
""")  # fmt: skip
TANH = Function("tanh", r"\tanh", "np.tanh", entrywise=True)


# --- the primitives of activations ------------------------------------------------------------
class Relu(Elementwise):
    """max(x, 0); the derivative at 0 is taken as 0."""

    name = "relu"
    rules = (
        "Chain rule through $\\operatorname{ReLU}$: its derivative is 1 where the value is above 0, else 0",
    )

    def value(self, xp: Any, x: Any) -> Any:
        return xp.maximum(x, 0)

    def writer(self) -> Callable[..., Any]:
        return lambda x, out: np.maximum(x, 0, out=out)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(RELU, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g * cast(y > 0, g.dtype),)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls(), (np.array([[-2.0, -0.3, 0.4], [1.5, 0.2, -0.1]]),))


class Sigmoid(Elementwise):
    """1 / (1 + e⁻ˣ).

    For very negative x this is 1 over a huge number, with full relative precision. For very
    positive x the exponential vanishes. Where it overflows the quotient is rightly 0.
    """

    name = "sigmoid"
    rules = (
        "Chain rule through $\\sigma$: with $A = \\sigma(Z)$ its derivative is $A \\odot \\left(1 - A\\right)$",
    )

    def value(self, xp: Any, x: Any) -> Any:
        return 1 / (1 + xp.exp(-x))

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(SIGMOID, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g * (y * (1 - y)),)

    def stability(self) -> Stability:
        return Stability(
            (Form("exp(x) / (1 + exp(x))", lambda x: exp(x) / (1 + exp(x))),),
            "1 / (1 + exp(-x))",
            "Write 1 / (1 + np.exp(-x)), or ops.sigmoid(x): no quotient of two huge numbers.",
            exact=_sigmoid_exactly,
        )


def _sigmoid_exactly(x: Tensor) -> Tensor:
    """1 / (1 + e⁻ˣ), whose derivative e⁻ˣ / (1 + e⁻ˣ)² does not cancel as s (1 - s) does."""
    limit = float(np.log(np.finfo(x.dtype).max)) / 2
    return 1 / (1 + exp(minimum(-x, limit)))


class Tanh(Elementwise):
    name = "tanh"
    rules = ("Chain rule through $\\tanh$: with $A = \\tanh(Z)$ its derivative is $1 - A^{2}$",)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.tanh(x)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(TANH, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g * (1 - square(y)),)

    def stability(self) -> Stability:
        return Stability(
            (
                Form(
                    "(exp(x) - exp(-x)) / (exp(x) + exp(-x))",
                    lambda x: (exp(x) - exp(-x)) / (exp(x) + exp(-x)),
                ),
            ),
            "tanh(x)",
            "Write np.tanh(x): it neither overflows nor cancels near 0.",
        )


class Softplus(Elementwise):
    """log(1 + eˣ) = max(x, 0) + log(1 + e^{-|x|}), whose exponential never overflows."""

    name = "softplus"

    def value(self, xp: Any, x: Any) -> Any:
        return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g * sigmoid(x),)

    def stability(self) -> Stability:
        return Stability(
            (Form("log(1 + exp(x))", lambda x: log(1 + exp(x))),),
            "max(x, 0) + log1p(exp(-|x|))",
            "Write ops.softplus(x), or np.logaddexp(0, x).",
        )


# --- exponentials and logarithms --------------------------------------------------------------
class Expm1(Elementwise):
    name = "expm1"

    def value(self, xp: Any, x: Any) -> Any:
        return xp.expm1(x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g * (y + 1),)

    def stability(self) -> Stability:
        return Stability(
            (Form("exp(x) - 1", lambda x: exp(x) - 1),),
            "expm1(x)",
            "Write np.expm1(x): near 0, exp(x) is 1 and a little that rounding swallows.",
        )


class Log1p(Elementwise):
    name = "log1p"
    points = ((-0.5, 3),)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.log1p(x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g / (1 + x),)

    def stability(self) -> Stability:
        return Stability(
            (Form("log(1 + x)", lambda x: log(1 + x)),),
            "log1p(x)",
            "Write np.log1p(x): near 0, the sum 1 + x rounds x away.",
        )


class Log2(Elementwise):
    name = "log2"
    points = ((0.5, 3),)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.log2(x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g / (float(np.log(2)) * x),)


class Log10(Elementwise):
    name = "log10"
    points = ((0.5, 3),)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.log10(x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g / (float(np.log(10)) * x),)


class LogAddExp(Elementwise):
    """log(eᵃ + eᵇ)."""

    name = "logaddexp"
    points = ((-2, 2), (-2, 2))

    def value(self, xp: Any, a: Any, b: Any) -> Any:
        return xp.logaddexp(a, b)

    def vjp(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Grads:
        return unbroadcast(g * exp(a - y), a.shape), unbroadcast(g * exp(b - y), b.shape)

    def stability(self) -> Stability:
        return Stability(
            (Form("log(exp(a) + exp(b))", lambda a, b: log(exp(a) + exp(b))),),
            "max(a, b) + log1p(exp(-|a - b|))",
            "Write np.logaddexp(a, b): the larger one is taken out before the exponential.",
        )


# --- powers -----------------------------------------------------------------------------------
class Rsqrt(Elementwise):
    """1 / √x."""

    name = "rsqrt"
    points = ((0.5, 3),)

    def value(self, xp: Any, x: Any) -> Any:
        return 1 / xp.sqrt(x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g * y / (-2 * x),)


class Reciprocal(Elementwise):
    name = "reciprocal"
    points = ((0.5, 3),)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.reciprocal(x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (-g * square(y),)


class Hypot(Elementwise):
    """√(a² + b²), without overflow."""

    name = "hypot"
    points = ((0.5, 2), (-2, -0.5))

    def value(self, xp: Any, a: Any, b: Any) -> Any:
        return xp.hypot(a, b)

    def vjp(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Grads:
        return unbroadcast(g * a / y, a.shape), unbroadcast(g * b / y, b.shape)

    def stability(self) -> Stability:
        return Stability(
            (Form("sqrt(a**2 + b**2)", lambda a, b: sqrt(square(a) + square(b))),),
            "hypot(a, b)",
            "Write np.hypot(a, b): squares leave the range of the dtype long before the root does.",
        )


# --- the error function -----------------------------------------------------------------------
# Rational approximations on |x| ≤ 0.46875, up to 4, and beyond; the first coefficient is that of
# the highest power. W. J. Cody, "Rational Chebyshev approximations for the error function",
# Mathematics of Computation 23 (1969), 631-637.
_NEAR = (
    (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2,
     3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3,
     2.84423683343917062e3),
)  # fmt: skip
_MIDDLE = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1,
     2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
     1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2,
     1.62138957456669019e3, 3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3,
     1.23033935480374942e3),
)  # fmt: skip
_FAR = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1,
     1.25781726111229246e-1, 1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1,
     6.05183413124413191e-2, 2.33520497626869185e-3),
)  # fmt: skip


def _polynomial(coefficients: Sequence[float], x: Any) -> Any:
    """Horner's rule."""
    total = coefficients[0] * x + coefficients[1]
    for coefficient in coefficients[2:]:
        total = total * x + coefficient
    return total


def _ratio(coefficients: tuple[Sequence[float], Sequence[float]], x: Any) -> Any:
    return _polynomial(coefficients[0], x) / _polynomial(coefficients[1], x)


def _complement(xp: Any, size: Any, beyond_four: bool = True) -> Any:
    """1 - erf(size) for size ≥ 0.46875."""
    scale = _ratio(_MIDDLE, xp.clip(size, 0.25, 4.0))
    if beyond_four:
        inverse = 1 / xp.maximum(size, 4.0) ** 2
        far = (1 / np.sqrt(np.pi) - inverse * _ratio(_FAR, inverse)) * xp.sqrt(inverse)
        scale = xp.where(size > 4, far, scale)
    return xp.exp(-(size * size)) * scale


class Erf(Elementwise):
    """2/√π ∫₀ˣ e^{-t²} dt, to a few units of the last place."""

    name = "erf"

    def value(self, xp: Any, x: Any) -> Any:
        size = xp.minimum(xp.abs(x), 6.0)  # beyond it erf is ±1 in float64
        near = x * _ratio(_NEAR, xp.minimum(size, 0.5) ** 2)
        # In float32 erf(4) is 1 already.
        tail = _complement(xp, size, beyond_four=xp.asarray(x).dtype == np.float64)
        return xp.where(size <= 0.46875, near, xp.copysign(1 - tail, x))

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g * (float(2 / np.sqrt(np.pi)) * exp(-square(x))),)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls(), (np.linspace(-2, 2, 12).reshape(3, 4),))
        yield Sample(cls(), (np.array([0.1, -0.3, 0.4, 4.5]),))


class Erfc(Elementwise):
    """1 - erf(x), with full relative precision where x is large and it is tiny."""

    name = "erfc"

    def value(self, xp: Any, x: Any) -> Any:
        size = xp.minimum(xp.abs(x), 28.0)  # beyond it the value is 0 in float64
        near = 1 - x * _ratio(_NEAR, xp.minimum(size, 0.5) ** 2)
        tail = _complement(xp, size)
        return xp.where(size <= 0.46875, near, xp.where(x > 0, tail, 2 - tail)).astype(near.dtype)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g * (float(-2 / np.sqrt(np.pi)) * exp(-square(x))),)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls(), (np.linspace(-2, 2, 12).reshape(3, 4),))
        yield Sample(cls(), (np.array([0.1, -0.3, 0.4, 4.5]),))


# --- the functions ----------------------------------------------------------------------------
def relu(x: Any) -> Tensor:
    """Return ``max(x, 0)``; the derivative at 0 is 0.

    >>> from glassnet import ops
    >>> ops.relu([-1.0, 2.0]).tolist()
    [0.0, 2.0]
    """
    return record(Relu(), *number_operands(x))


def sigmoid(x: Any) -> Tensor:
    """Return ``σ(x) = 1 / (1 + e⁻ˣ)``, precise for any ``x``. Derivative: ``σ(x) (1 - σ(x))``.

    Source: D. Rumelhart, G. Hinton, R. Williams, "Learning representations by back-propagating
    errors", Nature, 1986.

    >>> from glassnet import ops
    >>> ops.sigmoid([0.0, 1000.0, -1000.0]).tolist()
    [0.5, 1.0, 0.0]
    """
    return record(Sigmoid(), *float_operands(x))


@implements(np.tanh)
def tanh(x: Any) -> Tensor:
    """Return ``(eˣ - e⁻ˣ) / (eˣ + e⁻ˣ)``, the hyperbolic tangent. Derivative: ``1 - tanh²(x)``.

    Source: Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, "Efficient BackProp", 1998, section 4.4.

    >>> from glassnet import ops
    >>> ops.tanh([-100.0, 0.0, 100.0]).tolist()
    [-1.0, 0.0, 1.0]
    """
    return record(Tanh(), *float_operands(x))


def softplus(x: Any) -> Tensor:
    """Return ``log(1 + eˣ)``, without overflow. Derivative: ``σ(x)``.

    Source: C. Dugas et al., "Incorporating second-order functional knowledge for better option
    pricing", NIPS 2000.

    >>> from glassnet import ops
    >>> ops.softplus([-1000.0, 1000.0]).tolist()
    [0.0, 1000.0]
    """
    return record(Softplus(), *float_operands(x))


@implements(np.expm1)
def expm1(x: Any) -> Tensor:
    """Return ``eˣ - 1``, precise near 0."""
    return record(Expm1(), *float_operands(x))


@implements(np.log1p)
def log1p(x: Any) -> Tensor:
    """Return ``log(1 + x)``, precise near 0."""
    return record(Log1p(), *float_operands(x))


@implements(np.exp2)
def exp2(x: Any) -> Tensor:
    """Return ``2ˣ``."""
    (x,) = float_operands(x)
    return exp(x * float(np.log(2)))


@implements(np.log2)
def log2(x: Any) -> Tensor:
    """Return the logarithm of ``x`` to base 2."""
    return record(Log2(), *float_operands(x))


@implements(np.log10)
def log10(x: Any) -> Tensor:
    """Return the logarithm of ``x`` to base 10."""
    return record(Log10(), *float_operands(x))


@implements(np.logaddexp)
def logaddexp(x1: Any, x2: Any) -> Tensor:
    """Return ``log(e^x1 + e^x2)``, without overflow."""
    return record(LogAddExp(), *float_operands(x1, x2))


def rsqrt(x: Any) -> Tensor:
    """Return ``1 / √x``."""
    return record(Rsqrt(), *float_operands(x))


@implements(np.reciprocal)
def reciprocal(x: Any) -> Tensor:
    """Return ``1 / x``."""
    return record(Reciprocal(), *float_operands(x))


@implements(np.hypot)
def hypot(x1: Any, x2: Any) -> Tensor:
    """Return ``√(x1² + x2²)``, without overflow."""
    return record(Hypot(), *float_operands(x1, x2))


def erf(x: Any) -> Tensor:
    """Return the error function ``2/√π ∫₀ˣ e^{-t²} dt``, to the last places of the dtype.

    Source: W. J. Cody, "Rational Chebyshev approximations for the error function",
    Mathematics of Computation 23 (1969), 631-637.

    >>> from glassnet import ops
    >>> round(ops.erf(1.0).item(), 5)
    0.8427
    """
    return record(Erf(), *float_operands(x))


def erfc(x: Any) -> Tensor:
    """Return ``1 - erf(x)``, precise where ``x`` is large and the value is tiny."""
    return record(Erfc(), *float_operands(x))
