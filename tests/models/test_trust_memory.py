"""Memory stays where it is, whatever is done often; what is no longer used is given back."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import layers
from glassnet.models.model import STEPS_KEPT

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 4)).astype("float32")
Y = X[:, :1].copy()


def network() -> gn.Sequential:
    model = gn.Sequential(
        [
            gn.Input((4,)),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model


def growth(act: Callable[[], object], times: int) -> float:
    """Return the bytes a call left behind, once everything is warm."""
    for _ in range(10):
        act()
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(5):
            act()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(times):
            act()
        gc.collect()
        return (tracemalloc.get_traced_memory()[0] - before) / times
    finally:
        tracemalloc.stop()


def recompiled(model: gn.Model) -> None:
    model.compile("adam", "mse")
    model.train_on_batch(X, Y)


def acts() -> dict[str, tuple[Callable[[], object], int]]:
    model, dense = network(), layers.Dense(3)
    weight, adam = gn.Variable(np.ones(3, np.float32)), gn.optimizers.Adam()
    return {
        "train_on_batch": (lambda: model.train_on_batch(X, Y), 300),
        "predict": (lambda: model.predict(X, verbose=0), 100),
        "evaluate": (lambda: model.evaluate(X, Y, verbose=0), 100),
        "fit": (lambda: model.fit(X, Y, batch_size=16, verbose=0), 40),
        "model(array)": (lambda: model(X), 40),
        "layer(array)": (lambda: dense(X), 100),
        "dropout(array)": (lambda: model.layers[2](X, training=True), 100),
        "recompiled": (lambda: recompiled(model), 10),
        "new model": (lambda: network().fit(X, Y, verbose=0), 10),
        "grad": (lambda: gn.grad(lambda w: (w**2).sum())(np.ones(3)), 100),
        "optimizer": (lambda: adam.apply([np.ones(3, np.float32)], [weight]), 100),
        "metric": (lambda: gn.metrics.AUC().update_state(Y > 0, abs(Y) % 1), 30),
    }


@pytest.mark.parametrize("name", acts())
def test_memory_stays(name: str) -> None:
    act, times = acts()[name]
    # A recorded step takes over 100 kB, a batch 512 bytes: neither may stay. CPython's own cache
    # of attribute names, which is bounded, takes up to 300 bytes a call in the beginning.
    assert growth(act, times) < (2000 if name in ("recompiled", "new model") else 450)


def test_ever_new_sizes_keep_a_bounded_number_of_steps() -> None:
    model = gn.Sequential([gn.Input((None, 3)), layers.GlobalAveragePooling1D(), layers.Dense(1)])
    model.compile("sgd", "mse")
    for length in range(1, STEPS_KEPT + 20):
        x = np.ones((2, length, 3))
        assert model.predict(x, verbose=0).shape == (2, 1)
    assert len(model._steps) == STEPS_KEPT
    batches = [(np.ones((2, length, 3)), np.ones((2, 1))) for length in range(1, STEPS_KEPT + 20)]
    model.fit(iter(batches), verbose=0)
    assert len(model._steps) == STEPS_KEPT


def test_models_are_given_back() -> None:
    def used() -> list[weakref.ref[Any]]:
        model = network()
        stop = gn.callbacks.EarlyStopping("loss", restore_best_weights=True)
        model.fit(X, Y, validation_split=0.5, epochs=2, verbose=0, callbacks=[stop])
        model.predict(X, verbose=0)
        model.evaluate(X, Y, verbose=0)
        model.summary(print_fn=lambda text: None)
        parts = [*model.layers, model.optimizer, *model.metrics]
        return [weakref.ref(part) for part in (model, *parts)]

    references = used()
    gc.collect()
    assert [r() for r in references if r() is not None] == []
