"""Layers of a drawing: which box stands in which row, and in which order, so that few wires cross.

A wire that passes several rows passes each at a place of its own, a waypoint. All wires from one
output share their waypoints, for they carry the same tensor.

Sources: K. Sugiyama, S. Tagawa, M. Toda, "Methods for Visual Understanding of Hierarchical System
Structures", IEEE Transactions on Systems, Man, and Cybernetics 11, 1981 (rows, waypoints,
barycentres); E. Gansner et al., "A Technique for Drawing Directed Graphs", IEEE Transactions on
Software Engineering 19, 1993 (exchanging neighbours).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

SWEEPS = 12
"""How often the rows are gone through, downwards and upwards in turn."""
_MOST_EXCHANGED = 400
"""Rows of more nodes than this are ordered by barycentres alone."""


@dataclass(frozen=True)
class Wire:
    """A tensor on its way: from an output of one box to an input of another."""

    source: int
    target: int
    output: int = 0
    place: int = 0


@dataclass
class Node:
    """What stands in a row: a box (its number), or a waypoint of the wires from one output."""

    box: int | None
    row: int
    output: tuple[int, int] | None = None
    """For a waypoint, the box and the number of its output."""


@dataclass(frozen=True)
class Segment:
    """A piece of a wire from a node to one in the next row."""

    upper: int
    lower: int
    output: tuple[int, int]
    wire: int | None = None
    """The wire that ends here, where it does."""


@dataclass
class Layered:
    """Boxes and waypoints in rows, joined by segments from each row to the next."""

    nodes: list[Node]
    rows: list[list[int]]
    """The nodes of each row, from left to right."""
    segments: list[Segment]
    longest: list[int]
    """For each box, over how many wires the longest way through it goes."""
    below: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    above: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    def is_waypoint(self, node: int) -> bool:
        """Tell whether it is a waypoint."""
        return self.nodes[node].box is None


def layered(count: int, wires: Sequence[Wire], last: Sequence[int] = ()) -> Layered:
    """Return boxes 0 … count - 1 in rows and order.

    Args:
        count: the number of boxes.
        wires: the wires; every source comes before its target.
        last: boxes that stand in the last row.
    """
    rows, longest = _rows(count, wires, last)
    found = _with_waypoints(rows, wires, longest)
    _order(found)
    return found


# --- rows -------------------------------------------------------------------------------------
def _rows(count: int, wires: Sequence[Wire], last: Sequence[int]) -> tuple[list[int], list[int]]:
    """The row of each box, by the longest way to it; and the longest ways through the boxes."""
    down: list[list[int]] = [[] for _ in range(count)]
    up: list[list[int]] = [[] for _ in range(count)]
    for wire in wires:
        down[wire.source].append(wire.target)
        up[wire.target].append(wire.source)
    row, rest = [0] * count, [0] * count
    order = _topological(count, down, up)
    for box in order:
        row[box] = max((row[u] + 1 for u in up[box]), default=0)
    for box in reversed(order):
        rest[box] = max((rest[v] + 1 for v in down[box]), default=0)
    longest = [a + b for a, b in zip(row, rest, strict=True)]
    for box in order:  # an input that is needed late stands near its use
        if not up[box] and down[box]:
            row[box] = min(row[v] for v in down[box]) - 1
    for box in last:
        row[box] = max(row)
    return row, longest


def _topological(count: int, down: list[list[int]], up: list[list[int]]) -> list[int]:
    waiting = [len(u) for u in up]
    ready = [box for box in range(count) if not waiting[box]]
    order = []
    while ready:
        box = ready.pop(0)
        order.append(box)
        for target in down[box]:
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    if len(order) != count:
        raise ValueError("The wires run in a circle; a network's never do.")
    return order


def _with_waypoints(rows: list[int], wires: Sequence[Wire], longest: list[int]) -> Layered:
    nodes = [Node(box, row) for box, row in enumerate(rows)]
    found = Layered(nodes, [[] for _ in range(max(rows, default=-1) + 1)], [], longest)
    ways: dict[tuple[int, int], list[int]] = {}
    for number, wire in enumerate(wires):
        output = (wire.source, wire.output)
        way = ways.setdefault(output, [wire.source])
        while nodes[way[-1]].row < rows[wire.target] - 1:
            nodes.append(Node(None, nodes[way[-1]].row + 1, output))
            found.segments.append(Segment(way[-1], len(nodes) - 1, output))
            way.append(len(nodes) - 1)
        before = way[rows[wire.target] - 1 - rows[wire.source]]
        found.segments.append(Segment(before, wire.target, output, number))
    for segment in found.segments:
        found.below[segment.upper].append(segment.lower)
        found.above[segment.lower].append(segment.upper)
    return found


# --- order ------------------------------------------------------------------------------------
def _order(found: Layered) -> None:
    """Order the rows: first as a walk along the longest ways meets them, then by barycentres."""
    _walk(found)
    best = [list(row) for row in found.rows]
    fewest = _all_crossings(found)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        _by_barycentres(found, down)
        _exchange(found)
        count = _all_crossings(found)
        if count < fewest:
            best, fewest = [list(row) for row in found.rows], count
    found.rows[:] = best


def _walk(found: Layered) -> None:
    def weight(node: int) -> tuple[bool, int, int]:
        box = found.nodes[node].box
        return (box is None, -found.longest[box] if box is not None else 0, node)

    seen: set[int] = set()
    starts = [n for n in range(len(found.nodes)) if not found.above[n]]
    # Of several inputs each stands where it was named, whichever way is the longest.
    waiting = list(reversed(starts))
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        found.rows[found.nodes[node].row].append(node)
        waiting += sorted(found.below[node], key=weight, reverse=True)


def _positions(row: Sequence[int]) -> dict[int, int]:
    return {node: place for place, node in enumerate(row)}


def _by_barycentres(found: Layered, down: bool) -> None:
    numbers = range(1, len(found.rows)) if down else range(len(found.rows) - 2, -1, -1)
    for number in numbers:
        row = found.rows[number]
        fixed = _positions(found.rows[number - 1 if down else number + 1])
        neighbours = found.above if down else found.below
        own = _positions(row)

        def centre(
            node: int,
            fixed: dict[int, int] = fixed,
            neighbours: dict[int, list[int]] = neighbours,
            own: dict[int, int] = own,
        ) -> float:
            near = neighbours[node]
            return sum(fixed[n] for n in near) / len(near) if near else float(own[node])

        row.sort(key=centre)  # stable: equal ones keep their order


def _exchange(found: Layered) -> None:
    """Exchange neighbours as long as fewer wires cross for it."""
    for number, row in enumerate(found.rows):
        if len(row) > _MOST_EXCHANGED:
            continue
        upper = _positions(found.rows[number - 1]) if number else {}
        lower = _positions(found.rows[number + 1]) if number + 1 < len(found.rows) else {}
        improved = True
        while improved:
            improved = False
            for i in range(len(row) - 1):
                a, b = row[i], row[i + 1]
                now = then = 0
                for places, near in ((upper, found.above), (lower, found.below)):
                    left = sorted(places[n] for n in near[a])
                    right = sorted(places[n] for n in near[b])
                    now += _pairs_above(left, right)
                    then += _pairs_above(right, left)
                if then < now:
                    row[i], row[i + 1] = b, a
                    improved = True


def _pairs_above(left: list[int], right: list[int]) -> int:
    """How many pairs have the left one's end to the right of the right one's."""
    return sum(bisect_left(right, place) for place in left)


def _all_crossings(found: Layered) -> int:
    return sum(crossings(found, number) for number in range(len(found.rows) - 1))


def crossings(found: Layered, number: int) -> int:
    """Return how many segments cross between a row and the next."""
    lower = _positions(found.rows[number + 1])
    count, seen = 0, list[int]()
    for node in found.rows[number]:
        places = sorted(lower[n] for n in found.below[node])
        for place in places:
            count += len(seen) - _not_above(seen, place)
        for place in places:
            insort(seen, place)
    return count


def _not_above(seen: list[int], place: int) -> int:
    return bisect_left(seen, place + 1)
