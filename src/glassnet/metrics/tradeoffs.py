"""The best of one share while another is held: sensitivity, specificity, precision, recall."""

from __future__ import annotations

from typing import Any

from glassnet.graph.recording import scope
from glassnet.graph.tensor import Tensor
from glassnet.losses.reducing import divide_no_nan
from glassnet.metrics.base import METRICS, Metric, held
from glassnet.metrics.counting import MOST_THRESHOLDS, Counts, counts_at
from glassnet.ops import max, where


class _BestWhere(Metric):
    """The base of metrics that ask for the best of one share where another is large enough."""

    direction = "up"

    def __init__(
        self,
        least: float,
        num_thresholds: int,
        class_id: int | None,
        name: str | None,
        dtype: Any,
    ) -> None:
        super().__init__(dtype, name)
        if not 0 <= least <= 1:
            raise ValueError(f"{type(self).__name__}: expected a number from 0 to 1; got {least}.")
        if not 0 < num_thresholds <= MOST_THRESHOLDS:
            raise ValueError(
                f"num_thresholds is an integer above 0, at most {MOST_THRESHOLDS}; got "
                f"{num_thresholds!r}."
            )
        self.num_thresholds = num_thresholds
        self.class_id = class_id
        self._least = least
        last = num_thresholds - 1
        self._at = [i / last for i in range(num_thresholds)] if last else [0.5]
        for kind in Counts._fields:
            setattr(self, kind, self.add_variable((num_thresholds,), name=kind))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        with scope(self.name):
            counts = counts_at(
                y_true,
                y_pred,
                self._at,
                sample_weight=sample_weight,
                class_id=self.class_id,
                metric=type(self).__name__,
            )
        self.gather(**counts._asdict())

    def share(self, of: str, beside: str) -> Tensor:
        """Return one count over its sum with another, at every threshold."""
        part = held(getattr(self, of))
        return divide_no_nan(part, part + held(getattr(self, beside)))

    def recalls(self) -> Tensor:
        """Return TP / (TP + FN), which is sensitivity too."""
        return self.share("true_positives", "false_negatives")

    def precisions(self) -> Tensor:
        """Return TP / (TP + FP)."""
        return self.share("true_positives", "false_positives")

    def specificities(self) -> Tensor:
        """Return TN / (TN + FP)."""
        return self.share("true_negatives", "false_positives")

    def best(self, wanted: Tensor, bound: Tensor) -> Tensor:
        """Return the largest ``wanted`` where ``bound`` is large enough, 0 where it never is."""
        return self.given(max(where(bound >= self._least, wanted, 0.0)))


@METRICS.add()
class SensitivityAtSpecificity(_BestWhere):
    """The largest ``TP / (TP + FN)`` among thresholds with ``TN / (TN + FP) ≥ specificity``.

    Args:
        specificity: what is held, from 0 to 1.
        num_thresholds: how many thresholds are tried, evenly from 0 to 1.
        class_id: the only label that counts.
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> float(metrics.SensitivityAtSpecificity(0.9)([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.8]))
    0.5
    """

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)
        self.specificity = specificity

    def result(self) -> Any:
        return self.best(self.recalls(), self.specificities())


@METRICS.add()
class SpecificityAtSensitivity(_BestWhere):
    """The largest ``TN / (TN + FP)`` among thresholds with ``TP / (TP + FN) ≥ sensitivity``.

    Args:
        sensitivity: what is held, from 0 to 1.
        num_thresholds: how many thresholds are tried, evenly from 0 to 1.
        class_id: the only label that counts.
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> float(metrics.SpecificityAtSensitivity(0.9)([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.8]))
    0.5
    """

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)
        self.sensitivity = sensitivity

    def result(self) -> Any:
        return self.best(self.specificities(), self.recalls())


@METRICS.add()
class PrecisionAtRecall(_BestWhere):
    """The largest ``TP / (TP + FP)`` among thresholds with ``TP / (TP + FN) ≥ recall``.

    Args:
        recall: what is held, from 0 to 1.
        num_thresholds: how many thresholds are tried, evenly from 0 to 1.
        class_id: the only label that counts.
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> round(float(metrics.PrecisionAtRecall(0.9)([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.8])), 4)
    0.6667
    """

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)
        self.recall = recall

    def result(self) -> Any:
        return self.best(self.precisions(), self.recalls())


@METRICS.add()
class RecallAtPrecision(_BestWhere):
    """The largest ``TP / (TP + FN)`` among thresholds with ``TP / (TP + FP) ≥ precision``.

    Args:
        precision: what is held, from 0 to 1.
        num_thresholds: how many thresholds are tried, evenly from 0 to 1.
        class_id: the only label that counts.
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> float(metrics.RecallAtPrecision(0.9)([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.8]))
    0.5
    """

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)
        self.precision = precision

    def result(self) -> Any:
        return self.best(self.recalls(), self.precisions())
