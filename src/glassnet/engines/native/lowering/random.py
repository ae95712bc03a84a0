"""Rules for random numbers: the words of their kernels, and when NumPy's numbers are still these.

The kernels give NumPy's numbers bit for bit. NumPy keeps the bits of Philox as they are, but a
later version may make other numbers of them (NEP 19). So a rule first draws a few by NumPy and
compares them with those that the kernels were written after; where they differ it refuses, and the
reference draws.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any
from zlib import crc32

import numpy as np

from glassnet.engines.native import ziggurat
from glassnet.engines.native.lowering.base import DRAWN, Builder, Table, Word, bits, lowers
from glassnet.engines.native.memory import Value
from glassnet.ops.random import (
    Bernoulli,
    Random,
    RandomIntegers,
    RandomNormal,
    RandomPermutation,
    RandomTruncatedNormal,
    RandomUniform,
    philox,
)

SHUFFLE = "random.shuffle"
"""The kernel of ``models.data.shuffled``: ``[out, size, seed, → key]``."""
OFFSET = 2
"""Which word of ``random.bernoulli`` and ``random.uniform`` is the place of the first entry in the
whole draw."""

_WORD = 2**64 - 1
_FLOATS = {"float32": "f4", "float64": "f8"}


# --- what NumPy draws -------------------------------------------------------------------------
def _integers(rng: np.random.Generator) -> np.ndarray:
    limits = (1, 150), (2, 40_000), (4, 3 * 2**30), (8, 3 * 2**30), (8, 3 * 2**62)
    drawn = [rng.integers(0, limit, 7, f"u{size}") for size, limit in limits]
    return np.concatenate([numbers.astype(np.uint64) for numbers in drawn])


_DRAWS: dict[str, tuple[Callable[[np.random.Generator], Any], int]] = {
    "bits": (lambda rng: rng.bit_generator.random_raw(7), 829708814),
    "float32": (lambda rng: rng.random(7, np.float32), 1178672247),
    "float64": (lambda rng: rng.random(7), 3253556049),
    "integers": (_integers, 1941430506),
    "permutation": (lambda rng: rng.permutation(50), 3844562490),
    "normal float32": (lambda rng: rng.standard_normal(50, np.float32), 951359329),
    "normal float64": (lambda rng: rng.standard_normal(50), 119800879),
}
"""For each kind of draw, a trial of it and the checksum of its bytes, as NumPy 2.4 draws it."""


@cache
def agrees_with_numpy(kind: str = "permutation") -> bool:
    """Return whether this NumPy draws the numbers that the kernels draw; costs some 10 µs, once.

    ``kind`` names a draw of the table above; the shuffle of the data is a ``permutation``.
    """
    draw, expected = _DRAWS[kind]
    return crc32(np.ascontiguousarray(draw(philox(1, 2, 3))).tobytes()) == expected


# --- the rules --------------------------------------------------------------------------------
def _drawn(
    builder: Builder, op: Random, kernel: str, out: Value, step: Value, *rest: Word
) -> bool | None:
    if step.dtype.itemsize != 8:
        return False
    first: list[Word] = [out, out.size, 0, signed(op.seed), signed(op.stream), step]
    builder.emit(
        kernel, [*first, *rest], writes=[out], reads=[step], operations=out.size, note=op.name
    )
    return None


def signed(number: int) -> int:
    """Return the signed integer with the same 64 bits."""
    number &= _WORD
    return number - 2**64 if number >= 2**63 else number


def _takes(op: Bernoulli) -> bool:
    return op.dtype in _FLOATS and agrees_with_numpy("bits")


DRAWN[Bernoulli] = (OFFSET, _takes)


@lowers(Bernoulli)
def bernoulli(builder: Builder, op: Bernoulli, out: Value, step: Value) -> bool | None:
    """32 random bits are compared with a limit, as the op does."""
    if not _takes(op):
        return False
    hit = out.dtype.type(op.high)
    with np.errstate(invalid="ignore"):
        miss = out.dtype.type(0) * hit
    below = round(op.p * 2**32)
    if below <= 0:
        hit = miss
    numbers = (bits(max(below - 1, 0)), bits(hit), bits(miss))
    return _drawn(builder, op, f"random.bernoulli:{_FLOATS[op.dtype]}", out, step, *numbers)


@lowers(RandomUniform)
def uniform(builder: Builder, op: RandomUniform, out: Value, step: Value) -> bool | None:
    """The standard interval is a case of any other: the same formula changes no bit there."""
    real = out.dtype.type
    if op.dtype not in _FLOATS or not agrees_with_numpy(op.dtype):
        return False
    if not max(abs(op.low), abs(op.high), op.high - op.low) <= float(np.finfo(real).max):
        return False
    top = np.nextafter(real(op.high), real(op.low))
    numbers = (bits(real(op.high - op.low)), bits(real(op.low)), bits(top))
    return _drawn(builder, op, f"random.uniform:{_FLOATS[op.dtype]}", out, step, *numbers)


@lowers(RandomIntegers)
def integers(builder: Builder, op: RandomIntegers, out: Value, step: Value) -> bool | None:
    """NumPy draws as many bits as the dtype has, but 32 for few values in a dtype of 64."""
    if out.dtype.kind not in "iu" or not agrees_with_numpy("integers"):
        return False
    values, size = op.high - op.low, out.dtype.itemsize
    drawn = 4 if size == 8 and values <= 2**32 else size
    kernel = f"random.integers:u{drawn}:u{size}"
    return _drawn(builder, op, kernel, out, step, signed(values), signed(op.low))


@lowers(RandomPermutation)
def permutation(builder: Builder, op: RandomPermutation, out: Value, step: Value) -> bool | None:
    """Places above 2³² would need draws of 64 bits."""
    if op.dtype != "int64" or out.size > 2**32 or not agrees_with_numpy("permutation"):
        return False
    return _drawn(builder, op, "random.permutation", out, step)


@lowers(RandomNormal, RandomTruncatedNormal)
def normal(builder: Builder, op: RandomNormal, out: Value, step: Value) -> bool | None:
    """By the ziggurat, whose tables are words."""
    if op.dtype not in _FLOATS or not agrees_with_numpy(f"normal {op.dtype}"):
        return False
    real = out.dtype.type
    if not max(abs(op.mean), abs(op.stddev)) <= float(np.finfo(real).max):
        return False
    truncated = isinstance(op, RandomTruncatedNormal)
    numbers = bits(real(op.mean)), bits(real(op.stddev)), int(truncated), _tables(op.dtype)
    return _drawn(builder, op, f"normal.normal:{_FLOATS[op.dtype]}", out, step, *numbers)


@cache
def _tables(dtype: str) -> Table:
    widths, heights, limits = ziggurat.tables(52 if dtype == "float64" else 23)
    return Table((*map(bits, widths), *map(bits, heights), *limits))
