"""Every example runs and ends where it says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
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


def test_newton_against_gradient_descent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = load("newton")
    lessons = module.main()
    assert "the plain Newton step climbs there" in " ".join(capsys.readouterr().out.split())
    # One step to the minimum of a parabola; descent shrinks the error by |1 - 2η| = 0.8 a step.
    parabola = lessons["parabola"]
    assert parabola["Newton"].path[1].tolist() == [2.0]
    for rate in ("0.1", "0.9"):
        errors = np.abs(parabola[f"descent, η = {rate}"].path[:, 0] - 2)
        np.testing.assert_allclose(errors[1:] / errors[:-1], 0.8, rtol=1e-6)
    # Up to the top at 0, or down to a valley of depth -1/2.
    hill = lessons["hill"]
    assert hill["plain Newton"].losses[-1] == pytest.approx(0, abs=1e-12)
    assert np.abs(hill["plain Newton"].path[-1]).max() < 1e-6
    assert hill["Newton, reflected"].losses[-1] == pytest.approx(-0.5)
    np.testing.assert_allclose(np.abs(hill["Newton, reflected"].path[-1]), 1, rtol=1e-6)
    for name in ("Newton", "L-BFGS"):
        np.testing.assert_allclose(lessons["valley"][name].path[-1], 1, atol=1e-6)
    network = lessons["network"]
    assert network["Newton"].losses[-1] < network["gradient descent"].losses[-1]
    for picture in module.save_pictures(lessons, str(tmp_path / "pictures")):
        assert picture.read_bytes().startswith(b"\x89PNG")


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


def test_the_doctor_finds_what_a_layer_by_hand_forgot(capsys: pytest.CaptureFixture[str]) -> None:
    before, after, accuracies = load("doctor").main()
    assert before.kinds[0] == "1/m missing"
    assert after.ok
    assert "right, to" in capsys.readouterr().out
    library = accuracies["the library's Dense"]
    assert library > 0.92
    assert accuracies["my brick"] == pytest.approx(library, abs=0.005)
    assert accuracies["by hand"] == pytest.approx(library, abs=0.005)


def test_every_example_is_tested() -> None:
    text = Path(__file__).read_text()
    assert [p.stem for p in EXAMPLES.glob("*.py") if f'"{p.stem}"' not in text] == []
