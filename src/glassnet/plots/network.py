"""A dense network as nodes and edges: weights as lines, biases as rings, activations in nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.checks import whole
from glassnet.inspection.wiring import Column, Wiring, wiring
from glassnet.plots.figures import LABEL, SMALL, TITLE, Theme, axes, bare, ink_on, part
from glassnet.plots.wording import literal_names, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RADIUS = 0.3
"""Of a node, where the distance between two is 1."""
ACROSS = 3.4
"""The distance between two columns."""
THIN, THICK = 0.4, 5.0
"""Widths of lines in points: for a weight near 0, for the largest."""
_FEW = 20
"""Up to so many edges each has its number, where nothing else is asked for."""
_Line = tuple[tuple[float, float], tuple[float, float]]
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@literal_names
def network(
    model: Any,
    x: Any = None,
    *,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    most: int = 10,
    numbers: bool | None = None,
    ax: Axes | None = None,
    theme: str = "light",
) -> Axes:
    """Draw a dense network, ``A = g(A₋₁ W + b)`` layer by layer, as nodes and edges.

    An edge is a weight: the wider, the larger is |w|. It is solid and of one colour where w is
    positive, dashed and of another where it is negative. The ring of a node is its bias, drawn in
    the same way. With ``x`` the nodes hold their activations for this example.

    Args:
        model: dense layers one behind the other; or what `inspection.wiring` returned.
        x: one example, in the shape of the model's input.
        inputs: the names of the inputs; x₁, x₂ … for None.
        outputs: the names of the outputs; ŷ for None.
        most: how many nodes of a layer are drawn; of larger ones the first and the last.
        numbers: whether weights and biases are written beside their lines and rings; for None
            where there are few.
        ax: axes to draw in; new ones for None.
        theme: "light" or "dark"; axes that are given tell it themselves.

    Returns:
        The axes.

    Raises:
        ValueError: for a model that can't be drawn so (`plots.diagram` draws any); for names that
            are not as many as inputs or outputs.

    >>> import glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(3, "tanh"), gn.layers.Dense(1)])
    >>> ax = gn.plots.network(model, x=[0.5, -1.0], inputs=["height", "weight"])
    >>> len([patch for patch in ax.patches if patch.get_gid() == "node"])
    6
    """
    most = whole(most, "network: most", least=2)
    found = model if isinstance(model, Wiring) else wiring(model, x)
    names = [
        _names(inputs, found.columns[0].size, "inputs", "x"),
        _names(outputs, found.columns[-1].size, "outputs", "ŷ"),
    ]
    places = [_places(column, most) for column in found.columns]
    tallest = max(place.height for place in places)
    before, behind = (0.9 + 0.15 * max(map(len, side)) for side in names)
    width, height = ACROSS * (len(places) - 1) + before + behind, tallest + 1.45
    inches = min(0.62, 9.0 / height, 14.0 / width)  # of one unit
    ax, look = axes(ax, theme, (inches * width + 0.2, inches * height + 1.0))
    bare(ax)
    edges = sum(len(a.shown) * len(b.shown) for a, b in pairwise(places))
    written = edges <= _FEW if numbers is None else bool(numbers)
    pen = _Pen(look, found.largest)
    for number, column in enumerate(found.columns[1:], 1):
        _edges(ax, pen, column, places[number - 1], places[number], number, written)
    for number, column in enumerate(found.columns):
        _nodes(ax, pen, column, places[number], number, written)
        _heading(ax, look, column, places[number], number, tallest)
    _name_ends(ax, look, names, places)
    _legend(ax, pen, found)
    ax.set(xlim=(-before, width - before), ylim=(-tallest / 2 - 0.4, tallest / 2 + 1.05))
    ax.set_aspect("equal")
    ax.set_title(_title(found), fontsize=TITLE, color=look.ink)
    return ax


# --- what stands where ------------------------------------------------------------------------
@dataclass(frozen=True)
class _Places:
    """Which nodes of a column are drawn, and how high."""

    shown: list[int]
    heights: list[float]
    gap: float | None  # where the nodes that are not drawn would stand
    height: float


def _places(column: Column, most: int) -> _Places:
    if column.size <= most:
        shown = list(range(column.size))
        heights = [(column.size - 1) / 2 - i for i in shown]
        return _Places(shown, heights, None, float(column.size))
    first = (most + 1) // 2
    shown = [*range(first), *range(column.size - (most - first), column.size)]
    rows = [*range(first), *range(first + 1, most + 1)]  # one row is left for the dots
    return _Places(shown, [most / 2 - row for row in rows], most / 2 - first, float(most + 1))


class _Pen:
    """How a number is drawn as a line: its size as width, its sign as colour and dashes."""

    def __init__(self, theme: Theme, largest: float) -> None:
        self.theme, self.largest = theme, largest
        self._shades = part("cm").ScalarMappable(
            part("colors").Normalize(-1.0, 1.0), theme.diverging
        )

    def shade(self, share: float) -> Any:
        """Return the colour of a number between -1 and 1."""
        return self._shades.to_rgba(share)

    def line(self, number: float) -> dict[str, Any]:
        """Return width, colour and dashes for a weight or a bias."""
        share = number / self.largest if self.largest > 0 else 0.0
        least = 0.5 if self.theme.name == "dark" else 0.3  # the middle is near the background
        strong = least + (0.9 - least) * abs(share)  # and the ends are nearly black or white
        return {
            "linewidth": THIN + (THICK - THIN) * abs(share),
            "linestyle": "-" if share >= 0 else (0, (2.4, 1.2)),
            "color": self.shade(np.copysign(strong, share)),
        }


# --- drawing ----------------------------------------------------------------------------------
def _edges(
    ax: Axes, pen: _Pen, column: Column, left: _Places, right: _Places, number: int, written: bool
) -> None:
    assert column.kernel is not None
    pairs = [(i, j) for i in range(len(left.shown)) for j in range(len(right.shown))]
    weight = {(i, j): float(column.kernel[left.shown[i], right.shown[j]]) for i, j in pairs}
    start, end = ACROSS * (number - 1), ACROSS * number
    for pair in sorted(pairs, key=lambda pair: abs(weight[pair])):  # the strong ones on top
        heights = left.heights[pair[0]], right.heights[pair[1]]
        (edge,) = ax.plot(
            (start, end), heights, **pen.line(weight[pair]), zorder=1,
            dash_capstyle="butt", solid_capstyle="butt",
        )  # fmt: skip
        edge.set_gid(f"weight {number} {left.shown[pair[0]]} {right.shown[pair[1]]}")
    if written:
        lines = [((start, left.heights[i]), (end, right.heights[j])) for i, j in pairs]
        for pair, line, share in zip(pairs, lines, _clear_places(lines), strict=True):
            _number_on(ax, pen.theme, weight[pair], line, share)


def _clear_places(lines: Sequence[_Line]) -> list[float]:
    """Where on each line its number stands: far from other lines and from their numbers."""
    placed: list[np.ndarray] = []
    shares = []
    for number, (a, b) in enumerate(lines):
        others = [line for i, line in enumerate(lines) if i != number]
        best, where, kept = -1.0, 0.5, np.zeros(2)
        for share in np.linspace(0.22, 0.78, 29):
            point = np.add(a, share * np.subtract(b, a))
            near = [abs(point[1] - _height_at(line, point[0])) for line in others]
            far = [float(np.hypot(*((point - p) / (0.75, 0.25)))) for p in placed]
            score = min([1.0, *(d / 0.22 for d in near), *far])
            if score > best + 1e-9:
                best, where, kept = score, float(share), point
        placed.append(kept)
        shares.append(where)
    return shares


def _height_at(line: _Line, x: float) -> float:
    (x0, y0), (x1, y1) = line
    return y0 + (x - x0) * (y1 - y0) / (x1 - x0)


def _number_on(ax: Axes, theme: Theme, number: float, line: _Line, share: float) -> None:
    """Write a weight on its line, along it."""
    (x0, y0), (x1, y1) = line
    ax.text(
        x0 + share * (x1 - x0), y0 + share * (y1 - y0), _told(number),
        fontsize=SMALL - 1, color=theme.ink, ha="center", va="center",
        rotation=np.degrees(np.arctan2(y1 - y0, x1 - x0)), rotation_mode="anchor",
        transform_rotates_text=True, zorder=2,
        bbox={"boxstyle": "round,pad=0.12", "facecolor": theme.background, "linewidth": 0},
    )  # fmt: skip


def _nodes(
    ax: Axes, pen: _Pen, column: Column, places: _Places, number: int, written: bool
) -> None:
    theme, x = pen.theme, ACROSS * number
    values = column.values
    reach = 0.0 if values is None else float(np.abs(values).max())
    for i, height in zip(places.shown, places.heights, strict=True):
        fill: Any = theme.background
        if values is not None:
            fill = pen.shade(0.75 * float(values[i]) / reach if reach > 0 else 0.0)
            ax.text(
                x, height, _told(float(values[i])), fontsize=SMALL - 1, color=ink_on(fill),
                ha="center", va="center", zorder=5, gid=f"value {number} {i}",
            )  # fmt: skip
        node = part("patches").Circle(
            (x, height), RADIUS, facecolor=fill, edgecolor=theme.muted, linewidth=0.8, zorder=3
        )
        node.set_gid("node")
        ax.add_patch(node)
        if column.bias is None:
            continue
        line = pen.line(float(column.bias[i]))
        ring = part("patches").Circle(
            (x, height), RADIUS + 0.05, facecolor="none", edgecolor=line["color"],
            linewidth=line["linewidth"], linestyle=line["linestyle"], zorder=4,
        )  # fmt: skip
        ring.set_gid(f"bias {number} {i}")
        ax.add_patch(ring)
        if written:
            ax.text(
                x, height - RADIUS - 0.1, f"b {_told(float(column.bias[i]))}",
                fontsize=SMALL - 1, color=theme.muted, ha="center", va="top", zorder=5,
            )  # fmt: skip
    if places.gap is not None:
        ax.text(x, places.gap, "⋮", fontsize=TITLE + 3, color=theme.muted, ha="center", va="center")


def _heading(
    ax: Axes, theme: Theme, column: Column, places: _Places, number: int, tallest: float
) -> None:
    kind = "inputs" if number == 0 else "units" if column.size > 1 else "unit"
    told = f"{column.size:,} {kind}" if number else ""
    if number == 0:
        told = f"{column.size:,}"
    if column.activation:
        told += f", {column.activation}"
    if places.gap is not None:
        told += f", {len(places.shown)} shown"
    x, y = ACROSS * number, tallest / 2 + 0.5
    ax.text(x, y, column.name, fontsize=LABEL, color=theme.ink, ha="center", va="bottom")
    ax.text(x, y - 0.06, told, fontsize=SMALL - 0.5, color=theme.muted, ha="center", va="top")


def _name_ends(ax: Axes, theme: Theme, names: list[list[str]], places: Sequence[_Places]) -> None:
    for side, number in ((0, 0), (1, len(places) - 1)):
        column = places[number]
        for i, height in zip(column.shown, column.heights, strict=True):
            ax.text(
                ACROSS * number + (RADIUS + 0.14) * (1 if side else -1), height, names[side][i],
                fontsize=LABEL, color=theme.ink, ha="left" if side else "right", va="center",
            )  # fmt: skip


def _names(given: Sequence[str] | None, size: int, what: str, letter: str) -> list[str]:
    if given is None:
        if size == 1:
            return [letter]
        return [letter + str(i + 1).translate(_SUBSCRIPTS) for i in range(size)]
    names = [shortened(str(name)) for name in given]
    if len(names) != size:
        raise ValueError(f"network: {what} holds {len(names)} names; the network has {size}.")
    return names


def _legend(ax: Axes, pen: _Pen, found: Wiring) -> None:
    """Say what widths, dashes and rings mean, below the picture."""
    made, told = part("lines").Line2D, _told(pen.largest)
    lines = [
        made([], [], **pen.line(pen.largest), label=f"+{told}"),
        made([], [], **pen.line(-pen.largest), label=f"−{told}"),
        made([], [], **pen.line(pen.largest / 4), label=f"+{_told(pen.largest / 4)}"),
    ]
    remark = "lines: weights"
    if any(column.bias is not None for column in found.columns):
        remark += " · rings: biases"
    if found.columns[0].values is not None:
        remark += " · numbers in nodes: one example's activations"
    drawn = ax.legend(
        handles=lines, title=remark, loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=3,
        frameon=False, labelcolor=pen.theme.ink, fontsize=SMALL, handlelength=3.2,
    )  # fmt: skip
    drawn.get_title().set(fontsize=SMALL, color=pen.theme.muted)


def _title(found: Wiring) -> str:
    arrays = [a for c in found.columns for a in (c.kernel, c.bias) if a is not None]
    count = sum(array.size for array in arrays)
    layers = len(found.columns) - 1
    return f"{found.name}: {layers} layer{'s' * (layers > 1)}, {count:,} parameters"


def _told(number: float) -> str:
    """A number in few letters, with a true minus."""
    text = f"{number:.2f}" if abs(number) < 10 else f"{number:.3g}"
    return text.replace("-", "−")
