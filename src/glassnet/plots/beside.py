"""Legends and scales of colours that keep to their axes, whatever shape these have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet.plots.figures import LABEL, SMALL, Theme, legend, part

_BELOW = 0.52
"""How far below the axes a legend begins, in inches: the room of numbers and a name."""


def legend_below(ax: Any, theme: Theme, **options: Any) -> Any:
    """Name what is drawn below the axes, in one row or as few as its words need."""
    labels = ax.get_legend_handles_labels()[1]
    columns = legend_columns(labels, ax.get_window_extent().width / ax.figure.get_dpi())
    shifted = ax.transAxes + part("transforms").ScaledTranslation(
        0, -_BELOW, ax.figure.dpi_scale_trans
    )
    given = {
        "loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "bbox_transform": shifted,
        "ncols": columns, "borderaxespad": 0.0, "handletextpad": 0.5,
        "columnspacing": 1.6,
    }  # fmt: skip
    return legend(ax, theme, **{**given, **options})


def legend_columns(labels: Sequence[str], inches: float) -> int:
    """Return how many columns of labels fit below axes of this width; at least one."""
    letters = 13 * inches / 0.775
    for columns in range(len(labels), 1, -1):
        split = np.array_split([len(label) + 6 for label in labels], columns)
        if sum(int(column.max()) for column in split) <= letters:
            return columns
    return 1


def scale_beside(ax: Any, drawn: Any, theme: Theme, label: str = "", **options: Any) -> Any:
    """Draw the scale of colours at the right of the axes, as high as they are."""
    place = ax.inset_axes((1.03, 0.0, 0.045, 1.0))
    bar = ax.figure.colorbar(drawn, cax=place, **options)
    bar.outline.set_edgecolor(theme.faint)
    bar.ax.tick_params(which="both", color=theme.faint, labelcolor=theme.muted, labelsize=SMALL)
    bar.set_label(label, color=theme.ink, fontsize=LABEL)
    return bar
