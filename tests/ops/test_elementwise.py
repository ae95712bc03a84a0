"""Elementwise functions against NumPy and SciPy, at ordinary and at extreme points."""

import numpy as np
import pytest
import scipy.special

from glassnet import ops
from glassnet.graph import Placeholder, Variable, gradients
from glassnet.testing import check_gradients_numerically

RNG = np.random.default_rng(1)
POINTS = RNG.uniform(-3, 3, (3, 4))
INSIDE = RNG.uniform(-0.9, 0.9, (3, 4))
ABOVE = RNG.uniform(1.1, 4, (3, 4))
EDGES = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-300, 1e30])

UNARY = [
    *((np.negative, POINTS), (np.square, POINTS), (np.sqrt, ABOVE), (np.exp, POINTS)),
    *((np.exp2, POINTS), (np.expm1, POINTS), (np.log, ABOVE), (np.log1p, INSIDE)),
    *((np.log2, ABOVE), (np.log10, ABOVE), (np.reciprocal, ABOVE), (np.absolute, POINTS)),
    *((np.sign, POINTS), (np.sin, POINTS), (np.cos, POINTS), (np.tan, POINTS)),
    *((np.arcsin, INSIDE), (np.arccos, INSIDE), (np.arctan, POINTS), (np.sinh, POINTS)),
    *((np.cosh, POINTS), (np.tanh, POINTS), (np.arcsinh, POINTS), (np.arccosh, ABOVE)),
    *((np.arctanh, INSIDE), (np.floor, POINTS), (np.ceil, POINTS), (np.trunc, POINTS)),
    *((np.rint, POINTS), (np.isfinite, EDGES), (np.isnan, EDGES), (np.isinf, EDGES)),
    *((np.logical_not, EDGES), (np.round, POINTS)),
]
BINARY = [
    *(np.add, np.subtract, np.multiply, np.true_divide, np.floor_divide, np.mod, np.arctan2),
    *(np.hypot, np.logaddexp, np.maximum, np.minimum, np.equal, np.not_equal, np.less),
    *(np.less_equal, np.greater, np.greater_equal, np.logical_and, np.logical_or, np.logical_xor),
]


def names(functions):
    return [f[0].__name__ if isinstance(f, tuple) else f.__name__ for f in functions]


@pytest.mark.parametrize(("function", "x"), UNARY, ids=names(UNARY))
def test_numpy_function_of_a_tensor(function, x):
    found = function(Variable(x))
    np.testing.assert_allclose(np.asarray(found), function(x), rtol=1e-13)
    assert found.numpy().dtype == function(x).dtype == found.dtype
    single = function(Variable(x.astype("float32")))
    assert single.dtype == function(x.astype("float32")).dtype
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(np.asarray(function(Variable(EDGES))), function(EDGES))


@pytest.mark.parametrize("function", BINARY, ids=names(BINARY))
def test_numpy_function_of_two(function):
    a, b = POINTS.copy(), RNG.uniform(-3, 3, (4,))
    a[0] = b
    for first, second in ((Variable(a), b), (a, Variable(b)), (Variable(a), Variable(b))):
        found = function(first, second)
        np.testing.assert_allclose(np.asarray(found), function(a, b), rtol=1e-13)
        assert found.dtype == function(a, b).dtype


def test_operators():
    a, b = np.array([7.0, -7.0, 2.5]), np.array([2.0, 2.0, -1.5])
    x = Variable(a)
    for found, expected in (
        (x + b, a + b),
        (b - x, b - a),
        (2 / x, 2 / a),
        (x // b, a // b),
        (b % x, b % a),
        (x**2, a**2),
        (2**x, 2**a),
        (-x, -a),
        (abs(x), abs(a)),
        (+x, a),
        ((x > 0) & (x < 5), (a > 0) & (a < 5)),
        ((x > 0) | (x < -5), (a > 0) | (a < -5)),
        (~(x > 0), ~(a > 0)),
        (x == 2.5, a == 2.5),
        (x != 2.5, a != 2.5),
        (x <= 3, a <= 3),
    ):
        np.testing.assert_array_equal(np.asarray(found), expected)


def test_erf_against_scipy():
    x = np.concatenate([np.linspace(-7, 7, 4001), [0.46875, -0.46875, 4.0, 1e-300, np.inf]])
    np.testing.assert_allclose(ops.erf(x).numpy(), scipy.special.erf(x), rtol=2e-15, atol=0)
    low = x.astype("float32")
    found = ops.erf(low).numpy()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, scipy.special.erf(low.astype("float64")), rtol=3e-7)
    assert np.isnan(ops.erf(np.nan).numpy())


