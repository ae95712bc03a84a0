"""Losses of regression: how far numbers are from numbers."""

from __future__ import annotations

import math
from typing import Any

from glassnet import config
from glassnet.graph.recording import written
from glassnet.graph.tensor import Tensor
from glassnet.losses.base import LOSS_FUNCTIONS, LOSSES, FunctionLoss
from glassnet.losses.shapes import paired
from glassnet.ops import absolute, log, maximum, mean, softplus, sqrt, square, sum, where
from glassnet.ops.operands import normalize_axis

_REDUCTION = "sum_over_batch_size"


@LOSS_FUNCTIONS.add()
def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """Return ``mean((y - p)²)`` over the last axis.

    >>> from glassnet import losses
    >>> losses.mean_squared_error([[0.0, 2.0]], [[1.0, 2.0]]).tolist()
    [0.5]
    """
    y, p = paired(y_true, y_pred, "MeanSquaredError")
    return mean(square(y - p), axis=-1)


@LOSS_FUNCTIONS.add()
def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """Return ``mean(|y - p|)`` over the last axis."""
    y, p = paired(y_true, y_pred, "MeanAbsoluteError")
    return mean(absolute(y - p), axis=-1)


@LOSS_FUNCTIONS.add()
def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Tensor:
    """Return ``100 mean(|y - p| / max(|y|, ε))`` over the last axis."""
    y, p = paired(y_true, y_pred, "MeanAbsolutePercentageError")
    return 100.0 * mean(absolute((y - p) / maximum(absolute(y), config.epsilon())), axis=-1)


@LOSS_FUNCTIONS.add()
def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Tensor:
    """Return ``mean((log(1 + p) - log(1 + y))²)``, y and p at least ε, over the last axis."""
    y, p = paired(y_true, y_pred, "MeanSquaredLogarithmicError")
    epsilon = config.epsilon()
    return mean(square(log(maximum(p, epsilon) + 1.0) - log(maximum(y, epsilon) + 1.0)), axis=-1)


@LOSS_FUNCTIONS.add()
def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Tensor:
    """Return the mean of ``e²/2`` where ``|e| ≤ δ``, else ``δ|e| - δ²/2``, with e = p - y.

    Source: P. J. Huber, "Robust estimation of a location parameter", 1964.
    """
    y, p = paired(y_true, y_pred, "Huber")
    error = p - y
    size = absolute(error)
    return mean(where(size <= delta, 0.5 * square(error), delta * size - 0.5 * delta**2), axis=-1)


@LOSS_FUNCTIONS.add()
def log_cosh(y_true: Any, y_pred: Any) -> Tensor:
    """Return ``mean(log cosh(p - y))`` over the last axis, without overflow."""
    y, p = paired(y_true, y_pred, "LogCosh")
    error = p - y
    return mean(error + softplus(-2.0 * error) - math.log(2.0), axis=-1)


@LOSS_FUNCTIONS.add()
def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """Return ``-Σ y p / (‖y‖ ‖p‖)`` over ``axis``: -1 for equal directions, 1 for opposite ones."""
    return -cosine(y_true, y_pred, axis)


