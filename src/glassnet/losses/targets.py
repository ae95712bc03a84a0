"""What targets must be for a cross-entropy, seen on arrays before any training."""

from __future__ import annotations

import numpy as np

from glassnet.losses.shapes import AnyShape, alike, fits, misfit, shown
from glassnet.notation import targets_in_notation


def check_between_0_and_1(y: np.ndarray, output_shape: AnyShape, loss: str) -> None:
    """Raise where targets of yes and no are outside [0, 1] or do not fit the outputs."""
    if not fits(y.shape, output_shape):
        raise misfit(loss, y.shape, output_shape)
    with np.errstate(invalid="ignore"):
        strange = ~((y >= 0) & (y <= 1))  # not-a-number is strange too
    if strange.any():
        found = y[strange].flat[0]
        hint = ""
        if set(np.unique(y).tolist()) <= {-1, 1}:
            hint = " Targets of -1 and 1 become 0 and 1 by (y + 1) / 2, or take the loss Hinge."
        raise ValueError(
            f"{loss}: targets are 0, 1 or between; {int(strange.sum())} of {y.size} are not, the "
            f"first is {found}.{hint}"
        )


def check_one_hot(y: np.ndarray, output_shape: AnyShape, loss: str) -> None:
    """Raise where rows of class probabilities do not fit the outputs."""
    if len(y.shape) != len(output_shape) or not alike(y.shape, output_shape):
        raise misfit(loss, y.shape, output_shape)
    if np.isnan(y).any():
        raise ValueError(f"{loss}: {int(np.isnan(y).sum())} of {y.size} targets are NaN.")


def check_labels(
    y: np.ndarray, output_shape: AnyShape, axis: int, ignore_class: int | None, loss: str
) -> None:
    """Raise where class numbers are no integers, out of range, or do not fit the outputs."""
    axis = axis % len(output_shape)
    classes = output_shape[axis]
    check_label_shape(y.shape, output_shape, axis, loss)
    labels = y if ignore_class is None else y[y != ignore_class]
    if labels.dtype.kind == "f":
        broken = ~(labels == np.floor(labels))
        if broken.any():
            raise ValueError(
                f"{loss}: targets are class numbers; {labels[broken].flat[0]} is no integer. "
                "Targets that are probabilities take CategoricalCrossentropy, numbers to be "
                "predicted take MeanSquaredError."
            )
    if not isinstance(classes, int) or labels.size == 0:
        return
    low, high = labels.min(), labels.max()
    if low < 0:
        raise ValueError(
            f"{loss}: class number {int(low)} is negative; classes are numbered 0 to "
            f"{classes - 1}. To leave examples out, write ignore_class={int(low)}."
        )
    if high >= classes:
        one_more = high == classes and low >= 1
        raise ValueError(
            f"{loss}: class number {int(high)} is out of range: there are {classes} classes, "
            f"numbered 0 to {classes - 1}. "
            + (
                "These count from 1: pass y - 1."
                if one_more
                else f"Give the last layer {int(high) + 1} units, or number the classes from 0."
            )
        )


def check_label_shape(targets: AnyShape, outputs: AnyShape, axis: int, loss: str) -> None:
    """Raise where there is not one class number for each group of class outputs."""
    rest = [size for i, size in enumerate(outputs) if i != axis]
    kept = [*rest[:axis], 1, *rest[axis:]]
    if alike(targets, rest) or (len(targets) == len(kept) and alike(targets, kept)):
        return
    if len(targets) == len(outputs) and alike(targets, outputs):
        hot = loss.removeprefix("Sparse")
        raise ValueError(
            f"{loss}: expected class numbers of shape {shown(rest)}; the targets have shape "
            f"{shown(targets)}, that of the predictions. One-hot targets take the loss {hot}(), "
            "or become class numbers by np.argmax(y, axis=-1)."
        )
    raise ValueError(
        f"{loss}: the predictions have shape {shown(outputs)}, so expected class numbers of shape "
        f"{shown(rest)}; the targets have shape {shown(targets)}. One class number an example, "
        f"please.{targets_in_notation(targets, outputs)}"
    )
