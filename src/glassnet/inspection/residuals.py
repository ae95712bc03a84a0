"""What a regression leaves unexplained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.inspection.targets import names_of, numbers


@dataclass(frozen=True, eq=False)
class Residuals:
    """``r = y - ŷ`` of every example and output.

    Attributes:
        true: y, (m, k).
        predicted: ŷ, (m, k).
        names: the names of the k outputs.
    """

    true: np.ndarray
    predicted: np.ndarray
    names: tuple[str, ...]

    @property
    def values(self) -> np.ndarray:
        """r, (m, k)."""
        return self.true - self.predicted

    @property
    def means(self) -> np.ndarray:
        """``(1/m) Σ r`` of each output: how far predictions are off to one side."""
        return self.values.mean(axis=0)

    @property
    def deviations(self) -> np.ndarray:
        """``sqrt((1/m) Σ (r - mean)²)`` of each output."""
        return self.values.std(axis=0)

    @property
    def explained(self) -> np.ndarray:
        """``R² = 1 - Σ r² / Σ (y - mean of y)²`` of each output; NaN where y is constant."""
        spread = ((self.true - self.true.mean(axis=0)) ** 2).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            left = (self.values**2).sum(axis=0) / spread
        found: np.ndarray = np.where(spread > 0, 1 - left, np.nan)
        return found


def residuals(y: Any, predicted: Any, *, names: Sequence[str] | None = None) -> Residuals:
    """Return the residuals ``r = y - ŷ``.

    Args:
        y: the targets, (m,) or (m, k); further axes count as examples.
        predicted: the predictions, of the same shape but for a last axis of length 1.
        names: the names of the k outputs; ``output 1`` … for None.

    Raises:
        ValueError: for NaN and infinity, or shapes that differ.

    >>> from glassnet import inspection
    >>> found = inspection.residuals([1.0, 2.0, 3.0], [[1.0], [2.5], [2.0]])
    >>> found.values.ravel().tolist()
    [0.0, -0.5, 1.0]
    """
    true = numbers(y, "residuals: y")
    said = numbers(predicted, "residuals: predicted")
    if said.ndim == true.ndim + 1 and said.shape[-1] == 1:
        true = true[..., None]
    if true.ndim == said.ndim + 1 and true.shape[-1] == 1:
        said = said[..., None]
    if true.shape != said.shape:
        raise ValueError(
            f"residuals: targets of shape {true.shape} and predictions of shape {said.shape}; "
            "they must be equal."
        )
    width = 1 if true.ndim == 1 else true.shape[-1]
    if names is None:
        names = ("",) if width == 1 else [f"output {i + 1}" for i in range(width)]
    if not (np.isfinite(true).all() and np.isfinite(said).all()):
        raise ValueError("residuals: targets and predictions are finite; some here are infinite.")
    labels = names_of(names, width, "residuals")
    return Residuals(true.reshape(-1, width), said.reshape(-1, width), labels)
