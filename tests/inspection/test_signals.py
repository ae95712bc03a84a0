"""Signals: against a forward pass in NumPy, and difference quotients of the loss."""

from __future__ import annotations

import numpy as np
import pytest

import glassnet as gn
from glassnet.inspection import signals

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 3))
Y = np.eye(2)[[0, 1, 1, 0, 1, 0]]


@pytest.fixture
def model() -> gn.Sequential:
    made = gn.Sequential(
        [
            gn.Input((3,), dtype="float64"),
            gn.layers.Dense(4, "tanh", name="hidden", dtype="float64"),
            gn.layers.Dense(5, name="linear", dtype="float64", kernel_regularizer="l2"),
            gn.layers.Activation("relu", name="cut", dtype="float64"),
            gn.layers.Dense(2, "softmax", name="output", dtype="float64"),
        ],
        name="net",
        dtype="float64",
    )
    made.set_weights([RNG.normal(size=w.shape) for w in made.weights])
    made.compile("sgd", "categorical_crossentropy")
    return made


def forward(model: gn.Model, x: np.ndarray) -> dict[str, np.ndarray]:
    """The forward pass, written by hand."""
    w1, b1, w2, b2, w3, b3 = (np.array(w.value) for w in model.weights)
    z1 = x @ w1 + b1
    a1 = np.tanh(z1)
    z2 = a1 @ w2 + b2
    a2 = np.where(z2 > 0, z2, 0)
    z3 = a2 @ w3 + b3
    a3 = np.exp(z3) / np.exp(z3).sum(axis=1, keepdims=True)
    return {"z1": z1, "a1": a1, "z2": z2, "a2": a2, "z3": z3, "a3": a3}


def loss_from(model: gn.Model, a1: np.ndarray | None = None, z2: np.ndarray | None = None) -> float:
    """J with A of the first layer, or Z of the second, given; penalty of the kernel included."""
    _, _, w2, b2, w3, b3 = (np.array(w.value) for w in model.weights)
    if z2 is None:
        assert a1 is not None
        z2 = a1 @ w2 + b2
    z3 = np.maximum(z2, 0) @ w3 + b3
    logs = z3 - np.log(np.exp(z3).sum(axis=1, keepdims=True))
    return float(-(Y * logs).sum(axis=1).mean() + 0.01 * (w2**2).sum())


def quotients(function, array: np.ndarray, h: float = 1e-6) -> np.ndarray:
    found = np.zeros_like(array)
    for place in np.ndindex(array.shape):
        up, down = array.copy(), array.copy()
        up[place] += h
        down[place] -= h
        found[place] = (function(up) - function(down)) / (2 * h)
    return found


def test_outputs_are_those_of_the_forward_pass(model: gn.Sequential) -> None:
    found, expected = signals(model, X), forward(model, X)
    assert found.names == ["hidden", "linear", "cut", "output"]
    pairs = [("hidden", "a1"), ("linear", "z2"), ("cut", "a2"), ("output", "a3")]
    for name, key in pairs:
        np.testing.assert_allclose(found[name].outputs, expected[key], rtol=1e-12)
    for name, key in [("hidden", "z1"), ("cut", "z2"), ("output", "z3")]:
        np.testing.assert_allclose(found[name].before, expected[key], rtol=1e-12)
    assert found["linear"].before is None
    assert found.loss is None
    assert all(signal.gradient is None for signal in found)


def test_gradients_are_difference_quotients(model: gn.Sequential) -> None:
    found, values = signals(model, X, Y), forward(model, X)
    assert found.loss == pytest.approx(loss_from(model, a1=values["a1"]), rel=1e-12)
    by_a1 = quotients(lambda a: loss_from(model, a1=a), values["a1"])
    by_z2 = quotients(lambda z: loss_from(model, z2=z), values["z2"])
    np.testing.assert_allclose(found["hidden"].gradient, by_a1, atol=1e-8)
    np.testing.assert_allclose(found["linear"].gradient, by_z2, atol=1e-8)
    np.testing.assert_allclose(found["cut"].before_gradient, by_z2, atol=1e-8)
    by_z1 = by_a1 * (1 - values["a1"] ** 2)
    np.testing.assert_allclose(found["hidden"].before_gradient, by_z1, atol=1e-8)


def test_gradients_of_weights_are_difference_quotients(model: gn.Sequential) -> None:
    kernel = model.weights[2]
    start = np.array(kernel.value)

    def at(array: np.ndarray) -> float:
        kernel.assign(array)
        return loss_from(model, a1=forward(model, X)["a1"])

    expected = quotients(at, start)
    kernel.assign(start)
    found = signals(model, X, Y)["linear"]
    np.testing.assert_allclose(found.weight_gradients["kernel"], expected, atol=1e-8)
    np.testing.assert_array_equal(found.weights["kernel"], start)
    assert set(found.weight_gradients) == {"kernel", "bias"}


