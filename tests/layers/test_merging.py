"""Merging layers: values by hand, broadcasting, masks, mistakes."""

import numpy as np
import pytest

from glassnet import layers
from glassnet.engines import Program
from glassnet.graph import Constant, Dim, Placeholder

m = Dim.named("m")
A, B, C = np.array([[1.0, -2.0]]), np.array([[3.0, 5.0]]), np.array([[-4.0, 0.5]])


@pytest.mark.parametrize(
    ("name", "inputs", "expected"),
    [
        ("Add", [A, B, C], [[0, 3.5]]),
        ("Subtract", [A, B], [[-2, -7]]),
        ("Multiply", [A, B, C], [[-12, -5]]),
        ("Average", [A, B, C], [[0, 3.5 / 3]]),
        ("Maximum", [A, B, C], [[3, 5]]),
        ("Minimum", [A, B, C], [[-4, -2]]),
        ("Concatenate", [A, B], [[1, -2, 3, 5]]),
    ],
)
def test_values(name, inputs, expected):
    for merged in (getattr(layers, name)()(inputs), getattr(layers, name.lower())(inputs)):
        np.testing.assert_allclose(np.asarray(merged), expected, rtol=1e-6)
    holes = [Placeholder((m, 2)) for _ in inputs]
    symbolic = getattr(layers, name)()(holes)
    assert symbolic.shape[0] == m
    np.testing.assert_allclose(Program(holes, [symbolic]).run(*inputs)[0], expected, rtol=1e-6)


def test_dot():
    x, y = np.arange(12.0).reshape(2, 2, 3), np.arange(24.0).reshape(2, 3, 4) / 4
    found = np.asarray(layers.Dot(axes=(2, 1))([x, y]))
    np.testing.assert_allclose(found, np.einsum("bik,bkj->bij", x, y))
    wide = np.asarray(layers.Dot(axes=(1, 2))([x, np.ones((2, 5, 2, 6))]))
    assert wide.shape == (2, 3, 5, 6)
    np.testing.assert_allclose(wide[:, :, 0, 0], x.sum(1))
    np.testing.assert_allclose(np.asarray(layers.dot([A, B], axes=1)), [[-7]])
    cosine = layers.Dot(axes=-1, normalize=True)([A, B])
    np.testing.assert_allclose(np.asarray(cosine), [[-7 / np.sqrt(5 * 34)]], rtol=1e-6)


def test_fewer_axes_broadcast_behind_the_batch():
    steps, each = np.zeros((2, 3, 4)), np.arange(8.0).reshape(2, 4)
    found = np.asarray(layers.Add()([steps, each]))
    np.testing.assert_array_equal(found, np.broadcast_to(each[:, None], (2, 3, 4)))


def test_derivatives_of_ties_are_shared():
    from glassnet.graph import gradients

    a, b = Placeholder((m, 1)), Placeholder((m, 1))
    slopes = gradients([np.sum(layers.Maximum()([a, b]))], [a, b])
    np.testing.assert_array_equal(Program([a, b], slopes).run([[1.0]], [[1.0]]), [[[0.5]], [[0.5]]])


# --- masks: three steps of one feature ----------------------------------------------------------
def masked(values, mask=None):
    tensor = Constant(np.array(values, np.float32).reshape(1, -1, 1))
    tensor.mask = None if mask is None else Constant(np.array([mask], bool))
    return tensor


def result(layer, *inputs):
    y = layer(list(inputs))
    return np.asarray(y).ravel().tolist(), None if y.mask is None else np.asarray(y.mask).tolist()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Add", [11, 22, 33]),
        ("Subtract", [9, 18, 27]),
        ("Average", [5.5, 11, 16.5]),
        ("Multiply", [1, 40, 0]),  # a masked entry counts as 1; masked in both: 0
        ("Maximum", [1, 20, 3]),  # a masked entry does not count
        ("Minimum", [1, 2, 3]),
    ],
)
def test_masked_in_both(name, expected):
    a = masked([1, 2, 3], [True, True, False])
    b = masked([10, 20, 30], [False, True, False])
    values, mask = result(getattr(layers, name)(), b if name == "Subtract" else a,
                          a if name == "Subtract" else b)  # fmt: skip
    if name in ("Maximum", "Minimum"):  # the third step counts nowhere, so it may hold anything
        values, expected = values[:2], expected[:2]
    assert values == expected
    assert mask == [[True, True, False]]


