"""Embedding, preprocessing and the small layers of the core against Keras's."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from harness import assert_close, assert_layer_parity, assert_same_signature, keras

from glassnet import layers
from glassnet.engines import Program
from glassnet.graph import Constant


def _normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(8).normal(size=shape).astype(np.float32)


def _numbers(below: int, *shape: int, dtype: Any = "int32") -> np.ndarray:
    return np.random.default_rng(9).integers(0, below, shape).astype(dtype)


@pytest.mark.parametrize("shape", [(3, 4), (1, 1), (5,), (2, 3, 2)])
@pytest.mark.parametrize("dtype", ["int32", "int64", "float32", "uint8"])
def test_embedding(shape: tuple[int, ...], dtype: str) -> None:
    arguments = {"input_dim": 6, "output_dim": 3, "embeddings_regularizer": "l2"}
    x = _numbers(6, *shape, dtype=dtype)
    assert_layer_parity(
        keras.layers.Embedding, layers.Embedding, arguments, x, differentiate_inputs=False
    )


def test_embedding_masks_zero_and_takes_a_table() -> None:
    x, table = _numbers(3, 2, 5), _normal(4, 2)
    ours = layers.Embedding(4, 2, mask_zero=True, weights=[table])(x)
    theirs = keras.layers.Embedding(4, 2, mask_zero=True, weights=[table])(x)
    assert_close(ours, theirs, "output")
    mask = keras.src.backend.get_keras_mask(theirs)
    np.testing.assert_array_equal(np.asarray(ours.mask), np.asarray(mask))


@pytest.mark.parametrize(
    ("scale", "offset"), [(1 / 255, 0.0), (0.5, -1), ([1.0, 2.0, 3.0], [0.0, 1.0, -1.0])]
)
@pytest.mark.parametrize("kind", ["float32", "int32", "uint8"])
def test_rescaling(scale: Any, offset: Any, kind: str) -> None:
    arguments = {"scale": scale, "offset": offset}
    x = (_normal(2, 4, 3) * 50).astype("int32").astype(kind)
    assert_layer_parity(keras.layers.Rescaling, layers.Rescaling, arguments, x)


@pytest.mark.parametrize(
    ("shape", "axis", "given"),
    [
        ((4, 3), -1, (2.0, 4.0)),
        ((4, 3), -1, ([1.0, 2.0, 3.0], [1.0, 4.0, 9.0])),
        ((2, 3, 4), (1, 2), (np.ones((3, 4)).tolist(), np.full((3, 4), 2.0).tolist())),
        ((2, 3, 4), (1, 2), ([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 0.0])),
        ((1, 1), None, (0.5, 0.0)),
    ],
)
@pytest.mark.parametrize("invert", [False, True])
def test_normalization(shape: tuple[int, ...], axis: Any, given: Any, invert: bool) -> None:
    arguments = {"axis": axis, "mean": given[0], "variance": given[1], "invert": invert}
    assert_layer_parity(
        keras.layers.Normalization, layers.Normalization, arguments, _normal(*shape)
    )


@pytest.mark.parametrize(
    ("shape", "axis"),
    [((50, 3), -1), ((50, 3), None), ((20, 3, 4), 1), ((20, 3, 4), (1, 2)), ((1, 2), -1)],
)
@pytest.mark.parametrize("batches", [False, True])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_adapt(shape: tuple[int, ...], axis: Any, batches: bool) -> None:
    data = _normal(*shape) * 3 + 1
    parts = [data[:7], data[7:8], data[8:]] if batches and len(data) > 8 else data
    ours, theirs = layers.Normalization(axis), keras.layers.Normalization(axis)
    ours.adapt(parts)
    theirs.adapt(data)  # Keras takes batches where TensorFlow is installed
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert_close(a, b, "weight", 2e-6)
        assert a.dtype == b.dtype
    assert_close(ours(data), theirs(data), "output", 5e-6)


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("shape", [(3, 4), (3, 1), (4,), (1, 1)])
@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_category_encoding(mode: str, shape: tuple[int, ...], dtype: str) -> None:
    arguments = {"num_tokens": 5, "output_mode": mode}
    x = _numbers(5, *shape, dtype=dtype)
    ours, theirs = layers.CategoryEncoding(**arguments), keras.layers.CategoryEncoding(**arguments)
    assert_close(ours(x), theirs(x.astype("int32")), "output")
    if len(shape) == 2 or mode == "one_hot":
        open_shape = (None, *shape[1:])
        mine, hers = ours.compute_output_shape(open_shape), theirs.compute_output_shape(open_shape)
        assert mine == tuple(hers)


def test_category_encoding_with_weights() -> None:
    arguments = {"num_tokens": 5, "output_mode": "count"}
    x, w = _numbers(5, 3, 4), _normal(3, 4)
    ours = layers.CategoryEncoding(**arguments)(x, count_weights=w)
    theirs = keras.layers.CategoryEncoding(**arguments)(jnp.asarray(x), count_weights=w)
    assert_close(ours, theirs, "output")


def test_masking() -> None:
    x = _normal(2, 4, 3)
    x[0, 1], x[1, 3], x[1, 0, 0] = -1, -1, -1
    ours, theirs = layers.Masking(-1.0)(x), keras.layers.Masking(-1.0)(x)
    assert_close(ours, theirs, "output")
    mask = keras.src.backend.get_keras_mask(theirs)
    np.testing.assert_array_equal(np.asarray(ours.mask), np.asarray(mask))
    assert_layer_parity(keras.layers.Masking, layers.Masking, {"mask_value": -1.0}, x)


def test_identity() -> None:
    assert_layer_parity(keras.layers.Identity, layers.Identity, {}, _normal(2, 3))


@pytest.mark.filterwarnings("ignore:Layer 'lambda")
def test_lambda_with_mask_and_arguments() -> None:
    def double(x: Any, factor: float = 1.0, mask: Any = None) -> Any:
        return x * factor if mask is None else x * factor + 1

    ours = layers.Lambda(double, arguments={"factor": 2.0})
    theirs = keras.layers.Lambda(double, arguments={"factor": 2.0})
    x, mask = _normal(2, 3), np.ones((2,), bool)
    assert_close(ours(x), theirs(x), "output")
    mine, hers = Constant(x), jnp.asarray(x)
    mine.mask = Constant(mask)
    keras.src.backend.set_keras_mask(hers, jnp.asarray(mask))
    assert_close(ours(mine), theirs(hers), "output with a mask")


@pytest.mark.parametrize(
    "arguments",
    [
        {"shape": (3,)},
        {"shape": (None, 2), "name": "words"},
        {"shape": (3,), "batch_size": 4, "dtype": "int32"},
        {"batch_shape": (2, None)},
        {"shape": ()},
    ],
)
def test_input(arguments: dict[str, Any]) -> None:
    ours, theirs = layers.InputLayer(**arguments), keras.layers.InputLayer(**arguments)
    assert ours.batch_shape == theirs.batch_shape
    assert ours.dtype == theirs.dtype
    assert str(layers.Input(**arguments).dtype) == theirs.dtype
    if "name" in arguments:
        assert ours.name == theirs.name == ours.output.name
    mine, hers = ours.get_config(), theirs.get_config()
    assert tuple(mine["batch_shape"]) == tuple(hers["batch_shape"])


def test_input_runs() -> None:
    x = layers.Input((3,))
    y = layers.Dense(2, kernel_initializer="ones")(x)
    np.testing.assert_array_equal(Program([x], [y]).run(np.ones((4, 3)))[0], np.full((4, 2), 3.0))


@pytest.mark.parametrize("name", ["Embedding", "Rescaling", "Normalization", "Identity", "Lambda"])
def test_signature(name: str) -> None:
    assert_same_signature(getattr(keras.layers, name), getattr(layers, name))


def test_signature_of_category_encoding() -> None:
    ours = layers.CategoryEncoding
    assert_same_signature(keras.layers.CategoryEncoding, ours, ["drop_first"])
    assert_same_signature(keras.layers.Masking, layers.Masking)
