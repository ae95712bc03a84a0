"""Counting right and wrong answers at thresholds: what precision, recall and AUC are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from glassnet import config
from glassnet.graph.dimension import display
from glassnet.graph.recording import as_tensor, record
from glassnet.graph.tensor import Tensor
from glassnet.losses.reducing import given_for
from glassnet.losses.shapes import paired
from glassnet.metrics.base import COUNTED_IN
from glassnet.ops import (
    broadcast_to,
    cast,
    ceil,
    clip,
    cumsum,
    expand_dims,
    flip,
    maximum,
    one_hot,
    reshape,
    squeeze,
    sum,
    top_k,
    transpose,
    where,
)
from glassnet.ops.indexing import AddAt

NEVER = -1e10
"""What a prediction becomes that is not among the k best: below any threshold."""


MOST_THRESHOLDS = 1_000_000
"""More tell nothing new, and a file from outside must not ask for all memory."""


class Counts(NamedTuple):
    """The weight of right and wrong answers, one entry a threshold (and a label)."""

    true_positives: Tensor
    false_positives: Tensor
    true_negatives: Tensor
    false_negatives: Tensor


def thresholds_of(given: Any, default: float = 0.5) -> list[float]:
    """Return thresholds as a list of numbers from 0 to 1."""
    if given is None:
        return [default]
    thresholds = [float(t) for t in np.atleast_1d(np.asarray(given, dtype=float))]
    strange = [t for t in thresholds if not 0 <= t <= 1]
    if strange:
        raise ValueError(f"thresholds lie between 0 and 1; got {strange}.")
    return thresholds


def evenly_spread(thresholds: Sequence[float]) -> bool:
    """Tell whether thresholds are 0, 1/n, 2/n, … 1, up to ε."""
    if len(thresholds) < 3:
        return False
    even = np.arange(len(thresholds)) / (len(thresholds) - 1)
    return bool(np.allclose(thresholds, even, atol=config.epsilon()))


def counts_at(
    y_true: Any,
    y_pred: Any,
    thresholds: Sequence[float],
    *,
    sample_weight: Any = None,
    top: int | None = None,
    class_id: int | None = None,
    label_weights: Any = None,
    by_label: bool = False,
    metric: str = "The metric",
) -> Counts:
    """Return how much weight of answers is right and wrong where ``p > threshold`` says yes.

    Args:
        y_true: truths; everything but 0 is yes.
        y_pred: probabilities.
        thresholds: the thresholds, t of them.
        sample_weight: how much each example or entry counts.
        top: the number of largest predictions of an example that may say yes.
        class_id: the only label that counts.
        label_weights: how much each label counts.
        by_label: whether labels are counted apart: (t, labels) instead of (t,).
        metric: the name in errors.
    """
    y, p = paired(y_true, y_pred, metric)
    weight = _weights(sample_weight, label_weights, p)
    if top is not None:
        chosen = sum(one_hot(top_k(p, top)[1], _width(p), dtype=p.dtype), axis=-2)
        p = where(chosen > 0, p, NEVER)
    if class_id is not None:
        y, p = _only(class_id, y, metric), _only(class_id, p, metric)
        weight = _only(class_id, weight, metric)
    yes = cast(y != 0, COUNTED_IN)
    if by_label:  # (labels, m): a row for each label
        if p.ndim != 2:
            raise ValueError(f"{metric}: labels are counted apart in (m, k); got {p!r}.")
        p, yes, weight = transpose(p), transpose(yes), transpose(weight)
    else:
        p, yes, weight = (reshape(x, (1, -1)) for x in (p, yes, weight))
    right, wrong = yes * weight, (1.0 - yes) * weight
    if evenly_spread(thresholds):
        tp, fp = _from_buckets(p, right, wrong, thresholds)
    else:
        says_yes = p > as_tensor(np.asarray(thresholds).reshape(-1, 1, 1), p.dtype)  # (t, rows, m)
        says_yes = cast(says_yes, COUNTED_IN)
        tp, fp = sum(says_yes * right, axis=-1), sum(says_yes * wrong, axis=-1)
    fn, tn = sum(right, axis=-1) - tp, sum(wrong, axis=-1) - fp
    counted = Counts(tp, fp, tn, fn)
    return counted if by_label else Counts(*(squeeze(c, 1) for c in counted))


def _from_buckets(
    p: Tensor, right: Tensor, wrong: Tensor, thresholds: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """Sort answers into the gaps between even thresholds and add up from above.

    One pass over the answers, where comparing each with each threshold would take t.
    """
    last = len(thresholds) - 1
    gap = ceil(clip(p, 0.0, 1.0) * float(last))  # 0: above no threshold; i: above the first i
    if thresholds[0] < 0:
        gap = maximum(gap, 1.0)  # 0 is above a threshold below 0
    rows = p.shape[0]
    assert isinstance(rows, int)
    row = broadcast_to(as_tensor(np.arange(rows).reshape(-1, 1)), p.shape)
    places = (row, cast(gap, "int64"))
    filled = AddAt((rows, last + 2), (0, 1))

    def above(weight: Tensor) -> Tensor:
        held = record(filled, weight, *places)
        return transpose(flip(cumsum(flip(held, 1), 1), 1)[:, 1:])  # (t, rows)

    return above(right), above(wrong)


def _weights(sample_weight: Any, label_weights: Any, p: Tensor) -> Tensor:
    weight = as_tensor(1.0, COUNTED_IN)
    if sample_weight is not None:
        weight = cast(as_tensor(sample_weight), COUNTED_IN)
        if weight.ndim == p.ndim + 1 and weight.shape[-1] == 1:
            weight = squeeze(weight, -1)
        weight = given_for(weight, p)
    if label_weights is not None:
        weight = weight * as_tensor(label_weights, COUNTED_IN)
    return broadcast_to(weight, p.shape)


def _only(class_id: int, x: Tensor, metric: str) -> Tensor:
    if x.ndim < 2 or not -_width(x) <= class_id < _width(x):
        raise ValueError(
            f"{metric}: class_id={class_id} names a column of predictions (m, k); they have "
            f"shape {display(x.shape)}."
        )
    return expand_dims(x[..., class_id], -1)


def _width(x: Tensor) -> int:
    width = x.shape[-1]
    assert isinstance(width, int)
    return width
