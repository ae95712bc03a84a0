"""One class of a PyTorch program: a network as ``__init__`` and ``forward``, or as a chain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glassnet.explain.code.expressions import Text
from glassnet.explain.code.literals import (
    WIDTH,
    NotSayable,
    class_name,
    identifier,
    unused,
)
from glassnet.explain.code.modules import (
    Mask,
    Value,
    Walk,
    broken,
    check_layer,
    commented,
    input_names,
    keys_of,
    network_of,
    shape_text,
    uses_of,
    with_sizes,
)
from glassnet.explain.code.torch_layers import rule
from glassnet.explain.code.torch_ops import TORCH
from glassnet.explain.code.torch_parts import WHAT, Cell, Part, Result, State, Step
from glassnet.graph.dimension import display
from glassnet.graph.recording import recording
from glassnet.graph.tensor import Constant, Placeholder, Tensor
from glassnet.layers.base import Layer
from glassnet.layers.calling import LayerCall
from glassnet.models.model import Model
from glassnet.nest import flatten

if TYPE_CHECKING:
    from glassnet.explain.code.torch_source import Program

_TAKEN = {
    "forward",
    "train",
    "training",
    "eval",
    "float",
    "double",
    "half",
    "type",
    "to",
    "apply",
    "parameters",
    "modules",
    "children",
    "buffers",
    "state_dict",
    "zero_grad",
    "compile",
    "cpu",
    "cuda",
    "penalty",
    "extra_repr",
    "add_module",
    "bfloat16",
    "W",
    "F",
    "nn",
    "torch",
    "np",
    "model",
    "self",
    "x",
}
"""Names of nn.Module, and of the program."""


@dataclass
class Placed:
    """A part where the program has it: ``model.block.dense``, by the key ``block.dense``."""

    path: str
    key: str
    part: Part

    def states(self) -> Iterator[tuple[str, State]]:
        """Yield the parameters and buffers: name and state; no name for the part itself."""
        for name, state in self.part.states.items():
            yield ("" if self.part.constructor is None else name), state

    def learned(self) -> bool:
        """Tell whether it has parameters."""
        return any(not name.startswith("buffer") for name in self.part.states)


@dataclass
class Inner:
    """A model within the model: its class, and what it is called here."""

    name: str
    scope: Scope


class Scope(Walk):
    """A model written as a class, or as a chain of modules where it is one."""

    width = WIDTH - 8  # the lines of a method

    def __init__(self, program: Program, model: Model) -> None:
        super().__init__(network_of(model, WHAT), TORCH, _TAKEN)
        self.program, self.model = program, model
        self.parts: dict[tuple[int, str], Part] = {}
        self.inner: dict[int, Inner] = {}
        self.attributes: list[tuple[str, Any]] = []
        """What ``__init__`` makes, in order: parts and models."""
        self.chain_steps: list[tuple[Step, str]] | None = []
        """The steps of a chain with their comments; None where it is none."""
        self.frames: list[dict[int, Value]] = []
        self.penalties = False
        self.constructor = ""
        self.is_chain = False

    # --- writing ------------------------------------------------------------------------------
    def write(self) -> None:
        """Write the class; set what makes an instance of it."""
        network = self.network
        names = input_names(network, _TAKEN | {"inputs"}) if len(network.flat_inputs) > 1 else ["x"]
        for tensor, name in zip(network.flat_inputs, names, strict=True):
            self.give(tensor, Value(Text(name), tensor, remaining=0))
        self.dialect = with_sizes(TORCH, zip(network.flat_inputs, names, strict=True))
        if len(names) > 1 or len(flatten(network.outputs)) > 1:
            self.chain_steps = None
        self.walk()
        returned = self.returned()
        if self.chain_steps and isinstance(network.outputs, Tensor) and not self.penalties:
            self.is_chain = True
            self.constructor = self._sequential()
            return
        given = "Network" if self.model is self.program.model else class_name(self.model.name)
        name = unused(given, self.program.taken | set(self.program.helpers))
        self.program.taken.add(name)
        self.constructor = f"{name}()"
        self.program.classes.append(self._class(name, names, returned))

    def walk(self) -> None:
        """Write the calls and ops of the network that is being walked."""
        for item in self.network.order:
            if isinstance(item, LayerCall):
                self.called(item)
            else:
                self.chain_steps = None
                self.operate(item)

    def returned(self) -> str:
        """Return what ``forward`` returns, channels last."""
        for tensor in flatten(self.network.outputs):
            value = self.values[id(tensor)]
            if value.channels_first:
                self.chain_steps = None
            self.turned(value, False)
        return self.structure(self.network.outputs)

    def _sequential(self) -> str:
        assert self.chain_steps is not None
        lines = ["nn.Sequential("]
        for step, comment in self.chain_steps:
            text = step.module if step.part is None else step.part.constructor
            assert text is not None
            if "\n" in text:  # a chain within the chain
                lines += f"    {text},".replace("\n", "\n    ").split("\n")
            else:
                lines += commented(f"    {text},", comment)
        return "\n".join([*lines, ")"])

    def _class(self, name: str, inputs: list[str], returned: str) -> list[str]:
        lines = [f"class {name}(nn.Module):"]
        if self.attributes:
            lines += ["    def __init__(self):", "        super().__init__()"]
        for attribute, made in self.attributes:
            text = made.scope.constructor if isinstance(made, Inner) else made.constructor
            if text is None:
                lines.append(f"        {_own_state(made)}")
                continue
            text = text.replace("\n", "\n        ")
            lines += broken(f"        self.{attribute} = {text}")
        space = [""] if self.attributes else []
        lines += [*space, f"    def forward(self, {', '.join(inputs)}):"]
        if self.penalties:
            lines.append("        penalty = 0.0  # on the outputs of layers")
        lines += [f"        {line}" for line in self.lines]
        if self.penalties:
            lines.append("        self.penalty = penalty")
        return [*lines, f"        return {returned}"]

    # --- parts --------------------------------------------------------------------------------
    def part(
        self, layer: Layer, constructor: str | None, states: dict[str, State], suffix: str
    ) -> Part:
        """Return the part of a layer, made when it is first asked for."""
        key = id(layer), suffix
        if key not in self.parts:
            name = self.attribute(f"{layer.name}_{suffix}" if suffix else layer.name)
            part = Part(name, constructor, states, layer, self.program.model._trainable)
            part.trainable = layer._trainable
            self.parts[key] = part
            self.attributes.append((name, part))
            if constructor is None:
                self.chain_steps = None
        return self.parts[key]

    def attribute(self, preferred: str) -> str:
        """Return a name for an attribute that nothing else has."""
        taken = _TAKEN | {name for name, _ in self.attributes}
        return unused(identifier(preferred), taken)

    def placed(self, path: str, key: str = "") -> Iterator[Placed]:
        """Yield every part below this model, where the program has it."""
        if self.is_chain:
            assert self.chain_steps is not None
            members = [(str(i), s.part, s) for i, (s, _) in enumerate(self.chain_steps)]
            for index, part, _ in members:
                if part is None:
                    continue
                inner = self._inner_of(part)
                where, named = f"{path}[{index}]", f"{key}.{index}" if key else index
                if inner is not None:
                    yield from inner.scope.placed(where, named)
                else:
                    yield Placed(where, named, part)
            return
        for name, made in self.attributes:
            where, named = f"{path}.{name}", f"{key}.{name}" if key else name
            if isinstance(made, Inner):
                yield from made.scope.placed(where, named)
            else:
                yield Placed(where, named, made)

    def _inner_of(self, part: Part) -> Inner | None:
        return next((i for i in self.inner.values() if i.name == part.name), None)

    # --- layouts, masks -----------------------------------------------------------------------
    def turned(self, value: Value, channels_first: bool) -> Value:
        """Return the value with its channels where they are wanted."""
        if value.rank < 3 or value.channels_first == channels_first:
            return value
        self.chain_steps = None
        move = ".movedim(-1, 1)" if channels_first else ".movedim(1, -1)"
        value.channels_first = channels_first
        if value.holds:
            value.text = Text(f"{value.text.atom}{move}")
        else:
            shape = shape_text(value.tensor, channels_first)
            self.line(f"{value.name} = {value.text.atom}{move}", shape)
        return value

    def new_mask(self, text: str, rank: int) -> Mask:
        """Write a mask as a variable."""
        self.chain_steps = None
        name = unused("mask", self.reserved)
        self.reserved.add(name)
        self.line(f"{name} = {text}")
        return Mask(name, rank)

    # --- ops between layers -------------------------------------------------------------------
    def prepare_operands(self, tensor: Tensor, operands: list[Value]) -> None:
        """Bring operands into one layout: channels first where all are and no axis is named."""
        assert tensor.op is not None
        wide = [v for v in operands if v.rank]
        same = len({v.rank for v in wide}) == 1
        keep = tensor.op.elementwise and same and all(v.channels_first for v in wide)
        for value in operands:
            if not isinstance(value.tensor, Constant):
                self.turned(value, keep)

    def lies_first(self, operands: list[Value]) -> bool:
        """Whether what an op gives has its channels first: where its operands have."""
        return any(v.channels_first for v in operands)

    # --- calls --------------------------------------------------------------------------------
    def called(self, item: LayerCall) -> None:
        """Write the call of a layer."""
        layer = item.layer
        if isinstance(layer, Model):
            self.model_called(item, layer)
            return
        check_layer(layer, WHAT)
        values = [self.read(t) for t in flatten(item.args[0])]
        extras = {k: self.read(v).name for k, v in item.kwargs.items() if isinstance(v, Tensor)}
        cell = Cell(self, item, values, extras)
        if item.kwargs.get("training"):
            raise cell.error("it is called with training=True, which can't be said in PyTorch.")
        if len(item.args) > 1:
            raise cell.error("it is called with several arguments, which can't be said in PyTorch.")
        if any(name not in _KNOWN for name, given in item.kwargs.items() if given is not None):
            cell.refuse(*(name for name in item.kwargs if name not in _KNOWN))
        if extras or len(values) > 1:
            self.chain_steps = None
        result = rule(layer, cell)
        value = self.finished(item, layer, cell, result)
        value.mask = result.mask or _passed_mask(layer, cell)
        self.penalize(layer, value)

    def finished(self, item: LayerCall, layer: Layer, cell: Cell, result: Result) -> Value:
        """Write the steps of a rule as one assignment."""
        output = item.outputs[0]
        if not result.steps:
            return self.give(output, cell.value)
        text = result.start
        for step in result.steps:
            if step.part is not None:
                text = f"self.{step.part.name}({text})"
            else:
                assert step.function is not None
                text = _applied(step.function, text)
            if step.part is None and step.module is None:
                self.chain_steps = None
        first = result.channels_first and output.ndim > 2
        if any(s.part is not None and self.used_before(s.part) for s in result.steps):
            self.chain_steps = None
        if self.chain_steps is not None:
            self.chain_steps += [(s, "") for s in result.steps[:-1]]
            self.chain_steps.append((result.steps[-1], shape_text(output, first)))
        return self.assign(output, text, layer.name, first)

    def used_before(self, part: Part) -> bool:
        """Tell whether a chain has a part already: one module can't stand in it twice."""
        return any(step.part is part for step, _ in self.chain_steps or ())

    def penalize(self, layer: Layer, value: Value) -> None:
        """Add the penalty on a layer's output to that of the network."""
        regularizer = layer.activity_regularizer
        if regularizer is None:
            return
        self.penalties, self.chain_steps = True, None
        x = Placeholder(value.tensor.shape, value.tensor.dtype, name="x")
        with recording():
            penalty = regularizer(x)
        dialect = with_sizes(TORCH, [(x, value.name)])
        try:
            lines, text = dialect.graph(penalty, {x: value.text})
        except NotSayable as error:
            raise NotSayable(f"{WHAT}: layer {layer.name!r}: its penalty: {error}.") from None
        self.lines += lines
        self.line(f"penalty = penalty + {text.within(2)} / {value.name}.shape[0]")

    # --- models within the model --------------------------------------------------------------
    def model_called(self, item: LayerCall, model: Model) -> None:
        """Write the call of a model: of its class, or its layers in place."""
        tensors = _in_order(item, model)
        values = [self.read(t) for t in tensors]
        network = network_of(model, WHAT)
        masked = any(v.mask for v in values) or any(
            t.mask is not None for t in flatten(network.outputs)
        )
        if masked or self.program.inline:
            self.walked_in_place(item, model, values)
            return
        if id(model) in self.inner:
            self.chain_steps = None
        else:
            name = self.attribute(model.name)
            self.inner[id(model)] = Inner(name, self.program.scope(model))
            self.attributes.append((name, self.inner[id(model)]))
        inner = self.inner[id(model)]
        if inner.scope.penalties:
            raise NotSayable(
                f"{WHAT}: model {model.name!r} within the model has penalties on outputs of "
                "layers, which can't be said in PyTorch. Build the model without it."
            )
        given = [self.turned(v, False).name for v in values]
        text = f"self.{inner.name}({', '.join(given)})"
        self.model_outputs(item, model, text)

    def model_outputs(self, item: LayerCall, model: Model, text: str) -> None:
        """Give names to what a model within the model returns."""
        structure = network_of(model, WHAT).outputs
        inner = self.inner[id(model)]
        if isinstance(structure, Tensor):
            output = item.outputs[0]
            if self.chain_steps is not None:
                part = Part(inner.name, inner.scope.constructor)
                self.chain_steps.append((Step(part=part), display(output.shape)))
            self.assign(output, text, model.name)
            return
        self.chain_steps = None
        name = unused(identifier(f"{model.name}_outputs"), self.live() | self.reserved)
        self.reserved.add(name)
        self.line(f"{name} = {text}")
        for tensor, key in zip(item.outputs, keys_of(structure), strict=True):
            self.give(tensor, Value(Text(f"{name}{key}"), tensor))

    def walked_in_place(self, item: LayerCall, model: Model, values: list[Value]) -> None:
        """Write the layers of a model as if they stood here."""
        self.chain_steps = None
        outer = self.network, self.uses, self.values
        self.frames.append(self.values)
        self.network, self.values = network_of(model, WHAT), {}
        self.uses = uses_of(self.network)
        for tensor, value in zip(self.network.flat_inputs, values, strict=True):
            self.give(tensor, value)
        self.walk()
        found = [self.read(t) for t in flatten(self.network.outputs)]
        self.frames.pop()
        self.network, self.uses, self.values = outer
        for tensor, value in zip(item.outputs, found, strict=True):
            self.give(tensor, value)

    def live(self) -> set[str]:
        """Return the variables that somebody still needs, in the models around this one too."""
        own = self.values
        names = super().live()
        for frame in self.frames:
            self.values = frame
            names |= super().live()
        self.values = own
        return names


_KNOWN = ("mask", "count_weights", "training")


def _applied(function: str, text: str) -> str:
    """A function of ``{x}`` applied to a text."""
    if function.startswith("{x}") or " {x}" in function:
        plain = re.fullmatch(r"[\w.]+", text) or text.endswith((")", "]"))
        text = text if plain and " " not in re.sub(r"[(\[].*[)\]]", "", text) else f"({text})"
    return function.replace("{x}", text)


def _own_state(part: Part) -> str:
    """The line of ``__init__`` for a parameter or buffer of the network itself."""
    ((told, _),) = part.states.items()
    kind, shape = told.split(":", 1)
    if kind == "parameter":
        return f"self.{part.name} = nn.Parameter(torch.zeros({shape}))"
    return f'self.register_buffer("{part.name}", torch.ones({shape}))'


def _passed_mask(layer: Layer, cell: Cell) -> Mask | None:
    """The mask that goes through a layer that leaves masks alone."""
    if not layer.supports_masking or type(layer).compute_mask is not Layer.compute_mask:
        return None
    return cell.value.mask


def _in_order(item: LayerCall, model: Model) -> list[Tensor]:
    """What a model is called on, in the order of its inputs."""
    given, own = item.args[0], network_of(model, WHAT).inputs
    if isinstance(given, dict):
        keys = list(own) if isinstance(own, dict) else model.input_names
        return [given[key] for key in keys]
    return flatten(given)
