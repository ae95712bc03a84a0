"""Products over windows, as the kernel `sliding.product` takes them.

Rows of A are multiplied with the rows of B and added to rows of O. A sum runs over *chunks*, along
each of which A and B go on by fixed steps; a *pass* is some chunks of which the rows of B stay in
the L1 cache while all rows of A meet them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from glassnet.engines.native.lowering.base import Builder, Kernel, Table
from glassnet.engines.native.memory import Value

Three = tuple[int, ...]
"""Sizes, or steps in bytes, along a few axes."""

_VECTOR, _WIDTH = 64, 4
"""Bytes of a vector of a tile, and how many it has at most."""
_BLOCK = 24 << 10
"""Bytes of B that one pass reads: with the rows of A they stay in the L1 cache."""


Chunk = tuple[int, int, int]
"""Offsets in A and in B, and over how many entries both go from there."""


def joined(chunks: Sequence[Chunk], step: int, pitch: int) -> list[Chunk]:
    """Return the chunks with those joined that follow each other in A and in B."""
    found: list[Chunk] = []
    for a, b, n in chunks:
        if found:
            a0, b0, n0 = found[-1]
            if a0 + n0 * step == a and b0 + n0 * pitch == b:
                found[-1] = (a0, b0, n0 + n)
                continue
        found.append((a, b, n))
    return found


def passes_of(chunks: Sequence[Chunk], step: int, pitch: int, limit: int) -> list[list[Chunk]]:
    """Return the chunks in passes of at most ``limit`` entries, long chunks cut."""
    cut: list[Chunk] = []
    for a, b, n in chunks:
        parts = -(-n // limit)
        ends = [n * i // parts for i in range(parts + 1)]
        cut += [(a + start * step, b + start * pitch, end - start) for start, end in pairwise(ends)]
    total = sum(n for *_, n in cut)
    even = -(-total // -(-total // limit))
    found: list[list[Chunk]] = [[]]
    filled = 0
    for chunk in cut:
        if found[-1] and (filled + chunk[2] > limit or filled >= even):
            found.append([])
            filled = 0
        found[-1].append(chunk)
        filled += chunk[2]
    return found


def limit_of(columns: int, size: int) -> int:
    """Return how many rows of B one pass may read."""
    width = min(-(-columns * size // _VECTOR), _WIDTH) * _VECTOR
    return _BLOCK // width


def _columns(columns: int, dtype: np.dtype) -> list[tuple[int, int, Kernel]]:
    """Return the blocks of columns: offset in bytes, entries of the last vector, tile."""
    lanes = _VECTOR // dtype.itemsize
    count = -(-columns // lanes)
    found = []
    for first in range(0, count, _WIDTH):
        width = min(_WIDTH, count - first)
        last = min(columns - (first + width - 1) * lanes, lanes)
        width = width if width > 1 or last > lanes // 2 else 0
        found.append((first * _VECTOR, last, Kernel(f"tiles.tile{width}:{dtype.str[1:]}")))
    return found


@dataclass(frozen=True)
class Rows:
    """Rows that lie at strides, over four axes, in A and in O."""

    sizes: Three
    a: Three
    o: Three

    def joined(self, fixed: int) -> Rows:
        """Return the same rows with axes joined where they can be, but for the first ``fixed``."""
        axes = list(zip(self.sizes, self.a, self.o, strict=True))
        for i in range(len(axes) - 2, fixed - 1, -1):
            (n, a, o), (m, b, p) = axes[i], axes[i + 1]
            if n == 1 or m == 1 or (a == m * b and o == m * p):
                axes[i : i + 2] = [(n * m, b, p) if m > 1 else (n, a, o)]
        while len(axes) < 4:
            axes.insert(fixed, (1, 0, 0))
        return Rows(*(tuple(axis) for axis in zip(*axes, strict=True)))

    @property
    def words(self) -> tuple[int, ...]:
        """The sizes, and the step along each axis after those along the axes behind it."""
        n, steps = self.sizes, []
        for i in reversed(range(4)):
            behind = [n[i + 1] * axis[i + 1] if i < 3 else 0 for axis in (self.a, self.o)]
            steps += [self.a[i] - behind[0], self.o[i] - behind[1]]
        return *n, *steps


@dataclass(frozen=True)
class Product:
    """A product over windows, as the kernel takes it."""

    out: Value
    a: Value
    b: Value
    rows: Rows
    step: int
    pitch: int
    columns: int
    passes: list[tuple[int, list[Chunk]]]
    """For each pass the offset in O, and its chunks."""
    items: int
    together: int
    item: Three
    groups: int
    group: Three

    def emit(self, builder: Builder, *, clear: bool, stores: bool, operations: int) -> None:
        """Add the instruction; ``clear`` fills O with zeros first, ``stores`` stores at first."""
        rows, rounds = self.rows.joined(1 if self.together else 0), self.rounds(stores)
        words: list[Any] = [
            self.out, self.a, self.b, self.out.nbytes if clear else 0,
            self.step, self.pitch, self.items, self.together, *self.item,
            *rows.words, len(rounds) // 8, Table(tuple(rounds)),
        ]  # fmt: skip
        builder.emit(
            f"sliding.product:{self.a.dtype.str[1:]}",
            words,
            writes=[self.out],
            reads=[self.a, self.b, *([] if clear or stores else [self.out])],
            operations=operations,
            note="product over windows",
        )

    def rounds(self, stores: bool) -> list[Any]:
        """Return the words of the rounds: each group, block of columns and pass."""
        words: list[Any] = []
        tables = [Table(tuple(n for chunk in chunks for n in chunk)) for _, chunks in self.passes]
        for g in range(self.groups):
            a, b, o = (g * step for step in self.group)
            for column, last, tile in _columns(self.columns, self.a.dtype):
                for i, (to, chunks) in enumerate(self.passes):
                    words += [tile, int(i > 0 or not stores), last, len(chunks), tables[i]]
                    words += [a, b + column, o + column + to]
        return words
