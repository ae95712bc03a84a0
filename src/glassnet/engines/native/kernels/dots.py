"""The inner kernel of products with a column or two: sums whose terms run along the vectors.

Nothing of a vector is left unused, however few the columns of C are. Of each row of A and the
column of B that are multiplied, the entries lie side by side. Each lane sums its terms in order;
then neighbours are added, sums of neighbours, and so on.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from glassnet.engines.native.kernels.micro import Loops, written
from glassnet.engines.native.kernels.vectors import SHORT, WORD, hide, lanes_of


def height(size: int) -> int:
    """Return the rows of a tile, for numbers of ``size`` bytes."""
    return min(8, lanes_of(size))


def by_dots(size: int) -> Any:
    """Return ``multiply(a, a_row, b, k, rows, c, c_row, accumulate, bias)``, for a column of B."""
    return written(9, lambda builder, *given: _Dots(builder, size).write(*given))


class _Dots(Loops):
    """Writes a tile of some rows of A and one column of B."""

    def write(
        self, a: Any, a_row: Any, b: Any, k: Any, rows: Any, c: Any, c_row: Any,
        accumulate: Any, bias: Any,
    ) -> None:  # fmt: skip
        builder, count = self.builder, height(self.size)
        places = self.rows_there(count, rows)
        offsets = [builder.mul(place, a_row) for place in places]
        pitch, whole = WORD(self.lanes * self.size), builder.sdiv(k, WORD(self.lanes))

        def step(moving: list[Any], sums: list[Any]) -> tuple[list[Any], list[Any]]:
            left, right = moving
            factor = self.load(right)
            made = [
                self.fused(self.load(builder.add(left, offset)), factor, now)
                for offset, now in zip(offsets, sums, strict=True)
            ]
            return [builder.add(left, pitch), builder.add(right, pitch)], made

        sums = [ir.Constant(self.vector, None)] * count
        (a, b), sums = self.repeat(whole, [a, b], sums, step)
        left = hide(builder, builder.srem(k, WORD(self.lanes)))

        def with_rest() -> list[Any]:
            mask = self.mask(left)
            factor = self.load_some(b, mask)
            rest = [self.load_some(builder.add(a, offset), mask) for offset in offsets]
            return [self.fused(x, factor, now) for x, now in zip(rest, sums, strict=True)]

        (total,) = self.totals(self.where(left, sums, with_rest))
        outs = [builder.add(c, builder.mul(place, c_row)) for place in places]
        self.store_totals(total, outs, hide(builder, accumulate), hide(builder, bias))

    def store_totals(self, total: Any, outs: list[Any], accumulate: Any, bias: Any) -> None:
        """Add the bias, add what C holds, store."""
        builder = self.builder

        def with_bias() -> list[Any]:
            return [builder.fadd(total, self.spread(self.load(bias, self.scalar)))]

        (biased,) = self.where(bias, [total], with_bias)

        def with_old() -> list[Any]:
            old = ir.Constant(self.vector, None)
            for i, place in enumerate(outs):
                old = builder.insert_element(old, self.load(place, self.scalar), SHORT(i))
            return [builder.fadd(old, biased)]

        (final,) = self.where(accumulate, [biased], with_old)
        for i, place in enumerate(outs):
            value = builder.extract_element(final, SHORT(i))
            builder.store(value, self.pointer(place, self.scalar), align=self.size)
