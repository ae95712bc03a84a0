"""What the machine can do at best: products and memory, on one core and on all.

Run as a process of its own with one BLAS thread, so that the threads are ours alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from benchmarks.peers.base import cores
from benchmarks.peers.pool import environment
from benchmarks.peers.workloads import Workload

SIZE = 768
"""Rows of the square matrices: three of them fit in the L2 cache or nearly so."""
ENTRIES = 24 * 2**20
"""Entries of each vector: far beyond any cache."""
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Limits:
    """Floating-point operations of float32 products and bytes to and from memory, each second."""

    product_one: float
    product_all: float
    memory_one: float
    memory_all: float

    def share(self, work: Workload, seconds: float) -> tuple[float, str]:
        """How much of the limit that binds a step is reached, and which one that is."""
        product = work.operations() / self.product_all
        memory = work.traffic() / self.memory_all
        longest, name = max((product, "products"), (memory, "memory"))
        return longest / seconds, name


def product_task(size: int = SIZE) -> tuple[Callable[[], object], float]:
    """A product of square matrices and its operations."""
    rng = np.random.default_rng(0)
    a, b = (rng.random((size, size), dtype=np.float32) for _ in "ab")
    out = np.empty_like(a)
    return lambda: np.dot(a, b, out), 2.0 * size**3


def triad_task() -> tuple[Callable[[], object], float]:
    """c = a + b on vectors that no cache holds, and the bytes read and written."""
    a, b, c = (np.ones(ENTRIES, np.float32) for _ in "abc")
    return lambda: np.add(a, b, c), 3.0 * a.nbytes


def rate(task: Callable[[], tuple[Callable[[], object], float]], threads: int) -> float:
    """The best rate that so many threads reach together, each with arrays of its own."""
    tasks = [task() for _ in range(threads)]

    def repeat(call: Callable[[], object], times: int) -> None:
        for _ in range(times):
            call()

    with ThreadPoolExecutor(threads) as pool:

        def seconds(times: int) -> float:
            began = time.perf_counter()
            list(pool.map(lambda t: repeat(t[0], times), tasks))
            return time.perf_counter() - began

        times = max(1, int(0.1 / seconds(1)))
        best = min(seconds(times) for _ in range(5))
    return times * sum(amount for _, amount in tasks) / best


def now(settling: float = 0.03, span: float = 0.04) -> float:
    """The rate of products on all cores together at this moment.

    The first ``settling`` seconds don't count, which a system may need to spread the threads.
    """
    tasks = [product_task(SIZE // 2) for _ in range(cores())]
    start = time.perf_counter() + settling

    def reached(task: tuple[Callable[[], object], float]) -> float:
        call, amount = task
        while time.perf_counter() < start:
            call()
        began, done = time.perf_counter(), 0
        while time.perf_counter() < start + span:
            call()
            done += 1
        return done * amount / (time.perf_counter() - began)

    with ThreadPoolExecutor(len(tasks)) as pool:
        return sum(pool.map(reached, tasks))


def passing(entries: int = 2**18, times: int = 40) -> float:
    """The bytes a second that each core gets from another, which has just written them."""
    count = cores()
    own, read = ([np.zeros(entries, np.float32) for _ in range(count)] for _ in range(2))
    together = threading.Barrier(count)

    def pass_on(i: int) -> float:
        began = 0.0
        for k in range(times):
            if k == times // 2:  # by then the threads are spread over the cores
                began = time.perf_counter()
            np.add(own[i], 1, own[i])
            together.wait()
            np.add(own[(i + 1) % count], 1, read[i])
            together.wait()
        return time.perf_counter() - began

    with ThreadPoolExecutor(count) as pool:
        longest = max(pool.map(pass_on, range(count)))
    return (times - times // 2) * own[0].nbytes / longest


def measured() -> Limits:
    """Measure in a fresh process."""
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.peers.limits"],
        check=True,
        capture_output=True,
        text=True,
        env=environment(ONE_THREAD),
    ).stdout
    return Limits(**json.loads(told))


def best(found: list[Limits]) -> Limits:
    """The most of several looks: noise only takes away."""
    names = ("product_one", "product_all", "memory_one", "memory_all")
    return Limits(**{name: max(getattr(one, name) for one in found) for name in names})


def main() -> None:
    found = {
        f"{name}_{many}": rate(task, threads)
        for name, task in (("product", product_task), ("memory", triad_task))
        for many, threads in (("one", 1), ("all", cores()))
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
