"""Derivatives of plain functions, against hand calculation and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der, rosen_hess, rosen_hess_prod

import glassnet as gn
from glassnet.graph.tensor import Tensor


def rosenbrock(x: Tensor) -> Tensor:
    """SciPy's ``rosen``, on tensors."""
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


POINT = np.array([1.3, 0.7, 0.8, 1.9, 1.2])


def test_gradient_against_scipy() -> None:
    value, slope = gn.value_and_grad(rosenbrock)(POINT)
    assert value == pytest.approx(rosen(POINT), rel=1e-12)
    np.testing.assert_allclose(slope, rosen_der(POINT), rtol=1e-12)


def test_hessian_against_scipy() -> None:
    np.testing.assert_allclose(gn.hessian(rosenbrock)(POINT), rosen_hess(POINT), atol=1e-9)


def test_hessian_vector_product_against_scipy() -> None:
    v = np.arange(5.0)
    np.testing.assert_allclose(gn.hvp(rosenbrock, POINT, v), rosen_hess_prod(POINT, v), rtol=1e-12)


def test_jacobian_both_ways_round() -> None:
    def wide(x):  # 2 outputs, 3 inputs: by rows
        return np.stack([x[0] * x[1], np.sin(x[2])])

    def tall(x):  # 4 outputs, 2 inputs: by columns
        return np.stack([x[0], x[0] * x[1], x[1] ** 2, np.exp(x[1])])

    x = np.array([2.0, 3.0, 0.5])
    np.testing.assert_allclose(gn.jacobian(wide)(x), [[3, 2, 0], [0, 0, np.cos(0.5)]], rtol=1e-12)
    x = np.array([2.0, 3.0])
    expected = [[1, 0], [3, 2], [0, 6], [0, np.exp(3)]]
    np.testing.assert_allclose(gn.jacobian(tall)(x), expected, rtol=1e-12)


def test_jacobian_keeps_the_shapes() -> None:
    x = np.arange(6.0).reshape(2, 3)
    found = gn.jacobian(lambda x: x * x)(x)
    assert found.shape == (2, 3, 2, 3)
    np.testing.assert_allclose(found.reshape(6, 6), np.diag(2 * x.ravel()))


def test_jvp_and_vjp_are_transposes() -> None:
    matrix = np.random.default_rng(0).normal(size=(3, 4))
    f = lambda x: np.tanh(matrix @ x)  # noqa: E731
    x, v, u = np.ones(4), np.arange(4.0), np.array([1.0, -1.0, 2.0])
    _, pushed = gn.jvp(f, (x,), (v,))
    _, pull = gn.vjp(f, x)
    assert u @ pushed == pytest.approx(pull(u)[0] @ v, rel=1e-12)
    slope = 1 - np.tanh(matrix @ x) ** 2
    np.testing.assert_allclose(pushed, slope * (matrix @ v), rtol=1e-12)


def test_transformations_nest() -> None:
    third = gn.grad(gn.grad(gn.grad(lambda x: x**4)))
    assert third(2.0) == pytest.approx(48.0)


def test_an_inner_derivative_sees_the_outer_variable() -> None:
    # d/dx [ d/dy (x y²) at y = 3 ] = d/dx 6x = 6
    outer = gn.grad(lambda x: gn.grad(lambda y: x * y**2)(3.0))
    assert outer(2.0) == pytest.approx(6.0)


def test_several_arguments_and_structures() -> None:
    f = lambda w, x: np.sum(w["a"] * x) + w["b"] ** 2  # noqa: E731
    slopes, by_x = gn.grad(f, argnums=(0, 1))({"a": np.array([1.0, 2.0]), "b": 3.0}, np.ones(2))
    np.testing.assert_allclose(slopes["a"], [1, 1])
    assert slopes["b"] == pytest.approx(6.0)
    np.testing.assert_allclose(by_x, [1, 2])


def test_by_variables_of_a_layer() -> None:
    layer = gn.layers.Dense(1, dtype="float64")
    x = np.random.default_rng(0).normal(size=(5, 3))
    layer(x)
    loss = lambda x: np.mean(layer(x) ** 2)  # noqa: E731
    by_kernel, by_bias = gn.grad(loss, variables=layer.trainable_weights)(x)
    z = x @ layer.kernel.value + layer.bias.value
    np.testing.assert_allclose(by_kernel, 2 * x.T @ z / 5, rtol=1e-12)
    np.testing.assert_allclose(by_bias, 2 * z.sum(0) / 5, rtol=1e-12)


def test_hessian_by_variables_is_the_normal_matrix() -> None:
    layer = gn.layers.Dense(1, use_bias=False, dtype="float64")
    x = np.random.default_rng(0).normal(size=(5, 3))
    layer(x)
    blocks = gn.hessian(lambda x: np.sum(layer(x) ** 2), variables=layer.trainable_weights)(x)
    np.testing.assert_allclose(blocks[0][0].reshape(3, 3), 2 * x.T @ x, rtol=1e-12)


def test_per_example_gradients_sum_to_the_gradient() -> None:
    rng = np.random.default_rng(0)
    w, x, y = rng.normal(size=(3, 2)), rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    loss = lambda w, x, y: np.sum(np.tanh(x @ w - y))  # noqa: E731
    each = gn.per_example_grad(loss)(w, x, y)
    assert each.shape == (7, 3, 2)
    np.testing.assert_allclose(each.sum(0), gn.grad(loss)(w, x, y), rtol=1e-10)
    slope = 1 - np.tanh(x[2] @ w - y[2]) ** 2
    np.testing.assert_allclose(each[2], np.outer(x[2], slope), rtol=1e-10)


def test_a_vector_has_no_gradient() -> None:
    with pytest.raises(ValueError, match=r"scalar was asked for.*\(3,\).*jacobian"):
        gn.grad(lambda x: x * 2)(np.ones(3))


def test_a_derivative_by_integers_is_refused() -> None:
    with pytest.raises(TypeError, match="only floats"):
        gn.grad(lambda x: np.sum(x))(np.ones(3, dtype=np.int64))


def test_a_wrong_cotangent_is_told() -> None:
    _, pull = gn.vjp(lambda x: x * 2, np.ones(3))
    with pytest.raises(ValueError, match=r"cotangent: expected shape \(3,\); got \(2,\)"):
        pull(np.ones(2))


def test_control_flow_on_values_is_told() -> None:
    with pytest.raises(TypeError, match="symbolic"):
        gn.grad(lambda x: x if x > 0 else -x)(2.0)
