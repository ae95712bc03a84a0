"""Inner kernels of products with few columns: two terms of a sum, or two rows of C, in a vector.

A vector is wide for a matrix of few columns: of 25 columns, two vectors of 16 lanes leave a fifth
unused. Here a vector holds half as many columns, each twice, so that columns come in smaller steps,
and a pair of neighbours in A is spread over it by one load:

- `Terms`, where the rows of A lie side by side: the pair are the factors of two terms. Each sum has
  two chains, over the even and the odd terms, which are added at last.
- `Rows`, where the columns of A do: the pair belongs to two rows of C. Sums run in one chain.

B is read where it lies, two rows or one at a time, and put in pairs on the way. A tile is three
such vectors wide, and one column more, whose sums for all rows of the tile are one vector: 25
columns where a vector has 16 lanes.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from glassnet.engines.native.kernels.micro import Loops, written
from glassnet.engines.native.kernels.vectors import SHORT, WORD, hide, lanes_of, registers

WIDE = 3
"""Vectors of a tile."""


def height_of_terms() -> int:
    """Return how many rows a tile of `Terms` has."""
    return 8 if registers() == 32 else 4


def width(size: int) -> int:
    """Return the columns of a tile, of numbers of ``size`` bytes."""
    return WIDE * lanes_of(size) // 2 + 1


def by_terms(size: int) -> Any:
    """Return ``multiply(a, a_row, b, b_row, k, rows, c, c_row, columns, accumulate, bias)``.

    The entries of a row of A lie side by side, and those of a row of B. k is at least 1. But for
    the last two, rows of B are read a whole tile wide.
    """
    return written(11, lambda builder, *given: Terms(builder, size).write(*given))


def by_rows(size: int) -> Any:
    """Return ``multiply(a, a_step, b, b_row, k, skip, c, c_row, columns, accumulate, bias)``.

    The entries of a column of A lie side by side, and those of a row of B. As many rows of C are
    made as a vector has lanes; the first ``skip`` are not stored. k is at least 1. But for the last
    one, rows of B are read a whole tile wide.
    """
    return written(11, lambda builder, *given: Rows(builder, size).write(*given))


class _Pairs(Loops):
    """What both ways share: vectors of pairs, and rows of B in parts of a whole and half a one."""

    def __init__(self, builder: Any, size: int) -> None:
        super().__init__(builder, size)
        self.half = self.lanes // 2
        self.pair = ir.VectorType(self.scalar, 2)
        self.some = ir.VectorType(self.scalar, self.half)
        # Zipped in blocks of 16 bytes, as many machines do it in one instruction.
        block = 16 // size
        starts = range(0, self.lanes, block)
        self.low = [start + i for start in starts for i in range(block // 2)]
        self.high = [column + block // 2 for column in self.low]
        place = {column: 2 * i for i, column in enumerate(self.low + self.high)}
        self.evens = [place[column] for column in range(self.lanes)]

    def spread_pair(self, pair: Any) -> Any:
        """Return a vector that holds two numbers in turn."""
        return self.shuffle(pair, ir.Constant(self.pair, ir.Undefined), [0, 1] * self.half)

    def zipped(self, x: tuple[Any, Any], y: tuple[Any, Any]) -> list[Any]:
        """Return three vectors of pairs, of an entry of x and one of y."""
        lanes, half = self.lanes, self.half
        made = [
            self.shuffle(x[0], y[0], [i for c in columns for i in (c, lanes + c)])
            for columns in (self.low, self.high)
        ]
        ends = self.shuffle(x[1], y[1], list(range(lanes)))
        return [*made, self.shuffle(ends, ends, [i for c in range(half) for i in (c, half + c)])]

    def row(self, address: Any) -> tuple[Any, Any]:
        """Load a row of B, a whole tile wide."""
        behind = self.builder.add(address, WORD(self.lanes * self.size))
        return self.load(address), self.load(behind, self.some)

    def part_of_row(self, address: Any, masks: list[Any]) -> tuple[Any, Any]:
        """Load the entries of a row of B that are there."""
        behind = self.builder.add(address, WORD(self.lanes * self.size))
        first, end = self.load_some(address, masks[0]), self.load_some(behind, masks[1])
        return first, self.shuffle(end, end, list(range(self.half)))

    def beside(self, columns: Any) -> Any:
        """Return where in a row of B the column beside the pairs lies, or else the last one."""
        return self.builder.mul(self.builder.sub(columns, WORD(1)), WORD(self.size))

    def in_part(self, columns: Any) -> Any:
        """Return 1 where a tile has fewer columns than it could have, else 0."""
        fewer = self.builder.icmp_signed("<", columns, WORD(width(self.size)))
        return self.builder.zext(fewer, WORD)

    def masks(self, columns: Any) -> list[Any]:
        """Return which lanes of a whole vector and of the next one are columns."""
        return [self.mask(columns), self.mask(columns, self.lanes)]


class Terms(_Pairs):
    """Writes a tile that takes two terms at a time, and of the column beside a vector of them."""

    def write(
        self, a: Any, a_row: Any, b: Any, b_row: Any, k: Any, rows: Any, c: Any, c_row: Any,
        columns: Any, accumulate: Any, bias: Any,
    ) -> None:  # fmt: skip
        builder = self.builder
        places = self.rows_there(height_of_terms(), rows)
        self.offsets = [builder.mul(place, a_row) for place in places]
        columns, self.b_row = hide(builder, columns), b_row
        beside = self.beside(columns)

        def block(moving: list[Any], sums: list[Any]) -> tuple[list[Any], list[Any]]:
            """Add as many terms as a vector has lanes."""
            left, right = moving
            turns = WORD(self.lanes // 2)
            following, inner = self.repeat(turns, moving, sums[:pairs], self.two)
            factors = self.column(builder.add(right, beside), None)
            rest = [self.load(builder.add(left, offset)) for offset in self.offsets]
            return following, inner + self.products(rest, factors, sums[pairs:])

        pairs = WIDE * len(places)
        sums = [ir.Constant(self.vector, None)] * (pairs + len(places))
        in_part = self.in_part(columns)
        blocks = builder.sdiv(builder.sub(k, in_part), WORD(self.lanes))
        (a, b), sums = self.repeat(blocks, [a, b], sums, block)
        left = builder.sub(k, builder.mul(blocks, WORD(self.lanes)))
        masks = self.masks(columns)

        def rest() -> list[Any]:
            """Add what is left, fewer terms than a block has, or as many."""
            some = self.mask(left)
            factors = self.column(builder.add(b, beside), left)
            rows = [self.load_some(builder.add(a, offset), some) for offset in self.offsets]
            ends = self.products(rows, factors, sums[pairs:])
            turns = builder.ashr(builder.sub(left, in_part), WORD(1))
            (here, there), made = self.repeat(turns, [a, b], sums[:pairs], self.two)
            still = builder.sub(left, builder.mul(turns, WORD(2)))
            odd = builder.icmp_signed("==", still, WORD(1))
            return self.where(still, made, lambda: self.last(here, there, odd, masks, made)) + ends

        sums = self.where(left, sums, rest)
        outs = [builder.add(c, builder.mul(place, c_row)) for place in places]
        accumulate, bias = hide(builder, accumulate), hide(builder, bias)
        ends = self.totals(sums[pairs:])
        self.finish(self.joined(sums[:pairs], ends), outs, masks, accumulate, bias)

    def two(self, moving: list[Any], sums: list[Any]) -> tuple[list[Any], list[Any]]:
        """Add two terms."""
        builder = self.builder
        left, right = moving
        second = builder.add(right, self.b_row)
        both = self.zipped(self.row(right), self.row(second))
        pairs = [self.load(builder.add(left, offset), self.pair) for offset in self.offsets]
        following = [builder.add(left, WORD(2 * self.size)), builder.add(second, self.b_row)]
        return following, self.terms(pairs, both, sums)

    def terms(self, pairs: list[Any], right: list[Any], sums: list[Any]) -> list[Any]:
        """Return the sums with two terms more."""
        return [
            self.fused(self.spread_pair(pairs[i // WIDE]), right[i % WIDE], now)
            for i, now in enumerate(sums)
        ]

    def column(self, place: Any, count: Any) -> Any:
        """Return entries of a column of B as a vector; behind the first ``count`` zeros."""
        builder = self.builder
        made = ir.Constant(self.vector, ir.Undefined)
        last = None if count is None else builder.sub(count, WORD(1))
        for i in range(self.lanes):
            at = WORD(i) if last is None else self.least(WORD(i), last)
            entry = self.load(builder.add(place, builder.mul(at, self.b_row)), self.scalar)
            made = builder.insert_element(made, entry, SHORT(i))
        if count is None:
            return made
        return builder.select(self.mask(count), made, ir.Constant(self.vector, None))

    def products(self, rows: list[Any], factors: Any, sums: list[Any]) -> list[Any]:
        """Return the sums of the column with as many terms more as a vector has lanes."""
        return [self.fused(row, factors, now) for row, now in zip(rows, sums, strict=True)]

    def last(self, a: Any, b: Any, odd: Any, masks: list[Any], sums: list[Any]) -> list[Any]:
        """Add the last two terms, or the last one where their number is odd."""
        builder = self.builder
        there = [builder.select(odd, ir.Constant(mask.type, None), mask) for mask in masks]
        second = builder.add(b, self.b_row)
        both = self.zipped(self.part_of_row(b, masks), self.part_of_row(second, there))
        further = builder.select(odd, WORD(0), WORD(self.size))
        pairs = []
        for offset in self.offsets:
            start = builder.add(a, offset)
            x = self.load(start, self.scalar)
            y = self.load(builder.add(start, further), self.scalar)
            y = builder.select(odd, self.scalar(0.0), y)
            first = builder.insert_element(ir.Constant(self.pair, ir.Undefined), x, SHORT(0))
            pairs.append(builder.insert_element(first, y, SHORT(1)))
        return self.terms(pairs, both, sums)

    def joined(self, sums: list[Any], beside: list[Any]) -> list[Any]:
        """Return two vectors of columns for each row: the sums of even and of odd terms added."""
        made, half, lanes = [], self.half, self.lanes
        evens = [2 * i for i in range(half)] * 2

        def added(x: Any, y: Any, places: list[int]) -> Any:
            even = self.shuffle(x, y, places)
            return self.builder.fadd(even, self.shuffle(x, y, [place + 1 for place in places]))

        for r in range(len(sums) // WIDE):
            x, y, end = sums[WIDE * r : WIDE * r + WIDE]
            places = [*range(half), *[lanes + r % lanes] * half]
            ends = self.shuffle(added(end, end, evens), beside[r // lanes], places)
            made += [added(x, y, self.evens), ends]
        return made


class Rows(_Pairs):
    """Writes a tile that takes two rows of C in a vector."""

    def write(
        self, a: Any, a_step: Any, b: Any, b_row: Any, k: Any, skip: Any, c: Any, c_row: Any,
        columns: Any, accumulate: Any, bias: Any,
    ) -> None:  # fmt: skip
        builder = self.builder
        accumulate, bias, columns = (hide(builder, word) for word in (accumulate, bias, columns))
        beside = self.beside(columns)

        def step(moving: list[Any], sums: list[Any]) -> tuple[list[Any], list[Any]]:
            left, right = moving
            sums = self.products(left, self.row(right), builder.add(right, beside), sums)
            return [builder.add(left, a_step), builder.add(right, b_row)], sums

        sums = [ir.Constant(self.vector, None)] * (WIDE * self.half + 1)
        in_part = self.in_part(columns)
        (a, b), sums = self.repeat(builder.sub(k, in_part), [a, b], sums, step)
        masks = self.masks(columns)

        def last() -> list[Any]:
            row = self.part_of_row(b, masks)
            return self.products(a, row, builder.add(b, beside), sums)

        sums = self.where(in_part, sums, last)
        special = builder.or_(builder.or_(in_part, skip), builder.or_(accumulate, bias))
        plain = builder.icmp_signed("==", special, WORD(0))
        with builder.if_else(plain, likely=True) as (stored, finished):
            with stored:
                self.store_all(sums, c, c_row)
            with finished:
                # Hidden, for all this is worked out before the branch else, for nothing mostly.
                first, apart = hide(builder, skip), hide(builder, c_row)
                outs = []
                for r in range(self.lanes):
                    # Rows to skip are stored where the next one comes after them.
                    later = builder.icmp_signed(">", first, WORD(r))
                    place = builder.select(later, first, WORD(r))
                    outs.append(builder.add(c, builder.mul(place, apart)))
                self.finish(self.parted(sums), outs, masks, accumulate, bias)

    def products(self, a: Any, row: tuple[Any, Any], beside: Any, sums: list[Any]) -> list[Any]:
        """Return the sums with one term more: a column of A times a row of B."""
        right = self.zipped(row, row)
        made = []
        for r in range(self.half):
            place = self.builder.add(a, WORD(2 * r * self.size))
            pair = self.spread_pair(self.load(place, self.pair))
            own = sums[r * WIDE : r * WIDE + WIDE]
            made += [self.fused(pair, x, now) for x, now in zip(right, own, strict=True)]
        column = self.spread(self.load(beside, self.scalar))
        return [*made, self.fused(self.load(a), column, sums[-1])]

    def parted(self, sums: list[Any]) -> list[Any]:
        """Return two vectors of columns for each row of C."""
        made, lanes, half = [], self.lanes, self.half
        for r in range(lanes):
            x, y, end = sums[r // 2 * WIDE : r // 2 * WIDE + WIDE]
            made.append(self.shuffle(x, y, [place + r % 2 for place in self.evens]))
            ends = [2 * i + r % 2 for i in range(half)]
            made.append(self.shuffle(end, sums[-1], ends + [lanes + r] * half))
        return made

    def store_all(self, sums: list[Any], c: Any, c_row: Any) -> None:
        """Store a whole tile: of a row a vector, half a vector and a number."""
        builder, half = self.builder, self.half
        apart = [2 * i for i in range(half)] + [2 * i + 1 for i in range(half)]
        for r in range(self.lanes):
            x, y, end = sums[r // 2 * WIDE : r // 2 * WIDE + WIDE]
            at = builder.add(c, builder.mul(WORD(r), c_row))
            self.store(self.shuffle(x, y, [place + r % 2 for place in self.evens]), at)
            ends = self.shuffle(end, end, apart)
            start = r % 2 * half
            parts = [
                self.shuffle(ends, ends, list(range(start, start + half))),
                builder.extract_element(sums[-1], SHORT(r)),
            ]
            for part, column in zip(parts, (self.lanes, self.lanes + half), strict=True):
                place = builder.add(at, WORD(column * self.size))
                builder.store(part, self.pointer(place, part.type), align=self.size)
