"""Optimizers in `fit`: scaled losses, averages, schedules, weight decay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import glassnet as gn

X = np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32)
Y = X @ np.array([[1.0], [-2.0], [0.5]], np.float32)


def fitted(optimizer: Any, epochs: int = 3) -> Any:
    gn.utils.set_random_seed(0)
    model = gn.Sequential([gn.Input((3,)), gn.layers.Dense(4, "tanh"), gn.layers.Dense(1)])
    model.compile(optimizer, "mse")
    model.fit(X, Y, epochs=epochs, batch_size=8, shuffle=False, verbose=0)
    return model


def test_a_scaled_loss_gives_the_same_weights() -> None:
    # A power of two is exact in floating point, so the runs are bitwise equal.
    plain = fitted(gn.optimizers.SGD(0.1))
    scaled = fitted(gn.optimizers.SGD(0.1, loss_scale_factor=1024.0))
    for a, b in zip(plain.get_weights(), scaled.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_accumulation_of_k_batches_is_one_batch_k_times_as_large() -> None:
    # The mean of the mean gradients of equal batches is the mean gradient of all.
    optimizer = gn.optimizers.SGD(0.1, gradient_accumulation_steps=4)
    accumulated = fitted(optimizer, epochs=1)
    gn.utils.set_random_seed(0)
    whole = gn.Sequential([gn.Input((3,)), gn.layers.Dense(4, "tanh"), gn.layers.Dense(1)])
    whole.compile(gn.optimizers.SGD(0.1), "mse")
    whole.fit(X, Y, epochs=1, batch_size=32, shuffle=False, verbose=0)
    for a, b in zip(accumulated.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert int(optimizer.iterations) == 1


def test_the_average_stands_at_the_end_of_fit() -> None:
    optimizer = gn.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9)
    model = fitted(optimizer)
    averages = [v.value for v in optimizer.variables if v.path.endswith("average")]
    for weight, average in zip(model.get_weights(), averages, strict=True):
        np.testing.assert_array_equal(weight, average)
    plain = fitted(gn.optimizers.SGD(0.1))
    assert (plain.get_weights()[0] != model.get_weights()[0]).any()


def test_a_schedule_advances_within_fit() -> None:
    optimizer = gn.optimizers.SGD(gn.optimizers.schedules.ExponentialDecay(0.1, 12, 0.5))
    fitted(optimizer)  # 3 epochs of 4 steps
    assert optimizer.learning_rate.item() == pytest.approx(0.05)
    for_four_steps = gn.optimizers.schedules.PiecewiseConstantDecay([3], [0.1, 0.0])
    stopped = fitted(gn.optimizers.SGD(for_four_steps))
    once = fitted(gn.optimizers.SGD(0.1), epochs=1)
    for a, b in zip(stopped.get_weights(), once.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_constraints_hold_after_fit() -> None:
    model = gn.Sequential([gn.Input((3,)), gn.layers.Dense(1, kernel_constraint="non_neg")])
    model.compile(gn.optimizers.SGD(0.1), "mse")
    model.fit(X, Y, epochs=3, verbose=0)
    kernel = model.get_weights()[0].ravel()
    assert (kernel >= 0).all()
    assert kernel[1] == 0  # the true weight is -2
