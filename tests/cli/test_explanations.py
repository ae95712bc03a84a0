"""``glassnet explain`` and ``glassnet code``: what they print, write and refuse."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import glassnet as gn
from glassnet.cli.main import main


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(3, "tanh"), gn.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.save(tmp_path / "small.safetensors")
    return tmp_path / "small.safetensors"


def test_a_problem_in_the_courses_notation(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "xor", "--notation", "course"]) == 0
    told = capsys.readouterr().out
    assert "Z[1] = W[1] X + b[1]" in told
    assert "dW[2] = 1/m · dZ[2] A[1]ᵀ" in told


def test_a_saved_model(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(saved)]) == 0
    assert "dW[1] = Xᵀ dZ[1]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "mark"),
    [("html", "<math"), ("tex", r"\documentclass"), ("md", "$$"), ("text", "∈ ℝ")],
)
def test_formats(kind: str, mark: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "xor", "--format", kind]) == 0
    assert mark in capsys.readouterr().out


def test_the_ending_tells_the_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "page.html"
    assert main(["explain", "xor", "--output", str(path)]) == 0
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert str(path) in capsys.readouterr().out


def test_with_data(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "xor", "--with-data"]) == 0
    assert "difference quotient" in capsys.readouterr().out
    data = tmp_path / "data.npz"
    np.savez(data, x=np.ones((3, 2)), y=np.zeros((3, 1)))
    assert main(["explain", str(saved), "--with-data", str(data)]) == 0
    assert "difference quotient" in capsys.readouterr().out


def test_every_partial_derivative(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "xor", "--level", "scalar"]) == 0
    assert "∂w" in capsys.readouterr().out


def test_a_program_that_checks_itself(saved: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    assert main(["code", str(saved), "--output", str(program)]) == 0
    run = subprocess.run(
        [sys.executable, "-I", str(program), "--check"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("framework", "mark"), [("keras", "import keras"), ("torch", "import torch")]
)
def test_other_frameworks(framework: str, mark: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["code", "xor", "--framework", framework]) == 0
    assert mark in capsys.readouterr().out


def test_mistakes_are_told(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "xorr"]) == 1
    assert "xor" in capsys.readouterr().err
    assert main(["explain", str(saved), "--with-data"]) == 1
    assert "brings no data" in capsys.readouterr().err
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    assert main(["explain", str(saved), "--with-data", str(tmp_path / "other.npz")]) == 1
    assert "x and y are needed" in capsys.readouterr().err
    assert main(["explain", "mnist", "--level", "scalar"]) == 1
    assert "matrix" in capsys.readouterr().err
