"""Metrics by hand: values, batches of unequal size, masks, weights, mistakes."""

import numpy as np
import pytest

import glassnet.losses as L
import glassnet.metrics as M
from glassnet.engines import Program
from glassnet.graph import Dim, Placeholder, Variable, as_tensor, recording

m = Dim.named("m")


# --- by hand ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("metric", "y", "p", "expected"),
    [
        (M.MeanSquaredError(), [[0.0, 1.0]], [[1.0, 3.0]], 2.5),
        (M.RootMeanSquaredError(), [1.0, 2.0], [[4.0], [6.0]], np.sqrt(12.5)),
        (M.MeanAbsoluteError(), [1.0, 2.0], [4.0, 6.0], 3.5),
        (M.MeanAbsolutePercentageError(), [2.0, 4.0], [1.0, 5.0], 37.5),
        (M.CosineSimilarity(), [[3.0, 4.0]], [[4.0, 3.0]], 0.96),
        (M.R2Score(), [[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]], 4 / 7),
        (M.PearsonCorrelation(), [[1.0, 2.0, 3.0]], [[2.0, 4.0, 6.0]], 1.0),
        (M.Accuracy(), [1, 2, 3, 4], [0, 2, 3, 4], 0.75),
        (M.BinaryAccuracy(), [[1], [1], [0], [0]], [[0.98], [1], [0], [0.6]], 0.75),
        (M.CategoricalAccuracy(), [[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]], 0.5),
        (M.SparseCategoricalAccuracy(), [2, 1], [[0.1, 0.6, 0.3], [0.05, 0.95, 0]], 0.5),
        (M.TopKCategoricalAccuracy(k=2), np.eye(3), [[0.1, 0.2, 0.3]] * 3, 2 / 3),
        (M.SparseTopKCategoricalAccuracy(k=2), [0, 1, 2], [[0.1, 0.2, 0.3]] * 3, 2 / 3),
        (M.TruePositives(), [0, 1, 1, 1], [1, 0, 1, 1], 2),
        (M.TrueNegatives(), [0, 1, 0, 0], [1, 1, 0, 0], 2),
        (M.FalsePositives(), [0, 1, 0, 0], [0, 0, 1, 1], 2),
        (M.FalseNegatives(), [0, 1, 1, 1], [0, 1, 0, 0], 2),
        (M.Precision(), [0, 1, 1, 1], [1, 0, 1, 1], 2 / 3),
        (M.Recall(), [0, 1, 1, 1], [1, 0, 1, 1], 2 / 3),
        (M.Precision(top_k=1), [[0, 1], [1, 0]], [[0.1, 0.2], [0.3, 0.4]], 0.5),
        (M.Precision(), [0, 0], [0.1, 0.2], 0),
        (M.SensitivityAtSpecificity(0.5), [0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8], 0.5),
        (M.SpecificityAtSensitivity(0.5), [0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8], 2 / 3),
        (M.PrecisionAtRecall(0.5), [0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8], 0.5),
        (M.RecallAtPrecision(0.8), [0, 0, 1, 1], [0, 0.5, 0.3, 0.9], 0.5),
        (M.AUC(num_thresholds=3), [0, 0, 1, 1], [0, 0.5, 0.3, 0.9], 0.75),
        (M.IoU(2, [0]), [0, 0, 1, 1], [0, 1, 0, 1], 1 / 3),
        (M.MeanIoU(2), [0, 0, 1, 1], [0, 1, 0, 1], 1 / 3),
        (M.BinaryIoU(), [0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7], (2 / 3 + 1 / 2) / 2),
        (M.F1Score("micro", 0.5), [[1, 1], [1, 0]], [[0.2, 0.6], [0.2, 0.6]], 2 / 5),
        (M.BinaryCrossentropy(), [[1.0, 0.0]], [[0.9, 0.6]], -(np.log(0.9) + np.log(0.4)) / 2),
        (M.SparseCategoricalCrossentropy(), [1, 0], [[0.5, 0.5], [0.2, 0.8]], np.log(10) / 2),
        (M.Hinge(), [[0.0, 1.0]], [[0.5, 0.25]], 1.125),
        (M.Poisson(), [[2.0]], [[3.0]], 3 - 2 * np.log(3)),
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, M.Metric) else "",
)
def test_by_hand(metric, y, p, expected):
    assert float(metric(y, p)) == pytest.approx(expected, rel=1e-6, abs=1e-7)


