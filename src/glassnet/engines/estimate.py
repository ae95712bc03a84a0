"""What a run costs, told from the graph: work is counted, nothing is timed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from glassnet.graph.dimension import bind
from glassnet.graph.tensor import Tensor

CALL_SECONDS = 7e-7
"""What a call of NumPy costs, about, on a core of a Zen 4 server."""
ENTRY_SECONDS = 1.5e-10
"""What an entry of an addition of float32 costs."""
OPERATION_SECONDS = 1e-11
"""What a floating-point operation of a product of float32 costs: BLAS on two cores."""


def numpy_seconds(nodes: Iterable[Tensor], sizes: Mapping[str, int]) -> float:
    """Return about how long the NumPy engine takes for nodes with these sizes.

    Ops count what they do (`Op.work`, with constants measured once); the sum rather tells too
    little than too much.
    """
    total = 0.0
    for node in nodes:
        if node.op is None:
            continue
        shapes = [tuple(bind(n, sizes) for n in t.shape) for t in (node, *node.inputs)]
        work = node.op.work(*shapes)
        wide = max(1.0, node.dtype.itemsize / 4)
        seconds = ENTRY_SECONDS * work.entries + OPERATION_SECONDS * work.operations
        total += CALL_SECONDS * node.op.calls + wide * seconds
    return total
