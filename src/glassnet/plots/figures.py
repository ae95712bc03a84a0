"""What all figures have in common: how one begins, its theme, its panels, how it is saved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.optional import optional_module

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 2, 1.5, 2)))
TITLE, LABEL, SMALL = 11.0, 10.0, 9.0
"""Sizes of letters in points: titles; names of axes; numbers, legends and remarks."""
_PAD = 0.09
"""What stays free around panels, in inches."""


@dataclass(frozen=True)
class Theme:
    """The colours of a figure. Colours never stand alone: markers, dashes or words go with them.

    Attributes:
        name: "light" or "dark".
        background: the page.
        ink: text and what must be seen first.
        muted: remarks and numbers beside the point.
        faint: grid, frames, lines of reference.
        colours: the cycle of a figure's curves.
        sequential: the colormap from nothing to much, by name; nothing is near the background.
        diverging: the colormap from below to above, by name; the middle is near the background.

    Source of the colours: M. Okabe, K. Ito, "Color universal design", 2008; they are told apart by
    colour-blind eyes too. For a dark page they are lightened.
    """

    name: str
    background: str
    ink: str
    muted: str
    faint: str
    colours: tuple[str, ...]
    sequential: str
    diverging: str

    def colour(self, number: int) -> str:
        """Return the colour with this number; they begin anew after the last."""
        return self.colours[number % len(self.colours)]

    def style(self, number: int) -> dict[str, Any]:
        """Return colour, marker and dashes of the curve with this number, as `plot` takes them."""
        return {
            "color": self.colour(number),
            "marker": MARKERS[number % len(MARKERS)],
            "linestyle": DASHES[number % len(DASHES)],
        }


THEMES = {
    "light": Theme(
        "light", "#ffffff", "#1b1f24", "#5b6470", "#d5dae0",
        ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#000000", "#56B4E9"),
        "Blues", "RdBu_r",
    ),
    "dark": Theme(
        "dark", "#14161a", "#e8eaed", "#a3abb5", "#3a4048",
        ("#F2803A", "#4AA8E8", "#2CC295", "#E29AC4", "#F5BC45", "#F4F5F6", "#9BDAF8"),
        "cividis", "berlin",
    ),
}  # fmt: skip


def part(name: str) -> Any:
    """Return a module of Matplotlib.

    Raises:
        ImportError: where it is missing, with the command that brings it.
    """
    return optional_module(f"matplotlib.{name}", "Pictures are drawn with Matplotlib", "plots")


def new_figure(width: float, height: float, theme: str | Theme = "light") -> Figure:
    """Return an empty figure, in inches; it belongs to no window."""
    layout = part("layout_engine").ConstrainedLayoutEngine(w_pad=_PAD, h_pad=_PAD)
    figure: Figure = part("figure").Figure(
        figsize=(width, height), layout=layout, facecolor=named_theme(theme).background
    )
    return figure


def style(number: int) -> dict[str, Any]:
    """Return colour, marker and dashes of the curve with this number, on a light page."""
    return THEMES["light"].style(number)


def saved(figure: Figure, path: str | Path | None) -> Figure:
    """Save a figure where a path is given; return it."""
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


# --- themes -----------------------------------------------------------------------------------
def named_theme(theme: str | Theme) -> Theme:
    """Return the theme of this name; a `Theme` is taken as it is.

    Raises:
        ValueError: where there is none.
    """
    if isinstance(theme, Theme):
        return theme
    if theme not in THEMES:
        known = " or ".join(f'"{name}"' for name in THEMES)
        raise ValueError(f"theme={theme!r}: expected {known}.")
    return THEMES[theme]


def theme_of(ax: Axes) -> Theme:
    """Return the theme that is readable on axes that are there: dark where they are dark.

    The luminance is L = 0.2126 R + 0.7152 G + 0.0722 B of the linear colours; dark is L < 0.18,
    where white letters have more contrast than black ones. Source: WCAG 2.1, relative luminance.
    """
    red, green, blue, opaque = part("colors").to_rgba(ax.get_facecolor())
    if opaque < 0.5:
        red, green, blue, opaque = part("colors").to_rgba(_page(ax).get_facecolor())
    rgb = np.array([red, green, blue]) if opaque >= 0.5 else np.ones(3)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return THEMES["dark" if linear @ [0.2126, 0.7152, 0.0722] < 0.18 else "light"]


def _page(ax: Axes) -> Any:
    """The figure that all stands on; a subfigure may be seen through."""
    return ax.get_figure(root=True)


# --- where a picture is drawn -----------------------------------------------------------------
def axes(
    ax: Axes | None,
    theme: str | Theme = "light",
    size: tuple[float, float] = (6.0, 4.2),
    projection: str | None = None,
) -> tuple[Axes, Theme]:
    """Return the axes to draw in, made ready, and their theme.

    Args:
        ax: the axes handed in, or None for new ones in a new figure.
        theme: the theme of new ones; that of axes handed in is told from their colour.
        size: width and height of a new figure in inches.
        projection: None, or "3d".

    Raises:
        TypeError: where ``ax`` is no axes.
        ValueError: for an unknown theme; for axes of another projection.
    """
    if ax is None:
        look = named_theme(theme)
        ax = new_figure(*size, look).add_subplot(projection=projection, facecolor=look.background)
    else:
        look = _checked(ax, theme)
        if projection is not None and ax.name != projection:
            raise ValueError(
                f"ax: this picture needs axes with projection={projection!r}; got {ax.name!r}: "
                f"figure.add_subplot(projection={projection!r})."
            )
    tidy(ax, look)
    return ax, look


def panels(
    ax: Axes | None,
    theme: str | Theme = "light",
    rows: int = 1,
    columns: int = 1,
    size: tuple[float, float] = (8.0, 4.2),
    **subplots_kw: Any,
) -> tuple[Figure, np.ndarray, Theme]:
    """Return a figure, its panels as an array (rows, columns) of axes, and their theme.

    Args:
        ax: axes handed in, whose place the panels take (they are turned off, and a subfigure
            stands there); or None for a new figure.
        theme: as in `axes`.
        rows: the number of rows.
        columns: the number of columns.
        size: width and height of a new figure in inches.
        subplots_kw: as for Matplotlib's ``Figure.subplots``: sharex, sharey, width_ratios,
            height_ratios, subplot_kw, gridspec_kw.
    """
    grid_kw = dict(subplots_kw.pop("gridspec_kw", None) or {})
    for name in ("width_ratios", "height_ratios"):
        if name in subplots_kw:
            grid_kw[name] = subplots_kw.pop(name)
    figure: Any
    if ax is None:
        look = named_theme(theme)
        figure = new_figure(*size, look)
        grid = figure.add_gridspec(rows, columns, **grid_kw)
        drawn = grid.subplots(squeeze=False, **subplots_kw)
    else:
        look, figure, place = _checked(ax, theme), ax.figure, ax.get_subplotspec()
        ax.set_axis_off()
        ax.title.set_color(look.ink)
        if place is not None:
            inside = figure.add_subfigure(place, facecolor="none")
            inside.set_label(_inside(ax))
            grid = inside.add_gridspec(rows, columns, **grid_kw)
            drawn = grid.subplots(squeeze=False, **subplots_kw)
        else:
            drawn = _inset(ax, rows, columns, subplots_kw, grid_kw)
    for one in drawn.flat:
        one.set_facecolor(look.background if ax is None else ax.get_facecolor())
        tidy(one, look)
    return figure, drawn, look


def _inside(ax: Axes) -> str:
    """The label of the subfigure in the place of these axes."""
    return f"panels in the place of {id(ax)}"


def _checked(ax: Any, theme: str | Theme) -> Theme:
    if not isinstance(ax, part("axes").Axes):
        raise TypeError(
            f"ax: expected Matplotlib axes, such as figure.add_subplot() returns; got "
            f"{type(ax).__name__}."
        )
    named_theme(theme)
    return theme_of(ax)


def _inset(
    ax: Axes, rows: int, columns: int, subplots_kw: dict[str, Any], grid_kw: dict[str, Any]
) -> np.ndarray:
    """Panels inside axes that stand in no grid, with a fifth of a panel between them."""
    across = _shares(columns, grid_kw.get("width_ratios"))
    down = _shares(rows, grid_kw.get("height_ratios"))
    drawn = np.empty((rows, columns), dtype=object)
    for row, (low, high) in enumerate(down):
        for column, (left, right) in enumerate(across):
            shared = {
                name: drawn[0, 0] if mode in (True, "all") else
                drawn[0, column] if mode == "col" else drawn[row, 0]
                for name in ("sharex", "sharey")
                if (mode := subplots_kw.get(name)) not in (None, False, "none")
            }  # fmt: skip
            given = {name: other for name, other in shared.items() if other is not None}
            drawn[row, column] = ax.inset_axes(
                (left, 1 - high, right - left, high - low),
                **given,
                **(subplots_kw.get("subplot_kw") or {}),
            )
    return drawn


def _shares(count: int, ratios: Any) -> list[tuple[float, float]]:
    sizes = np.ones(count) if ratios is None else np.asarray(ratios, float)
    gap = 0.2 * float(sizes.mean())
    ends = np.cumsum(sizes + gap)
    whole = float(ends[-1]) - gap
    return [
        (float(e - gap - s) / whole, float(e - gap) / whole)
        for e, s in zip(ends, sizes, strict=True)
    ]


# --- how it looks -----------------------------------------------------------------------------
def tidy(ax: Axes, theme: Theme, grid: bool = True) -> None:
    """Set the colours of axes, take away what says nothing, draw a faint grid."""
    ax.title.set_color(theme.ink)
    names: list[Any] = [ax.xaxis, ax.yaxis, *([ax.zaxis] if hasattr(ax, "zaxis") else [])]
    for axis in names:
        axis.label.set_color(theme.ink)
        axis.label.set_size(LABEL)
        axis.set_tick_params(
            which="both", color=theme.faint, labelcolor=theme.muted, labelsize=SMALL
        )
        axis.get_offset_text().set_color(theme.muted)
    ax.set_axisbelow(True)
    if ax.name == "3d":
        _tidy_3d(ax, theme)
        return
    ax.spines[:].set_color(theme.faint)
    ax.spines[["top", "right"]].set_visible(False)
    if grid:
        ax.grid(True, color=theme.faint, linewidth=0.6, alpha=0.6)
    else:
        ax.grid(False)


def _tidy_3d(ax: Any, theme: Theme) -> None:
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.set_pane_color((*part("colors").to_rgb(theme.background), 0.0))
        axis.line.set_color(theme.faint)
    ax.grid(True)
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis._axinfo["grid"].update(color=theme.faint, linewidth=0.5)  # 3-D has no public way


def bare(ax: Axes) -> None:
    """Take away grid, ticks and frame: for images."""
    ax.grid(False)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)


def headline(figure: Figure, ax: Axes | None, text: str, theme: Theme) -> None:
    """Write the title of several panels: over the figure, or in the place of given axes."""
    look: dict[str, Any] = {"fontsize": TITLE + 1, "color": theme.ink}
    if ax is None:
        figure.suptitle(text, **look, wrap=True)
        return
    inside = [sub for sub in figure.subfigs if sub.get_label() == _inside(ax)]
    if inside:
        inside[-1].suptitle(text, **look, wrap=True)
    else:
        ax.set_title(text, pad=20, **look)


def legend(ax: Axes, theme: Theme, **options: Any) -> Any:
    """Name the curves, without a frame, in the ink of the theme."""
    given = {"frameon": False, "labelcolor": theme.ink, "fontsize": SMALL, **options}
    return ax.legend(**given)


def end_labels(ax: Axes, ends: list[tuple[float, float, str, str]]) -> None:
    """Write names where curves end, to the right of them, moved apart where they would touch.

    Args:
        ax: the axes; their scales and limits are to be set before.
        ends: of each curve x and y of its end, the name, the colour.
    """
    if not ends:
        return
    points = 72 / ax.figure.get_dpi()
    heights = [float(ax.transData.transform((x, y))[1]) * points for x, y, _, _ in ends]
    placed = spread_apart(heights, SMALL + 2.5)
    for (x, y, name, colour), height, wanted in zip(ends, placed, heights, strict=True):
        ax.annotate(
            name, (x, y), xytext=(7, height - wanted), textcoords="offset points", va="center",
            fontsize=SMALL, color=colour, annotation_clip=False,
        )  # fmt: skip


def spread_apart(places: list[float], gap: float) -> list[float]:
    """Return places in the same order that are at least ``gap`` apart, moved as little as can be.

    Neighbours that are too near are joined to a group that stands evenly about its mean place.
    """
    order = np.argsort(places, kind="stable")
    groups: list[list[float]] = []  # the wanted places of those that stand together
    for i in order:
        groups.append([places[i]])
        while len(groups) > 1 and _low(groups[-1], gap) - _high(groups[-2], gap) < gap:
            last = groups.pop()
            groups[-1] += last
    moved = [_low(group, gap) + k * gap for group in groups for k in range(len(group))]
    found = np.empty(len(places))
    found[order] = moved
    return [float(f) for f in found]


def _low(group: list[float], gap: float) -> float:
    return sum(group) / len(group) - gap * (len(group) - 1) / 2


def _high(group: list[float], gap: float) -> float:
    return sum(group) / len(group) + gap * (len(group) - 1) / 2


def colourbar(ax: Any, drawn: Any, theme: Theme, label: str = "", **options: Any) -> Any:
    """Draw the scale of colours beside axes, or beside a list of them."""
    first = ax if hasattr(ax, "figure") else np.ravel(ax)[0]
    bar = first.figure.colorbar(drawn, ax=ax, **{"fraction": 0.05, "pad": 0.03, **options})
    bar.outline.set_visible(False)
    bar.ax.tick_params(which="both", color=theme.faint, labelcolor=theme.muted, labelsize=SMALL)
    bar.set_label(label, color=theme.ink, fontsize=LABEL)
    return bar


def ink_on(colour: Any) -> str:
    """Return black or white, whichever is read better on a colour."""
    rgb = np.asarray(part("colors").to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return "#ffffff" if linear @ [0.2126, 0.7152, 0.0722] < 0.18 else "#000000"
