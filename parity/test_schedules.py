"""Agreement with Keras 3: learning rates over the steps, with random arguments."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import pytest

from glassnet import schedules

# Keras's variables turn into arrays in NumPy's former way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NAMES = sorted(schedules.SCHEDULES.entries)


def draw_arguments(name: str, rng: np.random.Generator) -> dict[str, Any]:
    rate, steps = float(rng.uniform(0.001, 1)), int(rng.integers(3, 40))
    some = {
        "ExponentialDecay": {
            "decay_steps": steps,
            "decay_rate": float(rng.uniform(0.3, 1)),
            "staircase": bool(rng.integers(2)),
        },
        "InverseTimeDecay": {
            "decay_steps": steps,
            "decay_rate": float(rng.uniform(0.3, 3)),
            "staircase": bool(rng.integers(2)),
        },
        "PolynomialDecay": {
            "decay_steps": steps,
            "end_learning_rate": float(rng.uniform(0, 0.1)),
            "power": float(rng.choice([0.5, 1, 2])),
            "cycle": bool(rng.integers(2)),
        },
        "CosineDecay": {
            "decay_steps": steps,
            "alpha": float(rng.choice([0, 0.1])),
            "warmup_target": [None, float(rng.uniform(0.5, 2))][rng.integers(2)],
            "warmup_steps": int(rng.integers(1, 20)),
        },
        "CosineDecayRestarts": {
            "first_decay_steps": steps,
            "t_mul": float(rng.choice([1, 2, 1.37])),
            "m_mul": float(rng.uniform(0.5, 1)),
            "alpha": float(rng.choice([0, 0.1])),
        },
    }
    if name == "PiecewiseConstantDecay":
        boundaries = sorted(rng.choice(100, 4, replace=False).tolist())
        return {"boundaries": boundaries, "values": rng.uniform(0, 1, 5).tolist()}
    return {"initial_learning_rate": rate, **some[name]}


@pytest.mark.parametrize("draw", range(10))
@pytest.mark.parametrize("name", NAMES)
def test_rates(name: str, draw: int) -> None:
    rng = np.random.default_rng([draw, *name.encode()])
    arguments = draw_arguments(name, rng)
    ours = getattr(schedules, name)(**arguments)
    theirs = getattr(keras.optimizers.schedules, name)(**arguments)
    assert ours.get_config() == theirs.get_config()
    steps = np.arange(120)
    found = np.array([ours(int(t)).item() for t in steps])
    expected = np.array([float(theirs(int(t))) for t in steps])
    # Keras computes in float32, so at a jump it may be one step late; elsewhere the cosine's
    # rounding is an absolute error.
    jump = np.abs(np.diff(expected, prepend=expected[0])) > 0.2 * np.abs(expected).max()
    near_a_jump = jump | np.roll(jump, -1) if name == "CosineDecayRestarts" else jump & False
    close = np.abs(found - expected) <= 1e-5 * np.abs(expected) + 2e-6
    assert (close | near_a_jump).all(), (arguments, steps[~close], found[~close], expected[~close])
    assert close.mean() > 0.9


@pytest.mark.parametrize("name", NAMES)
def test_defaults(name: str) -> None:
    needed = {
        k: v
        for k, v in draw_arguments(name, np.random.default_rng(0)).items()
        if k not in ("staircase", "end_learning_rate", "power", "cycle", "alpha")
        and not k.startswith(("warmup", "t_mul", "m_mul"))
    }
    ours = getattr(schedules, name)(**needed)
    assert ours.get_config() == getattr(keras.optimizers.schedules, name)(**needed).get_config()