@pytest.mark.parametrize("name", ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"])
def test_one_mask_alone_is_dropped(name):
    a, b = masked([1, 2, 3], [True, False, True]), masked([10, 20, 30])
    values, mask = result(getattr(layers, name)(), b, a)
    assert mask is None
    if name == "Multiply":
        assert values == [10, 20, 90]
    if name in ("Maximum", "Minimum"):
        assert values[1] == 20


def test_masks_of_concatenate():
    a, b = masked([1, 2], [True, False]), masked([3, 4])
    values, mask = result(layers.Concatenate(axis=1), a, b)
    assert values == [1, 2, 3, 4]
    assert mask == [[True, False, True, True]]
    side, mask = result(layers.Concatenate(), a, masked([3, 4], [False, False]))
    assert side == [1, 3, 2, 4]
    assert mask == [[True, False]]
    assert result(layers.Concatenate(), b, b)[1] is None


def test_a_mask_of_steps_lies_over_all_later_axes():
    image = Constant(np.arange(1.0, 13, dtype=np.float32).reshape(1, 2, 3, 2))
    image.mask = Constant(np.array([[True, False]]))
    y = layers.Multiply()([image, image])
    expected = np.asarray(image) ** 2
    expected[:, 1] = 0
    np.testing.assert_array_equal(np.asarray(y), expected)
    np.testing.assert_array_equal(np.asarray(layers.Concatenate()([image, image]).mask), [[1, 0]])


def test_symbolic_masks():
    a, b = Placeholder((m, 3, 1)), Placeholder((m, 3, 1))
    a.mask, b.mask = Placeholder((m, 3), "bool"), Placeholder((m, 3), "bool")
    y = layers.Maximum()([a, b])
    program = Program([a, b, a.mask, b.mask], [y, y.mask])
    x = np.array([[[1.0], [2.0], [3.0]]])
    kept = np.array([[True, True, False]])
    value, mask = program.run(x, 10 * x, kept, ~kept)
    np.testing.assert_array_equal(value.ravel(), [1, 2, 30])
    assert mask.all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.Add()(A), r"Add\(\)\(\[a, b\]\); got a tensor of shape \(1, 2\)"),
        (lambda: layers.Add()([]), "no input"),
        (lambda: layers.Subtract()([A, B, C]), "takes 2 inputs; got 3"),
        (lambda: layers.Dot(1)([A]), "takes 2 inputs; got 1"),
        (lambda: layers.Add()([A, np.ones((1, 3))]), "sizes 2 and 3"),
        (lambda: layers.Add()([np.ones((2, 2)), np.ones((3, 2))]), "numbers of examples"),
        (lambda: layers.Concatenate()([np.ones((2, 3, 1)), np.ones((2, 4, 1))]), "equal sizes"),
        (lambda: layers.Concatenate(axis=5)([A, B]), "axis 5"),
        (lambda: layers.Concatenate()([A, np.ones((1, 2, 2))]), "equal sizes"),
        (lambda: layers.Dot(axes=0)([A, B]), "axis 0"),
        (lambda: layers.Dot(axes=1)([A, np.ones((1, 3))]), "2 and 3, must be equal"),
        (lambda: layers.Dot(axes=(1, 2, 3)), "axes is one integer"),
        (lambda: layers.Dot(axes=1.5), "axes is one integer"),
    ],
)
def test_mistakes(make, words):
    with pytest.raises(ValueError, match=words):
        make()
