"""The threads that help: they wait in compiled code while a plan runs, and sleep otherwise."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np

from glassnet.engines.native import compiler

CLAIM, DONE, WORK, GENERATION, LEAVE, NAP, THREADS = range(7)
"""The cells of a control block; see ``kernels/crew.py``."""
_Call = ctypes.CFUNCTYPE(None, ctypes.c_int64)


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _napping() -> int:
    """The address of the function that sleeps for so many microseconds, or for a moment."""
    if sys.platform == "win32":
        function = ctypes.WinDLL("kernel32").SwitchToThread
    else:
        function = ctypes.CDLL(None).usleep
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def control_block() -> np.ndarray:
    """Return a control block with nobody at work."""
    block = np.zeros(16, np.int64)
    block[NAP] = _napping()
    return block


class _Helper:
    """A thread that runs the helper's loop for one plan after another."""

    def __init__(self) -> None:
        self._call = _Call(compiler.address_of("crew.helper"))
        self._wake, self._left = threading.Event(), threading.Event()
        self._left.set()
        self._words = np.zeros(2, np.int64)
        self._thread = threading.Thread(target=self._live, daemon=True, name="glassnet helper")
        self._thread.start()

    def begin(self, block: np.ndarray, number: int) -> None:
        """Work on what is published in a control block, as the thread of a number."""
        self._words[:] = block.ctypes.data, number
        self._left.clear()
        self._wake.set()

    def end(self) -> None:
        """Wait until the helper has left, as the control block says it shall."""
        self._left.wait()

    def _live(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            self._call(self._words.ctypes.data)
            self._left.set()


_idle: list[_Helper] = []
_lock = threading.Lock()


def _forget() -> None:
    """In a forked child no thread but the forking one lives."""
    global _lock
    _lock = threading.Lock()
    _idle.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@contextmanager
def at_work(block: np.ndarray, threads: int) -> Iterator[None]:
    """Let ``threads - 1`` helpers work on what is published in a control block."""
    if threads < 2:
        block[THREADS] = 1
        yield
        return
    with _lock:
        crew = [_idle.pop() for _ in range(min(threads - 1, len(_idle)))]
    try:
        with suppress(RuntimeError):  # the system gives no more threads: then it goes with fewer
            while len(crew) < threads - 1:
                crew.append(_Helper())
        block[LEAVE], block[THREADS] = 0, len(crew) + 1
        for k, helper in enumerate(crew):
            helper.begin(block, k + 1)
        yield
    finally:
        block[LEAVE] = 1
        for helper in crew:
            helper.end()
        with _lock:
            _idle.extend(crew)
