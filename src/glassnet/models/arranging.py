"""What a functional model is called on, brought into the order and shapes of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glassnet.graph.dimension import display
from glassnet.graph.tensor import Tensor
from glassnet.models.network import Network
from glassnet.nest import flatten
from glassnet.notation import inputs_in_notation

TURNED = " This looks like features by examples: pass x.T."


def is_turned(built_on: Any, x: Any) -> bool:
    """Tell whether x lies the other way round than what a model was built on."""
    shape: tuple[Any, ...] = getattr(built_on, "shape", ())
    given: tuple[Any, ...] = getattr(x, "shape", ())
    return len(shape) == len(given) == 2 and given[0] == shape[1] != given[1]


def arranged(inputs: Any, network: Network, name: str) -> list[Tensor]:
    """Return the given tensors in the order of the inputs of the model ``name``.

    Raises:
        ValueError: where inputs are missing, too many, or of other shapes.
    """
    expected = network.flat_inputs
    if isinstance(inputs, Mapping):
        keys = (
            list(network.inputs)
            if isinstance(network.inputs, Mapping)
            else [str(t.name) for t in expected]
        )
        missing = [k for k in keys if k not in inputs]
        if missing:
            raise ValueError(
                f"Model {name!r} has the inputs {keys}; {missing} are missing from {list(inputs)}."
            )
        given = [inputs[k] for k in keys]
    else:
        given = flatten(inputs)
    if len(given) != len(expected):
        raise ValueError(
            f"Model {name!r} takes {len(expected)} inputs "
            f"({', '.join(str(t.name) for t in expected)}); got {len(given)}."
        )
    for tensor, entry in zip(given, expected, strict=True):
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"Model {name!r}, input {entry.name!r}: expected an array; got a "
                f"{type(tensor).__name__}."
            )
    return [_fitted(g, e, name) for g, e in zip(given, expected, strict=True)]


def _fitted(tensor: Tensor, expected: Tensor, name: str) -> Tensor:
    """The tensor with the dtype and rank of an input; raise where its shape is another."""
    shape = tensor.shape
    if len(shape) == len(expected.shape) - 1 and expected.shape[-1] == 1 and len(shape) >= 1:
        tensor = tensor.reshape((*shape, 1))
    elif len(shape) == len(expected.shape) + 1 and shape[-1] == 1:
        tensor = tensor.reshape(shape[:-1])
    fits = len(tensor.shape) == len(expected.shape) and all(
        want == got or not isinstance(want, int) or not isinstance(got, int)
        for want, got in zip(expected.shape, tensor.shape, strict=True)
    )
    if not fits:
        told = _misfit(name, expected, shape)
        raise ValueError(told + inputs_in_notation(expected.shape, shape))
    mask = tensor.mask
    tensor = tensor.astype(expected.dtype)
    tensor.mask = mask if mask is not None else tensor.mask
    return tensor


def _misfit(name: str, expected: Tensor, shape: Any) -> str:
    text = (
        f"Model {name!r}, input {expected.name!r}: expected {display(expected.shape)}; got "
        f"{display(shape)}."
    )
    want = expected.shape[1:]
    if len(shape) == 2 and len(want) == 1 and shape[0] == want[0]:
        return text + TURNED
    if tuple(shape) == tuple(want):
        return text + " This looks like a single example: pass x[None]."
    if (*shape[1:], 1) == tuple(want):
        return text + " This looks like images without a channel axis: pass x[..., None]."
    if len(shape) > 2 and len(want) == 1:
        return text + " Flatten the examples: x.reshape(len(x), -1), or begin with Flatten()."
    return text
