"""The check of all numbers of a step at once: any infinity or NaN, wherever it stands."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

pytest.importorskip("numba")

from glassnet.engines.native.compiler import address_of

FLOATS = ("f4", "f8")


def found_bad(code: str, *arrays: np.ndarray, before: int = 0) -> int:
    flag = np.array(before)
    segments = np.array([(a.ctypes.data, a.size) for a in arrays] or [(0, 0)], np.int64)
    block = np.array([flag.ctypes.data, len(arrays), segments.ctypes.data], np.int64)
    kernel = ctypes.CFUNCTYPE(None, ctypes.c_int64)(address_of(f"steps.finite:{code}"))
    kernel(block.ctypes.data)
    return int(flag)


@pytest.mark.parametrize("code", FLOATS)
def test_finite_numbers_leave_the_flag(code: str) -> None:
    limits = np.finfo(code)
    extremes = [0.0, -0.0, limits.max, limits.min, limits.tiny, limits.smallest_subnormal]
    a = np.tile(np.array(extremes, code), 2000)
    assert found_bad(code) == 0
    assert found_bad(code, a[:0], a[:1], a, a[3:20]) == 0
    assert found_bad(code, a, before=1) == 1


@pytest.mark.parametrize("code", FLOATS)
@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan, -np.nan])
def test_one_bad_number_anywhere_sets_it(code: str, bad: float) -> None:
    for size in (1, 2, 7, 33, 4096, 4097, 10_001):
        for place in {0, size // 2, size - 1}:
            a, good = np.ones(size, code), np.ones(5, code)
            a[place] = bad
            assert found_bad(code, a) == 1
            assert found_bad(code, good, a, good) == 1
            assert found_bad(code, good, a[:place], a[place + 1 :]) == 0


@pytest.mark.parametrize("code", FLOATS)
def test_any_bits_of_no_number(code: str) -> None:
    integer = np.dtype(f"u{code[1]}")
    digits = np.finfo(code).nmant
    first = np.array(np.inf, code).view(integer)
    for bit in (0, digits // 2, digits - 1):
        a = np.array([1, 1, 1], code)
        a[1:2] = (first | integer.type(1 << bit)).reshape(1).view(code)
        assert np.isnan(a[1])
        assert found_bad(code, a) == 1
