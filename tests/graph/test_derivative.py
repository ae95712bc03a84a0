"""Reverse accumulation over nodes."""

import numpy as np
import pytest

from glassnet.engines import Program
from glassnet.graph import Dim, Placeholder, Variable, gradients, topological


def test_a_node_used_many_times_collects_from_every_user():
    x = Variable(np.array([0.5, -1.5]))
    y = np.sin(x)
    total = (y * y + y * x + 3 * y + x).sum()
    s, c, v = np.sin(x.numpy()), np.cos(x.numpy()), x.numpy()
    np.testing.assert_allclose(
        gradients([total], [x])[0].numpy(), 2 * s * c + s + v * c + 3 * c + 1
    )


def test_both_inputs_are_one_node():
    x = Variable(np.array([2.0, 3.0]))
    np.testing.assert_array_equal(gradients([(x * x).sum()], [x])[0].numpy(), [4, 6])
    np.testing.assert_array_equal(gradients([(x - x).sum()], [x])[0].numpy(), [0, 0])


def test_reuse_does_not_multiply_the_walk():
    x = Variable(1.0, dtype="float64")
    y = x
    for _ in range(200):  # 2**200 paths
        y = y + y
    assert len(topological([y])) == 201
    assert gradients([y], [x])[0].item() == 2.0**200


def test_a_chain_of_50000_nodes():
    x = Placeholder((), "float64", name="x")
    y = x
    for _ in range(25_000):
        y = np.negative(y) + 1e-5
    (slope,) = gradients([y], [x])
    assert len(topological([y])) > 50_000
    value, by_x = Program([x], [y, slope]).run(2.0)
    assert by_x == 1.0
    np.testing.assert_allclose(value, 2.0)


def test_by_an_inner_node_and_by_what_is_not_there():
    x, other = Variable(np.array([1.0, 2.0])), Variable(np.ones((3,)))
    y = x * 2
    by_y, by_other = gradients([(y**2).sum()], [y, other])
    np.testing.assert_array_equal(by_y.numpy(), [4, 8])
    np.testing.assert_array_equal(by_other.numpy(), [0, 0, 0])


def test_several_outputs_and_seeds():
    x = Variable(np.array([1.0, 2.0]))
    seeds = [Variable(np.array([1.0, 10.0])), Variable(3.0, dtype="float64")]
    (by_x,) = gradients([x * x, x.sum()], [x], seeds)
    np.testing.assert_array_equal(by_x.numpy(), [5, 43])


def test_integers_and_truth_values_receive_nothing():
    x = Variable(np.array([1.5, -2.0]))
    n = Variable(np.array([1, 2]))
    total = np.where(x > 0, x * n, -x).sum()
    by_x, by_n = gradients([total], [x, n])
    np.testing.assert_array_equal(by_x.numpy(), [1, -1])
    np.testing.assert_array_equal(by_n.numpy(), [0, 0])
    assert by_n.dtype == n.dtype


def test_the_derivative_of_no_scalar_is_refused():
    with pytest.raises(ValueError, match=r"gives shape \(2,\)\. Reduce it"):
        gradients([Variable([1.0, 2.0]) * 1.5], [])


def test_mean_over_the_batch_divides_by_its_size():
    m = Dim.named("m")
    x = Placeholder((m, 2), "float64", name="x")
    program = Program([x], gradients([np.mean(x * x)], [x]))
    for rows in (1, 4):
        a = np.random.default_rng(0).normal(size=(rows, 2))
        np.testing.assert_allclose(program.run(a)[0], a / rows)


def test_third_derivative():
    x = Variable(0.7, dtype="float64")
    y = np.sin(x) * np.exp(x)
    for _ in range(3):
        (y,) = gradients([y], [x])
    expected = 2 * np.exp(0.7) * (np.cos(0.7) - np.sin(0.7))
    np.testing.assert_allclose(y.numpy(), expected)
