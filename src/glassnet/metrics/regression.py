"""Errors and agreement of numbers: squared, absolute, R², correlations."""

from __future__ import annotations

from typing import Any

from glassnet import config
from glassnet.graph.dimension import display
from glassnet.graph.recording import as_tensor, scope
from glassnet.graph.tensor import Tensor
from glassnet.losses.reducing import given_for
from glassnet.losses.regression import (
    cosine,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from glassnet.losses.shapes import paired
from glassnet.metrics.base import COUNTED_IN, METRIC_FUNCTIONS, METRICS, Metric, held
from glassnet.metrics.reduction import FunctionMetric, MeanOfFunction
from glassnet.ops import broadcast_to, cast, expand_dims, isinf, mean, sqrt, square, sum, where
from glassnet.ops.reduction import number


@METRIC_FUNCTIONS.add()
def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """Return ``Σ (y - ȳ)(p - p̄) / √(Σ (y - ȳ)² Σ (p - p̄)²)`` over ``axis``."""
    y, p = paired(y_true, y_pred, "PearsonCorrelation")
    y, p = y - mean(y, axis, keepdims=True), p - mean(p, axis, keepdims=True)
    return mean(y * p, axis) / (sqrt(mean(square(y), axis)) * sqrt(mean(square(p), axis)))


@METRIC_FUNCTIONS.add()
def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """Return ``2 cov(y, p) / (var y + var p + (ȳ - p̄)² + ε)`` over ``axis``.

    Source: L. I.-K. Lin, "A concordance correlation coefficient to evaluate reproducibility", 1989.
    """
    y, p = paired(y_true, y_pred, "ConcordanceCorrelation")
    y_mean, p_mean = mean(y, axis, keepdims=True), mean(p, axis, keepdims=True)
    apart = mean(square(y_mean - p_mean), axis)
    y, p = y - y_mean, p - p_mean
    spread = mean(square(y), axis) + mean(square(p), axis) + apart
    return 2.0 * mean(y * p, axis) / (spread + config.epsilon())


@METRICS.add("mse", "MSE")
class MeanSquaredError(FunctionMetric):
    """``(1/n) Σ (y - p)²``.

    Args:
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> float(metrics.MeanSquaredError()([1.0, 2.0], [1.0, 4.0]))
    2.0
    """

    function = staticmethod(mean_squared_error)
    direction = "down"

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)


@METRICS.add("mae", "MAE")
class MeanAbsoluteError(FunctionMetric):
    """``(1/n) Σ |y - p|``.

    Args:
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> float(metrics.MeanAbsoluteError()([1.0, 2.0], [1.0, 4.0]))
    1.0
    """

    function = staticmethod(mean_absolute_error)
    direction = "down"

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)


@METRICS.add("mape", "MAPE")
class MeanAbsolutePercentageError(FunctionMetric):
    """``(100/n) Σ |y - p| / max(|y|, ε)``, in percent.

    Args:
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> float(metrics.MeanAbsolutePercentageError()([2.0, 4.0], [1.0, 5.0]))
    37.5
    """

    function = staticmethod(mean_absolute_percentage_error)
    direction = "down"

    def __init__(
        self, name: str | None = "mean_absolute_percentage_error", dtype: Any = None
    ) -> None:
        super().__init__(name, dtype)


@METRICS.add("msle", "MSLE")
class MeanSquaredLogarithmicError(FunctionMetric):
    """``(1/n) Σ (log(1 + p) - log(1 + y))²``.

    Args:
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> round(float(metrics.MeanSquaredLogarithmicError()([3.0], [1.0])), 4)
    0.4805
    """

    function = staticmethod(mean_squared_logarithmic_error)
    direction = "down"

    def __init__(
        self, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None
    ) -> None:
        super().__init__(name, dtype)


@METRICS.add("rmse", "RMSE")
class RootMeanSquaredError(MeanOfFunction):
    """``√((1/n) Σ (y - p)²)``: the typical error, in the unit of the targets.

    Args:
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> float(metrics.RootMeanSquaredError()([0.0, 0.0], [3.0, 3.0]))
    3.0
    """

    direction = "down"

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def values_of(self, y_true: Any, y_pred: Any) -> Any:
        y, p = paired(y_true, y_pred, "RootMeanSquaredError")
        return square(p - y)

    def result(self) -> Any:
        return sqrt(super().result())


@METRICS.add("logcosh")
class LogCoshError(FunctionMetric):
    """``(1/n) Σ log cosh(p - y)``.

    Args:
        name: the name in the log.
        dtype: the dtype of the result.

    >>> from glassnet import metrics
    >>> round(float(metrics.LogCoshError()([0.0], [1.0])), 4)
    0.4338
    """

    function = staticmethod(log_cosh)
    direction = "down"

    def __init__(self, name: str | None = "logcosh", dtype: Any = None) -> None:
        super().__init__(name, dtype)


