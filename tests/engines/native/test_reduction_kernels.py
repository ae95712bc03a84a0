"""Sums, products and extremes, natively, against NumPy."""

import itertools
import math

import numpy as np
import pytest
from trials import tried

import glassnet.engines.native.lowering.reduction  # noqa: F401
from glassnet.engines.native.lowering.base import SLICES, SUM
from glassnet.engines.native.trial import run_op
from glassnet.ops.reduction import Max, Min, Number, Sum
from glassnet.ops.statistics import All, Any_, Prod

REDUCTIONS = (Sum, Prod, Max, Min, All, Any_)
RNG = np.random.default_rng(3)


def check(op, *arrays, rtol=None):
    found, expected = tried(op, *arrays)
    if expected.dtype.kind == "f":
        single = expected.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=rtol or (1e-5 if single else 1e-12))
    else:
        np.testing.assert_array_equal(found, expected)


def draw(shape, dtype):
    if dtype == "bool":
        return RNG.random(shape) < 0.7
    if np.dtype(dtype).kind == "f":
        return RNG.uniform(0.5, 1.5, shape).astype(dtype)
    return RNG.integers(0, 50, shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", [*REDUCTIONS, Number])
def test_samples(op, dtype):
    for sample in op.samples():
        arrays = [a.astype(dtype) if a.dtype.kind == "f" else a for a in sample.inputs]
        check(sample.op, *arrays)


@pytest.mark.parametrize("shape", [(3,), (200,), (4, 1), (7, 33), (5, 1, 6), (3, 4, 5, 2)])
def test_any_axes_of_any_strides(shape):
    for count in range(len(shape) + 1):
        for axes in itertools.combinations(range(len(shape)), count):
            x = draw(shape, "float32")
            check(Sum(axes, bool(count % 2)), x)
            check(Max(axes), np.ascontiguousarray(x.T).T)
            check(Sum(axes), np.repeat(x, 2, axis=-1)[..., ::2])
            check(Sum(axes), x[::-1])
            check(Sum(axes), np.broadcast_to(x[:1], shape))


@pytest.mark.parametrize("rows", [1, 2, 3, 63, 600, 1100])
@pytest.mark.parametrize("inner", [1, 2, 5, 16, 63, 64, 65, 700])
def test_rows_of_any_length(rows, inner):
    x = draw((rows, inner), "float32")
    check(Sum((0,)), x)
    check(Sum((1,)), x)
    check(Max((0,)), x)
    check(Sum((1,)), np.stack([x, x]))


@pytest.mark.parametrize("rows", [3, 600, 1100])
@pytest.mark.parametrize("inner", [1, 5, 64, 700])
def test_sums_onto_what_is_there(rows, inner):
    x = draw((rows, inner), "float32")
    for axis in (0, 1):
        there = draw(x.shape[1 - axis], "float32")
        found = run_op(Sum((axis,)), x, onto=there)
        np.testing.assert_allclose(found, x.sum(axis) + there, rtol=1e-5)
    there = draw((), "float32")
    np.testing.assert_allclose(run_op(Sum((0, 1)), x, onto=there), x.sum() + there, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "uint64", "bool"])
def test_integers_exactly(dtype):
    x = draw((3, 70, 4), dtype)
    for axes in ((0,), (1,), (2,), (0, 1, 2)):
        check(Sum(axes), x)
    check(Prod((2,)), x)
    if dtype in ("uint8", "int64", "bool"):
        check(Max((1,)), x)
        check(Min((2,)), x)


@pytest.mark.parametrize("op", [Sum, Prod, Max, Min])
def test_what_is_no_number_stays(op):
    x = draw((40, 30), "float32")
    x[3, 4], x[20, 29], x[39, 0], x[7, 8] = np.nan, np.inf, -np.inf, 0
    for axes in ((0,), (1,), (0, 1)):
        check(op(axes), x, rtol=1e-4)
    check(op((0,)), np.full((3, 2), -np.inf, "float32"))


def test_empty_sums():
    x = np.zeros((0, 3), "float32")
    check(Sum((0,)), x)
    check(Sum((1,)), x)
    check(Prod((0, 1)), x)
    check(Max((1,)), x)
    check(All((0,)), np.zeros((0, 3), bool))
    check(Any_((0,)), np.zeros((0, 3), bool))
    assert run_op(Max((0,)), x) is None


def test_half_precision_is_left_to_the_reference():
    assert run_op(Sum((0,)), np.ones(3, "float16")) is None


@pytest.mark.parametrize("axis", [0, 1])
def test_long_sums_keep_their_digits(axis):
    x = RNG.uniform(0, 1, (400_000, 2)).astype("float32")
    x = x if axis == 0 else np.ascontiguousarray(x.T)
    exact = [math.fsum(row) for row in (x.T if axis == 0 else x).tolist()]
    np.testing.assert_allclose(run_op(Sum((axis,)), x), exact, rtol=3e-7)


def test_the_same_sum_every_time():
    x = RNG.normal(size=(500, 37)).astype("float32")
    np.testing.assert_array_equal(run_op(Sum((0,)), x), run_op(Sum((0,)), x.copy()))


def test_slices_of_a_batch():
    def sliced(op, shape, axis):
        out = op.value(np, np.ones(shape)).shape
        return SLICES[type(op)](op, out, (shape,), (axis,))

    assert sliced(Sum((0,)), (8, 3), 0) == SUM
    assert sliced(Sum((1,)), (8, 3), 0) == 0
    assert sliced(Sum((0,)), (3, 8), 1) == 0
    assert sliced(Sum((0,), True), (3, 8), 1) == 1
    assert sliced(Max((0,)), (8, 3), 0) is None
    assert sliced(Max((1,)), (8, 3), 0) == 0
