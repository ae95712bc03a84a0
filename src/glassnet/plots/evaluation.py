"""How well a classifier judges: confusion, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from glassnet.inspection.classification import Calibration, Confusion, Normalization
from glassnet.inspection.classification import calibration as calibration_of
from glassnet.inspection.classification import confusion as confusion_of
from glassnet.inspection.scores import probabilities, scores
from glassnet.plots.figures import (
    DASHES,
    LABEL,
    SMALL,
    TITLE,
    Theme,
    axes,
    headline,
    ink_on,
    legend,
    panels,
    part,
)
from glassnet.plots.wording import literal, literal_names, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TOLD = 20
"""Up to so many classes every cell tells its number."""


# --- confusion --------------------------------------------------------------------------------
@literal_names
def confusion_matrix(
    model: Any,
    x: Any = None,
    y: Any = None,
    *,
    names: Sequence[str] | None = None,
    normalize: Normalization | None = None,
    output: int | str | None = None,
    ax: Axes | None = None,
    theme: str | Theme = "light",
) -> Axes:
    """Draw ``C[i, j]``, how many examples of class i (rows) were taken for class j (columns).

    Every cell tells its count; the stronger its colour, the larger its share of its true class.
    On the right stand the recalls, ``C[i, i] / Σ_j C[i, j]``.

    Args:
        model: a classifier, whose outputs are read as `inspection.scores` reads them; or what
            `inspection.confusion` found, without ``x`` and ``y``.
        x, y: the examples and their true classes: class numbers, one-hot rows, or 0 and 1.
        names: the names of the classes.
        normalize: None; or tell shares beside the counts: ``"true"`` of each true class,
            ``"pred"`` of each verdict, ``"all"`` of all examples. The shades then follow these.
        output: which output, of a model with several.
        ax: axes to draw in.
        theme: ``"light"`` or ``"dark"``.

    Raises:
        ValueError: where it can't be told how outputs become classes; as `inspection.confusion`.

    >>> from glassnet import inspection, plots
    >>> ax = plots.confusion_matrix(inspection.confusion([0, 1, 1], [0, 1, 0]))
    >>> [text.get_text() for text in ax.texts[:4]]
    ['1', '0', '1', '1']
    """
    if isinstance(model, Confusion):
        alone("confusion_matrix", "confusion", x, y)
        found = model
    else:
        need_data("confusion_matrix", "confusion", model, x, y)
        said = scores(model, x, output=output)
        values = said.values if said.kind != "binary" else said.decided
        found = confusion_of(y, values, names=names)
    k = len(found.names)
    side = min(max(2.6 + 0.42 * k, 3.6), 11.0)
    wide = _longest(found)
    place, look = axes(ax, theme, (side + 1.1 + 0.08 * wide, side + 0.5 + 0.03 * wide))
    place.grid(False)
    shares = found.normalized(normalize or "true")
    most = None if normalize == "all" else 1.0
    colours = place.imshow(shares, cmap=look.sequential, vmin=0, vmax=most, aspect="equal")
    if k <= _TOLD:
        _tell_counts(place, look, found, shares, colours, normalize)
    _tell_recalls(place, look, found)
    _frame(place, look, found)
    return place


def _tell_counts(
    place: Axes, theme: Theme, found: Confusion, shares: np.ndarray, colours: Any,
    normalize: str | None,
) -> None:  # fmt: skip
    small = SMALL if len(found.names) <= 10 else SMALL - 2
    for i, row in enumerate(found.counts):
        for j, count in enumerate(row):
            share = float(shares[i, j])
            told = f"{count:,}"
            if normalize is not None and count:
                told = f"{_percent(share)}\n{count:,}"
            ink = theme.faint if np.isnan(share) else ink_on(colours.to_rgba(share))
            place.text(
                j, i, told, ha="center", va="center", fontsize=small, color=ink,
                alpha=1.0 if count else 0.35, fontweight="bold" if i == j else "normal",
            )  # fmt: skip


def _tell_recalls(place: Axes, theme: Theme, found: Confusion) -> None:
    k = len(found.names)
    if k > 2 * _TOLD:
        return
    at: dict[str, Any] = {"transform": place.get_yaxis_transform(), "va": "center", "ha": "left"}
    for i, recall in enumerate(found.recalls):
        told = "no example" if np.isnan(recall) else _percent(float(recall))
        place.text(1.03, i, told, fontsize=SMALL if k <= 20 else 6, color=theme.muted, **at)
    place.annotate(
        "recall", (1.03, 1.0), xycoords="axes fraction", xytext=(0, 4),
        textcoords="offset points", fontsize=SMALL, color=theme.ink, va="bottom",
    )  # fmt: skip


def _frame(place: Axes, theme: Theme, found: Confusion) -> None:
    k = len(found.names)
    step = 1 if k <= 2 * _TOLD else -(-k // 20)
    shown = list(range(0, k, step))
    room = place.get_window_extent().width / place.figure.get_dpi() / max(len(shown), 1)
    long = 0.08 * _longest(found) > room - 0.08  # inches
    names = [literal(shortened(found.names[i])) for i in shown]
    place.set_xticks(shown, names, rotation=45 if long else 0)
    if long:
        for label in place.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    place.set_yticks(shown, names)
    place.tick_params(length=0, labelcolor=theme.ink)
    place.spines[:].set_visible(False)
    place.set_xticks(np.arange(-0.5, k), minor=True)
    place.set_yticks(np.arange(-0.5, k), minor=True)
    if k <= _TOLD:
        place.grid(True, which="minor", color=theme.background, linewidth=1.2)
    place.set_axisbelow(False)
    place.tick_params(which="minor", length=0)
    place.set_xlabel("predicted class", fontsize=LABEL)
    place.set_ylabel("true class", fontsize=LABEL)
    total = int(found.counts.sum())
    place.set_title(
        f"Confusion matrix: {_percent(found.accuracy)} of {total:,} correct",
        fontsize=TITLE,
        pad=22,
    )


def _longest(found: Confusion) -> int:
    return max(len(shortened(name)) for name in found.names)


# --- calibration ------------------------------------------------------------------------------
@literal_names
def calibration(
    model: Any,
    x: Any = None,
    y: Any = None,
    *,
    bins: int = 10,
    strategy: Literal["uniform", "quantile"] = "uniform",
    label: int | None = None,
    names: Sequence[str] | None = None,
    output: int | str | None = None,
    ax: Axes | None = None,
    theme: str | Theme = "light",
) -> Figure:
    """Draw how often it is so where the model says p, bin by bin, above how often it says p.

    A model that means what it says stands on the diagonal; below it, it is too sure. The bars are
    95 % intervals. The title tells ``ECE = Σ n_b / n |observed_b - predicted_b|``.

    Args:
        model: a classifier with probabilities, read as `inspection.probabilities` reads it; or
            what `inspection.calibration` found.
        x, y: the examples and their true classes or labels.
        bins, strategy, label, names: as for `inspection.calibration`.
        output: which output, of a model with several.
        ax: axes whose place the two panels take.
        theme: ``"light"`` or ``"dark"``.

    Raises:
        ValueError: as `inspection.probabilities` and `inspection.calibration`.

    >>> from glassnet import inspection, plots
    >>> found = inspection.calibration([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], bins=2)
    >>> plots.calibration(found).axes[0].lines[0].get_ydata().tolist()
    [0.0, 1.0]
    """
    if isinstance(model, Calibration):
        alone("calibration", "calibration", x, y)
        found = model
    else:
        need_data("calibration", "calibration", model, x, y)
        said = probabilities(model, x, output=output)
        found = calibration_of(y, said, bins=bins, strategy=strategy, label=label, names=names)
    figure, places, look = panels(ax, theme, 2, 1, (5.2, 6.0), sharex=True, height_ratios=(3.4, 1))
    above, below = places[:, 0]
    _reliability(above, look, found)
    widths = np.diff(found.edges)
    counts = np.zeros(len(widths))
    counts[found.bins] = found.counts
    below.bar(
        found.edges[:-1], counts, widths, align="edge", color=look.colour(1), alpha=0.55,
        edgecolor=look.background, linewidth=1,
    )  # fmt: skip
    below.set_ylabel("examples", fontsize=LABEL)
    below.set_xlabel(f"predicted {found.told}", fontsize=LABEL)
    below.yaxis.set_major_locator(part("ticker").MaxNLocator(3, integer=True))
    headline(figure, ax, f"Calibration: off by {found.error:.3f} on average (ECE)", look)
    return figure


def _reliability(place: Axes, theme: Theme, found: Calibration) -> None:
    low, high = found.intervals.T
    colour = theme.colour(1)
    place.plot(
        found.predicted, found.observed, marker="o", color=colour, linewidth=1.8, markersize=6,
        markeredgecolor=theme.background, zorder=4, label="model", clip_on=False,
    )  # fmt: skip
    place.vlines(found.predicted, low, high, color=colour, linewidth=1.1, alpha=0.7, zorder=3)
    place.plot(
        [0, 1], [0, 1], color=theme.muted, linewidth=1, linestyle=DASHES[2], zorder=1,
        label="as often as said",
    )  # fmt: skip
    place.set(xlim=(0, 1), ylim=(0, 1.02))
    what = "share of right verdicts" if found.told == "confidence" else "observed share"
    place.set_ylabel(what, fontsize=LABEL)
    legend(place, theme, loc="upper left")


# --- arguments --------------------------------------------------------------------------------
def need_data(picture: str, found: str, model: Any, x: Any, y: Any) -> None:
    """Raise where a picture of a model lacks its data."""
    if x is None or y is None:
        raise TypeError(
            f"{picture}: expected a model and data, plots.{picture}(model, x, y), or what was "
            f"found, plots.{picture}(inspection.{found}(y, predicted)); got "
            f"{type(model).__name__}{'' if x is None else ' and x, without y'}."
        )


def alone(picture: str, found: str, x: Any, y: Any) -> None:
    """Raise where data come with what was found of data."""
    if x is not None or y is not None:
        raise TypeError(f"{picture}: what inspection.{found} found has its data; pass no x or y.")


def _percent(share: float) -> str:
    """Percent with one digit behind the point where it says something."""
    if share in (0.0, 1.0):
        return f"{100 * share:.0f} %"
    told = f"{100 * share:.1f}"
    return "> 99.9 %" if told == "100.0" else "< 0.1 %" if told == "0.0" else f"{told} %"
