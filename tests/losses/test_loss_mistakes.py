"""What a loss refuses: shapes, targets, and outputs that do not belong to it."""

import numpy as np
import pytest

import glassnet.losses as L
from glassnet import ops
from glassnet.engines import Program
from glassnet.errors import LossMismatchError
from glassnet.graph import Dim, Placeholder, Variable, gradients

m = Dim.named("m")


def placeholder(*shape, dtype=np.float32, name="x"):
    return Placeholder(shape, dtype, name=name)


# --- shapes -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "loss", [L.MeanSquaredError(), L.MeanAbsoluteError(), L.Huber(), L.Hinge(), L.Poisson()]
)
@pytest.mark.parametrize(
    ("y", "p"),
    [((4,), (4, 3)), ((4, 1), (4, 3)), ((4, 3), (4, 1)), ((4, 3), (4,)), ((1, 3), (4, 3))],
)
def test_nothing_broadcasts(loss, y, p):
    with pytest.raises(ValueError, match=r"the targets have shape .* must be equal"):
        loss(np.zeros(y), np.ones(p))


def test_nothing_broadcasts_symbolically():
    y, p = placeholder(m, name="y"), placeholder(m, 3)
    with pytest.raises(ValueError, match=r"targets have shape \(m,\).*\(m, 3\).*1 unit"):
        L.MeanSquaredError()(y, p)


def test_a_last_axis_of_length_1_is_no_mistake():
    for y, p in [((4,), (4, 1)), ((4, 1), (4,))]:
        assert float(L.MeanSquaredError()(np.arange(4.0).reshape(y), np.zeros(p))) == 3.5


def test_class_numbers_for_the_categorical_loss():
    for y in ([0, 2, 1, 1], [[0], [2], [1], [1]]):
        with pytest.raises(ValueError, match=r"SparseCategoricalCrossentropy.*to_categorical"):
            L.CategoricalCrossentropy()(y, np.full((4, 3), 1 / 3))


def test_one_hot_for_the_sparse_loss():
    with pytest.raises(ValueError, match=r"One-hot.*CategoricalCrossentropy\(\).*argmax"):
        L.SparseCategoricalCrossentropy()(np.eye(3), np.full((3, 3), 1 / 3))
    with pytest.raises(ValueError, match="One-hot"):
        L.SparseCategoricalCrossentropy()(placeholder(m, 3, name="y"), placeholder(m, 3))


def test_wrong_width():
    with pytest.raises(ValueError, match="Give the last layer 4 units"):
        L.CategoricalCrossentropy()(np.eye(4), np.full((4, 3), 1 / 3))


# --- targets ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 3], "class number 3 is out of range: there are 3 classes.*4 units"),
        ([1, 3], "count from 1: pass y - 1"),
        ([0, -1], r"negative.*ignore_class=-1"),
        ([0.5, 1.0], "0.5 is no integer.*MeanSquaredError"),
        ([[0, 1], [1, 2]], r"class numbers of shape \(2,\)"),
    ],
)
def test_labels(labels, message):
    with pytest.raises(ValueError, match=message):
        L.SparseCategoricalCrossentropy()(labels, np.full((2, 3), 1 / 3))
    with pytest.raises(ValueError, match=message.replace(r"\(2,\)", r"\(m,\)")):
        L.SparseCategoricalCrossentropy().check_targets(np.array(labels), (m, 3))


def test_labels_that_may_be_ignored():
    loss = L.SparseCategoricalCrossentropy(ignore_class=255)
    loss.check_targets(np.array([0, 255, 2]), (None, 3))
    loss.check_targets(np.array([[0], [255], [2]]), (None, 3))
    with pytest.raises(ValueError, match="254"):
        loss.check_targets(np.array([0, 254, 2]), (None, 3))


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([[0.0], [2.0]], "1 of 2 are not, the first is 2.0"),
        ([[-1.0], [1.0]], r"\(y \+ 1\) / 2"),
        ([[np.nan], [1.0]], "the first is nan"),
        ([[0.0, 1.0], [1.0, 0.0]], r"targets have shape \(2, 2\)"),
    ],
)
@pytest.mark.parametrize("loss", [L.BinaryCrossentropy(), L.BinaryFocalCrossentropy()])
def test_binary_targets(loss, targets, message):
    with pytest.raises(ValueError, match=message):
        loss(np.array(targets), np.full((2, 1), 0.5))


def test_a_loss_without_rules_takes_any_targets():
    L.MeanSquaredError().check_targets(np.array([-5.0, 1e9]), (None, 1))
    with pytest.raises(ValueError, match="must be equal"):
        L.MeanSquaredError().check_targets(np.zeros((4, 2)), (None, 1))


# --- the last activation ------------------------------------------------------------------------
def network(units, activation=None, inputs=4):
    x = placeholder(m, inputs)
    z = x @ Variable(np.random.default_rng(0).normal(size=(inputs, units)).astype(np.float32))
    z = z + Variable(np.zeros(units, np.float32))
    return x, (activation(z) if activation else z)


BINARY = [L.BinaryCrossentropy, L.BinaryFocalCrossentropy]
HOT = [L.CategoricalCrossentropy, L.CategoricalFocalCrossentropy]


