"""Lowering of what moves entries: copies from any strides to any strides, fills."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet.engines.native.lowering.base import Builder, Table
from glassnet.engines.native.memory import Value


def move(builder: Builder, out: Value, value: Value, *, whole: Value | None = None) -> None:
    """Copy an array to a place of any strides; ``whole`` is the array that ``out`` is a part of."""
    if value.size == 0:
        return
    size = value.dtype.itemsize
    axes = _in_order(merged_axes(value.shape, out.strides, value.strides), size)
    table = Table(tuple(axis[k] for k in range(3) for axis in axes))
    builder.emit(
        f"movement.move:u{size}",
        [out, value, len(axes), table],
        writes=[whole or out],
        reads=[value],
        note="copy",
    )


def merged_axes(shape: Sequence[int], *strides: Sequence[int]) -> list[tuple[int, ...]]:
    """Return axes as ``(size, stride, …)``, without those of size 1, with neighbours merged.

    Two neighbours become one where a step along the first is, by all strides, as long as the
    whole second.
    """
    merged: list[tuple[int, ...]] = []
    for size, *steps in zip(shape, *strides, strict=True):
        if size == 1:
            continue
        if merged and all(a == size * b for a, b in zip(merged[-1][1:], steps, strict=True)):
            merged[-1] = (merged[-1][0] * size, *steps)
        else:
            merged.append((size, *steps))
    return merged


def _in_order(axes: list[tuple[int, ...]], size: int) -> list[tuple[int, ...]]:
    """The axes so that the last is that of the smallest step in the target.

    Where the source steps farther there, the one before is that of its smallest step: then tiles
    of the two take what lies side by side.
    """
    axes = sorted(axes, key=lambda axis: -abs(axis[1]))
    if len(axes) > 2 and axes[-1][2] != size:
        near = min(axes[:-1], key=lambda axis: abs(axis[2]))
        axes = [*(axis for axis in axes[:-1] if axis is not near), near, axes[-1]]
    return axes


def fill(builder: Builder, out: Value, number: Any) -> None:
    """Fill a row-major array with one number."""
    if out.size == 0:
        return
    size = out.dtype.itemsize
    word = int(np.asarray(number).astype(out.dtype).reshape(1).view(f"i{size}")[0])
    if word == 0:
        builder.emit("movement.zero", [out, out.nbytes], writes=[out], reads=[], note="zeros")
    else:
        builder.emit(
            f"movement.fill:i{size}", [out, out.size, word], writes=[out], reads=[], note="fill"
        )
