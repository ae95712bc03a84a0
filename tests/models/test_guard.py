"""The first value that is not finite stops training and is explained."""

from __future__ import annotations

import numpy as np
import pytest

import glassnet as gn
from glassnet import layers

X = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)
Y = np.ones((16, 1), np.float32)


def log_model() -> gn.Sequential:
    model = gn.Sequential(
        [
            gn.Input((3,)),
            layers.Dense(1, kernel_initializer="ones", name="score"),
            layers.Lambda(lambda z: np.log(z), name="log"),
        ]
    )
    model.compile("sgd", "mse")
    return model


def test_layer_op_examples_and_cause_are_named() -> None:
    x = np.abs(X)
    x[[3, 9]] = -1.0
    model = log_model()
    before = model.get_weights()
    with pytest.raises(gn.errors.NonFiniteError) as caught:
        model.fit(x, Y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    text = str(caught.value)
    assert "step 1 (epoch 1)" in text
    assert "op 'log' of layer" in text
    assert "log" in text
    assert "in the forward pass" in text
    assert "Examples of the batch concerned: 3, 9." in text
    assert "the logarithm of 0 or of a negative number" in text
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_rate_that_is_too_high_is_named() -> None:
    model = gn.Sequential([gn.Input((3,)), layers.Dense(1)])
    model.compile(gn.optimizers.SGD(1e6), "mse")
    with pytest.raises(gn.errors.NonFiniteError, match="learning rate is too high"):
        model.fit(X, Y, epochs=50, verbose=0)
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_gaps_in_a_generator_are_found_in_the_step() -> None:
    bad = X.copy()
    bad[5, 1] = np.nan
    model = gn.Sequential([gn.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(gn.errors.NonFiniteError) as caught:
        model.fit(iter([(X, Y), (bad, Y)]), verbose=0)
    assert "step 2" in str(caught.value)
    assert "the data" in str(caught.value)
    assert "concerned: 5." in str(caught.value)


def test_gaps_in_arrays_are_refused_before_training() -> None:
    bad = X.copy()
    bad[5, 1] = np.nan
    model = gn.Sequential([gn.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"x holds nan at \[5, 1\]"):
        model.fit(bad, Y, verbose=0)


def test_a_branch_that_is_not_taken_may_be_infinite() -> None:
    def safe_log(z):
        return np.where(z > 0, np.log(np.where(z > 0, z, 1.0)), np.log(z * 0 + 1))

    model = gn.Sequential(
        [gn.Input((3,)), layers.Dense(1), layers.Lambda(lambda z: np.where(z > 0, 1.0, 0.0) * z)]
    )
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    inputs = gn.Input((3,))
    outputs = layers.Lambda(lambda z: np.where(z > -9, z, np.log(z * 0)))(inputs)
    fine = gn.Model(inputs, layers.Dense(1)(outputs))
    fine.compile("sgd", "mse")
    fine.fit(X, Y, verbose=0)
    del safe_log


def test_the_check_can_be_switched_off() -> None:
    x = np.abs(X)
    x[3] = -1.0
    model = log_model()
    model.compile("sgd", "mse", check_finite=False)
    history = model.fit(x, Y, verbose=0)
    assert np.isnan(history.history["loss"][0])


def test_terminate_on_nan_ends_quietly(capsys: pytest.CaptureFixture[str]) -> None:
    x = np.abs(X)
    x[3] = -1.0
    history = log_model().fit(x, Y, epochs=5, verbose=0, callbacks=[gn.callbacks.TerminateOnNaN()])
    assert len(history.epoch) <= 1
    assert "op 'log'" in capsys.readouterr().out


def test_large_weights_whose_squares_overflow_are_no_fault() -> None:
    model = gn.Sequential([gn.Input((1,)), layers.Dense(1, kernel_initializer="zeros")])
    model.compile(gn.optimizers.SGD(0.0), "mae")
    model.set_weights([np.array([[1e30]], np.float32), np.zeros(1, np.float32)])
    model.fit(np.full((4, 1), 1e-30), np.ones((4, 1)), verbose=0)
