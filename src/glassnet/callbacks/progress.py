"""The progress of training, told as it goes."""

from __future__ import annotations

import math
import textwrap
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from glassnet.callbacks.base import CALLBACKS, Callback
from glassnet.callbacks.messages import Screen, say, writable
from glassnet.optimizers.second_order import SecondOrder
from glassnet.optimizers.second_order.telling import told

_PAUSE = 0.1
"""Seconds between two redraws."""
_BAR = 20
_NEVER = math.inf


@CALLBACKS.add()
class ProgbarLogger(Callback):
    """Tells the progress: one line an epoch, and one for an evaluation or a prediction.

    ::

        Epoch 3/10  ━━━━━━━━━━━━━━━━━━━━  125/125  1.2s  10ms/step  accuracy 0.9712  loss 0.0981

    On a terminal and in a notebook the line is redrawn while the epoch runs, at most ten times a
    second, with the time that is left. Elsewhere, and with ``verbose=2``, a line is written when
    the epoch is done. ``fit`` adds this callback where ``verbose`` is not 0. The time a step is
    the mean of all steps of the epoch, those that were slower because a graph was recorded too.

    With ``verbose=2`` a second-order optimizer tells each of its steps below the epoch's line::

        Epoch 2/4  1/1  0.0s  6.6ms/step  loss 0.6839
            decrease 0.0265, predicted 0.036; gradient 0.0525; rate 1; damping 0.001
            eigenvalues -0.0656 to 0.44, 2 of 9 negative
            negative curvature along 2 of 9 directions (eigenvalues down to -0.0656): the plain
              Newton step would climb there; it was reflected
    """

    looks_now_and_then = True

    def __init__(self) -> None:
        self._screen = Screen()
        self._fitting = False
        self._due = _NEVER
        self._story: list[str] = []
        self._start("")

    # --- training ---------------------------------------------------------------------------
    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._fitting = True

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._start(f"Epoch {epoch + 1}/{self.params.get('epochs', '?')}", self._planned)
        self._first = self.model.progress.batch  # not 0 where a run is taken up again

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._done = batch + 1
        # The logs are computed when looked at, so they are left alone between redraws.
        if self._done == self._steps or time.perf_counter() >= self._due:
            self._redraw(logs)
        if self.params.get("verbose") == 2:
            self._note_step()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._finish(logs or {})
        if self._story:
            say(writable("\n".join(self._story)))
            self._story = []

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._end()

    def on_train_abort(self, error: BaseException) -> None:
        self._end()

    def _end(self) -> None:
        self._screen.leave()
        self._fitting, self._due = False, _NEVER

    def _note_step(self) -> None:
        """Keep what a second-order optimizer has to tell of its last step."""
        optimizer = self.model.optimizer
        if not isinstance(optimizer, SecondOrder) or optimizer.last is None:
            return
        text = told(optimizer.last)
        if self._steps != 1:
            text = f"step {self._done}: {text}"
        self._story.append(textwrap.indent(text, "    "))

    # --- evaluation and prediction ----------------------------------------------------------
    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        if not self._fitting:
            self._start("Evaluate", self._planned)

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._fitting:
            self._checked = batch + 1
            if time.perf_counter() >= self._due:
                self._redraw(None)
            return
        self._done = batch + 1
        if time.perf_counter() >= self._due:
            self._redraw(logs)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        if not self._fitting:
            self._finish(logs or {})

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._start("Predict", self._planned)

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._done = batch + 1
        if time.perf_counter() >= self._due:
            self._redraw(None)

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        self._finish({})

    # --- the line ---------------------------------------------------------------------------
    @property
    def _planned(self) -> int | None:
        steps: int | None = self.params.get("steps")
        return steps

    @property
    def _has_bar(self) -> bool:
        return self.params.get("verbose") != 2 and self._screen.redraws

    def _start(self, title: str, steps: int | None = None) -> None:
        """Begin a line."""
        self._title, self._steps = title, steps
        self._done = self._checked = self._first = 0
        self._values: list[str] = []
        self._story = []
        self._began = time.perf_counter()
        self._trained: float | None = None
        if title:
            self._screen = Screen()
            self._due = self._began if self._has_bar else _NEVER

    def _redraw(self, logs: Mapping[str, Any] | None) -> None:
        now = time.perf_counter()
        if logs is not None and self._fitting and self._done == self._steps:
            self._trained = now - self._began
        if not self._has_bar:
            return
        if logs is not None:
            self._values = described(logs)
        self._screen.draw("  ".join(self._fields(now - self._began, ended=False)))
        self._due = time.perf_counter() + _PAUSE

    def _finish(self, logs: Mapping[str, Any]) -> None:
        """End the line."""
        self._values = described(logs)
        self._screen.finish(self._fields(time.perf_counter() - self._began, ended=True))
        self._due = _NEVER

    def _fields(self, elapsed: float, *, ended: bool) -> list[str]:
        """The parts of the line; what would make it wrap is shortened, the bar first."""
        steps = self._steps
        counted = f"{self._done}/{steps}" if steps else f"{self._done}"
        pace = (elapsed if self._trained is None else self._trained) / max(1, self._made)
        clock = [seconds(elapsed), f"{short(pace)}/step"] if self._done else [seconds(elapsed)]
        if not ended and self._checked:
            clock.append(f"validating {self._checked}")
        elif not ended and steps and 0 < self._done < steps:
            clock.append(f"{seconds(pace * (steps - self._done))} left")
        tail = [counted, *clock, *self._values]
        if not self._has_bar or not steps:
            return [self._title, *tail]
        room = self._screen.width - sum(len(f) + 2 for f in (self._title, *tail))
        length = min(_BAR, room)
        if length < 5:
            return [self._title, *tail]
        return [self._title, self._screen.bar(min(1.0, self._done / steps), length), *tail]

    @property
    def _made(self) -> int:
        """The steps that were made since the line began."""
        return self._done - self._first


def described(logs: Mapping[str, Any]) -> list[str]:
    """Return ``name value`` for each number in the logs, in the order of the names.

    >>> described({"loss": 0.12345, "accuracy": 1.0, "rate": 1e-5})
    ['accuracy 1.0000', 'loss 0.1235', 'rate 1.0000e-05']
    """
    shown = []
    for name in sorted(logs):
        value = np.asarray(logs[name])
        if value.ndim == 0:
            shown.append(f"{name} {_number(float(value))}")
        elif value.ndim == 1 and value.size <= 4:  # more would bury the other numbers
            shown.append(f"{name} [{' '.join(_number(float(v)) for v in value)}]")
    return shown


def _number(value: float) -> str:
    return f"{value:.4f}" if abs(value) >= 1e-3 or value == 0 else f"{value:.4e}"


def seconds(time_: float) -> str:
    """Return a time for people.

    >>> [seconds(t) for t in (0.04, 12.34, 75, 3700)]
    ['0.0s', '12.3s', '1m15s', '1h01m']
    """
    if time_ < 59.95:
        return f"{time_:.1f}s"
    whole = round(time_)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def short(time_: float) -> str:
    """Return the time of a step.

    >>> [short(t) for t in (2e-5, 0.0025, 0.0123, 2.5)]
    ['20us', '2.5ms', '12ms', '2.5s']
    """
    if time_ < 1e-3:
        return f"{time_ * 1e6:.0f}us"
    if time_ < 1:
        milli = time_ * 1e3
        return f"{milli:.1f}ms" if milli < 9.95 else f"{milli:.0f}ms"
    return f"{time_:.1f}s"
