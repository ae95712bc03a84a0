"""The corners of wires: where one leaves another, and those that are none."""

from __future__ import annotations

from collections.abc import Sequence

from glassnet.explain.diagram.writing import Point


def parting(points: list[Point], others: list[list[Point]], radius: float) -> list[Point]:
    """The part of a wire from where it leaves those drawn before; a corner's length before that."""
    shared = [_shared(points, other) for other in others]
    if not shared:
        return points
    index, point = max(shared, key=lambda found: (found[0], _distance(points[found[0]], found[1])))
    back = min(radius, _distance(points[index], point))
    share = back / (_distance(points[index], point) or 1.0)
    start = (
        point[0] + (points[index][0] - point[0]) * share,
        point[1] + (points[index][1] - point[1]) * share,
    )
    rest = points[index + 1 :]
    return [start, point, *rest] if point != rest[0] else [start, *rest]


def _shared(points: list[Point], other: list[Point]) -> tuple[int, Point]:
    """The last corner that both have in common from their start, and where beyond it they part."""
    index = 0
    while index + 2 < min(len(points), len(other)) and points[index + 1] == other[index + 1]:
        index += 1
    here, ours, theirs = points[index], points[index + 1], other[index + 1]
    for axis in (0, 1):
        across = 1 - axis
        if here[across] == ours[across] == theirs[across]:
            way, their_way = ours[axis] - here[axis], theirs[axis] - here[axis]
            if way * their_way > 0:
                return index, ours if abs(way) < abs(their_way) else theirs
    return index, here


def _distance(a: Point, b: Point) -> float:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def without_repeats(points: Sequence[Point]) -> list[Point]:
    """The corners alone: points that follow each other apart, and no three in one line."""
    kept: list[Point] = []
    for point in points:
        if kept and abs(kept[-1][0] - point[0]) < 0.01 and abs(kept[-1][1] - point[1]) < 0.01:
            continue
        if len(kept) > 1 and any(
            abs(kept[-2][axis] - point[axis]) < 0.01 and abs(kept[-1][axis] - point[axis]) < 0.01
            for axis in (0, 1)
        ):
            kept.pop()
        kept.append(point)
    return kept
