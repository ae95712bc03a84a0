"""The base of initializers and their registry."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet.config import next_seed
from glassnet.graph import dtypes
from glassnet.graph.dimension import display
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
        sizes = as_sizes(shape, type(self).__name__)
        return Constant(np.asarray(self.draw(sizes, found)).astype(found, copy=False))

    @abstractmethod
    def draw(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """Return the array; the weight's dtype is given for those whose draws depend on it."""

    def clone(self) -> Initializer:
        """Return an initializer with the same arguments; without a seed it draws anew."""
        return type(self).from_config(self.get_config())


class RandomInitializer(Initializer):
    """The base of initializers that draw.

    The values are a pure function of the seed and the shape: one object gives equal values at
    every call, and the values of a float32 weight are those of a float64 weight, rounded. Without
    a seed an object takes the next seed of ``set_random_seed``'s sequence when it is made, so two
    objects differ.

    Args:
        seed: an integer of at least 0, or None.
    """

    def __init__(self, seed: int | None = None) -> None:
        if seed is not None:
            integer = isinstance(seed, (int, np.integer)) and not isinstance(seed, bool)
            if not integer or seed < 0:
                raise ValueError(
                    f"{type(self).__name__}: seed must be an integer of at least 0, or None for a "
                    f"seed that set_random_seed decides; got {seed!r}."
                )
        self.seed = seed
        self._seed = next_seed() if seed is None else int(seed)

    def generator(self) -> np.random.Generator:
        """Return a fresh stream of random numbers, the same one at every call."""
        return np.random.default_rng(self._seed)


def as_sizes(shape: Sequence[int] | int, what: str) -> tuple[int, ...]:
    """Return a shape as a tuple of known sizes; raise where one is none."""
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 0:
            raise ValueError(
                f"{what}: a weight needs a shape of integers of at least 0; got {display(sizes)}."
            )
    return tuple(map(int, sizes))
