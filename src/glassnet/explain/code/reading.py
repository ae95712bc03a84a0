"""What an emitted program says, read from the equations: which ones it needs, in which section.

A program writes no equation that nothing needs. Its sections follow from what depends on what:
forward is what the outputs are made of, cost what J takes beside that, backward what the gradients
take, and the rest belongs to the update.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.explain.equations import Equation, EquationWriter
from glassnet.explain.naming import Names, name_nodes
from glassnet.explain.orientation import Orientation
from glassnet.explain.recorded import Call, RecordedStep, merged, record_step
from glassnet.formulas import Name, Quantity, SizeOf, Term, matrix_shape
from glassnet.graph.dimension import Dim, Shape, symbols
from glassnet.graph.recording import recording
from glassnet.graph.tensor import STEP, Tensor
from glassnet.models.data import Batch
from glassnet.models.steps import placeholders
from glassnet.nest import flatten
from glassnet.notation import Notation
from glassnet.ops.elementwise import cast
from glassnet.ops.reduction import sum as sum_

if TYPE_CHECKING:
    from glassnet.models.model import Model

RESERVED = {"np", "sys", "parameters", "cache", "grads", "state", "rng", "m", "k", "chosen"}


@dataclass(frozen=True)
class Leaf:
    """An input, a target or a weight as the program has it.

    Args:
        name: the variable's name.
        shape: its shape in the notation.
        turned: whether it lies transposed, seen from what runs.
        tensor: what it is in the graph.
    """

    name: str
    shape: Shape
    turned: bool
    tensor: Tensor

    def array(self, value: Any) -> np.ndarray:
        """Return an array of the graph as the program has it."""
        found = np.asarray(value)
        inside = self.shape[::-1] if self.turned else self.shape
        sizes = [found.shape[0] if isinstance(s, Dim) else s for s in inside]
        found = found.reshape(sizes if all(isinstance(s, int) for s in sizes) else found.shape)
        return np.ascontiguousarray(found.T if self.turned else found)

    def inside(self, value: np.ndarray) -> np.ndarray:
        """Return an array of the program as the graph has it."""
        found = value.T if self.turned else value
        shape = self.tensor.shape
        return found.reshape([found.shape[0] if isinstance(s, Dim) else s for s in shape])

    @property
    def value(self) -> np.ndarray:
        """The array that a weight has now, as the graph has it."""
        return np.asarray(self.tensor.numpy())

    @property
    def examples(self) -> int:
        """The axis that counts examples."""
        return len(self.shape) - 1 if self.turned else 0


class Reading:
    """The equations of one recorded graph in one notation, sorted for a program.

    Args:
        step: the recorded graph.
        notation: the notation.
        like: the reading of the training step, whose weights this one shares.
    """

    def __init__(
        self,
        step: RecordedStep,
        notation: Notation,
        *,
        distributions: bool | Sequence[bool] = True,
        like: Reading | None = None,
    ) -> None:
        self.step, self.notation = step, notation
        self.names: Names = name_nodes(step)
        self.writer = EquationWriter(step, self.names, distributions=distributions)
        inside = self.writer.equations()
        self.orientation = Orientation(inside, notation.name)
        if like is not None:
            shared = {leaf.name for leaf in (*like.inputs, *like.weights)}
            self.orientation.turned -= shared
            self.orientation.turned |= like.orientation.turned & shared
        self.equations = [self.orientation.equation(e) for e in inside]
        self.defined = {str(e.name): e for e in self.equations if e.target is None}

    # --- leaves -------------------------------------------------------------------------------
    def leaf(self, tensor: Tensor) -> Leaf:
        """Return an input, target, weight or constant as the program has it."""
        inside = Quantity(self.names.of[id(tensor)], matrix_shape(tensor.shape))
        turned = self.orientation.is_turned(inside)
        shape = self.orientation.shape(inside)
        return Leaf(str(inside.name), shape, turned and len(shape) == 2, tensor)

    @cached_property
    def inputs(self) -> list[Leaf]:
        """X."""
        return [self.leaf(t) for t in self.step.inputs]

    @cached_property
    def targets(self) -> list[Leaf]:
        """Y."""
        return [self.leaf(t) for t in self.step.targets]

    @cached_property
    def weights(self) -> list[Leaf]:
        """The weights that the program uses, trained ones and others, in the model's order."""
        used = self.used
        found = [self.leaf(w) for w in self.step.weights if id(w) in self.names.of]
        updated = {id(v) for v in self.step.updates}
        return [w for w in found if w.name in used or id(w.tensor) in updated]

    @property
    def trained(self) -> dict[str, str]:
        """The name of the derivative of each trained weight, by the weight's name."""
        return {str(name): str(name.d) for name in self._trained_names}

    @property
    def _trained_names(self) -> list[Name]:
        return [self.names.of[id(v)] for v in self.step.variables]

    @cached_property
    def constants(self) -> dict[str, np.ndarray]:
        """The arrays among the constants that are used."""
        found = {}
        for node in self.writer.order:
            if id(node) in self.writer.constants:
                leaf = self.leaf(node)
                if leaf.name in self.used:
                    found[leaf.name] = leaf.array(self.writer.constants[id(node)])
        return found

    @property
    def takes_step(self) -> bool:
        """Whether the forward pass draws random numbers, which the number of the step decides."""
        return str(self.names.of[id(STEP)]) in names_in(e.term for e in self.forward)

    # --- sections -----------------------------------------------------------------------------
    @cached_property
    def outputs(self) -> list[Term]:
        """What the model predicts, as terms."""
        columns = self.notation.examples == "columns"
        found: list[Term] = []
        for tensor in self.step.outputs:
            term = self.writer.terms[id(tensor)]
            turn = columns and len(matrix_shape(tensor.shape)) == 2
            if isinstance(term, Quantity) and self.orientation.is_turned(term) == turn:
                found.append(self.orientation.quantity(term))
            else:
                found.append(self.orientation.turn(term, turn))
        return found

    @cached_property
    def forward(self) -> list[Equation]:
        """What the outputs are made of."""
        return self._needed(self.outputs, ())

    @cached_property
    def cost(self) -> list[Equation]:
        """What J takes beside that."""
        cost = self.orientation.turn(self.writer.terms[id(self.step.cost)], False)
        name = str(self.names.of[id(self.step.cost)])
        found = self._needed([cost], self.forward)
        if not any(str(e.name) == name for e in found):  # a number, or what has another name
            quantity = Quantity(self.names.of[id(self.step.cost)])
            found.append(Equation(quantity, cost, self.step.cost, "cost"))
        return found

    @cached_property
    def backward(self) -> list[Equation]:
        """What the gradients take beside that."""
        wanted = [self.defined[name].quantity for name in self.trained.values()]
        return _in_time(self._needed(wanted, [*self.forward, *self.cost]))

    @cached_property
    def updates(self) -> list[Equation]:
        """The new values, and what they take beside that."""
        news = [e for e in self.equations if e.target is not None]
        before = [*self.forward, *self.cost, *self.backward]
        return [*self._needed([e.term for e in news], before), *news]

    @cached_property
    def sections(self) -> list[Equation]:
        """All equations that the program needs."""
        return [*self.forward, *self.cost, *self.backward, *self.updates]

    @cached_property
    def used(self) -> set[str]:
        """The names that the equations mention."""
        return names_in([*self.outputs, *(e.term for e in self.sections)])

    def _needed(self, terms: Sequence[Term], there: Iterable[Equation]) -> list[Equation]:
        """The equations that these terms take beside those that are there, in order."""
        have = {str(e.name) for e in there if e.target is None}
        wanted: set[str] = set()
        stack = list(names_in(terms))
        while stack:
            name = stack.pop()
            if name in wanted or name in have or name not in self.defined:
                continue
            wanted.add(name)
            stack.extend(names_in([self.defined[name].term]))
        return [e for e in self.equations if e.target is None and str(e.name) in wanted]


