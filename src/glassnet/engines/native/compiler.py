"""From a kernel's name to its address in memory."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

_addresses: dict[str, int] = {}
_kept: list[Any] = []


def address_of(kernel: str) -> int:
    """Return the address of ``"family.template:f4:f4"``, compiled on first use."""
    if kernel not in _addresses:
        _addresses[kernel] = _compile(kernel)
    return _addresses[kernel]


def python_function(kernel: str) -> tuple[Any, int]:
    """Return the Python function behind a kernel's name, and how many integers it takes."""
    path, *codes = kernel.split(":")
    family, template = path.split(".")
    module = importlib.import_module(f"glassnet.engines.native.kernels.{family}")
    function = getattr(module, template)(*map(np.dtype, codes))
    return function, getattr(module, "SIGNATURES", {}).get(template, module.ARGUMENTS)


def _compile(kernel: str) -> int:
    from numba import cfunc, types

    function, count = python_function(kernel)
    made = cfunc(types.void(*[types.int64] * count), error_model="numpy")(function)
    _kept.append(made)
    return int(made.address)
