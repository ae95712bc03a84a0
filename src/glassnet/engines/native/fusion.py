"""Which nodes are computed together: chains of elementwise ops become clusters.

A cluster is a list of elementwise nodes with equally many entries, computed block by block in one
instruction, so that what only they need never leaves the cache. Every other op is a group of its
own. Groups are in an order of computation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from glassnet.engines.native.bound import Node
from glassnet.engines.native.lowering.base import VIEWS
from glassnet.engines.native.lowering.elementwise import constants, element_kernel
from glassnet.engines.native.memory import Value, new_value


@dataclass(eq=False)
class Group:
    """Nodes computed by one instruction (a cluster), or one op by its own instructions."""

    members: list[Node] = field(default_factory=list)
    size: int = 0
    """The entries of a cluster's values; 0 for a group that is no cluster."""


class Values:
    """The value of every node: in a buffer of its own, or a view of its input's."""

    def __init__(self) -> None:
        self.of: dict[int, Value] = {}
        self.source: dict[int, int] = {}
        """For a view: the place of what it looks at."""

    def add(self, node: Node) -> None:
        """Give a node its value."""
        made = None
        if len(node.sources) == 1 and node.op is not None:
            rule = VIEWS.get(type(node.op))
            if rule is not None:
                made = rule(node.op, node.shape, self.of[node.sources[0]])
        if made is None:
            self.of[node.place] = new_value(node.shape, node.dtype)
        else:
            self.of[node.place] = made
            self.source[node.place] = node.sources[0]

    def root(self, place: int) -> int:
        """Return the place of the value that a view looks at in the end; others are their own."""
        while place in self.source:
            place = self.source[place]
        return place

    def is_flat(self, place: int) -> bool:
        """Whether the entries are those of the root in the same order."""
        value, root = self.of[place], self.of[self.root(place)]
        return place not in self.source or (
            value.contiguous and value.offset == root.offset and value.size == root.size
        )


def kernel_of(node: Node, nodes: Sequence[Node]) -> str | None:
    """Return the elementwise kernel of a node, or None where a cluster can't compute it."""
    if node.op is None or not node.op.elementwise:
        return None
    dtypes = [nodes[s].dtype for s in node.sources]
    dtypes += dtypes[:1] * len(constants(node.op))
    return element_kernel(node.op, dtypes, node.dtype)


class Fusion:
    """Distributes nodes to groups.

    Args:
        order: the nodes to compute, sources first.
        nodes: all nodes, by place.
        values: where they lie.
    """

    def __init__(self, order: Iterable[Node], nodes: list[Node], values: Values) -> None:
        self.groups: list[Group] = []
        self._nodes, self._values = nodes, values
        self._group_of: dict[int, int] = {}
        self._touched: list[set[int]] = []
        for node in order:
            if node.place not in values.source:
                self._place(node)

    def group_of(self, place: int) -> int:
        """Return the number of the group that computes a value; -1 for what is there before."""
        return self._group_of.get(self._values.root(place), -1)

    def _place(self, node: Node) -> None:
        size = self._values.of[node.place].size
        if size == 0 or kernel_of(node, self._nodes) is None:
            self._open(Group([node]), node)
            return
        need = max((self._earliest(s, size) for s in node.sources), default=0)
        near = self._near(node)
        for at in range(need, len(self.groups)):
            # Single numbers share a cluster whatever they are: a call costs more than they do.
            if self.groups[at].size == size and (size == 1 or near & self._touched[at]):
                self.groups[at].members.append(node)
                self._remember(node, at)
                return
        self._open(Group([node], size), node)

    def _earliest(self, source: int, size: int) -> int:
        """The first group that may read a value: its own where that reads it entry by entry."""
        at = self.group_of(source)
        if at < 0:
            return 0
        root = self._values.root(source)
        same = self.groups[at].size == size == self._values.of[root].size
        return at if same and self._values.is_flat(source) else at + 1

    def _near(self, node: Node) -> set[int]:
        """What a node reads; numbers that the whole graph shares draw nothing together."""
        roots = {self._values.root(s) for s in node.sources}
        size = self._values.of[node.place].size
        return {r for r in roots if size == 1 or self._values.of[r].size > 1}

    def _open(self, group: Group, node: Node) -> None:
        self.groups.append(group)
        self._touched.append(set())
        self._remember(node, len(self.groups) - 1)

    def _remember(self, node: Node, at: int) -> None:
        self._group_of[node.place] = at
        self._touched[at] |= {node.place} | self._near(node)


def readers(order: Iterable[Node], fusion: Fusion, values: Values) -> dict[int, set[int]]:
    """Return, for the root of each value, the groups that read it."""
    found: dict[int, set[int]] = {}
    for node in order:
        if node.place in values.source:
            continue
        at = fusion.group_of(node.place)
        for source in node.sources:
            found.setdefault(values.root(source), set()).add(at)
    return found
