"""Sums and means of values, and means of a function of targets and predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from glassnet.graph.dimension import display
from glassnet.graph.recording import as_tensor, scope
from glassnet.graph.tensor import Tensor
from glassnet.losses.base import LOSS_FUNCTIONS
from glassnet.losses.reducing import apply_mask, divide_no_nan, given_for
from glassnet.losses.shapes import squeeze_or_expand_to_same_rank
from glassnet.metrics.base import COUNTED_IN, METRIC_FUNCTIONS, METRICS, Metric, held
from glassnet.ops import broadcast_to, cast, mean, sum
from glassnet.ops.reduction import number
from glassnet.registry import deserialize, serialize

Reducer = Callable[..., Tensor]


def by_example(
    values: Any, sample_weight: Any, reduce: Reducer
) -> tuple[Tensor, Tensor | None, Tensor]:
    """Return one weighted value an example, the weight of each, and how many they count for.

    Args:
        values: numbers of shape (m, …), or one number for the batch.
        sample_weight: how much each example or entry counts; entries that the values' mask
            leaves out count for nothing.
        reduce: how the entries of an example are brought together.
    """
    values = as_tensor(values)
    mask, values = values.mask, cast(values, COUNTED_IN)
    weight = None if sample_weight is None else cast(as_tensor(sample_weight), COUNTED_IN)
    weight = apply_mask(weight, mask, COUNTED_IN, "sum")
    if weight is None:
        values = _rows(values, reduce)
        size = values.shape[0] if values.ndim else 1
        return values, None, number(size, COUNTED_IN)
    values, weight = squeeze_or_expand_to_same_rank(values, weight)
    if weight.ndim > values.ndim:
        raise ValueError(
            f"sample_weight has shape {display(weight.shape)}; expected one weight for each value, "
            f"{display(values.shape)}, or one for each example."
        )
    if values.ndim > weight.ndim > 0:
        values = reduce(values, axis=tuple(range(weight.ndim, values.ndim)))
    weight = broadcast_to(given_for(weight, values) if values.ndim else weight, values.shape)
    values, weight = _rows(values * weight, reduce), _rows(weight, mean)
    return values, weight, sum(weight)


def _rows(values: Tensor, reduce: Reducer) -> Tensor:
    return reduce(values, axis=tuple(range(1, values.ndim))) if values.ndim > 1 else values


@METRICS.add()
class Sum(Metric):
    """``Σ w v``: the sum of all values.

    Args:
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> total = metrics.Sum()
    >>> total.update_state([1.0, 3.0])
    >>> float(total(5.0))
    9.0
    """

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        with scope(self.name):
            values, _, _ = by_example(values, sample_weight, sum)
        self.gather(total=sum(values))

    def result(self) -> Any:
        return self.given(held(self.total))


@METRICS.add()
class Mean(Metric):
    """``Σ w v / Σ w``: the mean of all values, exact over batches of unequal size.

    Args:
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> average = metrics.Mean()
    >>> average.update_state([1.0, 2.0, 3.0])
    >>> average.update_state([10.0])
    >>> float(average.result())
    4.0
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")
        self.count = self.add_variable(name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        with scope(self.name):
            values, _, count = by_example(values, sample_weight, mean)
        self.gather(total=sum(values), count=count)

    def result(self) -> Any:
        return self.given(divide_no_nan(held(self.total), held(self.count)))


class MeanOfFunction(Mean):
    """The base of means of a value that an example's target and prediction give."""

    def values_of(self, y_true: Any, y_pred: Any) -> Any:
        """Return the value of each example, or of each entry."""
        raise NotImplementedError

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        y_true, y_pred = as_tensor(y_true), as_tensor(y_pred)
        mask = y_pred.mask
        with scope(self.name):
            values = self.values_of(y_true, y_pred)
            if sample_weight is not None:
                sample_weight = cast(as_tensor(sample_weight), COUNTED_IN)
            weight = apply_mask(sample_weight, mask, COUNTED_IN, "sum")
        super().update_state(values, sample_weight=weight)


class FunctionMetric(MeanOfFunction):
    """The base of the means of one of glassnet's functions.

    A subclass names the function and which of its own arguments are passed on.
    """

    function: ClassVar[Callable[..., Tensor]]
    parameters: ClassVar[tuple[str, ...]] = ()

    def values_of(self, y_true: Any, y_pred: Any) -> Any:
        given = {name: getattr(self, name) for name in self.parameters}
        return type(self).function(y_true, y_pred, **given)


@METRICS.add()
class MeanMetricWrapper(MeanOfFunction):
    """The mean of a function ``fn(y_true, y_pred, **kwargs)`` of one value an example.

    Args:
        fn: the function; or the name of one of glassnet's.
        name: the name in the log; the function's by default.
        dtype: the dtype of the result.
        kwargs: further arguments of ``fn``.

    >>> from glassnet import metrics
    >>> metric = metrics.MeanMetricWrapper(lambda y, p: abs(y - p), name="gap")
    >>> float(metric([1.0, 2.0], [1.0, 5.0]))
    1.5
    """

    def __init__(
        self,
        fn: Callable[..., Any] | str,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        self.fn = _function(fn) if isinstance(fn, str) else fn
        super().__init__(name or getattr(self.fn, "__name__", None), dtype)
        self.kwargs = kwargs

    def values_of(self, y_true: Any, y_pred: Any) -> Any:
        return self.fn(y_true, y_pred, **self.kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        own = {"fn": self.fn, "name": self.name, "dtype": self.dtype}
        return {key: serialize(value) for key, value in (own | self.kwargs).items()}

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> MeanMetricWrapper:
        """Return the metric that ``get_config`` described."""
        return cls(**{key: deserialize(value, custom_objects) for key, value in config.items()})


def _function(name: str) -> Callable[..., Any]:
    known = METRIC_FUNCTIONS if name in METRIC_FUNCTIONS.entries else LOSS_FUNCTIONS
    found: Callable[..., Any] = known.find(name)
    return found
