"""A program run by the native engine: the same interface as the reference's."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet.engines.native import blas
from glassnet.engines.native.instance import Instance
from glassnet.engines.native.planning import Plan, Planner
from glassnet.engines.program import Program
from glassnet.graph.variable import arrays_of

_PLANS_KEPT = 16


class NativeProgram:
    """Runs a program natively. Several threads may; each takes an instance of its own."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._free: OrderedDict[tuple[tuple[str, int], ...], list[Instance]] = OrderedDict()
        self._plans: dict[tuple[tuple[str, int], ...], Plan] = {}
        self._lock = threading.Lock()

    def plan_for(self, arrays: Sequence[np.ndarray]) -> Plan:
        """Return the plan for the sizes of these arrays."""
        return self._plan(self.program.sizes_of(arrays))

    def _plan(self, sizes: dict[str, int]) -> Plan:
        key = tuple(sorted(sizes.items()))
        with self._lock:
            plan = self._plans.get(key)
            if plan is None:
                plan = Planner(self.program.inputs, self.program.outputs, sizes).plan()
                self._plans[key] = plan
                while len(self._plans) > _PLANS_KEPT:
                    self._plans.pop(next(iter(self._plans)))
        return plan

    def run(self, *arrays: Any, step: int = 0) -> list[np.ndarray]:
        """Return the values of the outputs."""
        given = [np.asarray(a, order="C") for a in self.program.prepare(*arrays, step=step)]
        sizes = self.program.sizes_of(given)
        key = tuple(sorted(sizes.items()))
        plan = self._plan(sizes)
        with self._lock:
            free = self._free.setdefault(key, [])
            instance = free.pop() if free else None
        if instance is None:
            instance = Instance(plan)
        for value, array in zip(plan.inputs, given, strict=True):
            if value is not None:
                instance.bind(value, array.ctypes.data)
        held = [np.asarray(a, order="C") for a in arrays_of([t for t, _ in plan.variables])]  # type: ignore[misc]
        for (_, value), array in zip(plan.variables, held, strict=True):
            instance.bind(value, array.ctypes.data)
        outputs = [np.empty(v.shape, v.dtype) for v in plan.outputs]
        for value, array in zip(plan.outputs, outputs, strict=True):
            instance.bind(value, array.ctypes.data)
        with blas.single_threaded():
            instance.run()
        with self._lock:
            self._free.setdefault(key, []).append(instance)
        return outputs
