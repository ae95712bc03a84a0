"""Every function of glassnet.ops against its twin in Keras or JAX, over randomly drawn arguments.

In float64 the value, the derivative of ⟨c, f⟩ and its Hessian times a random direction agree to
1e-8 of the largest entry, in float32 the value to 1e-5. Functions that work entry by entry are
also tried on infinities, NaN, zeros and ±1000, on integers and on truth values.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from harness import assert_close
from op_cases import CASES, REASONS, Case

from glassnet import ops
from glassnet.engines import Program
from glassnet.graph import Placeholder, Tensor, check_graph, gradients
from glassnet.nest import flatten

pytestmark = [
    pytest.mark.filterwarnings("ignore:Explicitly requested dtype"),
    pytest.mark.filterwarnings("ignore:You are using a softmax over axis"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

DRAWS = [(name, i) for name, case in CASES.items() for i in range(case.draws)]


@pytest.fixture(autouse=True)
def wide() -> Iterator[None]:
    """Let JAX compute in float64."""
    with jax.enable_x64(True):
        yield


def drawn(name: str, number: int) -> tuple[Case, list[Any], dict[str, Any]]:
    case = CASES[name]
    args, kwargs = case.draw(np.random.default_rng([number, *name.encode()]))
    return case, args, kwargs


def floats(case: Case, args: list[Any]) -> list[np.ndarray]:
    """The arrays to differentiate by: every float array, or those that the case names."""
    chosen = args if case.wrt is None else [args[i] for i in case.wrt]
    return [a for a in flatten(chosen) if isinstance(a, np.ndarray) and a.dtype.kind == "f"]


def replaced(args: list[Any], old: list[np.ndarray], new: list[Any]) -> list[Any]:
    """The arguments with other things in the place of these arrays."""
    table = {id(o): n for o, n in zip(old, new, strict=True)}

    def put(value: Any) -> Any:
        return [put(v) for v in value] if isinstance(value, list) else table.get(id(value), value)

    return [put(a) for a in args]


def float_outputs(found: Any) -> list[Any]:
    flat = flatten(found)
    return [y for y in flat if np.dtype(y.dtype).kind == "f"]


@pytest.mark.parametrize(("name", "number"), DRAWS)
def test_value_and_derivatives(name: str, number: int) -> None:
    case, args, kwargs = drawn(name, number)
    points = floats(case, args)
    ours, theirs = getattr(ops, name), case.theirs
    expected = flatten(theirs(*as_jax(args), **kwargs))
    concrete = flatten(ours(*args, **kwargs))
    order = case.order if points else 0
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=y.shape) for y in float_outputs(expected)]
    ways = [rng.normal(size=p.shape) for p in points]

    leaves = [Placeholder(p.shape, p.dtype, name=f"x{i}") for i, p in enumerate(points)]
    recorded = flatten(ours(*replaced(args, points, leaves), **kwargs))
    outputs = [list(recorded)]
    seeds = [Placeholder(w.shape, w.dtype, name="c") for w in weights]
    along = [Placeholder(p.shape, p.dtype, name="v") for p in points]
    if order:
        outputs.append(gradients(float_outputs(recorded), leaves, list(seeds)))
    if order > 1:
        outputs.append(gradients(outputs[1], leaves, list(along)))
    flat = [y for part in outputs for y in part if isinstance(y, Tensor)]
    check_graph(flat, [*leaves, *seeds, *along])
    values = iter(Program([*leaves, *seeds, *along], flat).run(*points, *weights, *ways))
    parts = [[next(values) for _ in part] for part in outputs]

    wanted = [expected, *jax_derivatives(case, args, kwargs, points, weights, ways, order)]
    what = ("value", "first derivative", "second derivative")
    for label, found, right in zip(what, parts, wanted, strict=False):
        assert len(found) == len(right)
        for a, b in zip(found, right, strict=True):
            called = f"{name}{tuple(map(shown, args))} {kwargs}"
            agree(a, b, f"{called}: {label}", case.tolerance)
    for a, b in zip(concrete, parts[0], strict=True):
        np.testing.assert_array_equal(np.asarray(a), b)
    for a, b in zip(parts[0], expected, strict=True):
        assert kind(a) == kind(b), f"{name}: dtype {a.dtype}; the twin gives {b.dtype}"


def agree(a: Any, b: Any, what: str, tolerance: float) -> None:
    """As `assert_close`; of two numbers that only rounding keeps from 0 no digits are asked."""
    noise = np.max(np.abs(np.asarray(b)), initial=0.0) < 1e-14
    assert_close(a, a if noise and np.all(np.abs(a) < 1e-14) else b, what, tolerance)


def as_jax(args: list[Any]) -> list[Any]:
    def put(value: Any) -> Any:
        if isinstance(value, list):
            return [put(v) for v in value]
        return jnp.asarray(value) if isinstance(value, np.ndarray) else value

    return [put(a) for a in args]


def shown(value: Any) -> Any:
    return f"{value.dtype}{value.shape}" if isinstance(value, np.ndarray) else value


def kind(array: Any) -> str:
    return {"u": "i"}.get(np.dtype(array.dtype).kind, np.dtype(array.dtype).kind)


def jax_derivatives(
    case: Case, args: list[Any], kwargs: Any, points: Any, weights: Any, ways: Any, order: int
) -> list[list[Any]]:
    """∂⟨c, f⟩ and its derivative along the ways, in one compilation."""

    def projected(*moved: Any) -> Any:
        outputs = float_outputs(case.theirs(*replaced(args, points, list(moved)), **kwargs))
        return sum(jnp.sum(y * w) for y, w in zip(outputs, weights, strict=True))

    every = tuple(range(len(points)))
    if order == 0:
        return []
    slope = jax.grad(projected, every)
    if order == 1:
        return [list(jax.jit(slope)(*points))]
    return [list(p) for p in jax.jit(lambda x, v: jax.jvp(slope, x, v))(tuple(points), tuple(ways))]


@pytest.mark.parametrize("name", CASES)
def test_float32(name: str) -> None:
    """Values in float32, from arguments that float32 holds."""
    case, args, kwargs = drawn(name, 0)
    points = floats(case, args)
    narrow = [p.astype(np.float32) for p in points]
    args = replaced(args, points, narrow)
    expected = flatten(case.theirs(*as_jax(args), **kwargs))
    for a, b in zip(flatten(getattr(ops, name)(*args, **kwargs)), expected, strict=True):
        assert_close(np.asarray(a), b, name, 1e-5)
        if points and kind(a) == "f" and name != "average":  # its weights are float64 arrays
            assert a.dtype == np.float32, f"{name}: float32 in, {a.dtype} out"


SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1000, -1000, 1.0, -1.0, 0.5, 1e-30, 1e5])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [n for n, case in CASES.items() if case.special])
def test_special_values(name: str, dtype: str) -> None:
    case, args, kwargs = drawn(name, 0)
    special = SPECIAL.astype(dtype)
    given = [special] if len(args) == 1 else [special[:, None], special]
    expected = np.asarray(case.theirs(*map(jnp.asarray, given), **kwargs))
    found = np.asarray(getattr(ops, name)(*given, **kwargs))
    differing = ~close(found, expected, 1e-5 if dtype == "float32" else 1e-8)
    differing &= ~excused(name, given, dtype)
    where = [tuple(np.broadcast_arrays(*given)[i][p] for i in range(len(given)))
             for p in zip(*np.nonzero(differing), strict=True)]  # fmt: skip
    assert not where, (
        f"{name} at {where[:5]}: {found[differing][:5]}; the twin gives {expected[differing][:5]}"
    )


def close(a: np.ndarray, b: np.ndarray, tolerance: float) -> Any:
    """Entry by entry: relative to the entry itself."""
    if a.dtype == np.bool_:
        return a == b
    a, b = a.astype(np.float64), b.astype(np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(all="ignore"):
        return same | (np.abs(a - b) <= tolerance * np.abs(b) + 1e-37)


def excused(name: str, given: list[np.ndarray], dtype: str) -> Any:
    """Where the twin is known to be wrong, or is defined otherwise by both libraries' words."""
    if name == "soft_shrink":  # Keras makes 0 of NaN, which hides it
        return np.isnan(given[0])
    return np.zeros(np.broadcast_shapes(*(g.shape for g in given)), bool)


