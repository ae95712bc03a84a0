"""Convolution layers: values by hand and by plain loops, weights, sizes unknown, mistakes."""

import itertools

import numpy as np
import pytest

from glassnet import layers
from glassnet.engines import Program
from glassnet.graph import Placeholder, recording
from glassnet.layers.calling import symbolic_shape

RNG = np.random.default_rng(0)


def slid(x, kernel, bias, strides, dilation, groups):
    """Convolution without padding, in two dimensions, one number at a time."""
    (batch, height, width, _), (k1, k2, each, filters) = x.shape, kernel.shape
    o1 = (height - dilation[0] * (k1 - 1) - 1) // strides[0] + 1
    o2 = (width - dilation[1] * (k2 - 1) - 1) // strides[1] + 1
    y = np.zeros((batch, o1, o2, filters))
    for i, p, q, f in itertools.product(range(batch), range(o1), range(o2), range(filters)):
        first = f // (filters // groups) * each
        y[i, p, q, f] = bias[f]
        for o, r, c in itertools.product(range(k1), range(k2), range(each)):
            row, column = strides[0] * p + dilation[0] * o, strides[1] * q + dilation[1] * r
            y[i, p, q, f] += x[i, row, column, first + c] * kernel[o, r, c, f]
    return y


@pytest.mark.parametrize(
    ("kernel_size", "strides", "dilation", "groups"),
    [((2, 3), 1, 1, 1), (2, (2, 3), 1, 2), ((3, 1), 1, (2, 3), 2), (2, 3, (1, 2), 1)],
)
def test_against_plain_loops(kernel_size, strides, dilation, groups):
    x = RNG.normal(size=(2, 6, 7, 4))
    layer = layers.Conv2D(
        4, kernel_size, strides, dilation_rate=dilation, groups=groups, dtype="float64"
    )
    layer.build(x.shape)
    layer.set_weights([RNG.normal(size=w.shape) for w in layer.weights])
    pairs = [np.broadcast_to(v, 2) for v in (strides, dilation)]
    expected = slid(x, *layer.get_weights(), *pairs, groups)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-12, atol=1e-12)


def test_one_dimension_by_hand():
    x = np.array([[[1.0], [2.0], [4.0], [8.0]]])

    def run(**arguments):
        layer = layers.Conv1D(1, 2, kernel_initializer="ones", **arguments)
        return layer(x)[0, :, 0].tolist()

    assert run() == [3.0, 6.0, 12.0]
    assert run(padding="same") == [3.0, 6.0, 12.0, 8.0]  # an even kernel: the zero is at the end
    assert run(padding="causal") == [1.0, 3.0, 6.0, 12.0]  # the zero is before
    assert run(padding="causal", dilation_rate=2) == [1.0, 2.0, 5.0, 10.0]
    assert run(strides=2) == [3.0, 12.0]
    assert run(strides=3) == [3.0]
    assert run(bias_initializer="ones", activation=lambda z: z * z) == [16.0, 49.0, 169.0]


def test_transposed_by_hand():
    layer = layers.Conv1DTranspose(1, 3, strides=2)
    x = np.array([[[1.0], [10.0]]])
    layer.build(x.shape)
    layer.set_weights([np.array([1.0, 2.0, 3.0]).reshape(3, 1, 1), np.zeros(1)])
    # 1·(1, 2, 3) from cell 0, 10·(1, 2, 3) from cell 2
    assert layer(x)[0, :, 0].tolist() == [1.0, 2.0, 13.0, 20.0, 30.0]


