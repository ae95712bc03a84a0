"""What each neuron answers over a plane of inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet import inspection
from glassnet.inspection.inputs import MARGIN, Range
from glassnet.inspection.neurons import CELLS, MOST, LayerMap, NeuronMaps
from glassnet.plots.beside import scale_beside
from glassnet.plots.boundaries import held_told, placed
from glassnet.plots.figures import LABEL, SMALL, Theme, headline, panels
from glassnet.plots.wording import in_few_letters, literal_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_POINTS = 400
"""Up to how many points are drawn on a map."""


@literal_names
def neuron_maps(
    model: Any,
    x: Any = None,
    *,
    features: Sequence[int | str] | None = None,
    feature_names: Sequence[str] | None = None,
    most: int = MOST,
    cells: int = CELLS,
    margin: float = MARGIN,
    extent: tuple[Range, Range] | None = None,
    ax: Axes | None = None,
    theme: str | Theme = "light",
) -> Figure:
    """Draw ``a_j(x)``, what neuron j answers to each input of the plane: a row of maps a layer.

    The colours are those of the sign: the middle of the scale is 0, and each layer has a scale of
    its own. Lines join equal answers; those below 0 are dashed, that of 0 is thick. The dots are
    the points of x.

    Args:
        model: the network; or what `glassnet.inspection.neuron_maps` found.
        x: points, (m, features).
        features: the two features that are shown, where there are more; see `boundary`.
        feature_names: the names of all features.
        most: how many neurons of a layer at most; how many are left out stands beside its name.
        cells: how many places along each axis are computed.
        margin: how far the maps reach beyond the points, as a part of their extent.
        extent: ((a₀, a₁), (b₀, b₁)) in place of that.
        ax, theme: where to draw; see `learning_curves`.

    Returns:
        The figure.

    Raises:
        TypeError: where this is no model, or x holds no numbers.
        ValueError: where x does not fit the network, or no layer gives one number a neuron.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(2, "tanh"), gn.layers.Dense(1)])
    >>> figure = gn.plots.neuron_maps(model, np.eye(2), cells=9)
    >>> [ax.get_title() for ax in figure.axes if ax.get_title()]
    ['a₁', 'a₂', 'a₁']
    """
    found = model
    if not isinstance(model, NeuronMaps):
        found = inspection.neuron_maps(
            model, x, features=features, feature_names=feature_names, most=most, cells=cells,
            margin=margin, extent=extent,
        )  # fmt: skip
    found = replace(found, plane=in_few_letters(found.plane))
    columns = max(layer.answers.shape[2] for layer in found.layers)
    rows = len(found.layers)
    plane = found.plane
    ratio = float(np.clip((plane.b[-1] - plane.b[0]) / (plane.a[-1] - plane.a[0]), 0.6, 1.4))
    size = (max(1.7 * columns + 1.3, 5.2), (1.45 * ratio + 0.38) * rows + 0.75)
    figure, places, look = panels(ax, theme, rows, columns, size)
    for row, layer in zip(places, found.layers, strict=True):
        _row(row, look, found, layer)
    text = f"What each neuron answers ({plane.labels[0]} across, {plane.labels[1]} up)"
    if found.other:
        text += f"\nnot shown, as their answers are no single numbers: {', '.join(found.other)}"
    headline(figure, ax, text + held_told(plane), look)
    return figure


def _row(row: Any, look: Theme, found: NeuronMaps, layer: LayerMap) -> None:
    image = None
    for number, place in enumerate(row):
        if number >= layer.answers.shape[2]:
            place.set_axis_off()
            continue
        image = _map(place, look, found, layer.answers[..., number], layer.reach or 1.0)
        place.set_title(f"a{str(number + 1).translate(_SUBSCRIPTS)}", fontsize=SMALL)
    scale_beside(row[-1], image, look)
    row[0].set_ylabel(_named(layer), fontsize=LABEL, color=look.ink)


_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def _map(place: Any, look: Theme, found: NeuronMaps, answers: np.ndarray, reach: float) -> Any:
    plane = found.plane
    answers = np.ma.masked_invalid(answers)
    image = place.imshow(answers, cmap=look.diverging, vmin=-reach, vmax=reach, **placed(plane))
    levels = np.linspace(-reach, reach, 9)[1:-1]
    for level in levels:
        if answers.min() < level < answers.max():
            middle = abs(level) < reach / 100
            place.contour(
                plane.a, plane.b, answers, levels=[level], colors=[look.ink],
                linewidths=1.3 if middle else 0.5, linestyles="dashed" if level < 0 and not middle
                else "solid", alpha=0.9 if middle else 0.6,
            )  # fmt: skip
    if len(found.points) <= _POINTS:
        place.scatter(*found.points.T, s=2.5, color=look.ink, alpha=0.45, linewidths=0, zorder=3)
    place.set(xlim=(plane.a[0], plane.a[-1]), ylim=(plane.b[0], plane.b[-1]))
    place.grid(False)
    place.set_xticks([])
    place.set_yticks([])
    return image


def _named(layer: LayerMap) -> str:
    text = layer.name
    if layer.activation:
        text += f"\n{layer.activation}"
    shown = layer.answers.shape[2]
    return text if not layer.left_out else f"{text}\nfirst {shown} of {layer.count}"
