"""Matrix products: which kernel takes which shape, and how a product goes with a slice.

The choice is a static rule on sizes, strides and dtype, never a timing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from glassnet.engines.native import object_code
from glassnet.engines.native.lowering.base import (
    SUM,
    Blas,
    Builder,
    Table,
    Word,
    lowers,
    slices,
)
from glassnet.engines.native.memory import Value
from glassnet.ops.linear import MatMul

Ints = tuple[int, ...]


@dataclass(frozen=True)
class Product:
    """C = A B over the last two axes of each; the axes before them are the same in all three."""

    out: Value
    a: Value
    b: Value
    bias: Value | None = None
    accumulate: bool = False

    @property
    def sizes(self) -> tuple[int, int, int]:
        """m, k, n: rows of A, columns of A, columns of B."""
        return self.a.shape[-2], self.a.shape[-1], self.b.shape[-1]

    @property
    def pieces(self) -> int:
        """The number of products that the axes before the last two make."""
        return math.prod(self.out.shape[:-2])


def product(builder: Builder, out: Value, a: Value, b: Value, bias: Value | None = None) -> bool:
    """Emit ``out = a b`` (+ a contiguous row ``bias``), or add it to ``out`` while accumulating.

    Leading axes broadcast. The columns of ``out`` must lie side by side; ``a`` and ``b`` may have
    any strides.
    """
    if out.size == 0:
        return True
    lead = out.shape[:-2]
    emit_product(
        builder,
        simplified(
            Product(out, broadcast(a, lead), broadcast(b, lead), bias, builder.accumulating)
        ),
    )
    return True


def broadcast(value: Value, lead: Ints) -> Value:
    """Return a stack of matrices with its leading axes stretched by steps of 0."""
    missing = len(lead) + 2 - len(value.shape)
    own = (1,) * missing + value.shape[:-2]
    steps = (0,) * missing + value.strides[:-2]
    lead_steps = tuple(0 if n == 1 else s for n, s in zip(own, steps, strict=True))
    return value.viewed((*lead, *value.shape[-2:]), (*lead_steps, *value.strides[-2:]))


def simplified(p: Product) -> Product:
    """Return the same product with as few axes before the matrices as their steps allow."""
    values = [p.out, p.a, p.b]
    lead = [(n, *(v.strides[i] for v in values)) for i, n in enumerate(p.out.shape[:-2]) if n != 1]
    joined: list[Ints] = []
    for axis in lead:
        if joined and all(o == axis[0] * i for o, i in zip(joined[-1][1:], axis[1:], strict=True)):
            joined[-1] = (joined[-1][0] * axis[0], *axis[1:])
        else:
            joined.append(axis)
    m, k, n = p.sizes
    out_rows, a_rows, b_rows = (tidy(v) for v in values)
    # Where B is the same for all of the last axis, its rows of A and C are rows of one matrix.
    if joined and joined[-1][3] == 0:
        size, out_step, a_step, _ = joined[-1]
        if m == 1 or (out_step == m * out_rows[0] and a_step == m * a_rows[0]):
            joined.pop()
            m *= size
            out_rows = (out_step if m == size else out_rows[0], out_rows[1])
            a_rows = (a_step if m == size else a_rows[0], a_rows[1])
    sizes = tuple(axis[0] for axis in joined)

    def with_axes(value: Value, place: int, matrix: Ints, steps: Ints) -> Value:
        return value.viewed((*sizes, *matrix), (*(axis[place] for axis in joined), *steps))

    return replace(
        p,
        out=with_axes(p.out, 1, (m, n), out_rows),
        a=with_axes(p.a, 2, (m, k), a_rows),
        b=with_axes(p.b, 3, (k, n), b_rows),
    )


def tidy(value: Value) -> tuple[int, int]:
    """Return the steps of the matrices, those of axes of length 1 as if they lay row by row."""
    (rows, columns), (row, column) = value.shape[-2:], value.strides[-2:]
    size = value.dtype.itemsize
    if columns == 1:
        column = size
        row = row if rows > 1 else size
    elif rows == 1:
        row = columns * size
    return row, column


def emit_product(builder: Builder, p: Product) -> None:
    """Emit the instruction of a product by the kernel that suits its sizes, or two of them."""
    kernel, n = kernel_for(p), p.sizes[2]
    count = paired_columns(p) if kernel == "block" else 0
    if count:
        beside = p.a.strides[-1] == p.a.dtype.itemsize
        emit_by(builder, columns(p, 0, count), "paired" if beside else "paired_rows")
    if count < n:
        emit_by(builder, columns(p, count, n) if count else p, kernel)


def emit_by(builder: Builder, p: Product, kernel: str) -> None:
    """Emit the instruction of a product by a kernel."""
    scratch = None
    # A single row is what one wants, a single column what the other does.
    if kernel in ("row", "dots") and (p.sizes[0] == 1) == (kernel == "dots"):
        p = turned(p)
    if kernel == "gemm":
        p = replace(p, a=for_blas(builder, p.a), b=for_blas(builder, p.b))
    elif nbytes := room(p, kernel):
        scratch = builder.scratch(nbytes)
    instruct(builder, p, kernel, scratch)


def kernel_for(p: Product) -> str:
    """Return the name of the kernel's template for a product."""
    m, k, n = p.sizes
    if p.out.dtype not in (np.float32, np.float64):
        return "plain"
    if 1 <= k <= 4 and m * k * n <= 64 and p.pieces == 1:
        return "tiny"
    if dotted(p):
        return "dots"
    if m == 1 or (n == 1 and p.bias is None and p.out.strides[-2] == p.out.dtype.itemsize):
        return "row"
    if m <= 4:
        return "few"
    if crosses(p):
        return "across"
    return "gemm" if wide_steps(p) else "block"


