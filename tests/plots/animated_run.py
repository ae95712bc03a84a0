"""A recorded XOR run, animated: `python animated_run.py FILE EPOCHS FRAMES`; prints its memory.

Run as a process of its own by test_animation and by benchmarks/animation.py: the memory of a
process is the most it ever had.
"""

from __future__ import annotations

import resource
import sys

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
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    megabytes = size / (1e6 if sys.platform == "darwin" else 1e6 / 1024)
    print(len(recorder), megabytes)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