def test_separable_is_depthwise_then_pointwise():
    x = RNG.normal(size=(2, 5, 4, 3)).astype(np.float32)
    layer = layers.SeparableConv2D(2, 2, depth_multiplier=2)
    layer.build(x.shape)
    layer.set_weights([RNG.normal(size=w.shape) for w in layer.weights])
    depthwise, pointwise, bias = layer.get_weights()
    y = np.zeros((2, 4, 3, 6))
    for c, j in itertools.product(range(3), range(2)):
        kernel = depthwise[:, :, c, j][:, :, None, None]
        y[..., 2 * c + j] = slid(x[..., c : c + 1], kernel, [0.0], (1, 1), (1, 1), 1)[..., 0]
    np.testing.assert_allclose(layer(x), y @ pointwise[0, 0] + bias, rtol=1e-5, atol=1e-5)
    single = layers.DepthwiseConv2D(2, depth_multiplier=2, use_bias=False)
    single.build(x.shape)
    single.set_weights([depthwise])
    np.testing.assert_allclose(single(x), y, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "shape", "weights"),
    [
        (layers.Conv1D(4, 3, groups=2), (2, 9, 6), {"kernel": (3, 3, 4), "bias": (4,)}),
        (layers.Conv2D(4, (3, 2)), (2, 9, 9, 6), {"kernel": (3, 2, 6, 4), "bias": (4,)}),
        (layers.Conv2D(4, 1, use_bias=False), (2, 9, 9, 6), {"kernel": (1, 1, 6, 4)}),
        (layers.Conv2DTranspose(4, 3), (2, 9, 9, 6), {"kernel": (3, 3, 4, 6), "bias": (4,)}),
        (
            layers.DepthwiseConv2D(3, depth_multiplier=2),
            (2, 9, 9, 6),
            {"kernel": (3, 3, 6, 2), "bias": (12,)},
        ),
        (
            layers.SeparableConv1D(5, 3, depth_multiplier=2),
            (2, 9, 6),
            {"depthwise_kernel": (3, 6, 2), "pointwise_kernel": (1, 12, 5), "bias": (5,)},
        ),
    ],
)
def test_weights_in_order(layer, shape, weights):
    layer.build(shape)
    assert [(w.name, w.shape) for w in layer.weights] == list(weights.items())
    assert layer.trainable_weights == layer.weights


def test_initializers_regularizers_and_constraints_reach_their_weights():
    layer = layers.SeparableConv2D(
        2,
        2,
        depthwise_initializer="ones",
        pointwise_initializer="zeros",
        bias_initializer="ones",
        depthwise_regularizer="l1",
        pointwise_regularizer="l2",
        bias_regularizer="l1",
        depthwise_constraint="non_neg",
        pointwise_constraint="unit_norm",
        bias_constraint="max_norm",
    )
    layer.build((None, 3, 3, 1))
    depthwise, pointwise, bias = layer.weights
    assert (depthwise.value == 1).all()
    assert (pointwise.value == 0).all()
    assert (bias.value == 1).all()
    kinds = [type(w.regularizer).__name__ for w in layer.weights]
    assert kinds == ["L1", "L2", "L1"]
    assert [type(w.constraint).__name__ for w in layer.weights] == ["NonNeg", "UnitNorm", "MaxNorm"]
    assert [float(x) for x in layer.losses] == pytest.approx([0.04, 0.0, 0.02])


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    "make",
    [
        lambda padding: layers.Conv1D(3, 4, 3, padding),
        lambda padding: layers.Conv1DTranspose(3, 4, 3, padding),
        lambda padding: layers.DepthwiseConv1D(4, 3, padding),
        lambda padding: layers.SeparableConv1D(3, 4, 3, padding),
        lambda padding: layers.MaxPooling1D(4, 3, padding),
        lambda padding: layers.AveragePooling1D(4, 3, padding),
    ],
)
def test_a_length_known_only_when_it_runs(make, padding):
    layer = make(padding)
    hole = Placeholder(symbolic_shape((None, None, 2)), np.float32)
    with recording():
        recorded = layer(hole)
    program = Program([hole], [recorded])
    for batch, steps in [(2, 9), (1, 4), (3, 6), (1, 7)]:
        x = RNG.normal(size=(batch, steps, 2)).astype(np.float32)
        np.testing.assert_array_equal(program.run(x)[0], layer(x))
    assert layer.compute_output_shape((None, None, 2))[:2] == (None, None)


def test_images_of_unknown_size():
    layer = layers.Conv2D(3, 3, padding="same", strides=2)
    assert layer.compute_output_shape((None, None, None, 1)) == (None, None, None, 3)
    assert layer(np.zeros((2, 5, 8, 1))).shape == (2, 3, 4, 3)


