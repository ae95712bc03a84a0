"""The pictures of a comparison of optimizers: losses, and paths on the surface."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.checks import one_of
from glassnet.plots.contours import WIDE, draw_contours, draw_path, draw_scale, draw_start, percent
from glassnet.plots.figures import (
    THEMES,
    TITLE,
    Theme,
    axes,
    new_figure,
    saved,
    style,
    theme_of,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from glassnet.explain.comparison import Comparison, Run

AXES = {
    "steps": "steps",
    "time": "seconds",
    "evaluations": "work in gradient evaluations",
}
_APART = 6.0
"""From which ratio of the longest curve to the shortest the scale of costs is logarithmic."""
_DEEP = 1e-16
"""Below this part of the largest, a loss is drawn as that: what is left of it is rounding."""


# --- losses -----------------------------------------------------------------------------------
def draw_losses(comparison: Comparison, axes: Sequence[str], path: str | Path | None) -> Figure:
    """Draw the losses against each of ``axes``: "steps", "time" or "evaluations"."""
    for axis in axes:
        one_of(axis, tuple(AXES), "plot: x")
    figure = new_figure(max(6.0, 4.0 * len(axes)), 4.4)
    drawn = figure.subplots(1, len(axes), sharey=True, squeeze=False)[0]
    heights, label = _heights(comparison)
    for place, axis in zip(drawn, axes, strict=True):
        _curves(place, comparison, heights, axis)
        place.set_xlabel(AXES[axis])
    drawn[0].set_ylabel(label)
    figure.suptitle(comparison.title, fontsize=11)
    _legend(figure, drawn[0])
    return saved(figure, path)


def _heights(comparison: Comparison) -> tuple[dict[str, np.ndarray], str]:
    """The losses, above the lowest value that there is where it is known."""
    surface = comparison.surface
    lowest = 0.0 if surface is None or surface.lowest is None else surface.lowest
    named = "loss" if comparison.counted == "weights" else "f"
    label = f"{named} above its minimum" if lowest else named
    return {run.name: run.losses - lowest for run in comparison}, label


def _curves(place: Any, comparison: Comparison, heights: dict[str, np.ndarray], axis: str) -> None:
    joined = np.concatenate(list(heights.values()))
    top = float(joined.max())
    known = comparison.surface is not None and comparison.surface.lowest is not None
    positive = joined[joined > _DEEP * max(top, 0)]
    logarithmic = (
        top > 0 and (known or joined.min() > 0) and top / max(positive.min(), _DEEP) > WIDE
    )
    ends = []
    for number, run in enumerate(comparison):
        drawn, x = heights[run.name], run.along(axis)
        if logarithmic:
            drawn, x = _down_to(_DEEP * top, drawn, x)
        ends.append(float(x[-1]))
        place.plot(
            x, drawn, **style(number), label=run.name, linewidth=1.8, markersize=5,
            markevery=max(1, len(x) // 10), markeredgecolor="white", markeredgewidth=0.5,
        )  # fmt: skip
        if run.ended:
            place.plot(x[-1:], drawn[-1:], marker="x", markersize=9, color=style(number)["color"])
    if logarithmic:
        place.set_yscale("log")
    place.locator_params(axis="x", nbins=6)
    if axis != "steps" and max(ends) > _APART * min(ends) > 0:
        place.set_xscale("log")  # on an even scale the quick ones would be a smudge at the left
    place.grid(alpha=0.25)
    place.spines[["top", "right"]].set_visible(False)


def _down_to(floor: float, heights: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A curve down to where it first meets the floor; what comes after is rounding."""
    low = np.flatnonzero(heights <= floor)
    end = int(low[0]) + 1 if len(low) else len(heights)
    return np.maximum(heights[:end], floor), x[:end]


