"""The training step of a model as the derivation reads it: nodes, and which calls made them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.graph import dtypes
from glassnet.graph.derivative import gradients
from glassnet.graph.dimension import Dim
from glassnet.graph.order import topological
from glassnet.graph.recording import as_tensor, recording
from glassnet.graph.tensor import Constant, Placeholder, Tensor
from glassnet.graph.variable import Variable
from glassnet.models.curved import needs_objective
from glassnet.models.data import Batch
from glassnet.models.steps import placeholders, record_loss
from glassnet.nest import flatten
from glassnet.ops.reduction import number

if TYPE_CHECKING:
    from glassnet.models.model import Model


@dataclass(eq=False)
class Call:
    """One call of a layer: the layer, where, its inputs and outputs."""

    layer: Any
    scope: str
    inputs: list[Tensor]
    outputs: list[Tensor]


@dataclass(eq=False)
class RecordedStep:
    """A training step, recorded: equal nodes are one node.

    Args:
        inputs: the placeholders of x; ``targets`` those of y.
        outputs: what the model predicts.
        cost: J.
        calls: the calls of layers, in order, inner ones before those around them.
        variables: the weights that are trained.
        cotangents: ∂J/∂node by node, for every node that the cost depends on; times m where
            ``per_example`` and the node is no weight.
        gradients: ∂J/∂weight, in the order of ``variables``.
        updates: the new values of weights and of the optimizer's state; where the optimizer asks
            for the loss itself, its step is no part of the graph, and they are those of layers.
        per_example: whether derivatives by what there is one of an example are taken of m J.
    """

    inputs: list[Placeholder]
    targets: list[Placeholder]
    outputs: list[Tensor]
    cost: Tensor
    calls: list[Call]
    variables: list[Variable]
    cotangents: dict[Tensor, Tensor]
    gradients: list[Tensor]
    updates: dict[Variable, Tensor]
    per_example: bool = False
    weights: Sequence[Variable] = ()
    states: dict[int, tuple[Variable, str]] = field(default_factory=dict)
    """The optimizer's state: by id, the weight it belongs to and its name."""
    optimizer: Any = None
    """The optimizer whose update was recorded: the model's own, or a copy of it."""


def record_step(model: Model, batch: Batch, *, per_example: bool = False) -> RecordedStep:
    """Record forward pass, cost, gradients and update of a compiled model.

    Args:
        model: the model.
        batch: arrays of the right shapes and kinds; their values do not matter.
        per_example: whether the course's convention holds, ``dZ = m ∂J/∂Z``.
    """
    symbolic, _ = placeholders(batch, np.dtype(model.dtype))
    optimizer = optimizer_for(model)
    with recording() as opened:
        outputs = model(symbolic.x, training=True)
        cost, _ = record_loss(model, symbolic, outputs, training=True)
        variables = model.trainable_weights
        of_weights, rest = parts_of_cost(cost, symbolic)
        between = [n for n in topological([cost]) if dtypes.is_float(n.dtype)]
        seed = number(Dim.named("m"), cost.dtype) if per_example else as_tensor(1.0, cost.dtype)
        found = gradients([rest], [*between, *variables], [seed]) if rest is not None else None
        slopes = _weight_gradients(
            variables, found, len(between), of_weights, seed if per_example else None
        )
        calls = list(opened.calls)
        if variables and optimizer is not None and not needs_objective(optimizer):
            scaled = [optimizer.scale_loss(slope) for slope in slopes]  # it divides by that again
            optimizer.apply(scaled, variables)
        updates = dict(opened.updates)
    cotangents = dict(zip(between, found or (), strict=False))
    made = [Call(layer, scope, _tensors(args), _tensors(out)) for layer, scope, args, out in calls]
    states = {} if optimizer is None else _states(optimizer, variables)
    step = RecordedStep(
        list(flatten(symbolic.x)), [t for t in flatten(symbolic.y) if t is not None],
        list(flatten(outputs)), cost, made, variables, cotangents, slopes, updates, per_example,
        model.weights, states, optimizer,
    )  # fmt: skip
    return merged(step)


def optimizer_for(model: Model) -> Any:
    """Return the model's optimizer; before the first step a copy, for reading changes nothing."""
    optimizer = model.optimizer
    if optimizer is None or optimizer.built:
        return optimizer
    copied = type(optimizer).from_config(optimizer.get_config())
    for told in ("_undecayed", "_undecayed_names"):  # by exclude_from_weight_decay
        setattr(copied, told, getattr(optimizer, told))
    return copied


