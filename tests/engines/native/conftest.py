"""What several tests of the native engine begin with."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, in a process that has loaded no kernels."""
    from glassnet.engines.native import compiler

    monkeypatch.setenv("GLASSNET_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(compiler, "_addresses", {})
    return tmp_path / "kernels"
