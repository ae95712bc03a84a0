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

RATES = (1.0, 0.5, 0.1, 0.01, 0.001)
"""Learning rates that a person's own update has, where it is not that of the optimizer."""

_MEND = "compute all gradients first, from one set of weights; then update all weights"
_KIND = "gradient taken after the update"


def of_timing(case: Case, names: list[str]) -> Iterator[Variant]:
    """Yield the mistakes of order, for plain gradient steps."""
    own = case.learning_rate
    yield from _of_rate(case, own, "", 0.0)
    for rate in RATES:
        if abs(rate - own) > 1e-6 * rate:
            yield from _of_rate(case, rate, f" (with a learning rate of {rate:g})", 0.3)


def _of_rate(case: Case, rate: float, said: str, heavier: float) -> Iterator[Variant]:
    """The mistakes with one learning rate."""
    if not rate:
        return
    yield from _whole(case, rate, said, heavier)
    ways: dict[int, Way] = {}
    places: list[tuple[Tensor, Tensor]] = []
    for node in reversed(case.walk.order):
        for place, weight in enumerate(node.inputs):
            if _goes_on(case, node, place):
                ways[id(node)] = _updated(node, place, rate)
                places.append((node, weight))
    for node, weight in places if not said else places[: len(places) == 1]:
        yield _in_chain(case, node, weight, {id(node): ways[id(node)]}, said, heavier)
    if len(places) > 1:
        node, weight = places[0]
        yield _in_chain(case, node, weight, ways, said, heavier)
        later = {id(n): _replaced(n, w, case.values[w] - rate * case.walk[w]) for n, w in places}
        yield _in_chain(case, node, weight, later, said, heavier + 0.1)


def _whole(case: Case, rate: float, said: str, heavier: float) -> Iterator[Variant]:
    """The forward pass and the backward pass, both with the new weights."""
    moved: dict[Tensor, np.ndarray] = {
        w: case.values[w] - rate * case.walk[w] for _, w in case.weights
    }
    matrices = {w: array for w, array in moved.items() if array.ndim > 1}
    told = "The whole gradient belongs to {} after the update{}, not to those of the forward pass "
    for new, which in ((moved, "the weights"), (matrices, "the weights W")):
        if new and (new is moved or len(new) < len(moved)):
            yield Variant(
                _KIND, told.format(which, said) + "that it is compared with.", _MEND,
                f"d{case.weights[0][0]}", moved=new,
                weight=1.0 + heavier + 0.1 * (new is matrices), groups=(),
            )  # fmt: skip


def _goes_on(case: Case, node: Tensor, place: int) -> bool:
    """Whether a node multiplies a weight with something that has a derivative too."""
    if len(node.inputs) != 2 or node.op is None or node.op.additive:
        return False
    weight, source = node.inputs[place], node.inputs[1 - place]
    trained = any(weight is w for _, w in case.weights)
    return trained and is_float(source.dtype) and case.walk.asks(source)


def _in_chain(
    case: Case, node: Tensor, weight: Tensor, ways: dict[int, Way], said: str, heavier: float
) -> Variant:
    source = next(i for i in node.inputs if i is not weight)
    W, dx = case.name(weight), f"d{case.name(source)}"
    layers = "each layer" if len(ways) > 1 else case.place_of(node)
    return Variant(
        _KIND,
        f"In {layers} the weights are updated{said} before {dx} is computed from them: it is made "
        f"with the new {W}.", _MEND, dx, Changes(ways=ways), weight=0.95 + heavier, groups=(),
    )  # fmt: skip


def _updated(node: Tensor, place: int, rate: float) -> Way:
    """The rule of a node in which the weight has had its step before the chain goes on."""

    def way(walk: Walk, g: np.ndarray) -> list[Part]:
        slope = next(p for n, p in walk.rule(node, g) if n is node.inputs[place])
        weight = node.inputs[place]
        return list(_replaced(node, weight, walk.values[weight] - rate * slope)(walk, g))

    return way


def _replaced(node: Tensor, weight: Tensor, new: np.ndarray) -> Way:
    """The rule of a node in which the chain goes on with another weight."""
    place = next(i for i, t in enumerate(node.inputs) if t is weight)

    def way(walk: Walk, g: np.ndarray) -> list[Part]:
        slope = next(p for n, p in walk.rule(node, g) if n is weight)
        back = part(walk, node, 1 - place, g, **{f"x{place}": new})
        assert back is not None
        return [(weight, slope), (node.inputs[1 - place], back)]

    return way
