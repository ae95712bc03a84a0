"""In what two outputs differ: a factor, a constant, a few entries, the shape."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from glassnet.explain.doctor.recognition import dense, windows
from glassnet.explain.doctor.recognition.conventions import ROWS
from glassnet.explain.doctor.recognition.problem import Candidate, Problem, shape_of
from glassnet.explain.doctor.recognition.trying import EXACT, Match
from glassnet.graph.dimension import display

_MANY, _MOST = 0.3, 0.8
"""The share of equal entries that makes two outputs the same but for the others."""


def related(match: Match, _: bool = True) -> str:
    """Return the simple relation of an output to what the library gives; empty for none."""
    expected, got = match.expected, match.got
    if expected.shape != got.shape or expected.size < 3:
        return ""
    if not (np.isfinite(expected).all() and np.isfinite(got).all()):
        return ""
    size = max(float(np.abs(got).max()), 1e-300)
    if np.allclose(expected, expected.flat[0]):
        return ""
    factor = float(np.vdot(expected, got) / np.vdot(expected, expected))
    if np.abs(got - factor * expected).max() <= 1e2 * EXACT * size and abs(factor) > 1e-6:
        return f"its forward gives {_factor(factor)} what it should be"
    shift = got - expected
    if np.abs(shift - shift.flat[0]).max() <= EXACT * size:
        return f"its forward gives {abs(shift.flat[0]):.4g} too {_much(shift.flat[0])}, everywhere"
    rows = shift.reshape(-1, shift.shape[-1])
    if len(rows) > 1 and np.abs(rows - rows[0]).max() <= EXACT * size:
        return "its forward differs by a constant for each unit: the bias is not added as it should"
    return ""


def partly_equal(match: Match, likely: bool) -> str:
    """Return how many entries of an output are not the library's, where the others are.

    Args:
        match: the candidate that was tried.
        likely: whether the name says that it is meant, so that a smaller part tells something.
    """
    expected, got = match.expected, match.got
    if expected.shape != got.shape or not np.isfinite(got).all():
        return ""
    size = max(float(np.abs(got).max()), 1e-300)
    same = np.isclose(got, expected, rtol=1e-9, atol=1e-12 * size)
    enough = _MANY if likely else _MOST
    if same.mean() >= enough and (likely or match.candidate.placements):
        place = tuple(int(i) for i in np.argwhere(~same)[0])
        return (
            f"its forward differs in {int((~same).sum())} of {same.size} entries, the first at "
            f"{list(place)}: {got[place]:.6g}, where {expected[place]:.6g} is right"
        )
    return ""


def _factor(factor: float) -> str:
    if abs(factor + 1) < 1e-9:
        return "minus"
    inverse = 1 / factor
    if abs(inverse) > 1.5 and abs(inverse - round(inverse)) < 1e-6:
        return f"1/{round(inverse)} of"
    return f"{factor:.6g} times"


def _much(shift: float) -> str:
    return "much" if shift > 0 else "little"


def unlike(match: Match) -> str:
    """Return where two outputs are furthest apart, in words."""
    place = np.unravel_index(int(np.argmax(np.abs(match.got - match.expected))), match.got.shape)
    where = [int(i) for i in place]
    name = match.candidate.cls.__name__
    return (
        f"its forward gives {match.got[place]:.6g} at {where}, {name} gives "
        f"{match.expected[place]:.6g}"
    )


def misshapen(problem: Problem, families: list[str]) -> Iterator[Match]:
    """Yield candidates whose output has another shape than the person's."""
    for candidate in _any_shape(problem, families):
        try:
            layer = candidate.layer(shape_of(problem.x))
            candidate.set_weights(layer, problem.weights)
            y = np.asarray(layer(problem.x, training=False))
        except (ValueError, TypeError, IndexError, NotImplementedError):
            continue
        yield Match(candidate, ROWS, np.inf, np.inf, y, problem.y)


def _any_shape(problem: Problem, families: list[str]) -> Iterator[Candidate]:
    if "convolution" in families:
        yield from windows.convolution(problem, any_shape=True)
    if "pooling" in families:
        yield from windows.pooling(problem, any_shape=True)
    if "dense" in families and not problem.several:
        for place, weight in enumerate(problem.weights):
            for units in sorted(set(weight.shape)) if weight.ndim == 2 else ():
                empty = np.zeros((*problem.x.shape[:-1], units))
                other = Problem(problem.x, {False: empty, True: empty}, problem.names,
                                problem.weights)  # fmt: skip
                if place == 0:
                    yield from (c for c in dense.dense(other) if not c.fault)


def shapes_apart(match: Match) -> str:
    """Return the two shapes in words."""
    told = (
        f"its output has the shape {display(match.got.shape)}, {match.candidate.source} gives "
        f"{display(match.expected.shape)}"
    )
    if overlaps(match):
        more = sum(match.got.shape) > sum(match.expected.shape)
        what = "has more than there should be" if more else "lacks the last ones"
        told += f"; where both have entries they agree, so its output only {what}"
    return told


def overlaps(match: Match) -> bool:
    """Whether two outputs of different shapes agree where both have entries."""
    if match.got.ndim != match.expected.ndim:
        return False
    common = tuple(
        slice(min(a, b)) for a, b in zip(match.got.shape, match.expected.shape, strict=True)
    )
    return bool(np.allclose(match.got[common], match.expected[common], rtol=1e-7, atol=1e-9))
