"""How a training went: its curves, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.checks import nearest, one_of
from glassnet.inspection.histories import RATES, RunHistory, grows_better, run_histories
from glassnet.plots.figures import (
    DASHES,
    LABEL,
    MARKERS,
    SMALL,
    TITLE,
    Theme,
    end_labels,
    headline,
    panels,
    part,
)
from glassnet.plots.tiles import in_digits
from glassnet.plots.wording import literal_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE = 30.0
"""From which ratio of the largest to the smallest value on a scale is logarithmic."""
_CLEAR, _ACROSS = 0.08, 0.25
"""Half the height of the words at the best epoch, and their width, as parts of a panel."""
_GONE = "NaN or infinite"
_FEW = 15
"""Up to so many epochs each has a marker."""


@literal_names
def learning_curves(
    history: Any,
    *,
    metrics: Sequence[str] | str | None = None,
    best: str | bool = True,
    scale: str = "auto",
    title: str = "",
    ax: Axes | None = None,
    theme: str | Theme = "light",
) -> Figure:
    """Draw each metric over the epochs, in training and in validation, a panel a metric.

    The value of epoch e stands at e, counted from 1. In training that is the mean over the epoch's
    batches while the weights change, in validation the value after the epoch: so the first lags
    half an epoch behind. The loss comes first; the learning rate, where the history holds it,
    last. Crosses on the upper edge stand where a value was NaN or infinite.

    Args:
        history: what ``fit`` returned, or the model; a dict of lists by metric; the path of a
            `CSVLogger`'s file; or several such as a dict by the names of the runs.
        metrics: which to draw, without ``val_``, in this order; all for None. A metric that is an
            array in every epoch is no curve and is left out.
        best: whether to mark the epoch where ``val_loss`` (``loss`` without validation) is lowest;
            or the name of what to mark the best of.
        scale: ``"linear"``; ``"log"``, wherever all values are above 0; or ``"auto"``: where
            a loss or an error spans a factor of 30, or a learning rate a factor of 10, too.
        title: of the whole picture.
        ax: axes whose place the panels take.
        theme: ``"light"`` or ``"dark"``.

    Returns:
        The figure, a panel a metric.

    Raises:
        TypeError: where ``history`` is none of these.
        ValueError: for a metric that it doesn't hold, or a history without an epoch.

    >>> from glassnet import plots
    >>> figure = plots.learning_curves({"loss": [3.0, 2.0], "val_loss": [3.5, 2.5]})
    >>> figure.axes[0].lines[0].get_ydata().tolist()
    [3.0, 2.0]
    """
    one_of(scale, ("auto", "linear", "log"), "learning_curves: scale")
    runs = run_histories(history)
    chosen = _chosen(runs, metrics)
    columns = min(len(chosen), 3)
    rows = -(-len(chosen) // columns)
    width = 4.6 * columns + (0.6 if columns == 1 else 0)
    across = max(int(width / (0.8 + 0.08 * max(10, *(len(run.name) for run in runs)))), 1)
    below = 0.22 * -(-(len(runs) + 2) // across) if len(runs) > 1 else 0.0
    size = (width, 3.3 * rows + (0.4 if title else 0) + below)
    figure, places, look = panels(ax, theme, rows, columns, size)
    for place, metric in zip(places.flat, chosen, strict=False):
        _metric(place, look, runs, metric, scale)
    for place in places.flat[len(chosen) :]:
        place.set_axis_off()
    if best:
        _mark_best(list(places.flat), look, runs, chosen, best)
    if len(runs) > 1:
        _legend(places.flat[0], look, runs, across)
    for place, metric in zip(places.flat, chosen, strict=False):
        if len(runs) == 1 and metric not in RATES:
            _name_curves(place)
    if title:
        headline(figure, ax, title, look)
    return figure


def _chosen(runs: Sequence[RunHistory], metrics: Sequence[str] | str | None) -> list[str]:
    known = list(dict.fromkeys(name for run in runs for name in run.metrics))
    known.sort(key=lambda name: (name != "loss", name in RATES))
    if metrics is None:
        return known
    wanted = [metrics] if isinstance(metrics, str) else list(metrics)
    if not wanted:
        raise ValueError("learning_curves: metrics is empty; None draws all.")
    for name in wanted:
        one = name.removeprefix("val_")
        if one not in known:
            raise ValueError(
                f"learning_curves: the history holds no {name!r}; it holds "
                f"{', '.join(known)}.{nearest(one, known)}"
            )
    return list(dict.fromkeys(name.removeprefix("val_") for name in wanted))


def _metric(place: Axes, theme: Theme, runs: Sequence[RunHistory], metric: str, scale: str) -> None:
    for number, run in enumerate(runs):
        for validation in (False, True):
            name = f"val_{metric}" if validation else metric
            if name not in run.values:
                continue
            values = run.values[name]
            seen = np.isfinite(values)
            gone = ~seen if not validation else np.isinf(values)
            colour = _colour(theme, runs, number, validation)
            _mark_gone(place, theme, run.epochs[gone], int(run.epochs[-1]), colour)
            if gone.any():  # a gap in the line, but for the end
                seen = seen | gone & (np.arange(len(seen)) < np.flatnonzero(seen).max(initial=-1))
                values = np.where(gone, np.nan, values)
            few = len(run.epochs) <= _FEW or int(seen.sum()) <= 1
            place.plot(
                run.epochs[seen], values[seen],
                color=colour,
                linestyle=DASHES[1 if validation else 0],
                marker=_marker(number) if len(runs) > 1 else
                MARKERS[int(validation)] if few else None,
                markevery=1 if few else max(1, len(run.epochs) // 8),
                markersize=4.5, linewidth=1.8, markeredgecolor=theme.background,
                markeredgewidth=0.6, label=_label(runs, number, validation),
                zorder=2.5 - 0.1 * validation,
            )  # fmt: skip
    shown = np.concatenate([np.asarray(line.get_ydata(), float) for line in place.lines])
    shown = shown[np.isfinite(shown)]
    positive = shown.size > 0 and shown.min() > 0
    if positive and (scale == "log" or (scale == "auto" and _wide(shown, metric))):
        _logarithmic(place, shown)
    else:
        place.yaxis.set_major_locator(part("ticker").MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    last = max(int(run.epochs[-1]) for run in runs)
    first = min(int(run.epochs[0]) for run in runs)
    if last == first:
        place.set_xlim(first - 0.5, last + 0.5)
        place.set_xticks([first])
    else:
        place.xaxis.set_major_locator(
            part("ticker").MaxNLocator(6, integer=True, steps=[1, 2, 5, 10])
        )
        room = 0.02 * (last - first)
        place.set_xlim(first - room, last + room)
    if not shown.size:
        place.set_yticks([])
    place.set_title(metric.replace("_", " "), fontsize=TITLE)
    place.set_xlabel("epoch", fontsize=LABEL)


def _mark_gone(place: Axes, theme: Theme, epochs: np.ndarray, last: int, colour: str) -> None:
    """Put crosses on the upper edge where values are NaN or infinite, and say so at the first."""
    if not len(epochs):
        return
    across = place.get_xaxis_transform()
    place.scatter(
        epochs, np.full(len(epochs), 0.97), marker="x", s=20, color=colour, linewidths=1.2,
        transform=across, clip_on=False, gid="not finite",
    )  # fmt: skip
    if any(text.get_text() == _GONE for text in place.texts):
        return
    late = epochs[0] > 0.5 * last
    place.annotate(
        _GONE, (epochs[0], 0.97), xycoords=across, xytext=(3 if late else -3, -6),
        textcoords="offset points", fontsize=SMALL, color=theme.muted, va="top",
        ha="right" if late else "left",
    )  # fmt: skip


def _logarithmic(place: Axes, values: np.ndarray) -> None:
    place.set_yscale("log")
    ticker = part("ticker")
    if values.max() / values.min() < 1000:  # too few powers of ten to read by
        place.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        place.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
        place.yaxis.set_minor_locator(ticker.NullLocator())


def _wide(values: np.ndarray, metric: str) -> bool:
    ratio = float(values.max() / values.min())
    return ratio >= 10 if metric in RATES else not grows_better(metric) and ratio >= WIDE


def _colour(theme: Theme, runs: Sequence[RunHistory], number: int, validation: bool) -> str:
    return theme.colour(number) if len(runs) > 1 else theme.colour(0 if validation else 1)


def _marker(number: int) -> str:
    """Another marker for a colour that comes again."""
    return MARKERS[(number + number // len(MARKERS)) % len(MARKERS)]


def _label(runs: Sequence[RunHistory], number: int, validation: bool) -> str:
    kind = "validation" if validation else "training"
    return f"{runs[number].name}, {kind}" if len(runs) > 1 else kind


def _mark_best(
    places: Sequence[Axes],
    theme: Theme,
    runs: Sequence[RunHistory],
    chosen: Sequence[str],
    best: str | bool,
) -> None:
    monitor = None if best is True else str(best)
    if monitor is not None and not any(monitor in run.values for run in runs):
        known = list(runs[0].values)
        raise ValueError(
            f"learning_curves: best={monitor!r}: the history holds {', '.join(known)}."
            f"{nearest(monitor, known)}"
        )
    for number, run in enumerate(runs):
        epoch = run.best_epoch(monitor)
        if epoch is None or len(run.epochs) < 2:
            continue
        at = int(np.flatnonzero(run.epochs == epoch)[0])
        for place, metric in zip(places, chosen, strict=False):
            if len(runs) == 1:
                place.axvline(
                    epoch, color=theme.muted, linewidth=0.9, linestyle=DASHES[2], zorder=1
                )
            name = monitor or ("val_loss" if "val_loss" in run.values else "loss")
            if metric != name.removeprefix("val_"):
                continue
            place.plot(
                [epoch], [run.values[name][at]], marker="o", markersize=8, linestyle="none",
                markerfacecolor="none", markeredgewidth=1.6, zorder=4, label="_best",
                markeredgecolor=_colour(theme, runs, number, name.startswith("val_")),
            )  # fmt: skip
            if len(runs) == 1:
                _say_best(place, theme, epoch, float(run.values[name][at]), run)


def _say_best(place: Axes, theme: Theme, epoch: int, value: float, run: RunHistory) -> None:
    """Write which epoch is best on the side of its line where there is more room."""
    left = epoch - run.epochs[0] > run.epochs[-1] - epoch
    reach = _ACROSS * (run.epochs[-1] - run.epochs[0])
    height, align = _free_height(place, epoch, epoch + (-reach if left else reach))
    place.annotate(
        f"best: {in_digits(value)}\nepoch {epoch}", (epoch, height),
        xycoords=("data", "axes fraction"), xytext=(-5 if left else 5, 0),
        textcoords="offset points", fontsize=SMALL, color=theme.muted,
        ha="right" if left else "left", va=align,
    )  # fmt: skip


def _free_height(place: Axes, begin: float, end: float) -> tuple[float, str]:
    """Return where curves are farthest from a word between two epochs, as a part of the height."""
    passed = [0.9] if any(text.get_text() == _GONE for text in place.texts) else []
    for line in place.lines:
        x, y = (np.asarray(values, float) for values in line.get_data())
        if len(x) > 1 and line.get_transform() == place.transData:
            along = np.linspace(begin, end, 5)
            points = place.transData.transform(np.stack([along, np.interp(along, x, y)], axis=1))
            heights = place.transAxes.inverted().transform(points)[:, 1]
            passed += heights[np.isfinite(heights)].tolist()
    middles = {"top": 0.9, "center": 0.5, "bottom": 0.1}
    clear = {a: min((abs(m - p) for p in passed), default=1.0) for a, m in middles.items()}
    best = "top" if clear["top"] > _CLEAR else max(clear, key=lambda align: clear[align])
    return {"top": 0.97, "center": 0.5, "bottom": 0.03}[best], best


def _name_curves(place: Axes) -> None:
    """Name training and validation where their curves end."""
    lines = [line for line in place.lines if not str(line.get_label()).startswith("_")]
    end_labels(
        place,
        [
            (float(x[-1]), float(y[-1]), str(line.get_label()), str(line.get_color()))
            for line in lines
            if len(x := np.asarray(line.get_xdata())) and len(y := np.asarray(line.get_ydata()))
        ],
    )


def _legend(place: Axes, theme: Theme, runs: Sequence[RunHistory], columns: int) -> None:
    """Name the runs by colour and marker, and once what solid and dashed stand for."""
    look: dict[str, Any] = {"linewidth": 1.8, "markersize": 5}
    made = part("lines").Line2D
    handles = [
        made(
            [], [], color=theme.colour(i), marker=_marker(i), label=run.name,
            markeredgecolor=theme.background, markeredgewidth=0.6, **look,
        )
        for i, run in enumerate(runs)
    ]  # fmt: skip
    if any(name.startswith("val_") for run in runs for name in run.values):
        handles += [
            made([], [], color=theme.muted, linestyle=DASHES[i], label=label, **look)
            for i, label in enumerate(("training", "validation"))
        ]
    place.figure.legend(
        handles=handles, loc="outside lower center", ncols=min(columns, len(handles)),
        frameon=False, labelcolor=theme.ink, fontsize=SMALL, handlelength=2.6,
    )  # fmt: skip
