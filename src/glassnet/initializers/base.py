"""The base of initializers and their registry."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet.graph import dtypes
from glassnet.graph.tensor import Constant
from glassnet.registry import Configurable, Registry

INITIALIZERS = Registry("initializer")


class Initializer(Configurable):
    """The base of initializers: ``initializer(shape, dtype)`` gives the first value of a weight.

    A subclass writes ``draw(shape, dtype)``, which returns an array.
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Constant:
        """Return a tensor of the given shape; the default float type for None."""
        found = dtypes.default_float() if dtype is None else dtypes.standard(dtype)
        return Constant(self.draw(tuple(shape), found).astype(found, copy=False))

    @abstractmethod
    def draw(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """Return the array; the weight's dtype is given for those whose draws depend on it."""


def get(identifier: Any) -> Any:
    """Return an initializer by name (``"glorot_uniform"``), from its saved form, or as it is."""
    return INITIALIZERS.get(identifier)
