"""What a diagram shows of a model: its blocks and the wires between them, before they have places.

A layer that is called several times has a block for each call; the first one has its weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from glassnet.explain.diagram import telling
from glassnet.explain.diagram.layering import Wire
from glassnet.graph.recording import recording
from glassnet.graph.tensor import STEP, Constant, Tensor
from glassnet.graph.variable import Variable
from glassnet.layers import InputLayer
from glassnet.layers.base import InputSpec, Layer
from glassnet.layers.calling import LayerCall, public_shape
from glassnet.models.model import Model
from glassnet.models.sequential import Sequential
from glassnet.nest import flatten, map_structure
from glassnet.notation import Notation, shape_text

UNBUILT = "Not built: its shapes, and what is joined to what, show once it has seen data."
UNCALLED = "Built by hand and never called: what is joined to what shows once it has seen data."


@dataclass(frozen=True)
class Shown:
    """What blocks say, and how: the notation of shapes, and what may be left out or added."""

    notation: Notation
    shapes: bool = True
    names: bool = True
    activations: bool = True
    dtypes: bool = False
    trainable: bool = False
    expand_nested: bool = False


@dataclass(frozen=True)
class Block:
    """A call of a layer, an input, or an op between layers.

    Args:
        key: its name in the picture, which no other block has.
        name: the name of the layer.
        title: its class.
        kind: one of `telling.KINDS`.
        does: what it computes in short.
        shape: the shapes of its outputs.
        sizes: the sizes of one example of its first output, None for unknown ones.
        parameters: how many it has, or that they are another block's.
        call: which call of the layer it is, counted from 1; ``calls``: of how many.
        inside: for a model that is opened, its own plan.
    """

    key: str
    name: str
    title: str
    kind: str
    does: str = ""
    shape: str = ""
    sizes: tuple[int | None, ...] | None = None
    parameters: str = ""
    call: int = 1
    calls: int = 1
    inside: Plan | None = None


@dataclass(frozen=True)
class Plan:
    """The blocks of a model in the order of computation, and the wires between them.

    Args:
        name: the model's name; ``title``: its class.
        parameters: how many it has, as text.
        blocks: the blocks.
        wires: the wires; ``source`` and ``target`` count the blocks.
        entries: the blocks that are the inputs, in order.
        exits: for each output, its block and which of the block's outputs it is.
        note: what is missing and why; often nothing.
    """

    name: str
    title: str
    parameters: str
    blocks: tuple[Block, ...]
    wires: tuple[Wire, ...]
    entries: tuple[int, ...] = ()
    exits: tuple[tuple[int, int], ...] = ()
    note: str = ""

    def every_block(self) -> Iterator[Block]:
        """Yield the blocks, and after an opened model its own."""
        for block in self.blocks:
            yield block
            if block.inside is not None:
                yield from block.inside.every_block()


@dataclass(frozen=True)
class _Use:
    """A call of a layer, or an op, with its tensors: what every way to a plan yields."""

    layer: Layer | None
    name: str
    title: str
    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]


def plan_of(model: Model, shown: Shown, path: str = "") -> Plan:
    """Return what a diagram of the model shows."""
    if model._network is not None:
        inputs = model._network.flat_inputs
        uses = [_use_of(item) for item in model._network.order]
        outputs = flatten(model._network.outputs)
    elif model.built and model.first_inputs is not None:
        inputs, uses, outputs = _recorded(model)
    else:
        return _unconnected(model, shown, path)
    return _Planner(model, shown, path).plan(inputs, uses, outputs)


def _use_of(item: LayerCall | Tensor) -> _Use:
    if isinstance(item, LayerCall):
        layer = item.layer
        return _Use(layer, layer.name, type(layer).__name__, item.inputs, item.outputs)
    return _use_of_op(item)


def _use_of_op(tensor: Tensor) -> _Use:
    name = tensor.op.name if tensor.op is not None else "?"
    return _Use(None, name, name, tensor.inputs, [tensor])


class _Planner:
    """Makes the blocks of one model."""

    def __init__(self, model: Model, shown: Shown, path: str) -> None:
        self.model, self.shown, self.path = model, shown, path
        self.blocks: list[Block] = []
        self.wires: list[Wire] = []
        self.made: dict[int, tuple[int, int]] = {}
        """Which block made a tensor, and which of its outputs it is."""
        self.keys: Counter[str] = Counter()

    def plan(
        self, inputs: Sequence[Tensor], uses: Sequence[_Use], outputs: Sequence[Tensor]
    ) -> Plan:
        for tensor in inputs:
            self.made[id(tensor)] = (len(self.blocks), 0)
            name = str(tensor.name or "input")
            block = Block(self._key(name), name, "Input", "input")
            self.blocks.append(self._with_shape(block, [tensor]))
        calls = Counter(id(use.layer) for use in uses if use.layer is not None)
        numbers: Counter[int] = Counter()
        for use in uses:
            numbers[id(use.layer)] += 1
            block = self._block(use, numbers[id(use.layer)], calls[id(use.layer)])
            self._join(use, len(self.blocks))
            for place, tensor in enumerate(use.outputs):
                self.made[id(tensor)] = (len(self.blocks), place)
            self.blocks.append(block)
        exits = tuple(self.made[id(t)] for t in outputs if id(t) in self.made)
        return Plan(
            self.model.name,
            type(self.model).__name__,
            telling.parameters_of(self.model) or "no parameters",
            tuple(self.blocks),
            tuple(self.wires),
            tuple(range(len(inputs))),
            exits,
        )

    def _key(self, name: str) -> str:
        key = self.path + name
        self.keys[key] += 1
        return key if self.keys[key] == 1 else f"{key}#{self.keys[key]}"

    def _join(self, use: _Use, target: int) -> None:
        found = [self.made[id(t)] for t in use.inputs if id(t) in self.made]
        for place, (source, output) in enumerate(found):
            self.wires.append(Wire(source, target, output, place))

    def _block(self, use: _Use, call: int, calls: int) -> Block:
        key, layer = self._key(use.name), use.layer
        if layer is None:
            return self._with_shape(Block(key, use.name, use.title, "op"), use.outputs)
        block = replace(
            described(layer, key, self.shown),
            call=call,
            calls=calls,
            inside=self._inside(layer, key) if call == 1 else None,
        )
        if call > 1 and block.parameters:
            block = replace(block, parameters="the same weights")
        return self._with_shape(block, use.outputs)

    def _inside(self, layer: Layer, key: str) -> Plan | None:
        if not self.shown.expand_nested or not isinstance(layer, Model):
            return None
        return plan_of(layer, self.shown, key + "/")

    def _with_shape(self, block: Block, outputs: Sequence[Tensor]) -> Block:
        shapes = [public_shape(tensor.shape) for tensor in outputs]
        sizes = telling.plain_sizes(shapes[0]) if shapes else None
        dtypes = dict.fromkeys(str(tensor.dtype) for tensor in outputs)
        return replace(block, sizes=sizes, shape=written(shapes, list(dtypes), self.shown))


def described(layer: Layer, key: str, shown: Shown) -> Block:
    """Return a layer's block, all but its shape."""
    said = telling.does(layer)
    activation = telling.activation_of(layer)
    if shown.activations and activation and telling.kind_of(layer) != "activation":
        said = f"{said} → {activation}" if said else activation
    return Block(
        key,
        layer.name,
        "Input" if isinstance(layer, InputLayer) else type(layer).__name__,
        telling.kind_of(layer),
        said,
        parameters=telling.parameters_of(layer, shown.trainable),
    )