def test_sigmoid_is_relatively_precise_and_quiet():
    x = np.array([-700.0, -80.0, -1.0, 0.0, 3.0, 40.0, 1000.0, -1000.0])
    np.testing.assert_allclose(ops.sigmoid(x).numpy(), scipy.special.expit(x), rtol=1e-14)
    low = np.array([-80.0, -1000.0, 1000.0], "float32")
    np.testing.assert_allclose(ops.sigmoid(low).numpy(), scipy.special.expit(low), rtol=1e-6)


def test_softplus_and_logaddexp_do_not_overflow():
    x = np.array([-1000.0, -40.0, 0.0, 40.0, 1000.0])
    np.testing.assert_allclose(ops.softplus(x).numpy(), np.logaddexp(x, 0), rtol=1e-15)
    w = Variable(x)
    slope = gradients([ops.softplus(w).sum()], [w])[0].numpy()
    np.testing.assert_allclose(slope, scipy.special.expit(x), rtol=1e-14)
    w = Variable(np.array([1000.0, -1000.0]))
    y = ops.logaddexp(w, np.array([1000.0, -1000.0]))
    np.testing.assert_allclose(y.numpy(), np.array([1000, -1000]) + np.log(2))
    np.testing.assert_allclose(gradients([y.sum()], [w])[0].numpy(), [0.5, 0.5])


def test_names_without_a_numpy_function():
    x = np.array([0.25, 4.0])
    np.testing.assert_allclose(ops.rsqrt(x).numpy(), [2.0, 0.5])
    np.testing.assert_array_equal(ops.relu([-1.0, 0.0, 2.0]).numpy(), [0, 0, 2])
    np.testing.assert_array_equal(ops.relu(np.array([-1, 3])).numpy(), [0, 3])
    assert ops.relu(np.array([-1, 3])).dtype == np.int64
    np.testing.assert_array_equal(ops.round([1.235, -2.5], 1).numpy(), np.float32([1.2, -2.5]))
    np.testing.assert_array_equal(ops.round(np.array([1250.0]), -2).numpy(), [1200.0])


def derivative(function, *values):
    tensors = [Variable(np.asarray(v, float)) for v in values]
    return [g.numpy() for g in gradients([function(*tensors).sum()], tensors)]


