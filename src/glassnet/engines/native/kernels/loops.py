"""The program of a cluster as one loop: what only its own rows need stays in registers.

A kernel's name tells its program, so that the same one is compiled once, whatever the network:
``"loops.program:multiply.f4.f4.f4,v3,s0,-:add.f4.f4.f4,v4,r0,o4"``. Each row names its kernel of
entries with its dtypes, its operands, and where its result goes. An operand is ``v3``, the entries
at slot 3; ``s0``, the number at slot 0; or ``r0``, the result of row 0. A result goes to ``o4``,
the entries at slot 4, or to ``-``, nowhere else. ``finite.f4,r1,f5`` sets the flag at slot 5 where
an entry is not finite.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from glassnet.engines.native.kernels.arrays import WORD, Array, over_vectors
from glassnet.engines.native.kernels.elementwise import formula_of
from glassnet.engines.native.kernels.lanes import Lanes

ARGUMENTS = 5


@dataclass(frozen=True)
class Row:
    """One row of a program."""

    kernel: str
    dtypes: tuple[np.dtype, ...]
    operands: tuple[tuple[str, int], ...]
    target: tuple[str, int]


def read(text: str) -> Row:
    """Return the row that a part of a kernel's name tells.

    >>> read("add.f4.f4.f4,v4,r0,o4").operands
    (('v', 4), ('r', 0))
    """
    named, *operands, target = text.split(",")
    kernel, *codes = named.split(".")
    places = tuple((o[0], int(o[1:])) for o in operands)
    to = (target[0], int(target[1:] or 0))
    return Row(kernel, tuple(map(np.dtype, codes)), places, to)


def program(*rows: Row) -> Any:
    """``kernel(→ slots, _, _, _, n)``: the rows, for n entries; a slot holds an address."""
    emit = _emitted(rows)

    def kernel(slots: int, a: int, b: int, c: int, n: int) -> None:
        emit(slots, n)

    return kernel


def _emitted(rows: tuple[Row, ...]) -> Any:
    @intrinsic
    def emit(typingctx: Any, slots: Any, n: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _Loop(builder, rows, arguments[0]).write(arguments[1])
            return context.get_dummy_value()

        return types.void(types.int64, types.int64), generate

    return emit


class _Loop:
    """Writes the loop of a program."""

    def __init__(self, builder: Any, rows: tuple[Row, ...], slots: Any) -> None:
        self._builder, self._rows = builder, rows
        self._addresses: dict[int, Any] = {}
        self._read: dict[int, Array] = {}
        self._numbers: dict[int, Lanes] = {}
        self._written: dict[int, Array] = {}
        self._strange: dict[int, Any] = {}
        for row in rows:
            self._prepare(row, slots)

    def _prepare(self, row: Row, slots: Any) -> None:
        """Load the addresses and the numbers of a row, ahead of the loop."""
        for (way, slot), dtype in zip(row.operands, row.dtypes, strict=False):
            if way != "r":
                array = Array(self._builder, self._address(slots, slot), dtype)
                if way == "v":
                    self._read.setdefault(slot, array)
                elif slot not in self._numbers:
                    self._numbers[slot] = array.load(WORD(0), 1)
        way, slot = row.target
        if way == "o":
            self._written[slot] = Array(self._builder, self._address(slots, slot), row.dtypes[-1])
        elif way == "f":
            self._address(slots, slot)
            self._strange.setdefault(slot, cgutils.alloca_once_value(self._builder, WORD(0)))

    def _address(self, slots: Any, slot: int) -> Any:
        if slot not in self._addresses:
            place = self._builder.add(slots, WORD(8 * slot))
            pointer = self._builder.inttoptr(place, WORD.as_pointer())
            self._addresses[slot] = self._builder.load(pointer, typ=WORD)
        return self._addresses[slot]

    def write(self, n: Any) -> None:
        """Write the loop over whole vectors, then the rest of n."""
        builder = self._builder
        over_vectors(builder, n, [d for row in self._rows for d in row.dtypes], self._body)
        for slot, cell in self._strange.items():
            with builder.if_then(builder.icmp_unsigned("!=", builder.load(cell), WORD(0))):
                flag = builder.inttoptr(self._addresses[slot], WORD.as_pointer())
                builder.store(WORD(1), flag)

    def _body(self, index: Any, count: int, mask: Any = None) -> None:
        # All is read before anything is written: a result may lie over what it is made from.
        entries = {slot: array.load(index, count, mask) for slot, array in self._read.items()}
        made: list[Lanes] = []
        for row in self._rows:
            operands = []
            for way, place in row.operands:
                if way == "s":
                    number = self._numbers[place]
                    operands.append(number if count == 1 else number.everywhere(count))
                else:
                    operands.append(entries[place] if way == "v" else made[place])
            if row.kernel == "finite":
                self._watch(operands[0], row.target[1], mask)
                made.append(operands[0])
            else:
                made.append(formula_of(row.kernel, row.dtypes)(*operands))
        for row, value in zip(self._rows, made, strict=True):
            if row.target[0] == "o":
                self._written[row.target[1]].store(value, index, mask)

    def _watch(self, value: Lanes, slot: int, mask: Any) -> None:
        """Note in the cell of a flag which lanes are not finite."""
        builder = self._builder
        infinite = np.array(np.inf, value.dtype).view(f"i{value.dtype.itemsize}")
        strange = (value.as_integer() & int(infinite)).equals(int(infinite)).value
        if mask is not None:
            strange = builder.and_(strange, mask)
        bits = builder.bitcast(strange, ir.IntType(value.count))
        cell = self._strange[slot]
        builder.store(builder.or_(builder.load(cell), builder.zext(bits, WORD)), cell)
