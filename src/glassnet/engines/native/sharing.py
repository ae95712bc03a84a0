"""Compiling shared with other processes: each is asked for one kernel after another.

Numba and LLVM compile one kernel at a time in a process. Where many are missing and a core is free,
a process beside this one takes some of them: it reads names of kernels and answers their object
code, and touches no file. It ends when its input ends, however the process that asks may end.
"""

from __future__ import annotations

import gc
import os
import signal
import struct
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from glassnet.engines.native import cache as files
from glassnet.engines.native.interrupts import PutOff

MOST = 3
"""How many other processes compile at most: each takes 150 MB of memory."""
PATIENCE = 60.0
"""Seconds after which a kernel that another process is at is compiled here."""

_LENGTH = struct.Struct("<Q")
_LARGEST = 1 << 26  # bytes of an answer; what says more was printed by somebody else
_PROGRAM = """\
import sys
sys.path[:] = sys.argv[1:]
from glassnet.engines.native.sharing import serve
serve()
"""


@contextmanager
def shared(kernels: Iterable[str], processes: int) -> Iterator[Work]:
    """Give the kernels to this process and as many others, as long as the block lasts."""
    work = Work(kernels)
    try:
        for _ in range(processes):
            with PutOff():
                work.ask_another()
        yield work
    finally:
        with PutOff():
            work.end()


class Work:
    """Kernels to be compiled, the first first, by whoever has nothing else to do."""

    def __init__(self, kernels: Iterable[str]) -> None:
        self._waiting = deque(kernels)
        self._made: deque[tuple[str, bytes]] = deque()
        self._back: deque[str] = deque()
        """What another process could not compile."""
        self._others: list[tuple[subprocess.Popen[bytes], threading.Thread]] = []

    def ask_another(self) -> None:
        """Start a process that compiles, too; nothing where none can be started."""
        with suppress(OSError, RuntimeError):
            process = _started()
            thread = threading.Thread(target=self._feed, args=(process,), daemon=True)
            self._others.append((process, thread))
            thread.start()

    def finish(self, make: Callable[[str], None], keep: Callable[[str, bytes], None]) -> None:
        """Call ``make`` on each kernel that this process takes, ``keep`` on what others made."""
        self._go_through(self._waiting, make, keep)
        for process, thread in self._others:
            if thread.is_alive():
                thread.join(PATIENCE)
                process.kill()
                thread.join()
        self._go_through(self._back, make, keep)

    def _go_through(
        self,
        kernels: deque[str],
        make: Callable[[str], None],
        keep: Callable[[str, bytes], None],
    ) -> None:
        while kernels or self._made:
            while self._made:
                keep(*self._made.popleft())
            # One call into C: no other thread gets the same. The last may be gone meanwhile.
            with suppress(IndexError):
                make(kernels.popleft())

    def _feed(self, process: subprocess.Popen[bytes]) -> None:
        """Give a process one kernel after another, until there are no more or it fails."""
        while True:
            try:
                kernel = self._waiting.popleft()
            except IndexError:
                return
            code = _answer(process, kernel)
            if not code:
                self._back.append(kernel)
                return
            self._made.append((kernel, code))

    def end(self) -> None:
        """End the other processes; what they are at is lost."""
        self._waiting.clear()
        for process, thread in self._others:
            process.kill()
            if thread.is_alive():
                thread.join()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    pipe.close()  # type: ignore[union-attr]


def can_share() -> bool:
    """Tell whether ``sys.executable`` is a Python, and not a program that has one inside."""
    name = Path(sys.executable or "").name.lower()
    return name.startswith(("python", "pypy")) and not getattr(sys, "frozen", False)


def _started() -> subprocess.Popen[bytes]:
    hidden: dict[str, Any] = {}
    if sys.platform == "win32":
        hidden["creationflags"] = subprocess.CREATE_NO_WINDOW
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *(str(place) or os.getcwd() for place in sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        **hidden,
    )


def _answer(process: subprocess.Popen[bytes], kernel: str) -> bytes:
    """Ask a process for the code of a kernel; nothing where it has none to give."""
    asked, answers = process.stdin, process.stdout
    assert asked is not None
    assert answers is not None
    with suppress(OSError, ValueError, struct.error):
        asked.write(f"{kernel} {_key(kernel)}\n".encode())
        asked.flush()
        (length,) = _LENGTH.unpack(answers.read(_LENGTH.size))
        if length <= _LARGEST:
            return files.unpacked(kernel, answers.read(length)) or b""
    return b""


def _key(kernel: str) -> str:
    """What the code of a kernel is made from: another version must not answer."""
    return files.code_key(files.family_of(kernel))


def serve() -> None:
    """Answer with object code until nobody asks any more: the whole of the other process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asks is interrupted, and ends this process
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anybody prints is no answer
    with suppress(OSError):
        _serve(sys.stdin.buffer, answers)


def _serve(asked: BinaryIO, answers: BinaryIO) -> None:
    from glassnet.engines.native import compiler

    gc.disable()  # it finds nothing in Numba's many objects, and costs a tenth of the time
    for line in asked:
        kernel, _, key = line.decode().strip().rpartition(" ")
        code = b""
        if key == _key(kernel):
            with suppress(Exception):  # who asked compiles it then, and tells why it can't be
                code = compiler.compiled(kernel)
        answer = files.packed(kernel, code)
        answers.write(_LENGTH.pack(len(answer)) + answer)
        answers.flush()
