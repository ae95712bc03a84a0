"""Whether the machine gives what it has: on a shared host its cores are somebody else's at times.

A virtual machine is not told. Its cores run at half their speed for some seconds, or lie on dies of
which each has a cache of its own, so that what one core writes reaches the other four times slower.
Both take speed from whoever uses several cores, and nothing from others.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.peers.limits import ONE_THREAD
from benchmarks.peers.pool import Handle

SHARES = {"products": 0.9, "passing": 0.5}
"""Of the best rates of products on all cores, and of bytes from core to core: what is calm."""
LOOKS = 20
"""How many looks tell the best rate at first."""
PATIENCE = 60.0
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
        self.best = dict.fromkeys(SHARES, 0.0)
        for _ in range(LOOKS):
            self.calm()
        self.known = False

    def calm(self) -> bool:
        """Whether the cores give what they gave at best."""
        rates = self.handle.ask("look")
        self.best = {name: max(rates[name], best) for name, best in self.best.items()}
        self.known = all(rates[name] >= share * self.best[name] for name, share in SHARES.items())
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
