"""Loss against time on the digits, 784-25-15-10: LBFGS, natural gradient and Adam, in one run.

    OPENBLAS_NUM_THREADS=1 python -m benchmarks.second_order

Every method trains the same networks (one for each seed) on the 8,000 embedded images, until the
loss of the training set is 0.003 or the time is up. The clock stands while the loss is looked at,
which is after every epoch. Beside the time on the clock stands the processor's: on a machine that
others use as well it is the fairer one, with one thread, since threads that wait for each other
count too. The settings were the best of those named in ``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import glassnet as gn

Data = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
LOSSES = (0.3, 0.1, 0.03, 0.003)


@dataclass
class Method:
    """An optimizer at a setting, and how many images it sees at a time."""

    name: str
    make: Callable[[], Any]
    batch: int


METHODS = (
    Method("Adam", lambda: gn.optimizers.Adam(0.02), 512),
    Method(
        "natural gradient, batches",
        lambda: gn.optimizers.NaturalGradient(
            fisher="kronecker", damping=0.003, adapt_damping=False
        ),
        1000,
    ),
    Method(
        "natural gradient, whole set",
        lambda: gn.optimizers.NaturalGradient(fisher="kronecker", damping=0.001),
        8000,
    ),
    Method("LBFGS", lambda: gn.optimizers.LBFGS(history_size=30), 8000),
)


@dataclass
class Reached:
    """When a run came to a loss, and how good the network was on the held-out digits."""

    seconds: float
    processor: float
    steps: int
    accuracy: float


@dataclass
class Run:
    """One training: the losses it reached, and its curve."""

    reached: dict[float, Reached] = field(default_factory=dict)
    curve: list[tuple[float, float]] = field(default_factory=list)
    best: float = 0.0


def data() -> Data:
    train, test = gn.datasets.mnist.load_data()
    return _scaled(*train), _scaled(*test)


def _scaled(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return x.reshape(len(x), -1).astype(np.float32) / 255, y


def network(optimizer: Any, seed: int) -> gn.Sequential:
    gn.utils.set_random_seed(seed)
    model = gn.Sequential(
        [
            gn.Input((784,)),
            gn.layers.Dense(25, activation="relu"),
            gn.layers.Dense(15, activation="relu"),
            gn.layers.Dense(10),
        ]
    )
    model.compile(optimizer, gn.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def logits(model: gn.Sequential, x: np.ndarray) -> np.ndarray:
    """By hand, so that looking costs little and disturbs nothing."""
    w1, b1, w2, b2, w3, b3 = model.get_weights()
    hidden = np.maximum(np.maximum(x @ w1 + b1, 0) @ w2 + b2, 0)
    return hidden @ w3 + b3


def loss_of(z: np.ndarray, y: np.ndarray) -> float:
    z = z - z.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(y)), y]))


def train(method: Method, given: Data, seed: int, limit: float) -> Run:
    """Train until every loss is reached or the processor's time is up."""
    (x, y), (x_test, y_test) = given
    model, run = network(method.make(), seed), Run()
    seconds = processor = 0.0
    while processor < limit and len(run.reached) < len(LOSSES):
        began, worked = time.perf_counter(), time.process_time()
        model.fit(x, y, batch_size=method.batch, epochs=1, verbose=0)
        seconds += time.perf_counter() - began
        processor += time.process_time() - worked
        loss = loss_of(logits(model, x), y)
        accuracy = float(np.mean(logits(model, x_test).argmax(axis=1) == y_test))
        run.curve.append((processor, loss))
        run.best = max(run.best, accuracy)
        for goal in LOSSES:
            if loss <= goal and goal not in run.reached:
                steps = int(model.optimizer.iterations)
                run.reached[goal] = Reached(seconds, processor, steps, accuracy)
    return run


def table(runs: dict[str, list[Run]]) -> str:
    """The medians over the seeds, as Markdown."""
    lines = [
        "| method | loss | seconds | processor's seconds | steps | held-out accuracy |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, found in runs.items():
        for goal in LOSSES:
            there = [r.reached[goal] for r in found if goal in r.reached]
            if len(there) < len(found):
                best = min(loss for r in found for _, loss in r.curve)
                note = f"{len(there)} of {len(found)} seeds; the lowest loss was {best:.3f}"
                lines.append(f"| {name} | {goal:g} | {note} | | | |")
                continue
            spread = [f"{statistics.median(v):.2f} ({min(v):.2f} … {max(v):.2f})" for v in (
                [r.seconds for r in there], [r.processor for r in there])]  # fmt: skip
            steps = round(statistics.median(r.steps for r in there))
            accuracy = statistics.median(r.accuracy for r in there)
            lines.append(
                f"| {name} | {goal:g} | {spread[0]} | {spread[1]} | {steps} | {accuracy:.2%} |"
            )
    best = ", ".join(
        f"{name} {statistics.median(r.best for r in found):.2%}" for name, found in runs.items()
    )
    return "\n".join([*lines, "", f"Best held-out accuracy on the way: {best}."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--limit", type=float, default=30.0, help="processor's seconds a run")
    given = parser.parse_args()
    digits = data()
    runs: dict[str, list[Run]] = {method.name: [] for method in METHODS}
    for seed in range(given.seeds):
        for method in METHODS:  # in turn, so that the machine's moods meet all of them
            runs[method.name].append(train(method, digits, seed, given.limit))
            print(f"seed {seed}: {method.name}: {runs[method.name][-1].curve[-1]}", flush=True)
    print(table(runs))


if __name__ == "__main__":
    main()
