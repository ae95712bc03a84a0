"""The losses that PyTorch has, in its words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from glassnet import config
from glassnet.explain.code.literals import literal
from glassnet.graph.tensor import Tensor
from glassnet.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)

_MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")


def loss_text(loss: Any, output: Tensor, p: str, y: str) -> str | None:
    """Return the loss of outputs ``p`` and targets ``y`` in PyTorch's words; None for none.

    Args:
        loss: the loss.
        output: the output of the network.
        p: the outputs, as source.
        y: the targets, as source.
    """
    rule = _RULES.get(type(loss))
    if rule is None or loss.reduction not in _MEANS:
        return None
    return rule(loss, output, p, y)


def _binary(loss: BinaryCrossentropy, output: Tensor, p: str, y: str) -> str | None:
    if loss.axis != -1:
        return None
    if loss.label_smoothing:
        s = loss.label_smoothing
        y = f"{y} * {literal(1.0 - s)} + {literal(0.5 * s)}"
    name = "binary_cross_entropy_with_logits" if loss.from_logits else "binary_cross_entropy"
    return f"F.{name}({p}, {y})"


def _categorical(loss: CategoricalCrossentropy, output: Tensor, p: str, y: str) -> str | None:
    if output.ndim != 2 or loss.axis not in (-1, 1):
        return None
    s = loss.label_smoothing
    if loss.from_logits:
        more = f", label_smoothing={literal(s)}" if s else ""
        return f"F.cross_entropy({p}, {y}{more})"
    if s:
        y = f"({y} * {literal(1.0 - s)} + {literal(s)} / {output.shape[-1]})"
    return f"-({y} * {_log(p)}).sum(dim=-1).mean()"


def _sparse(loss: SparseCategoricalCrossentropy, output: Tensor, p: str, y: str) -> str | None:
    if output.ndim != 2 or loss.axis not in (-1, 1) or loss.ignore_class is not None:
        return None
    if loss.from_logits:
        return f"F.cross_entropy({p}, {y}.long())"
    return f"F.nll_loss({_log(p)}, {y}.long())"


def _log(p: str) -> str:
    """The logarithm of probabilities, which may be 0 by rounding."""
    return f"torch.log({p}.clamp(min={literal(config.epsilon())}))"


_RULES: dict[type, Callable[[Any, Tensor, str, str], str | None]] = {
    MeanSquaredError: lambda loss, output, p, y: f"F.mse_loss({p}, {y})",
    MeanAbsoluteError: lambda loss, output, p, y: f"F.l1_loss({p}, {y})",
    Huber: lambda loss, output, p, y: f"F.huber_loss({p}, {y}, delta={literal(loss.delta)})",
    BinaryCrossentropy: _binary,
    CategoricalCrossentropy: _categorical,
    SparseCategoricalCrossentropy: _sparse,
}
