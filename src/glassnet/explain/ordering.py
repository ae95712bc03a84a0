"""The order of assignments: a name means its new value from the line that assigns it on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from glassnet.formulas import Quantity

if TYPE_CHECKING:
    from glassnet.explain.equations import Equation


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
