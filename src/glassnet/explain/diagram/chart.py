"""Line charts as SVG: one panel or several side by side, each with a few curves.

A curve of more points than the panel has columns is thinned: of each column the first, the last,
the least and the greatest value are kept, so that no peak is lost. Values that are not finite are
gaps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from glassnet.explain.diagram.measuring import shortened, width_of
from glassnet.explain.diagram.palette import SIZES, class_of, style_of
from glassnet.explain.diagram.writing import clean, element, figure, text_at

STYLES = ("one", "two", "three", "four")
"""The looks of curves: each has a colour and dashes of its own."""

_WIDTH, _HEIGHT = 340.0, 190.0
_LEFT, _RIGHT, _BELOW = 54.0, 14.0, 24.0
_LINE = 16.0
_BETWEEN = 18.0
_PAGE = 14.0
_MOST_CROSSES = 40
_STEEP = 100.0
"""From which ratio of the greatest to the least positive value on a scale is logarithmic."""


@dataclass(frozen=True)
class Curve:
    """One line of a panel.

    Args:
        name: what it is called.
        x: where its points are, in order.
        y: their values; NaN and infinities are gaps.
        note: what is said of it beside its name.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    note: str = ""


@dataclass(frozen=True)
class Panel:
    """A few curves over the same x; at most four.

    Args:
        title: what stands above.
        curves: the curves.
        scale: "linear", "log", or "auto": logarithmic for positive values far apart.
        below: what the x axis says.
    """

    title: str
    curves: tuple[Curve, ...]
    scale: str = "auto"
    below: str = "epoch"


@dataclass(frozen=True)
class Axis:
    """A scale: the values at its ends and the pixels where they lie."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """Return where a value lies."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def all_at(self, values: np.ndarray) -> np.ndarray:
        """Return where values lie."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, values = math.log10(low), math.log10(high), np.log10(values)
        found: np.ndarray = self.start + (values - low) / (high - low) * (self.end - self.start)
        return found


# --- scales -----------------------------------------------------------------------------------
def axis_of(values: np.ndarray, start: float, end: float, scale: str) -> Axis:
    """Return an axis on which all finite values lie, with a little room about them."""
    shown = values[np.isfinite(values)]
    if scale == "log":
        shown = shown[shown > 0]
    if not shown.size:
        return Axis(0.0, 1.0, start, end)
    low, high = float(shown.min()), float(shown.max())
    steep = low > 0 and high / low >= _STEEP
    if scale == "log" or (scale == "auto" and steep):
        room = max((high / low) ** 0.04, 1.05)
        return Axis(low / room, high * room, start, end, True)
    room = 0.05 * (high - low) or 0.1 * abs(high) or 0.5
    if not math.isfinite(room):  # the range is wider than floats are
        return Axis(-1.7e308, 1.7e308, start, end)
    below = 0.0 if low >= 0 and low - room < 0 else low - room
    return Axis(below, high + room, start, end)


def ticks(axis: Axis, most: int) -> list[float]:
    """Return round values on an axis: 1, 2 or 5 times a power of ten apart."""
    if axis.logarithmic:
        return _decades(axis, most)
    span = axis.high / most - axis.low / most
    if not (math.isfinite(span) and span > 0):
        return []
    power = 10.0 ** math.floor(math.log10(span))
    step = next(k * power for k in (1, 2, 5, 10) if k * power >= span * (1 - 1e-9))
    first = math.ceil(axis.low / step - 1e-9)
    last = math.floor(axis.high / step + 1e-9)
    return [k * step for k in range(first, min(last, first + 3 * most) + 1)]


def _decades(axis: Axis, most: int) -> list[float]:
    first, last = math.floor(math.log10(axis.low)), math.ceil(math.log10(axis.high))
    every = max(1, -(-(last - first) // most))
    found = [10.0**k for k in range(first, last + 1, every) if axis.low <= 10.0**k <= axis.high]
    if len(found) > 2:
        return found
    powers = range(first, last + 1)
    finer = [d * 10.0**k for k in powers for d in (1, 2, 5) if axis.low <= d * 10.0**k <= axis.high]
    return finer[:: max(1, len(finer) // most)]


def short(value: float) -> str:
    """Return a number as short as four digits allow.

    >>> short(0.25), short(1234567.0), short(0.00001)
    ('0.25', '1.235e+06', '1e-05')
    """
    return f"{value:.4g}"


# --- curves -----------------------------------------------------------------------------------
def thinned(x: np.ndarray, y: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the points that a curve shows: all, or of each column first, last, least, greatest.

    Args:
        x: where the points are, in order.
        y: finite values.
        columns: how many columns the panel has.
    """
    if len(x) <= 4 * columns:
        return x, y
    span = float(x[-1] - x[0]) or 1.0
    column = np.minimum((x - x[0]) / span * columns, columns - 1).astype(int)
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    ends = np.append(starts[1:], len(x))
    kept: set[int] = set()
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        part = y[start:end]
        kept |= {start, end - 1, start + int(part.argmin()), start + int(part.argmax())}
    chosen = np.array(sorted(kept))
    return x[chosen], y[chosen]


