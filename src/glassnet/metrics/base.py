"""The base of metrics: numbers that are gathered batch by batch, and their registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ClassVar

import numpy as np

import glassnet.engines  # noqa: F401 - a result is a value, so an engine must be there
from glassnet import initializers
from glassnet.graph import dtypes
from glassnet.graph.recording import current_recording, scope
from glassnet.graph.tensor import Constant, Tensor
from glassnet.graph.variable import Variable
from glassnet.nest import flatten, map_structure
from glassnet.ops import cast
from glassnet.registry import Configurable, Registry, snake_case

METRICS = Registry("metric")
METRIC_FUNCTIONS = Registry("metric_function")
"""Metrics as functions ``(y_true, y_pred)`` of one value an example."""

COUNTED_IN = np.dtype(np.float64)
"""What is gathered, is gathered in this: counts stay exact, means lose nothing over batches."""


class Metric(Configurable):
    """A number about predictions, gathered over batches of any size.

    A subclass makes its accumulators with ``add_variable``, adds a batch in
    ``update_state(y_true, y_pred, sample_weight=None)`` by ``assign``, and gives the value in
    ``result()``, all in ops. Inside a recording the updates become part of its graph; outside
    they take effect at once.

    Args:
        dtype: the dtype of the result; by default that of the accumulators, float64.
        name: the name in the log; the class's by default.

    >>> import numpy as np, glassnet as gn
    >>> class Largest(gn.metrics.Metric):
    ...     def __init__(self, dtype=None, name=None):
    ...         super().__init__(dtype, name)
    ...         self.largest = self.add_variable((), "zeros", name="largest")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.largest.assign(np.maximum(self.largest, np.max(np.abs(y_true - y_pred))))
    ...     def result(self):
    ...         return self.largest
    >>> metric = Largest()
    >>> metric.update_state(np.array([1.0, 2.0]), np.array([1.5, 2.0]))
    >>> float(metric.result())
    0.5
    """

    direction: ClassVar[str | None] = None
    """``"up"`` where more is better, ``"down"`` where less is, None where it depends."""

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.dtype = None if dtype is None else dtypes.standard(dtype).name

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "result" in cls.__dict__:
            cls.result = _settled(cls.__dict__["result"])  # type: ignore[assignment, method-assign]

    # --- what a subclass writes -----------------------------------------------------------------
    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Add one batch."""
        raise NotImplementedError(
            f"{type(self).__name__} has no update_state(). Write\n"
            "    def update_state(self, y_true, y_pred, sample_weight=None):\n        ..."
        )

    def result(self) -> Any:
        """Return the value over all batches since the last reset."""
        raise NotImplementedError(
            f"{type(self).__name__} has no result(). Write\n"
            "    def result(self):\n        return ..."
        )

    # --- what it has ----------------------------------------------------------------------------
    def add_variable(
        self,
        shape: Sequence[int] = (),
        initializer: Any = None,
        dtype: Any = None,
        aggregation: str | None = "sum",
        name: str | None = None,
    ) -> Variable:
        """Return a new accumulator; float64 zeros by default."""
        variable = Variable(
            initializers.get("zeros" if initializer is None else initializer),
            tuple(shape),
            COUNTED_IN if dtype is None else dtype,
            trainable=False,
            name=name or "variable",
        )
        variable.path = f"{self.name}/{variable.name}"
        self.__dict__.setdefault("_variables", []).append(variable)
        return variable

    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: Any = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Return a new accumulator; float64 zeros by default."""
        return self.add_variable(shape, initializer, dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """The accumulators, its own and those of the metrics it is made of."""
        found = list(self.__dict__.get("_variables", []))
        for part in flatten(list(self.__dict__.values())):
            if isinstance(part, Variable):
                found.append(part)
            elif isinstance(part, Metric):
                found += part.variables
        return list({id(v): v for v in found}.values())

    def reset_state(self) -> None:
        """Forget all batches."""
        for variable in self.variables:
            variable.assign(np.zeros(variable.value.shape, variable.dtype))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Add one batch and return the value over all since the last reset."""
        self.update_state(*args, **kwargs)
        return self.result()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name!r}>"

    # --- for the metrics of this package --------------------------------------------------------
    def gather(self, **amounts: Any) -> None:
        """Add to the accumulators of these names."""
        with scope(self.name):
            for name, amount in amounts.items():
                variable = getattr(self, name)
                variable.assign(held(variable) + cast(amount, variable.dtype))

    def given(self, result: Tensor) -> Tensor:
        """Return the result in the dtype that was asked for."""
        return result if self.dtype is None else cast(result, self.dtype)


def held(variable: Variable) -> Tensor:
    """Return what a variable holds: inside a recording its new value, outside a constant."""
    opened = current_recording()
    if opened is None:
        return Constant(variable.value)
    return opened.updates.get(variable, variable)


def _settled(method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make ``result()`` outside a recording a value that later batches don't change."""

    def settle(value: Any) -> Any:
        if isinstance(value, Variable):
            return held(value)
        if current_recording() is not None or not isinstance(value, Tensor):
            return value
        return value if isinstance(value, Constant) else Constant(value.numpy())

    @wraps(method)
    def result(self: Any) -> Any:
        return map_structure(settle, method(self))

    return result
