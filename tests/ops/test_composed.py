"""NumPy functions made up of others, against NumPy itself, on symbolic tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from glassnet.engines import Program
from glassnet.graph import Dim, Placeholder

X = np.random.default_rng(0).normal(size=(3, 4))
W = np.array([1.0, 2.0, 3.0, 0.5])


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.diff(x),
        lambda x: np.diff(x, n=2, axis=0),
        lambda x: np.ptp(x, axis=1),
        lambda x: np.average(x, axis=1),
        lambda x: np.average(x, axis=1, weights=W * np.ones((3, 4))),
        lambda x: np.heaviside(x, 0.5),
        lambda x: np.radians(np.degrees(x) * 2),
        lambda x: np.flipud(np.fliplr(x)),
        lambda x: np.matrix_transpose(x),
        lambda x: np.atleast_2d(x[0]),
        lambda x: np.copy(x) * np.ndim(x),
        lambda x: x * np.size(x, 1) + np.shape(x)[1],
    ],
)
def test_against_numpy(function: Callable[[Any], Any]) -> None:
    x = Placeholder((3, 4), "float64", name="x")
    np.testing.assert_allclose(Program([x], [function(x)]).run(X)[0], function(X), rtol=1e-12)


def test_sizes_of_a_batch_are_names() -> None:
    m = Dim.named("m")
    x = Placeholder((m, 4), name="x")
    assert np.shape(x) == (m, 4)
    assert np.size(x) == 4 * m
