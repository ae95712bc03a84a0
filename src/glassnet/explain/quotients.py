"""Derivatives held against difference quotients of the cost.

The central quotient (J(Q + hV) − J(Q − hV)) / 2h of a smooth J differs from ⟨∂J/∂Q, V⟩ by O(h²),
and by rounding, about ε|J|/h. A step of 2·10⁻⁵ leaves nine or ten digits; where they do not agree
other steps are tried and rounding is measured. A kink (relu at 0, a maximum that ties) has no
derivative for a quotient to find, so where they still differ, a point beside this one is tried:
there a rule that is wrong is wrong again, and a kink is gone.

Source: A. Griewank and A. Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008, chapter 1; noise
by differences of higher order: J. Moré and S. Wild, "Estimating computational noise", SIAM
Journal on Scientific Computing 33 (2011).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glassnet.checks import listed
from glassnet.explain.doctor import differences
from glassnet.explain.doctor.differences import NOISY
from glassnet.explain.evaluation import Evaluation
from glassnet.graph.tensor import Tensor
from glassnet.graph.variable import Variable

if TYPE_CHECKING:
    from glassnet.explain.derivation import Derivation, Step

STEPS = (2e-5, 2e-6, 2e-4, 2e-7)
"""Steps in the order in which they are tried, for entries of size 1."""
FINER = (2e-8, 2e-9)
"""Steps for where a kink lies within 10⁻⁷; rounding leaves them six digits."""
GOOD, ENOUGH = 1e-8, 1e-6
"""No other step is tried; the two agree."""
EVERY_ENTRY = 200
"""Weights with more entries than this are checked along a random direction and at a few entries."""
AFFORDABLE = 20_000_000
"""How many numbers the check of every entry of one weight may compute."""
SILENT = 0.01
"""A quotient tells something if it is known to this, relative to its size."""
MOVED = (0.1, 1e-3)
"""How far points beside the batch lie from it."""


class Check(NamedTuple):
    """A derivative beside its difference quotient.

    Args:
        quotient: the difference quotient.
        derivative: the derivative in the same direction.
        error: the relative error; over several entries the largest, by the largest entry.
    """

    quotient: float
    derivative: float
    error: float


@dataclass(frozen=True)
class Finding:
    """What difference quotients say of one derivative.

    Args:
        check: the numbers.
        verdict: ``"agrees"``; ``"rounded"``, it does as far as rounding lets one see; ``"kink"``,
            it does beside this point; ``"silent"``, too small to tell;
            ``"infinite"``, it or the cost is not finite; ``"differs"``.
        where: of what the numbers are: ``"along a random direction"``.
        beside: how far the point lies from the batch, where it had to be moved.
    """

    check: Check
    verdict: str
    where: str
    beside: float = 0.0

    @property
    def text(self) -> str:
        """The finding in a sentence."""
        quotient, derivative, error = self.check
        if self.verdict == "infinite":
            return "the cost or the derivative is not finite here, so there is nothing to compare"
        pair = f"difference quotient {quotient:.6g}, derivative {derivative:.6g}{self.where}"
        if self.verdict == "silent":
            return f"{pair}: too small for a difference quotient to tell from 0"
        if self.verdict == "differs":
            return (
                f"{pair}: they DISAGREE, relative error {short(error)}. A derivative rule on the "
                "way from the cost is wrong, or the cost jumps here"
            )
        if self.verdict == "kink":
            return (
                "at this very point the cost has a kink (relu at 0, a tie), where no quotient "
                f"tells the derivative; at a point moved by {self.beside:g}: {pair}, relative "
                f"error {short(error)}"
            )
        rest = ", as near as a quotient comes here" if self.verdict == "rounded" else ""
        return f"{pair}, relative error {short(error)}{rest}"


def short(error: float) -> str:
    """Return a small number in few letters: ``"2.1e-10"``."""
    if not np.isfinite(error) or error == 0 or error >= 0.01:
        return f"{error:.2g}"
    mantissa, exponent = f"{error:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def findings_of(derivation: Derivation) -> dict[str, Finding]:
    """Return what difference quotients say of every derivative that is an equation, by name."""
    beside = Beside(derivation.evaluation)
    return {
        step.name: _finding(derivation, step, beside)
        for step in derivation.steps
        if step.phase == "backward" and step.inside.of is not None
    }


class Beside:
    """The points beside the batch, made when they are asked for."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        self._made: dict[float, Evaluation] = {}

    def points(self, node: Tensor) -> Iterator[tuple[float, Evaluation]]:
        """Yield points to look at the derivative by ``node``, and how far they lie off.

        relu leaves zeros that tie wherever the weights are, so the node itself moves as well.
        """
        for by in MOVED:
            if by not in self._made:
                self._made[by] = self.evaluation.moved(by)
            yield by, self._made[by]
            if not isinstance(node, Variable):
                yield by, self._made[by].moved(by, [node])


