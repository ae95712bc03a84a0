"""Workers as the parent sees them: processes that are told what to do, one at a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class PeerFailed(Exception):
    """A peer could not do what it was told."""


def environment(changes: dict[str, str]) -> dict[str, str]:
    """The environment of a child, in which it finds this package and glassnet's source."""
    paths = [str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    found = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in paths if p), **changes}
    found.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return found


@contextmanager
def running(process: subprocess.Popen[Any]) -> Iterator[None]:
    """Let a process run as long as the block lasts; then it stands still."""
    process.send_signal(signal.SIGCONT)
    try:
        yield
    finally:
        process.send_signal(signal.SIGSTOP)


class Handle:
    """One worker process of a peer under one setting; it stands still until it is asked.

    Else threads of its pools that look for work a while, and what it does on its own, would take
    their time from whoever is measured.
    """

    def __init__(self, name: str, setting: str, changes: dict[str, str]) -> None:
        self.name, self.setting = name, setting
        self.messages = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.peers.worker", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.messages,
            text=True,
            env=environment(changes),
        )

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Give an order and wait for the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with running(self.process):
            try:
                self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
                self.process.stdin.flush()
                line = self.process.stdout.readline()
            except BrokenPipeError:
                line = ""
        if not line:
            raise PeerFailed(f"{self.name} ({self.setting}) died: {self.last_words()}")
        answer = json.loads(line)
        if "error" in answer:
            raise PeerFailed(f"{self.name} ({self.setting}): {answer['error']}\n{answer['where']}")
        return answer

    def last_words(self) -> str:
        self.messages.seek(0)
        return self.messages.read()[-2000:]

    def close(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.messages.close()


SPIN = """
import os
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(1_000_000):
        pass
"""


class Spinner:
    """A process that keeps one core busy whenever it is let go; between that it stands still."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", SPIN])
        self.process.send_signal(signal.SIGSTOP)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
