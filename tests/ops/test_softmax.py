"""Softmax and the cross-entropies against SciPy and sums by hand."""

import numpy as np
import pytest
import scipy.special

from glassnet import ops
from glassnet.graph import Dim, Placeholder, Variable, gradients
from glassnet.testing import check_gradients_numerically

X = np.random.default_rng(0).normal(size=(4, 5)) * 3
T = np.random.default_rng(1).dirichlet(np.ones(5), 4)
LABELS = np.array([0, 4, 2, 2])


def walk(tensor):
    seen, todo = {}, [tensor]
    while todo:
        node = todo.pop()
        if id(node) not in seen:
            seen[id(node)] = node
            todo += node.inputs
    return {n.op.name for n in seen.values() if n.op is not None}


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 1)])
def test_against_scipy(axis):
    for shift in (0, 1000, -1000):
        x = X + shift
        np.testing.assert_allclose(
            ops.softmax(x, axis).numpy(), scipy.special.softmax(x, axis), rtol=1e-13
        )
        np.testing.assert_allclose(
            ops.log_softmax(x, axis).numpy(), scipy.special.log_softmax(x, axis), rtol=1e-12
        )
        for keepdims in (True, False):
            np.testing.assert_allclose(
                ops.logsumexp(x, axis, keepdims).numpy(),
                scipy.special.logsumexp(x, axis, keepdims=keepdims),
                rtol=1e-13,
            )


def test_infinite_entries():
    x = np.array([[0.0, -np.inf], [-np.inf, -np.inf], [np.inf, 0.0]])
    np.testing.assert_array_equal(ops.softmax(x[:1]).numpy(), [[1, 0]])
    np.testing.assert_array_equal(ops.logsumexp(x, 1).numpy(), [0, -np.inf, np.inf])
    np.testing.assert_array_equal(ops.log_softmax([[0.0, -1000.0]]).numpy(), [[0, -1000]])


def test_one_class():
    one = np.array([[3.0], [-2.0]])
    np.testing.assert_array_equal(ops.softmax(one).numpy(), [[1], [1]])
    loss = ops.sparse_categorical_crossentropy([0, 0], one, from_logits=True)
    np.testing.assert_array_equal(loss.numpy(), [0, 0])


def test_one_hot():
    np.testing.assert_array_equal(ops.one_hot(LABELS, 5).numpy(), np.eye(5)[LABELS])
    np.testing.assert_array_equal(ops.one_hot(LABELS, 5, axis=0).numpy(), np.eye(5)[LABELS].T)
    np.testing.assert_array_equal(ops.one_hot([5, -1], 5).numpy(), np.zeros((2, 5)))
    assert ops.one_hot(LABELS, 5, dtype="int32").dtype == np.int32
    assert ops.one_hot(Placeholder((Dim.named("m"),), "int32"), 3).shape == (Dim.named("m"), 3)
    with pytest.raises(TypeError, match="class numbers"):
        ops.one_hot([0.5], 3)


