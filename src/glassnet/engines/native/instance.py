"""A plan with memory of its own: words resolved to addresses, ready to be run."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet.engines.native import blas, compiler
from glassnet.engines.native.lowering.base import Blas, Kernel, Table, Word
from glassnet.engines.native.memory import Buffer, Value
from glassnet.engines.native.planning import HOST, HostCall, Plan

Call = ctypes.CFUNCTYPE(None, ctypes.c_int64)
_ROOM = 64


def aligned(nbytes: int) -> np.ndarray:
    """Return bytes that begin at a multiple of 64."""
    raw = np.empty(nbytes + _ROOM, np.uint8)
    start = -raw.ctypes.data % _ROOM
    return raw[start : start + nbytes]


class Instance:
    """Memory for a plan. One thread runs it at a time; another one takes an instance of its own."""

    def __init__(self, plan: Plan) -> None:
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
        self._leaves: dict[Buffer, list[tuple[int, int]]] = {}
        compiler.addresses_of(plan.kernels)
        self._words = self._resolved()
        self._run = Call(compiler.address_of("executor.run"))
        self._bound: dict[Buffer, int] = {}

    # --- words --------------------------------------------------------------------------------
    def _resolved(self) -> np.ndarray:
        """All words in one array: the list of instructions first, then their blocks."""
        out: list[Any] = [len(self.plan.instructions), None]
        blocks: list[tuple[int, Sequence[Word]]] = []
        out[1] = ("at", 2)
        for i in self.plan.instructions:
            out.append(self._host_address if i.kernel == HOST else compiler.address_of(i.kernel))
            blocks.append((len(out), i.words))
            out.append(None)
        while blocks:
            where, words = blocks.pop()
            out[where] = ("at", len(out))
            start = len(out)
            out.extend([None] * max(len(words), 1))
            out[start] = 0
            for k, word in enumerate(words):
                if isinstance(word, Table):
                    blocks.append((start + k, word.words))
                else:
                    out[start + k] = self._word(word, start + k)
        made = np.zeros(len(out), np.int64)
        address = made.ctypes.data
        for k, word in enumerate(out):
            made[k] = address + 8 * word[1] if isinstance(word, tuple) else word
        return made

    def _word(self, word: Word, where: int) -> int:
        if isinstance(word, Value):
            buffer = word.buffer
            if buffer in self._base:
                return self._base[buffer] + word.offset
            if buffer.role == "leaf":
                self._leaves.setdefault(buffer, []).append((where, word.offset))
                return 0
            return int(self.arena.ctypes.data) + buffer.offset + word.offset
        if isinstance(word, Kernel):
            return compiler.address_of(word.name)
        if isinstance(word, Blas):
            return blas.address_of(word.name)
        return int(word)  # type: ignore[arg-type]

    def bind(self, value: Value, address: int) -> None:
        """Let a leaf lie at an address from now on."""
        if self._bound.get(value.buffer) == address:
            return
        self._bound[value.buffer] = address
        for where, offset in self._leaves.get(value.buffer, ()):
            self._words[where] = address + offset

    def keep(self, array: np.ndarray) -> None:
        """Hold on to memory that a leaf was bound to."""
        self._held.append(array)

    @property
    def address(self) -> int:
        """The address of the words of ``executor.run``."""
        return int(self._words.ctypes.data)

    # --- running ------------------------------------------------------------------------------
    def run(self) -> None:
        """Run all instructions once."""
        self._run(self._words.ctypes.data)
        if self.error is not None:
            error, self.error = self.error, None
            raise error

    def _host(self, address: int) -> None:
        """Compute an op by the reference; called from compiled code."""
        try:
            count = ctypes.c_int64.from_address(address).value
            call = self.plan.hosts[count]
            _compute(call, address)
        except BaseException as error:
            self.error = self.error or error
            if self.failed is not None:
                self.failed[...] = 1


def _compute(call: HostCall, address: int) -> None:
    values = (call.out, *call.inputs)
    places = (ctypes.c_int64 * len(values)).from_address(address + 8)
    arrays = [array_at(place, value) for place, value in zip(places, values, strict=True)]
    with np.errstate(all="ignore"):
        arrays[0][...] = call.op.value(np, *arrays[1:])


def array_at(address: int, value: Value) -> np.ndarray:
    """Return the array of a value's shape and strides whose first entry lies at an address."""
    if value.size == 0:
        return np.empty(value.shape, value.dtype)
    low = sum((n - 1) * s for n, s in zip(value.shape, value.strides, strict=True) if s < 0)
    high = sum((n - 1) * s for n, s in zip(value.shape, value.strides, strict=True) if s > 0)
    length = high - low + value.dtype.itemsize
    raw = (ctypes.c_char * length).from_address(address + low)
    return np.ndarray(value.shape, value.dtype, raw, -low, value.strides)
