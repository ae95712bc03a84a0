"""The inner kernel of matrix products: a few rows of C, a few vectors wide, kept in registers.

Written for LLVM, as vectors of the width of this machine; what a machine lacks LLVM makes up for.

For ``rows`` rows r of A and the columns j of a panel of B::

    C[r, j] (+)= Σₗ A[r, l] B[l, j]  (+ bias[j])

Every sum runs over l = 0, 1, … in one chain (in ``chains`` chains where rows are few, so that one
addition need not wait for the one before), so a result depends on nothing but its row and column.

Source: K. Goto and R. van de Geijn, "Anatomy of high-performance matrix multiplication", 2008.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from glassnet.engines.native.kernels.packing import transposed
from glassnet.engines.native.kernels.vectors import WORD, Vectors, hide, lanes_of

ARGUMENTS = 14


@dataclass(frozen=True)
class Tile:
    """A tile of ``rows`` rows and ``vectors`` vectors of numbers of ``size`` bytes.

    ``turned``, it is a square that is stored about its diagonal: its rows are columns of C.
    """

    rows: int
    vectors: int
    size: int
    chains: int = 1
    turned: bool = False

    @property
    def lanes(self) -> int:
        """The numbers of a vector."""
        return lanes_of(self.size)

    @property
    def columns(self) -> int:
        """The columns of the tile."""
        return self.vectors * self.lanes


def written(count: int, write: Callable[..., None]) -> Any:
    """Return a function of ``count`` integers for kernels; ``write(builder, …)`` writes it."""

    @intrinsic
    def function(typingctx: Any, first: Any, *rest: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            taken = [builder.extract_value(given[1], i) for i in range(count - 1)]
            write(builder, given[0], *taken)
            return context.get_dummy_value()

        return types.void(types.int64, types.StarArgTuple([types.int64] * (count - 1))), generate

    return function


def multiplier(tile: Tile) -> Any:
    """Return ``multiply(a, a_row, a_step, b, b_step, k, tail, tail_k, rows, …)``, in IR.

    Its further arguments are ``c, c_row, columns, accumulate, bias``. A row of A begins ``a_row``
    behind the one before; its entries lie ``a_step`` apart. Rows of B begin ``b_step`` apart, their
    entries side by side; the last ``tail_k`` rows lie at ``tail``, a whole tile wide each. Whole
    vectors of B are read, so columns behind the last one must be readable, whatever they hold.
    Where the tile is turned, ``c_row`` and ``bias`` still are those of C.
    """

    return written(ARGUMENTS, lambda builder, *given: _Writer(builder, tile).write(*given))


class Loops(Vectors):
    """Writes loops and branches whose state is vectors in registers."""

    def repeat(
        self, count: Any, moving: list[Any], sums: list[Any], step: Callable[..., Any]
    ) -> tuple[list[Any], list[Any]]:
        """Write a loop whose state is addresses and sums; ``step`` returns the next of both."""
        builder, ends = self.builder, 1 + len(moving)
        one = hide(builder, WORD(1))
        before = builder.block
        head = builder.append_basic_block("head")
        body = builder.append_basic_block("body")
        after = builder.append_basic_block("after")
        builder.branch(head)
        builder.position_at_end(head)
        state = [count, *moving, *sums]
        phis = [builder.phi(value.type) for value in state]
        for phi, value in zip(phis, state, strict=True):
            phi.add_incoming(value, before)
        builder.cbranch(builder.icmp_signed(">", phis[0], WORD(0)), body, after)
        builder.position_at_end(body)
        moved, made = step(phis[1:ends], phis[ends:])
        following = [builder.sub(phis[0], one), *moved, *made]
        for phi, value in zip(phis, following, strict=True):
            phi.add_incoming(value, builder.block)
        builder.branch(head)
        builder.position_at_end(after)
        return list(phis[1:ends]), list(phis[ends:])

    def where(self, flag: Any, values: list[Any], write: Callable[[], list[Any]]) -> list[Any]:
        """Return what ``write`` makes where the flag is not 0, else the values."""
        builder = self.builder
        before = builder.block
        with builder.if_then(builder.icmp_signed("!=", flag, WORD(0))):
            made = write()
            last = builder.block
        phis = [builder.phi(value.type) for value in values]
        for phi, value, new in zip(phis, values, made, strict=True):
            phi.add_incoming(value, before)
            phi.add_incoming(new, last)
        return phis

    def fused(self, x: Any, y: Any, z: Any) -> Any:
        """Return x·y + z, in one instruction where the machine has it."""
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        return self.builder.call(self.function("fmuladd", kind), [x, y, z])

    def rows_there(self, count: int, rows: Any) -> list[Any]:
        """Return the number of each row of a tile of ``count``, of which C has ``rows``.

        Rows that C lacks are the last one once more: they store what it holds already.
        """
        last = self.builder.sub(rows, WORD(1))
        return [self.least(WORD(r), last) for r in range(count)]

    def totals(self, sums: list[Any]) -> list[Any]:
        """Return vectors of which each lane has the total of a vector's lanes, one after another.

        Neighbours are added, then sums of neighbours, and so on.
        """
        evens = [2 * i for i in range(self.lanes)]
        odds = [i + 1 for i in evens]
        for _ in range(self.lanes.bit_length() - 1):
            sums = sums * 2 if len(sums) == 1 else sums
            sums = [
                self.builder.fadd(self.shuffle(x, y, evens), self.shuffle(x, y, odds))
                for x, y in zip(sums[::2], sums[1::2], strict=True)
            ]
        return sums

    def finish(
        self, sums: list[Any], starts: list[Any], masks: list[Any], accumulate: Any, bias: Any
    ) -> None:
        """Add the bias, add what rows of C hold, store; all loads come before the first store.

        Of each row, which begins at one of ``starts``, there are as many vectors as masks.
        """
        builder, wide = self.builder, len(masks)
        pitch = self.lanes * self.size

        def places(start: Any) -> list[tuple[Any, Any]]:
            return [(builder.add(start, WORD(v * pitch)), mask) for v, mask in enumerate(masks)]

        outs = [place for start in starts for place in places(start)]

        def with_bias() -> list[Any]:
            row = [self.load_some(*place) for place in places(bias)]
            return [builder.fadd(now, row[i % wide]) for i, now in enumerate(sums)]

        sums = self.where(bias, sums, with_bias)

        def with_old() -> list[Any]:
            old = [self.load_some(*place) for place in outs]
            return [builder.fadd(x, now) for x, now in zip(old, sums, strict=True)]

        sums = self.where(accumulate, sums, with_old)
        for place, now in zip(outs, sums, strict=True):
            self.store(now, *place)


class _Writer(Loops):
    """Writes the instructions of a tile."""

    def __init__(self, builder: Any, tile: Tile) -> None:
        super().__init__(builder, tile.size)
        self.tile = tile
        self.places = [(r, v) for r in range(tile.rows) for v in range(tile.vectors)]

    def write(
        self, a: Any, a_row: Any, a_step: Any, b: Any, b_step: Any, k: Any, tail: Any, tail_k: Any,
        rows: Any, c: Any, c_row: Any, columns: Any, accumulate: Any = None, bias: Any = None,
    ) -> None:  # fmt: skip
        """Write the sums, then what is added to them, then the stores."""
        builder, tile = self.builder, self.tile
        zero = ir.Constant(self.vector, None)
        places = self.rows_there(tile.rows, rows)
        offsets = [builder.mul(place, a_row) for place in places]
        sums = [zero] * len(self.places)
        if tile.chains > 1:
            turns = builder.udiv(k, WORD(tile.chains))
            a, b, sums = self.chained(a, offsets, a_step, b, b_step, turns, sums)
            k = builder.urem(k, WORD(tile.chains))
        a, b, sums = self.loop(a, offsets, a_step, b, b_step, k, sums)
        pitch = WORD(tile.columns * tile.size)
        _, _, sums = self.loop(a, offsets, a_step, tail, pitch, tail_k, sums)
        if tile.turned:
            sums = transposed(self, sums)
            rows, columns = columns, rows
            places = self.rows_there(tile.lanes, rows)
        outs = [builder.add(c, builder.mul(place, c_row)) for place in places]
        accumulate, bias, columns = (hide(builder, word) for word in (accumulate, bias, columns))
        whole = builder.icmp_signed("==", columns, WORD(tile.columns))
        with builder.if_else(whole, likely=True) as (full, part):
            with full:
                self.finish(sums, outs, [None] * tile.vectors, accumulate, bias)
            with part:
                masks = [self.mask(columns, v * tile.lanes) for v in range(tile.vectors)]
                self.finish(sums, outs, masks, accumulate, bias)

    # --- sums -----------------------------------------------------------------------------------
    def loop(
        self, a: Any, offsets: list[Any], a_step: Any, b: Any, b_step: Any, count: Any,
        sums: list[Any],
    ) -> tuple[Any, Any, list[Any]]:  # fmt: skip
        """Add ``count`` terms to the sums; return where A and B go on."""

        def step(moving: list[Any], now: list[Any]) -> tuple[list[Any], list[Any]]:
            left, right = moving
            now = self.terms(left, offsets, right, now)
            return [self.builder.add(left, a_step), self.builder.add(right, b_step)], now

        (a, b), sums = self.repeat(count, [a, b], sums, step)
        return a, b, sums

    def chained(
        self, a: Any, offsets: list[Any], a_step: Any, b: Any, b_step: Any, turns: Any,
        sums: list[Any],
    ) -> tuple[Any, Any, list[Any]]:  # fmt: skip
        """The same, ``chains`` terms a turn, each to sums of its own, which are joined at last."""
        chains, own = self.tile.chains, len(sums)

        def step(moving: list[Any], now: list[Any]) -> tuple[list[Any], list[Any]]:
            left, right = moving
            made: list[Any] = []
            for i in range(chains):
                made += self.terms(left, offsets, right, now[i * own : (i + 1) * own])
                left, right = self.builder.add(left, a_step), self.builder.add(right, b_step)
            return [left, right], made

        (a, b), parts = self.repeat(turns, [a, b], sums * chains, step)
        while len(parts) > own:
            half = len(parts) // 2
            pairs = zip(parts[:half], parts[half:], strict=True)
            parts = [self.builder.fadd(x, y) for x, y in pairs]
        return a, b, parts

    def terms(self, a: Any, offsets: list[Any], b: Any, sums: list[Any]) -> list[Any]:
        """Return the sums with one term more: a column of A times a row of B."""
        builder, tile = self.builder, self.tile
        pitch = tile.lanes * tile.size
        right = [self.load(builder.add(b, WORD(v * pitch))) for v in range(tile.vectors)]
        left = [self.spread(self.load(builder.add(a, offset), self.scalar)) for offset in offsets]
        return [
            self.fused(left[r], right[v], now)
            for (r, v), now in zip(self.places, sums, strict=True)
        ]
