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
    _legend(figure, drawn[0], len(comparison))
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
    for number, run in enumerate(comparison):
        drawn, x = heights[run.name], run.along(axis)
        if logarithmic:
            drawn = np.maximum(drawn, _DEEP * top)
        place.plot(
            x, drawn, **style(number), label=run.name, linewidth=1.8, markersize=4.5,
            markevery=max(1, len(x) // 12), markeredgecolor="white", markeredgewidth=0.5,
        )  # fmt: skip
        if run.ended:
            place.plot(x[-1:], drawn[-1:], marker="x", markersize=9, color=style(number)["color"])
    if logarithmic:
        place.set_yscale("log")
    place.grid(alpha=0.25)
    place.spines[["top", "right"]].set_visible(False)


def _legend(figure: Any, place: Any, count: int) -> None:
    handles, labels = place.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=min(count + 2, 4), frameon=False
    )


# --- paths ------------------------------------------------------------------------------------
def draw_paths(comparison: Comparison, path: str | Path | None, cells: int) -> Figure:
    """Draw the paths on the curve, the contours, or the contours in the plane nearest to them."""
    figure = new_figure(7.2, 6.6 if comparison.size > 1 else 5.0)
    place = figure.subplots()
    if comparison.size == 1:
        _on_curve(place, comparison, cells)
    else:
        _on_contours(figure, place, comparison, cells)
    _legend(figure, place, len(comparison))
    return saved(figure, path)


def _on_curve(place: Any, comparison: Comparison, cells: int) -> None:
    low, high = _ranges([run.path for run in comparison])[0]
    x = np.linspace(low, high, 4 * cells)
    y = [comparison.value(np.array([v])) for v in x]
    place.plot(x, y, color="0.55", linewidth=2.5, zorder=1)
    for number, run in enumerate(comparison):
        _path(place, run.path[:, 0], run.losses, number, run)
    place.set(xlabel="x", ylabel="f(x)", title=comparison.title, xlim=(low, high))
    place.spines[["top", "right"]].set_visible(False)


def _on_contours(figure: Any, place: Any, comparison: Comparison, cells: int) -> None:
    plane, surface = comparison.plane, comparison.surface
    paths = [plane.coordinates(run.path) for run in comparison]
    sides = _ranges(paths) if surface is None else list(surface.domain)
    a, b = (np.linspace(low, high, cells) for low, high in sides)
    heights = plane.heights(comparison.value, a, b)
    filled = _contours(place, a, b, heights)
    for number, (drawn, run) in enumerate(zip(paths, comparison, strict=True)):
        _path(place, drawn[:, 0], drawn[:, 1], number, run)
    _landmarks(place, comparison, paths[0][0])
    bar = figure.colorbar(filled, ax=place, shrink=0.8, format=_told)
    bar.set_label("f" if comparison.counted == "numbers" else "loss")
    place.set(xlim=sides[0], ylim=sides[1], aspect="equal")
    if comparison.size == 2 and comparison.counted == "numbers":
        place.set(xlabel="x", ylabel="y", title=comparison.title)
    elif comparison.size == 2:
        place.set(xlabel="first weight", ylabel="second weight", title=comparison.title)
    else:
        place.set(
            xlabel="first principal direction of the paths", ylabel="second principal direction",
            title=f"{comparison.title}\n{comparison.size} {comparison.counted}; this slice holds "
            f"{_percent(plane.share)} of the paths' variance",
        )  # fmt: skip
    place.title.set_fontsize(11)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %" if share < 0.999 or share == 1 else "over 99.9 %"


def _told(value: float, _: Any = None) -> str:
    return f"{value:.3g}"


def _ranges(paths: Sequence[np.ndarray]) -> list[tuple[float, float]]:
    """What to show along each axis: the paths but for those that run away, and room about them.

    No side is shorter than half the other, so that a scale that is the same for both fits a page.
    """
    start = paths[0][0]
    reach = [float(np.abs(p - start).max()) for p in paths]
    most = 4 * float(np.median(reach)) or 1.0
    shown = np.concatenate([p[np.abs(p - start).max(axis=1) <= most] for p in paths])
    low, high = shown.min(axis=0), shown.max(axis=0)
    middle, half = (low + high) / 2, (high - low) / 2
    half = 1.15 * np.maximum(half, max(float(half.max()) / 2, 1e-12))
    return [(float(m - h), float(m + h)) for m, h in zip(middle, half, strict=True)]


def _contours(place: Any, a: np.ndarray, b: np.ndarray, heights: np.ndarray) -> Any:
    """Fill the contours in pale greys, so that the paths stand out."""
    levels = _levels(heights)
    shades = part("colors").LinearSegmentedColormap.from_list("depth", ["#8c9aa8", "#f7f8f9"])
    norm = part("colors").BoundaryNorm(levels, shades.N, extend="both")
    drawn = np.ma.masked_invalid(heights)
    filled = place.contourf(a, b, drawn, levels=levels, cmap=shades, norm=norm, extend="both")
    place.contour(
        a, b, drawn, levels=levels, colors="white", linewidths=0.7, linestyles="solid"
    )
    return filled


def _levels(heights: np.ndarray, count: int = 14) -> np.ndarray:
    """Levels evenly apart; for a valley far below its walls, closer together the deeper they lie."""
    known = heights[np.isfinite(heights)]
    low, high = float(known.min()), float(np.quantile(known, 0.97))
    if not high > low:
        return np.array([low - 1, low, low + 1])
    steep = float(np.median(known)) - low < 0.3 * (high - low)
    spread = np.linspace(0, 1, count)
    if steep:
        least = max(float(np.quantile(known, 0.02)) - low, 1e-4 * (high - low)) / (high - low)
        spread = np.geomspace(least, 1, count)
    return low + spread * (high - low)


def _path(place: Any, x: np.ndarray, y: np.ndarray, number: int, run: Run) -> None:
    """Draw a path with a white edge, so that it is seen on any ground."""
    edge = part("patheffects").withStroke(linewidth=3.4, foreground="white")
    look = style(number)
    few = len(x) <= 40
    place.plot(
        x, y, **look, label=run.name + (" (ran away)" if run.ended else ""), linewidth=1.7,
        markersize=5 if few else 3.5, markevery=1 if few else max(1, len(x) // 40),
        markeredgecolor="white", markeredgewidth=0.5, path_effects=[edge], zorder=3,
    )  # fmt: skip
    place.plot(
        x[-1:], y[-1:], marker=look["marker"], color=look["color"], markersize=11,
        markeredgecolor="black", markeredgewidth=1.2, zorder=5,
    )  # fmt: skip


def _landmarks(place: Any, comparison: Comparison, start: np.ndarray) -> None:
    place.plot(
        *start, marker="o", markersize=10, color="white", markeredgecolor="black",
        markeredgewidth=1.5, linestyle="none", label="start", zorder=4,
    )  # fmt: skip
    surface = comparison.surface
    if surface is not None and surface.minima:
        place.plot(
            *np.transpose(surface.minima), marker="*", markersize=15, color="#F0E442",
            markeredgecolor="black", linestyle="none", label="minimum", zorder=2,
        )  # fmt: skip
