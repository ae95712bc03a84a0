"""Kernels of entry-by-entry ops: against NumPy and SciPy, at the ends, in place, in any length."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")
special = pytest.importorskip("scipy.special")

from glassnet.engines.native.compiler import address_of  # noqa: E402
from glassnet.engines.native.lowering.elementwise import constants, element_kernel  # noqa: E402
from glassnet.graph.op import OPS, Op  # noqa: E402
from glassnet.graph.tensor import Constant  # noqa: E402
from glassnet.ops.comparison import Clip  # noqa: E402

FLOATS = ("f4", "f8")
REFUSED = {"checked_index"}
NAMES = sorted(n for n, op in OPS.items() if op.elementwise and n not in REFUSED)


def run(name: str, *arrays: Any, out: np.ndarray | None = None, n: int | None = None) -> np.ndarray:
    """Call a kernel on arrays (or integers) as its operands."""
    size = arrays[0].size if n is None else n
    out = np.zeros(size, name.split(":")[-1]) if out is None else out
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 5)(address_of(f"elementwise.{name}"))
    words = [a.ctypes.data if isinstance(a, np.ndarray) else a for a in arrays]
    call(out.ctypes.data, *words, *[0] * (3 - len(words)), size)
    return out


def run_op(op: Op, *arrays: np.ndarray) -> np.ndarray:
    """Compute an op as a cluster does: operands broadcast, constants behind them."""
    shape, dtype = op.infer(*map(Constant, arrays))
    arrays += tuple(np.asarray(v, arrays[0].dtype) for v in constants(op))
    name = element_kernel(op, [a.dtype for a in arrays], dtype)
    assert name is not None
    spread = [np.ascontiguousarray(np.broadcast_to(a, shape)).reshape(-1) for a in arrays]
    size = int(np.prod(shape))
    return run(name.removeprefix("elementwise."), *spread, n=size).reshape(shape)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", NAMES)
def test_samples(name: str, dtype: str) -> None:
    for sample in OPS[name].samples():
        arrays = [np.asarray(a) for a in sample.inputs]
        arrays = [a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays]
        expected = np.asarray(sample.op.value(np, *arrays))
        found = run_op(sample.op, *arrays)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-6 if dtype == "f4" else 1e-14)


def test_what_is_refused() -> None:
    single, half = np.dtype("f4"), np.dtype("f2")
    integer = np.dtype("i8")
    assert element_kernel(OPS["checked_index"](), [integer], integer) is None
    assert element_kernel(OPS["power"](), [integer, integer], integer) is None
    assert element_kernel(OPS["exp"](), [half], half) is None
    assert element_kernel(OPS["add"](), [integer, single], single) is None
    assert element_kernel(OPS["cast"]("float16"), [single], half) is None
    assert element_kernel(OPS["softmax"]((1,)), [single], single) is None
    assert element_kernel(Clip(0.0, 1.0), [single], single) is None  # its bounds are operands
    assert element_kernel(Clip(0.0, 1.0), [single] * 3, single) == "elementwise.clip:f4:f4:f4:f4"


# --- precision --------------------------------------------------------------------------------
def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _softplus(x: Any) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


PRECISE: dict[str, tuple[Callable[[Any], Any], tuple[float, float], tuple[float, float], float]] = {
    "exp": (np.exp, (-103, 89), (-745, 710), 1.5),
    "expm1": (np.expm1, (-20, 89), (-40, 710), 2.5),
    "log": (np.log, (0, 9), (0, 9), 1.5),
    "log1p": (np.log1p, (-1, 9), (-1, 9), 2),
    "tanh": (np.tanh, (-10, 10), (-20, 20), 3),
    "sigmoid": (_sigmoid, (-87, 20), (-708, 40), 3),
    "softplus": (_softplus, (-100, 30), (-740, 40), 2.5),
}
"""A function in higher precision, where it is tried in float32 and float64, units it may be off."""


def _off(found: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """By how many units of the last place the values are off; infinite where one is not a number
    and the other is."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(found.dtype)
        units = np.abs(found.astype(exact.dtype) - exact) / np.spacing(np.abs(rounded))
    same = (found == rounded) | (np.isnan(found) & np.isnan(rounded))
    off = np.where(np.isfinite(found) & np.isfinite(rounded), units, np.where(same, 0.0, np.inf))
    return off.astype(float)


