"""Trigonometric and hyperbolic functions and their inverses, entry by entry."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.formulas import Function, Term, call
from glassnet.graph.recording import record
from glassnet.graph.tensor import Tensor, implements
from glassnet.ops.elementwise import Elementwise, Grads, sqrt, square
from glassnet.ops.operands import float_operands, unbroadcast

SIN = Function("sin", r"\sin", "np.sin", entrywise=True)
COS = Function("cos", r"\cos", "np.cos", entrywise=True)
TAN = Function("tan", r"\tan", "np.tan", entrywise=True)
ARCSIN = Function("arcsin", "", "np.arcsin", entrywise=True)
ARCCOS = Function("arccos", "", "np.arccos", entrywise=True)
ARCTAN = Function("arctan", r"\arctan", "np.arctan", entrywise=True)
SINH = Function("sinh", r"\sinh", "np.sinh", entrywise=True)
COSH = Function("cosh", r"\cosh", "np.cosh", entrywise=True)
ARCSINH = Function("arcsinh", "", "np.arcsinh", entrywise=True)
ARCCOSH = Function("arccosh", "", "np.arccosh", entrywise=True)
ARCTANH = Function("arctanh", "", "np.arctanh", entrywise=True)
ARCTAN2 = Function("arctan2", "", "np.arctan2", entrywise=True,
                   meaning="the angle of the point of which the first is the height")  # fmt: skip


class Sin(Elementwise):
    name = "sin"
    effort = 3.5
    rules = (r"Chain rule through $\sin$: its derivative is $\cos(x)$",)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.sin(x)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(SIN, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g * cos(x),)


class Cos(Elementwise):
    name = "cos"
    effort = 3.5
    rules = (r"Chain rule through $\cos$: its derivative is $-\sin(x)$",)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.cos(x)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(COS, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (-g * sin(x),)


class Tan(Elementwise):
    name = "tan"
    effort = 3.0
    rules = (r"Chain rule through $\tan$: its derivative is $1 + \tan(x)^{2}$",)
    points = ((-1, 1),)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.tan(x)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(TAN, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g * (1 + square(y)),)


class Arcsin(Elementwise):
    name = "arcsin"
    rules = (
        r"Chain rule through $\operatorname{arcsin}$: its derivative is "
        r"$\frac{1}{\sqrt{1 - x^{2}}}$",
    )
    points = ((-0.8, 0.8),)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.arcsin(x)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(ARCSIN, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g / sqrt(1 - square(x)),)


class Arccos(Elementwise):
    name = "arccos"
    rules = (
        r"Chain rule through $\operatorname{arccos}$: its derivative is "
        r"$-\frac{1}{\sqrt{1 - x^{2}}}$",
    )
    points = ((-0.8, 0.8),)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.arccos(x)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(ARCCOS, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (-g / sqrt(1 - square(x)),)


class Arctan(Elementwise):
    name = "arctan"
    rules = (r"Chain rule through $\arctan$: its derivative is $\frac{1}{1 + x^{2}}$",)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.arctan(x)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(ARCTAN, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g / (1 + square(x)),)


class Arctan2(Elementwise):
    """The angle of the point (b, a), of which a is the height."""

    name = "arctan2"
    effort = 4.0
    rules = (
        r"Chain rule through the angle of the point $(b, a)$: its derivative by $a$ is "
        r"$\frac{b}{a^{2} + b^{2}}$",
        r"Chain rule through the angle of the point $(b, a)$: its derivative by $b$ is "
        r"$-\frac{a}{a^{2} + b^{2}}$",
    )
    points = ((0.5, 2), (-2, 2))

    def value(self, xp: Any, a: Any, b: Any) -> Any:
        return xp.arctan2(a, b)

    def formula(self, node: Tensor, a: Term, b: Term) -> Term:
        return call(ARCTAN2, a, b)

    def vjp(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Grads:
        scaled = g / (square(a) + square(b))
        return unbroadcast(scaled * b, a.shape), unbroadcast(-scaled * a, b.shape)


class Sinh(Elementwise):
    name = "sinh"
    rules = (r"Chain rule through $\sinh$: its derivative is $\cosh(x)$",)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.sinh(x)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(SINH, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g * cosh(x),)


class Cosh(Elementwise):
    name = "cosh"
    rules = (r"Chain rule through $\cosh$: its derivative is $\sinh(x)$",)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.cosh(x)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(COSH, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g * sinh(x),)


class Arcsinh(Elementwise):
    name = "arcsinh"
    effort = 4.0
    rules = (
        r"Chain rule through $\operatorname{arcsinh}$: its derivative is "
        r"$\frac{1}{\sqrt{x^{2} + 1}}$",
    )

    def value(self, xp: Any, x: Any) -> Any:
        return xp.arcsinh(x)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(ARCSINH, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g / sqrt(square(x) + 1),)


class Arccosh(Elementwise):
    name = "arccosh"
    effort = 4.0
    rules = (
        r"Chain rule through $\operatorname{arccosh}$: its derivative is "
        r"$\frac{1}{\sqrt{x^{2} - 1}}$",
    )
    points = ((1.5, 3),)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.arccosh(x)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(ARCCOSH, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g / sqrt((x - 1) * (x + 1)),)


class Arctanh(Elementwise):
    name = "arctanh"
    effort = 3.0
    rules = (
        r"Chain rule through $\operatorname{arctanh}$: its derivative is "
        r"$\frac{1}{1 - x^{2}}$",
    )
    points = ((-0.8, 0.8),)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.arctanh(x)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(ARCTANH, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g / (1 - square(x)),)


# --- the functions ----------------------------------------------------------------------------
@implements(np.sin)
def sin(x: Any) -> Tensor:
    """Return the sine of ``x``, in radians."""
    return record(Sin(), *float_operands(x))


@implements(np.cos)
def cos(x: Any) -> Tensor:
    """Return the cosine of ``x``, in radians."""
    return record(Cos(), *float_operands(x))


@implements(np.tan)
def tan(x: Any) -> Tensor:
    """Return the tangent of ``x``, in radians."""
    return record(Tan(), *float_operands(x))


@implements(np.arcsin)
def arcsin(x: Any) -> Tensor:
    """Return the angle in [-π/2, π/2] whose sine is ``x``."""
    return record(Arcsin(), *float_operands(x))


@implements(np.arccos)
def arccos(x: Any) -> Tensor:
    """Return the angle in [0, π] whose cosine is ``x``."""
    return record(Arccos(), *float_operands(x))


@implements(np.arctan)
def arctan(x: Any) -> Tensor:
    """Return the angle in (-π/2, π/2) whose tangent is ``x``."""
    return record(Arctan(), *float_operands(x))


@implements(np.arctan2)
def arctan2(x1: Any, x2: Any) -> Tensor:
    """Return the angle in (-π, π] of the point with height ``x1`` and abscissa ``x2``."""
    return record(Arctan2(), *float_operands(x1, x2))


@implements(np.sinh)
def sinh(x: Any) -> Tensor:
    """Return the hyperbolic sine of ``x``."""
    return record(Sinh(), *float_operands(x))


@implements(np.cosh)
def cosh(x: Any) -> Tensor:
    """Return the hyperbolic cosine of ``x``."""
    return record(Cosh(), *float_operands(x))


@implements(np.arcsinh)
def arcsinh(x: Any) -> Tensor:
    """Return the number whose hyperbolic sine is ``x``."""
    return record(Arcsinh(), *float_operands(x))


@implements(np.arccosh)
def arccosh(x: Any) -> Tensor:
    """Return the number of at least 0 whose hyperbolic cosine is ``x``."""
    return record(Arccosh(), *float_operands(x))


@implements(np.arctanh)
def arctanh(x: Any) -> Tensor:
    """Return the number whose hyperbolic tangent is ``x``."""
    return record(Arctanh(), *float_operands(x))
