"""Inputs, functions as layers, masks: what surrounds the layers that learn."""

import json

import numpy as np
import pytest

from glassnet import activations, layers
from glassnet.engines import Program
from glassnet.graph import Constant, Dim, Placeholder
from glassnet.layers.calling import reset_names
from glassnet.registry import deserialize, serialize

m = Dim.named("m")


# --- Input -------------------------------------------------------------------------------------
def test_shape_and_names():
    x = layers.Input((28, 28, 1), name="picture")
    assert isinstance(x, Placeholder)
    assert (x.name, x.shape, x.dtype) == ("picture", (m, 28, 28, 1), np.float32)
    reset_names()
    assert [layers.Input((1,)).name for _ in range(2)] == ["input_layer", "input_layer_1"]


def test_unknown_sizes_are_the_inputs_own():
    a, b = layers.Input((None, 3), name="a"), layers.Input((None, 3), name="b")
    assert a.shape == (m, Dim.named("a.1"), 3)
    assert b.shape == (m, Dim.named("b.1"), 3)
    joined = layers.Concatenate(axis=1)([a, b])
    found = Program([a, b], [joined]).run(np.zeros((2, 4, 3)), np.ones((2, 5, 3)))[0]
    assert found.shape == (2, 9, 3)
    with pytest.raises(ValueError, match=r"a\.1 and b\.1"):
        layers.Add()([a, b])


def test_batch_size_and_dtype():
    x = layers.Input((3,), batch_size=4, dtype="int32")
    assert (x.shape, x.dtype) == ((4, 3), np.int32)
    assert layers.Input(batch_shape=(None, 3)).shape == (m, 3)
    assert layers.Input(batch_shape=(2, 3)).shape == (2, 3)
    assert layers.Input(()).shape == (m,)
    assert layers.Input(tensor=x) is x


def test_input_layer():
    layer = layers.InputLayer((None, 2), name="words")
    assert layer.output.name == "words"
    assert layer.input is layer.output
    assert layer.batch_shape == (None, None, 2)
    assert layer.get_config() == {
        "batch_shape": [None, None, 2],
        "dtype": "float32",
        "name": "words",
    }
    again = layers.InputLayer.from_config(layer.get_config())
    assert again.output.shape == layer.output.shape


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, r"Input\(shape=\(4,\)\)"),
        ({"shape": (3,), "batch_shape": (None, 3)}, "batch_shape"),
        ({"batch_shape": (None, 3), "batch_size": 2}, "batch_shape"),
        ({"shape": 3}, r"Input\(shape=\(3,\)\)"),
        ({"shape": (3.5,)}, "whole number or None; got 3.5"),
        ({"shape": (-1,)}, "got -1"),
        ({"shape": ("a",)}, "got 'a'"),
        ({"tensor": np.ones(3)}, "ndarray"),
    ],
)
def test_mistakes(arguments, words):
    with pytest.raises(ValueError, match=words):
        layers.Input(**arguments)


# --- Lambda ------------------------------------------------------------------------------------
def double(x, factor=2.0):
    return x * factor


def test_lambda_calls_numpy_ops_or_operators():
    x = np.array([[1.0, 2.0]])
    assert np.asarray(layers.Lambda(double, arguments={"factor": 3})(x)).tolist() == [[3, 6]]
    assert np.asarray(layers.Lambda(np.square)(x)).tolist() == [[1, 4]]
    merged = layers.Lambda(lambda ab: ab[0] * ab[1])([x, x])
    assert np.asarray(merged).tolist() == [[1, 4]]
    modes = layers.Lambda(lambda x, training: x + (1 if training else 0))
    assert np.asarray(modes(x, training=True)).tolist() == [[2, 3]]
    assert np.asarray(modes(x)).tolist() == [[1, 2]]


def test_lambda_and_masks():
    x = Constant(np.ones((1, 2), np.float32))
    x.mask = Constant(np.array([True]))
    seen = []
    layers.Lambda(lambda x, mask: seen.append(mask) or x)(x)
    assert seen[0] is not None
    assert layers.Lambda(double)(x).mask is None
    kept = layers.Lambda(double, mask=lambda inputs, previous: previous)(x)
    np.testing.assert_array_equal(np.asarray(kept.mask), [True])
    made = layers.Lambda(double, mask=Constant(np.array([False])))(x)
    np.testing.assert_array_equal(np.asarray(made.mask), [False])


def test_lambda_output_shape():
    assert layers.Lambda(double).compute_output_shape((None, 3)) == (None, 3)
    assert layers.Lambda(double, output_shape=(7,)).compute_output_shape((None, 3)) == (None, 7)
    own = layers.Lambda(double, output_shape=lambda shape: (*shape, 1))
    assert own.compute_output_shape((None, 3)) == (None, 3, 1)


def test_lambda_is_written_down_without_code():
    layer = layers.Lambda(double, arguments={"factor": 5.0}, name="times")
    plain = json.loads(json.dumps(serialize(layer)))
    assert plain["config"]["function"] == {"kind": "custom", "function": "double"}
    with pytest.raises(ValueError, match=r"custom_objects=\{'double': double\}"):
        deserialize(plain)
    again = deserialize(plain, {"double": double})
    assert np.asarray(again(np.array([[1.0]]))).tolist() == [[5.0]]


def test_a_function_without_a_name_goes_by_the_layers():
    layer = layers.Lambda(lambda x: x + 1, name="plus")
    plain = json.loads(json.dumps(serialize(layer)))
    assert plain["config"]["function"] == {"kind": "custom", "function": "plus"}
    again = deserialize(plain, {"plus": lambda x: x + 1})
    assert np.asarray(again(np.array([[1.0]]))).tolist() == [[2.0]]


def test_glassnets_own_functions_need_no_custom_objects():
    again = deserialize(serialize(layers.Lambda(activations.relu)))
    assert again.function is activations.relu


def test_lambda_takes_a_function():
    with pytest.raises(TypeError, match=r"Lambda\(lambda x: x\*\*2\); got 'x \+ 1'"):
        layers.Lambda("x + 1")


# --- Identity, Masking -------------------------------------------------------------------------
def test_identity_keeps_the_mask():
    x = Constant(np.ones((1, 2), np.float32))
    x.mask = Constant(np.array([True]))
    y = layers.Identity()(x)
    np.testing.assert_array_equal(np.asarray(y), np.asarray(x))
    np.testing.assert_array_equal(np.asarray(y.mask), [True])


def test_masking_reaches_the_layers_behind():
    x = Placeholder((m, 2, 2))
    y = layers.Dense(1, kernel_initializer="ones")(layers.Masking()(x))
    value, mask = Program([x], [y, y.mask]).run([[[1.0, 0.0], [0.0, 0.0]]])
    np.testing.assert_array_equal(value, [[[1], [0]]])
    np.testing.assert_array_equal(mask, [[True, False]])
    with pytest.raises(ValueError, match=r"\(m, steps, features\)"):
        layers.Masking()(np.ones(3))
