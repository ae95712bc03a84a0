"""Arrays at addresses, and loops of a formula over them: whole vectors, then the rest.

The rest of fewer entries than a vector has lanes is done under a mask, or one by one where the
machine has no masks. Entry i is read before it is written and by nobody after, so the array that is
written may be one of those that are read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from glassnet.engines.native.kernels.lanes import BOOL, Lanes, everywhere, llvm_type, machine

WORD = ir.IntType(64)


class Array:
    """Entries at an address, read and written as ``Lanes``; truth values are bytes there."""

    def __init__(self, builder: Any, address: Any, dtype: np.dtype) -> None:
        self.builder, self.address, self.dtype = builder, address, dtype
        self.stored = np.dtype(np.uint8) if dtype == BOOL else dtype

    def _place(self, index: Any, count: int) -> tuple[Any, Any]:
        step = self.builder.mul(index, ir.Constant(WORD, self.stored.itemsize))
        kind = llvm_type(self.stored, count)
        where = self.builder.add(self.address, step)
        return self.builder.inttoptr(where, kind.as_pointer()), kind

    def load(self, index: Any, count: int, mask: Any = None) -> Lanes:
        place, kind = self._place(index, count)
        size = self.stored.itemsize
        if mask is None:
            value = self.builder.load(place, align=size, typ=kind)
        else:
            value = _masked(
                self.builder, "load", kind, [place, None, mask, ir.Constant(kind, None)], size
            )
        found = Lanes(self.builder, value, self.stored)
        return found.differs(0) if self.dtype == BOOL else found

    def store(self, made: Lanes, index: Any, mask: Any = None) -> None:
        value = made.to(self.stored).value if self.dtype == BOOL else made.value
        place, kind = self._place(index, made.count)
        if mask is None:
            self.builder.store(value, place, align=self.stored.itemsize)
        else:
            _masked(self.builder, "store", kind, [value, place, None, mask], self.stored.itemsize)


def _masked(builder: Any, what: str, kind: Any, values: list[Any], align: int) -> Any:
    """Call LLVM's load or store of the lanes that a mask names."""
    values = [ir.Constant(ir.IntType(32), align) if v is None else v for v in values]
    letter = "i" if isinstance(kind.element, ir.IntType) else "f"
    width = kind.element.width if letter == "i" else 8 * _bytes(kind.element)
    name = f"llvm.masked.{what}.v{kind.count}{letter}{width}.p0"
    returned = kind if what == "load" else ir.VoidType()
    found = builder.module.globals.get(name)
    if found is None:
        signature = ir.FunctionType(returned, [v.type for v in values])
        found = ir.Function(builder.module, signature, name)
    return builder.call(found, values)


def _bytes(kind: Any) -> int:
    return 4 if isinstance(kind, ir.FloatType) else 8


def lanes_of(dtypes: list[np.dtype]) -> int:
    """Return how many entries a vector holds: what fills a register with the widest dtype."""
    features = machine()
    wide = 32 if "avx2" in features else 16
    if {"avx512bw", "avx512dq", "avx512vl"} <= features:
        wide = 64
    return wide // max(d.itemsize for d in dtypes)


def has_masks(dtypes: list[np.dtype]) -> bool:
    """Tell whether the machine loads and stores some lanes of a vector of these dtypes."""
    features = machine()
    if {"avx512bw", "avx512vl"} <= features:
        return True
    return "avx2" in features and min(d.itemsize for d in dtypes) >= 4


def first_lanes(builder: Any, number: Any, count: int) -> Any:
    """Return the mask of the first ``number`` lanes, of fewer than ``count``."""
    kind = ir.VectorType(ir.IntType(32), count)
    spread = everywhere(builder, builder.trunc(number, ir.IntType(32)), count)
    return builder.icmp_unsigned("<", ir.Constant(kind, list(range(count))), spread)


def each(
    formula: Callable[..., Lanes], inputs: list[np.dtype], output: np.dtype, count: int = 0
) -> Any:
    """Return ``emit(dst, a, b, c, n)``: the loop of a formula over arrays, for compiled code.

    Args:
        formula: from the inputs' lanes to the output's.
        inputs: the dtypes of a, b and c, of as many as there are.
        output: the dtype of dst.
        count: lanes of a vector; 0 for what suits the machine, 1 for a loop over numbers.
    """

    @intrinsic
    def emit(typingctx: Any, dst: Any, a: Any, b: Any, c: Any, n: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _loops(builder, formula, inputs, output, count, arguments)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 5), generate

    return emit


def _loops(
    builder: Any,
    formula: Callable[..., Lanes],
    inputs: list[np.dtype],
    output: np.dtype,
    count: int,
    arguments: list[Any],
) -> None:
    dst, a, b, c, n = arguments
    read = [Array(builder, x, d) for x, d in zip((a, b, c), inputs, strict=False)]
    written = Array(builder, dst, output)

    def body(index: Any, lanes: int, mask: Any = None) -> None:
        made = formula(*(x.load(index, lanes, mask) for x in read))
        written.store(made, index, mask)

    if count == 1:
        loop(builder, ir.Constant(WORD, 0), n, 1, lambda i: body(i, 1))
    else:
        over_vectors(builder, n, [*inputs, output], body)


def over_vectors(builder: Any, n: Any, dtypes: list[np.dtype], body: Callable[..., None]) -> None:
    """Write ``body(index, lanes[, mask])`` for the whole vectors of n entries, then for the rest.

    Args:
        builder: of the function.
        n: how many entries.
        dtypes: those of all arrays that the body reads or writes.
        body: writes the instructions for as many entries as there are lanes, from the index on.
    """
    count = lanes_of(dtypes)
    rest = builder.and_(n, ir.Constant(WORD, count - 1))
    whole = builder.sub(n, rest)
    loop(builder, ir.Constant(WORD, 0), whole, count, lambda i: body(i, count))
    if has_masks(dtypes):
        with builder.if_then(builder.icmp_unsigned("!=", rest, ir.Constant(WORD, 0))):
            body(whole, count, first_lanes(builder, rest, count))
    else:
        loop(builder, whole, n, 1, lambda i: body(i, 1))


def loop(builder: Any, start: Any, stop: Any, step: int, body: Callable[[Any], None]) -> None:
    """``for i in range(start, stop, step): body(i)``; start ≤ stop, and the steps meet stop."""
    before = builder.block
    inside = builder.append_basic_block("inside")
    after = builder.append_basic_block("after")
    builder.cbranch(builder.icmp_signed("<", start, stop), inside, after)
    builder.position_at_end(inside)
    index = builder.phi(WORD)
    index.add_incoming(start, before)
    body(index)
    following = builder.add(index, ir.Constant(WORD, step))
    index.add_incoming(following, builder.block)
    builder.cbranch(builder.icmp_signed("<", following, stop), inside, after)
    builder.position_at_end(after)
