"""Stopping when a value no longer improves."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.callbacks.base import CALLBACKS
from glassnet.callbacks.messages import say
from glassnet.callbacks.monitor import MonitorCallback


@CALLBACKS.add()
class EarlyStopping(MonitorCallback):
    """Ends training after ``patience`` epochs without an improvement of ``monitor``.

    Args:
        monitor: the watched value's name in the logs.
        min_delta: an improvement by less counts as none.
        patience: so many epochs may pass without one.
        verbose: 1 tells when training is ended and which weights are restored.
        mode: "min", "max", or "auto": the way that the loss or the metric itself names.
        baseline: epochs count as improvements for the patience only where they beat this value.
        restore_best_weights: whether the model gets back the weights of the best epoch when
            training ends, however that is: by patience, after the last epoch, by an error or by
            a keyboard interrupt.
        start_from_epoch: epochs before this one are not watched.

    Raises:
        ValueError: for a metric that doesn't say which way is better, with ``mode="auto"``.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
    >>> model.compile(gn.optimizers.SGD(0.0), "mse")
    >>> stop = gn.callbacks.EarlyStopping("loss", patience=3)
    >>> x, y = np.ones((4, 2)), np.ones((4, 1))
    >>> len(model.fit(x, y, epochs=10, verbose=0, callbacks=[stop]).epoch)
    4

    Source: L. Prechelt, "Early stopping - but when?", Neural Networks: Tricks of the Trade, 1998.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._reset()

    def _reset(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_epoch = 0
        self.best_weights: list[np.ndarray] | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._reset()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        current = self.value_in(logs or {})
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._remember(epoch)  # some weights, though no epoch ever improve
        self.wait += 1
        if self.is_improvement(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self._remember(epoch)
            if self.baseline is None or self.is_improvement(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _remember(self, epoch: int) -> None:
        self.best_epoch = epoch
        self.best_weights = self.model.get_weights()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.stopped_epoch > 0 and self.verbose:
            say(f"Epoch {self.stopped_epoch + 1}: early stopping")
        self._restore()

    def on_train_abort(self, error: BaseException) -> None:
        self._restore()

    def _restore(self) -> None:
        if self.best_weights is None:
            return
        if self.verbose:
            say(f"Restoring the weights of the best epoch: {self.best_epoch + 1}")
        self.model.set_weights(self.best_weights)

    def get_state(self) -> dict[str, Any]:
        names = ("wait", "stopped_epoch", "best", "best_epoch", "best_weights")
        return {name: getattr(self, name) for name in names}

    def set_state(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