def test_a_loss_of_logits_has_no_derivative_by_the_probabilities(model: gn.Sequential) -> None:
    output = signals(model, X, Y)["output"]
    assert output.gradient is None
    expected = (forward(model, X)["a3"] - Y) / len(X)  # softmax and cross-entropy, by hand
    np.testing.assert_allclose(output.before_gradient, expected, atol=1e-12)


def test_nothing_in_the_model_changes() -> None:
    model = gn.Sequential(
        [gn.Input((3,)), gn.layers.BatchNormalization(), gn.layers.Dropout(0.5), gn.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    before = model.get_weights()
    signals(model, X, Y[:, :1], training=True)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert model.progress.seen == 0


def test_training_is_a_mode() -> None:
    model = gn.Sequential([gn.Input((1000,)), gn.layers.Dropout(0.5, seed=1, name="drop")])
    x = np.ones((1, 1000))
    assert signals(model, x)["drop"].zeros == 0
    assert 0.4 < signals(model, x, training=True)["drop"].zeros < 0.6


def test_shares_are_counted() -> None:
    model = gn.Sequential(
        [
            gn.Input((2,)),
            gn.layers.Dense(2, "relu", name="cut", use_bias=False),
            gn.layers.Dense(1, "tanh", name="bounded", use_bias=False),
        ]
    )
    # relu of (x0, -x0): for positive x0 the second unit is dead; tanh of 3 x0.
    model.set_weights([np.array([[1.0, -1.0], [0.0, 0.0]]), np.array([[3.0], [0.0]])])
    found = signals(model, np.array([[1.0, 0.0], [0.5, 0.0], [0.1, 0.0], [2.0, 7.0]]))
    assert found["cut"].zeros == 0.5
    assert found["cut"].dead == 0.5
    assert found["cut"].saturated is None
    assert found["bounded"].saturated == 0.5  # tanh 3, 1.5, 0.3, 6: above 0.98 the first and last
    assert found["cut"].mean == pytest.approx(3.6 / 8)
    entries = np.array([1, 0, 0.5, 0, 0.1, 0, 2, 0])
    assert found["cut"].deviation == pytest.approx(entries.std())
    np.testing.assert_allclose(found["cut"].percentiles((0, 50, 100)), [0, 0.05, 2], atol=1e-7)
    assert found["cut"].percentiles(of="gradient") is None


def test_layers_in_layers_and_layers_called_twice_have_names_of_their_own() -> None:
    inputs = gn.Input((2,))
    shared = gn.layers.Dense(2, "tanh", name="shared")
    block = gn.Sequential([gn.layers.Dense(3, name="wide"), gn.layers.Dense(2)], name="block")
    block.layers[1].name = "narrow"
    outputs = gn.layers.Add(name="sum")([shared(shared(inputs)), block(inputs)]) * 2.0
    model = gn.Model(inputs, outputs, name="whole")
    model.compile("sgd", "mse")
    x = RNG.normal(size=(4, 2)).astype("float32")
    found = signals(model, x, np.zeros((4, 2)))
    assert found.names == ["shared", "shared (call 2)", "block/wide", "block/narrow", "sum"]
    w, b = (np.array(v.value) for v in shared.weights)
    first = np.tanh(x @ w + b)
    np.testing.assert_allclose(found[1].outputs, np.tanh(first @ w + b), atol=1e-6)
    # J is the mean of (2 s)², so ∂J/∂s = 8 s / 8.
    np.testing.assert_allclose(found["sum"].gradient, found["sum"].outputs, atol=1e-6)


def test_a_model_of_ones_own() -> None:
    class Own(gn.Model):
        def __init__(self) -> None:
            super().__init__(name="own")
            self.inner = gn.layers.Dense(2, "relu", name="inner")

        def call(self, x):
            return self.inner(x) + 1.0

    model = Own()
    found = signals(model, X)
    assert found.names == ["inner"]
    np.testing.assert_allclose(found[0].outputs + 1.0, model.predict(X, verbose=0), atol=1e-6)


def test_unequal_weights_of_examples() -> None:
    model = gn.Sequential([gn.Input((1,)), gn.layers.Dense(1, name="only")])
    model.set_weights([np.array([[1.0]]), np.array([0.0])])
    model.compile("sgd", "mse")
    x, y = np.array([[1.0], [2.0]]), np.array([[0.0], [0.0]])
    found = signals(model, x, y, sample_weight=np.array([1.0, 3.0]))
    assert found.loss == pytest.approx((1 * 1 + 3 * 4) / 2)
    np.testing.assert_allclose(found["only"].gradient, [[1.0], [6.0]])


def test_what_is_missing_is_told(model: gn.Sequential) -> None:
    with pytest.raises(KeyError, match="Did you mean 'hidden'"):
        signals(model, X)["hiden"]
    bare = gn.Sequential([gn.Input((3,)), gn.layers.Dense(1)])
    with pytest.raises(ValueError, match=r"call model.compile\(loss=…\) first"):
        signals(bare, X, Y)
    with pytest.raises(TypeError, match="arrays of one batch"):
        signals(model, iter([(X, Y)]))
