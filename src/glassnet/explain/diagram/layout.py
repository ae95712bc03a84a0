"""Boxes and wires on a plane: where each box stands and which way each wire takes.

Everything is laid out downwards; what runs to the right is laid out downwards and turned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from glassnet.explain.diagram.layering import Layered, Segment, Wire, layered
from glassnet.explain.diagram.placing import Box, placed, port_in, port_out, wire_places
from glassnet.explain.diagram.writing import Point

_TRACK = 9.0
"""The room between two wires that run beside each other."""
_ABOVE, _BELOW = 9.0, 17.0
"""The room between a row and the first wire along it; an arrow's head has its place above a box."""
_PORTS = 22.0
"""The room between the arrows that come to one box."""
_STRAIGHT = 0.3
"""A wire that begins within this part of a box's side about the middle goes straight down to it."""


@dataclass(frozen=True)
class Layout:
    """Where everything is: the middles of the boxes, and the corners of each wire."""

    middles: tuple[Point, ...]
    routes: tuple[tuple[Point, ...], ...]
    width: float
    height: float


def laid_out(
    boxes: Sequence[Box],
    wires: Sequence[Wire],
    *,
    gap: float = 26.0,
    turned: bool = False,
    last: Sequence[int] = (),
) -> Layout:
    """Return where boxes and wires are, from the left top corner of all.

    Args:
        boxes: the boxes.
        wires: the wires; no way along them comes back to where it began.
        gap: the least room between two rows.
        turned: whether rows are columns, and wires run to the right.
        last: boxes that stand in the last row.
    """
    if not boxes:
        return Layout((), (), 0.0, 0.0)
    boxes = downwards(boxes, turned)
    found = layered(len(boxes), wires, last)
    across, straight = placed(found, boxes)
    rows = _Rows(found, boxes, across, straight, gap)
    left = min(x - box.width / 2 for x, box in zip(across, boxes, strict=False))
    left = min([left, *(x for route in rows.routes for x, _ in route)])
    middles = [(x - left, rows.middle(node)) for node, x in enumerate(across[: len(boxes)])]
    routes = [tuple((x - left, y) for x, y in route) for route in rows.routes]
    width = max(x + box.width / 2 for (x, _), box in zip(middles, boxes, strict=True))
    width = max([width, *(x for route in routes for x, _ in route)])
    return turned_back(Layout(tuple(middles), tuple(routes), width, 0.0), rows.height, turned)


def downwards(boxes: Sequence[Box], turned: bool) -> list[Box]:
    """Return the boxes as they are laid out; those to be turned have their sides exchanged."""
    if not turned:
        return list(boxes)
    return [replace(box, width=box.height, height=box.width) for box in boxes]


def turned_back(layout: Layout, height: float, turned: bool) -> Layout:
    """Return a layout that is ``height`` high, turned where it runs to the right."""
    if not turned:
        return replace(layout, height=height)
    return Layout(
        tuple((y, x) for x, y in layout.middles),
        tuple(tuple((y, x) for x, y in route) for route in layout.routes),
        height,
        layout.width,
    )


class _Rows:
    """The rows with their heights, the wires between them, and the routes that follow."""

    def __init__(
        self,
        found: Layered,
        boxes: Sequence[Box],
        across: Sequence[float],
        straight: set[int],
        gap: float,
    ) -> None:
        self.found, self.boxes, self.across = found, boxes, across
        self.begins, self.ends, loose = _ports(found, boxes, across, straight)
        between: dict[int, list[int]] = defaultdict(list)
        for number, segment in enumerate(found.segments):
            between[found.nodes[segment.upper].row].append(number)
        self.tops: list[float] = []
        self.bottoms: list[float] = []
        self.levels: dict[int, float] = {}
        y = 0.0
        for number, row in enumerate(found.rows):
            heights = [self._box_height(node) for node in row]
            self.tops.append(y)
            self.bottoms.append(y + max(heights, default=0.0))
            tracks, count = _tracks(found.segments, between[number], self.begins, self.ends, loose)
            room = max(gap, _ABOVE + _TRACK * (count - 1) + _BELOW) if tracks else gap
            first = self.bottoms[-1] + (room - _TRACK * (count - 1) - (_BELOW - _ABOVE)) / 2
            for segment_number, track in tracks.items():
                self.levels[segment_number] = first + _TRACK * track
            y = self.bottoms[-1] + room
        self.height = self.bottoms[-1]
        self.routes = self._routes()

    def _box_height(self, node: int) -> float:
        box = self.found.nodes[node].box
        return self.boxes[box].height if box is not None else 0.0

    def middle(self, node: int) -> float:
        """Return the middle of a node along the wires: the boxes of a row begin together."""
        return self.tops[self.found.nodes[node].row] + self._box_height(node) / 2

    def _routes(self) -> list[tuple[Point, ...]]:
        into = {s.lower: i for i, s in enumerate(self.found.segments) if s.wire is None}
        routes: dict[int, tuple[Point, ...]] = {}
        for number, segment in enumerate(self.found.segments):
            if segment.wire is None:
                continue
            way = [number]
            while self.found.is_waypoint(self.found.segments[way[0]].upper):
                way.insert(0, into[self.found.segments[way[0]].upper])
            routes[segment.wire] = self._route(way)
        return [routes[number] for number in sorted(routes)]

    def _route(self, way: list[int]) -> tuple[Point, ...]:
        first, last = self.found.segments[way[0]], self.found.segments[way[-1]]
        top = self.middle(first.upper) + self._box_height(first.upper) / 2
        points = [(self.begins[way[0]], top)]
        for number in way:
            if number in self.levels:
                points.append((self.begins[number], self.levels[number]))
                points.append((self.ends[number], self.levels[number]))
        bottom = self.middle(last.lower) - self._box_height(last.lower) / 2
        return (*points, (self.ends[way[-1]], bottom))


