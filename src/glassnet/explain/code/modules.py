"""The walk of a model: its calls of layers in order, and the variables that hold what they give.

Both frameworks are written by the same walk. A tensor lives in a variable as long as somebody still
needs it; a chain goes on in ``x``, branches get names of their own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from glassnet.explain.code.expressions import Dialect, Text
from glassnet.explain.code.literals import WIDTH, NotSayable, identifier, literal, unused
from glassnet.graph.dimension import Dim, display, symbols
from glassnet.graph.tensor import STEP, Constant, Tensor
from glassnet.layers.base import LAYERS, Layer
from glassnet.layers.calling import LayerCall
from glassnet.models.model import Model
from glassnet.models.network import Network
from glassnet.models.sequential import Sequential
from glassnet.nest import flatten


# --- what a model is made of ------------------------------------------------------------------
def network_of(model: Any, what: str) -> Network:
    """Return the network of a model.

    Raises:
        TypeError: for what is no model.
        ValueError: where it is not built, or computes in a ``call`` of its own.
    """
    if not isinstance(model, Model):
        raise TypeError(f"{what} takes a model; got {type(model).__name__}.")
    if type(model).call is not Model.call:
        raise ValueError(
            f"{what}: {type(model).__name__} computes in a call() of your own, whose code is not "
            "known. Build the model from Input and layers: Model(inputs, outputs)."
        )
    if model._network is None:
        raise ValueError(
            f"{what}: model {model.name!r} is not built yet. Call it on data first, or begin it "
            "with Input(shape=…)."
        )
    return model._network


def is_ours(layer: Layer) -> bool:
    """Tell whether a layer is of one of glassnet's classes."""
    cls = type(layer)
    return LAYERS.entries.get(cls.__name__) is cls and cls.__module__.startswith("glassnet.")


def models_within(model: Model, what: str) -> list[Model]:
    """Return the models within a model, each once, those that others are made of first."""
    found: dict[int, Model] = {}

    def visit(inner: Model) -> None:
        for layer in network_of(inner, what).layers:
            if isinstance(layer, Model) and id(layer) not in found:
                visit(layer)
                found[id(layer)] = layer

    visit(model)
    return list(found.values())


def calls_of_layers(models: Iterable[Model], what: str) -> Counter[int]:
    """Return how often each layer is called in these models, by its identity."""
    return Counter(id(call.layer) for m in models for call in network_of(m, what).calls)


def is_stack(model: Model, network: Network) -> bool:
    """Tell whether a model is a stack: every layer on what the one before it gave, once."""
    if not isinstance(model, Sequential) or len(network.order) != len(model.layers):
        return False
    return all(
        isinstance(item, LayerCall) and not item.kwargs and len(item.args) == 1
        for item in network.order
    )


def in_one_order(network: Network) -> bool:
    """Tell whether each layer with weights works on what the one before it gave, near or far."""
    ahead: dict[int, set[int]] = {}
    before: int | None = None
    met: set[int] = set()
    for item in network.order:
        given = item.inputs if isinstance(item, Tensor) else flatten([item.args, item.kwargs])
        found: set[int] = set().union(*(ahead.get(id(t), set()) for t in given))
        if isinstance(item, Tensor):
            ahead[id(item)] = found
            continue
        layer = id(item.layer)
        if item.layer.weights and layer not in met:
            if before is not None and before not in found:
                return False
            before = layer
            met.add(layer)
            found.add(layer)
        ahead.update((id(tensor), found) for tensor in item.outputs)
    return True


def say(layer: Layer, what: str, why: str) -> NotSayable:
    """Return the error that a layer can't be said."""
    return NotSayable(f"{what}: layer {layer.name!r} ({type(layer).__name__}): {why}")


def check_layer(layer: Layer, what: str) -> None:
    """Raise where a layer is not glassnet's own."""
    if not is_ours(layer):
        raise say(
            layer,
            what,
            "a class of your own, whose code is not known. Build the network from glassnet's "
            "layers, or write this layer into the program by hand.",
        )


def model_dtype(models: Iterable[Model], what: str) -> str:
    """Return the one float type of all layers.

    Raises:
        NotSayable: where there are several, or one in which a program can't compute.
    """
    layers = [layer for m in models for layer in m._sublayers() if not isinstance(layer, Model)]
    found = sorted({layer.dtype for layer in layers}) or ["float32"]
    if len(found) > 1 or found[0] not in ("float32", "float64"):
        raise NotSayable(
            f"{what}: the layers compute in {', '.join(found)}; a program is written for one type, "
            "float32 or float64."
        )
    return found[0]


# --- variables --------------------------------------------------------------------------------
class Mask(NamedTuple):
    """The truth values that tell which steps count: a variable, and how many axes it has."""

    text: str
    rank: int


