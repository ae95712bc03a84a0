"""What a network ends in: output, targets and loss, and what the best constant guess would cost."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from glassnet.explain.evaluation import wide
from glassnet.graph.tensor import Tensor

CLASSES = ("CategoricalCrossentropy", "CategoricalFocalCrossentropy", "CategoricalHinge")
NUMBERED = ("SparseCategoricalCrossentropy",)
BINARY = ("BinaryCrossentropy", "BinaryFocalCrossentropy")
SIGNED = ("Hinge", "SquaredHinge")
NUMBERS = (
    "MeanSquaredError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredLogarithmicError",
    "Huber",
    "LogCosh",
    "Poisson",
)


def activation_of(output: Tensor) -> str:
    """Return the op that made an output, past casts and reshapes; ``"linear"`` for a bare sum."""
    while output.op is not None and len(output.inputs) == 1:
        if not (output.op.view or output.op.name == "cast"):
            break
        (output,) = output.inputs
    if output.op is None:
        return "other"
    name = str(output.op.name)
    if name in ("add", "matmul", "convolution", "transposed_convolution"):
        return "linear"
    return name


@dataclass(frozen=True)
class Head:
    """One output of a network on a sample.

    Args:
        name: the output's name.
        activation: the op that it ends in: ``"softmax"``, ``"sigmoid"``, ``"linear"`` …
        loss: the loss object; None for an output without one.
        y: the targets.
        predicted: the outputs.
        weight: the sample weights, or None.
    """

    name: str
    activation: str
    loss: Any
    y: np.ndarray
    predicted: np.ndarray
    weight: np.ndarray | None = None

    @property
    def kind(self) -> str:
        """What the loss takes: ``"numbered"`` classes, ``"classes"`` as one-hot rows, ``"binary"``
        targets, ``"signed"`` ones, ``"numbers"``; ``"own"`` for a loss that nothing is known of.
        """
        name = type(self.loss).__name__
        groups = {
            "numbered": NUMBERED,
            "classes": CLASSES,
            "binary": BINARY,
            "signed": SIGNED,
            "numbers": NUMBERS,
        }
        return next((kind for kind, names in groups.items() if name in names), "own")

    @property
    def width(self) -> int:
        """The number of output units."""
        return int(self.predicted.shape[-1]) if self.predicted.ndim > 1 else 1

    @property
    def from_logits(self) -> bool:
        """Whether the loss expects raw outputs."""
        return bool(getattr(self.loss, "from_logits", False))

    @cached_property
    def labels(self) -> np.ndarray | None:
        """The class of each example; None where the targets are no classes."""
        y = self.y
        own = self.kind == "own" and y.dtype.kind in "iu" and self.width > 1
        if self.kind == "numbered" or (own and y.size == len(y)):
            flat = y.reshape(-1)
            return flat.astype(np.int64) if len(flat) == len(y) else None
        if not np.isfinite(wide(y)).all():
            return None
        one_hot = y.ndim == 2 and y.shape[1] > 1
        if one_hot:
            rows = bool(np.isin(y, (0, 1)).all()) and bool((y.sum(axis=1) == 1).all())
            return y.argmax(axis=1) if rows or self.kind == "classes" else None
        if y.size != len(y):
            return None
        found = np.unique(y)
        if len(found) == 2 and set(found.tolist()) <= {-1, 0, 1}:
            return (y.reshape(-1) == found[1]).astype(np.int64)
        return None

    @cached_property
    def classes(self) -> int:
        """How many classes there are."""
        if self.labels is None:
            return 0
        return max(self.width if self.width > 1 else 2, int(self.labels.max(initial=0)) + 1)

    @cached_property
    def guessed(self) -> np.ndarray | None:
        """The class that is predicted for each example."""
        p = self.predicted
        if self.labels is None or len(p) != len(self.labels):
            return None
        if p.ndim == 2 and p.shape[1] > 1:
            return p.argmax(axis=1)
        if p.size != len(p):
            return None
        middle = 0.0 if self.from_logits or self.kind == "signed" else 0.5
        if self.y.min() < 0:
            middle = 0.0
        return (p.reshape(-1) > middle).astype(np.int64)

    # --- losses -------------------------------------------------------------------------------
    def loss_of(self, predicted: np.ndarray) -> float:
        """Return the loss of predictions, without penalties."""
        with np.errstate(all="ignore"):
            return float(np.asarray(self.loss(self.y, predicted, sample_weight=self.weight)))

    @cached_property
    def loss_now(self) -> float:
        """The loss of what the network predicts."""
        return self.loss_of(self.predicted)

    @cached_property
    def base(self) -> float:
        """The loss of the best constant: the shares of the classes, the mean, the median.

        For a cross-entropy that is the entropy of the targets, for the squared error their
        variance.
        """
        if self.kind == "own" and self.y.size != self.predicted.size:
            return float("nan")  # what a constant guess would be is not known
        return self.loss_of(np.broadcast_to(self._constant(), self.predicted.shape).copy())

    def _constant(self) -> np.ndarray:
        weights = self.weight if self.weight is not None and self.weight.ndim == 1 else None
        if self.kind == "numbered":
            labels = np.asarray(self.y, np.int64).reshape(-1)
            repeated = None if weights is None else np.repeat(weights, len(labels) // len(weights))
            shares = np.bincount(labels, repeated, self.width)[: self.width].astype(np.float64)
            guess = shares / max(shares.sum(), 1e-300)
        else:
            y = wide(self.y).reshape(len(self.y), -1).astype(np.float64)
            middle = np.median(y, axis=0) if "Absolute" in type(self.loss).__name__ else None
            guess = np.average(y, axis=0, weights=weights) if middle is None else middle
            if self.predicted.ndim > 2:
                guess = guess.reshape(self.predicted.shape[1:])
        if self.kind in ("binary", "classes", "numbered"):
            guess = np.clip(guess, 1e-7, 1 - 1e-7)
            if self.from_logits:
                guess = np.log(guess) - (np.log1p(-guess) if self.kind == "binary" else 0.0)
        return guess.astype(np.float32)

    @property
    def skill(self) -> float:
        """``1 - J / J₀``: 0 for no better than the best constant, 1 for a loss of 0."""
        if not np.isfinite(self.loss_now) or not np.isfinite(self.base):
            return float("nan")
        return 1.0 - self.loss_now / self.base if self.base > 1e-12 else 1.0
