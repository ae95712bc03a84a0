"""Initializers whose spread follows from the number of connections: Glorot, He, LeCun."""

from __future__ import annotations

import math

import numpy as np

from glassnet.config import next_seed
from glassnet.initializers.base import INITIALIZERS, Initializer


@INITIALIZERS.add()
class VarianceScaling(Initializer):
    """Draw entries of variance ``scale / n``, with n the connections ``mode`` counts."""

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
    ) -> None:
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.seed = next_seed() if seed is None else seed

    def draw(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        fan_in, fan_out = fans(shape)
        count = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        limit = math.sqrt(3 * self.scale / max(1.0, count))
        return np.random.default_rng(self.seed).uniform(-limit, limit, shape)


def fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """Return how many inputs an output entry has, and how many outputs an input entry."""
    if len(shape) < 2:
        size = float(shape[0]) if shape else 1.0
        return size, size
    field = math.prod(shape[:-2])
    return float(shape[-2] * field), float(shape[-1] * field)


@INITIALIZERS.add("xavier_uniform")
class GlorotUniform(VarianceScaling):
    """Glorot's uniform initializer."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_avg", "uniform", seed)
