"""Which instructions ask for the rows of the next batch while they compute this one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glassnet.engines.native.lowering.base import Instruction, Parallel
from glassnet.engines.native.memory import ALIGNMENT, new_value, rounded

WORTH_BYTES = 16 << 10
"""Bytes of a batch, or of a lane's share, from which on it pays to ask for the next."""
TILES = {"products.block": (8, 32, 2), "products.paired_rows": (16, 25, 1)}
"""The kernels that ask, with the rows and columns of a tile, about, and the terms for each line."""


def look_ahead(instructions: Sequence[Instruction], batch: int, role: str = "value") -> None:
    """Let products ask for the rows of a table that the gather before them picks next.

    Args:
        instructions: those of a step.
        batch: how many rows the step picks, in all lanes together.
        role: of what lives between the instructions. A note of a lane is its thread's own, also
            where the rows that are picked are for all stages.
    """
    for instruction in instructions:
        if isinstance(instruction, Parallel) and instruction.slices == 1:
            look_ahead(instruction.body, batch, "slice")
    gathers = [i for i in instructions if i.kernel.startswith("executor.gather:")]
    gather = max(gathers, key=lambda i: i.writes[0].nbytes, default=None)
    if gather is None or gather.writes[0].nbytes < WORTH_BYTES:
        return
    note = new_value((8,), np.dtype(np.int64), role)
    lines = rounded(gather.writes[0].nbytes) // ALIGNMENT
    # Behind the last ones there is little that could drive the rows out of the cache again.
    for product in reversed(instructions[instructions.index(gather) + 1 :]):
        asked = _lines(product)
        if lines > 0 and asked:
            product.words = (*product.words[:-1], note)
            product.scratch += (note,)
            # Here, so that a note that nobody reads is not made.
            gather.words = (*gather.words[:-2], note, batch)
            gather.scratch = (note,)
            lines -= asked


def _lines(product: Instruction) -> int:
    """Return for about how many lines a product asks."""
    tile = TILES.get(product.kernel.partition(":")[0])
    if tile is None:
        return 0
    rows, columns, terms = tile
    m, k, n = (int(word) for word in product.words[3:6] if isinstance(word, int))
    return -(-m // rows) * -(-n // columns) * min(k, 64) // terms
