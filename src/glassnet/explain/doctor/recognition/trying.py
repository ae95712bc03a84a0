"""Candidates tried one after another, and how near each comes to what a person's brick gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from glassnet.activations import ACTIVATIONS
from glassnet.explain.doctor.recognition import dense, dropping, norms, plain, windows
from glassnet.explain.doctor.recognition.conventions import ROWS, Convention, conventions
from glassnet.explain.doctor.recognition.problem import Array, Candidate, Problem, shape_of
from glassnet.layers import LeakyReLU

EXACT = 1e-10
"""Relative differences up to this are rounding of float64."""
AGREES = 1e-6
"""Relative differences up to this are rounding too, where something was computed in float32."""

Family = Callable[[Problem], Iterator[Candidate]]

FAMILIES: dict[str, Family] = {
    "dropout": dropping.dropping,
    "activation": plain.activation,
    "pooling": windows.pooling,
    "arranging": plain.arranging,
    "dense": dense.dense,
    "convolution": windows.convolution,
    "depthwise": windows.depthwise,
    "transposed": windows.transposed,
    "embedding": dense.embedding,
    "batch": norms.batch_normalization,
    "layer": norms.layer_normalization,
    "group": norms.group_normalization,
    "prelu": plain.prelu,
    "merging": plain.merging,
}
"""The families of candidates, by name."""

_COMMON = {"relu", "sigmoid", "tanh", "softmax"}
_COLUMNS_MEAN_LITTLE = {"arranging", "dropout"}


@dataclass(frozen=True)
class Match:
    """A candidate that was tried.

    Args:
        candidate: the candidate, with the activation that fits best.
        convention: how the person's arrays lie.
        distance: the largest difference, relative to the largest entry; ∞ for another shape.
        apart: the length of the difference, relative to the length of what the library gives.
        expected: what the library gives, in its own layout, in the mode that was compared last.
        got: what the person's brick gives, in the same layout and mode.
    """

    candidate: Candidate
    convention: Convention
    distance: float
    apart: float
    expected: Array
    got: Array

    @property
    def rank(self) -> tuple[bool, bool, float]:
        """Exact ones first, then those without a fault, then the nearest."""
        return (self.distance > EXACT, bool(self.candidate.fault), self.distance)


def matches(problem: Problem, families: list[str]) -> Iterator[Match]:
    """Try the candidates of these families; yield each that gives an output of the right shape."""
    for convention, turned in _turned(problem):
        for name in families:
            if convention is not ROWS and name in _COLUMNS_MEAN_LITTLE:
                continue
            with np.errstate(all="ignore"):
                for candidate in FAMILIES[name](turned):
                    yield from _tried(turned, candidate, convention)


def _turned(problem: Problem) -> Iterator[tuple[Convention, Problem]]:
    if problem.several:
        yield ROWS, problem
        return
    for convention in conventions(problem.x, problem.y):
        outputs = {mode: convention.into_output(y) for mode, y in problem.outputs.items()}
        yield convention, replace(problem, x=convention.into(problem.x), outputs=outputs)


def _tried(problem: Problem, candidate: Candidate, convention: Convention) -> Iterator[Match]:
    try:
        found = values(problem, candidate)
    except (ValueError, TypeError, IndexError, NotImplementedError, KeyError):
        return  # it can't be this one
    if not found:
        return  # it is told from training alone, and that is random
    if not candidate.activated:
        yield _compared(problem, candidate, convention, found)
        return
    for activation, function in _activations(problem, found[False]):
        try:
            shaped = {mode: function(z) for mode, z in found.items()}
        except (TypeError, ValueError):
            continue  # it takes arguments, or another shape
        one = candidate
        if activation is not None:
            one = replace(candidate, arguments={**candidate.arguments, "activation": activation})
        yield _compared(problem, one, convention, shaped)


def values(problem: Problem, candidate: Candidate) -> dict[bool, Array]:
    """Return what a candidate gives, in each mode that is compared."""
    modes = compared_modes(problem, candidate)
    if candidate.formula is not None:
        y = candidate.formula(problem)
        return dict.fromkeys(modes, y)
    layer = candidate.layer(shape_of(problem.x))
    candidate.set_weights(layer, problem.weights, faulty=True)
    found = {}
    for mode in modes:
        found[mode] = np.asarray(layer(problem.x, training=mode))
        if found[mode].shape != problem.outputs[mode].shape:
            raise ValueError("another shape")
    return found


def compared_modes(problem: Problem, candidate: Candidate) -> tuple[bool, ...]:
    """Return the modes in which a candidate is compared, the one of prediction first."""
    if problem.chance:
        return tuple(m for m in candidate.modes if not m)
    if candidate.modes == (False,) and problem.outputs[True] is not problem.outputs[False]:
        return (False, True)
    return candidate.modes


def _activations(problem: Problem, z: Array) -> Iterator[tuple[Any, Callable[[Array], Array]]]:
    yield None, lambda v: v
    for name in sorted(ACTIVATIONS.entries, key=lambda n: n not in _COMMON):
        function = ACTIVATIONS.entries[name]
        if name not in ("linear", "glu"):
            yield name, lambda v, function=function: np.asarray(function(v))  # type: ignore[misc]
    for slope in plain.slopes(z, problem.y):
        leaky = LeakyReLU(slope, dtype="float64")
        yield leaky, lambda v, leaky=leaky: np.asarray(leaky(v))  # type: ignore[misc]


def _compared(
    problem: Problem, candidate: Candidate, convention: Convention, found: dict[bool, Array]
) -> Match:
    worst, apart = 0.0, 0.0
    expected, got = next(iter(found.values())), problem.y
    for mode, y in found.items():
        here, length = distance(problem.outputs[mode], y)
        if here >= worst:
            expected, got = y, problem.outputs[mode]
        worst, apart = max(worst, here), max(apart, length)
    return Match(candidate, convention, worst, apart, expected, got)


def distance(y: Array, expected: Array) -> tuple[float, float]:
    """Return how far two arrays are apart: at the worst entry, and as vectors; relative."""
    if y.shape != expected.shape or not y.size:
        return np.inf, np.inf
    both = np.isnan(y) & np.isnan(expected)
    difference = np.where(both | (y == expected), 0.0, y - expected)
    if not np.isfinite(difference).all():
        return np.inf, np.inf
    size = max(float(np.abs(np.where(np.isfinite(expected), expected, 0)).max()), 1e-300)
    length = max(float(np.linalg.norm(np.where(np.isfinite(expected), expected, 0))), 1e-300)
    return float(np.abs(difference).max()) / size, float(np.linalg.norm(difference)) / length
