"""Reductions, running sums, norms and order against NumPy."""

import numpy as np
import pytest

from glassnet import ops
from glassnet.engines import Program
from glassnet.graph import Dim, Placeholder, Variable, gradients
from glassnet.testing import check_gradients_numerically

X = np.random.default_rng(0).normal(size=(2, 3, 4))
TIES = np.array([[3.0, -1.0, 3.0, 2.0], [0.0, 5.0, 1.0, 5.0]])
AXES = [None, 0, -1, (0, 2), (-1, 1), (0, 1, 2), ()]


@pytest.mark.parametrize("axis", AXES, ids=repr)
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(
    "function", [np.sum, np.mean, np.prod, np.max, np.min, np.var, np.std, np.all, np.any]
)
def test_as_numpy(function, axis, keepdims):
    x = X if function not in (np.all, np.any) else X > -0.5
    found = function(Variable(x), axis=axis, keepdims=keepdims)
    expected = function(x, axis=axis, keepdims=keepdims)
    assert found.shape == expected.shape
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-13)


@pytest.mark.parametrize("dtype", ["bool", "int32", "int64", "float32", "float64"])
def test_dtypes(dtype):
    x = np.array([[1, 0], [1, 1]], dtype)
    for function in (np.sum, np.prod, np.cumsum, np.cumprod, np.max):
        found = function(Variable(x))
        assert found.dtype == function(x).dtype == np.asarray(found).dtype
    assert np.mean(Variable(x)).dtype == ("float64" if dtype == "float64" else "float32")
    assert np.count_nonzero(Variable(x)).numpy() == 3


def test_methods_and_reduce():
    x = Variable(X)
    np.testing.assert_allclose(x.sum(1).numpy(), X.sum(1))
    np.testing.assert_allclose(x.mean(1, keepdims=True).numpy(), X.mean(1, keepdims=True))
    np.testing.assert_array_equal(x.max((0, 1)).numpy(), X.max((0, 1)))
    np.testing.assert_array_equal(np.add.reduce(x).numpy(), np.add.reduce(X))
    np.testing.assert_array_equal(np.maximum.reduce(x).numpy(), X.max(0))


def test_ddof_and_moments():
    np.testing.assert_allclose(np.var(Variable(X), axis=1, ddof=1).numpy(), X.var(1, ddof=1))
    np.testing.assert_allclose(np.std(Variable(X), ddof=1).numpy(), X.std(ddof=1))
    for keepdims in (True, False):
        mean, variance = ops.moments(X, (0, 1), keepdims)
        np.testing.assert_allclose(mean.numpy(), X.mean((0, 1), keepdims=keepdims))
        np.testing.assert_allclose(variance.numpy(), X.var((0, 1), keepdims=keepdims))


@pytest.mark.parametrize("zeros", [0, 1, 2, 3])
def test_product_is_differentiable_where_entries_are_zero(zeros):
    x = np.array([2.0, -3.0, 1.5, 0.5])
    x[:zeros] = 0
    w = Variable(x)
    by_hand = [np.prod(np.delete(x, i)) for i in range(4)]
    np.testing.assert_allclose(gradients([np.prod(w)], [w])[0].numpy(), by_hand)
    check_gradients_numerically(np.prod, x)
    check_gradients_numerically(np.cumprod, x)


def test_running_sums():
    for axis in (0, 1, -1, None):
        np.testing.assert_allclose(np.cumsum(Variable(X), axis).numpy(), np.cumsum(X, axis))
        np.testing.assert_allclose(np.cumprod(Variable(X), axis).numpy(), np.cumprod(X, axis))


def test_over_a_named_size():
    m = Dim.named("m")
    p = Placeholder((m, 3), "float64", name="p")
    outputs = [np.mean(p), np.var(p, axis=0, ddof=1), np.prod(p, axis=0), np.std(p, axis=1)]
    outputs += [np.cumsum(p, axis=0), np.argmax(p, axis=0), np.sort(p, axis=0)]
    outputs += gradients([np.prod(p, axis=0).sum()], [p])
    assert outputs[1].shape == (3,)
    assert outputs[4].shape == (m, 3)
    program = Program([p], outputs)
    for rows in (2, 5):
        a = np.random.default_rng(rows).normal(size=(rows, 3))
        expected = [a.mean(), a.var(0, ddof=1), a.prod(0), a.std(1)]
        expected += [a.cumsum(0), a.argmax(0), np.sort(a, 0), a.prod(0) / a]
        for found, right in zip(program.run(a), expected, strict=True):
            np.testing.assert_allclose(found, right, rtol=1e-12)