@dataclass(eq=False)
class Value:
    """What the program has of a tensor: the text by which it goes, and how long it is needed."""

    text: Text
    tensor: Tensor
    remaining: int = 0
    """How many readers are still to come."""
    holds: list[Value] = field(default_factory=list)
    """For an expression that stands in no variable yet: what it reads."""
    channels_first: bool = False
    mask: Mask | None = None

    @property
    def rank(self) -> int:
        """The number of axes."""
        return self.tensor.ndim

    @property
    def name(self) -> str:
        """The text."""
        return self.text.text


class Walk:
    """One function of the program, written by walking a network.

    Args:
        network: the network.
        dialect: how ops between layers are said.
        reserved: names that the program uses otherwise.
        chain: the variable of the chain.
    """

    width = WIDTH
    """How long its lines may be."""

    def __init__(
        self, network: Network, dialect: Dialect, reserved: Iterable[str], chain: str = "x"
    ) -> None:
        self.network, self.chain = network, chain
        self.dialect = dialect
        self.reserved = set(reserved)
        self.lines: list[str] = []
        self.values: dict[int, Value] = {}
        self.uses = uses_of(network)

    # --- names --------------------------------------------------------------------------------
    def live(self) -> set[str]:
        """Return the variables that somebody still needs."""
        held = [v for v in self.values.values() if v.remaining > 0]
        return {h.name for v in held for h in (v, *v.holds)}

    def variable(self, preferred: str) -> str:
        """Return a variable for a new value: that of the chain, where it is free."""
        live = self.live()
        if self.chain not in live:
            return self.chain
        return unused(identifier(preferred), live | self.reserved | {self.chain})

    # --- reading ------------------------------------------------------------------------------
    def read(self, tensor: Tensor) -> Value:
        """Return the value of a tensor; it is read once less from now on."""
        if isinstance(tensor, Constant):
            return Value(self.dialect.leaf(tensor), tensor)
        if tensor is STEP or id(tensor) not in self.values:
            raise NotSayable(f"the network reads {tensor!r}, which no layer gives")
        value = self.values[id(tensor)]
        value.remaining -= 1
        if value.holds and not value.remaining:
            for held in value.holds:
                held.remaining -= 1
        return value

    def give(self, tensor: Tensor, value: Value) -> Value:
        """Note that a value is what the program has of a tensor."""
        if id(tensor) not in self.values:
            value.remaining += self.uses[id(tensor)]
        self.values[id(tensor)] = value
        return value

    def assign(self, tensor: Tensor, text: str, preferred: str, first: bool = False) -> Value:
        """Write ``name = text``; return the value."""
        name = self.variable(preferred)
        self.line(f"{name} = {text}", shape_text(tensor, first))
        return self.give(tensor, Value(Text(name), tensor, channels_first=first))

    def line(self, text: str, comment: str = "") -> None:
        """Write a line, with a comment where there is room for it."""
        self.lines += commented(text, comment, self.width)

    # --- ops between layers -------------------------------------------------------------------
    def operate(self, tensor: Tensor) -> None:
        """Write an op that stands between layers; what only another op reads is put into that."""
        operands = [self.read(t) for t in tensor.inputs]
        self.prepare_operands(tensor, operands)
        text = self.dialect.expression(tensor, [v.text for v in operands])
        leaves = [leaf for v in operands for leaf in (v.holds or [v])]
        leaves = [leaf for leaf in leaves if not isinstance(leaf.tensor, Constant)]
        readers, first = self.readers(tensor), self.lies_first(operands)
        if len(readers) == 1 and isinstance(readers[0], Tensor):
            for leaf in leaves:
                leaf.remaining += 1
            self.give(tensor, Value(text, tensor, holds=leaves, channels_first=first))
            return
        assert tensor.op is not None
        self.assign(tensor, text.text, tensor.op.name, first)

    def prepare_operands(self, tensor: Tensor, operands: list[Value]) -> None:
        """Bring operands into one layout; here all have it."""

    def lies_first(self, operands: list[Value]) -> bool:
        """Whether what an op gives has its channels first."""
        return False

    def readers(self, tensor: Tensor) -> list[Any]:
        """Return who reads a tensor: layer calls, ops, and None for an output."""
        found: list[Any] = []
        for item in self.network.order:
            found += [item for t in item.inputs if t is tensor]
        return found + [None for t in flatten(self.network.outputs) if t is tensor]

    def structure(self, value: Any) -> str:
        """Return a structure of tensors as source."""
        if isinstance(value, Tensor):
            return self.read(value).name
        if isinstance(value, dict):
            return (
                f"{{{', '.join(f'{k!r}: {self.structure(v)}' for k, v in value.items())}}}".replace(
                    "'", '"'
                )
            )
        items = ", ".join(map(self.structure, value))
        if isinstance(value, list):
            return f"[{items}]"
        return f"({items}{',' if len(value) == 1 else ''})"


