"""The planner: from a graph and its sizes to a list of instructions over one arena."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from glassnet.engines.native import lowering
from glassnet.engines.native.affine import fold_biases
from glassnet.engines.native.ahead import look_ahead
from glassnet.engines.native.arena import Arena, arrange
from glassnet.engines.native.bound import Bound, Node
from glassnet.engines.native.fusion import Values
from glassnet.engines.native.lowering.base import Instruction, Parallel
from glassnet.engines.native.memory import Value, new_value
from glassnet.engines.native.outputs import Outputs
from glassnet.engines.native.slicing import WORTH_OPERATIONS, Split, slice_size
from glassnet.engines.native.stages import HOST, Gather, HostCall, Stages, choose_split
from glassnet.graph.tensor import Tensor

SHARED_ENTRIES = 1 << 15
"""Entries of a cluster from which threads share it."""


@dataclass
class Plan:
    """What computes ``outputs`` from leaves: instructions, and where everything lies."""

    instructions: list[Instruction]
    inputs: list[Value | None]
    """Leaves, or rows that the plan itself picks from a table; None for what is not read."""
    variables: list[tuple[Tensor, Value]]
    """Leaves too: what the graph reads, and what is written over without being read."""
    constants: list[tuple[Value, np.ndarray]]
    outputs: list[Value]
    hosts: list[HostCall]
    """The ops that the reference computes; an instruction names one by its number."""
    flag: Value
    """A number that becomes 1 where a watched value is not finite, or an index out of range."""
    tables: list[Value | None]
    """For each input, the table whose rows it is; None for one that is given whole."""
    cell: Value
    """Where the address of the rows' numbers stands."""
    nodes: int
    """How many nodes of the graph it computes."""
    split: Split | None = None
    arena: Arena = field(default_factory=lambda: Arena(0, 0))
    slice_arena: Arena = field(default_factory=lambda: Arena(0, 0))
    """What each thread needs for itself: values that live within a slice."""

    @property
    def operations(self) -> int:
        """Floating-point operations of a run, about."""
        return sum(i.operations for i in self.instructions)

    @property
    def uses_blas(self) -> bool:
        """Whether an instruction calls BLAS."""
        return any(lowering.calls_blas(i.words) for i in flattened(self.instructions))

    @property
    def parts(self) -> int:
        """How many threads find work in it at a time."""
        return max((i.parts for i in self.instructions if isinstance(i, Parallel)), default=1)

    @property
    def kernels(self) -> list[str]:
        """The names of all kernels that it calls."""
        found: dict[str, None] = {"executor.run": None}
        for instruction in flattened(self.instructions):
            if isinstance(instruction, Parallel):
                found["crew.parallel"] = found["crew.helper"] = None
            elif instruction.kernel != HOST:
                found[instruction.kernel] = None
            found.update(dict.fromkeys(lowering.kernels_in(instruction.words)))
        return list(found)


def flattened(instructions: Iterable[Instruction]) -> list[Instruction]:
    """Return the instructions, each parallel one followed by its body."""
    found: list[Instruction] = []
    for instruction in instructions:
        found.append(instruction)
        if isinstance(instruction, Parallel):
            found += instruction.body
    return found


