"""Whole epochs in compiled code: the memory of a run, its programs, its loop."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glassnet.engines.native import blas, compiler, crew
from glassnet.engines.native.instance import Call, Instance, aligned
from glassnet.engines.native.interrupts import PutOff
from glassnet.engines.native.lowering.elementwise import finite_kernel
from glassnet.engines.native.lowering.random import SHUFFLE, signed
from glassnet.engines.native.memory import rounded
from glassnet.engines.native.planning import Plan, Planner
from glassnet.engines.program import Program
from glassnet.graph.tensor import STEP, Tensor
from glassnet.graph.variable import Variable, arrays_of, replace_arrays

STEP_CELL, ROWS, FLAG, FAILED, EPOCH, BATCH, MADE, KEY = range(8)
"""The cells of the state, as ``executor.epochs`` knows them."""
TABLE, EPOCHS, BUDGET = 12, 14, 15
"""The words of ``executor.epochs`` that each call sets."""
SEED = 2
"""The word of the shuffle that says which orders are to come."""

Table = tuple[tuple[int, ...], np.dtype]
STATE_EVERY = 16
"""How many steps lie between two checks of the optimizer's state, as in the loop over batches."""


class Store:
    """The memory of variables during a run: the arrays are copied in, and new arrays come out.

    Args:
        variables: all that a run reads or changes.
        updated: those that it changes. Only they get new arrays: what somebody else gave the others
            meanwhile stays.
    """

    def __init__(self, variables: Sequence[Variable], updated: Sequence[Variable]) -> None:
        self.variables = list({id(v): v for v in variables}.values())
        places, total = [], 0
        for v in self.variables:
            places.append(total)
            total += rounded(v.value.nbytes)
        self._memory = aligned(max(total, 1))
        self.views = [
            self._memory[at : at + v.value.nbytes].view(v.dtype).reshape(v.value.shape)
            for at, v in zip(places, self.variables, strict=True)
        ]
        self._spare: np.ndarray | None = None
        changed = {id(v) for v in updated}
        self._updated = [i for i, v in enumerate(self.variables) if id(v) in changed]
        self._address = {
            id(v): int(self._memory.ctypes.data) + at
            for at, v in zip(places, self.variables, strict=True)
        }

    def address(self, variable: Tensor) -> int:
        """Return where a variable lies."""
        return self._address[id(variable)]

    def load(self) -> None:
        """Take over what the variables hold."""
        for view, array in zip(self.views, arrays_of(self.variables), strict=True):
            view[...] = array

    def save(self) -> None:
        """Give the variables new arrays, all at one moment."""
        replace_arrays(
            [self.variables[i] for i in self._updated],
            [self.views[i].copy() for i in self._updated],
        )

    def remember(self) -> None:
        """Keep the state of this moment."""
        if self._spare is None:
            self._spare = np.empty_like(self._memory)
        self._spare[...] = self._memory

    def recall(self) -> None:
        """Go back to the state that was kept."""
        if self._spare is not None:
            self._memory[...] = self._spare


@dataclass
class Recorded:
    """A graph that is run in an epoch: its inputs, what it returns, the variables it changes."""

    program: Program
    results: int
    updated: Sequence[Variable]
    watched: Sequence[int] = ()
    """The numbers of outputs that must be finite after every step."""
    state: Sequence[Variable] = ()
    """What must be finite after every 16th step: where it is not, it stays so."""


@dataclass
class Part:
    """One of the graphs of an epoch, planned."""

    recorded: Recorded
    plan: Plan
    results: np.ndarray | None = None
    """Where its results are wanted, as float64; None where nobody looks."""


def plan_of(part: Recorded, tables: Sequence[Table], rows: int) -> Plan:
    """Return the plan of a step on rows that are picked from tables, weights changed in place.

    Args:
        part: the step.
        tables: the shape and the dtype of the table of each input; none where there is no batch.
        rows: how many rows are picked.
    """
    sizes: dict[str, int] = {}
    if tables:
        heads = [np.empty((rows, *shape[1:]), dtype) for shape, dtype in tables]
        sizes = part.program.sizes_of([*heads, np.zeros((), np.int64)])
    in_place = {part.results + i: v for i, v in enumerate(part.updated)}
    gathered = {i: dtype for i, (_, dtype) in enumerate(tables)}
    return Planner(
        part.program.inputs, part.program.outputs, sizes, in_place, part.watched, gathered
    ).plan()


