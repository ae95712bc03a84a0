"""Random numbers, counted: each draw is a pure function of (seed, stream, step).

A random op keeps no state. The seed belongs to who draws (a layer, a call), the stream counts the
draws of that seed in one recording, and the step, an input of the graph, is the number of the
training step. The same three give the same numbers, on any number of threads and after a resume.

The three are the key and the counter of Philox, a cipher used as a generator: it turns any counter
into random bits at once, so that no draw waits for another.

Source: J. Salmon, M. Moraes, R. Dror and D. Shaw, "Parallel random numbers: as easy as 1, 2, 3",
2011.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any, ClassVar

import numpy as np

from glassnet.config import next_seed
from glassnet.formulas import Function, Term, call, matrix_shape
from glassnet.formulas.building import tidy
from glassnet.formulas.draws import (
    BERNOULLI,
    INTEGERS,
    NORMAL,
    PERMUTATION,
    TRUNCATED_NORMAL,
    UNIFORM,
)
from glassnet.graph import dtypes
from glassnet.graph.dimension import Shape, Size, display, known
from glassnet.graph.op import Op, Sample
from glassnet.graph.recording import as_tensor, current_recording, record
from glassnet.graph.tensor import STEP, Tensor
from glassnet.ops.elementwise import log
from glassnet.ops.indexing import take
from glassnet.ops.operands import float_operands, normalize_axis
from glassnet.ops.ordering import argmax
from glassnet.ops.shaping import as_shape, expand_dims, zeros_like

_WORD = 2**64 - 1
_AT_ONCE = _WORD
"""The stream of draws outside any recording, which no recording reaches by counting from 0."""


def philox(seed: int, stream: int, step: int) -> np.random.Generator:
    """Return the generator of one draw. The step is the highest word of the counter."""
    key = np.array([seed & _WORD, stream & _WORD], np.uint64)
    counter = np.array([0, 0, 0, step & _WORD], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


class SeedGenerator:
    """A seed and, for draws outside a recording, how often it was drawn from.

    Args:
        seed: an integer of at least 0; by default the next of ``set_random_seed``'s sequence.

    An integer given as ``seed=`` gives the same numbers at every call, a ``SeedGenerator`` gives
    new ones.

    >>> from glassnet.ops.random import SeedGenerator, uniform
    >>> seeds = SeedGenerator(1)
    >>> bool(np.any(uniform((3,), seed=seeds) == uniform((3,), seed=seeds)))
    False
    >>> bool(np.all(uniform((3,), seed=1) == uniform((3,), seed=1)))
    True
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = next_seed() if seed is None else _checked(seed)
        self._count = count()

    def next_step(self) -> int:
        """Return how often it was drawn from outside a recording, and count one more."""
        return next(self._count)

    def get_config(self) -> dict[str, Any]:
        """Return its arguments as plain data."""
        return {"seed": self.seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """Make one from its arguments."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"SeedGenerator({self.seed})"


Seed = int | SeedGenerator | None


def _checked(seed: Any) -> int:
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed <= _WORD:
        raise ValueError(
            f"seed: expected an integer from 0 to 2**64 - 1 or a SeedGenerator; got {seed!r}."
        )
    return int(seed)


# --- the ops ----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Random(Op):
    """The base of random ops: numbers of the given shape and dtype; the input is the step."""

    differentiable = False
    function: ClassVar[Function]
    """The distribution, as formulas call it."""
    seed: int = 0
    stream: int = 0
    shape: Shape = ()
    dtype: str = "float32"

    def infer(self, step: Tensor) -> tuple[Shape, np.dtype]:
        if step.shape != () or step.dtype.kind not in "iu":
            raise ValueError(f"{self.name}: the step is one integer; got {step!r}.")
        return self.shape, np.dtype(self.dtype)

    def formula(self, node: Tensor, step: Term) -> Term:
        shape = matrix_shape(self.shape)
        return call(
            self.function, step, shape=shape, **self.said(), _seed=self.seed & _WORD,
            _stream=self.stream & _WORD, _shape=shape, _dtype=self.dtype,
        )  # fmt: skip

    def said(self) -> dict[str, Any]:
        """Return the parameters of the distribution that formulas say."""
        return {}

    def value(self, xp: Any, step: Any) -> Any:
        drawn = self.draw(philox(self.seed, self.stream, int(step)))
        return xp.asarray(drawn, dtype=self.dtype)

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Return the numbers, drawn from ``rng``."""
        raise NotImplementedError

    @property
    def sizes(self) -> tuple[int, ...]:
        """The shape, all sizes known."""
        return tuple(int(n) for n in self.shape)

    @property
    def drawn(self) -> Any:
        """The dtype in which the generator draws; drawing float32 takes two thirds of the time."""
        return np.float64 if self.dtype == "float64" else np.float32

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for dtype in ("float32", "float64"):
            yield Sample(cls(1, 2, (3, 4), dtype), (np.array(5),))
        yield Sample(cls(2**64 - 1, 0, ()), (np.array(0),))
        yield Sample(cls(0, 0, (0, 2)), (np.array(2**62),))


@dataclass(frozen=True)
class RandomUniform(Random):
    """Uniform on [low, high)."""

    name = "random_uniform"
    effort = 15.0
    function = UNIFORM
    low: float = 0.0
    high: float = 1.0

    def said(self) -> dict[str, Any]:
        if (self.low, self.high) == (0.0, 1.0):
            return {}
        return {"low": self.low, "high": self.high}

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        u = np.asarray(rng.random(self.sizes, self.drawn))
        if (self.low, self.high) == (0.0, 1.0) and self.dtype != "float16":
            return u
        u = u * self.drawn(self.high - self.low) + self.drawn(self.low)
        # Rounding may reach the end, which does not belong to the interval.
        top = np.nextafter(
            np.dtype(self.dtype).type(self.high), np.dtype(self.dtype).type(self.low)
        )
        return np.minimum(u.astype(self.dtype), top)


@dataclass(frozen=True)
class RandomNormal(Random):
    """Normal with the given mean and standard deviation."""

    name = "random_normal"
    effort = 60.0
    function = NORMAL
    mean: float = 0.0
    stddev: float = 1.0

    def said(self) -> dict[str, Any]:
        mean = {} if self.mean == 0 else {"mean": self.mean}
        return mean if self.stddev == 1 else {**mean, "std": self.stddev}

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        return self.scaled(np.asarray(rng.standard_normal(self.sizes, self.drawn)))

    def scaled(self, z: np.ndarray) -> np.ndarray:
        """Return ``mean + stddev · z``."""
        return z * self.drawn(self.stddev) + self.drawn(self.mean)


@dataclass(frozen=True)
class RandomTruncatedNormal(RandomNormal):
    """Normal, drawn again where it lies more than two standard deviations from the mean."""

    name = "random_truncated_normal"
    effort = 100.0
    function = TRUNCATED_NORMAL

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        z = np.asarray(rng.standard_normal(self.sizes, self.drawn))
        far = np.abs(z) > 2
        while far.any():
            z[far] = rng.standard_normal(int(far.sum()), self.drawn)
            far = np.abs(z) > 2
        return self.scaled(z)


@dataclass(frozen=True)
class Bernoulli(Random):
    """``high`` with probability p, else 0."""

    name = "bernoulli"
    effort = 18.0
    function = BERNOULLI
    p: float = 0.5
    high: float = 1.0

    def formula(self, node: Tensor, step: Term) -> Term:
        drawn = super().formula(node, step)
        if self.high == 1:
            return drawn
        if self.high == 1 / self.p:
            return drawn / tidy(self.p)
        return self.high * drawn

    def said(self) -> dict[str, Any]:
        return {"p": tidy(self.p)}

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield from super().samples()
        yield Sample(cls(1, 2, (3, 4), "float64", 0.7, 1 / 0.7), (np.array(5),))
        yield Sample(cls(3, 0, (5, 3), "float32", 1 - 0.9, 2.5), (np.array(7),))

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        size = int(np.prod(self.sizes, dtype=np.int64))
        # 32 random bits are below p·2³² with probability p, to within 2⁻³³.
        words = rng.bit_generator.random_raw((size + 1) // 2).view(np.uint32)[:size]
        threshold = round(self.p * 2**32)
        hit = words < np.uint32(threshold) if threshold < 2**32 else np.ones(size, bool)
        return hit.reshape(self.sizes).astype(self.dtype) * np.dtype(self.dtype).type(self.high)


@dataclass(frozen=True)
class RandomIntegers(Random):
    """Integers, each of low, …, high − 1 equally likely."""

    name = "random_integers"
    function = INTEGERS
    dtype: str = "int32"
    low: int = 0
    high: int = 2

    def said(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high}

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        return np.asarray(rng.integers(self.low, self.high, self.sizes, self.dtype))

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls(1, 2, (3, 4), "int64", -5, 5), (np.array(5),))
        yield Sample(cls(1, 2, (), "uint8", 0, 256), (np.array(5),))


@dataclass(frozen=True)
class RandomPermutation(Random):
    """The numbers 0, …, n − 1 in random order; the shape is (n,)."""

    name = "random_permutation"
    function = PERMUTATION
    dtype: str = "int64"

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        return rng.permutation(self.sizes[0])

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls(1, 2, (7,), "int64"), (np.array(5),))
        yield Sample(cls(1, 2, (1,), "int64"), (np.array(5),))


