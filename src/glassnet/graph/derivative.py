"""Derivatives as graph: reverse accumulation over nodes, in ops, so that it can be repeated.

For y = f(x₁, …) the rule of an op turns the derivative g = ∂L/∂y into ∂L/∂xᵢ, written in ops.
Walking the nodes from the outputs backwards and adding up what each node receives from its users
gives the derivative by every node: backpropagation for any depth and any op.

Source: A. Griewank and A. Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008, chapter 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glassnet.graph.dimension import display
from glassnet.graph.dtypes import is_float
from glassnet.graph.order import topological
from glassnet.graph.recording import as_tensor, in_scope_of
from glassnet.graph.tensor import Tensor, apply


def gradients(
    outputs: Sequence[Tensor],
    wrt: Sequence[Tensor],
    seeds: Sequence[Tensor] | None = None,
) -> list[Tensor]:
    """Return Σₖ ∂⟨seedₖ, outputₖ⟩ / ∂w for every ``w`` of ``wrt``, as graph.

    Args:
        outputs: the tensors to differentiate.
        wrt: the tensors to differentiate by; leaves or inner nodes.
        seeds: the weight of every entry of the outputs; ones by default, which asks for scalars.

    Raises:
        ValueError: where an output is no scalar and no seed was given.
    """
    outputs, wrt = list(outputs), list(wrt)
    if seeds is None:
        for output in outputs:
            if output.shape != ():
                raise ValueError(
                    "The derivative of a scalar was asked for, but the function gives shape "
                    f"{display(output.shape)}. Reduce it (np.sum, np.mean), or ask for jacobian()."
                )
        seeds = [as_tensor(1.0, o.dtype) for o in outputs]
    order = topological(outputs)
    needed = _depending_on(order, wrt)
    received: dict[int, Tensor] = {}
    for output, seed in zip(outputs, seeds, strict=True):
        if id(output) in needed:
            _receive(received, output, seed)
    for node in reversed(order):
        g = received.get(id(node))
        if g is None or node.op is None or not node.op.differentiable:
            continue
        if not any(id(i) in needed for i in node.inputs):
            continue
        with in_scope_of(node):
            parts = node.op.vjp(g, node, *node.inputs)
            for source, part in zip(node.inputs, parts, strict=True):
                if part is not None and id(source) in needed and is_float(source.dtype):
                    _receive(received, source, part)
    return [received[id(w)] if id(w) in received else apply(np.zeros_like, w) for w in wrt]


def _depending_on(order: Sequence[Tensor], wrt: Sequence[Tensor]) -> set[int]:
    """The nodes on a path from ``wrt``: only these need a derivative."""
    needed = {id(w) for w in wrt}
    for node in order:
        if any(id(i) in needed for i in node.inputs):
            needed.add(id(node))
    return needed


def _receive(received: dict[int, Tensor], node: Tensor, part: Tensor) -> None:
    if part.shape != node.shape or part.dtype != node.dtype:
        raise AssertionError(
            f"The derivative rule of a user of {node!r} gave {part!r}: a derivative by a tensor "
            "has that tensor's shape and dtype. The rule is wrong."
        )
    earlier = received.get(id(node))
    received[id(node)] = part if earlier is None else earlier + part
