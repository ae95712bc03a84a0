"""Distributions: against the arrays of a forward pass, at each recorded moment."""

from __future__ import annotations

import numpy as np
import pytest

import glassnet as gn
from glassnet.inspection import distributions, signals

(X, Y), _ = gn.datasets.xor.load_data()


@pytest.fixture
def model() -> gn.Sequential:
    gn.utils.set_random_seed(1)
    made = gn.Sequential(
        [
            gn.Input((2,)),
            gn.layers.Dense(5, "relu", name="cut"),
            gn.layers.Dropout(0.1, name="drop"),
            gn.layers.Dense(3, "tanh", name="bounded"),
            gn.layers.Dense(1, name="output"),
        ]
    )
    made.compile(gn.optimizers.SGD(0.2), "mse")
    return made


def by_hand(weights: list[np.ndarray]) -> list[np.ndarray]:
    w1, b1, w2, b2, w3, b3 = weights
    first = np.maximum(X @ w1 + b1, 0)
    second = np.tanh(first @ w2 + b2)
    return [first, second, second @ w3 + b3]


def test_a_model_as_it_is(model: gn.Sequential) -> None:
    found = distributions(model, X)
    assert [layer.name for layer in found.outputs] == ["cut", "bounded", "output"]
    assert found.gradients == ()
    assert found.losses is None
    assert found.moments == 1
    for layer, expected in zip(found.outputs, by_hand(model.get_weights()), strict=True):
        np.testing.assert_allclose(
            layer.percentiles[0], np.percentile(expected, [5, 25, 50, 75, 95]), atol=1e-6
        )
        assert layer.zeros[0] == np.mean(expected == 0)
        assert layer.dead[0] == np.mean((expected == 0).all(axis=0))
        assert layer.counts.sum() == (expected != 0).sum()
    saturated = np.mean(np.abs(by_hand(model.get_weights())[1]) >= 0.98)
    assert found.outputs[1].saturated == [saturated]
    assert found.outputs[0].saturated is None


def test_a_recording_is_told_moment_by_moment(model: gn.Sequential) -> None:
    recorder = gn.callbacks.Recorder(every=2)
    model.fit(X, Y, epochs=6, batch_size=2, verbose=0, callbacks=[recorder])
    now = model.get_weights()
    found = distributions(recorder, X, Y, which=(0, 50, 100))
    assert found.steps.tolist() == recorder.steps
    assert found.moments == len(recorder.frames) >= 4
    for moment, frame in enumerate(recorder.frames):
        expected = by_hand(frame.weights)
        for layer, array in zip(found.outputs, expected, strict=True):
            ends = [array.min(), np.median(array), array.max()]
            np.testing.assert_allclose(layer.percentiles[moment], ends, atol=1e-6)
        target = Y.reshape(-1, 1)
        slope = 2 * (expected[2] - target) / len(X)  # of the mean of squares, by hand
        ends = [slope.min(), np.median(slope), slope.max()]
        np.testing.assert_allclose(found.gradients[2].percentiles[moment], ends, atol=1e-6)
        assert found.losses[moment] == pytest.approx(np.mean((expected[2] - target) ** 2), abs=1e-6)
    for old, new in zip(now, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_layers_can_be_chosen(model: gn.Sequential) -> None:
    found = distributions(model, X, layers=["drop", "cut"])
    assert [layer.name for layer in found.outputs] == ["drop", "cut"]
    with pytest.raises(ValueError, match="Did you mean 'drop'"):
        distributions(model, X, layers=["dropp"])


def test_histograms_of_derivatives_leave_out_the_outermost(model: gn.Sequential) -> None:
    found = distributions(model, X, Y)
    slopes = signals(model, X, Y)["bounded"].gradient
    slopes = slopes[slopes != 0]
    low, high = np.percentile(slopes, [2.5, 97.5])
    layer = found.gradients[1]
    assert layer.edges[0] == pytest.approx(low)
    assert layer.edges[-1] == pytest.approx(high)
    assert layer.counts.sum() == ((slopes >= low) & (slopes <= high)).sum() == len(slopes) - 2


def test_what_is_no_record_is_told(model: gn.Sequential) -> None:
    with pytest.raises(TypeError, match=r"a model, or the callbacks.Recorder"):
        distributions([1, 2], X)
    with pytest.raises(ValueError, match="percentiles from 0 to 100"):
        distributions(model, X, which=(5, 105))
    with pytest.raises(ValueError, match="knows no model"):
        distributions(gn.callbacks.Recorder(), X)


def test_values_that_are_not_finite_are_no_error(model: gn.Sequential) -> None:
    weights = model.get_weights()
    weights[0][0, 0] = np.inf
    model.set_weights(weights)
    found = distributions(model, X + 1)
    assert not np.isfinite(found.outputs[0].percentiles[0, -1])
    assert not np.isfinite(signals(model, X + 1)["cut"].deviation)
    assert found.outputs[0].counts.sum() > 0
