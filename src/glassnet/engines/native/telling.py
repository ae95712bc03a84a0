"""What a plan says of itself, as data: a line for each instruction, totals, the choice of engine.

Nothing is compiled for it, and Numba is not needed: what is told is what would run.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from glassnet import config
from glassnet.engines import choice
from glassnet.engines.native.bound import Node
from glassnet.engines.native.crew import cores
from glassnet.engines.native.loops import is_a_loop
from glassnet.engines.native.lowering.base import Instruction, Parallel
from glassnet.engines.native.memory import Buffer, Value
from glassnet.engines.native.planning import Plan, flattened
from glassnet.engines.native.stages import HOST
from glassnet.graph.tensor import Tensor
from glassnet.ops.elementwise import Add
from glassnet.ops.rounding import Identity

Where = Callable[[Tensor], str]
"""Tells where in the model a node belongs: ``"dense"``, ``"∂dense"``, ``"update"``."""
CLUSTER = "executor.cluster"
REFERENCE = "reference"
FLAG = "flag"
_PICKING = ("executor.gather", "indexing.pick")


@dataclass(frozen=True)
class Array:
    """An array that an instruction reads or writes."""

    shape: tuple[int, ...]
    """Axes along which one entry is repeated are left out."""
    dtype: str
    nbytes: int
    place: str
    """``"arena"``; ``"own"``, the memory of a thread; ``"constant"``; or whose memory it is."""
    offset: int | None
    """Bytes from the beginning of the arena, or of the thread's own memory; else None."""


@dataclass(frozen=True)
class Line:
    """One instruction of a plan. In a lane, figures are those of one slice of the batch."""

    number: tuple[int, ...]
    """``(3,)``, and ``(3, 1)`` for the first instruction of the lanes of the third."""
    computes: tuple[tuple[str, tuple[str, ...]], ...]
    """Where in the model, and the ops there, in the order in which they are computed."""
    note: str
    """What else there is to say: a size, what is copied."""
    kernel: str
    """The kernel's name; ``"reference"`` where NumPy computes the op."""
    reads: tuple[Array, ...]
    writes: tuple[Array, ...]
    bytes_read: int
    bytes_written: int
    operations: int
    """Floating-point operations."""
    checks: bool = False
    """Whether it looks for results that are not finite, or for indices out of range."""
    in_place: bool = False
    """Whether a result lies where an operand was."""
    arrays: int = 1
    """For a cluster: on how many sets of arrays it works, one after another."""
    registers: int = 0
    """For a cluster: how many blocks it keeps beside the arrays."""
    loop: bool = False
    """For a cluster: whether its ops are one compiled loop, with registers of the machine."""
    block: int = 0
    """For a cluster: the entries that it takes at a time; 0 for all other instructions."""
    lanes: int = 0
    """For an instruction over slices of the batch: how many lanes share them; else 0."""
    slices: int = 0
    """The slices of a lane, computed one after another."""
    parts: int = 1
    """Into how many parts a large cluster is divided, for threads to take."""

    @property
    def reference(self) -> bool:
        """Whether the NumPy engine computes it."""
        return self.kernel == REFERENCE

    @property
    def ops(self) -> tuple[str, ...]:
        """The names of the ops, wherever they belong."""
        return tuple(op for _, names in self.computes for op in names)


@dataclass(frozen=True)
class Totals:
    """What a run of a plan amounts to."""

    instructions: int
    operations: int
    bytes_read: int
    bytes_written: int
    arena: int
    """Bytes of the memory for values between instructions."""
    ideal: int
    """The bytes that are alive at a time at most: no arrangement needs fewer."""
    thread_memory: int
    """Bytes that each thread needs for slices, beyond the arena."""
    threads: int
    """How many threads find work at a time on this machine."""
    native: int
    """Nodes of the graph that kernels compute."""
    by_reference: int
    """Nodes of the graph that the NumPy engine computes."""
    views: int
    """Nodes that are their input seen otherwise, and cost nothing."""
    variables: int
    """Bytes of weights, of the optimizer's state, of metrics."""
    kernels: int


@dataclass(frozen=True)
class Choice:
    """Which engine would run, and why."""

    asked: str
    """The setting: ``"auto"``, ``"numpy"``, ``"native"``."""
    engine: str
    """The engine that runs, at the latest after ``steps``."""
    why: str
    missing: int
    """Kernels that are not compiled yet on this machine."""
    compile_seconds: float
    """About how long compiling them would take."""
    steps: int
    """For ``"auto"``: the steps from which a run is worth a plan and its kernels."""


