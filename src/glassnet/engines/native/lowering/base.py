"""Lowering: from an op on values to instructions. Rules are registered by the class of the op."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from glassnet.engines.native.bound import Node
from glassnet.engines.native.memory import Value, new_value
from glassnet.graph.op import Op


@dataclass(frozen=True)
class Kernel:
    """A word of an instruction that becomes the address of a compiled kernel."""

    name: str


@dataclass(frozen=True)
class Blas:
    """A word that becomes the address of a routine of BLAS, ``Blas("sgemm")``."""

    name: str


@dataclass(frozen=True)
class Table:
    """A word that becomes the address of further words."""

    words: tuple[Any, ...]


@dataclass(frozen=True)
class Running:
    """A word that counts: so much more from one slice of the batch to the next."""

    step: int


Word = int | Value | Kernel | Blas | Table | Running


def bits(number: float) -> int:
    """Return a number as the integer with the same bits as its float64."""
    return int(struct.unpack("<q", struct.pack("<d", float(number)))[0])


@dataclass(eq=False)
class Instruction:
    """A call of one kernel with its words, and what it reads and writes."""

    kernel: str
    words: tuple[Word, ...]
    writes: tuple[Value, ...]
    reads: tuple[Value, ...]
    operations: int = 0
    """Floating-point operations, about."""
    scratch: tuple[Value, ...] = ()
    """Memory that it needs while it runs."""
    note: str = ""
    reuses: tuple[tuple[Value, Value], ...] = ()
    """Pairs (written, read): the first may lie over the second, if nobody reads that later."""
    nodes: tuple[Node, ...] = ()
    """The nodes of the graph that it computes, or helps to."""


@dataclass(eq=False)
class Parallel(Instruction):
    """Instructions that threads run side by side: for each slice of the batch, or by parts."""

    body: tuple[Instruction, ...] = ()
    parts: int = 1
    """The lanes, or the parts into which a cluster is divided."""
    slices: int = 1
    """The slices of a lane."""
    zeros: tuple[Value, ...] = ()
    """What a lane sets to zero before its first slice."""
    divided: bool = False
    """Whether the body is a cluster of which each part computes its share."""


@dataclass
class Builder:
    """Collects the instructions that compute a list of nodes."""

    instructions: list[Instruction] = field(default_factory=list)
    role: str = "value"
    """The role of buffers for values between instructions."""
    accumulating: bool = False
    """Whether the value is to be added to what ``out`` holds; for rules that say they can."""
    flag: Value | None = None
    """What an instruction sets where it meets what is an error of its op: the reference computes
    the run again, and raises. None where nobody looks."""

    def emit(
        self,
        kernel: str,
        words: Sequence[Word],
        *,
        writes: Sequence[Value],
        reads: Sequence[Value],
        operations: int = 0,
        scratch: Sequence[Value] = (),
        note: str = "",
    ) -> None:
        """Add an instruction: the kernel is called with the address of the words."""
        self.instructions.append(
            Instruction(
                kernel, tuple(words), tuple(writes), tuple(reads), operations, tuple(scratch), note
            )
        )

    def temporary(self, shape: tuple[int, ...], dtype: Any) -> Value:
        """Return a new array for a value between two instructions."""
        return new_value(shape, np.dtype(dtype), self.role)

    def scratch(self, nbytes: int) -> Value:
        """Return bytes that an instruction needs while it runs; name them in ``scratch=``."""
        return new_value((nbytes,), np.dtype(np.uint8), self.role)

    def contiguous(self, value: Value) -> Value:
        """Return the value itself, or a row-major copy made by an instruction."""
        if value.contiguous:
            return value
        made = self.temporary(value.shape, value.dtype)
        copy(self, made, value)
        return made


def copy(builder: Builder, out: Value, value: Value) -> None:
    """Copy an array of any strides into a row-major one."""
    size = value.dtype.itemsize
    builder.emit(
        f"movement.copy:u{size}",
        [out, value, len(value.shape), Table((*value.shape, *value.strides))],
        writes=[out],
        reads=[value],
        note="copy",
    )


Rule = Callable[..., Any]
LOWERINGS: dict[type[Op], Rule] = {}
ACCUMULATES: set[type[Op]] = set()
VIEWS: dict[type[Op], Rule] = {}
SLICES: dict[type[Op], Rule] = {}
SUM = "sum"
DRAWN: dict[type[Op], tuple[int, Callable[[Any], bool]]] = {}
"""Random ops that can draw a part of the whole draw: which word of their instruction is the place
of its first entry, and whether the kernel takes the op."""


def lowers(*ops: type[Op], accumulates: bool = False) -> Callable[[Rule], Rule]:
    """Register ``rule(builder, op, out, *inputs)``, which emits the instructions of an op.

    It returns False, with nothing emitted, where it can't; then the reference computes the op.
    ``out`` is row-major; inputs may have any strides. With ``accumulates`` the rule looks at
    ``builder.accumulating``.
    """

    def register(rule: Rule) -> Rule:
        for op in ops:
            LOWERINGS[op] = rule
            if accumulates:
                ACCUMULATES.add(op)
        return rule

    return register


def views(*ops: type[Op]) -> Callable[[Rule], Rule]:
    """Register ``rule(op, shape, value) -> Value | None``: the op's value as a view of its input.

    ``shape`` is that of the op's value; None asks for the instructions of ``lowers``, or, where
    there are none, for a row-major copy of the input first.
    """

    def register(rule: Rule) -> Rule:
        VIEWS.update(dict.fromkeys(ops, rule))
        return rule

    return register


def slices(*ops: type[Op]) -> Callable[[Rule], Rule]:
    """Register ``rule(op, out_shape, shapes, axes) -> int | SUM | None``.

    ``axes`` tells for each input which of its axes is the batch (None: the input is the same for
    all examples). The rule returns the axis of the value that is the batch when the op is given
    a slice of the batch alone and the value is that slice of the whole value; ``SUM`` where the
    values of the slices must be added; None where it needs the whole batch.
    """

    def register(rule: Rule) -> Rule:
        SLICES.update(dict.fromkeys(ops, rule))
        return rule

    return register
