"""The pages under docs: their examples run, their links lead somewhere."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from glassnet.graph import OPS

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
FLAGS = doctest.NORMALIZE_WHITESPACE


def name(page: Path) -> str:
    return str(page.relative_to(DOCS))


@pytest.fixture(autouse=True)
def ops_as_before():
    before = dict(OPS)
    yield
    OPS.clear()
    OPS.update(before)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_examples_run(page: Path) -> None:
    blocks = re.findall(r"```python\n(>>> .*?)```", page.read_text(), flags=re.DOTALL)
    parsed = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, name(page), str(page), 0)
    told: list[str] = []
    result = doctest.DocTestRunner(optionflags=FLAGS).run(parsed, out=told.append)
    assert not result.failed, "".join(told)
    assert result.attempted > 20 or page.name != "graph.md"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    linked = re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    assert [link for link in linked if not (page.parent / link).exists()] == []


def test_every_decision_is_in_the_index() -> None:
    folder = DOCS / "decisions"
    index = (folder / "README.md").read_text()
    for page in folder.glob("0*.md"):
        number, title = page.name[:4], page.read_text().splitlines()[0]
        assert title.startswith(f"# {int(number)}. "), page.name
        assert f"({page.name})" in index, page.name
        assert "**Decided.**" in page.read_text(), page.name
