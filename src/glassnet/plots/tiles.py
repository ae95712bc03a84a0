"""What pictures made of tiles share: a tile of signed numbers, how many stand in a row, words."""

from __future__ import annotations

from math import ceil, sqrt
from typing import Any

import numpy as np

from glassnet.plots.figures import Theme, ink_on

MARKED = 500
"""Up to so many cells an image has dashes where it is negative; more would hide it."""
MOST = 64
"""How many tiles are drawn at most, where nothing else is asked for."""


def draw_tile(ax: Any, theme: Theme, values: np.ndarray, reach: float) -> Any:
    """Draw an image of signed numbers; three channels as colours about grey."""
    if values.ndim == 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim == 3:
        return ax.imshow(np.clip(0.5 + 0.5 * values / reach, 0, 1), interpolation="nearest")
    return ax.imshow(values, cmap=theme.diverging, vmin=-reach, vmax=reach, interpolation="nearest")


def write_numbers(ax: Any, drawn: Any, values: np.ndarray, size: float) -> None:
    """Write numbers into the cells."""
    for (row, column), number in np.ndenumerate(values):
        ax.text(
            column, row, f"{number:.2f}".replace("-", "−"), ha="center", va="center",
            fontsize=size, color=ink_on(drawn.to_rgba(number)[:3]),
        )  # fmt: skip


def mark_negative(ax: Any, drawn: Any, values: np.ndarray, size: float) -> None:
    """Put a dash into the cells of negative numbers: in grey print colours don't tell the sign."""
    places = np.argwhere(values < 0)
    inks = [ink_on(drawn.to_rgba(values[row, column])[:3]) for row, column in places]
    for ink in sorted(set(inks)):
        rows, columns = places[[one == ink for one in inks]].T
        ax.plot(
            columns, rows, linestyle="none", marker="_", markersize=size, color=ink, alpha=0.7,
            scalex=False, scaley=False, gid="negative",
        )  # fmt: skip


def reach_of(*arrays: np.ndarray | None) -> float:
    """Return the largest size of an entry: to where a scale of colours centred at 0 reaches.

    Entries that are not finite don't count; they are left blank.
    """
    finite = [np.abs(a[np.isfinite(a)]) for a in arrays if a is not None]
    return max((float(a.max()) for a in finite if a.size), default=0.0) or 1.0


def grid_for(count: int, wide: float = 1.6) -> tuple[int, int]:
    """Return rows and columns for tiles, wider than high, with few places left over."""
    widest = min(count, max(2, ceil(sqrt(wide * count))))
    columns = min(range(max(1, widest - 3), widest + 1), key=lambda c: (-(-count // c) * c, -c))
    return -(-count // columns), columns


def some_of(shown: int, count: int, what: str) -> str:
    """Return how many of how many there are, in words: "5 of 8 channels"."""
    if shown < count:
        return f"{shown} of {count} {what}s"
    return f"{count} {what}{'s' * (count > 1)}"


def in_digits(number: float) -> str:
    """Return a number with three digits and a true minus."""
    return f"{number:.3g}".replace("-", "−")
