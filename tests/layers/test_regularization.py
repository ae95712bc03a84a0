"""Layers that act by chance: counted draws, statistics, modes, mistakes."""

import numpy as np
import pytest

import glassnet as gn
from glassnet import layers
from glassnet.engines import Program
from glassnet.graph import Constant, Dim, Placeholder, gradients, recording

m = Dim.named("m")
RANDOM = [
    lambda **k: layers.Dropout(0.5, **k),
    lambda **k: layers.SpatialDropout1D(0.5, **k),
    lambda **k: layers.GaussianNoise(0.5, **k),
    lambda **k: layers.GaussianDropout(0.5, **k),
    lambda **k: layers.AlphaDropout(0.5, **k),
]
X = np.ones((5, 4, 6), np.float32)


def recorded(layer, uses=1):
    x = Placeholder((m, 4, 6))
    with recording():
        outputs = [layer(x, training=True) for _ in range(uses)]
    return Program([x], outputs)


@pytest.mark.parametrize("make", RANDOM)
def test_a_pure_function_of_seed_stream_and_step(make):
    program = recorded(make(seed=7), uses=2)
    first, second = program.run(X, step=3)
    assert (first != second).any(), "two uses in one network draw two masks"
    for a, b in zip(program.run(X, step=3), (first, second), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (program.run(X, step=4)[0] != first).any()
    np.testing.assert_array_equal(recorded(make(seed=7)).run(X, step=3)[0], first)
    assert (recorded(make(seed=8)).run(X, step=3)[0] != first).any()


@pytest.mark.parametrize("make", RANDOM)
def test_a_restored_layer_draws_the_same(make):
    layer = make()  # no seed given
    again = type(layer).from_config(layer.get_config())
    np.testing.assert_array_equal(recorded(layer).run(X)[0], recorded(again).run(X)[0])
    assert (recorded(make()).run(X)[0] != recorded(layer).run(X)[0]).any()


def test_the_global_seed_fixes_seeds_not_given():
    gn.utils.set_random_seed(5)
    first = recorded(layers.Dropout(0.5)).run(X)[0]
    gn.utils.set_random_seed(5)
    np.testing.assert_array_equal(recorded(layers.Dropout(0.5)).run(X)[0], first)


@pytest.mark.parametrize("make", RANDOM)
def test_nothing_happens_outside_training(make):
    layer = make()
    for call in ({}, {"training": False}):
        np.testing.assert_array_equal(np.asarray(layer(X, **call)), X)
    x = Constant(X)
    x.mask = Constant(np.ones((5, 4), bool))
    assert layer(x, training=True).mask is not None


def test_eager_calls_draw_anew():
    layer = layers.Dropout(0.5, seed=1)
    first, second = layer(X, training=True), layer(X, training=True)
    assert (np.asarray(first) != np.asarray(second)).any()


def test_dropout_statistics():
    x = np.ones((1000, 100))
    y = np.asarray(layers.Dropout(0.25, seed=1, dtype="float64")(x, training=True))
    assert set(np.unique(y)) == {0.0, 4 / 3}
    deviation = np.sqrt(0.25 * 0.75 / x.size)  # of the part that is dropped
    assert abs((y == 0).mean() - 0.25) < 5 * deviation


def test_the_derivative_goes_through_what_was_kept():
    layer, x = layers.Dropout(0.5, seed=1), Placeholder((m, 8))
    y = layer(x, training=True)
    value, slope = Program([x], [y, *gradients([np.sum(y)], [x])]).run(np.full((6, 8), 3.0), step=2)
    np.testing.assert_array_equal(slope, value / 3)


def test_shared_masks():
    y = np.asarray(layers.Dropout(0.5, (None, 1, 6), seed=3)(X, training=True))
    assert (y == y[:, :1]).all()
    assert len(np.unique(y)) == 2
    channels = np.asarray(layers.SpatialDropout1D(0.5, seed=3)(X, training=True))
    assert (channels == channels[:, :1]).all()
    image = np.ones((4, 3, 5, 6), np.float32)
    kept = np.asarray(layers.SpatialDropout2D(0.5, seed=3)(image, training=True))
    assert (kept == kept[:, :1, :1]).all()
    assert len(np.unique(kept)) == 2
    alpha = np.asarray(layers.AlphaDropout(0.5, (None, 1, None), seed=3)(X, training=True))
    assert (alpha == alpha[:, :1]).all()


def test_statistics_of_gaussian_layers():
    x = np.full((2000, 50), 2.0)
    noise = np.asarray(layers.GaussianNoise(0.3, seed=1, dtype="float64")(x, training=True)) - 2
    factor = np.asarray(layers.GaussianDropout(0.2, seed=1, dtype="float64")(x, training=True)) / 2
    for found, mean, spread in ((noise, 0, 0.3), (factor, 1, 0.5)):
        assert abs(found.mean() - mean) < 5 * spread / np.sqrt(x.size)
        assert abs(found.std() - spread) < 5 * spread / np.sqrt(2 * x.size)


def test_alpha_dropout_keeps_mean_and_variance():
    x = np.random.default_rng(0).normal(size=(2000, 50))
    y = np.asarray(layers.AlphaDropout(0.3, seed=1, dtype="float64")(x, training=True))
    assert abs(y.mean()) < 0.02
    assert abs(y.var() - 1) < 0.03
    # a (x b + α' (1 - b)) + c with the constants of the paper, for rate 0.3
    limit = -1.7580993408473766
    a = (0.7 * (1 + 0.3 * limit**2)) ** -0.5
    dropped = a * limit - a * limit * 0.3
    is_dropped = np.isclose(y, dropped)
    assert abs(is_dropped.mean() - 0.3) < 0.01
    np.testing.assert_allclose(y[~is_dropped], a * x[~is_dropped] - a * limit * 0.3, rtol=1e-10)


def test_activity_regularization_adds_a_loss_for_each_example():
    layer = layers.ActivityRegularization(l1=0.5, l2=2.0)
    x = Placeholder((m, 2))
    with recording() as opened:
        layer(x)
    (loss,) = opened.losses
    data = np.array([[1.0, -2.0], [3.0, 0.0]])  # Σ|x| = 6, Σx² = 14
    assert Program([x], [loss]).run(data)[0] == (0.5 * 6 + 2 * 14) / 2
    assert layer.get_config().keys() & {"l1", "l2", "activity_regularizer"} == {"l1", "l2"}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.Dropout(1.5), "Dropout: rate lies between 0 and 1; got 1.5"),
        (lambda: layers.Dropout(-0.1), "rate"),
        (lambda: layers.Dropout("half"), "rate"),
        (lambda: layers.Dropout(0.5, noise_shape="x"), "noise_shape"),
        (lambda: layers.Dropout(0.5, noise_shape=(0, 1)), "noise_shape"),
        (lambda: layers.Dropout(0.5, (2, 1))(X, training=True), r"noise_shape.*\(5, 4, 6\)"),
        (lambda: layers.AlphaDropout(0.5, (2, 1))(X), "2 sizes"),
        (lambda: layers.Dropout(0.5, seed=-1), "seed"),
        (lambda: layers.GaussianNoise(2.0), "stddev lies between 0 and 1; got 2.0"),
        (lambda: layers.GaussianDropout(1.0), "at least 0 and below 1"),
        (lambda: layers.AlphaDropout(1.0), "at least 0 and below 1"),
        (lambda: layers.SpatialDropout1D(0.5)(np.ones((2, 3))), r"\(m, steps, channels\)"),
        (lambda: layers.SpatialDropout2D(0.5)(X), r"\(m, height, width, channels\)"),
    ],
)
def test_mistakes(make, words):
    with pytest.raises(ValueError, match=words):
        make()
