"""``glassnet kernels``: what is kept, what is compiled ahead, what is removed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("numba", reason="the native engine needs Numba")

from glassnet.cli.kernels import _said
from glassnet.cli.main import main
from glassnet.cli.recipes import RECIPES
from glassnet.engines import choice
from glassnet.engines.native import cache, compiler
from glassnet.models import ordinary as networks
from glassnet.models.data import source_of
from glassnet.models.native import kernels_of

WANTED = ["movement.count_up:i8", "movement.zero"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GLASSNET_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(compiler, "_addresses", {})
    monkeypatch.setattr(networks, "ordinary_kernels", lambda: WANTED)
    return tmp_path / "kernels"


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["kernels", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def files(place: Path) -> list[Path]:
    return sorted(place.glob("*/*.kernel"))


def test_kernels_are_listed_compiled_and_removed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept_in = f"Kernels are kept in {place}"
    assert said(capsys) == [kept_in, "For this machine and version: 0 kernels, 0 kB."]
    assert not place.exists()  # to look makes nothing
    begun, ended, *rest = said(capsys, "--compile")
    assert begun.startswith("Compiling 2 of 2 kernels that ordinary networks need: about ")
    assert re.fullmatch(r"Compiled in \d+\.\d s\.", ended)
    size = sum(file.stat().st_size for file in files(place))
    there = [kept_in, f"For this machine and version: {_said(2, size)}."]
    assert rest == there
    assert len(files(place)) == 2
    ready, *rest = said(capsys, "--compile")
    assert ready == "All 2 kernels that ordinary networks need are compiled already."
    assert rest == there
    assert said(capsys, "--clear")[0] == f"Removed {_said(2, size)}."
    assert files(place) == []


def test_those_of_other_versions_are_told_apart(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compiler.address_of(WANTED[0])
    (own,) = files(place)
    other = place / f"movement-{'0' * 20}-{'1' * 20}"
    other.mkdir()
    (other / "movement.zero.kernel").write_bytes(bytes(2000))
    notes = place / "notes"
    notes.mkdir()
    (notes / "a.kernel").write_text("not ours")
    lines = said(capsys)
    assert lines[1] == f"For this machine and version: {_said(1, own.stat().st_size)}."
    assert lines[2].startswith("For others: 1 kernel, 2 kB;")
    assert said(capsys, "--clear")[0].startswith("Removed 2 kernels, ")
    assert [file.parent.name for file in files(place)] == ["notes"]


def test_no_engine_and_no_place(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "root", lambda: None)
    (line,) = said(capsys)
    assert "GLASSNET_CACHE_DIR" in line
    monkeypatch.setattr(choice, "_found", [False])
    assert main(["kernels", "--compile"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert 'pip install "glassnet[fast]"' in captured.err


@pytest.fixture(scope="module")
def ordinary() -> set[str]:
    return set(networks.ordinary_kernels())


@pytest.mark.parametrize("name", ["mnist", "spirals", "iris"])
def test_the_built_in_problems_are_ready_then(name: str, ordinary: set[str]) -> None:
    recipe = RECIPES[name]
    (x, y), _ = recipe.load()
    model = recipe.compiled(x, recipe.epochs, recipe.batch_size)
    source = source_of(x, y, batch_size=recipe.batch_size, shuffle=True)
    assert set(kernels_of(model, source, training=True)) <= ordinary
    assert set(kernels_of(model, source, training=False)) <= ordinary
