"""Precision, recall, and the counts of right and wrong answers."""

from __future__ import annotations

from typing import Any, ClassVar

from glassnet.graph.recording import scope
from glassnet.graph.tensor import Tensor
from glassnet.losses.reducing import divide_no_nan
from glassnet.metrics.base import METRICS, Metric, held
from glassnet.metrics.counting import NEVER, counts_at, thresholds_of


class _Count(Metric):
    """The base of the four counts."""

    counted: ClassVar[str]

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.thresholds = thresholds
        self._at = thresholds_of(thresholds)
        self.accumulator = self.add_variable((len(self._at),), name="accumulator")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        with scope(self.name):
            counts = counts_at(
                y_true, y_pred, self._at, sample_weight=sample_weight, metric=type(self).__name__
            )
        self.gather(accumulator=getattr(counts, self.counted))

    def result(self) -> Any:
        return self.given(_one_or_all(held(self.accumulator)))


def _one_or_all(x: Tensor) -> Tensor:
    return x[0] if x.shape[0] == 1 else x


@METRICS.add()
class TruePositives(_Count):
    """``Σ w [y = 1][p > t]``: how often yes was rightly said.

    Args:
        thresholds: t, one or several numbers from 0 to 1; 0.5 for None.
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> float(metrics.TruePositives()([0, 0, 1, 1], [0.9, 0.1, 0.8, 0.7]))
    2.0
    """

    counted = "true_positives"
    direction = "up"


@METRICS.add()
class TrueNegatives(_Count):
    """``Σ w [y = 0][p ≤ t]``: how often no was rightly said.

    Args:
        thresholds: t, one or several numbers from 0 to 1; 0.5 for None.
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> float(metrics.TrueNegatives()([0, 0, 1, 1], [0.9, 0.1, 0.8, 0.7]))
    1.0
    """

    counted = "true_negatives"
    direction = "up"


@METRICS.add()
class FalsePositives(_Count):
    """``Σ w [y = 0][p > t]``: how often yes was wrongly said.

    Args:
        thresholds: t, one or several numbers from 0 to 1; 0.5 for None.
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> float(metrics.FalsePositives()([0, 0, 1, 1], [0.9, 0.1, 0.8, 0.7]))
    1.0
    """

    counted = "false_positives"
    direction = "down"


@METRICS.add()
class FalseNegatives(_Count):
    """``Σ w [y = 1][p ≤ t]``: how often no was wrongly said.

    Args:
        thresholds: t, one or several numbers from 0 to 1; 0.5 for None.
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> float(metrics.FalseNegatives()([0, 0, 1, 1], [0.9, 0.1, 0.8, 0.7]))
    0.0
    """

    counted = "false_negatives"
    direction = "down"


class _Share(Metric):
    """The base of precision and recall: right yeses among some of the answers."""

    direction = "up"
    other: ClassVar[str]

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        self.thresholds = thresholds
        self.top_k = top_k
        self.class_id = class_id
        self._at = thresholds_of(thresholds, 0.5 if top_k is None else NEVER)
        self.true_positives = self.add_variable((len(self._at),), name="true_positives")
        setattr(self, self.other, self.add_variable((len(self._at),), name=self.other))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        with scope(self.name):
            counts = counts_at(
                y_true,
                y_pred,
                self._at,
                sample_weight=sample_weight,
                top=self.top_k,
                class_id=self.class_id,
                metric=type(self).__name__,
            )
        others = {self.other: getattr(counts, self.other)}
        self.gather(true_positives=counts.true_positives, **others)

    def result(self) -> Any:
        right, others = held(self.true_positives), held(getattr(self, self.other))
        return self.given(_one_or_all(divide_no_nan(right, right + others)))


@METRICS.add()
class Precision(_Share):
    """``TP / (TP + FP)``: the share of yeses that are right; 0 where none was said.

    Args:
        thresholds: where yes begins, one or several numbers from 0 to 1; 0.5 for None.
        top_k: where given, the k largest predictions of an example say yes.
        class_id: the only label that counts.
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> float(metrics.Precision()([0, 1, 1, 1], [0.8, 0.2, 0.9, 0.7])) * 3
    2.0
    """

    other = "false_positives"


@METRICS.add()
class Recall(_Share):
    """``TP / (TP + FN)``: the share of true yeses that were found; 0 where there are none.

    Args:
        thresholds: where yes begins, one or several numbers from 0 to 1; 0.5 for None.
        top_k: where given, the k largest predictions of an example say yes.
        class_id: the only label that counts.
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> float(metrics.Recall()([0, 1, 1, 1], [0.8, 0.2, 0.9, 0.7])) * 3
    2.0
    """

    other = "false_negatives"
