"""Minima of plain functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import optimize

import glassnet as gn
from glassnet.optimizers import OPTIMIZERS, Adam, Newton


def valley(x: Any) -> Any:
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def himmelblau(x: Any) -> Any:
    return (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2


HIMMELBLAU = [[3, 2], [-2.805118, 3.131312], [-3.779310, -3.283186], [3.584428, -1.848126]]
"""Its four minima, as the literature gives them; f is 0 at each."""
ADAPTED = {"adam": {"learning_rate": 0.1}, "rmsprop": {}, "sgd": {"learning_rate": 0.01}}


@pytest.mark.parametrize("method", ["newton", "newton_cg", "saddle_free_newton", "lbfgs"])
@pytest.mark.parametrize("start", [[0.0, 0.0], [-4.0, 4.0], [5.0, -5.0], [-0.27, -0.92]])
def test_himmelblau(method: str, start: list[float]) -> None:
    found = gn.minimize(himmelblau, start, method)
    assert found.converged
    assert found.kind == "minimum"
    distances = np.linalg.norm(np.array(HIMMELBLAU) - found.x, axis=1)
    assert distances.min() < 1e-5
    assert found.value < 1e-12


@pytest.mark.parametrize("name", [n for n in OPTIMIZERS.entries if n not in ("Lamb", "Ftrl")])
def test_every_optimizer_goes_down_a_bowl(name: str) -> None:
    def bowl(x: Any) -> Any:
        return np.stack([x[0] - 1, 2 * x[1]])  # of which half the square is taken

    found = gn.minimize(bowl, [3.0, 1.0], name, max_steps=100)
    assert found.values[0] == 4.0
    assert found.values[-1] < 4.0
    assert len(found.path) == len(found.values) == len(found.slopes) == found.steps + 1


def test_what_it_tells_is_so() -> None:
    found = gn.minimize(valley, [-1.2, 1.0], "newton")
    np.testing.assert_allclose(found.values, [optimize.rosen(x) for x in found.path], atol=1e-14)
    slopes = [np.linalg.norm(optimize.rosen_der(x)) for x in found.path]
    np.testing.assert_allclose(found.slopes, slopes, rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(found.x, found.path[-1])
    assert len(found.moves) == found.steps
    assert found.message.startswith("‖∇f‖ = ")
    # Each Hessian is two products; each point's gradient is computed once.
    assert found.counts["product"] == 2 * found.steps
    expected = np.linalg.eigvalsh(optimize.rosen_hess(found.x))
    np.testing.assert_allclose(found.eigenvalues, expected, rtol=1e-6)


def test_gradients_are_counted_once_a_point() -> None:
    found = gn.gradient_descent(lambda x: x @ x, [1.0, 2.0], learning_rate=0.1, steps=10)
    assert found.counts == {"gradient": 11}


def test_numbers_stay_numbers() -> None:
    found = gn.minimize(lambda x: np.cosh(x - 2.0), 0.5)
    assert found.x.shape == () == found.gradient.shape
    assert found.path.shape == (found.steps + 1,)
    assert float(found.x) == pytest.approx(2.0)


def test_matrices_stay_matrices() -> None:
    target = np.arange(6.0).reshape(2, 3)
    found = gn.minimize(lambda x, t: np.sum((x - t) ** 4 + (x - t) ** 2), np.zeros((2, 3)),
                        args=(target,))  # fmt: skip
    np.testing.assert_allclose(found.x, target, atol=1e-8)
    assert found.path.shape == (found.steps + 1, 2, 3)


@pytest.mark.parametrize("method", ["gauss_newton", "levenberg_marquardt", "newton", "lbfgs"])
def test_residuals_are_least_squares(method: str) -> None:
    t = np.linspace(0, 4, 12)
    y = 3 * np.exp(-0.7 * t) + 0.05 * np.cos(7 * t)
    found = gn.minimize(lambda p: p[0] * np.exp(-p[1] * t) - y, [2.0, 0.5], method)
    best = optimize.least_squares(lambda p: p[0] * np.exp(-p[1] * t) - y, [2.0, 0.5],
                                  xtol=1e-15, ftol=1e-15, gtol=1e-15)  # fmt: skip
    np.testing.assert_allclose(found.x, best.x, rtol=1e-6)
    assert found.value == pytest.approx(best.cost, rel=1e-9)


# --- gradient descent -------------------------------------------------------------------------
def test_gradient_descent_is_its_formula() -> None:
    found = gn.gradient_descent(lambda x: 3 * x[0] ** 2 + x[1] ** 2, [1.0, 1.0], 0.1, steps=20)
    # Each step multiplies by 1 - 2 · 3 · 0.1 and by 1 - 2 · 0.1.
    k = np.arange(21)
    np.testing.assert_allclose(found.path, np.stack([0.4**k, 0.8**k], axis=1), rtol=1e-12)
    assert not found.converged
    assert "20 steps" in found.message


def test_the_learning_rate_is_exact() -> None:
    # In float32, the library's float type, 0.1 would be 0.10000000149.
    assert gn.gradient_descent(lambda x: x * 1.0, 0.0, 0.1, steps=1).x == -0.1


@pytest.mark.parametrize(("rate", "converges"), [(0.33, True), (0.34, False)])
def test_two_over_the_largest_eigenvalue_is_the_border(rate: float, converges: bool) -> None:
    found = gn.gradient_descent(lambda x: 3 * x[0] ** 2 + x[1] ** 2, [1.0, 1.0], rate, steps=800)
    assert bool(np.linalg.norm(found.x) < 1e-3) == converges  # 2 / 6 = 0.333…


def test_too_high_a_rate_runs_away_and_is_told() -> None:
    found = gn.gradient_descent(lambda x: x**2, 1.0, learning_rate=2.0, steps=1000)
    assert not found.converged
    assert "runs away" in found.message
    assert np.isfinite(found.path).all()
    deep = gn.gradient_descent(lambda x: x**4, 3.0, learning_rate=2.0, steps=1000)
    assert "not finite" in deep.message or "runs away" in deep.message
    assert np.isfinite(deep.values).all()


def test_an_optimizer_as_it_is() -> None:
    method = Adam(0.1)
    first = gn.minimize(valley, [0.0, 0.0], method, max_steps=50)
    again = gn.minimize(valley, [0.0, 0.0], method, max_steps=50)  # it begins anew
    np.testing.assert_array_equal(first.path, again.path)
    # Adam by its formula, in NumPy, at the rate that float32 makes of 0.1.
    x, m, v, rate = np.zeros(2), np.zeros(2), np.zeros(2), float(np.float32(0.1))
    for t in range(1, 51):
        g = optimize.rosen_der(x)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        scale = rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        x = x - scale * m / (np.sqrt(v) + 1e-7)
    np.testing.assert_allclose(first.x, x, rtol=1e-9)


# --- saddles and hills ------------------------------------------------------------------------
def test_kinds_of_points() -> None:
    at = [0.0, 0.0]
    for f, kind in [
        (lambda x: x[0] ** 2 + 2 * x[1] ** 2, "minimum"),
        (lambda x: -(x[0] ** 2) - x[1] ** 2, "maximum"),
        (lambda x: x[0] * x[1], "saddle"),
        (lambda x: x[0] ** 2 + x[1] ** 4, "flat"),
        (lambda x: x[0] ** 4 + x[1] ** 4, "flat"),
    ]:
        assert gn.minimize(f, at, "newton").kind == kind


def test_a_hill_is_left_downwards() -> None:
    found = gn.minimize(lambda x: -np.exp(-(x**2)) + 0.01 * x**2, 2.0, "newton")
    assert found.converged
    assert float(found.x) == pytest.approx(0.0, abs=1e-8)
    assert any("negative curvature" in note for m in found.moves for note in m.notes)


def test_no_minimum_is_told() -> None:
    found = gn.minimize(lambda x: x[0] ** 2 - x[1] ** 2, [1.0, 1.0], "newton")
    assert not found.converged
    assert "no minimum" in found.message


# --- what is printed --------------------------------------------------------------------------
def test_verbose_prints_a_line_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    found = gn.minimize(valley, [-1.2, 1.0], "newton", verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == found.steps + 1
    assert "f =  24.2" in lines[0]
    gn.minimize(lambda x: x[0] ** 2 - x[1] ** 2 + x[1] ** 4, [1.0, 0.1], "newton", verbose=2)
    assert "it was reflected" in capsys.readouterr().out.replace("\n", " ")
    assert "converged=True" in repr(found)


# --- mistakes ---------------------------------------------------------------------------------
def test_mistakes_are_told() -> None:
    with pytest.raises(ValueError, match="Did you mean 'newton_cg'"):
        gn.minimize(valley, [0.0, 0.0], "newton_gc")
    with pytest.raises(TypeError, match=r"method=Newton\(damping=…\)"):
        gn.minimize(valley, [0.0, 0.0], Newton(), damping=1.0)
    with pytest.raises(TypeError, match="expected an optimizer or its name"):
        gn.minimize(valley, [0.0, 0.0], 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected a number or an array"):
        gn.minimize(valley, "start")
    with pytest.raises(FloatingPointError, match="not finite at the start"):
        gn.minimize(lambda x: np.log(x), -1.0)
    with pytest.raises(ValueError, match="max_steps"):
        gn.minimize(valley, [0.0, 0.0], max_steps=-1)


def test_integers_are_numbers() -> None:
    np.testing.assert_allclose(gn.minimize(valley, [0, 0]).x, [1, 1], atol=1e-8)
