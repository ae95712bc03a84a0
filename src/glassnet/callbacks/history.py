"""The record of a training run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

from glassnet.callbacks.base import CALLBACKS, Callback

_displays: list[Callable[[History], str]] = []


def use_history_display(display: Callable[[History], str]) -> None:
    """Name the function that shows a history in a notebook; `glassnet.models` calls this once."""
    _displays[:] = [display]


@dataclass
class RunRecord:
    """What a run keeps of itself, so that the doctor can look into it afterwards.

    Args:
        sample: ``(x, y, sample_weight)`` of up to 1,000 examples, at most 16 MiB, copied.
        validation: the same of the validation data.
        size: the number of all examples; None where the data came from an iterable.
        validation_size: the same of the validation data.
        batch_size: the examples of a step.
        start: the weights that the run began with, in the order of ``model.weights``; None where
            they are more than 16 MiB.
        stopped: what was said when a number that is not finite ended the run.
    """

    sample: tuple[Any, ...] | None = None
    validation: tuple[Any, ...] | None = None
    size: int | None = None
    validation_size: int | None = None
    batch_size: int | None = None
    start: tuple[Any, ...] | None = None
    stopped: str = ""


@CALLBACKS.add()
class History(Callback):
    """``history.history["loss"]`` lists the loss of every epoch, and so for every metric.

    ``fit`` returns one. ``history.epoch`` lists the epochs' numbers, ``history.epochs["val_loss"]``
    those that have a validation (with ``validation_freq`` not all do). ``history.record`` is what
    `diagnose_training` looks at: a bounded sample of the data and the first weights. It is not
    pickled, and no file has it; ``history.record = None`` lets go of it.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((1,)), gn.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=3, verbose=0)
    >>> history.epoch, len(history.history["loss"])
    ([0, 1, 2], 3)
    """

    only_listens = True

    def __init__(self) -> None:
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []
        self.epochs: dict[str, list[int]] = {}
        self.record: RunRecord | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.epoch, self.history, self.epochs = [], {}, {}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
            self.epochs.setdefault(name, []).append(epoch)

    def on_train_abort(self, error: BaseException) -> None:
        if self.record is not None and isinstance(error, ArithmeticError):
            self.record.stopped = str(error)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "record": None}

    def _repr_html_(self) -> str:
        return _displays[0](self) if _displays else f"<code>{escape(repr(self))}</code>"

    def get_state(self) -> dict[str, Any]:
        return {
            "epoch": list(self.epoch),
            "history": {k: list(v) for k, v in self.history.items()},
            "epochs": {k: list(v) for k, v in self.epochs.items()},
        }

    def set_state(self, state: dict[str, Any]) -> None:
        self.epoch = list(state["epoch"])
        self.history = {k: list(v) for k, v in state["history"].items()}
        epochs: dict[str, list[int]] = state.get("epochs", {})  # files of old have none
        self.epochs = {k: list(v) for k, v in epochs.items()}
