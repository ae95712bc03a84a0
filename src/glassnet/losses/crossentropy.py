"""Cross-entropies: how surprised a predicted distribution is by the truth.

Probabilities that end in softmax or sigmoid are computed through their logits, so that
extreme ones lose nothing. Given as arrays they are kept within [ε, 1 - ε], as in Keras.
Source: I. Goodfellow, Y. Bengio, A. Courville, "Deep Learning", MIT Press 2016, 6.2.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet import ops
from glassnet.graph.dimension import Size
from glassnet.graph.recording import as_tensor
from glassnet.graph.tensor import Tensor
from glassnet.losses.base import LOSS_FUNCTIONS, LOSSES, FunctionLoss
from glassnet.losses.history import check_binary, check_categorical, how_made
from glassnet.losses.shapes import AnyShape, misfit, paired
from glassnet.losses.targets import (
    check_between_0_and_1,
    check_label_shape,
    check_labels,
    check_one_hot,
)
from glassnet.ops.operands import float_operands, normalize_axis
from glassnet.ops.reduction import number

_REDUCTION = "sum_over_batch_size"


# --- yes or no ----------------------------------------------------------------------------------
def smoothed_binary(y: Tensor, smoothing: float) -> Tensor:
    """Return ``y (1 - s) + s/2``: truths that are never quite certain."""
    return y * (1.0 - smoothing) + 0.5 * smoothing if smoothing else y


def binary_logits(p: Tensor, from_logits: bool, loss: str) -> Tensor | None:
    """Return the logits of ``p`` where there are any; raise where p was not made for the loss."""
    made = how_made(p, p.ndim - 1)
    check_binary(made, p, from_logits, loss)
    if from_logits:
        return p
    return made.logits if made.by == "sigmoid" else None


@LOSS_FUNCTIONS.add()
def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Return the mean of ``-y log p - (1 - y) log(1 - p)`` over ``axis``.

    >>> from glassnet import losses
    >>> [round(x, 4) for x in losses.binary_crossentropy([[1.0, 0.0]], [[0.5, 0.5]]).tolist()]
    [0.6931]
    """
    y, p = paired(y_true, y_pred, "BinaryCrossentropy")
    y = smoothed_binary(y, label_smoothing)
    logits = binary_logits(p, from_logits, "BinaryCrossentropy")
    given = p if logits is None else logits
    return ops.mean(ops.binary_crossentropy(y, given, logits is not None), axis)


