"""Names for the nodes of a training step: W, b, Z, A of each layer, and derivatives after them.

Layers with weights are numbered 1, 2, …; a layer without weights shares the number of what it is
called on. A shared layer's calls are told apart by (1), (2).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from glassnet.explain.recorded import Call, RecordedStep
from glassnet.formulas import Name
from glassnet.graph.order import topological
from glassnet.graph.tensor import STEP, Tensor
from glassnet.graph.variable import Variable

WEIGHT_LETTERS = {
    "kernel": "W", "bias": "b", "gamma": "gamma", "beta": "beta", "embeddings": "E",
    "depthwise_kernel": "K", "pointwise_kernel": "W", "alpha": "a", "moving_mean": "mubar",
    "moving_variance": "Vbar", "moving_stddev": "sigmabar", "renorm_mean": "mutilde",
    "renorm_stddev": "sigmatilde",
}  # fmt: skip
"""How the weights of layers are written, by their names in the layer."""

OWN_LETTERS = frozenset("abceghkoqruvwBEFKNQRSVW")
"""The letters that a weight may have by its own name; the others mean something already."""

STATE_LETTERS = {
    "momentum": "M", "velocity": "V", "average": "Wbar", "gradient_accumulator": "S",
    "velocity_hat": "Vhat", "norm": "u", "accumulator": "N", "linear": "z", "row": "r",
    "column": "c", "accumulated_grad": "V", "accumulated_delta_var": "D",
    "average_gradient": "Gbar", "u_product": "P",
}  # fmt: skip
"""How an optimizer's state is written, by its name."""


@dataclass
class Names:
    """Who is called what.

    Args:
        of: the name of a node, by the node's id.
        also: further names of nodes that have one already.
        numbers: the number of the layer whose call made a node, by id; with the call's count.
        owners: the call that made a node, by id.
    """

    of: dict[int, Name] = field(default_factory=dict)
    also: list[tuple[Name, Tensor]] = field(default_factory=list)
    numbers: dict[int, tuple[int, int]] = field(default_factory=dict)
    owners: dict[int, Call] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    layers: dict[int, Any] = field(default_factory=dict)
    """The layers with weights, by number."""

    def give(self, node: Tensor, name: Name) -> Name:
        """Name a node; a name that is taken gets an index, a named node keeps its first name."""
        known = self.of.get(id(node))
        if known is not None:
            return known
        name = self.unused(name)
        self.of[id(node)] = name
        return name

    def unused(self, name: Name) -> Name:
        """Return the name, with an index where it is taken."""
        index = 1
        while str(name) in self.taken:
            index += 1
            name = replace(name, index=index)
        self.taken.add(str(name))
        return name

    def fresh(self, node: Tensor, letter: str) -> Name:
        """Name a node that has no name of its own: ``T`` with a running index."""
        number, call = self.numbers.get(id(node), (None, 0))
        name = Name(node.symbol or letter, number, call, index=0 if node.symbol else 1)
        while str(name) in self.taken:
            name = replace(name, index=max(name.index, 1) + 1)
        return self.give(node, name)


def name_nodes(step: RecordedStep) -> Names:
    """Return names for leaves, layers' values, loss and cost, and derivatives by all of these."""
    names = Names()
    _name_leaves(step, names)
    numbers = _number_layers(step, names)
    _name_weights(step, names, numbers)
    _name_values(step, names, numbers)
    _name_cost(step, names)
    _name_derivatives(step, names)
    _spread_numbers(step, names)
    return names


def _name_leaves(step: RecordedStep, names: Names) -> None:
    for letter, leaves in (("X", step.inputs), ("Y", step.targets)):
        for i, leaf in enumerate(leaves, 1):
            letter_of = "y" if letter == "Y" and leaf.dtype.kind in "iu" else letter
            names.give(leaf, Name(letter_of, index=i if len(leaves) > 1 else 0))
    names.give(STEP, Name("s"))


def _number_layers(step: RecordedStep, names: Names) -> dict[int, tuple[int, int]]:
    """Number the calls: by the id of the call, its layer's number and which call it is."""
    numbers: dict[int, tuple[int, int]] = {}
    of_layer: dict[int, int] = {}
    count: dict[int, int] = {}
    made: dict[int, int] = {}
    total: dict[int, int] = {}
    for call in step.calls:
        total[id(call.layer)] = total.get(id(call.layer), 0) + 1
    for call in step.calls:
        key = id(call.layer)
        if call.layer._weights:
            if key not in of_layer:
                of_layer[key] = len(of_layer) + 1
                names.layers[of_layer[key]] = call.layer
            number = of_layer[key]
        else:
            known = [made[id(t)] for t in call.inputs if id(t) in made]
            number = max(known, default=0)
        count[key] = count.get(key, 0) + 1
        numbers[id(call)] = (number, count[key] if total[key] > 1 and call.layer._weights else 0)
        for tensor in call.outputs:
            made.setdefault(id(tensor), number)
    return numbers


def _name_weights(step: RecordedStep, names: Names, numbers: dict[int, tuple[int, int]]) -> None:
    for call in step.calls:
        for weight in call.layer._weights:
            names.give(weight, Name(weight_letter(weight), numbers[id(call)][0]))
    for weight in step.weights:
        names.give(weight, Name(weight_letter(weight)))
    for node in [*topological([*step.updates.values(), step.cost]), *step.updates]:
        if isinstance(node, Variable) and id(node) not in names.of:
            names.give(node, _state_name(step, names, node))


