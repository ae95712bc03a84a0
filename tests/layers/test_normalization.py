"""Normalizations: values by hand, moving statistics, modes, masks, mistakes."""

import numpy as np
import pytest

from glassnet import layers
from glassnet.engines import Program
from glassnet.graph import Constant, Dim, Placeholder, recording

m = Dim.named("m")
X = np.array([[1.0, 10.0], [3.0, 30.0], [5.0, 20.0]])  # means 3, 20; variances 8/3, 200/3


def test_batch_normalization_in_training_and_after():
    layer = layers.BatchNormalization(momentum=0.9, epsilon=0.0, dtype="float64")
    y = np.asarray(layer(X, training=True))
    deviation = np.sqrt([8 / 3, 200 / 3])
    np.testing.assert_allclose(y, (X - [3, 20]) / deviation)
    np.testing.assert_allclose(layer.moving_mean.value, [0.3, 2.0])
    np.testing.assert_allclose(layer.moving_variance.value, [0.9 + 0.8 / 3, 0.9 + 20 / 3])
    layer.set_weights([[2.0, 1.0], [0.5, 0.0], [1.0, 10.0], [4.0, 100.0]])
    before = layer.get_weights()
    y = np.asarray(layer(X))
    np.testing.assert_allclose(y, (X - [1, 10]) / [2, 10] * [2, 1] + [0.5, 0])
    for a, b in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_order_and_kinds_of_weights():
    layer = layers.BatchNormalization()
    layer.build((None, 4))
    names = [w.name for w in layer.weights]
    assert names == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert [w.name for w in layer.trainable_weights] == ["gamma", "beta"]
    bare = layers.BatchNormalization(center=False, scale=False)
    bare.build((None, 4))
    assert [w.name for w in bare.weights] == ["moving_mean", "moving_variance"]


def test_a_frozen_layer_uses_what_it_has_learned():
    layer = layers.BatchNormalization(epsilon=0.0)
    layer.trainable = False
    np.testing.assert_allclose(np.asarray(layer(X, training=True)), X, rtol=1e-6)
    np.testing.assert_array_equal(layer.moving_mean.value, [0, 0])


def test_recording_notes_the_moving_statistics():
    layer = layers.BatchNormalization(momentum=0.5)
    x = Placeholder((m, 2))
    with recording() as opened:
        layer(x, training=True)
    assert set(opened.updates) == {layer.moving_mean, layer.moving_variance}
    program = Program([x], [opened.updates[layer.moving_mean]])
    np.testing.assert_allclose(program.run(X)[0], [1.5, 10.0])
    np.testing.assert_allclose(program.run(X[:1])[0], [0.5, 5.0])
    with recording() as opened:
        layer(x, training=False)
    assert not opened.updates


def test_used_twice_in_one_recording_follows_both_batches():
    layer = layers.BatchNormalization(momentum=0.5)
    a, b = Placeholder((m, 1)), Placeholder((m, 1))
    with recording() as opened:
        layer(a, training=True)
        layer(b, training=True)
    new = opened.updates[layer.moving_mean]
    assert Program([a, b], [new]).run([[4.0]], [[8.0]])[0].tolist() == [0.5 * 2.0 + 0.5 * 8.0]


def test_masked_places_do_not_count():
    layer = layers.BatchNormalization(momentum=0.0, epsilon=0.0, dtype="float64")
    x = np.array([[[1.0], [100.0]], [[3.0], [5.0]]])
    layer(x, training=True, mask=np.array([[True, False], [True, True]]))
    np.testing.assert_allclose(layer.moving_mean.value, [3.0], rtol=1e-6)
    np.testing.assert_allclose(layer.moving_variance.value, [8 / 3], rtol=1e-6)
    given = Constant(x)
    given.mask = Constant(np.array([[True, False], [True, True]]))
    again = layers.BatchNormalization(momentum=0.0, epsilon=0.0, dtype="float64")
    y = again(given, training=True)
    np.testing.assert_allclose(again.moving_mean.value, [3.0], rtol=1e-6)
    np.testing.assert_array_equal(np.asarray(y.mask), [[True, False], [True, True]])


def test_half_precision_does_not_overflow():
    x = np.array([[300.0], [-300.0]], np.float16)  # 300² is above float16's 65504
    y = layers.BatchNormalization(dtype="float16")(x, training=True)
    assert y.dtype == np.float16
    np.testing.assert_allclose(np.asarray(y), [[1.0], [-1.0]])
    z = layers.LayerNormalization(dtype="float16")(x.T)
    np.testing.assert_allclose(np.asarray(z), [[1.0, -1.0]])