def tell(
    plan: Plan, where: Where | None = None, inputs: Sequence[str] = (), prefix: str = ""
) -> tuple[tuple[Line, ...], Totals]:
    """Return the lines of a plan, and what they add up to.

    Args:
        plan: the plan.
        where: tells where a node belongs; by default its scope.
        inputs: the names of the inputs, in order.
        prefix: what is left out of the paths of variables: the model's name.
    """
    teller = _Teller(_owners(plan, inputs, prefix), where or (lambda tensor: tensor.scope))
    lines: list[Line] = []
    for number, instruction in enumerate(plan.instructions, 1):
        lines += teller.lines((number,), instruction)
    return tuple(lines), _totals(plan, lines)


def choose(asked: str | None, plan: Plan, nodes: int, numpy_seconds: float) -> Choice:
    """Tell which engine would run steps of a plan.

    Args:
        asked: the setting of the model; None for the global one.
        plan: the plan of a step.
        nodes: the nodes of the graph.
        numpy_seconds: what a step takes NumPy, as it is estimated.
    """
    name = asked or config.engine()
    if name == "numpy":
        return Choice(name, "numpy", "the NumPy engine was asked for", 0, 0.0, 0)
    if not choice.native_is_there():
        lacking = 'Numba or SciPy is not installed: pip install "glassnet[fast]"'
        return Choice(name, "none" if name == "native" else "numpy", lacking, 0, 0.0, 0)
    from glassnet.engines.native import compiler

    kernels = plan.kernels
    missing = compiler.missing(kernels)
    seconds = compiler.compile_time_estimate(missing)
    if name == "native":
        return Choice(name, name, "the native engine was asked for", len(missing), seconds, 0)
    needed = choice.price(kernels, nodes)
    if "executor.run" in missing:  # nothing was ever compiled here
        needed = max(needed, choice.COLD_SECONDS)
    steps = math.floor(needed / numpy_seconds) + 1
    why = "the plan and its kernels pay from so many steps on, by counting operations"
    return Choice(name, "native", why, len(missing), seconds, steps)


# --- whose memory it is -----------------------------------------------------------------------
def _owners(plan: Plan, inputs: Sequence[str], prefix: str) -> dict[Buffer, str]:
    found = {value.buffer: "constant" for value, _ in plan.constants}
    found[plan.flag.buffer], found[plan.cell.buffer] = FLAG, "order of the rows"
    found.update({value.buffer: "result" for value in plan.outputs})
    names = itertools.chain(inputs, itertools.repeat("input"))
    for value, table, name in zip(plan.inputs, plan.tables, names, strict=False):
        if value is not None:
            found[value.buffer] = name
        if table is not None:
            found[table.buffer] = f"all of {name}"
    for variable, value in plan.variables:
        path = getattr(variable, "path", "") or variable.name or "variable"
        found[value.buffer] = path.removeprefix(prefix)
    return found


