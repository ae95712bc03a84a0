"""Lowering of pooling: one instruction each."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from glassnet.engines.native.lowering.base import Builder, Table, lowers, slices
from glassnet.engines.native.memory import Value
from glassnet.ops.pooling import (
    AveragePool,
    AverageUnpool,
    MaxPick,
    MaxPool,
    MaxUnpool,
    Pooling,
)

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


class _Geometry:
    """The sizes, windows and strides of a pooling over three axes; missing axes have one cell."""

    def __init__(self, op: Pooling, images: Value, values: Value) -> None:
        missing = 3 - len(op.pool)
        self.sizes = (1,) * missing + images.shape[1:-1]
        self.counts = (1,) * missing + values.shape[1:-1]
        self.pool = (1,) * missing + op.pool
        self.strides = (1,) * missing + op.strides
        self.before = (0,) * missing + tuple(lo for lo, _ in op.pairs)
        self.channels = images.shape[-1]

    def words(self, size: int) -> list[Any]:
        """Return the words after the channels, for numbers of so many bytes."""
        cell = self.channels * size
        steps = (self.sizes[1] * self.sizes[2] * cell, self.sizes[2] * cell, cell)
        words: list[Any] = [self.sizes[0] * steps[0], *steps]
        for axis, count in enumerate(self.counts):
            places = self.places(axis, steps[axis])
            words += [24 * count, Table(tuple(places))]
        return words

    def places(self, axis: int, step: int) -> list[int]:
        """Return for each place its first cell in the image, their number, what is cut off."""
        found: list[int] = []
        for place in range(self.counts[axis]):
            start = place * self.strides[axis] - self.before[axis]
            first, end = max(start, 0), min(start + self.pool[axis], self.sizes[axis])
            found += [first * step, end - first, int(start < 0)]
        return found

    @property
    def real(self) -> bool:
        """Whether each window has a cell in the image."""
        return all(
            k - lo > 0 and (o - 1) * s - lo < n
            for n, o, k, s, lo in zip(
                self.sizes, self.counts, self.pool, self.strides, self.before, strict=True
            )
        )

    @property
    def apart(self) -> bool:
        """Whether no two windows meet."""
        return all(s >= k for s, k in zip(self.strides, self.pool, strict=True))

    @property
    def covering(self) -> bool:
        """Whether each cell of the image lies in a window."""
        return all(
            (s <= k or o == 1) and (o - 1) * s - lo + k >= n and lo >= 0
            for n, o, k, s, lo in zip(
                self.sizes, self.counts, self.pool, self.strides, self.before, strict=True
            )
        )


def _emit(
    builder: Builder, kernel: str, op: Pooling, out: Value, *arrays: Value, spreading: bool = False
) -> bool | None:
    """Add the instruction; with ``spreading`` the value has the shape of the images."""
    if any(v.dtype != out.dtype or v.dtype not in _FLOATS for v in (out, *arrays)):
        return False
    images, values = (out, arrays[0]) if spreading else (arrays[0], out)
    geometry = _Geometry(op, images, values)
    if not geometry.real or not prod(images.shape[1:]):
        return False
    add, clear = builder.accumulating, 0
    if spreading and not add and not (geometry.apart and geometry.covering):
        add = not geometry.apart
        clear = out.nbytes // max(out.shape[0], 1)
    given = [builder.contiguous(a) for a in arrays]
    words: list[Any] = [
        out, *given, *[0] * (3 - len(given)), out.shape[0], int(add), clear, geometry.channels,
        *geometry.words(out.dtype.itemsize),
    ]  # fmt: skip
    builder.emit(
        f"pooling.{kernel}:{out.dtype.str[1:]}",
        words,
        writes=[out],
        reads=[*given, *([out] if builder.accumulating else [])],
        operations=values.size * prod(op.pool),
        note=op.name,
    )
    return None


@lowers(MaxPool, accumulates=True)
def _(builder: Builder, op: MaxPool, out: Value, x: Value) -> bool | None:
    return _emit(builder, "largest", op, out, x)


@lowers(MaxUnpool, accumulates=True)
def _(builder: Builder, op: MaxUnpool, out: Value, g: Value, x: Value, y: Value) -> bool | None:
    return _emit(builder, "unpooled", op, out, g, x, y, spreading=True)


@lowers(MaxPick, accumulates=True)
def _(builder: Builder, op: MaxPick, out: Value, h: Value, x: Value, y: Value) -> bool | None:
    return _emit(builder, "picked", op, out, h, x, y)


@lowers(AveragePool, accumulates=True)
def _(builder: Builder, op: AveragePool, out: Value, x: Value) -> bool | None:
    return _emit(builder, "mean", op, out, x)


@lowers(AverageUnpool, accumulates=True)
def _(builder: Builder, op: AverageUnpool, out: Value, g: Value) -> bool | None:
    return _emit(builder, "unmean", op, out, g, spreading=True)


@slices(MaxPool, MaxUnpool, MaxPick, AveragePool, AverageUnpool)
def _(
    op: Any,
    out_shape: tuple[int, ...],
    shapes: Sequence[tuple[int, ...]],
    axes: Sequence[int | None],
) -> int | None:
    return 0 if all(axis == 0 for axis in axes) else None
