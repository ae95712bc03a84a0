"""A program run by the native engine."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from operator import is_not
from typing import Any

import numpy as np

from glassnet.engines import choice
from glassnet.engines.native import blas
from glassnet.engines.native.instance import Instance
from glassnet.engines.native.planning import Plan, Planner
from glassnet.engines.program import Program
from glassnet.graph.variable import Variable, arrays_of

_PLANS_KEPT = 16
Key = tuple[tuple[str, int], ...]


class Ready:
    """A plan with instances that nobody uses at the moment.

    Several threads may run it: each takes an instance, or makes one.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.runs = False
        """Whether it was found to be worth its kernels."""
        self.spent = 0.0
        """What NumPy would have taken for the runs so far."""
        self.price: float | None = None
        """What it must have taken, so that planning and compiling pay."""
        self._free: list[_Runner] = []

    def provide(self) -> None:
        """Compile or load what it needs; from then on it runs.

        Raises:
            ImportError: where a library is missing or can't be used.
        """
        self._free.append(_Runner(self.plan))
        self.runs = True

    def answer(self, x: np.ndarray) -> list[np.ndarray] | None:
        """Return the outputs for a small first input; a graph that asks for no more than that.

        None, as of ``run``: an index is out of range, and the reference will say which.
        """
        runner = self._taken()
        found = runner.answer(x)
        self._free.append(runner)
        return found

    def run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray] | None:
        """Return the outputs for the arrays of the inputs, which must be C-contiguous."""
        outputs = [np.empty(v.shape, v.dtype) for v in self.plan.outputs]
        runner = self._taken()
        is_right = runner.run(arrays, outputs)
        self._free.append(runner)
        return outputs if is_right else None

    def _taken(self) -> _Runner:
        try:
            return self._free.pop()  # one call into C: no other thread gets the same
        except IndexError:
            return _Runner(self.plan)


class _Runner:
    """An instance, which is bound to arrays for each run, and the variables' arrays of the last."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._instance = Instance(plan)
        self._desk: Desk | None = None
        self._inputs = plan.inputs
        self._outputs = plan.outputs
        self._variables: list[Variable] = [t for t, _ in plan.variables if isinstance(t, Variable)]
        self._places = [value for _, value in plan.variables]
        self._last: list[np.ndarray] = []
        self._pinned = blas.single_threaded if plan.uses_blas else nullcontext
        self._flag = np.zeros(1, np.int64)
        self._instance.bind(plan.flag, address(self._flag))

    def _look_at_variables(self) -> None:
        now = arrays_of(self._variables)
        if len(now) != len(self._last) or any(map(is_not, now, self._last)):
            held = [np.asarray(a, order="C") for a in now]
            for value, array in zip(self._places, held, strict=True):
                self._instance.bind(value, address(array))
            self._last, self._held = now, held

    def _is_right(self) -> bool:
        """Whether the last run met no index that is out of range."""
        if not self._flag[0]:
            return True
        self._flag[0] = 0
        return False

    def answer(self, x: np.ndarray) -> list[np.ndarray] | None:
        """Return the outputs for the first input; the others stay what they were at first."""
        if self._desk is None:
            self._desk = Desk(self.plan, self._instance)
        self._look_at_variables()
        self._desk.x[...] = x
        with self._pinned():
            self._instance.run()
        return [array.copy() for array in self._desk.outputs] if self._is_right() else None

    def run(self, arrays: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> bool:
        """Compute the outputs from the arrays of the inputs; return whether they are right."""
        self._desk = None
        self._look_at_variables()
        bind = self._instance.bind
        for given, array in zip(self._inputs, arrays, strict=True):
            if given is not None:
                bind(given, address(array))
        for value, array in zip(self._outputs, outputs, strict=True):
            bind(value, address(array))
        with self._pinned():
            self._instance.run()
        return self._is_right()


class Desk:
    """Arrays of its own for small inputs and outputs: a copy costs less than telling an address."""

    def __init__(self, plan: Plan, instance: Instance) -> None:
        made = [None if v is None else np.zeros(v.shape, v.dtype) for v in plan.inputs]
        for value, array in zip(plan.inputs, made, strict=True):
            if value is not None and array is not None:
                instance.bind(value, address(array))
        self._inputs = made
        first = made[0]
        self.x = np.zeros(()) if first is None else first
        self.outputs = [np.zeros(v.shape, v.dtype) for v in plan.outputs]
        for value, array in zip(plan.outputs, self.outputs, strict=True):
            instance.bind(value, address(array))


def address(array: np.ndarray) -> int:
    """Return where an array's entries begin."""
    place: int = array.__array_interface__["data"][0]
    return place


class NativeProgram:
    """Runs a program natively, one plan for each set of sizes, the last 16 kept."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._plans: dict[Key, Ready] = {}

    def ready_for(self, arrays: Sequence[np.ndarray], engine: str | None) -> Ready | None:
        """Return what runs these arrays; None where the kernels it lacks are not worth it yet."""
        sizes = self.program.sizes_of(arrays)
        key = tuple(sorted(sizes.items()))
        ready = self._plans.get(key) or self._planned(key, sizes)
        if not ready.runs:
            ready.spent += self.program.seconds(sizes)
            if ready.price is None and not choice.is_asked_for(engine):
                ready.price = choice.price(ready.plan.kernels, self.program.nodes)
            if choice.is_paid(engine, ready.price or 0.0, ready.spent):
                ready.provide()
        return ready if ready.runs else None

    def _planned(self, key: Key, sizes: dict[str, int]) -> Ready:
        # No lock: a child that is forked meanwhile would wait for ever. Two threads may plan the
        # same, and one of the plans is kept.
        found = self._plans.get(key)
        if found is None:
            made = Ready(Planner(self.program.inputs, self.program.outputs, sizes).plan())
            found = self._plans.setdefault(key, made)
            for old in list(self._plans)[:-_PLANS_KEPT]:
                self._plans.pop(old, None)
        return found

    def kept(self, *arrays: np.ndarray) -> Ready | None:
        """Return what runs these arrays natively, where that is decided and there."""
        ready = self._plans.get(tuple(sorted(self.program.sizes_of(arrays).items())))
        return ready if ready is not None and ready.runs else None

    def plan_for(self, arrays: Sequence[np.ndarray]) -> Plan:
        """Return the plan for the sizes of these arrays."""
        sizes = self.program.sizes_of(arrays)
        return self._planned(tuple(sorted(sizes.items())), sizes).plan

    def run(self, *arrays: Any, step: int = 0) -> list[np.ndarray]:
        """Return the values of the outputs."""
        given = [np.asarray(a, order="C") for a in self.program.prepare(*arrays, step=step)]
        ready = self.ready_for(given, "native")
        if ready is None:
            raise RuntimeError("the native engine was asked for and did not run")
        found = ready.run(given)
        return self.program.run(*arrays, step=step) if found is None else found
