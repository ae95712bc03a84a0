"""Raw outputs become probabilities as the network's end and its loss say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special

import glassnet as gn
from glassnet import inspection, losses

X = np.random.default_rng(0).normal(size=(7, 3))


def network(units: int, activation: str | None = None, loss: Any = None) -> Any:
    model = gn.Sequential([gn.Input((3,)), gn.layers.Dense(units, activation)])
    draw = np.random.default_rng(1)
    model.set_weights([3 * draw.normal(size=w.shape) for w in model.weights])
    if loss is not None:
        model.compile(loss=loss)
    return model


def raw(units: int) -> np.ndarray:
    weights = network(units).get_weights()
    return X @ np.asarray(weights[0], float) + weights[1]


@pytest.mark.parametrize(
    "loss",
    [
        losses.BinaryCrossentropy(from_logits=True),
        losses.BinaryFocalCrossentropy(from_logits=True),
        losses.LossFunctionWrapper("binary_crossentropy", from_logits=True),
    ],
)
@pytest.mark.parametrize("units", [1, 4])
def test_logits_of_yes_and_no_take_the_sigmoid(loss: Any, units: int) -> None:
    found = inspection.scores(network(units, loss=loss), X)
    np.testing.assert_allclose(found.values, special.expit(raw(units)), rtol=1e-5)
    assert found.kind == ("binary" if units == 1 else "labels")
    np.testing.assert_array_equal(found.decided, raw(units) > 0)


@pytest.mark.parametrize(
    "loss",
    [
        losses.CategoricalCrossentropy(from_logits=True),
        losses.SparseCategoricalCrossentropy(from_logits=True),
        losses.CategoricalFocalCrossentropy(from_logits=True),
    ],
)
def test_logits_of_classes_take_the_softmax(loss: Any) -> None:
    model = network(4, loss=loss)
    np.testing.assert_allclose(
        inspection.probabilities(model, X), special.softmax(raw(4), axis=-1), rtol=1e-5
    )
    found = inspection.scores(model, X)
    assert found.kind == "classes"
    np.testing.assert_array_equal(found.decided, raw(4).argmax(axis=1))


@pytest.mark.parametrize(
    ("units", "activation", "loss", "kind"),
    [
        (1, "sigmoid", "binary_crossentropy", "binary"),
        (1, "sigmoid", "mse", "binary"),
        (1, "sigmoid", None, "binary"),
        (3, "sigmoid", "binary_crossentropy", "labels"),
        (3, "softmax", "sparse_categorical_crossentropy", "classes"),
        (3, "softmax", None, "classes"),
        (1, "hard_sigmoid", "binary_crossentropy", "binary"),
    ],
)
def test_probabilities_stay_as_they_are(
    units: int, activation: str, loss: str | None, kind: str
) -> None:
    model = network(units, activation, loss)
    np.testing.assert_array_equal(inspection.probabilities(model, X), model.predict(X, verbose=0))
    assert inspection.scores(model, X).kind == kind


def test_the_last_op_counts_not_the_last_layer() -> None:
    inputs = gn.Input((3,))
    hidden = gn.layers.Dense(6)(inputs)
    outputs = gn.layers.Reshape((2, 3))(gn.ops.reshape(gn.ops.sigmoid(hidden), (-1, 6)))
    model = gn.Model(inputs, outputs)
    found = inspection.scores(model, X)
    assert found.kind == "labels"
    np.testing.assert_array_equal(found.values, model.predict(X, verbose=0))


def test_a_subclass_is_read_too() -> None:
    class Own(gn.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = gn.layers.Dense(1)

        def call(self, inputs: Any) -> Any:
            return gn.ops.sigmoid(self.dense(inputs))

    model = Own()
    np.testing.assert_array_equal(inspection.probabilities(model, X), model.predict(X, verbose=0))


def test_the_class_axis_of_the_loss_comes_last() -> None:
    model = gn.Sequential([gn.Input((4, 2)), gn.layers.Activation("linear")])
    model.compile(loss=losses.CategoricalCrossentropy(from_logits=True, axis=1))
    x = np.random.default_rng(3).normal(size=(5, 4, 2)).astype("float32")
    expected = np.moveaxis(special.softmax(x.astype(float), axis=1), 1, -1)
    np.testing.assert_allclose(inspection.probabilities(model, x), expected, rtol=1e-6)


def test_large_logits_stay_exact() -> None:
    model = gn.Sequential([gn.Input((1,)), gn.layers.Dense(1, kernel_initializer="ones")])
    model.compile(loss=losses.BinaryCrossentropy(from_logits=True))
    found = inspection.probabilities(model, np.array([[-700.0], [-50.0], [0.0], [800.0]]))
    np.testing.assert_allclose(found.ravel(), special.expit([-700.0, -50.0, 0.0, 800.0]))


def test_hinge_gives_scores_but_no_probabilities() -> None:
    model = network(1, "tanh", "hinge")
    found = inspection.scores(model, X)
    assert (found.probable, found.threshold) == (False, 0.0)
    np.testing.assert_array_equal(found.decided, model.predict(X, verbose=0) > 0)
    with pytest.raises(ValueError, match="no probabilities"):
        inspection.probabilities(model, X)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (lambda: network(1, None, "mse"), "linear map.*MeanSquaredError"),
        (lambda: network(3), "linear map.*it has no loss"),
        (lambda: network(3, "relu"), "neither softmax nor sigmoid"),
        (
            lambda: network(1, "sigmoid", losses.BinaryCrossentropy(from_logits=True)),
            "ends in sigmoid, and BinaryCrossentropy takes it once more",
        ),
        (lambda: network(3, "relu", "categorical_crossentropy"), "go from 0 to"),
    ],
)
def test_what_cannot_be_told_is_an_error(model: Any, told: str) -> None:
    with pytest.raises(ValueError, match=f"(?s){told}.*BinaryCrossentropy\\(from_logits=True\\)"):
        inspection.probabilities(model(), X)


def test_several_outputs_are_chosen_by_name_or_place() -> None:
    inputs = gn.Input((3,))
    a = gn.layers.Dense(1, name="a")(inputs)
    b = gn.layers.Dense(2, activation="softmax", name="b")(inputs)
    model = gn.Model(inputs, [a, b])
    model.compile(
        loss={"a": losses.BinaryCrossentropy(from_logits=True), "b": "categorical_crossentropy"}
    )
    predicted = model.predict(X, verbose=0)
    np.testing.assert_allclose(
        inspection.probabilities(model, X, output="a"),
        special.expit(predicted[0].astype(float)), rtol=1e-6,
    )  # fmt: skip
    np.testing.assert_array_equal(inspection.probabilities(model, X, output=1), predicted[1])
    for wrong in (None, "c", 2):
        with pytest.raises(ValueError, match="output: expected one of 'a', 'b'"):
            inspection.probabilities(model, X, output=wrong)


def test_not_a_number_is_refused() -> None:
    model = network(1, "sigmoid")
    x = X.copy()
    x[2, 0] = np.nan
    with pytest.raises(ValueError, match="NaN for 1 of 7 examples"):
        inspection.probabilities(model, x)
    with pytest.raises(TypeError, match="expected a model"):
        inspection.probabilities(X, X)  # type: ignore[arg-type]
