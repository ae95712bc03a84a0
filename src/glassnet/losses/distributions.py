"""Losses between distributions and counts, and of overlapping regions."""

from __future__ import annotations

from typing import Any

from glassnet import config
from glassnet.graph.tensor import Tensor
from glassnet.losses.base import LOSS_FUNCTIONS, LOSSES, FunctionLoss
from glassnet.losses.shapes import paired
from glassnet.ops import clip, log, mean, sum
from glassnet.ops.reduction import Axis

_REDUCTION = "sum_over_batch_size"


@LOSS_FUNCTIONS.add()
def kl_divergence(y_true: Any, y_pred: Any) -> Tensor:
    """Return ``Σ y log(y / p)`` over the last axis, y and p kept within [ε, 1].

    >>> from glassnet import losses
    >>> round(losses.kl_divergence([[1.0, 0.0]], [[0.5, 0.5]]).item(), 4)
    0.6931
    """
    y, p = paired(y_true, y_pred, "KLDivergence")
    y, p = clip(y, config.epsilon(), 1.0), clip(p, config.epsilon(), 1.0)
    return sum(y * log(y / p), axis=-1)


@LOSS_FUNCTIONS.add()
def poisson(y_true: Any, y_pred: Any) -> Tensor:
    """Return ``mean(p - y log(p + ε))`` over the last axis: the rate p of counts y."""
    y, p = paired(y_true, y_pred, "Poisson")
    return mean(p - y * log(p + config.epsilon()), axis=-1)


@LOSS_FUNCTIONS.add()
def dice(y_true: Any, y_pred: Any, axis: Axis = None) -> Tensor:
    """Return ``1 - 2 Σ y p / (Σ y + Σ p + ε)`` over ``axis``; over all axes for None."""
    y, p = paired(y_true, y_pred, "Dice")
    return 1 - 2.0 * sum(y * p, axis) / (sum(y, axis) + sum(p, axis) + config.epsilon())


@LOSS_FUNCTIONS.add()
def tversky(
    y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Axis = None
) -> Tensor:
    """Return ``1 - I / (I + α Σ (1 - p) y + β Σ p (1 - y) + ε)`` with I = Σ y p, over ``axis``."""
    y, p = paired(y_true, y_pred, "Tversky")
    both = sum(y * p, axis)
    missed, wrong = sum((1 - p) * y, axis), sum(p * (1 - y), axis)
    return 1 - both / (both + missed * alpha + wrong * beta + config.epsilon())


@LOSSES.add("kld", "KLD", "kullback_leibler_divergence")
class KLDivergence(FunctionLoss):
    """``Σ y log(y / p)``: how far the distribution p is from y (Kullback and Leibler).

    Args:
        reduction: how the losses of the examples are brought together; see `Loss`.
        name: the name in the log.
        dtype: the float type of the computation.

    Source: S. Kullback, R. A. Leibler, "On information and sufficiency", 1951.

    >>> from glassnet import losses
    >>> round(float(losses.KLDivergence()([[1.0, 0.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    function = staticmethod(kl_divergence)

    def __init__(
        self,
        reduction: str | None = _REDUCTION,
        name: str | None = "kl_divergence",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@LOSSES.add()
class Poisson(FunctionLoss):
    """``(1/n) Σ (p - y log p)``: the negative log-likelihood of counts y at the rate p.

    Args:
        reduction: how the losses of the examples are brought together; see `Loss`.
        name: the name in the log.
        dtype: the float type of the computation.

    >>> from glassnet import losses
    >>> round(float(losses.Poisson()([[2.0]], [[1.0]])), 4)
    1.0
    """

    function = staticmethod(poisson)

    def __init__(
        self, reduction: str | None = _REDUCTION, name: str | None = "poisson", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


@LOSSES.add()
class Dice(FunctionLoss):
    """``1 - 2 Σ y p / (Σ y + Σ p)``: how little two regions overlap.

    Args:
        reduction: how the losses of the examples are brought together; see `Loss`.
        name: the name in the log.
        axis: the axes summed over; all of them, the examples' too, for None.
        dtype: the float type of the computation.

    Source: L. R. Dice, "Measures of the amount of ecologic association between species", 1945.

    >>> from glassnet import losses
    >>> round(float(losses.Dice()([[1.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]])), 4)
    0.3333
    """

    function = staticmethod(dice)
    parameters = ("axis",)

    def __init__(
        self,
        reduction: str | None = _REDUCTION,
        name: str | None = "dice",
        axis: Axis = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = axis


@LOSSES.add()
class Tversky(FunctionLoss):
    """``1 - I / (I + α Σ (1 - p) y + β Σ p (1 - y))`` with I = Σ y p; α = β = 1/2 is Dice's.

    Args:
        alpha: α, the weight of what is missed.
        beta: β, the weight of what is wrongly claimed.
        reduction: how the losses of the examples are brought together; see `Loss`.
        name: the name in the log.
        axis: the axes summed over; all of them, the examples' too, for None.
        dtype: the float type of the computation.

    Source: S. Salehi, D. Erdogmus, A. Gholipour, "Tversky loss function for image segmentation
    using 3D fully convolutional deep networks", 2017.

    >>> from glassnet import losses
    >>> round(float(losses.Tversky()([[1.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]])), 4)
    0.3333
    """

    function = staticmethod(tversky)
    parameters = ("alpha", "beta", "axis")

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = _REDUCTION,
        name: str | None = "tversky",
        axis: Axis = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.alpha = alpha
        self.beta = beta
        self.axis = axis
