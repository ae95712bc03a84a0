"""Newton's method: exact on parabolas, quadratic near minima, reflected over hills."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import optimize

import glassnet as gn
from glassnet import config
from glassnet.objective import Objective
from glassnet.optimizers import Newton, NewtonCG, SaddleFreeNewton
from glassnet.optimizers.second_order import line_search

RNG = np.random.default_rng(3)
X = RNG.normal(size=(40, 3)) * np.array([1.0, 4.0, 0.3])
LABELS = (X @ np.array([1.0, -0.5, 2.0]) + 0.5 + RNG.normal(size=40) > 0).astype(float)
TARGETS = X @ np.array([[0.5], [-1.0], [3.0]]) + 2 + RNG.normal(size=(40, 1))


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    before = config.floatx()
    config.set_floatx("float64")
    yield
    config.set_floatx(before)


def saddle(x: Any) -> Any:
    return x[0] ** 2 - x[1] ** 2


def valley(x: Any) -> Any:
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def move(optimizer: Any, f: Any, x: Any) -> Any:
    start = np.asarray(x, float)
    return optimizer.move(Objective.of(f, start).at(), start)


# --- parabolas --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "optimizer",
    [Newton(), Newton(modification="none"), Newton(line_search=False), SaddleFreeNewton()],
    ids=["eigenvalue", "plain", "no search", "saddle-free"],
)
def test_linear_least_squares_in_one_step(optimizer: Any) -> None:
    model = gn.Sequential([gn.Input((3,)), gn.layers.Dense(1)])
    model.compile(optimizer, "mse")
    model.fit(X, TARGETS, epochs=1, batch_size=40, verbose=0)
    best = np.linalg.lstsq(np.c_[X, np.ones(40)], TARGETS, rcond=None)[0]
    np.testing.assert_allclose(np.vstack(model.get_weights()), best, rtol=1e-10)
    told = model.optimizer.last
    assert told.decrease == pytest.approx(told.predicted, rel=1e-10)
    assert told.notes == []
    # The Hessian of the mean of squares is 2/m AᵀA.
    a = np.c_[X, np.ones(40)]
    np.testing.assert_allclose(told.eigenvalues, np.linalg.eigvalsh(a.T @ a / 20), rtol=1e-10)


def test_damping_adds_to_every_eigenvalue() -> None:
    h, g, x = np.diag([1.0, 3.0, 8.0]), np.array([1.0, -2.0, 4.0]), np.array([0.5, 0.1, -1.0])
    optimizer = Newton(damping=2.0, learning_rate=0.5, line_search=False)
    found = move(optimizer, lambda w: 0.5 * (w @ h @ w) + g @ w, x)
    step = -0.5 * np.linalg.solve(h + 2 * np.eye(3), h @ x + g)
    np.testing.assert_allclose(found.x, x + step, rtol=1e-12)
    assert (found.damping, found.rate) == (2.0, 0.5)
    assert found.predicted == pytest.approx(found.decrease, rel=1e-10)


@pytest.mark.parametrize("kind", [Newton, SaddleFreeNewton])
def test_the_eigenvalues_are_taken_without_their_sign(kind: Any) -> None:
    # x²/2·4 - y²/2·0.5 at (1, 1): gradient (4, -0.5), so |H|⁻¹g = (1, -1).
    found = move(kind(line_search=False), lambda x: 2 * x[0] ** 2 - 0.25 * x[1] ** 2, [1.0, 1.0])
    np.testing.assert_allclose(found.x, [0.0, 2.0], atol=1e-12)
    np.testing.assert_allclose(found.eigenvalues, [-0.5, 4.0])
    assert found.notes == [
        "negative curvature along this direction (eigenvalue -0.5): the plain Newton step would "
        "climb; it was reflected"
    ]
    # f is a parabola, so the promise is kept: 2 - 0.25 before, -1 after.
    assert found.decrease == pytest.approx(2.75)
    assert found.predicted == pytest.approx(2.75)


def test_flat_directions_get_the_floor() -> None:
    found = move(
        Newton(floor=0.01, line_search=False), lambda x: x[0] ** 2 + 0.1 * x[1], [1.0, 0.0]
    )
    # λ = (2, 0): the floor is 0.01 · 2, the step along y is -0.1 / 0.02.
    np.testing.assert_allclose(found.x, [0.0, -5.0], atol=1e-12)
    assert "1 of 2 directions is flat" in found.notes[0]


def test_without_curvature_the_step_is_the_gradients() -> None:
    found = move(Newton(line_search=False), lambda x: 3 * x[0] - x[1], [1.0, 1.0])
    np.testing.assert_allclose(found.x, [-2.0, 2.0])
    assert "no curvature" in found.notes[0]


def test_nearly_no_curvature_at_all() -> None:
    # The full step would be 5e199 long, where f overflows; warnings are errors in tests.
    found = move(Newton(), lambda x: 1e-200 * x[0] ** 2 + np.exp(0 * x[0]) * x[0], [1.0])
    assert found.x.tolist() == [1.0]
    assert found.notes[-1] == "no smaller value was found along the step; it was not taken"


# --- saddles ----------------------------------------------------------------------------------
def test_the_plain_step_lands_on_the_saddle_and_warns_once() -> None:
    with pytest.warns(UserWarning, match="leads to a saddle or a maximum") as told:
        found = gn.minimize(saddle, [0.5, 1.0], Newton(modification=None), max_steps=5)
    assert len(told) == 1
    assert found.path.tolist() == [[0.5, 1.0], [0.0, 0.0]]
    assert found.moves[0].decrease == pytest.approx(-0.75)  # it went up
    assert found.moves[0].predicted == pytest.approx(-0.75)  # and knew it would
    assert "towards a saddle" in found.moves[0].notes[0]
    assert found.kind == "saddle"


def test_the_plain_step_climbs_to_the_top() -> None:
    with pytest.warns(UserWarning, match="along every direction"):
        found = gn.minimize(
            lambda x: -((x[0] - 1) ** 2) - 3 * x[1] ** 2, [0.0, 1.0], Newton(modification="none")
        )
    np.testing.assert_allclose(found.x, [1.0, 0.0], atol=1e-12)
    assert found.kind == "maximum"


def test_the_warning_comes_once_an_optimizer() -> None:
    plain = Newton(modification="none")
    with pytest.warns(UserWarning, match="Plain Newton"):
        move(plain, saddle, [1.0, 2.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert move(plain, saddle, [1.0, 2.0]).notes


def test_the_plain_step_leaves_undetermined_directions_alone() -> None:
    found = move(Newton(modification="none"), lambda x: (x[0] + x[1]) ** 2, [3.0, 1.0])
    np.testing.assert_allclose(found.x, [1.0, -1.0], atol=1e-12)  # the nearest minimum
    assert "1 of 2 directions is flat" in found.notes[0]


@pytest.mark.parametrize("start", [[0.0, 0.0], [1.0, 0.0], [0.7, 1e-9]])
def test_saddle_free_leaves_the_saddle(start: list[float]) -> None:
    # y⁴ closes the saddle from below: the minima are (0, ±√½), where f = -1/4.
    found = gn.minimize(lambda x: saddle(x) + x[1] ** 4, start, "saddle_free_newton")
    assert found.value == pytest.approx(-0.25, abs=1e-12)
    np.testing.assert_allclose(np.abs(found.x), [0, np.sqrt(0.5)], atol=1e-7)
    assert found.kind == "minimum"


def test_the_step_off_a_saddle() -> None:
    found = move(SaddleFreeNewton(escape=0.25), saddle, [0.0, 0.0])
    np.testing.assert_allclose(np.abs(found.x), [0.0, 0.25])
    assert found.after == pytest.approx(-0.0625)
    assert found.predicted == pytest.approx(0.0625)
    assert "leaves the saddle" in found.notes[0]
    # Newton stays there, and says so.
    stays = move(Newton(), saddle, [0.0, 0.0])
    assert stays.x.tolist() == [0.0, 0.0]
    assert "SaddleFreeNewton" in stays.notes[1]


def test_the_step_off_a_saddle_goes_to_the_lower_side() -> None:
    for sign in (1, -1):
        found = move(SaddleFreeNewton(), lambda x, s=sign: saddle(x) + s * x[1] ** 3, [0.0, 0.0])
        assert np.sign(found.x[1]) == -sign
    # A dip narrower than the step: it is halved until it fits.
    narrow = move(SaddleFreeNewton(escape=1.0), lambda x: saddle(x) + 40 * x[1] ** 4, [0.0, 0.0])
    assert abs(narrow.x[1]) == 0.125
    assert narrow.decrease > 0


def test_saddle_free_stays_at_a_minimum() -> None:
    found = gn.minimize(lambda x: x[0] ** 2 + 2 * x[1] ** 2, [0.0, 0.0], "saddle_free_newton")
    assert found.converged
    assert found.x.tolist() == [0.0, 0.0]


def test_saddle_free_trains_off_a_symmetric_start() -> None:
    """Weights of 0 are a saddle of a network with one hidden layer, where gradients see nothing."""
    y = np.tanh(X[:, :1])
    losses = {}
    for kind in (Newton, SaddleFreeNewton):
        hidden = gn.layers.Dense(2, "tanh", kernel_initializer="zeros")
        last = gn.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        model = gn.Sequential([gn.Input((3,)), hidden, last])
        model.compile(kind(), "mse")
        losses[kind] = model.fit(X, y, epochs=40, batch_size=40, verbose=0).history["loss"]
    assert losses[Newton][-1] == pytest.approx(float(np.mean(y**2)))
    assert losses[SaddleFreeNewton][-1] < 1e-3 * losses[Newton][-1]


# --- logistic regression ----------------------------------------------------------------------
def logistic_optimum(penalty: float) -> np.ndarray:
    """The minimum of mean log loss + penalty ‖w‖², by SciPy from our own formulas in NumPy."""
    a = np.c_[X, np.ones(40)]
    held = np.array([1.0, 1.0, 1.0, 0.0])

    def value(w: np.ndarray) -> float:
        z = a @ w
        return float(np.mean(np.logaddexp(0, z) - LABELS * z) + penalty * np.sum(held * w**2))

    def slope(w: np.ndarray) -> np.ndarray:
        p = 1 / (1 + np.exp(-a @ w))
        return a.T @ (p - LABELS) / 40 + 2 * penalty * held * w

    def bend(w: np.ndarray) -> np.ndarray:
        p = 1 / (1 + np.exp(-a @ w))
        return (a * (p * (1 - p))[:, None]).T @ a / 40 + 2 * penalty * np.diag(held)

    start = optimize.minimize(value, np.zeros(4), jac=slope, method="BFGS").x
    return optimize.root(slope, start, jac=bend, tol=1e-15).x


@pytest.mark.parametrize("kind", [Newton, SaddleFreeNewton])
def test_logistic_regression_converges_quadratically(kind: Any) -> None:
    best = logistic_optimum(0.01)
    dense = gn.layers.Dense(1, kernel_regularizer=gn.regularizers.L2(0.01))
    model = gn.Sequential([gn.Input((3,)), dense])
    model.compile(kind(), gn.losses.BinaryCrossentropy(from_logits=True))
    errors = []
    for _ in range(12):
        model.fit(X, LABELS[:, None], epochs=1, batch_size=40, verbose=0)
        errors.append(float(np.linalg.norm(np.vstack(model.get_weights()).ravel() - best)))
    assert errors[-1] < 1e-12
    near = [(a, b) for a, b in pairwise(errors) if 1e-6 < a < 0.3]
    assert len(near) >= 2
    for before, after in near:
        assert after < 2 * before**2
    # By hand: each error is about the square of the one before, so digits double.
    assert np.log(near[-1][1]) / np.log(near[-1][0]) > 1.7


# --- conjugate gradients ----------------------------------------------------------------------
def test_newton_cg_solves_a_parabola_as_well_as_it_says() -> None:
    a = RNG.normal(size=(12, 8))
    h, b = a.T @ a + 0.1 * np.eye(8), RNG.normal(size=8)
    found = move(NewtonCG(line_search=False), lambda x: 0.5 * (x @ h @ x) - b @ x, np.zeros(8))
    slope = np.linalg.norm(b)
    assert np.linalg.norm(h @ found.x - b) <= min(0.5, np.sqrt(slope)) * slope
    assert found.predicted == pytest.approx(found.decrease, rel=1e-10)
    assert found.eigenvalues is None


def test_newton_cg_converges_faster_than_linearly() -> None:
    # The minimum of Σ cosh(cᵢ xᵢ - i) is i / cᵢ.
    c, i = np.array([1.0, 2.0, 5.0, 0.5]), np.arange(4)
    found = gn.minimize(lambda x: np.sum(np.cosh(c * x - i)), np.zeros(4), "newton_cg")
    errors = np.linalg.norm(found.path - i / c, axis=1)
    assert found.converged
    ratios = [b / a for a, b in pairwise(errors) if b > 1e-13]
    assert ratios[-1] < 0.3 * ratios[-2] < 0.1 * ratios[-4]


def test_newton_cg_reflects_negative_curvature() -> None:
    # Along g = (0, -4) the curvature is -2, so the plain step -H⁻¹g would go from 2 to 0.
    found = move(NewtonCG(line_search=False), saddle, [0.0, 2.0])
    np.testing.assert_allclose(found.x, [0.0, 4.0])
    assert found.notes[0].startswith(
        "negative curvature along this direction (dᵀHd / dᵀd = -2, met after 1 product)"
    )
    assert found.predicted == pytest.approx(found.decrease) == pytest.approx(12.0)


def test_newton_cg_meets_negative_curvature_on_the_way() -> None:
    h = np.diag([10.0, 5.0, 3.0, -0.1])
    x = 1e-6 * np.ones(4)  # so near the saddle the equation is solved well
    found = move(NewtonCG(line_search=False), lambda w: 0.5 * (w @ h @ w), x)
    assert "negative curvature" in found.notes[0]
    assert int(found.notes[0].split("met after ")[1].split()[0]) > 1
    assert found.decrease > 0
    assert found.predicted == pytest.approx(found.decrease)


def test_newton_cg_counts_its_products() -> None:
    n = 30
    h = np.diag(np.linspace(1, 100, n))
    objective = Objective.of(lambda x: 0.5 * (x @ h @ x), np.ones(n))
    problem = objective.at()
    found = NewtonCG(max_products=3, line_search=False).move(problem, 1e-9 * np.ones(n))
    assert problem.counts["product"] == 3
    assert "max_products=3" in found.notes[0]


def test_newton_cg_trains_what_is_too_large_for_a_hessian() -> None:
    x, y = RNG.normal(size=(30, 60)), RNG.normal(size=(30, 1))
    model = gn.Sequential([gn.Input((60,)), gn.layers.Dense(40, "tanh"), gn.layers.Dense(1)])
    model.compile("newton", "mse")
    with pytest.raises(ValueError, match="2,481 weights") as error:
        model.fit(x, y, epochs=1, verbose=0)
    for part in ("6,155,361 entries", "MB", "seconds", "NewtonCG()", "LBFGS()", "largest=2481"):
        assert part in str(error.value)
    model.compile("newton_cg", "mse")
    losses = model.fit(x, y, epochs=10, batch_size=30, verbose=0).history["loss"]
    assert losses[-1] < 1e-3 * losses[0]


def test_largest_is_the_persons_choice() -> None:
    many = np.ones(12)
    with pytest.raises(ValueError, match=r"12 weights.*Newton\(largest=12\)"):
        move(Newton(largest=11), lambda x: x @ x, many)
    np.testing.assert_allclose(move(Newton(largest=12), lambda x: x @ x, many).x, 0, atol=1e-15)


# --- the line search --------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(20))
def test_the_strong_wolfe_conditions_hold(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=2) * 2
    problem = Objective.of(valley, x).at()
    value, gradient = problem.value_and_gradient(x)
    direction = -gradient * 10.0 ** rng.uniform(-6, 1)
    slope = gradient @ direction
    found = line_search.search(problem, x, value, gradient, direction)
    np.testing.assert_allclose(found.x, x + found.rate * direction)
    assert found.value == pytest.approx(valley(found.x))
    assert found.value <= value + 1e-4 * found.rate * slope
    if found.rate < line_search.LONGEST:
        new = optimize.rosen_der(found.x[::1])  # SciPy's own gradient of the same function
        assert abs(new @ direction) <= 0.9 * abs(slope) or found.rate * 2 > line_search.LONGEST


def test_a_direction_that_climbs_is_not_taken() -> None:
    x = np.array([1.0, 2.0])
    problem = Objective.of(valley, x).at()
    value, gradient = problem.value_and_gradient(x)
    assert line_search.search(problem, x, value, gradient, gradient).rate == 0


def test_it_backs_out_of_where_f_is_not_finite() -> None:
    x = np.array([1.0])
    problem = Objective.of(lambda x: np.sum(x - np.log(x)) + np.sum(x**2), x).at()
    value, gradient = problem.value_and_gradient(x)
    found = line_search.search(problem, x, value, gradient, np.array([-50.0]))
    assert 0 < found.x[0] < 1
    assert found.value < value


def test_without_scipy_one_sentence_tells_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(ImportError, match=r'pip install "glassnet\[curvature\]"'):
        move(Newton(), saddle, [1.0, 2.0])


# --- arguments --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Newton(modification="abs"), "modification: expected one of 'eigenvalue', 'none'"),
        (lambda: Newton(damping=-1.0), "damping: expected a number of at least 0"),
        (lambda: Newton(floor=0.0), "floor: expected a number above 0"),
        (lambda: Newton(largest=0), "largest: expected a whole number of at least 1"),
        (lambda: SaddleFreeNewton(escape=0.0), "escape: expected a number above 0"),
        (lambda: NewtonCG(max_products=0), "max_products: expected a whole number of at least 1"),
    ],
)
def test_arguments_out_of_range(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
