"""Ailments of units: those that are always 0, and those that are stuck at a bound."""

from __future__ import annotations

import numpy as np

from glassnet.explain.doctor.training.ailments import Ailment, ailment
from glassnet.explain.doctor.training.case import Case, units
from glassnet.explain.doctor.training.report import Finding
from glassnet.inspection.signals import Signal, Signals
from glassnet.layers import ReLU

HALF = 0.5
NARROW = 8
"""The units of a layer below which a share of them tells little."""
FEW = 16
"""Below so many examples a unit that is merely choosy looks dead."""
LEARNT = 0.75
"""Units that came to their bounds in a network that is so much better than the best constant guess
do decide."""
WELL = 0.9
"""A network that is so much better than the best constant guess has learnt what it should."""


def well(case: Case) -> bool:
    """Tell whether the network has learnt its training data."""
    return case.skill is not None and case.skill > WELL


def is_relu(signal: Signal) -> bool:
    """Tell whether a layer ends in a ReLU, whose slope below 0 is 0."""
    if isinstance(signal.layer, ReLU):
        return not float(np.max(signal.layer.negative_slope))
    return signal.activation in ("relu", "relu6")


@ailment
class DeadUnits(Ailment):
    """ReLUs that are 0 for every example, so that no gradient reaches their weights."""

    name = "dead ReLUs"
    order = 14
    needs = "run"
    why = (
        "relu'(z) = 0 for z < 0: where z < 0 for every example, ∂J/∂w = Σ x·0 = 0, and the unit "
        "never comes back."
    )
    source = 'L. Lu et al., "Dying ReLU and initialization", 2019; K. He et al., 2015'

    def examine(self, case: Case) -> Finding | None:
        if case.examples < FEW:
            return None
        poor = case.skill is not None and not case.skill > 0.5
        first = self._dead(case.first_signals, poor)
        now = self._dead(case.signals, poor)
        if well(case):  # what is left does the work
            now = {name: share for name, share in now.items() if share > 0.9 or name in first}
        if not now:
            return None
        born = bool(set(now) & set(first))
        worst = max(now.values())
        told = [
            f"{name}: {share:.0%} of the units are 0 for each of the {min(case.examples, 256)} "
            "examples" + (f" (at the start {first[name]:.0%})." if name in first else ".")
            for name, share in list(now.items())[:4]
        ]
        if case.first_signals is not None and not born:
            told.append("At the start of the run they were alive.")
        return self.found(
            "serious" if worst > 0.9 else "notable",
            *told,
            remedy="Begin with He initialisation and biases of 0"
            + (", take a smaller learning rate" if not born else "")
            + "; or a unit with a slope below 0.",
            code="Dense(..., kernel_initializer='he_normal')\nLeakyReLU(0.1)  # in place of relu",
            layers=tuple(now),
            numbers=dict(now),
            born=born,
        )

    @staticmethod
    def _dead(signals: Signals | None, poor: bool) -> dict[str, float]:
        """By layer, the share of dead units, where it is more than it need be.

        A unit with symmetric weights and no bias is born dead with probability ½ at most (Lu et
        al.): when all examples lie on one side of 0, such as raw measures do. So n units show a
        share of ½ ± √(1/4n) at worst with no harm done; a network that has learnt little is blamed
        from ½ on. Narrow layers count when all is dead.
        """
        found = {}
        for signal in signals or ():
            if not is_relu(signal) or not np.isfinite(signal.outputs).all():
                continue
            columns = units(signal, signal.outputs)
            dead = float(np.mean((columns == 0).all(axis=0)))
            bound = HALF if poor else HALF + 2 * np.sqrt(0.25 / columns.shape[1])
            if dead >= (min(bound, 1.0) if columns.shape[1] >= NARROW else 1.0):
                found[signal.name] = dead
        return found


@ailment
class Saturated(Ailment):
    """Sigmoids and tanhs at their bounds, where their slope is nearly 0."""

    name = "saturated units"
    order = 15
    needs = "run"
    why = (
        "σ' = a(1 - a) and tanh' = 1 - a²: within 1% of a bound less than 4% of the largest slope "
        "is left, and ∂J/∂z = g'(z) ∂J/∂a with it."
    )
    source = 'X. Glorot, Y. Bengio, "Understanding the difficulty of training deep ...", 2010'

    def examine(self, case: Case) -> Finding | None:
        now, first = self._stuck(case.signals), self._stuck(case.first_signals)
        born = {name for name in now if name in first}
        learnt = case.skill is not None and case.skill > LEARNT
        if not now or (learnt and not born):
            return None  # grown by learning: decisions, not an ailment
        told = [
            f"{name}: {share:.0%} of the activations lie within 1% of a bound"
            + (f" (at the start {first[name]:.0%})." if name in first else ".")
            for name, share in list(now.items())[:4]
        ]
        return self.found(
            "serious" if max(now.values()) > 0.8 and not well(case) else "notable",
            *told,
            remedy="Begin with smaller weights (Glorot) and scaled inputs, or take relu in hidden "
            "layers.",
            code="Dense(..., activation='tanh', kernel_initializer='glorot_uniform')",
            layers=tuple(now),
            numbers=dict(now),
            born=bool(born),
        )

    @staticmethod
    def _stuck(signals: Signals | None) -> dict[str, float]:
        """By hidden layer, the share of saturated activations, where it is half or more."""
        found = {}
        for signal in list(signals or ())[:-1]:
            share = signal.saturated
            if signal.outputs.shape[-1] < NARROW:
                continue  # few units have to decide
            if share is not None and share >= HALF and np.isfinite(signal.outputs).all():
                found[signal.name] = share
        return found
