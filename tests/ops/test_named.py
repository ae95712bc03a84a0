"""Keras's further names: against NumPy and by hand."""

from __future__ import annotations

import numpy as np

import glassnet as gn
from glassnet import ops


def test_division_by_zero_and_its_derivative_are_zero() -> None:
    divisors = np.array([0.0, 2.0, -4.0])
    np.testing.assert_array_equal(ops.divide_no_nan(np.ones(3), divisors), [0, 0.5, -0.25])
    slopes = gn.grad(lambda x: np.sum(ops.divide_no_nan(np.ones(3), x)))(divisors)
    np.testing.assert_allclose(slopes, [0, -0.25, -0.0625])


def test_what_is_no_number_is_replaced_as_numpy_does() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 1.5, -2.0])
    np.testing.assert_array_equal(ops.nan_to_num(x), np.nan_to_num(x))
    expected = np.nan_to_num(x, nan=7.0, posinf=1.0, neginf=-1.0)
    np.testing.assert_array_equal(ops.nan_to_num(x, 7.0, 1.0, -1.0), expected)
    np.testing.assert_array_equal(ops.nan_to_num(np.array([1, 2])), [1, 2])


def test_vectors_of_length_one() -> None:
    x = np.random.default_rng(0).normal(size=(3, 4))
    for order in (1, 2, 3):
        lengths = np.linalg.norm(x, ord=order, axis=1, keepdims=True)
        np.testing.assert_allclose(ops.normalize(x, 1, order), x / lengths, rtol=1e-12)
    np.testing.assert_array_equal(ops.normalize(np.zeros((2, 2))), np.zeros((2, 2)))
    slopes = gn.grad(lambda v: np.sum(ops.normalize(v)))(np.zeros((1, 2)))
    assert np.isfinite(slopes).all()


def test_blocks_rows_and_kinds() -> None:
    x = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(ops.slice(x, (1, 0), (2, 3)), x[1:3, 0:3])
    np.testing.assert_array_equal(ops.get_item(x, (slice(None), 1)), x[:, 1])
    np.testing.assert_array_equal(ops.append(x, x[:1], axis=0), np.append(x, x[:1], axis=0))
    np.testing.assert_array_equal(ops.append(x, [[5]]), np.append(x, [[5]]))
    np.testing.assert_array_equal(ops.multi_hot(np.array([0, 2]), 4), [1, 0, 1, 0])
    assert int(ops.amax(x)) == 11
    assert ops.amin(x, axis=1).tolist() == [0, 4, 8]
    assert ops.dtype(np.float16(1)) == "float16"
    assert [ops.is_tensor(value) for value in (gn.Input((2,)), gn.Variable(1.0), x)] == [
        True,
        True,
        False,
    ]


def test_a_variable_begins_with_a_named_initializer() -> None:
    assert gn.Variable("ones", shape=(2,)).numpy().tolist() == [1.0, 1.0]
