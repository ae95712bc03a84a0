"""Pooling, natively, against the reference."""

import numpy as np
import pytest
from trials import tried

import glassnet.engines.native.lowering.pooling  # noqa: F401
from glassnet.engines.native.lowering.base import SLICES
from glassnet.engines.native.trial import run_op
from glassnet.ops.pooling import AveragePool, AverageUnpool, MaxPick, MaxPool, MaxUnpool
from glassnet.ops.windows import pairs_of

OPS = (MaxPool, MaxUnpool, MaxPick, AveragePool, AverageUnpool)


def check(op, *arrays, onto=None):
    found, expected = tried(op, *arrays, onto=onto)
    rtol = 1e-6 if expected.dtype == np.float32 else 1e-14
    np.testing.assert_allclose(found, expected, rtol=10 * rtol, atol=10 * rtol)


def inputs(op, x, rng):
    """Return what the op takes, for an x that is pooled."""
    y = MaxPool(*op.motion).value(np, x)
    g = rng.normal(size=y.shape).astype(x.dtype)
    return {
        MaxPool: (x,), MaxUnpool: (g, x, y), MaxPick: (np.tanh(x), x, y),
        AveragePool: (x,), AverageUnpool: (g,),
    }[type(op)]  # fmt: skip


def motion(shape, pool, strides, padding):
    ones = (1,) * len(pool)
    return pool, strides, pairs_of(padding, shape[1:-1], pool, strides, ones, "test")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", OPS)
def test_samples(op, dtype):
    for sample in op.samples():
        check(sample.op, *(a.astype(dtype) for a in sample.inputs))


@pytest.mark.parametrize("op", OPS)
def test_random_windows(op):
    rng = np.random.default_rng(1)
    for i in range(60):
        dtype, axes = ("float32", "float64")[i % 2], 1 + i // 2 % 3
        pool = tuple(int(n) for n in rng.integers(1, 4, axes))
        strides = tuple(int(n) for n in rng.integers(1, 4, axes))
        sizes = tuple(int(n + rng.integers(0, 6)) for n in pool)
        shape = (int(rng.integers(1, 4)), *sizes, int(rng.choice([1, 3, 8, 16, 32, 37])))
        moves = motion(shape, pool, strides, ("valid", "same")[i // 6 % 2])
        # Few different numbers: many ties.
        x = rng.integers(0, 4, shape).astype(dtype)
        given = inputs(op(*moves), x, rng)
        check(op(*moves), *given)
        onto = rng.normal(size=op(*moves).value(np, *given).shape).astype(dtype)
        check(op(*moves), *given, onto=onto)


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("pairs", [((-1, 0), (0, -2)), ((-2, 1), (1, -1)), ((0, 0), (-3, 0))])
def test_cropped(op, pairs):
    rng = np.random.default_rng(2)
    moves = ((2, 2), (1, 1), pairs)
    x = rng.normal(size=(2, 6, 7, 5)).astype(np.float32)
    check(op(*moves), *inputs(op(*moves), x, rng))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("op", OPS)
def test_not_finite(op, bad):
    rng = np.random.default_rng(3)
    for padding, pool, strides in (("valid", (2, 2), (2, 2)), ("same", (3, 3), (1, 2))):
        shape = (2, 5, 6, 3)
        moves = motion(shape, pool, strides, padding)
        for place in range(len(inputs(op(*moves), np.zeros(shape), rng))):
            x = rng.integers(0, 9, shape).astype(np.float32)
            if place < 2 or op is MaxPick:
                x[0, :2, 1:4] = bad
            given = inputs(op(*moves), x, rng)
            given[place].reshape(-1)[[0, 7, 30]] = bad
            check(op(*moves), *given)


@pytest.mark.parametrize("op", OPS)
def test_a_window_whose_largest_entry_is_the_padding(op):
    rng = np.random.default_rng(4)
    shape = (1, 3, 3, 2)
    moves = motion(shape, (2, 2), (1, 1), "same")
    early = (moves[0], moves[1], ((1, 0), (1, 0)))  # the padding comes first
    x = np.full(shape, -np.inf, np.float32)
    x[0, 2, 2] = 1.0
    if op in (AveragePool, AverageUnpool):
        x = rng.normal(size=shape).astype(np.float32)
    for each in (moves, early):
        given = inputs(op(*each), x, rng)
        check(op(*each), *(np.where(np.isfinite(a), a, -np.inf) for a in given))


@pytest.mark.parametrize("op", OPS)
def test_inputs_of_any_strides_and_no_images(op):
    rng = np.random.default_rng(5)
    moves = motion((2, 6, 6, 5), (2, 3), (2, 3), "valid")
    given = inputs(op(*moves), rng.normal(size=(2, 6, 6, 5)), rng)
    check(op(*moves), *(np.ascontiguousarray(a.T).T for a in given))
    check(op(*moves), *(np.repeat(a, 2, axis=-1)[..., ::2] for a in given))
    check(op(*moves), *(a[:0] for a in given))


def test_what_is_refused():
    moves = ((2,), (2,), ((0, 0),))
    assert run_op(MaxPool(*moves), np.arange(4).reshape(1, 4, 1)) is None
    assert run_op(MaxPool((2,), (2,), ((2, 0),)), np.ones((1, 4, 1))) is None  # all padding


@pytest.mark.parametrize("op", OPS)
def test_slices_of_the_batch(op):
    rng = np.random.default_rng(6)
    moves = motion((5, 6, 7, 3), (3, 2), (2, 2), "same")
    given = inputs(op(*moves), rng.normal(size=(5, 6, 7, 3)), rng)
    whole = run_op(op(*moves), *given)
    shapes, axes = [a.shape for a in given], [0] * len(given)
    assert SLICES[op](op(*moves), whole.shape, shapes, axes) == 0
    parts = [run_op(op(*moves), *(a[s] for a in given)) for s in (slice(0, 2), slice(2, 5))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert SLICES[op](op(*moves), whole.shape, shapes, [None] * len(given)) is None
