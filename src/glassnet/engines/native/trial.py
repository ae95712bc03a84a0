"""One op run natively on arrays: what the tests of kernels and lowerings call."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from glassnet.engines.native import blas
from glassnet.engines.native.compiler import address_of
from glassnet.engines.native.lowering.base import LOWERINGS, VIEWS, Blas, Builder, Kernel, Table
from glassnet.engines.native.memory import Buffer, Value, new_value
from glassnet.graph.op import Op
from glassnet.graph.tensor import Constant


def run_op(op: Op, *arrays: Any) -> np.ndarray | None:
    """Return the op's value by its native instructions; None where it has none for these inputs."""
    arrays = tuple(np.asarray(a) for a in arrays)
    shape, dtype = op.infer(*map(Constant, arrays))
    held: dict[int, np.ndarray] = {}

    def hold(value: Value) -> Value:
        # No zeros: memory holds what was there before.
        held[id(value.buffer)] = np.full(max(value.buffer.nbytes, 1) + 64, 0xAB, np.uint8)
        return value

    def bring(array: np.ndarray) -> Value:
        """An array in memory of its own, with the strides that it has."""
        low, high = np.lib.array_utils.byte_bounds(array)
        here = array.__array_interface__["data"][0]
        base = Value(Buffer(max(high - low, 1)), array.shape, array.dtype, array.strides)
        made = hold(base.viewed(array.shape, array.strides, here - low if array.size else 0))
        if array.size:
            memory = held[id(made.buffer)]
            ctypes.memmove(memory.ctypes.data, low, high - low)
        return made

    ins = [bring(a) for a in arrays]
    builder = Builder()
    out, sizes = None, tuple(map(int, shape))
    if type(op) in VIEWS:
        out = VIEWS[type(op)](op, sizes, ins[0])
        if out is None and type(op) not in LOWERINGS:
            out = VIEWS[type(op)](op, sizes, builder.contiguous(ins[0]))
    if out is None:
        rule = LOWERINGS.get(type(op))
        out = hold(new_value(sizes, dtype))
        if rule is None or rule(builder, op, out, *ins) is False:
            return None
    kept: list[Any] = []

    def word(w: Any) -> int:
        if isinstance(w, Value):
            if id(w.buffer) not in held:
                hold(w)
            return held[id(w.buffer)].ctypes.data + w.offset
        if isinstance(w, Kernel):
            return address_of(w.name)
        if isinstance(w, Blas):
            return blas.address_of(w.name)
        if isinstance(w, Table):
            kept.append(np.array([word(v) for v in w.words] or [0], np.int64))
            return int(kept[-1].ctypes.data)
        return int(w)

    for instruction in builder.instructions:
        block = np.array([word(w) for w in instruction.words], np.int64)
        call = ctypes.CFUNCTYPE(None, ctypes.c_int64)(address_of(instruction.kernel))
        call(block.ctypes.data)
    return np.ndarray(out.shape, out.dtype, held[id(out.buffer)], out.offset, out.strides).copy()
