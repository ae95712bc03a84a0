"""Functions of tensors, given in code, written out in a framework: what they compute is recorded.

A function that a layer holds is called once on symbolic tensors; the graph that comes out is the
function, whatever its code looks like.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from glassnet.explain.code.expressions import Dialect, Text
from glassnet.explain.code.literals import NotSayable
from glassnet.explain.code.modules import broken, with_sizes
from glassnet.graph.recording import as_tensor, recording
from glassnet.graph.tensor import Placeholder, Tensor
from glassnet.layers.base import Layer
from glassnet.layers.calling import symbolic_shape


def function_source(
    name: str, layer: Layer, function: Callable[..., Any], dialect: Dialect
) -> list[str]:
    """Return the lines of a function of a layer: its activation, or that of a Lambda.

    Raises:
        NotSayable: where it can't be recorded, takes several inputs, or uses what has no word.
    """
    call = layer._calls[0] if layer._calls else None
    given = None if call is None else call.args[0]
    if not isinstance(given, Tensor):
        raise NotSayable("it takes more than one tensor")
    shape = given.shape
    if function is not getattr(layer, "function", None) and layer.output_sizes is not None:
        shape = symbolic_shape(layer.output_sizes)
    x = Placeholder(shape, np.dtype(layer.dtype), name="x")
    arguments = getattr(layer, "arguments", {})
    try:
        with recording():
            y = function(x, **arguments)
    except Exception as error:
        raise NotSayable(f"it does not compute on a symbolic tensor ({error})") from error
    if not isinstance(y, Tensor):
        y = as_tensor(y)
    return traced(name, [x], ["x"], y, dialect)


def traced(
    name: str, inputs: list[Placeholder], names: list[str], output: Tensor, dialect: Dialect
) -> list[str]:
    """Return the lines of a function that computes a graph."""
    told = with_sizes(dialect, zip(inputs, names, strict=True))
    leaves: dict[Tensor, Text] = {t: Text(n) for t, n in zip(inputs, names, strict=True)}
    lines, text = told.graph(output, leaves)
    body = [part for line in [*lines, f"return {text.text}"] for part in broken(f"    {line}")]
    return [f"def {name}({', '.join(names)}):", *body]
