"""Updates on arrays: recorded once, run at each call, committed together or not at all."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from glassnet.engines import Program
from glassnet.graph.recording import Recording, recording
from glassnet.graph.tensor import Constant, Placeholder, Tensor
from glassnet.graph.variable import Variable

_PROGRAMS_KEPT = 4

Record = Callable[[list[Tensor], list[Variable], Recording], None]


class Same:
    """An object as a key: equal to itself alone, and alive as long as the key."""

    def __init__(self, held: object) -> None:
        self.held = held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.held is other.held

    def __hash__(self) -> int:
        return id(self.held)


class Updates:
    """The recorded updates of one optimizer."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[Program, dict[Variable, Tensor]]] = {}

    def run(
        self,
        record: Record,
        grads: Sequence[Any],
        variables: list[Variable],
        settings: Hashable | None,
    ) -> None:
        """Record the update, or take it as it was recorded, and run it.

        Args:
            record: what records the update of variables by gradients.
            grads: arrays, and tensors whose values follow from variables.
            variables: the variables to update.
            settings: what the recorded update depends on; None where that is not known, so that
                it is recorded at every call.
        """
        arrays = [None if _is_graph(g) else np.asarray(g) for g in grads]
        given = [a for a in arrays if a is not None]
        key = None
        if settings is not None and len(given) == len(arrays):
            key = (tuple(a.dtype for a in given), tuple(map(Same, variables)), settings)
        made = None if key is None else self._kept.get(key)
        if made is None:
            made = _recorded(record, grads, arrays, variables)
        if key is not None:
            self._kept = {**dict(list(self._kept.items())[1 - _PROGRAMS_KEPT :]), key: made}
        program, updates = made
        values = program.run(*given)
        for (variable, new), value in zip(updates.items(), values, strict=True):
            variable.replace_array(value if _owned(new, value) else np.array(value))


def _owned(new: Tensor, value: Any) -> bool:
    """Whether the array was made for this value: no leaf's own array, and no view of another."""
    made = new.op is not None and not new.op.view
    return made and isinstance(value, np.ndarray) and value.base is None


def _recorded(
    record: Record,
    grads: Sequence[Any],
    arrays: Sequence[np.ndarray | None],
    variables: list[Variable],
) -> tuple[Program, dict[Variable, Tensor]]:
    holes: list[Placeholder] = []
    tensors: list[Tensor] = []
    for i, (gradient, array) in enumerate(zip(grads, arrays, strict=True)):
        if array is None:
            tensors.append(gradient)
        else:
            holes.append(Placeholder(array.shape, array.dtype, name=f"gradient_{i}"))
            tensors.append(holes[-1])
    with recording() as opened:
        record(tensors, variables, opened)
    return Program(holes, list(opened.updates.values())), dict(opened.updates)


def _is_graph(gradient: Any) -> bool:
    return isinstance(gradient, Tensor) and not isinstance(gradient, (Constant, Variable))
