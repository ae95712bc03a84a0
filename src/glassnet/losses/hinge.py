"""Losses of margins: the hinge and its kin."""

from __future__ import annotations

from typing import Any

from glassnet.graph.recording import written
from glassnet.graph.tensor import Tensor
from glassnet.losses.base import LOSS_FUNCTIONS, LOSSES, FunctionLoss
from glassnet.losses.shapes import paired
from glassnet.ops import all, maximum, mean, square, sum, where
from glassnet.ops.reduction import max

_REDUCTION = "sum_over_batch_size"


def _signs(y: Tensor) -> Tensor:
    """Return targets of 0 and 1 as -1 and 1; others as they are, decided for the whole batch."""
    return written(where(all((y == 0) | (y == 1)), 2.0 * y - 1.0, y), "Ytilde")


@LOSS_FUNCTIONS.add()
def hinge(y_true: Any, y_pred: Any) -> Tensor:
    """Return ``mean(max(1 - y p, 0))`` over the last axis, y being -1 or 1.

    Targets that are all 0 or 1 are taken as -1 and 1.

    >>> from glassnet import losses
    >>> losses.hinge([[1.0, -1.0]], [[0.5, -2.0]]).tolist()
    [0.25]
    """
    y, p = paired(y_true, y_pred, "Hinge")
    return mean(maximum(1.0 - _signs(y) * p, 0.0), axis=-1)


@LOSS_FUNCTIONS.add()
def squared_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """Return ``mean(max(1 - y p, 0)²)`` over the last axis, y being -1 or 1."""
    y, p = paired(y_true, y_pred, "SquaredHinge")
    return mean(square(maximum(1.0 - _signs(y) * p, 0.0)), axis=-1)


@LOSS_FUNCTIONS.add()
def categorical_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """Return ``max(max((1 - y) p) - Σ y p + 1, 0)`` over the last axis, y being one-hot."""
    y, p = paired(y_true, y_pred, "CategoricalHinge")
    return maximum(max((1.0 - y) * p, axis=-1) - sum(y * p, axis=-1) + 1.0, 0.0)


@LOSSES.add()
class Hinge(FunctionLoss):
    """``(1/n) Σ max(1 - y p, 0)`` for targets y of -1 and 1 (0 and 1 are taken as these).

    Args:
        reduction: how the losses of the examples are brought together; see `Loss`.
        name: the name in the log.
        dtype: the float type of the computation.

    Source: C. Cortes, V. Vapnik, "Support-vector networks", 1995.

    >>> from glassnet import losses
    >>> float(losses.Hinge()([[1.0], [-1.0]], [[0.5], [-2.0]]))
    0.25
    """

    function = staticmethod(hinge)

    def __init__(
        self, reduction: str | None = _REDUCTION, name: str | None = "hinge", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


@LOSSES.add()
class SquaredHinge(FunctionLoss):
    """``(1/n) Σ max(1 - y p, 0)²`` for targets y of -1 and 1 (0 and 1 are taken as these).

    Args:
        reduction: how the losses of the examples are brought together; see `Loss`.
        name: the name in the log.
        dtype: the float type of the computation.

    >>> from glassnet import losses
    >>> float(losses.SquaredHinge()([[1.0], [-1.0]], [[0.5], [-2.0]]))
    0.125
    """

    function = staticmethod(squared_hinge)

    def __init__(
        self,
        reduction: str | None = _REDUCTION,
        name: str | None = "squared_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@LOSSES.add()
class CategoricalHinge(FunctionLoss):
    """``max(largest wrong output - right output + 1, 0)`` for one-hot targets.

    Args:
        reduction: how the losses of the examples are brought together; see `Loss`.
        name: the name in the log.
        dtype: the float type of the computation.

    >>> from glassnet import losses
    >>> float(losses.CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.25]]))
    1.25
    """

    function = staticmethod(categorical_hinge)

    def __init__(
        self,
        reduction: str | None = _REDUCTION,
        name: str | None = "categorical_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