def _tries(dtype: str, low: float, high: float) -> np.ndarray:
    """Numbers over an interval, near 0, of any size in it, and at the ends of the format."""
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2 ** (8 * int(dtype[1])), 40_000, f"u{dtype[1]}").view(dtype)
    with np.errstate(all="ignore"):
        inside = bits[(bits >= low) & (bits <= high)]
        sizes = np.exp(rng.uniform(-40, 0, 5000)) * rng.choice([-1, 1], 5000)
    found = np.concatenate([np.linspace(low, high, 20_001), sizes, inside])
    found = found[(found >= low) & (found <= high)]
    return np.concatenate([found, [0.0, -0.0, np.inf, -np.inf, np.nan]]).astype(dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", PRECISE)
def test_units_of_the_last_place(name: str, dtype: str) -> None:
    exact, *ranges, units = PRECISE[name]
    x = _tries(dtype, *ranges[dtype == "f8"])
    with np.errstate(all="ignore"):
        expected = exact(x.astype("f8" if dtype == "f4" else np.longdouble))
    off = _off(run(f"{name}:{dtype}:{dtype}", x), expected)
    worst = int(np.argmax(off))
    assert off[worst] <= units, (x[worst], off[worst])


def _density(x: Any) -> Any:
    x = x.astype(np.longdouble)
    return np.exp(-x * x / 2) / np.sqrt(2 * np.longdouble(np.pi))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("name", "exact", "single", "double", "units"),
    [
        ("erf", special.erf, (-7, 7), (-7, 7), 3),
        ("erfc", special.erfc, (-7, 9), (-7, 26), 6),
        ("normal_cdf", special.ndtr, (-12, 9), (-37, 9), 6),
        ("normal_density", _density, (-12, 12), (-37, 37), 3),
    ],
)
def test_normal_distribution(
    name: str, exact: Any, single: Any, double: Any, units: float, dtype: str
) -> None:
    x = _tries(dtype, *(single if dtype == "f4" else double))
    found = run(f"{name}:{dtype}:{dtype}", x)
    expected = np.asarray(exact(x.astype("f8")))
    if dtype == "f4" or expected.dtype != np.float64:
        off = _off(found, expected)
        worst = int(np.argmax(off))
        assert off[worst] <= units, (x[worst], off[worst])
    else:  # SciPy's own error in float64 grows with the size of x
        np.testing.assert_allclose(found, expected, rtol=5e-13, atol=1e-308)


def test_power_of_singles() -> None:
    rng = np.random.default_rng(0)
    ends = np.array([0.0, -0.0, 1, -1, 2, -2, 3, 0.5, -0.5, np.inf, -np.inf, np.nan, 1e-40, -3e38])
    a, b = (m.reshape(-1) for m in np.meshgrid(ends, ends))
    a = np.concatenate([a, np.exp(rng.uniform(-20, 20, 20_000)), rng.normal(size=2000)])
    b = np.concatenate([b, rng.uniform(-4, 4, 20_000), rng.integers(-9, 9, 2000)])
    a, b = a.astype("f4"), b.astype("f4")
    with np.errstate(all="ignore"):
        expected = np.power(a.astype("f8"), b.astype("f8"))
    assert _off(run("power:f4:f4:f4", a, b), expected).max() <= 0.51
    a, b = a.astype("f8"), b.astype("f8")
    np.testing.assert_allclose(run("power:f8:f8:f8", a, b), expected, rtol=1e-14)


