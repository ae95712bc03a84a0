"""Which class was taken for which: the confusion matrix, and intersection over union."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet import config
from glassnet.graph.dimension import display
from glassnet.graph.recording import as_tensor, record, scope
from glassnet.graph.tensor import Tensor
from glassnet.losses.reducing import given_for
from glassnet.metrics.base import COUNTED_IN, METRICS, Metric, held
from glassnet.ops import argmax, broadcast_to, cast, diagonal, reshape, squeeze, sum, take, where
from glassnet.ops.indexing import AddAt


def confusion_matrix(y_true: Any, y_pred: Any, num_classes: int | None = None) -> np.ndarray:
    """Return how often class i (row) was taken for class j (column).

    Args:
        y_true: the true class numbers, or one-hot rows (m, k).
        y_pred: the predicted class numbers, or scores (m, k) of which the largest counts.
        num_classes: k; by default the largest class number + 1.

    Raises:
        ValueError: where the lengths differ, or a class number is not in 0 … k - 1.

    >>> from glassnet.metrics import confusion_matrix
    >>> confusion_matrix([0, 1, 1, 2], [0, 1, 2, 2]).tolist()
    [[1, 0, 0], [0, 1, 1], [0, 0, 1]]
    """
    true, predicted = _numbers(y_true, "y_true"), _numbers(y_pred, "y_pred")
    if true.shape != predicted.shape:
        raise ValueError(
            f"confusion_matrix: {len(true)} true classes and {len(predicted)} predicted ones; "
            "expected one of each an example."
        )
    both = np.concatenate([true, predicted])
    k = int(both.max(initial=-1)) + 1 if num_classes is None else int(num_classes)
    if both.size and (both.min() < 0 or both.max() >= k):
        raise ValueError(
            f"confusion_matrix: class numbers are 0 to {k - 1}; got {both.min()} to {both.max()}."
        )
    return np.bincount(true * k + predicted, minlength=k * k).reshape(k, k)


def _numbers(y: Any, argument: str) -> np.ndarray:
    array = np.asarray(y)
    if array.ndim > 1 and array.shape[-1] > 1:
        array = array.argmax(axis=-1)
    found = array.ravel()
    if found.dtype.kind == "f" and (found != np.floor(found)).any():
        raise ValueError(
            f"confusion_matrix: {argument} holds {found[found != np.floor(found)][0]}, which is no "
            "class number. Scores have shape (m, k); of one probability write p > 0.5."
        )
    return found.astype(np.int64)


class _CountsOfPairs(Metric):
    """The base of metrics that count pairs of true and predicted classes."""

    def __init__(self, num_classes: int, name: str | None, dtype: Any) -> None:
        super().__init__(dtype, name)
        self.num_classes = int(num_classes)
        self.total_cm = self.add_variable(
            (self.num_classes, self.num_classes), name="total_confusion_matrix"
        )

    def count(
        self, true: Tensor, predicted: Tensor, sample_weight: Any, ignored: int | None = None
    ) -> None:
        """Add pairs of class numbers; those outside 0 … k - 1 are left out."""
        if true.shape != predicted.shape and true.size != predicted.size:
            raise ValueError(
                f"{type(self).__name__}: true classes of shape {display(true.shape)} and predicted "
                f"ones of shape {display(predicted.shape)}; expected one of each."
            )
        weight = as_tensor(1.0, COUNTED_IN)
        if sample_weight is not None:
            weight = cast(as_tensor(sample_weight), COUNTED_IN)
            if weight.ndim == true.ndim + 1 and weight.shape[-1] == 1:
                weight = squeeze(weight, -1)
            weight = given_for(weight, true)
        weight = reshape(broadcast_to(weight, true.shape), (-1,))
        true, predicted = (reshape(cast(x, "int64"), (-1,)) for x in (true, predicted))
        k = self.num_classes
        counted = (true >= 0) & (true < k) & (predicted >= 0) & (predicted < k)
        if ignored is not None:
            counted = counted & (true != ignored)
        places = where(counted, true, 0), where(counted, predicted, 0)
        weight = where(counted, weight, 0.0)
        self.gather(total_cm=record(AddAt((k, k), (0, 1)), weight, *places))


@METRICS.add()
class ConfusionMatrix(_CountsOfPairs):
    """``C[i, j] = Σ w [y = i][prediction = j]``: rows are true classes, columns predicted ones.

    Args:
        num_classes: k, the number of classes.
        threshold: where yes begins, for two classes told by one output.
        name: the name in the log.
        dtype: the dtype of the result.

    Shapes: y class numbers (m,) or (m, 1), or one-hot (m, k); p scores (m, k), class numbers
    (m,), or for two classes one probability, (m,) or (m, 1). The result is (k, k).

    >>> from glassnet import metrics
    >>> metrics.ConfusionMatrix(2)([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """

    def __init__(
        self,
        num_classes: int,
        threshold: float = 0.5,
        name: str | None = "confusion_matrix",
        dtype: Any = None,
    ) -> None:
        super().__init__(num_classes, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y, p = as_tensor(y_true), as_tensor(y_pred)
        with scope(self.name):
            scores = p.ndim > 1 and p.shape[-1] == self.num_classes and p.shape[-1] != 1
            if scores:
                hot = y.ndim == p.ndim and y.shape[-1] == self.num_classes
                y = argmax(y, axis=-1) if hot else y
                p = argmax(p, axis=-1)
            elif p.dtype.kind == "f" and self.num_classes == 2:
                p = p > self.threshold
            y, p = (squeeze(x, -1) if x.ndim > 1 and x.shape[-1] == 1 else x for x in (y, p))
            self.count(y, p, sample_weight)

    def result(self) -> Any:
        return self.given(held(self.total_cm))


# --- intersection over union ------------------------------------------------------------------
class _IoU(_CountsOfPairs):
    """The base of the mean over classes of TP / (TP + FP + FN)."""

    direction = "up"
    ignore_class: int | None = None
    sparse_y_true: bool = True
    sparse_y_pred: bool = True
    axis: int = -1

    def targets(self) -> Sequence[int]:
        """Return the classes that are averaged."""
        return range(self.num_classes)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y, p = as_tensor(y_true), as_tensor(y_pred)
        with scope(self.name):
            y = y if self.sparse_y_true else argmax(y, axis=self.axis)
            p = p if self.sparse_y_pred else argmax(p, axis=self.axis)
            self.count(y, p, sample_weight, self.ignore_class)

    def result(self) -> Any:
        pairs = held(self.total_cm)
        both = diagonal(pairs)
        either = sum(pairs, axis=0) + sum(pairs, axis=1) - both
        chosen = as_tensor(np.asarray(self.targets(), dtype=np.int64))
        both, either = take(both, chosen, axis=0), take(either, chosen, axis=0)
        seen = cast(either > 1e-9, COUNTED_IN)
        shares = seen * both / (either + config.epsilon())
        return self.given(sum(shares) / (sum(seen) + config.epsilon()))


def checked_targets(ids: Sequence[int], num_classes: int) -> list[int]:
    """Return class numbers as a list; raise where one is out of range."""
    found = [int(i) for i in ids]
    strange = [i for i in found if not 0 <= i < num_classes]
    if strange or not found:
        raise ValueError(
            f"target_class_ids={found}: expected class numbers from 0 to {num_classes - 1}."
        )
    return found


@METRICS.add("iou")
class IoU(_IoU):
    """The mean of ``TP / (TP + FP + FN)`` over chosen classes: intersection over union.

    Classes that neither occur nor are predicted do not count.

    Args:
        num_classes: the number of classes.
        target_class_ids: the classes that are averaged.
        name: the name in the log.
        dtype: the dtype of the result.
        ignore_class: a true class whose entries are left out.
        sparse_y_true: whether targets are class numbers, not one-hot.
        sparse_y_pred: whether predictions are class numbers, not scores.
        axis: the axis of the classes in one-hot targets and scores.

    >>> from glassnet import metrics
    >>> metric = metrics.IoU(num_classes=2, target_class_ids=[0])
    >>> round(float(metric([0, 0, 1, 1], [0, 1, 0, 1])), 4)
    0.3333
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype)
        self.target_class_ids = checked_targets(target_class_ids, num_classes)
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis

    def targets(self) -> Sequence[int]:
        return self.target_class_ids


@METRICS.add("binary_iou")
class BinaryIoU(_IoU):
    """Intersection over union of two classes, the prediction being ``p ≥ threshold``.

    Args:
        target_class_ids: the classes that are averaged: 0, 1 or both.
        threshold: where class 1 begins.
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> round(float(metrics.BinaryIoU()([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])), 4)
    0.5833
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(2, name, dtype)
        self.target_class_ids = checked_targets(target_class_ids, 2)
        self.threshold = threshold

    def targets(self) -> Sequence[int]:
        return self.target_class_ids

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        super().update_state(y_true, as_tensor(y_pred) >= self.threshold, sample_weight)


@METRICS.add("mean_iou")
class MeanIoU(_IoU):
    """The mean of ``TP / (TP + FP + FN)`` over all classes that occur or are predicted.

    Args:
        num_classes: the number of classes.
        name: the name in the log.
        dtype: the dtype of the result.
        ignore_class: a true class whose entries are left out.
        sparse_y_true: whether targets are class numbers, not one-hot.
        sparse_y_pred: whether predictions are class numbers, not scores.
        axis: the axis of the classes in one-hot targets and scores.

    >>> from glassnet import metrics
    >>> round(float(metrics.MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1])), 4)
    0.3333
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype)
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis


