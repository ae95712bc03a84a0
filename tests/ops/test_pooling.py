"""Pooling against loops over windows; derivatives to second order; errors."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from glassnet.engines import Program
from glassnet.graph import Placeholder, Sample, gradients, record
from glassnet.graph.dimension import Dim
from glassnet.ops.pooling import (
    AveragePool,
    AverageUnpool,
    MaxPick,
    MaxPool,
    MaxUnpool,
    Pooling,
    average_pool,
    max_pool,
)

OPS = (MaxPool, MaxUnpool, MaxPick, AveragePool, AverageUnpool)
SAMPLES = [sample for op in OPS for sample in op.samples()]
OTHER_NAMESPACE = SimpleNamespace(**vars(np))  # takes the path of namespaces that are not NumPy


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def windows(op: Pooling, sizes: tuple[int, ...]):
    """Each place with the indices of the real cells of its window, in order."""
    for place in np.ndindex(*op.counts(sizes)):
        at = [
            tuple(
                s * p + o - lo
                for s, p, o, (lo, _) in zip(op.strides, place, cell, op.pairs, strict=True)
            )
            for cell in np.ndindex(*op.pool)
        ]
        yield place, [a for a in at if all(0 <= i < n for i, n in zip(a, sizes, strict=True))]


def naive(op: Pooling, arrays: tuple[np.ndarray, ...]) -> np.ndarray:
    first = arrays[0]
    if isinstance(op, AverageUnpool):
        # sizes such that the op's windows stand at as many places as g has
        sizes = tuple(
            (o - 1) * s + k - lo - hi
            for o, s, k, (lo, hi) in zip(
                first.shape[1:-1], op.strides, op.pool, op.pairs, strict=True
            )
        )
    else:
        sizes = arrays[-2 if len(arrays) == 3 else 0].shape[1:-1]
    pooled = (first.shape[0], *op.counts(sizes), first.shape[-1])
    whole = (first.shape[0], *sizes, first.shape[-1])
    result = np.zeros(whole if isinstance(op, (MaxUnpool, AverageUnpool)) else pooled)
    for i, c in np.ndindex(first.shape[0], first.shape[-1]):
        for place, cells in windows(op, sizes):
            here = (i, *place, c)
            there = [(i, *cell, c) for cell in cells]
            if isinstance(op, AveragePool):
                result[here] = np.mean([first[t] for t in there])
            elif isinstance(op, AverageUnpool):
                for t in there:
                    result[t] += first[here] / len(there)
            else:
                x = first if isinstance(op, MaxPool) else arrays[1]
                largest = there[int(np.argmax([x[t] for t in there]))]  # argmax: the first
                if isinstance(op, MaxUnpool):
                    result[largest] += first[here]
                else:
                    result[here] = first[largest]
    return result


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: str(s.op))
def test_the_ops_are_loops_over_windows(sample: Sample) -> None:
    expected = naive(sample.op, sample.inputs)
    np.testing.assert_allclose(sample.op.value(np, *sample.inputs), expected, atol=1e-12)
    other = sample.op.value(OTHER_NAMESPACE, *sample.inputs)
    np.testing.assert_allclose(other, expected, atol=1e-12)
    places = [Placeholder(a.shape, a.dtype) for a in sample.inputs]
    assert sample.op.infer(*places) == (expected.shape, expected.dtype)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: str(s.op))
def test_derivatives_to_second_order(sample: Sample) -> None:
    """Each op is linear in its first input, near the point, so a difference is exact."""
    inputs = [Placeholder(a.shape, a.dtype) for a in sample.inputs]
    y = record(sample.op, *inputs)
    seed = Placeholder(y.shape, y.dtype)
    (first,) = gradients([y], inputs[:1], [seed])
    weight = Placeholder(inputs[0].shape, inputs[0].dtype)
    second = gradients([first], [inputs[0], seed], [weight])
    g, w, move = draw(*y.shape), draw(*weight.shape, seed=1), 0.01 * draw(*weight.shape, seed=2)
    values = sample.inputs
    by_x, by_x_x, by_x_g = Program([*inputs, seed, weight], [first, *second]).run(*values, g, w)
    moved = (values[0] + move, *values[1:])
    change = naive(sample.op, moved) - naive(sample.op, values)
    np.testing.assert_allclose((by_x * move).sum(), (g * change).sum(), atol=1e-10)
    assert not by_x_x.any()
    # ⟨w, ∂⟨g, y⟩/∂x⟩ by g: y along w
    along = (values[0] + 1e-3 * w / np.abs(w).max(), *values[1:])
    slope = (naive(sample.op, along) - naive(sample.op, values)) * 1e3 * np.abs(w).max()
    np.testing.assert_allclose(by_x_g, slope, atol=1e-8)


def test_ties_send_the_derivative_to_the_first() -> None:
    x = Placeholder((1, 4, 1), "float64")
    (slope,) = gradients([np.sum(max_pool(x, 3, 1))], [x])
    assert Program([x], [slope]).run(np.ones((1, 4, 1)))[0].tolist() == [[[1], [1], [0], [0]]]


def test_by_hand() -> None:
    image = np.arange(16.0).reshape(1, 4, 4, 1)
    assert max_pool(image, 2).numpy()[0, :, :, 0].tolist() == [[5, 7], [13, 15]]
    assert average_pool(image, 2).numpy()[0, :, :, 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]
    # same: windows start at 0 and 2; the second has a single real row or column
    three = image[:, :3, :3]
    assert average_pool(three, 2, 2, "same").numpy()[0, :, :, 0].tolist() == [[2.5, 4], [8.5, 10]]
    assert max_pool(-three, 2, 2, "same").numpy()[0, :, :, 0].tolist() == [[0, -2], [-8, -10]]


def test_integers_are_pooled_as_they_are() -> None:
    x = np.array([-3, -1, -2], np.int32)[None, :, None]
    got = max_pool(x, 2, 2, "same")
    assert got.dtype == np.int32
    assert got.numpy()[0, :, 0].tolist() == [-1, -2]


@pytest.mark.parametrize("pool", [max_pool, average_pool])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("k", "s"), [(2, 2), (3, 2), (2, 3), (1, 1), (3, 1)])
def test_named_sizes_are_bound_at_run_time(pool, padding: str, k: int, s: int) -> None:
    x = Placeholder((Dim.named("m"), Dim.named("n"), 2), "float64")
    y = pool(x, k, s, padding)
    program = Program([x], [y, *gradients([np.sum(y * y)], [x])])
    for size in (3, 4, 7):
        value = draw(2, size, 2)
        fixed = Placeholder(value.shape, value.dtype)
        z = pool(fixed, k, s, padding)
        want = Program([fixed], [z, *gradients([np.sum(z * z)], [fixed])]).run(value)
        for a, b in zip(program.run(value), want, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-12)


@pytest.mark.parametrize(
    ("shape", "arguments", "message"),
    [
        ((1, 2, 1), {"pool_size": 3}, "spatial axis 0 has 2 cells"),
        ((2, 3), {"pool_size": 2}, r"\(m, n…, c\)"),
        ((1, 4, 1), {"pool_size": 0}, "pool_size: expected an integer of at least 1"),
        ((1, 4, 1), {"pool_size": (2, 2)}, "pool_size"),
        ((1, 4, 1), {"pool_size": 2, "strides": 0}, "strides"),
        ((1, 4, 1), {"pool_size": 2, "padding": "full"}, "'valid' or 'same'"),
        ((1, 4, 1), {"pool_size": 2, "data_format": "channels_first"}, "channels last"),
    ],
)
@pytest.mark.parametrize("pool", [max_pool, average_pool])
def test_errors(pool, shape, arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        pool(np.ones(shape), **arguments)


def test_an_input_that_turns_out_too_short() -> None:
    x = Placeholder((1, Dim.named("n"), 1))
    for pool in (max_pool, average_pool):
        with pytest.raises(ValueError, match="smaller than the window"):
            Program([x], [pool(x, 3)]).run(np.ones((1, 2, 1)))
