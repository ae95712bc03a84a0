"""The pictures of a comparison of optimizers: losses, and paths on the surface."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.checks import one_of
from glassnet.plots.figures import new_figure, part, saved, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from glassnet.explain.comparison import Comparison, Run

AXES = {
    "steps": "steps",
    "time": "seconds",
    "evaluations": "work in gradient evaluations",
}
_WIDE = 30.0
"""From which ratio of the largest to the smallest loss on the scale is logarithmic."""
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
        top > 0 and (known or joined.min() > 0) and top / max(positive.min(), _DEEP) > _WIDE
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


def _legend(figure: Any, place: Any) -> None:
    """Name the curves below the picture, in one row where they fit."""
    handles, labels = place.get_legend_handles_labels()
    room = 13 * figure.get_figwidth()  # letters
    rows = -(-sum(len(label) + 7 for label in labels) // int(room))
    figure.legend(
        handles, labels, loc="outside lower center", ncols=-(-len(labels) // rows), frameon=False
    )


# --- paths ------------------------------------------------------------------------------------
def draw_paths(comparison: Comparison, path: str | Path | None, cells: int | None) -> Figure:
    """Draw the paths on the curve, the contours, or the contours in the plane nearest to them."""
    if comparison.size == 1:
        figure = _on_curve(comparison, cells or 400)
    else:
        figure = _on_contours(comparison, cells or (161 if comparison.size == 2 else 61))
    _legend(figure, figure.axes[0])
    return saved(figure, path)


def _on_curve(comparison: Comparison, cells: int) -> Figure:
    figure = new_figure(7.2, 4.8)
    place = figure.subplots()
    low, high = _ranges([run.path for run in comparison], comparison)[0]
    x = np.linspace(low, high, cells)
    y = [comparison.value(np.array([v])) for v in x]
    place.plot(x, y, color="0.6", linewidth=3, zorder=1)
    paths = [np.stack([run.path[:, 0], run.losses], axis=1) for run in comparison]
    _paths(place, paths, comparison)
    place.set(xlabel="x", ylabel="f(x)", title=comparison.title, xlim=(low, high))
    place.spines[["top", "right"]].set_visible(False)
    return figure


def _on_contours(comparison: Comparison, cells: int) -> Figure:
    plane, surface = comparison.plane, comparison.surface
    paths = [plane.coordinates(run.path) for run in comparison]
    sides = _ranges(paths, comparison) if surface is None else list(surface.domain)
    ratio = (sides[1][1] - sides[1][0]) / (sides[0][1] - sides[0][0])
    width = 6.2 / max(1.0, ratio)
    figure = new_figure(width + 1.5, width * ratio + 1.6)
    place = figure.subplots()
    a, b = (np.linspace(low, high, cells) for low, high in sides)
    filled = _contours(place, a, b, plane.heights(comparison.value, a, b))
    _paths(place, paths, comparison)
    if surface is not None and surface.minima:
        place.plot(
            *np.transpose(surface.minima), marker="*", markersize=19, color="#F0E442",
            markeredgecolor="black", linestyle="none", label="minimum", zorder=2,
        )  # fmt: skip
    bar = figure.colorbar(filled, ax=place, fraction=0.05, pad=0.03, format=_told)
    bar.ax.set_title("f" if comparison.counted == "numbers" else "loss", fontsize=10)
    place.set(xlim=sides[0], ylim=sides[1], aspect="equal")
    _name_axes(place, comparison)
    return figure


def _name_axes(place: Any, comparison: Comparison) -> None:
    title, names = comparison.title, ("x", "y")
    if comparison.size > 2:
        names = ("first principal direction of the paths", "second principal direction")
        title += (
            f"\n{comparison.size} {comparison.counted}; this slice holds "
            f"{_percent(comparison.plane.share)} of the paths' variance"
        )
    elif comparison.counted == "weights":
        names = ("first weight", "second weight")
    place.set(xlabel=names[0], ylabel=names[1])
    place.set_title(title, fontsize=11)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %" if share < 0.999 or share == 1 else "over 99.9 %"


def _told(value: float, _: Any = None) -> str:
    return f"{value:.3g}"


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


def _contours(place: Any, a: np.ndarray, b: np.ndarray, heights: np.ndarray) -> Any:
    """Fill the contours in pale greys, so that the paths stand out."""
    drawn = np.ma.masked_invalid(heights)
    levels = _levels(np.asarray(drawn.compressed()))
    shades = part("colors").LinearSegmentedColormap.from_list("depth", ["#93a0ad", "#f9fafb"])
    norm = part("colors").BoundaryNorm(levels, shades.N, extend="both")
    filled = place.contourf(a, b, drawn, levels=levels, cmap=shades, norm=norm, extend="both")
    place.contour(a, b, drawn, levels=levels, colors="white", linewidths=0.7, linestyles="solid")
    return filled


def _levels(heights: np.ndarray) -> np.ndarray:
    """Round levels, evenly apart; by powers of ten for a valley far below its walls."""
    low, high = float(heights.min()), float(np.quantile(heights, 0.97))
    if not high > low:
        return np.array([low - 1, low, low + 1])
    least = max(float(np.quantile(heights, 0.015)), low, 1e-8 * high)
    skewed = float(np.median(heights)) - low < 0.3 * (high - low)
    if low < 0 or not skewed or high < _WIDE * least:
        even: np.ndarray = (
            part("ticker").MaxNLocator(14, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        )
        return even
    decades = np.arange(np.floor(np.log10(least)), np.ceil(np.log10(high)) + 1)
    digits = [1, 2, 5] if len(decades) <= 5 else [1, 3] if len(decades) <= 8 else [1]
    levels = np.outer(10.0**decades, digits).ravel()
    inside = levels[(levels >= least) & (levels <= high)]
    return inside if len(inside) > 2 else np.geomspace(least, high, 6)


def _paths(place: Any, paths: Sequence[np.ndarray], comparison: Comparison) -> None:
    """Draw the paths, on contours with a white edge so that they are seen, and the start."""
    for number, (points, run) in enumerate(zip(paths, comparison, strict=True)):
        points = _until_at_rest(points)
        look, few = style(number), len(points) <= 30
        if comparison.size > 1:
            place.plot(*points.T, color="white", linewidth=3.6, zorder=2.5)
        place.plot(
            *points.T, **look, label=_label(run), linewidth=1.8, zorder=3 + number / 100,
            markersize=6 if few else 4.5, markevery=1 if few else max(1, len(points) // 25),
            markeredgecolor="white", markeredgewidth=0.6,
        )  # fmt: skip
        # Those that end at the same place lie one upon the other, the later the smaller.
        place.plot(
            *points[-1:].T, marker=look["marker"], color=look["color"],
            markersize=max(7.0, 13 - 2.5 * number), markeredgecolor="black", markeredgewidth=1.1,
            zorder=5 + number / 100,
        )  # fmt: skip
    place.plot(
        *paths[0][0], marker="o", markersize=10, color="white", markeredgecolor="black",
        markeredgewidth=1.5, linestyle="none", label="start", zorder=4,
    )  # fmt: skip


def _until_at_rest(points: np.ndarray) -> np.ndarray:
    """A path without its end where it stays in one place, which would take up all the markers."""
    apart = np.abs(points - points[-1]).max(axis=1)
    moving = np.flatnonzero(apart > 1e-3 * apart.max())
    return points[: moving[-1] + 2] if len(moving) else points[:1]


def _label(run: Run) -> str:
    return f"{run.name} ({run.ended.split(':')[0]})" if run.ended else run.name
