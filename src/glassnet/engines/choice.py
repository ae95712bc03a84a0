"""Which engine runs: what was asked for, what is installed, and whether it is worth it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from glassnet import config

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


def is_worth(engine: str | None, kernels: Sequence[str], seconds: float) -> bool:
    """Whether a run that would take NumPy so many seconds is worth the kernels it needs.

    The estimate is made of operations and bytes, never of a timing. Kernels that stand in the
    cache cost nothing.
    """
    if (engine or config.engine()) == "native":
        return True
    from glassnet.engines.native import compiler

    missing = compiler.missing(kernels)
    return not missing or seconds > 2 * compiler.compile_time_estimate(missing)
