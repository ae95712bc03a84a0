"""Activations as curves: derivatives against difference quotients, kinks where they are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import inspection
from glassnet.activations import ACTIVATIONS

CURVES = {curve.name: curve for curve in inspection.activation_curves()}


def test_every_registered_activation_has_a_curve() -> None:
    assert sorted(CURVES) == sorted(ACTIVATIONS.entries)


def value(name: str, z: np.ndarray) -> np.ndarray:
    """The activation itself, called as the curve says that it was."""
    g, zero, one = ACTIVATIONS.entries[name], np.zeros_like(z), np.ones_like(z)
    calls = {
        "threshold": lambda: g(z, 1.0, 0.0),
        "glu": lambda: np.asarray(g(np.stack([one, z], 1)))[:, 0],
        "softmax": lambda: np.asarray(g(np.stack([z, zero], 1)))[:, 0],
        "log_softmax": lambda: np.asarray(g(np.stack([z, zero], 1)))[:, 0],
        "sparsemax": lambda: np.asarray(g(np.stack([z, zero], 1)))[:, 0],
    }
    return np.asarray(calls.get(name, lambda: g(z))())


@pytest.mark.parametrize("name", CURVES)
def test_derivatives_are_those_of_difference_quotients(name: str) -> None:
    curve = CURVES[name]
    h = 1e-5
    smooth = np.all([np.abs(curve.z - b.place) > 1e-3 for b in curve.breaks] or [[True]], axis=0)
    z = curve.z[np.broadcast_to(smooth, curve.z.shape)]
    quotients = (value(name, z + h) - value(name, z - h)) / (2 * h)
    np.testing.assert_allclose(curve.values, value(name, curve.z), atol=1e-12)
    slopes = curve.slopes[np.isin(curve.z, z)]
    np.testing.assert_allclose(slopes, quotients, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "kinks", "jumps"),
    [
        ("relu", [0], []), ("leaky_relu", [0], []), ("selu", [0], []), ("relu6", [0, 6], []),
        ("hard_sigmoid", [-3, 3], []), ("hard_silu", [-3, 3], []), ("hard_tanh", [-1, 1], []),
        ("soft_shrink", [-0.5, 0.5], []), ("sparse_sigmoid", [-1, 1], []),
        ("sparsemax", [-1, 1], []), ("hard_shrink", [], [-0.5, 0.5]), ("threshold", [], [1]),
    ],
)  # fmt: skip
def test_kinks_and_jumps_are_where_the_formula_has_them(
    name: str, kinks: list[float], jumps: list[float]
) -> None:
    assert CURVES[name].kinks == pytest.approx(kinks, abs=1e-6)
    assert CURVES[name].jumps == pytest.approx(jumps, abs=1e-6)


@pytest.mark.parametrize("name", ["tanh", "elu", "celu", "gelu", "softsign", "sparse_plus",
                                  "softmax", "exponential", "silu", "linear"])  # fmt: skip
def test_smooth_activations_have_none(name: str) -> None:
    assert CURVES[name].breaks == ()


def test_a_kink_off_the_grid_is_found_with_its_limits() -> None:
    def bent(z: Any) -> Any:
        return np.maximum(2 * (z - 0.123456), -(z - 0.123456))

    (found,) = inspection.activation_curve(bent).breaks
    assert found.place == pytest.approx(0.123456, abs=1e-6)
    assert found.slopes == pytest.approx((-1, 2))
    assert not found.jumps


def test_pieces_end_in_their_limits() -> None:
    curve = inspection.activation_curve("hard_shrink", low=-1, high=1, points=5)
    z, y = curve.pieces("values")
    np.testing.assert_allclose(z, [-1, -0.5, np.nan, -0.5, 0, 0.5, np.nan, 0.5, 1], atol=1e-6)
    np.testing.assert_allclose(y, [-1, -0.5, np.nan, 0, 0, 0, np.nan, 0.5, 1], atol=2e-6)
    z, slopes = curve.pieces("slopes")
    np.testing.assert_allclose(slopes, [1, 1, np.nan, 0, 0, 0, np.nan, 1, 1], atol=1e-9)


def test_several_inputs_are_told() -> None:
    assert {n: c.call for n, c in CURVES.items() if c.inputs > 1} == {
        "glu": "glu(1, z)",
        "log_softmax": "log_softmax(z, 0)₁",
        "softmax": "softmax(z, 0)₁",
        "sparsemax": "sparsemax(z, 0)₁",
    }
    sigmoid = 1 / (1 + np.exp(-CURVES["softmax"].z))
    np.testing.assert_allclose(CURVES["softmax"].values, sigmoid, rtol=1e-12)
    np.testing.assert_allclose(CURVES["glu"].values, sigmoid, rtol=1e-12)


def test_layers_and_functions_are_activations_too() -> None:
    layer = inspection.activation_curve(gn.layers.LeakyReLU(0.25), points=5)
    assert layer.values.tolist() == [-1, -0.5, 0, 2, 4]
    own = inspection.activation_curve(lambda z: z * z, low=0, high=2, points=3)
    assert (own.values.tolist(), own.slopes.tolist()) == ([0, 1, 4], [0, 2, 4])


def test_what_is_no_activation_is_told() -> None:
    with pytest.raises(ValueError, match="Did you mean 'tanh'"):
        inspection.activation_curve("tahn")
    with pytest.raises(ValueError, match="high: expected a number above 2"):
        inspection.activation_curve("tanh", low=2, high=1)
    with pytest.raises(TypeError, match=r"gives shape \(\) for \(2, 2\)"):
        inspection.activation_curve(np.sum)
    with pytest.raises(TypeError):
        inspection.activation_curve(3)
