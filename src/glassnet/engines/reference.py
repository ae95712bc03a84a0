"""The reference engine: a graph computed with NumPy, op by op. The living definition of values.

A plan is made once for a graph and the sizes of its inputs: equal nodes are merged, each step
knows where its inputs lie and which arrays nobody needs after it. Running a plan is a plain loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from glassnet.graph.op import Op
from glassnet.graph.order import topological
from glassnet.graph.tensor import Constant, Tensor
from glassnet.graph.variable import Variable

Step = tuple[Callable[..., Any], tuple[int, ...], int, tuple[int, ...]]


class Plan:
    """The steps that compute ``outputs`` from ``inputs`` for one set of sizes."""

    def __init__(
        self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], sizes: Mapping[str, int]
    ) -> None:
        self.nodes: list[Tensor] = []
        """The node whose value each slot holds, in the order of computation."""
        self.variables: list[tuple[int, Variable]] = []
        self._constants: list[tuple[int, np.ndarray]] = []
        self._input_slots: list[int | None] = []
        slot: dict[int, int] = {}
        known: dict[tuple[Op, tuple[int, ...]], int] = {}
        computed: list[tuple[Op, tuple[int, ...], int]] = []
        for node in topological(outputs):
            sources = tuple(slot[id(i)] for i in node.inputs)
            if node.op is not None:
                op = node.op.bind(sizes)
                if (op, sources) in known:
                    slot[id(node)] = known[op, sources]
                    continue
                known[op, sources] = len(self.nodes)
                computed.append((op, sources, len(self.nodes)))
            elif isinstance(node, Constant):
                self._constants.append((len(self.nodes), node.value))
            elif isinstance(node, Variable):
                self.variables.append((len(self.nodes), node))
            slot[id(node)] = len(self.nodes)
            self.nodes.append(node)
        self._input_slots = [slot.get(id(i)) for i in inputs]
        self.output_slots = [slot[id(o)] for o in outputs]
        self.steps = _with_lifetimes(computed, set(self.output_slots))

    def start(self, arrays: Sequence[np.ndarray]) -> list[Any]:
        """Return the table of values with all leaves filled in."""
        values: list[Any] = [None] * len(self.nodes)
        for place, array in self._constants:
            values[place] = array
        for place, variable in self.variables:
            values[place] = variable.value
        for where, array in zip(self._input_slots, arrays, strict=True):
            if where is not None:
                values[where] = array
        return values

    def run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the values of the outputs."""
        values = self.start(arrays)
        with np.errstate(all="ignore"):
            for function, sources, target, dead in self.steps:
                values[target] = function(*[values[s] for s in sources])
                for place in dead:
                    values[place] = None
        return [values[place] for place in self.output_slots]


def _with_lifetimes(computed: list[tuple[Op, tuple[int, ...], int]], kept: set[int]) -> list[Step]:
    """Add to each step the slots that no later step reads, so that their memory is freed."""
    last_use: dict[int, int] = {}
    for i, (_, sources, target) in enumerate(computed):
        last_use[target] = i
        for source in sources:
            last_use[source] = i
    dead: list[list[int]] = [[] for _ in computed]
    for place, i in last_use.items():
        if place not in kept:
            dead[i].append(place)
    return [
        (partial(op.value, np), sources, target, tuple(dead[i]))
        for i, (op, sources, target) in enumerate(computed)
    ]
