"""Functions of two variables on which optimizers are tried, each with what is known of it.

>>> import glassnet as gn
>>> valley = gn.explain.surfaces.rosenbrock
>>> gn.minimize(valley, valley.start, "newton").x.round(6).tolist(), valley.minima
([1.0, 1.0], ((1.0, 1.0),))
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Point = tuple[float, float]


@dataclass(frozen=True)
class Surface:
    """A function f(w) of two variables, called like any function: ``surface(w)``.

    Args:
        name: its name.
        formula: how it is written.
        f: the function, in NumPy's functions and operators, so that it takes tensors too; ``w[0]``
            and ``w[1]`` may be whole grids.
        domain: the part of the plane that is worth a picture: ((x₀, x₁), (y₀, y₁)).
        start: where an optimizer begins, by custom or for what is to be seen from there.
        minima: all its minima.
        saddles: its saddles, those of a domain.
        maxima: its maxima.
        lowest: its value at the lowest of its minima; None where it goes down without end.
    """

    name: str
    formula: str
    f: Callable[[Any], Any] = field(repr=False)
    domain: tuple[Point, Point]
    start: Point
    minima: tuple[Point, ...] = ()
    saddles: tuple[Point, ...] = ()
    maxima: tuple[Point, ...] = ()
    lowest: float | None = None

    def __call__(self, w: Any) -> Any:
        return self.f(w)

    def __str__(self) -> str:
        return f"{self.name}: {self.formula}"


def _bowl(w: Any) -> Any:
    return (w[0] ** 2 + 50 * w[1] ** 2) / 2


bowl = Surface(
    "ill-conditioned bowl", "½ (x² + 50 y²)", _bowl,
    domain=((-5.0, 1.5), (-1.6, 1.6)), start=(-4.5, 1.2), minima=((0.0, 0.0),), lowest=0.0,
)  # fmt: skip
"""A parabola fifty times as steep along y as along x. Newton's method needs one step; gradient
descent with η = 0.039, near its largest stable rate 2/50, zigzags."""


def _hill(w: Any) -> Any:
    return (w[0] ** 4 + w[1] ** 4) / 4 - (w[0] ** 2 + w[1] ** 2) / 2


hill = Surface(
    "concave hill", "¼ (x⁴ + y⁴) − ½ (x² + y²)", _hill,
    domain=((-1.6, 1.6), (-1.6, 1.6)), start=(0.25, 0.15),
    minima=((1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)),
    saddles=((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)), maxima=((0.0, 0.0),),
    lowest=-0.5,
)  # fmt: skip
"""A hill between four valleys, concave where 3x² < 1 and 3y² < 1. The plain Newton step looks for a
point where the gradient vanishes, and on the hill that is its top."""


def _saddle(w: Any) -> Any:
    return w[0] ** 2 - w[1] ** 2


saddle = Surface(
    "saddle", "x² − y²", _saddle,
    domain=((-1.6, 1.6), (-1.6, 1.6)), start=(1.2, 0.2), saddles=((0.0, 0.0),),
)  # fmt: skip
"""Up along x, down without end along y."""


def _monkey_saddle(w: Any) -> Any:
    return w[0] ** 3 - 3 * w[0] * w[1] ** 2


monkey_saddle = Surface(
    "monkey saddle", "x³ − 3 x y²", _monkey_saddle,
    domain=((-1.6, 1.6), (-1.6, 1.6)), start=(1.2, 0.4), saddles=((0.0, 0.0),),
)  # fmt: skip
"""Three ways down, for two legs and a tail. The Hessian at the saddle is 0, so that the second
derivative tells nothing there."""


def _rosenbrock(w: Any) -> Any:
    return (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2


rosenbrock = Surface(
    "Rosenbrock's valley", "(1 − x)² + 100 (y − x²)²", _rosenbrock,
    domain=((-1.8, 1.8), (-0.8, 2.2)), start=(-1.2, 1.0), minima=((1.0, 1.0),), lowest=0.0,
)  # fmt: skip
"""A flat, bent valley between steep walls. Source: H. Rosenbrock, "An automatic method for finding
the greatest or least value of a function", The Computer Journal 3, 1960."""


def _himmelblau(w: Any) -> Any:
    return (w[0] ** 2 + w[1] - 11) ** 2 + (w[0] + w[1] ** 2 - 7) ** 2


himmelblau = Surface(
    "Himmelblau's function", "(x² + y − 11)² + (x + y² − 7)²", _himmelblau,
    domain=((-5.0, 5.0), (-5.0, 5.0)), start=(0.0, -1.0),
    minima=(
        (3.0, 2.0), (-2.805118086952745, 3.131312518250573),
        (-3.779310253377747, -3.283185991286170), (3.584428340330492, -1.848126526964404),
    ),
    saddles=(
        (0.08667750455539634, 2.884254701174776), (3.385154183607021, 0.0738518798377493),
        (-3.0730257507643897, -0.08135304428796751), (-0.12796134673068005, -1.9537149802445766),
    ),
    maxima=((-0.2708445906673476, -0.9230385564799813),),
    lowest=0.0,
)  # fmt: skip
"""Four minima of equal depth around a maximum. Source: D. Himmelblau, "Applied nonlinear
programming", 1972."""


def _beale(w: Any) -> Any:
    x, y = w[0], w[1]
    return (
        (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2
    )  # fmt: skip


beale = Surface(
    "Beale's function", "(1.5 − x + x y)² + (2.25 − x + x y²)² + (2.625 − x + x y³)²", _beale,
    domain=((-0.5, 4.5), (-1.5, 1.5)), start=(1.0, 1.0), minima=((3.0, 0.5),),
    saddles=((0.0, 1.0),), lowest=0.0,
)  # fmt: skip
"""A flat plain with a narrow pit. Source: E. Beale, "On an iterative method for finding a local
minimum of a function of more than one variable", 1958; number 5 of J. Moré, B. Garbow, K.
Hillstrom, "Testing unconstrained optimization software", ACM TOMS 7, 1981."""


def _camel(w: Any) -> Any:
    x, y = w[0], w[1]
    return 2 * x**2 - 1.05 * x**4 + x**6 / 6 + x * y + y**2


_OUTER, _BETWEEN = (math.sqrt(2.1 + sign * math.sqrt(0.91)) for sign in (1, -1))

camel = Surface(
    "three-hump camel", "2 x² − 1.05 x⁴ + x⁶ / 6 + x y + y²", _camel,
    domain=((-2.5, 2.5), (-2.0, 2.0)), start=(-2.0, 1.5),
    minima=((0.0, 0.0), (_OUTER, -_OUTER / 2), (-_OUTER, _OUTER / 2)),
    saddles=((_BETWEEN, -_BETWEEN / 2), (-_BETWEEN, _BETWEEN / 2)),
    lowest=0.0,
)  # fmt: skip
"""Three minima, of which the middle one is the lowest. Source: F. Branin, "Widely convergent method
for finding multiple solutions of simultaneous nonlinear equations", IBM Journal of Research and
Development 16, 1972."""


SURFACES: tuple[Surface, ...] = (
    bowl, hill, saddle, monkey_saddle, rosenbrock, himmelblau, beale, camel,
)  # fmt: skip
"""All of them."""


def grid(surface: Callable[[Any], Any], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the heights over a grid, (len(y), len(x)): row i is y[i], as Matplotlib draws it."""
    return np.asarray(surface(np.stack(np.meshgrid(x, y))))
