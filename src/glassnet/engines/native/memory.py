"""Where values lie: buffers of a plan, and arrays as views into them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

ALIGNMENT = 64
"""Bytes of a line of the cache: every buffer begins at one."""


@dataclass(eq=False)
class Buffer:
    """A stretch of memory that the plan gives an address; by identity, not by value."""

    nbytes: int
    role: str = "value"
    """``value``: made and dead within a run; ``slice``: so within a slice of the batch, in the
    memory of the thread that computes it; ``leaf``: belongs to whoever binds it; ``kept``: holds a
    constant."""
    offset: int = -1
    """Its place in the arena."""


@dataclass(frozen=True, eq=False)
class Value:
    """An array of a plan: a buffer, a place in it, shape, strides in bytes, dtype."""

    buffer: Buffer
    shape: tuple[int, ...]
    dtype: np.dtype
    strides: tuple[int, ...] = field(default=())
    offset: int = 0
    step: int = 0
    """Bytes by which the array moves from one slice of the batch to the next."""
    lane: int = 0
    """Bytes by which it moves from one lane to the next."""

    def __post_init__(self) -> None:
        if not self.strides and self.shape:
            object.__setattr__(self, "strides", row_major(self.shape, self.dtype.itemsize))

    @cached_property
    def size(self) -> int:
        """The number of entries."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The bytes of the entries."""
        return self.size * self.dtype.itemsize

    @cached_property
    def contiguous(self) -> bool:
        """Whether the entries lie one after another in row-major order."""
        expected = row_major(self.shape, self.dtype.itemsize)
        return all(
            n == 1 or a == b for n, a, b in zip(self.shape, self.strides, expected, strict=True)
        )

    def viewed(self, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> Value:
        """Return another array on the same entries; ``offset`` counts bytes from this one's."""
        return Value(
            self.buffer, shape, self.dtype, strides, self.offset + offset, self.step, self.lane
        )

    def reshaped(self, shape: tuple[int, ...]) -> Value:
        """Return a contiguous array in another shape."""
        return self.viewed(shape, row_major(shape, self.dtype.itemsize))


def new_value(shape: tuple[int, ...], dtype: np.dtype, role: str = "value") -> Value:
    """Return a row-major array in a buffer of its own."""
    dtype = np.dtype(dtype)
    return Value(Buffer(max(math.prod(shape) * dtype.itemsize, 1), role), tuple(shape), dtype)


def row_major(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Return the strides in bytes of a row-major array."""
    strides: list[int] = []
    step = itemsize
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def rounded(nbytes: int) -> int:
    """Return the bytes of the whole lines of the cache that a buffer takes."""
    return -(-max(nbytes, 1) // ALIGNMENT) * ALIGNMENT
