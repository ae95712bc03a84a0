"""One call of `predict` on one example of 784-128-10, and the memory of a process training it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from benchmarks.peers.measure import PAUSE, TOLERANCE
from benchmarks.peers.pool import Handle, PeerFailed
from benchmarks.peers.roster import PEERS
from benchmarks.peers.with_numpy import reference_losses
from benchmarks.peers.workloads import WORKLOADS, Workload

ROW = "784-128-10"
Array = np.ndarray


@dataclass
class Calls:
    """Seconds a call of each round (a median of many calls), and the most memory in bytes.

    The memory is 0 where training failed.
    """

    peer: str
    setting: str
    rounds: list[float] = field(default_factory=list)
    memory: int = 0

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    def over(self, other: Calls) -> float:
        """Seconds more than the other, median of the rounds."""
        return statistics.median(a - b for a, b in zip(self.rounds, other.rounds, strict=True))

    def times(self, other: Calls) -> float:
        """How many times as long as the other, median of the rounds."""
        return statistics.median(a / b for a, b in zip(self.rounds, other.rounds, strict=True))


def logarithms(output: Array, gives: str) -> Array:
    """Logarithms of the probabilities, whatever the peer gave."""
    if gives == "probabilities":
        return np.log(output)
    shifted = output - output.max()
    return shifted - np.log(np.exp(shifted).sum())


def wanted_output(work: Workload) -> Array:
    """The logits by hand, in float64."""
    w1, b1, w2, b2 = (w.astype(np.float64) for w in work.weights())
    x = work.data()[0][:1].astype(np.float64)
    return np.ravel(np.maximum(x @ w1 + b1, 0) @ w2 + b2)


def started(name: str, work: Workload) -> tuple[Handle, Calls, int]:
    """A checked process on its first setting, and the number of calls of a visit."""
    setting, changes = next(iter(PEERS[name].settings().items()))
    handle = Handle(name, setting, changes)
    try:
        handle.ask("build", row=work.name)
        answer = handle.ask("predict", calls=20)
        answer = handle.ask("predict", calls=10)
    except PeerFailed:
        handle.close()
        raise
    found = logarithms(np.array(answer["output"]), PEERS[name].gives)
    wanted = logarithms(wanted_output(work), "logits")
    if not np.allclose(found, wanted, rtol=1e-4, atol=1e-4):
        handle.close()
        raise PeerFailed(f"{name}: predicts {found}, wanted {wanted}")
    calls = int(np.clip(0.2 / answer["seconds"], 5, 5000))
    return handle, Calls(name, setting), calls


def measure_calls(names: Iterable[str], rounds: int, say: Callable[[str], None]) -> list[Calls]:
    """Time calls in rounds; then let each train, and ask for the most memory it ever had."""
    work = WORKLOADS[ROW]
    ready: list[tuple[Handle, Calls, int]] = []
    try:
        for name in names:
            if PEERS[name].missing():
                continue
            try:
                ready.append(started(name, work))
            except PeerFailed as failure:
                say(f"predict: {failure}")
        for _ in range(rounds):
            for handle, calls, count in ready:
                time.sleep(PAUSE)
                calls.rounds.append(handle.ask("predict", calls=count)["seconds"])
        for handle, calls, _ in ready:
            wanted = reference_losses(work, PEERS[calls.peer].adam)
            try:
                handle.ask("prepare", row=ROW, wanted=wanted, tolerance=TOLERANCE)
                calls.memory = handle.ask("memory")["bytes"]
            except PeerFailed as failure:
                say(f"memory: {failure}")
            say(f"predict: {calls.peer} {1e6 * calls.median:.1f} µs")
    finally:
        for handle, _, _ in ready:
            handle.close()
    return [calls for _, calls, _ in ready]
