r"""Ailments of the learning rate, told by the curvature along the step that the optimizer makes.

Along a step u the loss is ``J + gᵀu + ½ uᵀHu``, which is least at ``t u`` with
``t = -gᵀu / uᵀHu``. The number ``ρ = uᵀHu / (-gᵀu) = 1/t`` says how many times as long as that the
step is; beyond 2 the loss rises. For gradient descent ``u = -η g``, so ``ρ = η gᵀHg / gᵀg`` and
``ρ > 2`` is ``η > 2/λ`` with λ the curvature along the gradient. It holds for any optimizer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glassnet.explain.curvature.points import Point
from glassnet.explain.doctor.training.ailments import Ailment, ailment
from glassnet.explain.doctor.training.bench import Bench
from glassnet.explain.doctor.training.case import Case
from glassnet.explain.doctor.training.report import Finding
from glassnet.explain.doctor.training.units import well

LONG = 1.5
"""From this ρ on steps are tried with a smaller rate; 1 reaches the minimum along the step."""
CATAPULT = 12.0
"""Up to about this ρ a ReLU network can still settle (Lewkowycz et al.); beyond it diverges."""
SHORT = 0.005
"""Up to this ρ a step is less than a two-hundredth of the best along it."""
STEPS = 20
"""How many steps are tried."""


@dataclass(frozen=True)
class Look:
    """The loss along one step of the optimizer."""

    rho: float
    """ρ, or NaN where the step leads nowhere."""
    curvature: float
    """λ = uᵀHu / uᵀu."""
    change: float
    """J(w + u) - J(w)."""
    ratio: float
    """‖u‖ / ‖w‖."""


def look(case: Case, bench: Bench) -> Look | None:
    """Look along the next step, with the weights and the optimizer as they are."""
    point, weights = case.point, case.model.trainable_weights
    if point is None:
        return None
    w = point.problem.joined([v.value for v in weights])
    u = bench.update()
    if not (np.isfinite(w).all() and np.isfinite(u).all()) or not u.any():
        return None
    value, slope = point.problem.value_and_gradient(w)
    bent = float(u @ _product(point, w, u))
    down = -float(slope @ u)
    length = float(np.linalg.norm(w))
    return Look(
        bent / down if down > 0 else np.nan,
        bent / float(u @ u),
        point.problem.value(w + u) - value,
        float(np.linalg.norm(u)) / length if length else np.inf,
    )


def _product(point: Point, w: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Return H u; by two gradients where a brick's own backward can't be differentiated again."""
    try:
        found: np.ndarray = point.problem.product(w, u)
        return found
    except NotImplementedError:
        h = 1e-4 * float(np.linalg.norm(w) or 1.0) / float(np.linalg.norm(u))
        right, left = (point.problem.gradient(w + t * u) for t in (h, -h))
        return np.asarray((right - left) / (2 * h))


def now_and_first(case: Case) -> tuple[Look | None, Look | None]:
    """Look along the next step of the run and along its first one; each is looked at once."""
    if "looks" not in case.facts:
        bench, now, first = case.bench, None, None
        if bench is not None and bench.can_step:
            if case.finite_weights:
                now = look(case, bench)
            if bench.start is not None:
                with bench.at_start():
                    first = look(case, bench)
        case.facts["looks"] = (now, first)
    found: tuple[Look | None, Look | None] = case.facts["looks"]
    return found


def tried(bench: Bench, factor: float, *, from_start: bool) -> tuple[float, float]:
    """Return the loss of the first and of the last of some steps, with the rate times a factor."""
    with bench.at_start() if from_start else bench.undone():
        losses = bench.losses(STEPS, factor)
    ended = float(np.mean(losses[-5:]))
    return losses[0], ended if np.isfinite(ended) else np.inf


