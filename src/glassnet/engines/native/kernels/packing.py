"""Squares of a matrix turned about its diagonal in registers, on their way into a packed panel."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from glassnet.engines.native.kernels.vectors import WORD, Vectors


def transposer(size: int) -> Any:
    """Return ``turn(source, row, rows, entries, to, pitch)`` for numbers of ``size`` bytes.

    A square is as many rows and columns as a vector has lanes. Of its rows, ``row`` bytes apart,
    the first ``rows`` exist, and of each the first ``entries``. Its columns are stored as rows,
    ``pitch`` bytes apart: all of a square, whatever lies in the part that does not exist.
    """

    @intrinsic
    def turn(
        typingctx: Any, source: Any, row: Any, rows: Any, entries: Any, to: Any, pitch: Any
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            _turn(Vectors(builder, size), *given)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 6), generate

    return turn


def _turn(v: Vectors, source: Any, row: Any, rows: Any, entries: Any, to: Any, pitch: Any) -> None:
    builder, lanes = v.builder, v.lanes
    last = builder.sub(rows, WORD(1))
    places = [builder.add(source, builder.mul(v.least(WORD(i), last), row)) for i in range(lanes)]
    whole = builder.icmp_signed(">=", entries, WORD(lanes))
    with builder.if_else(whole, likely=True) as (full, part):
        with full:
            every = [v.load(place) for place in places]
            after_full = builder.block
        with part:
            mask = v.mask(entries)
            some = [v.load_some(place, mask) for place in places]
            after_part = builder.block
    square = []
    for one, other in zip(every, some, strict=True):
        phi = builder.phi(v.vector)
        phi.add_incoming(one, after_full)
        phi.add_incoming(other, after_part)
        square.append(phi)
    for i, column in enumerate(transposed(v, square)):
        v.store(column, builder.add(to, builder.mul(pitch, WORD(i))))


def transposed(v: Vectors, square: list[Any]) -> list[Any]:
    """Return the columns of a square of vectors: blocks swapped, of half the size every time."""
    half, lanes = v.lanes // 2, v.lanes
    while half:
        upper = [i if not i & half else lanes + i - half for i in range(lanes)]
        lower = [i + half if not i & half else lanes + i for i in range(lanes)]
        for i in range(lanes):
            if not i & half:
                x, y = square[i], square[i + half]
                square[i], square[i + half] = v.shuffle(x, y, upper), v.shuffle(x, y, lower)
        half //= 2
    return square
