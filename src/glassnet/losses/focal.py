"""Focal and generalized cross-entropies: hard examples count more, or wrong labels less."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet import config, ops
from glassnet.graph.recording import as_tensor, written
from glassnet.graph.tensor import Tensor
from glassnet.losses.base import LOSS_FUNCTIONS, LOSSES, FunctionLoss
from glassnet.losses.crossentropy import (
    binary_logits,
    categorical_logits,
    categorical_pair,
    class_axis,
    smoothed,
    smoothed_binary,
)
from glassnet.losses.shapes import AnyShape, paired
from glassnet.losses.targets import (
    check_between_0_and_1,
    check_label_shape,
    check_labels,
    check_one_hot,
)
from glassnet.ops.operands import float_operands

_REDUCTION = "sum_over_batch_size"


@LOSS_FUNCTIONS.add()
def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Return the mean of ``(1 - q)ᵞ · (binary cross-entropy)`` over ``axis``.

    q = y p + (1 - y)(1 - p) is the probability given to the truth. With
    ``apply_class_balancing`` each entry is weighted by ``y α + (1 - y)(1 - α)``.
    """
    y, p = paired(y_true, y_pred, "BinaryFocalCrossentropy")
    y = smoothed_binary(y, label_smoothing)
    logits = binary_logits(p, from_logits, "BinaryFocalCrossentropy")
    if logits is None:
        missed = 1 - (y * p + (1 - y) * (1 - p))
        losses = ops.binary_crossentropy(y, p)
    else:  # σ(-x) is 1 - σ(x) without the digits that the difference loses
        missed = y * ops.sigmoid(-logits) + (1 - y) * ops.sigmoid(logits)
        losses = ops.binary_crossentropy(y, logits, from_logits=True)
    losses = written(missed, "Q") ** gamma * losses
    if apply_class_balancing:
        losses = (y * alpha + (1 - y) * (1 - alpha)) * losses
    return ops.mean(losses, axis)