# --- the ends ---------------------------------------------------------------------------------
INF, NAN = np.inf, np.nan
ENDS: list[tuple[str, list[float], list[float]]] = [
    ("exp", [0, -0.0, INF, -INF, NAN, 800, -800], [1, 1, INF, 0, NAN, INF, 0]),
    ("expm1", [0.0, -0.0, INF, -INF, NAN, 800, 1e-30], [0.0, -0.0, INF, -1, NAN, INF, 1e-30]),
    ("log", [0.0, -0.0, 1, INF, -1, -INF, NAN], [-INF, -INF, 0, INF, NAN, NAN, NAN]),
    ("log1p", [0.0, -0.0, -1, INF, -2, NAN, 1e-30], [0.0, -0.0, -INF, INF, NAN, NAN, 1e-30]),
    ("tanh", [0.0, -0.0, INF, -INF, NAN, 1e-30, -50], [0.0, -0.0, 1, -1, NAN, 1e-30, -1]),
    ("sigmoid", [0, INF, -INF, NAN, 50, -800], [0.5, 1, 0, NAN, 1, 0]),
    ("softplus", [INF, -INF, NAN, 800, -800], [INF, 0, NAN, 800, 0]),
    ("erf", [0.0, -0.0, INF, -INF, NAN, 50], [0.0, -0.0, 1, -1, NAN, 1]),
    ("erfc", [0, INF, -INF, NAN, 50, -50], [1, 0, 2, NAN, 0, 2]),
    ("normal_cdf", [0, INF, -INF, NAN, 50, -50], [0.5, 1, 0, NAN, 1, 0]),
    ("normal_density", [INF, -INF, NAN, 60], [0, 0, NAN, 0]),
    ("relu", [-1, INF, -INF, NAN, 2], [0, INF, 0, NAN, 2]),
    ("sign", [0.0, INF, -INF, NAN, -3], [0, 1, -1, NAN, -1]),
    ("sqrt", [0.0, -0.0, INF, -1, NAN], [0.0, -0.0, INF, NAN, NAN]),
    ("reciprocal", [0.0, -0.0, INF, NAN], [INF, -INF, 0, NAN]),
    ("round", [0.5, 1.5, -0.5, 2.5, NAN, INF], [0, 2, -0.0, 2, NAN, INF]),
]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("name", "x", "expected"), ENDS, ids=[e[0] for e in ENDS])
def test_ends(name: str, x: list[float], expected: list[float], dtype: str) -> None:
    found = run(f"{name}:{dtype}:{dtype}", np.array(x, dtype))
    wanted = np.array(expected, dtype)
    np.testing.assert_array_equal(found, wanted)
    signs = wanted == 0
    np.testing.assert_array_equal(np.signbit(found[signs]), np.signbit(wanted[signs]))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    "name",
    [
        "maximum",
        "minimum",
        "exceeds",
        "equal",
        "not_equal",
        "less",
        "greater_equal",
        "logaddexp",
        "mod",
    ],
)
def test_two_operands_at_the_ends(name: str, dtype: str) -> None:
    ends = np.array([0.0, 1, -1, 2.5, -2.5, INF, -INF, NAN], dtype)
    a, b = (np.ascontiguousarray(m).reshape(-1) for m in np.meshgrid(ends, ends))
    with np.errstate(all="ignore"):
        expected = OPS[name]().value(np, a, b)
    found = run_op(OPS[name](), a, b)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", FLOATS)
def test_floor_divide_at_the_ends(dtype: str) -> None:
    ends = np.array([0.0, -0.0, 1, -1, 0.3, -7.5, 1e30, INF, -INF, NAN], dtype)
    a, b = (np.ascontiguousarray(m).reshape(-1) for m in np.meshgrid(ends, ends))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(
            run(f"floor_divide:{dtype}:{dtype}:{dtype}", a, b), np.floor_divide(a, b)
        )


