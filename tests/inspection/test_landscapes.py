"""Landscapes: the middle is what evaluate tells, filters are normalised, paths are projected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import inspection
from glassnet.inspection.landscapes import filter_normalized
from glassnet.inspection.losses import EvaluatedLoss

RNG = np.random.default_rng(11)
X = RNG.normal(size=(30, 2)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
L = gn.layers


def classifier(**options: Any) -> gn.Model:
    gn.utils.set_random_seed(5)
    model = gn.Sequential(
        [gn.Input((2,)), L.Dense(4, "tanh", kernel_regularizer="l2"), L.Dropout(0.5),
         L.BatchNormalization(), L.Dense(1, "sigmoid")]
    )  # fmt: skip
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"], **options)
    model.fit(X, Y, epochs=2, verbose=0)
    return model


def held(model: gn.Model) -> list[bytes]:
    return [v.value.tobytes() for v in (*model.weights, *model.optimizer.variables)]


def loss_at(model: gn.Model, vector: np.ndarray, **options: Any) -> float:
    """The loss with other trainable weights, put in by hand and taken out again."""
    kept = [v.value for v in model.trainable_weights]
    ends = np.cumsum([v.size for v in kept])[:-1]
    for v, part in zip(model.trainable_weights, np.split(vector, ends), strict=True):
        v.assign(part.reshape(v.shape).astype(np.float32))
    found = model.evaluate(X, Y, verbose=0, return_dict=True, **options)["loss"]
    for v, old in zip(model.trainable_weights, kept, strict=True):
        v.assign(old)
    return float(found)


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("batch_size", [None, 7])
def test_the_middle_is_the_loss_that_evaluate_tells(
    directions: int, batch_size: int | None
) -> None:
    model = classifier()
    weight = RNG.uniform(0.5, 2, 30)
    found = inspection.loss_landscape(
        model, X, Y, sample_weight=weight, directions=directions, cells=3, batch_size=batch_size
    )
    told = model.evaluate(X, Y, sample_weight=weight, verbose=0, return_dict=True)["loss"]
    middle = found.losses[1] if directions == 1 else found.losses[1, 1]
    assert found.loss == middle == pytest.approx(told, rel=1e-6)


def test_other_places_are_the_loss_of_moved_weights() -> None:
    model = classifier()
    found = inspection.loss_landscape(model, X, Y, cells=3, span=0.7, seed=4)
    assert found.b is not None
    for i, j in ((0, 0), (0, 2), (2, 1)):
        moved = found.centre + found.b[i] * found.directions[1] + found.a[j] * found.directions[0]
        assert found.losses[i, j] == pytest.approx(loss_at(model, moved), rel=1e-5)
    assert found.a.tolist() == [-0.7, 0, 0.7]
    curve = inspection.loss_landscape(model, X, Y, directions=1, cells=3, span=0.7, seed=4)
    np.testing.assert_allclose(curve.losses, found.losses[1], rtol=1e-6)


def test_filters_are_as_long_as_those_of_the_model() -> None:
    """Dense: a column; convolution: a kernel a channel; embedding: a row; biases and norms: 0."""
    inputs = gn.Input((6, 6, 2))
    z = L.Conv2D(3, 2, name="conv")(inputs)
    z = L.BatchNormalization()(z)
    z = L.DepthwiseConv2D(2, depth_multiplier=2, name="depth")(z)
    z = L.Conv2DTranspose(4, 2, name="up")(z)
    z = L.Dense(5, name="dense")(L.Flatten()(z))
    words = gn.Input((1,), dtype="int32")
    z = L.Concatenate()([z, L.Flatten()(L.Embedding(7, 3, name="words")(words))])
    model = gn.Model([inputs, words], L.LayerNormalization()(z))
    (direction,) = filter_normalized(model, 1, seed=0)
    ends = np.cumsum([v.value.size for v in model.trainable_weights])[:-1]
    seen = set()
    for v, part in zip(model.trainable_weights, np.split(direction, ends), strict=True):
        u, w = part.reshape(v.value.shape), v.value
        own = str(v.path).split("/")[0]
        within = {"conv": (0, 1, 2), "depth": (0, 1), "up": (0, 1, 3), "dense": (0,), "words": (1,)}
        if w.ndim == 1:
            assert not u.any()
            continue
        seen.add(own)
        lengths = [np.sqrt((a.astype(float) ** 2).sum(axis=within[own])) for a in (u, w)]
        np.testing.assert_allclose(*lengths, rtol=1e-6)
        assert np.abs(u - w).max() > 0.01
    assert seen == set(within)


def test_seeds_fix_the_directions() -> None:
    model = classifier()
    first, again, other = (filter_normalized(model, 2, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.abs(first[0] - first[1]).max() > 0.01


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_weights_are_the_same_bits_afterwards_also_on_errors(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = classifier()
    before, arrays = held(model), [v.value for v in model.weights]
    path = [model.get_weights() for _ in range(3)]
    path[0] = [w + 1 for w in path[0]]
    inspection.loss_landscape(model, X, Y, cells=3)
    inspection.training_path(model, X, Y, path, cells=3)
    assert held(model) == before

    calls = []

    def interrupted(self: Any, w: np.ndarray) -> float:
        calls.append(1)
        if len(calls) == 5:
            raise error
        return 0.0

    monkeypatch.setattr(EvaluatedLoss, "__call__", interrupted)
    for run in (
        lambda: inspection.loss_landscape(model, X, Y, cells=3),
        lambda: inspection.training_path(model, X, Y, path, cells=3),
    ):
        calls.clear()
        with pytest.raises(error):
            run()
        assert held(model) == before
        assert all(v.value is a for v, a in zip(model.weights, arrays, strict=True))


# --- paths ------------------------------------------------------------------------------------
def trained() -> tuple[gn.Model, list[list[np.ndarray]]]:
    model = classifier()
    recorder = gn.callbacks.Recorder()
    model.fit(X, Y, epochs=6, verbose=0, callbacks=[recorder])
    return model, recorder


def trainable(model: gn.Model, weights: list[np.ndarray]) -> np.ndarray:
    moved = {id(v) for v in model.trainable_weights}
    pairs = zip(model.weights, weights, strict=True)
    return np.concatenate([w.ravel() for v, w in pairs if id(v) in moved]).astype(float)


def test_a_path_lies_on_its_principal_components() -> None:
    """Held against the eigenvectors of the covariance of the differences to the last weights."""
    model, recorder = trained()
    found = inspection.training_path(model, X, Y, recorder, cells=4)
    joined = np.stack([trainable(model, w) for w in recorder.weights])
    differences = joined - joined[-1]
    values, vectors = np.linalg.eigh(np.cov(differences.T))
    first, second = vectors[:, -1], vectors[:, -2]
    for axis, vector in ((0, first), (1, second)):
        along = differences @ vector
        sign = 1 if along[0] <= along[-1] else -1
        np.testing.assert_allclose(found.points[:, axis], sign * along, atol=1e-7)
    np.testing.assert_allclose(found.plane.shares, values[[-1, -2]] / values.sum(), rtol=1e-6)
    assert found.points[-1].tolist() == [0, 0]
    assert found.steps == tuple(recorder.steps)
    assert found.a[0] < found.points[:, 0].min() < found.points[:, 0].max() < found.a[-1]


def test_losses_along_a_path_and_about_it() -> None:
    model, recorder = trained()
    found = inspection.training_path(model, X, Y, recorder.weights, cells=3)
    for loss, weights in zip(found.path_losses, recorder.weights, strict=True):
        assert loss == pytest.approx(loss_at(model, trainable(model, weights)), rel=1e-5)
    told = model.evaluate(X, Y, verbose=0, return_dict=True)["loss"]
    assert found.path_losses[-1] == pytest.approx(told, rel=1e-6)
    u, v = found.plane.directions
    corner = found.plane.centre + found.a[0] * u + found.b[2] * v
    assert found.losses[2, 0] == pytest.approx(loss_at(model, corner), rel=1e-5)
    assert found.steps is None


def test_a_path_may_be_of_the_trainable_weights_alone() -> None:
    model, recorder = trained()
    moved = [[w for v, w in zip(model.weights, weights, strict=True)
              if any(v is t for t in model.trainable_weights)]
             for weights in recorder.weights]  # fmt: skip
    whole = inspection.training_path(model, X, Y, recorder, cells=2)
    part = inspection.training_path(model, X, Y, moved, cells=2)
    np.testing.assert_array_equal(part.losses, whole.losses)


# --- errors -----------------------------------------------------------------------------------
def linear(**options: Any) -> gn.Model:
    model = gn.Sequential([gn.Input((2,)), L.Dense(1, **options)])
    model.compile(loss="mse")
    return model


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"directions": 3}, "directions is 1 or 2; got 3"),
        ({"span": 0}, "span: expected a number above 0"),
        ({"cells": 4}, "cells is an odd number.*write 5"),
        ({"batch_size": 0}, "batch_size: expected a whole number of at least 1"),
    ],
)
def test_wrong_numbers_are_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        inspection.loss_landscape(linear(), X, Y, **options)


def test_models_that_have_no_landscape_are_told() -> None:
    bare = gn.Sequential([gn.Input((2,)), L.Dense(1)])
    with pytest.raises(ValueError, match="needs a loss first"):
        inspection.loss_landscape(bare, X, Y)
    with pytest.raises(ValueError, match="every direction is zero"):
        inspection.loss_landscape(linear(kernel_initializer="zeros"), X, Y)
    frozen = linear()
    frozen.trainable = False
    with pytest.raises(ValueError, match="no trainable weights"):
        inspection.loss_landscape(frozen, X, Y)
    with pytest.raises(ValueError, match="data is missing"):
        inspection.loss_landscape(linear(), X, None)
    infinite = linear(kernel_initializer=gn.initializers.Constant(1e30))
    with pytest.raises(ValueError, match="loss of the model itself is not finite"):
        inspection.loss_landscape(infinite, X, Y)
    with pytest.raises(TypeError, match="expected a model; got int"):
        inspection.loss_landscape(3, X, Y)


def test_wrong_paths_are_told() -> None:
    model = linear()
    weights = model.get_weights()
    for path, message in (
        ([weights] * 2, "at least three points; got 2"),
        ([weights] * 3, "all points of the path are the same"),
        (
            [[np.zeros(3)]] * 3,
            r"point 0 of the path: expected 2 arrays.*\(2, 1\), \(1,\); got \(3,\)",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            inspection.training_path(model, X, Y, path)
    for wrong in (model, None, "path"):
        with pytest.raises(TypeError, match="expected the weights along the training"):
            inspection.training_path(model, X, Y, wrong)
    with pytest.raises(TypeError, match="expected a list of arrays; got int"):
        inspection.training_path(model, X, Y, [1, 2, 3])


def test_one_weight_has_no_surface() -> None:
    model = gn.Sequential([gn.Input((1,)), L.Dense(1, use_bias=False)])
    model.compile(loss="mse")
    with pytest.raises(ValueError, match="the model has one weight"):
        inspection.training_path(model, X[:, :1], Y, [[np.eye(1) * i] for i in range(3)])
