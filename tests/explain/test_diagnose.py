"""diagnose: every kind of mistake named on a network written by hand, correct ones left alone.

The wrong arrays are written out in NumPy in `patients`.
"""

from functools import partial

import numpy as np
import patients
import pytest

from glassnet.explain import diagnose
from glassnet.explain.doctor.diagnosis.case import Case
from glassnet.explain.doctor.diagnosis.catalogue import variants_of
from glassnet.explain.doctor.diagnosis.catalogue.kinds import KINDS
from glassnet.explain.doctor.diagnosis.factors import known_factors
from glassnet.graph import OPS
from glassnet.notation import get_notation

ALL = {kind for family in KINDS.values() for kind in family}
HARMLESS = {"relu's derivative at 0", "tie given to another entry"}
BY_CALL = {"accumulated instead of replaced"}
"""What arrays alone do not tell from a factor 2; see `test_diagnose_subjects`."""

p = patients
one_bce = partial(p.one_output, loss="binary_crossentropy", act="sigmoid")
CASES = {
    p.dense: [
        "1/m missing", "1/m twice", "m − 1 for m", "sum over outputs for their mean", "wrong sign",
        "factor 2 missing", "factor 2 too many", "update in place of gradient",
        "learning rate in the gradient", "gradient left at 0", "wrong factor", "transposed result",
        "activation's derivative dropped", "activation's derivative twice", "g′(A) for g′(Z)",
        "g′ written for A, given Z", "activation in place of its derivative", "multiplied by Z",
        "derivative of another activation", "sign inside the derivative", "square forgotten",
        "dA in place of dZ", "bias gradient not summed",
        "bias gradient summed over the wrong axis", "overwritten instead of summed",
        "input taken before its activation", "computed in the wrong dtype",
    ],
    partial(p.dense, act="sigmoid"): ["square forgotten", "g′(A) for g′(Z)"],
    partial(p.dense, act="relu"): ["activation applied to dA", "activation's derivative dropped"],
    partial(p.dense, reduction="sum"): ["mean for sum", "sum for mean"],
    p.between: ["activation's derivative dropped"],
    p.square: [
        "transpose forgotten", "gradients of two weights swapped", "gradient of another weight",
        "weights left out of the chain", "X in every layer",
        "output taken for the input", "gradient taken after the update",
        "dZ of another layer", "weights of another layer in the chain",
    ],
    p.deep: ["gradients in reverse order"],
    p.classes: [
        "softmax applied twice", "last activation left out", "activation's derivative twice",
        "activation's derivative dropped", "softmax's Jacobian taken for its diagonal",
        "mean over outputs for their sum",
        "classes shifted by one",
    ],
    partial(p.classes, how="logits"): ["softmax applied twice", "last activation left out"],
    partial(p.classes, how="sparse"): ["class numbers in place of one-hot rows", "1/m missing"],
    partial(p.classes, how="column"): [
        "class numbers in place of one-hot rows", "activation's derivative twice",
    ],
    partial(p.classes, how="sparse logits"): [
        "class numbers in place of one-hot rows", "softmax applied twice",
    ],
    partial(p.classes, how="smoothed"): ["label smoothing forgotten", "softmax applied twice"],
    p.one_output: ["(m,) broadcast to (m, m)"],
    partial(p.one_output, act="sigmoid"): [
        "(m,) broadcast to (m, m)", "cross-entropy's simplification with the wrong activation",
    ],
    one_bce: ["sigmoid applied twice", "half of the binary cross-entropy"],
    p.conv: [
        "kernel not flipped", "kernel gradient flipped", "correlation for convolution",
        "input and output channels swapped", "kernel's axes in another order",
        "overlapping windows overwritten", "mean over positions for their sum",
        "bias gradient summed over the wrong axis",
    ],
    partial(p.conv, stride=2, padding="same"): [
        "stride ignored in the backward pass", "overlapping windows overwritten",
    ],
    partial(p.conv, padding="same"): ["padding off by one", "kernel not flipped"],
    p.pool: [
        "pooling sends the gradient to every tie", "max pooling's gradient spread over the window",
        "pooling sends the gradient to the first cell",
    ],
    partial(p.pool, strides=1): [
        "overlapping windows overwritten", "pooling sends the gradient to every tie",
    ],
    partial(p.pool, kind="average"): [
        "average pooling's gradient not divided", "average pooling's gradient sent to the largest",
    ],
    partial(p.pool, kind="global"): ["average pooling's gradient not divided"],
    p.norm: [
        "batch statistics treated as constants", "variance in place of the standard deviation",
        "division forgotten in the backward pass", "statistics over the wrong axis",
        "γ's gradient without the normalised input",
        "γ left out of the chain",
        "another ε",
    ],
    partial(p.norm, axis=1, layer=p.L.LayerNormalization): [
        "batch statistics treated as constants", "statistics over the wrong axis",
    ],
    p.dropout: [
        "dropout mask missing in the backward pass", "dropout scaled twice",
        "dropout not scaled in the backward pass", "dropout mask turned around",
        "dropout not scaled",
    ],
    p.embedding: ["repeated rows overwritten"],
    p.penalty: [
        "regularisation forgotten", "regularisation without its factor",
        "regularisation counted twice", "regularisation with the wrong sign",
        "regularisation divided by m", "regularisation counted for the bias",
        "regularisation of another weight", "derivative of another penalty", "1/m missing",
    ],
    partial(p.penalty, kind="l1"): ["regularisation forgotten", "derivative of another penalty"],
    p.residual: ["branch overwritten", "input without the other branch"],
    p.shared: ["one use of a shared weight"],
    p.two_outputs: ["branch overwritten", "1/m missing"],
}  # fmt: skip
MISTAKES = [(patient, kind) for patient, kinds in CASES.items() for kind in kinds]


