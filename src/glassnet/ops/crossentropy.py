"""Cross-entropies of targets and outputs, the outputs being probabilities or logits.

Probabilities that are the value of a softmax or sigmoid in the graph are computed through its
logits, as stably as if the logits had been given. Others are kept within [ε, 1 - ε], as Keras does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet import config
from glassnet.graph.dimension import display
from glassnet.graph.recording import as_tensor, record, written
from glassnet.graph.tensor import Tensor
from glassnet.ops.comparison import clip
from glassnet.ops.elementwise import cast, log
from glassnet.ops.functions import Sigmoid
from glassnet.ops.logits import (
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    SparseSoftmaxCrossEntropy,
)
from glassnet.ops.operands import float_operands, normalize_axis
from glassnet.ops.reduction import sum
from glassnet.ops.rounding import Identity
from glassnet.ops.shaping import squeeze
from glassnet.ops.softmax import Softmax, one_hot


def softmax_logits(output: Tensor, axis: int) -> Tensor | None:
    """Return the logits whose softmax over ``axis`` is ``output``; None where it is none."""
    while isinstance(output.op, Identity):
        output = output.inputs[0]
    op = output.op
    return output.inputs[0] if isinstance(op, Softmax) and op.axis == (axis,) else None


def sigmoid_logits(output: Tensor) -> Tensor | None:
    """Return the logits whose sigmoid is ``output``; None where it is none.

    Ops between that only arrange entries (reshape, slices) are applied to the logits instead.
    """
    arranged = []
    while output.op is not None and output.op.view and len(output.inputs) == 1:
        arranged.append(output.op)
        (output,) = output.inputs
    if not isinstance(output.op, Sigmoid):
        return None
    (logits,) = output.inputs
    for op in reversed(arranged):
        logits = record(op, logits)
    return logits


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Tensor:
    """Return ``-t log p - (1 - t) log(1 - p)``, entry by entry.

    Args:
        target: the truth t, 0, 1 or between.
        output: the probability p; with ``from_logits`` the x of which p = σ(x).
        from_logits: whether ``output`` holds logits.

    >>> from glassnet import ops
    >>> round(ops.binary_crossentropy([1.0], [0.5]).item(), 4)
    0.6931
    """
    target, output = _like_output(target, output)
    _same_shape("Binary cross-entropy", target, output)
    logits = output if from_logits else sigmoid_logits(output)
    if logits is not None:
        return record(SigmoidCrossEntropy(), logits, target)
    p = _kept_inside(output)
    return -(target * log(p) + (1 - target) * log(1 - p))


def categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """Return ``-Σ t log p`` over ``axis``, for a target distribution t.

    Args:
        target: the true distribution, most often one-hot, in the shape of ``output``.
        output: the probabilities p (scaled to sum to 1); with ``from_logits`` the x of which
            p = softmax(x).
        from_logits: whether ``output`` holds logits.
        axis: the axis of the classes.

    >>> from glassnet import ops
    >>> round(ops.categorical_crossentropy([0.0, 1.0], [0.5, 0.5]).item(), 4)
    0.6931
    """
    target, output = _like_output(target, output)
    axis = _class_axis("Categorical cross-entropy", output, axis)
    _same_shape("Categorical cross-entropy", target, output)
    logits = output if from_logits else softmax_logits(output, axis)
    if logits is not None:
        return record(SoftmaxCrossEntropy(axis), logits, target)
    p = _kept_inside(output / sum(output, axis, keepdims=True))
    return -sum(target * log(p), axis)


def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """Return ``-log p[c]`` over ``axis``, for class numbers c.

    Args:
        target: the class numbers, integers from 0, in the shape of ``output`` without ``axis``
            (or with length 1 there).
        output: the probabilities p (scaled to sum to 1); with ``from_logits`` the x of which
            p = softmax(x).
        from_logits: whether ``output`` holds logits.
        axis: the axis of the classes.

    >>> from glassnet import ops
    >>> round(ops.sparse_categorical_crossentropy([1], [[0.5, 0.5]]).item(), 4)
    0.6931
    """
    (output,) = float_operands(output)
    axis = _class_axis("Sparse categorical cross-entropy", output, axis)
    labels = as_tensor(target)
    if labels.dtype.kind not in "iu":
        labels = cast(labels, np.int64)
    if labels.ndim == output.ndim and labels.shape[axis] == 1:
        labels = squeeze(labels, axis)
    logits = output if from_logits else softmax_logits(output, axis)
    if logits is not None:
        return record(SparseSoftmaxCrossEntropy(axis), logits, labels)
    rest = (*output.shape[:axis], *output.shape[axis + 1 :])
    if labels.shape != rest:
        raise ValueError(
            f"Sparse categorical cross-entropy: outputs of shape {display(output.shape)} need one "
            f"class number for each of {display(rest)}; the targets have shape "
            f"{display(labels.shape)}. For one-hot targets use the categorical cross-entropy."
        )
    p = _kept_inside(output / sum(output, axis, keepdims=True))
    return -sum(one_hot(labels, output.shape[axis], axis, p.dtype) * log(p), axis)


def _like_output(target: Any, output: Any) -> tuple[Tensor, Tensor]:
    (output,) = float_operands(output)
    return cast(target, output.dtype), output


def _kept_inside(p: Tensor) -> Tensor:
    return written(clip(p, config.epsilon(), 1 - config.epsilon()), "P")


def _class_axis(what: str, output: Tensor, axis: int) -> int:
    if output.ndim == 0:
        raise ValueError(f"{what}: the output is a single number; it needs an axis of classes.")
    return normalize_axis(axis, output.ndim)


def _same_shape(what: str, target: Tensor, output: Tensor) -> None:
    if target.shape != output.shape:
        raise ValueError(
            f"{what}: the targets have shape {display(target.shape)} and the outputs "
            f"{display(output.shape)}; they must be equal. Reshape the targets."
        )