def test_batch_renormalization_by_hand():
    layer = layers.BatchNormalization(
        momentum=0.5, renorm=True, renorm_momentum=0.5, epsilon=0.0, dtype="float64"
    )
    layer.build((None, 1))
    layer.set_weights([[1.0], [0.0], [0.0], [1.0], [1.0], [2.0], [4.0]])
    y = np.asarray(layer(np.array([[1.0], [5.0]]), training=True))  # mean 3, deviation 2
    # (x - 3)/2 · r + d with r = 2/4 and d = (3 - 2)/4: normalized by the moving statistics.
    np.testing.assert_allclose(y, [[-0.25], [0.75]])
    _, _, mean, variance, deviation, renorm_mean, renorm_deviation = layer.get_weights()
    np.testing.assert_allclose(mean, [1.5])
    np.testing.assert_allclose(deviation, [1.5])
    np.testing.assert_allclose(variance, [2.25])
    np.testing.assert_allclose(renorm_mean, [2.5])
    np.testing.assert_allclose(renorm_deviation, [3.0])


def test_layer_normalization():
    layer = layers.LayerNormalization(axis=[1, 2], epsilon=0.0, dtype="float64")
    x = np.arange(12.0).reshape(2, 2, 3) ** 2
    mean = x.mean((1, 2), keepdims=True)
    plain = (x - mean) / np.sqrt(((x - mean) ** 2).mean((1, 2), keepdims=True))
    np.testing.assert_allclose(np.asarray(layer(x)), plain)
    gamma, beta = np.arange(6.0).reshape(2, 3), np.ones((2, 3))
    layer.set_weights([gamma, beta])
    np.testing.assert_allclose(np.asarray(layer(x)), plain * gamma + beta)
    single = layers.LayerNormalization(axis=1, epsilon=0.0, dtype="float64")
    expected = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    np.testing.assert_allclose(np.asarray(single(x)), expected)
    assert single.gamma.shape == (2,)
    mixed = layers.LayerNormalization(axis=[-1, 1])
    mixed(x)
    assert mixed.gamma.shape == (2, 3)


def test_group_normalization_agrees_with_its_neighbours():
    x = np.random.default_rng(0).normal(size=(2, 5, 4))
    one = layers.GroupNormalization(1, dtype="float64")
    whole = layers.LayerNormalization(axis=[1, 2], dtype="float64")
    np.testing.assert_allclose(np.asarray(one(x)), np.asarray(whole(x)), rtol=1e-9)
    each = np.asarray(layers.GroupNormalization(-1, epsilon=0.0, dtype="float64")(x))
    np.testing.assert_allclose(
        each, (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True), rtol=1e-9
    )
    first = layers.GroupNormalization(2, axis=1, epsilon=0.0, dtype="float64")
    turned = np.swapaxes(np.asarray(first(np.swapaxes(x, 1, 2))), 1, 2)
    last = layers.GroupNormalization(2, epsilon=0.0, dtype="float64")
    np.testing.assert_allclose(turned, np.asarray(last(x)), rtol=1e-9)


def test_unit_normalization():
    layer = layers.UnitNormalization(dtype="float64")
    x = np.array([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(np.asarray(layer(x)), [[0.6, 0.8], [0.0, 0.0]])
    both = layers.UnitNormalization(axis=[1, 2], dtype="float64")(np.full((1, 2, 2), 5.0))
    np.testing.assert_allclose(np.asarray(both), np.full((1, 2, 2), 0.5))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.BatchNormalization(axis=0)(X), "axis 0; .*one of 1 to 1"),
        (lambda: layers.BatchNormalization(axis=3)(X), "channels on axis 3"),
        (lambda: layers.BatchNormalization(synchronized=True), "synchronized"),
        (lambda: layers.BatchNormalization(renorm_clipping={"max": 1}), r"\['max'\]"),
        (lambda: layers.BatchNormalization(renorm_clipping={"rmin": 2, "rmax": 1}), "rmin=2"),
        (lambda: layers.BatchNormalization(renorm_clipping={"dmax": -1}), "dmax"),
        (
            lambda: layers.BatchNormalization()(X, training=True, mask=np.ones((3, 2), bool)),
            r"\(3,\); got \(3, 2\)",
        ),
        (lambda: layers.LayerNormalization(axis=2)(X), "axis=2"),
        (lambda: layers.LayerNormalization(axis=[0, 1])(X), "axis 0, which counts the examples"),
        (lambda: layers.GroupNormalization(0), "groups"),
        (lambda: layers.GroupNormalization(3)(X), "divide 2"),
        (lambda: layers.GroupNormalization()(X), "divide 2"),
        (lambda: layers.UnitNormalization(axis=4)(X), "axis=4"),
    ],
)
def test_mistakes(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_an_axis_is_an_integer():
    with pytest.raises(TypeError, match=r"LayerNormalization: axis .* 'last'"):
        layers.LayerNormalization("last")
    with pytest.raises(TypeError, match="UnitNormalization: axis"):
        layers.UnitNormalization([1.5])


@pytest.mark.parametrize(
    "make",
    [layers.BatchNormalization, layers.LayerNormalization, lambda: layers.GroupNormalization(1)],
)
def test_another_width_than_before(make):
    layer = make()
    layer(X)
    with pytest.raises(ValueError, match=r"2.*\(3, 5\)"):
        layer(np.ones((3, 5)))
