"""A training step of 784-128-10 against the same step written by hand in NumPy, in one run.

    python -m benchmarks.training_step

Both run whole epochs over the same shuffled data (gathering of the batches included), in turn, and
are checked to compute the same thing. What counts is the ratio: these machines are not alike.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

import glassnet as gn
from benchmarks.by_hand import NetworkByHand, dense_network
from glassnet.models.guard import all_finite

BATCH, EXAMPLES = 128, 12_800


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random((EXAMPLES, 784), dtype=np.float32), rng.integers(0, 10, EXAMPLES)


def network() -> gn.Sequential:
    gn.utils.set_random_seed(0)
    model = gn.Sequential(
        [gn.Input((784,)), gn.layers.Dense(128, activation="relu"), gn.layers.Dense(10)]
    )
    loss = gn.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    return model


def epoch_by_hand(peer: NetworkByHand, x: np.ndarray, y: np.ndarray) -> float:
    order = np.random.default_rng(peer.optimizer.step).permutation(len(x))
    losses = [
        peer.train(x[order[i : i + BATCH]], y[order[i : i + BATCH]])
        for i in range(0, len(x), BATCH)
    ]
    return float(np.mean(losses))


def check_same(x: np.ndarray, y: np.ndarray) -> None:
    """Three steps from the same weights on the same batches give the same losses."""
    model = network()
    peer = dense_network(model.get_weights())
    for i in range(0, 3 * BATCH, BATCH):
        part = slice(i, i + BATCH)
        model.reset_metrics()
        ours = model.train_on_batch(x[part], y[part])
        theirs = peer.train(x[part], y[part])
        if abs(ours - theirs) > 1e-4 * abs(theirs):
            raise SystemExit(f"Not the same computation: {ours} against {theirs}.")


def microseconds_a_step(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return (time.perf_counter() - began) / (EXAMPLES // BATCH) * 1e6


def microseconds_of_check(model: gn.Sequential) -> float:
    weights = [w.value for w in model.trainable_weights]
    loss = [np.float32(0.5)]
    times = []
    for _ in range(300):
        began = time.perf_counter()
        all_finite(loss, weights)
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    x, y = data()
    check_same(x, y)
    model = network()
    peer = dense_network(model.get_weights())
    fits = {
        "glassnet": lambda: model.fit(x, y, batch_size=BATCH, verbose=0),
        "by hand": lambda: epoch_by_hand(peer, x, y),
        "unchecked": lambda: unchecked.fit(x, y, batch_size=BATCH, verbose=0),
    }
    unchecked = network()
    unchecked.compile("adam", unchecked.loss, check_finite=False)
    times: dict[str, list[float]] = {name: [] for name in fits}
    for run in fits.values():
        run()
    for _ in range(repeats):
        for name, run in fits.items():
            times[name].append(microseconds_a_step(run))
    for name, found in times.items():
        low, high = min(found), max(found)
        print(f"{name:<10} median {statistics.median(found):7.0f} µs a step "
              f"({low:.0f} … {high:.0f})")  # fmt: skip
    share = microseconds_of_check(model) / statistics.median(times["glassnet"])
    print(f"the check for NaN and infinity, timed alone: {share:.2%} of a step")
    for name, base in (("glassnet", "by hand"), ("glassnet", "unchecked")):
        ratios = [a / b for a, b in zip(times[name], times[base], strict=True)]
        print(f"{name} / {base}: median of {repeats} ratios {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
