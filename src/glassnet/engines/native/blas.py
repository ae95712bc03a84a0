"""BLAS by address: the matrix products of SciPy's library, called from compiled code.

Its own threads cost more than they give at the sizes of a network, so the engine pins the library
to one thread while it runs and divides the work itself.
"""

from __future__ import annotations

import ctypes
import functools
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_addresses: dict[str, int] = {}


def address_of(routine: str) -> int:
    """Return the address of a Fortran routine, ``"sgemm"`` or ``"dgemm"``."""
    if routine not in _addresses:
        _addresses[routine] = _look_up(routine)
    return _addresses[routine]


def _look_up(routine: str) -> int:
    from scipy.linalg import cython_blas

    capsule = cython_blas.__pyx_capi__[routine]
    get_name = ctypes.pythonapi.PyCapsule_GetName
    get_name.restype, get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return int(pointer(capsule, get_name(capsule)))


@dataclass(frozen=True)
class Threads:
    """How a library says, and is told, on how many threads it runs."""

    library: str
    get: Callable[[], int]
    set: Callable[[int], Any]


# OpenBLAS as SciPy builds it, as distributions do, with 64-bit sizes; then Intel's MKL.
_NAMES = (
    ("scipy_openblas_get_num_threads", "scipy_openblas_set_num_threads"),
    ("openblas_get_num_threads", "openblas_set_num_threads"),
    ("scipy_openblas_get_num_threads64_", "scipy_openblas_set_num_threads64_"),
    ("openblas_get_num_threads64_", "openblas_set_num_threads64_"),
    ("MKL_Get_Max_Threads", "MKL_Set_Num_Threads"),
)


@functools.cache
def threads() -> Threads | None:
    """Return the switch of the library behind ``address_of``; None where it has none we know."""
    for library in _libraries():
        for get_name, set_name in _NAMES:
            get, put = getattr(library, get_name, None), getattr(library, set_name, None)
            if get is not None and put is not None:
                get.restype, get.argtypes = ctypes.c_int, []
                put.restype, put.argtypes = None, [ctypes.c_int]
                return Threads(set_name, get, put)
    return None


def _libraries() -> Iterator[ctypes.CDLL]:
    """Yield SciPy's module, whose symbols include those of the library that it is linked to.

    On Windows a module shows its own symbols alone; there the library lies in SciPy's wheel.
    """
    import scipy
    from scipy.linalg import cython_blas

    places = [Path(cython_blas.__file__)]
    places += sorted((Path(scipy.__file__).parent.parent / "scipy.libs").glob("*openblas*.dll"))
    for place in places:
        try:
            yield ctypes.CDLL(str(place))
        except OSError:
            continue


class Pin:
    """Counts who wants one thread; the first pins, the last restores."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._switch: Threads | None = None
        self._before = 1

    def forget(self) -> None:
        """In a forked child nobody pins: the threads that did live in the parent."""
        self._lock = threading.Lock()
        if self._switch is not None and self._before != 1:
            self._switch.set(self._before)
        self._users, self._switch = 0, None

    def __enter__(self) -> None:
        with self._lock:
            # Who has no address of BLAS can't call it: nothing to pin, SciPy not even imported.
            if self._switch is None and _addresses and (switch := threads()) is not None:
                self._before, self._switch = switch.get(), switch
                if self._before != 1:
                    switch.set(1)
            self._users += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._switch is not None:
                if self._before != 1:
                    self._switch.set(self._before)
                self._switch = None


_pin = Pin()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pin.forget)


def single_threaded() -> Pin:
    """Return a context within which BLAS runs on one thread: for all threads, free to be nested.

    The library is as it was before when the last one has left.
    """
    return _pin
