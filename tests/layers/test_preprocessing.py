"""Preprocessing: rescaling, adapted statistics, category encoding, dummy variables."""

import numpy as np
import pytest

from glassnet import layers
from glassnet.engines import Program
from glassnet.graph import Dim, Placeholder

m = Dim.named("m")


def test_rescaling_of_whole_numbers():
    y = layers.Rescaling(1 / 255)(np.array([[0, 51, 255]], np.uint8))
    assert y.dtype == np.float32
    np.testing.assert_allclose(np.asarray(y), [[0, 0.2, 1]], rtol=1e-6)
    each = layers.Rescaling(np.array([1.0, 10.0]), [0.5, 0.0])(np.ones((1, 2)))
    np.testing.assert_allclose(np.asarray(each), [[1.5, 10.0]])


# --- Normalization -----------------------------------------------------------------------------
DATA = np.random.default_rng(0).gamma(2.0, 3.0, (1000, 4))
DATA += np.array([0, 10, 1e4, -5])


def cut(data, *sizes):
    return np.split(data, np.cumsum(sizes))


@pytest.mark.parametrize(
    "given",
    [
        DATA,
        [DATA],
        cut(DATA, 1, 7, 500),
        iter(cut(DATA, 999)),
        ((batch, None) for batch in cut(DATA, 300, 300)),
    ],
)
def test_adapting_does_not_depend_on_how_the_data_is_cut(given):
    layer = layers.Normalization(dtype="float64")
    layer.adapt(given)
    np.testing.assert_allclose(layer.mean.numpy(), DATA.mean(0), rtol=1e-12)
    np.testing.assert_allclose(layer.variance.numpy(), DATA.var(0), rtol=1e-10)
    y = np.asarray(layer(DATA))
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(y.std(0), 1, rtol=1e-9)


def test_large_arrays_are_read_in_parts(tmp_path):
    rows = np.random.default_rng(1).normal(size=(20_000, 2)).astype(np.float32) + 1000
    np.save(tmp_path / "rows.npy", rows)
    layer = layers.Normalization()
    layer.adapt(np.load(tmp_path / "rows.npy", mmap_mode="r"))
    exact = rows.astype(np.float64)
    np.testing.assert_allclose(layer.mean.numpy(), exact.mean(0), rtol=1e-7)
    np.testing.assert_allclose(layer.variance.numpy(), exact.var(0), rtol=1e-6)


def test_axes():
    x = np.arange(24.0).reshape(2, 3, 4) ** 2
    one = layers.Normalization(axis=None, dtype="float64")
    one.adapt(x)
    np.testing.assert_allclose(np.asarray(one(x)), (x - x.mean()) / x.std())
    both = layers.Normalization(axis=(1, -1), dtype="float64")
    both.adapt(x)
    np.testing.assert_allclose(np.asarray(both(x)), (x - x.mean(0)) / x.std(0))
    steps = layers.Normalization(axis=1, dtype="float64")
    steps.adapt(x)
    expected = (x - x.mean((0, 2), keepdims=True)) / x.std((0, 2), keepdims=True)
    np.testing.assert_allclose(np.asarray(steps(x)), expected)


def test_weights_config_and_back():
    layer = layers.Normalization()
    layer.adapt(DATA)
    assert [w.name for w in layer.weights] == ["mean", "variance", "count"]
    assert layer.trainable_weights == []
    again = layers.Normalization.from_config(layer.get_config())
    again.build((None, 4))
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(np.asarray(again(DATA)), np.asarray(layer(DATA)))
    back = layers.Normalization(mean=layer.mean, variance=layer.variance, invert=True)
    np.testing.assert_allclose(np.asarray(back(layer(DATA))), DATA, rtol=1e-4)


def test_a_feature_that_never_varies():
    layer = layers.Normalization(dtype="float64")
    layer.adapt(np.ones((5, 1)))
    np.testing.assert_array_equal(np.asarray(layer(np.ones((2, 1)))), [[0], [0]])