def written(shapes: Sequence[Any], dtypes: Sequence[str], shown: Shown) -> str:
    """Return shapes, or dtypes, or both as text; the same shape is written once."""
    parts = []
    if shown.shapes:
        texts = dict.fromkeys(shape_text(shape, shown.notation) for shape in shapes)
        parts.append(", ".join(texts))
    if shown.dtypes:
        parts.append(", ".join(dtypes))
    return " ".join(part for part in parts if part)


# --- models that are not made from Input() --------------------------------------------------------
def _unconnected(model: Model, shown: Shown, path: str) -> Plan:
    """The layers as far as they are known; those of a Sequential follow each other."""
    keys: Counter[str] = Counter()
    blocks = []
    for layer in model.layers:
        keys[layer.name] += 1
        number = f"#{keys[layer.name]}" if keys[layer.name] > 1 else ""
        blocks.append(described(layer, f"{path}{layer.name}{number}", shown))
    is_chain = isinstance(model, Sequential)
    wires = [Wire(i, i + 1) for i in range(len(blocks) - 1)] if is_chain else []
    note = UNCALLED if model.built else UNBUILT
    if not blocks:
        note = "No layers yet."
    ends = [(len(blocks) - 1, 0)] if wires else []
    starts = [0] if wires else []
    told = telling.parameters_of(model) if model.built else "not built"
    return Plan(
        model.name,
        type(model).__name__,
        told or "no parameters",
        tuple(blocks),
        tuple(wires),
        tuple(starts),
        tuple(ends),
        note,
    )