NORMS = [
    *((None, None), (None, 1), (None, (0, 1)), (1, 0), (2, 1), (3, 1), (0, 1), (0.5, 0)),
    *((np.inf, 1), (-np.inf, 1), ("fro", (0, 1)), (1, (0, 1)), (np.inf, (0, 1)), (1, (1, 0))),
    *(("fro", None), (1, None), (np.inf, None)),
]


@pytest.mark.parametrize(("order", "axis"), NORMS, ids=repr)
def test_norms_as_numpy(order, axis):
    x = X[0]
    for keepdims in (False, True):
        found = np.linalg.norm(Variable(x), order, axis, keepdims)
        np.testing.assert_allclose(found.numpy(), np.linalg.norm(x, order, axis, keepdims))


def test_norms_that_are_none():
    with pytest.raises(ValueError, match=r"'fro', ±1, ±np"):
        np.linalg.norm(Variable(X[0]), 3, (0, 1))
    with pytest.raises(ValueError, match="a vector takes a number"):
        np.linalg.norm(Variable(X[0]), "fro", 1)


@pytest.mark.parametrize("x", [X, TIES, np.array([2, 1, 2])], ids=["3d", "ties", "integers"])
def test_order_as_numpy(x):
    w = Variable(x)
    for axis in (*range(-x.ndim, x.ndim), None):
        np.testing.assert_array_equal(np.argmax(w, axis).numpy(), np.argmax(x, axis))
        np.testing.assert_array_equal(np.argmin(w, axis).numpy(), np.argmin(x, axis))
        np.testing.assert_array_equal(
            np.argmax(w, axis, keepdims=True).numpy(), np.argmax(x, axis, keepdims=True)
        )
        np.testing.assert_array_equal(np.argsort(w, axis).numpy(), np.argsort(x, axis, stable=True))
        np.testing.assert_array_equal(np.sort(w, axis).numpy(), np.sort(x, axis))


def test_sort_has_a_derivative():
    check_gradients_numerically(lambda x: ops.sort(x, 1) ** 2 * np.arange(4.0), X[0])
    check_gradients_numerically(lambda x: ops.top_k(x, 2)[0] ** 2, X[0])


def test_top_k():
    values, places = ops.top_k(TIES, 3)
    np.testing.assert_array_equal(values.numpy(), [[3, 3, 2], [5, 5, 1]])
    np.testing.assert_array_equal(places.numpy(), [[0, 2, 3], [1, 3, 2]])
    found = ops.in_top_k([2, 0, 1], [[0.1, 0.2, 0.7], [0.1, 0.7, 0.2], [0.3, 0.3, 0.3]], 1)
    np.testing.assert_array_equal(found.numpy(), [True, False, True])
    assert not ops.in_top_k([0], [[np.nan, 1.0]], 2).numpy()[0]
    with pytest.raises(ValueError, match="k=5 of an axis with 4"):
        ops.top_k(TIES, 5)
    with pytest.raises(ValueError, match="in_top_k: expected targets"):
        ops.in_top_k([[1]], [[0.1, 0.2]], 1)


def test_empty():
    empty = Variable(np.zeros((0, 3)))
    np.testing.assert_array_equal(empty.sum(0).numpy(), [0, 0, 0])
    np.testing.assert_array_equal(np.prod(empty, axis=0).numpy(), [1, 1, 1])
    with pytest.raises(ValueError, match=r"argmax: axis 0 .* is empty"):
        np.argmax(empty, axis=0)


def test_bad_axes():
    x = Variable(X)
    with pytest.raises(ValueError, match="axis=3 does not exist: there are 3 axes"):
        x.sum(3)
    with pytest.raises(ValueError, match="names an axis twice"):
        x.sum((0, -3))
    with pytest.raises(TypeError, match="expected an integer"):
        x.sum("rows")
