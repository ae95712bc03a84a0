"""Layers that arrange, pad, crop and enlarge: values, sizes unknown, mistakes."""

import numpy as np
import pytest

from glassnet import layers
from glassnet.engines import Program
from glassnet.graph import Placeholder, recording
from glassnet.layers.calling import symbolic_shape

X = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)


def same(layer, x, expected):
    np.testing.assert_array_equal(np.asarray(layer(x)), expected)


def test_arranging_as_numpy_does():
    same(layers.Flatten(), X, X.reshape(2, 60))
    same(layers.Flatten(), X[:, 0, 0, 0], X[:, :1, 0, 0])
    same(layers.Reshape((5, 12)), X, X.reshape(2, 5, 12))
    same(layers.Reshape((-1, 6)), X, X.reshape(2, 10, 6))
    same(layers.Reshape((60, -1)), X, X.reshape(2, 60, 1))
    same(layers.Permute((2, 3, 1)), X, X.transpose(0, 2, 3, 1))
    same(layers.RepeatVector(3), X[:, 0, 0], np.stack([X[:, 0, 0]] * 3, axis=1))


def test_borders_as_numpy_does():
    same(layers.ZeroPadding1D(), X[0], np.pad(X[0], ((0, 0), (1, 1), (0, 0))))
    same(layers.ZeroPadding1D((2, 0)), X[0], np.pad(X[0], ((0, 0), (2, 0), (0, 0))))
    same(layers.ZeroPadding2D((1, 2)), X, np.pad(X, ((0, 0), (1, 1), (2, 2), (0, 0))))
    same(layers.ZeroPadding2D(((0, 1), (2, 3))), X, np.pad(X, ((0, 0), (0, 1), (2, 3), (0, 0))))
    same(layers.Cropping1D(), X[0], X[0][:, 1:-1])
    same(layers.Cropping1D((0, 2)), X[0], X[0][:, :2])
    same(layers.Cropping2D(1), X, X[:, 1:2, 1:3])
    same(layers.Cropping2D(((1, 0), (0, 3))), X, X[:, 1:, :1])
    same(layers.Cropping2D(), X, X)


def test_nearest_as_numpy_does():
    same(layers.UpSampling1D(3), X[0], X[0].repeat(3, 1))
    same(layers.UpSampling2D((2, 3)), X, X.repeat(2, 1).repeat(3, 2))


def test_bilinear_by_hand():
    x = np.array([0.0, 6.0]).reshape(1, 1, 2, 1)
    layer = layers.UpSampling2D((1, 3), interpolation="bilinear")
    # the middles of the new cells lie at -1/3, 0, 1/3, 2/3, 1, 4/3; outside 0 … 1 the edge goes on
    assert layer(x)[0, 0, :, 0].tolist() == pytest.approx([0, 0, 2, 4, 6, 6], abs=1e-6)
    both = layers.UpSampling2D(2, interpolation="bilinear")
    corner = np.array([[0.0, 4.0], [8.0, 12.0]]).reshape(1, 2, 2, 1)
    expected = np.add.outer([0, 2, 6, 8], [0, 1, 3, 4])
    np.testing.assert_allclose(np.asarray(both(corner))[0, :, :, 0], expected, atol=1e-6)


@pytest.mark.parametrize(
    "interpolation", ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]
)
def test_every_interpolation_keeps_a_constant(interpolation):
    x = np.full((1, 3, 1, 2), 7.0, np.float32)
    layer = layers.UpSampling2D((3, 2), interpolation=interpolation)
    np.testing.assert_allclose(layer(x), np.full((1, 9, 2, 2), 7.0), rtol=1e-6)


