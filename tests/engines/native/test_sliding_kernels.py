"""Convolution and its two derivatives, natively, against the reference."""

import ctypes
import itertools

import numpy as np
import pytest
from trials import tried

import glassnet.engines.native.lowering.sliding  # noqa: F401
from glassnet.engines.native.lowering.base import LOWERINGS, SLICES, SUM, Builder
from glassnet.engines.native.memory import new_value
from glassnet.engines.native.trial import run_op
from glassnet.ops.sliding import Convolution, KernelCorrelation, TransposedConvolution
from glassnet.ops.windows import pairs_of, places, span, spanned

OPS = (Convolution, TransposedConvolution, KernelCorrelation)


def check(op, *arrays, onto=None):
    found, expected = tried(op, *arrays, onto=onto)
    single = expected.dtype == np.float32
    finite = np.abs(expected[np.isfinite(expected)])
    scale = finite.max() if finite.size else 0.0
    rtol = 1e-5 if single else 1e-12
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * scale)


def inputs(op_class, x, kernel, g):
    return {
        Convolution: (x, kernel), TransposedConvolution: (g, kernel), KernelCorrelation: (x, g)
    }[op_class]  # fmt: skip


def draw(rng, shape, dtype):
    return rng.normal(size=shape).astype(dtype)


def trial(rng, dtype, sizes, cells, strides, pairs, dilation, groups, c, f, m=2):
    """Return the motion, and the x, kernel and g that fit it."""
    reaches = list(map(span, cells, dilation))
    counts = tuple(map(places, sizes, pairs, reaches, strides))
    sizes = tuple(map(spanned, counts, pairs, reaches, strides))
    x = draw(rng, (m, *sizes, c * groups), dtype)
    kernel = draw(rng, (*cells, c, f * groups), dtype)
    return (strides, pairs, dilation, groups), x, kernel, draw(rng, (m, *counts, f * groups), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", OPS)
def test_samples(op, dtype):
    for sample in op.samples():
        check(sample.op, *(a.astype(dtype) for a in sample.inputs))


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_random_motions(axes):
    rng = np.random.default_rng(axes)
    for i in range(40):
        dtype = ("float32", "float64")[i % 2]
        cells = tuple(int(n) for n in rng.integers(1, 4, axes))
        strides = tuple(int(n) for n in rng.integers(1, 4, axes))
        dilation = tuple(int(n) for n in rng.integers(1, 3, axes))
        reaches = list(map(span, cells, dilation))
        sizes = tuple(int(n + rng.integers(0, 7)) for n in reaches)
        padding = ("valid", "same", "full", "causal", [(1, 2)] * axes)[i % 5]
        pairs = pairs_of(padding, sizes, cells, strides, dilation, "test")
        groups = int(rng.choice([1, 1, 1, 2, 3]))
        c, f = int(rng.choice([1, 2, 3, 17, 32])), int(rng.choice([1, 2, 5, 16, 33, 70]))
        motion, *arrays = trial(rng, dtype, sizes, cells, strides, pairs, dilation, groups, c, f)
        for op in OPS:
            check(op(*motion), *inputs(op, *arrays))


@pytest.mark.parametrize("pairs", [((-1, -2), (0, -1)), ((-2, 1), (2, -1)), ((3, -5), (-1, 0))])
@pytest.mark.parametrize("groups", [1, 3])
def test_cropped_and_padded_at_once(pairs, groups):
    rng = np.random.default_rng(5)
    for c, f, strides in ((3, 4, (1, 1)), (1, 1, (2, 1))):
        motion, *arrays = trial(
            rng, "float64", (9, 8), (3, 2), strides, pairs, (1, 2), groups, c, f
        )
        for op in OPS:
            check(op(*motion), *inputs(op, *arrays))


@pytest.mark.parametrize(("c", "f"), [(70, 80), (130, 6), (3, 200)])
def test_sums_over_more_than_one_pass(c, f):
    rng = np.random.default_rng(6)
    one = (1, 1)
    motion, *arrays = trial(rng, "float32", (6, 7), (3, 3), one, ((0, 0),) * 2, one, 1, c, f, m=3)
    for op in OPS:
        check(op(*motion), *inputs(op, *arrays))


def test_more_images_than_one_round_takes_and_long_rows():
    rng = np.random.default_rng(7)
    one = (1, 1)
    motion, *arrays = trial(rng, "float64", (12, 12), (3, 3), one, ((1, 1),) * 2, one, 1, 9, 8, 40)
    for op in OPS:
        check(op(*motion), *inputs(op, *arrays))
    motion, *arrays = trial(rng, "float64", (900,), (4,), (2,), ((1, 1),), (1,), 1, 3, 40)
    for op in OPS:
        check(op(*motion), *inputs(op, *arrays))


@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize("channels", [2, 16, 37])
def test_filters_for_each_channel(channels, multiplier):
    rng = np.random.default_rng(8)
    for sizes, strides, pairs in (
        ((7, 6), (1, 1), ((1, 1), (1, 1))),
        ((7, 9), (2, 2), ((0, 0),) * 2),
    ):
        motion, *arrays = trial(
            rng, "float32", sizes, (3, 3), strides, pairs, (1, 1), channels, 1, multiplier
        )
        for op in OPS:
            check(op(*motion), *inputs(op, *arrays))
            onto = op(*motion).value(np, *inputs(op, *arrays)) * 2 + 1
            check(op(*motion), *inputs(op, *arrays), onto=onto)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_inputs_of_any_strides(padding):
    rng = np.random.default_rng(9)
    pairs = pairs_of(padding, (6, 7), (3, 2), (1, 1), (1, 1), "test")
    motion, *arrays = trial(rng, "float32", (6, 7), (3, 2), (1, 1), pairs, (1, 1), 1, 3, 5)
    for op in OPS:
        a, b = inputs(op, *arrays)
        turned = [np.ascontiguousarray(v.T).T for v in (a, b)]
        check(op(*motion), *turned)
        check(op(*motion), np.repeat(a, 2, axis=2)[:, :, ::2], b[::-1])
        check(op(*motion), np.broadcast_to(a[:1], a.shape), b[..., ::-1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_added_to_what_is_there(padding, dtype):
    rng = np.random.default_rng(10)
    pairs = pairs_of(padding, (6, 7), (3, 2), (1, 1), (1, 1), "test")
    motion, *arrays = trial(rng, dtype, (6, 7), (3, 2), (1, 1), pairs, (1, 1), 2, 3, 33)
    for op in OPS:
        given = inputs(op, *arrays)
        onto = draw(rng, op(*motion).value(np, *given).shape, dtype)
        check(op(*motion), *given, onto=onto)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("groups", [1, 3])
def test_not_finite(bad, groups):
    rng = np.random.default_rng(11)
    c = 1 if groups > 1 else 3
    for pairs in (((0, 0), (0, 0)), ((1, 1), (1, 0))):
        for place in (0, 1, 2):
            motion, *arrays = trial(
                rng, "float32", (6, 7), (3, 2), (1, 1), pairs, (1, 1), groups, c, c
            )
            arrays[place].reshape(-1)[[0, 17]] = bad
            for op in OPS:
                check(op(*motion), *inputs(op, *arrays))


def test_sizes_of_zero_and_one():
    motion = ((1, 1), ((0, 0),) * 2, (1, 1), 1)
    x, kernel, g = np.zeros((0, 4, 4, 2)), np.ones((2, 2, 2, 3)), np.zeros((0, 3, 3, 3))
    for op in OPS:
        check(op(*motion), *inputs(op, x, kernel, g))
    one = np.full((1, 1, 1, 1), 3.0)
    for op in OPS:
        assert run_op(op(*motion), one, one).item() == 9.0


def test_what_is_refused():
    motion = ((1,), ((0, 0),), (1,), 1)
    x, kernel = np.ones((1, 3, 1)), np.ones((2, 1, 1))
    assert run_op(Convolution(*motion), x.astype(int), kernel.astype(int)) is None
    assert run_op(Convolution(*motion), x, kernel.astype(np.float32)) is None
    assert run_op(Convolution(*motion), np.ones((1, 3, 0)), np.ones((2, 0, 4))) is None


def test_slices_of_the_batch():
    rng = np.random.default_rng(12)
    one = (1, 1)
    motion, x, kernel, g = trial(
        rng, "float64", (5, 6), (3, 2), one, ((1, 1), (0, 1)), one, 1, 3, 4, 5
    )
    for op in OPS:
        given = inputs(op, x, kernel, g)
        axes = [None if a is kernel else 0 for a in given]
        whole = run_op(op(*motion), *given)
        shapes = [a.shape for a in given]
        found = SLICES[op](op(*motion), whole.shape, shapes, axes)
        parts = [
            run_op(
                op(*motion),
                *(a if axis is None else a[s] for a, axis in zip(given, axes, strict=True)),
            )
            for s in (slice(0, 2), slice(2, 3), slice(3, 5))
        ]
        if op is KernelCorrelation:
            assert found == SUM
            np.testing.assert_allclose(sum(parts), whole, rtol=1e-12)
        else:
            assert found == 0
            np.testing.assert_array_equal(np.concatenate(parts), whole)
        assert SLICES[op](op(*motion), whole.shape, shapes, [None, 0]) is None


def test_the_products_are_counted():
    builder = Builder()
    x, kernel, out = (
        new_value(s, np.dtype("f4")) for s in ((2, 5, 5, 3), (3, 3, 3, 4), (2, 3, 3, 4))
    )
    op = Convolution((1, 1), ((0, 0),) * 2, (1, 1), 1)
    LOWERINGS[Convolution](builder, op, out, x, kernel)
    assert sum(i.operations for i in builder.instructions) == 2 * (2 * 9 * 4) * 27


@pytest.mark.parametrize("registers", [(64, 4), (32, 2), (16, 2)])
@pytest.mark.parametrize("code", ["f4", "f8"])
def test_tiles_for_machines_with_other_registers(registers, code, monkeypatch):
    numba = pytest.importorskip("numba")
    from glassnet.engines.native.kernels import tiles

    monkeypatch.setattr(tiles, "_register", lambda: registers)
    dtype = np.dtype(code)
    full, size = 64 // dtype.itemsize, dtype.itemsize
    rng = np.random.default_rng(13)
    made = numba.cfunc("void(int64)")(tiles.tile3(dtype))
    call = ctypes.CFUNCTYPE(None, ctypes.c_int64)(made.address)
    for last, add in itertools.product((1, full // 2 + 1, full), (0, 1)):
        columns = 2 * full + last
        a, b = rng.normal(size=(6, 9)).astype(code), rng.normal(size=(9, columns)).astype(code)
        out = rng.normal(size=(6, columns + 3)).astype(code)
        expected = out.copy()
        expected[:, :columns] = a @ b + (expected[:, :columns] if add else 0)
        chunks = np.array([0, 0, 4, 4 * size, 4 * columns * size, 5], np.int64)
        rows = [v.ctypes.data + r * v.strides[0] for v in (a, out) for r in range(6)]
        block = np.array(
            [add, 2, chunks.ctypes.data, size, b.ctypes.data, columns * size, last, 0, *rows],
            np.int64,
        )
        call(block.ctypes.data)
        np.testing.assert_allclose(out, expected, rtol=1e-5 if code == "f4" else 1e-13, atol=1e-6)
