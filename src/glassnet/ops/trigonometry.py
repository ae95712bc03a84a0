"""Trigonometric and hyperbolic functions and their inverses, entry by entry."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.graph.recording import record
from glassnet.graph.tensor import Tensor, implements
from glassnet.ops.elementwise import Elementwise, Grads, sqrt, square
from glassnet.ops.operands import float_operands, unbroadcast


class Sin(Elementwise):
    name = "sin"

    def value(self, xp: Any, x: Any) -> Any:
        return xp.sin(x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g * cos(x),)


class Cos(Elementwise):
    name = "cos"

    def value(self, xp: Any, x: Any) -> Any:
        return xp.cos(x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (-g * sin(x),)


class Tan(Elementwise):
    name = "tan"
    points = ((-1, 1),)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.tan(x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g * (1 + square(y)),)


class Arcsin(Elementwise):
    name = "arcsin"
    points = ((-0.8, 0.8),)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.arcsin(x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g / sqrt(1 - square(x)),)


class Arccos(Elementwise):
    name = "arccos"
    points = ((-0.8, 0.8),)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.arccos(x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (-g / sqrt(1 - square(x)),)


class Arctan(Elementwise):
    name = "arctan"

    def value(self, xp: Any, x: Any) -> Any:
        return xp.arctan(x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g / (1 + square(x)),)


class Arctan2(Elementwise):
    """The angle of the point (b, a), of which a is the height."""

    name = "arctan2"
    points = ((0.5, 2), (-2, 2))

    def value(self, xp: Any, a: Any, b: Any) -> Any:
        return xp.arctan2(a, b)

    def vjp(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Grads:
        scaled = g / (square(a) + square(b))
        return unbroadcast(scaled * b, a.shape), unbroadcast(-scaled * a, b.shape)


class Sinh(Elementwise):
    name = "sinh"

    def value(self, xp: Any, x: Any) -> Any:
        return xp.sinh(x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g * cosh(x),)


class Cosh(Elementwise):
    name = "cosh"

    def value(self, xp: Any, x: Any) -> Any:
        return xp.cosh(x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g * sinh(x),)


class Arcsinh(Elementwise):
    name = "arcsinh"

    def value(self, xp: Any, x: Any) -> Any:
        return xp.arcsinh(x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g / sqrt(square(x) + 1),)


class Arccosh(Elementwise):
    name = "arccosh"
    points = ((1.5, 3),)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.arccosh(x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g / sqrt((x - 1) * (x + 1)),)


class Arctanh(Elementwise):
    name = "arctanh"
    points = ((-0.8, 0.8),)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.arctanh(x)

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
