"""Confusion, ROC, precision over recall, calibration: by hand, by loops, by glassnet's metrics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from glassnet import inspection, metrics

DRAW = np.random.default_rng(0)


# --- confusion --------------------------------------------------------------------------------
def test_counts_recalls_precisions_by_hand() -> None:
    found = inspection.confusion([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 2], names=["a", "b", "c"])
    assert found.counts.tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
    np.testing.assert_allclose(found.recalls, [2 / 3, 1 / 2, 1])
    np.testing.assert_allclose(found.precisions, [1, 1 / 2, 1 / 2])
    assert found.accuracy == pytest.approx(4 / 6)
    np.testing.assert_allclose(found.normalized("all").sum(), 1)
    np.testing.assert_allclose(found.normalized("pred")[:, 1], [1 / 2, 1 / 2, 0])
    np.testing.assert_allclose(found.normalized("true")[1], [0, 1 / 2, 1 / 2])
    np.testing.assert_array_equal(found.normalized(None), found.counts)


@pytest.mark.parametrize("one_hot", [False, True])
def test_counts_are_those_of_the_metric(one_hot: bool) -> None:
    y, p = DRAW.integers(0, 5, 200), DRAW.random((200, 5))
    metric = metrics.ConfusionMatrix(5)
    expected = np.asarray(metric(y, p))
    given = np.eye(5)[y] if one_hot else y
    np.testing.assert_array_equal(inspection.confusion(given, p).counts, expected)


def test_one_probability_an_example() -> None:
    y, p = np.array([0, 0, 1, 1]), np.array([[0.2], [0.7], [0.5], [0.9]])
    assert inspection.confusion(y, p).counts.tolist() == [[1, 1], [1, 1]]  # 0.5 is no yes
    assert inspection.confusion(y[:, None], p, threshold=0.4).counts.tolist() == [[1, 1], [0, 2]]
    assert inspection.confusion(2 * y - 1, np.array([1, -1, -1, 1])).counts.tolist() == [
        [1, 1],
        [1, 1],
    ]


def test_only_one_class_is_still_a_matrix_of_two() -> None:
    found = inspection.confusion([1, 1], [0.9, 0.2])
    assert found.counts.tolist() == [[0, 0], [1, 1]]
    assert np.isnan(found.recalls[0])
    assert found.recalls[1] == 0.5


def test_places_of_a_sequence_count_one_by_one() -> None:
    y, p = DRAW.integers(0, 3, (4, 6)), DRAW.random((4, 6, 3))
    expected = np.zeros((3, 3), int)
    for row, scores in zip(y, p, strict=True):
        for true, score in zip(row, scores, strict=True):
            expected[true, score.argmax()] += 1
    np.testing.assert_array_equal(inspection.confusion(y, p).counts, expected)


@pytest.mark.parametrize(
    ("y", "p", "told"),
    [
        ([0, 1], [0.2, np.nan], "1 of 2 numbers are NaN, the first of example 1"),
        ([0, 1, 1], [0, 1], "3 true classes and 2 predicted"),
        ([[1, 1], [0, 1]], [[0.5, 0.5], [0.1, 0.9]], "several labels"),
        ([0, 3], [[0.5, 0.5], [0.1, 0.9]], "whole, 0 to 1; got 0 to 3"),
        ([0.5, 1], [0, 1], "class numbers 0, 1, 2 …; got 0.5"),
        ([1, 1], [-1, 1], "class numbers 0, 1, 2 …; got -1"),
        ([], [], "expected an array of numbers"),
    ],
)
def test_what_does_not_fit_is_an_error(y: Any, p: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        inspection.confusion(y, p)


def test_names_must_be_one_a_class() -> None:
    with pytest.raises(ValueError, match="expected 2 names"):
        inspection.confusion([0, 1], [0, 1], names=["a", "b", "c"])


# --- ROC --------------------------------------------------------------------------------------
def points_by_loop(y: np.ndarray, s: np.ndarray) -> list[tuple[float, float, float]]:
    found = []
    for threshold in sorted(set(s.tolist()), reverse=True):
        yes = s >= threshold
        found.append((threshold, (yes & (y == 1)).sum(), (yes & (y == 0)).sum()))
    return found


def test_roc_by_loop_with_ties() -> None:
    y, s = DRAW.integers(0, 2, 60), DRAW.integers(0, 8, 60) / 8
    (curve,) = inspection.roc(y, s).curves
    points = points_by_loop(y, s)
    np.testing.assert_allclose(curve.thresholds, [np.inf, *(t for t, _, _ in points)])
    np.testing.assert_allclose(curve.true_positive_rates, [0, *(h / y.sum() for _, h, _ in points)])
    np.testing.assert_allclose(
        curve.false_positive_rates, [0, *(m / (1 - y).sum() for _, _, m in points)]
    )
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in s[y == 1] for b in s[y == 0]]
    assert curve.area == pytest.approx(np.mean(pairs))
    assert (curve.positives, curve.negatives) == (y.sum(), 60 - y.sum())


def test_area_is_that_of_the_metric_with_a_threshold_between_all_scores() -> None:
    y, s = DRAW.integers(0, 2, 80), DRAW.integers(1, 50, 80) / 50
    metric = metrics.AUC(thresholds=[(i + 0.5) / 50 for i in range(50)])
    (curve,) = inspection.roc(y, s).curves
    assert curve.area == pytest.approx(float(metric(y, s)), rel=1e-5)


def test_classes_against_the_rest() -> None:
    y, p = DRAW.integers(0, 4, 90), DRAW.random((90, 4))
    found = inspection.roc(y, p, names=list("abcd"))
    assert [c.name for c in found.curves] == list("abcd")
    for k, curve in enumerate(found.curves):
        (alone,) = inspection.roc(y == k, p[:, k]).curves
        np.testing.assert_array_equal(curve.true_positive_rates, alone.true_positive_rates)
        assert curve.area == alone.area
    hot = inspection.roc(np.eye(4)[y], p)
    assert [c.area for c in hot.curves] == [c.area for c in found.curves]


def test_labels_have_a_curve_each() -> None:
    y, p = DRAW.integers(0, 2, (50, 3)), DRAW.random((50, 3))
    areas = [c.area for c in inspection.roc(y, p).curves]
    assert areas == [inspection.roc(y[:, j], p[:, j]).curves[0].area for j in range(3)]


def test_two_classes_are_one_curve() -> None:
    y, p = DRAW.integers(0, 2, 40), DRAW.random(40)
    (curve,) = inspection.roc(y, np.stack([1 - p, p], axis=1), names=["no", "yes"]).curves
    assert curve.name == "yes"
    assert curve.area == inspection.roc(y, p).curves[0].area


def test_absent_classes_are_named() -> None:
    found = inspection.roc([0, 1, 0, 1], DRAW.random((4, 3)))
    assert [c.name for c in found.curves] == ["0", "1"]
    assert found.absent == ("2",)
    assert inspection.precision_recall([0, 1, 0, 1], DRAW.random((4, 3))).absent == ("2",)


@pytest.mark.parametrize(("y", "only"), [([1, 1], "positives"), ([0, 0], "negatives")])
def test_one_class_alone_has_no_roc(y: list[int], only: str) -> None:
    with pytest.raises(ValueError, match=f"only {only}"):
        inspection.roc(y, [0.1, 0.2])


@pytest.mark.parametrize(
    ("y", "p", "told"),
    [
        ([0, 1], [0.1, np.nan], "NaN"),
        ([0, np.nan], [0.1, 0.2], "NaN"),
        ([0, 2], [0.1, 0.2], "holds 0 and 1"),
        ([0, 1, 1], [0.1, 0.2], "3 targets and 2 scores"),
        ([[0.5, 0.5]], [[0.1, 0.2]], "0 or 1; got 0.5"),
    ],
)
def test_strange_targets_and_scores(y: Any, p: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        inspection.roc(y, p)


# --- precision over recall --------------------------------------------------------------------
def test_precision_recall_by_loop() -> None:
    y, s = DRAW.integers(0, 2, 60), DRAW.integers(0, 8, 60) / 8
    (curve,) = inspection.precision_recall(y, s).curves
    points = points_by_loop(y, s)
    recalls = [h / y.sum() for _, h, _ in points]
    precisions = [h / (h + m) for _, h, m in points]
    np.testing.assert_allclose(curve.recalls, [0, *recalls])
    np.testing.assert_allclose(curve.precisions, [1, *precisions])
    steps = np.diff([0, *recalls])
    assert curve.average_precision == pytest.approx(sum(steps * np.array(precisions)))
    assert curve.prevalence == pytest.approx(y.mean())


def test_no_positives_have_no_recall() -> None:
    with pytest.raises(ValueError, match="no positives"):
        inspection.precision_recall([0, 0], [0.1, 0.2])
    (curve,) = inspection.precision_recall([1, 1], [0.1, 0.2]).curves
    assert curve.average_precision == 1.0


# --- calibration ------------------------------------------------------------------------------
def test_calibration_by_loop() -> None:
    y, p = DRAW.integers(0, 2, 200), DRAW.random(200)
    p[:3] = (0.0, 0.2, 1.0)
    found = inspection.calibration(y, p, bins=5)
    error = 0.0
    for i, place in enumerate(found.bins):
        low, high = place / 5, (place + 1) / 5
        inside = ((p > low) | ((p == 0) & (place == 0))) & (p <= high)
        assert found.counts[i] == inside.sum()
        assert found.predicted[i] == pytest.approx(p[inside].mean())
        assert found.observed[i] == pytest.approx(y[inside].mean())
        error += inside.mean() * abs(p[inside].mean() - y[inside].mean())
    assert found.error == pytest.approx(error)


def test_bins_of_equal_numbers() -> None:
    p = DRAW.random(400)
    found = inspection.calibration(DRAW.random(400) < p, p, bins=8, strategy="quantile")
    assert found.counts.tolist() == [50] * 8


def test_many_equal_probabilities_leave_bins_empty() -> None:
    found = inspection.calibration([0, 1, 1, 1], [0.5] * 4, strategy="quantile")
    assert found.counts.tolist() == [4]
    assert found.error == pytest.approx(0.25)


def test_confidence_of_classes_and_one_class() -> None:
    y, p = np.array([0, 1, 2]), np.array([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.1, 0.2, 0.7]])
    sure = inspection.calibration(y, p, bins=1)
    assert sure.told == "confidence"
    assert sure.predicted[0] == pytest.approx((0.8 + 0.6 + 0.7) / 3)
    assert sure.observed[0] == pytest.approx(2 / 3)
    one = inspection.calibration(y, p, bins=1, label=1, names=["a", "b", "c"])
    assert one.told == "probability of b"
    assert one.predicted[0] == pytest.approx(0.2)
    assert one.observed[0] == pytest.approx(1 / 3)


def test_interval_by_the_quadratic_it_solves() -> None:
    """Wilson's limits are the q with (o - q)² = z² q (1 - q) / n."""
    found = inspection.calibration([0, 1, 1, 0, 1], [0.5] * 5, bins=1)
    for q in found.intervals[0]:
        assert (0.6 - q) ** 2 == pytest.approx(1.959964**2 * q * (1 - q) / 5, rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"bins": 0}, "at least 1"),
        ({"strategy": "even"}, "uniform"),
        ({"label": 5}, "label is 0 to 2"),
    ],
)
def test_strange_arguments_of_calibration(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        inspection.calibration([0, 1, 2], np.eye(3), **arguments)


def test_scores_are_no_probabilities() -> None:
    with pytest.raises(ValueError, match=r"from 0 to 1; got -1 to 2"):
        inspection.calibration([0, 1], [-1.0, 2.0])
