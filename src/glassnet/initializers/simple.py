"""Initializers that treat each entry alike: constants, uniform and normal numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.checks import number
from glassnet.graph.dimension import display
from glassnet.graph.tensor import Tensor
from glassnet.initializers.base import INITIALIZERS, Initializer, RandomInitializer


@INITIALIZERS.add("zero")
class Zeros(Initializer):
    """``w = 0``: the usual start of biases.

    >>> from glassnet.initializers import Zeros
    >>> Zeros()((2, 2)).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """

    def draw(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return np.zeros(shape, dtype)


@INITIALIZERS.add("one")
class Ones(Initializer):
    """``w = 1``: the usual start of scales.

    >>> from glassnet.initializers import Ones
    >>> Ones()((2,)).tolist()
    [1.0, 1.0]
    """

    def draw(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return np.ones(shape, dtype)


@INITIALIZERS.add()
class Constant(Initializer):
    """``w = value``.

    Args:
        value: a number, or an array that broadcasts to the shape of the weight.

    Raises:
        ValueError: at the call, where the array does not broadcast to the shape.

    >>> from glassnet.initializers import Constant
    >>> Constant(0.5)((2,)).tolist()
    [0.5, 0.5]
    """

    def __init__(self, value: Any = 0.0) -> None:
        self.value = np.asarray(value) if isinstance(value, Tensor) else value

    def draw(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        value = np.asarray(self.value)
        try:
            return np.array(np.broadcast_to(value, shape), dtype)
        except ValueError:
            raise ValueError(
                f"Constant: a value of shape {display(value.shape)} does not fill a weight of "
                f"shape {display(shape)}."
            ) from None


@INITIALIZERS.add()
class Given(Initializer):
    """``w = value``, an array of just the weight's shape: what ``get(array)`` returns.

    Args:
        value: the array.

    Raises:
        ValueError: at the call, for a weight of another shape. Nothing is broadcast.

    >>> from glassnet.initializers import Given
    >>> Given([1.0, 2.0])((2,)).tolist()
    [1.0, 2.0]
    """

    def __init__(self, value: Any) -> None:
        self.value = np.asarray(value)

    def draw(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        if self.value.shape != shape:
            raise ValueError(
                f"An array of shape {display(self.value.shape)} was given as the first value of a "
                f"weight of shape {display(shape)}; the shapes must be equal."
            )
        return self.value.astype(dtype)


@INITIALIZERS.add("IdentityInitializer")
class Identity(Initializer):
    """``gain`` on the diagonal and 0 beside it: ``gain · I``.

    Args:
        gain: the number on the diagonal.

    Raises:
        ValueError: at the call, where the shape has not two axes.

    >>> from glassnet.initializers import Identity
    >>> Identity(2.0)((2, 3)).tolist()
    [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def draw(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        if len(shape) != 2:
            raise ValueError(
                f"Identity makes matrices, so it needs a shape of two axes; got {display(shape)}."
            )
        return self.gain * np.eye(*shape, dtype=np.float64)


@INITIALIZERS.add("uniform")
class RandomUniform(RandomInitializer):
    """Independent numbers, uniform in ``[minval, maxval)``.

    Args:
        minval: the lower bound.
        maxval: the upper bound.
        seed: an integer for the same values in every run, or None.

    >>> from glassnet.initializers import RandomUniform
    >>> weights = RandomUniform(-1.0, 1.0, seed=1)((1000,)).numpy()
    >>> bool((abs(weights) <= 1).all()), round(float(weights.mean()), 1)
    (True, 0.0)
    """

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ) -> None:
        super().__init__(seed)
        if number(minval, "RandomUniform: minval") > number(maxval, "RandomUniform: maxval"):
            raise ValueError(f"RandomUniform: minval={minval} is above maxval={maxval}.")
        self.minval = minval
        self.maxval = maxval

    def draw(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return self.generator().uniform(self.minval, self.maxval, shape)


@INITIALIZERS.add("normal")
class RandomNormal(RandomInitializer):
    """Independent normal numbers: ``N(mean, stddev²)``.

    Args:
        mean: the mean.
        stddev: the standard deviation, at least 0.
        seed: an integer for the same values in every run, or None.

    >>> from glassnet.initializers import RandomNormal
    >>> weights = RandomNormal(mean=5.0, stddev=2.0, seed=1)((10000,)).numpy()
    >>> round(float(weights.mean()), 1), round(float(weights.std()), 1)
    (5.0, 2.0)
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        number(stddev, "RandomNormal: stddev", least=0)
        self.mean = mean
        self.stddev = stddev

    def draw(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return self.generator().normal(self.mean, self.stddev, shape)


@INITIALIZERS.add()
class TruncatedNormal(RandomInitializer):
    """``N(mean, stddev²)`` cut at ``mean ± 2 stddev``: drawn again while they are further off.

    All values lie in ``mean ± 2 stddev``; their standard deviation is about 0.88 ``stddev``.

    Args:
        mean: the mean.
        stddev: the standard deviation before the cut, at least 0.
        seed: an integer for the same values in every run, or None.

    >>> from glassnet.initializers import TruncatedNormal
    >>> weights = TruncatedNormal(stddev=1.0, seed=1)((10000,)).numpy()
    >>> bool((abs(weights) <= 2).all()), round(float(weights.std()), 2)
    (True, 0.88)
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        number(stddev, "TruncatedNormal: stddev", least=0)
        self.mean = mean
        self.stddev = stddev

    def draw(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return self.mean + self.stddev * truncated_normal(self.generator(), shape)


def truncated_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return standard normal numbers conditioned on ``|x| ≤ 2``, by rejection."""
    x = rng.standard_normal(shape)
    flat = x.reshape(-1)
    outside = np.flatnonzero(np.abs(flat) > 2)
    while outside.size:
        flat[outside] = rng.standard_normal(outside.size)
        outside = outside[np.abs(flat[outside]) > 2]
    return flat.reshape(shape)
