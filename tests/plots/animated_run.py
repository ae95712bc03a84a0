"""A recorded XOR run, animated: `python animated_run.py FILE EPOCHS FRAMES`; prints its memory.

Run as a process of its own by test_animation and by benchmarks/animation.py: the memory of a
process is the most it ever had.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import glassnet as gn


def main(path: str, epochs: int, frames: int) -> None:
    (x, y), _ = gn.datasets.xor.load_data()
    gn.utils.set_random_seed(7)
    model = gn.Sequential(
        [gn.Input((2,)), gn.layers.Dense(4, "tanh"), gn.layers.Dense(1, "sigmoid")]
    )
    model.compile(gn.optimizers.Adam(0.03), "binary_crossentropy")
    recorder = gn.callbacks.Recorder(watch=x, max_frames=frames)
    model.fit(x, y, epochs=epochs, verbose=0, callbacks=[recorder])
    gn.plots.animate(recorder, path, "boundary", (x, y))
    print(len(recorder), peak())


def peak() -> float:
    """Return the most memory that this process had, in megabytes.

    Linux hands getrusage's figure on from the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(li for li in status.read_text().splitlines() if li.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (1e6 if sys.platform == "darwin" else 1e6 / 1024)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
