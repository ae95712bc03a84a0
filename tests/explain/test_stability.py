"""The stability microscope: what it says is held against decimal arithmetic and NumPy by hand."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from microscope import net, relative, row_of

import glassnet as gn
from glassnet import losses, ops
from glassnet.explain.accuracy import WIDE, accuracy, digits_lost
from glassnet.explain.document import Table
from glassnet.explain.stability import stability
from glassnet.graph import OPS
from glassnet.layers import (
    Activation,
    BatchNormalization,
    Dense,
    Dropout,
    Input,
    Lambda,
    Layer,
)

PLUS_MINUS = np.array([[1000, -1000, 1000], [-1000, 1000, 500], [1000, -1000, -1000]], np.float32)
LABELS = np.array([0, 2, 1])
KEPT = 6.93  # the digits of float32: -log10(2**-23)


def exact_loss(logits, label):
    """-log softmax(x)[c], in 80 digits."""
    total = sum(Decimal(float(x)).exp() for x in logits)
    return total.ln() - Decimal(float(logits[label]))


# --- the cross-entropies at ±1000 -----------------------------------------------------------------
CASES = {
    "sparse_softmax_cross_entropy": (losses.SparseCategoricalCrossentropy, LABELS),
    "softmax_cross_entropy": (losses.CategoricalCrossentropy, np.eye(3, dtype="float32")[LABELS]),
    "sigmoid_cross_entropy": (
        losses.BinaryCrossentropy,
        np.array([[1, 0, 0], [1, 1, 1], [0, 1, 0]], np.float32),
    ),
}


@pytest.mark.parametrize("op", CASES)
def test_at_a_thousand_naive_forms_fail_and_the_fused_one_does_not(op):
    kind, y = CASES[op]
    row = row_of(stability(net(kind(from_logits=True)), PLUS_MINUS, y), op)
    assert row.form == "stable"
    assert row.dtype == np.float32
    assert row.span == (-1000, 1000)
    for trial in row.trials[:-1]:
        broken = trial.value.infinite + trial.value.nan
        assert broken or trial.value.all_lost, trial.formula
        assert trial.gradient.infinite + trial.gradient.nan or trial.gradient.all_lost
    assert row.naive.value.infinite + row.naive.value.nan == row.stable.value.entries
    assert row.stable.value.worst < 1e-6
    assert row.stable.gradient.worst < 1e-6
    assert "from_logits=True" in row.advice


@pytest.mark.parametrize("op", CASES)
def test_a_fused_activation_is_told_alike(op):
    kind, y = CASES[op]
    last = Activation("sigmoid" if op.startswith("sigmoid") else "softmax")
    report = stability(net(kind(), last), PLUS_MINUS, y)
    row = row_of(report, op)
    assert row.form == "stable"
    assert row.stable.value.worst < 1e-6
    assert report.losing == ()
    assert row.naive.value.nan


@pytest.mark.parametrize("scale", [1, 30, 300, 1000, 5000])
def test_the_fused_loss_is_right_to_the_last_digits_at_any_scale(scale):
    rng = np.random.default_rng(scale)
    x = (rng.uniform(-1, 1, (200, 5)) * scale).astype(np.float32)
    y = rng.integers(0, 5, 200)
    model = net(losses.SparseCategoricalCrossentropy(from_logits=True), width=5)
    row = row_of(stability(model, x, y), "sparse_softmax_cross_entropy")
    # Rounding x - max(x) costs e^(x - max) so much where the two are not near each other: at ±300
    # they need not be, and e^-90 underflows.
    bound = 1e-6 if scale in (1, 1000, 5000) else 5e-7 + min(2 * scale, 90) * 2.0**-24
    assert row.stable.value.worst < bound
    fused = ops.sparse_categorical_crossentropy(y, x, from_logits=True).tolist()
    truth = [exact_loss(logits, label) for logits, label in zip(x, y, strict=True)]
    assert relative(fused, truth) == pytest.approx(row.stable.value.worst, rel=1e-6)


def test_naive_errors_are_those_that_numpy_makes():
    x = np.random.default_rng(3).uniform(-12, 12, (50, 4)).astype(np.float32)
    y = np.random.default_rng(4).integers(0, 4, 50)
    model = net(losses.SparseCategoricalCrossentropy(from_logits=True), width=4)
    row = row_of(stability(model, x, y), "sparse_softmax_cross_entropy")
    truth = [exact_loss(logits, label) for logits, label in zip(x, y, strict=True)]

    shares = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    e = np.exp(x - x.max(1, keepdims=True))
    softmax = e / e.sum(1, keepdims=True)
    kept = np.clip(softmax, np.float32(1e-7), np.float32(1 - 1e-7))
    for trial, p in zip(row.trials, (shares, softmax, kept), strict=False):
        by_hand = relative(-np.log(p[np.arange(50), y]), truth)
        assert trial.value.worst == pytest.approx(by_hand, rel=1e-3)
        assert trial.value.lost == pytest.approx(np.log10(by_hand * 2**23), abs=1e-3)


def test_the_gradient_is_held_against_decimals():
    x, y = np.array([[3.0, 1.0, -2.0]], np.float32), np.array([1])
    row = row_of(
        stability(net(losses.SparseCategoricalCrossentropy(from_logits=True)), x, y),
        "sparse_softmax_cross_entropy",
    )
    powers = [Decimal(float(v)).exp() for v in x[0]]
    truth = [p / sum(powers) for p in powers]
    truth[1] -= 1
    e = np.exp(x[0] - x[0].max())
    ours = e / e.sum() - np.array([0, 1, 0], np.float32)
    largest = max(map(abs, truth))
    by_hand = max(
        float(abs(Decimal(float(v)) - t) / largest) for v, t in zip(ours, truth, strict=True)
    )
    assert row.stable.gradient.worst == pytest.approx(by_hand, rel=1e-3, abs=1e-12)


# --- other delicate ops ---------------------------------------------------------------------------
def test_the_variance_of_one_pass_is_held_against_fractions():
    x = (1000 + np.random.default_rng(0).normal(size=(16, 3))).astype(np.float32)
    report = stability(net("mse", BatchNormalization(), Dense(1)), x, np.zeros((16, 1)))
    row = row_of(report, "variance")
    assert row.form == "stable"
    assert row.stable.value.worst < 1e-6
    truth = []
    for column in x.T:
        exact = [Fraction(float(v)) for v in column]
        mean = sum(exact) / 16
        truth.append(sum((v - mean) ** 2 for v in exact) / 16)
    one_pass = (x**2).mean(0) - x.mean(0) ** 2
    by_hand = max(
        float(abs(Fraction(float(v)) - t) / t) for v, t in zip(one_pass, truth, strict=True)
    )
    assert by_hand > 1e-3
    assert row.naive.value.worst == pytest.approx(by_hand, rel=1e-3)


@pytest.mark.parametrize(
    ("activation", "op", "x", "broken"),
    [
        ("sigmoid", "sigmoid", 1000.0, True),
        ("tanh", "tanh", -1000.0, True),
        ("softplus", "softplus", 1000.0, True),
        ("softmax", "softmax", 1000.0, True),
        ("log_softmax", "log_softmax", 1000.0, True),
        ("elu", "expm1", -1e-6, False),
        (ops.log1p, "log1p", 1e-9, False),
        (lambda x: x - ops.logsumexp(x, -1, keepdims=True), "logsumexp", 1000.0, True),
        (lambda x: np.logaddexp(x, 0.0), "logaddexp", 1000.0, True),
        (lambda x: np.hypot(x, 1.0), "hypot", 1e30, True),
    ],
)
def test_every_delicate_op_has_its_trap_sprung(activation, op, x, broken):
    inputs = np.array([[x, 0.25, -0.5]], np.float32)
    row = row_of(stability(net("mse", Activation(activation)), inputs, np.zeros((1, 3))), op)
    assert row.form == "stable"
    assert row.stable.value.worst < 3e-7
    if broken:
        assert row.naive.value.infinite + row.naive.value.nan > 0
    else:
        assert row.naive.value.lost > 3


def test_the_slope_of_a_saturated_sigmoid_is_told():
    x = np.array([[15.0, 15.0, 15.0]], np.float32)  # s (1 - s) cancels; the truth is 3e-7
    row = row_of(stability(net("mse", Activation("sigmoid")), x, np.zeros((1, 3))), "sigmoid")
    s = np.float32(1) / (1 + np.exp(-x[0, 0]))
    e = Decimal(-15).exp()
    truth = e / (1 + e) ** 2
    by_hand = float(abs(Decimal(float(s * (1 - s))) - truth) / truth)
    assert by_hand > 1e-3
    assert row.stable.gradient.worst == pytest.approx(by_hand, rel=1e-3)
    assert row.stable.value.worst < 1e-7


@pytest.mark.parametrize("name", sorted(OPS))
def test_naive_forms_say_the_same_on_tame_numbers(name):
    for sample in OPS[name].samples():
        told = sample.op.stability()
        if told is None:
            return
        for form in told.naive:
            np.testing.assert_allclose(
                form.compute(*map(ops.convert_to_tensor, sample.inputs)).numpy(),
                sample.op.value(np, *sample.inputs),
                rtol=1e-6,
                err_msg=form.formula,
            )


# --- what the network itself runs -----------------------------------------------------------------
class Shares(Layer):
    def call(self, x):
        return np.exp(x) / np.sum(np.exp(x), axis=-1, keepdims=True)


class ShiftedShares(Layer):
    def call(self, x):
        e = np.exp(x - np.max(x, axis=-1, keepdims=True))
        return e / np.sum(e, axis=-1, keepdims=True)


def log_loss(y, p):
    return -np.mean(np.sum(y * np.log(p), axis=-1))


def guarded_log_loss(y, p):
    return -np.sum(y * np.log(p + 1e-7), axis=-1)


def two_sided(y, p):
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


HOT = np.eye(3, dtype="float32")[LABELS]


@pytest.mark.parametrize(
    ("loss", "layer", "y", "op", "mend"),
    [
        (log_loss, Activation("softmax"), HOT, "cross-entropy of probabilities", "from_logits"),
        (guarded_log_loss, Activation("softmax"), HOT, "cross-entropy of probabilities", "logits"),
        (two_sided, Activation("sigmoid"), HOT, "cross-entropy of probabilities", "from_logits"),
        ("categorical_crossentropy", Shares(), HOT, "cross-entropy of probabilities", "logits"),
        ("sparse_categorical_crossentropy", Shares(), LABELS, "cross-entropy of probabilities", ""),
        ("categorical_crossentropy", Shares(), HOT, "softmax", "np.exp(x - x.max"),
        ("mse", Lambda(lambda x: np.log(ops.softmax(x))), HOT, "log of softmax", "log_softmax"),
        ("mse", Lambda(lambda x: np.log(ops.sigmoid(x))), HOT, "log of sigmoid", "log_sigmoid"),
        (
            "mse",
            Lambda(lambda x: np.log(1 - ops.sigmoid(x))),
            HOT,
            "log of 1 - sigmoid",
            "softplus",
        ),
        ("mse", Lambda(lambda x: np.log(1 + np.exp(x))), HOT, "softplus", "softplus"),
        ("mse", Lambda(lambda x: np.exp(x) / (1 + np.exp(x))), HOT, "sigmoid", "1 / (1 +"),
        (
            "mse",
            Lambda(lambda x: x - np.log(np.sum(np.exp(x), axis=-1, keepdims=True))),
            HOT,
            "log-sum-exp",
            "logsumexp",
        ),
    ],
)
def test_a_naive_form_that_runs_is_found(loss, layer, y, op, mend):
    report = stability(net(loss, layer), PLUS_MINUS, y)
    row = next(r for r in report.rows if r.op == op and r.form == "naive")
    assert row in report.losing
    assert mend in row.advice
    assert row.run.value.infinite + row.run.value.nan or row.run.value.all_lost
    assert row.stable.value.worst < 1e-6
    assert row.place in str(report)


def test_the_form_that_runs_is_measured_as_it_runs():
    x = np.array([[2000.0, 2001.0, 2003.5]], np.float32)

    class OnePass(Layer):
        def call(self, x):
            mean = np.mean(x, axis=-1, keepdims=True)
            return np.mean(x * x, axis=-1, keepdims=True) - mean**2

    row = row_of(stability(net("mse", OnePass()), x, np.zeros((1, 1))), "variance")
    exact = [Fraction(float(v)) for v in x[0]]
    mean = sum(exact) / 3
    truth = sum((v - mean) ** 2 for v in exact) / 3
    by_hand = np.mean(x * x) - np.mean(x) ** 2
    error = float(abs(Fraction(float(by_hand)) - truth) / truth)
    assert row.form == "naive"
    assert row.run.value.worst == pytest.approx(error, rel=1e-3)


def _crossed(x):
    return np.mean(x**2, axis=0, keepdims=True) - np.mean(x, axis=1, keepdims=True) ** 2


def test_what_only_looks_alike_is_left_alone():
    looks = [
        (ShiftedShares(), "softmax"),  # the maximum is out already
        (Lambda(lambda x: np.log(ops.softmax(x) + 1)), "log of softmax"),  # no guard, a sum
        (Lambda(lambda x: np.exp(x) / np.sum(np.exp(2 * x), axis=-1, keepdims=True)), "softmax"),
        (Lambda(lambda x: np.mean(x**2) - np.mean(x) + x), "variance"),
        (Lambda(lambda x: _crossed(x)), "variance"),
        (Lambda(lambda x: x * np.sum(x) + np.sum(x)), "normalisation"),
        (Lambda(lambda x: x * np.sin(x) + (1 - x * np.exp(x))), "normalisation"),
    ]
    for layer, op in looks:
        report = stability(net("mse", layer), PLUS_MINUS[:3] / 1000, HOT)
        assert [r for r in report.rows if r.op == op and r.form == "naive"] == [], op


def test_the_worst_row_is_the_one_that_runs_worst():
    report = stability(net(log_loss, Activation("softmax")), PLUS_MINUS, HOT)
    assert report.worst is row_of(report, "cross-entropy of probabilities")
    assert report.worst.lost == pytest.approx(KEPT, abs=0.01)
    assert stability(net("mse"), PLUS_MINUS, HOT).worst is None
    assert "No op" in str(stability(net("mse"), PLUS_MINUS, HOT))


# --- kinds of networks ----------------------------------------------------------------------------
def test_half_and_double_precision():
    model = net(losses.SparseCategoricalCrossentropy(from_logits=True), dtype="float64")
    row = row_of(stability(model, PLUS_MINUS, LABELS), "sparse_softmax_cross_entropy")
    assert row.dtype == np.float64
    assert row.stable.value.worst <= 4 * 2.0**-52
    assert row.naive.value.nan == 3
    assert row.naive.lost == pytest.approx(15.65, abs=0.01)
    half = net("mse", Activation("softmax", dtype="float16"), dtype="float16")
    row = row_of(stability(half, PLUS_MINUS / 50, HOT), "softmax")  # e^20 is beyond 65504
    assert row.dtype == np.float16
    assert row.stable.value.worst <= 4 * 2.0**-10
    assert row.naive.value.nan
    assert row.naive.lost == pytest.approx(3.01, abs=0.01)


def test_several_outputs_shared_layers_and_dropout():
    inputs = Input((4,))
    shared = Dense(4, activation="tanh", name="shared")
    hidden = Dropout(0.5)(shared(shared(inputs)))
    model = gn.Model(
        inputs,
        {
            "kind": Dense(3, activation="softmax", name="kind")(hidden),
            "odd": Dense(1, activation="sigmoid", name="odd")(hidden),
        },
    )
    model.compile("adam", {"kind": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"})
    rng = np.random.default_rng(0)
    y = {"kind": rng.integers(0, 3, 8), "odd": rng.integers(0, 2, (8, 1)).astype("float32")}
    report = stability(model, rng.normal(size=(8, 4)), y)
    names = [r.op for r in report.rows]
    assert names.count("tanh") == 2
    assert {"sparse_softmax_cross_entropy", "sigmoid_cross_entropy"} <= set(names)
    assert report.losing == ()
    assert report.examples == 8


def test_looking_changes_nothing():
    model = net(losses.SparseCategoricalCrossentropy(from_logits=True), BatchNormalization())
    before = [w.numpy().copy() for w in model.weights]
    seen = model.progress.seen
    stability(model, PLUS_MINUS, LABELS)
    for weight, old in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), old)
    assert model.progress.seen == seen


# --- the report -----------------------------------------------------------------------------------
def test_the_ladder_shows_where_each_form_gives_way():
    kind, y = CASES["sparse_softmax_cross_entropy"]
    report = stability(net(kind(from_logits=True)), PLUS_MINUS, y)
    assert [rung.size for rung in report.ladder] == [1, 10, 100, 1000, 10000]
    exponentials = [rung.trials[0].value for rung in report.ladder]
    assert [bool(v.nan) for v in exponentials] == [False, False, True, True, True]  # e^89 overflows
    assert all(rung.trials[-1].value.worst < 1e-6 for rung in report.ladder)


def test_the_text_fits_and_names_what_matters():
    kind, y = CASES["sigmoid_cross_entropy"]
    text = str(stability(net(kind(), BatchNormalization(), Activation("sigmoid")), PLUS_MINUS, y))
    assert max(map(len, text.splitlines())) <= 100
    assert "sigmoid_cross_entropy in binary_crossentropy" in text
    assert "from_logits=True" in text
    assert "▸ max(x, 0) - x t + log1p(exp(-|x|))" in text


def test_the_document_holds_the_same_numbers():
    kind, y = CASES["softmax_cross_entropy"]
    report = stability(net(kind(from_logits=True)), PLUS_MINUS, y)
    document = report.document()
    first = next(block for block in document if isinstance(block, Table))
    row = report.rows[-1]
    assert [cells[0] for cells in first.rows] == [t.formula for t in row.trials]
    assert [cells[1] for cells in first.rows] == ["", "", "", "yes"]
    assert first.rows[0][2] == "3 NaN"
    assert first.rows[0][4] == "all"
    assert report.model in document.title


# --- measuring ------------------------------------------------------------------------------------
def test_digits_lost():
    single = np.dtype("float32")
    assert digits_lost(2.0**-23, single) == 0
    assert digits_lost(2.0**-23 * 100, single) == pytest.approx(2)
    assert digits_lost(0.5, single) == digits_lost(np.inf, single) == pytest.approx(KEPT, abs=0.01)


def test_what_a_dtype_cannot_hold_is_no_error():
    truth = np.array([1e50, -1e50, 1e-60, np.nan, 2.0, 4.0], WIDE)
    right = np.array([np.inf, -np.inf, 0, np.nan, 2.0, 4.0], np.float32)
    found = accuracy(right, truth)
    assert found.worst < 1e-20
    assert (found.infinite, found.nan, found.entries) == (0, 0, 5)
    wrong = accuracy(np.array([1e38, np.inf, 1e-37, 0, np.inf, np.nan], np.float32), truth)
    assert (wrong.worst, wrong.infinite, wrong.nan) == (np.inf, 1, 1)
    assert accuracy(np.array([1.0, 5.0], np.float32), np.array([2, 4], WIDE)).median == 0.375
    by_largest = accuracy(np.array([1.0, 5.0], np.float32), np.array([2, 4], WIDE), by_largest=True)
    assert by_largest.worst == 0.25


# --- mistakes -------------------------------------------------------------------------------------
def test_mistakes_are_told():
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    with pytest.raises(TypeError, match="expected a model; got a Dense"):
        stability(Dense(3), PLUS_MINUS, LABELS)
    unbuilt = gn.Sequential([Dense(3)])
    unbuilt.compile("sgd", loss)
    with pytest.raises(ValueError, match=r"not built.*Input\(shape=\(3,\)\)"):
        stability(unbuilt, PLUS_MINUS, LABELS)
    with pytest.raises(ValueError, match=r"model\.compile"):
        stability(gn.Sequential([Input((3,)), Dense(3)]), PLUS_MINUS, LABELS)
    model = net(loss)
    with pytest.raises(ValueError, match="numbers of examples differ"):
        stability(model, PLUS_MINUS, LABELS[:2])
    with pytest.raises(ValueError, match=r"\b4\b"):
        stability(model, np.zeros((3, 4)), LABELS)
    with pytest.raises(ValueError, match="y is missing"):
        stability(model, PLUS_MINUS)
    with pytest.raises(ValueError, match="label 7"):
        stability(model, PLUS_MINUS, np.array([0, 7, 1]))
    with pytest.raises(TypeError, match="one batch of arrays"):
        stability(model, iter([(PLUS_MINUS, LABELS)]))
