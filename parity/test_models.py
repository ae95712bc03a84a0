"""Agreement with Keras 3: whole networks, drawn from a seed, trained side by side."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import pytest
from drawn_models import Case, drawn_case
from harness import assert_close, draw_weight

import glassnet

# Keras's variables turn into arrays in NumPy's former way.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SINGLE, TRAJECTORY = 1e-5, 1e-4
"""Of the largest entry, in float32: after one pass forward, and along a training."""

CASES = 42
BATCH = 8


def compiled_pair(seed: int) -> tuple[Case, Case]:
    """Return the case in glassnet and in Keras with the same weights."""
    keras.utils.clear_session()
    glassnet.utils.clear_session()
    ours, theirs = drawn_case(glassnet, seed), drawn_case(keras, seed)
    assert_same_weights(ours.model, theirs.model)
    rng = np.random.default_rng(seed)
    values = [moderate(w.name, w.shape, rng) for w in ours.model.weights]
    for case in (ours, theirs):
        case.model.set_weights(values)
        case.model.compile(**case.compiled)
    return ours, theirs


def moderate(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Return a weight under which sums stay moderate.

    A saturated sigmoid is where Keras cuts losses off, and ours goes through the logits.
    """
    drawn = draw_weight(name, shape, rng)
    fan_in = np.prod(shape[:-1]) if len(shape) > 1 else 1
    return (drawn / max(1.0, np.sqrt(fan_in) / 2)).astype("float32")


def assert_same_weights(ours: Any, theirs: Any) -> None:
    for group in ("weights", "trainable_weights", "non_trainable_weights"):
        mine = [(w.path, tuple(w.shape)) for w in getattr(ours, group)]
        hers = [(w.path, tuple(w.shape)) for w in getattr(theirs, group)]
        assert mine == hers, group


@pytest.mark.parametrize("seed", range(CASES))
def test_training_runs_as_in_keras(seed: int) -> None:
    ours, theirs = compiled_pair(seed)
    given = {"shuffle": False, "batch_size": BATCH, "epochs": 4, "verbose": 0}
    assert_same_predictions(ours, theirs, SINGLE)
    assert_same_step(ours, theirs)
    histories = []
    for case in (ours, theirs):
        history = case.model.fit(
            case.x,
            case.y,
            class_weight=case.class_weight,
            sample_weight=case.sample_weight,
            validation_data=(case.x, case.y)
            if case.sample_weight is None
            else (case.x, case.y, case.sample_weight),
            **given,
        )
        histories.append(history.history)
    mine, hers = histories
    assert list(mine) == list(hers)
    for name in hers:
        assert_close(mine[name], hers[name], name, TRAJECTORY)
    assert_same_values(ours, theirs, TRAJECTORY)
    assert_same_predictions(ours, theirs, TRAJECTORY)


def assert_same_step(ours: Case, theirs: Case) -> None:
    """Compare loss, metrics and weights after one training step."""
    logs = []
    for case in (ours, theirs):
        y = (
            {n: v[:BATCH] for n, v in case.y.items()}
            if isinstance(case.y, dict)
            else case.y[:BATCH]
        )
        weight = None if case.sample_weight is None else case.sample_weight[:BATCH]
        logs.append(
            case.model.train_on_batch(
                case.x[:BATCH],
                y,
                sample_weight=weight,
                class_weight=case.class_weight,
                return_dict=True,
            )
        )
    mine, hers = logs
    assert list(mine) == list(hers)
    for name in hers:
        assert_close(mine[name], hers[name], f"{name} of one step", SINGLE)
    assert_same_values(ours, theirs, SINGLE)


def assert_same_values(ours: Case, theirs: Case, tolerance: float) -> None:
    for a, b in zip(ours.model.weights, theirs.model.weights, strict=True):
        assert_close(a.value, np.asarray(b.value), a.path, tolerance)


def assert_same_predictions(ours: Case, theirs: Case, tolerance: float) -> None:
    mine = ours.model.predict(ours.x, batch_size=len(ours.x), verbose=0)
    hers = theirs.model(theirs.x, training=False)
    for name in [h.name for h in ours.heads]:
        a, b = (mine[name], hers[name]) if isinstance(mine, dict) else (mine, hers)
        assert_close(a, np.asarray(b), f"prediction {name}", tolerance)