def test_area_of_the_roc_curve_is_how_often_pairs_are_ordered_rightly():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    p = np.round(np.clip(rng.normal(0.3 * y + 0.4, 0.2), 0, 1), 2)
    ahead = p[y == 1][:, None] - p[y == 0][None, :]
    expected = np.mean((ahead > 0) + 0.5 * (ahead == 0))
    thresholds = [i / 100 + 0.005 for i in range(100)]  # one between any two values of p
    assert float(M.AUC(thresholds=thresholds)(y, p)) == pytest.approx(expected, rel=1e-9)
    labels = M.AUC(thresholds=thresholds, multi_label=True)
    both = labels(np.stack([y, 1 - y], 1), np.stack([p, p], 1))
    assert float(both) == pytest.approx(0.5, rel=1e-9)  # the second label's area is 1 - the first's


def test_f_scores_by_hand():
    y, p = [[1, 1, 1], [1, 0, 0], [1, 1, 0]], [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]]
    found = M.FBetaScore(beta=2.0, threshold=0.5)(y, p).tolist()
    assert found == pytest.approx([0.3846154, 0.9090909, 0.8333333], rel=1e-6)


def test_confusion_matrix():
    y, p = [0, 2, 1, 1, 2], [0, 1, 1, 0, 2]
    expected = [[1, 0, 0], [1, 1, 0], [0, 1, 1]]
    scores = np.eye(3)[p]
    assert M.confusion_matrix(y, p).tolist() == expected
    assert M.confusion_matrix(np.eye(3)[y], scores).tolist() == expected
    assert M.confusion_matrix([0], [0], num_classes=2).tolist() == [[1, 0], [0, 0]]
    for truth, said in [(y, scores), (np.eye(3)[y], scores), (np.array(y)[:, None], p), (y, p)]:
        assert M.ConfusionMatrix(3)(np.asarray(truth), np.asarray(said)).tolist() == expected
    assert M.ConfusionMatrix(3)(y, p, sample_weight=[1, 0, 0, 0, 3]).tolist()[2] == [0, 0, 3]
    yes = M.ConfusionMatrix(2)([[0], [1], [1]], [[0.6], [0.7], [0.2]])
    assert yes.tolist() == [[0, 1], [1, 1]]


@pytest.mark.parametrize(
    ("y", "p", "k", "message"),
    [
        ([0, 1], [0], None, "2 true classes and 1 predicted"),
        ([0, 3], [0, 1], 3, "0 to 2"),
        ([0, 1], [0.2, 0.9], None, "0.2, which is no class number.*p > 0.5"),
    ],
)
def test_confusion_matrix_mistakes(y, p, k, message):
    with pytest.raises(ValueError, match=message):
        M.confusion_matrix(y, p, k)


# --- batches, weights, masks --------------------------------------------------------------------
def test_mean_over_many_batches_is_exact():
    rng = np.random.default_rng(0)
    values = rng.uniform(size=10_007).astype(np.float32)
    metric = M.Mean()
    for part in np.split(values, [1, 3, 1000, 1001, 7000]):
        metric.update_state(part)
    assert float(metric.result()) == pytest.approx(values.astype(np.float64).mean(), rel=1e-14)


def test_counts_beyond_float32():
    metric = M.Sum()
    metric.update_state(2.0**24)
    metric.update_state(1.0)
    assert float(metric.result()) == 2**24 + 1


def test_one_weight_for_the_batch_counts_every_example():
    metric = M.Mean()
    metric.update_state([1.0, 3.0], sample_weight=2.0)
    metric.update_state([6.0], sample_weight=2.0)
    assert float(metric.result()) == pytest.approx(10 / 3)


def test_mask_leaves_places_out():
    p = as_tensor(np.eye(3)[[0, 1, 2]])
    p.mask = as_tensor([True, True, False])
    assert float(M.SparseCategoricalAccuracy()([0, 0, 0], p)) == 0.5


