"""Weights as heat maps with histograms, and as images of what units look for.

Units are numbered from 0, as in the arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.checks import one_of, whole
from glassnet.inspection.filters import WeightMatrix, weight_images, weight_matrices
from glassnet.plots.figures import SMALL, TITLE, Theme, bare, colourbar, headline, panels, part
from glassnet.plots.tiles import (
    MARKED,
    MOST,
    draw_tile,
    grid_for,
    in_digits,
    mark_negative,
    reach_of,
    some_of,
    write_numbers,
)
from glassnet.plots.wording import literal, literal_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_ROWS = 18
"""Up to so many rows of a matrix are high enough for numbers."""


@literal_names
def weights(
    model: Any,
    layer: Any = None,
    *,
    shape: Sequence[int] | None = None,
    scale: str = "own",
    most: int = MOST,
    ax: Axes | None = None,
    theme: str = "light",
) -> Figure:
    """Draw every weight matrix W as a heat map, with its histogram beside it.

    Colours are centred at 0: one for negative weights, another for positive ones. In matrices that
    are not too large numbers or dashes tell the sign without colours. Where a layer has a bias, it
    stands as a strip below its matrix. With ``shape`` the weights of each unit of a dense layer are
    drawn as an image instead: what the unit looks for in an image.

    Args:
        model: a model, a layer, or what `inspection.weight_matrices` returned.
        layer: only this layer: its name, its path, or the layer.
        shape: height and width of the images that the layer sees (and channels), ``(28, 28)``.
        scale: ``"own"``: each matrix has its own scale of colours; ``"shared"``: all have one.
        most: how many units are drawn as images.
        ax: axes whose place the panels take; a new figure for None.
        theme: "light" or "dark"; axes that are given tell it themselves.

    Returns:
        The figure.

    Raises:
        ValueError: where there are no weights, no such layer, or its inputs are no such images.

    >>> import glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(3, name="hidden")])
    >>> figure = gn.plots.weights(model)
    >>> figure.axes[0].images[0].get_array().shape
    (2, 3)
    """
    one_of(scale, ("own", "shared"), "weights: scale")
    if shape is not None:
        return _images(model, shape, layer, scale, whole(most, "weights: most", least=1), ax, theme)
    found = _matrices(model, layer)
    largest = max(reach_of(m.matrix, m.bias) for m in found)
    heights = [heat_map_height(m) for m in found]
    figure, drawn, look = panels(
        ax, theme, len(found), 2, (9.0, sum(heights) + 0.9 * len(found) + 0.4),
        width_ratios=[1.9, 1], height_ratios=heights,
    )  # fmt: skip
    for (left, right), matrix in zip(drawn, found, strict=True):
        reach = largest if scale == "shared" else reach_of(matrix.matrix, matrix.bias)
        heat_map(left, look, matrix, reach)
        _histogram(right, look, matrix, reach)
    told = "one scale of colours for all" if scale == "shared" else "each with its own scale"
    headline(figure, ax, "Weights" + (f", {told}" if len(found) > 1 else ""), look)
    return figure


def _matrices(model: Any, layer: Any) -> Sequence[WeightMatrix]:
    if isinstance(model, WeightMatrix):
        return (model,)
    if isinstance(model, (tuple, list)) and all(isinstance(m, WeightMatrix) for m in model):
        return model
    return weight_matrices(model, layer)


def heat_map_height(found: WeightMatrix) -> float:
    """Return how many inches high a heat map is: as its shape asks for, within bounds."""
    rows, columns = found.matrix.shape
    return float(np.clip(4.6 * rows / columns, 1.5, 3.4))


def heat_map(ax: Any, theme: Theme, found: WeightMatrix, reach: float) -> None:
    """Draw a matrix as colours from ``-reach`` to ``reach``, with its bias as a strip below."""
    rows, columns = found.matrix.shape
    look: dict[str, Any] = {
        "cmap": theme.diverging, "vmin": -reach, "vmax": reach, "aspect": "auto",
        "interpolation": "nearest",
    }  # fmt: skip
    drawn = ax.imshow(found.matrix, extent=(-0.5, columns - 0.5, rows - 0.5, -0.5), **look)
    low = rows - 0.5
    if found.bias is not None:
        strip, gap = max(0.07 * rows, 0.35), max(0.035 * rows, 0.15)
        top, low = rows - 0.5 + gap, rows - 0.5 + gap + strip
        ax.imshow(found.bias[None], extent=(-0.5, columns - 0.5, low, top), **look)
        ax.annotate(
            "bias", (-0.5, (top + low) / 2), xytext=(-4, 0), textcoords="offset points",
            ha="right", va="center", fontsize=SMALL, color=theme.muted,
        )  # fmt: skip
    ax.set(xlim=(-0.5, columns - 0.5), ylim=(low, -0.5))
    ax.grid(False)
    ax.spines[:].set_visible(False)
    for axis, size in ((ax.xaxis, columns), (ax.yaxis, rows)):
        axis.set_major_locator(part("ticker").MaxNLocator(min(8, size), integer=True))
    ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick < rows] if rows > 1 else [0])
    if columns == 1:
        ax.set_xticks([0])
    ax.set_xlabel(found.columns)
    ax.set_ylabel(found.rows)
    shape = " × ".join(map(str, found.shape))
    _title(ax, literal(f"{found.name}  {shape}"), theme.ink, TITLE - 0.5)
    if rows <= _ROWS and columns <= 15 and rows * columns <= 160:
        write_numbers(ax, drawn, found.matrix, SMALL - 1)
    elif rows * columns <= MARKED:
        mark_negative(ax, drawn, found.matrix, 4)
    colourbar(ax, drawn, theme)


def _histogram(ax: Any, theme: Theme, found: WeightMatrix, reach: float) -> None:
    every = found.matrix.ravel()
    entries = every[np.isfinite(every)]
    bins = int(np.clip(sqrt(entries.size), 7, 50))
    edges = np.linspace(-reach, reach, bins + 1)
    counts, _ = np.histogram(entries, edges)
    middle = (edges[:-1] + edges[1:]) / 2
    norm = part("colors").Normalize(-1.25 * reach, 1.25 * reach)
    colours = part("cm").ScalarMappable(norm, theme.diverging).to_rgba(middle)
    ax.bar(
        middle, counts, width=np.diff(edges), color=colours, edgecolor=theme.muted, linewidth=0.5
    )
    ax.axvline(0.0, color=theme.muted, linewidth=0.8)
    told = "none is finite"
    if entries.size:
        told = f"mean {in_digits(entries.mean())}, deviation {in_digits(entries.std())}"
        zeros = float(np.mean(entries == 0))
        told += f"\n{_percent(zeros)} are 0" if zeros else ""
        if entries.size < every.size:
            told += f"\n{_percent(1 - entries.size / every.size)} are not finite"
    _title(ax, told, theme.muted, SMALL)
    ax.set(xlabel="weight", ylabel="how many")
    ax.xaxis.set_major_locator(part("ticker").MaxNLocator(5))
    ax.yaxis.set_major_locator(part("ticker").MaxNLocator(4, integer=True))


def _title(ax: Any, text: str, colour: str, size: float) -> None:
    """Write a title from the left edge on; it may be wider than its axes."""
    ax.set_title(text, fontsize=size, color=colour, loc="left", pad=4)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 or share == 0 else f"{100 * share:.1g} %"


# --- images of units --------------------------------------------------------------------------
def _images(
    model: Any,
    shape: Sequence[int],
    layer: Any,
    scale: str,
    most: int,
    ax: Axes | None,
    theme: str,
) -> Figure:
    found = weight_images(model, shape, layer)
    tiles = found.images[:most]
    largest = reach_of(found.images)
    rows, columns = grid_for(len(tiles))
    figure, drawn, look = panels(ax, theme, rows, columns, (1.15 * columns + 0.9, 1.3 * rows + 0.9))
    image = None
    for number, place in enumerate(drawn.flat):
        bare(place)
        if number >= len(tiles):
            place.set_axis_off()
            continue
        reach = largest if scale == "shared" else reach_of(tiles[number])
        image = draw_tile(place, look, tiles[number], reach)
        place.set_title(str(number), fontsize=SMALL - 1, color=look.muted, pad=2)
    told = f"{found.name}: the weights of {some_of(len(tiles), len(found.images), 'unit')}"
    if scale == "shared":
        colourbar(list(drawn.flat), image, look, "weight", shrink=0.8)
    else:
        told += ", each with its own scale"
    headline(figure, ax, told, look)
    return figure
