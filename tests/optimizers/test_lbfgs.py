"""L-BFGS: its matrix by hand, its memory, SciPy's optima."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der

import glassnet as gn
from glassnet.objective import Objective
from glassnet.optimizers import LBFGS
from glassnet.optimizers.second_order import Move
from glassnet.optimizers.second_order.lbfgs import times_inverse

RNG = np.random.default_rng(5)


def valley(x: Any) -> Any:
    """Rosenbrock's function of n numbers."""
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def walk(
    optimizer: LBFGS, f: Any, x: np.ndarray, steps: int
) -> tuple[list[np.ndarray], list[Move]]:
    objective, path, moves = Objective.of(f, x), [x], []
    for _ in range(steps):
        moves.append(optimizer.move(objective.at(), path[-1]))
        optimizer.finished(moves[-1])
        path.append(moves[-1].x)
    return path, moves


# --- the matrix -------------------------------------------------------------------------------
def test_two_loops_are_the_update_of_the_inverse() -> None:
    pairs = []
    while len(pairs) < 4:
        s, y = RNG.normal(size=(2, 6))
        if s @ y > 0.1:
            pairs.append((s, y))
    s, y = pairs[-1]
    h = (s @ y) / (y @ y) * np.eye(6)
    for s, y in pairs:
        rho = 1 / (s @ y)
        left = np.eye(6) - rho * np.outer(s, y)
        h = left @ h @ left.T + rho * np.outer(s, s)
    g = RNG.normal(size=6)
    np.testing.assert_allclose(times_inverse(pairs, g), h @ g, rtol=1e-10)
    # The secant condition: the last change of gradient is explained by the last step.
    np.testing.assert_allclose(times_inverse(pairs, pairs[-1][1]), pairs[-1][0], rtol=1e-10)


def test_the_first_step_is_as_long_as_the_gradient_at_most_one() -> None:
    for x, step in (([0.02, 0.0], [-0.02, 0.0]), ([3.0, 4.0], [-0.6, -0.8])):
        path, moves = walk(LBFGS(), lambda w: 0.5 * w @ w, np.array(x), 1)
        if moves[0].rate == 1:
            np.testing.assert_allclose(path[1] - path[0], step, rtol=1e-12)
        # From (3, 4) the slope after a step of 1 is 4/5 of the first: flat enough.
        assert moves[0].rate == 1
        assert moves[0].slope == pytest.approx(np.linalg.norm(x))


def test_the_promise_is_that_of_the_model() -> None:
    # After a full step along -H g the model of f promises gᵀ H g / 2.
    h = np.diag([1.0, 4.0])
    _, moves = walk(LBFGS(), lambda w: 0.5 * w @ (h @ w), np.array([0.3, 0.2]), 1)
    assert moves[0].rate * moves[0].slope > 0
    rate, square = moves[0].rate, moves[0].slope ** 2
    assert moves[0].predicted == pytest.approx((rate - rate**2 / 2) * square)


# --- the memory -------------------------------------------------------------------------------
def test_it_remembers_the_last_steps_in_order() -> None:
    optimizer = LBFGS(history_size=3)
    path, _ = walk(optimizer, valley, np.array([-1.2, 1.0, 0.5]), 8)
    assert len(optimizer.pairs) == 3
    for (s, y), before, after in zip(optimizer.pairs, path[-4:-1], path[-3:], strict=True):
        np.testing.assert_array_equal(s, after - before)
        np.testing.assert_allclose(y, rosen_der(after) - rosen_der(before), rtol=1e-9)
    assert [v.shape for v in optimizer.variables[2:]] == [(3,)] * 6 + [()]


def test_a_move_that_is_thrown_away_leaves_nothing() -> None:
    optimizer = LBFGS()
    x = np.array([-1.2, 1.0])
    problem = Objective.of(valley, x).at()
    first, second = optimizer.move(problem, x), optimizer.move(problem, x)
    np.testing.assert_array_equal(first.x, second.x)
    assert optimizer.pairs == []


def test_a_saved_run_goes_on_bitwise_when_the_memory_is_full() -> None:
    start = RNG.normal(size=5)
    through, first, second = LBFGS(history_size=2), LBFGS(history_size=2), LBFGS(history_size=2)
    path, _ = walk(through, valley, start, 9)
    half, _ = walk(first, valley, start, 5)
    second.build([gn.Variable(start, dtype="float64")])
    second.set_weights([v.value for v in first.variables])
    rest, _ = walk(second, valley, half[-1], 4)
    np.testing.assert_array_equal(np.stack([*half, *rest[1:]]), np.stack(path))
    forgetful, _ = walk(LBFGS(history_size=2), valley, half[-1], 4)
    assert (forgetful[-1] != path[-1]).any()


def test_memory_of_other_weights_is_refused() -> None:
    optimizer = LBFGS()
    walk(optimizer, valley, np.zeros(2), 1)
    with pytest.raises(ValueError, match="steps of 2 weights; the function has 3"):
        walk(optimizer, valley, np.zeros(3), 1)


# --- against SciPy ----------------------------------------------------------------------------
@pytest.mark.parametrize("history_size", [1, 3, 10])
def test_the_end_of_a_long_valley(history_size: int) -> None:
    start = np.full(10, -1.2)
    found = gn.minimize(valley, start, "lbfgs", history_size=history_size, tolerance=1e-8)
    expected = minimize(rosen, start, jac=rosen_der, method="L-BFGS-B", tol=1e-14)
    assert found.converged
    np.testing.assert_allclose(found.x, expected.x, atol=1e-6)
    assert found.counts["gradient"] < 6 * expected.nfev


