"""Mistakes that people make, each with one clear error."""

from __future__ import annotations

import numpy as np
import pytest

import glassnet as gn
from glassnet import layers

X = np.random.default_rng(0).normal(size=(10, 3))


def model_of(*stack: layers.Layer, shape: tuple[int, ...] = (3,), loss: object = "mse",
             **kwargs: object) -> gn.Sequential:  # fmt: skip
    model = gn.Sequential([gn.Input(shape), *stack])
    model.compile("sgd", loss, **kwargs)  # type: ignore[arg-type]
    return model


def sparse() -> gn.losses.Loss:
    return gn.losses.SparseCategoricalCrossentropy(from_logits=True)


def test_features_by_examples() -> None:
    model = model_of(layers.Dense(1))
    with pytest.raises(ValueError, match=r"expected \(m, 3\); got .*features by examples.*x\.T"):
        model.predict(np.zeros((3, 10)), verbose=0)


def test_wrong_width() -> None:
    with pytest.raises(ValueError, match=r"expected \(m, 3\); got \(10, 5\)"):
        model_of(layers.Dense(1)).predict(np.zeros((10, 5)), verbose=0)


def test_wrong_rank() -> None:
    with pytest.raises(ValueError, match=r"Flatten the examples"):
        model_of(layers.Dense(1)).predict(np.zeros((10, 3, 3)), verbose=0)


def test_a_single_example() -> None:
    with pytest.raises(ValueError, match=r"x\[None\]"):
        model_of(layers.Dense(1)).predict(np.zeros(3), verbose=0)


def test_images_without_channels() -> None:
    model = model_of(layers.Conv2D(2, 3), shape=(8, 8, 3))
    with pytest.raises(ValueError, match=r"expected \(m, 8, 8, 3\); got"):
        model.predict(np.zeros((4, 8, 8)), verbose=0)
    grey = model_of(layers.Conv2D(2, 3), shape=(8, 8, 1))
    assert grey.predict(np.zeros((4, 8, 8)), verbose=0).shape == (4, 6, 6, 2)


@pytest.mark.parametrize("labels", [np.arange(10), np.arange(10) - 5])
def test_labels_out_of_range(labels: np.ndarray) -> None:
    model = model_of(layers.Dense(3), loss=sparse())
    with pytest.raises(ValueError, match=r"(?s)output 'dense.*0 (to|\.\.|…|and).*2"):
        model.fit(X, labels, verbose=0)


def test_one_hot_labels_for_a_sparse_loss() -> None:
    model = model_of(layers.Dense(3), loss=sparse())
    with pytest.raises(ValueError, match=r"CategoricalCrossentropy|categorical_crossentropy"):
        model.fit(X, np.eye(3)[np.zeros(10, int)], verbose=0)


def test_class_numbers_for_a_categorical_loss() -> None:
    loss = gn.losses.CategoricalCrossentropy(from_logits=True)
    with pytest.raises(ValueError, match=r"[sS]parse"):
        model_of(layers.Dense(3), loss=loss).fit(X, np.zeros(10, int), verbose=0)


def test_a_column_against_a_row_is_resolved() -> None:
    y = X[:, 0]
    flat, column = model_of(layers.Dense(1)), model_of(layers.Dense(1))
    column.set_weights(flat.get_weights())
    assert flat.evaluate(X, y, verbose=0) == pytest.approx(
        column.evaluate(X, y[:, None], verbose=0), rel=1e-6
    )


def test_a_vector_against_several_outputs_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(m,\)|\(10,\)"):
        model_of(layers.Dense(4)).fit(X, X[:, 0], verbose=0)


def test_targets_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="2"):
        model_of(layers.Dense(4)).fit(X, X[:, :2], verbose=0)


@pytest.mark.parametrize(
    ("make", "nearest"),
    [
        (lambda: layers.Dense(1, activation="rellu"), "relu"),
        (lambda: layers.Dense(1, kernel_initializer="he_norml"), "he_normal"),
        (lambda: layers.Dense(1, kernel_regularizer="l22"), "l2"),
        (lambda: model_of(layers.Dense(1), loss="mean_square_error").fit(X, X[:, 0], verbose=0),
         "mean_squared_error"),
        (lambda: model_of(layers.Dense(1), metrics=["acuracy"]).fit(X, X[:, 0], verbose=0),
         "accuracy"),
        (lambda: gn.optimizers.get("adm"), "adam"),
        (lambda: gn.Sequential([gn.Input((3,)), layers.Dense(1)]).compile("adamm", "mse"), "adam"),
    ],
)  # fmt: skip
def test_unknown_names_get_the_nearest(make, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"Did you mean '{nearest}'"):
        make()


def test_unknown_arguments_are_told() -> None:
    with pytest.raises(TypeError, match=r"no argument 'unit'.*units"):
        layers.Dense(3, unit=4)


@pytest.mark.parametrize("units", [0, -3, 2.5, "4", None, True])
def test_units_are_checked(units: object) -> None:
    with pytest.raises(ValueError, match="units is a whole number above 0"):
        layers.Dense(units)  # type: ignore[arg-type]


def test_a_layer_before_it_is_built() -> None:
    layer = layers.Dense(3)
    assert layer.get_weights() == []
    with pytest.raises(ValueError, match="not built yet: call it once"):
        layer.set_weights([np.zeros((2, 3)), np.zeros(3)])
    with pytest.raises(ValueError, match="not built"):
        layer.count_params()
    with pytest.raises(AttributeError, match="never called"):
        _ = layer.output


def test_weights_that_do_not_fit_change_nothing() -> None:
    layer = layers.Dense(3)
    layer(np.zeros((1, 2)))
    before = layer.get_weights()
    with pytest.raises(ValueError, match=r"'dense.*/bias' has shape \(3,\).*got \(4,\)"):
        layer.set_weights([np.ones((2, 3)), np.ones(4)])
    np.testing.assert_array_equal(layer.get_weights()[0], before[0])


def test_logits_where_probabilities_are_expected_and_the_reverse() -> None:
    raw = model_of(layers.Dense(3), loss="sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="from_logits=True"):
        raw.fit(X, np.zeros(10, int), verbose=0)
    twice = model_of(layers.Dense(3, activation="softmax"), loss=sparse())
    with pytest.raises(ValueError, match="from_logits"):
        twice.fit(X, np.zeros(10, int), verbose=0)


def test_softmax_over_one_unit() -> None:
    model = model_of(layers.Dense(1, activation="softmax"), loss="categorical_crossentropy")
    with pytest.raises(ValueError, match="sigmoid"):
        model.fit(X, np.ones((10, 1)), verbose=0)


def test_empty_data_everywhere() -> None:
    model = model_of(layers.Dense(1))
    for call in (lambda: model.fit(X[:0], X[:0, :1]), lambda: model.predict(X[:0]),
                 lambda: model.evaluate(X[:0], X[:0, :1])):  # fmt: skip
        with pytest.raises(ValueError, match="data are empty"):
            call()


def test_texts_are_told() -> None:
    with pytest.raises(TypeError, match="Turn texts"):
        model_of(layers.Dense(1)).predict(np.array([["a", "b", "c"]]), verbose=0)


def test_wrong_callbacks() -> None:
    with pytest.raises(TypeError, match="no Callback"):
        model_of(layers.Dense(1)).fit(X, X[:, :1], callbacks=[print], verbose=0)
