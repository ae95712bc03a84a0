"""Random numbers natively: the same bits as NumPy's, whatever seed, step, shape and offset."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from glassnet.engines.native import ziggurat
from glassnet.engines.native.compiler import address_of
from glassnet.engines.native.lowering import random as lowering
from glassnet.engines.native.lowering.base import bits
from glassnet.engines.native.trial import run_op
from glassnet.models.data import shuffled
from glassnet.ops.random import (
    Bernoulli,
    Random,
    RandomIntegers,
    RandomNormal,
    RandomPermutation,
    RandomTruncatedNormal,
    RandomUniform,
)

NORMALS = (RandomNormal, RandomTruncatedNormal)
DRAWS = (Bernoulli, RandomUniform, RandomIntegers, RandomPermutation, *NORMALS)
FLOATS = ("float32", "float64")
TOP = 2**64 - 1


def assert_same_bits(op: Random, step: int) -> None:
    at = np.array(step)
    expected, found = op.value(np, at), run_op(op, at)
    assert found is not None
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert found.tobytes() == np.ascontiguousarray(expected).tobytes(), op


def run(kernel: str, *words: int) -> None:
    signed = [w - 2**64 if w >= 2**63 else w for w in words]
    block = np.array(signed, np.int64)
    ctypes.CFUNCTYPE(None, ctypes.c_int64)(address_of(kernel))(block.ctypes.data)


@pytest.mark.parametrize("op", [s.op for kind in DRAWS for s in kind.samples()], ids=str)
def test_samples(op: Random) -> None:
    assert_same_bits(op, 5)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (7,), (8,), (9,), (3, 341), (1025,), (33, 100)])
def test_any_number_of_entries(shape: tuple[int, ...], dtype: str) -> None:
    assert_same_bits(Bernoulli(11, 3, shape, dtype, 0.8, 1.25), 2)
    assert_same_bits(RandomUniform(11, 3, shape, dtype, -0.3, 0.9), 2)


@pytest.mark.parametrize(("seed", "stream"), [(0, 0), (TOP, TOP), (2**63, 1), (1, 2**63)])
@pytest.mark.parametrize("step", [0, 1, 2**62, -1])
def test_any_seed_stream_and_step(seed: int, stream: int, step: int) -> None:
    assert_same_bits(Bernoulli(seed, stream, (70,)), step)
    assert_same_bits(RandomUniform(seed, stream, (70,), "float64"), step)
    assert_same_bits(RandomIntegers(seed, stream, (70,), "int32", -9, 9), step)
    assert_same_bits(RandomPermutation(seed, stream, (70,)), step)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("p", [0.0, 1e-12, 2.0**-32, 0.5, 1 - 2.0**-32, 1.0])
@pytest.mark.parametrize("high", [1.0, -1.0, 1 / 3, np.inf])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_the_ends_of_bernoulli(p: float, high: float, dtype: str) -> None:
    if np.isinf(high):
        found = run_op(Bernoulli(1, 1, (300,), dtype, p, high), np.array(1))
        np.testing.assert_array_equal(found, Bernoulli(1, 1, (300,), dtype, p, high).value(np, 1))
    else:
        assert_same_bits(Bernoulli(1, 1, (300,), dtype, p, high), 1)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (-1.0, 1.0), (1.0, 1.0), (1e8, 1e8 + 1), (-1e-30, 1e38)]
)
def test_the_ends_of_uniform(low: float, high: float, dtype: str) -> None:
    assert_same_bits(RandomUniform(1, 1, (3000,), dtype, low, high), 1)


def test_infinite_parameters_are_left_to_the_reference() -> None:
    assert run_op(RandomUniform(1, 1, (3,), "float32", 0.0, 1e300), np.array(1)) is None
    assert run_op(RandomNormal(1, 1, (3,), "float32", 0.0, np.inf), np.array(1)) is None


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("kind", NORMALS)
def test_normal_numbers(kind: type[RandomNormal], dtype: str) -> None:
    # A million holds hundreds of the tail, and thousands from near the edge of the curve.
    for size in (0, 1, 2, 7, 8, 9, 63, 64, 65, 1000, 10**6):
        assert_same_bits(kind(4, 5, (size,), dtype, 0.25, 1.7), 6)
    for step in range(100):
        assert_same_bits(kind(4, 2**63, (3, 5), dtype), step)
    assert_same_bits(kind(4, 5, (100,), dtype, -1.0, 0.0), 6)


def test_the_ziggurat_covers_the_bell_in_equal_areas() -> None:
    for digits, tolerance in ((52, 1e-12), (23, 1e-6)):
        widths, heights, inside = (np.array(table, float) for table in ziggurat.tables(digits))
        x = widths * 2.0**digits
        np.testing.assert_allclose(heights[1:], np.exp(-0.5 * x[1:] ** 2), rtol=tolerance)
        layers = x[1:] * (heights[:-1] - heights[1:])
        np.testing.assert_allclose(layers, 0.0049286732339, rtol=100 * tolerance)
        np.testing.assert_allclose(inside[2:], x[1:-1] / x[2:] * 2.0**digits, rtol=tolerance)


INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers(dtype: str) -> None:
    least, most = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    # One value, all, powers of two, and so many that up to half of the draws are refused.
    counts = {1, 2, 3, 100, 2**32 - 1, 2**32, 2**32 + 1, most // 2 + 2, most // 4 * 5, most - least}
    for values in sorted(counts | {most - least + 1}):
        if least + values - 1 <= most:
            assert_same_bits(RandomIntegers(3, 0, (1500,), dtype, least, least + values), 1)
    assert_same_bits(RandomIntegers(3, 0, (77,), dtype, most - 5, most + 1), 9)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("kind", [Bernoulli, RandomUniform])
def test_a_part_is_that_part_of_the_whole(kind: type[Random], dtype: str) -> None:
    code = {"float32": "f4", "float64": "f8"}[dtype]
    words = (2**31 - 1, 1.0, 0.0) if kind is Bernoulli else (1.0, 0.0, 1.0)
    kernel = f"random.{kind.name.removeprefix('random_')}:{code}"
    whole = kind(5, 6, (5000,), dtype).value(np, 7)
    step = np.array(7)
    for start, count in [(0, 5000), (1, 1), (3, 0), (5, 2000), (8, 8), (1021, 1030), (4999, 1)]:
        found = np.full(count + 1, 9, dtype)
        numbers = map(bits, words)
        run(kernel, found.ctypes.data, count, start, 5, 6, step.ctypes.data, *numbers)
        assert found[:count].tobytes() == whole[start : start + count].tobytes()
        assert found[count] == 9, "an entry behind the last was written"


SIZES = (0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 100, 1000, 1024, 1025, 60_000, 2**17, 2**17 + 1)


@pytest.mark.parametrize("size", SIZES)
def test_shuffle(size: int) -> None:
    for seed, key in [(0, 0), (1, 2), (TOP, 2**63 - 1), (1337, 9999)]:
        found, epoch = np.full(size + 1, -1, np.int64), np.array(key)
        run(lowering.SHUFFLE, found.ctypes.data, size, seed, epoch.ctypes.data)
        np.testing.assert_array_equal(found[:size], shuffled(size, seed, key))
        assert found[size] == -1
    assert_same_bits(RandomPermutation(3, 4, (size,)), 5)


def test_shuffle_with_many_keys() -> None:
    found, epoch = np.zeros(12, np.int64), np.array(0)
    for key in range(500):
        epoch[()] = key
        run(lowering.SHUFFLE, found.ctypes.data, 12, 42, epoch.ctypes.data)
        np.testing.assert_array_equal(found, shuffled(12, 42, key))


@pytest.mark.parametrize("kind", lowering._DRAWS)
def test_this_numpy_draws_what_the_kernels_draw(kind: str) -> None:
    assert lowering.agrees_with_numpy(kind)


def test_where_numpy_draws_otherwise_the_reference_draws(monkeypatch: Any) -> None:
    def otherwise(rng: np.random.Generator) -> np.ndarray:
        return rng.permutation(50)[::-1]

    checksum = lowering._DRAWS["permutation"][1]
    monkeypatch.setitem(lowering._DRAWS, "permutation", (otherwise, checksum))
    lowering.agrees_with_numpy.cache_clear()
    try:
        assert not lowering.agrees_with_numpy()
        assert run_op(RandomPermutation(3, 4, (5,)), np.array(5)) is None
        assert run_op(Bernoulli(3, 4, (5,)), np.array(5)) is not None
    finally:
        lowering.agrees_with_numpy.cache_clear()


@pytest.mark.parametrize(
    "op", [kind(1, 2, (3,), "float16") for kind in (Bernoulli, RandomUniform, *NORMALS)], ids=str
)
def test_half_precision_is_left_to_the_reference(op: Random) -> None:
    assert run_op(op, np.array(0)) is None