def test_ignored_class_does_not_count():
    metric = M.SparseCategoricalCrossentropy(ignore_class=-1)
    p = [[0.5, 0.5], [0.2, 0.8], [0.9, 0.1]]
    assert float(metric([0, -1, 1], p)) == pytest.approx((np.log(2) + np.log(10)) / 2, rel=1e-6)


def test_a_result_is_a_value_that_stays():
    metric = M.Mean()
    first = metric([1.0])
    second = metric([3.0])
    assert (float(first), float(second)) == (1, 2)
    metric.reset_state()
    assert (float(metric.result()), float(second)) == (0, 2)


def test_recorded_into_a_graph():
    y, p = Placeholder((m,), np.int64, name="y"), Placeholder((m, 3), np.float32, name="p")
    metric = M.SparseCategoricalAccuracy()
    with recording() as opened:
        metric.update_state(y, p)
        result = metric.result()
    assert set(opened.updates) == set(metric.variables)
    program = Program([y, p], [result, *opened.updates.values()])
    for labels, expected in [([0, 1], 0.5), ([1, 1, 1], 0.8)]:
        found, *news = program.run(labels, np.eye(3)[np.ones(len(labels), int)])
        for variable, new in zip(opened.updates, news, strict=True):
            variable.assign(new)
        assert found == pytest.approx(expected)
    assert float(metric.result()) == pytest.approx(0.8)


# --- by name, as compile means them -------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "y", "p", "cls"),
    [
        ("accuracy", (None, 1), (None, 1), M.BinaryAccuracy),
        ("acc", (None,), (None, 3), M.SparseCategoricalAccuracy),
        ("accuracy", (None, 1), (None, 3), M.SparseCategoricalAccuracy),
        ("accuracy", (m, 3), (m, 3), M.CategoricalAccuracy),
        ("accuracy", None, (m, 3), M.CategoricalAccuracy),
        ("crossentropy", (m,), (m, 3), M.SparseCategoricalCrossentropy),
        ("ce", (m, 1), (m, 1), M.BinaryCrossentropy),
        ("mse", (m, 1), (m, 1), M.MeanSquaredError),
        ("AUC", (m, 1), (m, 1), M.AUC),
        ("auc", (m, 1), (m, 1), M.AUC),
    ],
)
def test_resolve(name, y, p, cls):
    found = M.resolve(name, L.MeanSquaredError(), p, y)
    assert type(found) is cls
    assert found.name == name


def test_a_metric_by_name_follows_the_loss_in_what_predictions_are():
    loss = L.BinaryCrossentropy(from_logits=True)
    accuracy = M.resolve("accuracy", loss, (m, 1), (m, 1))
    assert float(accuracy([[1], [0]], [[0.2], [-0.2]])) == 1  # yes begins at 0 for raw outputs
    assert M.resolve("crossentropy", loss, (m, 1), (m, 1)).from_logits
    assert M.resolve("auc", loss, (m, 1), (m, 1)).from_logits
    sparse = L.SparseCategoricalCrossentropy(from_logits=True)
    assert type(M.resolve("accuracy", sparse, (m, 3), None)) is M.SparseCategoricalAccuracy
    given = M.BinaryAccuracy()
    assert M.resolve(given, loss, (m, 1), (m, 1)) is given


def first_off(y_true, y_pred):
    return np.abs(y_true - y_pred)[:, 0]


def test_functions_and_losses_as_metrics():
    metric = M.get(first_off)
    assert metric.name == "first_off"
    assert float(metric(np.array([[0.0, 9.0]]), np.array([[2.0, 0.0]]))) == 2
    again = M.MeanMetricWrapper.from_config(metric.get_config(), {"first_off": first_off})
    assert again.fn is first_off
    assert float(M.get(L.Huber(delta=1.0))([[0.0], [0.0]], [[0.5], [3.0]])) == 1.3125
    assert type(M.get(M.binary_accuracy)) is M.BinaryAccuracy
    assert type(M.get(L.mean_squared_error)) is M.MeanSquaredError
    assert M.get(None) is None
    with pytest.raises(ValueError, match="'precision'"):
        M.get("precison")


