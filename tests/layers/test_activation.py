"""Activation layers: values by hand, derivatives of learned slopes, masks, mistakes."""

import numpy as np
import pytest

from glassnet import layers
from glassnet.engines import Program
from glassnet.graph import Constant, Dim, Placeholder, gradients

m = Dim.named("m")
X = np.array([[-2.0, -0.5, 0.0, 0.5, 3.0]])


def values(layer, x=X, **call):
    return np.asarray(layer(x, **call)).astype(float)


def test_values():
    np.testing.assert_allclose(values(layers.ReLU()), [[0, 0, 0, 0.5, 3]])
    bounded = layers.ReLU(max_value=2, negative_slope=0.5, threshold=1)
    np.testing.assert_allclose(values(bounded), [[-1.5, -0.75, -0.5, -0.25, 2]])
    np.testing.assert_allclose(values(layers.LeakyReLU()), [[-0.6, -0.15, 0, 0.5, 3]], rtol=1e-6)
    elu = [[2 * np.expm1(-2), 2 * np.expm1(-0.5), 0, 0.5, 3]]
    np.testing.assert_allclose(values(layers.ELU(2.0)), elu, rtol=1e-6)
    np.testing.assert_allclose(values(layers.Activation("relu")), [[0, 0, 0, 0.5, 3]])
    np.testing.assert_allclose(values(layers.Activation(np.abs)), np.abs(X))


def test_prelu_learns_its_slopes():
    layer = layers.PReLU(shared_axes=[1], dtype="float64")
    x = Placeholder((m, 2, 2), "float64")
    y = layer(x)
    assert layer.alpha.shape == (1, 2)
    layer.set_weights([[[0.5, -1.0]]])
    (slope,) = gradients([np.sum(y)], [layer.alpha])
    data = np.array([[[-1.0, 2.0], [-3.0, -4.0]], [[5.0, -6.0], [0.0, 0.0]]])
    value, by_alpha = Program([x], [y, slope]).run(data)
    expected = [[[-0.5, 2.0], [-1.5, 4.0]], [[5.0, 6.0], [0.0, 0.0]]]
    np.testing.assert_allclose(value, expected, atol=0)
    np.testing.assert_allclose(by_alpha, [[-4.0, -10.0]])


def test_softmax_with_a_mask_that_broadcasts():
    x = np.log(np.array([[1.0, 2.0, 5.0], [3.0, 1.0, 9.0]]))
    mask = np.array([True, True, False])
    expected = [[1 / 3, 2 / 3, 0], [3 / 4, 1 / 4, 0]]
    np.testing.assert_allclose(values(layers.Softmax(), x, mask=mask), expected, rtol=1e-6)
    np.testing.assert_allclose(
        values(layers.Softmax(), x, mask=mask.astype("float32")), expected, rtol=1e-6
    )
    nothing = values(layers.Softmax(), x, mask=np.zeros((2, 1), bool))
    np.testing.assert_array_equal(nothing, np.zeros((2, 3)))
    both = values(layers.Softmax(axis=(0, 1)), x)
    np.testing.assert_allclose(both, np.exp(x) / 21, rtol=1e-6)


def test_masks_pass_through():
    x = Constant(np.ones((2, 3, 4), np.float32))
    x.mask = Constant(np.ones((2, 3), bool))
    for layer in (layers.ReLU(), layers.PReLU(), layers.Activation("tanh"), layers.ELU()):
        np.testing.assert_array_equal(np.asarray(layer(x).mask), np.ones((2, 3)))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.ReLU(max_value=-1), "ReLU: max_value is a number of at least 0; got -1"),
        (lambda: layers.ReLU(negative_slope=None), "negative_slope"),
        (lambda: layers.ReLU(threshold=-0.5), "threshold"),
        (lambda: layers.LeakyReLU(-1), "LeakyReLU: negative_slope"),
        (lambda: layers.Activation("rellu"), "Did you mean 'relu'"),
        (lambda: layers.PReLU(shared_axes=0)(np.ones((2, 3))), "axes 1 to 1"),
        (lambda: layers.PReLU(shared_axes=[3])(np.ones((2, 3))), "axes 1 to 1"),
        (lambda: layers.Softmax()(np.ones((2, 3)), mask=np.ones((2, 2), bool)), r"\(2, 2\).*broad"),
    ],
)
def test_mistakes(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_prelu_refuses_examples_of_another_size():
    layer = layers.PReLU()
    layer(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"\(3,\) of them.*\(2, 4\).*shared_axes"):
        layer(np.ones((2, 4)))
    shared = layers.PReLU(shared_axes=[1])
    shared(np.ones((2, 3, 5)))
    assert shared(np.ones((2, 7, 5))).shape == (2, 7, 5)


def test_prelu_of_an_unknown_size():
    with pytest.raises(ValueError, match="alpha"):
        layers.PReLU()(Placeholder((m, Dim.named("n"), 2)))
    assert layers.PReLU(shared_axes=1)(Placeholder((m, Dim.named("n"), 2))).shape[0] == m
