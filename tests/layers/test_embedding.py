"""Embedding: rows by number, their derivatives, masks, mistakes."""

import numpy as np
import pytest

from glassnet import layers
from glassnet.engines import Program
from glassnet.graph import Dim, Placeholder, gradients

m = Dim.named("m")
TABLE = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]])


def test_rows_and_what_they_receive():
    layer = layers.Embedding(3, 2, weights=TABLE, dtype="float64")
    x = Placeholder((m, 2), "int64")
    y = layer(x)
    assert y.shape == (m, 2, 2)
    value, slope = Program([x], [y, *gradients([np.sum(y * y)], [layer.embeddings])]).run(
        [[2, 1], [2, 2]]
    )
    np.testing.assert_array_equal(value, [[[3, 4], [1, 2]], [[3, 4], [3, 4]]])
    np.testing.assert_array_equal(slope, [[0, 0], [2, 4], [18, 24]])  # a row used 3 times: 3 · 2E


def test_mask_zero():
    layer = layers.Embedding(3, 2, mask_zero=True)
    y = layer(np.array([[2, 0]]))
    np.testing.assert_array_equal(np.asarray(y.mask), [[True, False]])
    assert layers.Embedding(3, 2)(np.array([[2, 0]])).mask is None
    x = Placeholder((m, 2), "int32")
    symbolic = layer(x)
    np.testing.assert_array_equal(Program([x], [symbolic.mask]).run([[0, 1]])[0], [[False, True]])


def test_numbers_as_floats_keep_their_place():
    large = 2**24 + 1  # float32 would round it to 2**24
    layer = layers.CategoryEncoding(4)
    assert not layer.autocast
    assert not layers.Embedding(4, 1).autocast
    table = np.arange(4.0)[:, None]
    found = layers.Embedding(4, 1, weights=table)(np.array([[3.0, 1.0]]))
    np.testing.assert_array_equal(np.asarray(found).ravel(), [3, 1])
    with pytest.raises(ValueError, match=str(large)):
        layers.Embedding(large, 1, embeddings_initializer="zeros")(np.array([[float(large)]]))


def test_the_table_is_no_part_of_the_configuration():
    layer = layers.Embedding(3, 2, weights=[TABLE], input_length=4)
    config = layer.get_config()
    assert "weights" not in config
    again = layers.Embedding.from_config(config)
    again.build()
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(np.asarray(again(np.array([1]))), [[1, 2]])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: layers.Embedding(3, 2, name="words")(np.array([[0, 1], [1, 3]])),
            r"'words' expects category numbers from 0 to 2; entry \[1, 1\] is 3. Make room for 4",
        ),
        (
            lambda: layers.Embedding(3, 2)(np.array([-1])),
            r"entry \[0\] is -1. Number the .* from 0",
        ),
        (lambda: layers.Embedding(0, 2), "input_dim is a whole number above 0"),
        (lambda: layers.Embedding(3, 1.5), "output_dim is a whole number above 0"),
        (lambda: layers.Embedding(3, 2, weights=np.ones((2, 2))), r"\(3, 2\).*\(2, 2\)"),
    ],
)
def test_mistakes(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_a_number_out_of_range_is_told_in_a_run_too():
    x = Placeholder((m,), "int64")
    program = Program([x], [layers.Embedding(3, 2)(x)])
    with pytest.raises(ValueError, match=r"entry \[1\] is 7"):
        program.run([0, 7])
