"""Initializers against the variances, bounds and matrices that their formulas promise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from glassnet import initializers
from glassnet.initializers.scaling import fans


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((), (1, 1)),
        ((7,), (7, 7)),
        ((3, 5), (3, 5)),
        ((3, 4, 5), (12, 15)),
        ((3, 3, 8, 16), (72, 144)),
    ],
)
def test_fans(shape: tuple[int, ...], expected: tuple[int, int]) -> None:
    assert fans(shape) == expected


def test_fans_along_named_axes() -> None:
    assert fans((2, 3, 5, 7), (0, 1), (2, 3)) == (6, 35)
    assert fans((2, 3, 5), input_axes=(0,)) == fans((2, 3, 5))


VARIANCES = {  # for 400 inputs and 100 outputs
    "glorot_uniform": 2 / 500,
    "glorot_normal": 2 / 500,
    "he_uniform": 2 / 400,
    "he_normal": 2 / 400,
    "lecun_uniform": 1 / 400,
    "lecun_normal": 1 / 400,
}


@pytest.mark.parametrize("name", VARIANCES)
def test_variances_and_bounds(name: str) -> None:
    variance = VARIANCES[name]
    draws = getattr(initializers, name)(seed=0)((400, 100), "float64").numpy()
    assert draws.var() == pytest.approx(variance, rel=0.02)
    assert abs(draws.mean()) < 5 * math.sqrt(variance / draws.size)
    if "uniform" in name:
        limit = math.sqrt(3 * variance)
        assert stats.kstest(draws.ravel(), stats.uniform(-limit, 2 * limit).cdf).pvalue > 1e-4
    else:
        sigma = math.sqrt(variance) / stats.truncnorm(-2, 2).std()
        cut = stats.truncnorm(-2, 2, scale=sigma)
        assert stats.kstest(draws.ravel(), cut.cdf).pvalue > 1e-4
        assert np.abs(draws).max() <= 2 * sigma


def test_truncated_normal_is_that_of_scipy() -> None:
    draws = initializers.TruncatedNormal(1.0, 0.5, seed=0)((50000,), "float64").numpy()
    assert stats.kstest(draws, stats.truncnorm(-2, 2, 1.0, 0.5).cdf).pvalue > 1e-4
    assert draws.min() >= 0
    assert draws.max() <= 2


def test_normal_and_uniform() -> None:
    normal = initializers.RandomNormal(1.0, 0.5, seed=0)((50000,), "float64").numpy()
    assert stats.kstest(normal, stats.norm(1.0, 0.5).cdf).pvalue > 1e-4
    uniform = initializers.RandomUniform(-1.0, 3.0, seed=0)((50000,), "float64").numpy()
    assert stats.kstest(uniform, stats.uniform(-1.0, 4.0).cdf).pvalue > 1e-4


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7), (3, 2, 4), (1, 1)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    matrix = initializers.Orthogonal(gain=2.0, seed=0)(shape, "float64").numpy()
    flat = matrix.reshape(-1, shape[-1])
    small = flat if flat.shape[0] <= flat.shape[1] else flat.T
    np.testing.assert_allclose(small @ small.T, 4 * np.eye(len(small)), atol=1e-12)


def test_orthogonal_is_uniform_among_rotations() -> None:
    # Of a uniform 2x2 orthogonal matrix the angle of a column is uniform; without the sign
    # correction it would keep to a half circle.
    columns = [initializers.Orthogonal(seed=s)((2, 2), "float64").numpy()[:, 0] for s in range(400)]
    angles = np.arctan2(*np.array(columns).T)
    assert stats.kstest(angles, stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 1e-4


def test_constant_and_identity() -> None:
    assert initializers.Constant([1, 2])((2, 2)).tolist() == [[1, 2], [1, 2]]
    assert initializers.Identity(3.0)((2, 3)).tolist() == [[3, 0, 0], [0, 3, 0]]


def test_an_array_is_an_initializer_of_its_shape() -> None:
    given = initializers.get(np.array([1.0, 2.0]))
    assert given((2,)).tolist() == [1, 2]
    with pytest.raises(ValueError, match="shapes must be equal"):
        given((2, 2))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: initializers.VarianceScaling(-1.0), "scale: expected a number above 0"),
        (lambda: initializers.VarianceScaling(0.0), "scale: expected a number above 0"),
        (lambda: initializers.VarianceScaling(mode="fan_inn"), "Did you mean 'fan_in'"),
        (lambda: initializers.VarianceScaling(distribution="unifrom"), "Did you mean 'uniform'"),
        (lambda: initializers.RandomNormal(stddev=-0.1), "stddev: expected a number of at least 0"),
        (lambda: initializers.RandomUniform(1.0, 0.0), "minval=1.0 is above maxval=0.0"),
        (lambda: initializers.get("glorot_unifrom"), "Did you mean 'glorot_uniform'"),
        (lambda: initializers.Identity()((2, 2, 2)), "shape of two axes"),
        (lambda: initializers.Orthogonal()((3,)), "two or more axes"),
        (lambda: initializers.Constant([1, 2, 3])((2, 2)), "does not fill"),
    ],
)
def test_mistakes(wrong: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wrong()


def test_normal_is_the_truncated_one() -> None:
    assert initializers.VarianceScaling(distribution="normal").distribution == "truncated_normal"


def test_clone_draws_anew_without_a_seed() -> None:
    one = initializers.GlorotUniform()
    assert (one.clone()((2, 3)).numpy() != one((2, 3)).numpy()).any()
    fixed = initializers.GlorotUniform(4)
    np.testing.assert_array_equal(fixed.clone()((2, 3)).numpy(), fixed((2, 3)).numpy())
