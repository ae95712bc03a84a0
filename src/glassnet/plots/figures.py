"""What all figures have in common: how one begins, its colours, how it is saved."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#000000", "#56B4E9")
"""Told apart by colour-blind eyes too. Source: M. Okabe, K. Ito, "Color universal design", 2008."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 2, 1.5, 2)))


def part(name: str) -> Any:
    """Return a module of Matplotlib.

    Raises:
        ImportError: where it is missing, with the command that brings it.
    """
    try:
        return import_module(f"matplotlib.{name}")
    except ImportError as error:
        raise ImportError(
            "Pictures are drawn with Matplotlib, which is not installed: "
            'pip install "glassnet[plots]"'
        ) from error


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, in inches; it belongs to no window."""
    figure: Figure = part("figure").Figure(figsize=(width, height), layout="constrained")
    return figure


def style(number: int) -> dict[str, Any]:
    """Return colour, marker and dashes of the curve with this number."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": DASHES[number % len(DASHES)],
    }


def saved(figure: Figure, path: str | Path | None) -> Figure:
    """Save a figure where a path is given; return it."""
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure
