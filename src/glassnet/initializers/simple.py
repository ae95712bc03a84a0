"""Initializers that draw each entry alike: constants, uniform and normal numbers."""

from __future__ import annotations

import numpy as np

from glassnet.initializers.base import INITIALIZERS, Initializer


@INITIALIZERS.add("zero")
class Zeros(Initializer):
    """All entries 0."""

    def draw(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return np.zeros(shape, dtype)


@INITIALIZERS.add("one")
class Ones(Initializer):
    """All entries 1."""

    def draw(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return np.ones(shape, dtype)
