"""Memory: arenas near their ideal, and nothing that grows with the steps."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

import glassnet as gn
from glassnet import layers
from glassnet.engines.native import planning
from glassnet.engines.native.planning import Plan

PAGES = Path("/proc/self/statm")
PAGE, MEGABYTE = 4096, 1 << 20
RNG = np.random.default_rng(0)


def plans_of(model: Any) -> list[Plan]:
    """The plans by which a model was trained in compiled code."""
    sessions = [s for step in model._steps.values() for s in getattr(step, "sessions", {}).values()]
    return [plan for s in sessions for plan in s.plans]


def xor() -> tuple[Any, np.ndarray, np.ndarray]:
    """The smallest network there is: one step an epoch."""
    model = gn.Sequential([gn.Input((2,)), layers.Dense(3, "tanh"), layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"], engine="native")
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    return model, x, np.array([[0], [1], [1], [0]], np.float32)


def images() -> tuple[Any, np.ndarray, np.ndarray]:
    """A convolutional network with batch normalization and dropout."""
    model = gn.Sequential(
        [
            gn.Input((12, 12, 1)), layers.Conv2D(8, 3, activation="relu"),
            layers.BatchNormalization(), layers.MaxPooling2D(), layers.Flatten(),
            layers.Dropout(0.3), layers.Dense(10, "softmax"),
        ]
    )  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy", engine="native")
    return model, RNG.normal(size=(320, 12, 12, 1)).astype("float32"), RNG.integers(0, 10, 320)


def deep() -> tuple[Any, np.ndarray, np.ndarray]:
    """Many layers, so that lifetimes are nested."""
    hidden = [layers.Dense(24, "tanh") for _ in range(12)]
    model = gn.Sequential([gn.Input((16,)), *hidden, layers.Dense(1)])
    model.compile(gn.optimizers.RMSprop(0.001), "mse", engine="native")
    x = RNG.normal(size=(300, 16)).astype("float32")
    return model, x, x.sum(1, keepdims=True)


def residual() -> tuple[Any, np.ndarray, np.ndarray]:
    """Values that are needed again long after."""
    inputs = gn.Input((8, 8, 4))
    h = inputs
    for _ in range(3):
        inner = layers.Conv2D(4, 3, padding="same", activation="relu")(h)
        h = layers.Add()([h, layers.Conv2D(4, 3, padding="same")(inner)])
    model = gn.Model(inputs, layers.Dense(1)(layers.GlobalAveragePooling2D()(h)))
    model.compile("adam", "mse", engine="native")
    return model, RNG.normal(size=(96, 8, 8, 4)).astype("float32"), RNG.normal(size=(96, 1))


@pytest.mark.parametrize("make", [xor, images, deep, residual])
@pytest.mark.parametrize("splits", [False, True])
def test_arena_is_near_its_ideal(
    make: Callable[[], Any], splits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "WORTH_OPERATIONS", 0 if splits else 1 << 60)
    model, x, y = make()
    model.fit(x, y, batch_size=64, verbose=0)
    plans = plans_of(model)
    assert any(plan.split for plan in plans) == splits
    for plan in plans:
        for arena in (plan.arena, plan.slice_arena):
            assert arena.nbytes <= 1.5 * arena.ideal, plan


def resident() -> int:
    """The bytes of this process that lie in memory."""
    gc.collect()
    return int(PAGES.read_text().split()[1]) * PAGE


def growth(act: Callable[[], object], times: int) -> int:
    """The bytes by which the process grew over repetitions, once it is warm."""
    act()
    act()
    before = resident()
    for _ in range(times):
        act()
    return resident() - before


@pytest.mark.skipif(not PAGES.exists(), reason="the memory is read from Linux's /proc")
def test_flat_over_ten_thousand_steps() -> None:
    model, x, y = xor()
    # Ten thousand epochs of one step; what a history of 1000 epochs holds is let go each time.
    grown = growth(lambda: model.fit(x, y, epochs=1000, verbose=0), 10)
    assert model.progress.seen >= 10_000
    assert grown < MEGABYTE


@pytest.mark.skipif(not PAGES.exists(), reason="the memory is read from Linux's /proc")
def test_flat_over_epochs_of_a_larger_network() -> None:
    model, x, y = images()
    grown = growth(lambda: model.fit(x, y, batch_size=32, epochs=3, verbose=0), 10)
    assert model.progress.seen >= 300
    assert grown < 2 * MEGABYTE


@pytest.mark.skipif(not PAGES.exists(), reason="the memory is read from Linux's /proc")
def test_flat_over_single_steps() -> None:
    model, x, y = xor()

    def some() -> None:
        for _ in range(200):
            model.train_on_batch(x, y)
            model.predict_on_batch(x)

    assert growth(some, 5) < MEGABYTE
