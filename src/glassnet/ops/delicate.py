"""Formulas of several ops that lose digits: found in a graph, with the form that does not.

What is looked for, and what is known of it, stands in ``traps.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from glassnet.graph.dimension import Size
from glassnet.graph.order import topological
from glassnet.graph.recording import record
from glassnet.graph.stability import Form
from glassnet.graph.tensor import Constant, Tensor
from glassnet.ops.matching import Match, Matcher
from glassnet.ops.traps import TRAPS, Trap


@dataclass(frozen=True)
class Composed:
    """A delicate formula of several nodes.

    Args:
        name: what it is: ``"log of softmax"``.
        node: the value.
        inputs: the tensors it is a formula of.
        stable: whether the form that the network runs is the one that keeps its digits.
        formula: how the form that it runs is written.
        other: the other form: the stable one, or the naive one.
        exact: the form to compute in higher precision.
        advice: the change that saves the digits.
        centred: whether the value lies around 0, so that its errors are to be measured by its
            largest entry: one that happens to be near 0 has few digits in any form.
        places: which input a node stands for, by the id of the node.
        inside: the nodes from the inputs to the value, in order, the value last.
    """

    name: str
    node: Tensor
    inputs: tuple[Tensor, ...]
    stable: bool
    formula: str
    other: Form
    exact: Callable[..., Tensor]
    advice: str
    centred: bool
    places: Mapping[int, int]
    inside: tuple[Tensor, ...]

    def run(self, sizes: Mapping[str, Size], *inputs: Tensor) -> Tensor:
        """Return the form that the network runs, recorded on other inputs."""
        made = {place: inputs[k] for place, k in self.places.items()}
        for node in self.inside:
            made[id(node)] = (
                node
                if node.op is None
                else record(node.op.bind(sizes), *(made[id(i)] for i in node.inputs))
            )
        return made[id(self.node)]


def find_composed(order: Sequence[Tensor]) -> list[Composed]:
    """Return the delicate formulas among the nodes, in their order.

    A formula that is part of a larger one of the same layer is not told by itself: who sees that
    a cross-entropy is to be fused need not hear of its logarithm.
    """
    matcher = Matcher(order)
    found: list[Composed] = []
    claimed: dict[int, str] = {}
    for node in reversed(order):
        if claimed.get(id(node)) == node.scope:
            continue
        one = _composed(node, matcher)
        if one is not None:
            found.append(one)
            claimed |= {id(n): node.scope for n in one.inside}
    return found[::-1]


def _composed(node: Tensor, matcher: Matcher) -> Composed | None:
    for trap in TRAPS:
        match = matcher.find(trap.pattern, node)
        if match is None:
            continue
        inputs = tuple(match.names[name] for name in trap.inputs if name in match.names)
        if trap.unless is not None and matcher.find(trap.unless, inputs[0]):
            continue
        if trap.spread and any(i.shape == inputs[0].shape for i in inputs[1:]):
            continue
        between = _between(node, inputs, matcher)
        if between is not None:
            return _told(trap, match, inputs, *between)
    return None


def _told(
    trap: Trap,
    match: Match,
    inputs: tuple[Tensor, ...],
    places: Mapping[int, int],
    inside: tuple[Tensor, ...],
) -> Composed:
    axes = match.axes or ()
    formula, other = trap.other
    return Composed(
        trap.name,
        inside[-1],
        inputs,
        trap.stable,
        trap.formula,
        Form(formula, other(axes)),
        (trap.exact or other)(axes),
        trap.advice,
        trap.centred,
        places,
        inside,
    )


def _between(
    node: Tensor, inputs: Sequence[Tensor], matcher: Matcher
) -> tuple[dict[int, int], tuple[Tensor, ...]] | None:
    """Where the inputs stand, and the nodes from them to ``node``, in order.

    None where the value depends on something else than the inputs.
    """
    places: dict[int, int] = {}
    inside: dict[int, Tensor] = {}
    waiting = [node]
    while waiting:
        one = waiting.pop()
        place = next((k for k, i in enumerate(inputs) if _stands_for(one, i, matcher)), None)
        if place is not None:
            places[id(one)] = place
        elif one.op is None and not isinstance(one, Constant):
            return None
        elif id(one) not in inside:
            inside[id(one)] = one
            waiting += one.inputs
    return places, tuple(n for n in topological([node]) if id(n) in inside)


def _stands_for(node: Tensor, source: Tensor, matcher: Matcher) -> bool:
    alike = node.shape == source.shape and node.dtype == source.dtype
    return node is source or (alike and matcher.same(node, source))
