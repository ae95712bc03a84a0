"""Memory and time of a recorded and animated XOR run of 1,000 epochs.

    python -m benchmarks.animation

Each format in a process of its own; the memory is the most that the whole process ever had, with
Python, NumPy and Matplotlib. It is to stay under 200 MB.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from glassnet.plots.video import ffmpeg

SCRIPT = Path(__file__).parents[1] / "tests" / "plots" / "animated_run.py"
EPOCHS, MOST_FRAMES, MOST_MEGABYTES = 1000, 200, 200


def formats() -> list[str]:
    try:
        ffmpeg()
    except FileNotFoundError:
        return ["gif", "html"]
    return ["gif", "html", "mp4"]


def main() -> None:
    print(f"XOR, {EPOCHS} epochs, decision boundary")
    for ending in formats():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"xor.{ending}")
            began = time.perf_counter()
            command = [sys.executable, str(SCRIPT), str(path), str(EPOCHS), str(MOST_FRAMES)]
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            took = time.perf_counter() - began
            frames, megabytes = told.split()
            print(
                f"{ending:5} {frames} frames  {float(megabytes):6.1f} MB of memory  "
                f"{took:5.1f} s  {path.stat().st_size / 1e6:5.2f} MB of file"
            )
            if float(megabytes) >= MOST_MEGABYTES:
                raise SystemExit(f"{ending}: {megabytes} MB are not under {MOST_MEGABYTES} MB")


if __name__ == "__main__":
    main()
