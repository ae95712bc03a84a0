"""What an optimizer keeps: its counter, its learning rate, and numbers for each weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet import initializers
from glassnet.graph.dimension import display
from glassnet.graph.variable import Variable
from glassnet.registry import Configurable


class State(Configurable):
    """The variables of an optimizer, in Keras's order and with Keras's names."""

    name: str
    built: bool

    def __init__(self) -> None:
        self._variables: list[Variable] = []
        self._trainable: list[Variable] = []
        self._places: dict[int, int] = {}
        self._slots: dict[tuple[int, str], Variable] = {}

    @property
    def variables(self) -> list[Variable]:
        """The state: the counter, the learning rate, then what the optimizer keeps."""
        return list(self._variables)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the state, in the order of ``variables``; all of it fits or nothing is changed."""
        arrays = [np.asarray(w) for w in weights]
        if len(arrays) != len(self._variables):
            built = "" if self.built else " It is not built: call build(trainable_variables) first."
            raise ValueError(
                f"{type(self).__name__} has {len(self._variables)} variables; set_weights got "
                f"{len(arrays)} arrays.{built}"
            )
        for variable, array in zip(self._variables, arrays, strict=True):
            if variable.shape != array.shape:
                raise ValueError(
                    f"Variable {variable.path!r} has shape {display(variable.shape)}; "
                    f"set_weights got {display(array.shape)}."
                )
        for variable, array in zip(self._variables, arrays, strict=True):
            variable.assign(array)

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Return a new variable of the state; ``aggregation`` and ``layout`` are Keras's."""
        start = initializers.get(initializer)
        variable = Variable(start, tuple(shape), dtype, trainable=False, name=name or "variable")
        variable.path = f"{self.name}/{variable.name}"
        self._variables.append(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """Return a new variable of the state with the shape and dtype of a weight."""
        short = name or "var"
        path = (reference_variable.path or "variable").replace("/", "_")
        shape, dtype = reference_variable.value.shape, reference_variable.dtype
        made = self.add_variable(shape, initializer, dtype, name=f"{path}_{short}")
        self._slots[id(reference_variable), short] = made
        return made

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Variable], name: Any, initializer: Any = "zeros"
    ) -> Any:
        """Make state of one or more names for each weight; ``slot(weight, name)`` finds it.

        Returns:
            The list of new variables; a list of lists for several names.
        """
        names = [name] if isinstance(name, str) else list(name)
        several = isinstance(initializer, (list, tuple))
        starts = list(initializer) if several else [initializer] * len(names)
        made: list[list[Variable]] = [[] for _ in names]
        for variable in trainable_variables:
            for found, short, start in zip(made, names, starts, strict=True):
                found.append(self.add_variable_from_reference(variable, short, start))
        return made[0] if isinstance(name, str) else made

    def slot(self, variable: Variable, name: str) -> Variable:
        """Return the state called ``name`` that belongs to a weight."""
        return self._slots[id(variable), name]

    def slots(self, variables: Sequence[Variable]) -> list[tuple[Variable, str, Variable]]:
        """Return (weight, name, state) for all state that belongs to one of these weights."""
        weights = {id(v): v for v in variables}
        found = self._slots.items()
        return [(weights[i], name, state) for (i, name), state in found if i in weights]

    def _get_variable_index(self, variable: Variable) -> int:
        return self._places[id(variable)]

    def assign(self, variable: Variable, value: Any) -> None:
        """Set a variable, as ``variable.assign`` does."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Add to a variable."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtract from a variable."""
        variable.assign_sub(value)