@METRICS.add("one_hot_iou")
class OneHotIoU(_IoU):
    """`IoU` for one-hot targets, and scores unless ``sparse_y_pred``.

    Args:
        num_classes: the number of classes.
        target_class_ids: the classes that are averaged.
        name: the name in the log.
        dtype: the dtype of the result.
        ignore_class: a true class whose entries are left out.
        sparse_y_pred: whether predictions are class numbers, not scores.
        axis: the axis of the classes.

    >>> from glassnet import metrics
    >>> y = [[1, 0], [1, 0], [0, 1], [0, 1]]
    >>> p = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]]
    >>> round(float(metrics.OneHotIoU(num_classes=2, target_class_ids=[0])(y, p)), 4)
    0.3333
    """

    sparse_y_true = False

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype)
        self.target_class_ids = checked_targets(target_class_ids, num_classes)
        self.ignore_class = ignore_class
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis

    def targets(self) -> Sequence[int]:
        return self.target_class_ids


@METRICS.add("one_hot_mean_iou")
class OneHotMeanIoU(_IoU):
    """`MeanIoU` for one-hot targets, and scores unless ``sparse_y_pred``.

    Args:
        num_classes: the number of classes.
        name: the name in the log.
        dtype: the dtype of the result.
        ignore_class: a true class whose entries are left out.
        sparse_y_pred: whether predictions are class numbers, not scores.
        axis: the axis of the classes.

    >>> from glassnet import metrics
    >>> y = [[1, 0], [1, 0], [0, 1], [0, 1]]
    >>> p = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]]
    >>> round(float(metrics.OneHotMeanIoU(num_classes=2)(y, p)), 4)
    0.3333
    """

    sparse_y_true = False

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype)
        self.ignore_class = ignore_class
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
