"""Elementary functions, entry by entry: activations, logarithms, powers.

Every rule reads as mathematics: with g = ∂L/∂y, the rule returns ∂L/∂x = g · ∂y/∂x.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from glassnet.formulas import Function, Term, call, power
from glassnet.graph.op import Sample
from glassnet.graph.recording import record
from glassnet.graph.stability import Form, Stability
from glassnet.graph.tensor import Tensor, implements
from glassnet.ops.comparison import minimum
from glassnet.ops.elementwise import (
    EXP,
    LOG,
    SQRT,
    Elementwise,
    Grads,
    cast,
    exp,
    log,
    sqrt,
    square,
)
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
SOFTPLUS = Function("softplus", entrywise=True, meaning=r"$\log(1 + \exp(x))$", source="""
def softplus(x):
    return np.logaddexp(0, x)
""")  # fmt: skip
LOG2 = Function("log2", "", "np.log2", entrywise=True, meaning="the logarithm to base 2")
LOG10 = Function("log10", "", "np.log10", entrywise=True, meaning="the logarithm to base 10")
LOGADDEXP = Function("logaddexp", "", "np.logaddexp", entrywise=True,
                     meaning=r"$\log(\exp(a) + \exp(b))$")  # fmt: skip


# --- the primitives of activations ------------------------------------------------------------
class Relu(Elementwise):
    """max(x, 0); the derivative at 0 is taken as 0."""

    name = "relu"
    effort = 3.0
    calls = 2
    rules = (
        r"Chain rule through $\operatorname{ReLU}$: its derivative is 1 where the value is above "
        "0, else 0",
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
    effort = 6.0
    calls = 3
    rules = (
        r"Chain rule through $\sigma$: with $A = \sigma(Z)$ its derivative is "
        r"$A \odot \left(1 - A\right)$",
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
    effort = 2.5
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
    effort = 11.0
    calls = 3
    rules = (r"Chain rule through $\operatorname{softplus}$: its derivative is $\sigma(x)$",)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(SOFTPLUS, x)

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
    effort = 2.5
    rules = (r"Chain rule through $\exp(x) - 1$: its derivative is $\exp(x)$",)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.expm1(x)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(EXP, x) - 1

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g * exp(x),)  # y + 1 would cancel where x is far below 0

    def stability(self) -> Stability:
        return Stability(
            (Form("exp(x) - 1", lambda x: exp(x) - 1),),
            "expm1(x)",
            "Write np.expm1(x): near 0, exp(x) is 1 and a little that rounding swallows.",
        )


class Log1p(Elementwise):
    name = "log1p"
    effort = 3.0
    rules = (r"Chain rule through $\log(1 + x)$: its derivative is $\frac{1}{1 + x}$",)
    points = ((-0.5, 3),)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.log1p(x)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(LOG, 1 + x)

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
    rules = (r"Chain rule through $\operatorname{log2}$: its derivative is $\frac{1}{x \log(2)}$",)
    points = ((0.5, 3),)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.log2(x)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(LOG2, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g / (float(np.log(2)) * x),)


class Log10(Elementwise):
    name = "log10"
    rules = (
        r"Chain rule through $\operatorname{log10}$: its derivative is $\frac{1}{x \log(10)}$",
    )
    points = ((0.5, 3),)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.log10(x)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(LOG10, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g / (float(np.log(10)) * x),)


class LogAddExp(Elementwise):
    """log(eᵃ + eᵇ)."""

    name = "logaddexp"
    effort = 60.0
    rules = (
        r"Chain rule through $y = \log(\exp(a) + \exp(b))$: its derivative by $a$ is "
        r"$\exp(a - y)$",
        r"Chain rule through $y = \log(\exp(a) + \exp(b))$: its derivative by $b$ is "
        r"$\exp(b - y)$",
    )
    points = ((-2, 2), (-2, 2))

    def value(self, xp: Any, a: Any, b: Any) -> Any:
        return xp.logaddexp(a, b)

    def formula(self, node: Tensor, a: Term, b: Term) -> Term:
        return call(LOGADDEXP, a, b)

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
    effort = 3.5
    rules = (r"Power rule: $y = \frac{1}{\sqrt{x}}$ has the derivative $-\frac{y}{2 x}$",)
    points = ((0.5, 3),)

    def value(self, xp: Any, x: Any) -> Any:
        return 1 / xp.sqrt(x)

    def formula(self, node: Tensor, x: Term) -> Term:
        return 1 / call(SQRT, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g * y / (-2 * x),)


class Reciprocal(Elementwise):
    name = "reciprocal"
    rules = (r"Power rule: $\frac{1}{x}$ has the derivative $-\frac{1}{x^{2}}$",)
    points = ((0.5, 3),)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.reciprocal(x)

    def formula(self, node: Tensor, x: Term) -> Term:
        return 1 / x

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (-g * square(y),)


class Hypot(Elementwise):
    """√(a² + b²), without overflow."""

    name = "hypot"
    effort = 20.0
    rules = (
        r"Chain rule through $y = \sqrt{a^{2} + b^{2}}$: its derivative by $a$ is $\frac{a}{y}$",
        r"Chain rule through $y = \sqrt{a^{2} + b^{2}}$: its derivative by $b$ is $\frac{b}{y}$",
    )
    points = ((0.5, 2), (-2, -0.5))

    def value(self, xp: Any, a: Any, b: Any) -> Any:
        return xp.hypot(a, b)

    def formula(self, node: Tensor, a: Term, b: Term) -> Term:
        return call(SQRT, power(a, 2) + power(b, 2))

    def vjp(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Grads:
        return unbroadcast(g * a / y, a.shape), unbroadcast(g * b / y, b.shape)

    def stability(self) -> Stability:
        return Stability(
            (Form("sqrt(a**2 + b**2)", lambda a, b: sqrt(square(a) + square(b))),),
            "hypot(a, b)",
            "Write np.hypot(a, b): squares leave the range of the dtype long before the root does.",
        )


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