def runs(shown: np.ndarray) -> Iterator[slice]:
    """Yield the stretches of a mask that are true without a gap."""
    edges = np.flatnonzero(np.diff(shown.astype(np.int8), prepend=0, append=0))
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        yield slice(start, end)


def _drawn_curve(curve: Curve, style: str, across: Axis, up: Axis) -> str:
    shown = np.isfinite(curve.y) & ((curve.y > 0) if up.logarithmic else True)
    lines, dots = [], []
    columns = max(1, int(across.end - across.start))
    for part in runs(shown):
        x, y = thinned(curve.x[part], curve.y[part], columns)
        places = [
            f"{figure(float(a))} {figure(float(b))}"
            for a, b in zip(across.all_at(x), up.all_at(y), strict=True)
        ]
        if len(places) == 1:  # a line through one point is none
            dots.append(_dot(places[0], style))
        else:
            lines.append("M" + "L".join(places))
    path = element("path", d="".join(lines), class_=f"curve {style}") if lines else ""
    dots += _crosses(curve, across, up, style)
    return element("g", path + "".join(dots), class_="series", data_name=curve.name)


def _dot(place: str, style: str) -> str:
    """A point by itself: a disc for the first curve, a ring for others."""
    x, y = place.split()
    if style == STYLES[0]:
        return element("circle", cx=x, cy=y, r=3.2, class_=f"dot {style}")
    return element("circle", cx=x, cy=y, r=4.0, class_=f"ring {style}")


def _crosses(curve: Curve, across: Axis, up: Axis, style: str) -> list[str]:
    """A cross at the top where values begin not to be finite."""
    starts = [part.start for part in runs(~np.isfinite(curve.y))][:_MOST_CROSSES]
    if len(starts) == 1 and not np.isfinite(curve.y).any():
        return []
    top = figure(up.end - 3)
    return [
        element(
            "path", d=f"M{figure(across.at(float(curve.x[i])) - 3)} {top}l6 6m-6 0l6 -6",
            class_=f"curve {style} gap",
        )
        for i in starts
    ]  # fmt: skip


# --- panels -----------------------------------------------------------------------------------
def _drawn_panel(panel: Panel, left: float, top: float, lines: int) -> str:
    """One panel whose words take ``lines`` lines, so that frames side by side begin together."""
    head = 20.0 + _LINE * lines + 6
    frame = (left + _LEFT, top + head, left + _WIDTH - _RIGHT, top + head + _HEIGHT - _BELOW)
    all_x = np.concatenate([curve.x for curve in panel.curves])
    across = _across(all_x, frame[0], frame[2])
    up = axis_of(
        np.concatenate([c.y for c in panel.curves]), frame[3] - 2, frame[1] + 4, panel.scale
    )
    title = shortened(panel.title, _WIDTH - 10, SIZES["title"], True)
    has_values = bool(np.isfinite(np.concatenate([c.y for c in panel.curves])).any())
    parts = [text_at(left, top + 13, title, "title ink")]
    parts += _grid(panel, across, up, frame, 5 if has_values else 0)
    notes = left + 36 + max(width_of(_name(curve), SIZES["text"]) for curve in panel.curves)
    for number, curve in reversed(list(enumerate(panel.curves))):  # the first lies on top
        style = STYLES[number % len(STYLES)]
        parts.append(_legend(curve, style, left, top + 20 + _LINE * number, notes))
        parts.append(_drawn_curve(curve, style, across, up))
    if not has_values:
        middle = (frame[0] + frame[2]) / 2, (frame[1] + frame[3]) / 2
        parts.append(text_at(*middle, "no finite value", "text soft", "middle"))
    said = f"{panel.title}: " + "; ".join(f"{c.name} {c.note}".strip() for c in panel.curves)
    return element(
        "g", f"<title>{clean(said)}</title>" + "".join(parts), class_="panel",
        data_title=panel.title, data_scale="log" if up.logarithmic else "linear",
        data_x=_ends(across), data_y=_ends(up),
    )  # fmt: skip


