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

from glassnet.engines.native.lowering.base import SUM, Builder, Kernel, Table, lowers, slices
from glassnet.engines.native.memory import Value, row_major
from glassnet.ops.sliding import (
    Convolution,
    KernelCorrelation,
    Sliding,
    TransposedConvolution,
)

Three = tuple[int, ...]

_VECTOR, _WIDTH = 64, 4
"""Bytes of a vector of a tile, and how many it has at most."""
_BLOCK = 24 << 10
"""Bytes of B that one pass reads: with the rows of A they stay in the L1 cache."""
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


# --- chunks and passes ----------------------------------------------------------------------------
Chunk = tuple[int, int, int]
"""Offsets in A and in B, and over how many entries both go from there."""


def _joined(chunks: Sequence[Chunk], step: int, pitch: int) -> list[Chunk]:
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


def _passes(chunks: Sequence[Chunk], step: int, pitch: int, limit: int) -> list[list[Chunk]]:
    """Return the chunks in passes of at most ``limit`` entries, long chunks cut."""
    cut: list[Chunk] = []
    for a, b, n in chunks:
        parts = -(-n // limit)
        ends = [n * i // parts for i in range(parts + 1)]
        cut += [
            (a + start * step, b + start * pitch, end - start)
            for start, end in zip(ends, ends[1:], strict=False)
        ]
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


def _limit(columns: int, size: int) -> int:
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
        found.append((first * _VECTOR, last, Kernel(f"tiles.tile{width}:{dtype.str[1:]}")))
    return found


@dataclass(frozen=True)
class _Rows:
    """Rows that lie at strides, over four axes, in A and in O."""

    sizes: Three
    a: Three
    o: Three

    def joined(self, fixed: int) -> _Rows:
        """Return the same rows with axes joined where they can be, but for the first ``fixed``."""
        axes = list(zip(self.sizes, self.a, self.o, strict=True))
        for i in range(len(axes) - 2, fixed - 1, -1):
            (n, a, o), (m, b, p) = axes[i], axes[i + 1]
            if n == 1 or m == 1 or (a == m * b and o == m * p):
                axes[i : i + 2] = [(n * m, b, p) if m > 1 else (n, a, o)]
        while len(axes) < 4:
            axes.insert(fixed, (1, 0, 0))
        sizes, a, o = zip(*axes, strict=True)
        return _Rows(sizes, a, o)

    @property
    def words(self) -> tuple[int, ...]:
        """The sizes, and the step along each axis after those along the axes behind it."""
        n, steps = self.sizes, []
        for i in reversed(range(4)):
            behind = [n[i + 1] * axis[i + 1] if i < 3 else 0 for axis in (self.a, self.o)]
            steps += [self.a[i] - behind[0], self.o[i] - behind[1]]
        return *n, *steps


@dataclass(frozen=True)
class _Product:
    """A product over windows, as the kernel takes it."""

    out: Value
    a: Value
    b: Value
    rows: _Rows
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
        builder.emit(
            f"sliding.product:{self.a.dtype.str[1:]}",
            [
                *(self.out, self.a, self.b, self.out.nbytes if clear else 0),
                *(self.step, self.pitch, self.items, self.together, *self.item),
                *(*rows.words, len(rounds) // 8, Table(tuple(rounds))),
            ],
            writes=[self.out],
            reads=[self.a, self.b],
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
    builder.emit(
        f"sliding.region:{out.dtype.str[1:]}",
        [
            *(out, value, out.shape[0], int(add), n1, n2, n3 * cell, m1, m2, m3 * cell),
            *(before[0], before[1], first * cell, inside * cell, (first - before[2]) * cell),
        ],
        writes=[out],
        reads=[value],
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
    image, *axes = row_major((value.shape[0], *_three(value), value.shape[-1]), value.dtype.itemsize)
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
    builder.emit(
        f"depthwise.{kernel}:{out.dtype.str[1:]}",
        [
            *(*arrays, int(not clear), out.nbytes, image.shape[0], image.shape[-1]),
            *(step, _steps(places)[0], *_three(places)),
            *(*_times(motion.strides, steps), len(offsets), Table(tuple(offsets))),
        ],
        writes=[out],
        reads=list(arrays[1:]),
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
    passes = _passes(_joined(chunks, size, pitch), size, pitch, _limit(columns, size))
    product = _Product(
        out, x, kernel,
        _Rows(
            (0, *_three(out)),
            (image, *_times(motion.strides, steps)),
            (image_out, *steps_out),
        ),
        size, pitch, columns, [(0, chunks) for chunks in passes],
        x.shape[0], _together(x, out), (image, 0, image_out),
        motion.groups, (channels * size, columns * size, columns * size),
    )  # fmt: skip
    operations = 2 * out.size * prod(cells) * channels
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
        for chunks in _passes([(0, i * terms * pitch, terms)], size, pitch, _limit(columns, size))
    ]
    product = _Product(
        wide, g, turned,
        _Rows(
            (0, *_three(g)),
            (image, *steps),
            (image_wide, *_times(motion.strides, steps_wide)),
        ),
        size, pitch, columns, passes,
        g.shape[0], _together(g, wide), (image, 0, image_wide),
        motion.groups, (terms * size, len(met) * terms * pitch, channels * size),
    )  # fmt: skip
    operations = 2 * g.size * prod(cells) * channels
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
    passes = _passes(_joined(chunks, step, pitch), step, pitch, _limit(columns, size))
    row = channels * pitch
    product = _Product(
        out, x, g,
        _Rows(
            (*cells, channels),
            (*_times(motion.dilation, steps), size),
            (cells[1] * cells[2] * row, cells[2] * row, row, pitch),
        ),
        step, pitch, columns, [(0, chunks) for chunks in passes],
        x.shape[0], 0, (image, image_g, 0),
        motion.groups, (channels * size, columns * size, columns * size),
    )  # fmt: skip
    operations = 2 * g.size * prod(cells) * channels
    product.emit(builder, clear=not builder.accumulating, stores=False, operations=operations)
    return None


# --- slices of the batch --------------------------------------------------------------------------
@slices(Convolution, TransposedConvolution)
def _(op: Any, out_shape: Three, shapes: Sequence[Three], axes: Sequence[int | None]) -> Any:
    return 0 if axes[0] == 0 and axes[1] is None else None


@slices(KernelCorrelation)
def _(op: Any, out_shape: Three, shapes: Sequence[Three], axes: Sequence[int | None]) -> Any:
    return SUM if axes[0] == 0 and axes[1] == 0 else None
