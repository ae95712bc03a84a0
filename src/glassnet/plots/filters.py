"""The kernels of convolutions, and the maps that they make of an image.

Filters and channels are numbered from 0, as in the arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.checks import whole
from glassnet.inspection.filters import FeatureMaps, Filters, filter_kernels
from glassnet.inspection.filters import feature_maps as inspected_maps
from glassnet.plots.figures import LABEL, SMALL, Theme, bare, colourbar, headline, panels
from glassnet.plots.tiles import (
    MOST,
    draw_tile,
    grid_for,
    in_digits,
    mark_negative,
    reach_of,
    some_of,
    write_numbers,
)
from glassnet.plots.wording import literal_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NUMBERED, _MARKED = 25, 49
"""Up to so many cells of a kernel are written out where there is room; have their signs marked."""


# --- kernels ----------------------------------------------------------------------------------
@literal_names
def filters(
    model: Any,
    layer: Any = None,
    *,
    colours: bool | None = None,
    numbers: bool | None = None,
    most: int = MOST,
    ax: Axes | None = None,
    theme: str = "light",
) -> Figure:
    """Draw the kernels W of a convolution: a tile for each filter and channel.

    Colours are centred at 0, on one scale for all tiles. In small kernels numbers or dashes tell
    the sign without colours. A filter answers where the image looks like it: bright where its
    weights are positive, dark where they are negative.

    Args:
        model: a model, a convolution, or what `inspection.filter_kernels` returned.
        layer: which convolution: its name, its path, or the layer; the first for None.
        colours: whether filters of three channels are drawn as colours about grey; for None they
            are. Else each channel has a tile.
        numbers: whether the weights are written into the cells; for None in small kernels.
        most: how many tiles are drawn at most.
        ax: axes whose place the panels take; a new figure for None.
        theme: "light" or "dark"; axes that are given tell it themselves.

    Returns:
        The figure.

    Raises:
        ValueError: where there is no convolution over steps or images.

    >>> import glassnet as gn
    >>> model = gn.Sequential([gn.Input((8, 8, 1)), gn.layers.Conv2D(4, 3)])
    >>> figure = gn.plots.filters(model)
    >>> figure.axes[0].images[0].get_array().shape
    (3, 3)
    """
    most = whole(most, "filters: most", least=1)
    found = model if isinstance(model, Filters) else filter_kernels(model, layer)
    count, channels, height, width = found.kernels.shape
    joined = channels == 1 or (channels == 3 and colours is not False)
    if joined:
        shown = min(count, most)
        rows, columns = grid_for(shown)
    else:
        columns = min(count, max(1, min(most, 16)))
        rows = min(channels, max(1, most // columns))
        shown = rows * columns
    fits = height * width <= _NUMBERED and columns * width <= 24
    written = (fits if numbers is None else bool(numbers)) and not (joined and channels == 3)
    size = _size(rows, columns, found, joined, written)
    figure, drawn, look = panels(ax, theme, rows, columns, size)
    reach, image = reach_of(found.kernels), None
    for number, place in enumerate(drawn.flat):
        bare(place)
        row, column = divmod(number, columns)
        if joined and number >= shown:
            place.set_axis_off()
            continue
        tile = found.kernels[number].transpose(1, 2, 0) if joined else found.kernels[column, row]
        image = draw_tile(place, look, tile, reach)
        if written:
            write_numbers(place, image, tile.reshape(height, width), SMALL - 1)
        elif height * width <= _MARKED and not (joined and channels == 3):
            mark_negative(place, image, tile.reshape(height, width), 3)
        if joined or row == 0:
            place.set_title(
                _filter_name(found, number, columns), fontsize=SMALL, color=look.muted, pad=3
            )
        if not joined and column == 0:
            place.set_ylabel(f"channel {row}", fontsize=SMALL)
    if not (joined and channels == 3):
        colourbar(list(drawn.flat), image, look, "weight", shrink=0.8)
    headline(figure, ax, _kernels_told(found, joined, shown, columns, rows), look)
    return figure


def _size(
    rows: int, columns: int, found: Filters, joined: bool, written: bool
) -> tuple[float, float]:
    """Inches of the figure: room for the numbers where they are written."""
    height, width = found.kernels.shape[2:]
    tile = 0.42 * width if written else float(np.clip(9.0 / columns, 0.62, 1.6))
    high = tile * float(np.clip(height / width, 0.3, 2.5))
    return max(4.6, tile * columns + 1.3), (high + (0.3 if joined else 0.06)) * rows + 0.9


def _filter_name(found: Filters, number: int, columns: int) -> str:
    told = str(number)
    if found.bias is not None and number < len(found.bias) and columns <= 9:
        told += f" (b {found.bias[number]:.2f})".replace("-", "−")
    return told


def _kernels_told(found: Filters, joined: bool, shown: int, columns: int, rows: int) -> str:
    count, channels, height, width = found.kernels.shape
    size = f"{height} × {width}"
    if found.steps:
        return (
            f"{found.name}: {some_of(shown, count, 'filter')} over {width} steps (across) of "
            f"{height} channels (down)"
        )
    if joined:
        kind = "colours about grey" if channels == 3 else "one channel"
        return f"{found.name}: {some_of(shown, count, 'filter')}, {size}, {kind}"
    return (
        f"{found.name}: {some_of(columns, count, 'filter')}, {size}, "
        f"{some_of(rows, channels, 'channel')}"
    )


# --- feature maps -----------------------------------------------------------------------------
@literal_names
def feature_maps(
    model: Any,
    x: Any = None,
    layer: Any = None,
    *,
    most: int = 8,
    ax: Axes | None = None,
    theme: str = "light",
) -> Figure:
    """Draw what the layers make of one image: a row for each layer, a tile for each channel.

    The image itself stands first. The maps of a layer share one scale, whose ends are said; where
    it has both signs, colours are centred at 0.

    Args:
        model: a model whose input is images; or what `inspection.feature_maps` returned.
        x: one image.
        layer: the name of a layer, or a list of names; for None all convolutions, pooling layers
            and activations.
        most: how many maps of a layer are drawn.
        ax: axes whose place the panels take; a new figure for None.
        theme: "light" or "dark"; axes that are given tell it themselves.

    Returns:
        The figure.

    Raises:
        ValueError: where x is no single image, or no layer makes maps.
    """
    most = whole(most, "feature_maps: most", least=1)
    if not isinstance(model, FeatureMaps) and x is None:
        raise TypeError("feature_maps(model, x) takes an image: x, of the model's input shape.")
    found = model if isinstance(model, FeatureMaps) else inspected_maps(model, x, layer)
    columns = 1 + min(most, max(one.maps.shape[-1] for one in found.layers))
    rows = len(found.layers)
    figure, drawn, look = panels(
        ax, theme, rows, columns, (1.25 * columns + 0.6, 1.45 * rows + 0.7)
    )
    for place in drawn.flat:
        bare(place)
    for place in drawn[:, 0]:
        place.set_axis_off()
    _image(drawn[0, 0], look, found.image)
    for row, one in zip(drawn, found.layers, strict=True):
        _row_of_maps(row, look, one.name, one.maps)
    headline(figure, ax, "One image, and what the layers make of it", look)
    return figure


def _image(ax: Any, theme: Theme, image: np.ndarray) -> None:
    ax.set_axis_on()
    if image.shape[-1] == 3:
        low, high = float(image.min()), float(image.max())
        ax.imshow((image - low) / (high - low or 1.0), interpolation="nearest")
    else:
        ax.imshow(image[..., 0], cmap="gray", interpolation="nearest")
    ax.set_title("image", fontsize=LABEL, color=theme.ink, pad=3)


def _row_of_maps(row: Any, theme: Theme, name: str, maps: np.ndarray) -> None:
    height, width, channels = maps.shape
    shown = min(channels, len(row) - 1)
    low, high = float(maps.min()), float(maps.max())
    signed = low < 0 < high
    reach = max(-low, high)
    scale: dict[str, Any] = {"cmap": theme.sequential, "vmin": low, "vmax": high}
    if signed:
        scale = {"cmap": theme.diverging, "vmin": -reach, "vmax": reach}
    for channel, place in enumerate(row[1:]):
        if channel >= shown:
            place.set_axis_off()
            continue
        place.imshow(maps[..., channel], interpolation="nearest", **scale)
        place.spines[:].set(visible=True, color=theme.faint)
        share = float(np.mean(maps[..., channel] == 0))
        told = str(channel) + (", all 0" if share == 1 else "")
        place.set_xlabel(told, fontsize=SMALL - 1, labelpad=2)
        place.xaxis.label.set_color(theme.muted)
    told = f"{name}: {some_of(shown, channels, 'map')} of {height} × {width}, "
    told += f"{in_digits(low)} to {in_digits(high)}"
    row[1].set_title(" ", fontsize=SMALL, pad=3)  # room; a title this wide would widen its column
    row[1].annotate(
        told, (0.0, 1.0), xycoords="axes fraction", xytext=(0, 3), textcoords="offset points",
        va="bottom", fontsize=SMALL, color=theme.ink,
    ).set_in_layout(False)  # fmt: skip
