"""Cross-entropies, divergences and hinges as metrics: the mean over the examples."""

from __future__ import annotations

from typing import Any

from glassnet.losses.crossentropy import (
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
from glassnet.losses.distributions import kl_divergence, poisson
from glassnet.losses.hinge import categorical_hinge, hinge, squared_hinge
from glassnet.metrics.base import METRICS
from glassnet.metrics.reduction import FunctionMetric


@METRICS.add("bce", "BCE")
class BinaryCrossentropy(FunctionMetric):
    """``-(1/n) Σ (y log p + (1 - y) log(1 - p))``.

    Args:
        name: the name in the log.
        dtype: the dtype of the result.
        from_logits: whether the predictions are raw outputs.
        label_smoothing: s, how uncertain the truths are taken to be.

    >>> from glassnet import metrics
    >>> round(float(metrics.BinaryCrossentropy()([[1.0], [0.0]], [[0.5], [0.5]])), 4)
    0.6931
    """

    function = staticmethod(binary_crossentropy)
    parameters = (
        "from_logits",
        "label_smoothing",
    )
    direction = "down"

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(name, dtype)
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing


@METRICS.add()
class CategoricalCrossentropy(FunctionMetric):
    """``-(1/m) Σ y log p`` for one-hot targets.

    Args:
        name: the name in the log.
        dtype: the dtype of the result.
        from_logits: whether the predictions are raw outputs.
        label_smoothing: s, how uncertain the truths are taken to be.
        axis: the axis of the classes.

    >>> from glassnet import metrics
    >>> round(float(metrics.CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    function = staticmethod(categorical_crossentropy)
    parameters = (
        "from_logits",
        "label_smoothing",
        "axis",
    )
    direction = "down"

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype)
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


@METRICS.add()
class SparseCategoricalCrossentropy(FunctionMetric):
    """``-(1/m) Σ log p[y]`` for class numbers.

    Args:
        name: the name in the log.
        dtype: the dtype of the result.
        from_logits: whether the predictions are raw outputs.
        ignore_class: a class number whose examples do not count.
        axis: the axis of the classes.

    >>> from glassnet import metrics
    >>> round(float(metrics.SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
    0.6931
    """

    function = staticmethod(sparse_categorical_crossentropy)
    parameters = (
        "from_logits",
        "ignore_class",
        "axis",
    )
    direction = "down"

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype)
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis


@METRICS.add("kld", "KLD")
class KLDivergence(FunctionMetric):
    """``(1/m) Σ y log(y / p)``.

    Args:
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> round(float(metrics.KLDivergence()([[1.0, 0.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    function = staticmethod(kl_divergence)
    direction = "down"

    def __init__(self, name: str | None = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(name, dtype)


@METRICS.add()
class Poisson(FunctionMetric):
    """``(1/n) Σ (p - y log p)``.

    Args:
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> round(float(metrics.Poisson()([[2.0]], [[1.0]])), 4)
    1.0
    """

    function = staticmethod(poisson)
    direction = "down"

    def __init__(self, name: str | None = "poisson", dtype: Any = None) -> None:
        super().__init__(name, dtype)


@METRICS.add()
class Hinge(FunctionMetric):
    """``(1/n) Σ max(1 - y p, 0)`` for targets of -1 and 1.

    Args:
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> float(metrics.Hinge()([[1.0], [-1.0]], [[0.5], [-2.0]]))
    0.25
    """

    function = staticmethod(hinge)
    direction = "down"

    def __init__(self, name: str | None = "hinge", dtype: Any = None) -> None:
        super().__init__(name, dtype)


@METRICS.add()
class SquaredHinge(FunctionMetric):
    """``(1/n) Σ max(1 - y p, 0)²`` for targets of -1 and 1.

    Args:
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> float(metrics.SquaredHinge()([[1.0], [-1.0]], [[0.5], [-2.0]]))
    0.125
    """

    function = staticmethod(squared_hinge)
    direction = "down"

    def __init__(self, name: str | None = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(name, dtype)


@METRICS.add()
class CategoricalHinge(FunctionMetric):
    """``max(largest wrong output - right output + 1, 0)``, the mean over the examples.

    Args:
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> float(metrics.CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.25]]))
    1.25
    """

    function = staticmethod(categorical_hinge)
    direction = "down"

    def __init__(self, name: str | None = "categorical_hinge", dtype: Any = None) -> None:
        super().__init__(name, dtype)
