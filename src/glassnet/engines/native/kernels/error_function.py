"""The error function and the normal distribution as formulas.

erfc(a) = e^(-a²) q(t) / (a + K) for a ≥ 0, with t = (a - K) / (a + K), which brings all a into
[-1, 1], where q is smooth: M. Shepherd, J. Laframboise, "Chebyshev approximation of
(1 + 2x) exp(x²) erfc x in 0 ≤ x < ∞", Mathematics of Computation 36 (1981), 249-253. The square in
the exponent is kept with its rounding error (T. Dekker, Numerische Mathematik 18, 1971), for the
exponential makes a relative error of an absolute one. The coefficients are our own, by the exchange
of Remez in fifty digits, weighted to make the error relative; the first is that of the highest
power.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from glassnet.engines.native.kernels.formulas import absolute, exp, limited, polynomial, with_sign
from glassnet.engines.native.kernels.lanes import Lanes


@dataclass(frozen=True)
class Shape:
    """What the formulas need to know of a float type."""

    last: float
    """The function e^(-a²) is 0 beyond."""
    low: int
    """The lower half of the places of a number."""
    centre: float
    tail: tuple[float, ...]
    """q of the module's docstring."""
    near: tuple[float, ...]
    """erf(x) / x - 1 by x², for |x| ≤ ``EDGE``."""


EDGE = 0.75
SINGLE = Shape(
    10.3, 12, 3.0,
    (-0.000325333295100512536, -0.0004831767510492063, 0.00308032805556624274,
     -0.00122643084607744695, -0.0268398264242891398, 0.119529068430327638, -0.310466008462698463,
     0.590228298500290501, -0.883394486448563183, 1.07400690776743783),
    (-0.000674951371574775072, 0.00511434570300917531, -0.0268346247017963291,
     0.11283376578793597, -0.376126187572607458, 0.12837916549652845),
)  # fmt: skip
DOUBLE = Shape(
    27.4, 27, 3.75,
    (-1.18156781237858749e-9, -4.34982673316866568e-9, 6.02944427042099386e-9,
     3.95510567576687552e-8, -3.08150983211050545e-8, -2.63699824722651475e-7,
     2.82901457666062561e-7, 1.6563385663914674e-6, -3.29091322585109927e-6,
     -8.90414255087869104e-6, 0.0000374721633814199579, 0.000010594058266290149,
     -0.000348646945694255047, 0.000794823086161760455, 0.000986338091716772481,
     -0.0125358800395665672, 0.0491187786142960404, -0.131955401178620631, 0.279062049033825884,
     -0.490470291207676293, 0.736318925221750941, -0.958741576652909581, 1.09192290956278904),
    (-9.49599499912297241e-10, 1.44117547353741536e-8, -1.63329445363550705e-7,
     1.64603616261722005e-6, -0.0000149255883677336436, 0.000120553315145511606,
     -0.000854832700053823478, 0.00522397762521494207, -0.0268661706451179314,
     0.112837916709550853, -0.37612638903183752, 0.12837916709551257),
)  # fmt: skip


def _shape(x: Lanes) -> Shape:
    return SINGLE if x.bits == 32 else DOUBLE


def _square(x: Lanes) -> tuple[Lanes, Lanes]:
    """x² rounded, and what the rounding took away."""
    high = (x.as_integer() & -(1 << _shape(x).low)).as_float()
    low = x - high
    square = x * x
    return square, ((high * high - square) + 2 * high * low) + low * low


def _scale(a: Lanes) -> Lanes:
    """e^(a²) erfc(a) for a ≥ 0."""
    shape = _shape(a)
    below = a + shape.centre
    return polynomial(shape.tail, (a - shape.centre) / below) / below


def erfc(x: Lanes) -> Lanes:
    """1 - erf(x), with its relative precision where it is tiny."""
    a = limited(absolute(x), None, _shape(x).last)
    square, more = _square(a)
    tail = exp(-square, -more) * _scale(a)
    return (x < 0).choose(2 - tail, tail)


def erf(x: Lanes) -> Lanes:
    """2/√π ∫₀ˣ e^(-t²) dt."""
    a = limited(absolute(x), None, _shape(x).last)
    near = x.plus_product(x, polynomial(_shape(x).near, x * x))
    far = with_sign(1 - exp(-(a * a)) * _scale(a), x)
    return (a < EDGE).choose(near, far)


def normal_cdf(x: Lanes) -> Lanes:
    """Φ(x) = erfc(-x / √2) / 2."""
    a = limited(absolute(x), None, 1.5 * _shape(x).last)
    square, more = _square(a)
    tail = exp(-0.5 * square, -0.5 * more) * (0.5 * _scale(a * math.sqrt(0.5)))
    return (x > 0).choose(1 - tail, tail)


def normal_density(x: Lanes) -> Lanes:
    """φ(x) = e^(-x²/2) / √(2π)."""
    a = limited(absolute(x), None, 1.5 * _shape(x).last)
    square, more = _square(a)
    return exp(-0.5 * square, -0.5 * more) * (1 / math.sqrt(2 * math.pi))
