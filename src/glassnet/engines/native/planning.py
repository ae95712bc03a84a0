"""The planner: from a graph and its sizes to a list of instructions over one arena."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from glassnet.engines.native import clusters, lowering
from glassnet.engines.native.arena import Arena, arrange
from glassnet.engines.native.bound import Bound, Node
from glassnet.engines.native.fusion import Fusion, Group, Values, readers, sink
from glassnet.engines.native.lowering.base import LOWERINGS, Builder, Instruction, copy
from glassnet.engines.native.memory import Buffer, Value, new_value
from glassnet.graph.op import Op
from glassnet.graph.tensor import Tensor

CALL_SECONDS, OPERATION_SECONDS = 1e-6, 5e-11
"""What a call of NumPy and a floating-point operation cost, about."""
HOST = "host"
"""The kernel of an instruction that asks the reference engine for the value of an op."""


@dataclass(eq=False)
class HostCall:
    """An op that has no kernels here: the reference computes it on the arrays where they lie."""

    op: Op
    out: Value
    inputs: tuple[Value, ...]


@dataclass
class Plan:
    """What computes ``outputs`` from leaves: instructions, and where everything lies."""

    instructions: list[Instruction]
    inputs: list[Value | None]
    variables: list[tuple[Tensor, Value]]
    constants: list[tuple[Value, np.ndarray]]
    outputs: list[Value]
    hosts: list[HostCall]
    flag: Value
    tables: list[Value | None]
    cell: Value
    nodes: int
    """How many nodes of the graph it computes."""
    arena: Arena = field(default_factory=lambda: Arena(0, 0))

    @property
    def numpy_seconds(self) -> float:
        """About how long the reference engine would take: by counting operations and calls."""
        operations = sum(i.operations for i in self.instructions)
        return self.nodes * CALL_SECONDS + operations * OPERATION_SECONDS

    @property
    def kernels(self) -> list[str]:
        """The names of all kernels that it calls."""
        found: dict[str, None] = {"executor.run": None}
        for instruction in self.instructions:
            if instruction.kernel != HOST:
                found[instruction.kernel] = None
            found.update(dict.fromkeys(lowering.kernels_in(instruction.words)))
        return list(found)


class Planner:
    """Makes the plan of a graph for one set of sizes.

    Args:
        inputs: the placeholders.
        outputs: what is computed. Each lies in a buffer that whoever runs the plan gives it.
        sizes: the named sizes.
        in_place: for outputs that are the new values of variables and may be written over the
            old ones: the variable.
        watched: the numbers of outputs that must be finite; the plan's flag tells.
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
        self._bound = Bound(inputs, outputs, sizes)
        self._nodes = self._bound.nodes
        self._values = Values()
        self._builder = Builder()
        self._hosts: list[HostCall] = []
        self._in_place = dict(in_place or {})
        self._flag = new_value((), np.dtype(np.int64), "leaf")
        self._constants: list[tuple[Value, np.ndarray]] = []
        self._cell = new_value((), np.dtype(np.int64), "leaf")
        self._tables: list[Value | None] = [None] * len(inputs)
        self._gathered = {
            self._bound.inputs[i]: (i, dtype) for i, dtype in (gathered or {}).items()
        }
        self._watched = {self._bound.outputs[i] for i in watched}
        self._checked: set[int] = set()
        self._extra: list[tuple[Tensor, Value]] = []

    def plan(self) -> Plan:
        """Return the plan."""
        order = self._leaves()
        fusion = Fusion(order, self._nodes, self._values)
        read = readers(order, fusion, self._values)
        sequence = sink(fusion.groups, read)
        leaves = dict(self._values.of)
        targets = self._targets(fusion, read, sequence)
        stored = self._stored(fusion, read)
        self._lower([fusion.groups[i] for i in sequence], stored)
        outputs = self._finish(targets, leaves)
        plan = Plan(
            self._builder.instructions,
            [None if p is None else leaves[p] for p in self._bound.inputs],
            [*((tensor, leaves[p]) for p, tensor in self._bound.variables), *self._extra],
            self._constants,
            outputs,
            self._hosts,
            self._flag,
            self._tables,
            self._cell,
            len(order),
        )
        plan.arena = arrange(plan.instructions)
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
            elif node.place in self._gathered:
                self._gather(node)
            elif node.op is None:
                self._values.of[node.place] = new_value(node.shape, node.dtype, "leaf")
            else:
                self._values.add(node)
                if node.place in needed:
                    order.append(node)
        return self._numbers_first(order)

    def _numbers_first(self, order: list[Node]) -> list[Node]:
        """Put single numbers that depend on leaves alone first, so that chains need not wait."""
        early: set[int] = set()
        for node in order:
            if self._values.of[node.place].size == 1 and all(
                s in early or self._nodes[s].op is None or self._nodes[s].constant is not None
                for s in node.sources
            ):
                early.add(node.place)
        small = [node for node in order if node.place in early]
        return small + [node for node in order if node.place not in early]

    def _gather(self, node: Node) -> None:
        """Let an input be made of the rows of a table."""
        number, dtype = self._gathered[node.place]
        out = self._values.of[node.place] = new_value(node.shape, node.dtype)
        table = self._tables[number] = new_value((1,), dtype, "leaf")
        rows = node.shape[0]
        self._builder.emit(
            f"executor.gather:{dtype.str[1:]}:{node.dtype.str[1:]}",
            [out, table, self._cell, 0, rows, out.size // max(rows, 1)],
            writes=[out],
            reads=[table, self._cell],
            note="gather",
        )

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

    def _stored(self, fusion: Fusion, read: Mapping[int, set[int]]) -> set[int]:
        """The places whose values others than their own cluster need, as they are or viewed."""
        stored = {self._values.root(p) for p in self._bound.outputs}
        for place, groups in read.items():
            if groups - {fusion.group_of(place)}:
                stored.add(place)
        return stored

    # --- outputs ------------------------------------------------------------------------------
    def _targets(
        self, fusion: Fusion, read: Mapping[int, set[int]], sequence: list[int]
    ) -> dict[int, Value]:
        """Let outputs be computed where they are wanted; return those that are, by number."""
        written: dict[int, Value] = {}
        done: set[int] = set()
        variables = {id(tensor): place for place, tensor in self._bound.variables}
        for number, place in enumerate(self._bound.outputs):
            node = self._nodes[place]
            if node.op is None or node.constant is not None or place in self._values.source:
                continue
            if place in done or self._is_viewed(place):
                continue
            variable = self._in_place.get(number)
            if variable is None:
                value = new_value(node.shape, node.dtype, "leaf")
            else:
                leaf = variables.get(id(variable))
                if leaf is None:
                    value = self._unread(variable)
                elif self._may_overwrite(node, leaf, fusion, read):
                    value = self._values.of[leaf]
                else:
                    continue
            self._values.of[place] = written[number] = value
            done.add(place)
        return written

    def _is_viewed(self, place: int) -> bool:
        return place in set(self._values.source.values())

    def _may_overwrite(
        self, node: Node, leaf: int, fusion: Fusion, read: Mapping[int, set[int]]
    ) -> bool:
        """Whether a variable's new value may be written over the old one while it is computed."""
        at = fusion.group_of(node.place)
        group = fusion.groups[at]
        own = {n.place for n in group.members}
        if not group.size or any(read.get(p, set()) - {at} for p in own):
            return False  # it is not among the clusters that come last
        for other in read.get(leaf, set()) - {at}:
            members = fusion.groups[other]
            ends = all(not read.get(n.place, set()) - {other} for n in members.members)
            if members.size and ends:
                return False
        return self._reads_before(group, node, leaf)

    def _reads_before(self, group: Group, node: Node, leaf: int) -> bool:
        """Whether the cluster reads the old value entry by entry, and not after the new one."""
        value, passed = self._values.of[leaf], False
        for member in group.members:
            for source in member.sources:
                if self._values.root(source) != leaf:
                    continue
                flat = self._values.is_flat(source)
                if passed or not flat or value.size != group.size:
                    return False
                if clusters.collapsed(self._values.of[source], member.shape) not in (
                    [(value.size, value.dtype.itemsize)],
                    [],
                ):
                    return False
            passed = passed or member is node
        return value.dtype == node.dtype

    def _finish(self, targets: dict[int, Value], leaves: dict[int, Value]) -> list[Value]:
        """Copy the outputs that do not lie where they are wanted; return where all lie."""
        variables = {id(tensor): place for place, tensor in self._bound.variables}
        outputs: list[Value] = []
        late: list[tuple[Value, Value]] = []
        for number, place in enumerate(self._bound.outputs):
            if number in targets:
                outputs.append(targets[number])
                continue
            node, source = self._nodes[place], self._values.of[place]
            variable = self._in_place.get(number)
            leaf = None if variable is None else variables.get(id(variable))
            if variable is not None and leaf == place:
                outputs.append(leaves[place])
                continue
            if leaf is not None:
                own = leaves[leaf]
            elif variable is not None:
                own = self._unread(variable)
            else:
                own = new_value(node.shape, node.dtype, "leaf")
            if self._in_place and source.buffer.role == "leaf":
                source = self._read_early(source)
            late.append((own, source))
            outputs.append(own)
        for own, source in late:
            copy(self._builder, own, source)
        for number, place in enumerate(self._bound.outputs):
            if place in self._watched - self._checked:
                self._check(outputs[number])
                self._checked.add(place)
        return outputs

    def _unread(self, variable: Tensor) -> Value:
        """The memory of a variable whose old value nobody reads."""
        own = new_value(tuple(int(n) for n in variable.shape), variable.dtype, "leaf")
        self._extra.append((variable, own))
        return own

    def _read_early(self, source: Value) -> Value:
        """Copy what may be written over before anything else runs."""
        early, mover = new_value(source.shape, source.dtype), Builder()
        copy(mover, early, source)
        self._builder.instructions[:0] = mover.instructions
        return early

    def _check(self, value: Value) -> None:
        if value.dtype.kind == "f" and value.size:
            self._builder.emit(
                f"steps.finite:{value.dtype.str[1:]}",
                [self._flag, value, value.size],
                writes=[self._flag],
                reads=[value],
                note="finite",
            )

    # --- instructions -------------------------------------------------------------------------
    def _lower(self, groups: Sequence[Group], stored: set[int]) -> None:
        pending: list[clusters.Program] = []
        for group in groups:
            if not group.size:
                self._emit_clusters(pending)
                self._lower_op(group.members[0])
                continue
            writer = clusters.Writer(
                group, self._nodes, self._values, stored, self._watched, self._flag
            )
            self._checked |= self._watched & {n.place for n in group.members}
            program = writer.write()
            if pending and program.signature != pending[-1].signature:
                self._emit_clusters(pending)
            pending.append(program)
            if program.signature is None:
                self._emit_clusters(pending)
        self._emit_clusters(pending)

    def _emit_clusters(self, pending: list[clusters.Program]) -> None:
        if pending:
            clusters.emit(self._builder, pending)
            pending.clear()

    def _lower_op(self, node: Node) -> None:
        out = self._values.of[node.place]
        inputs = [self._values.of[s] for s in node.sources]
        rule = LOWERINGS.get(type(node.op))
        if rule is not None and rule(self._builder, node.op, out, *inputs) is not False:
            return
        if node.op is None:
            raise TypeError(f"a leaf is not computed: {node.tensor!r}")
        call = HostCall(node.op, out, tuple(inputs))
        self._hosts.append(call)
        self._builder.emit(
            HOST,
            [len(self._hosts) - 1, out, *inputs],
            writes=[out],
            reads=inputs,
            note=f"{node.op.name} (reference)",
        )


def buffers_of(plan: Plan) -> list[Buffer]:
    """Return all buffers that the plan's instructions name, each once."""
    found: dict[int, Buffer] = {}
    for instruction in plan.instructions:
        for value in (*instruction.reads, *instruction.writes, *instruction.scratch):
            found[id(value.buffer)] = value.buffer
    return list(found.values())
