"""Weights as heat maps and images, the kernels of convolutions, and the maps that they make.

Units, filters and channels are numbered from 0, as in the arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.checks import one_of, whole
from glassnet.inspection.filters import (
    FeatureMaps,
    Filters,
    WeightMatrix,
    filter_kernels,
    weight_images,
    weight_matrices,
)
from glassnet.inspection.filters import (
    feature_maps as inspected_maps,
)
from glassnet.plots.figures import (
    LABEL,
    SMALL,
    TITLE,
    Theme,
    bare,
    colourbar,
    headline,
    ink_on,
    panels,
    part,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 64
"""How many tiles are drawn at most, where nothing else is asked for."""
_NUMBERED = 25
"""Up to so many cells of a kernel are written out, where the tiles are large enough."""


# --- weights ----------------------------------------------------------------------------------
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

    Colours are centred at 0: one for negative weights, another for positive ones. Where a layer
    has a bias, it stands as a strip below its matrix. With ``shape`` the weights of each unit of a
    dense layer are drawn as an image instead: what the unit looks for in an image.

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


def reach_of(*arrays: np.ndarray | None) -> float:
    """Return the largest size of an entry: to where a scale of colours centred at 0 reaches."""
    return max(float(np.abs(a).max()) for a in arrays if a is not None and a.size) or 1.0


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
    ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick < rows])
    ax.set_xlabel(found.columns)
    ax.set_ylabel(found.rows)
    shape = " × ".join(map(str, found.shape))
    _title(ax, f"{found.name}  {shape}", theme.ink, TITLE - 0.5)
    if rows * columns <= 160 and columns <= 15:
        _write(ax, drawn, found.matrix, SMALL - 1)
    colourbar(ax, drawn, theme)


def _write(ax: Any, drawn: Any, values: np.ndarray, size: float) -> None:
    """Write the numbers into the cells."""
    for (row, column), number in np.ndenumerate(values):
        ax.text(
            column, row, f"{number:.2f}".replace("-", "−"), ha="center", va="center",
            fontsize=size, color=ink_on(drawn.to_rgba(number)[:3]),
        )  # fmt: skip


def _histogram(ax: Any, theme: Theme, found: WeightMatrix, reach: float) -> None:
    entries = found.matrix.ravel()
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
    zeros = float(np.mean(entries == 0))
    told = f"mean {_told(entries.mean())}, deviation {_told(entries.std())}"
    if zeros:
        told += f"\n{_percent(zeros)} are 0"
    _title(ax, told, theme.muted, SMALL)
    ax.set(xlabel="weight", ylabel="how many")
    ax.xaxis.set_major_locator(part("ticker").MaxNLocator(5))
    ax.yaxis.set_major_locator(part("ticker").MaxNLocator(4, integer=True))


def _title(ax: Any, text: str, colour: str, size: float) -> None:
    """Write a title from the left edge on; it may be wider than its axes."""
    ax.set_title(text, fontsize=size, color=colour, loc="left", pad=4)


def _told(number: float) -> str:
    return f"{number:.3g}".replace("-", "−")


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
    rows, columns = _grid(len(tiles))
    figure, drawn, look = panels(ax, theme, rows, columns, (1.15 * columns + 0.9, 1.3 * rows + 0.9))
    image = None
    for number, place in enumerate(drawn.flat):
        bare(place)
        if number >= len(tiles):
            place.set_axis_off()
            continue
        reach = largest if scale == "shared" else reach_of(tiles[number])
        image = _tile(place, look, tiles[number], reach)
        place.set_title(str(number), fontsize=SMALL - 1, color=look.muted, pad=2)
    told = f"{found.name}: the weights of {_some(len(tiles), len(found.images), 'unit')}"
    if scale == "shared":
        colourbar(list(drawn.flat), image, look, "weight", shrink=0.8)
    else:
        told += ", each with its own scale"
    headline(figure, ax, told, look)
    return figure


def _tile(ax: Any, theme: Theme, values: np.ndarray, reach: float) -> Any:
    """Draw a map of signed numbers; three channels as colours about grey."""
    if values.ndim == 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim == 3:
        return ax.imshow(np.clip(0.5 + 0.5 * values / reach, 0, 1), interpolation="nearest")
    return ax.imshow(values, cmap=theme.diverging, vmin=-reach, vmax=reach, interpolation="nearest")


def _grid(count: int, wide: float = 1.6) -> tuple[int, int]:
    """Rows and columns for tiles, wider than high, with few places left over."""
    widest = min(count, max(2, ceil(sqrt(wide * count))))
    columns = min(range(max(1, widest - 3), widest + 1), key=lambda c: (-(-count // c) * c, -c))
    return -(-count // columns), columns


def _some(shown: int, count: int, what: str) -> str:
    if shown < count:
        return f"{shown} of {count} {what}s"
    return f"{count} {what}{'s' * (count > 1)}"


# --- kernels ----------------------------------------------------------------------------------
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

    Colours are centred at 0, on one scale for all tiles. A filter answers where the image looks
    like it: bright where its weights are positive, dark where they are negative.

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
        rows, columns = _grid(shown)
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
        image = _tile(place, look, tile, reach)
        if written:
            _write(place, image, tile.reshape(height, width), SMALL - 1)
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
            f"{found.name}: {_some(shown, count, 'filter')} over {width} steps (across) of "
            f"{height} channels (down)"
        )
    if joined:
        kind = "colours about grey" if channels == 3 else "one channel"
        return f"{found.name}: {_some(shown, count, 'filter')}, {size}, {kind}"
    return (
        f"{found.name}: {_some(columns, count, 'filter')}, {size}, "
        f"{_some(rows, channels, 'channel')}"
    )


# --- feature maps -----------------------------------------------------------------------------
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
    told = f"{name}: {_some(shown, channels, 'map')} of {height} × {width}, "
    told += f"{_told(low)} to {_told(high)}"
    row[1].set_title(" ", fontsize=SMALL, pad=3)  # room; a title this wide would widen its column
    row[1].annotate(
        told, (0.0, 1.0), xycoords="axes fraction", xytext=(0, 3), textcoords="offset points",
        va="bottom", fontsize=SMALL, color=theme.ink,
    ).set_in_layout(False)  # fmt: skip
