"""A recorded graph, recorded once more in float64."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from glassnet.explain.evaluation import as_written, wide, wide_op
from glassnet.graph.dtypes import is_float
from glassnet.graph.order import topological
from glassnet.graph.recording import as_tensor, in_scope_of, record
from glassnet.graph.tensor import Constant, Placeholder, Tensor
from glassnet.graph.variable import Variable


def in_float64(outputs: Sequence[Tensor], leaves: Mapping[Tensor, Tensor]) -> list[Tensor]:
    """Return tensors recorded anew, every float in float64.

    Weights that are no leaves keep their values, exactly. A constant counts as what was written:
    the float32 nearest to 0.1 as 0.1. Random draws are those of a run: they are made in the
    float type of the model, then widened.

    Args:
        outputs: the tensors.
        leaves: placeholders and variables, with what stands for each: a tensor of float64 where
            the leaf is a float.
    """
    found: dict[int, Tensor] = {id(old): new for old, new in leaves.items()}
    for node in topological(list(outputs)):
        if id(node) not in found:
            found[id(node)] = _widened(node, [found[id(i)] for i in node.inputs])
    return [found[id(output)] for output in outputs]


def wide_placeholder(leaf: Tensor) -> Placeholder:
    """Return a placeholder like a leaf, in float64 where the leaf is a float."""
    dtype = np.dtype(np.float64) if is_float(leaf.dtype) else leaf.dtype
    return Placeholder(leaf.shape, dtype, name=leaf.name)


def _widened(node: Tensor, inputs: list[Tensor]) -> Tensor:
    if isinstance(node, Variable):
        return as_tensor(wide(node.value))
    if isinstance(node, Constant):
        return as_tensor(as_written(node.value))
    if node.op is None:
        return node
    with in_scope_of(node):
        made = record(wide_op(node), *inputs)
        return made.astype("float64") if is_float(made.dtype) else made
