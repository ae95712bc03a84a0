"""How a classifier's verdicts depend on the threshold: ROC, precision over recall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from glassnet.inspection.classification import PrecisionRecall, Roc
from glassnet.inspection.classification import precision_recall as precision_recall_of
from glassnet.inspection.classification import roc as roc_of
from glassnet.inspection.scores import scores
from glassnet.plots.evaluation import alone, need_data
from glassnet.plots.figures import DASHES, LABEL, SMALL, TITLE, Theme, axes, legend
from glassnet.plots.wording import literal_names, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NEAR = 0.97
"""From which area on the curves crowd in a corner, which is then drawn larger."""


@literal_names
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
        alone("roc", "roc", x, y)
        found, labels = model, False
    else:
        need_data("roc", "roc", model, x, y)
        said = scores(model, x, output=output)
        found, labels = roc_of(y, said.values, names=names), said.kind == "labels"
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
    several = " of each label" if labels else ", each class against all others"
    title = "ROC curve" + ("" if one else several)
    _name(place, look, title, one, found.absent, "lower right")
    return place


@literal_names
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
        alone("precision_recall", "precision_recall", x, y)
        found, labels = model, False
    else:
        need_data("precision_recall", "precision_recall", model, x, y)
        said = scores(model, x, output=output)
        found = precision_recall_of(y, said.values, names=names)
        labels = said.kind == "labels"
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
    several = f" of each {'label' if labels else 'class'}"
    title = "Precision over recall" + ("" if one else several)
    _name(place, look, title, one, found.absent, "lower left")
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
            along, up, **look, linewidth=1.8, drawstyle=drawstyle, zorder=3, clip_on=False,
            label=f"{shortened(name)}  {told}".strip(),
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
    longest = max(max(len(shortened(curve.name)) for curve in curves) + 10, 18)
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
        told = f"without examples:\n{', '.join(map(shortened, absent))}" if absent else None
        box = legend(
            place, theme, loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0.0,
            handlelength=3, title=told, title_fontsize=SMALL,
        )  # fmt: skip
        box.get_title().set_color(theme.muted)
    place.set_title(title, fontsize=TITLE)
