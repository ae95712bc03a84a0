"""Which shapes of targets and predictions belong together. Nothing broadcasts silently."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glassnet.graph.dimension import Dim, Shape, display
from glassnet.graph.tensor import Tensor
from glassnet.notation import targets_in_notation
from glassnet.ops import cast, expand_dims, squeeze
from glassnet.ops.operands import float_operands

AnyShape = Sequence[Any]
"""Sizes as numbers, named sizes, or None for a size that only a run tells."""


def squeeze_or_expand_to_same_rank(
    x1: Tensor, x2: Tensor, expand_rank_1: bool = True
) -> tuple[Tensor, Tensor]:
    """Return both with the same number of axes where one has a last axis of length 1 more.

    ``(m,)`` beside ``(m, 1)`` becomes ``(m, 1)``; ``(m, t, 1)`` beside ``(m, t)`` becomes
    ``(m, t)``. Everything else stays as it is. This is Keras's rule.
    """
    longer, shorter = (x1, x2) if x1.ndim > x2.ndim else (x2, x1)
    if longer.ndim != shorter.ndim + 1 or longer.shape[-1] != 1:
        return x1, x2
    if shorter.ndim == 1 and expand_rank_1:
        shorter = expand_dims(shorter, -1)
    else:
        longer = squeeze(longer, -1)
    return (longer, shorter) if x1.ndim > x2.ndim else (shorter, longer)


def paired(y_true: Any, y_pred: Any, loss: str) -> tuple[Tensor, Tensor]:
    """Return targets and predictions of one float dtype and one shape.

    Raises:
        ValueError: where the shapes differ by more than a last axis of length 1.
    """
    (y_pred,) = float_operands(y_pred)
    y_true, y_pred = squeeze_or_expand_to_same_rank(cast(y_true, y_pred.dtype), y_pred)
    if y_pred.ndim == 0:
        raise ValueError(
            f"{loss}: expected one prediction for each example, (m,) or (m, k); got a single "
            "number. Write [y] for one example."
        )
    if y_true.shape != y_pred.shape:
        raise misfit(loss, y_true.shape, y_pred.shape)
    return y_true, y_pred


def fits(targets: AnyShape, outputs: AnyShape) -> bool:
    """Tell whether targets of this shape belong to outputs of that shape, entry by entry."""
    targets, outputs = list(targets), list(outputs)
    if len(targets) == len(outputs) + 1 and targets[-1] == 1:
        targets.pop()
    elif len(outputs) == len(targets) + 1 and outputs[-1] == 1:
        outputs.pop()
    return alike(targets, outputs)


def alike(first: AnyShape, second: AnyShape) -> bool:
    """Tell whether two shapes may be equal; a size that only a run tells may be any."""
    return len(first) == len(second) and all(
        a == b or not isinstance(a, int) or not isinstance(b, int)
        for a, b in zip(first, second, strict=True)
    )


def misfit(loss: str, targets: AnyShape, outputs: AnyShape) -> ValueError:
    """Return the error for targets that do not fit the outputs, with what to do about it."""
    seen, made = shown(targets), shown(outputs)
    width = outputs[-1] if outputs else 1
    if len(targets) == len(outputs) - 1 or (
        len(targets) == len(outputs) and list(targets[-1:]) == [1]
    ):
        advice = (
            f"There is one target for {width} outputs: give the last layer 1 unit, or pass "
            f"targets of shape {made}."
        )
        if "ategorical" in loss:
            advice = (
                "Such targets are class numbers: use the loss "
                f"{loss.replace('Categorical', 'SparseCategorical')}, or turn them into one-hot "
                f"rows with utils.to_categorical(y, {width})."
            )
            if loss != "CategoricalCrossentropy":
                advice = (
                    "Such targets are class numbers: turn them into one-hot rows with "
                    f"utils.to_categorical(y, {width})."
                )
    elif len(targets) == len(outputs):
        advice = (
            f"Give the last layer {targets[-1]} units, or pass targets with {width} entries an "
            "example."
        )
    else:
        advice = f"Reshape the targets to {made}."
    return ValueError(
        f"{loss}: the targets have shape {seen} and the predictions {made}; they must be equal. "
        f"{advice}{targets_in_notation(targets, outputs)}"
    )


def shown(shape: AnyShape) -> str:
    """Return a shape as text; None stands for the batch and is written as such."""
    return display([Dim.named("m") if size is None else size for size in shape])


def as_shape(shape: Any) -> Shape:
    """Return a shape with None turned into a named size."""
    return tuple(Dim.named("m") if size is None else size for size in shape)
