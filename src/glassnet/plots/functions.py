"""Activations with their derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet import inspection
from glassnet.checks import whole
from glassnet.inspection.functions import ActivationCurve
from glassnet.plots.beside import legend_below
from glassnet.plots.figures import LABEL, SMALL, TITLE, Theme, axes, headline, panels
from glassnet.plots.wording import literal_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FUNCTION, _DERIVATIVE = 1, 0
"""The numbers of their styles."""
_HIGHEST = 4.0
"""How high a panel of many shows at most: the exponential would flatten the others."""


@literal_names
def activation(
    name: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    ax: Axes | None = None,
    theme: str | Theme = "light",
) -> Axes:
    """Draw an activation ``g(z)``, solid, and its derivative ``dg/dz``, dashed.

    The derivative is that of the library's own recorded graph. A dot marks a kink of g; there the
    derivative jumps, and its ends are open circles. An activation that joins several inputs
    (softmax) is drawn along one input while the other of two is 0; a gate (GLU) along the gate
    while what it lets through is 1. The name of its curve says so.

    Args:
        name: a name, ``"tanh"``; a function; a layer that acts on numbers; or what
            `glassnet.inspection.activation_curve` found.
        low, high: from where to where; for None so far that every kink is seen.
        ax, theme: where to draw; see `learning_curves`.

    Raises:
        TypeError: where it is no activation.
        ValueError: for an unknown name, or an empty range.

    >>> import glassnet as gn
    >>> ax = gn.plots.activation("relu")
    >>> [line.get_label() for line in ax.lines[:2]]
    ['relu(z)', 'derivative']
    """
    found = name
    if not isinstance(name, ActivationCurve):
        found = inspection.activation_curve(name, low=low, high=high)
    ax, look = axes(ax, theme, (5.2, 4.0))
    _curves(ax, look, found)
    ax.set_title(found.name, fontsize=TITLE)
    ax.set_xlabel("z", fontsize=LABEL)
    legend_below(ax, look)
    return ax


@literal_names
def activations(
    names: Sequence[Any] | Any | None = None,
    *,
    low: float | None = None,
    high: float | None = None,
    columns: int = 5,
    ax: Axes | None = None,
    theme: str | Theme = "light",
) -> Figure:
    """Draw every registered activation with its derivative, a panel each, as `activation` does.

    Args:
        names: those that are drawn, or one; all of them for None.
        low, high: from where to where; for None so far that every kink is seen.
        columns: how many panels a row has.
        ax, theme: where to draw; see `learning_curves`.

    Returns:
        The figure.

    Raises:
        ValueError: where there is nothing to draw, or a name is unknown.

    >>> import glassnet as gn
    >>> figure = gn.plots.activations(["tanh", "relu"])
    >>> [panel.get_title() for panel in figure.axes]
    ['tanh(z)', 'relu(z)']
    """
    whole(columns, "activations: columns", least=1)
    if isinstance(names, str) or callable(names):
        names = [names]
    if names is None:
        curves = inspection.activation_curves(low=low, high=high)
    else:
        curves = [inspection.activation_curve(name, low=low, high=high) for name in names]
    if not curves:
        raise ValueError("activations: there is nothing to draw; pass names=None for all.")
    columns = min(columns, len(curves))
    rows = -(-len(curves) // columns)
    figure, places, look = panels(
        ax, theme, rows, columns, (2.05 * columns + 0.4, 1.75 * rows + 0.75)
    )
    for place, curve in zip(places.flat, curves, strict=False):
        _curves(place, look, curve, small=True)
        place.set_title(curve.call, fontsize=SMALL + 1)
    for place in places.flat[len(curves) :]:
        place.set_axis_off()
    headline(figure, ax, "Activations (solid) and their derivatives (dashed)", look)
    return figure


def _curves(ax: Any, look: Theme, curve: ActivationCurve, small: bool = False) -> None:
    width, size = (1.6, 4.0) if small else (2.4, 7.0)
    solid, dashed = look.colour(_FUNCTION), look.colour(_DERIVATIVE)
    ax.plot(*curve.pieces("values"), color=solid, linewidth=width, label=curve.call, zorder=3)
    ax.plot(
        *curve.pieces("slopes"), color=dashed, linestyle=(0, (4, 1.6)), linewidth=width * 0.85,
        label="derivative", zorder=3.5,
    )  # fmt: skip
    for axis in (ax.axhline, ax.axvline):
        axis(0.0, color=look.faint, linewidth=1.0, zorder=1)
    for b in curve.breaks:
        _circles(ax, look, b.place, b.slopes, dashed, size)
        if b.jumps:
            _circles(ax, look, b.place, b.values, solid, size)
        else:
            ax.plot([b.place], [b.values[0]], "o", color=solid, markersize=size, zorder=5)
    _range(ax, curve, small)


def _circles(
    ax: Any, look: Theme, place: float, ends: tuple[float, float], colour: str, size: float
) -> None:
    """Draw open circles at both ends of a jump."""
    ax.plot(
        [place, place], ends, "o", markerfacecolor=look.background, markeredgecolor=colour,
        markeredgewidth=1.2, markersize=size * 0.85, zorder=5,
    )  # fmt: skip


def _range(ax: Any, curve: ActivationCurve, small: bool) -> None:
    ax.set_xlim(curve.z[0], curve.z[-1])
    both = np.concatenate([curve.values, curve.slopes])
    low, high = float(both.min()), float(both.max())
    if small:
        low, high = max(low, -_HIGHEST), min(high, max(_HIGHEST, 6.2 * (curve.name == "relu6")))
    room = 0.08 * (high - low or 1.0)
    ax.set_ylim(low - room, high + room)
    if small:
        ax.locator_params(nbins=4)