def test_ties_share_the_derivative_evenly():
    a, b = [1.0, 2.0, 3.0], [2.0, 2.0, 2.0]
    by_a, by_b = derivative(ops.maximum, a, b)
    np.testing.assert_array_equal(by_a, [0, 0.5, 1])
    np.testing.assert_array_equal(by_b, [1, 0.5, 0])
    by_a, by_b = derivative(ops.minimum, a, b)
    np.testing.assert_array_equal(by_a, [1, 0.5, 0])
    np.testing.assert_array_equal(by_b, [0, 0.5, 1])
    (by_x,) = derivative(lambda x: ops.clip(x, 1, 3), [0.0, 1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(by_x, [0, 0.5, 1, 0.5, 0])
    (by_x,) = derivative(ops.max, [[1.0, 4.0, 4.0]])
    np.testing.assert_array_equal(by_x, [[0, 0.5, 0.5]])
    (by_x,) = derivative(ops.relu, [-1.0, 0.0, 2.0])
    np.testing.assert_array_equal(by_x, [0, 0, 1])


def test_derivatives_at_special_points():
    (by_x,) = derivative(lambda x: x**2.0, [0.0, -3.0])
    np.testing.assert_array_equal(by_x, [0, -6])
    (by_x,) = derivative(lambda x: x**0, [0.0, 2.0])
    np.testing.assert_array_equal(by_x, [0, 0])
    (by_x,) = derivative(ops.absolute, [0.0, -2.0])
    np.testing.assert_array_equal(by_x, [0, -1])
    (by_x,) = derivative(lambda x: ops.where(x > 0, np.log(np.where(x > 0, x, 1)), 0), [0.0, 2.0])
    np.testing.assert_array_equal(by_x, [0, 0.5])


@pytest.mark.parametrize("bounds", [(0.5, 2), (None, 1), (-1, None), (None, None), (2, 1)])
def test_clip_as_numpy(bounds):
    x = np.linspace(-3, 3, 13)
    expected = x if bounds == (None, None) else np.clip(x, *bounds)
    np.testing.assert_array_equal(np.asarray(np.clip(Variable(x), *bounds)), expected)
    whole = np.arange(-3, 4)
    found = ops.clip(whole, -1, 2)
    np.testing.assert_array_equal(found.numpy(), np.clip(whole, -1, 2))
    assert found.dtype == np.int64


def test_clip_by_tensors():
    x, low = np.linspace(-3, 3, 5), np.array([-1.0, -1, 0, 2, 1])
    np.testing.assert_array_equal(ops.clip(x, low, 2.0).numpy(), np.clip(x, low, 2.0))


def test_isclose_as_numpy():
    a = np.array([1.0, 1.0, np.inf, np.inf, np.nan, 1e10])
    b = np.array([1.0 + 1e-9, 1.1, np.inf, -np.inf, np.nan, 1.00001e10])
    for options in ({}, {"equal_nan": True}, {"rtol": 0.2}):
        np.testing.assert_array_equal(
            np.asarray(np.isclose(Variable(a), b, **options)), np.isclose(a, b, **options)
        )


def test_broadcasting_has_the_right_derivative():
    shapes = [((3, 4), (4,)), ((3, 1), (1, 4)), ((), (2, 3)), ((2, 1, 3), (5, 1)), ((1,), (1, 1))]
    for first, second in shapes:
        a, b = RNG.uniform(0.5, 2, first), RNG.uniform(0.5, 2, second)
        check_gradients_numerically(lambda x, y: x * y / (x + y * y), a, b)
        by_a, by_b = derivative(lambda x, y: x * y, a, b)
        ones = np.ones(np.broadcast_shapes(first, second))
        assert by_a.shape == first
        np.testing.assert_allclose(by_a.sum(), (ones * b).sum())
        assert by_b.shape == second
        np.testing.assert_allclose(by_b.sum(), (ones * a).sum())


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("int32", "float32", "float32"),
        ("float32", "float64", "float64"),
        ("bool", "float32", "float32"),
        ("int64", "float16", "float16"),
        ("int8", "int32", "int32"),
        ("bool", "int32", "int32"),
        ("bool", "bool", "bool"),
    ],
)
def test_dtypes_of_two_tensors(first, second, expected):
    x, y = Variable(np.ones(2, first)), Variable(np.ones(2, second))
    assert (x * y).dtype == expected
    assert (y * x).numpy().dtype == expected


def test_dtypes_of_tensors_and_what_is_none():
    x = Variable(np.ones(2, "float32"))
    assert (x * np.array([0.1, 0.2])).dtype == "float32"
    assert (np.array([0.1, 0.2]) * x).dtype == "float32"
    assert (x * 2.5).dtype == "float32"
    assert (x * np.float64(2.5)).dtype == "float32"
    assert (x + 1).dtype == "float32"
    n = Variable(np.ones(2, "int32"))
    assert (n + 1).dtype == "int32"
    assert (n * 0.5).dtype == "float32"
    assert (n / 2).dtype == "float32"
    assert ops.exp(np.array([1, 2])).dtype == "float32"
    assert ops.add([1.0], [2.0]).dtype == "float32"
    assert (n > 0).dtype == "bool"


def test_stop_gradient():
    x = Variable(3.0, dtype="float64")
    (g,) = gradients([x * ops.stop_gradient(x * x)], [x])
    assert g.numpy() == 9.0


def test_numpy_keywords_that_write_are_refused():
    x = Variable([1.0, 2.0])
    with pytest.raises(TypeError, match="never written into"):
        np.add(x, x, out=np.zeros(2))
    with pytest.raises(TypeError, match=r"np.fft|does not work on glassnet tensors"):
        np.unwrap(x)
    with pytest.raises(TypeError, match=r"ops.where|two choices"):
        np.where(x > 0)


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"The shapes of add do not fit.*\(3, 4\) and \(3,\)"):
        Placeholder((3, 4)) + Placeholder((3,))
    with pytest.raises(ValueError, match="do not fit"):
        ops.where(np.ones(3, bool), np.ones(2), 0.0)
