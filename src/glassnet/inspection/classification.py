"""How well a classifier judges: confusion counts, ROC, precision over recall, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from glassnet.checks import one_of, whole
from glassnet.inspection.targets import class_numbers, names_of, numbers, one_against_rest

Normalization = Literal["true", "pred", "all"]


# --- confusion --------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Confusion:
    """``C[i, j]``, how many examples of class i were taken for class j.

    Attributes:
        counts: C, (k, k), whole numbers; rows are true classes.
        names: the names of the classes.
    """

    counts: np.ndarray
    names: tuple[str, ...]

    @property
    def recalls(self) -> np.ndarray:
        """``C[i, i] / Σ_j C[i, j]``, the share of each class that was found; NaN without any."""
        return _divided(np.diag(self.counts), self.counts.sum(axis=1))

    @property
    def precisions(self) -> np.ndarray:
        """``C[j, j] / Σ_i C[i, j]``, the share of each verdict that is right; NaN without any."""
        return _divided(np.diag(self.counts), self.counts.sum(axis=0))

    @property
    def accuracy(self) -> float:
        """``Σ_i C[i, i] / Σ C``, the share of examples that were judged rightly."""
        return float(np.trace(self.counts) / self.counts.sum())

    def normalized(self, over: Normalization | None) -> np.ndarray:
        """Return shares: of each true class, of each verdict, or of all; the counts for None.

        Raises:
            ValueError: for any other ``over``.
        """
        if over is None:
            return self.counts.astype(np.float64)
        one_of(over, ("true", "pred", "all"), "normalize")
        axis = {"true": 1, "pred": 0, "all": None}[over]
        return _divided(self.counts, self.counts.sum(axis=axis, keepdims=True))


def confusion(
    y: Any, predicted: Any, *, names: Sequence[str] | None = None, threshold: float = 0.5
) -> Confusion:
    """Return how often each class was taken for each.

    Args:
        y: the true classes: class numbers (m,) or (m, 1), one-hot rows (m, k), or for two classes
            0 and 1 (or -1 and 1).
        predicted: class numbers (m,), whole; or scores (m, k), of which the largest counts; or one
            probability of a yes an example, (m,) or (m, 1).
        names: the names of the classes; their numbers for None.
        threshold: above which one probability says yes.

    Shapes with further axes (the steps of a sequence, the points of an image) are taken place by
    place.

    Raises:
        ValueError: where the numbers of examples differ, for NaN, for labels that exclude each
            other not, for names that are too few or too many.

    >>> from glassnet import inspection
    >>> inspection.confusion([0, 1, 1, 2], [0, 1, 2, 2]).counts.tolist()
    [[1, 0, 0], [0, 1, 1], [0, 0, 1]]
    """
    p, what = numbers(predicted, "confusion: predicted"), "confusion"
    if p.ndim > 1 and p.shape[-1] > 1:
        said = p.argmax(axis=-1).ravel()
        true, k = class_numbers(y, p.shape, what), p.shape[-1]
    else:
        said, true, k = _one_number(y, p.ravel(), threshold)
    if len(said) != len(true):
        raise ValueError(f"{what}: {len(true)} true classes and {len(said)} predicted ones.")
    labels = names_of(names, k, what)
    counts = np.bincount(true * k + said, minlength=k * k).reshape(k, k)
    return Confusion(counts, labels)


def _one_number(y: Any, p: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray, int]:
    """Read class numbers, or probabilities of a yes, and the true classes that go with them."""
    true = numbers(y, "confusion: y")
    if true.ndim > 1 and true.shape[-1] > 1 and true.size != p.size:
        true = class_numbers(true, true.shape, "confusion")
    true = true.ravel()
    whole_numbers = bool((p == np.floor(p)).all())
    if set(np.unique(true)) <= {-1.0, 1.0} and (true < 0).any():
        true = (true > 0).astype(np.float64)
        p = (p > 0).astype(np.float64) if whole_numbers and (p < 0).any() else p
    if not whole_numbers:
        p = (p > threshold).astype(np.float64)
    for given in (true, p):
        strange = given[(given != np.floor(given)) | (given < 0)]
        if strange.size:
            raise ValueError(
                f"confusion: expected class numbers 0, 1, 2 …; got {strange[0]:g}. Scores of k "
                "classes have shape (m, k)."
            )
    k = max(int(true.max()), int(p.max()), 1) + 1
    return p.astype(np.int64), true.astype(np.int64), k


# --- thresholds -------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class RocCurve:
    """One curve: ``TPR = TP / (TP + FN)`` over ``FPR = FP / (FP + TN)``, a point a threshold.

    Attributes:
        name: which class or label; empty where there is only one.
        false_positive_rates, true_positive_rates: from (0, 0) to (1, 1).
        thresholds: a score of at least this is a yes; falling, the first is infinite.
        area: ``∫ TPR dFPR``, the chance that a positive has a higher score than a negative (ties
            count one half).
        positives, negatives: how many there are.
    """

    name: str
    false_positive_rates: np.ndarray
    true_positive_rates: np.ndarray
    thresholds: np.ndarray
    area: float
    positives: int
    negatives: int


@dataclass(frozen=True, eq=False)
class PrecisionRecallCurve:
    """One curve: ``precision = TP / (TP + FP)`` over ``recall = TP / (TP + FN)``.

    Attributes:
        name: which class or label; empty where there is only one.
        recalls, precisions: from (0, 1), by convention, to recall 1.
        thresholds: a score of at least this is a yes; falling, the first is infinite.
        average_precision: ``Σ (R_i - R_{i-1}) P_i``.
        prevalence: the share of positives, which is the precision of a guess.
    """

    name: str
    recalls: np.ndarray
    precisions: np.ndarray
    thresholds: np.ndarray
    average_precision: float
    prevalence: float


@dataclass(frozen=True, eq=False)
class Roc:
    """The ROC curves of a classifier; ``absent`` names classes without a positive or negative."""

    curves: tuple[RocCurve, ...]
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """The curves of precision over recall; ``absent`` names classes without a positive."""

    curves: tuple[PrecisionRecallCurve, ...]
    absent: tuple[str, ...] = ()


def roc(y: Any, scores: Any, *, names: Sequence[str] | None = None) -> Roc:
    """Return the points of ``TPR = TP / (TP + FN)`` over ``FPR = FP / (FP + TN)``.

    Every score that occurs is a threshold, so nothing is lost, and ties stand at one point.

    Args:
        y: 0 and 1 (or -1 and 1) for one score an example; class numbers or one-hot rows for k
            classes, each then held against all others; 0 and 1 for each of k labels.
        scores: (m,), (m, 1) or (m, k): probabilities, or anything that grows with them.
        names: the names of the k classes or labels; their numbers for None.

    For two classes there is one curve, that of the second.

    Raises:
        ValueError: for NaN; where there are only positives or only negatives.

    >>> from glassnet import inspection
    >>> inspection.roc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).curves[0].area
    0.75

    Source: T. Fawcett, "An introduction to ROC analysis", 2006.
    """
    truth, values, labels = one_against_rest(y, scores, names, "roc")
    curves, absent = [], []
    for t, s, name in zip(truth.T, values.T, labels, strict=True):
        positives = int(t.sum())
        negatives = len(t) - positives
        if not positives or not negatives:
            absent.append(name)
            continue
        hits, misses, at = _counts_by_threshold(t, s)
        tpr = np.concatenate([[0.0], hits / positives])
        fpr = np.concatenate([[0.0], misses / negatives])
        curves.append(
            RocCurve(name, fpr, tpr, at, float(np.trapezoid(tpr, fpr)), positives, negatives)
        )
    if not curves:
        alone = "positives" if truth.any() else "negatives"
        only = alone if truth.shape[1] == 1 else "examples of one class"
        raise ValueError(
            f"roc: y holds only {only}; a ROC curve needs both, at least one example of each."
        )
    return Roc(tuple(curves), tuple(absent))


def precision_recall(y: Any, scores: Any, *, names: Sequence[str] | None = None) -> PrecisionRecall:
    """Return the points of ``TP / (TP + FP)`` over ``TP / (TP + FN)``.

    Args:
        y, scores, names: as for `roc`.

    Raises:
        ValueError: for NaN; where there are no positives.

    >>> from glassnet import inspection
    >>> found = inspection.precision_recall([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).curves[0]
    >>> round(found.average_precision, 4)
    0.8333

    Source: J. Davis, M. Goadrich, "The relationship between precision-recall and ROC curves", 2006.
    """
    truth, values, labels = one_against_rest(y, scores, names, "precision_recall")
    curves, absent = [], []
    for t, s, name in zip(truth.T, values.T, labels, strict=True):
        positives = int(t.sum())
        if not positives:
            absent.append(name)
            continue
        hits, misses, at = _counts_by_threshold(t, s)
        recalls = np.concatenate([[0.0], hits / positives])
        precisions = np.concatenate([[1.0], hits / (hits + misses)])
        average = float(np.sum(np.diff(recalls) * precisions[1:]))
        curves.append(
            PrecisionRecallCurve(name, recalls, precisions, at, average, positives / len(t))
        )
    if not curves:
        raise ValueError(
            "precision_recall: y holds no positives; recall needs at least one example that is a "
            "yes."
        )
    return PrecisionRecall(tuple(curves), tuple(absent))


def _counts_by_threshold(
    truth: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return TP and FP at each score that occurs, falling, and the thresholds after infinity."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    hits = np.cumsum(truth[order])[last].astype(np.float64)
    return hits, last + 1.0 - hits, np.concatenate([[np.inf], ordered[last]])


# --- calibration ------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Calibration:
    """How often it is so where the model says p, bin by bin; empty bins are left out.

    Attributes:
        predicted: the mean probability in each bin.
        observed: the share of these examples where it was so.
        counts: how many examples each bin holds.
        bins: the places of these bins among all, from 0.
        edges: the edges of all bins, empty ones too.
        error: ``Σ n_b / n |observed_b - predicted_b|``, the expected calibration error.
        told: what p is the probability of.
    """

    predicted: np.ndarray
    observed: np.ndarray
    counts: np.ndarray
    bins: np.ndarray
    edges: np.ndarray
    error: float
    told: str

    @property
    def intervals(self) -> np.ndarray:
        """Where the share that is observed may be with 95 % confidence, (bins, 2).

        ``(o + z²/2n ± z sqrt(o (1 - o)/n + z²/4n²)) / (1 + z²/n)``, z = 1.96. Source: E. B.
        Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
        """
        z, n, o = 1.959963984540054, self.counts, self.observed
        middle = o + z**2 / (2 * n)
        half = z * np.sqrt(o * (1 - o) / n + z**2 / (4 * n**2))
        found: np.ndarray = np.stack([middle - half, middle + half], axis=1)
        return found / (1 + z**2 / n)[:, None]


def calibration(
    y: Any,
    probabilities: Any,
    *,
    bins: int = 10,
    strategy: Literal["uniform", "quantile"] = "uniform",
    label: int | None = None,
    names: Sequence[str] | None = None,
) -> Calibration:
    """Return how often it is so where the model says p, and ``ECE = Σ n_b/n |observed - p|``.

    Args:
        y: as for `roc`.
        probabilities: (m,), (m, 1) or (m, k), from 0 to 1.
        bins: how many.
        strategy: ``"uniform"``, bins of equal width; ``"quantile"``, of equal numbers of examples.
            A bin holds its upper edge.
        label: for k classes or labels: which of them is looked at. None looks at the class
            decided for (its probability against whether it is right), and takes labels together.
        names: the names of the classes.

    Raises:
        ValueError: for NaN, for values that are no probabilities.

    >>> from glassnet import inspection
    >>> found = inspection.calibration([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], bins=2)
    >>> found.predicted.round(2).tolist(), found.observed.tolist(), round(found.error, 2)
    ([0.15, 0.85], [0.0, 1.0], 0.15)

    Source: C. Guo et al., "On calibration of modern neural networks", ICML 2017.
    """
    whole(bins, "calibration: bins", least=1)
    one_of(strategy, ("uniform", "quantile"), "calibration: strategy")
    so, p, told = _events(y, probabilities, label, names)
    if p.min() < 0 or p.max() > 1:
        raise ValueError(
            f"calibration: expected probabilities from 0 to 1; got {p.min():.4g} to {p.max():.4g}. "
            "inspection.probabilities(model, x) makes them of a model's outputs."
        )
    even = np.linspace(0, 1, bins + 1)
    edges = even if strategy == "uniform" else np.quantile(p, even)
    place = np.searchsorted(edges[1:-1], p, side="left")
    counts = np.bincount(place, minlength=bins)
    kept = counts > 0
    predicted = np.bincount(place, p, bins)[kept] / counts[kept]
    observed = np.bincount(place, so, bins)[kept] / counts[kept]
    error = float(np.sum(counts[kept] * np.abs(observed - predicted)) / len(p))
    return Calibration(predicted, observed, counts[kept], np.flatnonzero(kept), edges, error, told)


def _events(
    y: Any, probabilities: Any, label: int | None, names: Sequence[str] | None
) -> tuple[np.ndarray, np.ndarray, str]:
    """Return whether it was so, with which probability it was said, and of what."""
    p = numbers(probabilities, "calibration: probabilities")
    truth, values, labels = one_against_rest(y, p, names, "calibration")
    if truth.shape[1] == 1:
        name = labels[0] or "yes"
        return truth[:, 0].astype(np.float64), values[:, 0], f"probability of {name}"
    if label is not None:
        if not 0 <= whole(label, "calibration: label", least=0) < len(labels):
            raise ValueError(f"calibration: label is 0 to {len(labels) - 1}; got {label}.")
        told = f"probability of {labels[label]}"
        return truth[:, label].astype(np.float64), values[:, label], told
    if (truth.sum(axis=1) == 1).all():
        said = values.argmax(axis=1)
        rows = np.arange(len(said))
        return truth[rows, said].astype(np.float64), values[rows, said], "confidence"
    return truth.ravel().astype(np.float64), values.ravel(), "probability, all labels together"


def _divided(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        shares: np.ndarray = np.where(whole > 0, part / whole, np.nan)
    return shares
