"""The reference engine: a graph computed with NumPy, op by op. The living definition of values.

A plan is made once for a graph and the sizes of its inputs: equal nodes are merged, each step
knows where its inputs lie and which arrays nobody needs after it, and writes over one of those
where it can. Running a plan is a plain loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from glassnet.graph.dimension import bind
from glassnet.graph.op import Op
from glassnet.graph.order import topological
from glassnet.graph.tensor import Constant, Tensor
from glassnet.graph.variable import Variable, arrays_of

_WORTH_REUSING = 1024  # entries; below that a fresh array costs less than the bookkeeping

Step = tuple[Callable[..., Any], tuple[int, ...], int, tuple[int, ...]]


class Plan:
    """The steps that compute ``outputs`` from ``inputs`` for one set of sizes.

    With ``reuse=False`` every value is kept, for those who want to look at all of them.
    """

    def __init__(
        self,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        sizes: Mapping[str, int],
        *,
        reuse: bool = True,
    ) -> None:
        self.nodes: list[Tensor] = []
        """The node whose value each slot holds, in the order of computation."""
        self.variables: list[Variable] = []
        self._variable_slots: list[int] = []
        self._constants: list[tuple[int, np.ndarray]] = []
        slot: dict[int, int] = {}
        known: dict[tuple[Op, tuple[int, ...]], int] = {}
        computed: list[_Computed] = []
        for node in topological(outputs):
            sources = tuple(slot[id(i)] for i in node.inputs)
            if node.op is not None:
                op = node.op.bind(sizes)
                if (op, sources) in known:
                    slot[id(node)] = known[op, sources]
                    continue
                known[op, sources] = len(self.nodes)
                computed.append(_Computed(op, sources, len(self.nodes), _kind(node, sizes)))
            elif isinstance(node, Constant):
                self._constants.append((len(self.nodes), node.value))
            elif isinstance(node, Variable):
                self.variables.append(node)
                self._variable_slots.append(len(self.nodes))
            slot[id(node)] = len(self.nodes)
            self.nodes.append(node)
        self._input_slots = [slot.get(id(i)) for i in inputs]
        self.output_slots = [slot[id(o)] for o in outputs]
        kept = set(self.output_slots) if reuse else set(range(len(self.nodes)))
        self.steps = _steps(computed, kept)

    def start(self, arrays: Sequence[np.ndarray]) -> list[Any]:
        """Return the table of values with all leaves filled in."""
        values: list[Any] = [None] * len(self.nodes)
        for place, array in self._constants:
            values[place] = array
        for place, array in zip(self._variable_slots, arrays_of(self.variables), strict=True):
            values[place] = array
        for where, array in zip(self._input_slots, arrays, strict=True):
            if where is not None:
                values[where] = array
        return values

    def run_all(self, arrays: Sequence[np.ndarray]) -> list[Any]:
        """Return the values of all nodes; for a plan made without reuse."""
        values = self.start(arrays)
        with np.errstate(all="ignore"):
            for function, sources, target, _ in self.steps:
                values[target] = function(*[values[s] for s in sources])
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


@dataclass(frozen=True)
class _Computed:
    """An op that the plan computes: from which slots, into which, giving what kind of array."""

    op: Op
    sources: tuple[int, ...]
    target: int
    kind: tuple[tuple[int, ...], np.dtype]


def _kind(node: Tensor, sizes: Mapping[str, int]) -> tuple[tuple[int, ...], np.dtype]:
    return tuple(bind(size, sizes) for size in node.shape), node.dtype


def _steps(computed: list[_Computed], kept: set[int]) -> list[Step]:
    """Give each op its function and the slots to clear after it; write in place where allowed."""
    last_use: dict[int, int] = {}
    for i, item in enumerate(computed):
        for place in (*item.sources, item.target):
            last_use[place] = i
    dead: list[list[int]] = [[] for _ in computed]
    for place, i in last_use.items():
        if place not in kept:
            dead[i].append(place)
    reusable = _reusable(computed, kept, last_use)
    return [
        (_function(item, i, reusable), item.sources, item.target, tuple(dead[i]))
        for i, item in enumerate(computed)
    ]


def _function(item: _Computed, i: int, reusable: Mapping[int, tuple[int, Any]]) -> Any:
    """The op's function, or one that writes over an input which dies here."""
    writer = item.op.writer()
    if writer is not None and math.prod(item.kind[0]) >= _WORTH_REUSING:
        for k, source in enumerate(item.sources):
            if reusable.get(source) == (i, item.kind):
                return _writing_over(writer, k)
    return partial(item.op.value, np)


def _writing_over(writer: Callable[..., Any], k: int) -> Callable[..., Any]:
    return lambda *arrays: writer(*arrays, out=arrays[k])


def _reusable(
    computed: list[_Computed], kept: set[int], last_use: Mapping[int, int]
) -> dict[int, tuple[int, Any]]:
    """For each slot whose memory is the plan's own: the step after which nobody reads it.

    Slots that may share memory (a reshape and its input) form a group; the group is alive as long
    as one of them is, and it belongs to somebody else where one of them is a leaf or an output.
    """
    group: dict[int, int] = {}

    def root(place: int) -> int:
        while group.setdefault(place, place) != place:
            place = group[place]
        return place

    for item in computed:
        if item.op.view:
            for source in item.sources:
                group[root(source)] = root(item.target)
    own = {item.target for item in computed}
    foreign = {root(p) for p in last_use if p not in own or p in kept}
    ends: dict[int, int] = {}
    for place, i in last_use.items():
        ends[root(place)] = max(ends.get(root(place), i), i)
    return {
        item.target: (ends[root(item.target)], item.kind)
        for item in computed
        if not item.op.view and root(item.target) not in foreign
    }
