"""Long chains folded into columns, as text is in a newspaper."""

from __future__ import annotations

from collections.abc import Sequence

from glassnet.explain.diagram.layering import Wire
from glassnet.explain.diagram.layout import Layout, downwards, turned_back
from glassnet.explain.diagram.placing import Box
from glassnet.explain.diagram.writing import Point

_PER_COLUMN, _MOST_COLUMNS = 14, 4
_PER_ROW = 6
_GUTTER = 44.0
_TURN = 12.0
"""How far from a box a wire turns on its way to the next column."""
_TOP = 34.0


def columns_for(boxes: int, turned: bool) -> int:
    """Return into how many columns (or, turned, rows) a chain of boxes is folded; 1 leaves it."""
    if turned:
        return -(-boxes // _PER_ROW)
    return min(_MOST_COLUMNS, -(-boxes // _PER_COLUMN))


def is_chain(boxes: int, wires: Sequence[Wire]) -> bool:
    """Tell whether every box is joined to the next one, and to nothing else."""
    pairs = [(wire.source, wire.target) for wire in wires]
    return boxes > 1 and pairs == [(i, i + 1) for i in range(boxes - 1)]


def folded(boxes: Sequence[Box], columns: int, gap: float, turned: bool) -> Layout:
    """Return where the boxes and wires of a chain are, in columns of equal numbers."""
    boxes = downwards(boxes, turned)
    per = -(-len(boxes) // columns)
    width = max(box.width for box in boxes)
    middles: list[Point] = []
    y = 0.0
    for number, box in enumerate(boxes):
        if number % per == 0:
            y = _TOP
        middles.append((width / 2 + (width + _GUTTER) * (number // per), y + box.height / 2))
        y += box.height + gap
    lowest = max(y + box.height / 2 for (_, y), box in zip(middles, boxes, strict=True))
    routes = []
    for number in range(len(boxes) - 1):
        (x, y), (next_x, next_y) = middles[number], middles[number + 1]
        start, end = y + boxes[number].height / 2, next_y - boxes[number + 1].height / 2
        route = [(x, start), (next_x, end)]
        if next_x != x:
            gutter = x + (width + _GUTTER) / 2
            turn = end - _TOP + _TURN
            route[1:1] = [(x, lowest + _TURN), (gutter, lowest + _TURN), (gutter, turn)]
            route.insert(-1, (next_x, turn))
        routes.append(tuple(route))
    found = Layout(tuple(middles), tuple(routes), max(x for x, _ in middles) + width / 2, 0.0)
    return turned_back(found, lowest + 1.5 * _TURN, turned)