# --- integers and truth values ------------------------------------------------------------------
def _wholes(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    limits = np.iinfo(dtype)
    ends = [limits.min, limits.min + 1, 0, 1, 2, 3, 7, limits.max - 1, limits.max]
    values = np.array(ends + [-1, -2, -5] * (limits.min < 0), dtype)
    a, b = np.meshgrid(values, values)
    return a.reshape(-1).copy(), b.reshape(-1).copy()


@pytest.mark.parametrize("dtype", ["i1", "u2", "i8"])
@pytest.mark.parametrize(
    "name",
    ["add", "subtract", "multiply", "floor_divide", "mod", "maximum", "exceeds", "less", "equal"],
)
def test_integers(name: str, dtype: str) -> None:
    a, b = _wholes(dtype)
    with np.errstate(all="ignore"):
        expected = OPS[name]().value(np, a, b)
    found = run_op(OPS[name](), a, b)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", ["u1", "i8"])
@pytest.mark.parametrize("name", ["negative", "absolute", "sign", "square", "relu", "isfinite"])
def test_integers_alone(name: str, dtype: str) -> None:
    x = _wholes(dtype)[0]
    np.testing.assert_array_equal(run_op(OPS[name](), x), OPS[name]().value(np, x))


@pytest.mark.parametrize(
    "name", ["add", "multiply", "maximum", "minimum", "exceeds", "logical_xor", "less"]
)
def test_truth_values(name: str) -> None:
    a, b = np.array([False, False, True, True] * 9), np.array([False, True] * 18)
    np.testing.assert_array_equal(run_op(OPS[name](), a, b), OPS[name]().value(np, a, b))


@pytest.mark.parametrize("source", ["f4", "f8", "i4", "i8", "u1", "b1"])
@pytest.mark.parametrize("target", ["f4", "f8", "i4", "i8", "i1", "u1", "u8", "b1"])
def test_casts(source: str, target: str) -> None:
    if source == target:
        return
    x = np.array([0, 1, 2, 3, 100, 127, 5, 1] * 5).astype(source)
    if source[0] in "fi":
        x[::3] *= -1 if target[0] != "u" else 1
    if source[0] == "f":
        x = x + x.dtype.type(0.625)
    np.testing.assert_array_equal(run(f"cast:{source}:{target}", x), x.astype(target))


@pytest.mark.parametrize("source", FLOATS)
def test_casts_to_large_unsigned_integers(source: str) -> None:
    x = np.array([0.0, 1.5, 2.0**62, 2.0**63, 1.5 * 2.0**63, 2.0**64 - 2.0**41] * 4, source)
    expected = [0, 1, 2**62, 2**63, 3 * 2**62, 2**64 - 2**41] * 4
    np.testing.assert_array_equal(run(f"cast:{source}:u8", x), np.array(expected, np.uint64))


# --- memory -----------------------------------------------------------------------------------
LENGTHS = (0, 1, 2, 3, 5, 8, 12, 15, 16, 17, 31, 33, 64, 65, 127, 200)


def _cases(n: int) -> Iterator[tuple[str, list[np.ndarray]]]:
    rng = np.random.default_rng(n)
    f4, f8 = rng.normal(size=(3, n)).astype("f4"), rng.normal(size=(2, n))
    truth = f8[0] > 0
    yield "add:f4:f4:f4", [f4[0], f4[1]]
    yield "multiply:f8:f8:f8", [f8[0], f8[1]]
    yield "greater:f4:f4:b1", [f4[0], f4[1]]
    yield "less:f8:f8:b1", [f8[0], f8[1]]
    yield "cast:b1:f4", [truth]
    yield "cast:b1:f8", [truth]
    yield "cast:f8:f4", [f8[0]]
    yield "logical_and:b1:b1:b1", [truth, f8[1] > 0]
    yield "where:b1:f4:f4:f4", [truth, f4[1], f4[2]]
    yield "tanh:f4:f4", [f4[0]]
    yield "sigmoid:f8:f8", [f8[0]]
    yield "power:f4:f4:f4", [abs(f4[0]), f4[1]]


@pytest.mark.parametrize("n", LENGTHS)
def test_any_length_bitwise(n: int) -> None:
    """One entry is what the same entry in a long array is; nothing behind the end is written."""
    for name, arrays in _cases(n):
        target = np.full(n + 70, 1, name.split(":")[-1])
        run(name, *arrays, out=target, n=n)
        assert (target[n:] == 1).all(), name
        alone = [run(name, *(np.array([a[i]]) for a in arrays))[0] for i in range(min(n, 20))]
        np.testing.assert_array_equal(target[: min(n, 20)], alone, err_msg=name)


@pytest.mark.parametrize("n", [1, 12, 16, 100, 1024])
def test_in_place(n: int) -> None:
    for name, arrays in _cases(n):
        expected = run(name, *arrays)
        for place, array in enumerate(arrays):
            if array.dtype == expected.dtype:
                held = [a.copy() for a in arrays]
                np.testing.assert_array_equal(run(name, *held, out=held[place]), expected)
    same = np.arange(n, dtype="f4")
    np.testing.assert_array_equal(run("add:f4:f4:f4", same, same, out=same), 2.0 * np.arange(n))


# --- what a cluster needs besides -------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "b1"])
@pytest.mark.parametrize("n", [0, 1, 7, 12, 100, 1024])
def test_broadcasts(n: int, dtype: str) -> None:
    rng, i = np.random.default_rng(0), np.arange(n)
    for c in (1, 3, 25, 2000):
        for start in (0, 1, c - 1, 3 * c + 2):
            row = (rng.normal(size=c) * 9).astype(dtype)
            out = np.zeros(n, dtype)
            run(f"periodic:{dtype}", row, start, c, out=out, n=n)
            np.testing.assert_array_equal(out, row[(start + i) % c])
            column = (rng.normal(size=(start + n) // c + 1) * 9).astype(dtype)
            run(f"repeated:{dtype}", column, start, c, out=out, n=n)
            np.testing.assert_array_equal(out, column[(start + i) // c])
    one = np.array([2.5]).astype(dtype)
    np.testing.assert_array_equal(run(f"fill:{dtype}:{dtype}", one, n=n), np.full(n, one))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [0, 1, 15, 100, 1024])
def test_finite(n: int, dtype: str) -> None:
    x = np.random.default_rng(n).normal(size=n).astype(dtype)
    x[: n // 2] = np.finfo(dtype).max
    assert run(f"finite:{dtype}", x, out=np.array([0]), n=n)[0] == 0
    assert run(f"finite:{dtype}", x, out=np.array([7]), n=n)[0] == 7
    for bad in (INF, -INF, NAN, -NAN):
        for place in {0, n // 2, n - 1} if n else ():
            held = x.copy()
            held[place] = bad
            assert run(f"finite:{dtype}", held, out=np.array([0]), n=n)[0] == 1


# --- inside other kernels -----------------------------------------------------------------------
def test_functions_for_compiled_python() -> None:
    from numba import njit

    from glassnet.engines.native.kernels import mathematics

    f, g, h = mathematics.exp, mathematics.log1p, mathematics.normal_cdf

    @njit  # type: ignore[untyped-decorator]
    def loop(x: Any, y: Any) -> None:
        for i in range(x.size):
            y[0, i], y[1, i], y[2, i] = f(x[i]), g(x[i]), h(x[i])

    for dtype in FLOATS:
        x = np.random.default_rng(0).uniform(0, 3, 100).astype(dtype)
        y = np.zeros((3, 100), dtype)
        loop(x, y)
        for row, name in zip(y, ("exp", "log1p", "normal_cdf"), strict=True):
            np.testing.assert_array_equal(row, run(f"{name}:{dtype}:{dtype}", x))
