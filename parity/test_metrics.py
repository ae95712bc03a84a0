"""Metrics against Keras 3 over randomly drawn arguments, gathered over batches of unequal size.

Keras gathers in float32, we in float64; the tolerance is that of float32. Deliberate differences,
not drawn here: entries that ``ignore_class`` leaves out never count in our means (in Keras they
count as 0 unless there are sample weights), the weights of IoU metrics are not cut to integers, and
a mean with one weight for the whole batch counts every example.
"""

from __future__ import annotations

import inspect
import json

import jax.numpy as jnp
import keras
import numpy as np
import pytest

from glassnet import metrics
from glassnet.graph import as_tensor

# Keras asks JAX for int64 in its IoU metrics, which JAX has not by default.
pytestmark = pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64")

DRAWS = 6


def pick(rng, *values):
    return values[rng.integers(len(values))]


def numbers(rng, shape):
    return rng.normal(size=shape).astype(np.float32)


def probabilities(rng, shape):
    e = np.exp(rng.normal(size=shape) * 1.5)
    return (e / e.sum(axis=-1, keepdims=True)).astype(np.float32)


class Draw:
    """One random setting: how targets and predictions of a batch are drawn, and arguments."""

    def __init__(self, name, seed):
        self.rng = rng = np.random.default_rng([seed, sum(map(ord, name))])
        self.k = int(pick(rng, 2, 3, 7))
        self.options = {}
        self.lead = tuple(pick(rng, (), (), (4,)))
        self.weighted = bool(rng.random() < 0.5)
        self.kind = KINDS[name]
        getattr(self, f"draw_{name}", lambda: None)()

    def batch(self, m):
        y, p = getattr(self, self.kind)(m)
        weight = None
        if self.weighted:
            weight = self.rng.uniform(0, 2, m).astype(np.float32)
        return y, p, weight

    # --- data -----------------------------------------------------------------------------------
    def regression(self, m):
        shape = (m, *self.lead, self.k)
        return numbers(self.rng, shape), numbers(self.rng, shape)

    def positive(self, m):
        y, p = self.regression(m)
        return np.abs(y) + 0.05, np.abs(p) + 0.05

    def equal(self, m):
        shape = (m, self.k)
        return tuple(self.rng.integers(0, 2, shape).astype(np.float32) for _ in range(2))

    def binary(self, m):
        shape = pick(self.rng, (m, self.k)) if self.k > 2 else (m,)
        y = (self.rng.random(shape) < 0.5).astype(np.float32)
        return y, self.rng.uniform(0.01, 0.99, shape).astype(np.float32)

    def labels(self, m):
        y = (self.rng.random((m, self.k)) < 0.4).astype(np.float32)
        return y, self.rng.uniform(0.01, 0.99, (m, self.k)).astype(np.float32)

    def one_hot(self, m):
        labels, p = self.sparse(m)
        return np.eye(self.k, dtype=np.float32)[labels], p

    def sparse(self, m):
        shape = (m, *self.lead)
        return self.rng.integers(0, self.k, shape), probabilities(self.rng, (*shape, self.k))

    def distributions(self, m):
        return probabilities(self.rng, (m, self.k)), probabilities(self.rng, (m, self.k))

    def pairs(self, m):
        return tuple(self.rng.integers(0, self.k, (m, 4)) for _ in range(2))

    def flat_hot(self, m):
        labels = self.rng.integers(0, self.k, (m, 3))
        return np.eye(self.k, dtype=np.float32)[labels], probabilities(self.rng, (m, 3, self.k))

    def mask_pairs(self, m):
        return self.rng.integers(0, 2, (m, 5)), self.rng.random((m, 5)).astype(np.float32)

    # --- arguments ------------------------------------------------------------------------------
    def draw_BinaryAccuracy(self):
        self.options = {"threshold": float(pick(self.rng, 0.5, 0.2, 0.8))}

    def draw_TopKCategoricalAccuracy(self):
        self.options = {"k": int(pick(self.rng, 1, 2))}

    draw_SparseTopKCategoricalAccuracy = draw_TopKCategoricalAccuracy

    def draw_BinaryCrossentropy(self):
        self.options = {"label_smoothing": float(pick(self.rng, 0, 0.2))}
        if self.rng.random() < 0.5:
            self.options["from_logits"] = True

    def draw_CategoricalCrossentropy(self):
        self.draw_BinaryCrossentropy()

    def draw_SparseCategoricalCrossentropy(self):
        self.options = {"from_logits": bool(self.rng.random() < 0.5)}

    def draw_TruePositives(self):
        self.options = {
            "thresholds": pick(self.rng, None, 0.3, [0.2, 0.9], [0, 0.25, 0.5, 0.75, 1])
        }

    draw_TrueNegatives = draw_FalsePositives = draw_FalseNegatives = draw_TruePositives

    def draw_Precision(self):
        self.draw_TruePositives()
        choice = self.rng.integers(3)
        if choice == 0:
            self.options |= {"class_id": 1}
        elif choice == 1:
            self.options = {"top_k": 2}

    draw_Recall = draw_Precision

    def _bound(self, name):
        self.options = {name: float(pick(self.rng, 0.2, 0.5, 0.8))}
        self.options["num_thresholds"] = int(pick(self.rng, 1, 2, 11, 200))

    def draw_SensitivityAtSpecificity(self):
        self._bound("specificity")

    def draw_SpecificityAtSensitivity(self):
        self._bound("sensitivity")

    def draw_PrecisionAtRecall(self):
        self._bound("recall")

    def draw_RecallAtPrecision(self):
        self._bound("precision")

    def draw_AUC(self):
        self.options = {
            "curve": pick(self.rng, "ROC", "PR", "PRGAIN"),
            "summation_method": pick(self.rng, "interpolation", "minoring", "majoring"),
            "num_thresholds": int(pick(self.rng, 3, 20, 200)),
        }
        choice = self.rng.integers(4)
        if choice == 0:
            self.options |= {"thresholds": [0.1, 0.7, 0.75]}
        elif choice == 1:
            self.options |= {"multi_label": True, "num_labels": self.k}
            if self.rng.random() < 0.5:
                self.options["label_weights"] = [float(i + 1) for i in range(self.k)]
        elif choice == 2:
            self.options |= {"from_logits": True}

    def draw_FBetaScore(self):
        self.draw_F1Score()
        self.options["beta"] = float(pick(self.rng, 0.5, 2.0))

    def draw_F1Score(self):
        self.options = {
            "average": pick(self.rng, None, "micro", "macro", "weighted"),
            "threshold": pick(self.rng, None, 0.4),
        }

    def draw_R2Score(self):
        self.lead = ()
        self.options = {
            "class_aggregation": pick(
                self.rng, None, "uniform_average", "variance_weighted_average"
            ),
            "num_regressors": int(pick(self.rng, 0, 2)),
        }

    def _iou(self, **options):
        self.weighted = False
        self.options = {"num_classes": self.k, **options}

    def draw_IoU(self):
        self._iou(target_class_ids=[0, self.k - 1], ignore_class=pick(self.rng, None, 1))

    def draw_MeanIoU(self):
        self._iou(ignore_class=pick(self.rng, None, 0))

    def draw_OneHotIoU(self):
        self._iou(target_class_ids=[self.k - 1])

    def draw_OneHotMeanIoU(self):
        self._iou()

    def draw_BinaryIoU(self):
        self.weighted = False
        self.options = {"target_class_ids": pick(self.rng, [0], [1], [0, 1]), "threshold": 0.4}