def _finding(derivation: Derivation, step: Step, beside: Beside) -> Finding:
    of = step.inside.of
    assert of is not None
    here = _checked(derivation, step, derivation.evaluation)
    if here.verdict != "differs":
        return here
    for by, point in beside.points(of):
        there = _checked(derivation, step, point)
        if there.verdict in ("agrees", "rounded"):
            return Finding(there.check, "kink", there.where, by)
    return here


# --- one derivative at one point --------------------------------------------------------------
class Line(differences.Line):
    """The cost along a line through the value of a node: h ↦ factor · J(Q + hV)."""

    def __init__(
        self, evaluation: Evaluation, node: Tensor, direction: np.ndarray, factor: float
    ) -> None:
        super().__init__(
            lambda value: factor * evaluation.cost_at({node: value}), evaluation[node], direction
        )

    @property
    def rounding(self) -> float:
        """How far rounding may throw the cost off."""
        return NOISY * max(self.noise, self.noise_nearby())


def _checked(derivation: Derivation, step: Step, evaluation: Evaluation) -> Finding:
    of = step.inside.of
    assert of is not None
    per_example = derivation.recorded.per_example and not isinstance(of, Variable)
    factor = float(evaluation.examples) if per_example else 1.0
    slope = evaluation[step.inside.node].reshape(evaluation[of].shape)
    if not np.isfinite(slope).all() or not np.isfinite(evaluation[derivation.recorded.cost]):
        return Finding(Check(np.nan, np.nan, np.nan), "infinite", "")
    if not isinstance(of, Variable):
        line, derivative = _direction(evaluation, of, slope, factor)
        return _judged(line, derivative, 0.0, " along a random direction")
    every = slope.size <= EVERY_ENTRY
    if every and 2 * slope.size * evaluation.work_behind(of) <= AFFORDABLE:
        return _entries(derivation, step, evaluation, range(slope.size), slope)
    line, derivative = _direction(evaluation, of, slope, factor)
    whole = _judged(line, derivative, 0.0, " along a random direction")
    if whole.verdict not in ("agrees", "rounded"):
        return whole
    rng = np.random.default_rng(1)
    places = [int(np.abs(slope).argmax()), *map(int, rng.integers(0, slope.size, 2))]
    single = _entries(derivation, step, evaluation, places, slope)
    if single.verdict not in ("agrees", "rounded"):
        return single
    worst = max(whole.check.error, single.check.error)
    return Finding(
        Check(whole.check.quotient, whole.check.derivative, worst),
        whole.verdict,
        " along a random direction; there and at 3 single entries",
    )


def _direction(
    evaluation: Evaluation, of: Tensor, slope: np.ndarray, factor: float
) -> tuple[Line, float]:
    """A random line, half of it along the derivative so that the quotient stands out of rounding.

    An error at a right angle to the derivative shows in the other half.
    """
    direction = np.random.default_rng(0).standard_normal(slope.shape)
    direction /= float(np.linalg.norm(direction)) or 1.0
    length = float(np.linalg.norm(slope))
    if length:
        direction = (direction + slope / length) / np.sqrt(2.0)
    return Line(evaluation, of, direction, factor), float(np.sum(slope * direction))


def _entries(
    derivation: Derivation,
    step: Step,
    evaluation: Evaluation,
    places: Iterable[int],
    slope: np.ndarray,
) -> Finding:
    """Single entries of a weight; the errors are measured by the largest entry of all."""
    of = step.inside.of
    assert of is not None
    flat = slope.ravel()
    scale = float(np.abs(flat).max(initial=0.0))
    shown = int(np.abs(flat).argmax())
    worst, found, verdict = 0.0, Check(0.0, 0.0, 0.0), "agrees"
    places = sorted(places, key=lambda place: -abs(flat[place]))
    measured: float | None = None
    for place in places:
        direction = np.zeros(slope.size)
        direction[place] = 1.0
        line = Line(evaluation, of, direction.reshape(slope.shape), 1.0)
        line.share(measured)
        one = _judged(line, float(flat[place]), scale, "")
        measured = line.measured
        if one.verdict == "differs":
            return Finding(one.check, "differs", f" at entry {_place(derivation, step, place)}")
        worst = max(worst, one.check.error)
        if place == shown:
            found, verdict = one.check, one.verdict
    if verdict == "agrees" and worst > ENOUGH:
        verdict = "rounded"
    told = f" at entry {_place(derivation, step, shown)}"
    told += f"; over all {len(places)} entries" if len(places) == slope.size > 1 else ""
    return Finding(Check(found.quotient, found.derivative, worst), verdict, told)


