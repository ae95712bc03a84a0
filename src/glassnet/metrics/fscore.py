"""F-scores: precision and recall in one number."""

from __future__ import annotations

from typing import Any

from glassnet import config
from glassnet.graph.dimension import display
from glassnet.graph.recording import as_tensor, scope
from glassnet.graph.tensor import Tensor
from glassnet.losses.reducing import given_for
from glassnet.losses.shapes import misfit
from glassnet.metrics.base import COUNTED_IN, METRICS, Metric, held
from glassnet.ops import absolute, cast, max, mean, sum

_AVERAGES = (None, "micro", "macro", "weighted")


class _FScore(Metric):
    """The base of F-scores."""

    direction = "up"
    beta: float

    def __init__(
        self, average: str | None, threshold: float | None, name: str | None, dtype: Any
    ) -> None:
        super().__init__(dtype, name)
        if average not in _AVERAGES:
            raise ValueError(
                f"average={average!r}: expected one of {', '.join(map(repr, _AVERAGES))}."
            )
        if threshold is not None and not 0 < threshold <= 1:
            raise ValueError(f"threshold is a number above 0 and up to 1; got {threshold!r}.")
        self.average = average
        self.threshold = threshold

    def _build(self, classes: int) -> None:
        shape = () if self.average == "micro" else (classes,)
        self.true_positives = self.add_variable(shape, name="true_positives")
        self.false_positives = self.add_variable(shape, name="false_positives")
        self.false_negatives = self.add_variable(shape, name="false_negatives")
        self.true_weight = self.add_variable(shape, name="true_weight")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y, p = as_tensor(y_true), as_tensor(y_pred)
        name = type(self).__name__
        if p.ndim != 2 or y.ndim != 2 or not isinstance(p.shape[1], int):
            raise ValueError(
                f"{name}: expected one-hot targets and predictions (m, k); got "
                f"{display(y.shape)} and {display(p.shape)}."
            )
        if y.shape != p.shape:
            raise misfit(name, y.shape, p.shape)
        if not self.variables:
            self._build(p.shape[1])
        with scope(self.name):
            self._count(cast(y, COUNTED_IN), self._says_yes(p), sample_weight)

    def _says_yes(self, p: Tensor) -> Tensor:
        if self.threshold is not None:
            return cast(p > self.threshold, COUNTED_IN)
        largest = max(p, axis=-1, keepdims=True)
        return cast((p >= largest) & (absolute(p) > 1e-9), COUNTED_IN)

    def _count(self, y: Tensor, yes: Tensor, sample_weight: Any) -> None:
        weight = as_tensor(1.0, COUNTED_IN)
        if sample_weight is not None:
            weight = given_for(cast(as_tensor(sample_weight), COUNTED_IN), y)
        axis = None if self.average == "micro" else 0
        self.gather(
            true_positives=sum(weight * (yes * y), axis),
            false_positives=sum(weight * (yes * (1 - y)), axis),
            false_negatives=sum(weight * ((1 - yes) * y), axis),
            true_weight=sum(weight * y, axis),
        )

    def result(self) -> Any:
        if not self.variables:
            return self.given(as_tensor(0.0, COUNTED_IN))
        epsilon, square = config.epsilon(), self.beta**2
        right = held(self.true_positives)
        precision = right / (right + held(self.false_positives) + epsilon)
        recall = right / (right + held(self.false_negatives) + epsilon)
        score = (1 + square) * (precision * recall / (square * precision + recall + epsilon))
        if self.average == "weighted":
            weights = held(self.true_weight)
            score = sum(score * (weights / (sum(weights) + epsilon)))
        elif self.average is not None:
            score = mean(score)
        return self.given(score)


@METRICS.add("fbeta_score")
class FBetaScore(_FScore):
    """``(1 + β²) P R / (β² P + R)`` with precision P and recall R, for every class.

    Args:
        average: None for one score a class; ``"micro"`` counts all classes together,
            ``"macro"`` takes the mean of the scores, ``"weighted"`` the mean weighted by how
            often each class is true.
        beta: β, how much more recall counts than precision.
        threshold: where yes begins; for None the largest prediction of an example says yes.
        name: the name in the log.
        dtype: the dtype of the result.

    Shapes: y one-hot or multi-label, y and p (m, k).

    Source: C. J. van Rijsbergen, "Information Retrieval", 2nd ed., 1979.

    >>> from glassnet import metrics
    >>> score = metrics.FBetaScore(beta=2.0, threshold=0.5)
    >>> [round(s, 4) for s in score([[1, 1], [1, 0], [1, 1]],
    ...                             [[0.2, 0.6], [0.2, 0.6], [0.6, 0.8]]).tolist()]
    [0.3846, 0.9091]
    """

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, threshold, name, dtype)
        if not beta > 0:
            raise ValueError(f"beta is a number above 0; got {beta!r}.")
        self.beta = float(beta)


@METRICS.add()
class F1Score(_FScore):
    """``2 P R / (P + R)`` with precision P and recall R, for every class.

    Args:
        average: None for one score a class; ``"micro"``, ``"macro"`` or ``"weighted"``, see
            `FBetaScore`.
        threshold: where yes begins; for None the largest prediction of an example says yes.
        name: the name in the log.
        dtype: the dtype of the result.

    Shapes: y one-hot or multi-label, y and p (m, k).

    >>> from glassnet import metrics
    >>> metric = metrics.F1Score(average="macro")
    >>> round(float(metric([[1, 0], [0, 1], [0, 1]], [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])), 4)
    0.6667
    """

    beta = 1.0

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, threshold, name, dtype)