# Activations of integers: JAX computes them in integers (and overflows in bytes), ours in floats.
APART_ON_INTEGERS = {"hard_tanh", "log_sigmoid", "squareplus"}


INTEGERS = [n for n, c in CASES.items() if c.special and c.integers and n not in APART_ON_INTEGERS]


@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool"])
@pytest.mark.parametrize("name", INTEGERS)
def test_integers_and_truth_values(name: str, dtype: str) -> None:
    case, args, kwargs = drawn(name, 0)
    x = np.array([1, 2, 0, 3, 1, 100]).astype(dtype)
    y = np.array([2, 1, 3, 3, 1, 120]).astype(dtype)
    given = [x] if len(args) == 1 else [x, y]
    try:
        expected = np.asarray(case.theirs(*map(jnp.asarray, given), **kwargs))
    except (TypeError, ValueError):
        return  # the twin takes none of these either
    found = getattr(ops, name)(*given, **kwargs)
    assert kind(found) == kind(expected), f"{name}: dtype {found.dtype}; theirs {expected.dtype}"
    assert_close(np.asarray(found), expected, name, 2e-5)
    check_graph([getattr(ops, name)(*(Placeholder(g.shape, g.dtype) for g in given), **kwargs)])


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "max", "min", "cumsum", "cumprod", "std"])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "bool", "int32"])
def test_integers_do_not_overflow(name: str, dtype: str) -> None:
    """200 + 100 in bytes is 300, as in NumPy and Keras."""
    x = np.array([120, 100, 90]).astype(dtype)
    expected = getattr(np, name)(x)
    assert_close(np.asarray(getattr(ops, name)(x)), expected, name, 1e-6)


