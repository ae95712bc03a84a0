"""XOR from random starts, in fewer than 100 steps; `benchmarks/xor_starts.py` makes the table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import glassnet as gn

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
Y = np.array([[0], [1], [1], [0]], np.float32)
STARTS = 20


def learnt(optimizer: Any, output: str | None, loss: str, targets: np.ndarray, steps: int) -> int:
    """Return from how many starts a 2-3-1 tanh network learns all four examples."""
    hidden = gn.layers.Dense(3, activation="tanh")
    model = gn.Sequential([gn.Input((2,)), hidden, gn.layers.Dense(1, activation=output)])
    model.compile(optimizer, loss)
    optimizer.build(model.trainable_weights)
    fresh = [v.value.copy() for v in optimizer.variables]
    count = 0
    for seed in range(STARTS):
        rng = np.random.default_rng(seed)
        first, last = rng.uniform(-1.1, 1.1, (2, 3)), rng.uniform(-1.2, 1.2, (3, 1))
        model.set_weights([first, np.zeros(3), last, np.zeros(1)])
        optimizer.set_weights(fresh)
        for _ in range(steps):
            model.train_on_batch(X, targets)
            if right(model, targets):
                count += 1
                break
    return count


def right(model: Any, targets: np.ndarray) -> bool:
    """Tell whether all four outputs are within 0.2 of the distance between the targets."""
    distance = np.abs(np.asarray(model.predict_on_batch(X)) - targets).max()
    return bool(distance < 0.2 * (targets.max() - targets.min()))


@pytest.mark.parametrize(
    ("output", "loss", "targets"),
    [
        (None, "mse", Y),
        ("tanh", "mse", 2 * Y - 1),
        ("sigmoid", "binary_crossentropy", Y),
    ],
    ids=["linear", "tanh", "sigmoid"],
)
def test_levenberg_marquardt_learns_xor(output: str | None, loss: str, targets: np.ndarray) -> None:
    optimizer = gn.optimizers.LevenbergMarquardt()
    assert learnt(optimizer, output, loss, targets, 99) >= 0.9 * STARTS


def test_lbfgs_learns_xor() -> None:
    assert learnt(gn.optimizers.LBFGS(), None, "mse", Y, 99) >= 0.9 * STARTS


def test_gradient_descent_does_not_in_as_many_steps() -> None:
    assert learnt(gn.optimizers.SGD(0.1), None, "mse", Y, 99) < 0.5 * STARTS