def test_named_batch():
    layer, x = layers.Normalization(mean=[1.0, 2.0], variance=[4.0, 9.0]), Placeholder((m, 2))
    np.testing.assert_allclose(Program([x], [layer(x)]).run([[3.0, 8.0]])[0], [[1.0, 2.0]])


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: layers.Normalization(mean=1.0), ValueError, "both mean= and variance="),
        (lambda: layers.Normalization(mean=[1, 2], variance=[1]), ValueError, r"\(2,\) and \(1,\)"),
        (lambda: layers.Normalization(axis=None, mean=[1], variance=[1]), ValueError, "0 axes"),
        (
            lambda: layers.Normalization(mean=[1, 2], variance=[1, 2])(np.ones((1, 3))),
            ValueError,
            r"\(2,\) do not broadcast to \(3,\)",
        ),
        (lambda: layers.Normalization().adapt(np.ones(5)), ValueError, r"x\[:, None\]"),
        (lambda: layers.Normalization().adapt(np.ones((0, 3))), ValueError, "no data"),
        (lambda: layers.Normalization().adapt([]), ValueError, "no data"),
        (lambda: layers.Normalization().adapt(np.array([[1.0, np.nan]])), ValueError, "NaN"),
        (lambda: layers.Normalization().adapt([1.0, 2.0]), TypeError, r"np.array\(data\)"),
        (lambda: layers.Normalization().adapt("data"), TypeError, "array or an iterable"),
        (lambda: layers.Normalization().adapt(3), TypeError, "array or an iterable"),
        (
            lambda: layers.Normalization(mean=0.0, variance=1.0).adapt(DATA),
            ValueError,
            "nothing to adapt",
        ),
        (
            lambda: layers.Normalization().adapt([np.ones((2, 3)), np.ones((2, 4))]),
            ValueError,
            r"\(3,\) features.*\(2, 4\)",
        ),
    ],
)
def test_mistakes_of_normalization(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_a_refused_adapt_changes_nothing():
    layer = layers.Normalization()
    layer.adapt(DATA)
    before = layer.get_weights()
    with pytest.raises(ValueError, match="NaN"):
        layer.adapt([DATA * 2, np.full((1, 4), np.nan)])
    for a, b in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# --- CategoryEncoding --------------------------------------------------------------------------
def encoded(x, **arguments):
    return np.asarray(layers.CategoryEncoding(**arguments)(np.array(x))).tolist()


def test_modes():
    assert encoded([3, 0], num_tokens=4, output_mode="one_hot") == [[0, 0, 0, 1], [1, 0, 0, 0]]
    assert encoded([[3], [0]], num_tokens=4, output_mode="one_hot") == [[0, 0, 0, 1], [1, 0, 0, 0]]
    assert encoded([[0, 1], [3, 3]], num_tokens=4) == [[1, 1, 0, 0], [0, 0, 0, 1]]
    assert encoded([[0, 1], [3, 3]], num_tokens=4, output_mode="count") == [
        [1, 1, 0, 0],
        [0, 0, 0, 2],
    ]
    layer = layers.CategoryEncoding(3, "count", dtype="float64")
    weighted = layer(np.array([[0, 2, 0]]), count_weights=np.array([[0.5, 2.0, 1.0]]))
    assert np.asarray(weighted).tolist() == [[1.5, 0, 2]]


def test_dummy_variables():
    """The first category is the base: its rows are 0, and the others tell the difference to it."""
    x, base = np.array([0, 1, 2, 1, 0, 2]), {"num_tokens": 3, "drop_first": True}
    dummies = np.array(encoded(x, output_mode="one_hot", **base))
    assert dummies.tolist() == [[0, 0], [1, 0], [0, 1], [1, 0], [0, 0], [0, 1]]
    y = np.array([10.0, 20.0, 35.0, 22.0, 12.0, 33.0])  # means 11, 21, 34
    design = np.column_stack([np.ones(6), dummies])
    assert np.linalg.matrix_rank(design) == 3
    coefficients = np.linalg.lstsq(design, y, rcond=None)[0]
    np.testing.assert_allclose(coefficients, [11, 10, 23])
    assert encoded([[0, 2]], **base) == [[0, 1]]
    assert encoded([[2, 2]], output_mode="count", **base) == [[0, 2]]
    layer = layers.CategoryEncoding(output_mode="one_hot", **base)
    assert layer.compute_output_shape((None,)) == (None, 2)
    assert layer.get_config()["drop_first"] is True


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.CategoryEncoding(), "num_tokens is a whole number above 0; got None"),
        (lambda: layers.CategoryEncoding(3, "onehot"), "'one_hot', 'multi_hot' or 'count'"),
        (lambda: layers.CategoryEncoding(3, sparse=True), "sparse"),
        (lambda: layers.CategoryEncoding(1, drop_first=True), "no column"),
        (lambda: layers.CategoryEncoding(3)(np.array([[0, 3]])), r"entry \[0, 1\] is 3"),
        (lambda: layers.CategoryEncoding(3)(np.array([[-1]])), r"entry \[0, 0\] is -1"),
        (lambda: layers.CategoryEncoding(3)(np.zeros((1, 2, 2), int)), r"\(m, n\)"),
        (
            lambda: layers.CategoryEncoding(3)(np.array([[0]]), count_weights=np.ones((1, 1))),
            "output_mode='count'",
        ),
    ],
)
def test_mistakes_of_category_encoding(make, words):
    with pytest.raises(ValueError, match=words):
        make()
