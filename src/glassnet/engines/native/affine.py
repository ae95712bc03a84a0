"""A product and the bias that is added to it, as one op of the plan: X W + b.

The row b is where the sums of the product begin, so adding it costs nothing. No graph holds this
op: the planner puts it in the place of a sum whose product nobody else reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from glassnet.engines.native.bound import Bound, Node
from glassnet.engines.native.lowering.base import Builder, lowers, slices
from glassnet.engines.native.lowering.elementwise import FLOATS, code
from glassnet.engines.native.lowering.linear import product
from glassnet.engines.native.memory import Value
from glassnet.graph.dimension import Shape
from glassnet.graph.op import Op
from glassnet.graph.tensor import Tensor
from glassnet.ops.elementwise import Add
from glassnet.ops.linear import MatMul


@dataclass(frozen=True)
class Affine(Op):
    """``X W + b`` of matrices X, W and a row b."""

    def infer(self, *inputs: Tensor) -> tuple[Shape, np.dtype]:
        x, w, _ = inputs
        return (x.shape[0], w.shape[1]), x.dtype

    def value(self, xp: Any, *arrays: Any) -> Any:
        x, w, b = arrays
        return xp.matmul(x, w) + b


Affine.name = "matmul + add"  # set here, not in the class: it is no op of graphs to be registered


@lowers(Affine)
def affine(builder: Builder, op: Affine, out: Value, x: Value, w: Value, b: Value) -> bool:
    """The product's kernels take the row."""
    return product(builder, out, x, w, builder.contiguous(b))


@slices(Affine)
def sliced(
    op: Affine, shape: Shape, shapes: Sequence[Shape], axes: Sequence[int | None]
) -> int | None:
    """Rows of X give rows of the value."""
    return 0 if tuple(axes) == (0, None, None) else None


def fold_biases(bound: Bound) -> None:
    """Put `Affine` in the place of sums of a product and a row that is there from the start."""
    read = Counter(s for node in bound.nodes for s in node.sources)
    read.update(bound.outputs)
    for node in bound.nodes:
        found = _parts(node, bound.nodes, read) if isinstance(node.op, Add) else None
        if found is not None:
            bound.nodes[node.place] = replace(node, op=Affine(), sources=found)


def _parts(node: Node, nodes: Sequence[Node], read: Counter[int]) -> tuple[int, int, int] | None:
    """The places of X, W and b, where the node is such a sum."""
    for place, row in (node.sources, node.sources[::-1]):
        made, bias = nodes[place], nodes[row]
        if not isinstance(made.op, MatMul) or made.constant is not None or read[place] != 1:
            continue
        flat = len(made.shape) == 2 and made.shape == node.shape
        there = bias.op is None and bias.batch is None and bias.shape == made.shape[1:]
        known = code(made.dtype) in FLOATS and node.dtype == made.dtype == bias.dtype
        if flat and there and known and len(nodes[made.sources[0]].shape) == 2:
            return (*made.sources, row)  # type: ignore[return-value]
    return None
