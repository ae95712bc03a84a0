"""Losses by hand: values, reductions, weights, masks, extreme logits."""

import numpy as np
import pytest

import glassnet.losses as L
from glassnet.engines import Program
from glassnet.graph import Dim, Placeholder, as_tensor, gradients

m = Dim.named("m")


def value(loss, y, p, **kwargs):
    return float(loss(y, p, **kwargs))


@pytest.mark.parametrize(
    ("loss", "y", "p", "expected"),
    [
        (L.MeanSquaredError(), [[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 3.0]], 11 / 4),
        (L.MeanAbsoluteError(), [[0.0, 1.0]], [[1.0, -1.0]], 1.5),
        (L.MeanAbsolutePercentageError(), [[2.0, 4.0]], [[1.0, 5.0]], 37.5),
        (L.MeanSquaredLogarithmicError(), [[0.0]], [[np.e - 1]], 1.0),
        (L.Huber(delta=1.0), [[0.0, 0.0]], [[0.5, 3.0]], (0.125 + 2.5) / 2),
        (L.LogCosh(), [[0.0, 0.0]], [[1.0, -2.0]], (np.log(np.cosh(1)) + np.log(np.cosh(2))) / 2),
        (L.CosineSimilarity(), [[3.0, 4.0]], [[4.0, 3.0]], -24 / 25),
        (L.Hinge(), [[0.0, 1.0]], [[0.5, 0.25]], (1.5 + 0.75) / 2),
        (L.SquaredHinge(), [[-1.0, 1.0]], [[0.5, 0.25]], (2.25 + 0.5625) / 2),
        (L.CategoricalHinge(), [[0.0, 1.0, 0.0]], [[0.3, 0.2, -1.0]], 0.3 - 0.2 + 1),
        (L.KLDivergence(), [[0.5, 0.5]], [[0.25, 0.75]], 0.5 * np.log(2) + 0.5 * np.log(2 / 3)),
        (L.Poisson(), [[2.0]], [[3.0]], 3 - 2 * np.log(3)),
        (L.Dice(), [[1.0, 0.0]], [[0.5, 0.5]], 1 - 2 * 0.5 / 2),
        (L.Tversky(alpha=0.3, beta=0.7), [[1.0, 0.0]], [[0.5, 0.5]], 1 - 0.5 / (0.5 + 0.5)),
        (L.BinaryCrossentropy(), [[1.0, 0.0]], [[0.9, 0.6]], -(np.log(0.9) + np.log(0.4)) / 2),
        (L.CategoricalCrossentropy(), [[0.0, 1.0]], [[1.0, 3.0]], -np.log(0.75)),
        (L.SparseCategoricalCrossentropy(), [1, 0], [[0.5, 0.5], [0.2, 0.8]], np.log(10) / 2),
        (L.BinaryFocalCrossentropy(gamma=2), [[1.0]], [[0.8]], -0.04 * np.log(0.8)),
        (
            L.CategoricalFocalCrossentropy(alpha=0.5, gamma=2),
            [[0.0, 1.0]],
            [[0.2, 0.8]],
            -0.5 * 0.04 * np.log(0.8),
        ),
        (L.CategoricalGeneralizedCrossEntropy(q=0.5), [1], [[0.75, 0.25]], (1 - 0.5) / 0.5),
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, L.Loss) else "",
)
def test_by_hand(loss, y, p, expected):
    assert value(loss, y, p) == pytest.approx(expected, rel=1e-6, abs=1e-7)


# --- reductions, weights, masks -----------------------------------------------------------------
Y, P = np.zeros((3, 1)), np.array([[1.0], [2.0], [3.0]])  # squared errors 1, 4, 9


@pytest.mark.parametrize(
    ("reduction", "weight", "expected"),
    [
        ("sum", None, 14),
        ("sum_over_batch_size", None, 14 / 3),
        ("mean", [1.0, 0.0, 2.0], 19 / 3),
        ("mean_with_sample_weight", [1.0, 0.0, 2.0], 19 / 3),
        ("mean_with_sample_weight", [1.0, 0.0, 3.0], 28 / 4),
        ("mean_with_sample_weight", [0.0, 0.0, 0.0], 0),
        ("sum", 0.5, 7),
    ],
)
def test_reductions(reduction, weight, expected):
    loss = L.MeanSquaredError(reduction=reduction)
    assert value(loss, Y, P, sample_weight=weight) == pytest.approx(expected)


