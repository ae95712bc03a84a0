"""NumPy's methods on tensors, against NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from glassnet.engines import Program
from glassnet.graph import Placeholder

X = np.random.default_rng(0).normal(size=(3, 1, 4))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.sum(0),
        lambda x: x.mean(-1, keepdims=True),
        lambda x: x.max(axis=(0, 2)),
        lambda x: x.min(),
        lambda x: x.prod(0),
        lambda x: x.var(0) + x.std(2),
        lambda x: (x > -9).all(0),
        lambda x: (x > 1).any(axis=2),
        lambda x: x.argmax(2),
        lambda x: x.argmin(),
        lambda x: x.clip(-0.5, 0.5),
        lambda x: x.squeeze(1).dot(np.ones(4)),
        lambda x: x.ravel() + x.flatten(),
        lambda x: x.copy().reshape(4, 3).transpose(1, 0).T,
        lambda x: x.transpose(2, 0, 1).astype(np.float32),
    ],
)
def test_against_numpy(function: Callable[[Any], Any]) -> None:
    x = Placeholder(X.shape, "float64", name="x")
    found = Program([x], [function(x)]).run(X)[0]
    np.testing.assert_allclose(found, function(X), rtol=1e-6)
    assert np.asarray(found).dtype == np.asarray(function(X)).dtype
