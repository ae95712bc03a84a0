"""One op run natively on arrays: what the tests of kernels and lowerings call."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from glassnet.engines.native import blas
from glassnet.engines.native.compiler import address_of
from glassnet.engines.native.lowering.base import LOWERINGS, VIEWS, Blas, Builder, Kernel, Table
from glassnet.engines.native.memory import Value, new_value
from glassnet.graph.op import Op
from glassnet.graph.tensor import Constant


def run_op(op: Op, *arrays: Any) -> np.ndarray | None:
    """Return the op's value by its native instructions; None where it has none for these inputs."""
    arrays = tuple(np.asarray(a) for a in arrays)
    shape, dtype = op.infer(*map(Constant, arrays))
    held: dict[int, np.ndarray] = {}

    def hold(value: Value, array: np.ndarray | None = None) -> Value:
        made = np.zeros(max(value.buffer.nbytes, 1) + 64, np.uint8)
        if array is not None:
            made[: array.nbytes] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        held[id(value.buffer)] = made
        return value

    ins = [hold(new_value(a.shape, a.dtype), a) for a in arrays]
    builder = Builder()
    out = None
    if type(op) in VIEWS:
        out = VIEWS[type(op)](op, tuple(map(int, shape)), ins[0])
    if out is None:
        rule = LOWERINGS.get(type(op))
        out = hold(new_value(tuple(map(int, shape)), dtype))
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
    memory = held[id(out.buffer)][out.offset :]
    return np.lib.stride_tricks.as_strided(
        memory[: memory.size // out.dtype.itemsize * out.dtype.itemsize].view(out.dtype),
        out.shape,
        out.strides,
    ).copy()
