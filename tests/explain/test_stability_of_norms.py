"""Normalisations and norms under the microscope, against decimals and plain NumPy."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from microscope import net, relative, row_of

import glassnet as gn
from glassnet import ops
from glassnet.explain.stability import stability
from glassnet.layers import (
    BatchNormalization,
    Dense,
    Input,
    Lambda,
    Layer,
    LayerNormalization,
    UnitNormalization,
)


def by_the_largest(values, truths):
    """The largest error beside the largest truth: values around 0 are measured so."""
    errors = [abs(Decimal(float(v)) - t) for v, t in zip(values, truths, strict=True)]
    return float(max(errors) / max(map(abs, truths)))


def normalised_by_hand(x, axis, beta=0.0):
    """The errors of (x - mean) / s + beta and of x f + (beta - mean f), f = 1 / s, in float32."""
    one, beta = np.float32(1), np.float32(beta)
    mean = x.sum(axis, keepdims=True) / np.float32(x.shape[axis])
    squares = ((x - mean) ** 2).sum(axis, keepdims=True)
    s = np.sqrt(squares / np.float32(x.shape[axis]) + np.float32(1e-3))
    centred = (x - mean) / s + beta
    folded = x * (one / s) + (beta - mean * (one / s))
    assert centred.dtype == folded.dtype == np.float32
    truth = [
        (Decimal(float(v)) - Decimal(float(m))) / Decimal(float(d)) + Decimal(float(beta))
        for v, m, d in zip(*(a.ravel() for a in np.broadcast_arrays(x, mean, s)), strict=True)
    ]
    return by_the_largest(centred.ravel(), truth), by_the_largest(folded.ravel(), truth)


FAR = (3000 + np.random.default_rng(0).normal(size=(16, 3))).astype(np.float32)


@pytest.mark.parametrize(
    ("layer", "axis", "formulas"),
    [
        (
            BatchNormalization(),
            0,
            ("x f + (beta - mean f), f = gamma / sigma", "gamma (x - mean) / sigma + beta"),
        ),
        (
            LayerNormalization(),
            1,
            ("x f + (beta - mean f), f = gamma / sigma", "gamma (x - mean) / sigma + beta"),
        ),
        (
            BatchNormalization(center=False),
            0,
            ("x f - mean f, f = gamma / sigma", "gamma (x - mean) / sigma"),
        ),
        (
            BatchNormalization(scale=False),
            0,
            ("x f + (beta - mean f), f = 1 / sigma", "(x - mean) / sigma + beta"),
        ),
        (
            BatchNormalization(scale=False, center=False),
            0,
            ("x f - mean f, f = 1 / sigma", "(x - mean) / sigma"),
        ),
    ],
)
def test_a_normalisation_keeps_the_digits_that_the_folded_one_loses(layer, axis, formulas):
    report = stability(net("mse", layer, Dense(1)), FAR, np.zeros((16, 1)))
    row = row_of(report, "normalisation")
    assert tuple(t.formula for t in row.trials) == formulas
    assert row.form == "stable"
    centred, folded = normalised_by_hand(FAR, axis)
    assert folded > 1e-5 > 1e-6 > centred
    assert row.naive.value.worst == pytest.approx(folded, rel=1e-3)
    assert row.run.value.worst == pytest.approx(centred, rel=1e-3)
    assert row.naive.value.lost == pytest.approx(np.log10(folded * 2**23), abs=1e-3)
    assert row.lost < 1
    assert report.losing == ()
    assert "Take the mean out first" in row.advice
    assert row_of(report, "variance").form == "stable"


def test_a_mean_near_0_costs_no_form_its_digits():
    x = (FAR - 3000).astype(np.float32)
    row = row_of(stability(net("mse", BatchNormalization()), x, FAR), "normalisation")
    assert row.naive.value.worst == pytest.approx(normalised_by_hand(x, 0)[1], rel=1e-3)
    assert row.naive.lost < 1
    assert row.lost < 1


def _moments(x):
    mean = np.mean(x, axis=0, keepdims=True)
    return mean, np.mean((x - mean) ** 2, axis=0, keepdims=True) + 1e-3


def _shifted(x):
    mean, variance = _moments(x)
    f = 1 / np.sqrt(variance)
    return x * f + (0.5 - mean * f)


def _subtracted(x):
    mean, variance = _moments(x)
    f = 1 / np.sqrt(variance)
    return f * x - f * mean + 0.5


def _added_first(x):
    mean, variance = _moments(x)
    f = 1 / np.sqrt(variance)
    return x * f + 0.5 - mean * f


@pytest.mark.parametrize("call", [_shifted, _subtracted, _added_first])
def test_a_folded_normalisation_that_runs_is_found(call):
    report = stability(net("mse", Lambda(call)), FAR, np.zeros((16, 3)))
    row = row_of(report, "normalisation")
    assert row.form == "naive"
    assert row in report.losing
    assert row.saved > 2
    centred, folded = normalised_by_hand(FAR, 0, beta=0.5)
    assert row.stable.value.worst == pytest.approx(centred, rel=0.5)  # times 1 / s, not by s
    assert row.stable.value.worst < 1e-6
    if call is _shifted:
        assert row.run.value.worst == pytest.approx(folded, rel=1e-3)
    assert row.run.value.worst > 1e-5
    assert "(x - mean) * f + beta" in row.advice


def test_a_frozen_batch_normalisation_runs_the_folded_form():
    layer = BatchNormalization(moving_mean_initializer=lambda shape, dtype: np.full(shape, 3000.3))
    layer.trainable = False
    row = row_of(stability(net("mse", layer), FAR, np.zeros((16, 3))), "normalisation")
    assert row.form == "naive"
    mean, f = np.float32(3000.3), 1 / np.sqrt(np.float32(1) + np.float32(1e-3))
    truth = [(Decimal(float(v)) - Decimal(float(mean))) * Decimal(float(f)) for v in FAR.ravel()]
    by_hand = by_the_largest((FAR * f - mean * f).ravel(), truth)
    assert by_hand > 1e-5
    assert row.run.value.worst == pytest.approx(by_hand, rel=1e-3)
    assert row.stable.value.worst < 1e-6


@pytest.mark.parametrize(
    ("call", "runs"),
    [
        (lambda x, m, v: (x - m) / np.sqrt(v), "(x - mean) / sigma"),
        (lambda x, m, v: 2 * (x - m) / np.sqrt(v) + 1, "gamma (x - mean) / sigma + beta"),
        (lambda x, m, v: 2 * ((x - m) / (np.sqrt(v) + 1e-3)), "gamma (x - mean) / sigma"),
        (lambda x, m, v: (x - m) * ops.rsqrt(v) + 1, "(x - mean) f + beta"),
        (lambda x, m, v: (x - m) * (2 / np.sqrt(v)) + 1, "(x - mean) f + beta"),
        (lambda x, m, v: 2 * ((x - m) * ops.rsqrt(v)) + 1, "gamma (x - mean) f + beta"),
    ],
)
def test_a_normalisation_written_by_hand_is_told_as_it_runs(call, runs):
    layer = Lambda(lambda x: call(x, *_moments(x)))
    row = row_of(stability(net("mse", layer), FAR, np.zeros((16, 3))), "normalisation")
    assert row.run.formula == runs
    assert row.form == "stable"
    assert row.lost < 1
    assert row.naive.value.lost > 1.5


def test_groups_and_pictures_are_normalised_alike():
    x = (3000 + np.random.default_rng(1).normal(size=(4, 5, 6))).astype(np.float32)
    for layer, by_hand in (
        (gn.layers.GroupNormalization(groups=2), x.reshape(4, 5, 2, 3).swapaxes(1, 2)),
        (BatchNormalization(axis=1), x.swapaxes(0, 1)),
    ):
        model = gn.Sequential([Input((5, 6)), layer])
        model.compile("sgd", "mse")
        report = stability(model, x, x)
        row = row_of(report, "normalisation")
        assert row.form == "stable"
        assert row.lost < 1
        flat = by_hand.reshape(-1, 15) if by_hand.ndim == 4 else by_hand.reshape(5, -1)
        worst = row_of(report, "variance").naive.value.worst
        exact = flat.astype(np.longdouble).var(1)
        one_pass = (flat**2).mean(1) - flat.mean(1) ** 2
        assert min(worst, float(np.max(np.abs(one_pass - exact) / exact))) > 1e-2
        folded = max(normalised_by_hand(line[None], 1)[1] for line in flat)
        assert folded / 3 < row.naive.value.worst < folded * 3  # other sums, other roundings


def test_norms_leave_the_range_of_their_squares():
    x = np.array([[3e25, 4e25, 0], [3, 4, 0]], np.float32)

    class Length(Layer):
        def call(self, x):
            return np.linalg.norm(x, axis=-1, keepdims=True)

    row = row_of(stability(net("mse", Length()), x, np.zeros((2, 1))), "norm")
    assert row.form == "naive"
    assert row.run.value.infinite == 1
    assert row.stable.value.worst < 1e-6


def test_a_norm_that_is_kept_above_0_is_measured_with_its_bound():
    x = np.array([[3e25, 4e25, 0], [3, 4, 0], [0, 0, 0], [3e-13, 0, 0]], np.float32)
    report = stability(net("mse", UnitNormalization()), x, np.zeros((4, 3)))
    row = row_of(report, "norm")
    assert row.form == "naive"
    assert row.run.formula == "sqrt(max(sum(x**2), b))"
    assert (row.run.value.infinite, row.run.value.nan, row.run.value.entries) == (1, 0, 4)
    assert row.stable.value.worst < 1e-6
    assert row in report.losing
    assert max(len(t.formula) for t in row.trials) <= 46  # the width of the narrowest table

    tame = stability(net("mse", UnitNormalization()), x[1:], np.zeros((3, 3)))
    row = row_of(tame, "norm")
    bound = np.float32(1e-12) ** 2
    by_numpy = np.sqrt(np.maximum((x[1:] ** 2).sum(1), bound))
    truth = [Decimal(5), Decimal(float(bound)).sqrt(), Decimal(float(bound)).sqrt()]
    assert row.run.value.worst == pytest.approx(relative(by_numpy, truth), abs=1e-10)
    assert tame.losing == ()


@pytest.mark.parametrize(
    "call",
    [ops.normalize, lambda x: x * ops.rsqrt(np.sum(x * x, axis=-1, keepdims=True))],
)
def test_one_by_a_norm_is_found_too(call):
    x = np.array([[3e25, 4e25, 0], [3, 4, 0]], np.float32)
    report = stability(net("mse", Lambda(call)), x, np.zeros((2, 3)))
    row = row_of(report, "1 / norm")
    assert row in report.losing
    assert row.run.value.all_lost  # 1 / infinity is 0, the truth 2e-26
    assert row.stable.value.worst < 1e-6


def test_a_difference_by_a_root_is_no_normalisation():
    for call in (
        lambda x: (x - x[:, ::-1]) / np.sqrt(1 + np.mean(x**2, axis=0)),  # both sides alike
        lambda x: (x - np.mean(x)) / (1 + x**2),  # by no root
        lambda x: (x - np.mean(x)) / np.sqrt(1 + x**2),  # by the root of each entry
    ):
        report = stability(net("mse", Lambda(call)), FAR / 3000, np.zeros((16, 3)))
        assert [r for r in report.rows if r.op == "normalisation"] == []


def test_what_comes_after_a_normalisation_is_no_part_of_it():
    inputs = Input((3,))
    normalised = BatchNormalization(center=False, name="norm")(inputs)
    model = gn.Model(inputs, gn.layers.Add()([normalised, inputs]))
    model.compile("sgd", "mse")
    row = row_of(stability(model, FAR, FAR), "normalisation")
    assert row.scope.endswith("norm")
    assert row.run.formula == "gamma (x - mean) / sigma"
