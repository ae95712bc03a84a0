"""``glassnet kernels``: the compiled kernels of the native engine on this machine."""

from __future__ import annotations

import math
import sys
import time
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path

from glassnet.engines.choice import native_is_there


def kernels(options: Namespace) -> int:
    """Tell which kernels are kept; compile those of ordinary networks, or remove all."""
    if not native_is_there():
        print('glassnet: the native engine is not installed: pip install "glassnet[fast]"',
              file=sys.stderr)  # fmt: skip
        return 1
    if options.clear:
        _clear()
    if options.compile:
        _compile()
    _tell()
    return 0


def _compile() -> None:
    from glassnet.engines.native import compiler
    from glassnet.models.ordinary import ordinary_kernels

    wanted = ordinary_kernels()
    missing = compiler.missing(wanted)
    if not missing:
        print(f"All {len(wanted)} kernels that ordinary networks need are compiled already.")
        return
    seconds = math.ceil(compiler.compile_time_estimate(missing))
    print(f"Compiling {len(missing)} of {len(wanted)} kernels that ordinary networks need: "
          f"about {seconds} s.", flush=True)  # fmt: skip
    began = time.perf_counter()
    compiler.addresses_of(missing)
    print(f"Compiled in {time.perf_counter() - began:.1f} s.")


def _clear() -> None:
    from glassnet.engines.native import cache, object_code

    with cache.store(object_code.machine()).held():
        count, size = _counted(cache.folders())
        cache.clear()
    print(f"Removed {_said(count, size)}.")


def _tell() -> None:
    from glassnet.engines.native import cache, object_code

    place = cache.root()
    if place is None:
        print("Kernels are kept nowhere: there is no home folder. Name one in GLASSNET_CACHE_DIR.")
        return
    print(f"Kernels are kept in {place}")
    store = cache.store(object_code.machine())
    folders = cache.folders()
    fitting = [folder for folder in folders if store.fits(folder)]
    print(f"For this machine and version: {_said(*_counted(fitting))}.")
    if len(fitting) < len(folders):
        others = _counted(folder for folder in folders if folder not in fitting)
        print(f"For others: {_said(*others)}; what nobody uses for {cache.UNUSED_DAYS} days goes.")


def _counted(folders: Iterable[Path]) -> tuple[int, int]:
    sizes = [file.stat().st_size for folder in folders for file in folder.glob("*.kernel")]
    return len(sizes), sum(sizes)


def _said(count: int, size: int) -> str:
    """Return a number of kernels and their bytes for people.

    >>> _said(1, 4000), _said(250, 3_210_000)
    ('1 kernel, 4 kB', '250 kernels, 3.2 MB')
    """
    amount = f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
    return f"{count} kernel{'s' if count != 1 else ''}, {amount}"
