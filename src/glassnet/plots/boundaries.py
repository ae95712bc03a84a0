"""Decision boundaries, probabilities and predictions over a plane of inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet import inspection
from glassnet.inspection.boundaries import CELLS, Boundary
from glassnet.inspection.inputs import MARGIN, InputPlane, Range
from glassnet.plots.beside import legend_below, legend_columns, scale_beside
from glassnet.plots.contours import told
from glassnet.plots.figures import (
    MARKERS,
    SMALL,
    TITLE,
    Theme,
    axes,
    headline,
    panels,
    part,
)
from glassnet.plots.wording import in_few_letters, literal_names, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINE = 40
"""So many letters a line below a title has at most."""
_STRONG = 0.62
"""How much of a class's colour there is where the network is certain; points have all of it."""
_MISJUDGED = ("misjudged", "misjudged with all its features")
_NAMED = 24
"""Up to so many classes have an entry in the legend; of more, the regions have their names."""
_SIDE = 4.6
"""How wide a single panel is, in inches, without what stands beside it."""


@literal_names
def boundary(
    model: Any,
    x: Any = None,
    y: Any = None,
    *,
    features: Sequence[int | str] | None = None,
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    kind: str | None = None,
    output: int | str | None = None,
    cells: int = CELLS,
    margin: float = MARGIN,
    extent: tuple[Range, Range] | None = None,
    limits: Range | None = None,
    ax: Axes | None = None,
    theme: str | Theme = "light",
) -> Axes | Figure:
    """Draw what a network decides over the plane of its inputs, and how sure it is.

    Yes or no: the shade is the probability P(y = 1 | x), the line where it is ½. One of k classes:
    the colour is that of the likeliest class, stronger where it is surer, pale where all are
    equal; the lines part the classes. Labels: a panel for each. Numbers: filled contours with
    their values. Points have the marker of their class; a ring is around those that the network
    judges wrongly.

    With more than two features two are chosen and the others held at their mean, which the title
    says. The rings are for the points with all their own features.

    Args:
        model: the network; or what `glassnet.inspection.boundary` found.
        x: points, (m, features); all of them are shown.
        y: their truth; without it only the plane is drawn, and the points as dots.
        features: the two features that are shown, by number or name.
        feature_names, class_names: names for axes and legend.
        kind: ``"regression"`` where the outputs are numbers and that can't be told.
        output: which output, by place or name, of a model with several.
        cells: how many places along each axis are computed.
        margin: how far the picture reaches beyond the points, as a part of their extent.
        extent: ((a₀, a₁), (b₀, b₁)) in place of that.
        limits: from where to where the colours of predicted numbers, or of scores, reach; by
            default as far as there are any. Probabilities reach from 0 to 1.
        ax, theme: where to draw; see `learning_curves`.

    Returns:
        The axes; the figure where there are several panels.

    Raises:
        TypeError: where this is no model, or x holds no numbers.
        ValueError: where x or y does not fit the network, and as `inspection.boundary`.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1, "sigmoid")])
    >>> ax = gn.plots.boundary(model, np.eye(2), np.array([0, 1]), cells=20)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('x₁', 'x₂')
    """
    found = model
    if not isinstance(model, Boundary):
        found = inspection.boundary(
            model, x, y, features=features, feature_names=feature_names, class_names=class_names,
            kind=kind, output=output, cells=cells, margin=margin, extent=extent,
        )  # fmt: skip
    found = briefly_named(found)
    ratio = _ratio(found.plane)
    count = found.values.shape[2] if found.kind in ("labels", "regression") else 1
    held = held_told(found.plane)
    if count == 1:
        beside = 0.75 if found.kind == "classes" else 1.75
        labels = _labels(found)
        rows = max(1, -(-len(labels) // legend_columns(labels, _SIDE)))
        size = (_SIDE + beside, _SIDE * ratio + (1.35 if held else 1.15) + 0.2 * (rows - 1))
        ax, look = axes(ax, theme, size)
        _panel(ax, look, found, 0, limits)
        ax.set_title(_title(found, 0) + held, fontsize=TITLE)
        return ax
    columns = min(count, 3)
    rows = -(-count // columns)
    size = (4.5 * columns, rows * (2.8 * ratio + 1.15) + (0.4 if held else 0.0))
    figure, places, look = panels(ax, theme, rows, columns, size)
    for number, place in enumerate(places.flat):
        if number >= count:
            place.set_axis_off()
            continue
        _panel(place, look, found, number, limits)
        place.set_title(_title(found, number), fontsize=TITLE)
    if held:
        headline(figure, ax, held.strip(), look)
    return figure


def briefly_named(found: Boundary) -> Boundary:
    """Return what was found, with names that fit a picture."""
    names = tuple(map(shortened, found.names))
    return replace(found, names=names, plane=in_few_letters(found.plane))


def _labels(found: Boundary) -> list[str]:
    """What the legend says below the axes, where there are classes."""
    if found.truth is None or found.kind == "regression" or len(found.names) > _NAMED:
        return []
    return [*found.names, _MISJUDGED[bool(found.plane.others)]]


# --- panels -----------------------------------------------------------------------------------
def _panel(ax: Any, look: Theme, found: Boundary, number: int, limits: Range | None) -> None:
    if found.kind == "regression":
        _numbers(ax, look, found, number, limits)
    elif found.kind == "classes":
        _classes(ax, look, found)
    else:
        _yes_no(ax, look, found, number, limits)
    _frame(ax, look, found.plane)


def _yes_no(ax: Any, look: Theme, found: Boundary, number: int, limits: Range | None) -> None:
    values = found.values[..., number]
    reach = float(np.abs(values if limits is None else limits).max()) or 1.0
    ends = (0.0, 1.0) if found.probable else (-reach, reach)
    shades = part("colors").LinearSegmentedColormap.from_list(
        "yes_no", [mixed(look, 0, _STRONG), look.background, mixed(look, 1, _STRONG)]
    )
    image = ax.imshow(values, cmap=shades, vmin=ends[0], vmax=ends[1], **placed(found.plane))
    _line(ax, look, found.plane, values, found.threshold)
    label = found.names[number] if found.kind == "labels" else found.names[1]
    bar = scale_beside(ax, image, look, f"P({label})" if found.probable else f"score of {label}")
    bar.ax.axhline(found.threshold, color=look.ink, linewidth=1.6)
    names = (f"not {label}", label) if found.kind == "labels" else (found.names[0], label)
    if found.truth is None:
        _dots(ax, look, found)
        yes = values > found.threshold
        _named(ax, look, found, {names[0]: ~yes, names[1]: yes})
        return
    truth, wrong = found.truth, found.wrong
    if found.kind == "labels":
        truth, wrong = truth[:, number], wrong[:, number]
    _points(ax, look, found, truth, wrong, names)


def _classes(ax: Any, look: Theme, found: Boundary) -> None:
    decided, strength = found.decided(found.values), found.strength[..., None]
    full = np.array([mixed(look, k, _STRONG) for k in range(len(found.names))])
    page = np.array(part("colors").to_rgb(look.background))
    pale = 0.18 + 0.82 * strength  # a trace of colour stays where the network is least sure
    ax.imshow(page + (full[decided] - page) * pale, **placed(found.plane))
    for number in range(len(found.names)):
        if (decided == number).any() and (decided != number).any():
            _line(ax, look, found.plane, found.lead(number), 0.0)
    if found.truth is None or len(found.names) > len(look.colours):
        _named(ax, look, found, {name: decided == k for k, name in enumerate(found.names)})
    if found.truth is None:
        _dots(ax, look, found)
        return
    _points(ax, look, found, found.truth, found.wrong, found.names)


def _numbers(ax: Any, look: Theme, found: Boundary, number: int, limits: Range | None) -> None:
    values = found.values[..., number]
    truth = None if found.truth is None else found.truth[:, number]
    shown = values.ravel() if limits is None else np.array(limits, float)
    levels = _even(np.concatenate([shown, *([] if truth is None else [truth])]))
    norm = part("colors").Normalize(levels[0], levels[-1])
    plane = found.plane
    filled = ax.contourf(
        plane.a, plane.b, values, levels=levels, cmap=numbers_scale(look), norm=norm,
        extend="neither" if limits is None else "both",
    )  # fmt: skip
    lines = ax.contour(
        plane.a, plane.b, values, levels=levels, colors=[look.background], linewidths=0.7,
        linestyles="solid",
    )  # fmt: skip
    named = ax.clabel(lines, lines.levels[1::2], fontsize=SMALL, fmt=told, colors=[look.ink])
    _outlined(named, look)
    scale_beside(ax, filled, look, f"predicted {found.names[number]}")
    if truth is None:
        _dots(ax, look, found)
        return
    ax.scatter(
        *found.points.T, c=truth, cmap=numbers_scale(look), norm=norm, s=area(len(truth)),
        edgecolors=look.ink, linewidths=0.7, zorder=4, label=f"true {found.names[number]}",
    )  # fmt: skip
    legend_below(ax, look)


def numbers_scale(look: Theme) -> str:
    """Return the colormap of predicted numbers, of which a grey print has the same order."""
    return {"light": "YlGnBu", "dark": "cividis"}[look.name]


# --- what panels are made of ------------------------------------------------------------------
def placed(plane: InputPlane) -> dict[str, Any]:
    """Return how an image lies so that the middle of each cell is its place."""
    half_a, half_b = ((v[-1] - v[0]) / (len(v) - 1) / 2 for v in (plane.a, plane.b))
    return {
        "extent": (
            plane.a[0] - half_a, plane.a[-1] + half_a, plane.b[0] - half_b, plane.b[-1] + half_b
        ),
        "origin": "lower", "aspect": "auto", "interpolation": "bilinear", "zorder": 0,
    }  # fmt: skip


def _line(ax: Any, look: Theme, plane: InputPlane, values: np.ndarray, level: float) -> None:
    """Draw the boundary, where there is one in the picture."""
    if values.min() < level < values.max():
        ax.contour(
            plane.a, plane.b, values, levels=[level], colors=[look.ink], linewidths=1.6,
            linestyles="solid", zorder=2,
        )  # fmt: skip


def _points(
    ax: Any,
    look: Theme,
    found: Boundary,
    truth: np.ndarray,
    wrong: np.ndarray,
    names: Sequence[str],
) -> None:
    size = area(len(truth))
    for number, name in enumerate(names):
        chosen = found.points[truth == number]
        ax.scatter(
            *chosen.T, marker=marker(number), color=look.colour(number), s=size,
            edgecolors=look.background, linewidths=0.6, zorder=3,
            label=name if len(names) <= _NAMED else None,
        )  # fmt: skip
    if wrong.any():
        ax.scatter(
            *found.points[wrong].T, s=size * 2.7, facecolors="none", edgecolors=look.ink,
            linewidths=1.5, zorder=4,
            label=_MISJUDGED[bool(found.plane.others)],
        )  # fmt: skip
    if wrong.any() or len(names) <= _NAMED:
        legend_below(ax, look)


def _dots(ax: Any, look: Theme, found: Boundary) -> None:
    ax.scatter(
        *found.points.T, s=area(len(found.points)) / 2, color=look.ink, edgecolors=look.background,
        linewidths=0.5, zorder=3,
    )  # fmt: skip


def _named(ax: Any, look: Theme, found: Boundary, regions: dict[str, np.ndarray]) -> None:
    """Write the name of each region into it, where no points of its class tell it."""
    for name, region in regions.items():
        place = found.middle(region)
        if place is not None:
            text = ax.text(*place, name, color=look.ink, ha="center", va="center", zorder=5)
            _outlined([text], look)


def marker(number: int) -> str:
    """Return the marker of a class; where colours begin anew, they have other markers."""
    return MARKERS[(number + number // len(MARKERS)) % len(MARKERS)]


def area(count: int) -> float:
    """Return the area of a marker, smaller where there are many."""
    return float(np.clip(2600 / max(count, 1) ** 0.75, 9, 70))


def _outlined(texts: Any, look: Theme) -> None:
    for text in texts:
        text.set_path_effects(
            [part("patheffects").withStroke(linewidth=2.2, foreground=look.background)]
        )


def _frame(ax: Any, look: Theme, plane: InputPlane) -> None:
    ax.set(
        xlim=(plane.a[0], plane.a[-1]), ylim=(plane.b[0], plane.b[-1]),
        xlabel=plane.labels[0], ylabel=plane.labels[1],
    )  # fmt: skip
    ax.grid(False)
    if _square(plane):
        ax.set_aspect("equal")


def _square(plane: InputPlane) -> bool:
    """Whether both features may have one scale: theirs are alike."""
    return 0.5 <= _sides(plane) <= 1.4


def _sides(plane: InputPlane) -> float:
    return float((plane.b[-1] - plane.b[0]) / (plane.a[-1] - plane.a[0]))


def _ratio(plane: InputPlane) -> float:
    """The height of a panel as a part of its width."""
    return _sides(plane) if _square(plane) else 0.8


def mixed(look: Theme, number: int | None, share: float) -> tuple[float, ...]:
    """Return the colour of a class, or a grey for None, mixed with the page."""
    named = look.muted if number is None else look.colour(number)
    page, colour = (np.array(part("colors").to_rgb(c)) for c in (look.background, named))
    return tuple(float(v) for v in page + (colour - page) * share)


def _even(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    if not high > low:
        return np.array([low - 0.5, low + 0.5])
    found: np.ndarray = part("ticker").MaxNLocator(10).tick_values(low, high)
    return found


# --- words ------------------------------------------------------------------------------------
def _title(found: Boundary, number: int) -> str:
    if found.kind == "regression":
        start = f"Predicted {found.names[number]}"
        return start if found.truth is None else f"{start}, off by {told(found.error[number])} RMS"
    name = f": {found.names[number]}" if found.kind == "labels" else ""
    if found.truth is None:
        return f"Decision boundary{name}"
    wrong = found.wrong[:, number] if found.kind == "labels" else found.wrong
    right = len(wrong) - int(wrong.sum())
    if name:
        return f"{found.names[number]}: {right} of {len(wrong)} right"
    return f"Decision boundary: {right} of {len(wrong)} points right"


def held_told(plane: InputPlane) -> str:
    """Return which features are held at which values, as a line of the title."""
    names = plane.others
    if not names:
        return ""
    values = dict(zip(plane.names, plane.held, strict=True))
    parts = ", ".join(f"{name} = {told(values[name])}" for name in names)
    if len(names) > 3 or len(parts) > _LINE:
        return f"\nthe other {len(names)} features held at their mean"
    return f"\nheld at the mean: {parts}"