# --- the functions ----------------------------------------------------------------------------
def _drawn(op: type[Random], seed: Seed, shape: Any, dtype: str, *parameters: Any) -> Tensor:
    """Record a draw, or make it at once where nothing is being recorded."""
    sizes = as_shape(shape)
    owner = seed if isinstance(seed, SeedGenerator) else None
    number = owner.seed if owner else next_seed() if seed is None else _checked(seed)
    opened = current_recording()
    if opened is not None:
        return record(op(number, opened.next_stream(number), sizes, dtype, *parameters), STEP)
    if not known(sizes):
        return record(op(number, 0, sizes, dtype, *parameters), STEP)
    step = as_tensor(owner.next_step() if owner else 0, np.int64)
    return record(op(number, _AT_ONCE, sizes, dtype, *parameters), step)


def _float(dtype: Any, function: str) -> str:
    found = dtypes.default_float() if dtype is None else dtypes.standard(dtype)
    if not dtypes.is_float(found):
        raise ValueError(f"{function}: expected a float dtype; got {found}. For integers: randint.")
    return found.name


def uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Seed = None
) -> Tensor:
    """Return numbers drawn evenly from ``[minval, maxval)``.

    Args:
        shape: the shape; sizes may be named, such as the batch.
        minval: the least possible number.
        maxval: the end of the interval, which is not drawn.
        dtype: a float dtype; the default float type if None.
        seed: an integer (the same numbers at every call outside a recording), a `SeedGenerator`, or
            None for the next seed of ``set_random_seed``'s sequence.

    >>> from glassnet import random
    >>> random.uniform((2, 3), seed=1).shape
    (2, 3)
    """
    low, high = float(minval), float(maxval)
    if not low <= high:
        raise ValueError(f"uniform: expected minval <= maxval; got {minval!r} and {maxval!r}.")
    return _drawn(RandomUniform, seed, shape, _float(dtype, "uniform"), low, high)


def normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Seed = None
) -> Tensor:
    """Return numbers drawn from ``N(mean, stddev²)``; the arguments are those of `uniform`."""
    parameters = float(mean), _spread("normal", stddev)
    return _drawn(RandomNormal, seed, shape, _float(dtype, "normal"), *parameters)


def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Seed = None
) -> Tensor:
    """Return ``N(mean, stddev²)`` cut at ``mean ± 2 stddev``: what is further off is drawn again.

    Their standard deviation is 0.87962566 · stddev. The arguments are those of `uniform`.
    """
    parameters = float(mean), _spread("truncated_normal", stddev)
    return _drawn(
        RandomTruncatedNormal, seed, shape, _float(dtype, "truncated_normal"), *parameters
    )


def _spread(function: str, stddev: Any) -> float:
    if not float(stddev) >= 0:
        raise ValueError(f"{function}: expected stddev of at least 0; got {stddev!r}.")
    return float(stddev)


def bernoulli(shape: Any, p: float = 0.5, dtype: Any = None, seed: Seed = None) -> Tensor:
    """Return ones with probability ``p``, else zeros: a mask of floats."""
    if not 0 <= float(p) <= 1:
        raise ValueError(f"bernoulli: a probability lies between 0 and 1; got {p!r}.")
    return _drawn(Bernoulli, seed, shape, _float(dtype, "bernoulli"), float(p))


