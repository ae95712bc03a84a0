"""Activations as curves: values, the derivative of the library's own graph, kinks and jumps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

import numpy as np

from glassnet import activations
from glassnet.checks import number, whole
from glassnet.engines import Program
from glassnet.graph.derivative import gradients
from glassnet.graph.dimension import Dim
from glassnet.graph.recording import as_tensor, recording
from glassnet.graph.tensor import Placeholder
from glassnet.ops import ones_like
from glassnet.ops.joining import stack

Vector = np.ndarray
Both = Callable[[Vector], tuple[Vector, Vector]]

REACH, POINTS = (-4.0, 4.0), 801
"""From where to where, and at how many points, a curve is computed."""
_FARTHER = {"relu6": (-2.0, 8.0)}
"""Where there is something to be seen outside of that."""
_NARROW = 1e-9
"""How near a kink is found."""
_NEAR = 1e-6
"""How far from it the limits on its two sides are computed."""
_ABRUPT = 1e-3
"""From which change within that nearness on it is a kink or a jump, not a bend."""
_OF_ONE = {"threshold": {"threshold": 1.0, "default_value": 0.0}}
"""Values for parameters that have no default."""


@dataclass(frozen=True)
class Break:
    """A place where an activation, or its derivative, jumps.

    Args:
        place: where.
        values: g just left and just right of it.
        slopes: dg/dz just left and just right of it.
    """

    place: float
    values: tuple[float, float]
    slopes: tuple[float, float]

    @property
    def jumps(self) -> bool:
        """Whether g itself jumps; else it has a kink."""
        return abs(self.values[1] - self.values[0]) > _ABRUPT


@dataclass(frozen=True, eq=False)
class ActivationCurve:
    """An activation g along a line, with its derivative.

    Args:
        name: its name.
        call: what was computed, as it is written: ``"tanh(z)"``; for a function of several inputs
            the line on which it is seen, ``"softmax(z, 0)₁"``.
        z: the places, (n,).
        values: g(z), (n,).
        slopes: dg/dz by reverse accumulation through the recorded graph, (n,).
        breaks: where g or its derivative jumps, in order.
        inputs: how many inputs g looks at: 1, or 2 for one that joins several.
    """

    name: str
    call: str
    z: Vector
    values: Vector
    slopes: Vector
    breaks: tuple[Break, ...]
    inputs: int = 1

    @property
    def kinks(self) -> tuple[float, ...]:
        """Where the derivative jumps and g does not."""
        return tuple(b.place for b in self.breaks if not b.jumps)

    @property
    def jumps(self) -> tuple[float, ...]:
        """Where g itself jumps."""
        return tuple(b.place for b in self.breaks if b.jumps)

    def pieces(self, of: str) -> tuple[Vector, Vector]:
        """Return ``"values"`` or ``"slopes"`` as a line that is interrupted where they jump.

        z and the curve over it, both with NaN between the pieces; each piece ends in its limit.
        """
        line = getattr(self, of)
        z, y, begin = [np.empty(0)], [np.empty(0)], -np.inf
        for b in self.breaks:
            if of == "values" and not b.jumps:
                continue
            left, right = getattr(b, of)
            inside = (self.z > begin) & (self.z < b.place - _NEAR)
            z += [self.z[inside], np.array([b.place, np.nan, b.place])]
            y += [line[inside], np.array([left, np.nan, right])]
            begin = b.place + _NEAR
        rest = self.z > begin
        return np.concatenate([*z, self.z[rest]]), np.concatenate([*y, line[rest]])


def activation_curve(
    activation: Any, *, low: float | None = None, high: float | None = None, points: int = POINTS
) -> ActivationCurve:
    """Return an activation's values and its derivative along a line.

    An activation that acts on each number alone is seen over z. One that joins several inputs
    (softmax) is seen along one input z while the other of two is 0: its first output, and that
    output's derivative by z. A gate, which gives half as many outputs as it has inputs (GLU), is
    seen along the gate z while what it lets through is 1.

    Kinks and jumps are searched by halving intervals in which the derivative, or the value,
    changes most abruptly.

    Args:
        activation: a name, ``"tanh"``; a function; a layer that acts on numbers.
        low, high: from where to where; for None so far that every kink is seen, -4 to 4 for most.
        points: at how many points.

    Raises:
        TypeError: where it is no activation.
        ValueError: for an unknown name, or an empty range.

    >>> import glassnet as gn
    >>> found = gn.inspection.activation_curve("relu", low=-1, high=1, points=3)
    >>> found.values.tolist(), found.slopes.tolist(), found.kinks
    ([0.0, 0.0, 1.0], [0.0, 0.0, 1.0], (0.0,))
    >>> gn.inspection.activation_curve("softmax").call
    'softmax(z, 0)₁'
    """
    what = "activation_curve"
    name, g = _found(activation)
    reach = _FARTHER.get(name, REACH)
    first = number(reach[0] if low is None else low, f"{what}: low")
    last = number(reach[1] if high is None else high, f"{what}: high", above=first)
    z = np.linspace(first, last, whole(points, f"{what}: points", least=3))
    along, call, inputs = _line(name, g)
    both = _recorded(along)
    values, slopes = both(z)
    return ActivationCurve(name, call, z, values, slopes, _breaks(both, z), inputs)


def activation_curves(
    *, low: float | None = None, high: float | None = None, points: int = POINTS
) -> list[ActivationCurve]:
    """Return the curve of every registered activation, in the order of their names.

    >>> import glassnet as gn
    >>> [c.name for c in gn.inspection.activation_curves(points=5)][:3]
    ['celu', 'elu', 'exponential']
    """
    names = sorted(activations.ACTIVATIONS.entries)
    return [activation_curve(name, low=low, high=high, points=points) for name in names]


def _found(activation: Any) -> tuple[str, Callable[[Any], Any]]:
    """The name and the function, with values for what has no default."""
    g = activations.get(activation)
    name = str(getattr(g, "__name__", None) or getattr(g, "name", type(g).__name__))
    extra = _OF_ONE.get(name, {})
    if not extra:
        return name, g
    needed = [p for p in signature(g).parameters.values() if p.default is Parameter.empty]
    given = {p.name: extra[p.name] for p in needed[1:]}
    return name, lambda z: g(z, **given)


def _line(name: str, g: Callable[[Any], Any]) -> tuple[Callable[[Any], Any], str, int]:
    """The function of z alone that is shown, how it is written, of how many inputs g is."""
    pairs = np.array([[0.3, -0.7], [0.3, 0.9]])
    try:
        seen = np.asarray(g(pairs))
    except (TypeError, AttributeError) as error:
        raise TypeError(
            f"activation_curve: {name} gives no numbers for an array of numbers: {error}"
        ) from error
    if seen.shape == (2, 1):
        return lambda z: g(stack([np.ones_like(z), z], axis=-1))[..., 0], f"{name}(1, z)", 2
    if seen.shape != pairs.shape:
        raise TypeError(
            f"activation_curve: an activation gives as many numbers as it takes; {name} gives "
            f"shape {seen.shape} for {pairs.shape}."
        )
    if seen[0, 0] != seen[1, 0]:  # the second input changes the first output
        return lambda z: g(stack([z, np.zeros_like(z)], axis=-1))[..., 0], f"{name}(z, 0)₁", 2
    return g, _written(name), 1


def _written(name: str) -> str:
    """The call with the values that stand in for parameters without a default."""
    values = "".join(f", {value:g}" for value in _OF_ONE.get(name, {}).values())
    return f"{name}(z{values})"


def _recorded(g: Callable[[Any], Any]) -> Both:
    """Return what gives g(z) and dg/dz: each entry of z touches one entry of g alone."""
    hole = Placeholder((Dim.named("m"),), np.dtype(np.float64), name="z")
    with recording():
        value = as_tensor(g(hole)) * 1.0  # an activation may hand on z itself
        (slope,) = gradients([value], [hole], [ones_like(value)])
    program = Program([hole], [value, slope])

    def both(z: Vector) -> tuple[Vector, Vector]:
        found = program.run(z)
        return np.array(found[0]), np.array(found[1])

    return both


def _breaks(both: Both, z: Vector) -> tuple[Break, ...]:
    """The places where g or its derivative jumps, and the limits there."""
    found = sorted(_abrupt(z, lambda v: both(v)[0]) + _abrupt(z, lambda v: both(v)[1]))
    apart = [p for i, p in enumerate(found) if i == 0 or p - found[i - 1] > _NEAR]
    breaks = []
    for place in apart:
        values, slopes = both(np.array([place - _NEAR, place + _NEAR]))
        breaks.append(Break(place, (values[0], values[1]), (slopes[0], slopes[1])))
    return tuple(breaks)


def _abrupt(z: Vector, f: Callable[[Vector], Vector]) -> list[float]:
    """Where f changes abruptly: each interval is halved towards the larger change."""
    seen = f(z)
    left, right, at_left, at_right = z[:-1], z[1:], seen[:-1], seen[1:]
    while True:
        steep = np.abs(at_right - at_left) > _ABRUPT
        left, right, at_left, at_right = (v[steep] for v in (left, right, at_left, at_right))
        if not len(left) or float((right - left).max()) <= _NARROW:
            return [float(np.round(v, 7)) + 0.0 for v in (left + right) / 2]
        middle = (left + right) / 2
        at_middle = f(middle)
        first = np.abs(at_middle - at_left) >= np.abs(at_right - at_middle)
        right, at_right = np.where(first, middle, right), np.where(first, at_middle, at_right)
        left, at_left = np.where(first, left, middle), np.where(first, at_left, at_middle)
