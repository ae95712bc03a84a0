"""Fresh processes: what `import glassnet` takes, and how soon `fit` is done.

Each figure is the median of several processes, the kinds in turn. With a warm cache the compiled
kernels of an earlier process are found; with a cold one the cache directory is empty.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from benchmarks.peers.pool import PeerFailed, environment
from benchmarks.peers.with_glassnet import GlassnetNative, engine_argument, network
from benchmarks.peers.worker import peak_memory
from benchmarks.peers.workloads import WORKLOADS

HIDE_NUMBA = "import sys; sys.modules['numba'] = None; "
IMPORTS = {
    "Python alone": "pass",
    "import numpy": "import numpy",
    "import glassnet, with Numba installed": "import glassnet",
    "import glassnet, without Numba": HIDE_NUMBA + "import glassnet",
}
RUNS = (
    # row, steps an epoch, epochs
    ("xor-1", 1, 1),
    ("xor-1", 1, 1000),
    ("784-128-10", 1, 1),
    ("784-128-10", 100, 1),
)
WARMTHS = (("numpy", "no cache"), ("native", "warm"), ("auto", "warm"), ("auto", "cold"),
           ("native", "cold"))  # fmt: skip


@dataclass
class Start:
    """One kind of run: seconds of `fit` and most memory of each process."""

    row: str
    steps: int
    epochs: int
    engine: str
    cache: str
    seconds: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)


def _child(arguments: list[str], changes: dict[str, str]) -> tuple[str, float]:
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=environment(changes)
    )
    took = time.perf_counter() - began
    if done.returncode:
        raise PeerFailed(done.stderr[-2000:])
    return done.stdout, took


def measure_imports(repeats: int) -> dict[str, float]:
    """Seconds of a process that imports, less those of one that does nothing."""
    times: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for i in range(repeats + 1):
        for name, script in IMPORTS.items():
            took = _child(["-c", script], {})[1]
            if i:  # the first look fills the caches of the disk
                times[name].append(took)
    bare = times.pop("Python alone")
    return {
        name: statistics.median(a - b for a, b in zip(found, bare, strict=True))
        for name, found in times.items()
    }


def numba_stays_out() -> bool:
    """Whether `import glassnet` leaves Numba for later."""
    script = "import sys, glassnet; print('numba' in sys.modules)"
    return _child(["-c", script], {})[0].strip() == "False"


def kinds() -> list[Start]:
    """The runs that can be made here: without a native engine those on NumPy only."""
    native = not GlassnetNative.missing()
    return [
        Start(row, steps, epochs, engine, cache)
        for row, steps, epochs in RUNS
        for engine, cache in WARMTHS
        if native or engine == "numpy"
    ]


def measure_starts(repeats: int, say: Callable[[str], None]) -> list[Start]:
    """Train in fresh processes, all kinds in turn, the warm cache filled before."""
    with tempfile.TemporaryDirectory() as warm:
        found = [start for start in kinds() if _works(start, warm, say)]
        for _ in range(repeats):
            for start in found:
                with tempfile.TemporaryDirectory() as cold:
                    told = _trained(start, warm if start.cache == "warm" else cold)
                start.seconds.append(told["seconds"])
                start.memory.append(told["bytes"])
    for start in found:
        say(f"{start.row}, {start.epochs} × {start.steps} steps, {start.engine}, {start.cache}: "
            f"{statistics.median(start.seconds):.3f} s")  # fmt: skip
    return found


def _works(start: Start, cache: str, say: Callable[[str], None]) -> bool:
    """Try it once, which fills the warm cache; `auto` alone may think the kernels too dear."""
    try:
        for engine in dict.fromkeys(("native" if start.cache == "warm" else start.engine,
                                     start.engine)):  # fmt: skip
            _trained(replace(start, engine=engine), cache)
    except PeerFailed as failure:
        say(f"{start.row}, {start.engine}: {failure}")
        return False
    return True


def _trained(start: Start, cache: str) -> dict[str, float]:
    order = [start.row, str(start.steps), str(start.epochs), start.engine]
    changes = {"GLASSNET_CACHE_DIR": cache}
    return json.loads(_child(["-m", "benchmarks.peers.start", *order], changes)[0])


def main() -> None:
    """The fresh process: train, and tell how long `fit` took."""
    row, steps, epochs, engine = sys.argv[1:]
    work = WORKLOADS[row]
    x, y = work.data()
    few = int(steps) * work.batch
    x, y = x[:few], y[:few]
    model = network(work, engine)
    began = time.perf_counter()
    model.fit(x, y, batch_size=work.batch, epochs=int(epochs), verbose=0)
    took = time.perf_counter() - began
    print(json.dumps({"seconds": took, "bytes": peak_memory(), **engine_argument(engine)}))


if __name__ == "__main__":
    main()