def randint(
    shape: Any, minval: int, maxval: int, dtype: Any = "int32", seed: Seed = None
) -> Tensor:
    """Return integers, each of ``minval, …, maxval - 1`` equally likely.

    Raises:
        ValueError: where there is no such integer, or the dtype does not hold them.
    """
    found, low, high = dtypes.standard(dtype), int(minval), int(maxval)
    if found.kind not in "iu":
        raise ValueError(f"randint: expected an integer dtype; got {found}. For floats: uniform.")
    if low >= high:
        raise ValueError(f"randint: expected minval < maxval; got {minval!r} and {maxval!r}.")
    limits = np.iinfo(found)
    if low < limits.min or high - 1 > limits.max:
        raise ValueError(f"randint: {found} does not hold the integers from {low} to {high - 1}.")
    return _drawn(RandomIntegers, seed, shape, found.name, low, high)


def permutation(n: Size, seed: Seed = None) -> Tensor:
    """Return the numbers ``0, …, n - 1`` in random order."""
    return _drawn(RandomPermutation, seed, (n,), "int64")


def shuffle(x: Any, axis: int = 0, seed: Seed = None) -> Tensor:
    """Return ``x`` with what lies along ``axis`` in random order, each row kept whole.

    >>> from glassnet import random
    >>> sorted(random.shuffle([3, 1, 2], seed=0).tolist())
    [1, 2, 3]
    """
    x = as_tensor(x)
    place = normalize_axis(axis, x.ndim)
    return take(x, permutation(x.shape[place], seed), axis=place)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Seed = None) -> Tensor:
    """Return classes drawn with probabilities ``softmax(logits)``, (m, num_samples).

    Args:
        logits: (m, classes), unnormalised log-probabilities.
        num_samples: how many to draw for each row.
        dtype: the integer dtype of the result.
        seed: as in `uniform`.

    Source: E. J. Gumbel, 1954: argmax (logit - log(-log u)) with u uniform is such a draw.
    """
    (logits,) = float_operands(logits)
    if logits.ndim != 2:
        raise ValueError(
            f"categorical: expected logits of shape (m, classes); got {display(logits.shape)}."
        )
    m, classes = logits.shape
    u = uniform((m, num_samples, classes), dtype=logits.dtype, seed=seed)
    return argmax(expand_dims(logits, 1) - log(-log(u)), axis=-1).astype(dtype)


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Seed = None) -> Tensor:
    """Return ``inputs · b / (1 - rate)`` where each b is 0 with probability ``rate``, else 1.

    The expected value is that of ``inputs``.

    Args:
        inputs: any tensor of floats.
        rate: the part that is set to 0, from 0 to 1.
        noise_shape: the shape of b, which broadcasts: an axis of 1 is kept or dropped as a whole;
            None stands for the size of ``inputs``.
        seed: as in `uniform`.

    Source: N. Srivastava et al., "Dropout: a simple way to prevent neural networks from
    overfitting", 2014.
    """
    (x,) = float_operands(inputs)
    if not 0 <= float(rate) <= 1:
        raise ValueError(f"dropout: rate lies between 0 and 1; got {rate!r}.")
    if rate == 0:
        return x
    if rate == 1:
        return zeros_like(x)
    keep = 1 - float(rate)
    return x * _drawn(Bernoulli, seed, _noise_shape(x, noise_shape), x.dtype.name, keep, 1 / keep)


def _noise_shape(x: Tensor, noise_shape: Any) -> Shape:
    if noise_shape is None:
        return x.shape
    given = tuple(noise_shape)
    fits = len(given) == x.ndim and all(
        size is None or size == 1 or size == n for size, n in zip(given, x.shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"dropout: noise_shape has, for each axis of {display(x.shape)}, its size, 1 or None; "
            f"got {noise_shape!r}."
        )
    return tuple(n if size is None else size for size, n in zip(given, x.shape, strict=True))
