"""How well a classifier judges: confusion, ROC, precision over recall, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from glassnet.inspection.classification import (
    Calibration,
    Confusion,
    Normalization,
    PrecisionRecall,
    Roc,
)
from glassnet.inspection.classification import calibration as calibration_of
from glassnet.inspection.classification import confusion as confusion_of
from glassnet.inspection.classification import precision_recall as precision_recall_of
from glassnet.inspection.classification import roc as roc_of
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

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TOLD = 20
"""Up to so many classes every cell tells its number."""
_NEAR = 0.97
"""From which area on the curves crowd in a corner, which is then drawn larger."""


# --- confusion --------------------------------------------------------------------------------
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

    Every cell tells its count; the darker a cell, the larger the share of its true class. On the
    right stand the recalls, ``C[i, i] / Σ_j C[i, j]``.

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
        _alone("confusion_matrix", "confusion", x, y)
        found = model
    else:
        _need_data("confusion_matrix", "confusion", model, x, y)
        said = scores(model, x, output=output)
        values = said.values if said.kind != "binary" else said.decided
        found = confusion_of(y, values, names=names)
    k = len(found.names)
    side = min(max(2.6 + 0.42 * k, 3.6), 11.0)
    longest = max(len(name) for name in found.names)
    place, look = axes(ax, theme, (side + 1.1 + 0.08 * longest, side + 0.5 + 0.03 * longest))
    place.grid(False)
    shares = found.normalized(normalize or "true")
    colours = place.imshow(shares, cmap=look.sequential, vmin=0, aspect="equal")
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
    long = 0.08 * max(len(name) for name in found.names) > room - 0.08  # inches
    place.set_xticks(shown, [found.names[i] for i in shown], rotation=45 if long else 0)
    if long:
        for label in place.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    place.set_yticks(shown, [found.names[i] for i in shown])
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


# --- ROC and precision over recall ------------------------------------------------------------
def roc(
    model: Any,
    x: Any = None,
    y: Any = None,
    *,
    names: Sequence[str] | None = None,
    thresholds: Sequence[float] = (0.1, 0.5, 0.9),
    output: int | str | None = None,
    ax: Axes | None = None,
    theme: str | Theme = "light",
) -> Axes:
    """Draw ``TPR = TP / (TP + FN)`` over ``FPR = FP / (FP + TN)``, a point for every threshold.

    The legend tells the area under each curve: the chance that a positive has a higher score than
    a negative. The diagonal is a guess. Of k classes each is held against all others, of k labels
    each has its curve. Where all curves crowd in the corner, the corner is drawn larger too.

    Args:
        model: a classifier, read as `inspection.scores` reads it; or what `inspection.roc` found.
        x, y: the examples and their true classes or labels.
        names: the names of the classes.
        thresholds: which to mark on the curve, where there is one curve.
        output: which output, of a model with several.
        ax: axes to draw in.
        theme: ``"light"`` or ``"dark"``.

    Raises:
        ValueError: as `inspection.scores` and `inspection.roc`.

    >>> from glassnet import inspection, plots
    >>> ax = plots.roc(inspection.roc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]))
    >>> ax.lines[0].get_ydata().tolist()
    [0.0, 0.5, 0.5, 1.0, 1.0]
    """
    if isinstance(model, Roc):
        _alone("roc", "roc", x, y)
        found = model
    else:
        _need_data("roc", "roc", model, x, y)
        found = roc_of(y, scores(model, x, output=output).values, names=names)
    one = len(found.curves) == 1
    place, look = axes(ax, theme, _size(found.curves))
    curves = [
        (c.name, c.false_positive_rates, c.true_positive_rates, f"AUC {c.area:.4f}")
        for c in found.curves
    ]
    _draw_curves(place, look, curves, "default")
    place.plot(
        [0, 1], [0, 1], color=look.muted, linewidth=1, linestyle=DASHES[2], zorder=1,
        label="chance  AUC 0.5000",
    )  # fmt: skip
    if one:
        only = found.curves[0]
        _mark(place, look, only.thresholds, curves[0][1:3], thresholds, (8, -9))
    elif min(c.area for c in found.curves) > _NEAR:
        _enlarge(place, look, curves, "default", (0.0, 0.2), (0.34, 0.1))
    _square(place, "false positive rate", "true positive rate", one)
    _name(place, look, "ROC curve", one, found.absent, "lower right")
    return place


def precision_recall(
    model: Any,
    x: Any = None,
    y: Any = None,
    *,
    names: Sequence[str] | None = None,
    thresholds: Sequence[float] = (0.1, 0.5, 0.9),
    output: int | str | None = None,
    ax: Axes | None = None,
    theme: str | Theme = "light",
) -> Axes:
    """Draw ``TP / (TP + FP)`` over ``TP / (TP + FN)``, a point for every threshold.

    The legend tells the average precision ``Σ (R_i - R_{i-1}) P_i``, the area under the steps. The
    line of chance is the share of positives, where there is one curve.

    Args:
        model: a classifier, read as `inspection.scores` reads it; or what
            `inspection.precision_recall` found.
        x, y, names, thresholds, output, ax, theme: as for `roc`.

    Raises:
        ValueError: as `inspection.scores` and `inspection.precision_recall`.

    >>> from glassnet import inspection, plots
    >>> found = inspection.precision_recall([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> plots.precision_recall(found).lines[0].get_ydata().round(2).tolist()
    [1.0, 1.0, 0.5, 0.67, 0.5]
    """
    if isinstance(model, PrecisionRecall):
        _alone("precision_recall", "precision_recall", x, y)
        found = model
    else:
        _need_data("precision_recall", "precision_recall", model, x, y)
        found = precision_recall_of(y, scores(model, x, output=output).values, names=names)
    one = len(found.curves) == 1
    place, look = axes(ax, theme, _size(found.curves))
    curves = [
        (c.name, c.recalls, c.precisions, f"AP {c.average_precision:.4f}") for c in found.curves
    ]
    _draw_curves(place, look, curves, "steps-pre")
    if one:
        only = found.curves[0]
        place.axhline(
            only.prevalence, color=look.muted, linewidth=1, linestyle=DASHES[2], zorder=1,
            label=f"chance  AP {only.prevalence:.4f}",
        )  # fmt: skip
        _mark(place, look, only.thresholds, curves[0][1:3], thresholds, (-6, -12))
    elif min(c.average_precision for c in found.curves) > _NEAR:
        _enlarge(place, look, curves, "steps-pre", (0.8, 1.0), (0.14, 0.1))
    _square(place, "recall", "precision", one)
    _name(place, look, "Precision over recall", one, found.absent, "lower left")
    return place


def _draw_curves(
    place: Axes, theme: Theme, curves: Sequence[tuple[str, Any, Any, str]], drawstyle: str
) -> None:
    for number, (name, along, up, told) in enumerate(curves):
        look = theme.style(number if len(curves) > 1 else 1)
        look.pop("marker")
        if len(curves) == 1:
            look["linestyle"] = "-"
        place.plot(
            along, up, **look, linewidth=1.8, drawstyle=drawstyle, label=f"{name}  {told}".strip(),
            zorder=3, clip_on=False,
        )  # fmt: skip
    if len(curves) == 1:
        step: Literal["pre"] | None = "pre" if drawstyle == "steps-pre" else None
        place.fill_between(
            curves[0][1], curves[0][2], step=step, color=theme.colour(1), alpha=0.1, linewidth=0
        )


def _mark(
    place: Axes, theme: Theme, at: np.ndarray, curve: Any, wanted: Sequence[float],
    offset: tuple[float, float],
) -> None:  # fmt: skip
    """Mark on the curve where the verdict "yes from this score on" stands."""
    scores_seen = at[np.isfinite(at)]
    if scores_seen.size == 0 or scores_seen.min() < 0 or scores_seen.max() > 1:
        return
    told: dict[int, list[float]] = {}
    for threshold in wanted:
        told.setdefault(int(np.flatnonzero(at >= threshold)[-1]), []).append(threshold)
    for place_of, thresholds in told.items():
        x, y = float(curve[0][place_of]), float(curve[1][place_of])
        place.plot(
            [x], [y], marker="o", markersize=5.5, color=theme.colour(1), linestyle="none",
            markeredgecolor=theme.background, label="_threshold", zorder=5, clip_on=False,
        )  # fmt: skip
        place.annotate(
            "p ≥ " + ", ".join(f"{t:g}" for t in thresholds), (x, y),
            xytext=(offset[0], offset[1] if y > 0.12 else -offset[1]),
            textcoords="offset points", fontsize=SMALL, color=theme.ink,
            ha="left" if offset[0] > 0 or x < 0.2 else "right", va="center", zorder=6,
        )  # fmt: skip


def _enlarge(
    place: Axes, theme: Theme, curves: Sequence[tuple[str, Any, Any, str]], drawstyle: str,
    across: tuple[float, float], corner: tuple[float, float],
) -> None:  # fmt: skip
    """Draw the upper corner where all curves are once more, larger."""
    inside = place.inset_axes(
        (*corner, 0.56, 0.56), xlim=across, ylim=(0.8, 1.0), facecolor=theme.background
    )
    _draw_curves(inside, theme, curves, drawstyle)
    for line in inside.lines:
        line.set_clip_on(True)
    inside.spines[:].set_color(theme.muted)
    inside.tick_params(labelsize=SMALL - 1, color=theme.faint, labelcolor=theme.muted)
    inside.set_xticks([across[0], sum(across) / 2, across[1]])
    inside.set_yticks([0.8, 0.9, 1.0])
    inside.grid(True, color=theme.faint, linewidth=0.6, alpha=0.6)
    place.indicate_inset_zoom(inside, edgecolor=theme.muted, alpha=0.6)


def _size(curves: Sequence[Any]) -> tuple[float, float]:
    """A square for the curves, and room for their names on the right."""
    longest = max(max(len(curve.name) for curve in curves) + 10, 18)
    return (5.2, 5.0) if len(curves) == 1 else (5.4 + 0.085 * longest, 5.0)


def _square(place: Axes, across: str, up: str, alone: bool) -> None:
    place.set(xlim=(0, 1), ylim=(0, 1.02))
    if alone:  # a legend beside axes that are held square would be cut off
        place.set_aspect("equal")
    place.set_xlabel(across, fontsize=LABEL)
    place.set_ylabel(up, fontsize=LABEL)


def _name(
    place: Axes, theme: Theme, title: str, one: bool, absent: Sequence[str], corner: str
) -> None:
    if one:
        legend(place, theme, loc=corner)
    else:
        told = f"without examples:\n{', '.join(absent)}" if absent else None
        box = legend(
            place, theme, loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0.0,
            handlelength=3, title=told, title_fontsize=SMALL,
        )  # fmt: skip
        box.get_title().set_color(theme.muted)
        title += ", each class against all others" if "ROC" in title else " of each class"
    place.set_title(title, fontsize=TITLE)


# --- calibration ------------------------------------------------------------------------------
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
        _alone("calibration", "calibration", x, y)
        found = model
    else:
        _need_data("calibration", "calibration", model, x, y)
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
def _need_data(picture: str, found: str, model: Any, x: Any, y: Any) -> None:
    if x is None or y is None:
        raise TypeError(
            f"{picture}: expected a model and data, plots.{picture}(model, x, y), or what was "
            f"found, plots.{picture}(inspection.{found}(y, predicted)); got "
            f"{type(model).__name__}{'' if x is None else ' and x, without y'}."
        )


def _alone(picture: str, found: str, x: Any, y: Any) -> None:
    if x is not None or y is not None:
        raise TypeError(f"{picture}: what inspection.{found} found has its data; pass no x or y.")


def _percent(share: float) -> str:
    """Percent with one digit behind the point where it says something."""
    if share in (0.0, 1.0):
        return f"{100 * share:.0f} %"
    told = f"{100 * share:.1f}"
    return "> 99.9 %" if told == "100.0" else "< 0.1 %" if told == "0.0" else f"{told} %"
