"""How long a derivation takes: ``python -m benchmarks.derivation``."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

import glassnet as gn

LOSS = gn.losses.SparseCategoricalCrossentropy(from_logits=True)


def stack(features: int, *units: int) -> gn.Sequential:
    """A stack of dense layers for ten classes, compiled."""
    hidden = [gn.layers.Dense(n, "tanh") for n in units]
    model = gn.Sequential([gn.Input((features,)), *hidden, gn.layers.Dense(10)])
    model.compile("adam", LOSS)
    return model


def seconds(run: Callable[[], object], repeats: int = 5) -> float:
    """The median time of a call."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(0)
    small, deep = stack(400, 25, 15), stack(400, *[50] * 49)
    x, y = rng.normal(size=(32, 400)), rng.integers(0, 10, 32)
    cases = {
        "400-25-15-10, derive and print": lambda: small.derive().text(),
        "400-25-15-10, as HTML": lambda: small.derive().html(),
        "400-25-15-10, with a batch of 32 and difference quotients": lambda: small.derive(
            x, y
        ).text(),
        "50 dense layers, derive and print": lambda: deep.derive().text(),
        "50 dense layers, as HTML": lambda: deep.derive().html(),
    }
    for name, run in cases.items():
        print(f"{name:60} {seconds(run):6.2f} s")


if __name__ == "__main__":
    main()
