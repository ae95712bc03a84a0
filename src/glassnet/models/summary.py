"""The table of a model's layers."""

from __future__ import annotations

import re
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.callbacks.messages import can_write
from glassnet.graph.dimension import display
from glassnet.graph.tensor import Tensor
from glassnet.graph.variable import Variable
from glassnet.layers import InputLayer
from glassnet.layers.base import Layer
from glassnet.layers.calling import LayerCall, public_shape
from glassnet.notation import KERAS, Notation, get_notation, shape_text

if TYPE_CHECKING:
    from glassnet.models.model import Model
    from glassnet.models.network import Network

_LINES = "│─┌┬┐├┼┤└┴┘"
_ASCII = "|-+++++++++"
_NARROWEST = 6
"""No column is made narrower than this, however narrow the terminal."""
_UNBUILT = (
    "This model is not built: it makes its weights when it first sees data. Begin it with "
    "Input(shape=…), call build(input_shape), or call it on data."
)


def print_summary(
    model: Model,
    line_length: int | None,
    print_fn: Callable[[str], Any] | None,
    expand_nested: bool,
    show_trainable: bool,
    layer_range: Sequence[str] | None,
    notation: str | Notation | None = None,
) -> None:
    """Print the table: each layer's name, class, output shape and number of parameters.

    Args:
        model: the model.
        line_length: the most columns a line may take; the terminal's width for None.
        print_fn: what gets the whole text, in place of ``print``.
        expand_nested: whether the layers of models in the model are listed too.
        show_trainable: whether there is a column that says which layers are trained.
        layer_range: the names of the first and the last layer to list, or patterns of them.
        notation: the notation of the shapes; the one that is set for None. In another than
            ``"keras"`` there is a column with the weights' shapes.

    Raises:
        ValueError: where ``layer_range`` fits no layer, or there is no such notation.

    >>> import glassnet as gn
    >>> hidden, out = gn.layers.Dense(3, name="hidden"), gn.layers.Dense(1, name="out")
    >>> gn.Sequential([gn.Input((2,)), hidden, out], name="small").summary(line_length=60)
    Model: "small"
    ┌────────────────┬──────────────┬─────────┐
    │ Layer (type)   │ Output Shape │ Param # │
    ├────────────────┼──────────────┼─────────┤
    │ hidden (Dense) │ (None, 3)    │       9 │
    │ out (Dense)    │ (None, 1)    │       4 │
    └────────────────┴──────────────┴─────────┘
     Total params: 13 (52.00 B)
     Trainable params: 13 (52.00 B)
     Non-trainable params: 0 (0.00 B)
    """
    width = line_length or _columns()
    plain = print_fn is None and not can_write(sys.stdout, _LINES)
    text = summary(model, width, expand_nested, show_trainable, layer_range, notation)
    if plain:
        text = text.translate(str.maketrans(_LINES, _ASCII)).replace("…", "...")
    (print_fn or print)(text)


def _columns() -> int:
    import shutil  # brings every archive format with it: too dear at import time

    return shutil.get_terminal_size((100, 24)).columns


def summary(
    model: Model,
    width: int = 100,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
    notation: str | Notation | None = None,
) -> str:
    """Return the table and the totals as text of lines no longer than ``width``."""
    shown = get_notation(notation)
    network = model._network
    connected = network is not None and not _is_chain(network)
    table = _Table(["Layer (type)", "Output Shape", "Param #"], right=[2])
    if shown is not KERAS:
        table.add_column("Weights")
    if connected:
        table.add_column("Connected to")
    if show_trainable:
        table.add_column("Trained")
    for layer, depth in _listed(model, expand_nested, layer_range):
        prefix = "   " * depth + "└ " if depth else ""
        row = [f"{prefix}{layer.name} ({type(layer).__name__})", _shape_of(layer, network, shown)]
        row.append(_parameters(layer))
        if shown is not KERAS:
            row.append(_weights_of(layer, shown))
        if connected:
            row.append(_sources(layer, network) if network is not None and not depth else "")
        if show_trainable:
            row.append("-" if not layer.weights else "yes" if layer.trainable else "no")
        table.rows.append(row)
    lines = [f'Model: "{model.name}"', *table.lines(width), *_totals(model)]
    if not model.built:
        lines += textwrap.wrap(_UNBUILT, width, initial_indent=" ", subsequent_indent=" ")
    return "\n".join(lines)


