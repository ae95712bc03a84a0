"""Lowering of convolution and its two derivatives: each is one product over windows.

The kernel `sliding.product` multiplies rows of A with the rows of B into rows of O; here it is said
where the rows lie. With K the kernel and KT the kernel turned over:

    convolution   A: a window at each place         B: K        O: the place
    transposed    A: g at each place                B: KT       O: the window there, added
    correlation   A: a cell and channel, seen over the places     B: g     O: a row of K

Nothing is written out as columns; only padding makes a copy of the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from glassnet.engines.native.lowering.base import SUM, Builder, Table, lowers, slices
from glassnet.engines.native.lowering.tiling import (
    Product,
    Rows,
    Three,
    joined,
    limit_of,
    passes_of,
)
from glassnet.engines.native.memory import Value, row_major
from glassnet.ops.sliding import (
    Convolution,
    KernelCorrelation,
    Sliding,
    TransposedConvolution,
    operations_of,
)

_TOGETHER = 256 << 10
"""Bytes of images that are taken in one round, so that each pass finds them in the L2 cache."""


@dataclass(frozen=True)
class _Motion:
    """How windows move over three axes; missing axes have one cell."""

    strides: Three
    pairs: tuple[tuple[int, int], ...]
    dilation: Three
    groups: int

    @classmethod
    def of(cls, op: Sliding) -> _Motion:
        slide, missing = op.slide(), 3 - len(op.strides)
        return cls(
            (1,) * missing + tuple(slide.strides),
            ((0, 0),) * missing + tuple(slide.padding),
            (1,) * missing + tuple(slide.dilation),
            op.groups,
        )

    @property
    def bare(self) -> bool:
        """Whether there is neither padding nor cropping."""
        return not any(n for pair in self.pairs for n in pair)

    def wide(self, sizes: Three) -> Three:
        """Return the axes with their padding."""
        return tuple(n + lo + hi for n, (lo, hi) in zip(sizes, self.pairs, strict=True))


def _three(value: Value) -> Three:
    """Return the spatial axes of an image, or of a kernel without its channels, as three."""
    return (1,) * (5 - len(value.shape)) + value.shape[1:-1]


def _cells(kernel: Value) -> Three:
    return (1,) * (5 - len(kernel.shape)) + kernel.shape[:-2]


def _together(*images: Value) -> int:
    """Return how many images are taken in a round."""
    return max(1, _TOGETHER // max(1, sum(v.nbytes // max(v.shape[0], 1) for v in images)))


def _fits(*values: Value) -> bool:
    """Whether the kernels take these arrays: one dtype of floats, and channels."""
    return len({v.dtype for v in values}) == 1 and values[0].dtype in (
        np.dtype(np.float32), np.dtype(np.float64),
    ) and all(prod(v.shape[1:]) and v.shape[-1] for v in values)  # fmt: skip


def _region(
    builder: Builder, out: Value, value: Value, pairs: Sequence[tuple[int, int]], add: bool = False
) -> None:
    """Fill ``out`` with images that are padded, or cropped where a number is negative."""
    (n1, n2, n3), (m1, m2, m3), before = _three(out), _three(value), [lo for lo, _ in pairs]
    cell = out.shape[-1] * out.dtype.itemsize
    first = min(max(before[2], 0), n3)
    inside = max(min(before[2] + m3, n3) - first, 0)
    words: list[Any] = [
        out, value, out.shape[0], int(add), n1, n2, n3 * cell, m1, m2, m3 * cell,
        before[0], before[1], first * cell, inside * cell, (first - before[2]) * cell,
    ]  # fmt: skip
    builder.emit(
        f"sliding.region:{out.dtype.str[1:]}",
        words,
        writes=[out],
        reads=[value, *([out] if add else [])],
        operations=out.size if add else 0,
        note="padding",
    )


def _padded(builder: Builder, x: Value, motion: _Motion) -> Value:
    """Return the images, row-major, with their padding."""
    x = builder.contiguous(x)
    if motion.bare:
        return x
    made = builder.temporary((x.shape[0], *motion.wide(_three(x)), x.shape[-1]), x.dtype)
    _region(builder, made, x, motion.pairs)
    return made


def _steps(value: Value) -> tuple[int, Three]:
    """Return the bytes from image to image, and along three axes."""
    image, *axes = row_major(
        (value.shape[0], *_three(value), value.shape[-1]), value.dtype.itemsize
    )
    return image, tuple(axes[:3])


def _times(a: Three, b: Three) -> Three:
    return tuple(i * j for i, j in zip(a, b, strict=True))


def _offsets(sizes: Three, steps: Three) -> list[int]:
    """Return the offset of each cell, in order."""
    return [int(np.dot(cell, steps)) for cell in np.ndindex(*sizes)]


# --- one filter for each channel ------------------------------------------------------------------
def _depthwise(
    builder: Builder, kernel: str, motion: _Motion, arrays: Sequence[Value],
    image: Value, places: Value, cells: Three, *, clear: bool,
) -> None:  # fmt: skip
    """Add a kernel of `depthwise`, with the arrays in its order."""
    step, steps = _steps(image)
    out = arrays[0]
    offsets = _offsets(cells, _times(motion.dilation, steps))
    words: list[Any] = [
        *arrays, int(not clear), out.nbytes, image.shape[0], image.shape[-1],
        step, _steps(places)[0], *_three(places),
        *_times(motion.strides, steps), len(offsets), Table(tuple(offsets)),
    ]  # fmt: skip
    builder.emit(
        f"depthwise.{kernel}:{out.dtype.str[1:]}",
        words,
        writes=[out],
        reads=list(arrays if not clear else arrays[1:]),
        operations=2 * places.size * len(offsets),
        note="one filter for each channel",
    )


# --- the three ------------------------------------------------------------------------------------
@lowers(Convolution, accumulates=True)
def _(builder: Builder, op: Convolution, out: Value, x: Value, kernel: Value) -> bool | None:
    if not _fits(out, x, kernel):
        return False
    motion = _Motion.of(op)
    x, kernel = _padded(builder, x, motion), builder.contiguous(kernel)
    size, cells, (channels, filters) = x.dtype.itemsize, _cells(kernel), kernel.shape[-2:]
    if channels == 1 and filters == motion.groups > 1:
        clear = not builder.accumulating
        _depthwise(builder, "forward", motion, [out, x, kernel], x, out, cells, clear=clear)
        return None
    image, steps = _steps(x)
    image_out, steps_out = _steps(out)
    pitch, columns = filters * size, filters // motion.groups
    met = _offsets(cells, _times(motion.dilation, steps))
    chunks = [(a, i * channels * pitch, channels) for i, a in enumerate(met)]
    passes = passes_of(joined(chunks, size, pitch), size, pitch, limit_of(columns, size))
    product = Product(
        out, x, kernel,
        Rows(
            (0, *_three(out)),
            (image, *_times(motion.strides, steps)),
            (image_out, *steps_out),
        ),
        size, pitch, columns, [(0, chunks) for chunks in passes],
        x.shape[0], _together(x, out), (image, 0, image_out),
        motion.groups, (channels * size, columns * size, columns * size),
    )  # fmt: skip
    operations = operations_of(out.shape, kernel.shape)
    product.emit(builder, clear=False, stores=not builder.accumulating, operations=operations)
    return None


@lowers(TransposedConvolution, accumulates=True)
def _(
    builder: Builder, op: TransposedConvolution, out: Value, g: Value, kernel: Value
) -> bool | None:
    if not _fits(out, g, kernel):
        return False
    motion = _Motion.of(op)
    g, kernel = builder.contiguous(g), builder.contiguous(kernel)
    cells, (channels, filters) = _cells(kernel), kernel.shape[-2:]
    wide = out
    if not motion.bare:
        wide = builder.temporary((out.shape[0], *motion.wide(_three(out)), out.shape[-1]), g.dtype)
    direct = wide is out
    clear = not (direct and builder.accumulating)
    if channels == 1 and filters == motion.groups > 1:
        _depthwise(builder, "by_input", motion, [wide, kernel, g], wide, g, cells, clear=clear)
    else:
        _spread(builder, motion, wide, g, kernel, clear=clear)
    if not direct:
        pairs = [(-lo, -hi) for lo, hi in motion.pairs]
        _region(builder, out, wide, pairs, add=builder.accumulating)
    return None


def _spread(
    builder: Builder, motion: _Motion, wide: Value, g: Value, kernel: Value, *, clear: bool
) -> None:
    """Add the product of g with the kernel turned over, each place to its window."""
    size, cells, (channels, filters) = g.dtype.itemsize, _cells(kernel), kernel.shape[-2:]
    # Cells beside each other are columns of one product, where their channels lie together.
    beside = cells[2] if motion.groups == 1 and motion.dilation[2] == 1 else 1
    columns, terms = beside * channels, filters // motion.groups
    turned = _turned(builder, kernel, columns, motion.groups)
    image, steps = _steps(g)
    image_wide, steps_wide = _steps(wide)
    pitch = columns * size
    met = _offsets(cells, _times(motion.dilation, steps_wide))[::beside]
    passes = [
        (o, chunks)
        for i, o in enumerate(met)
        for chunks in passes_of(
            [(0, i * terms * pitch, terms)], size, pitch, limit_of(columns, size)
        )
    ]
    product = Product(
        wide, g, turned,
        Rows(
            (0, *_three(g)),
            (image, *steps),
            (image_wide, *_times(motion.strides, steps_wide)),
        ),
        size, pitch, columns, passes,
        g.shape[0], _together(g, wide), (image, 0, image_wide),
        motion.groups, (terms * size, len(met) * terms * pitch, channels * size),
    )  # fmt: skip
    operations = operations_of(g.shape, kernel.shape)
    product.emit(builder, clear=clear, stores=False, operations=operations)


def _turned(builder: Builder, kernel: Value, columns: int, groups: int) -> Value:
    """Return K as (groups, cells, filters of a group, columns)."""
    terms = kernel.shape[-1] // groups
    cells = kernel.size // (columns * terms * groups)
    made = builder.temporary((groups, cells, terms, columns), kernel.dtype)
    builder.emit(
        f"sliding.turned:{kernel.dtype.str[1:]}",
        [made, kernel, cells, groups, columns, terms],
        writes=[made],
        reads=[kernel],
        note="kernel turned",
    )
    return made


@lowers(KernelCorrelation, accumulates=True)
def _(builder: Builder, op: KernelCorrelation, out: Value, x: Value, g: Value) -> bool | None:
    if not _fits(out, x, g):
        return False
    motion = _Motion.of(op)
    x, g = _padded(builder, x, motion), builder.contiguous(g)
    size, cells, (channels, filters) = x.dtype.itemsize, _cells(out), out.shape[-2:]
    if channels == 1 and filters == motion.groups > 1:
        clear = not builder.accumulating
        _depthwise(builder, "by_kernel", motion, [out, x, g], x, g, cells, clear=clear)
        return None
    image, steps = _steps(x)
    image_g = _steps(g)[0]
    step, pitch, columns = motion.strides[2] * steps[2], filters * size, filters // motion.groups
    lines = _three(g)
    met = _offsets((*lines[:2], 1), _times(motion.strides, steps))
    chunks = [(a, i * lines[2] * pitch, lines[2]) for i, a in enumerate(met)]
    passes = passes_of(joined(chunks, step, pitch), step, pitch, limit_of(columns, size))
    row = channels * pitch
    product = Product(
        out, x, g,
        Rows(
            (*cells, channels),
            (*_times(motion.dilation, steps), size),
            (cells[1] * cells[2] * row, cells[2] * row, row, pitch),
        ),
        step, pitch, columns, [(0, chunks) for chunks in passes],
        x.shape[0], 0, (image, image_g, 0),
        motion.groups, (channels * size, columns * size, columns * size),
    )  # fmt: skip
    operations = operations_of(g.shape, out.shape)
    product.emit(builder, clear=not builder.accumulating, stores=False, operations=operations)
    return None


# --- slices of the batch --------------------------------------------------------------------------
@slices(Convolution, TransposedConvolution)
def _(op: Any, out_shape: Three, shapes: Sequence[Three], axes: Sequence[int | None]) -> Any:
    return 0 if axes[0] == 0 and axes[1] is None else None


@slices(KernelCorrelation)
def _(op: Any, out_shape: Three, shapes: Sequence[Three], axes: Sequence[int | None]) -> Any:
    return SUM if axes[0] == 0 and axes[1] == 0 else None
