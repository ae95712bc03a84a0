"""Accuracies: how often the prediction is right."""

from __future__ import annotations

from typing import Any

from glassnet.graph import dtypes
from glassnet.graph.recording import as_tensor
from glassnet.graph.tensor import Tensor
from glassnet.losses.crossentropy import class_axis
from glassnet.losses.shapes import misfit, paired
from glassnet.losses.targets import check_label_shape
from glassnet.metrics.base import METRIC_FUNCTIONS, METRICS
from glassnet.metrics.reduction import FunctionMetric
from glassnet.ops import any, argmax, cast, expand_dims, in_top_k, squeeze


def _right(matches: Tensor) -> Tensor:
    return cast(matches, dtypes.default_float())


def class_numbers(y_true: Any, y_pred: Any, metric: str) -> tuple[Tensor, Tensor]:
    """Return integer class numbers (m, …) and class scores (m, …, k)."""
    y, p = as_tensor(y_true), as_tensor(y_pred)
    axis = class_axis(-1, p.ndim, metric)
    check_label_shape(y.shape, p.shape, axis, metric)
    y = squeeze(y, -1) if y.ndim == p.ndim else y
    return cast(y, "int64"), p


def hot_pair(y_true: Any, y_pred: Any, metric: str) -> tuple[Tensor, Tensor]:
    """Return the class numbers of one-hot targets, and class scores."""
    y, p = as_tensor(y_true), as_tensor(y_pred)
    class_axis(-1, p.ndim, metric)
    if y.shape != p.shape:
        raise misfit(metric, y.shape, p.shape)
    return argmax(y, axis=-1), p


@METRIC_FUNCTIONS.add()
def accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """Return ``[p = y]``: 1 where prediction and target are equal, else 0."""
    y, p = paired(y_true, y_pred, "Accuracy")
    return _right(y == p)


@METRIC_FUNCTIONS.add()
def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Tensor:
    """Return 1 where ``p > threshold`` says what y says, else 0.

    >>> from glassnet import metrics
    >>> metrics.binary_accuracy([[1], [0]], [[0.9], [0.6]]).tolist()
    [[1.0], [0.0]]
    """
    y, p = paired(y_true, y_pred, "BinaryAccuracy")
    return _right(y == cast(p > threshold, y.dtype))


@METRIC_FUNCTIONS.add()
def categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """Return ``[argmax p = argmax y]``: 1 where the largest prediction is the one-hot target's."""
    y, p = hot_pair(y_true, y_pred, "CategoricalAccuracy")
    return _right(y == argmax(p, axis=-1))


@METRIC_FUNCTIONS.add()
def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """Return ``[argmax p = y]``: 1 where the largest prediction is that of class y, else 0."""
    y, p = class_numbers(y_true, y_pred, "SparseCategoricalAccuracy")
    return _right(y == argmax(p, axis=-1))


@METRIC_FUNCTIONS.add()
def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Tensor:
    """Return ``[rank of p[y] ≤ k]``: 1 where the one-hot target's class is among the k largest."""
    y, p = hot_pair(y_true, y_pred, "TopKCategoricalAccuracy")
    return _right(in_top_k(y, p, k))


@METRIC_FUNCTIONS.add()
def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> Tensor:
    """Return ``[rank of p[y] ≤ k]``: 1 where class y is among the k largest predictions, else 0.

    With ``from_sorted_ids`` the predictions are class numbers already, the best first.
    """
    if from_sorted_ids:
        ids = as_tensor(y_pred)
        y = as_tensor(y_true)
        y = squeeze(y, -1) if y.ndim == ids.ndim else y
        return _right(any(expand_dims(y, -1) == ids[..., :k], axis=-1))
    y, p = class_numbers(y_true, y_pred, "SparseTopKCategoricalAccuracy")
    return _right(in_top_k(y, p, k))


@METRICS.add()
class Accuracy(FunctionMetric):
    """``mean [p = y]``: the share of predictions that equal their target.

    For outputs of a network, see `BinaryAccuracy`, `CategoricalAccuracy` and
    `SparseCategoricalAccuracy`; in ``compile`` the name ``"accuracy"`` finds the right one.

    Args:
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> float(metrics.Accuracy()([1, 2, 3, 4], [0, 2, 3, 4]))
    0.75
    """

    function = staticmethod(accuracy)
    direction = "up"

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)


@METRICS.add()
class BinaryAccuracy(FunctionMetric):
    """The share of predictions with ``p > threshold`` where y is 1, and not where y is 0.

    Args:
        name: the name in the log.
        dtype: the dtype of the result.
        threshold: where yes begins: 0.5 for probabilities, 0 for raw outputs.

    >>> from glassnet import metrics
    >>> float(metrics.BinaryAccuracy()([1, 0, 0, 1], [0.9, 0.2, 0.7, 0.6]))
    0.75
    """

    function = staticmethod(binary_accuracy)
    parameters = ("threshold",)
    direction = "up"

    def __init__(
        self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5
    ) -> None:
        super().__init__(name, dtype)
        self.threshold = threshold


@METRICS.add()
class CategoricalAccuracy(FunctionMetric):
    """``mean [argmax p = argmax y]`` for one-hot targets: the share of right answers.

    Args:
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> float(metrics.CategoricalAccuracy()([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]]))
    0.5
    """

    function = staticmethod(categorical_accuracy)
    direction = "up"

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)


@METRICS.add()
class SparseCategoricalAccuracy(FunctionMetric):
    """``mean [argmax p = y]`` for class numbers y: the share of right answers.

    Args:
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> float(metrics.SparseCategoricalAccuracy()([1, 0], [[0.2, 0.8], [0.3, 0.7]]))
    0.5
    """

    function = staticmethod(sparse_categorical_accuracy)
    direction = "up"

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)


@METRICS.add()
class TopKCategoricalAccuracy(FunctionMetric):
    """``mean [rank of p[y] ≤ k]`` for one-hot targets: the share of answers among the k first.

    Args:
        k: how many predictions may hold the class.
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> float(metrics.TopKCategoricalAccuracy(k=2)([[0, 0, 1]], [[0.1, 0.6, 0.3]]))
    1.0
    """

    function = staticmethod(top_k_categorical_accuracy)
    parameters = ("k",)
    direction = "up"

    def __init__(
        self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None
    ) -> None:
        super().__init__(name, dtype)
        self.k = k


@METRICS.add()
class SparseTopKCategoricalAccuracy(FunctionMetric):
    """``mean [rank of p[y] ≤ k]`` for class numbers: the share of answers among the k first.

    Args:
        k: how many predictions may hold the class.
        name: the name in the log.
        dtype: the dtype of the result.
        from_sorted_ids: whether predictions are class numbers, the best first, not scores.

    >>> from glassnet import metrics
    >>> float(metrics.SparseTopKCategoricalAccuracy(k=2)([2], [[0.1, 0.6, 0.3]]))
    1.0
    """

    function = staticmethod(sparse_top_k_categorical_accuracy)
    parameters = ("k", "from_sorted_ids")
    direction = "up"

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(name, dtype)
        self.k = k
        self.from_sorted_ids = from_sorted_ids