KINDS = {
    "MeanSquaredError": "regression",
    "RootMeanSquaredError": "regression",
    "MeanAbsoluteError": "regression",
    "MeanAbsolutePercentageError": "regression",
    "MeanSquaredLogarithmicError": "positive",
    "LogCoshError": "regression",
    "CosineSimilarity": "regression",
    "PearsonCorrelation": "regression",
    "ConcordanceCorrelation": "regression",
    "R2Score": "regression",
    "Accuracy": "equal",
    "BinaryAccuracy": "binary",
    "CategoricalAccuracy": "one_hot",
    "SparseCategoricalAccuracy": "sparse",
    "TopKCategoricalAccuracy": "one_hot",
    "SparseTopKCategoricalAccuracy": "sparse",
    "BinaryCrossentropy": "labels",
    "CategoricalCrossentropy": "one_hot",
    "SparseCategoricalCrossentropy": "sparse",
    "KLDivergence": "distributions",
    "Poisson": "positive",
    "Hinge": "regression",
    "SquaredHinge": "regression",
    "CategoricalHinge": "one_hot",
    "TruePositives": "binary",
    "TrueNegatives": "binary",
    "FalsePositives": "binary",
    "FalseNegatives": "binary",
    "Precision": "labels",
    "Recall": "labels",
    "SensitivityAtSpecificity": "binary",
    "SpecificityAtSensitivity": "binary",
    "PrecisionAtRecall": "binary",
    "RecallAtPrecision": "binary",
    "AUC": "labels",
    "FBetaScore": "labels",
    "F1Score": "labels",
    "IoU": "pairs",
    "BinaryIoU": "mask_pairs",
    "MeanIoU": "pairs",
    "OneHotIoU": "flat_hot",
    "OneHotMeanIoU": "flat_hot",
}