def test_logistic_regression() -> None:
    x = RNG.normal(size=(80, 4))
    y = np.sign(x @ np.array([1.0, -2.0, 0.5, 0.0]) + RNG.normal(size=80))

    def loss(w: Any) -> Any:
        return np.log(1 + np.exp(-y * (x @ w))).mean() + 0.05 * (w @ w)

    expected = minimize(loss, np.zeros(4), method="L-BFGS-B", options={"gtol": 1e-9, "ftol": 1e-15})
    found = gn.minimize(loss, np.zeros(4), "lbfgs", tolerance=1e-9)
    assert found.converged
    assert found.steps < 40
    np.testing.assert_allclose(found.x, expected.x, atol=1e-5)
    assert found.value <= expected.fun + 1e-12


def test_a_step_costs_about_two_gradients() -> None:
    objective = Objective.of(valley, np.zeros(6))
    optimizer, x, gradients, values = LBFGS(), np.full(6, -1.2), 0, 0
    for _ in range(40):
        problem = objective.at()
        move = optimizer.move(problem, x)
        optimizer.finished(move)
        x = move.x
        gradients += problem.counts["gradient"]
        values += problem.counts["value"]
    assert gradients <= 2.5 * 40
    assert values <= 0.5 * 40


# --- where it is difficult --------------------------------------------------------------------
def test_steps_over_a_hill_are_left_out_or_damped() -> None:
    start = np.array([1.0, 0.5])  # f = -‖x‖²: the slope only grows, no step flattens it
    skipping = LBFGS()
    _, moves = walk(skipping, lambda w: -(w @ w), start, 1)
    assert moves[0].decrease > 0
    assert skipping.pairs == []
    assert "the gradient did not grow along this step" in moves[0].notes[0]
    assert moves[0].notes[0].endswith("the pair was left out")
    damping = LBFGS(curvature="damp")
    _, moves = walk(damping, lambda w: -(w @ w), start, 1)
    [(s, y)] = damping.pairs
    assert moves[0].notes[0].endswith("the pair was damped")
    # H₀ brings the gradient, √5 long, to length 1, so H₀⁻¹ = √5 I.
    assert s @ y == pytest.approx(0.2 * np.sqrt(5) * (s @ s))
    theta = 0.8 * np.sqrt(5) / (np.sqrt(5) + 2)  # y = -2 s before
    np.testing.assert_allclose(y, (theta * -2 + (1 - theta) * np.sqrt(5)) * s, rtol=1e-10)


def test_damped_pairs_still_lead_to_the_minimum() -> None:
    found = gn.minimize(
        lambda w: np.cos(w[0]) + w[1] ** 2 + 0.1 * w[0] ** 2, [0.1, 1.0], LBFGS(curvature="damp")
    )
    best = minimize(lambda w: np.cos(w[0]) + w[1] ** 2 + 0.1 * w[0] ** 2, [0.1, 1.0], tol=1e-10)
    assert found.value == pytest.approx(best.fun, abs=1e-9)


def test_curvature_that_misleads_is_forgotten() -> None:
    optimizer = LBFGS()
    optimizer.remember(2)
    named = {v.name: v for v in optimizer.variables}
    named["step_0"].assign([1.0, 0.0])
    named["gradient_change_0"].assign([-1.0, 0.0])  # sᵀy < 0: -H g then points uphill
    named["pairs"].assign(1)
    path, moves = walk(optimizer, lambda w: w @ w, np.array([1.0, 1.0]), 1)
    assert moves[0].decrease > 0
    assert "the remembered curvature was forgotten" in moves[0].notes[0]
    assert len(optimizer.pairs) == 1
    np.testing.assert_array_equal(optimizer.pairs[0][0], path[1] - path[0])


def test_where_the_gradient_is_0_it_stays() -> None:
    path, moves = walk(LBFGS(), lambda w: w @ w, np.zeros(2), 1)
    assert path[1].tolist() == [0.0, 0.0]
    assert moves[0].notes == ["the gradient is 0: no step was taken"]


def test_trial_points_may_lie_where_the_function_is_not_finite() -> None:
    found = gn.minimize(lambda w: (w - np.log(w)).sum(), [0.01, 5.0], "lbfgs")
    np.testing.assert_allclose(found.x, [1.0, 1.0], rtol=1e-6)


# --- networks ---------------------------------------------------------------------------------
def test_float32_networks_learn_and_remember_what_their_weights_can_hold() -> None:
    x = np.linspace(-2, 2, 12, dtype=np.float32)[:, None]
    y = np.sin(x)
    gn.utils.set_random_seed(2)
    model = gn.Sequential([gn.Input((1,)), gn.layers.Dense(4, "tanh"), gn.layers.Dense(1)])
    model.compile("lbfgs", "mse")
    weights = [np.concatenate([w.ravel() for w in model.get_weights()])]
    losses = []
    for _ in range(150):
        losses.append(model.train_on_batch(x, y))
        weights.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    assert losses[-1] < 1e-4
    assert losses[-1] < 1e-3 * losses[0]
    # Every step remembered is one between weights as they were.
    steps = np.diff(np.array(weights, np.float64), axis=0)
    for s, _ in model.optimizer.pairs:
        assert (np.abs(steps - s).max(axis=1) == 0).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LBFGS(history_size=0), "history_size: expected a whole number of at least 1"),
        (lambda: LBFGS(curvature="damped"), "Did you mean 'damp'"),
    ],
)
def test_arguments_out_of_range(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