class _Teller:
    """Tells instructions, one by one."""

    def __init__(self, owners: Mapping[Buffer, str], where: Where) -> None:
        self._owners, self._where = owners, where

    def lines(self, number: tuple[int, ...], instruction: Instruction) -> list[Line]:
        """Return the line of an instruction; of a parallel one, also those of its lanes."""
        if not isinstance(instruction, Parallel):
            return [self._line(number, instruction)]
        if instruction.divided:
            return [self._line(number, instruction.body[0], parts=instruction.parts)]
        body = [self._line((*number, k), i) for k, i in enumerate(instruction.body, 1)]
        times = instruction.parts * instruction.slices
        head = Line(
            number,
            (),
            instruction.note,
            instruction.kernel,
            self._arrays(instruction.reads),
            self._arrays([v for v in instruction.writes if self._owners.get(v.buffer) != FLAG]),
            times * sum(line.bytes_read for line in body),
            times * sum(line.bytes_written for line in body),
            times * sum(line.operations for line in body),
            lanes=instruction.parts,
            slices=instruction.slices,
        )
        return [head, *body]

    def _line(self, number: tuple[int, ...], instruction: Instruction, parts: int = 1) -> Line:
        cluster = instruction.kernel == CLUSTER
        words = instruction.words
        writes = [v for v in instruction.writes if self._owners.get(v.buffer) != FLAG]
        return Line(
            number,
            tuple(self._computes(instruction.nodes)),
            "" if cluster else instruction.note,
            REFERENCE if instruction.kernel == HOST else instruction.kernel,
            self._arrays(instruction.reads),
            self._arrays(writes),
            _bytes_read(instruction),
            sum(_touched(v) for v in _distinct(writes)),
            instruction.operations,
            len(writes) < len(instruction.writes),
            _over(instruction),
            arrays=_number(words[0]) if cluster else 1,
            registers=_number(words[6]) if cluster else 0,
            loop=cluster and is_a_loop(instruction),
            block=_number(words[1]) if cluster else 0,
            parts=parts,
        )

    def _computes(self, nodes: Sequence[Node]) -> Iterable[tuple[str, tuple[str, ...]]]:
        for where, group in itertools.groupby(nodes, lambda node: self._where(node.tensor)):
            yield where, tuple(_name(node) for node in group)

    def _arrays(self, values: Sequence[Value]) -> tuple[Array, ...]:
        return tuple(self._array(value) for value in _distinct(values))

    def _array(self, value: Value) -> Array:
        shape = tuple(n for n, s in zip(value.shape, value.strides, strict=True) if s or n == 1)
        role = value.buffer.role
        if role in ("value", "slice"):
            place, offset = (
                "arena" if role == "value" else "own",
                value.buffer.offset + value.offset,
            )
        else:
            place, offset = self._owners.get(value.buffer, "given"), None
        return Array(shape, value.dtype.name, _touched(value), place, offset)


def _number(word: object) -> int:
    return int(word) if isinstance(word, int | np.integer) else 0


def _name(node: Node) -> str:
    """An op as a line names it; the sums of lanes, and rows that are picked, are the planner's."""
    own = None if node.tensor.op is None else type(node.tensor.op)
    if node.op is None:
        return f"rows of {node.tensor.name}" if node.tensor.name else "rows"
    if type(node.op) is not own and isinstance(node.op, Add | Identity):
        return "sum of the lanes"
    return node.op.name


def _distinct(values: Sequence[Value]) -> list[Value]:
    found: dict[tuple[object, ...], Value] = {}
    for value in values:
        place = (id(value.buffer), value.offset, value.shape, value.strides, value.dtype.str)
        found.setdefault(place, value)
    return list(found.values())


def _touched(value: Value) -> int:
    """The bytes of the entries, each counted once however often it is repeated."""
    steps = zip(value.shape, value.strides, strict=True)
    return math.prod(n if s else min(n, 1) for n, s in steps) * value.dtype.itemsize


def _bytes_read(instruction: Instruction) -> int:
    reads = _distinct(instruction.reads)
    if instruction.kernel.startswith(_PICKING):  # of a table no more than is picked
        table, *rest = reads
        picked = sum(value.size for value in instruction.writes) * table.dtype.itemsize
        return picked + sum(_touched(value) for value in rest)
    return sum(_touched(value) for value in reads)


def _over(instruction: Instruction) -> bool:
    """Whether something written lies where something read did."""
    read = {_lies(v) for v in instruction.reads}
    return any(_lies(v) in read for v in instruction.writes if v.nbytes)


def _lies(value: Value) -> tuple[object, ...]:
    placed = value.buffer.role in ("value", "slice")
    return (value.buffer.role, value.buffer.offset if placed else id(value.buffer), value.offset)


def _totals(plan: Plan, lines: Sequence[Line]) -> Totals:
    outer = [line for line in lines if len(line.number) == 1]
    every = flattened(plan.instructions)
    computed = {id(n.tensor) for i in every for n in i.nodes}
    hosts = {id(n.tensor) for i in every if i.kernel == HOST for n in i.nodes}
    return Totals(
        sum(line.lanes == 0 for line in lines),
        sum(line.operations for line in outer),
        sum(line.bytes_read for line in outer),
        sum(line.bytes_written for line in outer),
        plan.arena.nbytes,
        plan.arena.ideal,
        plan.slice_arena.nbytes,
        min(plan.parts, cores()),
        len(computed - hosts),
        len(hosts),
        max(plan.nodes - len(computed), 0),
        sum(value.nbytes for _, value in plan.variables),
        len(plan.kernels),
    )