def crosses(p: Product) -> bool:
    """Whether B is a transposed matrix whose packing would not pay, as few rows of A use it.

    Tiles have as many rows as a vector has lanes, those that need packing have 8.
    """
    m, k, n = p.sizes
    size = p.a.dtype.itemsize
    lanes = VECTOR // size
    beside = p.a.strides[-1] == size and p.b.strides[-2] == size and p.b.strides[-1] >= k * size
    filled = m <= 2 * lanes and -(-m // lanes) * lanes == -(-m // 8) * 8
    return beside and filled and n >= lanes and k >= 8 and wide_vectors()


def dotted(p: Product) -> bool:
    """Whether the terms of a sum lie side by side, and the sums are in a few columns or one row."""
    m, k, n = p.sizes
    size = p.a.dtype.itemsize
    if k * size < VECTOR // 2:
        return False
    if m == 1:
        beside = p.b.strides[-2] == size and (n == 1 or p.b.strides[-1] != size)
        return beside and (n == 1 or p.bias is None)
    return p.a.strides[-1] == size and (n == 1 or (n * size <= VECTOR // 4 and k >= 64 and m > 4))


def paired_columns(p: Product) -> int:
    """Return how many of the first columns go to the kernels that take pairs; 0 where none does.

    Compared is how many vectors are multiplied for a row of A, with what they hold for nothing.
    """
    m, k, n = p.sizes
    size = p.a.dtype.itemsize
    lanes = VECTOR // size
    tile = 3 * lanes // 2 + 1
    (a_row, a_step), (b_row, b_step) = p.a.strides[-2:], p.b.strides[-2:]
    by_terms = a_step == size and k >= 64
    by_rows = a_row == size and k >= 16 and m >= lanes
    # A tile reads rows of B as wide as it is, which may reach into the next row, no further.
    if not (by_terms or by_rows) or b_step != size or b_row < n * size or 2 * n < tile:
        return 0
    if not wide_vectors():
        return 0
    # Tiles of rows have as many rows as a vector has lanes, others have 8; ends cost 3 of 100.
    rows = 1.03 if by_terms else 1.03 * -(-m // lanes) * lanes / (-(-m // 8) * 8)

    def vectors(tiles: int) -> float:
        return rows * tiles * tile / lanes + -(-max(n - tiles * tile, 0) // lanes)

    best = min(range(-(-n // tile) + 1), key=vectors)
    return min(best * tile, n) if vectors(best) < 0.94 * vectors(0) else 0


@cache
def wide_vectors() -> bool:
    """Whether this machine has AVX-512: on 16 registers of half the size pairs are a loss."""
    return "+avx512f" in object_code.machine()[2].split(",")


def columns(p: Product, start: int, end: int) -> Product:
    """Return the product that makes some of the columns."""

    def some(value: Value) -> Value:
        shape = (*value.shape[:-1], end - start)
        return value.viewed(shape, value.strides, start * value.strides[-1])

    bias = None if p.bias is None else some(p.bias)
    return replace(p, out=some(p.out), b=some(p.b), bias=bias)


def wide_steps(p: Product) -> bool:
    """Whether a tile would jump from page to page; BLAS packs both factors, which pays then."""
    m, k, n = p.sizes
    step, b_row = p.a.strides[-1], p.b.strides[-2]
    turned_b = p.b.strides[-1] != p.b.dtype.itemsize  # packed in any case
    far = step >= 8192 or (not turned_b and (b_row >= 8192 or k * b_row >= 1 << 23))
    return far and min(m, k, n) >= 64


def turned(p: Product) -> Product:
    """Return the product of a column as that of a row: Cᵀ = Bᵀ Aᵀ."""

    def turn(value: Value) -> Value:
        *shape, rows, columns = value.shape
        *steps, row, column = value.strides
        return value.viewed((*shape, columns, rows), (*steps, column, row))

    size = p.out.dtype.itemsize
    out = turn(p.out)
    out = out.viewed(out.shape, (*out.strides[:-2], out.shape[-1] * size, size))
    a, b = turn(p.b), turn(p.a)
    return replace(
        p,
        out=out,
        a=a.viewed(a.shape, (*a.strides[:-2], *tidy(a))),
        b=b.viewed(b.shape, (*b.strides[:-2], *tidy(b))),
    )


# The widest vectors, in bytes, and how many of them the widest tile of a kernel has.
VECTOR = 64
WIDTHS = {"block": 2, "few": 4, "row": 8}
# The terms of a sum that kernels add in registers, before they go to what C holds.
DEPTH = 512


def room(p: Product, kernel: str) -> int:
    """Return the bytes that a kernel needs while it runs.

    `dots` packs the columns of B, where their entries don't lie side by side, and `across` the rows
    of A, in whole squares. Others pack rows of B into a panel as wide as their tile: all where B's
    columns don't lie side by side, with those that make squares whole; else the last ones, those
    less than a tile before the end of B.
    """
    m, k, n = p.sizes
    size = p.b.dtype.itemsize
    if kernel == "dots":
        return 0 if p.b.strides[-2] == size else k * n * size
    if kernel == "across":
        lanes = VECTOR // size
        return -(-m // lanes) * -(-min(k, DEPTH) // lanes) * lanes * VECTOR
    if kernel not in WIDTHS:
        return 0
    k, width = min(k, DEPTH), VECTOR * WIDTHS[kernel]
    row, column = p.b.strides[-2:]
    direct = column == size and row >= n * size
    rows = min(k, -(-width // row)) if direct else -(-k // (VECTOR // size)) * (VECTOR // size)
    return rows * width


def for_blas(builder: Builder, value: Value) -> Value:
    """Return matrices that BLAS takes as they are or transposed: themselves, or a copy."""
    size = value.dtype.itemsize
    (rows, columns), (row, column) = value.shape[-2:], value.strides[-2:]
    taken = (column == size and row >= columns * size) or (row == size and column >= rows * size)
    if taken and row % size == 0 and column % size == 0:
        return value
    return builder.contiguous(value)


def instruct(builder: Builder, p: Product, kernel: str, scratch: Value | None = None) -> None:
    """Emit the instruction of ``products.<kernel>``."""
    out, a, b = p.out, p.a, p.b
    m, k, n = p.sizes
    code = f"{out.dtype.kind}{out.dtype.itemsize}"
    axes = len(out.shape) - 2
    table = (*out.shape[:-2], *a.strides[:-2], *b.strides[:-2], *out.strides[:-2])
    routine: Word = 0
    if kernel == "gemm":
        routine = Blas("sgemm" if out.dtype == np.float32 else "dgemm")
    words: list[Word] = [out, a, b, m, k, n, *a.strides[-2:], *b.strides[-2:], out.strides[-2]]
    words += [int(p.accumulate), 0 if p.bias is None else p.bias]
    words += [
        0 if scratch is None else scratch,
        routine,
        axes,
        Table(table) if axes else 0,
        p.pieces,
        0,
    ]
    builder.emit(
        f"products.{kernel}:{code}",
        words,
        writes=[out],
        reads=[a, b, *([] if p.bias is None else [p.bias]), *([out] if p.accumulate else [])],
        operations=(2 * k + (p.bias is not None)) * m * n * p.pieces,
        scratch=[] if scratch is None else [scratch],
        note=f"{m}×{k}×{n}" + (f" ×{p.pieces}" if axes else ""),
    )


@lowers(MatMul, accumulates=True)
def lower_matmul(builder: Builder, op: MatMul, out: Value, a: Value, b: Value) -> bool:
    """A product of matrices, or of stacks of them."""
    if not a.dtype == b.dtype == out.dtype or out.dtype == np.float16:
        return False
    if builder.accumulating and out.dtype == np.bool_:
        return False
    return product(builder, out, a, b)


@slices(MatMul)
def slice_matmul(
    op: MatMul, out_shape: Ints, shapes: Sequence[Ints], axes: Sequence[int | None]
) -> int | str | None:
    """Rows of A, columns of B and stacks go slice by slice; over the summed axis slices add."""
    # Places counted from the end, where the shapes of the two and of the value are aligned.
    first, second = (
        None if axis is None else axis - len(shape)
        for axis, shape in zip(axes, shapes, strict=True)
    )
    if first == -1 and second == -2:
        return SUM
    if (first == -2 and second is None) or (first is None and second == -1):
        return len(out_shape) + (-2 if second is None else -1)
    places = {place for place in (first, second) if place is not None}
    if len(places) != 1 or (place := places.pop()) >= -2:
        return None
    for own, shape in zip((first, second), shapes, strict=True):
        if own is None and len(shape) >= -place and shape[place] != 1:
            return None
    return len(out_shape) + place
