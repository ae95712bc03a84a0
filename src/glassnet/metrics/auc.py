"""The area under a curve of right and wrong answers over all thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glassnet import config
from glassnet.graph.dimension import display
from glassnet.graph.recording import as_tensor, scope
from glassnet.graph.tensor import Tensor
from glassnet.losses.reducing import divide_no_nan
from glassnet.metrics.base import COUNTED_IN, METRICS, Metric, held
from glassnet.metrics.counting import MOST_THRESHOLDS, Counts, counts_at
from glassnet.ops import log, maximum, mean, minimum, sigmoid, sum, where

_CURVES = ("ROC", "PR", "PRGAIN")
_METHODS = ("interpolation", "majoring", "minoring")


@METRICS.add()
class AUC(Metric):
    """``∫ y dx``: the area under the ROC curve or the curve of precision over recall.

    ROC: y = TP / (TP + FN) over x = FP / (FP + TN). PR: y = TP / (TP + FP) over
    x = TP / (TP + FN). The curve has a point for every threshold.

    Args:
        num_thresholds: how many thresholds, evenly from 0 to 1.
        curve: ``"ROC"``, ``"PR"`` or ``"PRGAIN"`` (precision and recall measured against
            always saying yes).
        summation_method: between two points: ``"interpolation"`` (the mean; for PR between the
            counts themselves), ``"minoring"`` (the smaller), ``"majoring"`` (the larger).
        name: the name in the log.
        dtype: the dtype of the result.
        thresholds: thresholds of one's own, from 0 to 1; 0 and 1 are added.
        multi_label: whether each label has a curve of its own, their areas being averaged.
        num_labels: the number of labels, where it is wanted before the first batch.
        label_weights: how much each label counts.
        from_logits: whether the predictions are raw outputs x with p = σ(x).

    Shapes: y and p (m,), (m, 1) or, for labels, (m, k).

    Source: T. Fawcett, "An introduction to ROC analysis", 2006; J. Davis, M. Goadrich, "The
    relationship between precision-recall and ROC curves", 2006; P. Flach, M. Kull,
    "Precision-recall-gain curves", 2015.

    >>> from glassnet import metrics
    >>> round(float(metrics.AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])), 4)
    0.75
    """

    direction = "up"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(dtype, name)
        self.curve = _one_of(curve, _CURVES, "curve")
        self.summation_method = _one_of(summation_method, _METHODS, "summation_method")
        if thresholds is None and not 1 < num_thresholds <= MOST_THRESHOLDS:
            raise ValueError(
                f"num_thresholds is an integer above 1, at most {MOST_THRESHOLDS}; got "
                f"{num_thresholds!r}."
            )
        if num_labels and not multi_label:
            raise ValueError("num_labels belongs to multi_label=True.")
        self.thresholds = None if thresholds is None else [float(t) for t in thresholds]
        self.num_thresholds = num_thresholds if thresholds is None else len(thresholds) + 2
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = label_weights
        self.from_logits = from_logits
        steps = self.num_thresholds - 1
        inner = sorted(self.thresholds or [i / steps for i in range(1, steps)])
        # Beyond 0 and 1, so that the curve begins and ends in a corner.
        self._at = [-config.epsilon(), *inner, 1 + config.epsilon()]
        if not multi_label or num_labels:
            self._build(num_labels)

    def _build(self, labels: int | None) -> None:
        shape = (len(self._at), labels) if labels else (len(self._at),)
        for kind in Counts._fields:
            setattr(self, kind, self.add_variable(shape, name=kind))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_pred = as_tensor(y_pred)
        if not self.variables:
            if y_pred.ndim != 2 or not isinstance(y_pred.shape[1], int):
                raise ValueError(
                    "AUC(multi_label=True): expected predictions (m, labels); got "
                    f"{display(y_pred.shape)}."
                )
            self._build(y_pred.shape[1])
        with scope(self.name):
            counts = counts_at(
                y_true,
                sigmoid(y_pred) if self.from_logits else y_pred,
                self._at,
                sample_weight=sample_weight,
                label_weights=None if self.multi_label else self.label_weights,
                by_label=self.multi_label,
                metric="AUC",
            )
        self.gather(**counts._asdict())

    def result(self) -> Any:
        if not self.variables:
            return self.given(as_tensor(0.0, COUNTED_IN))
        tp, fp, tn, fn = (held(getattr(self, kind)) for kind in Counts._fields)
        if self.curve == "PR" and self.summation_method == "interpolation":
            areas = _between_counts(tp, fp, fn)
        else:
            x, y = _points(self.curve, Counts(tp, fp, tn, fn))
            low, high = y[:-1], y[1:]
            if self.summation_method == "interpolation":
                heights = (low + high) / 2.0
            else:
                smaller = self.summation_method == "minoring"
                heights = minimum(low, high) if smaller else maximum(low, high)
            areas = sum((x[:-1] - x[1:]) * heights, axis=0)
        return self.given(self._over_labels(areas))

    def _over_labels(self, areas: Tensor) -> Tensor:
        if not self.multi_label:
            return areas
        if self.label_weights is None:
            return mean(areas)
        weights = as_tensor(self.label_weights, COUNTED_IN)
        return divide_no_nan(sum(areas * weights), sum(weights))


def _points(curve: str, counts: Counts) -> tuple[Tensor, Tensor]:
    tp, fp, tn, fn = counts
    recall = divide_no_nan(tp, tp + fn)
    if curve == "ROC":
        return divide_no_nan(fp, fp + tn), recall
    if curve == "PR":
        return recall, divide_no_nan(tp, tp + fp)
    odds = divide_no_nan(tp + fn, tn + fp)
    recall_gain = where(tp == 0, 0.0, 1.0 - odds * divide_no_nan(fn, tp))
    precision_gain = where(tp == 0, 1.0, 1.0 - odds * divide_no_nan(fp, tp))
    return maximum(recall_gain, 0.0), precision_gain


def _between_counts(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    """Return the area under precision over recall, TP and FP being straight between points.

    Precision itself is no straight line there. With TP = a + s·P, P = TP + FP, the area is
    Σ s (ΔTP + a log(P_i / P_{i+1})) / (all positives).
    """
    said = tp + fp
    gained, more = tp[:-1] - tp[1:], said[:-1] - said[1:]
    slope = divide_no_nan(gained, maximum(more, 0.0))
    offset = tp[1:] - slope * said[1:]
    both = (said[:-1] > 0) & (said[1:] > 0)
    ratio = where(both, divide_no_nan(said[:-1], said[1:]), 1.0)
    parts = divide_no_nan(slope * (gained + offset * log(ratio)), tp[1:] + fn[1:])
    return sum(parts, axis=0)


def _one_of(value: str, known: tuple[str, ...], argument: str) -> str:
    for name in known:
        if str(value).lower() == name.lower():
            return name
    raise ValueError(f"{argument}={value!r}: expected one of {', '.join(map(repr, known))}.")
