"""The pages of docs/derivations are what the library says today."""

from __future__ import annotations

import runpy
from functools import cache
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "derivations"


@cache
def pages() -> dict[Path, str]:
    """What the library says, made once and only where it is asked for."""
    return dict(runpy.run_path(str(FOLDER / "build.py"))["pages"]())


def kept() -> list[Path]:
    """The pages that lie there."""
    found = (p for p in FOLDER.iterdir() if p.suffix in (".md", ".html", ".tex", ".txt"))
    return sorted(set(found) - {FOLDER / "README.md"})


@pytest.mark.parametrize("path", kept(), ids=lambda p: p.name)
def test_the_page_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == pages()[path], "run `make docs`"


def test_every_page_is_there_and_there_is_none_that_nothing_makes() -> None:
    assert kept() == sorted(pages()), "run `make docs`"
