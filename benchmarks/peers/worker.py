"""The process of one peer: takes orders as lines of JSON, answers in the same way.

`prepare` builds the peer for a workload in each of its variants, checks the losses and keeps the
quickest; `run` trains some epochs from the first weights; `predict` times calls on one example.
"""

from __future__ import annotations

import gc
import json
import math
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, TextIO

import numpy as np

from benchmarks.peers import limits
from benchmarks.peers.base import Peer, Variant
from benchmarks.peers.roster import PEERS
from benchmarks.peers.workloads import WORKLOADS

Answer = dict[str, Any]


def check_same(losses: list[float], wanted: list[float], tolerance: float) -> None:
    """Raise unless the losses agree within the tolerance, taken relatively."""
    off = [abs(a - b) / abs(b) for a, b in zip(losses, wanted, strict=True)]
    if not max(off) <= tolerance:
        raise ValueError(f"not the same computation: losses {losses}, wanted {wanted}")


class Worker:
    def __init__(self, name: str) -> None:
        self.kind = PEERS[name]
        self.peer: Peer | None = None

    def prepare(self, row: str, wanted: list[float], tolerance: float) -> Answer:
        work = WORKLOADS[row]
        x, y = work.data()
        variants = self.kind.variants(work)

        def made(variant: Variant) -> Peer:
            """A checked peer, in the place of the one before."""
            self.peer = None
            gc.collect()
            self.peer = self.kind(work, x, y, **variant)
            check_same(self.peer.check(), wanted, tolerance)
            return self.peer

        times = [seconds_an_epoch(made(variant)) for variant in variants]
        took = min(times)
        best = variants[times.index(took)]
        if best is not variants[-1]:
            made(best).train(1)
        return {"seconds_an_epoch": took, "variant": best}

    def run(self, epochs: int) -> Answer:
        assert self.peer is not None
        self.peer.reset()
        gc.collect()
        began = time.perf_counter()
        losses = self.peer.train(epochs)
        took = time.perf_counter() - began
        if len(losses) != epochs or not math.isfinite(losses[-1]):
            raise ValueError(f"{epochs} epochs ended with the losses {losses[-3:]}")
        return {"seconds": took}

    def build(self, row: str) -> Answer:
        """Make the peer with its first weights, and no more."""
        work = WORKLOADS[row]
        self.peer = self.kind(work, *work.data(), **self.kind.variants(work)[0])
        self.peer.reset()
        self.call = self.peer.predictor()
        return {}

    def predict(self, calls: int) -> Answer:
        """The median time of a call on one example, and what it returned at last."""
        assert self.peer is not None
        call, row = self.call, self.peer.x[:1]
        times = np.empty(calls)
        for i in range(calls):
            began = time.perf_counter()
            found = call(row)
            times[i] = time.perf_counter() - began
        return {"seconds": float(np.median(times)), "output": np.ravel(found).tolist()}

    def look(self) -> Answer:
        """How fast all cores are at this moment, and how fast what one writes reaches another."""
        return {"products": limits.now(), "passing": limits.passing()}

    def memory(self) -> Answer:
        return {"bytes": peak_memory()}


def peak_memory() -> int:
    """The most bytes that this process ever had; what its parent had does not count."""
    try:
        with open("/proc/self/status") as status:
            found = next(line for line in status if line.startswith("VmHWM"))
        return int(found.split()[1]) * 1024
    except (OSError, StopIteration):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def seconds_an_epoch(peer: Peer, enough: float = 0.2) -> float:
    """The best of three quick looks at the time of an epoch; the first epoch may compile."""

    def seconds(epochs: int) -> float:
        began = time.perf_counter()
        peer.train(epochs)
        return time.perf_counter() - began

    peer.reset()
    peer.train(1)
    epochs = 1
    while (took := seconds(epochs)) < enough:
        epochs *= 4
    if took < 5 * enough:  # a slow peer need not be known so well
        took = min(took, seconds(epochs), seconds(epochs))
    return took / epochs


def serve(worker: Worker, orders: TextIO, answers: TextIO) -> None:
    """Follow the orders until there are no more."""
    doing: dict[str, Callable[..., Answer]] = {
        "prepare": worker.prepare, "run": worker.run, "build": worker.build,
        "predict": worker.predict, "memory": worker.memory, "look": worker.look,
    }  # fmt: skip
    for line in orders:
        order = json.loads(line)
        try:
            answer = doing[order.pop("do")](**order)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}", "where": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def main() -> None:
    # What libraries print goes to the error stream: the output carries answers alone.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(Worker(sys.argv[1]), sys.stdin, answers)


if __name__ == "__main__":
    main()
