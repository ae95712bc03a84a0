"""Which brick of the library a layer is meant to be, by its forward and by its name."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from bricks_by_hand import SHAPES, MyConv, MyDense, MySoftmax, TurnedDense

import glassnet as gn
from glassnet import activations
from glassnet.explain.doctor.roles import role_of
from glassnet.layers import Layer, NumpyLayer

sys.path.append(str(Path(__file__).parents[1] / "contracts"))
from layer_cases import CASES

RECOGNISED = [
    pytest.param(name, case, id=f"{name}-{i}")
    for name, cases in CASES.items()
    for i, case in enumerate(cases)
    if not case.call and i == 0 and name not in {
        "Conv3D", "SeparableConv1D", "SeparableConv2D", "ActivityRegularization", "Normalization",
        "CategoryEncoding", "InputLayer", "Lambda", "Masking", "AlphaDropout",
    }
]  # fmt: skip


@pytest.mark.parametrize(("name", "case"), RECOGNISED)
def test_the_librarys_own_are_recognised(name, case):
    rng = np.random.default_rng(1)
    draw = lambda shape: case.draw(rng, shape)  # noqa: E731
    x = [draw(s) for s in case.shape] if isinstance(case.shape, list) else draw(case.shape)
    role = role_of(gn.layers.LAYERS.entries[name](**case.arguments), x)
    assert role is not None
    assert role.name == name
    assert role.agrees


@pytest.mark.parametrize(
    "name", sorted(set(activations.ACTIVATIONS.entries) - {"glu", "threshold"})
)  # the first halves its input, the second needs arguments
def test_every_activation_is_recognised(name):
    function = activations.ACTIVATIONS.entries[name]

    class Mine(Layer):
        def call(self, inputs):
            return function(inputs)

    x = np.random.default_rng(0).normal(size=(6, 4))
    found = role_of(Mine(), x)
    assert found is not None
    theirs = np.asarray(found.layer(x))
    np.testing.assert_allclose(theirs, np.asarray(function(x)), rtol=1e-12)
    same = {"linear": "Identity", "relu": "ReLU", "softmax": "Softmax"}
    assert found.name == same.get(name, "Activation")


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "softplus", "gelu"])
def test_a_dense_layer_with_its_activation(name):
    class Mine(MyDense):
        def forward(self, X):
            return np.asarray(activations.get(name)(X @ self.W + self.b))

    role = role_of(Mine(3), np.random.default_rng(0).normal(size=(6, 4)))
    assert role.source == f"Dense(units=3, activation='{name}')"


def test_weights_are_carried_over():
    """The library's layer computes with the weights that the person's has now."""
    layer = TurnedDense(3, dtype="float64")
    layer.build((None, 2))
    rng = np.random.default_rng(3)
    W, b, x = rng.normal(size=(3, 2)), rng.normal(size=(3, 1)), rng.normal(size=(5, 2))
    layer.set_weights([W, b])
    role = role_of(layer, x)
    np.testing.assert_allclose(role.layer.kernel.value, W.T)
    np.testing.assert_allclose(role.layer.bias.value, b[:, 0])
    np.testing.assert_allclose(role.forward(x), np.tanh(x @ W.T + b.T), rtol=1e-12)
    dY = rng.normal(size=(5, 3))
    dX, (dW, db) = role.gradients(x, dY)
    dZ = dY * (1 - np.tanh(x @ W.T + b.T) ** 2)
    np.testing.assert_allclose(dX, dZ @ W, rtol=1e-10)
    np.testing.assert_allclose(dW, dZ.T @ x, rtol=1e-10)
    np.testing.assert_allclose(db, dZ.sum(0)[:, None], rtol=1e-10)


def test_examples_as_columns():
    class Columns(NumpyLayer):
        def build(self, input_shape):
            self.W = self.add_weight((2, 3), name="W")
            self.b = self.add_weight((2, 1), name="b")

        def forward(self, X):  # (3, m)
            return self.W @ X + self.b

        def compute_output_shape(self, input_shape):
            return (2, input_shape[1])

    layer = Columns()
    layer.build((3, None))
    role = role_of(layer, np.random.default_rng(0).normal(size=(3, 6)))
    assert role.source == "Dense(units=2)"
    assert "examples are columns" in role.remarks
    assert [str(w) for w in role.weights] == [
        "W is kernel (transposed)", "b is bias ((2, 1) in place of (2,))"
    ]  # fmt: skip


def test_channels_first():
    class First(NumpyLayer):
        def build(self, input_shape):
            self.K = self.add_weight((4, 2, 3, 3), name="K")  # filters, channels, height, width

        def forward(self, X):  # (m, channels, height, width)
            h, w = X.shape[2] - 2, X.shape[3] - 2
            Y = np.zeros((len(X), 4, h, w), X.dtype)
            for i in range(h):
                for j in range(w):
                    window = X[:, :, i : i + 3, j : j + 3]
                    Y[:, :, i, j] = np.tensordot(window, self.K, axes=([1, 2, 3], [1, 2, 3]))
            return Y

    layer = First()
    x = np.random.default_rng(0).normal(size=(3, 2, 6, 5))
    role = role_of(layer, x)
    assert role.name == "Conv2D"
    assert "channels come first" in role.remarks
    assert str(role.weights[0]) == "K is kernel (filters and channels first)"


def test_a_flipped_kernel_is_said():
    role = role_of(MyConv(2, 3, flip=True), np.random.default_rng(0).normal(size=(2, 5, 5, 1)))
    assert role.agrees
    assert "a true convolution" in str(role)


def test_another_epsilon_is_seen():
    class MyLayerNorm(Layer):
        def call(self, inputs):
            mean = np.mean(inputs, axis=-1, keepdims=True)
            variance = np.mean((inputs - mean) ** 2, axis=-1, keepdims=True)
            return (inputs - mean) / np.sqrt(variance + 1e-7)

    role = role_of(MyLayerNorm(), np.random.default_rng(0).normal(size=(5, 4)))
    assert role.source == "LayerNormalization(epsilon=1e-07, scale=False, center=False)"


def test_by_name_where_no_forward_agrees():
    class MyDenseLayer(MyDense):
        def forward(self, X):
            return X @ (self.W + 0.1 * X[:1].T) + self.b

    role = role_of(MyDenseLayer(3), np.random.default_rng(0).normal(size=(5, 4)))
    assert (role.name, role.by, role.agrees, role.meant) == ("Dense", "name", False, True)
    assert "its forward gives" in role.differs
    assert "Dense gives" in role.differs


@pytest.mark.parametrize(
    ("name", "meant"),
    [("MyDense", True), ("Dense", True), ("LinearLayer", True), ("dense_2", True),
     ("NoisyDense", False), ("Thing", False)],
)  # fmt: skip
def test_a_name_that_says_more_is_no_fault(name, meant):
    """A layer that halves what Dense gives: wrong as a Dense, right as something else."""
    cls = type(name, (MyDense,), {"forward": lambda s, X: (X @ s.W + s.b) / 2,
                                  "backward": lambda s, d: d})  # fmt: skip
    role = role_of(cls(3), np.random.default_rng(0).normal(size=(5, 4)))
    assert (role.name, role.agrees, role.meant) == ("Dense", False, meant)
    assert role.differs == "its forward gives 1/2 of what it should be"


def test_like_none():
    class Odd(Layer):
        def call(self, inputs):
            return np.sin(inputs) + inputs[:, ::-1] ** 2

    assert role_of(Odd(), np.random.default_rng(0).normal(size=(5, 4))) is None


@pytest.mark.parametrize(("make", "shape", "name"), [row[1:] for row in SHAPES if row[3]],
                         ids=[row[0] for row in SHAPES if row[3]])  # fmt: skip
def test_a_layer_is_not_changed(make, shape, name):
    layer = make()
    rng = np.random.default_rng(0)
    if name == "Embedding":
        x = rng.integers(0, 6, (4, *shape))
    elif isinstance(shape, list):
        x = [rng.normal(size=(4, *s)) for s in shape]
    else:
        x = rng.normal(size=(4, *shape))
    layer(x)
    before, kept = layer.get_weights(), [np.array(a) for a in (x if isinstance(x, list) else [x])]
    assert role_of(layer, x).name == name
    for a, b in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(kept, x if isinstance(x, list) else [x], strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_sentence():
    role = role_of(MySoftmax(), np.random.default_rng(0).normal(size=(5, 4)))
    assert str(role) == "computes what Softmax() does."
