"""The functional network: layer calls from inputs to outputs, found once, replayed at will.

A network made of layers on symbolic tensors is known by two things: which layer was called on
what (`LayerCall`, kept with each output), and the ops a person wrote between the layers. Replaying
calls the same layers on other tensors, in another mode (training) or of another batch size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glassnet.graph.dimension import Size, display
from glassnet.graph.substitution import again, matching_sizes
from glassnet.graph.tensor import STEP, Placeholder, Tensor
from glassnet.layers.base import Layer
from glassnet.layers.calling import LayerCall
from glassnet.nest import flatten, map_structure


class Network:
    """The layer calls and ops that lead from ``inputs`` to ``outputs``.

    Args:
        inputs: a tensor or a structure of tensors.
        outputs: a tensor or a structure of tensors that depend on them.

    Raises:
        ValueError: where an output depends on an input that was not given.
    """

    def __init__(self, inputs: Any, outputs: Any) -> None:
        self.inputs = inputs = _single(inputs)
        self.outputs = outputs = _single(outputs)
        for tensor in (*flatten(inputs), *flatten(outputs)):
            if not isinstance(tensor, Tensor):
                raise TypeError(
                    "Model(inputs=…, outputs=…) takes the tensors that Input() and the layers "
                    f"called on it return; got {type(tensor).__name__}: {tensor!r}."
                )
        self.flat_inputs: list[Tensor] = flatten(inputs)
        self.order: list[LayerCall | Tensor] = self._ordered()

    def _ordered(self) -> list[LayerCall | Tensor]:
        """Every layer call and every op in between, after what it needs."""
        given = {id(t) for t in self.flat_inputs}
        order: list[LayerCall | Tensor] = []
        seen: set[int] = set()
        stack: list[tuple[LayerCall | Tensor, bool]] = [
            (_maker(o), False) for o in reversed(flatten(self.outputs)) if id(o) not in given
        ]
        while stack:
            item, inputs_done = stack.pop()
            if inputs_done:
                order.append(item)
            elif id(item) not in seen:
                seen.add(id(item))
                stack.append((item, True))
                needed = [t for t in item.inputs if id(t) not in given]
                for tensor in needed:
                    self._check_leaf(tensor)
                stack.extend((_maker(t), False) for t in reversed(needed))
        return [item for item in order if isinstance(item, LayerCall) or item.op is not None]

    def _check_leaf(self, tensor: Tensor) -> None:
        if isinstance(tensor, Placeholder) and tensor is not STEP:
            raise ValueError(
                f"The outputs depend on the input {tensor.name!r} of shape "
                f"{display(tensor.shape)}, which is not among the model's inputs. "
                "Add it: Model(inputs=[…], outputs=…)."
            )

    @property
    def calls(self) -> list[LayerCall]:
        """The layer calls, in the order of computation."""
        return [item for item in self.order if isinstance(item, LayerCall)]

    @property
    def layers(self) -> list[Layer]:
        """The layers, each once, in the order of their first call."""
        return list({id(call.layer): call.layer for call in self.calls}.values())

    def replay(self, inputs: Any) -> Any:
        """Return the outputs for other inputs, arranged as the network's own."""
        replacements: dict[Tensor, Tensor] = dict(
            zip(self.flat_inputs, flatten(inputs), strict=True)
        )
        sizes: Mapping[str, Size] = matching_sizes(replacements)
        found: dict[int, Tensor] = {id(old): new for old, new in replacements.items()}

        def lookup(value: Any) -> Any:
            return found.get(id(value), value) if isinstance(value, Tensor) else value

        for item in self.order:
            if isinstance(item, LayerCall):
                args, kwargs = map_structure(lookup, (item.args, dict(item.kwargs)))
                results = flatten(item.layer(*args, **kwargs))
                for old, new in zip(item.outputs, results, strict=True):
                    found[id(old)] = new
            else:
                found[id(item)] = again(item, [lookup(t) for t in item.inputs], sizes)
        return map_structure(lookup, self.outputs)


def _single(structure: Any) -> Any:
    """A list of one tensor stands for the tensor, as in Keras."""
    return structure[0] if isinstance(structure, list) and len(structure) == 1 else structure


def _maker(tensor: Tensor) -> LayerCall | Tensor:
    """What made the tensor: a call of a layer, or an op of its own."""
    return tensor.origin[0] if tensor.origin is not None else tensor
