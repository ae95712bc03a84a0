"""Distributions of activations and derivatives; what an initialization does to them in depth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.inspection.depth import SignalFlow, signal_flow
from glassnet.inspection.distributions import (
    KEPT,
    Distributions,
    LayerDistribution,
)
from glassnet.inspection.distributions import (
    distributions as inspected_distributions,
)
from glassnet.plots.figures import LABEL, SMALL, TITLE, Theme, headline, legend, panels, part
from glassnet.plots.wording import literal_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INITIALIZERS = ("random_normal", "glorot_uniform", "he_normal", "lecun_normal", "orthogonal", 0.01)
"""The initializations that are compared where none are named."""
ACTIVATIONS = ("tanh", "sigmoid", "relu")
SHOWN = f" (the middle {KEPT:g} %)"
_SMALLEST = 1e-12
"""Sizes below this are drawn here: nothing but rounding is left of them."""


# --- distributions ----------------------------------------------------------------------------
@literal_names
def distributions(
    record: Any,
    x: Any = None,
    y: Any = None,
    *,
    layers: Sequence[str] | None = None,
    training: bool = False,
    ax: Axes | None = None,
    theme: str = "light",
) -> Figure:
    """Draw how the activations A and the derivatives ∂J/∂A of each layer are distributed.

    For a model: a histogram of each layer, one above the other; the entries that are exactly 0 are
    left out of it and said in words. For a `callbacks.Recorder`: percentiles over the training: the
    median as a line, half of all entries in the darker band, 90 % in the paler one. The words
    beside a layer say how many entries are 0, how many units are 0 for all examples (dead), and
    how many entries are near a bound of tanh or sigmoid (saturated).

    Args:
        record: a model, a recorder, or what `inspection.distributions` returned.
        x: the inputs of a batch.
        y: its targets; without them there are no derivatives.
        layers: the names of layers; for None those that have weights or an activation.
        training: whether layers behave as they do while training.
        ax: axes whose place the panels take; a new figure for None.
        theme: "light" or "dark"; axes that are given tell it themselves.

    Returns:
        The figure.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(3, "relu", name="hidden")])
    >>> figure = gn.plots.distributions(model, np.array([[1.0, 2.0], [0.0, 1.0]]))
    >>> len(figure.axes)
    1
    """
    found = record
    if not isinstance(record, Distributions):
        if x is None:
            raise TypeError("distributions(model, x, y) takes a batch: x, and y for derivatives.")
        found = inspected_distributions(record, x, y, layers=layers, training=training)
    groups = [found.outputs, *([found.gradients] if found.gradients else [])]
    told = ["activations A", "derivatives ∂J/∂A" + (SHOWN if found.moments == 1 else "")]
    if found.moments == 1:
        return _ridges(found, groups, told, ax, theme)
    return _bands(found, groups, told, ax, theme)


def _ridges(
    found: Distributions,
    groups: Sequence[Sequence[LayerDistribution]],
    told: Sequence[str],
    ax: Axes | None,
    theme: str,
) -> Figure:
    rows = len(found.outputs)
    size = (4.6 * len(groups) + 0.6, 0.95 * rows + 1.2)
    figure, drawn, look = panels(ax, theme, rows, len(groups), size)
    for column, group in enumerate(groups):
        for place, layer in _used(drawn[:, column], look, found, group):
            _ridge(place, look, layer, column)
            if column == 0:
                place.set_ylabel(layer.name, rotation=0, ha="right", va="center", fontsize=LABEL)
            lowest = place
        lowest.set_xlabel(told[column])
    figure.align_ylabels(list(drawn[:, 0]))
    loss = "" if found.losses is None else f" (loss of the batch {found.losses[-1]:.3g})"
    headline(figure, ax, f"What runs through the layers{loss}", look)
    return figure


def _used(
    places: Any, theme: Theme, found: Distributions, group: Sequence[LayerDistribution]
) -> Iterator[tuple[Any, LayerDistribution]]:
    """The panels that have something to show; the others say why they have not."""
    layers = {layer.name: layer for layer in group}
    for place, row in zip(places, found.outputs, strict=True):
        if row.name in layers:
            yield place, layers[row.name]
            continue
        place.set_axis_off()
        place.text(
            0.5, 0.5, "the loss is computed from Z, not from A", transform=place.transAxes,
            ha="center", va="center", fontsize=SMALL, color=theme.muted,
        )  # fmt: skip


def _ridge(ax: Any, theme: Theme, layer: LayerDistribution, column: int) -> None:
    ax.stairs(
        layer.counts, layer.edges, fill=True, color=theme.colour(1 - column), alpha=0.8,
        linewidth=0,
    )  # fmt: skip
    ax.axvline(0.0, color=theme.muted, linewidth=0.8)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.grid(False)
    ax.xaxis.set_major_locator(part("ticker").MaxNLocator(5))
    _say(ax, theme, _words(layer, -1, column == 0))


def _say(ax: Any, theme: Theme, words: str) -> None:
    ax.annotate(
        words, (1.0, 1.0), xycoords="axes fraction", xytext=(-2, 1), textcoords="offset points",
        ha="right", va="bottom", fontsize=SMALL - 1, color=theme.muted,
    )  # fmt: skip


def _bands(
    found: Distributions,
    groups: Sequence[Sequence[LayerDistribution]],
    told: Sequence[str],
    ax: Axes | None,
    theme: str,
) -> Figure:
    rows = len(found.outputs)
    size = (4.6 * len(groups) + 0.6, 1.45 * rows + 1.2)
    figure, drawn, look = panels(ax, theme, rows, len(groups), size, sharex=True)
    for column, group in enumerate(groups):
        for place, layer in _used(drawn[:, column], look, found, group):
            _band(place, look, found, layer, column)
            if column == 0:
                place.set_ylabel(layer.name, fontsize=LABEL)
            lowest = place
        lowest.set_xlabel("steps of training")
        lowest.tick_params(labelbottom=True)
        drawn[0, column].set_title(told[column], fontsize=LABEL, loc="left", color=look.ink)
    figure.align_ylabels(list(drawn[:, 0]))
    text = "What runs through the layers while training: " + _bands_told(found.which)
    if found.losses is not None:
        text += f"\nloss of the batch {found.losses[0]:.3g} → {found.losses[-1]:.3g}"
    headline(figure, ax, text, look)
    return figure


def _bands_told(which: Sequence[float]) -> str:
    count = len(which)
    parts = ["median"] if count % 2 and which[count // 2] == 50 else []
    for inner in reversed(range(count // 2)):
        parts.append(f"{which[count - 1 - inner] - which[inner]:g} %")
    return ", ".join(parts) + " of the entries"


def _band(
    ax: Any, theme: Theme, found: Distributions, layer: LayerDistribution, column: int
) -> None:
    colour, count = theme.colour(1 - column), len(found.which)
    for inner in range(count // 2):
        ax.fill_between(
            found.steps, layer.percentiles[:, inner], layer.percentiles[:, count - 1 - inner],
            color=colour, alpha=0.25, linewidth=0,
        )  # fmt: skip
    if count % 2:
        ax.plot(found.steps, layer.percentiles[:, count // 2], color=colour, linewidth=1.6)
    ax.axhline(0.0, color=theme.muted, linewidth=0.6)
    ax.margins(x=0)
    ax.xaxis.set_major_locator(part("ticker").MaxNLocator(5, integer=True))
    ax.yaxis.set_major_locator(part("ticker").MaxNLocator(4))
    first, last = _words(layer, 0, column == 0), _words(layer, -1, column == 0)
    _say(ax, theme, last if first == last else f"{first or 'none zero'} → {last or 'none zero'}")


def _words(layer: LayerDistribution, moment: int, outputs: bool) -> str:
    """What is said of a layer: shares of zeros, dead units and saturated entries."""
    parts = []
    if layer.zeros[moment] > 0:
        parts.append(f"{_percent(layer.zeros[moment])} zero")
    if outputs and layer.dead[moment] > 0:
        parts.append(f"{_percent(layer.dead[moment])} of units dead")
    if outputs and layer.saturated is not None:
        parts.append(f"{_percent(layer.saturated[moment])} saturated")
    return ", ".join(parts)


def _percent(share: float) -> str:
    if 0 < share < 0.01:
        return "under 1 %"
    return f"{100 * share:.0f} %" if share < 0.995 or share == 1 else "over 99 %"


# --- initializations --------------------------------------------------------------------------
@literal_names
def initializations(
    initializers: Sequence[Any] = INITIALIZERS,
    activations: Sequence[Any] | str = ACTIVATIONS,
    *,
    depth: int = 20,
    units: int = 100,
    seed: int = 0,
    ax: Axes | None = None,
    theme: str = "light",
) -> Figure:
    """Draw how large signals and derivatives are, layer by layer, for kinds of initial weights.

    The network has ``depth`` dense layers of equally many units and was never trained. On the left
    is the standard deviation of A in each layer, on the right that of ∂J/∂A, in units of that of
    the last layer; it is read from right to left, the way that derivatives go. A curve that stays
    level lets deep networks learn; one that falls or rises as a straight line, on this logarithmic
    scale, fades or explodes.

    Args:
        initializers: names, initializers, or numbers for constant weights; or what
            `inspection.signal_flow` returned, several of them.
        activations: names of activations, a row of panels each.
        depth: the number of layers.
        units: the number of units in a layer.
        seed: of weights and examples.
        ax: axes whose place the panels take; a new figure for None.
        theme: "light" or "dark"; axes that are given tell it themselves.

    Returns:
        The figure.

    Sources: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010. K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV
    2015.

    >>> import glassnet as gn
    >>> figure = gn.plots.initializations(["glorot_uniform"], "tanh", depth=3, units=10)
    >>> len(figure.axes)
    2
    """
    flows = _flows(initializers, activations, depth, units, seed)
    rows = list(dict.fromkeys(flow.activation for flow in flows))
    kinds = list(dict.fromkeys(flow.initializer for flow in flows))
    figure, drawn, look = panels(
        ax, theme, len(rows), 2, (9.6, 2.3 * len(rows) + 1.4), sharex=True, sharey="row"
    )
    for row, name in enumerate(rows):
        chosen = [flow for flow in flows if flow.activation == name]
        for flow in chosen:
            _flow(drawn[row], look, flow, kinds.index(flow.initializer))
        drawn[row, 0].set_ylabel(f"{name}\nstandard deviation")
        for place in drawn[row]:
            _decades(place)
    titles = ("activations A, going forward →", "derivatives ∂J/∂A, going back ←")
    for place, title in zip(drawn[0], titles, strict=True):
        place.set_title(title, fontsize=TITLE - 0.5, color=look.ink)
    for place in drawn[-1]:
        place.set_xlabel("layer")
        place.xaxis.set_major_locator(part("ticker").MaxNLocator(8, integer=True))
    _name_curves(ax, drawn, look)
    depths = max(flow.depth for flow in flows)
    headline(figure, ax, f"What initial weights do to signals in {depths} layers", look)
    return figure


def _flows(
    initializers: Sequence[Any], activations: Sequence[Any] | str, depth: int, units: int, seed: int
) -> list[SignalFlow]:
    given = [initializers] if isinstance(initializers, (str, SignalFlow)) else list(initializers)
    if not given:
        raise ValueError("initializations: name at least one initializer.")
    flows = [one for one in given if isinstance(one, SignalFlow)]
    if len(flows) == len(given):
        return flows
    rows = [activations] if isinstance(activations, str) or callable(activations) else activations
    return [
        signal_flow(activation, one, depth=depth, units=units, seed=seed)
        for activation in rows
        for one in given
    ]


def _flow(row: Any, theme: Theme, flow: SignalFlow, number: int) -> None:
    layers = np.arange(1, flow.depth + 1)
    spread = f"deviation {flow.weights:.2g}" if flow.weights > 0 else "all units alike"
    label = f"{flow.initializer}, {spread}"
    for place, sizes in ((row[0], flow.forward), (row[1], flow.backward)):
        usable = np.isfinite(sizes) & (sizes > _SMALLEST)
        look = theme.style(number)
        place.plot(
            layers[usable], sizes[usable], **look, label=label, linewidth=1.5, markersize=4,
            markevery=(number % 3, 3),
        )  # fmt: skip
        if not usable.all():
            gone = layers[~usable]
            place.plot(
                gone, np.full(len(gone), 0.03), transform=place.get_xaxis_transform(),
                color=look["color"], marker="x", linestyle="none", markersize=4,
            )  # fmt: skip


def _decades(ax: Any) -> None:
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    if high / low < 100:  # a level curve is drawn as level
        middle = np.sqrt(low * high)
        ax.set_ylim(middle / 10, middle * 10)
    ax.yaxis.set_major_locator(part("ticker").LogLocator(numticks=5))
    ax.yaxis.set_minor_locator(part("ticker").NullLocator())


def _name_curves(ax: Any, drawn: Any, theme: Theme) -> None:
    """Name the curves below all panels; inside the first where these stand inside other axes."""
    handles, labels = drawn[0, 0].get_legend_handles_labels()
    home = drawn[0, 0].figure
    if ax is not None and home is ax.figure:
        legend(drawn[0, 0], theme, fontsize=SMALL - 1)
        return
    home.legend(
        handles, labels, loc="outside lower center", ncols=min(3, len(labels)), frameon=False,
        labelcolor=theme.ink, fontsize=SMALL,
    )  # fmt: skip
