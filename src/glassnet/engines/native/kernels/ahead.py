"""Rows of the next batch, asked for while this one is computed.

The rows of a shuffled batch lie where the processor can't foresee them, and the memory is idle
while products are computed. So the gather of a batch notes which rows come next, and the products
after it ask for a few lines of them with every tile. Nothing waits for the answer.

Words of the note: ``[lines left, next line, lines left of its row, → next row number, table, bytes
of a row]``.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from glassnet.engines.native.kernels.primitives import words

LINE = 64
"""Bytes that memory gives at a time."""


@intrinsic
def _ask_for(typingctx: Any, address: Any) -> Any:
    """Ask for the line at an address, which need not be anybody's, into the second cache."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
        ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        place = builder.inttoptr(arguments[0], pointer)
        builder.call(ask, [place, number(0), number(2), number(1)])
        return context.get_dummy_value()

    return types.void(types.int64), generate


ask_for: Any = _ask_for


@njit
def note_next(note: int, table: int, numbers: int, rows: int, nbytes: int) -> None:
    """Note the rows of a table, by their numbers, that will be wanted next."""
    q = words(note)
    q[0] = rows * ((nbytes + LINE - 1) // LINE)
    q[2] = 0
    q[3], q[4], q[5] = numbers, table, nbytes


@njit
def look_ahead(note: int, count: int) -> None:
    """Ask for up to ``count`` more lines of what was noted; nothing where there is no note."""
    if note == 0:
        return
    q = words(note)
    count = min(count, q[0])
    q[0] -= count
    line, left = q[1], q[2]
    while count > 0:
        if left == 0:
            line = q[4] + words(q[3])[0] * q[5]
            left = (q[5] + LINE - 1) // LINE
            q[3] += 8
        ask_for(line)
        line += LINE
        left -= 1
        count -= 1
    q[1], q[2] = line, left