def test_categorical_by_hand():
    p = scipy.special.softmax(X, 1)
    expected = [-sum(T[i, j] * np.log(p[i, j]) for j in range(5)) for i in range(4)]
    np.testing.assert_allclose(
        ops.categorical_crossentropy(T, X, from_logits=True).numpy(), expected
    )
    np.testing.assert_allclose(ops.categorical_crossentropy(T, p).numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(ops.categorical_crossentropy(T, 3 * p).numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(
        ops.categorical_crossentropy(T.T, X.T, from_logits=True, axis=0).numpy(), expected
    )


def test_sparse_by_hand():
    p = scipy.special.softmax(X, 1)
    expected = [-np.log(p[i, LABELS[i]]) for i in range(4)]
    for labels in (LABELS, LABELS[:, None], LABELS.astype("float32")):
        np.testing.assert_allclose(
            ops.sparse_categorical_crossentropy(labels, X, from_logits=True).numpy(), expected
        )
        np.testing.assert_allclose(
            ops.sparse_categorical_crossentropy(labels, p).numpy(), expected, rtol=1e-6
        )


def test_binary_by_hand():
    t = np.array([[0.0, 1.0, 0.25]])
    x = np.array([[-2.0, 3.0, 0.5]])
    p = 1 / (1 + np.exp(-x))
    expected = -t * np.log(p) - (1 - t) * np.log(1 - p)
    np.testing.assert_allclose(ops.binary_crossentropy(t, x, from_logits=True).numpy(), expected)
    np.testing.assert_allclose(ops.binary_crossentropy(t, p).numpy(), expected, rtol=1e-6)


def test_probabilities_are_kept_inside():
    low = ops.binary_crossentropy(np.array([1.0, 0.0]), np.array([0.0, 0.0])).numpy()
    np.testing.assert_allclose(low, [-np.log(1e-7), -np.log(1 - 1e-7)], rtol=1e-6)
    hot = np.array([[0.0, 1.0]])
    found = ops.categorical_crossentropy(hot, np.array([[1.0, 0.0]])).numpy()
    np.testing.assert_allclose(found, [-np.log(1e-7)])


def test_extreme_logits_stay_exact():
    x = np.array([[1000.0, -1000.0]])
    loss = ops.categorical_crossentropy(np.array([[0.0, 1.0]]), x, from_logits=True)
    assert loss.numpy() == [2000.0]
    assert ops.sparse_categorical_crossentropy([1], x, from_logits=True).numpy() == [2000.0]
    binary = ops.binary_crossentropy(np.array([0.0, 1.0]), np.array([1e3, 1e3]), from_logits=True)
    np.testing.assert_array_equal(binary.numpy(), [1000.0, 0.0])


def test_softmax_output_is_computed_through_its_logits():
    x = Variable(np.array([[1000.0, -1000.0]]))
    p = ops.softmax(x)
    for loss in (
        ops.categorical_crossentropy(np.array([[0.0, 1.0]]), p),
        ops.sparse_categorical_crossentropy(np.array([1]), p),
    ):
        assert "softmax" not in walk(loss)
        assert loss.numpy() == [2000.0]
        np.testing.assert_array_equal(gradients([loss.sum()], [x])[0].numpy(), [[1, -1]])
    assert "softmax" in walk(ops.categorical_crossentropy(np.array([[0.0, 1.0]]), p * 1.5))
    other_axis = ops.softmax(x, axis=0)
    assert "softmax" in walk(ops.categorical_crossentropy(np.array([[0.0, 1.0]]), other_axis))


def test_sigmoid_output_is_computed_through_its_logits():
    x = Variable(np.array([[-1000.0], [5.0]]))
    for output in (ops.sigmoid(x), ops.sigmoid(x)[:, :1]):
        loss = ops.binary_crossentropy(np.ones((2, 1)), output)
        np.testing.assert_allclose(loss.numpy(), [[1000.0], [np.log1p(np.exp(-5.0))]])
    flat = ops.binary_crossentropy(np.ones(2), ops.reshape(ops.sigmoid(x), (2,)))
    np.testing.assert_allclose(flat.numpy(), [1000.0, np.log1p(np.exp(-5.0))])


def test_derivative_of_the_fused_is_that_of_the_parts():
    check_gradients_numerically(
        lambda x: ops.sparse_categorical_crossentropy(LABELS, x, from_logits=True), X
    )
    check_gradients_numerically(
        lambda x, t: ops.categorical_crossentropy(t, x, from_logits=True), X, T
    )
    x = Variable(X)
    loss = ops.sparse_categorical_crossentropy(LABELS, x, from_logits=True).sum()
    expected = scipy.special.softmax(X, 1) - np.eye(5)[LABELS]
    np.testing.assert_allclose(gradients([loss], [x])[0].numpy(), expected, atol=1e-14)


@pytest.mark.parametrize("label", [-1, 5])
def test_labels_out_of_range(label):
    labels = np.array([0, label, 2, 2])
    with pytest.raises(ValueError, match=rf"label {label} \(entry 1\).*5 classes, numbered 0 to 4"):
        ops.sparse_categorical_crossentropy(labels, X, from_logits=True)


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="they must be equal"):
        ops.categorical_crossentropy(LABELS, X)
    with pytest.raises(ValueError, match="one class number"):
        ops.sparse_categorical_crossentropy(T, X)
    with pytest.raises(ValueError, match="one class number"):
        ops.sparse_categorical_crossentropy(T, X, from_logits=True)
    with pytest.raises(ValueError, match="Reshape the targets"):
        ops.binary_crossentropy(np.ones(4), np.full((4, 1), 0.5))
