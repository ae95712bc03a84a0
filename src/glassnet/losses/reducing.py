"""From the losses of the examples to one number: sample weights, masks, reductions.

Source: the definitions are those of Keras 3 (keras.losses.Loss).
"""

from __future__ import annotations

from typing import Any

from glassnet.graph.dimension import display
from glassnet.graph.recording import as_tensor
from glassnet.graph.tensor import Tensor
from glassnet.losses.shapes import squeeze_or_expand_to_same_rank
from glassnet.ops import cast, expand_dims, where
from glassnet.ops.reduction import number, sum

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


def standardize_reduction(reduction: str | None) -> str | None:
    """Return ``reduction``; raise where it is none of the known ones."""
    if reduction not in REDUCTIONS:
        raise ValueError(
            f"reduction={reduction!r}: expected one of {', '.join(map(repr, REDUCTIONS))}."
        )
    return reduction


def divide_no_nan(x: Any, y: Tensor) -> Tensor:
    """Return ``x / y``, and 0 where ``y`` is 0."""
    empty = y == 0
    return where(empty, 0.0, x / where(empty, 1.0, y))


def apply_mask(
    sample_weight: Tensor | None, mask: Tensor | None, dtype: Any, reduction: str | None
) -> Tensor | None:
    """Return the sample weights with the mask multiplied in.

    Where the losses are averaged, the places that count are scaled up by (all places / places
    that count), so that the average is taken over those alone.
    """
    if mask is None:
        return sample_weight
    weight = cast(mask, dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        weight = weight * divide_no_nan(number(mask.size, dtype), sum(weight))
    if sample_weight is None:
        return weight
    weight, given = squeeze_or_expand_to_same_rank(weight, cast(sample_weight, dtype))
    return given_for(given, weight) * weight


def given_for(weight: Tensor, values: Tensor) -> Tensor:
    """Return the sample weights with axes behind them, so that they multiply ``values``.

    A weight for each example, (m,), counts for all that the example has, (m, t).

    Raises:
        ValueError: where the weights are not one for each example or each value.
    """
    missing = values.ndim - weight.ndim
    if weight.ndim and missing > 0:
        weight = expand_dims(weight, tuple(range(weight.ndim, values.ndim)))
    fitting = weight.ndim <= values.ndim and all(
        w in (1, v) for w, v in zip(weight.shape, values.shape, strict=bool(weight.ndim))
    )
    if not fitting:
        raise ValueError(
            f"sample_weight has shape {display(weight.shape)}; expected one weight for each of the "
            f"losses, {display(values.shape)}, or one for each example, "
            f"{display(values.shape[:1])}."
        )
    return weight


def reduce_weighted_values(
    values: Tensor,
    sample_weight: Any = None,
    mask: Tensor | None = None,
    reduction: str | None = "sum_over_batch_size",
) -> Tensor:
    """Return the losses weighted, masked and brought together.

    Args:
        values: the losses, one for each example or for each place of each example.
        sample_weight: how much each of them counts.
        mask: which of them count at all.
        reduction: ``"sum"``; ``"sum_over_batch_size"`` or ``"mean"``, the sum over the number
            of losses; ``"mean_with_sample_weight"``, the sum over the sum of the weights;
            ``"none"`` or None.
    """
    weight = None if sample_weight is None else cast(as_tensor(sample_weight), values.dtype)
    weight = apply_mask(weight, mask, values.dtype, reduction)
    if weight is not None:
        values, weight = squeeze_or_expand_to_same_rank(values, weight)
        values = values * (given_for(weight, values) if values.ndim else weight)
    if reduction in (None, "none") or values.ndim == 0:
        return values
    if values.size == 0:
        raise ValueError("The loss of no examples was asked for: the batch is empty.")
    total = sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and weight is not None:
        return divide_no_nan(total, sum(weight))
    return total / number(values.size, values.dtype)
