"""Where boxes and waypoints stand across their rows.

Boxes that follow each other along the longest way are put in one line, and so are the waypoints of
a wire; such chains are then moved as wholes, towards the middle of what they are joined to.

Source: U. Brandes, B. Köpf, "Fast and Simple Horizontal Coordinate Assignment", Graph Drawing 2001
(chains of aligned nodes that do not cross).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from glassnet.explain.diagram.layering import Layered, Segment

BETWEEN_BOXES = 26.0
BETWEEN_WIRES = 16.0
"""The room between two boxes, and between a waypoint and its neighbour."""
_ROUNDS = 24


@dataclass(frozen=True)
class Box:
    """What is placed: its size, and where its wires are joined, from its middle.

    ``inputs`` and ``outputs`` are None where wires may come to any place of the side.
    """

    width: float
    height: float
    inputs: tuple[float, ...] | None = None
    outputs: tuple[float, ...] | None = None


def placed(found: Layered, boxes: Sequence[Box]) -> tuple[list[float], set[int]]:
    """Return the middle of each node across its row, and the numbers of the straight segments."""
    straight = _aligned(found, boxes)
    chain, shift = _chains(found, boxes, straight)
    apart = _apart(found, boxes, chain, shift)
    x = _packed(apart, sorted(set(chain)))
    _drawn_together(found, boxes, chain, shift, apart, x)
    # Whole pixels: places that are almost the same are the same.
    places = [round(x[chain[node]]) + shift[node] for node in range(len(found.nodes))]
    return places, straight


def port_out(found: Layered, boxes: Sequence[Box], segment: Segment) -> float:
    """Return where a segment begins, from the middle of its upper node."""
    box = found.nodes[segment.upper].box
    outputs = boxes[box].outputs if box is not None else None
    return outputs[segment.output[1]] if outputs else 0.0


def port_in(found: Layered, boxes: Sequence[Box], segment: Segment, places: Sequence[int]) -> float:
    """Return where a segment ends, from the middle of its lower node."""
    box = found.nodes[segment.lower].box
    inputs = boxes[box].inputs if box is not None else None
    if inputs is None or segment.wire is None:
        return 0.0
    return inputs[places[segment.wire]]


def _aligned(found: Layered, boxes: Sequence[Box]) -> set[int]:
    """Choose the segments that are straight: one above and one below each node, none crossing."""
    order = {node: i for row in found.rows for i, node in enumerate(row)}
    taken: dict[int, list[tuple[int, int]]] = defaultdict(list)
    above: set[int] = set()
    below: set[int] = set()
    chosen: set[int] = set()
    for number in sorted(range(len(found.segments)), key=lambda i: _rank(found, i)):
        segment = found.segments[number]
        if segment.upper in below or segment.lower in above:
            continue
        between_waypoints = segment.wire is None and found.is_waypoint(segment.upper)
        if not between_waypoints and _is_tied(found, segment):
            continue
        pairs = taken[found.nodes[segment.upper].row]
        pair = (order[segment.upper], order[segment.lower])
        at = bisect_left(pairs, pair)
        if (at and pairs[at - 1][1] > pair[1]) or (at < len(pairs) and pairs[at][1] < pair[1]):
            continue
        pairs.insert(at, pair)
        below.add(segment.upper)
        above.add(segment.lower)
        chosen.add(number)
    return chosen


def _rank(found: Layered, number: int) -> tuple[int, int, int]:
    """Which segments are straight first: between waypoints, then along the longest ways."""
    segment = found.segments[number]
    ends = [found.is_waypoint(node) for node in (segment.upper, segment.lower)]
    if all(ends):
        return (0, 0, number)
    if any(ends):
        return (2, 0, number)
    return (1, -_length(found, segment), number)


def _length(found: Layered, segment: Segment) -> int:
    boxes = [found.nodes[node].box for node in (segment.upper, segment.lower)]
    return min(found.longest[box] for box in boxes if box is not None)


def _is_tied(found: Layered, segment: Segment) -> bool:
    """Tell whether other ways meet or part here that are as long: none of them is the main one."""
    sides = (
        (segment.upper, found.above[segment.lower]),
        (segment.lower, found.below[segment.upper]),
    )
    return not all(_is_main(found, own, dict.fromkeys(near)) for own, near in sides)


def _is_main(found: Layered, own: int, near: Iterable[int]) -> bool:
    """Tell whether the longest of the ways goes through ``own``, and no other as long."""
    if len(list(near)) == 1:
        return True
    if found.is_waypoint(own):
        return False
    boxes = [found.nodes[node].box for node in near if node != own]
    lengths = [found.longest[box] for box in boxes if box is not None]
    box = found.nodes[own].box
    assert box is not None
    return found.longest[box] > max(lengths, default=-1)


def _chains(
    found: Layered, boxes: Sequence[Box], straight: set[int]
) -> tuple[list[int], list[float]]:
    """The chain of each node, called by its first, and where the node stands on it."""
    places = wire_places(found)
    count = len(found.nodes)
    chain, shift = list(range(count)), [0.0] * count
    for number in sorted(straight, key=lambda i: found.nodes[found.segments[i].upper].row):
        segment = found.segments[number]
        chain[segment.lower] = chain[segment.upper]
        out, into = port_out(found, boxes, segment), port_in(found, boxes, segment, places)
        shift[segment.lower] = shift[segment.upper] + out - into
    return chain, shift


def wire_places(found: Layered) -> list[int]:
    """Return for each wire which input of its box it is: they are counted as they are given."""
    count: dict[int, int] = defaultdict(int)
    ends = sorted((s.wire, s.lower) for s in found.segments if s.wire is not None)
    places = []
    for _, lower in ends:
        places.append(count[lower])
        count[lower] += 1
    return places


Apart = dict[int, dict[int, float]]
"""For each chain those to its right, and how far right of it they must stand."""


def _apart(
    found: Layered, boxes: Sequence[Box], chain: Sequence[int], shift: Sequence[float]
) -> Apart:
    def half(node: int) -> float:
        box = found.nodes[node].box
        return boxes[box].width / 2 if box is not None else 0.0

    apart: Apart = defaultdict(dict)
    for row in found.rows:
        for a, b in pairwise(row):
            wired = found.is_waypoint(a) or found.is_waypoint(b)
            room = half(a) + half(b) + (BETWEEN_WIRES if wired else BETWEEN_BOXES)
            needed = room + shift[a] - shift[b]
            known = apart[chain[a]].get(chain[b], -1e9)
            apart[chain[a]][chain[b]] = max(known, needed)
    return apart


def _packed(apart: Apart, chains: Sequence[int]) -> dict[int, float]:
    """Each chain as far left as the others let it."""
    waiting: dict[int, int] = dict.fromkeys(chains, 0)
    for right in apart.values():
        for other in right:
            waiting[other] += 1
    ready = [c for c in chains if not waiting[c]]
    x = dict.fromkeys(chains, 0.0)
    while ready:
        first = ready.pop()
        for other, room in apart.get(first, {}).items():
            x[other] = max(x[other], x[first] + room)
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
    return x


def _drawn_together(
    found: Layered,
    boxes: Sequence[Box],
    chain: Sequence[int],
    shift: Sequence[float],
    apart: Apart,
    x: dict[int, float],
) -> None:
    """Move every chain towards the middle of what it is joined to, as far as its room allows."""
    wishes = _wishes(found, boxes, chain, shift)
    left: dict[int, dict[int, float]] = defaultdict(dict)
    for first, others in apart.items():
        for other, room in others.items():
            left[other][first] = room
    for round_number in range(_ROUNDS):
        moved = 0.0
        for one in sorted(x, key=lambda c: x[c], reverse=round_number % 2 == 0):
            if not wishes[one]:
                continue
            wish = _median([x[other] + far for other, far in wishes[one]])
            low = max((x[o] + room for o, room in left[one].items()), default=-1e9)
            high = min((x[o] - room for o, room in apart.get(one, {}).items()), default=1e9)
            new = max(low, min(wish, high))
            moved = max(moved, abs(new - x[one]))
            x[one] = new
        if moved < 0.01:
            break


def _wishes(
    found: Layered, boxes: Sequence[Box], chain: Sequence[int], shift: Sequence[float]
) -> Mapping[int, list[tuple[int, float]]]:
    """For each chain the others that it is joined to, and where from them it would stand best."""
    places = wire_places(found)
    wishes: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for segment in found.segments:
        upper, lower = chain[segment.upper], chain[segment.lower]
        if upper == lower:
            continue
        begin = shift[segment.upper] + port_out(found, boxes, segment)
        end = shift[segment.lower] + port_in(found, boxes, segment, places)
        wishes[upper].append((lower, end - begin))
        wishes[lower].append((upper, begin - end))
    return wishes


def _median(values: list[float]) -> float:
    values.sort()
    half = len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2
