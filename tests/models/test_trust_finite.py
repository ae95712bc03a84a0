"""The first value that is not finite, planted wherever it can arise."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import layers
from glassnet.models.guard import all_finite

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 3)).astype("float32")
Y = RNG.normal(size=(32, 1)).astype("float32")
Dense = layers.Dense


def stack(*parts: layers.Layer) -> gn.Sequential:
    return gn.Sequential([gn.Input((3,)), *parts], name="net")


def function(of: Callable[[Any], Any], name: str) -> layers.Lambda:
    return layers.Lambda(of, name=name)


def zeros(units: int) -> layers.Dense:
    return Dense(units, kernel_initializer="zeros")


def state(model: gn.Model) -> list[bytes]:
    metrics = [v for metric in model.metrics for v in metric.variables]
    return [v.value.tobytes() for v in (*model.weights, *model.optimizer.variables, *metrics)]


def explanation(model: gn.Model, *data: Any, optimizer: Any = "sgd", loss: Any = "mse",
                **options: Any) -> str:  # fmt: skip
    """Train until it stops; check that the failed step changed nothing; return what was said."""
    if not model.compiled:
        model.compile(optimizer, loss, metrics=["mae"])
    before: list[Any] = []

    def note(batch: int, logs: object) -> None:
        before[:] = [state(model), model.progress.seen]

    watch = gn.callbacks.LambdaCallback(on_train_batch_begin=note)
    given = {"batch_size": 8} if len(data) == 2 else {}
    with pytest.raises(gn.errors.NonFiniteError) as caught:
        model.fit(*data, shuffle=False, verbose=0, callbacks=[watch], **given, **options)
    assert caught.value.__suppress_context__
    assert [state(model), model.progress.seen] == before
    return str(caught.value)


FORWARD = {
    "log": (np.log, "op 'log'", "logarithm"),
    "sqrt": (np.sqrt, "op 'sqrt'", "root of a negative"),
    "divide": (lambda z: 1 / (z * 0), "op 'divide'", "division by 0"),
    "exp": (lambda z: np.exp(z * 500), "op 'exp'", "exponential"),
}


@pytest.mark.parametrize("name", FORWARD)
def test_in_a_layer(name: str) -> None:
    of, op, cause = FORWARD[name]
    text = explanation(stack(Dense(2), function(of, "bad"), Dense(1)), X, Y)
    assert text.startswith(f"Training stopped at step 1 (epoch 1): {op} of layer 'net/bad'")
    assert "in the forward pass" in text
    assert cause in text


def test_the_examples_are_named() -> None:
    x = np.abs(X[:8])
    x[[2, 5], 1] = -1.0
    text = explanation(stack(function(np.log, "bad"), Dense(1)), x, Y[:8])
    assert "gave NaN in 2 of 24 entries" in text
    assert "Examples of the batch concerned: 2, 5." in text


@pytest.mark.parametrize("part", [0, 1, 2])
def test_in_a_later_batch_of_a_generator(part: int) -> None:
    def batches() -> Iterator[tuple[np.ndarray, ...]]:
        for step in range(8):
            batch = (X[:8].copy(), Y[:8].copy(), np.ones(8, np.float32))
            if step == 5:
                batch[part][6] = np.inf
            yield batch

    text = explanation(stack(Dense(1)), batches(), steps_per_epoch=4, epochs=2)
    name = ("x", "y", "sample_weight")[part]
    assert text.startswith(f"Training stopped at step 6 (epoch 2): the data, {name}, held infinity")
    assert "concerned: 6." in text


def test_in_the_gradient_alone() -> None:
    model = stack(zeros(2), function(lambda z: np.sqrt(z * z), "root"), Dense(1))
    text = explanation(model, X, Y)
    assert "of layer 'net/root', in the backward pass (the slope of 'sqrt')" in text
    assert "the slope of the root at 0" in text


def test_in_the_loss() -> None:
    text = explanation(stack(Dense(1)), X, Y, loss=gn.losses.LossFunctionWrapper(
        lambda y, p: np.log(p * 0), name="own"))  # fmt: skip
    assert "op 'log' of the loss 'own', in the forward pass, gave infinity" in text


def test_in_a_penalty_and_in_add_loss() -> None:
    text = explanation(stack(Dense(1, kernel_regularizer=lambda w: np.log((w * 0).sum()))), X, Y)
    assert "op 'log' of the loss or the optimizer, in the forward pass" in text

    class Added(layers.Layer):
        def call(self, inputs: Any) -> Any:
            self.add_loss(np.log((inputs * 0).sum()))
            return inputs

    assert "op 'log' of layer 'net/extra'" in explanation(
        stack(Added(name="extra"), Dense(1)), X, Y
    )


def test_in_the_update() -> None:
    text = explanation(stack(Dense(1, kernel_constraint=lambda w: w / (w * 0))), X, Y)
    assert "op 'divide' of the loss or the optimizer, in the backward pass or update" in text


def test_in_the_optimizers_state_alone() -> None:
    # Squares of gradients overflow, so Adam divides by infinity: the weights would stand still.
    text = explanation(stack(Dense(1)), X * 1e12, Y, optimizer="adam")
    assert "step 1 (epoch 1): op 'square'" in text
    assert "inputs are not scaled" in text


def test_in_a_sum_of_gradients() -> None:
    model = stack(zeros(2), function(lambda z: np.sqrt(z * z), "root"), Dense(1))
    text = explanation(model, X, Y, optimizer=gn.optimizers.SGD(gradient_accumulation_steps=3))
    assert "step 1 (epoch 1)" in text
    assert "the slope of 'sqrt'" in text


def test_in_a_statistic_of_batch_normalization() -> None:
    text = explanation(stack(layers.BatchNormalization(name="bn"), Dense(1)), X * 1e30, Y)
    assert "op 'square' of layer 'net/bn'" in text


def test_inside_nested_models() -> None:
    inner = gn.Sequential([gn.Input((4,)), Dense(4), function(np.log, "deep")], name="inner")
    middle = gn.Sequential([gn.Input((4,)), inner], name="middle")
    inputs = gn.Input((3,))
    model = gn.Model(inputs, Dense(1)(middle(Dense(4)(inputs))), name="outer")
    assert "op 'log' of layer 'outer/middle/inner/deep'" in explanation(model, X, Y)


def test_weights_that_hold_nan() -> None:
    model = stack(Dense(1, name="only"))
    model.compile("sgd", "mse")
    model.set_weights([np.full((3, 1), np.nan), np.zeros(1)])
    assert "only/kernel' held NaN in 3 of 3 entries" in explanation(model, X, Y)


def test_numbers_too_large_for_the_models_dtype() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = explanation(stack(Dense(1)), X.astype("float64") * 1e300, Y)
    assert "the data, x, held infinity" in text
    assert "too large for float32" in text


def test_a_metric_may_be_nan() -> None:
    model = stack(Dense(1))
    model.compile("adam", "mse", metrics=[gn.metrics.MeanMetricWrapper(
        lambda y, p: np.log(p[:, 0] * 0 - 1), name="odd")])  # fmt: skip
    history = model.fit(X, Y, epochs=2, verbose=0).history
    assert np.isnan(history["odd"]).all()
    assert np.isfinite(history["loss"]).all()
    # Nor does it hide where the trouble is.
    text = explanation(model, iter([(X, Y), (X * np.nan, Y)]))
    assert "the data, x, held NaN" in text


def test_in_validation() -> None:
    model = stack(Dense(1, kernel_initializer="ones"), function(np.log, "log"))
    model.compile(gn.optimizers.SGD(1e-4), "mse")
    good, bad = np.abs(X), -np.abs(X)
    with pytest.raises(gn.errors.NonFiniteError) as caught:
        model.fit(good, Y, epochs=2, verbose=0, validation_data=(bad, Y))
    assert str(caught.value).startswith(
        "The validation after step 1 (epoch 1) stopped training: op 'log' of layer 'net/log'"
    )
    quiet = model.fit(good, Y, epochs=3, verbose=0, validation_data=(bad, Y),
                      callbacks=[gn.callbacks.TerminateOnNaN()])  # fmt: skip
    assert quiet.epoch == [0]
    with pytest.raises(ValueError, match=r"x of validation_data holds nan at \[0, 0\]"):
        model.fit(good, Y, verbose=0, validation_data=(bad * np.nan, Y))


def test_training_goes_on_after_a_bad_batch() -> None:
    model, clean = (
        stack(Dense(1, kernel_initializer="ones")),
        stack(Dense(1, kernel_initializer="ones")),
    )
    for made in (model, clean):
        made.compile("adam", "mse")
    model.train_on_batch(X, Y)
    with pytest.raises(gn.errors.NonFiniteError, match=r"step 2 \(epoch 1\): the data, x"):
        model.train_on_batch(X * np.nan, Y)
    model.train_on_batch(X, Y)
    for _ in range(2):
        clean.train_on_batch(X, Y)
    assert state(model) == state(clean)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_check_sees_every_entry_and_warns_of_nothing(dtype: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        huge = np.full((3, 5), np.finfo(dtype).max, dtype)
        assert all_finite([np.float32(1)], [huge, huge])
        assert all_finite([], [])
        for bad in (np.nan, np.inf, -np.inf):
            for place in [(0, 0), (2, 4)]:
                weight = huge.copy()
                weight[place] = bad
                assert not all_finite([np.float32(1)], [huge, weight])
            assert not all_finite([np.float32(bad)], [huge])
