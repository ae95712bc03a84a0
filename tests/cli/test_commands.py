"""The command ``glassnet``: what it prints, what it writes, how it fails."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import glassnet as gn
from glassnet.callbacks import CallbackList
from glassnet.cli.main import main
from glassnet.cli.recipes import RECIPES
from glassnet.cli.show import confusion_table, picture, pictures_in_a_row
from glassnet.cli.train import Milestones

FETCHED = {"mnist-full", "fashion-mnist"}


def test_xor_is_learned_judged_and_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "xor.safetensors"
    assert main(["train", "xor", "--save", str(file)]) == 0
    text = capsys.readouterr().out
    assert "accuracy 100.00%" in text
    assert "Confusion matrix" in text
    assert f"Saved as {file}" in text
    assert text.count("\nEpoch") < 20  # 600 epochs are told in a dozen lines
    model = gn.load(file)
    chances = model.predict(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), verbose=0)
    np.testing.assert_array_equal(chances.ravel() > 0.5, [False, True, True, False])


def test_who_reads_milestones_is_told_of_other_waits_too() -> None:
    model = gn.Sequential([gn.layers.Dense(1)])
    assert CallbackList([Milestones(40)], model, {"verbose": 0}).tells
    assert not CallbackList([gn.callbacks.History()], model, {"verbose": 0}).tells
    assert CallbackList([gn.callbacks.History()], model, {"verbose": 1}).tells


def test_same_seed_same_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        main(["train", "iris", "--epochs", "2", "--seed", "3", "--quiet",
              "--save", str(tmp_path / f"{name}.safetensors")])  # fmt: skip
    a, b = (gn.load(tmp_path / f"{name}.safetensors").get_weights() for name in ("a", "b"))
    for p, q in zip(a, b, strict=True):
        np.testing.assert_array_equal(p, q)


def test_digits_are_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = RECIPES["mnist"]
    (x, y), (x_test, y_test) = recipe.load()
    assert (len(x), len(x_test)) == (8000, 2000)
    few = replace(recipe, load=lambda: ((x[:300], y[:300]), (x_test[:60], y_test[:60])))
    monkeypatch.setitem(RECIPES, "mnist", few)
    file = str(tmp_path / "d.safetensors")
    assert main(["train", "mnist", "--epochs", "1", "--save", file]) == 0
    text = capsys.readouterr().out
    assert "300 examples to learn from, 60 held out" in text
    assert "Worst judged" in text
    assert "█" in text
    assert main(["summary", file]) == 0
    assert "conv2d" in capsys.readouterr().out


@pytest.mark.parametrize("name", sorted(set(RECIPES) - FETCHED - {"mnist", "xor"}))
def test_every_problem_trains(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "m.safetensors")
    assert main(["train", name, "--epochs", "1", "--quiet", "--save", file]) == 0
    assert "On the held-out examples" in capsys.readouterr().out


def test_predict_reads_tables_and_arrays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(3, kernel_initializer="ones")])
    file = str(tmp_path / "m.safetensors")
    model.save(file)
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", x=x)
    (tmp_path / "x.csv").write_text("a,b\n1,2\n3,4\n")
    for name in ("x.npy", "x.npz", "x.csv"):
        assert main(["predict", file, str(tmp_path / name)]) == 0
        assert capsys.readouterr().out == "3,3,3\n7,7,7\n"
    assert main(["predict", file, str(tmp_path / "x.npy"), "--classes"]) == 0
    assert capsys.readouterr().out == "0\n0\n"


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda p: p.write_text("1,two\n3,4\n5,6\n"), "row 1, column 2 is no number"),
        (lambda p: p.write_text("1,2,3\n4,5,6\n"), r"expected \(m, 2\); got \(2, 3\)"),
    ],
)
def test_bad_tables_are_told(write, message: str, tmp_path, capsys) -> None:
    model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(3)])
    file = str(tmp_path / "m.safetensors")
    model.save(file)
    write(tmp_path / "x.csv")
    assert main(["predict", file, str(tmp_path / "x.csv")]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.search(message, captured.err)


def test_missing_and_foreign_files_are_told(tmp_path, capsys) -> None:
    assert main(["summary", str(tmp_path / "none.safetensors")]) == 1
    assert "none.safetensors" in capsys.readouterr().err
    (tmp_path / "bad.safetensors").write_bytes(b"PK\x03\x04not a model")
    assert main(["summary", str(tmp_path / "bad.safetensors")]) == 1
    assert capsys.readouterr().err.startswith("glassnet: ")


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["train", "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for name, recipe in RECIPES.items():
        assert name in text
        assert recipe.about.split(",")[0] in text


def test_an_unknown_problem_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["train", "minst"])
    assert ended.value.code == 2
    assert "mnist" in capsys.readouterr().err


def test_confusion_table() -> None:
    table = confusion_table(np.array([[3, 1], [0, 4]]), ("cat", "dog")).splitlines()
    assert table[1].split() == ["cat", "3", "1", "75.0%"]
    assert table[2].split() == ["dog", "·", "4", "100.0%"]


def test_pictures() -> None:
    image = np.zeros((28, 28))
    image[8:20, 10:18] = 1.0
    lines = picture(image)
    assert len(lines) == 14
    assert lines[0].strip() == ""
    assert lines[5].strip() == "█" * 8
    row = pictures_in_a_row([image[..., None], image], [["is 1"], ["is 2"]])
    assert row.splitlines()[0].count("█") == 16  # the blank margin is cut
    assert row.splitlines()[-1].split() == ["is", "1", "is", "2"]
