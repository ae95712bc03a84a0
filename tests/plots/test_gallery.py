"""The gallery page lists exactly the pictures that there are; each is small and can be drawn."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from thorough import thorough

BUILD = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "gallery" / "build.py"))
PICTURES = BUILD["pictures"]()
PAGE: Path = BUILD["PAGE"]
QUICK = [name for module in BUILD["families"]() for name in getattr(module, "QUICK", ())]
LENGTHY = ("watching_strip", "descent_himmelblau")
"""Those of the quick ones that take seconds, drawn with ``--thorough``."""


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == BUILD["page"](), "run: python docs/gallery/build.py"


def test_the_page_shows_every_picture_and_no_other() -> None:
    shown = re.findall(r"!\[[^\]]+\]\(gallery/([^)]+)\.(?:png|svg|gif)\)", PAGE.read_text())
    assert shown == list(PICTURES)
    files = {p.stem for p in PAGE.with_suffix("").iterdir() if p.suffix in (".png", ".svg", ".gif")}
    assert files == set(PICTURES)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_small(name: str) -> None:
    path = BUILD["file_of"](name)
    assert 2_000 < path.stat().st_size < (300_000 if path.suffix == ".gif" else 80_000)


@pytest.mark.parametrize("name", [thorough(n) if n in LENGTHY else n for n in QUICK])
def test_pictures_are_drawn(name: str) -> None:
    ending, content = BUILD["drawn"](PICTURES[name])
    begins = {".png": b"\x89PNG", ".svg": b"<", ".gif": b"GIF8"}
    assert content.lstrip().startswith(begins[ending])


def test_the_code_on_the_page_is_the_function_without_its_docstring() -> None:
    def example() -> str:
        """A title.

        What is seen.
        """
        return "<svg/>"

    assert BUILD["code_of"](example) == 'def example():\n    return "<svg/>"'


def test_what_is_no_picture_is_told() -> None:
    with pytest.raises(TypeError, match="expected a figure, axes"):
        BUILD["drawn"](lambda: 3)
