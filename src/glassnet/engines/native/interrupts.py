"""Interrupts put off to a moment when everything is whole.

Python handles a signal between any two instructions of the main thread. Where the state of a run is
in compiled code, or half handed over, a keyboard interrupt waits a moment: milliseconds.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FrameType, TracebackType
from typing import Any

try:  # the functions in C: those around them turn numbers into enums, which takes 20 µs here
    _python: Any = import_module("_signal")
except ImportError:
    _python = signal
_NAMES = ("SIGINT", "SIGALRM", "SIGTERM")
_SIGNALS = tuple(int(getattr(signal, name)) for name in _NAMES if hasattr(signal, name))
"""The signals whose handlers raise, as a rule: Ctrl-C, time limits, the request to end."""
_letting: list[bool] = []
"""Holds something while a person's own code runs, which can be interrupted."""


class PutOff:
    """A context within which signals of the main thread wait; they are handled at its end.

    A handler that could not be put back, since an interrupt came at that moment, passes signals on.
    """

    def __init__(self) -> None:
        self.came: list[tuple[int, FrameType | None]] = []
        """The signals that wait."""
        self._waits = False
        self._before: dict[int, Callable[..., Any]] = {}

    def __enter__(self) -> PutOff:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                handler = _python.getsignal(number)
                if callable(handler):
                    self._before[number] = handler
                    try:
                        _python.signal(number, self._note)
                    except ValueError:  # a second interpreter of the process gets no signals
                        break
            self._waits = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._waits = False
        for number, handler in self._before.items():
            if _python.getsignal(number) == self._note:  # else somebody set another one meanwhile
                _python.signal(number, handler)
        came, self.came = self.came, []
        for number, frame in came:
            self._before[number](number, frame)

    def _note(self, number: int, frame: FrameType | None) -> None:
        handler = self._before[number]
        if self._waits and not _letting:
            self.came.append((number, frame))
            return
        if not isinstance(getattr(handler, "__self__", None), PutOff):
            _letting.clear()  # what is interrupted is over: the next one waits
        handler(number, frame)


@contextmanager
def let_through() -> Iterator[None]:
    """Let a person's own code be interrupted, within a context that puts off."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    try:
        _letting.append(True)
        yield
    finally:
        _letting.clear()