@pytest.mark.parametrize("reduction", ["none", None])
def test_no_reduction(reduction):
    assert L.MeanSquaredError(reduction)(Y, P, [1, 2, 3]).tolist() == [1, 8, 27]


def test_unknown_reduction():
    with pytest.raises(ValueError, match=r"'average'.*'sum_over_batch_size'"):
        L.MeanSquaredError(reduction="average")


def test_mask_averages_over_what_counts():
    p = as_tensor(P)
    p.mask = as_tensor([True, False, True])
    assert value(L.MeanSquaredError(), Y, p) == pytest.approx(5)
    assert value(L.MeanSquaredError("sum"), Y, p) == pytest.approx(10)
    assert value(L.MeanSquaredError(), Y, p, sample_weight=[1, 1, 0]) == pytest.approx(0.5)
    p.mask = as_tensor([False, False, False])
    assert value(L.MeanSquaredError(), Y, p) == 0


def test_weights_of_examples_count_for_every_place():
    y, p = np.zeros((2, 2, 1)), np.arange(1.0, 5).reshape(2, 2, 1)  # errors² 1, 4 and 9, 16
    assert value(L.MeanSquaredError("sum"), y, p, sample_weight=[1, 2]) == 5 + 50


@pytest.mark.parametrize("weight", [[1.0, 2.0], np.ones((3, 2)), np.ones((3, 1, 1))])
def test_weights_that_fit_nothing(weight):
    with pytest.raises(ValueError, match=r"sample_weight has shape"):
        L.MeanSquaredError()(Y, P, weight)


def test_empty_batch():
    with pytest.raises(ValueError, match="batch is empty"):
        L.MeanSquaredError()(np.zeros((0, 1)), np.zeros((0, 1)))


def test_ignored_class_does_not_count():
    loss = L.SparseCategoricalCrossentropy(ignore_class=-1)
    p = [[0.5, 0.5], [0.2, 0.8], [0.9, 0.1]]
    assert value(loss, [0, -1, 1], p) == pytest.approx((np.log(2) + np.log(10)) / 2)


def test_label_smoothing_by_hand():
    p = np.array([[0.7, 0.2, 0.1]])
    y = np.array([[1.0, 0.0, 0.0]])
    expected = -(0.8 * np.log(0.7) + 0.1 * np.log(0.2) + 0.1 * np.log(0.1))
    assert value(L.CategoricalCrossentropy(label_smoothing=0.3), y, p) == pytest.approx(expected)
    expected = -(0.85 * np.log(0.7) + 0.15 * np.log(0.3))
    assert value(L.BinaryCrossentropy(label_smoothing=0.3), [1.0], [0.7]) == pytest.approx(expected)


def test_smoothing_counts_the_classes_of_its_axis():
    rng = np.random.default_rng(0)
    y = np.eye(3)[rng.integers(0, 3, (2, 5))]  # (2, 5, 3)
    p = rng.uniform(0.1, 1, (2, 5, 3))
    last = L.CategoricalCrossentropy(label_smoothing=0.2)
    middle = L.CategoricalCrossentropy(label_smoothing=0.2, axis=1)
    turned = [a.transpose(0, 2, 1) for a in (y, p)]
    assert value(last, y, p) == pytest.approx(value(middle, *turned))


# --- extremes -----------------------------------------------------------------------------------
EXTREME = [[1000.0, -1000.0, 0.0], [-1000.0, 1000.0, 0.0], [1000.0, 1000.0, 1000.0]]


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (L.BinaryCrossentropy(from_logits=True), [[0, 1, 1], [0, 1, 0], [1, 0, 1]]),
        (L.BinaryFocalCrossentropy(from_logits=True), [[0, 1, 1], [0, 1, 0], [1, 0, 1]]),
        (L.CategoricalCrossentropy(from_logits=True), [[0, 1, 0], [0, 1, 0], [1, 0, 0]]),
        (L.CategoricalFocalCrossentropy(from_logits=True), [[0, 1, 0], [0, 1, 0], [1, 0, 0]]),
        (L.SparseCategoricalCrossentropy(from_logits=True), [1, 1, 0]),
        (L.LogCosh(), np.zeros((3, 3))),
        (L.Huber(), np.zeros((3, 3))),
        (L.CosineSimilarity(), np.zeros((3, 3))),
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, L.Loss) else "",
)
def test_extreme_outputs_stay_finite(loss, y):
    x = Placeholder((3, 3), np.float32, name="x")
    found = loss(np.asarray(y), x)
    for outputs in (EXTREME, np.zeros((3, 3))):
        result, slope = Program([x], [found, *gradients([found], [x])]).run(outputs)
        assert np.isfinite(result)
        assert np.isfinite(slope).all()


