"""Functional models: wiring, replay, shared layers, models in models."""

from __future__ import annotations

import numpy as np
import pytest

import glassnet as gn
from glassnet import layers


def dense(units: int, **kwargs: object) -> layers.Dense:
    return layers.Dense(units, **kwargs)  # type: ignore[arg-type]


def test_functional_equals_by_hand() -> None:
    inputs = gn.Input((3,))
    hidden = dense(4, activation="relu")
    out = dense(2)
    model = gn.Model(inputs, out(hidden(inputs)))
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    w1, b1, w2, b2 = model.get_weights()
    expected = np.maximum(x @ w1 + b1, 0) @ w2 + b2
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5)
    np.testing.assert_allclose(np.asarray(model(x)), expected, rtol=1e-5)


def test_shared_layer_has_one_set_of_weights() -> None:
    a, b = gn.Input((3,), name="a"), gn.Input((3,), name="b")
    shared = dense(2)
    model = gn.Model([a, b], layers.Subtract()([shared(a), shared(b)]))
    assert len(model.weights) == 2
    x = np.ones((4, 3), np.float32)
    np.testing.assert_allclose(model.predict([x, x], verbose=0), np.zeros((4, 2)))
    by_name = model.predict({"b": 2 * x, "a": x}, verbose=0)
    np.testing.assert_allclose(by_name, -x @ shared.kernel.value, rtol=1e-5)


def test_several_outputs_keep_their_structure() -> None:
    inputs = gn.Input((3,))
    model = gn.Model(inputs, {"p": dense(1)(inputs), "q": dense(2)(inputs)})
    outputs = model.predict(np.zeros((4, 3)), verbose=0)
    assert {k: v.shape for k, v in outputs.items()} == {"p": (4, 1), "q": (4, 2)}
    assert model.output_shape == {"p": (None, 1), "q": (None, 2)}


def test_ops_between_layers_are_replayed_for_any_batch() -> None:
    inputs = gn.Input((4, 3))
    flat = gn.ops.reshape(inputs, (gn.ops.shape(inputs)[0], 12))
    outputs = dense(2)(np.tanh(flat) * 0.5 + 1.0)
    model = gn.Model(inputs, outputs)
    for size in (1, 7):
        x = np.random.default_rng(size).normal(size=(size, 4, 3)).astype(np.float32)
        w, b = model.get_weights()
        expected = (np.tanh(x.reshape(size, 12)) * 0.5 + 1) @ w + b
        np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5)
        np.testing.assert_allclose(np.asarray(model(x)), expected, rtol=1e-5)


def test_models_in_models() -> None:
    encoder = gn.Sequential([gn.Input((3,)), dense(2)], name="encoder")
    inputs = gn.Input((3,))
    model = gn.Model(inputs, dense(1)(encoder(inputs)))
    assert [layer.name for layer in model.layers][1] == "encoder"
    assert len(model.weights) == 4
    x = np.ones((2, 3), np.float32)
    inner = encoder.predict(x, verbose=0)
    w, b = model.layers[-1].get_weights()
    np.testing.assert_allclose(model.predict(x, verbose=0), inner @ w + b, rtol=1e-5)


def test_a_model_of_inner_outputs() -> None:
    model = gn.Sequential([gn.Input((3,)), dense(4, name="first"), dense(1)])
    features = gn.Model(model.input, model.get_layer("first").output)
    assert features.predict(np.ones((2, 3)), verbose=0).shape == (2, 4)
    assert features.layers[-1] is model.layers[0]


def test_training_reaches_every_layer() -> None:
    inputs = gn.Input((50,))
    outputs = layers.Dropout(0.5, seed=1)(inputs)
    model = gn.Model(inputs, outputs)
    ones = np.ones((1, 50), np.float32)
    np.testing.assert_array_equal(np.asarray(model(ones)), ones)
    assert set(np.unique(np.asarray(model(ones, training=True)))) == {0.0, 2.0}


