"""BLAS by address: the matrix products of SciPy's library, called from compiled code."""

from __future__ import annotations

import ctypes


def address_of(routine: str) -> int:
    """Return the address of a Fortran routine, ``"sgemm"`` or ``"dgemm"``."""
    from scipy.linalg import cython_blas

    capsule = cython_blas.__pyx_capi__[routine]
    get_name = ctypes.pythonapi.PyCapsule_GetName
    get_name.restype, get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return int(pointer(capsule, get_name(capsule)))