def _ports(
    found: Layered, boxes: Sequence[Box], across: Sequence[float], straight: set[int]
) -> tuple[list[float], list[float], set[int]]:
    """Where each segment begins and ends across the rows, and whose ends may still be moved."""
    places = wire_places(found)
    begins = [across[s.upper] + port_out(found, boxes, s) for s in found.segments]
    ends = [across[s.lower] + port_in(found, boxes, s, places) for s in found.segments]
    coming: dict[int, list[int]] = defaultdict(list)
    for number, segment in enumerate(found.segments):
        box = found.nodes[segment.lower].box
        if box is not None and boxes[box].inputs is None:
            coming[segment.lower].append(number)
    for node, numbers in coming.items():
        box = found.nodes[node].box
        assert box is not None
        numbers.sort(key=lambda i: (begins[i], i))
        reach = max(0.0, boxes[box].width / 2 - 9)
        offsets = [begins[i] - across[node] for i in numbers]
        middle, base = _anchor(offsets, numbers, straight, reach * _STRAIGHT)
        # Where many come from one side of the straight one, they stand closer.
        before, after = max(middle, 1), max(len(numbers) - 1 - middle, 1)
        pitch = min(_PORTS, max(0.0, reach + base) / before, max(0.0, reach - base) / after)
        for i, number in enumerate(numbers):
            ends[number] = across[node] + base + pitch * (i - middle)
            if abs(ends[number] - begins[number]) < 1:
                ends[number] = begins[number]  # no wire has a bend that one does not see
    return begins, ends, {number for numbers in coming.values() for number in numbers}


def _anchor(
    offsets: Sequence[float], numbers: Sequence[int], straight: set[int], most: float
) -> tuple[float, float]:
    """Which of the wires to a box goes straight down, and where it comes from the middle.

    Without one it is as if a wire came to the middle, with as many on either side.
    """
    for i, number in enumerate(numbers):
        if number in straight:
            return i, 0.0
    nearest = min(range(len(offsets)), key=lambda i: abs(offsets[i]))
    if abs(offsets[nearest]) <= most:
        return nearest, offsets[nearest]
    return (len(numbers) - 1) / 2, 0.0


def _tracks(
    segments: Sequence[Segment],
    numbers: Sequence[int],
    begins: Sequence[float],
    ends: list[float],
    loose: set[int],
) -> tuple[dict[int, int], int]:
    """Give each bent segment a track between its rows; those from one output share theirs."""
    groups: dict[tuple[int, tuple[int, int]], list[int]] = defaultdict(list)
    for number in numbers:
        if abs(begins[number] - ends[number]) > 0.5:
            groups[segments[number].upper, segments[number].output].append(number)
    trunks = [_Trunk(begins[of[0]], [ends[n] for n in of], of) for of in groups.values()]
    trunks.sort(key=lambda trunk: trunk.order)
    tracks: dict[int, int] = {}
    laid: list[_Trunk] = []
    waiting = list(trunks)
    while waiting:
        free = [t for t in waiting if not any(o is not t and o.above(t) for o in waiting)]
        trunk = free[0] if free else waiting[0]  # wires that change places: one has to give way
        if not free:
            _step_aside(trunk, waiting, ends, loose)
        waiting.remove(trunk)
        least = max((o.track + 1 for o in laid if o.above(trunk)), default=0)
        while any(o.track == least and o.overlaps(trunk) for o in laid):
            least += 1
        trunk.track = least
        laid.append(trunk)
        tracks.update(dict.fromkeys(trunk.numbers, least))
    return tracks, max((t.track for t in laid), default=0) + 1


def _step_aside(
    trunk: _Trunk, others: Sequence[_Trunk], ends: list[float], loose: set[int]
) -> None:
    """Move the ends of wires at boxes away from where others begin."""
    for place, number in enumerate(trunk.numbers):
        taken = [o.begin for o in others if o is not trunk and abs(o.begin - ends[number]) < 4]
        if taken and number in loose:
            ends[number] = trunk.ends[place] = taken[0] + (5 if ends[number] > taken[0] else -5)


class _Trunk:
    """Where the wires from one output run along a row."""

    def __init__(self, begin: float, ends: list[float], numbers: list[int]) -> None:
        self.begin, self.ends, self.numbers = begin, ends, numbers
        self.low, self.high = min(begin, *ends), max(begin, *ends)
        self.track = 0

    @property
    def order(self) -> tuple[float, ...]:
        """Which comes first, so that few cross: of those to the right, the rightmost."""
        right = self.high - self.begin >= self.begin - self.low
        return (0, -self.begin) if right else (1, self.begin)

    def above(self, other: _Trunk) -> bool:
        """Tell whether it must run above the other, so that their ends do not lie on each other."""
        return any(abs(self.begin - end) < 4 for end in other.ends)

    def overlaps(self, other: _Trunk) -> bool:
        """Tell whether they would touch on one track."""
        return self.low < other.high + 6 and other.low < self.high + 6
