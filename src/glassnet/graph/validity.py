"""The specification of a legal graph, and its check.

A graph, given by its outputs, is legal when:

1. every node is a `Tensor`; a node without an op is a `Constant`, a `Variable` or a `Placeholder`,
   and only the first two hold an array;
2. every op is registered under its name, and its parameters are immutable (it can be hashed);
3. the node's shape and dtype are what the op infers from its inputs;
4. a shape is a tuple of numbers of at least 0 and of named sizes; every named size that occurs
   in a shape or a parameter occurs in the shape of an input;
5. dtypes are floats, integers or truth values;
6. there is no cycle: a node is made after its inputs, and nothing changes it.

The tests run with ``GLASSNET_CHECK_GRAPHS=1``, so every graph that the library runs is checked.
"""

from __future__ import annotations

from collections.abc import Sequence

from glassnet.graph.dimension import Dim, display, symbols
from glassnet.graph.op import OPS
from glassnet.graph.order import topological
from glassnet.graph.tensor import Constant, Placeholder, Tensor
from glassnet.graph.variable import Variable


class IllegalGraph(AssertionError):
    """A graph breaks the specification: a fault of glassnet or of an op, never of the data."""


def check_graph(outputs: Sequence[Tensor], inputs: Sequence[Tensor] = ()) -> None:
    """Hold the graph from ``inputs`` to ``outputs`` against the specification.

    Raises:
        IllegalGraph: naming the node and the rule it breaks.
    """
    order = topological(outputs)
    position = {id(node): i for i, node in enumerate(order)}
    available: set[str] = set()
    for node in (*order, *inputs):
        if isinstance(node, Placeholder):
            available |= symbols(node.shape)
    for i, node in enumerate(order):
        if not isinstance(node, Tensor):
            raise IllegalGraph(f"rule 1: {node!r} is no tensor")
        _check_sizes(node, available)
        if node.dtype.kind not in "fiub":
            raise IllegalGraph(f"rule 5: {node!r} has dtype {node.dtype}")
        if node.op is None:
            _check_leaf(node)
        else:
            _check_op(node)
        if any(position[id(source)] >= i for source in node.inputs):
            raise IllegalGraph(f"rule 6: {node!r} depends on itself")


def _check_leaf(node: Tensor) -> None:
    if not isinstance(node, (Constant, Variable, Placeholder)):
        raise IllegalGraph(f"rule 1: {node!r} has no op and is no kind of leaf")
    if node.inputs:
        raise IllegalGraph(f"rule 1: the leaf {node!r} has inputs")
    if isinstance(node, (Constant, Variable)):
        held = node.value
        if held.shape != node.shape or held.dtype != node.dtype:
            raise IllegalGraph(
                f"rule 1: {node!r} holds an array of {held.dtype} {display(held.shape)}"
            )


def _check_op(node: Tensor) -> None:
    op = node.op
    assert op is not None
    if OPS.get(op.name) is not type(op):
        raise IllegalGraph(f"rule 2: {node!r}: no op is registered under {op.name!r}")
    try:
        hash(op)
    except TypeError as error:
        raise IllegalGraph(f"rule 2: {node!r}: a parameter of {op} can change: {error}") from None
    shape, dtype = op.infer(*node.inputs)
    if tuple(shape) != node.shape or dtype != node.dtype:
        raise IllegalGraph(f"rule 3: {node!r} should be {dtype} {display(shape)}, as {op} infers")


def _check_sizes(node: Tensor, available: set[str]) -> None:
    for size in node.shape:
        if not isinstance(size, (int, Dim)) or (isinstance(size, int) and size < 0):
            raise IllegalGraph(f"rule 4: {node!r} has a size {size!r}")
    mentioned = symbols(node.shape) | (node.op.symbols() if node.op is not None else set())
    if mentioned - available:
        raise IllegalGraph(
            f"rule 4: {node!r}: no input carries {', '.join(sorted(mentioned - available))}"
        )
