"""Vectors of numbers, written for LLVM: loads, stores, masks, shuffles.

A vector is as wide as a register of this machine; what a machine lacks LLVM makes up for.
"""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

WORD = ir.IntType(64)
SHORT = ir.IntType(32)


def vector_bytes() -> int:
    """Return the bytes of a vector register of this machine."""
    features = binding.get_host_cpu_features()
    return 64 if features.get("avx512f") else 32 if features.get("avx") else 16


def registers() -> int:
    """Return how many vectors this machine holds in registers, 16 where we can't tell."""
    arm = platform.machine().lower() in ("arm64", "aarch64")
    return 32 if arm or vector_bytes() == 64 else 16


def lanes_of(size: int) -> int:
    """Return how many numbers of ``size`` bytes a vector holds."""
    return vector_bytes() // size


@intrinsic
def _hidden(typingctx: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return hide(builder, given[0])

    return types.int64(types.int64), generate


hidden: Any = _hidden
"""``hidden(word)`` in compiled Python: see ``hide``."""


def hide(builder: Any, word: Any) -> Any:
    """Return a word as one that LLVM knows nothing of.

    A loop that counts by a hidden 1 is written once: not unrolled, not made vectors of. A condition
    on a hidden word stays where it is and is not made two loops around it, one for each outcome.
    Long loops would take long to compile otherwise, and those that are seldom run as well.
    """
    kind = ir.FunctionType(WORD, [WORD])
    return builder.asm(kind, "", "=r,0", [word], side_effect=True)


class Vectors:
    """Writes instructions on vectors of numbers of 4 or 8 bytes."""

    def __init__(self, builder: Any, size: int) -> None:
        self.builder, self.size, self.lanes = builder, size, lanes_of(size)
        self.scalar = ir.FloatType() if size == 4 else ir.DoubleType()
        self.vector = ir.VectorType(self.scalar, self.lanes)

    def pointer(self, address: Any, kind: Any) -> Any:
        return self.builder.inttoptr(address, kind.as_pointer())

    def load(self, address: Any, kind: Any = None) -> Any:
        return self.builder.load(self.pointer(address, kind or self.vector), align=self.size)

    def spread(self, value: Any) -> Any:
        """Return a vector that holds a number in each lane."""
        empty = ir.Constant(ir.VectorType(value.type, self.lanes), ir.Undefined)
        one = self.builder.insert_element(empty, value, SHORT(0))
        return self.shuffle(one, empty, [0] * self.lanes)

    def shuffle(self, x: Any, y: Any, places: list[int]) -> Any:
        """Return the vector of the lanes at ``places`` of x, and behind them y."""
        kind = ir.VectorType(SHORT, len(places))
        return self.builder.shuffle_vector(x, y, ir.Constant(kind, [SHORT(i) for i in places]))

    def mask(self, count: Any, start: int = 0) -> Any:
        """Return which of the lanes ``start``, ``start`` + 1, … are among the first ``count``."""
        kind = ir.VectorType(SHORT, self.lanes)
        places = ir.Constant(kind, [SHORT(start + i) for i in range(self.lanes)])
        limit = self.spread(self.builder.trunc(count, SHORT))
        return self.builder.icmp_signed("<", places, limit)

    def least(self, x: Any, y: Any) -> Any:
        """Return the smaller of two words."""
        return self.builder.select(self.builder.icmp_signed("<", x, y), x, y)

    def load_some(self, address: Any, mask: Any) -> Any:
        """Load the lanes of a mask, zeros for the others; all lanes where the mask is None."""
        if mask is None:
            return self.load(address)
        kind = ir.FunctionType(
            self.vector, [self.vector.as_pointer(), SHORT, mask.type, self.vector]
        )
        load = self.function("masked.load", kind, ".p0")
        place = self.pointer(address, self.vector)
        zeros = ir.Constant(self.vector, None)
        return self.builder.call(load, [place, SHORT(self.size), mask, zeros])

    def store(self, value: Any, address: Any, mask: Any = None) -> None:
        """Store the lanes of a mask, all where it is None."""
        place = self.pointer(address, self.vector)
        if mask is None:
            self.builder.store(value, place, align=self.size)
            return
        kind = ir.FunctionType(
            ir.VoidType(), [self.vector, self.vector.as_pointer(), SHORT, mask.type]
        )
        store = self.function("masked.store", kind, ".p0")
        self.builder.call(store, [value, place, SHORT(self.size), mask])

    def function(self, name: str, kind: Any, suffix: str = "") -> Any:
        """Return an intrinsic function of LLVM on these vectors."""
        full = f"llvm.{name}.v{self.lanes}f{8 * self.size}{suffix}"
        return cgutils.get_or_insert_function(self.builder.module, kind, full)
