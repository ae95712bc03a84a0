"""``glassnet train NAME --report``."""

from __future__ import annotations

import hashlib
import html
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet.cli.main import main
from glassnet.cli.recipes import RECIPES


def test_the_report_tells_what_the_saved_model_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "iris", "--epochs", "5", "--seed", "3", "--quiet", "--report"]) == 0
    assert "The report: iris.html" in capsys.readouterr().out
    page = Path("iris.html").read_text(encoding="utf-8")
    (x_train, y_train), (x, y) = RECIPES["iris"].load()
    saved = gn.load("iris.safetensors")
    results = saved.evaluate(x, y, verbose=0, return_dict=True)
    for value in results.values():
        assert f'<data value="{value!r}">' in page
    assert "glassnet train iris --seed 3 --epochs 5 --report" in page
    assert "versicolor" in page
    assert "petal_length" in page
    assert 'class="note"' not in page
    found = re.search('aria-label="The program"><code>(.*?)</code>', page, re.DOTALL)
    assert found is not None
    program = html.unescape(found[1]).replace("epochs=5", "epochs=5, verbose=0")
    names: dict[str, Any] = {"x_train": x_train, "y_train": y_train, "x_test": x, "y_test": y}
    exec(program, names)
    for mine, told in zip(saved.get_weights(), names["model"].get_weights(), strict=True):
        np.testing.assert_array_equal(mine, told)


def test_the_same_run_gives_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    prints = []
    for name in ("a.html", "b.html"):
        arguments = ["train", "xor", "--epochs", "3", "--quiet", "--report", name]
        assert main(arguments) == 0
        prints.append(re.findall("<code>([0-9a-f]{64})</code>", Path(name).read_text("utf-8")))
    assert prints[0][0] == prints[1][0]  # of the weights
    file = hashlib.sha256(Path("xor.safetensors").read_bytes()).hexdigest()
    assert prints[1][1] == file


def test_a_wrong_path_is_told_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "xor", "--report", "no/such/place.html"]) == 1
    told = capsys.readouterr()
    assert "make it first" in told.err
    assert not told.out
    assert not list(tmp_path.iterdir())
