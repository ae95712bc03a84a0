"""What a call of a layer needs beside the layer: names, shapes, masks, the mode, its record."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.graph.dimension import Dim, Shape
from glassnet.graph.recording import current_recording, held
from glassnet.graph.tensor import Constant, Placeholder, Tensor
from glassnet.graph.variable import Variable
from glassnet.nest import flatten, map_structure
from glassnet.ops.rounding import identity_node
from glassnet.utils.session import auto_name as auto_name
from glassnet.utils.session import reset_names as reset_names

if TYPE_CHECKING:
    from glassnet.layers.base import Layer


@dataclass
class CallContext:
    """What holds during the outermost call of a layer: the mode its inner layers inherit."""

    training: bool | None = None


_calls: ContextVar[CallContext | None] = ContextVar("glassnet_call", default=None)


@dataclass(frozen=True, eq=False)
class LayerCall:
    """One use of a layer in a functional model: the layer and what it was called with."""

    layer: Layer
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    outputs: list[Tensor] = field(default_factory=list)

    @property
    def inputs(self) -> list[Tensor]:
        """The tensors among the arguments."""
        return [t for t in flatten((self.args, dict(self.kwargs))) if isinstance(t, Tensor)]


def call_context() -> CallContext | None:
    """Return what holds during the call of a layer that is under way, if any."""
    return _calls.get()


def calling(training: bool | None) -> AbstractContextManager[CallContext]:
    """Hold the mode for the layers called inside."""
    return held(_calls, CallContext(training))


def public_shape(shape: Shape) -> tuple[int | None, ...]:
    """Return a shape as Keras writes it: None for a size known only at run time."""
    return tuple(None if isinstance(size, Dim) else size for size in shape)


def np_shape(value: Any) -> Shape:
    """Return the shape of a tensor or array."""
    return value.shape if isinstance(value, Tensor) else np.shape(value)


def symbolic_shape(shape: Sequence[int | None], name: str = "") -> Shape:
    """Return a shape with named sizes for None: ``m`` for the batch, others by their axis."""
    return tuple(
        size if size is not None else Dim.named("m" if axis == 0 else f"{name or 'n'}.{axis}")
        for axis, size in enumerate(shape)
    )


def is_shape(value: Any) -> bool:
    """Tell whether ``value`` is one shape, and not a structure of shapes."""
    return isinstance(value, (tuple, list)) and all(
        size is None or isinstance(size, (int, np.integer, Dim)) for size in value
    )


def placeholders_for(shapes: Any, dtype: np.dtype) -> Any:
    """Return placeholders for a shape or a structure of shapes."""
    if is_shape(shapes):
        return Placeholder(symbolic_shape(shapes), dtype, name="input")
    if isinstance(shapes, Mapping):
        return {key: placeholders_for(shape, dtype) for key, shape in shapes.items()}
    return [placeholders_for(shape, dtype) for shape in shapes]


def is_symbolic(value: Any) -> bool:
    """Tell whether it is a tensor without a value."""
    return isinstance(value, Tensor) and not isinstance(value, (Constant, Variable))


def is_numbers(value: Any) -> bool:
    """A list of numbers stands for an array; a list of arrays or tensors stays a list."""
    return not any(hasattr(leaf, "__array__") for leaf in flatten(value)) and bool(flatten(value))


def originating(value: Any, call: LayerCall) -> Any:
    """Mark an output as this call's; a tensor that was an input gets a node of its own."""
    if not isinstance(value, Tensor):
        return value
    given = any(value is tensor for tensor in call.inputs)
    if value.origin is not None or not value.inputs or given:
        mask = value.mask
        value = identity_node(value)
        value.mask = mask
    value.origin = (call, len(call.outputs))
    call.outputs.append(value)
    return value


def mask_of(value: Any) -> Any:
    """Return the mask of a tensor, None for anything else."""
    return value.mask if isinstance(value, Tensor) else None


def as_recorded(value: Any) -> Any:
    """Return what an output stands for: a variable given back, for what it was last assigned."""
    opened = current_recording()
    if opened is None or not isinstance(value, Variable):
        return value
    return opened.updates.get(value, value)


def fresh(outputs: Any, args: tuple[Any, ...]) -> Any:
    """Return the outputs, with nodes of their own for those that are inputs."""
    given = {id(t) for t in flatten(args)}
    return map_structure(lambda t: identity_node(t) if id(t) in given else t, outputs)


def set_masks(outputs: Any, masks: Any) -> None:
    """Put the masks on the outputs."""
    flat_masks = flatten(masks) if not isinstance(masks, Tensor) else [masks]
    for output, mask in zip(flatten(outputs), flat_masks, strict=False):
        if isinstance(output, Tensor) and mask is not None:
            output.mask = mask


def call_parameters(cls: type[Layer]) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a layer class's ``call``."""
    parameters = _signatures.get(cls)
    if parameters is None:
        parameters = _signatures[cls] = inspect.signature(cls.call).parameters
    return parameters


_signatures: dict[type, Mapping[str, inspect.Parameter]] = {}


def unique(items: list[Any]) -> list[Any]:
    """Return the items without repetitions, in order."""
    return list({id(item): item for item in items}.values())
