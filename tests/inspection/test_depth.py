"""Signals through depth: against the theory of Glorot, Bengio and He, and a loop in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import glassnet as gn
from glassnet.inspection import signal_flow
from glassnet.inspection.depth import named_initializer


def test_it_is_what_a_loop_gives() -> None:
    flow = signal_flow("tanh", "glorot_normal", depth=4, units=30, examples=50, seed=3)
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 50, 30))
    kernels = [
        np.asarray(gn.initializers.GlorotNormal(seed=4 + i)((30, 30), "float64")) for i in range(4)
    ]
    values = [x]
    for kernel in kernels:
        values.append(np.tanh(values[-1] @ kernel))
    slope, slopes = y, [y]
    for kernel, value in zip(reversed(kernels[1:]), reversed(values[2:]), strict=True):
        slope = (slope * (1 - value**2)) @ kernel.T
        slopes.insert(0, slope)
    np.testing.assert_allclose(flow.forward, [v.std() for v in values[1:]], rtol=1e-10)
    np.testing.assert_allclose(flow.backward, [s.std() for s in slopes], rtol=1e-10)
    np.testing.assert_allclose(flow.weights, np.mean([k.std() for k in kernels]), rtol=1e-10)
    near = [np.mean(np.abs(v) >= 0.98) for v in values[1:]]
    np.testing.assert_allclose(flow.saturated, near)


def test_he_keeps_the_signals_of_a_relu_and_glorot_halves_their_variance() -> None:
    """He et al. 2015: the mean square of A is kept for Var w = 2/n, and halved for 1/n."""
    he = signal_flow("relu", "he_normal", depth=10, units=300, seed=1)
    glorot = signal_flow("relu", "glorot_normal", depth=10, units=300, seed=1)
    assert 0.5 < he.forward[-1] / he.forward[0] < 2
    assert 0.5 < he.backward[0] < 2
    assert glorot.forward[-1] / glorot.forward[0] == pytest.approx(2 ** (-9 / 2), rel=0.4)
    assert glorot.backward[0] == pytest.approx(2 ** (-9 / 2), rel=0.4)
    np.testing.assert_allclose(he.zeros, 0.5, atol=0.15)
    assert he.saturated is None


def test_small_weights_fade_by_a_constant_factor() -> None:
    """Without g the deviation is multiplied by deviation(w) · √n in each layer."""
    small = gn.initializers.RandomNormal(stddev=0.05)
    flow = signal_flow("linear", small, depth=8, units=100, seed=0)
    factors = flow.forward[1:] / flow.forward[:-1]
    np.testing.assert_allclose(factors, 0.05 * 10, rtol=0.15)
    assert flow.initializer == "random_normal"


def test_constants_and_zeros() -> None:
    flow = signal_flow("linear", 0.0, depth=3, units=5)
    assert flow.initializer == "constant(0)"
    assert flow.forward.tolist() == [0, 0, 0]
    assert flow.backward.tolist()[:2] == [0, 0]
    alike = signal_flow("tanh", "ones", depth=2, units=5)
    assert alike.weights == 0


def test_the_global_seed_stays_as_it_is() -> None:
    gn.utils.set_random_seed(5)
    first = gn.initializers.GlorotUniform()((3, 3)).numpy()
    gn.utils.set_random_seed(5)
    signal_flow("relu", "he_uniform", depth=2, units=4)
    signal_flow("relu", gn.initializers.HeNormal(seed=1), depth=2, units=4)
    np.testing.assert_array_equal(gn.initializers.GlorotUniform()((3, 3)).numpy(), first)


def test_layers_have_draws_of_their_own() -> None:
    """With one draw for all layers a linear network would give powers of one matrix."""
    given = gn.initializers.RandomNormal(stddev=1.0, seed=7)
    flow = signal_flow("linear", given, depth=3, units=3, seed=0)
    kernels = [
        np.asarray(gn.initializers.RandomNormal(stddev=1.0, seed=1 + i)((3, 3), "float64"))
        for i in range(3)
    ]
    x = np.random.default_rng(0).normal(size=(2, 200, 3))[0]
    assert flow.forward[2] == pytest.approx((x @ kernels[0] @ kernels[1] @ kernels[2]).std())


def test_names() -> None:
    assert named_initializer("glorot_uniform") == "glorot_uniform"
    assert named_initializer(gn.initializers.HeNormal) == "he_normal"
    assert named_initializer(gn.initializers.Constant(0.5)) == "constant(value=0.5)"
    with pytest.raises(ValueError, match="Did you mean 'he_normal'"):
        signal_flow("relu", "he_norml")
