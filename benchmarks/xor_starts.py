"""XOR from random starts: how often, and in how many steps, each optimizer learns it.

    python -m benchmarks.xor_starts

The network is 2-3-1 with tanh in the middle; the four examples are one batch. A start counts as a
success where all four are right and the loss is below 0.01 within the steps that are allowed.
Every optimizer gets the same starts (Glorot-uniform weights, biases 0). SGD and Adam are shown at
several learning rates, because their table depends on them, and with ten times as many steps.

The output and the loss matter as much as the optimizer, so there are three tables.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import glassnet as gn
from glassnet.errors import NonFiniteError

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
Y = np.array([[0], [1], [1], [0]], np.float32)
GOAL = 0.01


@dataclass(frozen=True)
class Head:
    """What the network ends in: the output's activation, the loss, and how the targets are said."""

    activation: str | None
    loss: str
    targets: np.ndarray


HEADS = {
    "linear output, targets 0 and 1, mean squared error": Head(None, "mse", Y),
    "tanh output, targets -1 and 1, mean squared error": Head("tanh", "mse", 2 * Y - 1),
    "sigmoid output, targets 0 and 1, cross-entropy": Head("sigmoid", "binary_crossentropy", Y),
}

OPTIMIZERS: dict[str, tuple[int, Callable[[], Any]]] = {
    "LevenbergMarquardt()": (99, gn.optimizers.LevenbergMarquardt),
    "LBFGS()": (99, gn.optimizers.LBFGS),
    "SGD(0.1)": (99, lambda: gn.optimizers.SGD(0.1)),
    "SGD(0.5)": (99, lambda: gn.optimizers.SGD(0.5)),
    "SGD(0.1, momentum=0.9)": (99, lambda: gn.optimizers.SGD(0.1, momentum=0.9)),
    "Adam()": (99, gn.optimizers.Adam),
    "Adam(0.1)": (99, lambda: gn.optimizers.Adam(0.1)),
    "SGD(0.5), 990 steps": (990, lambda: gn.optimizers.SGD(0.5)),
    "SGD(0.1, momentum=0.9), 990 steps": (990, lambda: gn.optimizers.SGD(0.1, momentum=0.9)),
    "Adam(), 990 steps": (990, gn.optimizers.Adam),
    "Adam(0.1), 990 steps": (990, lambda: gn.optimizers.Adam(0.1)),
}


class Contest:
    """One network and optimizer, run from one start after the other."""

    def __init__(self, head: Head, optimizer: Any) -> None:
        self.head = head
        self.model = gn.Sequential(
            [
                gn.Input((2,)),
                gn.layers.Dense(3, activation="tanh"),
                gn.layers.Dense(1, activation=head.activation),
            ]
        )
        self.model.compile(optimizer, head.loss)
        optimizer.build(self.model.trainable_weights)
        self.fresh = [v.value.copy() for v in optimizer.variables]

    def steps_needed(self, seed: int, steps: int) -> int | None:
        """Return after how many steps XOR is learnt; None where it is not."""
        self.model.set_weights(start(seed))
        self.model.optimizer.set_weights(self.fresh)
        for step in range(1, steps + 1):
            try:
                self.model.train_on_batch(X, self.head.targets)
            except NonFiniteError:  # it ran away
                return None
            if self._learnt():
                return step
        return None

    def _learnt(self) -> bool:
        targets = self.head.targets
        loss = self.model.test_on_batch(X, targets)
        if not loss < GOAL:
            return False
        middle = targets.mean()
        guesses = np.asarray(self.model.predict_on_batch(X))
        return bool(((guesses > middle) == (targets > middle)).all())


def start(seed: int) -> list[np.ndarray]:
    """Return Glorot-uniform weights of 2-3-1 and biases of 0."""
    rng = np.random.default_rng(seed)

    def kernel(rows: int, columns: int) -> np.ndarray:
        bound = np.sqrt(6 / (rows + columns))
        return rng.uniform(-bound, bound, (rows, columns)).astype(np.float32)

    return [kernel(2, 3), np.zeros(3, np.float32), kernel(3, 1), np.zeros(1, np.float32)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=100)
    starts = parser.parse_args().starts
    for title, head in HEADS.items():
        print(f"\n{title}\n{'':<36}{'learnt':>10}{'median':>10}{'most':>8}{'seconds':>10}")
        for name, (steps, make) in OPTIMIZERS.items():
            contest = Contest(head, make())
            began = time.perf_counter()
            found = [contest.steps_needed(seed, steps) for seed in range(starts)]
            took = time.perf_counter() - began
            needed = [f for f in found if f is not None]
            median = f"{statistics.median(needed):.0f}" if needed else "-"
            most = str(max(needed)) if needed else "-"
            learnt = f"{len(needed)}/{starts}"
            print(f"{name:<36}{learnt:>10}{median:>10}{most:>8}{took:>10.1f}", flush=True)


if __name__ == "__main__":
    main()
