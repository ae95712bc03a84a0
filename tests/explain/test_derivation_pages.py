"""The pages of docs/derivations are what the library says today."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "derivations"
PAGES: dict[Path, str] = dict(runpy.run_path(str(FOLDER / "build.py"))["pages"]())


@pytest.mark.parametrize("path", sorted(PAGES), ids=lambda p: p.name)
def test_the_page_is_up_to_date(path: Path) -> None:
    assert path.exists(), "run `make docs`"
    assert path.read_text(encoding="utf-8") == PAGES[path], "run `make docs`"


def test_there_is_no_page_that_nothing_makes() -> None:
    kept = {p for p in FOLDER.iterdir() if p.suffix in (".md", ".html", ".tex", ".txt")}
    assert kept - {FOLDER / "README.md"} == set(PAGES)
