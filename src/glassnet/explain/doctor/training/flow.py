"""Ailments of the gradient's way back through the network."""

from __future__ import annotations

import numpy as np

from glassnet.explain.doctor.training.ailments import Ailment, ailment
from glassnet.explain.doctor.training.case import Case, has_kernel, size_of
from glassnet.explain.doctor.training.report import Finding
from glassnet.explain.doctor.training.units import well
from glassnet.explain.evaluation import wide
from glassnet.graph.order import topological
from glassnet.graph.recording import recording
from glassnet.graph.tensor import Tensor
from glassnet.inspection.signals import Signal, Signals
from glassnet.models.data import Batch
from glassnet.models.steps import placeholders
from glassnet.nest import flatten

FAINT = 1e-3
"""The part of the output's gradient that is too little for the first layer, whatever the run did:
a thousandth, as five sigmoids leave, (1/4)⁵."""
WEAK = 1e-2
"""The part that is too little where nothing was learnt."""
LOUD = 100.0
"""How many times the output's gradient is too much for a layer, and a hidden signal for its
input. The variance of either stays what it is with Glorot's and He's weights."""


def slopes_of(signals: Signals | None) -> list[tuple[Signal, float]]:
    """Return ‖∂J/∂Z‖ for every layer with a kernel, from first to last."""
    found = []
    for signal in signals or ():
        if not has_kernel(signal):
            continue
        slope = signal.gradient if signal.before is None else signal.before_gradient
        if slope is not None:
            found.append((signal, float(np.linalg.norm(wide(slope)))))
    return found


def ends_of(case: Case) -> tuple[set[int], set[int]]:
    """Return the layers with a kernel that none comes before, and those that none comes after.

    In a network with branches there may be several of either; they are told by their ids.
    """
    if "ends" not in case.facts:
        symbolic, _ = placeholders(Batch(case.small.x), np.dtype(case.model.dtype))
        with recording() as opened:
            case.model(symbolic.x, training=True)
        made: dict[int, int] = {}
        behind: dict[int, set[int]] = {}
        for layer, _, given, found in opened.calls:
            if getattr(layer, "layers", None) or not any(w.value.ndim >= 2 for w in layer.weights):
                continue
            nodes = topological([t for t in flatten(given) if isinstance(t, Tensor)])
            behind.setdefault(id(layer), set()).update(made[id(n)] for n in nodes if id(n) in made)
            made.update((id(t), id(layer)) for t in flatten(found))
        inner = {place for places in behind.values() for place in places}
        first = {place for place, places in behind.items() if not places}
        case.facts["ends"] = (first, set(behind) - inner)
    found_ends: tuple[set[int], set[int]] = case.facts["ends"]
    return found_ends


def profile(slopes: list[tuple[Signal, float]]) -> str:
    """Return the norms through depth as a sentence."""
    few = slopes if len(slopes) <= 7 else [*slopes[:3], *slopes[-3:]]
    told = [f"{signal.name} {value:.2g}" for signal, value in few]
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
        ratio = _ratio(case, slopes)
        if ratio is None:
            return None
        poor = case.skill is not None and case.skill < 0.25
        first = _ratio(case, slopes_of(case.first_signals))
        held = poor and (ratio < WEAK or (first is not None and first < FAINT))
        if not (ratio < FAINT or held):
            return None
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
            layers=(slopes[0][0].name,),
            numbers={"ratio": ratio},
            born=born,
        )


def _ratio(case: Case, slopes: list[tuple[Signal, float]]) -> float | None:
    """The first layer's part of the last one's gradient; the least of several first ones."""
    first, last = ends_of(case)
    given = [value for signal, value in slopes if id(signal.layer) in last]
    come = [value for signal, value in slopes if id(signal.layer) in first - last]
    if not given or not come or not max(given) > 0 or not np.isfinite(max(given)):
        return None
    return min(come) / max(given)


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
        first, now = _growth(case, case.first_signals), _growth(case, case.signals)
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


def _growth(case: Case, signals: Signals | None) -> tuple[float, str, str]:
    """How much the gradient grows backward or a hidden signal forward, and which layer."""
    slopes = slopes_of(signals)
    found = (0.0, "", "")
    if len(slopes) < 3:
        return found
    first, last = ends_of(case)
    ends = [(value, s.name) for s, value in slopes if id(s.layer) in last]
    least, end = max(ends, default=(0.0, ""))
    for signal, value in slopes:
        name = signal.name
        if id(signal.layer) in last:
            continue
        if not np.isfinite(value):
            return (np.inf, f"The gradient at {name} is not finite", name)
        if least > 0 and value / least > found[0]:
            told = f"The gradient at {name} is {value / least:.3g} times that at {end}"
            found = (value / least, told, name)
    linear = [s for s in signals or () if has_kernel(s)]
    sizes = {s.name: size_of(s.outputs if s.before is None else s.before) for s in linear}
    begins = [(sizes[s.name], s.name) for s in linear if id(s.layer) in first]
    size, begin = max(begins, default=(0.0, ""))
    for signal in linear:
        value = sizes[signal.name]
        if id(signal.layer) in first | last or not size > 0:
            continue
        if value / size > found[0]:
            told = f"The signal at {signal.name} is {value / size:.3g} times that at {begin}"
            found = (value / size, told, signal.name)
    return found