# --- mistakes ---------------------------------------------------------------------------------
def test_images_without_a_channel_axis():
    layer = layers.Conv2D(2, 3, name="c")
    with pytest.raises(ValueError, match=r"'c' expects 4 axes, \(m, height, width, channels\)"):
        layer(np.zeros((5, 28, 28)))
    with pytest.raises(ValueError, match=r"pass x\[\.\.\., None\]"):
        layer.compute_output_shape((None, 28, 28))
    assert not layer.built
    assert layer.weights == []
    assert layer(np.zeros((5, 28, 28))[..., None]).shape == (5, 26, 26, 2)
    with pytest.raises(ValueError, match=r"\(m, height, width, 1\).*\(28, 28, 1\).*x\[None\]"):
        layer(np.zeros((28, 28, 1)))
    with pytest.raises(ValueError, match=r"x\.reshape\(-1, height, width, channels\)"):
        layer(np.zeros((5, 784)))


def test_wrong_channels():
    layer = layers.Conv2D(2, 3, name="c")
    layer(np.zeros((1, 8, 9, 3)))
    with pytest.raises(ValueError, match=r"'c' was built for 3 channels.*\(1, 8, 9, 1\)\.$"):
        layer(np.zeros((1, 8, 9, 1)))
    with pytest.raises(ValueError, match=r"looks like channels first: pass np\.moveaxis"):
        layer(np.zeros((1, 3, 8, 9)))


def test_an_input_smaller_than_the_kernel():
    layer = layers.Conv2D(2, (3, 5), name="c")
    with pytest.raises(ValueError, match=r"'c'.*width 4.*reaches over 5.*smaller kernel_size"):
        layer(np.zeros((1, 8, 4, 3)))
    wide = layers.Conv1D(2, 3, dilation_rate=4)
    with pytest.raises(ValueError, match=r"steps 8.*reaches over 9"):
        wide.compute_output_shape((None, 8, 1))
    assert layers.Conv1D(2, 3, dilation_rate=4, padding="same")(np.zeros((1, 1, 1))).shape[1] == 1


def test_unknown_channels():
    with pytest.raises(ValueError, match=r"number of channels.*must be known"):
        layers.Conv2D(2, 3).build((None, 8, 8, None))


def test_groups():
    with pytest.raises(ValueError, match=r"Conv2D: .*filters is a multiple of 2; got filters=3"):
        layers.Conv2D(3, 3, groups=2)
    layer = layers.Conv2D(4, 3, groups=2, name="c")
    with pytest.raises(ValueError, match=r"'c': groups=2.*multiple of 2; got 3"):
        layer(np.zeros((1, 8, 8, 3)))
    assert not layer.built


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": 0, "kernel_size": 3}, "Conv2D: filters is a whole number above 0; got 0"),
        ({"filters": 2, "kernel_size": (3, 3, 3)}, r"Conv2D: kernel_size: .*got \(3, 3, 3\)"),
        ({"filters": 2, "kernel_size": 0}, "Conv2D: kernel_size: .*at least 1.*got 0"),
        ({"filters": 2, "kernel_size": 3, "strides": (1, 0)}, "Conv2D: strides: .*at least 1"),
        ({"filters": 2, "kernel_size": 3, "dilation_rate": 0}, "Conv2D: dilation_rate: .*got 0"),
        ({"filters": 2, "kernel_size": 3, "groups": 0}, "Conv2D: groups"),
        (
            {"filters": 2, "kernel_size": 3, "padding": "causal"},
            "Conv2D: padding is 'valid' or 'same'; got 'causal'.*ZeroPadding2D",
        ),
        (
            {"filters": 2, "kernel_size": 3, "data_format": "channels_first"},
            r"Conv2D: glassnet is channels last.*np\.moveaxis\(x, 1, -1\)",
        ),
        ({"filters": 2, "kernel_size": 3, "data_format": "NHWC"}, "data_format is 'channels_last'"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.Conv2D(**arguments)


def test_output_padding_below_the_stride():
    with pytest.raises(ValueError, match=r"Conv1DTranspose: output_padding is smaller.*\(2,\)"):
        layers.Conv1DTranspose(1, 3, strides=2, output_padding=2)


def test_padding_in_capitals_and_aliases():
    assert layers.Conv2D(1, 1, padding="SAME").padding == "same"
    assert layers.Convolution2D is layers.Conv2D
    assert layers.LAYERS.find("Convolution2DTranspose") is layers.Conv2DTranspose
