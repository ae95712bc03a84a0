"""The error function and the normal distribution, entry by entry.

Φ(x) = erfc(-x / √2) / 2 is the distribution function of the standard normal, φ its density.
Source: M. Abramowitz, I. Stegun, "Handbook of Mathematical Functions", 1964, 7.1 and 26.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from glassnet.formulas import Function, Term, call
from glassnet.graph.op import Sample
from glassnet.graph.recording import record
from glassnet.graph.tensor import Tensor
from glassnet.ops.elementwise import Elementwise, Grads, exp, square
from glassnet.ops.operands import float_operands

# In the programs the series of Abramowitz and Stegun 7.1.6, whose terms are all of one sign.
ERF = Function("erf", entrywise=True, source="""
def erf(x):
    x = np.clip(x, -6, 6)  # beyond it erf is 1 or -1
    term = total = x
    for n in range(1, 150):
        term = term * 2 * x**2 / (2 * n + 1)
        total = total + term
    return 2 / np.sqrt(np.pi) * np.exp(-(x**2)) * total
""", meaning="the error function")  # fmt: skip
ERFC = Function("erfc", entrywise=True, needs=("erf",), source="""
def erfc(x):
    return 1 - erf(x)
""", meaning=r"$1 - \operatorname{erf}(x)$")  # fmt: skip
NORMAL_CDF = Function("Phi", r"\Phi", "normal_cdf", entrywise=True, needs=("erf",), source="""
def normal_cdf(x):
    return (1 + erf(x / np.sqrt(2))) / 2
""", meaning="the distribution function of the standard normal")  # fmt: skip
NORMAL_DENSITY = Function("phi", r"\phi", "normal_density", entrywise=True, source="""
def normal_density(x):
    return np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
""", meaning=(
    r"$\frac{1}{\sqrt{2 \pi}} \exp(-\frac{x^{2}}{2})$, the density of the standard normal")
)  # fmt: skip

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


def _erfc(xp: Any, x: Any) -> Any:
    """1 - erf(x)."""
    size = xp.minimum(xp.abs(x), 28.0)  # beyond it the value is 0 in float64
    near = 1 - x * _ratio(_NEAR, xp.minimum(size, 0.5) ** 2)
    tail = _complement(xp, size)
    return xp.where(size <= 0.46875, near, xp.where(x > 0, tail, 2 - tail)).astype(near.dtype)


class Erf(Elementwise):
    """2/√π ∫₀ˣ e^{-t²} dt, to a few units of the last place."""

    name = "erf"
    effort = 60.0
    calls = 50
    rules = (
        r"Chain rule through $\operatorname{erf}$: its derivative is "
        r"$\frac{2}{\sqrt{\pi}} \exp(-x^{2})$",
    )

    def value(self, xp: Any, x: Any) -> Any:
        size = xp.minimum(xp.abs(x), 6.0)  # beyond it erf is ±1 in float64
        near = x * _ratio(_NEAR, xp.minimum(size, 0.5) ** 2)
        # In float32 erf(4) is 1 already.
        tail = _complement(xp, size, beyond_four=xp.asarray(x).dtype == np.float64)
        return xp.where(size <= 0.46875, near, xp.copysign(1 - tail, x))

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(ERF, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g * (float(2 / np.sqrt(np.pi)) * exp(-square(x))),)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls(), (np.linspace(-2, 2, 12).reshape(3, 4),))
        yield Sample(cls(), (np.array([0.1, -0.3, 0.4, 4.5]),))


class Erfc(Elementwise):
    """1 - erf(x), with full relative precision where x is large and it is tiny."""

    name = "erfc"
    effort = 170.0
    calls = 70
    rules = (
        r"Chain rule through $\operatorname{erfc}$: its derivative is "
        r"$-\frac{2}{\sqrt{\pi}} \exp(-x^{2})$",
    )

    def value(self, xp: Any, x: Any) -> Any:
        return _erfc(xp, x)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(ERFC, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g * (float(-2 / np.sqrt(np.pi)) * exp(-square(x))),)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls(), (np.linspace(-2, 2, 12).reshape(3, 4),))
        yield Sample(cls(), (np.array([0.1, -0.3, 0.4, 4.5]),))


class NormalCdf(Elementwise):
    """Φ(x), with full relative precision where x is far below 0 and it is tiny."""

    name = "normal_cdf"
    effort = 150.0
    calls = 70
    rules = (r"Chain rule through $\Phi$: its derivative is the density $\phi$",)

    def value(self, xp: Any, x: Any) -> Any:
        return 0.5 * _erfc(xp, x * -float(np.sqrt(0.5)))

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(NORMAL_CDF, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g * record(NormalDensity(), x),)


class NormalDensity(Elementwise):
    """φ(x) = e^{-x²/2} / √(2π)."""

    name = "normal_density"
    effort = 6.0
    calls = 3
    rules = (r"Chain rule through $\phi$: its derivative is $-x \phi(x)$",)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.exp(-0.5 * x * x) * float(1 / np.sqrt(2 * np.pi))

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(NORMAL_DENSITY, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (-g * x * y,)


# --- the functions ----------------------------------------------------------------------------
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


def normal_cdf(x: Any) -> Tensor:
    """Return ``Φ(x)``, the distribution function of the standard normal. Derivative: its density.

    >>> from glassnet.ops.error_function import normal_cdf
    >>> normal_cdf(0.0).item()
    0.5
    """
    return record(NormalCdf(), *float_operands(x))