def read_training(
    model: Model, batch: Batch, notation: Notation, distributions: bool | Sequence[bool]
) -> Reading:
    """Return the training step of a compiled model."""
    step = record_step(model, batch, per_example=notation.examples == "columns")
    return Reading(step, notation, distributions=distributions)


def read_inference(model: Model, batch: Batch, notation: Notation, like: Reading) -> Reading:
    """Return what the model predicts outside training, with the weights called as in ``like``."""
    symbolic, _ = placeholders(Batch(batch.x), np.dtype(model.dtype))
    with recording() as opened:
        outputs = model(symbolic.x, training=False)
        flat = list(flatten(outputs))
        total = sum_(cast(flat[0], model.dtype))
        for output in flat[1:]:
            total = total + sum_(cast(output, model.dtype))
        calls = [
            Call(layer, scope, _tensors(args), _tensors(out))
            for layer, scope, args, out in opened.calls
        ]
    step = RecordedStep(
        list(flatten(symbolic.x)), [], flat, total, calls, [], {}, [], {}, weights=model.weights
    )
    return _Prediction(merged(step), notation, like=like)


class _Prediction(Reading):
    """The reading of a prediction: its cost stands for nothing."""

    @cached_property
    def sections(self) -> list[Equation]:
        return self.forward


def _tensors(structure: Any) -> list[Tensor]:
    return [t for t in flatten(structure) if isinstance(t, Tensor)]


def _in_time(equations: Sequence[Equation]) -> list[Equation]:
    """The same, what is no derivative by anything right before it is needed."""
    between = {str(e.name): e for e in equations if e.of is None and not e.name.derivative}
    result: list[Equation] = []

    def add(e: Equation) -> None:
        for name in sorted(names_in([e.term])):
            if name in between:
                add(between.pop(name))
        result.append(e)

    for e in equations:
        if str(e.name) not in between and e not in result:
            add(e)
    return result


# --- names and sizes in terms -------------------------------------------------------------------
def names_in(terms: Iterable[Term]) -> set[str]:
    """Return the names that terms mention."""
    return {str(p.name) for t in terms for p in t.walk() if isinstance(p, Quantity)}


def mentions_size(equation: Equation) -> bool:
    """Tell whether the source of an equation mentions m."""
    if equation.term.shape != equation.quantity.shape and symbols(equation.quantity.shape):
        return True
    return any(_size_in(p) for p in equation.term.walk())


def _size_in(term: Term) -> bool:
    if isinstance(term, SizeOf):
        return bool(symbols((term.size,)))
    return bool(symbols(tuple(v for _, v in getattr(term, "parameters", ()))))


def called(name: str) -> str:
    """Return the variable for a quantity; a word of Python or of the program gets an underscore.

    >>> called("W1"), called("lambda"), called("state")
    ('W1', 'lambda_', 'state_')
    """
    return f"{name}_" if keyword.iskeyword(name) or name in RESERVED else name
