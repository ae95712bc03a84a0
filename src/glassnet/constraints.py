"""Constraints: projections of weights after each update."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from glassnet import config
from glassnet.checks import number
from glassnet.graph.tensor import Tensor
from glassnet.ops.comparison import clip
from glassnet.ops.elementwise import sqrt, square
from glassnet.ops.functions import relu
from glassnet.ops.operands import float_operands
from glassnet.ops.reduction import sum as sum_
from glassnet.registry import Configurable, Registry
from glassnet.registry import serialize as serialize

CONSTRAINTS = Registry("constraint")

Axis = int | Sequence[int] | None


class Constraint(Configurable):
    """The base of constraints: ``constraint(w)`` is the allowed value in place of ``w``.

    A subclass stores its arguments under their names and writes ``__call__`` in ops.
    """

    @abstractmethod
    def __call__(self, w: Any) -> Tensor:
        """Return the allowed value."""


def _norms(w: Tensor, axis: Axis) -> Tensor:
    """The lengths √(Σw²) of the vectors along ``axis``."""
    return sqrt(sum_(square(w), axis=axis, keepdims=True))


@CONSTRAINTS.add()
class MaxNorm(Constraint):
    """``w · min(‖w‖, c) / (ε + ‖w‖)``: vectors longer than ``c`` are shortened to it.

    Args:
        max_value: the greatest length c.
        axis: the axes along which a vector lies: 0 for the weights into one unit of a Dense
            layer, (0, 1, 2) for one filter of a Conv2D layer.

    Source: N. Srivastava et al., "Dropout", JMLR 2014.

    >>> from glassnet import constraints
    >>> print(constraints.MaxNorm(1.0)([[3.0, 0.0], [4.0, 0.5]]).numpy().round(3).ravel())
    [0.6 0.  0.8 0.5]
    """

    def __init__(self, max_value: float = 2, axis: Axis = 0) -> None:
        self.max_value = number(max_value, "MaxNorm: max_value", least=0)
        self.axis = axis

    def __call__(self, w: Any) -> Tensor:
        (w,) = float_operands(w)
        norms = _norms(w, self.axis)
        return w * (clip(norms, 0, self.max_value) / (config.epsilon() + norms))


@CONSTRAINTS.add()
class NonNeg(Constraint):
    """``max(w, 0)``.

    >>> from glassnet import constraints
    >>> constraints.NonNeg()([-1.0, 2.0]).tolist()
    [0.0, 2.0]
    """

    def __call__(self, w: Any) -> Tensor:
        return relu(w)


@CONSTRAINTS.add()
class UnitNorm(Constraint):
    """``w / (ε + ‖w‖)``: every vector along ``axis`` gets length 1.

    Args:
        axis: the axes along which a vector lies.

    >>> from glassnet import constraints
    >>> print(constraints.UnitNorm()([[3.0], [4.0]]).numpy().round(3).ravel())
    [0.6 0.8]
    """

    def __init__(self, axis: Axis = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Tensor:
        (w,) = float_operands(w)
        return w / (config.epsilon() + _norms(w, self.axis))


@CONSTRAINTS.add()
class MinMaxNorm(Constraint):
    """``w · (r clip(‖w‖, a, b) + (1 - r) ‖w‖) / (ε + ‖w‖)``: lengths are drawn into ``[a, b]``.

    Args:
        min_value: the least length a.
        max_value: the greatest length b.
        rate: how much of the way r; 1 is all of it.
        axis: the axes along which a vector lies.

    >>> from glassnet import constraints
    >>> print(constraints.MinMaxNorm(1.0, 2.0)([[3.0], [4.0]]).numpy().round(3).ravel())
    [1.2 1.6]
    """

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: Axis = 0,
    ) -> None:
        self.min_value = number(min_value, "MinMaxNorm: min_value", least=0)
        self.max_value = number(max_value, "MinMaxNorm: max_value", least=min_value)
        self.rate = number(rate, "MinMaxNorm: rate", least=0, most=1)
        self.axis = axis

    def __call__(self, w: Any) -> Tensor:
        (w,) = float_operands(w)
        norms = _norms(w, self.axis)
        desired = self.rate * clip(norms, self.min_value, self.max_value)
        if self.rate != 1:
            desired = desired + (1 - self.rate) * norms
        return w * (desired / (config.epsilon() + norms))


max_norm = MaxNorm
non_neg = NonNeg
unit_norm = UnitNorm
min_max_norm = MinMaxNorm

deserialize = CONSTRAINTS.get


def get(identifier: Any) -> Any:
    """Return a constraint by name (``"non_neg"``), from its saved form, or as it is.

    Raises:
        ValueError: for an unknown name, naming the nearest right one.
    """
    return CONSTRAINTS.get(identifier)