def targets_for(cls, units):
    return (
        placeholder(m, dtype=np.int64, name="y")
        if cls is L.SparseCategoricalCrossentropy
        else placeholder(m, units, name="y")
    )


@pytest.mark.parametrize("cls", [*BINARY, *HOT, L.SparseCategoricalCrossentropy])
def test_both_ways(cls):
    own = ops.sigmoid if cls in BINARY else ops.softmax
    y = targets_for(cls, 3)
    with pytest.raises(LossMismatchError, match=r"(?s)expects raw.*wrong:.*right: +Dense\(3\) "):
        cls(from_logits=True)(y, network(3, own)[1])
    with pytest.raises(LossMismatchError, match=r"(?s)expects prob.*right:.*from_logits=True"):
        cls()(y, network(3)[1])
    cls()(y, network(3, own)[1])
    cls(from_logits=True)(y, network(3)[1])


def test_the_other_activation():
    y = placeholder(m, 3, name="y")
    with pytest.raises(LossMismatchError, match=r"(?s)sigmoid, which judges.*BinaryCrossentropy"):
        L.CategoricalCrossentropy()(y, network(3, ops.sigmoid)[1])
    with pytest.raises(LossMismatchError, match="ends in softmax"):
        L.BinaryCrossentropy(from_logits=True)(y, network(3, ops.softmax)[1])
    L.BinaryCrossentropy()(y, network(3, ops.softmax)[1])  # probabilities all the same


def test_softmax_over_one_output():
    y = placeholder(m, 1, name="y")
    with pytest.raises(LossMismatchError, match=r'(?s)is 1 whatever.*activation="sigmoid"'):
        L.BinaryCrossentropy()(y, network(1, ops.softmax)[1])
    with pytest.raises(LossMismatchError, match="is 1 whatever"):
        L.CategoricalCrossentropy()(y, network(1, ops.softmax)[1])
    with pytest.raises(LossMismatchError, match=r"there is one output.*binary cross-entropy"):
        L.SparseCategoricalCrossentropy()(
            placeholder(m, dtype=np.int64, name="y"), network(1, ops.sigmoid)[1]
        )


def test_through_shaping_casts_and_skip_connections():
    y = placeholder(m, 2, 3, name="y")
    _, z = network(6)
    with pytest.raises(LossMismatchError, match="linear map"):
        L.CategoricalCrossentropy()(y, ops.cast(ops.reshape(z, (-1, 2, 3)), np.float64))
    with pytest.raises(LossMismatchError, match="linear map"):
        L.BinaryCrossentropy()(placeholder(m, 6, name="y"), ops.tanh(z) + z)


def test_what_is_taken_as_given():
    y = placeholder(m, 3, name="y")
    _, z = network(3)
    L.CategoricalCrossentropy()(y, 0.3 * ops.softmax(z) + 0.7 * ops.softmax(2 * z))
    L.CategoricalCrossentropy()(y, ops.exp(z))
    L.CategoricalCrossentropy()(np.eye(3), np.array([[5.0, -1.0, 3.0]] * 3) ** 2)
    L.CategoricalCrossentropy(from_logits=True)(np.eye(3), np.eye(3))


@pytest.mark.parametrize("cls", [*BINARY, *HOT, L.SparseCategoricalCrossentropy])
@pytest.mark.parametrize("arrange", [None, "cast", "reshape"])
def test_probabilities_go_through_their_logits(cls, arrange):
    """The value and derivative of the activation's output are those from the logits."""
    units = 3
    own = ops.sigmoid if cls in BINARY else ops.softmax
    z = placeholder(m, units)
    p = own(z)
    if arrange == "cast":
        p = ops.cast(p, np.float64)
    elif arrange == "reshape":
        p = ops.reshape(ops.reshape(p, (-1, 1, units)), (-1, units))
    y = targets_for(cls, units)
    far = np.array([[1000.0, -1000.0, 0.0], [-60.0, 60.0, 0.0]])
    labels = np.array([1, 0]) if cls is L.SparseCategoricalCrossentropy else np.eye(3)[[1, 0]]
    through, given = cls()(y, p), cls(from_logits=True)(y, z)
    run = [
        Program([z, y], [loss, *gradients([loss], [z])]).run(far, labels)
        for loss in (through, given)
    ]
    np.testing.assert_allclose(run[0][0], run[1][0], rtol=1e-6)
    np.testing.assert_allclose(run[0][1], run[1][1], rtol=1e-6, atol=1e-12)
    assert run[0][0] > 50  # not cut off at -log(1e-7) = 16


def test_softmax_over_another_axis_is_taken_as_given():
    z = placeholder(m, 3, 2)
    t = placeholder(m, 3, 2, name="y")
    loss = L.CategoricalCrossentropy(axis=-1)(t, ops.softmax(z, axis=1))
    rng = np.random.default_rng(0)
    logits, y = rng.normal(size=(4, 3, 2)), np.eye(2)[rng.integers(0, 2, (4, 3))]
    (found,) = Program([z, t], [loss]).run(logits, y)
    e = np.exp(logits)
    p = e / e.sum(1, keepdims=True)
    p = p / p.sum(-1, keepdims=True)
    assert found == pytest.approx(-(y * np.log(p)).sum(-1).mean(), rel=1e-5)
