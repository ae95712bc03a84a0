"""A graph with its sizes bound: equal nodes merged, what is constant computed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.graph.dimension import Dim, Size, bind, symbols
from glassnet.graph.op import Op
from glassnet.graph.order import topological
from glassnet.graph.tensor import Constant, Tensor
from glassnet.graph.variable import Variable

FOLDED = 4096
"""Entries up to which a constant expression is computed when the plan is made."""


@dataclass(eq=False)
class Node:
    """A node of the bound graph."""

    place: int
    tensor: Tensor
    op: Op | None
    """With the sizes bound; None for a leaf."""
    sources: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: np.dtype
    constant: np.ndarray | None = None
    batch: int | None = None
    """The axis whose size is the batch's, where the symbolic shape has exactly one such."""


class Bound:
    """The nodes of a graph for one set of sizes, in an order of computation."""

    def __init__(
        self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], sizes: Mapping[str, int]
    ) -> None:
        self.nodes: list[Node] = []
        self.sizes = dict(sizes)
        place: dict[int, int] = {}
        known: dict[tuple[Any, ...], int] = {}
        for tensor in topological(outputs):
            sources = tuple(place[id(i)] for i in tensor.inputs)
            op = None if tensor.op is None else tensor.op.bind(sizes)
            key = _key(tensor, op, sources)
            if key in known:
                place[id(tensor)] = known[key]
                continue
            node = self._node(tensor, op, sources)
            known[key] = place[id(tensor)] = node.place
            self.nodes.append(node)
        self.inputs = [place.get(id(i)) for i in inputs]
        self.outputs = [place[id(o)] for o in outputs]
        self.variables = [
            (node.place, node.tensor) for node in self.nodes if isinstance(node.tensor, Variable)
        ]

    def _node(self, tensor: Tensor, op: Op | None, sources: tuple[int, ...]) -> Node:
        shape = tuple(bind(size, self.sizes) for size in tensor.shape)
        node = Node(len(self.nodes), tensor, op, sources, shape, tensor.dtype)
        node.batch = batch_axis(tensor.shape)
        if isinstance(tensor, Constant):
            node.constant = tensor.value
        elif op is not None and node.batch is None:
            given = [self.nodes[s].constant for s in sources]
            if all(array is not None for array in given) and _small(shape):
                with np.errstate(all="ignore"):
                    node.constant = np.array(op.value(np, *given), dtype=tensor.dtype)
        return node


def _key(tensor: Tensor, op: Op | None, sources: tuple[int, ...]) -> tuple[Any, ...]:
    """What makes two nodes the same one: op and inputs; dtype and bytes of a constant number."""
    if op is not None:
        return (op, sources)
    if isinstance(tensor, Constant) and tensor.value.size == 1:
        return (tensor.dtype.str, tensor.value.shape, tensor.value.tobytes())
    return (id(tensor),)


def _small(shape: tuple[int, ...]) -> bool:
    return int(np.prod(shape, dtype=np.int64)) <= FOLDED


def batch_axis(shape: Sequence[Size]) -> int | None:
    """Return the axis whose size is a batch's own, or None where there is none or several."""
    named = [i for i, size in enumerate(shape) if isinstance(size, Dim) and symbols(size)]
    if len(named) != 1:
        return None
    size = shape[named[0]]
    (name,) = symbols(size)
    return named[0] if size == Dim.named(name) else None
