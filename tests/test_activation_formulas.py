"""Activations against SciPy and plain formulas, at the far ends and at their kinks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

from glassnet import activations, ops
from glassnet.calculus import grad

X = np.array([-1000.0, -30.0, -4.0, -1.5, -1.0, -0.3, 0.0, 0.4, 1.0, 2.7, 5.0, 40.0, 1000.0])


def sigma(x: np.ndarray) -> np.ndarray:
    return special.expit(x)


def phi(x: np.ndarray) -> np.ndarray:
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


# The value and the derivative, written down by hand.
FORMULAS = {
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0),
    "relu6": (lambda x: np.clip(x, 0, 6), lambda x: ((x > 0) & (x < 6)) * 1.0),
    "leaky_relu": (lambda x: np.where(x >= 0, x, 0.2 * x), lambda x: np.where(x >= 0, 1, 0.2)),
    "elu": (lambda x: np.where(x > 0, x, np.expm1(-abs(x))), lambda x: np.exp(np.minimum(x, 0))),
    "celu": (lambda x: np.where(x > 0, x, np.expm1(-abs(x))), lambda x: np.exp(np.minimum(x, 0))),
    "softplus": (lambda x: np.logaddexp(0, x), sigma),
    "sigmoid": (sigma, lambda x: sigma(x) * sigma(-x)),
    "log_sigmoid": (special.log_expit, lambda x: sigma(-x)),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "softsign": (lambda x: x / (1 + abs(x)), lambda x: (1 + abs(x)) ** -2.0),
    "silu": (lambda x: x * sigma(x), lambda x: sigma(x) * (1 + x * sigma(-x))),
    "gelu": (lambda x: x * special.ndtr(x), lambda x: special.ndtr(x) + x * phi(x)),
    "hard_tanh": (lambda x: np.clip(x, -1, 1), None),
    "hard_sigmoid": (lambda x: np.clip(x / 6 + 0.5, 0, 1), lambda x: (abs(x) < 3) / 6),
    "hard_silu": (
        lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
        lambda x: np.where(x < -3, 0, np.where(x > 3, 1, x / 3 + 0.5)),
    ),
    "tanh_shrink": (lambda x: x - np.tanh(x), lambda x: np.tanh(x) ** 2),
    "soft_shrink": (
        lambda x: np.where(x > 0.5, x - 0.5, np.where(x < -0.5, x + 0.5, 0)),
        lambda x: (abs(x) > 0.5) * 1.0,
    ),
    "hard_shrink": (lambda x: x * (abs(x) > 0.5), lambda x: (abs(x) > 0.5) * 1.0),
    "squareplus": (
        lambda x: (x + np.sqrt(x * x + 4)) / 2,
        lambda x: (1 + x / np.sqrt(x * x + 4)) / 2,
    ),
    "sparse_plus": (
        lambda x: np.where(x <= -1, 0, np.where(x >= 1, x, (x + 1) ** 2 / 4)),
        lambda x: np.clip((x + 1) / 2, 0, 1),
    ),
    "sparse_sigmoid": (lambda x: np.clip((x + 1) / 2, 0, 1), None),
    "linear": (lambda x: x, lambda x: np.ones_like(x)),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_value_and_derivative(name: str) -> None:
    value, derivative = FORMULAS[name]
    function = activations.get(name)
    np.testing.assert_allclose(np.asarray(function(X)), value(X), rtol=1e-13, atol=1e-15)
    if derivative is not None:
        found = grad(lambda x: ops.sum(function(x)))(X)
        np.testing.assert_allclose(found, derivative(X), rtol=1e-12, atol=1e-15)


def test_mish_and_its_derivative() -> None:
    t = np.tanh(np.logaddexp(0, X))
    np.testing.assert_allclose(np.asarray(activations.mish(X)), X * t, rtol=1e-13)
    found = grad(lambda x: ops.sum(activations.mish(x)))(X)
    np.testing.assert_allclose(found, t + X * sigma(X) * (1 - t * t), rtol=1e-12, atol=1e-15)


def test_selu_keeps_mean_zero_and_variance_one() -> None:
    # The fixed point that defines its two constants, by numerical integration over N(0, 1).
    x, weight = np.polynomial.hermite_e.hermegauss(180)
    y = np.asarray(activations.selu(x))
    weight = weight / weight.sum()
    assert abs(weight @ y) < 2e-3
    assert abs(weight @ (y * y) - 1) < 2e-3


def test_selu_value() -> None:
    assert activations.selu(np.array(1.0)).item() == 1.0507009873554805
    assert activations.selu(np.array(-1000.0)).item() == pytest.approx(-1.7580993408473766)


def test_gelu_approximation() -> None:
    x = np.linspace(-5, 5, 41)
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    expected = 0.5 * x * (1 + np.tanh(inner))
    np.testing.assert_allclose(np.asarray(activations.gelu(x, True)), expected, atol=1e-14)
    exact = np.asarray(activations.gelu(x))
    assert 1e-5 < np.abs(exact - expected).max() < 1e-3


def test_gelu_is_precise_far_below_zero() -> None:
    x = np.array([-4.0, -6.0, -8.0], np.float32)
    expected = x.astype(np.float64) * special.ndtr(x.astype(np.float64))
    np.testing.assert_allclose(np.asarray(activations.gelu(x)), expected, rtol=5e-6)


@pytest.mark.parametrize("axis", [-1, 0])
def test_softmax_and_log_softmax(axis: int) -> None:
    x = np.random.default_rng(0).normal(size=(4, 3)) * 50
    np.testing.assert_allclose(
        np.asarray(activations.softmax(x, axis)), special.softmax(x, axis), rtol=1e-12
    )
    # -log(1 + Σ of the others' e^(x_j - x_i)): SciPy's is 0 where the logarithm is below 1e-16.
    rows = x if axis == -1 else x.T
    others = [
        [sum(np.exp(v - u) for v in np.delete(row, i)) for i, u in enumerate(row)] for row in rows
    ]
    expected = -np.log1p(others)
    np.testing.assert_allclose(
        np.asarray(activations.log_softmax(x, axis)),
        expected if axis == -1 else expected.T,
        rtol=1e-12,
    )


def project_onto_simplex(x: np.ndarray) -> np.ndarray:
    """The nearest probabilities, with the threshold found by bisection."""
    low, high = x.min() - 1, x.max()
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(x - middle, 0).sum() > 1 else (low, middle)
    return np.maximum(x - high, 0)


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_sparsemax_projects_onto_the_simplex(scale: float) -> None:
    x = np.random.default_rng(1).normal(size=(6, 5)) * scale
    y = np.asarray(activations.sparsemax(x))
    np.testing.assert_allclose(y, [project_onto_simplex(row) for row in x], atol=1e-12)
    across = np.asarray(activations.sparsemax(x, axis=0))
    np.testing.assert_allclose(across.T, [project_onto_simplex(row) for row in x.T], atol=1e-12)


def test_glu_gates_one_half_with_the_other() -> None:
    x = np.random.default_rng(2).normal(size=(2, 6))
    expected = x[:, :3] * sigma(x[:, 3:])
    np.testing.assert_allclose(np.asarray(activations.glu(x)), expected, rtol=1e-14)
    np.testing.assert_allclose(np.asarray(activations.glu(x, 0)), x[:1] * sigma(x[1:]), rtol=1e-14)


def test_glu_refuses_an_odd_axis() -> None:
    with pytest.raises(ValueError, match=r"even, not 3"):
        activations.glu(np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"negative_slope": 0.1}, [-0.3, -0.1, 0.0, 0.5, 2.0, 7.0]),
        ({"max_value": 3}, [0, 0, 0, 0.5, 2, 3]),
        ({"threshold": 1}, [0, 0, 0, 0, 2, 7]),
        ({"threshold": -2}, [0, -1, 0, 0.5, 2, 7]),
        ({"threshold": -2, "max_value": 3}, [0, 0, 0, 0.5, 2, 3]),
        ({"negative_slope": 0.1, "threshold": 1}, [-0.4, -0.2, -0.1, -0.05, 2, 7]),
        ({"negative_slope": 0.1, "threshold": 1, "max_value": 3}, [-0.4, -0.2, -0.1, -0.05, 2, 3]),
        ({"negative_slope": 0.1, "max_value": 3}, [-0.3, -0.1, 0, 0.5, 2, 3]),
    ],
)
def test_relu_with_its_arguments(arguments: dict[str, float], expected: list[float]) -> None:
    x = np.array([-3.0, -1.0, 0.0, 0.5, 2.0, 7.0])
    np.testing.assert_allclose(np.asarray(activations.relu(x, **arguments)), expected, atol=1e-15)


def test_threshold_replaces_what_is_not_above() -> None:
    x = np.array([-1.0, 0.5, 2.0])
    assert activations.threshold(x, 0.5, -7.0).tolist() == [-7.0, -7.0, 2.0]


def test_infinities_and_nan() -> None:
    x = np.array([-np.inf, np.inf, np.nan])
    for name, ends in {
        "relu": (0, np.inf),
        "elu": (-1, np.inf),
        "sigmoid": (0, 1),
        "hard_sigmoid": (0, 1),
        "relu6": (0, 6),
        "softplus": (0, np.inf),
        "leaky_relu": (-np.inf, np.inf),
    }.items():
        y = np.asarray(activations.get(name)(x))
        np.testing.assert_array_equal(y, [*ends, np.nan], err_msg=name)


def test_names() -> None:
    assert activations.get("swish") is activations.silu
    assert activations.get("hard_swish") is activations.hard_silu
    assert activations.get(None) is activations.linear
    assert activations.get(np.tanh) is np.tanh
    with pytest.raises(ValueError, match="Did you mean 'sigmoid'"):
        activations.get("sigmod")
    with pytest.raises(TypeError, match="Expected an activation"):
        activations.get(3)


def test_gelu_defaults_differ_as_in_keras() -> None:
    x = np.array([1.0])
    assert activations.gelu(x).item() == pytest.approx(special.ndtr(1.0), rel=1e-14)
    assert abs(ops.gelu(x).item() - special.ndtr(1.0)) > 1e-5
