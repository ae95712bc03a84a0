"""From instructions to words in memory: what the compiled loop reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from glassnet.engines.native import blas, compiler
from glassnet.engines.native.lowering.base import (
    Blas,
    Instruction,
    Kernel,
    Parallel,
    Running,
    Table,
    Word,
)
from glassnet.engines.native.memory import Buffer, Value

Addresses = Callable[[Buffer, int], int | None]
"""The address of a buffer for a thread; None for a leaf, which is bound later."""


class Assembly:
    """Lays instructions out as 64-bit words in one array.

    Args:
        address: where buffers lie.
        host: the address that is called for an op of the reference.
        control: the address of the control block of the threads.
        threads: how many threads may run parallel instructions; each has words of its own.
    """

    def __init__(self, address: Addresses, host: int, control: int, threads: int) -> None:
        self._address, self._host, self._control = address, host, control
        self._threads = threads
        self._out: list[int] = []
        self._inner: list[tuple[int, int]] = []  # words that are addresses of others: which, whose
        self.leaves: dict[Buffer, list[tuple[int, int]]] = {}
        """For each leaf: the words that hold its address, and the bytes to add."""
        # Words that differ from slice to slice: which, the first value, what is added for each
        # slice, and for each lane.
        self._patches: list[tuple[int, int | Value, int, int]] = []

    def assemble(self, instructions: Sequence[Instruction]) -> np.ndarray:
        """Return the words; the first two are those of ``executor.run``."""
        self._room(2)
        pairs = self._list(instructions, 0)
        self._out[0] = len(instructions)
        self._inner.append((1, pairs))
        made = np.zeros(len(self._out), np.int64)
        made[:] = self._out
        for where, target in self._inner:
            made[where] += made.ctypes.data + 8 * target
        return made

    def _room(self, count: int) -> int:
        """Return where so many new words begin."""
        at = len(self._out)
        self._out.extend([0] * max(count, 1))
        return at

    def _list(self, instructions: Sequence[Instruction], thread: int) -> int:
        """Lay out (kernel, words) pairs; return where."""
        at = self._room(2 * len(instructions))
        for k, instruction in enumerate(instructions):
            if isinstance(instruction, Parallel):
                block = self._parallel(instruction)
            else:
                block = self._block(instruction.words, thread)
            host = instruction.kernel == "host"
            self._out[at + 2 * k] = self._host if host else compiler.address_of(instruction.kernel)
            self._inner.append((at + 2 * k + 1, block))
        return at

    def _block(self, words: Sequence[Word], thread: int) -> int:
        at = self._room(len(words))
        for k, word in enumerate(words):
            if isinstance(word, Table):
                self._inner.append((at + k, self._block(word.words, thread)))
            elif isinstance(word, Value) and (word.step or word.lane):
                self._patches.append((at + k, word, word.step, word.lane))
            elif isinstance(word, Running):
                self._patches.append((at + k, 0, word.step, 0))
            else:
                self._out[at + k] = self._word(word, at + k, thread)
        return at

    def _word(self, word: Word, where: int, thread: int) -> int:
        if isinstance(word, Value):
            address = self._address(word.buffer, thread)
            if address is None:
                self.leaves.setdefault(word.buffer, []).append((where, word.offset))
                return 0
            return address + word.offset
        if isinstance(word, Kernel):
            return compiler.address_of(word.name)
        if isinstance(word, Blas):
            return blas.address_of(word.name)
        if isinstance(word, int | np.integer):
            return int(word)
        raise TypeError(f"no word of an instruction: {word!r}")

    # --- threads ------------------------------------------------------------------------------
    def _parallel(self, instruction: Parallel) -> int:
        at = self._room(4)
        self._out[at] = self._control
        self._out[at + 1 : at + 3] = [instruction.parts, self._threads]
        table = self._room(self._threads)
        self._inner.append((at + 3, table))
        for thread in range(self._threads):
            self._inner.append((table + thread, self._descriptor(instruction, thread)))
        return at

    def _descriptor(self, instruction: Parallel, thread: int) -> int:
        """Lay out what ``crew.work`` reads: the body, with words and memory of one thread."""
        self._patches = []
        at = self._room(9)
        pairs = self._list(instruction.body, thread)
        patches, zeros = self._patched(thread), self._zeroed(instruction, thread)
        self._out[at] = instruction.slices
        self._out[at + 1] = len(instruction.body)
        self._out[at + 3] = len(self._patches)
        self._out[at + 5] = len(instruction.zeros)
        self._inner += [(at + 2, pairs), (at + 4, patches), (at + 6, zeros)]
        if instruction.divided:
            self._out[at + 7] = 1
            self._inner.append((at + 8, self._find(pairs + 1) + len(instruction.body[0].words) - 2))
        self._patches = []
        return at

    def _find(self, where: int) -> int:
        return next(target for place, target in self._inner if place == where)

    def _patched(self, thread: int) -> int:
        at = self._room(4 * len(self._patches))
        for k, (where, base, step, lane) in enumerate(self._patches):
            place = at + 4 * k
            self._inner.append((place, where))
            self._out[place + 1] = self._word(base, place + 1, thread)
            self._out[place + 2], self._out[place + 3] = step, lane
        return at

    def _zeroed(self, instruction: Parallel, thread: int) -> int:
        at = self._room(3 * len(instruction.zeros))
        for k, value in enumerate(instruction.zeros):
            place = at + 3 * k
            self._out[place] = self._word(value, place, thread)
            self._out[place + 1] = value.lane
            self._out[place + 2] = -(-value.nbytes // 8) * 8
        return at