@pytest.mark.parametrize("seed", range(DRAWS))
@pytest.mark.parametrize("name", KINDS)
def test_over_batches(name, seed):
    draw = Draw(name, seed)
    theirs = getattr(keras.metrics, name)(**draw.options)
    ours = getattr(metrics, name)(**draw.options)
    for m in (5, 1, 8):
        y, p, weight = draw.batch(m)
        theirs.update_state(y, p, sample_weight=weight)
        ours.update_state(y, p, sample_weight=weight)
        found, expected = np.asarray(ours.result()), np.asarray(theirs.result())
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)
    theirs.reset_state()
    ours.reset_state()
    y, p, _ = draw.batch(3)
    found, expected = np.asarray(ours(y, p)), np.asarray(theirs(y, p))
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", ["MeanSquaredError", "SparseCategoricalAccuracy", "KLDivergence"])
@pytest.mark.parametrize("weighted", [False, True])
def test_masks(name, weighted):
    rng = np.random.default_rng(0)
    p = probabilities(rng, (6, 4, 3))
    y = rng.integers(0, 3, (6, 4)) if name.startswith("Sparse") else probabilities(rng, (6, 4, 3))
    mask = rng.random((6, 4)) < 0.5
    weight = rng.uniform(0, 2, (6, 4)).astype(np.float32) if weighted else None
    masked = jnp.asarray(p)
    keras.src.backend.set_keras_mask(masked, jnp.asarray(mask))
    tensor = as_tensor(p)
    tensor.mask = as_tensor(mask)
    expected = getattr(keras.metrics, name)()(y, masked, sample_weight=weight)
    found = getattr(metrics, name)()(y, tensor, sample_weight=weight)
    np.testing.assert_allclose(float(found), float(expected), rtol=1e-5)


@pytest.mark.parametrize("name", ["Mean", "Sum"])
@pytest.mark.parametrize(
    ("shape", "weight_shape"),
    [((), None), ((4,), None), ((4,), (4,)), ((4, 3), None), ((4, 3), (4,)), ((4, 3), (4, 3))],
)
def test_reductions(name, shape, weight_shape):
    rng = np.random.default_rng(0)
    values = numbers(rng, shape)
    weight = None if weight_shape is None else rng.random(weight_shape).astype(np.float32)
    expected = getattr(keras.metrics, name)()(values, sample_weight=weight)
    found = getattr(metrics, name)()(values, sample_weight=weight)
    np.testing.assert_allclose(float(found), float(expected), rtol=1e-5)


@pytest.mark.parametrize("name", [*KINDS, "Mean", "Sum"])
def test_arguments_and_defaults_are_those_of_keras(name):
    def arguments(cls):
        return {k: v.default for k, v in inspect.signature(cls).parameters.items()}

    theirs, ours = arguments(getattr(keras.metrics, name)), arguments(getattr(metrics, name))
    assert list(theirs) == list(ours)
    assert theirs == ours


@pytest.mark.parametrize("name", KINDS)
def test_default_names_are_those_of_keras(name):
    options = json.loads(json.dumps(Draw(name, 0).options))
    keras.backend.clear_session()
    assert getattr(metrics, name)(**options).name == getattr(keras.metrics, name)(**options).name
