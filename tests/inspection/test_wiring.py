"""Networks as nodes and edges: against the weights, and a forward pass in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import glassnet as gn
from glassnet.inspection import wiring


def test_columns_hold_weights_and_activations() -> None:
    model = gn.Sequential(
        [
            gn.Input((2, 3)),
            gn.layers.Flatten(),
            gn.layers.Dense(4, name="hidden", use_bias=False),
            gn.layers.Activation("tanh"),
            gn.layers.Dropout(0.5),
            gn.layers.Dense(2, "softmax", name="output"),
        ],
        name="net",
    )
    x = np.arange(6.0).reshape(2, 3) / 6
    found = wiring(model, x)
    w1, w2, b2 = model.get_weights()
    a1 = np.tanh(x.ravel() @ w1)
    z2 = a1 @ w2 + b2
    first, hidden, output = found.columns
    assert (first.name, first.size, first.kernel, first.activation) == ("inputs", 6, None, None)
    assert (hidden.name, hidden.size, hidden.activation) == ("hidden", 4, "tanh")
    assert (output.name, output.size, output.activation) == ("output", 2, "softmax")
    np.testing.assert_array_equal(hidden.kernel, w1)
    assert hidden.bias is None
    np.testing.assert_array_equal(output.bias, b2)
    np.testing.assert_allclose(first.values, x.ravel())
    np.testing.assert_allclose(hidden.values, a1, atol=1e-6)
    np.testing.assert_allclose(output.values, np.exp(z2) / np.exp(z2).sum(), atol=1e-6)
    assert found.largest == max(np.abs(w).max() for w in (w1, w2, b2))


def test_models_in_models_and_functional_ones() -> None:
    inner = gn.Sequential([gn.layers.Dense(3, "relu", name="a"), gn.layers.ReLU()], name="inner")
    inputs = gn.Input((2,))
    model = gn.Model(inputs, gn.layers.Dense(1, name="b")(inner(inputs)))
    found = wiring(model, [1.0, 2.0])
    assert [c.name for c in found.columns] == ["inputs", "inner/a", "b"]
    assert found.columns[1].activation == "relu, relu"
    predicted = model.predict(np.array([[1.0, 2.0]]), verbose=0)[0]
    np.testing.assert_allclose(found.columns[-1].values, predicted, atol=1e-6)


def branched() -> gn.Model:
    inputs = gn.Input((2,))
    return gn.Model(inputs, gn.layers.Add(name="sum")([gn.layers.Dense(2)(inputs), inputs]))


def with_op() -> gn.Model:
    inputs = gn.Input((2,))
    return gn.Model(inputs, gn.layers.Dense(2)(inputs) * 2.0)


def two_outputs() -> gn.Model:
    inputs = gn.Input((2,))
    first = gn.layers.Dense(2)(inputs)
    return gn.Model(inputs, [first, gn.layers.Dense(2)(first)])


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: gn.Sequential([gn.Input((8, 8, 1)), gn.layers.Conv2D(1, 3)]), "of type Conv2D"),
        (branched, "'sum' does not follow the layer before it alone"),
        (with_op, "is no chain"),
        (two_outputs, "several outputs"),
        (lambda: gn.Sequential([gn.Input((2,)), gn.layers.ReLU()]), "is of type ReLU"),
        (lambda: gn.Sequential([gn.Input((2,)), gn.layers.Flatten()]), "has no dense layer"),
        (lambda: gn.Sequential([gn.layers.Dense(2)]), r"not made from Input\(\)"),
        (lambda: gn.Sequential([gn.Input((4, 3)), gn.layers.Dense(2)]), "along the last axis"),
    ],
)
def test_other_models_are_sent_to_the_diagram(make, told: str) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        wiring(make())
    assert "plots.diagram(model)" in str(caught.value)


def test_several_examples_are_refused() -> None:
    model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
    with pytest.raises(ValueError, match=r"of shape \(2,\); got an array of shape \(3, 2\)"):
        wiring(model, np.zeros((3, 2)))


def test_weights_that_are_not_finite_are_told() -> None:
    model = gn.Sequential([gn.Input((1,)), gn.layers.Dense(1, name="broken")])
    model.set_weights([np.array([[np.nan]]), np.zeros(1)])
    with pytest.raises(ValueError, match="Layer 'broken' has weights that are NaN or infinite"):
        wiring(model)
