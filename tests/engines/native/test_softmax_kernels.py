"""Softmax, its logarithm, log Σ eˣ, cross-entropies and one-hot rows, natively, against NumPy."""

import numpy as np
import pytest
from trials import tried

import glassnet.engines.native.lowering.softmax  # noqa: F401
from glassnet.engines.native.lowering.base import SLICES
from glassnet.engines.native.trial import run_op
from glassnet.ops.logits import SoftmaxCrossEntropy, SparseSoftmaxCrossEntropy
from glassnet.ops.softmax import LogSoftmax, LogSumExp, OneHot, Softmax

OVER_ROWS = (Softmax, LogSoftmax, LogSumExp)
RNG = np.random.default_rng(5)


def check(op, *arrays):
    found, expected = tried(op, *arrays)
    if expected.dtype.kind == "f":
        single = expected.dtype == np.float32
        rtol, atol = (3e-6, 1e-6) if single else (1e-13, 1e-14)
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)
    else:
        np.testing.assert_array_equal(found, expected)


def draw(*shape, dtype="float32"):
    return RNG.normal(scale=3, size=shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", [*OVER_ROWS, SoftmaxCrossEntropy, SparseSoftmaxCrossEntropy, OneHot])
def test_samples(op, dtype):
    for sample in op.samples():
        check(sample.op, *(a.astype(dtype) if a.dtype.kind == "f" else a for a in sample.inputs))


@pytest.mark.parametrize("n", [1, 2, 3, 10, 15, 16, 17, 33, 1000, 3001])
def test_rows_of_any_length(n):
    x, t, c = draw(9, n), np.abs(draw(9, n)), RNG.integers(0, n, 9)
    for op in OVER_ROWS:
        check(op((1,)), x)
        check(op((0,)), np.ascontiguousarray(x.T))
        check(op((1,)), x.astype("float64"))
    check(SoftmaxCrossEntropy(1), x, t)
    check(SparseSoftmaxCrossEntropy(1), x, c)


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2), ()])
def test_any_axes_of_any_strides(axes):
    x = draw(4, 5, 6)
    for op in OVER_ROWS:
        if not axes and op is not Softmax:
            continue
        for array in (x, x[::-1, 1:4], x[..., ::2], np.ascontiguousarray(x.T).T):
            check(op(axes), array)


def test_targets_of_any_strides():
    x, t = draw(4, 5, 6), np.abs(draw(6, 5, 4)).T
    for axis in range(3):
        check(SoftmaxCrossEntropy(axis), x, t)
        check(SoftmaxCrossEntropy(axis), np.ascontiguousarray(x.T).T, t)
        labels = RNG.integers(0, x.shape[axis], (6, 5, 4)[::-1])
        labels = np.take(labels, 0, axis)[::-1]
        check(SparseSoftmaxCrossEntropy(axis), x, labels.astype("int32"))


ENDS = [
    [np.nan, 1, 2],
    [np.inf, 1, 2],
    [np.inf, np.inf, 2],
    [-np.inf, 1, 2],
    [-np.inf, -np.inf, -np.inf],
    [1000, 1000, 1000],
    [-1000, 0, 1000],
    [0, -20, -25],
    [0, 0, -40],
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ends(dtype):
    x = np.array(ENDS, dtype)
    for op in OVER_ROWS:
        check(op((1,)), x)
    check(SoftmaxCrossEntropy(1), x, np.full_like(x, 1 / 3))
    for c in range(3):
        check(SparseSoftmaxCrossEntropy(1), x, np.full(len(x), c, "uint8"))


def test_a_small_loss_is_not_zero():
    x = np.array([[20, 0, 0]], "float32")
    np.testing.assert_allclose(
        run_op(SparseSoftmaxCrossEntropy(1), x, np.array([0])), [2 * np.exp(-20.0)], rtol=1e-6
    )


def test_a_label_that_names_no_class_gives_nan():
    # The op itself would raise, and so do the labels as infer sees them; not the kernel.
    found = run_op(SparseSoftmaxCrossEntropy(1), draw(3, 4), np.array([-1, 0, 4]))
    assert np.isnan(found).tolist() == [True, False, True]


@pytest.mark.parametrize("dtype", ["float32", "float64", "bool", "int32", "uint8"])
def test_one_hot(dtype):
    labels = RNG.integers(-1, 5, (3, 4))
    for axis in range(3):
        check(OneHot(4, axis, dtype), labels)
        check(OneHot(4, axis, dtype), labels.T[::-1].astype("int8"))
    check(OneHot(3, 0, dtype), np.array(2))
    check(OneHot(3, 1, dtype), np.zeros(0, int))


def test_empty_arrays():
    check(Softmax((0,)), np.zeros((3, 0), "float32"))
    check(LogSumExp((0,)), np.zeros((3, 0), "float32"))
    assert run_op(LogSumExp((1,)), np.zeros((3, 0), "float32")) is None


def test_slices_of_a_batch():
    def sliced(op, out, shapes, axes):
        return SLICES[type(op)](op, out, shapes, axes)

    assert sliced(Softmax((1,)), (8, 3), ((8, 3),), (0,)) == 0
    assert sliced(Softmax((0,)), (8, 3), ((8, 3),), (0,)) is None
    assert sliced(SoftmaxCrossEntropy(1), (8,), ((8, 3),) * 2, (0, 0)) == 0
    assert sliced(SoftmaxCrossEntropy(0), (8,), ((3, 8),) * 2, (1, 1)) == 0
    assert sliced(SoftmaxCrossEntropy(1), (8,), ((8, 3),) * 2, (0, None)) is None
    assert sliced(SparseSoftmaxCrossEntropy(0), (8,), ((3, 8), (8,)), (1, 0)) == 0
    assert sliced(OneHot(5, 0), (5, 8), ((8,),), (0,)) == 1
    assert sliced(OneHot(5, 1), (8, 5), ((8,),), (0,)) == 0
