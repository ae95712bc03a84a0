"""What every activation fulfils."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from glassnet import activations, ops
from glassnet.activations import ACTIVATIONS
from glassnet.calculus import grad
from glassnet.engines import Program
from glassnet.graph import Dim, Placeholder
from glassnet.graph.validity import check_graph
from glassnet.registry import serialize
from glassnet.testing import check_gradients_numerically

NAMES = list(ACTIVATIONS.entries)
# Away from the kinks at 0, ±0.5, ±1, ±3 and 6, of all signs and sizes.
X = np.array([[-4.3, -2.2, -0.75, -0.31], [0.22, 0.81, 2.4, 7.7], [1.3, -1.2, 0.37, 3.6]])


def activation(name: str) -> Any:
    function = ACTIVATIONS.entries[name]
    return (lambda x: function(x, 0.45, -0.2)) if name == "threshold" else function


@pytest.mark.parametrize("name", NAMES)
def test_first_and_second_derivative(name: str) -> None:
    check_gradients_numerically(activation(name), X)


@pytest.mark.parametrize("name", NAMES)
def test_symbolic_tensors(name: str) -> None:
    x = Placeholder((Dim.named("m"), 4), np.float64, name="x")
    y = activation(name)(x)
    check_graph([y], [x])
    (value,) = Program([x], [y]).run(X)
    np.testing.assert_array_equal(value, np.asarray(activation(name)(X)))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_the_dtype_stays(name: str, dtype: str) -> None:
    x = X.astype(dtype)
    assert np.asarray(activation(name)(x)).dtype == dtype
    assert np.asarray(grad(lambda t: ops.sum(activation(name)(t)))(x)).dtype == dtype


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [n for n in NAMES if n != "exponential"])
def test_far_away_nothing_overflows(name: str, dtype: str) -> None:
    x = np.array([[-1000.0, 1000.0, -1e4, 1e4]], dtype)
    assert np.isfinite(np.asarray(activation(name)(x))).all()
    assert np.isfinite(np.asarray(grad(lambda t: ops.sum(activation(name)(t)))(x))).all()


@pytest.mark.parametrize("name", NAMES)
def test_by_name_saved_and_documented(name: str) -> None:
    function = activations.get(name)
    assert activations.get(serialize(function)) is function
    assert activations.deserialize(serialize(function)) is function
    assert "Derivative" in (function.__doc__ or "") or name in OF_OPS


# The primitives say their formula in ops; their derivative is their op's rule.
OF_OPS = {"sigmoid", "tanh", "softplus", "softmax", "log_softmax"}
