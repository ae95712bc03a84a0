"""What a peer has to do, and the settings under which its process starts."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.peers.workloads import Workload

Array = np.ndarray
Variant = dict[str, Any]


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_settings() -> dict[str, dict[str, str]]:
    """One thread, and as many as there are cores: each by its environment variables."""
    found = {}
    for n in sorted({1, cores()}):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        found[f"{n} thread{'s' * (n > 1)}"] = dict.fromkeys(names, str(n))
    return found


class Peer(ABC):
    """One way to train a workload.

    Attributes:
        title: the name in the table.
        needs: modules without which it is left out.
        adam: its kind of Adam among the optimizers by hand.
        gives: what its `predictor` returns.
    """

    title: str
    needs: tuple[str, ...] = ()
    adam: str = "adam"
    gives: str = "logits"

    def __init__(self, work: Workload, x: Array, y: Array) -> None:
        self.work, self.x, self.y = work, x, y

    @classmethod
    def missing(cls) -> str:
        """Why it can't run here; "" where it can."""
        absent = [name for name in cls.needs if find_spec(name) is None]
        return f"{', '.join(absent)} not installed" if absent else ""

    @classmethod
    def can(cls, work: Workload) -> bool:
        return True

    @classmethod
    def settings(cls) -> dict[str, dict[str, str]]:
        """Environments to try, each in a process of its own, by what the table calls them."""
        return thread_settings()

    @classmethod
    def variants(cls, work: Workload) -> list[Variant]:
        """Arguments to try within one process."""
        return [{}]

    @abstractmethod
    def reset(self) -> None:
        """Take the first weights again, and an optimizer that has seen nothing."""

    @abstractmethod
    def train(self, epochs: int) -> list[float]:
        """Train whole epochs, each in a new order; return the mean loss of each."""

    @abstractmethod
    def train_in_order(self, epochs: int, steps: int) -> list[float]:
        """The same, with the first batches only and as they stand."""

    def check(self) -> list[float]:
        """The mean loss of each epoch over 20 steps from the first weights."""
        self.reset()
        return self.train_in_order(*check_length(self.work))

    def predictor(self) -> Callable[[Array], Array]:
        """Return the function that gives the outputs of some examples."""
        raise NotImplementedError


def check_length(work: Workload) -> tuple[int, int]:
    """Epochs and steps an epoch by which the peers are compared: 20 steps in all."""
    steps = min(10, work.steps)
    return 20 // steps, steps


class LoopPeer(Peer):
    """A peer whose epochs are loops of ours: `epoch` gets the order of the examples."""

    def __init__(self, work: Workload, x: Array, y: Array) -> None:
        super().__init__(work, x, y)
        self.random = np.random.default_rng(2)

    @abstractmethod
    def epoch(self, order: Array) -> Any:
        """Train one epoch; return its mean loss, maybe still on its way."""

    def train(self, epochs: int) -> list[float]:
        size, draw = len(self.x), self.random.permutation
        return self.fetched([self.epoch(draw(size)) for _ in range(epochs)])

    def train_in_order(self, epochs: int, steps: int) -> list[float]:
        order = np.arange(steps * self.work.batch)
        return self.fetched([self.epoch(order) for _ in range(epochs)])

    def fetched(self, losses: list[Any]) -> list[float]:
        return [float(loss) for loss in losses]


class FitPeer(Peer):
    """A peer that makes the loop over epochs itself."""

    @abstractmethod
    def fit(self, x: Array, y: Array, epochs: int, shuffle: bool) -> list[float]:
        """Train on these examples; return the mean loss of each epoch."""

    def train(self, epochs: int) -> list[float]:
        return self.fit(self.x, self.y, epochs, True)

    def train_in_order(self, epochs: int, steps: int) -> list[float]:
        few = steps * self.work.batch
        return self.fit(self.x[:few], self.y[:few], epochs, False)
