"""The programs of clusters of elementwise ops.

A cluster is computed block by block by a little program: rows of kernels on slots. A slot is a
register (a block of scratch memory that stays in the innermost cache) or an array, whose address
moves with the block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from glassnet.engines.native.bound import Node
from glassnet.engines.native.fusion import Group, Values, kernel_of
from glassnet.engines.native.lowering.base import Kernel, Table, Word
from glassnet.engines.native.lowering.elementwise import code, constants, finite_kernel
from glassnet.engines.native.memory import Buffer, Value

SLOTS, PERIODIC, STRIDED, FLAG, LOOP = 0, 1, 2, 3, 4
"""How a row is called: on slots; loading rows that repeat; loading any strides; setting a flag; as
a loop of several rows, on the address of the slots."""

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Row:
    """One call of the program."""

    mode: int
    kernel: Kernel
    target: int
    a: Word = 0
    b: Word = 0
    c: Word = 0


@dataclass
class Program:
    """What a cluster computes for each block, and on which arrays."""

    size: int
    rows: list[Row] = field(default_factory=list)
    fills: list[tuple[Word, int]] = field(default_factory=list)
    numbers: list[Value] = field(default_factory=list)
    arrays: list[Value] = field(default_factory=list)
    written: list[int] = field(default_factory=list)
    """Which of the arrays are written."""
    read: list[int] = field(default_factory=list)
    """Which are read."""
    loaded: list[Value] = field(default_factory=list)
    flags: list[Value] = field(default_factory=list)
    registers: int = 0
    reuses: list[tuple[Value, Value]] = field(default_factory=list)
    """Pairs (written, read): the first may take the memory of the second, if that dies here."""
    nodes: list[Node] = field(default_factory=list)
    """What each row on slots computes."""

    @cached_property
    def reads(self) -> set[Buffer]:
        """What it reads."""
        arrays = (self.arrays[i] for i in self.read)
        return {v.buffer for v in (*self.numbers, *arrays, *self.loaded)}

    @cached_property
    def writes(self) -> set[Buffer]:
        """What it writes, flags left out."""
        return {self.arrays[i].buffer for i in self.written}

    @property
    def signature(self) -> tuple[object, ...] | None:
        """What two clusters have in common that can be one instruction; None where none can."""
        if self.loaded:
            return None
        items = tuple(v.dtype.itemsize for v in self.arrays)
        return (tuple(self.rows), tuple(self.fills), items, tuple(self.written), self.registers)


class Writer:
    """Writes the program of a cluster.

    Args:
        group: the cluster.
        nodes: all nodes by place.
        values: where they lie.
        stored: the places of values that others need.
        watched: those whose entries must be finite.
        flag: the integer that is set where one is not.
        constant: gives the value of a number of some dtype.
    """

    def __init__(
        self,
        group: Group,
        nodes: list[Node],
        values: Values,
        stored: set[int],
        watched: set[int],
        flag: Value | None,
        constant: Callable[[float, np.dtype], Value],
    ) -> None:
        self._group, self._nodes, self._values = group, nodes, values
        self._stored, self._watched, self._flag = stored, watched, flag
        self._constant = constant
        self._own = {n.place for n in group.members}
        self._slot: dict[Key, int] = {}
        self._free: list[int] = []
        self._last: dict[Key, int] = {}
        self.program = Program(group.size)

    def write(self) -> Program:
        """Return the program."""
        members = self._group.members
        uses = [self._operands(node) for node in members]
        for i, (node, operands) in enumerate(zip(members, uses, strict=True)):
            for key, _, _ in operands:
                self._last[key] = i
            self._last.setdefault(("node", node.place), i)
        for i, (node, operands) in enumerate(zip(members, uses, strict=True)):
            self._row(i, node, operands)
        self._renumber()
        self._pairs(uses)
        return self.program

    def _operands(self, node: Node) -> list[tuple[Key, str, Value]]:
        found = [self._operand(s, node) for s in node.sources]
        for number in () if node.op is None else constants(node.op):
            value = self._constant(number, found[0][2].dtype)
            found.append((("number", id(value.buffer)), "number", value))
        return found

    def _operand(self, source: int, node: Node) -> tuple[Key, str, Value]:
        """Tell how a node reads a source: a key for its slot, the way, the value."""
        root = self._values.root(source)
        value = self._values.of[source]
        if root in self._own:
            return ("node", root), "slot", value
        strides = collapsed(value, node.shape)
        item = value.dtype.itemsize
        place = (id(value.buffer), value.offset, value.dtype.str)
        number = not value.shape and node.shape != ()
        if strides == [(self._group.size, item)] or (self._group.size == 1 and not number):
            return ("array", *place), "array", value
        if number or (len(strides) == 1 and strides[0][1] == 0):
            return ("number", *place), "number", value
        return (
            ("load", *place, tuple(strides)),
            "load",
            value.viewed(tuple(n for n, _ in strides), tuple(s for _, s in strides)),
        )

    def _row(self, i: int, node: Node, operands: list[tuple[Key, str, Value]]) -> None:
        slots = [self._slot_of(key, way, value) for key, way, value in operands]
        own: Key = ("node", node.place)
        ending = [
            (key, value)
            for key, way, value in operands
            if self._last[key] == i and way in ("slot", "load")
        ]
        # Entries of another width would be written over before they are read.
        for key, value in ending:
            if value.dtype.itemsize == node.dtype.itemsize:
                self._release(key)
        if node.place in self._stored:
            self._array(own, self._values.of[node.place], written=True)
        else:
            self._register(own)
        for key, _ in ending:
            self._release(key)
        kernel = Kernel(str(kernel_of(node, self._nodes)))
        self.program.rows.append(Row(SLOTS, kernel, self._slot[own], *slots))
        self.program.nodes.append(node)
        if node.place in self._watched and self._flag is not None and node.dtype.kind == "f":
            finite = Kernel(finite_kernel(node.dtype))
            self.program.rows.append(Row(FLAG, finite, 0, self._flag, self._slot[own]))
            self.program.flags.append(self._flag)
        if self._last[own] == i:
            self._release(own)

    def _slot_of(self, key: Key, way: str, value: Value) -> int:
        if key in self._slot:
            return self._slot[key]
        short = code(value.dtype)
        if way == "array":
            return self._array(key, value)
        if way == "number":
            slot = self._register(key)
            self.program.fills.append((Kernel(f"elementwise.fill:{short}:{short}"), slot))
            self.program.numbers.append(value)
            return slot
        slot = self._register(key)
        self.program.loaded.append(value)
        self.program.rows.append(_load(value, slot, short))
        return slot

    def _register(self, key: Key) -> int:
        if self._free and key[0] != "number":  # a number fills its register before the first row
            slot = self._free.pop()
        else:
            slot = self.program.registers
            self.program.registers += 1
        self._slot[key] = slot
        return slot

    def _release(self, key: Key) -> None:
        slot = self._slot.pop(key, -1)
        if slot >= 0:
            self._free.append(slot)

    def _array(self, key: Key, value: Value, *, written: bool = False) -> int:
        """Give an array a slot: below zero until the number of registers is known."""
        place = ("at", id(value.buffer), value.offset)
        if place in self._slot:  # read before, now written in place
            slot = self._slot[place]
        else:
            self.program.arrays.append(value)
            slot = -len(self.program.arrays)
            self._slot[place] = slot
        (self.program.written if written else self.program.read).append(-slot - 1)
        self._slot[key] = slot
        return slot

    def _renumber(self) -> None:
        count = self.program.registers

        def number(slot: Word) -> Word:
            return count - slot - 1 if isinstance(slot, int) and slot < 0 else slot

        self.program.rows = [
            Row(r.mode, r.kernel, _int(number(r.target)), number(r.a), number(r.b), number(r.c))
            for r in self.program.rows
        ]

    def _pairs(self, uses: list[list[tuple[Key, str, Value]]]) -> None:
        """Note which arrays that are read for the last time a later written one may lie over.

        Not one that is also read in another order: other blocks are still to read of it.
        """
        jumped = {v.buffer for operands in uses for _, way, v in operands if way == "load"}
        for i, node in enumerate(self._group.members):
            if node.place not in self._stored:
                continue
            out = self._values.of[node.place]
            for operands in uses[: i + 1]:
                for key, way, value in operands:
                    same = way == "array" and value.dtype.itemsize == out.dtype.itemsize
                    same = same and value.buffer not in jumped
                    if same and self._last[key] <= i and value.size == out.size:
                        self.program.reuses.append((out, value))


def _int(word: Word) -> int:
    if not isinstance(word, int):
        raise TypeError(f"a slot is a number; got {word!r}")
    return word


def _load(value: Value, slot: int, short: str) -> Row:
    """The row that brings a broadcast or strided operand into a register."""
    item = value.dtype.itemsize
    if len(value.shape) == 2 and value.strides == (0, item):
        return Row(
            PERIODIC, Kernel(f"elementwise.periodic:{short}"), slot, value, 0, value.shape[1]
        )
    if len(value.shape) == 2 and value.strides == (item, 0):
        return Row(
            PERIODIC, Kernel(f"elementwise.repeated:{short}"), slot, value, 0, value.shape[1]
        )
    table = Table((value, len(value.shape), *value.shape, *value.strides))
    return Row(STRIDED, Kernel(f"executor.load:u{item}"), slot, table)


def collapsed(value: Value, shape: Sequence[int]) -> list[tuple[int, int]]:
    """Return (size, stride) of the fewest axes by which a value broadcasts to a shape."""
    missing = len(shape) - len(value.shape)
    strides = [0] * missing + [
        0 if n == 1 else s for n, s in zip(value.shape, value.strides, strict=True)
    ]
    found: list[tuple[int, int]] = []
    for size, stride in zip(shape, strides, strict=True):
        if size == 1:
            continue
        if found and found[-1][1] == stride * size:
            found[-1] = (found[-1][0] * size, stride)
        else:
            found.append((size, stride))
    return found
