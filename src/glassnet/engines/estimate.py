"""What a run costs, told from the graph: operations and calls are counted, nothing is timed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod, sqrt

from glassnet.graph.dimension import bind
from glassnet.graph.tensor import Tensor

CALL_SECONDS = 1e-6
"""What a call of NumPy costs, about."""
ENTRY_SECONDS = 5e-10
"""What an entry of an array costs that an op reads or writes."""
OPERATION_SECONDS = 5e-11
"""What a floating-point operation of a product costs."""


def numpy_seconds(nodes: Iterable[Tensor], sizes: Mapping[str, int]) -> float:
    """Return about how long the NumPy engine takes for nodes with these sizes.

    A product of (m, k) and (k, n) has 2 mkn operations: twice the root of the product of the three
    numbers of entries. The same formula tells less than it is for convolutions, never more.
    """
    total = 0.0
    for node in nodes:
        if node.op is None:
            continue
        entries = [prod(bind(n, sizes) for n in t.shape) for t in (*node.inputs, node)]
        total += CALL_SECONDS + ENTRY_SECONDS * sum(entries)
        if not node.op.elementwise and len(node.inputs) == 2:
            total += OPERATION_SECONDS * 2 * sqrt(prod(entries))
    return total
