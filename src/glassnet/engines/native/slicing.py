"""How a step is cut: slices of the batch go through the network one after another.

A slice that fits into the cache is taken through all that can be computed for it alone, forward
and backward, before the next one; ops that need the whole batch cut the step into stages. Stages
alternate: even ones see the whole batch, odd ones a slice. Slices are dealt to lanes, as many as
the machine has cores; each lane adds up its own sums over the batch, and the lanes' sums are added
in a fixed order, so the result does not depend on who computed which.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from glassnet.engines.native.bound import Node
from glassnet.engines.native.fusion import kernel_of
from glassnet.engines.native.lowering.base import DRAWN, LOWERINGS, SLICES, SUM, VIEWS
from glassnet.graph.dimension import bind, symbols

WORTH_OPERATIONS = 8_000_000
"""Operations of a step from which it is dealt to several cores."""
CACHE_BYTES = 1 << 20
"""What a core keeps at hand: the working set of a slice shall fit."""
LANES = 8
"""The most lanes; more would cost more memory for sums than they win here."""

Axis = int | str | None


@dataclass
class Split:
    """The cut of a step: lanes of slices of so many examples."""

    lanes: int
    slices: int
    """The slices of a lane."""
    size: int
    """The examples of a slice."""
    axis: dict[int, Axis] = field(default_factory=dict)
    """For each node: the axis of the batch where it is computed by slices, or ``SUM``."""
    stage: dict[int, int] = field(default_factory=dict)


def lanes_for(batch: int) -> int:
    """Return how many lanes share a batch: as many as there are cores, if they share it evenly."""
    cores = min(os.cpu_count() or 1, LANES)
    return max(n for n in range(1, cores + 1) if batch % n == 0)


def slice_size(rows: int, bytes_each: int, weights: int) -> int:
    """Return the examples of a slice: all of a lane's if they fit, else a divisor of them.

    A slice reads all weights, so it is not much smaller in bytes than they are.
    """
    if rows * bytes_each <= CACHE_BYTES:
        return rows
    wanted = max(CACHE_BYTES // 2, weights) / max(bytes_each, 1)
    return max(n for n in range(1, rows + 1) if rows % n == 0 and n <= max(wanted, 1))


def staged(
    nodes: Sequence[Node], order: Sequence[Node], root: Callable[[int], int], kept: set[int]
) -> Split:
    """Return which nodes are computed by slices, and in which stage; sizes are still to be set.

    Args:
        nodes: all nodes by place.
        order: those to compute.
        root: what a view looks at in the end.
        kept: the values that are outputs.
    """
    whole: set[int] = set()
    while True:
        found = _assigned(nodes, order, whole)
        wrong = _unstorable(order, found, root, kept)
        if not wrong:
            return found
        whole |= wrong


def _assigned(nodes: Sequence[Node], order: Sequence[Node], whole: set[int]) -> Split:
    split = Split(1, 1, 1)
    axis, stage = split.axis, split.stage
    for node in order:
        axes = [_readable(nodes[s], axis) for s in node.sources]
        made = None if node.place in whole else sliced_axis(node, nodes, axes)
        if node.op is None:  # the rows of a table: any slice of them can be picked
            made = 0
        if made is None:
            at = max((_after(s, axis, stage) for s in node.sources), default=0)
        else:
            at = max((_within(s, axis, stage) for s in node.sources), default=1)
        axis[node.place], stage[node.place] = made, at
    return split


def _readable(node: Node, axis: Mapping[int, Axis]) -> int | None:
    """The axis along which a slice of a value may be read."""
    known = axis.get(node.place)
    if isinstance(known, int):
        return known
    return node.batch if known is None and node.constant is None else None


def _after(place: int, axis: Mapping[int, Axis], stage: Mapping[int, int]) -> int:
    """The first stage of the whole batch in which a value is complete."""
    return stage.get(place, 0) + (0 if axis.get(place) is None else 1)


def _within(place: int, axis: Mapping[int, Axis], stage: Mapping[int, int]) -> int:
    """The first stage of slices in which a value, or its slice, may be read."""
    at = stage.get(place, 0)
    if isinstance(axis.get(place), int):
        return at
    return at + (2 if axis.get(place) == SUM else 1)


def sliced_axis(node: Node, nodes: Sequence[Node], axes: Sequence[int | None]) -> Axis:
    """Return the axis of the batch in a node's value when it is computed for a slice alone."""
    if node.op is None:
        return None
    if type(node.op) in DRAWN and node.batch == 0 and DRAWN[type(node.op)][1](node.op):
        return 0
    if all(a is None for a in axes):
        return None
    if node.op.elementwise:
        if kernel_of(node, nodes) is None and type(node.op) not in VIEWS:
            return None
        return _elementwise(node, nodes, axes)
    rule = SLICES.get(type(node.op))
    known = type(node.op) in LOWERINGS or type(node.op) in VIEWS
    if rule is None or not known:
        return None
    shapes = tuple(nodes[s].shape for s in node.sources)
    made: Axis = rule(node.op, node.shape, shapes, tuple(axes))
    if isinstance(made, int) and node.batch != made:
        return None
    if made == SUM and (symbols(node.tensor.shape) or node.op.symbols()):
        return None  # of a slice it would be smaller
    return made


def _elementwise(node: Node, nodes: Sequence[Node], axes: Sequence[int | None]) -> Axis:
    along = {
        a + len(node.shape) - len(nodes[s].shape)
        for s, a in zip(node.sources, axes, strict=True)
        if a is not None
    }
    if len(along) != 1 or node.batch not in along:
        return None
    (axis,) = along
    for s, a in zip(node.sources, axes, strict=True):
        shape = nodes[s].shape
        own = axis - (len(node.shape) - len(shape))
        if a is None and own >= 0 and shape[own] != 1:
            return None
    return axis


def _unstorable(
    order: Sequence[Node], split: Split, root: Callable[[int], int], kept: set[int]
) -> set[int]:
    """The nodes that others need whole though their slices do not lie one after another."""
    wrong: set[int] = set()
    for node in order:
        at = split.stage[node.place]
        for source in node.sources:
            elsewhere = split.stage.get(source) != at or split.axis[node.place] is None
            if elsewhere or split.stage.get(root(source)) != at:
                wrong |= {p for p in (source, root(source)) if _is_scattered(p, split)}
    return wrong | {p for p in kept if _is_scattered(p, split)}


def _is_scattered(place: int, split: Split) -> bool:
    """Whether the slices of a value are not blocks of whole rows."""
    return split.axis.get(place) not in (None, 0, SUM)


def sliced_node(node: Node, sizes: Mapping[str, int]) -> Node:
    """Return the node as a slice sees it: sizes of the batch are the slice's."""
    op = node.op
    if op is not None and type(op) is type(node.tensor.op):  # else the planner's own op: no sizes
        op = node.tensor.op.bind(sizes)
    shape = tuple(bind(size, sizes) for size in node.tensor.shape)
    return replace(node, op=op, shape=shape)
