"""Regularizers and constraints against plain NumPy, their arguments and errors."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest

from glassnet import constraints, regularizers
from glassnet.calculus import grad
from glassnet.graph import Placeholder
from glassnet.graph.dimension import Dim
from glassnet.registry import Configurable, deserialize, serialize

W = np.random.default_rng(0).normal(size=(4, 3))


def test_l1_and_l2() -> None:
    absolute, squares = np.abs(W).sum(), (W**2).sum()
    assert regularizers.L1(0.3)(W).item() == pytest.approx(0.3 * absolute, rel=1e-14)
    assert regularizers.L2(0.3)(W).item() == pytest.approx(0.3 * squares, rel=1e-14)
    both = regularizers.L1L2(0.3, 0.7)(W).item()
    assert both == pytest.approx(0.3 * absolute + 0.7 * squares, rel=1e-14)
    assert regularizers.L1L2()(W).item() == 0


def test_derivatives_of_the_penalties() -> None:
    np.testing.assert_allclose(grad(regularizers.L1(0.3))(W), 0.3 * np.sign(W))
    np.testing.assert_allclose(grad(regularizers.L2(0.3))(W), 0.6 * W)


def test_defaults_are_keras_s() -> None:
    assert regularizers.get("l2").l2 == 0.01
    assert regularizers.get("L1").l1 == 0.01
    assert (regularizers.get("l1_l2").l1, regularizers.get("l1_l2").l2) == (0, 0)
    assert regularizers.L1(None).l1 == 0.01
    assert regularizers.L1L2(None, 0.5).l1 == 0


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_orthogonal_regularizer_is_the_mean_cosine(mode: str) -> None:
    vectors = W if mode == "rows" else W.T
    cosines = [
        abs(a @ b) / np.linalg.norm(a) / np.linalg.norm(b)
        for a, b in itertools.combinations(vectors, 2)
    ]
    found = regularizers.OrthogonalRegularizer(0.5, mode)(W)
    assert found.item() == pytest.approx(0.5 * np.mean(cosines), rel=1e-12)


def test_orthogonal_regularizer_at_zero_and_one_row() -> None:
    zero = grad(regularizers.OrthogonalRegularizer())(np.zeros((3, 2)))
    assert np.isfinite(zero).all()
    assert regularizers.OrthogonalRegularizer()(np.ones((1, 5))).item() == 0
    with pytest.raises(ValueError, match="matrix of known size"):
        regularizers.OrthogonalRegularizer()(np.zeros(3))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: regularizers.L1(-0.1),
        lambda: regularizers.L2(float("nan")),
        lambda: regularizers.L1L2(l2=float("inf")),
        lambda: constraints.MaxNorm(-1),
        lambda: constraints.MinMaxNorm(2.0, 1.0),
        lambda: constraints.MinMaxNorm(rate=1.5),
    ],
)
def test_numbers_out_of_range_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="expected a number"):
        wrong()


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="Did you mean 'rows'"):
        regularizers.OrthogonalRegularizer(mode="row")
    with pytest.raises(ValueError, match="Did you mean 'l2'"):
        regularizers.get("l3")
    with pytest.raises(ValueError, match="Did you mean 'max_norm'"):
        constraints.get("maxnorm")
    with pytest.raises(TypeError, match="L1: l1: expected a number"):
        regularizers.L1("0.1")  # type: ignore[arg-type]


# --- constraints ------------------------------------------------------------------------------
def norms(w: np.ndarray, axis: Any) -> np.ndarray:
    return np.sqrt((w**2).sum(axis=axis, keepdims=True))


@pytest.mark.parametrize("axis", [0, 1, (0, 1)])
def test_constraints_on_the_lengths(axis: Any) -> None:
    length = norms(W, axis)
    # 1e-6 leaves room for the epsilon by which a length of 0 is kept out of the denominator.
    close = {"rtol": 1e-6}
    found = np.asarray(constraints.MaxNorm(1.2, axis)(W))
    np.testing.assert_allclose(found, W * np.minimum(1, 1.2 / length), **close)
    found = np.asarray(constraints.UnitNorm(axis)(W))
    np.testing.assert_allclose(found, W / length, **close)
    found = np.asarray(constraints.MinMaxNorm(1.0, 1.5, 0.25, axis)(W))
    expected = W / length * (0.25 * np.clip(length, 1.0, 1.5) + 0.75 * length)
    np.testing.assert_allclose(found, expected, **close)


def test_non_neg() -> None:
    np.testing.assert_array_equal(np.asarray(constraints.NonNeg()(W)), np.maximum(W, 0))


def test_a_zero_vector_stays_zero() -> None:
    for constraint in (constraints.UnitNorm(), constraints.MaxNorm(), constraints.MinMaxNorm(1, 2)):
        assert not np.asarray(constraint(np.zeros((3, 2)))).any()


BRICKS = [
    *(c() for c in regularizers.REGULARIZERS.entries.values()),
    *(c() for c in constraints.CONSTRAINTS.entries.values()),
    regularizers.L1L2(0.5, 2),
    constraints.MinMaxNorm(0.5, 2, 0.3, axis=(0, 1)),
]


@pytest.mark.parametrize("brick", BRICKS, ids=lambda b: type(b).__name__)
def test_every_brick_survives_json_and_symbols(brick: Configurable) -> None:
    saved = json.loads(json.dumps(serialize(brick)))
    again: Any = deserialize(saved)
    assert type(again) is type(brick)
    assert serialize(again) == serialize(brick)
    np.testing.assert_array_equal(np.asarray(again(W)), np.asarray(brick(W)))  # type: ignore[operator]
    x = Placeholder((Dim.named("m"), 3), np.float32)
    if not isinstance(brick, regularizers.OrthogonalRegularizer):
        assert again(x).dtype == np.float32
    assert brick(W.astype(np.float32)).dtype == np.float32  # type: ignore[operator]
    assert brick(W).dtype == np.float64  # type: ignore[operator]
    assert type(brick).__doc__


def test_keras_s_saved_form() -> None:
    found = regularizers.get({"class_name": "L2", "config": {"l2": 0.5}})
    assert isinstance(found, regularizers.L2)
    assert found.l2 == 0.5