def _legend(figure: Any, place: Any, look: Theme = THEMES["light"]) -> None:
    """Name the curves below the picture, in one row where they fit."""
    handles, labels = place.get_legend_handles_labels()
    room = 13 * figure.get_figwidth()  # letters
    rows = -(-sum(len(label) + 7 for label in labels) // int(room))
    figure.legend(
        handles, labels, loc="outside lower center", ncols=-(-len(labels) // rows), frameon=False,
        labelcolor=look.ink,
    )  # fmt: skip


# --- paths ------------------------------------------------------------------------------------
def draw_paths(
    comparison: Comparison,
    path: str | Path | None,
    cells: int | None,
    theme: str | Theme = "light",
) -> Figure:
    """Draw the paths on the curve, the contours, or the contours in the plane nearest to them."""
    if comparison.size == 1:
        ax = _on_curve(comparison, cells or 400, theme)
    else:
        ax = on_contours([comparison], cells or (161 if comparison.size == 2 else 61), None, theme)
    figure = ax.get_figure()
    _legend(figure, ax, theme_of(ax))
    return saved(figure, path)


def _on_curve(comparison: Comparison, cells: int, theme: str | Theme) -> Any:
    ax, look = axes(None, theme, (7.2, 4.8))
    low, high = _ranges([run.path for run in comparison], comparison)[0]
    x = np.linspace(low, high, cells)
    y = [comparison.value(np.array([v])) for v in x]
    ax.plot(x, y, color=look.muted, alpha=0.6, linewidth=3, zorder=1)
    paths = [np.stack([run.path[:, 0], run.losses], axis=1) for run in comparison]
    _paths(ax, look, paths, comparison)
    ax.set(xlabel="x", ylabel="f(x)", xlim=(low, high))
    ax.set_title(comparison.title, fontsize=TITLE)
    return ax


def on_contours(
    comparisons: Sequence[Comparison],
    cells: int,
    ax: Any,
    theme: str | Theme,
    domain: Any = None,
) -> Any:
    """Draw the paths of comparisons on one function, each from a start of its own, on contours.

    Args:
        comparisons: comparisons of the same optimizers on the same function.
        cells: how many heights are computed along each axis.
        ax, theme: where; None for new axes.
        domain: what to show, ((x₀, x₁), (y₀, y₁)); the function's own, or what the paths need.
    """
    comparison = comparisons[0]
    plane, surface = comparison.plane, comparison.surface
    paths = [[plane.coordinates(run.path) for run in one] for one in comparisons]
    if domain is None and surface is not None:
        domain = surface.domain
    sides = domain or _joined([_ranges(p, c) for p, c in zip(paths, comparisons, strict=True)])
    ratio = (sides[1][1] - sides[1][0]) / (sides[0][1] - sides[0][0])
    width = 6.2 / max(1.0, ratio)
    ax, look = axes(ax, theme, (width + 1.5, width * ratio + 1.6))
    a, b = (np.linspace(low, high, cells) for low, high in sides)
    filled = draw_contours(ax, look, a, b, plane.heights(comparison.value, a, b))
    for number, (drawn, one) in enumerate(zip(paths, comparisons, strict=True)):
        _paths(ax, look, drawn, one, named=number == 0)
    if surface is not None and surface.minima:
        ax.plot(
            *np.transpose(surface.minima), marker="*", markersize=19, color="#F0E442",
            markeredgecolor=look.ink, linestyle="none", label="minimum", zorder=2,
        )  # fmt: skip
    draw_scale(ax, look, filled, "f" if comparison.counted == "numbers" else "loss")
    ax.set(xlim=sides[0], ylim=sides[1], aspect="equal")
    ax.grid(False)
    _name_axes(ax, comparison)
    return ax


def _joined(ranges: Sequence[list[tuple[float, float]]]) -> list[tuple[float, float]]:
    both = np.array(ranges)
    low, high = both[:, :, 0].min(axis=0), both[:, :, 1].max(axis=0)
    return [(float(v), float(w)) for v, w in zip(low, high, strict=True)]


def _name_axes(place: Any, comparison: Comparison) -> None:
    title, names = comparison.title, ("x", "y")
    if comparison.size > 2:
        names = ("first principal direction of the paths", "second principal direction")
        title += (
            f"\n{comparison.size} {comparison.counted}; this slice holds "
            f"{percent(comparison.plane.share)} of the paths' variance"
        )
    elif comparison.counted == "weights":
        names = ("first weight", "second weight")
    place.set(xlabel=names[0], ylabel=names[1])
    place.set_title(title, fontsize=TITLE)


def _ranges(paths: Sequence[np.ndarray], comparison: Comparison) -> list[tuple[float, float]]:
    """What to show along each axis: the paths but for those that run away, and room about them.

    No side is shorter than half the other, so that a scale that is the same for both fits a page.
    """
    start = paths[0][0]
    reach = [float(np.abs(p - start).max()) for p in paths]
    kept = [r for r, run in zip(reach, comparison, strict=True) if not run.ended]
    most = max(kept) if kept and max(kept) > 0 else 4 * min(reach) or 1.0
    shown = np.concatenate([p[np.abs(p - start).max(axis=1) <= most] for p in paths])
    low, high = shown.min(axis=0), shown.max(axis=0)
    middle, half = (low + high) / 2, (high - low) / 2
    half = 1.15 * np.maximum(half, (float(half.max()) or 1.0) / 2)
    return [(float(m - h), float(m + h)) for m, h in zip(middle, half, strict=True)]


def _paths(
    place: Any, look: Theme, paths: Sequence[np.ndarray], comparison: Comparison, named: bool = True
) -> None:
    """Draw the paths, on contours with an edge so that they are seen, and the start."""
    for number, (points, run) in enumerate(zip(paths, comparison, strict=True)):
        label = _label(run) if named else None
        draw_path(place, look, points, number, label, edged=comparison.size > 1)
    draw_start(place, look, paths[0][0], "start" if named else None)


def _label(run: Run) -> str:
    return f"{run.name} ({run.ended.split(':')[0]})" if run.ended else run.name
