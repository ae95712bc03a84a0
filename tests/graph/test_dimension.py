"""Sizes known only at run time."""

import numpy as np
import pytest

from glassnet.graph import Dim
from glassnet.graph.dimension import bind, display, divide, divisible, larger, product, symbols

m, n = Dim.named("m"), Dim.named("n")


def test_one_form_for_equal_sizes():
    assert m * 28 * 28 // 784 == m
    assert m + m == 2 * m
    assert (m + 1) * (m - 1) == m * m - 1
    assert m - m == 0
    assert isinstance(m - m, int)
    assert m * 0 == 0
    assert 3 - (3 - m) == m
    assert m * n == n * m
    assert hash(m + n) == hash(n + m)
    assert m != n
    assert m != 1
    assert (2 * m + 4) // 2 == m + 2
    assert m * n // n == m
    assert (m + 1) // (m + 1) == 1
    assert product((2, m, 3)) == 6 * m
    assert product(()) == 1
    assert larger(m, m) == m
    assert larger(2, 3) == 3


def test_binding_agrees_with_arithmetic_on_numbers():
    rng = np.random.default_rng(0)
    for _ in range(200):
        a, b = (int(v) for v in rng.integers(1, 9, 2))
        x, y, expected_x, expected_y = m, n, a, b
        for _ in range(6):
            kind, number = rng.integers(5), int(rng.integers(1, 5))
            if kind == 0:
                x, expected_x = x + number, expected_x + number
            elif kind == 1:
                x, expected_x = x * number + y, expected_x * number + expected_y
            elif kind == 2:
                x, expected_x = divide(x, number), expected_x // number
            elif kind == 3:
                x, expected_x = larger(x, y), max(expected_x, expected_y)
            else:
                x, expected_x = x - y, expected_x - expected_y
        assert bind(x, {"m": a, "n": b}) == expected_x


def test_divisibility():
    assert divisible(6 * m, 3)
    assert divisible(m * n, m)
    assert not divisible(m, 2)
    assert not divisible(m + 1, m)
    assert divisible(6, 3)
    assert not divisible(6, 4)


def test_names():
    assert symbols((m, 3, (n * 2 // 3,))) == {"m", "n"}
    assert symbols(larger(m, n + 1)) == {"m", "n"}
    assert symbols("m") == set()
    assert display((m, 3)) == "(m, 3)"
    assert display((m,)) == "(m,)"
    assert str(3 * m + 3) == "3*m + 3"
    assert str(m * n - 2 * m - 1) == "m*n - 2*m - 1"
    assert str(-m) == "-m"
    assert str(1 - m) == "-m + 1"
    with pytest.raises(ValueError, match="size 'm' is not known"):
        bind(m + 1, {"n": 2})


def test_is_no_number_yet():
    with pytest.raises(TypeError, match="known only when the network runs"):
        int(m)
    with pytest.raises(TypeError, match="known only when the network runs"):
        range(m)
