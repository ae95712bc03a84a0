"""Regularizers: penalties on weights or outputs, added to the loss."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from glassnet import config
from glassnet.checks import number, one_of
from glassnet.graph.dimension import display
from glassnet.graph.recording import as_tensor
from glassnet.graph.tensor import Tensor
from glassnet.ops.comparison import maximum
from glassnet.ops.elementwise import absolute, sqrt, square
from glassnet.ops.linear import matmul
from glassnet.ops.operands import float_operands
from glassnet.ops.reduction import sum as sum_
from glassnet.ops.shaping import transpose
from glassnet.registry import Configurable, Registry
from glassnet.registry import serialize as serialize

REGULARIZERS = Registry("regularizer")


class Regularizer(Configurable):
    """The base of regularizers: ``regularizer(x)`` is a scalar, the penalty on ``x``.

    A subclass stores its arguments under their names and writes ``__call__`` in ops.
    """

    @abstractmethod
    def __call__(self, x: Any) -> Tensor:
        """Return the penalty."""


@REGULARIZERS.add("l1_l2")
class L1L2(Regularizer):
    """``l1 Σ|w| + l2 Σw²``.

    Args:
        l1: the factor of the absolute values, at least 0; None is 0.
        l2: the factor of the squares, at least 0; None is 0.

    >>> from glassnet import regularizers
    >>> regularizers.L1L2(l1=1.0, l2=10.0)([1.0, -2.0]).item()
    53.0
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1 = number(0.0 if l1 is None else l1, "L1L2: l1", least=0)
        self.l2 = number(0.0 if l2 is None else l2, "L1L2: l2", least=0)

    def __call__(self, x: Any) -> Tensor:
        (x,) = float_operands(x)
        penalty = as_tensor(0, x.dtype)
        if self.l1:
            penalty = penalty + self.l1 * sum_(absolute(x))
        if self.l2:
            penalty = penalty + self.l2 * sum_(square(x))
        return penalty


@REGULARIZERS.add("l1")
class L1(Regularizer):
    """``l1 Σ|w|``: draws weights to 0 at a constant pace, so that many become small.

    Args:
        l1: the factor, at least 0.

    Source: R. Tibshirani, "Regression shrinkage and selection via the lasso", 1996.

    >>> from glassnet import regularizers
    >>> regularizers.L1(0.5)([1.0, -3.0]).item()
    2.0
    """

    def __init__(self, l1: float | None = 0.01) -> None:
        self.l1 = number(0.01 if l1 is None else l1, "L1: l1", least=0)

    def __call__(self, x: Any) -> Tensor:
        (x,) = float_operands(x)
        return self.l1 * sum_(absolute(x))


@REGULARIZERS.add("l2")
class L2(Regularizer):
    """``l2 Σw²``: draws weights to 0 in proportion to their size.

    Args:
        l2: the factor, at least 0.

    Source: A. Hoerl, R. Kennard, "Ridge regression", Technometrics 1970.

    >>> from glassnet import regularizers
    >>> regularizers.L2(0.5)([[1.0, 2.0]]).item()
    2.5
    """

    def __init__(self, l2: float | None = 0.01) -> None:
        self.l2 = number(0.01 if l2 is None else l2, "L2: l2", least=0)

    def __call__(self, x: Any) -> Tensor:
        (x,) = float_operands(x)
        return self.l2 * sum_(square(x))


@REGULARIZERS.add()
class OrthogonalRegularizer(Regularizer):
    """``factor`` times the mean ``|cos|`` of the angles between the rows (or columns).

    It is 0 where they are orthogonal to each other.

    Args:
        factor: the factor, at least 0.
        mode: ``"rows"`` or ``"columns"``.

    Raises:
        ValueError: for an unknown mode; at the call, for anything but a matrix.

    >>> from glassnet import regularizers
    >>> regularizers.OrthogonalRegularizer()([[2.0, 0.0], [0.0, 3.0]]).item()
    0.0
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = number(factor, "OrthogonalRegularizer: factor", least=0)
        self.mode = one_of(mode, ("rows", "columns"), "OrthogonalRegularizer: mode")

    def __call__(self, x: Any) -> Tensor:
        (x,) = float_operands(x)
        if x.ndim != 2 or not isinstance(x.shape[0 if self.mode == "rows" else 1], int):
            raise ValueError(
                "OrthogonalRegularizer compares the rows or columns of a matrix of known size; "
                f"got {display(x.shape)}."
            )
        vectors = x if self.mode == "rows" else transpose(x)
        count = int(vectors.shape[0])
        # The square is kept off 0, so that a zero row has length 1 and no infinite derivative.
        squares = sum_(square(vectors), axis=1, keepdims=True)
        unit = vectors / sqrt(maximum(squares, config.epsilon() ** 2))
        cosines = matmul(unit, transpose(unit)) * (1 - np.eye(count))
        pairs = count * (count - 1) / 2
        return self.factor * 0.5 * sum_(absolute(cosines)) / max(pairs, 1)


l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer

deserialize = REGULARIZERS.get


def get(identifier: Any) -> Any:
    """Return a regularizer by name (``"l2"``), from its saved form, or as it is.

    Raises:
        ValueError: for an unknown name, naming the nearest right one.
    """
    return REGULARIZERS.get(identifier)
