"""Which engine runs: what was asked for, what is installed, and whether it is worth it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec

from glassnet import config

PLANNING_SECONDS = 3e-4
"""What planning costs for each node of a graph, about."""
GAIN = 2.0
"""How many times as long as compiling a run must take NumPy, so that compiling pays.

Natively it then takes less than half of that, and the estimates may be off by some.
"""
COLD_SECONDS = 6.0
"""The price of the kernels of a small network, where two cores compile them."""
_found: list[bool] = []


def native_is_there() -> bool:
    """Whether what the native engine needs is installed; nothing is imported."""
    if not _found:
        _found.append(all(find_spec(name) is not None for name in ("numba", "llvmlite", "scipy")))
    return _found[0]


def is_asked_for(engine: str | None) -> bool:
    """Whether the native engine is asked for, whatever it costs."""
    return (engine or config.engine()) == "native"


def wants_native(engine: str | None) -> bool:
    """Whether a model with this setting may run natively.

    Raises:
        ImportError: where ``"native"`` is asked for and its libraries are missing.
    """
    name = engine or config.engine()
    if name == "native" and not native_is_there():
        raise ImportError(
            "engine='native' runs kernels compiled by Numba, which is not installed: "
            'pip install "glassnet[fast]"'
        )
    return name == "native" or (name == "auto" and native_is_there())


def go_without(engine: str | None, error: Exception) -> None:
    """Note that the libraries are there and can't be used: ``"auto"`` goes on with NumPy.

    Raises:
        Exception: the error, where ``"native"`` is asked for.
    """
    if is_asked_for(engine):
        raise error
    _found[:] = [False]
    warnings.warn(
        f"Models run with NumPy, since the native engine can't be used: {error.__cause__ or error}",
        stacklevel=2,
    )


def may_be_worth(engine: str | None, nodes: int, seconds: float) -> bool:
    """Whether a run that would take NumPy so many seconds is worth a native plan of the graph.

    Where nothing was ever compiled on this machine, planning is spared too: the price would be
    that of all kernels.
    """
    if is_asked_for(engine):
        return True
    if seconds <= nodes * PLANNING_SECONDS:
        return False
    return seconds > COLD_SECONDS or _something_is_compiled()


@cache
def _something_is_compiled() -> bool:
    from glassnet.engines.native import compiler

    return not compiler.missing(["executor.run", "executor.cluster"])


def is_worth(engine: str | None, kernels: Sequence[str], nodes: int, seconds: float) -> bool:
    """Whether a run is worth the kernels that the plan needs, too.

    The estimate is made of operations and bytes, never of a timing.
    """
    return is_paid(engine, 0.0 if is_asked_for(engine) else price(kernels, nodes), seconds)


def is_paid(engine: str | None, needed: float, seconds: float) -> bool:
    """Whether what NumPy would take is more than what must be paid to run natively."""
    paid = is_asked_for(engine) or seconds > needed
    if paid:  # kernels will be compiled: shorter runs find them then
        _something_is_compiled.cache_clear()
    return paid


def price(kernels: Sequence[str], nodes: int) -> float:
    """Return the seconds that a run must cost NumPy, so that planning and compiling pay."""
    from glassnet.engines.native import compiler

    return nodes * PLANNING_SECONDS + GAIN * compiler.compile_time_estimate(kernels)
