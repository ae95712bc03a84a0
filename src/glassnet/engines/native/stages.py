"""The stages of a plan, lowered one after another: the whole batch, its slices, in turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from glassnet.engines.native import clusters, loops
from glassnet.engines.native.bound import Node
from glassnet.engines.native.fusion import Fusion, Group, Values, readers
from glassnet.engines.native.lowering.base import (
    ACCUMULATES,
    DRAWN,
    LOWERINGS,
    SUM,
    Builder,
    Instruction,
    Parallel,
    Running,
)
from glassnet.engines.native.lowering.elementwise import NUMBERS, code
from glassnet.engines.native.memory import Buffer, Value, new_value, rounded
from glassnet.engines.native.outputs import Outputs, is_last
from glassnet.engines.native.slicing import Split, lanes_for, sliced_node, staged
from glassnet.graph.op import Op
from glassnet.ops.elementwise import Add
from glassnet.ops.rounding import Identity

HOST = "host"
"""The kernel of an instruction that asks the reference engine for the value of an op."""


@dataclass(eq=False)
class HostCall:
    """An op that has no kernels here: the reference computes it on the arrays where they lie."""

    op: Op
    out: Value
    inputs: tuple[Value, ...]


@dataclass
class Gather:
    """The inputs that are rows of tables: the number and the table's dtype, by place."""

    inputs: Mapping[int, tuple[int, np.dtype]]
    tables: list[Value | None]
    cell: Value
    """Where the address of the rows' numbers stands."""


def choose_split(
    nodes: Sequence[Node], order: Sequence[Node], values: Values, kept: set[int], batch: int
) -> Split | None:
    """Return the cut of a step into a slice for each lane; None where nothing can be cut."""
    split = staged(nodes, order, values.root, kept)
    if all(axis is None for axis in split.axis.values()):
        return None
    split.lanes = lanes_for(batch)
    split.size = batch // split.lanes
    return split