def _ends(axis: Axis) -> str:
    """The values at the ends of an axis and where they lie, to read the picture back."""
    return f"{axis.low!r} {axis.high!r} {axis.start!r} {axis.end!r}"


def _across(x: np.ndarray, start: float, end: float) -> Axis:
    low, high = float(x.min()), float(x.max())
    if low == high:
        return Axis(low - 1, high + 1, start, end)
    return Axis(low, high, start, end)


def _grid(
    panel: Panel, across: Axis, up: Axis, frame: tuple[float, float, float, float], most: int
) -> Iterator[str]:
    left, top, right, bottom = frame
    lines = [f"M{figure(left)} {figure(bottom)}H{figure(right)}"]
    for value in ticks(up, most + up.logarithmic) if most else ():
        y = up.at(value)
        if not top - 1 <= y <= bottom + 1:
            continue
        lines.append(f"M{figure(left)} {figure(y)}H{figure(right)}")
        text = shortened(short(value), _LEFT - 8, SIZES["small"])
        yield text_at(left - 6, y + 4, text, "small soft", "end")
    free = left - 12
    x_values = np.concatenate([curve.x for curve in panel.curves])
    first, last = float(x_values.min()), float(x_values.max())
    for value in (first, *ticks(across, 5)):
        x = across.at(value)
        if value != round(value) or not first <= value <= last:
            continue
        text = f"{round(value):,}"
        half = width_of(text, SIZES["small"]) / 2
        x = min(x, right - half + 6)
        if x - half < free:
            continue
        free = x + half + 6
        yield text_at(x, bottom + 15, text, "small soft", "middle")
    words = width_of(panel.below, SIZES["small"])
    yield text_at(left - 10 - min(words, _LEFT - 10), bottom + 15, panel.below, "small soft")
    yield element("path", d="".join(lines), class_="grid")


def _name(curve: Curve) -> str:
    return shortened(curve.name, 110, SIZES["text"])


def _legend(curve: Curve, style: str, left: float, top: float, notes: float) -> str:
    sample = element(
        "path", d=f"M{figure(left)} {figure(top + 8)}h22", class_=f"curve {style} sample"
    )
    note = shortened(curve.note, left + _WIDTH - notes, SIZES["small"])
    name = text_at(left + 28, top + 12, _name(curve), "text ink")
    return sample + name + text_at(notes, top + 12, note, "small soft")


def chart(
    panels: Sequence[Panel],
    *,
    title: str,
    said: str = "",
    theme: str | None = None,
    columns: int = 3,
) -> str:
    """Return panels side by side as SVG.

    Args:
        panels: the panels; each has at least one curve with at least one point.
        title: what the picture shows, for those who do not see it.
        said: the same at length.
        theme: "light", "dark", "page" for the colours of the page around, None for the reader's.
        columns: how many panels stand side by side.
    """
    columns = min(columns, len(panels))
    margin = 2.0 if theme == "page" else _PAGE
    parts = []
    y = margin
    for start in range(0, len(panels), columns):
        row = panels[start : start + columns]
        lines = max(len(panel.curves) for panel in row)
        for number, panel in enumerate(row):
            parts.append(_drawn_panel(panel, margin + number * (_WIDTH + _BETWEEN), y, lines))
        y += 26.0 + _LINE * lines + _HEIGHT + _BETWEEN
    width = 2 * margin + columns * _WIDTH + (columns - 1) * _BETWEEN
    height = y - _BETWEEN + margin - 4
    ground = element("rect", width=width, height=height, rx=6.0, class_="ground")
    inside = f"<title>{clean(title)}</title><desc>{clean(said or title)}</desc>{style_of(theme)}"
    return element(
        "svg", inside + ground + "".join(parts), xmlns="http://www.w3.org/2000/svg",
        class_=class_of(theme), role="img", aria_label=title,
        viewBox=f"0 0 {figure(width)} {figure(height)}", width=width, height=height,
        style=f"max-width:100%;min-width:{min(0.6 * width, width - 40):.0f}px;height:auto",
    )  # fmt: skip
