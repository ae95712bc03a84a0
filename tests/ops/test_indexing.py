"""Indexing against NumPy, over written and random indices, with known and named sizes."""

import numpy as np
import pytest

from glassnet import ops
from glassnet.engines import Program
from glassnet.graph import Dim, Placeholder, Variable, gradients
from glassnet.testing import check_gradients_numerically

A = np.random.default_rng(0).normal(size=(3, 4, 5))
INDICES = [
    np.s_[0], np.s_[:, 0], np.s_[..., 1:], np.s_[:-1], np.s_[::-1], np.s_[1, ::-2, None],
    np.s_[[0, 2]], np.s_[:, [1, 0], [2, 2]], np.s_[0, :, [1, 2]], np.s_[[0, 1], :, [1, 2]],
    np.s_[:, None, [1, 2]], np.s_[[0, 1], None, :, [1, 2]], np.s_[A > 0], np.s_[A[:, :, 0] > 0],
    np.s_[:, A[0] > 0], np.s_[..., None], np.s_[-1, -1, -1], np.s_[5:2], np.s_[10:],
    np.s_[:, 3:0:-1], np.s_[:, 10:0:-3], np.s_[np.array([[0, 1], [1, 2]])],
    np.s_[:, 1, [0, 1, 1]], np.s_[[]], np.s_[...], np.s_[:, :, -2], np.s_[-5:], np.s_[()],
    np.s_[[0, 1], 1, :], np.s_[None, ..., None], np.s_[np.int64(1)], np.s_[[-1, -3]],
    np.s_[..., A[0, 0] > 0], np.s_[[[0], [1]], [0, 2]],
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_as_numpy(index):
    x = Variable(A)
    found = x[index]
    np.testing.assert_array_equal(np.asarray(found), A[index])
    assert found.shape == A[index].shape
    expected = np.zeros_like(A)
    weights = np.random.default_rng(1).normal(size=A[index].shape)
    np.add.at(expected, index, weights)
    (by_x,) = gradients([(found * weights).sum()], [x])
    np.testing.assert_allclose(by_x.numpy(), expected, atol=1e-14)


def test_random_indices():
    rng = np.random.default_rng(2)

    def part(size):
        kind = rng.integers(4)
        if kind == 0:
            return int(rng.integers(-size, size))
        bounds = [None if rng.random() < 0.3 else int(b) for b in rng.integers(-7, 8, 2)]
        step = None if kind == 1 else int(rng.choice([-3, -2, -1, 1, 2, 3]))
        return slice(*bounds, step)

    x = Variable(A)
    for _ in range(300):
        index = tuple(part(size) for size in A.shape[: rng.integers(1, 4)])
        found, expected = x[index], A[index]
        assert found.shape == expected.shape, index
        np.testing.assert_array_equal(np.asarray(found), expected, err_msg=repr(index))


NAMED = [
    np.s_[:-1], np.s_[1:], np.s_[1:-1], np.s_[:100], np.s_[-5:], np.s_[::2], np.s_[::-1],
    np.s_[-1], np.s_[0], np.s_[:, 0], np.s_[2:], np.s_[::-2], np.s_[5:1:-1], np.s_[[0, -1]],
    np.s_[-1, [1, 2]], np.s_[:-3:2], np.s_[..., 1:], np.s_[None], np.s_[:, [0, 0, 3]],
]  # fmt: skip


@pytest.mark.parametrize("index", NAMED, ids=repr)
def test_with_a_named_size(index):
    p = Placeholder((Dim.named("m"), 4), "float64", name="p")
    y = p[index]
    program = Program([p], [y, *gradients([(y * y).sum()], [p])])
    for rows in (2, 3, 5, 9):
        a = np.random.default_rng(rows).normal(size=(rows, 4))
        value, by_p = program.run(a)
        np.testing.assert_array_equal(value, a[index])
        expected = np.zeros_like(a)
        np.add.at(expected, index, 2 * a[index])
        np.testing.assert_allclose(by_p, expected)


def test_named_sizes_are_computed_with():
    m = Dim.named("m")
    p = Placeholder((m, 6))
    assert p[:-1].shape == (m - 1, 6)
    assert p[1:].shape == (m - 1, 6)
    assert p[:, 0].shape == (m,)
    assert p[..., 1:].shape == (m, 5)
    assert p[::-1].shape == (m, 6)
    assert p[: m - 1].shape == (m - 1, 6)
    assert Placeholder((m + 2, 6))[:3].shape == (3, 6)


def test_by_a_tensor_that_only_a_run_tells():
    m = Dim.named("m")
    index = Placeholder((m,), "int64", name="i")
    table = Variable(A[:, :, 0])
    y = table[index]
    assert y.shape == (m, 4)
    (by_table,) = gradients([(y * y).sum()], [table])
    value, slope = Program([index], [y, by_table]).run(np.array([2, 0, 2]))
    np.testing.assert_array_equal(value, A[[2, 0, 2], :, 0])
    np.testing.assert_allclose(slope, 2 * A[:, :, 0] * np.array([1, 0, 2])[:, None])


@pytest.mark.parametrize(
    ("index", "error", "says"),
    [
        (3, IndexError, "Index 3 is out of range: axis 0 .* 3 entries, numbered 0 to 2"),
        ((0, -5), IndexError, "Index -5 is out of range: axis 1"),
        ((0, 0, 0, 0), IndexError, "4 indices were given for a tensor with 3 axes"),
        (([0, 3],), IndexError, "Index 3 is out of range"),
        ((..., ...), IndexError, "once"),
        (np.array([True, False]), IndexError, "2 truth values can't choose from axis 0"),
        ((0, np.array([True] * 5)), IndexError, "5 truth values can't choose from axis 1"),
        (np.array([0.5]), IndexError, "integers or truth values; got float64"),
        ("name", IndexError, "An index is made of integers"),
        (slice(None, None, 0), ValueError, "step 0"),
    ],
)
def test_bad_indices(index, error, says):
    with pytest.raises(error, match=says):
        Variable(A)[index]


def test_truth_values_that_only_a_run_tells_are_refused():
    x = Placeholder((4,))
    with pytest.raises(IndexError, match=r"np.where\(condition, x, 0.0\)"):
        x[x > 0]


def test_too_short_a_batch_is_an_error_and_no_garbage():
    p = Placeholder((Dim.named("m"), 4))
    with pytest.raises(IndexError, match="in this run"):
        Program([p], [p[3]]).run(np.zeros((2, 4)))


def test_iterating_and_unpacking():
    first, second, third = Variable(A)
    np.testing.assert_array_equal(second.numpy(), A[1])
    assert [row.shape for row in Variable(A)] == [(4, 5)] * 3
    assert third.shape == first.shape


def test_take_as_numpy():
    x = Variable(A)
    for indices in (1, [0, 2], [[0, 1], [2, -1]]):
        for axis in (0, 1, -1, None):
            np.testing.assert_array_equal(
                np.asarray(np.take(x, indices, axis=axis)), np.take(A, indices, axis=axis)
            )
    check_gradients_numerically(lambda t: np.take(t, [0, 2, 2], axis=1) ** 2, A)


def test_take_along_axis_as_numpy():
    order = np.argsort(A, axis=1)
    x = Variable(A)
    np.testing.assert_array_equal(
        np.asarray(np.take_along_axis(x, order, axis=1)), np.sort(A, axis=1)
    )
    few = np.array([[[1], [0]]])
    np.testing.assert_array_equal(
        np.asarray(np.take_along_axis(x, few, axis=1)), np.take_along_axis(A, few, axis=1)
    )
    check_gradients_numerically(lambda t: np.take_along_axis(t, few, axis=1) ** 3, A)
    with pytest.raises(ValueError, match="as many axes"):
        ops.take_along_axis(A, [0], axis=1)


def test_embedding_derivative_adds_up_repeats():
    rng = np.random.default_rng(5)
    for width in (1, 7):
        table = Variable(rng.normal(size=(11, width)))
        index = rng.integers(0, 11, (6, 9))
        weights = rng.normal(size=(6, 9, width))
        (by_table,) = gradients([(ops.take(table, index, 0) * weights).sum()], [table])
        expected = np.zeros((11, width))
        for i in range(6):
            for j in range(9):
                expected[index[i, j]] += weights[i, j]
        np.testing.assert_allclose(by_table.numpy(), expected, atol=1e-13)