@LOSS_FUNCTIONS.add()
def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Return ``-Σ α (1 - p)ᵞ y log p`` over ``axis``; α is a number, or one for each class."""
    loss = "CategoricalFocalCrossentropy"
    y, p = categorical_pair(y_true, y_pred, loss)
    axis = class_axis(axis, p.ndim, loss)
    y = smoothed(y, label_smoothing, p.shape[axis])
    logits = categorical_logits(p, axis, from_logits, loss)
    epsilon = config.epsilon()
    if logits is None:
        p = ops.clip(p / ops.sum(p, axis, keepdims=True), epsilon, 1.0 - epsilon)
        log_p, missed = ops.log(p), 1.0 - p
    else:
        log_p = ops.log_softmax(logits, axis)
        missed = ops.clip(-ops.expm1(log_p), epsilon, 1.0 - epsilon)
    missed = written(missed, "Q")
    return ops.sum(missed**gamma * as_tensor(alpha, p.dtype) * (-y * log_p), axis)


@LOSS_FUNCTIONS.add()
def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float = 0.5) -> Tensor:
    """Return ``(1 - p[y]^q) / q`` over the last axis, for class numbers y."""
    loss = "CategoricalGeneralizedCrossEntropy"
    (p,) = float_operands(y_pred)
    y = as_tensor(y_true)
    axis = class_axis(-1, p.ndim, loss)
    check_label_shape(y.shape, p.shape, axis, loss)
    categorical_logits(p, axis, False, loss)
    y = ops.cast(ops.squeeze(y, -1) if y.ndim == p.ndim else y, np.int64)
    chosen = ops.sum(p * ops.one_hot(y, int(p.shape[-1]), dtype=p.dtype), axis=-1)
    return (1 - chosen**q) / q


@LOSSES.add()
class BinaryFocalCrossentropy(FunctionLoss):
    """``(1/n) Σ (1 - q)ᵞ (-log q)``, q being the probability given to the truth.

    Examples that are judged well already hardly count.

    Args:
        apply_class_balancing: whether entries are weighted by ``y α + (1 - y)(1 - α)``.
        alpha: α, the weight of class 1.
        gamma: γ, how much well-judged examples are played down.
        from_logits: whether the predictions are raw outputs x with p = σ(x).
        label_smoothing: s; the targets become ``y (1 - s) + s/2``.
        axis: the axis that is averaged for each example.
        reduction: how the losses of the examples are brought together; see `Loss`.
        name: the name in the log.
        dtype: the float type of the computation.

    Raises:
        LossMismatchError, ValueError: as `BinaryCrossentropy`.

    Source: T.-Y. Lin et al., "Focal loss for dense object detection", 2017.

    >>> from glassnet import losses
    >>> round(float(losses.BinaryFocalCrossentropy()([[1.0]], [[0.5]])), 4)
    0.1733
    """

    function = staticmethod(binary_focal_crossentropy)
    parameters = (
        "apply_class_balancing",
        "alpha",
        "gamma",
        "from_logits",
        "label_smoothing",
        "axis",
    )

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = _REDUCTION,
        name: str | None = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.apply_class_balancing = apply_class_balancing
        self.alpha = alpha
        self.gamma = gamma
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis

    def check_targets(self, y_true: np.ndarray, output_shape: AnyShape) -> None:
        check_between_0_and_1(np.asarray(y_true), output_shape, "BinaryFocalCrossentropy")


@LOSSES.add()
class CategoricalFocalCrossentropy(FunctionLoss):
    """``-(1/m) Σ α (1 - p)ᵞ y log p`` for one-hot targets y.

    Args:
        alpha: α, a number or one for each class.
        gamma: γ, how much well-judged examples are played down.
        from_logits: whether the predictions are raw outputs x with p = softmax(x).
        label_smoothing: s; the targets become ``y (1 - s) + s/k``.
        axis: the axis of the classes.
        reduction: how the losses of the examples are brought together; see `Loss`.
        name: the name in the log.
        dtype: the float type of the computation.

    Raises:
        LossMismatchError, ValueError: as `CategoricalCrossentropy`.

    Source: T.-Y. Lin et al., "Focal loss for dense object detection", 2017.

    >>> from glassnet import losses
    >>> round(float(losses.CategoricalFocalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.0433
    """

    function = staticmethod(categorical_focal_crossentropy)
    parameters = ("alpha", "gamma", "from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = _REDUCTION,
        name: str | None = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.alpha = alpha
        self.gamma = gamma
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis

    def check_targets(self, y_true: np.ndarray, output_shape: AnyShape) -> None:
        check_one_hot(np.asarray(y_true), output_shape, "CategoricalFocalCrossentropy")


@LOSSES.add()
class CategoricalGeneralizedCrossEntropy(FunctionLoss):
    """``(1/m) Σ (1 - p[y]^q) / q`` for class numbers y: between cross-entropy and absolute error.

    Wrongly labelled examples pull less than with the cross-entropy.

    Args:
        q: between 0 (cross-entropy) and 1 (absolute error), both left out.
        reduction: how the losses of the examples are brought together; see `Loss`.
        name: the name in the log.
        dtype: the float type of the computation.

    Raises:
        LossMismatchError, ValueError: as `SparseCategoricalCrossentropy`; ValueError for q.

    Source: Z. Zhang, M. Sabuncu, "Generalized cross entropy loss for training deep neural
    networks with noisy labels", 2018.

    >>> from glassnet import losses
    >>> float(losses.CategoricalGeneralizedCrossEntropy(q=0.5)([1], [[0.75, 0.25]]))
    1.0
    """

    function = staticmethod(categorical_generalized_cross_entropy)
    parameters = ("q",)
    integer_targets = True

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = _REDUCTION,
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None:
        if not 0 < q < 1:
            raise ValueError(f"q={q!r}: expected a number between 0 and 1, both left out.")
        super().__init__(name, reduction, dtype)
        self.q = q

    def check_targets(self, y_true: np.ndarray, output_shape: AnyShape) -> None:
        loss = "CategoricalGeneralizedCrossEntropy"
        check_labels(np.asarray(y_true), output_shape, -1, None, loss)
