"""Ailments of the gradient's way back through the network."""

from __future__ import annotations

import numpy as np

from glassnet.explain.doctor.training.ailments import Ailment, ailment
from glassnet.explain.doctor.training.case import Case, has_kernel, size_of
from glassnet.explain.doctor.training.report import Finding
from glassnet.explain.doctor.training.units import well
from glassnet.explain.evaluation import wide
from glassnet.inspection.signals import Signals

FAINT = 1e-3
"""The part of the output's gradient that is too little for the first layer, whatever the run did:
a thousandth, as five sigmoids leave, (1/4)⁵."""
WEAK = 1e-2
"""The part that is too little where nothing was learnt."""
LOUD = 100.0
"""How many times the output's gradient is too much for a layer, and a hidden signal for its
input. The variance of either stays what it is with Glorot's and He's weights."""


def slopes_of(signals: Signals | None) -> list[tuple[str, float]]:
    """Return ‖∂J/∂Z‖ for every layer with a kernel, from first to last."""
    found = []
    for signal in signals or ():
        if not has_kernel(signal):
            continue
        slope = signal.gradient if signal.before is None else signal.before_gradient
        if slope is not None:
            found.append((signal.name, float(np.linalg.norm(wide(slope)))))
    return found


def profile(slopes: list[tuple[str, float]]) -> str:
    """Return the norms through depth as a sentence."""
    few = slopes if len(slopes) <= 7 else [*slopes[:3], *slopes[-3:]]
    told = [f"{name} {value:.2g}" for name, value in few]
    if len(slopes) > 7:
        told.insert(3, "…")
    return f"‖∂J/∂Z‖ by layer: {', '.join(told)}."


@ailment
class Vanishing(Ailment):
    """Gradients that fade on their way to the first layers."""

    name = "vanishing gradients"
    order = 16
    needs = "run"
    why = (
        "∂J/∂Zˡ = (∂J/∂Zˡ⁺¹ Wᵀ) ∘ g'(Zˡ): each layer multiplies by ‖W‖·g', and σ' is at most ¼: "
        "with factors below 1 little is left after some layers."
    )
    source = 'X. Glorot, Y. Bengio, 2010; S. Hochreiter, "Untersuchungen zu dynamischen ...", 1991'

    def examine(self, case: Case) -> Finding | None:
        slopes = slopes_of(case.signals)
        if len(slopes) < 3 or well(case):
            return None
        ratio = _ratio(slopes)
        if ratio is None:
            return None
        poor = case.skill is not None and case.skill < 0.25
        if not (ratio < FAINT or (ratio < WEAK and poor)):
            return None
        first = _ratio(slopes_of(case.first_signals))
        born = first is None or first < WEAK
        told = f" It was {first:.2g} at the start." if first is not None else ""
        return self.found(
            "serious" if poor else "notable",
            profile(slopes),
            f"The first layer gets {ratio:.2g} times the gradient of the last.{told}",
            remedy="Take relu with He initialisation, batch normalization between the layers, or "
            "skip connections; or fewer layers.",
            code="Dense(..., activation='relu', kernel_initializer='he_normal')\n"
            "BatchNormalization()",
            layers=(slopes[0][0],),
            numbers={"ratio": ratio},
            born=born,
        )


def _ratio(slopes: list[tuple[str, float]]) -> float | None:
    """The first layer's part of the last one's gradient."""
    if len(slopes) < 2 or not slopes[-1][1] > 0 or not np.isfinite(slopes[-1][1]):
        return None
    return slopes[0][1] / slopes[-1][1]


@ailment
class Exploding(Ailment):
    """Gradients or signals that grow from layer to layer."""

    name = "exploding gradients"
    order = 15.5
    needs = "run"
    why = (
        "∂J/∂Zˡ = (∂J/∂Zˡ⁺¹ Wᵀ) ∘ g'(Zˡ): with var(w)·n > 1 each layer multiplies the gradient, "
        "and the signal on its way forward, by more than 1."
    )
    source = 'K. He et al., "Delving deep into rectifiers", 2015: var(w) = 2/n keeps both'

    def examine(self, case: Case) -> Finding | None:
        first, now = _growth(case.first_signals), _growth(case.signals)
        born = first[0] > LOUD
        if not (born or now[0] > LOUD) or (well(case) and not born):
            return None
        growth, told, name = first if born else now
        when = " at the start of the run" if born else ""
        return self.found(
            "serious",
            f"{told}{when}.",
            profile(slopes_of(case.first_signals if born else case.signals)),
            remedy="Begin with He or Glorot weights, clip the gradient, or normalise between the "
            "layers.",
            code="Dense(..., kernel_initializer='he_normal')\n"
            "gn.optimizers.SGD(0.01, clipnorm=1.0)",
            layers=(name,),
            numbers={"growth": growth},
            born=born,
        )


def _growth(signals: Signals | None) -> tuple[float, str, str]:
    """How much the gradient grows backward or a hidden signal forward, and which layer."""
    slopes = slopes_of(signals)
    found = (0.0, "", "")
    if len(slopes) < 3:
        return found
    last = slopes[-1][1]
    for name, value in slopes[:-1]:
        if last > 0 and np.isfinite(value) and value / last > found[0]:
            told = f"The gradient at {name} is {value / last:.3g} times that at {slopes[-1][0]}"
            found = (value / last, told, name)
        elif not np.isfinite(value):
            return (np.inf, f"The gradient at {name} is not finite", name)
    linear = [s for s in signals or () if has_kernel(s)]
    sizes = [size_of(s.outputs if s.before is None else s.before) for s in linear]
    for signal, value in zip(linear[1:-1], sizes[1:-1], strict=True):
        if sizes[0] > 0 and value / sizes[0] > found[0]:
            told = (
                f"The signal at {signal.name} is {value / sizes[0]:.3g} times that at "
                f"{linear[0].name}"
            )
            found = (value / sizes[0], told, signal.name)
    return found
