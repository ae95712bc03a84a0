"""Lowering rules, a family of ops a file; loaded when the first plan is made."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence

from glassnet.engines.native.lowering.base import Blas, Kernel, Table, Word

_loaded: list[str] = []


def load() -> None:
    """Import every family, so that its rules are registered."""
    if not _loaded:
        _loaded.extend(m.name for m in pkgutil.iter_modules(__path__))
        for name in _loaded:
            importlib.import_module(f"{__name__}.{name}")


def kernels_in(words: Sequence[Word]) -> list[str]:
    """Return the kernels that words name."""
    found: list[str] = []
    for word in words:
        if isinstance(word, Kernel):
            found.append(word.name)
        elif isinstance(word, Table):
            found += kernels_in(word.words)
    return found


def calls_blas(words: Sequence[Word]) -> bool:
    """Whether words name a routine of BLAS."""
    return any(
        calls_blas(word.words) if isinstance(word, Table) else isinstance(word, Blas)
        for word in words
    )
