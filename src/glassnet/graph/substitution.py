"""Recording a graph again with other leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from glassnet.graph.dimension import Dim, Size, symbols
from glassnet.graph.order import topological
from glassnet.graph.recording import in_scope_of, record
from glassnet.graph.tensor import Tensor


def substitute_tensors(
    outputs: Sequence[Tensor], replacements: Mapping[Tensor, Tensor]
) -> list[Tensor]:
    """Return ``outputs`` recorded anew with some tensors replaced by others.

    The named sizes of a replaced tensor's shape become the sizes of what stands in its place.
    """
    sizes = matching_sizes(replacements)
    found: dict[int, Tensor] = {id(old): new for old, new in replacements.items()}
    for node in topological(outputs):
        if id(node) not in found:
            found[id(node)] = again(node, [found[id(i)] for i in node.inputs], sizes)
    return [found[id(output)] for output in outputs]


def again(node: Tensor, inputs: Sequence[Tensor], sizes: Mapping[str, Size]) -> Tensor:
    """Return the node's op applied to other inputs; the node itself where nothing changes."""
    if node.op is None:
        return node
    unchanged = all(new is old for new, old in zip(inputs, node.inputs, strict=True))
    op = node.op.bind({**{s: Dim.named(s) for s in node.op.symbols()}, **sizes})
    if unchanged and op == node.op:
        return node
    with in_scope_of(node):
        return record(op, *inputs)


def matching_sizes(replacements: Mapping[Tensor, Tensor]) -> dict[str, Size]:
    """Return what each named size of the old tensors is in the new ones."""
    sizes: dict[str, Size] = {}
    for old, new in replacements.items():
        for before, after in zip(old.shape, new.shape, strict=True):
            if isinstance(before, Dim):
                (name, *more) = symbols(before)
                if not more and before == Dim.named(name):
                    sizes[name] = after
    return sizes