def shape_text(tensor: Tensor, channels_first: bool = False) -> str:
    """Return the shape of a tensor as it lies, for a comment."""
    shape = tensor.shape
    if channels_first and len(shape) > 2:
        shape = (shape[0], shape[-1], *shape[1:-1])
    return display(shape)


def uses_of(network: Network) -> Counter[int]:
    """Return how many readers each tensor of a network has."""
    read = [t for item in network.order for t in item.inputs]
    return Counter(id(t) for t in [*read, *flatten(network.outputs)])


def with_sizes(dialect: Dialect, inputs: Iterable[tuple[Tensor, str]]) -> Dialect:
    """Return a dialect that finds the named sizes where the inputs have them."""
    sizes: dict[str, str] = {}
    for tensor, name in inputs:
        for axis, size in enumerate(tensor.shape):
            found = symbols(size)
            if len(found) == 1 and size == Dim.named(min(found)):
                sizes.setdefault(min(found), f"{name}.shape[{axis}]")
    return replace(dialect, sizes=sizes)


def input_names(network: Network, reserved: Iterable[str]) -> list[str]:
    """Return the variables of the inputs."""
    names: list[str] = []
    tensors = network.flat_inputs
    for tensor in tensors:
        given = str(tensor.name or "")
        automatic = not given or given.startswith("input")
        if automatic and len(tensors) == 1:
            names.append(unused("inputs", reserved))
        else:
            names.append(unused(identifier(given or "inputs"), [*names, *reserved]))
    return names


# --- lines ------------------------------------------------------------------------------------
def commented(text: str, comment: str, width: int = WIDTH) -> list[str]:
    """Return a statement as lines, with a comment behind the first where it fits."""
    if len(text) <= width:
        told = f"{text}  # {comment}" if comment else text
        return [told if len(told) <= width else text]
    lines = broken(text, width)
    if comment and len(lines[0]) + len(comment) + 4 <= width:
        lines[0] += f"  # {comment}"
    return lines


def broken(text: str, width: int = WIDTH) -> list[str]:
    """Return a long line with the arguments of its longest brackets on lines of their own.

    >>> broken("y = f(first_argument, second_argument)", 24)
    ['y = f(', '    first_argument,', '    second_argument,', ')']
    """
    if len(text) <= width or "\n" in text:
        return text.split("\n")
    groups = sorted(_brackets(text), key=lambda g: (_depth(text, g[0]), g[0] - g[1]))
    for start, end in groups:
        items = _items(text[start + 1 : end])
        if end - start < 20:
            continue
        # Brackets that only group hold one item, and a comma would make a tuple of it.
        groups_only = text[start] == "(" and not (start and _NAME_END.match(text[start - 1]))
        comma = "" if groups_only and len(items) == 1 else ","
        indent = " " * (len(text) - len(text.lstrip()) + 4)
        lines = [text[: start + 1]]
        for item in items:
            lines += broken(f"{indent}{item}{comma}", width)
        lines.append(indent[4:] + text[end:])
        return lines
    return [text]


_NAME_END = re.compile(r"[\w)\]]")


def _brackets(text: str) -> Iterator[tuple[int, int]]:
    """The places of brackets that belong together."""
    opened: list[int] = []
    for i, c in _outside_texts(text):
        if c in "([{":
            opened.append(i)
        elif c in ")]}" and opened:
            yield opened.pop(), i


def _outside_texts(text: str) -> Iterator[tuple[int, str]]:
    quote = ""
    for i, c in enumerate(text):
        if quote:
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c
        else:
            yield i, c


def _depth(text: str, place: int) -> int:
    depth = 0
    for i, c in _outside_texts(text):
        if i >= place:
            break
        depth += (c in "([{") - (c in ")]}")
    return depth


def _items(text: str) -> list[str]:
    """The parts of an argument list."""
    depth, start, items = 0, 0, []
    for i, c in _outside_texts(text):
        depth += (c in "([{") - (c in ")]}")
        if c == "," and not depth:
            items.append(text[start:i].strip())
            start = i + 1
    rest = text[start:].strip()
    return [*items, rest] if rest else items


def keys_of(structure: Any) -> list[str]:
    """Return how the leaves of a structure are got at: ``[0]``, ``["a"]``."""
    if isinstance(structure, dict):
        return [f"[{literal(k)}]{rest}" for k, v in structure.items() for rest in keys_of(v)]
    if isinstance(structure, (list, tuple)):
        return [f"[{i}]{rest}" for i, v in enumerate(structure) for rest in keys_of(v)]
    return [""]