def test_a_metric_of_ones_own():
    class Largest(M.Metric):
        def __init__(self, dtype=None, name=None):
            super().__init__(dtype, name)
            self.largest = self.add_weight(name="largest")

        def update_state(self, y_true, y_pred, sample_weight=None):
            off = np.max(np.abs(as_tensor(y_true) - y_pred))
            self.largest.assign(np.maximum(self.largest, off))

        def result(self):
            return self.largest

    metric = Largest()
    assert metric.name == "largest"
    first = metric([1.0, 2.0], [1.5, 2.0])
    assert float(metric([0.0], [2.0])) == 2
    assert float(first) == 0.5
    metric.reset_state()
    assert float(metric.result()) == 0
    assert [v.path for v in metric.variables] == ["largest/largest"]
    with pytest.raises(NotImplementedError, match="def update_state"):
        M.Metric()([1.0], [1.0])
    with pytest.raises(NotImplementedError, match="def result"):
        M.Metric().result()


def test_metrics_inside_metrics_are_reset_too():
    class Both(M.Metric):
        def __init__(self):
            super().__init__()
            self.parts = [M.Mean(), M.Sum()]

        def update_state(self, values):
            for part in self.parts:
                part.update_state(values)

        def result(self):
            return {part.name: part.result() for part in self.parts}

    both = Both()
    both.update_state([1.0, 3.0])
    assert {k: float(v) for k, v in both.result().items()} == {"mean": 2, "sum": 4}
    both.reset_state()
    assert float(both.result()["sum"]) == 0


def test_dtype_of_the_result():
    assert M.Mean()([1.0]).dtype == np.float64
    assert M.Mean(dtype="float32")([1.0]).dtype == np.float32


# --- mistakes -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("metric", "y", "p", "message"),
    [
        (M.BinaryAccuracy(), (4,), (4, 3), "must be equal"),
        (M.MeanSquaredError(), (4, 1), (4, 3), "must be equal"),
        (M.Precision(), (4,), (4, 3), "must be equal"),
        (M.AUC(), (4,), (4, 3), "must be equal"),
        (M.CategoricalAccuracy(), (4,), (4, 3), "must be equal"),
        (M.SparseCategoricalAccuracy(), (4, 3), (4, 3), "One-hot"),
        (M.F1Score(), (4,), (4,), r"one-hot targets and predictions \(m, k\)"),
        (M.R2Score(), (4, 3, 2), (4, 3, 2), r"\(m, k\)"),
        (M.MeanIoU(2), (4,), (3,), "one of each"),
        (M.Precision(class_id=3), (4, 3), (4, 3), "class_id=3"),
        (M.AUC(multi_label=True), (4,), (4,), r"predictions \(m, labels\)"),
    ],
)
def test_shapes(metric, y, p, message):
    with pytest.raises(ValueError, match=message):
        metric.update_state(np.zeros(y), np.zeros(p))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: M.Precision(thresholds=[0.5, 1.5]), r"between 0 and 1; got \[1.5\]"),
        (lambda: M.AUC(curve="roc curve"), "curve='roc curve': expected one of 'ROC'"),
        (lambda: M.AUC(summation_method="trapezoid"), "'interpolation'"),
        (lambda: M.AUC(num_thresholds=1), "above 1"),
        (lambda: M.AUC(num_labels=2), "multi_label=True"),
        (lambda: M.F1Score(average="mean"), "'micro'"),
        (lambda: M.FBetaScore(beta=0.0), "beta is a number above 0"),
        (lambda: M.F1Score(threshold=1.5), "up to 1"),
        (lambda: M.R2Score(class_aggregation="sum"), "'uniform_average'"),
        (lambda: M.R2Score(num_regressors=-1), "at least 0"),
        (lambda: M.IoU(2, [2]), "from 0 to 1"),
        (lambda: M.SensitivityAtSpecificity(1.5), "from 0 to 1; got 1.5"),
    ],
)
def test_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_raw_outputs_for_a_metric_of_probabilities():
    x = Placeholder((m, 2), np.float32, name="x")
    p = x @ Variable(np.ones((2, 1), np.float32))
    with recording(), pytest.raises(ValueError, match="from_logits=True"):
        M.BinaryCrossentropy().update_state(Placeholder((m, 1), np.float32, name="y"), p)
