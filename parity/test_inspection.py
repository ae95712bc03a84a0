"""What inspection finds of classifiers is what scikit-learn finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import calibration as sk_calibration
from sklearn import metrics as sk

from glassnet import inspection


def drawn(seed: int, ties: bool, size: int = 200) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    y = draw.integers(0, 2, size)
    p = np.clip(0.4 * draw.random(size) + 0.3 * y + 0.1 * draw.normal(size=size), 0, 1)
    return y, np.round(p, 1) if ties else p


CASES = [(seed, ties) for seed in range(4) for ties in (False, True)]


@pytest.mark.parametrize(("seed", "ties"), CASES)
def test_roc(seed: int, ties: bool) -> None:
    y, p = drawn(seed, ties)
    (curve,) = inspection.roc(y, p).curves
    fpr, tpr, at = sk.roc_curve(y, p, drop_intermediate=False)
    np.testing.assert_allclose(curve.false_positive_rates, fpr)
    np.testing.assert_allclose(curve.true_positive_rates, tpr)
    np.testing.assert_allclose(curve.thresholds, at)
    assert curve.area == pytest.approx(sk.roc_auc_score(y, p))


@pytest.mark.parametrize(("seed", "ties"), CASES)
def test_precision_recall(seed: int, ties: bool) -> None:
    y, p = drawn(seed, ties)
    (curve,) = inspection.precision_recall(y, p).curves
    precision, recall, at = sk.precision_recall_curve(y, p)
    np.testing.assert_allclose(curve.precisions[::-1], precision)
    np.testing.assert_allclose(curve.recalls[::-1], recall)
    np.testing.assert_allclose(curve.thresholds[:0:-1], at)
    assert curve.average_precision == pytest.approx(sk.average_precision_score(y, p))


@pytest.mark.parametrize("seed", range(3))
def test_classes_and_labels(seed: int) -> None:
    draw = np.random.default_rng(seed)
    y, p = draw.integers(0, 4, 150), draw.dirichlet(np.ones(4), 150)
    areas = [c.area for c in inspection.roc(y, p).curves]
    assert np.mean(areas) == pytest.approx(sk.roc_auc_score(y, p, multi_class="ovr"))
    labels = draw.integers(0, 2, (150, 4))
    np.testing.assert_allclose(
        [c.area for c in inspection.roc(labels, p).curves],
        sk.roc_auc_score(labels, p, average=None),
    )
    np.testing.assert_allclose(
        [c.average_precision for c in inspection.precision_recall(labels, p).curves],
        sk.average_precision_score(labels, p, average=None),
    )


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
@pytest.mark.parametrize("bins", [1, 3, 10])
@pytest.mark.parametrize(("seed", "ties"), CASES)
def test_calibration(strategy: Any, bins: int, seed: int, ties: bool) -> None:
    y, p = drawn(seed, ties)
    found = inspection.calibration(y, p, bins=bins, strategy=strategy)
    observed, predicted = sk_calibration.calibration_curve(y, p, n_bins=bins, strategy=strategy)
    np.testing.assert_allclose(found.observed, observed)
    np.testing.assert_allclose(found.predicted, predicted)


@pytest.mark.parametrize("over", [None, "true", "pred", "all"])
def test_confusion(over: Any) -> None:
    draw = np.random.default_rng(0)
    y, p = draw.integers(0, 5, 300), draw.random((300, 5))
    found = inspection.confusion(y, p)
    expected = sk.confusion_matrix(y, p.argmax(axis=1), normalize=over)
    np.testing.assert_allclose(found.normalized(over), expected)
    np.testing.assert_allclose(found.recalls, sk.recall_score(y, p.argmax(axis=1), average=None))
    np.testing.assert_allclose(
        found.precisions, sk.precision_score(y, p.argmax(axis=1), average=None)
    )


def test_explained_variance() -> None:
    draw = np.random.default_rng(0)
    y, p = draw.normal(size=(50, 3)), draw.normal(size=(50, 3))
    found = inspection.residuals(y, p)
    np.testing.assert_allclose(found.explained, sk.r2_score(y, p, multioutput="raw_values"))