def told(value):
    if isinstance(value, partial):
        given = [getattr(v, "__name__", str(v)) for v in value.keywords.values()]
        return "-".join([value.func.__name__, *given])
    return getattr(value, "__name__", value)


@pytest.mark.parametrize(("patient", "kind"), MISTAKES, ids=told)
def test_named_first(patient, kind):
    model, X, Y, gradients = patient(kind)
    found = diagnose(model, X, Y, gradients=gradients)
    assert not found.ok
    assert found.kinds[0] == kind, found
    mistake = found.mistakes[0]
    assert len(found.mistakes) == 1, found
    wrong = {row.name for row in found.rows if not row.ok}
    assert set(mistake.gradients) >= wrong
    assert wrong or kind == "computed in the wrong dtype"
    assert mistake.sentence.endswith(".")
    assert mistake.mend
    assert mistake.equation or mistake.about in ("dX", "dP0"), mistake
    assert "every number" in found.headline


@pytest.mark.parametrize("patient", CASES, ids=told)
def test_right_gradients_are_left_alone(patient):
    model, X, Y, gradients = patient()
    found = diagnose(model, X, Y, gradients=gradients)
    assert found.ok, found
    assert bool(found)
    assert found.kinds == ()
    assert all(row.error < 1e-6 for row in found.rows)
    in_float32 = {name: g.astype(np.float32) for name, g in gradients.items()}
    assert diagnose(model, X, Y, gradients=in_float32).ok


def test_every_kind_is_tried_here():
    tried = {kind for _, kind in MISTAKES}
    assert ALL - tried == HARMLESS | BY_CALL


@pytest.mark.parametrize("patient", CASES, ids=told)
def test_every_kind_that_is_looked_for_is_in_the_list(patient):
    model, X, Y, gradients = patient()
    case = Case.of_model(model, X, Y, get_notation("keras"))
    kinds = {v.kind for v in variants_of(case, list(gradients))}
    assert len(kinds) > 8
    assert kinds | {f.kind for f in known_factors(case)} <= ALL


def test_every_slip_is_in_the_list():
    assert {slip.kind for op in OPS.values() for slip in op().slips()} <= ALL


# --- no mistakes --------------------------------------------------------------------------------
@pytest.mark.parametrize("choice", ["the last of equal entries", "equal shares"])
def test_another_entry_of_a_tie_is_as_good(choice):
    model, X, Y, gradients = p.pool(choice)
    assert not np.allclose(gradients["dX"], p.pool()[3]["dX"])
    found = diagnose(model, X, Y, gradients=gradients)
    assert found.ok, found
    assert len(found.notes) == 1
    assert all(row.ok for row in found.rows)


def test_relu_at_0_is_as_good():
    # An example of zeros and biases 0 give Z = 0 exactly.
    model, X, Y, _ = p.dense(act="relu")
    model.layers[0].bias.assign(np.zeros(4, np.float32))
    X[0] = 0
    W1, b1, W2, b2 = (w.numpy().astype(float) for w in model.trainable_weights)
    Z1 = X @ W1 + b1
    A1 = np.maximum(Z1, 0)
    dZ2 = 2 * (A1 @ W2 + b2 - Y) / Y.size

    def gradients(at_zero):
        dZ1 = dZ2 @ W2.T * np.where(Z1 == 0, at_zero, Z1 > 0)
        return {"dW1": X.T @ dZ1, "db1": dZ1.sum(0), "dW2": A1.T @ dZ2, "db2": dZ2.sum(0)}

    assert not np.allclose(gradients(0)["db1"], gradients(1)["db1"])
    for at_zero in (0, 1):
        found = diagnose(model, X, Y, gradients=gradients(at_zero))
        assert found.ok, found
    assert "0" in found.notes[0]


def test_the_factor_m_may_stand_in_dW_and_db():
    # dZ = m ∂J/∂Z with dW = 1/m Σ …, as textbooks have it
    model, X, Y, gradients = p.between()
    moved = {n: 6 * g if n[1] in "ZA" else g for n, g in gradients.items()}
    found = diagnose(model, X, Y, gradients=moved)
    assert found.ok, found
    assert "1/m" in found.notes[0]
    wrong = diagnose(model, X, Y, gradients={n: 6 * g for n, g in gradients.items()})
    assert wrong.kinds[0] == "1/m missing"