def cosine(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """Return ``Σ y p / (‖y‖ ‖p‖)``; a vector shorter than ε counts as of length ε."""
    y, p = paired(y_true, y_pred, "CosineSimilarity")
    axis = normalize_axis(axis, p.ndim)
    return sum(_unit(y, axis) * _unit(p, axis), axis=axis)


def _unit(x: Tensor, axis: int) -> Tensor:
    # Bounded below before the root is taken: of the other order the derivative at 0 is no number.
    lengths = maximum(sum(square(x), axis=axis, keepdims=True), config.epsilon() ** 2)
    return x / written(sqrt(lengths), "n")


# --- the same as classes ----------------------------------------------------------------------
@LOSSES.add("mse", "MSE")
class MeanSquaredError(FunctionLoss):
    """``(1/n) Σ (y - p)²``, the mean over the outputs and the examples.

    Args:
        reduction: how the losses of the examples are brought together; see `Loss`.
        name: the name in the log.
        dtype: the float type of the computation.

    Shapes: y and p (m, k), or (m,) beside (m, 1).

    Raises:
        ValueError: where targets and predictions differ in shape.

    >>> from glassnet import losses
    >>> float(losses.MeanSquaredError()([1.0, 2.0], [[1.0], [4.0]]))
    2.0
    """

    function = staticmethod(mean_squared_error)

    def __init__(
        self,
        reduction: str | None = _REDUCTION,
        name: str | None = "mean_squared_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@LOSSES.add("mae", "MAE")
class MeanAbsoluteError(FunctionLoss):
    """``(1/n) Σ |y - p|``.

    Args:
        reduction: how the losses of the examples are brought together; see `Loss`.
        name: the name in the log.
        dtype: the float type of the computation.

    >>> from glassnet import losses
    >>> float(losses.MeanAbsoluteError()([[1.0, 2.0]], [[1.0, 5.0]]))
    1.5
    """

    function = staticmethod(mean_absolute_error)

    def __init__(
        self,
        reduction: str | None = _REDUCTION,
        name: str | None = "mean_absolute_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@LOSSES.add("mape", "MAPE")
class MeanAbsolutePercentageError(FunctionLoss):
    """``(100/n) Σ |y - p| / max(|y|, ε)``, in percent.

    Args:
        reduction: how the losses of the examples are brought together; see `Loss`.
        name: the name in the log.
        dtype: the float type of the computation.

    >>> from glassnet import losses
    >>> float(losses.MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 5.0]]))
    37.5
    """

    function = staticmethod(mean_absolute_percentage_error)

    def __init__(
        self,
        reduction: str | None = _REDUCTION,
        name: str | None = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@LOSSES.add("msle", "MSLE")
class MeanSquaredLogarithmicError(FunctionLoss):
    """``(1/n) Σ (log(1 + p) - log(1 + y))²`` for y and p of at least 0.

    Args:
        reduction: how the losses of the examples are brought together; see `Loss`.
        name: the name in the log.
        dtype: the float type of the computation.

    >>> from glassnet import losses
    >>> round(float(losses.MeanSquaredLogarithmicError()([[3.0]], [[1.0]])), 4)
    0.4805
    """

    function = staticmethod(mean_squared_logarithmic_error)

    def __init__(
        self,
        reduction: str | None = _REDUCTION,
        name: str | None = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@LOSSES.add("huber_loss")
class Huber(FunctionLoss):
    """``e²/2`` for errors up to δ, ``δ|e| - δ²/2`` beyond: squared near 0, absolute far away.

    Args:
        delta: δ, where the square ends.
        reduction: how the losses of the examples are brought together; see `Loss`.
        name: the name in the log.
        dtype: the float type of the computation.

    Source: P. J. Huber, "Robust estimation of a location parameter", 1964.

    >>> from glassnet import losses
    >>> float(losses.Huber()([[0.0, 0.0]], [[0.5, 3.0]]))
    1.3125
    """

    function = staticmethod(huber)
    parameters = ("delta",)

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = _REDUCTION,
        name: str | None = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.delta = delta


@LOSSES.add("logcosh")
class LogCosh(FunctionLoss):
    """``(1/n) Σ log cosh(p - y)``: about e²/2 near 0, about |e| - log 2 far away.

    Args:
        reduction: how the losses of the examples are brought together; see `Loss`.
        name: the name in the log.
        dtype: the float type of the computation.

    >>> from glassnet import losses
    >>> round(float(losses.LogCosh()([[0.0]], [[1.0]])), 4)
    0.4338
    """

    function = staticmethod(log_cosh)

    def __init__(
        self,
        reduction: str | None = _REDUCTION,
        name: str | None = "log_cosh",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@LOSSES.add()
class CosineSimilarity(FunctionLoss):
    """``-Σ y p / (‖y‖ ‖p‖)``: -1 for equal directions, 1 for opposite ones.

    Args:
        axis: the axis of the vectors.
        reduction: how the losses of the examples are brought together; see `Loss`.
        name: the name in the log.
        dtype: the float type of the computation.

    >>> from glassnet import losses
    >>> float(losses.CosineSimilarity()([[0.0, 1.0], [0.0, 2.0]], [[1.0, 0.0], [0.0, 5.0]]))
    -0.5
    """

    function = staticmethod(cosine_similarity)
    parameters = ("axis",)

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = _REDUCTION,
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = axis
