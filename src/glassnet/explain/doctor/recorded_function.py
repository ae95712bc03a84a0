"""A scalar of a graph as a function of some of its leaves, in float64 or along a complex step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from glassnet.explain.doctor.analytic import ANALYTIC
from glassnet.explain.evaluation import as_written, wide, wide_op
from glassnet.graph.derivative import gradients
from glassnet.graph.dimension import bind
from glassnet.graph.dtypes import is_float
from glassnet.graph.op import Op
from glassnet.graph.order import topological
from glassnet.graph.tensor import STEP, Constant, Tensor
from glassnet.graph.variable import Variable
from glassnet.layers.numpy_brick import NumpyBackward

Point = Sequence[np.ndarray]
Values = dict[int, Any]


class RecordedFunction:
    """The scalar ``cost`` as a function of ``leaves``; all other leaves stay as they are.

    Args:
        cost: the scalar.
        leaves: what it is a function of; variables and placeholders.
        fixed: the arrays of the other placeholders.
        sizes: the named sizes.
        step: the number of the training step, which random draws depend on.

    What an op says to have no derivative keeps its value when leaves move: a value taken out of
    the derivative (``stop_gradient``) counts as a constant there, as it does in training.
    """

    def __init__(
        self,
        cost: Tensor,
        leaves: Sequence[Tensor],
        fixed: Sequence[tuple[Tensor, np.ndarray]] = (),
        sizes: dict[str, int] | None = None,
        step: int = 0,
    ) -> None:
        self.cost, self.leaves = cost, list(leaves)
        self.sizes = sizes or {}
        self._fixed: Values = {id(STEP): np.asarray(step)}
        self._fixed |= {id(leaf): wide(array) for leaf, array in fixed}
        self._order = topological([cost])
        self._tasks = {id(n): self._function(n) for n in self._order if n.op is not None}
        self._slopes: list[Tensor] = []
        self._slope_order: list[Tensor] = []
        self._base: tuple[tuple[int, ...], Point, Values] | None = None
        for node in self._order:
            if isinstance(node, Constant):
                self._fixed[id(node)] = as_written(node.value)
            elif isinstance(node, Variable) and id(node) not in self._fixed:
                self._fixed[id(node)] = wide(node.value)

    def _function(self, node: Tensor) -> Callable[..., Any]:
        op = wide_op(node).bind(self.sizes)
        floats = is_float(node.dtype)
        shape = tuple(bind(size, self.sizes) for size in node.shape)

        def value(*arrays: Any) -> Any:
            if any(a.dtype.kind == "c" for a in arrays):
                return _complex_value(op, floats, shape, arrays)
            return wide(op.value(np, *arrays))

        return value

    # --- the value ------------------------------------------------------------------------------
    def values(self, point: Point) -> Values:
        """Return the values of all nodes, by id; those of the last point are kept."""
        key = tuple(map(id, point))
        if self._base is not None and self._base[0] == key:
            return self._base[2]
        values = dict(self._fixed)
        values.update((id(leaf), a) for leaf, a in zip(self.leaves, point, strict=True))
        with np.errstate(all="ignore"):
            for node in self._order:
                if id(node) not in values:
                    sources = [values[id(i)] for i in node.inputs]
                    values[id(node)] = self._tasks[id(node)](*sources)
        self._base = (key, list(point), values)
        return values

    def value(self, point: Point) -> float:
        """Return the scalar."""
        return float(self.values(point)[id(self.cost)])

    def along(self, k: int, point: Point) -> Callable[[np.ndarray], Any]:
        """Return the scalar as a function of leaf ``k``, the others being as in ``point``."""
        base = self.values(point)
        tasks = list(self._behind(self.leaves[k]))
        leaf, cost = id(self.leaves[k]), id(self.cost)

        def moved(array: np.ndarray) -> Any:
            values = {leaf: array}
            with np.errstate(all="ignore"):
                for function, sources, target in tasks:
                    values[target] = function(*[values.get(s, base.get(s)) for s in sources])
            return values.get(cost, base[cost])

        made = {leaf: point[k].size} | {t: int(np.size(base[t])) for *_, t in tasks}
        sources = [s for _, inputs, _ in tasks for s in inputs]
        read = sum(made[s] if s in made else int(np.size(base[s])) for s in sources)
        moved.work = sum(made.values()) + read  # type: ignore[attr-defined]
        moved.calls = len(tasks)  # type: ignore[attr-defined]
        return moved

    def _behind(self, leaf: Tensor) -> Iterator[tuple[Callable[..., Any], tuple[int, ...], int]]:
        """What must be computed anew when a leaf moves, in order."""
        reached = {id(leaf)}
        for node in self._order:
            op = node.op
            if op is None or not any(id(i) in reached for i in node.inputs):
                continue
            if not op.differentiable and is_float(node.dtype):
                continue
            reached.add(id(node))
            yield self._tasks[id(node)], tuple(map(id, node.inputs)), id(node)

    def not_finite(self, point: Point) -> tuple[Tensor, np.ndarray] | None:
        """Return the first node whose value is not finite though its inputs' are."""
        values = self.values(point)
        place = self.cost
        if np.isfinite(values[id(place)]).all():
            return None
        while bad := [i for i in place.inputs if not _finite(values[id(i)])]:
            place = bad[0]
        return place, np.asarray(values[id(place)])

    # --- the gradient ---------------------------------------------------------------------------
    def record_gradient(self, slopes: Sequence[Tensor] | None = None) -> None:
        """Record ∂cost/∂leaf for all leaves; or use what was recorded already."""
        self._slopes = list(slopes or gradients([self.cost], self.leaves))
        known = set(map(id, self._order))
        self._slope_order = [n for n in topological(self._slopes) if id(n) not in known]

    def gradient(self, point: Point) -> tuple[list[np.ndarray], dict[int, Exception]]:
        """Return the gradients as the graph computes them, and what went wrong, by leaf's id.

        Where the backward of a brick written in NumPy goes wrong, its derivative is NaN.
        """
        values = dict(self.values(point))
        wrong: dict[int, Exception] = {}
        with np.errstate(all="ignore"):
            for node in self._slope_order:
                if id(node) in values:
                    continue
                if isinstance(node, Constant):
                    values[id(node)] = as_written(node.value)
                elif isinstance(node, Variable):
                    values[id(node)] = wide(node.value)
                else:
                    values[id(node)] = self._backward(node, values, wrong)
        return [np.asarray(values[id(s)]) for s in self._slopes], wrong

    def _backward(self, node: Tensor, values: Values, wrong: dict[int, Exception]) -> Any:
        sources = [values[id(i)] for i in node.inputs]
        if isinstance(node.op, NumpyBackward):  # a person's: what it does wrong is to be told
            bound = node.op.bind(self.sizes)
            assert isinstance(bound, NumpyBackward)
            found, errors = bound.attempt(*sources)
            wrong |= {id(node.inputs[1 + place]): error for place, error in errors.items()}
            return found
        if id(node) not in self._tasks:
            self._tasks[id(node)] = self._function(node)
        return self._tasks[id(node)](*sources)


def _finite(value: Any) -> bool:
    array = np.asarray(value)
    return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())


def _complex_value(op: Op, floats: bool, shape: tuple[int, ...], arrays: Sequence[Any]) -> Any:
    """The value along a complex step: choices by real parts, floats with the change in them."""
    if not floats:
        return op.value(np, *[a.real if a.dtype.kind == "c" else a for a in arrays])
    dtype = getattr(op, "dtype", None)
    if isinstance(dtype, str) and is_float(np.dtype(dtype)):
        op = replace(op, dtype="complex128")  # type: ignore[call-arg]
    try:
        found = np.asarray(op.value(ANALYTIC, *arrays))
    except AttributeError:  # a branch for NumPy itself
        found = np.asarray(op.value(np, *arrays))
    if found.shape != shape:
        raise ValueError(f"{op} gave shape {found.shape} along a complex step")
    return found
