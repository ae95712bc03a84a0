"""Every example runs and ends where it says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_neuron_finds_the_least_squares_line() -> None:
    slope_error, intercept_error = load("one_neuron_regression").main()
    assert slope_error < 1e-3
    assert intercept_error < 1e-3


def test_xor_draws_its_boundary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = load("xor")
    assert module.main() == 1.0
    assert "1 xor 0 = 1" in capsys.readouterr().out
    model = module.train()
    chances = module.chances_on_grid(model, 5)  # the corners of the square are at 1 and 3
    assert chances[1, 1] < 0.5 < chances[1, 3]
    module.save_picture(model, str(tmp_path / "xor.png"))
    assert (tmp_path / "xor.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("one_neuron_classification", 0.98),
        ("digits01", 0.99),
        ("digits", 0.92),
        ("multilabel", 0.95),
        ("convolutional", 0.99),
    ],
)
def test_accuracy(name: str, least: float) -> None:
    assert load(name).main() >= least


def test_every_example_is_tested() -> None:
    text = Path(__file__).read_text()
    assert [p.stem for p in EXAMPLES.glob("*.py") if f'"{p.stem}"' not in text] == []
