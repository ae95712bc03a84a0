"""Programs: a graph from named inputs to outputs, ready to be run on arrays of any batch size."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from glassnet import config
from glassnet.engines.estimate import numpy_seconds
from glassnet.engines.reference import Plan
from glassnet.graph.dimension import Dim, Shape, bind, display, symbols
from glassnet.graph.order import topological
from glassnet.graph.tensor import STEP, Placeholder, Tensor, use_evaluator
from glassnet.graph.validity import check_graph
from glassnet.graph.variable import Variable

_PLANS_KEPT = 16


class Program:
    """A graph as a function of arrays.

    Args:
        inputs: the placeholders, in the order in which ``run`` takes their arrays.
        outputs: the tensors to compute.

    A plan is made for each set of sizes (each batch size) and kept. Running changes nothing in
    the program or the graph, so several threads may run one program at a time.
    """

    def __init__(self, inputs: Sequence[Placeholder], outputs: Sequence[Tensor]) -> None:
        self.inputs = (*inputs, STEP)
        self.outputs = tuple(outputs)
        given = {id(i) for i in self.inputs}
        self.variables: list[Variable] = []
        """The variables it reads."""
        self.nodes = 0
        """How many nodes it computes."""
        for node in topological(outputs):
            self.nodes += node.op is not None
            if isinstance(node, Variable):
                self.variables.append(node)
            if isinstance(node, Placeholder) and id(node) not in given:
                raise TypeError(
                    f"{node!r} is symbolic: it has no value before a run, and no input of this run "
                    "is it. Call the model or function with arrays to get values."
                )
        if config.check_graphs():
            check_graph(outputs, self.inputs)
        self._plans: OrderedDict[tuple[tuple[str, int], ...], Plan] = OrderedDict()
        self._lock = threading.Lock()
        self._seconds: dict[tuple[tuple[str, int], ...], float] = {}

    def plan_for(self, arrays: Sequence[np.ndarray]) -> Plan:
        """Return the plan for the sizes of these arrays; raise where they fit no input."""
        sizes = self.sizes_of(arrays)
        key = tuple(sorted(sizes.items()))
        with self._lock:
            plan = self._plans.get(key)
            if plan is None:
                plan = self._plans[key] = Plan(self.inputs, self.outputs, sizes)
                if len(self._plans) > _PLANS_KEPT:
                    self._plans.popitem(last=False)
            else:
                self._plans.move_to_end(key)
        return plan

    def sizes_of(self, arrays: Sequence[np.ndarray]) -> dict[str, int]:
        """Return the named sizes that these arrays have; raise where they fit no input."""
        sizes: dict[str, int] = {}
        for placeholder, array in zip(self.inputs, arrays, strict=True):
            _match(placeholder, array.shape, sizes)
        return sizes

    def seconds(self, sizes: Mapping[str, int]) -> float:
        """About how long NumPy takes for a run with these sizes: by counting."""
        key = tuple(sorted(sizes.items()))
        if key not in self._seconds:
            if len(self._seconds) >= _PLANS_KEPT:
                self._seconds.clear()
            self._seconds[key] = numpy_seconds(topological(self.outputs), sizes)
        return self._seconds[key]

    def values(self, *arrays: Any, step: int = 0) -> tuple[Plan, list[Any]]:
        """Return the value of every node, with the plan that tells which slot is whose."""
        given = self.prepare(*arrays, step=step)
        plan = Plan(self.inputs, self.outputs, self.sizes_of(given), reuse=False)
        return plan, plan.run_all(given)

    def run(self, *arrays: Any, step: int = 0) -> list[np.ndarray]:
        """Return the values of the outputs; ``step`` counts the random draws."""
        given = self.prepare(*arrays, step=step)
        return self.plan_for(given).run(given)

    def prepare(self, *arrays: Any, step: int = 0) -> list[np.ndarray]:
        """Return the arrays in the dtypes of the inputs, with the step number behind them."""
        given = zip(self.inputs, (*arrays, step), strict=True)
        return [a if getattr(a, "dtype", None) is p.dtype else _cast(a, p.dtype) for p, a in given]


def _cast(array: Any, dtype: np.dtype) -> np.ndarray:
    """The array in a dtype; numbers too large for it become infinity without a warning."""
    with np.errstate(over="ignore"):
        return np.asarray(array, dtype=dtype)


def _match(placeholder: Placeholder, shape: tuple[int, ...], sizes: dict[str, int]) -> None:
    if len(shape) != len(placeholder.shape):
        raise _misfit(placeholder, shape, f"{len(placeholder.shape)} axes", f"{len(shape)}")
    for expected, size in zip(placeholder.shape, shape, strict=True):
        if isinstance(expected, Dim) and len(expected.terms) == 1:
            (name,) = symbols(expected)
            if expected == Dim.named(name) and sizes.setdefault(name, size) == size:
                continue
        if bind(expected, sizes) != size:
            raise _misfit(placeholder, shape, display(placeholder.shape), display(shape))


def _misfit(placeholder: Placeholder, shape: Shape, expected: str, came: str) -> ValueError:
    return ValueError(
        f"Input {placeholder.name!r}: expected {expected} (its shape is "
        f"{display(placeholder.shape)}); got {came} (an array of shape {display(shape)})."
    )


def evaluate(tensor: Tensor) -> np.ndarray:
    """Return the value of a tensor that depends on constants and variables alone."""
    return np.asarray(Program((), (tensor,)).run()[0])


use_evaluator(evaluate)
