"""Mistakes of order: weights that were updated before the gradient was finished."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from glassnet.explain.doctor.diagnosis.case import Case
from glassnet.explain.doctor.diagnosis.catalogue.weights import part
from glassnet.explain.doctor.diagnosis.variant import Variant
from glassnet.explain.doctor.diagnosis.walk import Changes, Part, Walk, Way
from glassnet.graph.dtypes import is_float
from glassnet.graph.tensor import Tensor


def of_timing(case: Case, names: list[str]) -> Iterator[Variant]:
    """Yield the mistakes of order, for a plain gradient step of the compiled learning rate."""
    rate = case.learning_rate
    if not rate:
        return
    mend = "compute all gradients first, from one set of weights; then update all weights"
    moved: dict[Tensor, np.ndarray] = {
        w: case.values[w] - rate * case.walk[w] for _, w in case.weights
    }
    yield Variant(
        "gradient taken after the update",
        "The whole gradient belongs to the weights after the update, not to those of the forward "
        "pass that it is compared with.", mend, f"d{case.weights[0][0]}", moved=moved, weight=1.0,
        groups=(),
    )  # fmt: skip
    ways: dict[int, Way] = {}
    for node in reversed(case.walk.order):
        for place, weight in enumerate(node.inputs):
            if any(weight is w for w in moved) and len(node.inputs) == 2:
                source = node.inputs[1 - place]
                if is_float(source.dtype) and case.walk.asks(source) and not node.op.additive:  # type: ignore[union-attr]
                    ways[id(node)] = _updated(node, place, rate)
                    yield _variant(case, node, weight, {id(node): ways[id(node)]}, mend)
    if len(ways) > 1:
        node = next(n for n in reversed(case.walk.order) if id(n) in ways)
        weight = next(i for i in node.inputs if any(i is w for w in moved))
        yield _variant(case, node, weight, ways, mend)


def _variant(case: Case, node: Tensor, weight: Tensor, ways: dict[int, Way], mend: str) -> Variant:
    source = next(i for i in node.inputs if i is not weight)
    W, dx = case.name(weight), f"d{case.name(source)}"
    layers = "each layer" if len(ways) > 1 else case.place_of(node)
    return Variant(
        "gradient taken after the update",
        f"In {layers} the weights are updated before {dx} is computed from them: it is made with "
        f"the new {W}.", mend, dx, Changes(ways=ways), weight=0.95, groups=(),
    )  # fmt: skip


def _updated(node: Tensor, place: int, rate: float) -> Way:
    """The rule of a node in which the weight has had its step before the chain goes on."""

    def way(walk: Walk, g: np.ndarray) -> list[Part]:
        parts = walk.rule(node, g)
        weight, source = node.inputs[place], node.inputs[1 - place]
        slope = next(p for n, p in parts if n is weight)
        new = walk.values[weight] - rate * slope
        back = part(walk, node, 1 - place, g, **{f"x{place}": new})
        assert back is not None
        return [(weight, slope), (source, back)]

    return way
