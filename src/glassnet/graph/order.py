"""The order in which a graph can be computed."""

from __future__ import annotations

from collections.abc import Iterable

from glassnet.graph.tensor import Tensor


def topological(outputs: Iterable[Tensor]) -> list[Tensor]:
    """Return every node that ``outputs`` need, inputs before users.

    Why an order at all: a node that is used twice collects its derivative from both users, so it
    must wait until both are done; walking from the output along each path would visit it once a
    path, and the number of paths doubles with every reuse.

    The walk keeps its own stack: a chain of 50,000 nodes is deeper than Python's call stack.
    """
    order: list[Tensor] = []
    seen: set[int] = set()
    stack: list[tuple[Tensor, bool]] = [(o, False) for o in reversed(list(outputs))]
    while stack:
        node, inputs_done = stack.pop()
        if inputs_done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((i, False) for i in reversed(node.inputs) if id(i) not in seen)
    return order
