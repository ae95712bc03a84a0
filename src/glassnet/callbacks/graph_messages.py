"""A recorded graph as TensorBoard's GraphDef: a node an op, grouped by layers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from glassnet.callbacks.events import message
from glassnet.graph.dimension import display
from glassnet.graph.order import topological
from glassnet.graph.tensor import Placeholder, Tensor
from glassnet.graph.variable import Variable

_TYPES = {
    "float16": "DT_HALF",
    "float32": "DT_FLOAT",
    "float64": "DT_DOUBLE",
    "int8": "DT_INT8",
    "int16": "DT_INT16",
    "int32": "DT_INT32",
    "int64": "DT_INT64",
    "uint8": "DT_UINT8",
    "uint16": "DT_UINT16",
    "uint32": "DT_UINT32",
    "uint64": "DT_UINT64",
    "bool": "DT_BOOL",
}


def graph_message(outputs: Sequence[Tensor]) -> Any:
    """Return the GraphDef of all that the outputs depend on.

    Each tensor is a node under the path of the layer that recorded it, with its op, its inputs,
    its dtype, its shape (-1 for a size that only a run knows) and the op's own parameters. A
    constant stands beside the op that first takes it.
    """
    order = topological(list(outputs))
    names = _names(order)
    graph = message("graph").GraphDef(versions=message("versions").VersionDef(producer=22))
    for tensor in order:
        node = graph.node.add(name=names[id(tensor)], op=_kind(tensor))
        node.input.extend(names[id(source)] for source in tensor.inputs)
        _describe(node, tensor)
    return graph


def _names(order: Sequence[Tensor]) -> dict[int, str]:
    """A name for each node: no two alike, and none that is a folder of another's."""
    takers: dict[int, Tensor] = {}
    for tensor in order:
        for source in tensor.inputs:
            takers.setdefault(id(source), tensor)
    wanted = [_legal(_wanted(tensor, takers.get(id(tensor)))) for tensor in order]
    folders = {name[:i] for name in wanted for i, c in enumerate(name) if c == "/"}
    used: Counter[str] = Counter()
    taken: set[str] = set()
    names: dict[int, str] = {}
    for tensor, name in zip(order, wanted, strict=True):
        found = name
        while found in taken or found in folders:
            used[name] += 1
            found = f"{name}_{used[name]}"
        taken.add(found)
        names[id(tensor)] = found
    return names


def _wanted(tensor: Tensor, taker: Tensor | None) -> str:
    if isinstance(tensor, Variable):
        return tensor.path or tensor.name or "variable"
    if isinstance(tensor, Placeholder):
        return tensor.name or "input"
    scope, name = tensor.scope, tensor.op.name if tensor.op is not None else "constant"
    if not scope and tensor.op is None and taker is not None:
        scope = taker.scope
    return f"{scope}/{name}" if scope else name


def _legal(name: str) -> str:
    """A name of the characters that TensorBoard takes."""
    found = re.sub(r"[^A-Za-z0-9_./-]", "_", name).strip("/")
    return found if re.match(r"[A-Za-z0-9.]", found) else f"n{found}"


def _kind(tensor: Tensor) -> str:
    if tensor.op is not None:
        return tensor.op.name
    # These three names have a look of their own in TensorBoard.
    if isinstance(tensor, Variable):
        return "VariableV2"
    return "Placeholder" if isinstance(tensor, Placeholder) else "Const"


def _describe(node: Any, tensor: Tensor) -> None:
    kind = _TYPES.get(tensor.dtype.name)
    if kind is not None:
        node.attr["dtype"].type = message("types").DataType.Value(kind)
    shape = node.attr["_output_shapes"].list.shape.add()
    for size in tensor.shape:
        shape.dim.add(size=size if isinstance(size, int) else -1)
    node.attr["shape"].s = display(tensor.shape).encode()
    if tensor.op is not None and is_dataclass(tensor.op):
        for field in fields(tensor.op):
            if field.name in node.attr:  # dtype and shape of the result
                continue
            node.attr[field.name].s = str(getattr(tensor.op, field.name)).encode()
