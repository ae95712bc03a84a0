"""The nodes of a recorded step on one batch, computed in float64, and the cost when one moves.

A float32 model is computed in float64 here, from its weights as they are: rounding is then small
enough for difference quotients to tell something. Random draws are those of the run, in the
model's own float type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.explain.recorded import RecordedStep
from glassnet.graph.dimension import Shape, bind
from glassnet.graph.dtypes import is_float
from glassnet.graph.op import Op
from glassnet.graph.order import topological
from glassnet.graph.tensor import STEP, Constant, Tensor
from glassnet.graph.variable import Variable
from glassnet.models.data import Batch
from glassnet.nest import flatten

if TYPE_CHECKING:
    from glassnet.models.model import Model

Task = tuple[Callable[..., Any], tuple[int, ...], int]
"""An op's function, the ids of its inputs, the id of the node."""


class Evaluation:
    """The values of a graph's nodes for given leaves.

    Args:
        step: the recorded step.
        arrays: the arrays of its inputs and targets, in order.
        number: the number of the training step, which random draws depend on.

    The weights' values are those at the moment when it is made.
    """

    def __init__(self, step: RecordedStep, arrays: Sequence[np.ndarray], number: int) -> None:
        self.step = step
        self.examples = len(arrays[0])
        self.sizes = {"m": self.examples}
        self._values: dict[int, np.ndarray] = {id(STEP): np.asarray(number)}
        for leaf, array in zip((*step.inputs, *step.targets), arrays, strict=True):
            self._values[id(leaf)] = wide(array)
        self._leaves: list[Tensor] = [*step.inputs, *step.targets]
        roots = [step.cost, *step.outputs, *step.gradients, *step.updates.values()]
        for node in (*topological(roots), *step.updates, *step.weights):
            if isinstance(node, Variable) and id(node) not in self._values:
                self._values[id(node)] = wide(node.value)
                self._leaves.append(node)
        self._behind: dict[tuple[int, ...], list[Task]] = {}
        self._functions: Mapping[int, Callable[..., Any]] = {}
        self._kept: list[Tensor] = []
        """The nodes that have values: an id is a node's own only as long as the node lives."""

    @classmethod
    def of_batch(cls, step: RecordedStep, batch: Batch, model: Model) -> Evaluation:
        """Return the evaluation on a batch, with the draws of the model's next training step."""
        arrays = [a for a in (*flatten(batch.x), *flatten(batch.y)) if a is not None]
        return cls(step, arrays, model.progress.seen)

    def compute(self, nodes: Iterable[Tensor]) -> None:
        """Compute these nodes and all that they need."""
        with np.errstate(all="ignore"):
            for node in topological(list(nodes)):
                if id(node) not in self._values:
                    self._values[id(node)] = self._computed(node)
                    self._kept.append(node)

    def __getitem__(self, node: Tensor) -> np.ndarray:
        """The value of a node."""
        if id(node) not in self._values:
            self.compute([node])
        return self._values[id(node)]

    def _computed(self, node: Tensor) -> np.ndarray:
        if isinstance(node, Constant):
            return as_written(node.value)
        function, sources, _ = self._task(node)
        return np.asarray(function(*[self._values[s] for s in sources]))

    def _task(self, node: Tensor) -> Task:
        assert node.op is not None
        op = wide_op(node).bind(self.sizes)
        function = self._functions.get(id(node), partial(_wide_value, op))
        return function, tuple(map(id, node.inputs)), id(node)

    def shape(self, shape: Shape) -> tuple[int, ...]:
        """Return a shape with the sizes of this batch."""
        return tuple(bind(size, self.sizes) for size in shape)

    # --- when something moves -----------------------------------------------------------------
    def cost_at(self, moved: Mapping[Tensor, np.ndarray]) -> float:
        """Return the cost with the values of some nodes replaced, and of what depends on them.

        What an op says to have no derivative keeps its value: a rounded number jumps, and a value
        taken out of the derivative (``stop_gradient``) counts as a constant there.
        """
        values = {id(node): array for node, array in moved.items()}
        for function, sources, target in self._tasks_behind(tuple(moved)):
            if target not in values:
                with np.errstate(all="ignore"):
                    values[target] = np.asarray(
                        function(*[values.get(s, self._values[s]) for s in sources])
                    )
        return float(values.get(id(self.step.cost), self._values[id(self.step.cost)]))

    def _tasks_behind(self, nodes: tuple[Tensor, ...]) -> list[Task]:
        """What must be computed anew when these nodes move, in order."""
        key = tuple(map(id, nodes))
        if key not in self._behind:
            order = topological([self.step.cost])
            self.compute([self.step.cost])
            reached = set(map(id, nodes))
            tasks = []
            for node in order:
                op = node.op
                held = op is not None and not op.differentiable and is_float(node.dtype)
                if op is None or held or not any(id(i) in reached for i in node.inputs):
                    continue
                if id(node) not in reached:
                    tasks.append(self._task(node))
                reached.add(id(node))
            self._behind = {key: tasks}  # the next check asks for other nodes
        return self._behind[key]

    def given(self, leaves: Mapping[Tensor, np.ndarray]) -> Evaluation:
        """Return the evaluation with the values of further leaves."""
        other = copy(self)
        other._values = {**self._values, **{id(leaf): wide(a) for leaf, a in leaves.items()}}
        other._behind = {}
        other._kept = [*self._kept, *leaves]
        return other

    def with_leaves(
        self,
        leaves: Mapping[Tensor, np.ndarray],
        functions: Mapping[int, Callable[..., Any]] | None = None,
    ) -> Evaluation:
        """Return the evaluation with other values of some leaves; all else is computed anew.

        Args:
            leaves: the values.
            functions: what to compute in the place of a node's op, by the node's id.
        """
        other = copy(self)
        other._functions = functions or {}
        other._values = {id(STEP): self._values[id(STEP)]}
        other._behind, other._kept = {}, []
        for leaf in self._leaves:
            other._values[id(leaf)] = leaves.get(leaf, self._values[id(leaf)])
        return other

    def moved(self, by: float, nodes: Sequence[Tensor] = ()) -> Evaluation:
        """Return the evaluation at a point beside this one: weights and inputs moved at random.

        With ``nodes``, these are moved too, whatever their inputs are.
        """
        other = copy(self)
        rng = np.random.default_rng(0)
        other._values = {id(STEP): self._values[id(STEP)]}
        other._behind, other._kept = {}, []
        for leaf in self._leaves:
            value = self._values[id(leaf)]
            if is_float(value.dtype) and not any(leaf is t for t in self.step.targets):
                value = value + by * rng.standard_normal(value.shape)
            other._values[id(leaf)] = value
        for node in nodes:
            value = self[node]
            other._values[id(node)] = value + by * rng.standard_normal(value.shape)
        return other

    def work_behind(self, node: Tensor) -> int:
        """Return how many numbers are computed anew when a node moves."""
        return sum(self._values[target].size for _, _, target in self._tasks_behind((node,)))


def _wide_value(op: Any, *arrays: Any) -> Any:
    return wide(op.value(np, *arrays))


def wide(array: Any) -> np.ndarray:
    """Return an array of floats in float64, exactly; any other as it is."""
    found = np.asarray(array)
    return found.astype(np.float64, copy=False) if is_float(found.dtype) else found


def wide_op(node: Tensor) -> Op:
    """Return a node's op with float64 for a float type among its parameters.

    What draws numbers keeps the model's type: in another it would draw others.
    """
    op = node.op
    assert op is not None
    dtype = getattr(op, "dtype", None)
    drawn = any(i is STEP for i in node.inputs)
    if isinstance(dtype, str) and is_float(np.dtype(dtype)) and not drawn:
        return replace(op, dtype="float64")  # type: ignore[call-arg]
    return op


def as_written(array: np.ndarray) -> np.ndarray:
    """Return a constant in float64; one number in many places as formulas print it.

    The float32 nearest to 0.1 is written 0.1, so it counts as 0.1.
    """
    if is_float(array.dtype) and array.size and bool((array == array.flat[0]).all()):
        return np.full(array.shape, float(str(array.flat[0])))
    return wide(array)
