"""SVG as text: elements, numbers, rounded lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

Point = tuple[float, float]

_UNFIT = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 does not let stand in a document, written out or not."""


def clean(text: object) -> str:
    """Return a text as it may stand in SVG.

    >>> clean('a < "b"')
    'a &lt; &quot;b&quot;'
    """
    return escape(_UNFIT.sub("\ufffd", str(text)), quote=True)


def figure(value: float) -> str:
    """Return a number with at most two digits after the point.

    >>> figure(3.0), figure(0.126), figure(-0.001)
    ('3', '0.13', '0')
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def element(tag: str, content: str | None = None, /, **attributes: object) -> str:
    """Return an element; ``class_`` and ``data_x`` are written ``class`` and ``data-x``.

    >>> element("rect", x=1.0, width=20, class_="block")
    '<rect x="1" width="20" class="block"/>'
    """
    parts = [tag]
    for name, value in attributes.items():
        if value is None:
            continue
        written = figure(value) if isinstance(value, float) else clean(value)
        parts.append(f'{name.rstrip("_").replace("_", "-")}="{written}"')
    opened = " ".join(parts)
    return f"<{opened}/>" if content is None else f"<{opened}>{content}</{tag}>"


def text_at(x: float, y: float, text: str, class_: str, anchor: str = "start") -> str:
    """Return a line of text; ``anchor`` says what of it lies at x: "start", "middle", "end"."""
    place = None if anchor == "start" else anchor
    return element("text", clean(text), x=x, y=y, class_=class_, text_anchor=place)


def line_through(points: Sequence[Point], radius: float) -> str:
    """Return the ``d`` of a path through points, its corners rounded.

    >>> line_through([(0, 0), (0, 9), (9, 9)], 3)
    'M0 0L0 6Q0 9 3 9L9 9'
    """
    parts = [f"M{_at(points[0])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        reach = min(radius, _far(before, corner) / 2, _far(corner, after) / 2)
        if reach < 0.5:
            parts.append(f"L{_at(corner)}")
            continue
        into, out = _towards(corner, before, reach), _towards(corner, after, reach)
        parts.append(f"L{_at(into)}Q{_at(corner)} {_at(out)}")
    return "".join(parts) + f"L{_at(points[-1])}"


def _at(point: Point) -> str:
    return f"{figure(point[0])} {figure(point[1])}"


def _far(a: Point, b: Point) -> float:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def _towards(start: Point, end: Point, reach: float) -> Point:
    far = _far(start, end)
    return (
        start[0] + (end[0] - start[0]) * reach / far,
        start[1] + (end[1] - start[1]) * reach / far,
    )
