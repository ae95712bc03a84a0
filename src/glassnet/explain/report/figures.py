"""Figures of `glassnet.plots` within the page: light and dark, as the reader's screen is."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from glassnet.explain.diagram.writing import clean
from glassnet.explain.report.images import data_url
from glassnet.plots.figures import THEMES

_DOTS = 110
"""Dots an inch: sharp enough for paper, small enough for the page."""


def picture(draw: Callable[[str], Any], alt: str, theme: str | None = None) -> str:
    """Return a figure as an element, for both themes where none is chosen.

    Args:
        draw: draws it, as Axes or Figure, in the theme that it is given.
        alt: what it shows, in numbers, for those who don't see it.
        theme: "light" or "dark" for that one alone.

    Raises:
        ImportError: where Matplotlib is missing, with the command that brings it.
    """
    if theme is not None:
        return _image(draw(theme), theme, alt)
    source = data_url(_drawn(draw("dark"), "dark")[0])
    return (
        f'<picture><source media="screen and (prefers-color-scheme: dark)" srcset="{source}">'
        f"{_image(draw('light'), 'light', alt)}</picture>"
    )


def _image(drawn: Any, theme: str, alt: str) -> str:
    image, wide, high = _drawn(drawn, theme)
    return (
        f'<img src="{data_url(image)}" alt="{clean(alt)}" width="{wide}" height="{high}" '
        f'style="max-width:{wide}px">'
    )


def _drawn(drawn: Any, theme: str) -> tuple[bytes, int, int]:
    """A PNG, and the size that it takes on the page in pixels."""
    figure = drawn if hasattr(drawn, "savefig") else drawn.figure
    figure.set_facecolor(THEMES[theme].background)
    file = io.BytesIO()
    figure.savefig(file, dpi=_DOTS, metadata={"Software": None})
    inches = figure.get_size_inches()
    return file.getvalue(), round(float(inches[0]) * 80), round(float(inches[1]) * 80)