@LOSSES.add("bce", "BCE")
class BinaryCrossentropy(FunctionLoss):
    """``-(1/n) Σ (y log p + (1 - y) log(1 - p))`` for targets of 0 and 1.

    Args:
        from_logits: whether the predictions are raw outputs x with p = σ(x).
        label_smoothing: s; the targets become ``y (1 - s) + s/2``.
        axis: the axis that is averaged for each example.
        reduction: how the losses of the examples are brought together; see `Loss`.
        name: the name in the log.
        dtype: the float type of the computation.

    Shapes: y and p (m, k), or (m,) beside (m, 1).

    Raises:
        LossMismatchError: where the network's last activation and ``from_logits`` contradict
            each other.
        ValueError: where targets are outside [0, 1] or differ in shape from the predictions.

    >>> from glassnet import losses
    >>> round(float(losses.BinaryCrossentropy(from_logits=True)([1.0, 0.0], [0.0, 0.0])), 4)
    0.6931
    """

    function = staticmethod(binary_crossentropy)
    parameters = ("from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = _REDUCTION,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis

    def check_targets(self, y_true: np.ndarray, output_shape: AnyShape) -> None:
        check_between_0_and_1(np.asarray(y_true), output_shape, "BinaryCrossentropy")


# --- one among k classes ------------------------------------------------------------------------
def class_axis(axis: Any, rank: int, loss: str) -> int:
    """Return the axis of the classes, counted from the front."""
    if rank == 0:
        raise ValueError(f"{loss}: the predictions are a single number; they need classes, (m, k).")
    return normalize_axis(axis, rank)


def categorical_pair(y_true: Any, y_pred: Any, loss: str) -> tuple[Tensor, Tensor]:
    """Return one-hot targets and predictions of one dtype; raise where the shapes differ."""
    (p,) = float_operands(y_pred)
    y = ops.cast(y_true, p.dtype)
    if y.shape != p.shape:
        raise misfit(loss, y.shape, p.shape)
    return y, p


def smoothed(y: Tensor, smoothing: float, classes: Size) -> Tensor:
    """Return ``y (1 - s) + s/k``: truths that are never quite certain."""
    if not smoothing:
        return y
    return y * (1.0 - smoothing) + smoothing / number(classes, y.dtype)


def categorical_logits(p: Tensor, axis: int, from_logits: bool, loss: str) -> Tensor | None:
    """Return the logits of ``p`` where there are any; raise where p was not made for the loss."""
    made = how_made(p, axis)
    check_categorical(made, p, axis, from_logits, loss)
    if from_logits:
        return p
    return made.logits if made.by == "softmax" else None


@LOSS_FUNCTIONS.add()
def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Return ``-Σ y log p`` over ``axis``, for a true distribution y, most often one-hot.

    >>> from glassnet import losses
    >>> [round(x, 4) for x in losses.categorical_crossentropy([[0, 1]], [[0.5, 0.5]]).tolist()]
    [0.6931]
    """
    y, p = categorical_pair(y_true, y_pred, "CategoricalCrossentropy")
    axis = class_axis(axis, p.ndim, "CategoricalCrossentropy")
    y = smoothed(y, label_smoothing, p.shape[axis])
    logits = categorical_logits(p, axis, from_logits, "CategoricalCrossentropy")
    given = p if logits is None else logits
    return ops.categorical_crossentropy(y, given, logits is not None, axis)


@LOSSES.add()
class CategoricalCrossentropy(FunctionLoss):
    """``-(1/m) Σ y log p`` for one-hot targets y, or any distribution over k classes.

    Args:
        from_logits: whether the predictions are raw outputs x with p = softmax(x).
        label_smoothing: s; the targets become ``y (1 - s) + s/k``, k being the size of ``axis``.
        axis: the axis of the classes.
        reduction: how the losses of the examples are brought together; see `Loss`.
        name: the name in the log.
        dtype: the float type of the computation.

    Shapes: y and p (m, k).

    Raises:
        LossMismatchError: where the network's last activation and ``from_logits`` contradict
            each other, or there is one class.
        ValueError: where targets differ in shape from the predictions; class numbers take
            `SparseCategoricalCrossentropy`.

    >>> from glassnet import losses
    >>> round(float(losses.CategoricalCrossentropy()([[0, 1]], [[0.25, 0.75]])), 4)
    0.2877
    """

    function = staticmethod(categorical_crossentropy)
    parameters = ("from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = _REDUCTION,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis

    def check_targets(self, y_true: np.ndarray, output_shape: AnyShape) -> None:
        check_one_hot(np.asarray(y_true), output_shape, "CategoricalCrossentropy")


@LOSS_FUNCTIONS.add()
def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor:
    """Return ``-log p[y]`` over ``axis``, for class numbers y.

    Where y is ``ignore_class`` the loss is 0 and masked out.

    >>> from glassnet import losses
    >>> [round(x, 4) for x in losses.sparse_categorical_crossentropy([1], [[0.5, 0.5]]).tolist()]
    [0.6931]
    """
    loss = "SparseCategoricalCrossentropy"
    (p,) = float_operands(y_pred)
    y = as_tensor(y_true)
    axis = class_axis(axis, p.ndim, loss)
    check_label_shape(y.shape, p.shape, axis, loss)
    if y.ndim == p.ndim:
        y = ops.squeeze(y, axis)
    y = y if y.dtype.kind in "iu" else ops.cast(y, np.int64)
    logits = categorical_logits(p, axis, from_logits, loss)
    given = p if logits is None else logits
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(y, given, logits is not None, axis)
    valid = y != ignore_class
    # A class that may be taken stands in, so that no ignored number is out of range.
    y = ops.where(valid, y, 0)
    losses = ops.sparse_categorical_crossentropy(y, given, logits is not None, axis)
    losses = ops.where(valid, losses, 0.0)
    losses.mask = valid
    return losses


@LOSSES.add()
class SparseCategoricalCrossentropy(FunctionLoss):
    """``-(1/m) Σ log p[y]`` for class numbers y, the integers 0 to k - 1.

    Args:
        from_logits: whether the predictions are raw outputs x with p = softmax(x).
        ignore_class: a class number whose examples do not count, for instance -1 or 255.
        reduction: how the losses of the examples are brought together; see `Loss`.
        axis: the axis of the classes.
        name: the name in the log.
        dtype: the float type of the computation.

    Shapes: y (m,) or (m, 1), p (m, k).

    Raises:
        LossMismatchError: where the network's last activation and ``from_logits`` contradict
            each other, or there is one class.
        ValueError: for one-hot targets, numbers that are no integers, and class numbers out of
            range.

    >>> from glassnet import losses
    >>> round(float(losses.SparseCategoricalCrossentropy()([1], [[0.25, 0.75]])), 4)
    0.2877
    """

    function = staticmethod(sparse_categorical_crossentropy)
    parameters = ("from_logits", "ignore_class", "axis")
    integer_targets = True

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = _REDUCTION,
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis

    def check_targets(self, y_true: np.ndarray, output_shape: AnyShape) -> None:
        y, loss = np.asarray(y_true), "SparseCategoricalCrossentropy"
        check_labels(y, output_shape, self.axis, self.ignore_class, loss)
