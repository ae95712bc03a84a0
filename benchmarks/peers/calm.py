"""Whether the machine gives what it has: on a shared host its cores are somebody else's at times.

A virtual machine is not told. Two of its cores then run at the speed of one for some seconds, which
takes half the speed from whoever uses both, and nothing from others.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.peers.limits import ONE_THREAD
from benchmarks.peers.pool import Handle

SHARE = 0.9
"""Of the best rate of products on all cores: what counts as calm."""
LOOKS = 20
"""How many looks tell the best rate at first."""
PATIENCE = 20.0
"""Seconds for which a visit waits for calm at most."""
TRIES = 6


@dataclass
class Tally:
    """Visits that counted, those that were repeated, and those that count though disturbed."""

    visits: int = 0
    repeated: int = 0
    disturbed: int = 0


class Gauge:
    """A process that looks how fast all cores are, and stands still between looks."""

    def __init__(self) -> None:
        self.handle = Handle("by_hand", "1 thread", ONE_THREAD)
        self.best = 0.0
        for _ in range(LOOKS):
            self.calm()
        self.known = False

    def calm(self) -> bool:
        """Whether the cores give what they gave at best."""
        rate = self.handle.ask("look")["rate"]
        self.best = max(self.best, rate)
        self.known = rate >= SHARE * self.best
        return self.known

    def wait(self) -> None:
        """Wait for calm, unless the last look saw it."""
        end = time.monotonic() + PATIENCE
        while not self.known and time.monotonic() < end:
            self.calm()

    def undisturbed(self, visit: Callable[[], float], tally: Tally) -> float:
        """Return what a visit found that lay between two calm looks; after some tries, the last."""
        tally.visits += 1
        for _ in range(TRIES):
            self.wait()
            found = visit()
            if self.calm():
                return found
            tally.repeated += 1
        tally.disturbed += 1
        return found

    def close(self) -> None:
        self.handle.close()