def weight_letter(weight: Variable) -> str:
    """Return the letter of a weight: that of its role, else its name if it is one, else W."""
    name = weight.name or ""
    return WEIGHT_LETTERS.get(name, name if name in OWN_LETTERS else "W")


def _state_name(step: RecordedStep, names: Names, variable: Variable) -> Name:
    if id(variable) in step.states:
        weight, name = step.states[id(variable)]
        return Name(STATE_LETTERS.get(name, _letter_of(name)), of=names.of[id(weight)])
    known = {"learning_rate": "eta", "iteration": "t", **STATE_LETTERS}
    return Name(known.get(variable.name or "", _letter_of(variable.name or "v")))


def _letter_of(name: str) -> str:
    return "".join(c for c in name if c.isalpha()) or "v"


def _name_values(step: RecordedStep, names: Names, numbers: dict[int, tuple[int, int]]) -> None:
    claimed: set[int] = {id(n) for n in (*step.inputs, *step.targets)}
    for call in step.calls:
        number, which = numbers[id(call)]
        within = list(_claim(call, claimed))
        if not call.layer._weights:  # a model's own ops belong to the last layer that they need
            number = max([number, *_numbers_below(within, names)])
        for node in within:
            names.numbers[id(node)] = (number, which)
            names.owners[id(node)] = call
            if node.symbol:
                names.give(node, Name(node.symbol, number, which))
            elif any(i is STEP for i in node.inputs):
                names.give(node, Name("D", number, which))
        for output in call.outputs:
            if output.op is not None and any(output is n for n in within):
                names.give(output, Name(output.symbol or call.layer.symbol, number, which))

    for node in topological(step.outputs):  # between the layers
        if node.op is not None and id(node) not in names.numbers:
            found = list(_numbers_below([node], names))
            if found:
                names.numbers[id(node)] = (max(found), 0)


def _numbers_below(nodes: Sequence[Tensor], names: Names) -> Iterator[int]:
    """Yield the numbers of the layers whose values these nodes are made of."""
    for node in nodes:
        for source in node.inputs:
            if id(source) in names.numbers:
                yield names.numbers[id(source)][0]


def _claim(call: Call, claimed: set[int]) -> Iterator[Tensor]:
    """Yield, in order, the nodes that this call made."""
    stop = {id(t) for t in call.inputs}
    found: list[Tensor] = []
    stack = [t for t in call.outputs if id(t) not in stop]
    while stack:
        node = stack.pop()
        if id(node) in claimed or id(node) in stop or node.op is None:
            continue
        claimed.add(id(node))
        found.append(node)
        stack.extend(node.inputs)
    yield from reversed(found)


def _name_cost(step: RecordedStep, names: Names) -> None:
    losses = [n for n in topological([step.cost]) if n.symbol == "L" and id(n) not in names.of]
    for i, node in enumerate(losses, 1):
        names.give(node, Name("L", index=i if len(losses) > 1 else 0))
    for node in topological([step.cost, *step.gradients]):
        if node.op is not None and node.symbol and id(node) not in names.of:
            names.give(node, Name(node.symbol, names.numbers.get(id(node), (None, 0))[0]))
    names.of.pop(id(step.cost), None)
    names.give(step.cost, Name("J"))


def _name_derivatives(step: RecordedStep, names: Names) -> None:
    """Name ∂J/∂Q after Q, for weights and for everything between input and cost."""
    for variable, slope in zip(step.variables, step.gradients, strict=True):
        _give_or_add(names, slope, names.of[id(variable)].d)
    own = {id(v) for v in step.variables}
    trained = set(own)
    for node in topological([step.cost]):
        if any(id(i) in trained for i in node.inputs):
            trained.add(id(node))
        elif step.variables:
            continue  # no weight has a part in it
        name = names.of.get(id(node))
        cotangent = step.cotangents.get(node)
        if name is None or cotangent is None or id(node) in own or node is step.cost:
            continue
        if node.op is None or any(i is STEP for i in node.inputs):
            continue  # nobody asks for the derivative by the data or by what was drawn
        _give_or_add(names, cotangent, name.d)
        if node in step.cotangents and id(node) in names.numbers:
            names.numbers.setdefault(id(cotangent), names.numbers[id(node)])


def _give_or_add(names: Names, node: Tensor, name: Name) -> None:
    if id(node) in names.of or node.op is None:
        names.also.append((names.unused(name), node))
    else:
        names.give(node, name)


def _spread_numbers(step: RecordedStep, names: Names) -> None:
    """Let nodes of the backward pass belong to the layer whose derivative they serve."""
    by_scope: dict[str, tuple[int, int]] = {}
    for call in step.calls:
        for output in call.outputs:
            if id(output) in names.numbers:
                by_scope.setdefault(call.scope, names.numbers[id(output)])
    for node, cotangent in step.cotangents.items():
        if id(node) in names.numbers:
            names.numbers.setdefault(id(cotangent), names.numbers[id(node)])
    roots = [*step.gradients, *step.cotangents.values(), *step.updates.values(), step.cost]
    for node in topological(roots):
        if node.scope in by_scope:
            names.numbers.setdefault(id(node), by_scope[node.scope])
