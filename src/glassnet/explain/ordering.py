"""Assignments: in which order they stand, since a name means its new value from its line on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from glassnet.formulas import Quantity
from glassnet.graph.order import topological

if TYPE_CHECKING:
    from glassnet.explain.equations import Equation
    from glassnet.explain.recorded import RecordedStep
    from glassnet.graph.variable import Variable


def in_order(equations: Sequence[Equation], by_new_value: Collection[str]) -> list[Equation]:
    """Return equations such that each finds the values it means; otherwise as they stood.

    Args:
        equations: assignments, and definitions of what they use.
        by_new_value: the names that all other equations use for the new value; every other name
            that is assigned is used for the old one.

    Where two assignments use each other's old values, no order serves both: they stay in place.
    """
    uses = [{str(p.name) for p in e.term.walk() if isinstance(p, Quantity)} for e in equations]
    after: list[set[int]] = [set() for _ in equations]
    for i, equation in enumerate(equations):
        name = str(equation.name)
        for j, used in enumerate(uses):
            if j == i or name not in used:
                continue
            if equation.target is None or name in by_new_value:
                after[j].add(i)
            else:
                after[i].add(j)
    waiting, result = dict.fromkeys(range(len(equations))), []
    while waiting:
        ready = next((i for i in waiting if after[i].isdisjoint(waiting)), next(iter(waiting)))
        del waiting[ready]
        result.append(equations[ready])
    return result


def served_alone(step: RecordedStep) -> dict[int, Variable]:
    """Return, by the id of a node of the update, the one weight that it serves.

    What serves several weights, or none (the learning rate of this step), is left out.
    """
    ends: dict[int, set[int]] = {}
    weights = {id(v): v for v in step.variables}
    for identity, (weight, _) in step.states.items():
        ends.setdefault(identity, set()).add(id(weight))
    for weight, slope in zip(step.variables, step.gradients, strict=True):
        ends.setdefault(id(weight), set()).add(id(weight))
        ends.setdefault(id(slope), set()).add(id(weight))
    serves: dict[int, set[int]] = {}
    for node in topological(list(step.updates.values())):
        found = ends.get(id(node))
        if found is None:
            found = set().union(*(serves[id(i)] for i in node.inputs))
        serves[id(node)] = found
    return {
        node: weights[next(iter(found))]
        for node, found in serves.items()
        if len(found) == 1 and next(iter(found)) in weights
    }
