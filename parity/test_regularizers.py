"""Agreement with Keras 3: penalties, their derivatives, and constraints."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import keras
import numpy as np
import pytest

from glassnet import constraints, regularizers
from glassnet.calculus import grad

# Keras's variables turn into arrays in NumPy's former way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def draw_regularizer(name: str, rng: np.random.Generator) -> dict[str, Any]:
    if name == "OrthogonalRegularizer":
        return {"factor": float(rng.uniform(0, 1)), "mode": str(rng.choice(["rows", "columns"]))}
    keys = {"L1": ["l1"], "L2": ["l2"], "L1L2": ["l1", "l2"]}[name]
    return {k: float(rng.choice([0, rng.uniform(0, 1)])) for k in keys if rng.random() < 0.8}


@pytest.mark.parametrize("draw", range(6))
@pytest.mark.parametrize("name", ["L1", "L2", "L1L2", "OrthogonalRegularizer"])
def test_penalty_and_derivative(name: str, draw: int) -> None:
    rng = np.random.default_rng([draw, *name.encode()])
    arguments = draw_regularizer(name, rng)
    w = rng.normal(0, 1, (5, 4)).astype(np.float32)
    if draw == 0 and name == "OrthogonalRegularizer":
        w[2] = 0
    ours, theirs = (getattr(m, name)(**arguments) for m in (regularizers, keras.regularizers))
    assert ours.get_config() == pytest.approx(theirs.get_config())
    np.testing.assert_allclose(ours(w).numpy(), theirs(jax.numpy.asarray(w)), rtol=1e-5, atol=1e-7)
    slope = jax.grad(lambda t: jax.numpy.asarray(theirs(t)))(w)
    if not np.isnan(slope).any():  # Keras's derivative is no number at a zero row
        np.testing.assert_allclose(grad(ours)(w), slope, rtol=1e-5, atol=1e-6)


def draw_constraint(name: str, rng: np.random.Generator) -> dict[str, Any]:
    axis = [0, 1, -1, (0, 1), (0, 1, 2)][rng.integers(5)]
    return {
        "MaxNorm": {"max_value": float(rng.uniform(0.5, 3)), "axis": axis},
        "UnitNorm": {"axis": axis},
        "NonNeg": {},
        "MinMaxNorm": {
            "min_value": float(rng.uniform(0, 1)),
            "max_value": float(rng.uniform(1, 3)),
            "rate": float(rng.uniform(0, 1)),
            "axis": axis,
        },
    }[name]


@pytest.mark.parametrize("draw", range(6))
@pytest.mark.parametrize("name", ["MaxNorm", "UnitNorm", "NonNeg", "MinMaxNorm"])
def test_constraint(name: str, draw: int) -> None:
    rng = np.random.default_rng([draw, *name.encode()])
    arguments = draw_constraint(name, rng) if draw else {}
    w = rng.normal(0, 1, (3, 4, 2)).astype(np.float32)
    ours, theirs = (getattr(m, name)(**arguments) for m in (constraints, keras.constraints))
    np.testing.assert_allclose(ours(w).numpy(), np.asarray(theirs(w)), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["l1", "l2", "L1L2", "L1", "orthogonal_regularizer"])
def test_names_of_regularizers(name: str) -> None:
    ours, theirs = regularizers.get(name), keras.regularizers.get(name)
    assert type(ours).__name__ == type(theirs).__name__
    assert ours.get_config() == pytest.approx(theirs.get_config())


@pytest.mark.parametrize("name", ["max_norm", "non_neg", "unit_norm", "min_max_norm", "MaxNorm"])
def test_names_of_constraints(name: str) -> None:
    ours, theirs = constraints.get(name), keras.constraints.get(name)
    assert type(ours).__name__ == type(theirs).__name__
    assert ours.get_config() == pytest.approx(theirs.get_config())
