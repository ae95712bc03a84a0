"""Changing the learning rate while training: by a plan, or when a value no longer improves."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from glassnet.callbacks.base import CALLBACKS, Callback
from glassnet.callbacks.messages import say
from glassnet.callbacks.monitor import MonitorCallback


def _rate(optimizer: Any) -> float:
    return float(np.asarray(optimizer.learning_rate))


@CALLBACKS.add()
class LearningRateScheduler(Callback):
    """``rate = schedule(epoch, rate)`` at the beginning of every epoch.

    The rate of each epoch stands in the logs as ``learning_rate``.

    Args:
        schedule: a function of the epoch, counted from 0, and the rate so far (or of the epoch
            alone) that gives the new rate.
        verbose: 1 tells every rate.

    Raises:
        ValueError: where ``schedule`` gives no number.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
    >>> model.compile(gn.optimizers.SGD(0.5), "mse")
    >>> halve = gn.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    >>> run = model.fit(np.ones((4, 2)), np.ones(4), epochs=3, verbose=0, callbacks=[halve])
    >>> run.history["learning_rate"]
    [0.25, 0.125, 0.0625]
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        self.schedule = schedule
        self.verbose = verbose
        self._last: int | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._last = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if epoch == self._last:  # a backup of the middle of this epoch was taken up
            return
        self._last = epoch
        optimizer = self.model.optimizer
        rate = self._scheduled(epoch, _rate(optimizer))
        if isinstance(rate, bool) or not isinstance(rate, (int, float, np.number)):
            raise ValueError(
                "LearningRateScheduler: schedule(epoch, learning_rate) must return a number; it "
                f"returned {rate!r}."
            )
        optimizer.learning_rate = float(rate)
        if self.verbose:
            say(f"Epoch {epoch + 1}: learning rate {float(rate):.6g}")

    def _scheduled(self, epoch: int, rate: float) -> Any:
        found = self.schedule(epoch, rate) if _takes_two(self.schedule) else self.schedule(epoch)
        array = np.asarray(found)  # a schedule of an optimizer gives a tensor
        return array.item() if array.size == 1 else found

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = _rate(self.model.optimizer)

    def get_state(self) -> dict[str, Any]:
        return {"last": self._last}

    def set_state(self, state: dict[str, Any]) -> None:
        self._last = state["last"]


def _takes_two(function: Callable[..., Any]) -> bool:
    """Tell whether the function takes two arguments; those that can't be looked into do."""
    try:
        signature = inspect.signature(function)
        signature.bind(0, 0.0)
    except TypeError:
        return False
    except ValueError:
        return True
    return True


@CALLBACKS.add()
class ReduceLROnPlateau(MonitorCallback):
    """``rate = max(rate · factor, min_lr)`` after ``patience`` epochs without an improvement.

    The rate of each epoch stands in the logs as ``learning_rate``.

    Args:
        monitor: the watched value's name in the logs.
        factor: below 1.
        patience: so many epochs without an improvement reduce the rate.
        verbose: 1 tells every reduction.
        mode: "min", "max", or "auto": the way that the loss or the metric itself names.
        min_delta: an improvement by less counts as none.
        cooldown: so many epochs after a reduction are not counted.
        min_lr: the rate never falls below.

    Raises:
        ValueError: for a factor of 1 or more.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
    >>> model.compile(gn.optimizers.SGD(0.5), "mse")
    >>> plateau = gn.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)
    >>> run = model.fit(np.ones((4, 2)), np.ones(4), epochs=3, verbose=0, callbacks=[plateau])
    >>> run.history["learning_rate"], float(model.optimizer.learning_rate)
    ([0.5, 0.5, 0.25], 0.125)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        if factor >= 1.0:
            raise ValueError(
                "ReduceLROnPlateau: factor multiplies the learning rate and must be below 1; got "
                f"{factor!r}."
            )
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self._reset()

    def _reset(self) -> None:
        self.best = None
        self.wait = 0
        self.cooldown_counter = 0

    @property
    def in_cooldown(self) -> bool:
        """Whether a reduction was so recent that epochs are not counted."""
        return self.cooldown_counter > 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._reset()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = {} if logs is None else logs
        logs["learning_rate"] = _rate(self.model.optimizer)
        current = self.value_in(logs)
        if current is None:
            return
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_improvement(current, self.best):
            self.best, self.wait = current, 0
        elif not self.in_cooldown:
            self.wait += 1
            if self.wait >= self.patience and self._reduce(epoch):
                self.cooldown_counter, self.wait = self.cooldown, 0

    def _reduce(self, epoch: int) -> bool:
        """Reduce the rate; tell whether it was above its lower bound."""
        optimizer = self.model.optimizer
        old = _rate(optimizer)
        if old <= np.float32(self.min_lr):  # the rate itself is kept in float32
            return False
        new = max(old * self.factor, self.min_lr)
        optimizer.learning_rate = new
        if self.verbose:
            say(f"Epoch {epoch + 1}: no improvement, learning rate reduced to {new:.6g}")
        return True

    def get_state(self) -> dict[str, Any]:
        return {n: getattr(self, n) for n in ("best", "wait", "cooldown_counter")}

    def set_state(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