def test_extreme_logits_by_hand():
    loss = L.SparseCategoricalCrossentropy(from_logits=True, reduction="none")
    assert loss([1, 1, 0], EXTREME).tolist() == pytest.approx([2000, 0, np.log(3)])
    loss = L.BinaryCrossentropy(from_logits=True, reduction="none")
    assert loss([[0], [1], [1]], [[1000.0], [1000.0], [-1000.0]]).tolist() == [1000, 0, 1000]


def test_float64_stays_float64():
    assert L.MeanSquaredError()(np.zeros((2, 1)), np.ones((2, 1))).dtype == np.float64
    assert L.MeanSquaredError()(np.zeros((2, 1)), np.ones((2, 1), np.float16)).dtype == np.float32
    assert L.MeanSquaredError(dtype="float64")([1.0], [2.0]).dtype == np.float64


# --- by name, from functions --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("mse", L.MeanSquaredError),
        ("MSE", L.MeanSquaredError),
        ("mae", L.MeanAbsoluteError),
        ("mape", L.MeanAbsolutePercentageError),
        ("msle", L.MeanSquaredLogarithmicError),
        ("bce", L.BinaryCrossentropy),
        ("kld", L.KLDivergence),
        ("kullback_leibler_divergence", L.KLDivergence),
        ("logcosh", L.LogCosh),
        ("sparse_categorical_crossentropy", L.SparseCategoricalCrossentropy),
        ("CategoricalCrossentropy", L.CategoricalCrossentropy),
        (L.huber, L.Huber),
        (L.Poisson, L.Poisson),
    ],
)
def test_get(name, cls):
    assert type(L.get(name)) is cls


def test_get_none_and_unknown():
    assert L.get(None) is None
    with pytest.raises(ValueError, match="'mean_squared_error'"):
        L.get("mean_squared_eror")


def half_squared(y_true, y_pred, factor=0.5):
    return np.mean(factor * np.square(y_true - y_pred), axis=-1)


def test_a_plain_function_is_a_loss():
    loss = L.get(half_squared)
    assert loss.name == "half_squared"
    assert value(loss, [1.0, 2.0], [[1.0], [4.0]]) == 1.0  # (m,) beside (m, 1)
    with_factor = L.LossFunctionWrapper(half_squared, factor=2.0)
    again = L.LossFunctionWrapper.from_config(
        with_factor.get_config(), {"half_squared": half_squared}
    )
    assert value(again, [[0.0]], [[1.0]]) == 2.0


def test_a_wrapper_of_ours_is_found_again():
    config = L.LossFunctionWrapper(L.huber, delta=0.5).get_config()
    again = L.LossFunctionWrapper.from_config(config)
    assert value(again, [[0.0]], [[1.0]]) == 0.375


def test_a_subclass_of_ones_own():
    class Cubed(L.Loss):
        def call(self, y_true, y_pred):
            return np.mean((y_true - y_pred) ** 3.0, axis=-1)

    assert value(Cubed(), [[2.0]], [[1.0]]) == 1
    assert Cubed().name == "cubed"
    with pytest.raises(NotImplementedError, match=r"def call\(self, y_true, y_pred\)"):
        L.Loss()([1.0], [1.0])


@pytest.mark.parametrize(
    ("y", "p", "cls"),
    [
        ((None, 1), (None, 1), L.BinaryCrossentropy),
        ((None,), (None, 3), L.SparseCategoricalCrossentropy),
        ((None, 1), (None, 3), L.SparseCategoricalCrossentropy),
        ((None, 3), (None, 3), L.CategoricalCrossentropy),
    ],
)
def test_crossentropy_by_shapes(y, p, cls):
    assert type(L.resolve("crossentropy", y, p)) is cls


def test_symbolic_equals_eager():
    rng = np.random.default_rng(0)
    y, p = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    t, x = Placeholder((m, 3), np.float64, name="y"), Placeholder((m, 3), np.float64, name="p")
    w = Placeholder((m,), np.float64, name="w")
    weight = rng.uniform(size=5)
    for loss in (L.MeanSquaredError(), L.Huber(), L.CosineSimilarity(), L.LogCosh()):
        (found,) = Program([t, x, w], [loss(t, x, w)]).run(y, p, weight)
        assert found == pytest.approx(value(loss, y, p, sample_weight=weight), rel=1e-12)
