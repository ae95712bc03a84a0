"""Models as plain data, as JSON, as copies."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet.errors import FileFormatError
from glassnet.graph.dimension import Dim, divide, larger
from glassnet.layers import Dense, Dropout, Input
from glassnet.models.encoding import decode, decode_size, encode, encode_size

X = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)


def network() -> Any:
    x = Input((4,), name="x")
    shared = Dense(4, "tanh", name="shared")
    y = shared(shared(x)) + np.exp(x) * 2
    return gn.Model(x, [Dense(1, name="head")(y), np.max(y, axis=1)], name="net")


def predictions(model: Any) -> list[bytes]:
    return [p.tobytes() for p in gn.nest.flatten(model.predict(X, verbose=0))]


# --- configurations ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    "make",
    [
        network,
        lambda: gn.Sequential([Input((4,)), Dense(3), Dropout(0.5)], name="stack"),
        lambda: gn.Sequential([Dense(3), Dense(2)]),
    ],
)
def test_a_configuration_makes_an_equal_model(make: Any) -> None:
    model = make()
    config = json.loads(json.dumps(model.get_config()))  # it is JSON
    again = type(model).from_config(config)
    assert again.get_config() == model.get_config()
    for each in (model, again):
        each(X)
    again.set_weights(model.get_weights())
    assert predictions(again) == predictions(model)
    assert not {id(x) for x in again.layers} & {id(x) for x in model.layers}


def test_json_text() -> None:
    model = network()
    again = gn.models.model_from_json(model.to_json(indent=1))
    again.set_weights(model.get_weights())
    assert predictions(again) == predictions(model)


@pytest.mark.parametrize(
    ("text", "error", "reason"),
    [
        ("{", FileFormatError, "no JSON"),
        ("3", ValueError, "no model"),
        ('{"a": 1, "a": 2}', FileFormatError, "'a' twice"),
        ("[" * 5000 + "]" * 5000, FileFormatError, "5000 levels deep"),
        ('{"kind":"layer","class_name":"os.system","config":{}}', ValueError, "not part of"),
    ],
)
def test_json_that_is_no_model(text: str, error: Any, reason: str) -> None:
    with pytest.raises(error, match=reason):
        gn.models.model_from_json(text)


def test_infinite_arguments_are_json_too() -> None:
    model = gn.Sequential([Input((4,)), gn.layers.Masking(mask_value=float("inf"))])
    again = gn.models.model_from_json(model.to_json())
    assert again.layers[0].mask_value == float("inf")


def test_layers_that_are_shared_are_written_once() -> None:
    layer = Dense(4, name="one")
    inner = gn.Sequential([Input((4,)), layer], name="inner")
    x = Input((4,))
    model = gn.Model(x, inner(layer(x)))
    again = gn.Model.from_config(model.get_config())
    assert again.get_layer("one") is again.get_layer("inner").layers[0]
    assert model.to_json().count('"one"') == 1


# --- copies -----------------------------------------------------------------------------------
def test_a_clone_has_weights_of_its_own() -> None:
    model = network()
    clone = gn.models.clone_model(model)
    assert [w.shape for w in clone.weights] == [w.shape for w in model.weights]
    assert predictions(clone) != predictions(model)
    before = predictions(model)
    clone.set_weights([np.zeros(w.shape) for w in clone.weights])
    assert predictions(model) == before


def test_a_clone_needs_no_custom_objects() -> None:
    class Twice(gn.layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs * 2

    class Net(gn.Model):
        def __init__(self, units: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = units
            self.parts = [Twice(), Dense(units)]

        def call(self, inputs: Any) -> Any:
            return self.parts[1](self.parts[0](inputs))

    stack = gn.Sequential([Input((4,)), Twice(), gn.layers.Lambda(lambda x: x + 1)])
    assert predictions(gn.models.clone_model(stack)) == predictions(stack)
    assert predictions(stack) == [(X * 2 + 1).tobytes()]
    copy = gn.models.clone_model(Net(3))
    assert type(copy) is Net
    assert copy.units == 3
    with pytest.raises(ValueError, match="makes its layers itself"):
        gn.models.clone_model(Net(3), clone_function=lambda layer: layer)


def test_a_clone_function_makes_the_layers() -> None:
    def wider(layer: Any) -> Any:
        config = layer.get_config()
        if isinstance(layer, Dense):
            config["units"] = 9
        return type(layer).from_config(config)

    model = gn.Sequential([Input((4,)), Dense(3), Dropout(0.1), Dense(2)])
    clone = gn.models.clone_model(model, clone_function=wider)
    assert [w.shape for w in clone.weights] == [(4, 9), (9,), (9, 9), (9,)]
    same = gn.models.clone_model(network(), clone_function=lambda layer: layer)
    assert same.get_layer("shared").units == 4


def test_a_clone_on_given_inputs() -> None:
    x = Input((4,), name="mine")
    clone = gn.models.clone_model(network(), input_tensors=x)
    assert clone.inputs[0] is x
    stack = gn.models.clone_model(gn.Sequential([Input((4,)), Dense(2)]), input_tensors=x)
    assert stack.inputs[0] is x


# --- values between layers --------------------------------------------------------------------
M, N = Dim.named("m"), Dim.named("n.1")


@pytest.mark.parametrize(
    "size",
    [0, 7, M, M * 3, M * N * N + M * 2 - 5, divide(M + 1, 2) * N, larger(M, N - 1),
     divide(larger(divide(M, 3), 2) + M, N)],
)  # fmt: skip
def test_sizes(size: Any) -> None:
    assert decode_size(json.loads(json.dumps(encode_size(size)))) == size


@pytest.mark.parametrize(
    "value",
    [None, True, 3, -2.5, float("inf"), "text", (1, (2, None)), [1, (2,)], {"a": (1,), "b": []},
     (M, N * 2), np.dtype("int32"), (), {"tensor": [0, 0]}],
)  # fmt: skip
def test_values(value: Any) -> None:
    told = json.loads(json.dumps(encode(value, lambda t: [0, 0]), allow_nan=False))
    found = decode(told, lambda place: place)
    assert found == value
    assert type(found) is type(value)


def test_arrays_bit_by_bit() -> None:
    special = np.array([np.nan, -0.0, np.inf, 1e-45], np.float32)
    large = np.random.default_rng(1).normal(size=(20, 30))
    for array in (special, large, np.zeros((0, 3), np.int8), np.array(3), np.array([True])):
        told = json.loads(json.dumps(encode(array, lambda t: []), allow_nan=False))
        found = decode(told, lambda place: place)
        assert found.dtype == array.dtype
        assert found.shape == array.shape
        assert found.tobytes() == array.tobytes()


def test_what_no_file_holds_is_told() -> None:
    with pytest.raises(TypeError, match="can't hold <object"):
        encode(object(), lambda t: [])
