"""Right layers, written by hand in many ways: every check passes, and the role is told."""

from __future__ import annotations

import numpy as np
import pytest
from bricks_by_hand import SHAPES, Bells, MyConv, MyDense, MyEmbedding, MyMaxPool, TurnedDense

import glassnet as gn
from glassnet import layers
from glassnet.testing import check_layer
from glassnet.testing.layer import LAYER_CHECKS


@pytest.mark.parametrize(("make", "shape", "role"), [row[1:] for row in SHAPES],
                         ids=[row[0] for row in SHAPES])  # fmt: skip
def test_passes(make, shape, role):
    report = check_layer(make(), input_shape=shape)
    report.raise_if_wrong()
    assert [r.name for r in report] == list(LAYER_CHECKS)
    if role:
        assert report.role.name == role
        assert report.role.agrees
    else:
        assert report.role is None
        assert report["equal to the library"].verdict == "not applicable"


def test_the_layer_is_left_as_it_was():
    layer = MyDense(3)
    check_layer(layer, input_shape=(4,))
    assert not layer.built
    layer.build((None, 4))
    before = layer.get_weights()
    report = check_layer(layer, np.ones((3, 4)) * [[1.0], [2.0], [3.0]])
    assert report.ok
    for a, b in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not hasattr(layer, "X")
    assert layer.W.dtype == "float32"


def test_what_is_found_in_passing():
    report = check_layer(MyConv(2, 2, flip=True), input_shape=(4, 5, 1))
    assert "true convolution" in report["equal to the library"].sentence
    report = check_layer(TurnedDense(3), input_shape=(2,))
    assert "W is kernel (transposed)" in report["equal to the library"].sentence
    assert "activation='tanh'" in report["equal to the library"].sentence
    report = check_layer(MyMaxPool(3), input_shape=(6, 6, 1))
    assert "MaxPooling2D(pool_size=3)" in report["equal to the library"].sentence


def test_a_shape_is_known_from_a_first_call_or_asked_for():
    layer = MyDense(2)
    layer(np.ones((2, 7)))
    assert "(m, 7)" in check_layer(layer, checks=["forward"]).tried_on
    with pytest.raises(ValueError, match=r"check_layer\(MyDense\(…\), input_shape=\(4,\)\)"):
        check_layer(MyDense(2))
    assert check_layer(MyDense(2), input_shape=(None, 3), checks=["forward"]).ok
    assert check_layer(MyDense(2, input_shape=(6,)), checks=["forward"]).tried_on.endswith("(m, 6)")
    with pytest.raises(ValueError, match="shape of one example"):
        check_layer(MyDense(2), input_shape=("a",))


def test_whole_numbers_are_found_out():
    report = check_layer(MyEmbedding(6, 2), input_shape=(3,), checks=["forward", "gradients"])
    assert report.ok
    assert "whole numbers" in report.tried_on


def test_a_reference_of_ones_own():
    assert check_layer(Bells(), input_shape=(3,), reference=Bells(),
                       checks=["equal to the library"])  # fmt: skip
    report = check_layer(
        MyDense(3), input_shape=(4,), reference=layers.Dense(3, "tanh"),
        checks=["equal to the library"],
    )  # fmt: skip
    assert not report
    assert "not give what Dense gives" in report.failed[0].sentence


def test_what_can_be_asked_wrongly():
    with pytest.raises(TypeError, match=r"check_layer\(MyDense\(…\)\); got the class MyDense"):
        check_layer(MyDense)
    with pytest.raises(ValueError, match="Did you mean 'gradients'"):
        check_layer(MyDense(2), input_shape=(3,), checks=["gradient"])
    with pytest.raises(KeyError, match="No check is called 'x'"):
        check_layer(MyDense(2), input_shape=(3,), checks=["dtype"])["x"]


@pytest.mark.parametrize("width", [60, 80, 100])
def test_the_text_keeps_to_the_width(width):
    text = check_layer(TurnedDense(3), input_shape=(4,)).text(width)
    assert max(map(len, text.splitlines())) <= width
    assert text.startswith("TurnedDense 'turned_dense")
    assert "checks passed" in text


def test_a_model_that_was_trained_is_tried_like_any_layer() -> None:
    model = gn.Sequential([gn.Input((3,)), gn.layers.Dense(2, "tanh"), gn.layers.Dense(1)])
    model.compile("adam", "mse")
    history = model.fit(np.ones((6, 3)), np.ones((6, 1)), verbose=0)
    before = [w.copy() for w in model.get_weights()]
    report = check_layer(model, input_shape=(3,))
    assert report.ok, report
    assert model.history is history
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
