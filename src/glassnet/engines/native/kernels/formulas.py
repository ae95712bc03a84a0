"""Exponentials, logarithms and their kin as formulas: no branch, for one number or a vector.

Sources. Reduction of the argument by a multiple of log 2 held in two parts: W. Cody, W. Waite,
"Software Manual for the Elementary Functions", Prentice-Hall 1980, chapters 5 and 6. Rounding by
adding 1.5 · 2ᵐ, evaluation of eʳ - 1, of log(1 + f) through atanh, and polynomials of least largest
error: J.-M. Muller, "Elementary Functions", 3rd edition, Birkhäuser 2016, chapters 3, 5 and 11.
The rounding error of a sum: T. Dekker, "A floating-point technique for extending the available
precision", Numerische Mathematik 18 (1971). The coefficients are our own, by the exchange of Remez
in forty digits, weighted to make the error relative; the first is that of the highest power.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.engines.native.kernels.lanes import FLOAT, Lanes


@dataclass(frozen=True)
class Format:
    """What the formulas need to know of a float type."""

    mantissa: int
    bias: int
    log2_high: float
    """log 2 cut short, so that small multiples of it are exact; the rest is ``log2_low``."""
    log2_low: float
    least: float
    """The exponential of anything below is 0; above ``most`` it is infinite."""
    most: float
    negligible: float
    """Added to 1 it is lost, and so is what is twice as large."""
    exp: tuple[float, ...]
    """(eʳ - 1 - r) / r² for |r| ≤ log 2 / 2."""
    log: tuple[float, ...]
    """See ``_log_near_one``."""


SINGLE = Format(
    23, 127, 0.693145751953125, 1.4286068203094173e-06, -104.0, 89.0, 2.0**-26,
    (0.000198458935029573417, 0.00139408232272581333, 0.0083333897981542538,
     0.0416663586000450608, 0.166666663670708663, 0.500000004466336003),
    (0.0674661347290235395, -0.11679651889025976, 0.118903157130703647, -0.124051354266287408,
     0.14219225564767453, -0.166680069197561922, 0.200021335228956252, -0.250000096355811977,
     0.333333124162118623),
)  # fmt: skip
DOUBLE = Format(
    52, 1023, 0.6931471805598903, 5.497923018708371e-14, -746.0, 710.0, 2.0**-55,
    (2.08753196178905411e-9, 2.51091951018293268e-8, 2.75574032956116895e-7,
     2.75572438042592018e-6, 0.0000248015871710391652, 0.000198412698864771908,
     0.00138888888889635065, 0.00833333333332151371, 0.0416666666666665057,
     0.166666666666666767, 0.5),
    (0.148005847104301389, 0.153136123902836456, 0.181835804210581539, 0.22222198284519142,
     0.285714287449812499, 0.399999999994040894, 0.666666666666673583),
)  # fmt: skip
LOG2 = math.log(2)


def _format(x: Lanes) -> Format:
    return SINGLE if x.bits == 32 else DOUBLE


def polynomial(coefficients: Sequence[float], x: Lanes) -> Lanes:
    """Horner's rule."""
    total = x.constant(coefficients[0])
    for coefficient in coefficients[1:]:
        total = x.constant(coefficient).plus_product(total, x)
    return total


def absolute(x: Lanes) -> Lanes:
    return x.call("llvm.fabs")


def root(x: Lanes) -> Lanes:
    return x.call("llvm.sqrt")


def with_sign(size: Lanes, x: Lanes) -> Lanes:
    """The size with the sign of x."""
    return size.call("llvm.copysign", x)


def limited(x: Lanes, least: float | None, most: float | None) -> Lanes:
    """x kept between two bounds; NaN stays."""
    if least is not None:
        x = (x < least).choose(least, x)
    return x if most is None else (x > most).choose(most, x)


# --- exponentials -----------------------------------------------------------------------------
def _reduced(x: Lanes, more: Lanes | None = None) -> tuple[Lanes, Lanes]:
    """The whole number k and r with x + more = k log 2 + r and |r| ≤ log 2 / 2 (or NaN)."""
    f = _format(x)
    large = x.constant(1.5 * 2.0**f.mantissa)
    shifted = large.plus_product(x, 1 / LOG2)
    k = shifted - large
    r = x.plus_product(k, -f.log2_high).plus_product(k, -f.log2_low)
    return shifted.as_integer() - large.as_integer(), r if more is None else r + more


def _two_to(k: Lanes) -> Lanes:
    f = SINGLE if k.bits == 32 else DOUBLE
    return ((k + f.bias) << f.mantissa).as_float()


def _less_one(r: Lanes) -> Lanes:
    """eʳ - 1 for the r of ``_reduced``."""
    return r.plus_product(r * r, polynomial(_format(r).exp, r))


def exp(x: Lanes, more: Lanes | None = None) -> Lanes:
    """e^(x + more), where ``more`` is far smaller than 1."""
    f = _format(x)
    k, r = _reduced(limited(x, f.least, f.most), more)
    half = k >> 1  # in two steps, so that the result may be subnormal or infinite
    return (1 + _less_one(r)) * _two_to(half) * _two_to(k - half)


def _exp_above(x: Lanes, least: float) -> Lanes:
    """eˣ where x is of no interest below a bound; infinite where it should be."""
    k, r = _reduced(limited(x, least, _format(x).most))
    y = (1 + _less_one(r)) * _two_to(k - 1)
    return y + y


def _lost(x: Lanes) -> float:
    """Where e to that power added to 1 is lost."""
    return math.log(_format(x).negligible)


