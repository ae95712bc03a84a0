"""Boundaries: what stands on a grid is what predict gives there; who is judged wrongly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import inspection

RNG = np.random.default_rng(7)


def network(outputs: int, activation: str | None, loss: Any, features: int = 2) -> gn.Model:
    gn.utils.set_random_seed(3)
    layers = [gn.layers.Dense(5, "tanh"), gn.layers.Dense(outputs, activation)]
    model = gn.Sequential([gn.Input((features,)), *layers])
    model.compile(loss=loss)
    return model


def grid(found: inspection.Boundary) -> np.ndarray:
    """All places of the plane, written out one by one."""
    rows = []
    for b in found.plane.b:
        for a in found.plane.a:
            row = found.plane.held.copy()
            row[found.plane.features[0]], row[found.plane.features[1]] = a, b
            rows.append(row)
    return np.array(rows, np.float32)


def softmax(z: np.ndarray) -> np.ndarray:
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


X = RNG.normal(size=(40, 2)).astype(np.float32)
YES = (X[:, 0] > 0).astype(int)
LOGITS = gn.losses.BinaryCrossentropy(from_logits=True)
SPARSE_LOGITS = gn.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.mark.parametrize(
    ("outputs", "activation", "loss", "y", "kind", "link"),
    [
        (1, "sigmoid", "binary_crossentropy", YES, "binary", lambda z: z),
        (1, None, LOGITS, YES, "binary", lambda z: 1 / (1 + np.exp(-z))),
        (3, "softmax", "sparse_categorical_crossentropy", YES, "classes", lambda z: z),
        (3, None, SPARSE_LOGITS, YES, "classes", softmax),
        (3, "sigmoid", "binary_crossentropy", np.stack([YES] * 3, 1), "labels", lambda z: z),
        (1, None, "mse", X[:, 0], "regression", lambda z: z),
        (2, "tanh", "mae", X, "regression", lambda z: z),
        (1, None, "hinge", 2 * YES - 1, "binary", lambda z: z),
    ],
)
def test_values_on_the_grid_are_predictions(
    outputs: int, activation: str | None, loss: Any, y: np.ndarray, kind: str, link: Any
) -> None:
    model = network(outputs, activation, loss)
    found = inspection.boundary(model, X, y, cells=7)
    z = np.asarray(model.predict(grid(found), verbose=0), np.float64)
    assert found.kind == kind
    np.testing.assert_allclose(found.values.reshape(49, outputs), link(z), rtol=1e-5, atol=1e-6)


def test_a_plane_is_computed_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network(1, "sigmoid", "binary_crossentropy")
    whole = inspection.boundary(model, X, YES, cells=9).values
    sizes = []

    def spied(self: gn.Model, x: np.ndarray, **options: Any) -> Any:
        sizes.append(len(x))
        return gn.Model.predict(self, x, **options)

    monkeypatch.setattr("glassnet.inspection.inputs.AT_ONCE", 20)
    monkeypatch.setattr(type(model), "predict", spied)
    parts = inspection.boundary(model, X, YES, cells=9).values
    np.testing.assert_allclose(parts, whole, rtol=1e-6)
    assert sizes == [40, 20, 20, 20, 20, 1]  # the points, then the plane


def test_other_features_are_held_at_their_mean() -> None:
    x = RNG.normal(size=(30, 4)).astype(np.float32)
    model = network(1, "sigmoid", "binary_crossentropy", features=4)
    found = inspection.boundary(
        model, x, cells=3, features=("c", "a"), feature_names=("a", "b", "c", "d")
    )
    row = np.array([[found.plane.b[2], x[:, 1].mean(), found.plane.a[0], x[:, 3].mean()]])
    assert found.plane.features == (2, 0)
    assert found.plane.labels == ("c", "a")
    assert found.plane.others == ("b", "d")
    assert found.values[2, 0] == pytest.approx(model.predict(row, verbose=0)[0], rel=1e-5)


def test_the_plane_shows_all_points_and_room_about_them() -> None:
    found = inspection.boundary(network(1, None, "mse"), X, cells=4, margin=0.5)
    low, high = X.min(axis=0), X.max(axis=0)
    ends = np.stack([found.plane.a[[0, -1]], found.plane.b[[0, -1]]], axis=1)
    np.testing.assert_allclose(ends[0], 1.5 * low - high / 2, rtol=1e-5)
    np.testing.assert_allclose(ends[1], 1.5 * high - low / 2, rtol=1e-5)
    given = inspection.boundary(network(1, None, "mse"), X, cells=4, extent=((0, 1), (-2, 5)))
    assert given.plane.a.tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert given.plane.b[[0, -1]].tolist() == [-2, 5]


@pytest.mark.parametrize(
    ("y", "right"),
    [
        (YES, YES), (YES[:, None], YES), (YES.astype(float), YES), (2 * YES - 1, YES),
    ],
)  # fmt: skip
def test_wrong_points_are_those_whose_prediction_differs(y: np.ndarray, right: np.ndarray) -> None:
    model = network(1, "sigmoid", "binary_crossentropy")
    found = inspection.boundary(model, X, y, cells=3)
    said = model.predict(X, verbose=0)[:, 0] > 0.5
    assert found.wrong.tolist() == (said != right).tolist()
    assert 0 < found.wrong.sum() < 40


def test_wrong_points_among_classes_by_number_and_one_hot() -> None:
    model = network(3, "softmax", "sparse_categorical_crossentropy")
    y = RNG.integers(0, 3, 40)
    wrong = model.predict(X, verbose=0).argmax(axis=1) != y
    for given in (y, y[:, None], np.eye(3)[y]):
        assert inspection.boundary(model, X, given, cells=3).wrong.tolist() == wrong.tolist()


def test_targets_that_are_no_classes_make_a_regression() -> None:
    model = network(1, "sigmoid", "mse")
    y = RNG.uniform(size=40)
    found = inspection.boundary(model, X, y, cells=3)
    error = np.sqrt(np.mean((model.predict(X, verbose=0)[:, 0] - y) ** 2))
    assert found.kind == "regression"
    assert found.error[0] == pytest.approx(error, rel=1e-6)


def test_strength_and_lead() -> None:
    plane = inspection.boundary(network(1, None, "mse"), X, cells=2).plane
    values = np.array([[[0.5, 0.25, 0.25], [1 / 3, 1 / 3, 1 / 3]], [[0, 1, 0], [0.1, 0.2, 0.7]]])
    found = inspection.Boundary(plane, "classes", values, True, ("a", "b", "c"), X, X, None)
    np.testing.assert_allclose(found.strength, [[0.25, 0], [1, 0.55]])
    np.testing.assert_allclose(found.lead(0), [[0.25, 0], [-1, -0.6]])
    scored = inspection.Boundary(plane, "classes", values * 8, False, ("a", "b", "c"), X, X, None)
    np.testing.assert_allclose(scored.strength, [[0.25, 0], [1, 0.5]], atol=1e-12)


def test_the_middle_of_a_region_is_farthest_from_its_border() -> None:
    found = inspection.boundary(network(1, None, "mse"), X, cells=9, extent=((0, 8), (10, 18)))
    region = np.zeros((9, 9), bool)
    region[2:7, 4:9] = True  # (a, b) from (4, 12) to (8, 16)
    region[0, :] = True
    assert found.middle(region) == pytest.approx((6, 14))
    assert found.middle(np.zeros((9, 9), bool)) is None


def test_an_output_of_several_is_chosen() -> None:
    inputs = gn.Input((2,))
    hidden = gn.layers.Dense(3, "tanh")(inputs)
    outputs = [gn.layers.Dense(1, "sigmoid", name="yes")(hidden), gn.layers.Dense(1)(hidden)]
    model = gn.Model(inputs, outputs)
    model.compile(loss=["binary_crossentropy", "mse"])
    found = inspection.boundary(model, X, YES, output="yes", cells=3)
    np.testing.assert_allclose(
        found.values.ravel(), model.predict(grid(found), verbose=0)[0].ravel(), rtol=1e-6
    )
    with pytest.raises(ValueError, match="expected one of 'yes'"):
        inspection.boundary(model, X, YES, cells=3)


def test_nothing_in_the_model_changes() -> None:
    model = network(3, "softmax", "sparse_categorical_crossentropy")
    before = [w.copy() for w in model.get_weights()]
    inspection.boundary(model, X, YES, cells=3)
    inspection.neuron_maps(model, X, cells=3)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (np.zeros((4, 3)), {}, "x has 3 features; choose the two that move, features=\\(0, 2\\)"),
        (np.zeros((4, 1)), {}, "x has 1 feature; a picture in the plane needs at least two"),
        (np.zeros((4, 2, 2)), {}, "expected x of shape \\(m, features\\)"),
        (np.zeros((0, 2)), {}, "x has no points"),
        (np.full((2, 2), np.nan), {}, "NaN or infinity"),
        (np.zeros((4, 2)), {"features": (0, 2)}, "there is no feature 2; x has 2"),
        (np.zeros((4, 2)), {"features": (0, 0)}, "two different ones"),
        (np.zeros((4, 2)), {"features": ("a", "b")}, "no feature 'a'; there are x₁, x₂"),
        (np.zeros((4, 2)), {"features": 1}, "features are two numbers or names; got 1"),
        (np.zeros((4, 2)), {"extent": (0, 1)}, "extent is"),
        (np.zeros((4, 2)), {"extent": ((1, 0), (0, 1))}, "extent: expected a number above 1"),
        (np.zeros((4, 2)), {"cells": 1}, "cells: expected a whole number of at least 2"),
        (np.zeros((4, 2)), {"margin": -1}, "margin: expected a number of at least 0"),
        (np.zeros((4, 2)), {"feature_names": ["a"]}, "x has 2 features; expected as many names"),
        (np.zeros((4, 2)), {"class_names": ["a"]}, "expected 2 class_names"),
        (np.zeros((4, 2)), {"kind": "classes"}, "kind: expected one of 'regression'"),
        (np.zeros((4, 2)), {"y": np.zeros(3)}, "x has 4 points; y has shape \\(3,\\)"),
        (np.zeros((4, 2)), {"y": np.zeros((4, 2))}, "expected class numbers of shape \\(4,\\)"),
    ],
)
def test_what_does_not_fit_is_told(x: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        inspection.boundary(network(1, "sigmoid", "binary_crossentropy"), x, **options)


def test_what_is_no_model_is_told() -> None:
    with pytest.raises(TypeError, match="expected a model; got str"):
        inspection.boundary("model", X)
    with pytest.raises(ValueError, match="boundary: x is missing"):
        inspection.boundary(network(1, None, "mse"), None)
    with pytest.raises(TypeError, match="x holds <U1 values; expected numbers"):
        inspection.boundary(network(1, None, "mse"), np.array([["a", "b"]]))


def test_logits_without_a_loss_are_not_guessed_to_be_numbers() -> None:
    model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(3)])
    with pytest.raises(ValueError, match=r"how the outputs of .* become probabilities"):
        inspection.boundary(model, X, cells=3)
    found = inspection.boundary(model, X, cells=3, kind="regression")
    assert found.kind == "regression"


def test_class_numbers_out_of_range_are_told() -> None:
    model = network(3, "softmax", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="class numbers from 0 to 2; y goes from 0 to 3"):
        inspection.boundary(model, X[:2], np.array([0, 3]), cells=3)


# --- neurons ----------------------------------------------------------------------------------
def test_neurons_answer_what_their_layers_compute() -> None:
    model = network(2, "softmax", "sparse_categorical_crossentropy")
    found = inspection.neuron_maps(model, X, cells=4, most=3)
    w1, b1, w2, b2 = model.get_weights()
    a, b = np.meshgrid(found.plane.a, found.plane.b)
    inputs = np.stack([a.ravel(), b.ravel()], axis=1)
    hidden = np.tanh(inputs @ w1 + b1)
    np.testing.assert_allclose(found.layers[0].answers.reshape(16, 3), hidden[:, :3], atol=1e-6)
    last = found.layers[1].answers.reshape(16, 2)
    np.testing.assert_allclose(last, softmax(hidden @ w2 + b2), atol=1e-6)
    assert [layer.left_out for layer in found.layers] == [2, 0]
    assert [layer.activation for layer in found.layers] == ["tanh", "softmax"]
    assert found.layers[0].reach == pytest.approx(np.abs(hidden[:, :3]).max(), rel=1e-5)


def test_layers_that_hand_on_what_they_get_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = gn.layers
    model = gn.Sequential(
        [gn.Input((2,)), layers.Dense(3, "relu", name="a"), layers.Dropout(0.5),
         layers.Reshape((3, 1)), layers.Flatten(), layers.Dense(1, name="b")]
    )  # fmt: skip
    monkeypatch.setattr("glassnet.inspection.inputs.AT_ONCE", 10)
    found = inspection.neuron_maps(model, X, cells=5)
    assert [layer.name for layer in found.layers] == ["a", "b"]
    assert [layer.answers.shape for layer in found.layers] == [(5, 5, 3), (5, 5, 1)]
    assert found.other == (model.layers[2].name,)
