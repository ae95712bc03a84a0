"""What a diagnosis is made on: a network's step on a batch, its parts, and what they are called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.explain.batches import batch_for
from glassnet.explain.derivation import Derivation
from glassnet.explain.doctor.diagnosis.variant import Arrays, Variant
from glassnet.explain.doctor.diagnosis.walk import ImpossibleSlipError, Walk
from glassnet.explain.evaluation import Evaluation, wide, wide_op
from glassnet.explain.naming import Names
from glassnet.explain.notation import placed_weights
from glassnet.explain.recorded import Call, RecordedStep
from glassnet.graph.dtypes import is_float
from glassnet.graph.op import Op
from glassnet.graph.order import topological
from glassnet.graph.tensor import STEP, Constant, Tensor
from glassnet.graph.variable import Variable
from glassnet.nest import flatten
from glassnet.notation import Arrangement, Notation

if TYPE_CHECKING:
    from glassnet.models.model import Model


@dataclass(frozen=True, eq=False)
class Block:
    """An activation: what goes in, what comes out, between them nothing that learns.

    Args:
        before: Z.
        after: A.
        layer: the layer whose call made it.
        number: the layer's number in the derivation.
    """

    before: Tensor
    after: Tensor
    layer: Any
    number: int

    @property
    def inner(self) -> list[Tensor]:
        """The nodes between, in order, A among them."""
        return _reached(self.before, topological([self.after]))

    def value(self, values: Evaluation, z: np.ndarray) -> np.ndarray:
        """Return A for another Z."""
        return self._forward(values, z)[id(self.after)]

    def _forward(self, values: Evaluation, z: np.ndarray) -> dict[int, np.ndarray]:
        found = {id(self.before): z}
        for node in self.inner:
            arrays = [found[id(i)] if id(i) in found else values[i] for i in node.inputs]
            found[id(node)] = np.asarray(_bound(node, values).value(np, *arrays))
        return found

    def back(self, values: Evaluation, z: np.ndarray, g: np.ndarray) -> np.ndarray:
        """Return the derivative by Z, with the derivative taken at ``z``, for that by A."""
        found = self._forward(values, z)
        received = {id(self.after): g}
        for node in reversed(self.inner):
            if id(node) not in received:
                continue
            inputs = [Constant(found.get(id(i), values[i])) for i in node.inputs]
            parts = _bound(node, values).vjp(
                Constant(received[id(node)]), Constant(found[id(node)]), *inputs
            )
            for source, part in zip(node.inputs, parts, strict=True):
                if part is not None and id(source) in found:
                    earlier = received.get(id(source))
                    array = np.asarray(part)
                    received[id(source)] = array if earlier is None else earlier + array
        return received.get(id(self.before), np.zeros_like(z))


def _bound(node: Tensor, values: Evaluation) -> Op:
    return wide_op(node).bind(values.sizes)


@dataclass(eq=False)
class Case:
    """A training step on one batch.

    Args:
        step: the recorded step.
        values: the values of its nodes, in float64.
        names: what the nodes are called.
        derivation: the equations.
        examples: m.
        learning_rate: η of the compiled optimizer; 0 where it has none.
        arrangements: how the weights lie in the notation.
    """

    step: RecordedStep
    values: Evaluation
    names: Names
    derivation: Derivation
    examples: int
    learning_rate: float = 0.0
    arrangements: Mapping[Tensor, Arrangement] = field(default_factory=dict)
    walk: Walk = field(init=False)

    def __post_init__(self) -> None:
        self._walk_to([*self.step.variables, *(i for i in self.step.inputs if is_float(i.dtype))])

    def _walk_to(self, leaves: list[Tensor]) -> None:
        self.walk = Walk(self.values, self.step.cost, leaves, np.asarray(1.0))

    def look_at(self, names: Iterable[str]) -> None:
        """Leave the derivative by the inputs, often the dearest product, where nobody asks."""
        asked = {id(self.by_derivative[name]) for name in names}
        if not any(id(i) in asked for i in self.step.inputs):
            self._walk_to(list(self.step.variables))

    @classmethod
    def of_model(cls, model: Model, x: Any, y: Any, notation: Notation) -> Case:
        """Return the case of a compiled model on a batch.

        Raises:
            ValueError: where the model is not compiled, or the batch does not fit.
        """
        batch = batch_for(model, x, y, "diagnose()")
        derivation = Derivation(model, batch, notation, with_numbers=True)
        rate = getattr(model.optimizer, "learning_rate", 0.0)
        try:
            rate = float(np.asarray(rate))
        except (TypeError, ValueError):
            rate = 0.0
        # The person computed with the arrays as they are, not rounded to the model's float type.
        exact = [wide(a) for a in (*flatten(x), *flatten(y)) if a is not None]
        leaves = (*derivation.recorded.inputs, *derivation.recorded.targets)
        values = derivation.evaluation.with_leaves(dict(zip(leaves, exact, strict=True)))
        placed: dict[Tensor, Arrangement] = {
            p.weight: p.arrangement(notation) for p in placed_weights(model)
        }
        return cls(
            derivation.recorded, values, derivation.names, derivation, values.examples, rate, placed
        )

    # --- names --------------------------------------------------------------------------------
    @cached_property
    def nodes(self) -> dict[str, Tensor]:
        """The named quantities of the forward pass, by name."""
        order = self.walk.order
        found = {str(self.names.of[id(n)]): n for n in order if id(n) in self.names.of}
        for name, node in self.names.also:
            found.setdefault(str(name), node)
        return found

    @cached_property
    def by_derivative(self) -> dict[str, Tensor]:
        """The nodes by the names of the derivatives by them: ``"dW2"``, ``"dZ2"``, ``"dX"``."""
        return {f"d{name}": node for name, node in self.nodes.items() if is_float(node.dtype)}

    def name(self, node: Tensor) -> str:
        """What a node is called; where it has no name, after the next one that has."""
        while id(node) not in self.names.of and len(node.inputs) == 1:
            if not np.array_equal(self.values[node], self.values[node.inputs[0]]):
                break
            node = node.inputs[0]  # the same numbers in another type
        while id(node) not in self.names.of:
            users = self.walk.users(node)
            if len(users) != 1:
                break
            node = users[0]
        known = self.names.of.get(id(node))
        return "what comes back" if known is None else str(known)

    def place(self, layer: Any, number: int) -> str:
        """A layer as sentences name it: ``"layer 2 (Dense)"``."""
        kind = type(layer).__name__
        return f"layer {number} ({kind})" if number else f"layer {layer.name!r} ({kind})"

    def place_of(self, node: Tensor) -> str:
        """The layer that made a node, as sentences name it."""
        owner = self.names.owners.get(id(node))
        if owner is None:
            return "the cost"
        return self.place(owner.layer, self.names.numbers.get(id(node), (0, 0))[0])

    # --- parts --------------------------------------------------------------------------------
    @cached_property
    def blocks(self) -> list[Block]:
        """The activations on the way from the cost, the last one first."""
        inside = {id(n) for n in self.walk.order}
        found: dict[int, Block] = {}
        for call in self.step.calls:
            for block in self._blocks_of(call):
                if id(block.after) in inside and id(block.before) in inside:
                    found.setdefault(id(block.after), block)
        place = {id(n): i for i, n in enumerate(self.walk.order)}
        return sorted(found.values(), key=lambda b: -place[id(b.after)])

    def _blocks_of(self, call: Call) -> Iterator[Block]:
        if len(call.outputs) != 1:
            return
        after = call.outputs[0]
        within = list(_between(call))
        before = next((n for n in within if n.symbol == "Z"), None)
        if before is None and len(call.inputs) == 1 and not call.layer._weights:
            before = call.inputs[0]
        if before is None or before is after or before.shape != after.shape:
            return
        after_it = _reached(before, within)
        if any(isinstance(i, Variable) or is_drawn(i) for n in after_it for i in n.inputs):
            return
        if any(is_float(n.dtype) and not n.op.differentiable for n in after_it if n.op):
            return
        if after_it:
            number = self.names.numbers.get(id(after), (0, 0))[0]
            yield Block(before, after, call.layer, number)

    @cached_property
    def penalties(self) -> list[Tensor]:
        """The summands of the cost that depend on weights alone."""
        given = [*self.step.inputs, *self.step.targets]
        reaching = _depending(self.walk.order, given)
        return [
            node
            for node in self.walk.order
            for user in self.walk.users(node)
            if user.op is not None and user.op.additive and user.shape == ()
            and id(user) in reaching and id(node) not in reaching and node.op is not None
        ]  # fmt: skip

    @cached_property
    def penalised(self) -> set[Tensor]:
        """The nodes of the penalties."""
        return {n for n in topological(self.penalties) if n.op is not None}

    @cached_property
    def losses(self) -> list[tuple[Tensor, Tensor, Tensor]]:
        """(what the loss reads, what the model predicts, the targets), for each output.

        What it reads is Z where the last activation is a part of the loss.
        """
        found: list[tuple[Tensor, Tensor, Tensor]] = []
        for prediction, target in zip(self.step.outputs, self.step.targets, strict=False):
            read = prediction
            if id(read) not in {id(n) for n in self.walk.order}:
                read = self._held_against(target, read)
            found.append((read, prediction, target))
        return found

    def _held_against(self, target: Tensor, prediction: Tensor) -> Tensor:
        """What the loss holds against a target; the prediction where that can't be told."""
        of_target = _depending(self.walk.order, [target])
        for node in self.walk.order:
            if id(node) in of_target:
                for source in node.inputs:
                    if id(source) not in of_target and self.walk.asks(source):
                        return source
        return prediction

    @cached_property
    def weights(self) -> list[tuple[str, Variable]]:
        """The trained weights with their names, the last layer's first."""
        named = [(self.name(v), v) for v in self.step.variables]
        place = {id(n): i for i, n in enumerate(self.walk.order)}
        first: dict[int, int] = {}
        for node in self.walk.order:
            for source in node.inputs:
                first.setdefault(id(source), place[id(node)])
        return sorted(named, key=lambda pair: -first.get(id(pair[1]), 0))

    def predicted(self, variant: Variant | None, names: Sequence[str]) -> Arrays:
        """Return the gradients that a mistake gives, by name; the right ones for None.

        Raises:
            ImpossibleSlipError: where nobody can have made it here.
        """
        walk = self.walk
        try:
            if variant is not None and (variant.changes or variant.moved or variant.forward):
                anew = variant.moved or variant.forward
                values = self.values.with_leaves(variant.moved, variant.forward) if anew else None
                walk = walk.changed(variant.changes, values)
            found = {name: np.asarray(walk[self.by_derivative[name]]) for name in names}
            for after in variant.after if variant is not None else ():
                found = after(found)
        except (ValueError, IndexError) as error:  # a wrong rule on arrays that do not fit it
            raise ImpossibleSlipError from error
        return found

    def variants(self, names: list[str]) -> Iterable[Variant]:
        """The catalogue of mistakes in this network."""
        from glassnet.explain.doctor.diagnosis.catalogue import variants_of

        return variants_of(self, names)

    def is_weight(self, name: str) -> bool:
        """Whether a derivative is by a weight."""
        return isinstance(self.by_derivative[name], Variable)

    def output_sizes(self) -> list[int]:
        """How many numbers the network predicts for an example, for each output."""
        return [int(np.prod(self.values[read].shape[1:])) for read, _, _ in self.losses]

    def positions(self, name: str) -> list[int]:
        """At how many positions of one example a weight is used, for each use."""
        shapes = [self.values[u].shape for u in self.walk.users(self.by_derivative[name])]
        return [int(np.prod(shape[1:-1])) for shape in shapes if len(shape) > 2]

    @cached_property
    def squared(self) -> bool:
        """Whether the loss is a squared error: its derivative a multiple of A − Y."""
        for read, _, target in self.losses:
            slope, y = self.walk[read], self.values[target]
            if y.size == slope.size and is_float(target.dtype):
                error = self.values[read] - y.reshape(slope.shape)
                factor = 2.0 / (self.examples if self.averaged else 1)
                ratios = [factor, factor / max(slope[0].size, 1)]
                if any(np.allclose(slope, r * error) for r in ratios):
                    return True
        return False

    @cached_property
    def averaged(self) -> bool:
        """Whether the cost is a mean over the examples, not their sum."""
        return any(
            source.op is not None and "m" in source.op.symbols() and not source.inputs
            for node in self.walk.order if node.shape == ()
            for source in node.inputs
        )  # fmt: skip

    def equation(self, name: str) -> str:
        """The line of the derivation that defines a derivative, as text; empty if there is none."""
        try:
            return self.derivation.unicode(name)
        except KeyError:
            return ""


def is_drawn(node: Tensor) -> bool:
    """Tell whether a node is a random draw."""
    return node is STEP or any(i is STEP for i in node.inputs)


def _between(call: Call) -> Iterator[Tensor]:
    """The nodes that a call made, in order."""
    stop = {id(t) for t in call.inputs}
    reached: dict[int, Tensor] = {}
    stack = [t for t in call.outputs if id(t) not in stop]
    while stack:
        node = stack.pop()
        if id(node) not in reached and id(node) not in stop and node.op is not None:
            reached[id(node)] = node
            stack.extend(node.inputs)
    yield from (n for n in topological(list(call.outputs)) if id(n) in reached)


def _reached(start: Tensor, nodes: Sequence[Tensor]) -> list[Tensor]:
    """The nodes among these, in order, that depend on ``start``."""
    found, seen = [], {id(start)}
    for node in nodes:
        if any(id(i) in seen for i in node.inputs):
            seen.add(id(node))
            found.append(node)
    return found


def _depending(order: Sequence[Tensor], leaves: Sequence[Tensor]) -> set[int]:
    seen = {id(leaf) for leaf in leaves}
    for node in order:
        if any(id(i) in seen for i in node.inputs):
            seen.add(id(node))
    return seen