# --- the rows ---------------------------------------------------------------------------------
def _listed(
    model: Model, expand: bool, layer_range: Sequence[str] | None
) -> Iterator[tuple[Layer, int]]:
    """Yield the layers to list, with their depth among nested models."""

    def within(layers: Iterable[Layer], depth: int) -> Iterator[tuple[Layer, int]]:
        for layer in layers:
            yield layer, depth
            if expand and hasattr(layer, "layers"):
                yield from within(layer.layers, depth + 1)

    yield from within(_ranged(model.layers, layer_range), 0)


def _ranged(layers: list[Layer], layer_range: Sequence[str] | None) -> list[Layer]:
    if layer_range is None:
        return layers
    if isinstance(layer_range, str) or len(layer_range) != 2:
        raise ValueError(
            f"layer_range is a pair of layers' names, first and last; got {layer_range!r}."
        )
    places = []
    for pattern in layer_range:
        found = [i for i, layer in enumerate(layers) if re.match(pattern, layer.name)]
        if not found:
            raise ValueError(
                f"layer_range: no layer's name begins as {pattern!r} does; there are "
                f"{', '.join(layer.name for layer in layers)}."
            )
        places.append(found)
    first, last = places
    if min(first) > max(last):
        first, last = last, first
    return layers[min(first) : max(last) + 1]


def _calls_of(layer: Layer, network: Network | None) -> list[LayerCall]:
    """The uses of the layer in the network; any use, where it is in none."""
    own = [call for call in network.calls if call.layer is layer] if network else []
    return own or layer._calls


def _shape_of(layer: Layer, network: Network | None, notation: Notation) -> str:
    shapes = [
        _written([public_shape(t.shape) for t in call.outputs], notation)
        for call in _calls_of(layer, network)
    ]
    if isinstance(layer, InputLayer):
        shapes = [_written(public_shape(layer.output.shape), notation)]
    elif not shapes and layer.output_sizes is not None:
        shapes = [_written(layer.output_sizes, notation)]
    return ", ".join(dict.fromkeys(shapes)) or "?"


def _written(shapes: Any, notation: Notation) -> str:
    """A shape or a structure of shapes as text."""
    if isinstance(shapes, Mapping):
        return "{" + ", ".join(f"{k}: {_written(v, notation)}" for k, v in shapes.items()) + "}"
    if isinstance(shapes, list):
        if len(shapes) == 1:
            return _written(shapes[0], notation)
        return "[" + ", ".join(_written(shape, notation) for shape in shapes) + "]"
    if any(isinstance(size, (tuple, list, Mapping)) for size in shapes):
        return _written(list(shapes), notation)
    return str(tuple(shapes)) if notation is KERAS else shape_text(shapes, notation)


def _weights_of(layer: Layer, notation: Notation) -> str:
    """The shapes of the weights of the layer itself, in the order of ``weights``."""
    own = {id(weight) for weight in layer._own}
    found = [weight for weight in layer.weights if id(weight) in own]
    shapes = [display(layer.arrangement_of(weight, notation.name).shape) for weight in found]
    return ", ".join(f"{w.name} {sizes}" for w, sizes in zip(found, shapes, strict=True)) or "-"


def _parameters(layer: Layer) -> str:
    return f"{_count(layer.weights):,}" if layer.built else "0 (unbuilt)"


def _is_chain(network: Network) -> bool:
    """Tell whether the layers follow each other, one after the other, without branches."""
    if len(network.flat_inputs) != 1 or len(network.calls) != len(network.order):
        return False
    before: Tensor = network.flat_inputs[0]
    for call in network.calls:
        if len(call.outputs) != 1 or len(call.inputs) != 1 or call.inputs[0] is not before:
            return False
        before = call.outputs[0]
    return len(network.layers) == len(network.calls)