class Session:
    """Runs the steps of epochs without coming back to Python.

    Args:
        step: the step of a batch.
        tables: the data, one array for each input of the step, rows first, C-contiguous.
        batch_size: the rows of a batch; the last batch of an epoch may have fewer.
        before: what runs at the beginning of each epoch, or None.
        after: what runs at the end; its results, numbers in float64, are kept for each epoch.
        shuffles: whether the rows come in a new order in each epoch.
        counts: whether a step adds to the number of steps that random draws depend on.
    """

    def __init__(
        self,
        step: Recorded,
        tables: Sequence[np.ndarray],
        batch_size: int,
        before: Recorded | None = None,
        after: Recorded | None = None,
        shuffles: bool = False,
        counts: bool = True,
    ) -> None:
        self.state = np.zeros(16, np.int64)
        self._shapes = [(table.shape, table.dtype) for table in tables]
        self.size = len(tables[0])
        known = [p for p in (step, before, after) if p is not None]
        updated = [v for p in known for v in p.updated]
        self.store = Store([*updated, *(v for p in known for v in p.program.variables)], updated)
        self._state_checked = [v for v in step.state if v.dtype.str[1:] in ("f4", "f8")]
        self._taken = threading.Lock()
        rows = min(batch_size, self.size)
        self.steps = -(-self.size // rows)
        full = self.size // rows
        # Behind the last batch stands one of rows 0, for whom looks ahead.
        self._order = np.zeros(self.size + rows, np.int64)[: self.size]
        self._order[...] = np.arange(self.size)
        self.results = np.zeros(0 if after is None else after.results, np.float64)
        rest = self.size - full * rows
        self._parts = {"first": Part(step, plan_of(step, self._shapes, rows))}
        if rest:
            self._parts["last"] = Part(step, plan_of(step, self._shapes, rest))
        if before is not None:
            self._parts["before"] = Part(before, plan_of(before, (), 0))
        if after is not None:
            self._parts["after"] = Part(after, plan_of(after, (), 0), self.results)
        self._rows, self._full, self._shuffles, self._counts = rows, full, shuffles, counts
        self._instances: dict[str, Instance] = {}
        self.tables: list[np.ndarray] = []
        """The data that were taken."""

    @property
    def kernels(self) -> list[str]:
        """The names of all kernels that a run needs."""
        found = dict.fromkeys(("executor.run", "executor.epochs"))
        if self._shuffles:
            found[SHUFFLE] = None
        for variable in self._state_checked:
            found.update(dict.fromkeys(_finite_kernels(variable)))
        for plan in self.plans:
            found.update(dict.fromkeys(plan.kernels))
        return list(found)

    @property
    def plans(self) -> list[Plan]:
        """The plans of all graphs."""
        return [part.plan for part in self._parts.values()]

    @property
    def nodes(self) -> int:
        """How many nodes the graph of a step has."""
        return self._parts["first"].plan.nodes

    def ready(self) -> None:
        """Compile or load the kernels and give every program its memory."""
        compiler.addresses_of(self.kernels)
        made = {name: self._instance(part) for name, part in self._parts.items()}
        self._checks = self._check_words()
        self._run = Call(compiler.address_of("executor.epochs"))
        key = self.state.ctypes.data + 8 * KEY
        self._shuffle = np.array([self._order.ctypes.data, self.size, 0, key], np.int64)
        shuffle = compiler.address_of(SHUFFLE) if self._shuffles else 0
        places = [
            made[name].address if name in made else 0
            for name in ("first", "last", "before", "after")
        ]
        self._words = np.array(
            [
                self.state.ctypes.data,
                self.steps,
                self._full,
                places[0],
                places[1],
                self._rows,
                self._order.ctypes.data,
                shuffle,
                self._shuffle.ctypes.data,
                places[2],
                places[3],
                self.results.ctypes.data,
                0,
                len(self.results),
                0,
                0,
                compiler.address_of("executor.run"),
                int(self._counts),
                self._checks.ctypes.data if len(self._checks) else 0,
                STATE_EVERY,
            ],
            np.int64,
        )
        self._instances = made  # at the end: an interrupt leaves nothing half made

    def _check_words(self) -> np.ndarray:
        """Lay out the words of ``executor.run`` for the checks of the optimizer's state."""
        count = len(self._state_checked)
        words = np.zeros(2 + 6 * count if count else 0, np.int64)
        start = int(words.ctypes.data)
        words[:2] = (count, start + 16) if count else ()
        for k, variable in enumerate(self._state_checked):
            check, entries = map(compiler.address_of, _finite_kernels(variable))
            at = 2 + 2 * count + 4 * k
            words[2 + 2 * k : 4 + 2 * k] = check, start + 8 * at
            place = self.store.address(variable)
            words[at : at + 4] = entries, self._cell(FLAG), place, variable.value.size
        return words

    @property
    def is_ready(self) -> bool:
        """Whether ``ready`` was called."""
        return bool(self._instances)

    def take(self, tables: Sequence[np.ndarray], seed: int) -> bool:
        """Run on these data from now on, in the order that follows from the seed.

        False says that the session is taken: by another thread, or by a run whose callback asks.
        """
        if not self._taken.acquire(blocking=False):
            return False
        self.tables = list(tables)
        for name in ("first", "last"):
            instance = self._instances.get(name)
            if instance is not None:
                for table, value in zip(tables, instance.plan.tables, strict=False):
                    if value is not None:
                        instance.bind(value, table.ctypes.data)
        self._shuffle[SEED] = signed(seed)
        return True

    def release(self) -> None:
        """Let go of the data; whoever comes next may take the session."""
        self.tables = []
        if self._taken.locked():
            self._taken.release()

    def _instance(self, part: Part) -> Instance:
        plan, instance = part.plan, Instance(part.plan)
        instance.failed = self.state[FAILED : FAILED + 1]
        instance.bind(plan.flag, self._cell(FLAG))
        instance.bind(plan.cell, self._cell(ROWS))
        for tensor, value in zip(part.recorded.program.inputs, plan.inputs, strict=True):
            if value is not None and tensor is STEP:
                instance.bind(value, self._cell(STEP_CELL))
        for variable, value in plan.variables:
            instance.bind(value, self.store.address(variable))
        for i, value in enumerate(plan.outputs[: part.recorded.results]):
            if part.results is not None:
                instance.bind(value, part.results.ctypes.data + 8 * i)
            else:
                room = aligned(max(value.nbytes, 1))
                instance.keep(room)
                instance.bind(value, room.ctypes.data)
        return instance

    def _cell(self, number: int) -> int:
        return int(self.state.ctypes.data) + 8 * number

    # --- running ------------------------------------------------------------------------------
    def run(self, epochs: int, table: np.ndarray, budget: int) -> None:
        """Go on until so many epochs are done, or so many steps are made by this call.

        Args:
            epochs: the number of epochs that ``state`` counts to.
            table: a row of float64 for each of them.
            budget: the steps.

        Raises:
            Exception: what the reference raised, if an op that it computes failed.
        """
        self._words[TABLE] = table.ctypes.data
        self._words[EPOCHS], self._words[BUDGET] = epochs, budget
        first = self._instances["first"]
        with PutOff(), blas.single_threaded(), crew.at_work(first.control, first.threads):
            self._run(self._words.ctypes.data)
        errors = [i.error for i in self._instances.values() if i.error is not None]
        for instance in self._instances.values():
            instance.error = None
        if errors:
            raise errors[0]

    def begin(self, seen: int) -> None:
        """Start at the beginning of an epoch, with so many steps made before."""
        self.state[:] = 0
        self.state[STEP_CELL] = seen

    def conclude(self) -> None:
        """Compute the results as they stand."""
        if "after" in self._instances:
            self._instances["after"].run()

    @property
    def asks(self) -> bool:
        """Whether the reference computes an op, so that a person's own code may run."""
        return any(plan.hosts for plan in self.plans)

    @property
    def flagged(self) -> bool:
        """Whether a value that is not finite, or an index out of range, stopped the run."""
        return bool(self.state[FLAG])

    @property
    def stopped(self) -> bool:
        """Whether the run can't go on."""
        return bool(self.state[FLAG] or self.state[FAILED])

    @property
    def epochs_done(self) -> int:
        """The epochs finished since ``begin``."""
        return int(self.state[EPOCH])

    @property
    def batch(self) -> int:
        """The batches done of the epoch that is not finished."""
        return int(self.state[BATCH])

    @property
    def made(self) -> int:
        """The steps made by the last call."""
        return int(self.state[MADE])

    @property
    def seen(self) -> int:
        """The steps ever made."""
        return int(self.state[STEP_CELL])


def _finite_kernels(variable: Variable) -> tuple[str, str]:
    return "executor.finite", finite_kernel(variable.dtype)