class Stages:
    """Lowers the nodes of a graph, stage by stage.

    Args:
        nodes: all nodes by place.
        values: where they lie, seen with the whole batch.
        order: the nodes to compute.
        split: the cut, or None for one stage of the whole batch.
        outputs: where outputs go.
        gather: inputs that are rows of tables.
        number: gives the value of a constant.
        flag: what is set where a watched value is not finite, or an index out of range.
    """

    def __init__(
        self,
        nodes: list[Node],
        values: Values,
        order: list[Node],
        split: Split | None,
        outputs: Outputs,
        gather: Gather,
        number: Callable[[float, np.dtype], Value],
        flag: Value,
    ) -> None:
        self._nodes, self._values, self._order = nodes, values, order
        self._split, self._outputs, self._gather = split, outputs, gather
        self._number, self._flag = number, flag
        self.hosts: list[HostCall] = []
        self._zeros: list[Value] = []
        self._partials: dict[int, Value] = {}
        self._stage = {n.place: 0 for n in order} if split is None else split.stage
        self._read_at: dict[int, set[int]] = {}
        for node in order:
            for source in node.sources:
                root = values.root(source)
                self._read_at.setdefault(root, set()).add(self._stage[node.place])

    def lowered(self) -> list[Instruction]:
        """Return the instructions of all stages."""
        split = self._split
        if split is None:
            return self._whole(0, self._order)
        found: list[Instruction] = []
        last = max(split.stage.values())
        for number in range(last + 2):
            own = [n for n in self._order if split.stage[n.place] == number]
            if number % 2:
                found += self._sliced(number, own, split)
            else:
                totals = self._totals(number - 1, split)
                found += self._whole(number, totals + own)
        return found

    def _later(self, number: int) -> set[int]:
        """The values that stages after this one read."""
        return {p for p, stages in self._read_at.items() if max(stages) > number}

    # --- stages of the whole batch ------------------------------------------------------------
    def _whole(self, number: int, order: list[Node]) -> list[Instruction]:
        if not order:
            return []
        fusion = Fusion(order, self._nodes, self._values)
        read = readers(order, fusion, self._values)
        later = self._later(number)
        self._outputs.aim(fusion, read, later)
        stored = later | self._outputs.places | _read_outside(fusion, read)
        ends = [i for i, g in enumerate(fusion.groups) if is_last(g, i, read, later)]
        last = set(ends)
        sequence = [i for i in range(len(fusion.groups)) if i not in last] + ends
        builder = Builder(flag=self._flag)
        groups = _joined([fusion.groups[i] for i in sequence], len(ends))
        self._lower(groups, stored, builder, self._nodes, self._values)
        return builder.instructions

    def _totals(self, number: int, split: Split) -> list[Node]:
        """The sums over the batch, added up over the lanes."""
        found: list[Node] = []
        for place, axis in split.axis.items():
            if axis == SUM and split.stage[place] == number:
                found += self._total(place, split.lanes)
        return found

    def _total(self, place: int, lanes: int) -> list[Node]:
        node, partial = self._nodes[place], self._partials[place]
        parts = []
        for k in range(lanes):
            parts.append(self._new_node(node))
            self._values.of[parts[-1].place] = Value(
                partial.buffer, partial.shape, partial.dtype, partial.strides, k * partial.lane
            )
        if lanes == 1:
            self._nodes[place] = replace(node, op=Identity(), sources=(parts[0].place,))
            return [self._nodes[place]]
        found: list[Node] = []
        left = parts[0]
        for part in parts[1:-1]:
            found.append(self._new_node(node, (left.place, part.place)))
            self._values.of[found[-1].place] = new_value(node.shape, node.dtype)
            left = found[-1]
        self._nodes[place] = replace(node, op=Add(), sources=(left.place, parts[-1].place))
        return [*found, self._nodes[place]]

    def _new_node(self, like: Node, sources: tuple[int, ...] = ()) -> Node:
        node = replace(like, place=len(self._nodes), op=Add() if sources else None, sources=sources)
        self._nodes.append(node)
        return node

    # --- stages of slices ---------------------------------------------------------------------
    def _sliced(self, number: int, order: list[Node], split: Split) -> list[Instruction]:
        if not order:
            return []
        nodes, values = list(self._nodes), Values()
        self._zeros = []
        for node in order:
            for source in node.sources:
                if source not in values.of:
                    values.of[source] = self._seen(source, split)
            nodes[node.place] = sliced_node(node, {"m": split.size})
            self._place(nodes[node.place], values, number, split)
        own = [nodes[n.place] for n in order]
        fusion = Fusion(own, nodes, values)
        read = readers(own, fusion, values)
        elsewhere = {p for p, at in self._read_at.items() if at - {number}} | self._outputs.places
        stored = elsewhere | _read_outside(fusion, read)
        builder = Builder(role="slice", flag=self._flag)
        self._lower(fusion.groups, stored, builder, nodes, values)
        before, body = _invariant(builder.instructions)
        return [*before, _parallel(body, split, self._zeros)]

    def _seen(self, place: int, split: Split) -> Value:
        """A value of another stage as a slice sees it."""
        value, axis = self._values.of[place], split.axis.get(place)
        if axis is None and self._nodes[place].constant is None:
            axis = self._nodes[place].batch
        return window(value, axis, split.size) if isinstance(axis, int) else value

    def _place(self, node: Node, values: Values, number: int, split: Split) -> None:
        """Give a node of a slice its value."""
        values.add(node)
        if node.place in values.source:
            return
        axis = split.axis[node.place]
        if axis == SUM:
            values.of[node.place] = self._partial(node, split)
        elif self._is_wanted_whole(node.place, number):
            values.of[node.place] = window(self._values.of[node.place], 0, split.size)
        else:
            values.of[node.place].buffer.role = "slice"

    def _is_wanted_whole(self, place: int, number: int) -> bool:
        return bool(self._read_at.get(place, set()) - {number}) or place in self._outputs.places

    def _partial(self, node: Node, split: Split) -> Value:
        """The sum of one lane; the lanes' sums lie one after another."""
        whole = new_value(node.shape, node.dtype)
        room = rounded(whole.nbytes)
        buffer = Buffer(room * split.lanes)
        value = Value(buffer, node.shape, node.dtype, lane=room)
        self._partials[node.place] = value
        if split.slices > 1:
            self._zeros.append(value)
        return value

    # --- instructions -------------------------------------------------------------------------
    def _lower(
        self,
        groups: Sequence[Group],
        stored: set[int],
        builder: Builder,
        nodes: list[Node],
        values: Values,
    ) -> None:
        watched = self._outputs.watched
        pending: list[clusters.Program] = []
        for group in groups:
            if not group.size:
                _emit(builder, pending)
                self._lower_op(group.members[0], builder, values)
                continue
            writer = clusters.Writer(
                group, nodes, values, stored, watched, self._flag, self._number
            )
            self._outputs.checked |= watched & {n.place for n in group.members}
            program = writer.write()
            if pending and not loops.may_join(pending, program):
                _emit(builder, pending)
            pending.append(program)
            if program.signature is None:
                _emit(builder, pending)
        _emit(builder, pending)

    def _lower_op(self, node: Node, builder: Builder, values: Values) -> None:
        before = len(builder.instructions)
        self._lower_one(node, builder, values)
        for instruction in builder.instructions[before:]:
            instruction.nodes = (node,)

    def _lower_one(self, node: Node, builder: Builder, values: Values) -> None:
        out = values.of[node.place]
        if node.place in self._gather.inputs:
            self._lower_gather(node, out, builder)
            return
        inputs = [values.of[s] for s in node.sources]
        if out not in self._zeros:
            self._compute(node, builder, out, inputs)
        elif not self._adds(node, builder, out, inputs):
            made = builder.temporary(out.shape, out.dtype)
            self._compute(node, builder, made, inputs)
            self._add(builder, out, made)

    def _compute(self, node: Node, builder: Builder, out: Value, inputs: Sequence[Value]) -> None:
        if node.op is None:
            raise TypeError(f"no native way to compute {node.tensor!r}")
        if not self._by_rule(node.op, builder, out, inputs):
            self._by_reference(node.op, builder, out, inputs)

    def _by_rule(self, op: Op, builder: Builder, out: Value, inputs: Sequence[Value]) -> bool:
        rule = LOWERINGS.get(type(op))
        if rule is None or rule(builder, op, out, *inputs) is False:
            return False
        if builder.role == "slice" and type(op) in DRAWN:
            _draw_on(builder.instructions[-1], DRAWN[type(op)][0], out.size)
        return True

    def _by_reference(self, op: Op, builder: Builder, out: Value, inputs: Sequence[Value]) -> None:
        self.hosts.append(HostCall(op, out, tuple(inputs)))
        builder.emit(
            HOST,
            [len(self.hosts) - 1, out, *inputs],
            writes=[out],
            reads=inputs,
            note=f"{op.name} (reference)",
        )

    def _adds(self, node: Node, builder: Builder, out: Value, inputs: Sequence[Value]) -> bool:
        """Let the op's rule add to what ``out`` holds, if it can."""
        if node.op is None or type(node.op) not in ACCUMULATES:
            return False
        builder.accumulating = True
        done = self._by_rule(node.op, builder, out, inputs)
        builder.accumulating = False
        return done

    def _add(self, builder: Builder, out: Value, made: Value) -> None:
        if code(out.dtype) not in NUMBERS:
            self._by_reference(Add(), builder, out, [out, made])
            return
        builder.emit(
            f"movement.accumulate:{code(out.dtype)}",
            [out, made, out.size],
            writes=[out],
            reads=[out, made],
            operations=out.size,
            note="accumulate",
        )

    def _lower_gather(self, node: Node, out: Value, builder: Builder) -> None:
        """Pick the rows of a table for an input."""
        number, dtype = self._gather.inputs[node.place]
        table = self._gather.tables[number]
        if table is None:
            table = self._gather.tables[number] = new_value((1,), dtype, "leaf")
        rows = node.shape[0]
        cell = self._gather.cell
        builder.emit(
            f"executor.gather:{code(dtype)}:{code(node.dtype)}",
            [out, table, cell, Running(rows), rows, out.size // max(rows, 1), 0, 0],
            writes=[out],
            reads=[table, cell],
            note="gather",
        )


def window(value: Value, axis: int, size: int) -> Value:
    """Return what a slice of the batch sees of a value of the whole batch."""
    shape = tuple(size if i == axis else n for i, n in enumerate(value.shape))
    step = size * value.strides[axis]
    return Value(value.buffer, shape, value.dtype, value.strides, value.offset, step)


def _invariant(
    instructions: Sequence[Instruction],
) -> tuple[list[Instruction], list[Instruction]]:
    """Divide into what is the same for every slice, which is computed once before, and the rest."""
    before: list[Instruction] = []
    body: list[Instruction] = []
    varying: set[Buffer] = set()
    writers = Counter(b for i in instructions for b in {v.buffer for v in i.writes})
    for instruction in instructions:
        made = [v for v in instruction.writes if v.buffer.role != "slice" or v.step or v.lane]
        read = [v for v in instruction.reads if v.step or v.lane or v.buffer in varying]
        counts = any(isinstance(word, Running) for word in instruction.words)
        again = any(writers[v.buffer] > 1 for v in instruction.writes)
        if made or read or counts or again or not instruction.reads:
            varying |= {v.buffer for v in instruction.writes}
            body.append(instruction)
            continue
        for value in (*instruction.writes, *instruction.scratch):
            value.buffer.role = "value"
        before.append(instruction)
    return before, body


def _draw_on(instruction: Instruction, place: int, entries: int) -> None:
    """Let each slice draw where the one before it ended."""
    words = list(instruction.words)
    words[place] = Running(entries)
    instruction.words = tuple(words)


def _joined(groups: list[Group], last: int) -> list[Group]:
    """Make one cluster of the single numbers among the last groups, which nobody reads."""
    ends = groups[len(groups) - last :]
    numbers = [group for group in ends if group.size == 1]
    if len(numbers) < 2:
        return groups
    joined = Group([node for group in numbers for node in group.members], 1)
    return [*groups[: len(groups) - last], joined, *(g for g in ends if g.size != 1)]


def _read_outside(fusion: Fusion, read: Mapping[int, set[int]]) -> set[int]:
    """The values that groups other than their own read."""
    return {p for p, groups in read.items() if groups - {fusion.group_of(p)}}


def _emit(builder: Builder, pending: list[clusters.Program]) -> None:
    if pending:
        loops.emit(builder, pending)
        pending.clear()


def _parallel(body: Sequence[Instruction], split: Split, zeros: Sequence[Value]) -> Instruction:
    """One instruction for all slices; what it reads and writes outside of a slice's own memory."""
    writes = [v for i in body for v in i.writes if v.buffer.role != "slice"]
    reads = [v for i in body for v in i.reads if v.buffer.role != "slice"]
    count = split.lanes * split.slices
    return Parallel(
        "crew.parallel",
        (),
        (*writes, *zeros),
        tuple(reads),
        count * sum(i.operations for i in body),
        note=f"{split.lanes} lanes of {split.slices} slices of {split.size} examples",
        body=tuple(body),
        parts=split.lanes,
        slices=split.slices,
        zeros=tuple(zeros),
    )