INDICES: list[Any] = [
    0, -1, slice(None), slice(1, None, 2), slice(None, None, -1), (slice(None), 1), ..., (..., -1),
    (None, 0), (slice(None), None), [0, 2], np.array([[0, 1], [2, -1]]), ([0, 2], [1, 3]),
    (slice(None), [0, 0, 1]), ([0, 1], slice(None), [1, 0]), (0, [1, 2]), ([0, 1], 0, slice(1, 3)),
    (0, slice(None), [1, 2]), np.array([True, False, True]), (slice(None), np.array([True] * 4)),
    (..., None, [1, 0]), slice(5, 2), (slice(-2, 100), slice(-100, 2)), (slice(2, 0, -1), 1, 0),
    np.zeros((0,), int), np.eye(3, 4) > 0, (None, [1], None, 0), (slice(None), 0, None, [1, 1]),
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_subscript(index: Any) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    expected, pull = jax.vjp(lambda a: a[as_index(index)], jnp.asarray(x))
    c = np.random.default_rng(1).normal(size=expected.shape)
    leaf, seed = Placeholder(x.shape, x.dtype), Placeholder(c.shape, c.dtype)
    y = leaf[index]
    found, slope = Program([leaf, seed], [y, *gradients([y], [leaf], [seed])]).run(x, c)
    assert_close(found, expected, f"x[{index!r}]", 0)
    assert_close(slope, pull(jnp.asarray(c))[0], f"derivative of x[{index!r}]", 1e-12)


def as_index(index: Any) -> Any:
    parts = index if isinstance(index, tuple) else (index,)
    return tuple(np.asarray(p) if isinstance(p, list) else p for p in parts)


def test_every_function_is_tried_or_has_its_reason() -> None:
    functions = {
        name
        for name, value in vars(ops).items()
        if not name.startswith("_") and callable(value) and not inspect.ismodule(value)
    }
    named: dict[str, Callable[..., Any]] = {**CASES, **REASONS}
    assert not functions - set(named), "in ops, but neither in CASES nor in REASONS"
    assert not set(named) - functions, "not in ops"
    assert not set(CASES) & set(REASONS)
