"""Newton's methods end where scikit-learn ends: logistic regression and ridge regression."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

import glassnet as gn
from glassnet import config

SECOND_ORDER = ["newton", "saddle_free_newton", "newton_cg", "lbfgs", "gauss_newton",
                "levenberg_marquardt"]  # fmt: skip
M = 60


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    before = config.floatx()
    config.set_floatx("float64")
    yield
    config.set_floatx(before)


def regression(optimizer: str, penalty: float, loss: object, units: int = 1) -> gn.Sequential:
    dense = gn.layers.Dense(units, kernel_regularizer=gn.regularizers.L2(penalty))
    model = gn.Sequential([gn.Input((3,)), dense])
    model.compile(optimizer, loss)
    return model


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("optimizer", SECOND_ORDER)
def test_logistic_regression(optimizer: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(M, 3)) * np.array([1.0, 4.0, 0.3])
    y = (x @ np.array([1.0, -0.5, 2.0]) + rng.normal(size=M) > 0).astype(float)
    penalty = 10.0 ** rng.uniform(-3, -1)
    model = regression(optimizer, penalty, gn.losses.BinaryCrossentropy(from_logits=True))
    model.fit(x, y[:, None], epochs=60, batch_size=M, verbose=0)
    # Mean loss + λ ‖w‖² is scikit-learn's C Σ loss + ½ ‖w‖² for C = 1 / (2 λ m).
    theirs = LogisticRegression(C=1 / (2 * penalty * M), solver="newton-cholesky", tol=1e-12)
    theirs.fit(x, y)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(kernel[:, 0], theirs.coef_[0], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(bias, theirs.intercept_, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("optimizer", ["newton", "saddle_free_newton"])
def test_the_error_squares_on_the_way_to_scikit_learns_optimum(optimizer: str) -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(size=(M, 3))
    y = (x @ np.array([1.0, -2.0, 0.5]) + rng.normal(size=M) > 0).astype(float)
    theirs = LogisticRegression(C=1 / (2 * 0.01 * M), solver="newton-cholesky", tol=1e-14)
    theirs.fit(x, y)
    best = np.append(theirs.coef_[0], theirs.intercept_)
    model = regression(optimizer, 0.01, gn.losses.BinaryCrossentropy(from_logits=True))
    errors = []
    for _ in range(8):
        model.fit(x, y[:, None], epochs=1, batch_size=M, verbose=0)
        errors.append(float(np.linalg.norm(np.vstack(model.get_weights()).ravel() - best)))
        print(f"{errors[-1]:.3e}")
    near = [(a, b) for a, b in pairwise(errors) if 1e-5 < a < 0.3]
    assert len(near) >= 2
    assert all(after < 2 * before**2 for before, after in near)
    assert errors[-1] < 1e-9


@pytest.mark.parametrize("optimizer", SECOND_ORDER)
def test_several_classes(optimizer: str) -> None:
    rng = np.random.default_rng(11)
    x = rng.normal(size=(M, 3))
    y = np.argmax(x @ rng.normal(size=(3, 4)) + 0.7 * rng.normal(size=(M, 4)), axis=1)
    loss = gn.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = regression(optimizer, 0.01, loss, units=4)
    model.fit(x, y, epochs=80, batch_size=M, verbose=0)
    theirs = LogisticRegression(C=1 / (2 * 0.01 * M), solver="lbfgs", tol=1e-12, max_iter=10000)
    theirs.fit(x, y)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(kernel, theirs.coef_.T, rtol=1e-4, atol=1e-5)
    # Adding one number to all biases changes no probability.
    np.testing.assert_allclose(
        bias - bias.mean(), theirs.intercept_ - theirs.intercept_.mean(), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("optimizer", ["newton", "saddle_free_newton"])
def test_ridge_regression_takes_one_step(optimizer: str) -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(M, 3)), rng.normal(size=M)
    model = regression(optimizer, 0.1, "mse")
    model.fit(x, y[:, None], epochs=1, batch_size=M, verbose=0)
    theirs = Ridge(alpha=0.1 * M, solver="cholesky").fit(x, y)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(kernel[:, 0], theirs.coef_, rtol=1e-9)
    np.testing.assert_allclose(bias[0], theirs.intercept_, rtol=1e-9)