@ailment
class TooHigh(Ailment):
    """A learning rate with which the steps leap over the valley."""

    name = "learning rate too high"
    order = 12
    why = (
        "J(w + u) = J + gᵀu + ½ uᵀHu: with u = -η g the loss rises for η > 2/λ, λ = gᵀHg/gᵀg; each "
        "step then lands higher on the other side."
    )
    source = (
        'Y. LeCun et al., "Efficient BackProp", 1998, 5; A. Lewkowycz et al., "The large learning '
        'rate phase of deep learning", 2020'
    )

    def can_examine(self, case: Case) -> bool:
        return case.runs or case.epochs > 0

    def examine(self, case: Case) -> Finding | None:
        if not case.runs:
            return self._by_history(case)
        bench = case.bench
        if bench is None or not bench.can_step or well(case):
            return None
        now, first = now_and_first(case)
        momentum = float(getattr(case.model.optimizer, "momentum", 0.0) or 0.0)
        steep = first if first is not None else now
        if steep is None:
            return None
        long = steep.rho / (1 - min(momentum, 0.99)) > LONG
        if not long and not steep.change > 0:
            return None
        told = [_told("first" if first is not None else "next", steep)]
        factor = 0.1
        if bench.rate is not None:
            smaller = self._better(case, bench, first is not None)
            if smaller is not None:
                factor, ended, usual = smaller
                told.append(
                    f"{STEPS} steps with {factor:g} times the rate bring the loss to {ended:.3g}, "
                    f"with yours to {usual:.3g}."
                )
            elif steep.rho > CATAPULT and (case.skill is None or case.skill < 0.1):
                factor = 1.0 / steep.rho
            else:
                return None
        elif steep.rho < CATAPULT:
            return None
        told += _risen(case.log("loss"))
        rate = bench.rate
        part = min(factor, 0.5 / steep.rho) if steep.rho > 1 else factor
        better = "" if rate is None else f"{rate * part:.1g}"
        code = (
            f"model.optimizer.learning_rate = {better}  # now {rate:.3g}"
            if better
            else "# start the schedule lower"
        )
        return self.found(
            "serious" if case.skill is None or not case.skill > 0.5 else "notable",
            *told,
            remedy="Take a smaller learning rate, and begin anew: the weights have been thrown "
            "far off.",
            code=code,
            numbers={"rho": steep.rho, "curvature": steep.curvature, "factor": factor},
        )

    @staticmethod
    def _better(case: Case, bench: Bench, start: bool) -> tuple[float, float, float] | None:
        """The factor of a smaller rate that does much better, what it reaches, what yours does."""
        _, usual = tried(bench, 1.0, from_start=start)
        base = case.head.base if case.skill is not None and case.head is not None else abs(usual)
        for factor in (0.1, 0.01, 0.001):
            _, ended = tried(bench, factor, from_start=start)
            if ended < usual - 0.1 * base and ended < 0.9 * usual:
                return factor, ended, usual
        return None

    def _by_history(self, case: Case) -> Finding | None:
        loss = case.log("loss")
        told = _risen(loss)
        if not told or len(loss) < 3:
            return None
        return self.found(
            "notable",
            *told,
            remedy="Take a tenth of the learning rate.",
            code="rate = float(model.optimizer.learning_rate)\n"
            "model.optimizer.learning_rate = 0.1 * rate",
        )


def _told(which: str, step: Look) -> str:
    """What was measured along a step, as a sentence."""
    length = f"it is {step.ratio:.2g} times as long as the weights"
    if not step.rho > 0:
        return (
            f"Along the {which} step the loss first falls, and at its end it has changed by "
            f"{step.change:+.3g}; {length}."
        )
    return (
        f"Along the {which} step the curvature is λ = {step.curvature:.3g}; the step is "
        f"ρ = {step.rho:.3g} times as long as the best one along it, and beyond 2 the loss rises. "
        f"It changes the loss by {step.change:+.3g}; {length}."
    )


def _risen(loss: np.ndarray) -> list[str]:
    """What the losses of the epochs tell of steps that are too long."""
    finite = loss[np.isfinite(loss)]
    if len(finite) < 2:
        return []
    rises = int(np.sum(np.diff(finite) > 0.02 * np.abs(finite[:-1])))
    if finite[-1] > 1.2 * finite.min() or rises >= max(2, len(finite) / 3):
        return [
            f"The training loss rose in {rises} of {len(finite) - 1} epochs; it was "
            f"{finite.min():.4g} at best and ended at {finite[-1]:.4g}."
        ]
    return []


@ailment
class TooLow(Ailment):
    """A learning rate with which training would take ages."""

    name = "learning rate too low"
    order = 13
    needs = "run"
    why = (
        "J(w + u) = J + gᵀu + ½ uᵀHu is least at t u, t = -gᵀu/uᵀHu = 1/ρ: with ρ ≪ 1 the loss "
        "falls along a straight line, and t times longer steps would fall too."
    )
    source = 'Y. LeCun et al., "Efficient BackProp", 1998, 5'

    def examine(self, case: Case) -> Finding | None:
        bench, skill = case.bench, case.skill
        if bench is None or not bench.can_step or not bench.rate or case.epochs == 0:
            return None
        if skill is None or not skill < 0.5 or case.stopped:
            return None
        looks = [found for found in now_and_first(case) if found is not None]
        if not looks or not all(0 < abs(found.rho) < SHORT for found in looks):
            return None
        rho = max(abs(found.rho) for found in looks)
        factor = float(f"{min(1e6, 0.2 / rho):.0e}")
        before, usual = tried(bench, 1.0, from_start=False)
        _, ended = tried(bench, factor, from_start=False)
        assert case.head is not None
        if before - ended < max(0.1 * case.head.base, 5 * (before - usual)):
            return None
        loss = case.log("loss")
        told = [
            f"Along the step the curvature is λ = {looks[0].curvature:.3g}: the loss would fall "
            f"until the step is {1 / rho:,.0f} times as long. It is {looks[0].ratio:.1g} times as "
            "long as the weights.",
            f"{STEPS} steps with {factor:,.0f} times the rate bring the loss from {before:.3g} to "
            f"{ended:.3g}, with yours to {usual:.3g}.",
        ]
        if len(loss) > 1:
            told.append(f"In {len(loss)} epochs it went from {loss[0]:.4g} to {loss[-1]:.4g}.")
        return self.found(
            "serious" if skill < 0.1 else "notable",
            *told,
            remedy="Take a larger learning rate.",
            code=f"model.optimizer.learning_rate = {bench.rate * factor:.1g}  # now "
            f"{bench.rate:.3g}",
            numbers={"rho": rho, "factor": factor},
        )
