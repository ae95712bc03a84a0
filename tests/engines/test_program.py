"""Programs and plans: sizes bound at the run, equal nodes merged, nobody's array written over."""

from __future__ import annotations

import threading
import tracemalloc

import numpy as np
import pytest

from glassnet import ops
from glassnet.engines import Program
from glassnet.graph import Dim, Placeholder, Variable, gradients, recording

M = Dim.named("m")


def test_one_program_takes_any_batch() -> None:
    x = Placeholder((M, 3), "float64", name="x")
    program = Program([x], [ops.mean(x, axis=0), ops.reshape(x, (-1,))])
    for size in (1, 4, 9):
        array = np.random.default_rng(size).normal(size=(size, 3))
        mean, flat = program.run(array)
        np.testing.assert_allclose(mean, array.mean(0))
        np.testing.assert_array_equal(flat, array.ravel())


def test_other_unknown_sizes() -> None:
    x = Placeholder((M, Dim.named("t"), 2), "float64", name="x")
    program = Program([x], [ops.concatenate([x, x[:, 1:]], axis=1)])
    array = np.arange(12.0).reshape(2, 3, 2)
    np.testing.assert_array_equal(
        program.run(array)[0], np.concatenate([array, array[:, 1:]], axis=1)
    )


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 4)), r"Input 'x': expected \(m, 3\).*got \(2, 4\)"),
        (np.zeros(3), r"Input 'x': expected 2 axes.*got 1"),
    ],
)
def test_arrays_that_do_not_fit(array: np.ndarray, message: str) -> None:
    x = Placeholder((M, 3), name="x")
    with pytest.raises(ValueError, match=message):
        Program([x], [x * 2]).run(array)


def test_batches_of_two_inputs_must_agree() -> None:
    x, y = Placeholder((M, 3), name="x"), Placeholder((M, 3), name="y")
    with pytest.raises(ValueError, match="Input 'y'"):
        Program([x, y], [x + y]).run(np.zeros((2, 3)), np.zeros((4, 3)))


def test_a_missing_input_is_told() -> None:
    x = Placeholder((M, 3), name="x")
    with pytest.raises(TypeError, match=r"'x'.*symbolic"):
        Program([], [x * 2])


def test_equal_nodes_are_computed_once() -> None:
    x = Placeholder((M, 3), name="x")
    y = ops.exp(x) + ops.exp(x)
    program = Program([x], [y])
    plan = program.plan_for(program.prepare(np.zeros((2, 3))))
    assert len(plan.steps) == 2


def test_nothing_outside_is_written_over() -> None:
    x = Placeholder((M, 2000), "float64", name="x")
    w = Variable(np.ones(2000), name="w")
    with recording() as noted:
        h = ops.exp(x * w)
        y = ops.tanh(h) * h + x
        w.assign(w + ops.sum(y, axis=0))
    (g,) = gradients([ops.sum(y)], [w])
    outputs = [y, h, g, ops.reshape(h, (-1,)), noted.updates[w]]
    array = np.random.default_rng(0).normal(size=(3, 2000))
    before = array.copy()
    found = Program([x], outputs).run(array)
    np.testing.assert_array_equal(array, before)
    np.testing.assert_array_equal(w.value, np.ones(2000))
    hidden = np.exp(array)
    np.testing.assert_allclose(found[1], hidden, rtol=1e-12)
    np.testing.assert_allclose(found[0], np.tanh(hidden) * hidden + array, rtol=1e-12)
    np.testing.assert_allclose(found[3], hidden.ravel(), rtol=1e-12)
    np.testing.assert_allclose(found[4], 1 + found[0].sum(0), rtol=1e-12)
    slope = (1 - np.tanh(hidden) ** 2) * hidden + np.tanh(hidden)
    np.testing.assert_allclose(found[2], (slope * hidden * array).sum(0), rtol=1e-9)


def test_dead_buffers_are_not_kept() -> None:
    """A chain of 100 steps over 4 MB needs a few arrays at a time, not a hundred."""
    x = Placeholder((M,), "float64", name="x")
    y = x
    for _ in range(50):
        y = ops.relu(ops.sin(y)) + ops.floor(y)
    program = Program([x], [ops.sum(y)])
    array = np.ones(500_000)
    program.run(array)
    tracemalloc.start()
    program.run(array)
    peak = tracemalloc.get_traced_memory()[1]
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert peak < 6 * array.nbytes
    assert kept < array.nbytes / 10


def test_a_plan_for_each_size_up_to_a_limit() -> None:
    x = Placeholder((M, 1), name="x")
    program = Program([x], [x * 2])
    for size in range(1, 60):
        assert program.run(np.ones((size, 1)))[0].shape == (size, 1)
    assert len(program._plans) <= 16


def test_threads_share_a_program() -> None:
    x = Placeholder((M, 64), "float64", name="x")
    w = Variable(np.random.default_rng(0).normal(size=(64, 64)), name="w")
    program = Program([x], [ops.tanh(ops.matmul(x, w)) @ w])
    wrong: list[int] = []

    def work(size: int) -> None:
        array = np.random.default_rng(size).normal(size=(size, 64))
        expected = np.tanh(array @ w.value) @ w.value
        for _ in range(50):
            if not np.allclose(program.run(array)[0], expected):
                wrong.append(size)

    threads = [threading.Thread(target=work, args=(size,)) for size in (3, 20, 33, 40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_all_values_can_be_looked_at() -> None:
    x = Placeholder((M, 2), "float64", name="x")
    h = ops.exp(x)
    plan, values = Program([x], [ops.sum(h)]).values(np.zeros((3, 2)))
    (place,) = [i for i, node in enumerate(plan.nodes) if node is h]
    np.testing.assert_array_equal(values[place], np.ones((3, 2)))
