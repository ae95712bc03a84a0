"""The loss of every example, the worst of them, residuals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special

import glassnet as gn
from glassnet import inspection, losses

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(45, 3)).astype("float32")
CLASSES = DRAW.integers(0, 3, 45)


def classifier(loss: Any, activation: str | None = None, units: int = 3, **given: Any) -> Any:
    layer = gn.layers.Dense(units, activation, kernel_initializer=gn.initializers.RandomNormal(2.0))
    model = gn.Sequential([gn.Input((3,)), layer])
    model.compile(loss=loss, **given)
    return model


# --- losses -----------------------------------------------------------------------------------
def test_losses_of_logits_by_hand() -> None:
    model = classifier(losses.SparseCategoricalCrossentropy(from_logits=True))
    z = model.predict(X, verbose=0).astype(float)
    expected = special.logsumexp(z, axis=1) - z[np.arange(45), CLASSES]
    found = inspection.example_losses(model, X, CLASSES)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(inspection.example_losses(model, X, CLASSES, batch_size=7), found)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "none"])
def test_reduction_does_not_matter(reduction: str) -> None:
    model = classifier(losses.MeanSquaredError(reduction=reduction), units=2)
    y = DRAW.normal(size=(45, 2))
    expected = ((model.predict(X, verbose=0) - y) ** 2).mean(axis=1)
    np.testing.assert_allclose(inspection.example_losses(model, X, y), expected, rtol=1e-5)


def test_their_mean_is_what_evaluate_tells() -> None:
    inputs = gn.Input((3,))
    hidden = gn.layers.Dropout(0.5)(gn.layers.Dense(5, kernel_regularizer="l2")(inputs))
    outputs = {"a": gn.layers.Dense(1)(hidden), "b": gn.layers.Dense(3, "softmax")(hidden)}
    model = gn.Model(inputs, outputs)
    model.compile(
        loss={"a": "mse", "b": "sparse_categorical_crossentropy"}, loss_weights={"a": 0.5, "b": 2.0}
    )
    y = {"a": DRAW.normal(size=(45, 1)), "b": CLASSES}
    penalty = 0.01 * float((np.asarray(model.layers[1].get_weights()[0]) ** 2).sum())
    whole = model.evaluate(X, y, verbose=0, return_dict=True)["loss"]
    found = inspection.example_losses(model, X, y)
    assert found.shape == (45,)
    assert found.mean() + penalty == pytest.approx(whole, rel=1e-5)


def test_saturated_probabilities_lose_no_digits() -> None:
    model = gn.Sequential([gn.Input((1,)), gn.layers.Dense(1, "sigmoid")])
    model.set_weights([np.ones((1, 1)), np.zeros(1)])
    model.compile(loss="binary_crossentropy")
    found = inspection.example_losses(model, np.array([[60.0], [90.0]]), np.zeros((2, 1)))
    np.testing.assert_allclose(found, [60.0, 90.0])


def test_places_of_a_sequence_are_averaged() -> None:
    model = gn.Sequential([gn.Input((4, 2)), gn.layers.Dense(3, "softmax")])
    model.compile(loss="sparse_categorical_crossentropy")
    x, y = DRAW.normal(size=(6, 4, 2)), DRAW.integers(0, 3, (6, 4))
    p = np.take_along_axis(model.predict(x, verbose=0), y[..., None], axis=2)[..., 0]
    np.testing.assert_allclose(
        inspection.example_losses(model, x, y), -np.log(p).mean(axis=1), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("model", "y", "told"),
    [
        (lambda: gn.Sequential([gn.Input((3,)), gn.layers.Dense(1)]), X[:, :1], "with a loss"),
        (
            lambda: classifier(lambda y, p: gn.ops.mean((y - p) ** 2), units=1),
            X[:, :1], "one number for a whole batch",
        ),
        (lambda: classifier("sparse_categorical_crossentropy", "softmax"), CLASSES + 1, "range"),
    ],
)  # fmt: skip
def test_no_loss_an_example_is_an_error(model: Any, y: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        inspection.example_losses(model(), X, y)


# --- the worst --------------------------------------------------------------------------------
@pytest.mark.parametrize("one_hot", [False, True])
def test_the_worst_by_sorting(one_hot: bool) -> None:
    loss = losses.CategoricalCrossentropy if one_hot else losses.SparseCategoricalCrossentropy
    model = classifier(loss(from_logits=True))
    y = np.eye(3)[CLASSES] if one_hot else CLASSES
    p = special.softmax(model.predict(X, verbose=0).astype(float), axis=1)
    each = -np.log(p[np.arange(45), CLASSES])
    found = inspection.worst_examples(model, X, y, count=5, names=["a", "b", "c"])
    order = np.argsort(-each)[:5]
    np.testing.assert_array_equal(found.indices, order)
    np.testing.assert_allclose(found.losses, each[order], rtol=1e-4)
    np.testing.assert_array_equal(found.inputs, X[order])
    assert found.true == tuple("abc"[c] for c in CLASSES[order])
    assert found.predicted == tuple("abc"[c] for c in p[order].argmax(axis=1))
    assert found.chances is not None
    np.testing.assert_allclose(found.chances[:, 0], p[order].max(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found.chances[:, 1], p[order, CLASSES[order]], rtol=1e-4)
    np.testing.assert_allclose(found.centre, X.mean(axis=0), atol=1e-6)


def test_yes_and_no() -> None:
    model = classifier("binary_crossentropy", "sigmoid", 1)
    y = (CLASSES > 0).astype(float)
    p = model.predict(X, verbose=0).ravel()
    found = inspection.worst_examples(model, X, y, count=3, names=["no", "yes"])
    for i, place in enumerate(found.indices):
        assert found.true[i] == ("yes" if y[place] else "no")
        assert found.predicted[i] == ("yes" if p[place] > 0.5 else "no")
        assert found.chances is not None
        assert found.chances[i, 0] == pytest.approx(max(p[place], 1 - p[place]))


def test_numbers_are_told_as_numbers() -> None:
    model = classifier("mse", units=1)
    y = X.sum(axis=1)
    found = inspection.worst_examples(model, X, y, count=100)
    assert len(found.losses) == 45
    assert (np.diff(found.losses) <= 0).all()
    assert found.chances is None
    assert found.true[0] == f"{y[found.indices[0]]:.3g}"


def test_strange_data_for_the_worst() -> None:
    model = classifier("mse", units=1)
    x = X.copy()
    x[4, 1] = np.nan
    with pytest.raises(ValueError, match="loss of example 4 is NaN"):
        inspection.worst_examples(model, x, X[:, 0])
    with pytest.raises(ValueError, match="count"):
        inspection.worst_examples(model, X, X[:, 0], count=0)


# --- residuals --------------------------------------------------------------------------------
def test_residuals_by_hand() -> None:
    y, p = DRAW.normal(size=(30, 2)), DRAW.normal(size=(30, 2))
    found = inspection.residuals(y, p)
    np.testing.assert_array_equal(found.values, y - p)
    np.testing.assert_allclose(found.means, (y - p).sum(axis=0) / 30)
    np.testing.assert_allclose(found.deviations**2, ((y - p) ** 2).mean(0) - (y - p).mean(0) ** 2)
    metric = gn.metrics.R2Score(class_aggregation=None)
    np.testing.assert_allclose(found.explained, np.asarray(metric(y, p)), rtol=1e-4)
    assert found.names == ("output 1", "output 2")


def test_a_last_axis_of_one_is_no_difference() -> None:
    expected = [[1.0], [-1.0]]
    for y, p in (([1.0, 2.0], [[0.0], [3.0]]), ([[1.0], [2.0]], [0.0, 3.0])):
        assert inspection.residuals(y, p).values.tolist() == expected
    assert np.isnan(inspection.residuals([2.0, 2.0], [1.0, 3.0]).explained[0])


def test_residuals_refuse_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"shape \(2,\) and predictions of shape \(3,\)"):
        inspection.residuals([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="NaN"):
        inspection.residuals([1, np.nan], [1, 2])
    with pytest.raises(ValueError, match="some here are infinite"):
        inspection.residuals([1, np.inf], [1, 2])