class Planner:
    """Makes the plan of a graph for one set of sizes.

    Args:
        inputs: the placeholders.
        outputs: what is computed. Each lies in a buffer that whoever runs the plan gives it.
        sizes: the named sizes.
        in_place: for outputs that are the new values of variables and may be written over the
            old ones: the variable.
        watched: the numbers of outputs that must be finite; the plan's flag tells of others.
        gathered: for inputs whose rows are picked from a table when the plan runs: the dtype of
            the table, by the number of the input.
    """

    def __init__(
        self,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        sizes: Mapping[str, int],
        in_place: Mapping[int, Tensor] | None = None,
        watched: Iterable[int] = (),
        gathered: Mapping[int, np.dtype] | None = None,
    ) -> None:
        lowering.load()
        self._given = (inputs, outputs, sizes, in_place, tuple(watched), gathered)
        self._bound = Bound(inputs, outputs, sizes)
        fold_biases(self._bound)
        self._nodes = self._bound.nodes
        self._values = Values()
        self._constants: list[tuple[Value, np.ndarray]] = []
        self._splits = set(sizes) == {"m"} and bool(self._bound.inputs)
        self._tables: list[Value | None] = [None] * len(inputs)
        self._gathered = {
            place: (i, dtype)
            for i, dtype in (gathered or {}).items()
            if (place := self._bound.inputs[i]) is not None
        }

    def plan(self) -> Plan:
        """Return the plan: in one piece, or cut into slices where that is worth it."""
        plan = self._assembled(self._leaves(), None)
        if not self._splits or plan.operations < WORTH_OPERATIONS:
            return plan
        split = self._split()
        if split is None:
            return plan
        found = self._cut(split)
        rows = split.size
        bytes_each = found.slice_arena.nbytes // rows
        weights = sum(value.nbytes for _, value in found.variables if value.dtype.kind == "f")
        size = slice_size(rows, bytes_each, weights)
        if size < rows:
            return self._cut(replace(split, size=size, slices=rows // size))
        return found if split.lanes > 1 else plan

    def _split(self) -> Split | None:
        """Return the cut that the graph allows, into one slice for each lane."""
        planner, order = self._anew()
        kept = {planner._values.root(p) for p in planner._bound.outputs}
        batch = planner._bound.sizes["m"]
        return choose_split(planner._nodes, order, planner._values, kept, batch)

    def _cut(self, split: Split) -> Plan:
        planner, order = self._anew()
        return planner._assembled(order, split)

    def _anew(self) -> tuple[Planner, list[Node]]:
        """Begin again, with values that no plan has given a place."""
        planner = Planner(*self._given)
        return planner, planner._leaves()

    def _assembled(self, order: list[Node], split: Split | None) -> Plan:
        in_place, watched = self._given[3:5]
        flag = new_value((), np.dtype(np.int64), "leaf")
        cell = new_value((), np.dtype(np.int64), "leaf")
        leaves = dict(self._values.of)
        outputs = Outputs(self._bound, self._values, in_place or {}, watched, flag)
        gather = Gather(self._gathered, self._tables, cell)
        stages = Stages(
            self._nodes, self._values, order, split, outputs, gather, self._number, flag
        )
        instructions = stages.lowered()
        early, late = outputs.finish()
        instructions = [*early, *instructions, *late]
        if split is not None and split.lanes > 1:
            instructions = [_shared(i, split.lanes) for i in instructions]
        if self._gathered:
            look_ahead(instructions, self._bound.sizes["m"])
        plan = Plan(
            instructions,
            [None if p is None else leaves[p] for p in self._bound.inputs],
            [*((tensor, leaves[p]) for p, tensor in self._bound.variables), *outputs.extra],
            self._constants,
            outputs.values,
            stages.hosts,
            flag,
            self._tables,
            cell,
            len(order),
            split,
        )
        plan.arena = arrange(plan.instructions)
        for instruction in plan.instructions:
            if isinstance(instruction, Parallel):
                found = arrange(instruction.body, "slice")
                kept = plan.slice_arena
                plan.slice_arena = Arena(
                    max(kept.nbytes, found.nbytes), max(kept.ideal, found.ideal)
                )
        return plan

    # --- values -------------------------------------------------------------------------------
    def _leaves(self) -> list[Node]:
        """Give every node its value; return those to compute."""
        order = []
        needed = self._needed()
        for node in self._nodes:
            if node.constant is not None:
                value = new_value(node.shape, node.dtype, "kept")
                self._values.of[node.place] = value
                if node.place in needed:
                    self._constants.append((value, node.constant))
            elif node.op is None and node.place not in self._gathered:
                self._values.of[node.place] = new_value(node.shape, node.dtype, "leaf")
            else:
                self._values.add(node)
                if node.place in needed:
                    order.append(node)
        return self._numbers_first(order)

    def _number(self, number: float, dtype: np.dtype) -> Value:
        """Return the value of a constant that no node holds."""
        wanted = np.array(number, dtype)
        for value, array in self._constants:
            same = value.shape == () and value.dtype == dtype
            if same and array.tobytes() == wanted.tobytes():  # 0 and -0 are equal, not the same
                return value
        value = new_value((), dtype, "kept")
        self._constants.append((value, wanted))
        return value

    def _numbers_first(self, order: list[Node]) -> list[Node]:
        """Put single numbers that depend on leaves alone first, so that chains need not wait."""
        early: set[int] = set()
        known = {n.place for n in self._nodes if n.op is None} - set(self._gathered)
        for node in order:
            if node.op is None or self._values.of[node.place].size != 1:
                continue
            if all(s in known or self._nodes[s].constant is not None for s in node.sources):
                early.add(node.place)
                known.add(node.place)
        small = [node for node in order if node.place in early]
        return small + [node for node in order if node.place not in early]

    def _needed(self) -> set[int]:
        """The places that the outputs depend on, constants not looked behind."""
        found: set[int] = set()
        waiting = list(self._bound.outputs)
        while waiting:
            place = waiting.pop()
            if place not in found:
                found.add(place)
                if self._nodes[place].constant is None:
                    waiting += self._nodes[place].sources
        return found


def _shared(instruction: Instruction, lanes: int) -> Instruction:
    """Let threads share a large cluster."""
    large = instruction.operations >= SHARED_ENTRIES * 4
    if instruction.kernel != "executor.cluster" or not large:
        return instruction
    for value in instruction.scratch:
        value.buffer.role = "slice"
    return Parallel(
        "crew.parallel",
        (),
        instruction.writes,
        instruction.reads,
        instruction.operations,
        note=instruction.note,
        reuses=instruction.reuses,
        nodes=instruction.nodes,
        body=(instruction,),
        parts=2 * lanes,
        divided=True,
    )