def _tensors(structure: Any) -> list[Tensor]:
    return [t for t in flatten(structure) if isinstance(t, Tensor)]


def parts_of_cost(cost: Tensor, symbolic: Batch) -> tuple[list[Tensor], Tensor | None]:
    """The summands of the cost that depend on weights alone, and the rest as one tensor."""
    given = {id(p) for p in flatten(symbolic) if p is not None}
    depends: set[int] = set()
    for node in topological([cost]):
        if id(node) in given or any(id(i) in depends for i in node.inputs):
            depends.add(id(node))
    if id(cost) not in depends:
        return [cost], None
    alone: list[Tensor] = []
    while cost.op is not None and cost.op.additive and cost.shape == ():
        first, second = cost.inputs
        if id(second) not in depends:
            alone.append(second)
            cost = first
        elif id(first) not in depends:
            alone.append(first)
            cost = second
        else:
            break
    return alone, cost


def _weight_gradients(
    variables: Sequence[Variable],
    found: Sequence[Tensor] | None,
    skipped: int,
    of_weights: Sequence[Tensor],
    seed: Tensor | None,
) -> list[Tensor]:
    """∂J/∂weight: what comes through the examples, over m again, and what penalties add."""
    ones = [as_tensor(1.0, p.dtype) for p in of_weights]
    penalties = gradients(list(of_weights), variables, ones) if of_weights else None
    reached = {id(n) for n in topological(list(of_weights))}
    result = []
    for i, variable in enumerate(variables):
        slope = None if found is None else found[skipped + i]
        if slope is not None and seed is not None:
            slope = slope / seed.astype(slope.dtype)
        if penalties is not None and id(variable) in reached:
            slope = penalties[i] if slope is None else slope + penalties[i]
        result.append(penalties[i] if slope is None and penalties is not None else slope)
    return [r for r in result if r is not None]


def _states(optimizer: Any, variables: Sequence[Variable]) -> dict[int, tuple[Variable, str]]:
    return {id(state): (weight, name) for weight, name, state in optimizer.slots(variables)}


# --- equal nodes become one -------------------------------------------------------------------
def merged(step: RecordedStep) -> RecordedStep:
    """Return the step with nodes that compute the same thing made one node."""
    roots = [
        *step.outputs, step.cost, *(t for c in step.calls for t in (*c.inputs, *c.outputs)),
        *step.cotangents, *step.cotangents.values(), *step.gradients, *step.updates.values(),
    ]  # fmt: skip
    same = representatives(roots)

    def one(tensor: Tensor) -> Tensor:
        return same[id(tensor)]

    calls = [Call(c.layer, c.scope, list(map(one, c.inputs)), list(map(one, c.outputs)))
             for c in step.calls]  # fmt: skip
    cotangents: dict[Tensor, Tensor] = {}
    for node, cotangent in step.cotangents.items():
        cotangents.setdefault(one(node), one(cotangent))
    return RecordedStep(
        step.inputs, step.targets, list(map(one, step.outputs)), one(step.cost), calls,
        step.variables, cotangents, list(map(one, step.gradients)),
        {v: one(t) for v, t in step.updates.items()}, step.per_example, step.weights, step.states,
        step.optimizer,
    )  # fmt: skip


def representatives(roots: Iterable[Tensor]) -> dict[int, Tensor]:
    """Return, by id, the node that stands for each node: the first that computes the same."""
    same: dict[int, Tensor] = {}
    first: dict[Any, Tensor] = {}
    for node in topological(list(roots)):
        if node.op is None:
            key: Any = _leaf_key(node)
            same[id(node)] = first.setdefault(key, node)
            continue
        inputs = tuple(same[id(i)] for i in node.inputs)
        key = (node.op, tuple(map(id, inputs)), node.shape, node.dtype)
        known = first.get(key)
        if known is None:
            changed = any(a is not b for a, b in zip(inputs, node.inputs, strict=True))
            known = first[key] = _with_inputs(node, inputs) if changed else node
        elif known.symbol is None:
            known.symbol = node.symbol
        same[id(node)] = known
    return same


def _with_inputs(node: Tensor, inputs: tuple[Tensor, ...]) -> Tensor:
    copy = Tensor(node.op, inputs, node.shape, node.dtype, scope=node.scope, name=node.name)
    copy.symbol = node.symbol
    return copy


def _leaf_key(node: Tensor) -> Any:
    if isinstance(node, Constant):
        return ("constant", node.dtype.str, node.value.shape, node.value.tobytes())
    return id(node)
