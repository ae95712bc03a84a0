"""From a kernel's name to its address in memory: compiled once per machine, loaded from then on.

Numba compiles a kernel where its object code is not in the cache, and is not imported else. What
this module keeps is written only when it is complete: an interrupt leaves nothing half made.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from glassnet.engines.choice import native_is_there
from glassnet.engines.native import cache as files
from glassnet.engines.native import object_code, sharing
from glassnet.engines.native.interrupts import PutOff

SECONDS_TO_START = 0.6
"""What the import of Numba and its first compilation cost beyond the kernels."""
SECONDS_PER_KERNEL = 0.25
"""What a kernel costs, about, on a core of a Zen 4 server."""
SECONDS_OF_FAMILY = {
    **dict.fromkeys(("elementwise", "loops", "tiles"), 0.04),
    **dict.fromkeys(("softmax", "indexing"), 0.12),
    **dict.fromkeys(("products", "normal"), 0.6),
}
"""What a kernel costs in families that differ from the others."""
SECONDS_WORTH_SHARING = 1.5
"""From so many seconds of work on, another process compiles some of the kernels."""

_addresses: dict[str, int] = {}
_lock = threading.RLock()
_log = logging.getLogger("glassnet")


def address_of(kernel: str) -> int:
    """Return the address of ``"family.template:f4:f4"``, compiled where it never was before.

    Raises:
        ImportError: where it must be compiled and Numba is not installed.
    """
    known = _addresses.get(kernel)
    return addresses_of([kernel])[0] if known is None else known


def addresses_of(kernels: Sequence[str]) -> list[int]:
    """Return the addresses of kernels, found and compiled together."""
    if not all(kernel in _addresses for kernel in kernels):
        with _lock:
            _provide([kernel for kernel in dict.fromkeys(kernels) if kernel not in _addresses])
    return [_addresses[kernel] for kernel in kernels]


def missing(kernels: Iterable[str]) -> list[str]:
    """Return the kernels that would have to be compiled; Numba is not imported to find out."""
    wanted = [kernel for kernel in dict.fromkeys(kernels) if kernel not in _addresses]
    if not wanted or not native_is_there() or files.nothing_kept(wanted):
        return wanted
    present = files.store(object_code.machine()).present(wanted)
    return [kernel for kernel in wanted if kernel not in present]


def compile_time_estimate(kernels: Iterable[str]) -> float:
    """Return about how many seconds the kernels that are missing would take to compile."""
    wanted = missing(kernels)
    if not wanted:
        return 0.0
    start = 0.0 if "numba.core.compiler" in sys.modules else SECONDS_TO_START
    work = sum(map(_seconds_of, wanted))
    others = _others_for(work) if files.root() else 0
    return start + (work + SECONDS_TO_START * others) / (1 + others)


def _seconds_of(kernel: str) -> float:
    return SECONDS_OF_FAMILY.get(files.family_of(kernel), SECONDS_PER_KERNEL)


def _others_for(seconds: float) -> int:
    """Return how many other processes are worth it for so many seconds of work."""
    if seconds < SECONDS_WORTH_SHARING or not sharing.can_share():
        return 0
    from glassnet.engines.native.crew import cores

    return min(cores() - 1, sharing.MOST, int(seconds / SECONDS_WORTH_SHARING))


def python_function(kernel: str) -> tuple[Any, int]:
    """Return the Python function behind a kernel's name, and how many integers it takes."""
    path, *codes = kernel.split(":")
    family, template = path.split(".")
    module = importlib.import_module(f"glassnet.engines.native.kernels.{family}")
    read = getattr(module, "read", np.dtype)
    function = getattr(module, template)(*map(read, codes))
    return function, getattr(module, "SIGNATURES", {}).get(template, module.ARGUMENTS)


def _provide(kernels: list[str]) -> None:
    """Load kernels from the cache, compile those that it lacks, and take note of the addresses."""
    store = files.store(object_code.machine())
    lacking = _load(store, kernels)
    if not lacking:
        return
    with store.held():
        # Another process may have compiled them while this one waited.
        lacking = _load(store, lacking)
        if lacking:
            _log.info("glassnet compiles %d kernels, once for this machine", len(lacking))
            _make(store, lacking)


def _make(store: files.Store, kernels: list[str]) -> None:
    """Compile kernels, the longest work first, and take note of the addresses."""

    def keep(kernel: str, code: bytes) -> None:
        with PutOff():
            _addresses.update(object_code.link({kernel: code}))
            store.write(kernel, code)

    def make(kernel: str) -> None:
        with _undisturbed():
            keep(kernel, compiled(kernel))

    ordered = sorted(kernels, key=_seconds_of, reverse=True)
    others = _others_for(sum(map(_seconds_of, kernels))) if store.keeps else 0
    with sharing.shared(ordered, others) as work:
        work.finish(make, keep)


def _load(store: files.Store, kernels: list[str]) -> list[str]:
    """Link what the cache has; return the kernels that it lacks, or has of no use."""
    codes = {kernel: store.read(kernel) for kernel in kernels}
    found = {kernel: code for kernel, code in codes.items() if code is not None}
    if not found:
        return kernels
    try:
        _addresses.update(object_code.link(found))
    except RuntimeError as error:
        _log.info("glassnet compiles kernels anew, since they can't be linked: %s", error)
        return kernels
    return [kernel for kernel in kernels if kernel not in found]


def compiled(kernel: str) -> bytes:
    """Return the object code of a kernel, made by Numba."""
    try:
        with warnings.catch_warnings(), object_code.numba():
            warnings.simplefilter("ignore")
            return object_code.emit(kernel, *python_function(kernel))
    except ImportError:
        raise
    except Exception as error:
        error.add_note(f"glassnet was compiling the kernel {kernel!r}.")
        raise


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Put off an interrupt and the collection of garbage to the end of the block.

    Numba and LLVM keep tables that an interrupt would leave half written. The collector finds
    nothing in Numba's many objects while they are made, and costs a tenth of the time.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        with PutOff():
            yield
    finally:
        if collecting:
            gc.enable()


_held_for_fork: list[bool] = []


def _before_fork() -> None:
    # A child must not inherit Numba and LLVM in the middle of a change that another thread makes.
    _held_for_fork.append(_lock.acquire(timeout=30))


def _after_fork_in_parent() -> None:
    if _held_for_fork.pop():
        _lock.release()


def _after_fork_in_child() -> None:
    global _lock
    _held_for_fork.clear()
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