def _recorded(model: Model) -> tuple[list[Tensor], list[_Use], list[Tensor]]:
    """Record a call of a model; return its inputs, the calls and ops in it, its outputs."""
    stand_ins: Any = map_structure(_any_batch, model.first_inputs)
    with recording() as opened:
        outputs = model(stand_ins, training=True)
    *calls, (_, scope, _, _) = opened.calls
    own = [
        (layer, arguments, flatten(results))
        for layer, inner, arguments, results in calls
        if inner == f"{scope}/{layer.name}"
    ]
    inputs = [t for t in flatten(stand_ins) if isinstance(t, Tensor)]
    return inputs, *_uses(inputs, own, [t for t in flatten(outputs) if isinstance(t, Tensor)])


def _any_batch(spec: InputSpec) -> Tensor:
    """A stand-in of the spec for any number of examples."""
    return replace(spec, shape=(None, *spec.shape[1:]) if spec.shape else ()).placeholder()


def _uses(
    inputs: Sequence[Tensor], calls: Sequence[Any], outputs: Sequence[Tensor]
) -> tuple[list[_Use], list[Tensor]]:
    known = {id(t) for t in inputs}
    uses: list[_Use] = []

    def with_ops(tensors: Sequence[Tensor]) -> None:
        """Add the ops, written in ``call``, that lead to the tensors."""
        for tensor in _leading_to(tensors, known):
            known.add(id(tensor))
            uses.append(_use_of_op(tensor))

    for layer, arguments, results in calls:
        args, kwargs = arguments
        given = [t for t in flatten((args, dict(kwargs))) if isinstance(t, Tensor)]
        with_ops(given)
        made = [t for t in results if isinstance(t, Tensor)]
        uses.append(_Use(layer, layer.name, type(layer).__name__, given, made))
        known.update(id(t) for t in made)
    with_ops(outputs)
    return uses, list(outputs)


def _leading_to(tensors: Sequence[Tensor], known: set[int]) -> list[Tensor]:
    """The ops between known tensors and these, each after what it needs."""
    order: list[Tensor] = []
    seen: set[int] = set()
    stack = [(t, False) for t in reversed(tensors)]
    while stack:
        tensor, ready = stack.pop()
        if ready:
            order.append(tensor)
        elif not (id(tensor) in known or id(tensor) in seen or _is_leaf(tensor)):
            seen.add(id(tensor))
            stack.append((tensor, True))
            stack.extend((t, False) for t in reversed(tensor.inputs))
    return order


def _is_leaf(tensor: Tensor) -> bool:
    return tensor.op is None or isinstance(tensor, (Constant, Variable)) or tensor is STEP
