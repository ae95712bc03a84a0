"""Places of extremes, sorting, the k best, sparsemax, running sums, natively, against NumPy."""

import numpy as np
import pytest
from trials import tried

import glassnet.engines.native.lowering.ordering
import glassnet.engines.native.lowering.softmax
import glassnet.engines.native.lowering.statistics  # noqa: F401
from glassnet.engines.native.lowering.base import SLICES
from glassnet.ops.activation import Sparsemax
from glassnet.ops.ordering import ArgMax, ArgMin, ArgSort, TopK
from glassnet.ops.statistics import CumProd, CumSum

RNG = np.random.default_rng(7)


def check(op, *arrays, rtol=1e-5):
    found, expected = tried(op, *arrays)
    if expected.dtype.kind == "f":
        rtol = rtol if expected.dtype == np.float32 else 1e-12
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol / 10)
    else:
        np.testing.assert_array_equal(found, expected)


def draw(*shape, dtype="float32"):
    # Few different numbers, so that some are equal.
    return RNG.integers(-4, 5, shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", [ArgMax, ArgMin, ArgSort, TopK, Sparsemax, CumSum, CumProd])
def test_samples(op, dtype):
    for sample in op.samples():
        check(sample.op, *(a.astype(dtype) for a in sample.inputs))


def strided(x):
    return [x, x[::-1], x[..., ::2], np.ascontiguousarray(x.T).T]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_any_axis_of_any_strides(axis):
    for x in strided(draw(4, 5, 6)):
        for op in (ArgMax, ArgMin):
            check(op(axis), x)
            check(op(axis, True), x)
        check(ArgSort(axis), x)
        check(TopK(2), x)
        check(Sparsemax(axis), x / 3)
        check(CumSum(axis), x)
        check(CumSum(axis, True), x)
        check(CumProd(axis), x)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 100, 1025])
def test_rows_of_any_length(n):
    for x in (draw(3, n), RNG.normal(size=(3, n)).astype("float32")):
        check(ArgMax(1), x)
        check(ArgMin(1), x)
        check(ArgSort(1), x)
        check(TopK(n // 2), x)
        check(Sparsemax(1), x)


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
def test_integers(dtype):
    x = RNG.integers(0, 2 if dtype == "bool" else 100, (5, 30)).astype(dtype)
    check(ArgMax(1), x)
    check(ArgMin(0), x)
    check(CumSum(1), x)
    if dtype == "int64":
        check(ArgSort(1), x)
        check(CumProd(0), x)


def test_what_is_no_number():
    x = draw(6, 40)
    x[1, 7] = x[1, 9] = x[2, 0] = x[3, 39] = np.nan
    x[2, 1:4], x[4, 20], x[5] = np.inf, -np.inf, -np.inf
    for op in (ArgMax(1), ArgMin(1), ArgMax(0), ArgSort(1), TopK(5), CumSum(1)):
        check(op, x)
    check(Sparsemax(1), x[:5])


def test_empty_arrays():
    check(ArgSort(0), np.zeros((0, 3), "float32"))
    check(ArgMax(0), np.zeros((3, 0), "float32"))
    check(TopK(0), np.zeros((3, 2), "float32"))
    check(CumSum(0), np.zeros((0, 3), "float32"))


def test_slices_of_a_batch():
    def sliced(op, axis, shape=(8, 3)):
        out = op.value(np, np.ones(shape)).shape
        return SLICES[type(op)](op, out, (shape,), (axis,))

    assert sliced(ArgMax(1), 0) == 0
    assert sliced(ArgMax(0), 0) is None
    assert sliced(ArgMax(0), 1, (3, 8)) == 0
    assert sliced(ArgMax(0, True), 1, (3, 8)) == 1
    assert sliced(ArgSort(0), 0) is None
    assert sliced(TopK(2), 0) == 0
    assert sliced(CumSum(1), 0) == 0
    assert sliced(CumSum(0), 0) is None
    assert sliced(Sparsemax(1), 0) == 0