@METRICS.add()
class CosineSimilarity(FunctionMetric):
    """``Σ y p / (‖y‖ ‖p‖)``: 1 for equal directions, -1 for opposite ones.

    Args:
        name: the name in the log.
        dtype: the dtype of the result.
        axis: the axis of the vectors.

    >>> from glassnet import metrics
    >>> float(metrics.CosineSimilarity()([[0.0, 1.0], [0.0, 2.0]], [[1.0, 0.0], [0.0, 5.0]]))
    0.5
    """

    function = staticmethod(cosine)
    parameters = ("axis",)
    direction = "up"

    def __init__(
        self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1
    ) -> None:
        super().__init__(name, dtype)
        self.axis = axis


@METRICS.add()
class PearsonCorrelation(FunctionMetric):
    """``cov(y, p) / (σ_y σ_p)`` along ``axis``, the mean over the examples.

    Args:
        name: the name in the log.
        dtype: the dtype of the result.
        axis: the axis along which values are correlated.

    >>> from glassnet import metrics
    >>> round(float(metrics.PearsonCorrelation()([[1.0, 2.0, 3.0]], [[2.0, 4.0, 7.0]])), 4)
    0.9934
    """

    function = staticmethod(pearson_correlation)
    parameters = ("axis",)
    direction = "up"

    def __init__(
        self, name: str | None = "pearson_correlation", dtype: Any = None, axis: int = -1
    ) -> None:
        super().__init__(name, dtype)
        self.axis = axis


@METRICS.add()
class ConcordanceCorrelation(FunctionMetric):
    """``2 cov(y, p) / (var y + var p + (ȳ - p̄)²)``, the mean over the examples.

    Args:
        name: the name in the log.
        dtype: the dtype of the result.
        axis: the axis along which values are correlated.

    >>> from glassnet import metrics
    >>> round(float(metrics.ConcordanceCorrelation()([[1.0, 2.0, 3.0]], [[2.0, 3.0, 4.0]])), 4)
    0.5714
    """

    function = staticmethod(concordance_correlation)
    parameters = ("axis",)
    direction = "up"

    def __init__(
        self, name: str | None = "concordance_correlation", dtype: Any = None, axis: int = -1
    ) -> None:
        super().__init__(name, dtype)
        self.axis = axis


@METRICS.add("r2")
class R2Score(Metric):
    """``1 - Σ (y - p)² / Σ (y - ȳ)²``: the share of the targets' variance that is explained.

    Args:
        class_aggregation: how the scores of several outputs become one: ``"uniform_average"``,
            ``"variance_weighted_average"``, or None for one score an output.
        num_regressors: the number of inputs p of a regression; above 0 the score is adjusted:
            ``1 - (1 - R²)(n - 1)/(n - p - 1)``, where n - 1 > p.
        name: the name in the log.
        dtype: the dtype of the result.

    Shapes: y and p (m, k), (m, 1) or (m,).

    >>> from glassnet import metrics
    >>> round(float(metrics.R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])), 4)
    0.5714
    """

    direction = "up"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        known = (None, "uniform_average", "variance_weighted_average")
        if class_aggregation not in known:
            raise ValueError(
                f"class_aggregation={class_aggregation!r}: expected one of "
                f"{', '.join(map(repr, known))}."
            )
        if num_regressors < 0:
            raise ValueError(f"num_regressors is an integer of at least 0; got {num_regressors}.")
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable(name="num_samples")

    def _build(self, outputs: int) -> None:
        for kind in ("squared_sum", "sum", "total_mse", "count"):
            setattr(self, kind, self.add_variable((outputs,), name=kind))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y, p = paired(y_true, y_pred, "R2Score")
        if y.ndim == 1:
            y, p = expand_dims(y, -1), expand_dims(p, -1)
        if y.ndim != 2 or not isinstance(y.shape[1], int):
            raise ValueError(
                f"R2Score: expected targets and predictions (m, k); got {display(y.shape)}."
            )
        if len(self.variables) == 1:
            self._build(y.shape[1])
        with scope(self.name):
            y, p = cast(y, COUNTED_IN), cast(p, COUNTED_IN)
            weight = as_tensor(1.0, COUNTED_IN)
            if sample_weight is not None:
                weight = given_for(cast(as_tensor(sample_weight), COUNTED_IN), y)
            weight = broadcast_to(weight, y.shape)
            self.gather(
                sum=sum(y * weight, axis=0),
                squared_sum=sum(square(y) * weight, axis=0),
                total_mse=sum(square(y - p) * weight, axis=0),
                count=sum(weight, axis=0),
                num_samples=number(y.size, COUNTED_IN),
            )

    def result(self) -> Any:
        if len(self.variables) == 1:
            return self.given(as_tensor(0.0, COUNTED_IN))
        total, count, squares, errors = (
            held(getattr(self, kind)) for kind in ("sum", "count", "squared_sum", "total_mse")
        )
        spread = squares - total * (total / count)
        score = 1.0 - errors / spread
        score = where(isinf(score), 0.0, score)
        if self.class_aggregation == "uniform_average":
            score = mean(score)
        elif self.class_aggregation == "variance_weighted_average":
            score = sum(spread * score) / sum(spread)
        if self.num_regressors:
            freedom = held(self.num_samples) - self.num_regressors - 1.0
            divisor = where(freedom > 0, freedom, 1.0)
            adjusted = 1.0 - (1.0 - score) * (held(self.num_samples) - 1.0) / divisor
            score = where(freedom > 0, adjusted, score)
        return self.given(score)