def _place(derivation: Derivation, step: Step, flat: int) -> str:
    """The index of an entry in the matrix as this notation shows it."""
    quantity = step.inside.quantity
    shape = derivation.evaluation.shape(quantity.shape)
    index = [int(i) for i in np.unravel_index(flat, shape)] if shape else []
    turned = derivation.orientation.is_turned(quantity) and len(index) == 2
    return str(index[::-1] if turned else index)


# --- one line ---------------------------------------------------------------------------------
def _judged(line: Line, derivative: float, scale: float, where: str) -> Finding:
    """Try steps until derivative and quotient agree; where none does, find out why.

    Args:
        line: the cost along it.
        derivative: what the quotient should be.
        scale: errors are measured by this, if it is larger than the two themselves.
        where: what to say about the line.
    """
    tried: dict[float, Check] = {}
    for h in (s * line.unit for s in (*STEPS, *FINER)):
        quotient = line.quotient(h)
        size = max(abs(quotient), abs(derivative), scale)
        error = abs(quotient - derivative) / size if size else 0.0
        tried[h] = Check(quotient, derivative, error)
        if error <= GOOD or (len(tried) > len(STEPS) and error <= ENOUGH):
            return Finding(tried[h], "agrees", where)
        if len(tried) == 1 and line.rounding > SILENT * size * max(STEPS) * line.unit:
            return Finding(tried[h], "silent", where)
        if len(tried) == len(STEPS):
            best = min(tried.values(), key=lambda c: c.error if np.isfinite(c.error) else np.inf)
            if best.error <= ENOUGH:
                return Finding(best, "agrees", where)
    return _doubted(line, tried, scale, where)


def _doubted(line: Line, tried: dict[float, Check], scale: float, where: str) -> Finding:
    """Tell whether the best quotient is as near to the derivative as it can be.

    How far off a quotient may be is known: by rounding, and by what the next smaller step changes.
    """
    noise = line.rounding
    steps = sorted(tried, reverse=True)
    found: list[tuple[float, bool, Check]] = []
    for h, smaller in pairwise(steps):
        change = abs(tried[h].quotient - tried[smaller].quotient)
        rounding = change <= noise / h + noise / smaller
        doubt = noise / h + (change if np.isfinite(change) else np.inf)
        found.append((doubt, rounding, tried[h]))
    doubt, rounding, check = min(found, key=lambda one: one[0])
    size = max(abs(check.quotient), abs(check.derivative), scale)
    if abs(check.quotient - check.derivative) > ENOUGH * size + doubt:
        return Finding(check, "differs", where)
    if doubt <= SILENT * size:
        return Finding(check, "rounded", where)
    return Finding(check, "silent" if rounding else "differs", where)


def summary(found: Mapping[str, Finding]) -> str:
    """Return in a few sentences how derivatives, by name, and their quotients agree."""
    return " ".join(_sentences(found))


def _sentences(found: Mapping[str, Finding]) -> Iterator[str]:
    by_verdict: dict[str, list[str]] = {}
    for name, finding in found.items():
        by_verdict.setdefault(finding.verdict, []).append(name)
    for verdict, (one, several) in _EXCEPTIONS.items():
        names = by_verdict.get(verdict, [])
        if names:
            yield f"{_listed(names)} {one if len(names) == 1 else several}."
    fine = by_verdict.get("agrees", [])
    if fine:
        worst = max(found[name].check.error for name in fine)
        which = "Every derivative" if len(fine) == len(found) else "Every other derivative"
        yield f"{which} agrees with its difference quotient to {short(max(worst, 1e-16))}."


_EXCEPTIONS = {
    "differs": (
        "does NOT agree with its difference quotient: a derivative rule is wrong",
        "do NOT agree with their difference quotients: a derivative rule is wrong",
    ),
    "kink": (
        "is at a kink of the cost here, and agrees with its difference quotient beside it",
        "are at a kink of the cost here, and agree with their difference quotients beside it",
    ),
    "rounded": (
        "agrees as far as a difference quotient, rounded, can tell",
        "agree as far as difference quotients, rounded, can tell",
    ),
    "infinite": (
        "is not finite, or the cost is not",
        "are not finite, or the cost is not",
    ),
    "silent": (
        "is too small beside the cost for a difference quotient to tell it from 0",
        "are too small beside the cost for difference quotients to tell them from 0",
    ),
}


def _listed(names: list[str]) -> str:
    if len(names) > 5:
        return f"{', '.join(names[:3])} and {len(names) - 3} others"
    return listed(names)