def _sources(layer: Layer, network: Network) -> str:
    """The layers whose outputs go into this one."""
    uses = Counter(id(call.layer) for call in network.calls)
    numbers: Counter[int] = Counter()
    number_of: dict[int, int] = {}
    for call in network.calls:
        number_of[id(call)] = numbers[id(call.layer)]
        numbers[id(call.layer)] += 1
    given = {id(t) for t in network.flat_inputs}
    names: list[str] = []
    for call in network.calls:
        if call.layer is not layer:
            continue
        for tensor in _layer_outputs(call.inputs, given):
            if tensor.origin is None or id(tensor) in given:
                names.append(str(tensor.name))
                continue
            maker, place = tensor.origin
            name = maker.layer.name
            if uses[id(maker.layer)] > 1 or len(maker.outputs) > 1:
                name += f"[{number_of.get(id(maker), 0)}][{place}]"
            names.append(name)
    return ", ".join(dict.fromkeys(names)) or "-"


def _layer_outputs(tensors: Sequence[Tensor], given: set[int]) -> Iterator[Tensor]:
    """The inputs and outputs of layers that the tensors are made of, past the ops in between."""
    seen: set[int] = set()
    stack = list(reversed(tensors))
    while stack:
        tensor = stack.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        if tensor.origin is not None or id(tensor) in given:
            yield tensor
        else:
            stack.extend(reversed(tensor.inputs))


# --- the totals -------------------------------------------------------------------------------
def _count(variables: Iterable[Variable]) -> int:
    return sum(v.value.size for v in variables)


def _totals(model: Model) -> list[str]:
    groups = {
        "Total params": model.weights,
        "Trainable params": model.trainable_weights,
        "Non-trainable params": model.non_trainable_weights,
    }
    if model.optimizer is not None and model.optimizer.built:
        groups["Optimizer params"] = model.optimizer.variables
    return [
        f" {name}: {_count(group):,} ({readable_size(sum(v.value.nbytes for v in group))})"
        for name, group in groups.items()
    ]


def readable_size(size: float) -> str:
    """Return a number of bytes for people.

    >>> readable_size(512), readable_size(3 * 1024**2 / 2)
    ('512.00 B', '1.50 MB')
    """
    units = ["B", "KB", "MB", "GB", "TB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{size:.2f} {units[0]}"


# --- the table --------------------------------------------------------------------------------
@dataclass
class _Table:
    """Rows of text between lines; cells that are too wide go on below."""

    header: list[str]
    right: list[int]
    rows: list[list[str]] = field(default_factory=list)

    def add_column(self, name: str) -> None:
        self.header.append(name)

    def lines(self, width: int) -> list[str]:
        widths = self._widths(width)
        yielded = [_rule(widths, "┌┬┐"), *self._row(self.header, widths), _rule(widths, "├┼┤")]
        for i, row in enumerate(self.rows):
            wrapped = self._row(row, widths)
            # A cell of several lines is set off, so that one sees where a layer ends.
            if i and len(wrapped) + self._height(self.rows[i - 1], widths) > 2:
                yielded.append(_rule(widths, "├┼┤"))
            yielded += wrapped
        return [*yielded, _rule(widths, "└┴┘")]

    def _widths(self, width: int) -> list[int]:
        """The columns' widths: as their contents, the widest narrowed until all fit."""
        columns = list(zip(self.header, *self.rows, strict=True))
        widths = [max(map(len, cells)) for cells in columns]
        spare = width - (3 * len(widths) + 1)
        while sum(widths) > spare and max(widths) > _NARROWEST:
            widths[int(np.argmax(widths))] -= 1
        return widths

    def _height(self, row: list[str], widths: list[int]) -> int:
        return len(self._row(row, widths))

    def _row(self, cells: list[str], widths: list[int]) -> list[str]:
        wrapped = [_wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
        lines = []
        for i in range(max(map(len, wrapped))):
            parts = [column[i] if i < len(column) else "" for column in wrapped]
            padded = [
                part.rjust(width) if place in self.right else part.ljust(width)
                for place, (part, width) in enumerate(zip(parts, widths, strict=True))
            ]
            lines.append("│ " + " │ ".join(padded) + " │")
        return lines


def _wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most ``width``, broken between words where they fit."""
    indent = " " * (len(text) - len(text.lstrip(" ")))
    room = max(1, width - len(indent))
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] += " " + word
        else:
            lines += [word[i : i + room] for i in range(0, len(word), room)]
    return [indent + line for line in lines] or [""]


def _rule(widths: list[int], corners: str) -> str:
    return corners[0] + corners[1].join("─" * (w + 2) for w in widths) + corners[2]
