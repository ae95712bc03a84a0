"""A plan with memory of its own: words resolved to addresses, ready to be run."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from glassnet.engines.native import compiler, crew
from glassnet.engines.native.assembly import Assembly
from glassnet.engines.native.interrupts import PutOff, let_through
from glassnet.engines.native.memory import ALIGNMENT, Buffer, Value
from glassnet.engines.native.planning import Plan
from glassnet.engines.native.stages import HostCall

Call = ctypes.CFUNCTYPE(None, ctypes.c_int64)


def aligned(nbytes: int) -> np.ndarray:
    """Return bytes that begin at a line of the cache."""
    raw = np.empty(nbytes + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + nbytes]


class Instance:
    """Memory for a plan. One caller runs it at a time; another one takes an instance of its own.

    Args:
        plan: the plan.
        threads: how many threads share parallel instructions; 0 for one on each core.
    """

    def __init__(self, plan: Plan, threads: int = 0) -> None:
        self.plan = plan
        self.arena = aligned(max(plan.arena.nbytes, 1))
        self.error: BaseException | None = None
        self.failed: np.ndarray | None = None
        """A cell that is set where the reference raises in the middle of a run of steps."""
        self._held: list[Any] = []
        self._base: dict[Buffer, int] = {}
        for value, array in plan.constants:
            own = aligned(max(array.nbytes, 1))
            own[: array.nbytes] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            self._held.append(own)
            self._base[value.buffer] = own.ctypes.data
        self._callback = Call(self._host)
        self._host_address = ctypes.cast(self._callback, ctypes.c_void_p).value or 0
        self.threads = min(plan.parts, threads or crew.cores())
        self._own = [aligned(max(plan.slice_arena.nbytes, 1)) for _ in range(self.threads)]
        self.control = crew.control_block()
        compiler.addresses_of(plan.kernels)
        assembly = Assembly(
            self._place, self._host_address, int(self.control.ctypes.data), self.threads
        )
        self._words = assembly.assemble(plan.instructions)
        self._address = int(self._words.ctypes.data)
        self._leaves = assembly.leaves
        self._run = Call(compiler.address_of("executor.run"))
        self._bound: dict[Buffer, int] = {}

    def _place(self, buffer: Buffer, thread: int) -> int | None:
        if buffer in self._base:
            return self._base[buffer]
        if buffer.role == "leaf":
            return None
        if buffer.role == "slice":
            return int(self._own[thread].ctypes.data) + buffer.offset
        return int(self.arena.ctypes.data) + buffer.offset

    def bind(self, value: Value, address: int) -> None:
        """Let a leaf lie at an address from now on."""
        if self._bound.get(value.buffer) == address:
            return
        for where, offset in self._leaves.get(value.buffer, ()):
            self._words[where] = address + offset
        self._bound[value.buffer] = address  # last: an interrupt before it has it done again

    def keep(self, array: np.ndarray) -> None:
        """Hold on to memory that a leaf was bound to."""
        self._held.append(array)

    @property
    def address(self) -> int:
        """The address of the words of ``executor.run``."""
        return self._address

    # --- running ------------------------------------------------------------------------------
    def run(self) -> None:
        """Run all instructions once."""
        if self.threads < 2 and not self.plan.hosts:
            self._run(self._address)
        else:
            with PutOff(), crew.at_work(self.control, self.threads):
                self._run(self._address)
        if self.error is not None:
            error, self.error = self.error, None
            raise error

    def _host(self, address: int) -> None:
        """Compute an op by the reference; called from compiled code."""
        if self.error is not None:  # what came of this run is dropped anyway
            return
        try:
            count = ctypes.c_int64.from_address(address).value
            call = self.plan.hosts[count]
            with let_through():
                _compute(call, address)
        except BaseException as error:
            self.error = self.error or error
            if self.failed is not None:
                self.failed[...] = 1


def _compute(call: HostCall, address: int) -> None:
    values = (call.out, *call.inputs)
    places = (ctypes.c_int64 * len(values)).from_address(address + 8)
    arrays = [array_at(place, value) for place, value in zip(places, values, strict=True)]
    if not type(call.op).__module__.startswith("glassnet.ops."):
        arrays[1:] = [array.copy() for array in arrays[1:]]  # a person may keep what they are given
    with np.errstate(all="ignore"):
        arrays[0][...] = call.op.value(np, *arrays[1:])


def array_at(address: int, value: Value) -> np.ndarray:
    """Return the array of a value's shape and strides whose first entry lies at an address."""
    if value.size == 0:
        return np.empty(value.shape, value.dtype)
    low = sum((n - 1) * s for n, s in zip(value.shape, value.strides, strict=True) if s < 0)
    high = sum((n - 1) * s for n, s in zip(value.shape, value.strides, strict=True) if s > 0)
    length = high - low + value.dtype.itemsize
    raw: Any = (ctypes.c_char * length).from_address(address + low)
    return np.ndarray(value.shape, value.dtype, raw, -low, value.strides)
