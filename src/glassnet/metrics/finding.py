"""Metrics by name, from functions, and as ``compile`` means them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from glassnet.losses.base import Loss, kind_of_classes
from glassnet.losses.shapes import AnyShape
from glassnet.metrics.accuracy import BinaryAccuracy
from glassnet.metrics.base import METRICS, Metric
from glassnet.metrics.reduction import FunctionMetric, MeanMetricWrapper


def get(identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return a metric: by name (``"mse"``), from its saved form, from a function, or as it is.

    A function ``(y_true, y_pred)`` of one value an example, or a loss, becomes its mean.

    >>> from glassnet import metrics
    >>> metrics.get("mae").name
    'mean_absolute_error'
    """
    found = METRICS.get(identifier, custom_objects)
    if found is None or isinstance(found, Metric):
        return found
    if isinstance(found, Loss):
        return MeanMetricWrapper(found.call, name=found.name)
    for cls in METRICS.entries.values():
        if issubclass(cls, FunctionMetric) and cls.function is found:
            return cls()
    return MeanMetricWrapper(found)


def resolve(
    identifier: Any, loss: Any, y_pred_shape: AnyShape, y_true_shape: AnyShape | None
) -> Any:
    """Return a metric as ``compile`` does, given the loss and the shapes it belongs to.

    ``"accuracy"`` (``"acc"``) and ``"crossentropy"`` (``"ce"``) become the binary one for one
    output, the sparse one where targets are class numbers, else the categorical one. A metric
    given by its name follows the loss in what the predictions are: with ``from_logits=True``
    it takes raw outputs, and yes begins at 0 for them instead of 0.5.

    Args:
        identifier: a name, a metric, a function.
        loss: the loss of the same output, or None.
        y_pred_shape: the shape of the output.
        y_true_shape: the shape of its targets; None where it is not known, then the loss tells.
    """
    if not isinstance(identifier, str):
        return get(identifier)
    kinds = {
        "accuracy": "accuracy",
        "acc": "accuracy",
        "crossentropy": "crossentropy",
        "ce": "crossentropy",
    }
    kind = kinds.get(identifier.lower())
    name = identifier
    if kind is not None:
        shape = _shape_for(loss, y_pred_shape) if y_true_shape is None else y_true_shape
        name = f"{kind_of_classes(shape, y_pred_shape)}_{kind}"
    found = METRICS.find(name)
    if not inspect.isclass(found):
        return get(found)
    given: dict[str, Any] = {"name": identifier}
    if getattr(loss, "from_logits", False):
        if found is BinaryAccuracy:
            given["threshold"] = 0.0
        elif "from_logits" in inspect.signature(found).parameters:
            given["from_logits"] = True
    return found(**given)


def _shape_for(loss: Any, y_pred_shape: AnyShape) -> AnyShape:
    return y_pred_shape[:-1] if getattr(loss, "integer_targets", False) else y_pred_shape
