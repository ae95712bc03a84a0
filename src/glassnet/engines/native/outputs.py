"""Where the outputs of a plan go: into memory of the caller, or over a variable's old value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from glassnet.engines.native import clusters
from glassnet.engines.native.bound import Bound, Node
from glassnet.engines.native.fusion import Fusion, Group, Values
from glassnet.engines.native.lowering.base import Builder, Instruction, Kernel, copy
from glassnet.engines.native.lowering.elementwise import finite_kernel
from glassnet.engines.native.memory import Value, new_value
from glassnet.graph.tensor import Tensor


class Outputs:
    """The outputs of a graph, and which of them are computed where they are wanted.

    Args:
        bound: the graph.
        values: where its nodes lie; outputs are put into the caller's memory here.
        in_place: the variable of each output that is the new value of one.
        watched: the numbers of outputs that must be finite.
        flag: what is set where one is not.
    """

    def __init__(
        self,
        bound: Bound,
        values: Values,
        in_place: Mapping[int, Tensor],
        watched: Sequence[int],
        flag: Value,
    ) -> None:
        self._bound, self._values, self._flag = bound, values, flag
        self._in_place = dict(in_place)
        self._leaf = {id(tensor): place for place, tensor in bound.variables}
        self._old = {place: values.of[place] for place, _ in bound.variables}
        self.watched = {bound.outputs[i] for i in watched}
        self.checked: set[int] = set()
        """The watched places that clusters check as they go."""
        self.extra: list[tuple[Tensor, Value]] = []
        """The variables whose old values nobody reads."""
        self.values: list[Value] = []
        self.places = {values.root(p) for p in bound.outputs}
        """The places of the outputs, views followed to what they look at."""
        self._aimed: dict[int, Value] = {}
        self._viewed = set(values.source.values())
        self._aim_plain()

    def _aim_plain(self) -> None:
        """Let outputs that are no variable's be computed in the caller's memory."""
        done: set[int] = set()
        for number, place in enumerate(self._bound.outputs):
            node = self._bound.nodes[place]
            if number in self._in_place or place in done or not self._can_move(node):
                continue
            done.add(place)
            value = new_value(node.shape, node.dtype, "leaf")
            self._values.of[place] = self._aimed[number] = value

    def _can_move(self, node: Node) -> bool:
        inner = node.op is not None and node.constant is None
        return inner and node.place not in self._values.source and node.place not in self._viewed

    def aim(self, fusion: Fusion, read: Mapping[int, set[int]], later: set[int]) -> None:
        """Let new values of variables be computed over the old ones, where this stage may.

        Args:
            fusion: the groups of the stage.
            read: for each value, the groups of the stage that read it.
            later: the values that later stages read.
        """
        taken = {self._bound.outputs[n] for n in self._aimed}
        for number, variable in self._in_place.items():
            place = self._bound.outputs[number]
            node = self._bound.nodes[place]
            if number in self._aimed or place in taken or not self._can_move(node):
                continue
            if fusion.group_of(place) < 0:
                continue
            leaf = self._leaf.get(id(variable))
            if leaf is None:
                value = self._unread(variable)
            elif self._may_overwrite(node, leaf, fusion, read, later):
                value = self._old[leaf]
            else:
                continue
            self._values.of[place] = self._aimed[number] = value
            taken.add(place)

    def _may_overwrite(
        self,
        node: Node,
        leaf: int,
        fusion: Fusion,
        read: Mapping[int, set[int]],
        later: set[int],
    ) -> bool:
        at = fusion.group_of(node.place)
        group = fusion.groups[at]
        if leaf in later or not is_last(group, at, read, later):
            return False
        for other in read.get(leaf, set()) - {at}:
            if is_last(fusion.groups[other], other, read, later):
                return False
        return self._reads_before(group, node, leaf)

    def _reads_before(self, group: Group, node: Node, leaf: int) -> bool:
        """Whether the cluster reads the old value entry by entry, and not after the new one."""
        value, passed = self._old[leaf], False
        flat = [(value.size, value.dtype.itemsize)] if value.size > 1 else []
        for member in group.members:
            for source in member.sources:
                if self._values.root(source) != leaf:
                    continue
                seen = self._values.of[source]
                same = value.size == group.size and self._values.is_flat(source)
                if passed or not same or clusters.collapsed(seen, member.shape) != flat:
                    return False
            passed = passed or member is node
        return value.dtype == node.dtype

    def finish(self) -> tuple[list[Instruction], list[Instruction]]:
        """Return what runs before all stages and after them, so that every output is in place."""
        early, late = Builder(), Builder()
        for number, place in enumerate(self._bound.outputs):
            own = self._aimed.get(number)
            if own is None:
                own = self._copied(number, place, early, late)
            self.values.append(own)
        for number, place in enumerate(self._bound.outputs):
            if place in self.watched - self.checked:
                self._check(self.values[number], late)
                self.checked.add(place)
        return early.instructions, late.instructions

    def _copied(self, number: int, place: int, early: Builder, late: Builder) -> Value:
        node, source = self._bound.nodes[place], self._values.of[place]
        variable = self._in_place.get(number)
        if variable is None:
            own = new_value(node.shape, node.dtype, "leaf")
        elif id(variable) in self._leaf:
            own = self._old[self._leaf[id(variable)]]
        else:
            own = self._unread(variable)
        if own is source:
            return own
        if self._in_place and source.buffer.role == "leaf" and place not in self._aimed_places:
            held = new_value(source.shape, source.dtype)  # it may be written over before the end
            copy(early, held, source)
            source = held
        copy(late, own, source)
        return own

    @property
    def _aimed_places(self) -> set[int]:
        return {self._bound.outputs[n] for n in self._aimed}

    def _unread(self, variable: Tensor) -> Value:
        own = new_value(tuple(int(n) for n in variable.shape), variable.dtype, "leaf")
        self.extra.append((variable, own))
        return own

    def _check(self, value: Value, builder: Builder) -> None:
        if value.dtype.kind == "f" and value.size:
            builder.emit(
                "executor.finite",
                [Kernel(finite_kernel(value.dtype)), self._flag, value, value.size],
                writes=[self._flag],
                reads=[value],
                note="finite",
            )


def is_last(group: Group, at: int, read: Mapping[int, set[int]], later: set[int]) -> bool:
    """Whether a cluster may come after all others: nobody reads what it computes."""
    own = {n.place for n in group.members}
    return bool(group.size) and not own & later and all(read.get(p, set()) <= {at} for p in own)