def test_a_sum_kept_as_a_row_is_right():
    model, X, Y, gradients = p.dense()
    as_row = {n: g[None] if n[1] == "b" else g for n, g in gradients.items()}
    assert diagnose(model, X, Y, gradients=as_row).ok


# --- two at once --------------------------------------------------------------------------------
def second(gradients, how):
    if how == "wrong sign":
        return p.scaled(gradients, -1, "dW2")
    if how == "1/m twice":
        return p.scaled(gradients, 1 / 6, "db1")
    if how == "transposed result":
        return {**gradients, "dW1": gradients["dW1"].T}
    if how == "gradients of two weights swapped":
        return {**gradients, "dW1": gradients["dW2"], "dW2": gradients["dW1"]}
    assert how == "bias gradient summed over the wrong axis"
    return {**gradients, "db2": gradients["db2"].sum()}


PAIRS = [
    (p.dense, "activation's derivative dropped", "wrong sign"),
    (p.dense, "g′(A) for g′(Z)", "transposed result"),
    (p.dense, "derivative of another activation", "1/m twice"),
    (p.dense, "overwritten instead of summed", "wrong sign"),
    (p.dense, "input taken before its activation", "1/m twice"),
    (p.dense, "activation's derivative twice", "bias gradient summed over the wrong axis"),
    (p.dense, "1/m missing", "transposed result"),
    (p.classes, "softmax applied twice", "transposed result"),
    (p.classes, "softmax's Jacobian taken for its diagonal", "wrong sign"),
    (p.classes, "activation's derivative twice", "1/m twice"),
    (p.square, "transpose forgotten", "wrong sign"),
    (p.square, "gradient taken after the update", "transposed result"),
    (p.square, "weights left out of the chain", "gradients of two weights swapped"),
    (p.penalty, "regularisation forgotten", "wrong sign"),
    (p.penalty, "regularisation counted for the bias", "transposed result"),
    (p.dropout, "dropout mask missing in the backward pass", "wrong sign"),
]


@pytest.mark.parametrize(("patient", "one", "other"), PAIRS, ids=told)
def test_two_mistakes_at_once(patient, one, other):
    model, X, Y, gradients = patient(one)
    found = diagnose(model, X, Y, gradients=second(gradients, other))
    assert {m.kind for m in found.mistakes} == {one, other}, found
    assert "Two mistakes together" in found.headline


# --- nothing matches ----------------------------------------------------------------------------
def test_where_nothing_matches_it_says_where_the_error_starts():
    model, X, Y, gradients = p.dense()
    noise = np.random.default_rng(5).normal(size=(2, 4))
    found = diagnose(model, X, Y, gradients={**gradients, "dW1": gradients["dW1"] + noise})
    assert not found.ok
    assert found.kinds == ()
    assert found.mistakes == ()
    assert "Nothing in the catalogue" in found.headline
    assert "dW1 alone is wrong" in found.starts
    assert [row.name for row in found.rows if not row.ok] == ["dW1"]


def test_the_start_is_the_first_wrong_one_on_the_way_back():
    model, X, Y, gradients = p.between()
    noise = np.random.default_rng(5).normal(size=(6, 4))
    dZ1 = gradients["dZ1"] * (1 + noise)
    wrong = {**gradients, "dZ1": dZ1, "dW1": X.T @ dZ1, "db1": dZ1.sum(0)}
    found = diagnose(model, X, Y, gradients=wrong)
    assert found.kinds == ()
    assert found.starts.startswith("The error starts at dZ1: ")
    assert "dZ[1] = dA[1] ⊙" in found.starts
    assert [row.name for row in found.rows][:3] == ["dZ2", "db2", "dW2"]


def test_the_start_at_the_loss():
    model, X, Y, gradients = p.dense()
    noise = np.random.default_rng(5)
    wrong = {n: g + noise.normal(size=g.shape) for n, g in gradients.items()}
    found = diagnose(model, X, Y, gradients=wrong)
    assert "the beginning of the backward pass" in found.starts


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_said(bad):
    model, X, Y, gradients = p.dense()
    gradients["dW1"][0, 0] = bad
    found = diagnose(model, X, Y, gradients=gradients)
    assert not found.ok
    assert "NaN or infinite" in found.starts
    assert found.rows[-1].verdict == "not finite"


def test_a_wrong_shape_is_said():
    model, X, Y, gradients = p.dense()
    found = diagnose(model, X, Y, gradients={**gradients, "dW1": np.ones((7, 5))})
    row = found.rows[-1]
    assert (row.verdict, row.shape, row.should) == ("wrong shape", (7, 5), (2, 4))
    assert found.kinds == ()
