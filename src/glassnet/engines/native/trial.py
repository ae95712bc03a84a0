"""Instructions run on arrays, without a plan: what the tests of kernels and lowerings call."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from glassnet.engines.native import blas
from glassnet.engines.native.compiler import address_of
from glassnet.engines.native.lowering.base import (
    ACCUMULATES,
    LOWERINGS,
    VIEWS,
    Blas,
    Builder,
    Kernel,
    Table,
)
from glassnet.engines.native.memory import Buffer, Value, new_value
from glassnet.graph.op import Op
from glassnet.graph.tensor import Constant

_ROOM = 64
"""Bytes behind each array that nobody may write."""


def run_op(op: Op, *arrays: Any, onto: np.ndarray | None = None) -> np.ndarray | None:
    """Return the op's value by its native instructions; None where it has none for these inputs.

    With ``onto`` the value is added to that array, by rules that say they can.
    """
    arrays = tuple(np.asarray(a) for a in arrays)
    shape, dtype = op.infer(*map(Constant, arrays))
    memory = Memory()
    ins = [memory.bring(a) for a in arrays]
    builder = Builder(accumulating=onto is not None)
    out, sizes = None, tuple(map(int, shape))
    if type(op) in VIEWS:
        out = VIEWS[type(op)](op, sizes, ins[0])
        if out is None and type(op) not in LOWERINGS:
            out = VIEWS[type(op)](op, sizes, builder.contiguous(ins[0]))
    if out is None:
        rule = LOWERINGS.get(type(op))
        out = memory.hold(new_value(sizes, dtype))
        if onto is not None:
            assert type(op) in ACCUMULATES, f"{op.name} does not add to what is there"
            memory.fill(out, onto)
        if rule is None or rule(builder, op, out, *ins) is False:
            return None
    memory.run(builder)
    return memory.array(out)


class Memory:
    """The memory of each buffer that instructions name."""

    def __init__(self) -> None:
        self._held: dict[int, np.ndarray] = {}
        self._kept: list[Any] = []

    def hold(self, value: Value) -> Value:
        """Give a value memory; no zeros: it holds what was there before."""
        self._held[id(value.buffer)] = np.full(max(value.buffer.nbytes, 1) + _ROOM, 0xAB, np.uint8)
        self._kept.append(value)
        return value

    def bring(self, array: np.ndarray) -> Value:
        """Return an array as a value in memory of its own, with the strides that it has."""
        low, high = np.lib.array_utils.byte_bounds(array)
        here = array.__array_interface__["data"][0]
        base = Value(Buffer(max(high - low, 1)), array.shape, array.dtype, array.strides)
        made = self.hold(base.viewed(array.shape, array.strides, here - low if array.size else 0))
        if array.size:
            memory = self._held[id(made.buffer)]
            ctypes.memmove(memory.ctypes.data, low, high - low)
        return made

    def fill(self, value: Value, array: np.ndarray) -> None:
        """Write an array into the memory of a row-major value."""
        memory = self._held[id(value.buffer)]
        memory[: array.nbytes] = np.frombuffer(array.tobytes(), np.uint8)

    def array(self, value: Value) -> np.ndarray:
        """Return a copy of a value as it is now."""
        memory = self._held[id(value.buffer)]
        return np.ndarray(value.shape, value.dtype, memory, value.offset, value.strides).copy()

    def run(self, builder: Builder) -> None:
        """Run the instructions of a builder."""
        for instruction in builder.instructions:
            block = np.array([self._word(w) for w in instruction.words], np.int64)
            call = ctypes.CFUNCTYPE(None, ctypes.c_int64)(address_of(instruction.kernel))
            call(block.ctypes.data)
            for memory in self._held.values():
                kernel = instruction.kernel
                assert (memory[-_ROOM:] == 0xAB).all(), f"{kernel} wrote behind an array"

    def _word(self, word: Any) -> int:
        if isinstance(word, Value):
            if id(word.buffer) not in self._held:
                self.hold(word)
            return self._held[id(word.buffer)].ctypes.data + word.offset
        if isinstance(word, Kernel):
            return address_of(word.name)
        if isinstance(word, Blas):
            return blas.address_of(word.name)
        if isinstance(word, Table):
            self._kept.append(np.array([self._word(w) for w in word.words] or [0], np.int64))
            return int(self._kept[-1].ctypes.data)
        return int(word)