def test_a_layer_that_gives_back_its_input() -> None:
    inputs = gn.Input((3,))
    model = gn.Model(inputs, layers.Identity(name="same")(inputs))
    assert [layer.name for layer in model.layers][-1] == "same"
    np.testing.assert_array_equal(model.predict(np.ones((2, 3)), verbose=0), np.ones((2, 3)))


def test_missing_input_is_told() -> None:
    a, b = gn.Input((3,), name="a"), gn.Input((3,), name="b")
    with pytest.raises(ValueError, match=r"depend on the input 'b'.*not among the model's inputs"):
        gn.Model(a, layers.Add()([a, b]))


def test_arrays_are_no_inputs() -> None:
    with pytest.raises(TypeError, match=r"takes the tensors that Input\(\)"):
        gn.Model(np.ones((2, 3)), np.ones((2, 3)))


def test_subclassed_model() -> None:
    class Twice(gn.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner = [dense(4, activation="tanh"), dense(1)]

        def call(self, inputs, training=False):
            x = inputs
            for layer in self.inner:
                x = layer(x)
            return x

    model = Twice()
    x = np.random.default_rng(0).normal(size=(8, 3))
    assert model.predict(x, verbose=0).shape == (8, 1)
    assert len(model.weights) == 4
    model.compile("adam", "mse")
    before = model.evaluate(x, np.ones((8, 1)), verbose=0)
    model.fit(x, np.ones((8, 1)), epochs=50, verbose=0)
    assert model.evaluate(x, np.ones((8, 1)), verbose=0) < before


def test_sequential_without_input_is_built_by_data() -> None:
    model = gn.Sequential([dense(3), dense(1)])
    assert not model.built
    with pytest.raises(ValueError, match="not built"):
        model.count_params()
    assert model.predict(np.zeros((2, 5)), verbose=0).shape == (2, 1)
    assert model.count_params() == 5 * 3 + 3 + 3 + 1


def test_a_stack_built_by_data_knows_the_mode() -> None:
    drop = gn.Sequential([layers.Dropout(0.5, seed=1)])
    ones = np.ones((1, 50), np.float32)
    assert set(np.unique(np.asarray(drop(ones, training=True)))) == {0.0, 2.0}
    np.testing.assert_array_equal(np.asarray(drop(ones)), ones)
    late = gn.Sequential([layers.Dropout(0.5, seed=1)])
    inputs = gn.Input((50,))
    model = gn.Model(inputs, late(inputs))
    assert set(np.unique(np.asarray(model(ones, training=True)))) == {0.0, 2.0}


def test_recording_a_model_leaves_nothing_behind() -> None:
    model = gn.Sequential([gn.Input((3,)), dense(1)])
    loss = lambda x: np.mean(model(x) ** 2)  # noqa: E731
    for _ in range(3):
        gn.grad(loss, variables=model.trainable_weights)(np.ones((2, 3)))
    assert model._calls == []


def test_sequential_add_and_pop() -> None:
    model = gn.Sequential([gn.Input((3,))])
    model.add(dense(4))
    model.add(dense(2))
    assert model.output_shape == (None, 2)
    model.pop()
    assert model.output_shape == (None, 4)
    with pytest.raises(TypeError, match="Lambda"):
        model.add(np.tanh)
    with pytest.raises(ValueError, match="Input comes first"):
        model.add(gn.Input((3,)))


def test_a_network_of_500_layers() -> None:
    inputs = x = gn.Input((2,))
    for _ in range(500):
        x = layers.Activation("tanh")(x)
    assert gn.Model(inputs, x).predict(np.ones((1, 2)), verbose=0).shape == (1, 2)


def test_a_layer_that_gives_back_what_an_operator_made() -> None:
    """Flatten has nothing to do here; the operator in front of it is computed all the same."""
    inputs = gn.Input((3,))
    doubled = layers.Flatten()(2 * inputs)
    model = gn.Model(inputs, layers.Identity()(doubled))
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(model.predict(x, verbose=0), 2 * x)