def test_cubic_is_exact_on_lines_within():
    """Keys's kernel reproduces straight lines away from the edges."""
    x = np.arange(8.0).reshape(1, 8, 1, 1)
    found = layers.UpSampling2D((4, 1), interpolation="bicubic")(x)[0, 8:-8, 0, 0]
    np.testing.assert_allclose(found, (np.arange(8, 24) + 0.5) / 4 - 0.5, rtol=1e-6)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.Flatten(), (None, None, 3)),
        (layers.Reshape((-1, 6)), (None, None, 2, 3)),
        (layers.Permute((2, 1)), (None, None, 3)),
        (layers.ZeroPadding1D((1, 2)), (None, None, 3)),
        (layers.Cropping1D((1, 2)), (None, None, 3)),
        (layers.UpSampling1D(3), (None, None, 3)),
        (layers.UpSampling2D((2, 3)), (None, None, None, 2)),
        (layers.UpSampling2D((2, 3), interpolation="bilinear"), (None, None, None, 2)),
        (layers.UpSampling2D((2, 3), interpolation="bicubic"), (None, None, None, 2)),
    ],
    ids=lambda v: getattr(v, "name", None),
)
def test_sizes_known_only_when_it_runs(layer, shape):
    hole = Placeholder(symbolic_shape(shape), np.float32)
    with recording():
        program = Program([hole], [layer(hole)])
    for sizes in [(2, 6, 5), (1, 4, 3)]:
        given = iter(sizes)
        x = np.random.default_rng(1).normal(size=[next(given) if n is None else n for n in shape])
        x = x.astype(np.float32)
        np.testing.assert_allclose(program.run(x)[0], layer(x), rtol=1e-6)


# --- mistakes ---------------------------------------------------------------------------------
def test_reshape():
    layer = layers.Reshape((5, 5), name="r")
    with pytest.raises(ValueError, match=r"'r'.*\(3, 4, 5\) has 60 entries.*\(5, 5\)"):
        layer(X)
    with pytest.raises(ValueError, match=r"60 entries.*\(7, -1\)"):
        layers.Reshape((7, -1)).compute_output_shape((None, 60))
    with pytest.raises(ValueError, match="only one size can be -1"):
        layers.Reshape((-1, -1))
    for wrong in (("a",), (2.5,), (-2,), (None, 3)):
        with pytest.raises(ValueError, match="Reshape: target_shape is the shape of one example"):
            layers.Reshape(wrong)


def test_permute():
    for wrong in ((0, 1), (1, 3), (1, 1), ("a",)):
        with pytest.raises(ValueError, match="Permute: dims names the axes"):
            layers.Permute(wrong)
    with pytest.raises(ValueError, match=r"'p' orders 2 axes.*\(2, 3, 4, 5\)"):
        layers.Permute((2, 1), name="p")(X)


def test_repeat_vector():
    with pytest.raises(ValueError, match="RepeatVector: n is a whole number above 0; got 0"):
        layers.RepeatVector(0)
    with pytest.raises(ValueError, match=r"'v' expects vectors as rows.*Flatten"):
        layers.RepeatVector(2, name="v")(X)


def test_flatten_of_a_number():
    with pytest.raises(ValueError, match="expects examples along the first axis"):
        layers.Flatten()(np.float32(3.0))


@pytest.mark.parametrize("wrong", [-1, (1, 2, 3), "1", (1.5, 2), True])
def test_wrong_borders(wrong):
    with pytest.raises(ValueError, match="ZeroPadding1D: padding of an axis is an integer"):
        layers.ZeroPadding1D(wrong)
    with pytest.raises(ValueError, match="Cropping2D: cropping"):
        layers.Cropping2D(wrong)


def test_cropping_everything_away():
    layer = layers.Cropping2D(((1, 2), (0, 0)), name="c")
    with pytest.raises(ValueError, match=r"'c': cropping \(1, 2\) leaves nothing of an axis of 3"):
        layer(X)
    with pytest.raises(ValueError, match="leaves nothing"):
        layer.compute_output_shape((None, 2, 4, 1))


def test_wrong_rank():
    with pytest.raises(ValueError, match=r"'z' expects 4 axes.*x\[\.\.\., None\]"):
        layers.ZeroPadding2D(name="z")(X[0])
    with pytest.raises(ValueError, match=r"'u' expects 3 axes"):
        layers.UpSampling1D(name="u")(X)


def test_upsampling_arguments():
    with pytest.raises(ValueError, match="UpSampling1D: size is a whole number above 0"):
        layers.UpSampling1D(0)
    with pytest.raises(ValueError, match=r"UpSampling2D: size: .*got \(2, 0\)"):
        layers.UpSampling2D((2, 0))
    with pytest.raises(
        ValueError, match=r"interpolation is one of nearest, bilinear.*got 'linear'"
    ):
        layers.UpSampling2D(2, interpolation="linear")


@pytest.mark.parametrize(
    "cls", [layers.Flatten, layers.ZeroPadding1D, layers.ZeroPadding2D, layers.UpSampling2D]
)
def test_channels_first(cls):
    with pytest.raises(ValueError, match=rf"{cls.__name__}: glassnet is channels last"):
        cls(data_format="channels_first")
