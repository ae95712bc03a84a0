"""Curves, points and bars over two axes, as SVG in the colours of the page around."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from glassnet.explain.diagram.chart import STYLES, Axis, short, ticks
from glassnet.explain.diagram.measuring import width_of
from glassnet.explain.diagram.palette import SIZES, class_of, style_of
from glassnet.explain.diagram.writing import clean, element, figure, text_at

POINTS = 1500
"""So many points are drawn at most: more hide each other."""

_WIDTH = 340.0
_LEFT, _RIGHT, _BELOW, _LINE = 54.0, 12.0, 42.0, 17.0


@dataclass(frozen=True, eq=False)
class Line:
    """A curve through points.

    Args:
        name: what it is called; a line without a name stands in no legend.
        x, y: its points.
        bars: low and high ends of an interval at each point, (points, 2).
        marked: whether each point is a dot.
        faint: whether it is a line of reference.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    bars: np.ndarray | None = None
    marked: bool = False
    faint: bool = False


@dataclass(frozen=True, eq=False)
class Plane:
    """Two axes and what is drawn between them.

    Args:
        title: what stands above.
        below: the name of the x axis.
        beside: the name of the y axis, written above it.
        x, y: the ends of the axes.
        lines: the curves, at most four that are not faint.
        points: places of dots, (points, 2).
        counts: heights of bars, with their ``edges``, one more.
        height: of the frame in pixels.
        room: of so many lines for the legend at least, so that frames side by side begin together.
    """

    title: str
    below: str
    beside: str
    x: tuple[float, float]
    y: tuple[float, float]
    lines: Sequence[Line] = ()
    points: np.ndarray | None = None
    counts: np.ndarray | None = None
    edges: np.ndarray = field(default_factory=lambda: np.zeros(0))
    height: float = 250.0
    room: int = 0

    def svg(self, said: str) -> str:
        """Return the picture; ``said`` is what it shows, in numbers, for those who don't see it."""
        named = [line for line in self.lines if line.name]
        top = 50.0 + _LINE * max(len(named), self.room)
        across = Axis(*self.x, _LEFT, _WIDTH - _RIGHT)
        up = Axis(*self.y, top + self.height, top)
        parts = [text_at(2.0, 15.0, self.title, "title ink")]
        parts += self._legend(named)
        parts += self._frame(across, up)
        if self.counts is not None:
            parts += self._bars(across, up)
        if self.points is not None:
            parts.append(self._dots(across, up))
        for line in reversed(self.lines):
            parts.append(self._drawn(line, across, up))
        total = top + self.height + _BELOW
        return element(
            "svg", f"<title>{clean(self.title)}</title>{style_of('page')}" + "".join(parts),
            xmlns="http://www.w3.org/2000/svg", class_=class_of("page"), role="img",
            aria_label=f"{self.title}. {said}", viewBox=f"0 0 {figure(_WIDTH)} {figure(total)}",
            width=_WIDTH, height=total, style="max-width:100%;height:auto",
        )  # fmt: skip

    def _look(self, line: Line) -> str:
        if line.faint:
            return "wire"
        solid = [other for other in self.lines if not other.faint]
        return f"curve {STYLES[next(i for i, o in enumerate(solid) if o is line) % len(STYLES)]}"

    def _legend(self, named: Sequence[Line]) -> Iterator[str]:
        for number, line in enumerate(named):
            y = 22.0 + _LINE * number
            faint = "stroke-dasharray:2 3" if line.faint else None
            yield element("path", d=f"M2 {figure(y + 8)}h22", class_=self._look(line), style=faint)
            yield text_at(30.0, y + 12, line.name, "text ink")

    def _frame(self, across: Axis, up: Axis) -> Iterator[str]:
        lines = []
        for place in ticks(up, 5):
            y = up.at(place)
            lines.append(f"M{figure(_LEFT)} {figure(y)}H{figure(_WIDTH - _RIGHT)}")
            yield text_at(_LEFT - 6, y + 4, _number(place), "small soft", "end")
        free = 0.0
        for place in ticks(across, 5):
            text, x = _number(place), across.at(place)
            half = width_of(text, SIZES["small"]) / 2
            x = min(x, _WIDTH - half)
            if x - half < free:
                continue
            free = x + half + 6
            yield text_at(x, up.start + 16, text, "small soft", "middle")
        middle = (_LEFT + _WIDTH - _RIGHT) / 2
        yield text_at(middle, up.start + 34, self.below, "small ink", "middle")
        yield text_at(2.0, up.end - 13, self.beside, "small ink")
        lines.append(f"M{figure(_LEFT)} {figure(up.start)}H{figure(_WIDTH - _RIGHT)}")
        yield element("path", d="".join(lines), class_="grid")

    def _drawn(self, line: Line, across: Axis, up: Axis) -> str:
        look, style = self._look(line), STYLES[0]
        pairs = zip(across.all_at(line.x), up.all_at(line.y), strict=True)
        places = [(figure(float(a)), figure(float(b))) for a, b in pairs]
        d = "M" + "L".join(f"{a} {b}" for a, b in _without_repeats(places))
        drawn = [
            element("path", d=d, class_=look, style="stroke-dasharray:2 3" if line.faint else None)
        ]
        if line.bars is not None:
            ends = [
                f"M{a} {figure(up.at(float(low)))}V{figure(up.at(float(high)))}"
                for (a, _), (low, high) in zip(places, line.bars, strict=True)
            ]
            drawn.append(
                element("path", d="".join(ends), class_=look, style="stroke-width:1;opacity:.7")
            )
        if line.marked:
            drawn += [
                element("circle", cx=a, cy=b, r=3.4, class_=f"dot {style}") for a, b in places
            ]
        return element("g", "".join(drawn), class_="series", data_name=line.name or None)

    def _dots(self, across: Axis, up: Axis) -> str:
        """Dots as one path of short round strokes."""
        assert self.points is not None
        shown = thinned(self.points)
        d = "".join(
            f"M{figure(float(a))} {figure(float(b))}h0"
            for a, b in zip(across.all_at(shown[:, 0]), up.all_at(shown[:, 1]), strict=True)
        )
        wide, seen = (5.0, 0.55) if len(shown) <= 300 else (3.6, 0.35)
        look = f"stroke-width:{wide:g};stroke-linecap:round;opacity:{seen:g}"
        return element("path", d=d, class_="curve one points", style=look)

    def _bars(self, across: Axis, up: Axis) -> Iterator[str]:
        assert self.counts is not None
        for count, left, right in zip(self.counts, self.edges, self.edges[1:], strict=False):
            if not count:
                continue
            start, end = across.at(float(left)), across.at(float(right))
            top = up.at(float(count))
            yield element(
                "rect", x=start + 0.5, y=top, width=max(end - start - 1, 0.5),
                height=up.start - top, class_="dot one", fill_opacity=0.55,
            )  # fmt: skip


def thinned(points: np.ndarray) -> np.ndarray:
    """Return at most `POINTS` points, evenly chosen in their order."""
    if len(points) <= POINTS:
        return points
    chosen: np.ndarray = points[np.linspace(0, len(points) - 1, POINTS).astype(int)]
    return chosen


def around(*values: np.ndarray, room: float = 0.05) -> tuple[float, float]:
    """Return ends of an axis between which all values lie, with a little room."""
    low = min(float(v.min()) for v in values)
    high = max(float(v.max()) for v in values)
    more = room * (high - low) or 0.1 * abs(high) or 0.5
    return low - more, high + more


def _without_repeats(places: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Places that lie on a straight run of equal x or equal y are left out."""
    kept: list[tuple[str, str]] = []
    for place in places:
        if len(kept) > 1 and any(kept[-2][i] == kept[-1][i] == place[i] for i in (0, 1)):
            kept.pop()
        if not kept or kept[-1] != place:
            kept.append(place)
    return kept


def _number(place: float) -> str:
    return short(0.0 if abs(place) < 1e-12 else place).replace("-", "−")
