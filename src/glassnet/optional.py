"""Libraries that are imported where they are used, and may be missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def optional_module(name: str, purpose: str, extra: str) -> Any:
    """Return a module of a library that glassnet does without until it is needed.

    Args:
        name: the module, ``"scipy.optimize"``.
        purpose: what it is for, as the beginning of a sentence: ``"Line searches come from
            SciPy"``.
        extra: the extra of glassnet that brings it.

    Raises:
        ImportError: where it is missing, with the command that brings it.

    >>> optional_module("no_such_library.part", "Dreams come from a library", "dreams")
    Traceback (most recent call last):
    ImportError: Dreams come from a library, which is not installed: pip install "glassnet[dreams]"
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f'{purpose}, which is not installed: pip install "glassnet[{extra}]"'
        ) from error
