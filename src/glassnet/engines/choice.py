"""Which engine runs: what was asked for, what is installed, and whether it is worth it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from glassnet import config

PLANNING_SECONDS = 3e-4
"""What planning costs for each node of a graph, about."""
_found: list[bool] = []


def native_is_there() -> bool:
    """Whether what the native engine needs is installed; nothing is imported."""
    if not _found:
        _found.append(all(find_spec(name) is not None for name in ("numba", "llvmlite", "scipy")))
    return _found[0]


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


def may_be_worth(engine: str | None, nodes: int, seconds: float) -> bool:
    """Whether a run that would take NumPy so many seconds is worth a native plan of the graph."""
    return (engine or config.engine()) == "native" or seconds > nodes * PLANNING_SECONDS


def is_worth(engine: str | None, kernels: Sequence[str], nodes: int, seconds: float) -> bool:
    """Whether it is worth the kernels that the plan needs, too; those in the cache cost nothing.

    The estimate is made of operations and bytes, never of a timing.
    """
    if (engine or config.engine()) == "native":
        return True
    return seconds > price(kernels, nodes)


def price(kernels: Sequence[str], nodes: int) -> float:
    """Return the seconds that a run must cost NumPy, so that planning and compiling pay."""
    from glassnet.engines.native import compiler

    missing = compiler.missing(kernels)
    cost = compiler.compile_time_estimate(missing) if missing else 0.0
    return nodes * PLANNING_SECONDS + 2 * cost