def expm1(x: Lanes) -> Lanes:
    """eˣ - 1."""
    f = _format(x)
    k, r = _reduced(limited(x, _lost(x), f.most))
    half = _two_to(k - 1)  # 2ᵏ itself may be infinite where the value is not
    y = (half - 0.5).plus_product(_less_one(r), half)
    return (absolute(x) < f.negligible).choose(x, y + y)


def tanh(x: Lanes) -> Lanes:
    """m / (m + 2) with m = e^(2 |x|) - 1, and the sign of x."""
    size = absolute(x)
    k, r = _reduced(limited(size + size, None, 2 - _lost(x)))
    scale = _two_to(k)
    m = (scale - 1).plus_product(_less_one(r), scale)
    return with_sign(m / (m + 2), x)


def sigmoid(x: Lanes) -> Lanes:
    """1 / (1 + e⁻ˣ)."""
    return 1 / (1 + _exp_above(-x, _lost(x)))


# --- logarithms -------------------------------------------------------------------------------
def _log_near_one(f: Lanes) -> tuple[Lanes, Lanes]:
    """Two numbers whose sum is log(1 + f), the larger first; √½ ≤ 1 + f ≤ √2.

    Single: f - f²/2 + f³ p(f). Double: with s = f / (2 + f) it is 2 atanh(s) = 2 s + s z p(z),
    z = s², and 2 s = f - f²/2 + s f²/2 keeps the rounding of s out of the leading terms.
    """
    half = 0.5 * f * f
    if f.bits == 32:
        return f, (f * f * f) * polynomial(SINGLE.log, f) - half
    s = f / (2 + f)
    z = s * s
    return f, s * (half + z * polynomial(DOUBLE.log, z)) - half


def _split(x: Lanes) -> tuple[Lanes, Lanes]:
    """The whole number k and m with x = 2ᵏ m and √½ ≤ m < √2, for normal x > 0."""
    f = _format(x)
    middle = x.constant(math.sqrt(0.5)).as_integer()
    bits = x.as_integer() - middle
    fraction = bits & ((1 << f.mantissa) - 1)
    return bits >> f.mantissa, (fraction + middle).as_float()


def _with_exponent(k: Lanes, high: Lanes, low: Lanes) -> Lanes:
    """k log 2 + high + low."""
    f = _format(high)
    return (low.plus_product(k, f.log2_low) + high).plus_product(k, f.log2_high)


def log(x: Lanes) -> Lanes:
    """The natural logarithm."""
    f = _format(x)
    tiny = x < 2.0 ** (1 - f.bias)
    k, m = _split(tiny.choose(x * 2.0**f.mantissa, x))
    power = k.to(x.dtype) - tiny.choose(x.constant(f.mantissa), 0.0)
    y = _with_exponent(power, *_log_near_one(m - 1))
    return _log_at_ends(x, y)


def _log_at_ends(x: Lanes, y: Lanes) -> Lanes:
    """The logarithm y of x, with what it is at 0, below, at infinity, and of NaN."""
    y = (x < math.inf).choose(y, x)
    return (x > 0).choose(y, x.equals(0).choose(x.constant(-math.inf), x + math.nan))


def log1p(x: Lanes) -> Lanes:
    """log(1 + x): the logarithm of the rounded sum, with its rounding error made good."""
    f = _format(x)
    total = 1 + x
    error = (x > 1).choose(1 - (total - x), x - (total - 1))
    k, m = _split(total)
    scale = _two_to((k < f.bias).choose(-k, -f.bias))  # 0 from there on: the error is lost anyway
    y = _with_exponent(k.to(x.dtype), *_log_near_one((m - 1).plus_product(error, scale)))
    return (absolute(x) < f.negligible).choose(x, _log_at_ends(total, y))


def softplus(x: Lanes) -> Lanes:
    """log(1 + eˣ)."""
    return (x < 0).choose(0.0, x) + log1p(exp(-absolute(x)))


def logaddexp(a: Lanes, b: Lanes) -> Lanes:
    """log(eᵃ + eᵇ)."""
    distance = a - b
    y = (distance > 0).choose(a, b) + log1p(exp(-absolute(distance)))
    return a.equals(b).choose(a + LOG2, y)


def sigmoid_cross_entropy(x: Lanes, t: Lanes) -> Lanes:
    """log(1 + eˣ) - t x."""
    return (x < 0).choose(0.0, x) - x * t + log1p(exp(-absolute(x)))


# --- powers -----------------------------------------------------------------------------------
def power(a: Lanes, b: Lanes) -> Lanes:
    """aᵇ. In single by e^(b log |a|) in double; in double by the C library, one number at a time.

    What it is at 0, infinity and below 0: IEEE 754-2019, 9.2.1.
    """
    if a.bits == 64:
        return a.outside("pow", b)
    double = FLOAT[64]
    x, y = a.to(double), b.to(double)
    size = exp(y * log(absolute(x))).to(a.dtype)
    whole = y.call("llvm.rint").equals(y)
    half = y * 0.5
    odd = whole & half.call("llvm.rint").differs(half)
    negative = a.as_integer() < 0
    signed = (negative & odd).choose(-size, size)
    infinite = absolute(a).equals(math.inf)
    value = ((a < 0) & ~whole & ~infinite).choose(x.to(a.dtype).constant(math.nan), signed)
    one = b.equals(0) | a.equals(1) | (a.equals(-1) & absolute(b).equals(math.inf))
    return one.choose(a.constant(1.0), value)


def library(name: str) -> Any:
    """Return the formula that is a function of the C library, for one number."""
    return lambda x, *more: x.outside(name, *more)


def numbers(dtype: np.dtype) -> Format:
    """Return what is known of a float type."""
    return SINGLE if dtype.itemsize == 4 else DOUBLE
