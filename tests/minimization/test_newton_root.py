"""Newton's method for roots."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import optimize

import glassnet as gn


@pytest.mark.parametrize(
    ("f", "start"),
    [
        (lambda x: x**3 - 2 * x - 5, 2.0),  # Newton's own example
        (lambda x: np.cos(x) - x, 1.0),
        (lambda x: np.exp(x) - 10, 1.0),
        (lambda x: np.tanh(x) + 0.5, 0.0),
    ],
)
def test_a_root_of_a_function(f: Any, start: float) -> None:
    found = gn.newton_root(f, start)
    assert found.converged
    assert float(found.x) == pytest.approx(optimize.root_scalar(f, x0=start, x1=start + 0.1).root)
    assert found.x.shape == ()
    assert found.path[0] == start


def test_the_error_squares_each_step() -> None:
    found = gn.newton_root(lambda x: x**2 - 2, 1.0)
    # For the square root the error obeys e' = e² / (2 x), exactly.
    exact = np.abs(found.path - np.sqrt(2))
    np.testing.assert_allclose(exact[1:4], exact[:3] ** 2 / (2 * found.path[:3]), rtol=1e-6)
    np.testing.assert_allclose(found.errors[:4], exact[:4], rtol=1e-3)


def test_a_double_root_is_slow() -> None:
    found = gn.newton_root(lambda x: (x - 1) ** 2, 2.0, max_steps=20)
    np.testing.assert_allclose(found.path - 1, 0.5 ** np.arange(21), rtol=1e-6)
    assert not found.converged


def test_a_system() -> None:
    def f(x: Any) -> Any:
        return np.stack([x[0] ** 2 + x[1] ** 2 - 4, x[0] * x[1] - 1])

    found = gn.newton_root(f, [2.0, 1.0])
    # x² + y² = 4 and xy = 1: (x + y)² = 6 and (x - y)² = 2.
    u, v = np.sqrt(6), np.sqrt(2)
    np.testing.assert_allclose(found.x, [(u + v) / 2, (u - v) / 2], rtol=1e-14)
    np.testing.assert_allclose(found.residual, 0, atol=1e-14)
    assert found.errors[3] < found.errors[2] ** 2
    assert found.path.shape == (found.steps + 1, 2)


def test_a_matrix_equation() -> None:
    a = np.array([[4.0, 1.0], [0.0, 9.0]])
    found = gn.newton_root(lambda x, a: x @ x - a, np.array([[1.0, 0.0], [0.0, 2.0]]), args=(a,))
    np.testing.assert_allclose(found.x @ found.x, a, atol=1e-12)
    assert found.x.shape == (2, 2)


def test_a_linear_system_takes_one_step() -> None:
    a, b = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([1.0, 2.0])
    found = gn.newton_root(lambda x: a @ x - b, np.zeros(2))
    np.testing.assert_allclose(found.path[1], np.linalg.solve(a, b), rtol=1e-14)


def test_the_table_shows_the_square(capsys: pytest.CaptureFixture[str]) -> None:
    found = gn.newton_root(lambda x: x**2 - 2, 1.0, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == found.steps + 2
    assert lines[0].split()[:2] == ["step", "‖f(x)‖"]
    # 1.5 - √2 = 0.0857864 and (√2 - 1)² = 0.1715729, half of it.
    assert lines[2].split() == ["1", "2.500e-01", "8.579e-02", "0.5", "1.5"]


def test_a_start_on_the_root() -> None:
    found = gn.newton_root(lambda x: x * (x - 1), 1.0)
    assert (found.converged, found.steps) == (True, 0)


def test_no_root_is_told() -> None:
    found = gn.newton_root(lambda x: x**2 + 1, 0.5, max_steps=30)
    assert not found.converged
    assert "no root was found in 30 steps" in found.message


def test_mistakes_are_told() -> None:
    with pytest.raises(ZeroDivisionError, match="derivative is 0 at x = 0"):
        gn.newton_root(lambda x: x**2 - 1, 0.0)
    with pytest.raises(ZeroDivisionError, match="Jacobian is singular"):
        gn.newton_root(lambda x: np.stack([x[0] + x[1], 2 * x[0] + 2 * x[1] - 1]), [1.0, 0.0])
    with pytest.raises(ValueError, match=r"takes 2 numbers and gives 1"):
        gn.newton_root(lambda x: x[0] ** 2, [1.0, 2.0])
    with pytest.raises(FloatingPointError, match="not finite at x = -1"):
        gn.newton_root(lambda x: np.log(x), -1.0)
