"""Heights over a plane, and paths on them: what comparisons, landscapes and descents share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.plots.beside import scale_beside
from glassnet.plots.figures import Theme, part

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDE = 30.0
"""From which ratio of the largest to the smallest height on the scale is logarithmic."""
_DEPTHS = {"light": ("#93a0ad", "#f9fafb"), "dark": ("#0b0d10", "#6b7785")}
"""The shades of the lowest and the highest: pale, so that paths stand out."""
_LINES = {"light": ("white", 0.7), "dark": ("#98a3b0", 0.4)}
"""The colour and the width of the lines between them."""


def draw_contours(ax: Axes, theme: Theme, a: np.ndarray, b: np.ndarray, heights: np.ndarray) -> Any:
    """Fill the contours of heights (len(b), len(a)) in pale greys, with round levels."""
    drawn = np.ma.masked_invalid(heights)
    chosen = levels(np.asarray(drawn.compressed()))
    shades = part("colors").LinearSegmentedColormap.from_list("depth", _DEPTHS[theme.name])
    norm = part("colors").BoundaryNorm(chosen, shades.N, extend="both")
    filled = ax.contourf(a, b, drawn, levels=chosen, cmap=shades, norm=norm, extend="both")
    colour, width = _LINES[theme.name]
    ax.contour(a, b, drawn, levels=chosen, colors=colour, linewidths=width, linestyles="solid")
    return filled


def levels(heights: np.ndarray) -> np.ndarray:
    """Return round levels, evenly apart; by powers of ten for a valley far below its walls."""
    if not heights.size:
        return np.array([-1.0, 0.0, 1.0])
    low, high = float(heights.min()), float(np.quantile(heights, 0.97))
    if not high > low:
        return np.array([low - 1, low, low + 1])
    least = max(float(np.quantile(heights, 0.015)), low, 1e-8 * high)
    skewed = float(np.median(heights)) - low < 0.3 * (high - low)
    if low < 0 or not skewed or high < WIDE * least:
        even: np.ndarray = (
            part("ticker").MaxNLocator(14, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        )
        return even
    decades = np.arange(np.floor(np.log10(least)), np.ceil(np.log10(high)) + 1)
    digits = [1, 2, 5] if len(decades) <= 5 else [1, 3] if len(decades) <= 8 else [1]
    found = np.outer(10.0**decades, digits).ravel()
    inside = found[(found >= least) & (found <= high)]
    return inside if len(inside) > 2 else np.geomspace(least, high, 6)


def draw_sheet(
    ax: Any, theme: Theme, a: np.ndarray, b: np.ndarray, heights: np.ndarray, **look: Any
) -> None:
    """Draw heights (len(b), len(a)) as a sheet in space, with a wide net of lines on it.

    Args:
        ax, theme: where.
        a, b: the places.
        heights: the heights.
        look: the colours of the sheet, as ``plot_surface`` takes them.
    """
    across, along = np.meshgrid(a, b)
    ax.computed_zorder = False  # what stands before the sheet and what behind, the caller says
    ax.plot_surface(
        across, along, heights, linewidth=0, antialiased=False, rcount=len(b), ccount=len(a),
        zorder=2, **look,
    )  # fmt: skip
    ax.plot_wireframe(
        across, along, heights, rcount=min(len(b), 21), ccount=min(len(a), 21), linewidth=0.4,
        color=theme.ink, alpha=0.35, zorder=2.2,
    )  # fmt: skip
    ax.locator_params(nbins=5)


def draw_scale(ax: Axes, theme: Theme, filled: Any, name: str) -> Any:
    """Draw the scale of heights beside the axes, with its name."""
    return scale_beside(ax, filled, theme, name, format=told)


def told(value: float, _: Any = None) -> str:
    """Return a number with three digits."""
    return f"{value:.3g}"


def percent(share: float) -> str:
    """Return a share as a percentage; it is 100 % only where it is all."""
    return f"{100 * share:.3g} %" if share < 0.999 or share == 1 else "over 99.9 %"


# --- paths ------------------------------------------------------------------------------------
def draw_path(
    ax: Axes,
    theme: Theme,
    points: np.ndarray,
    number: int,
    label: str | None,
    *,
    edged: bool = True,
) -> None:
    """Draw a path (n, 2) in the style of this number, its last point larger.

    Args:
        ax, theme: where.
        points: the points.
        number: of the style.
        label: its name in the legend; None for no entry.
        edged: whether it has an edge in the colour of the page, to be seen on contours.
    """
    points = _until_at_rest(points)
    look, few = theme.style(number), len(points) <= 30
    if edged:
        ax.plot(*points.T, color=theme.background, linewidth=3.6, zorder=2.5)
    ax.plot(
        *points.T, **look, label=label, linewidth=1.8, zorder=3 + number / 100,
        markersize=6 if few else 4.5, markevery=1 if few else max(1, len(points) // 25),
        markeredgecolor=theme.background, markeredgewidth=0.6,
    )  # fmt: skip
    # Those that end at the same place lie one upon the other, the later the smaller.
    ax.plot(
        *points[-1:].T, marker=look["marker"], color=look["color"],
        markersize=max(7.0, 13 - 2.5 * number), markeredgecolor=theme.ink, markeredgewidth=1.1,
        zorder=5 + number / 100,
    )  # fmt: skip


def draw_start(
    ax: Axes, theme: Theme, point: Sequence[float] | np.ndarray, label: str | None
) -> None:
    """Mark where a path begins."""
    ax.plot(
        point[0], point[1], marker="o", markersize=10, color=theme.background,
        markeredgecolor=theme.ink, markeredgewidth=1.5, linestyle="none", label=label, zorder=4,
    )  # fmt: skip


def _until_at_rest(points: np.ndarray) -> np.ndarray:
    """A path without its end where it stays in one place, which would take up all the markers."""
    apart = np.abs(points - points[-1]).max(axis=1)
    moving = np.flatnonzero(apart > 1e-3 * apart.max())
    return points[: moving[-1] + 2] if len(moving) else points[:1]
