"""What callbacks share that watch one number: which way is better, and by how much."""

from __future__ import annotations

import difflib
import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from glassnet.callbacks.base import Callback


class MonitorCallback(Callback):
    """The base of callbacks that watch a value in the logs.

    With ``mode="min"`` a value v is an improvement on the best one b where ``v + min_delta < b``,
    with ``mode="max"`` where ``v - min_delta > b``. The first value always is one, NaN never is.

    Args:
        monitor: the name in the logs; ``"val_loss"``, ``"accuracy"`` …
        mode: "min", "max", or "auto": the way that the loss or the metric itself names.
        baseline: the best value to begin with.
        min_delta: what counts as a change.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        baseline: float | None = None,
        min_delta: float = 0,
    ) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(
                f"{type(self).__name__}: mode is 'auto', 'min' or 'max'; got {mode!r}."
            )
        self.monitor = monitor
        self.mode = mode
        self.min_delta = abs(min_delta)
        self.best: float | None = baseline
        self._sign = 0

    def is_improvement(self, value: float, reference: float | None) -> bool:
        """Tell whether ``value`` is better than ``reference`` by more than ``min_delta``."""
        if math.isnan(value):
            return False
        if reference is None or math.isnan(reference):
            return True
        return self.sign * value - self.min_delta > self.sign * reference

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is.

        Raises:
            ValueError: with ``mode="auto"`` for a metric that doesn't say which way is better.
        """
        if self.mode != "auto":
            return 1 if self.mode == "max" else -1
        if not self._sign:
            self._sign = self._sign_of(self.monitor.removeprefix("val_"))
        return self._sign

    def _sign_of(self, name: str) -> int:
        names, metrics = self.model.metrics_names, self.model.metrics
        for label, metric in zip(names, metrics, strict=True):
            if name not in (label, metric.name):
                continue
            if label == "loss" or label.endswith("_loss"):
                return -1
            direction = getattr(metric, "direction", None) or getattr(metric, "_direction", None)
            if direction is not None:
                return 1 if direction == "up" else -1
        raise ValueError(
            f"{type(self).__name__}: which way is {self.monitor!r} better? Pass mode='max' where "
            "more is better, mode='min' where less is."
        )

    def value_in(self, logs: Mapping[str, Any]) -> float | None:
        """Return the value in the logs; warn where there is none and return None."""
        value = logs.get(self.monitor)
        if value is None:
            close = difflib.get_close_matches(self.monitor, list(logs), 1)
            warnings.warn(
                f"{type(self).__name__} watches {self.monitor!r}, which this epoch's logs don't "
                f"hold; they hold {', '.join(logs) or 'nothing'}."
                + (f" Did you mean {close[0]!r}?" if close else _validation_hint(self.monitor)),
                stacklevel=3,
            )
            return None
        array = np.asarray(value)
        if array.ndim:
            raise ValueError(
                f"{type(self).__name__}: {self.monitor!r} is an array of shape {array.shape}; "
                "only a single number can be watched."
            )
        return float(array)


def _validation_hint(name: str) -> str:
    if not name.startswith("val_"):
        return ""
    return f" Pass validation_data= to fit, or watch {name.removeprefix('val_')!r}."
