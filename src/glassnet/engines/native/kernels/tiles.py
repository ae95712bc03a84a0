"""The inner kernel of the products of convolution: a tile of sums kept in registers.

A tile is 6 rows of up to 4 vectors of 64 bytes. For row r with addresses A_r and O_r

    O_r[j] (+)= Σ over chunks, k < n:  at(A_r + a + k·step) · at(B + b + k·pitch)[j]

The rows of A are read where they lie, so windows of an image need not be written out as columns.
The columns of B are contiguous. 24 sums of 64 bytes, 4 vectors of B and one entry of A just fit
the 32 registers of AVX-512; with half as many registers of half the size, a quarter of the tile is
done at a time. Rows are added one after another, so that they may overlap.

Words of a tile: ``[add, chunks, → chunks (a, b, n), step, B, pitch, entries of the last vector,
unused, A₀ … A₅, O₀ … O₅]``; offsets in bytes, at least one chunk, n at least 1.

Source: K. Goto and R. van de Geijn, "Anatomy of high-performance matrix multiplication", 2008, for
sums in registers; E. Georganas et al., "Anatomy of high-performance deep learning convolutions on
SIMD architectures", 2018, for convolution without columns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

ARGUMENTS = 1
ROWS = 6
_FIRST_ROW = 8
_INTEGER, _SHORT, _BIT = ir.IntType(64), ir.IntType(32), ir.IntType(1)


def _register() -> tuple[int, int]:
    """Return the bytes of a vector register of this machine, and how many a row may keep."""
    return (64, 4) if binding.get_host_cpu_features().get("avx512f") else (32, 2)


class _Tile:
    """Writes a tile of ``width`` vectors of 64 bytes, or of half a one; the last may be in part."""

    def __init__(self, builder: Any, block: Any, dtype: np.dtype, width: int) -> None:
        self.builder, self.block, self.size = builder, block, dtype.itemsize
        register, self.kept = _register()
        whole = 64 * width or 32
        register = min(register, whole)
        self.scalar = ir.FloatType() if self.size == 4 else ir.DoubleType()
        self.lanes = register // self.size
        self.vector = ir.VectorType(self.scalar, self.lanes)
        self.count = whole // register
        self.parted = min(whole, 64) // register
        self.a = [self.word(_FIRST_ROW + r) for r in range(ROWS)]
        self.o = [self.word(_FIRST_ROW + ROWS + r) for r in range(ROWS)]

    # --- pieces -----------------------------------------------------------------------------------
    def word(self, place: int) -> Any:
        """Load a word of the block."""
        return self.load(self.builder.add(self.block, _INTEGER(8 * place)), _INTEGER)

    def pointer(self, address: Any, kind: Any) -> Any:
        return self.builder.inttoptr(address, kind.as_pointer())

    def load(self, address: Any, kind: Any) -> Any:
        align = 8 if kind is _INTEGER else self.size
        return self.builder.load(self.pointer(address, kind), align=align)

    def spread(self, value: Any) -> Any:
        """Return a vector that holds a number in each lane."""
        start = ir.Constant(ir.VectorType(value.type, self.lanes), ir.Undefined)
        one = self.builder.insert_element(start, value, _SHORT(0))
        places = ir.Constant(ir.VectorType(_SHORT, self.lanes), [_SHORT(0)] * self.lanes)
        return self.builder.shuffle_vector(one, start, places)

    def mask(self, vector: int) -> Any:
        """Return which lanes of a vector are there, or None for all."""
        first = vector - (self.count - self.parted)
        if first < 0:
            return None
        places = ir.Constant(
            ir.VectorType(_INTEGER, self.lanes),
            [_INTEGER(first * self.lanes + i) for i in range(self.lanes)],
        )
        return self.builder.icmp_signed("<", places, self.spread(self.word(6)))

    def masked(self, what: str, result: Any, arguments: list[Any]) -> Any:
        """Call LLVM's load or store of some lanes."""
        name = f"llvm.masked.{what}.v{self.lanes}f{8 * self.size}.p0"
        kind = ir.FunctionType(result, [a.type for a in arguments])
        function = self.builder.module.globals.get(name)
        if function is None:
            function = ir.Function(self.builder.module, kind, name)
        return self.builder.call(function, arguments)

    def read(self, address: Any, mask: Any) -> Any:
        """Load a vector; lanes that are not there are zero."""
        if mask is None:
            return self.load(address, self.vector)
        pointer, none = self.pointer(address, self.vector), ir.Constant(self.vector, None)
        return self.masked("load", self.vector, [pointer, _SHORT(self.size), mask, none])

    def write(self, value: Any, address: Any, mask: Any) -> None:
        """Store a vector."""
        pointer = self.pointer(address, self.vector)
        if mask is None:
            self.builder.store(value, pointer, align=self.size)
        else:
            self.masked("store", ir.VoidType(), [value, pointer, _SHORT(self.size), mask])

    # --- the tile ---------------------------------------------------------------------------------
    def write_all(self) -> None:
        """Write the whole tile, as many vectors at a time as the registers keep."""
        for first in range(0, self.count, self.kept):
            self.part(range(first, min(first + self.kept, self.count)))

    def part(self, vectors: range) -> None:
        """Write the sums of some vectors of each row."""
        masks = [self.mask(v) for v in vectors]
        places = [v * self.lanes * self.size for v in vectors]
        none = [ir.Constant(self.vector, None)] * (ROWS * len(vectors))
        count, table = self.word(1), self.word(2)
        step, start, pitch = self.word(3), self.word(4), self.word(5)

        def chunk(left: Any, at: Any, sums: list[Any]) -> tuple[Any, list[Any]]:
            a, b, n = (self.load(self.builder.add(at, _INTEGER(8 * i)), _INTEGER) for i in range(3))
            base = self.builder.add(start, b)
            sums = self.repeat(n, [a, base], sums, products)
            return [self.builder.add(at, _INTEGER(24))], sums

        def products(left: Any, a: Any, b: Any, sums: list[Any]) -> tuple[Any, list[Any]]:
            row = [
                self.read(self.builder.add(b, _INTEGER(p)), m)
                for p, m in zip(places, masks, strict=True)
            ]
            new = []
            for r in range(ROWS):
                entry = self.spread(self.load(self.builder.add(self.a[r], a), self.scalar))
                for v, column in enumerate(row):
                    new.append(self.fused(entry, column, sums[r * len(row) + v]))
            return [self.builder.add(a, step), self.builder.add(b, pitch)], new

        sums = self.repeat(count, [table], none, chunk)
        self.finish(sums, places, masks)

    def fused(self, a: Any, b: Any, c: Any) -> Any:
        """Return a·b + c, in one instruction where the machine has it."""
        flags = ("contract",)
        return self.builder.fadd(self.builder.fmul(a, b, flags=flags), c, flags=flags)

    def repeat(
        self, count: Any, moving: list[Any], sums: list[Any], body: Callable[..., Any]
    ) -> list[Any]:
        """Write a loop of ``count`` ≥ 1 rounds; what moves and the sums go on to the next round."""
        before = self.builder.basic_block
        head = self.builder.append_basic_block("round")
        after = self.builder.append_basic_block("after")
        self.builder.branch(head)
        self.builder.position_at_end(head)
        firsts = [count, *moving, *sums]
        phis = [self.builder.phi(f.type) for f in firsts]
        for phi, f in zip(phis, firsts, strict=True):
            phi.add_incoming(f, before)
        ends = 1 + len(moving)
        moved, new = body(phis[0], *phis[1:ends], phis[ends:])
        left = self.builder.sub(phis[0], _INTEGER(1))
        last = self.builder.basic_block
        for phi, value in zip(phis, [left, *moved, *new], strict=True):
            phi.add_incoming(value, last)
        again = self.builder.icmp_signed(">", left, _INTEGER(0))
        self.builder.cbranch(again, head, after)
        self.builder.position_at_end(after)
        return list(new)

    def finish(self, sums: list[Any], places: list[int], masks: list[Any]) -> None:
        """Store the sums, or add them, row after row."""
        adding = self.builder.icmp_signed("!=", self.word(0), _INTEGER(0))
        with self.builder.if_else(adding) as (then, otherwise):
            for branch, add in ((then, True), (otherwise, False)):
                with branch:
                    for i, value in enumerate(sums):
                        r, v = divmod(i, len(places))
                        address = self.builder.add(self.o[r], _INTEGER(places[v]))
                        if add:
                            value = self.builder.fadd(self.read(address, masks[v]), value)
                        self.write(value, address, masks[v])


def _tile(width: int) -> Callable[[np.dtype], Any]:
    def template(T: np.dtype) -> Any:
        @intrinsic
        def tile(typingctx: Any, p: Any) -> Any:
            def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                _Tile(builder, arguments[0], np.dtype(T), width).write_all()
                return context.get_dummy_value()

            return types.void(types.int64), generate

        def kernel(p: int) -> None:
            tile(p)

        return kernel

    return template


tile0, tile1, tile2, tile3, tile4 = map(_tile, range(5))
"""Tiles of half a vector, and of 1 to 4 vectors."""
