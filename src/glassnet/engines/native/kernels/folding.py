"""Loops that combine many entries into one, or rows into a row, written for LLVM.

``sweep`` goes over arrays that lie side by side, writes what a formula makes of their entries, and
folds its terms: by sum, by maximum. ``fold_rows`` folds rows of a matrix into a row. Sums are held
in lanes, so the order of a sum depends on sizes alone (and on the width of the machine's vectors).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from glassnet.engines.native.kernels.arrays import (
    WORD,
    Array,
    first_lanes,
    has_masks,
    lanes_of,
)
from glassnet.engines.native.kernels.lanes import Lanes, everywhere, llvm_type
from glassnet.engines.native.kernels.primitives import numba_type

_BLOCK = 8192
"""The entries that are folded in one go: rounding of long sums grows slowly."""
_FEW = 8
"""Up to so many entries are folded one by one."""


@dataclass(frozen=True)
class Fold:
    """A way to make one of two, and what changes nothing as one of them."""

    name: str
    combine: Callable[[Lanes, Lanes], Lanes]
    start: Callable[[np.dtype], Any]


def _larger(a: Lanes, b: Lanes) -> Lanes:
    stays = a >= b
    return (stays | a.differs(a) if a.floating else stays).choose(a, b)


def _smaller(a: Lanes, b: Lanes) -> Lanes:
    stays = a <= b
    return (stays | a.differs(a) if a.floating else stays).choose(a, b)


def _any_larger(a: Lanes, b: Lanes) -> Lanes:
    return (a > b).choose(a, b)


SUM = Fold("sum", lambda a, b: a + b, lambda d: 0)
PRODUCT = Fold("product", lambda a, b: a * b, lambda d: 1)
MAXIMUM = Fold("maximum", _larger, lambda d: -np.inf if d.kind == "f" else np.iinfo(d).min)
LARGEST_NUMBER = Fold("largest number", _any_larger, MAXIMUM.start)
"""The largest, of which nothing is said where one is NaN: a single instruction."""
MINIMUM = Fold("minimum", _smaller, lambda d: np.inf if d.kind == "f" else np.iinfo(d).max)


# --- lanes ------------------------------------------------------------------------------------
def spread(number: Lanes, count: int) -> Lanes:
    """Return a number in every lane."""
    if count == 1:
        return number
    made = everywhere(number.builder, number.value, count)
    return Lanes(number.builder, made, number.dtype)


def joined(fold: Fold, vector: Lanes) -> Lanes:
    """Return the lanes of a vector folded into one number, halves onto halves."""
    builder, count = vector.builder, vector.count
    while count > 1:
        count //= 2
        halves = [
            Lanes(builder, builder.shuffle_vector(vector.value, vector.value, places), vector.dtype)
            for places in (_places(0, count), _places(count, count))
        ]
        vector = fold.combine(*halves)
    if not isinstance(vector.value.type, ir.VectorType):
        return vector
    first = ir.Constant(ir.IntType(32), 0)
    return Lanes(builder, builder.extract_element(vector.value, first), vector.dtype)


def _places(start: int, count: int) -> Any:
    return ir.Constant(ir.VectorType(ir.IntType(32), count), list(range(start, start + count)))


def loop(
    builder: Any, start: Any, stop: Any, step: Any, carried: Sequence[Any], body: Any
) -> list[Any]:
    """``for i in range(start, stop, step): carried = body(i, carried)``; return what is carried."""
    before = builder.block
    head, inside, after = (builder.append_basic_block(n) for n in ("head", "inside", "after"))
    builder.branch(head)
    builder.position_at_end(head)
    index = builder.phi(WORD)
    index.add_incoming(start, before)
    held = [builder.phi(value.type) for value in carried]
    for phi, value in zip(held, carried, strict=True):
        phi.add_incoming(value, before)
    builder.cbranch(builder.icmp_signed("<", index, stop), inside, after)
    builder.position_at_end(inside)
    made = body(index, held)
    following = builder.add(index, step)
    index.add_incoming(following, builder.block)
    for phi, value in zip(held, made, strict=True):
        phi.add_incoming(value, builder.block)
    builder.branch(head)
    builder.position_at_end(after)
    return held


def apart(name: str, write: Callable[..., Any], count: int, dtype: np.dtype | None = None) -> Any:
    """Return code that ``write(builder, *words)`` writes as a function for kernels.

    It stands in the kernel once, however often it is called: inlined into the branches of loops it
    would be copied many times over, and compiling take seconds.
    """
    kind = types.void if dtype is None else numba_type(dtype)

    def made_in(module: Any) -> Any:
        made = module.globals.get(name)
        if made is None:
            returned = ir.VoidType() if dtype is None else llvm_type(dtype)
            made = ir.Function(module, ir.FunctionType(returned, [WORD] * count), name)
            made.linkage = "internal"
            made.attributes.add("noinline")
            builder = ir.IRBuilder(made.append_basic_block("entry"))
            found = write(builder, *made.args)
            _ = builder.ret_void() if found is None else builder.ret(found)
        return made

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        words = [builder.extract_value(arguments[0], i) for i in range(count)]
        found = builder.call(made_in(builder.module), words)
        return context.get_dummy_value() if dtype is None else found

    @intrinsic
    def call(typingctx: Any, *words: Any) -> Any:
        return kind(types.StarArgTuple([types.int64] * count)), generate

    return call


# --- along --------------------------------------------------------------------------------------
def sweep(
    builder: Any,
    n: Any,
    reads: Sequence[Any],
    formula: Callable[..., Sequence[Lanes]],
    folds: Sequence[Fold] = (),
    write: Any = None,
    unroll: int = 1,
) -> list[Lanes]:
    """Go over arrays of n entries; return one number for each fold.

    Args:
        builder: LLVM's.
        n: how many entries.
        reads: the arrays that the formula reads.
        formula: from their lanes to what is written, if ``write`` is given, and then to a term
            for each fold.
        folds: how the terms are folded.
        write: the array that is written; it may be one of those that are read.
        unroll: how many vectors are under way at a time.
    """
    dtypes = [a.stored for a in [*reads, *([write] if write else [])]]
    work = _Sweep(builder, reads, formula, folds, write)
    count = lanes_of(dtypes)
    zero, step = WORD(0), unroll * count
    starts = work.starts(count)
    whole = builder.sub(n, builder.srem(n, WORD(step)))

    def many(index: Any, held: list[Any]) -> list[Any]:
        made = []
        for u in range(unroll):
            own = held[u * len(folds) : (u + 1) * len(folds)]
            made += work.step(builder.add(index, WORD(u * count)), count, own)
        return made

    held = loop(builder, zero, whole, WORD(step), starts * unroll, many)
    while len(held) > len(folds):
        half = len(held) // 2
        held = [work.combined(k % len(folds), held[k], held[k + half]).value for k in range(half)]
    if has_masks(dtypes):

        def some(index: Any, held: list[Any]) -> list[Any]:
            mask = first_lanes(builder, builder.sub(n, index), count)
            return work.step(index, count, held, mask)

        held = loop(builder, whole, n, WORD(count), held, some)
        return [joined(fold, work.lanes(k, held[k])) for k, fold in enumerate(folds)]
    held = [joined(fold, work.lanes(k, held[k])).value for k, fold in enumerate(folds)]
    held = loop(builder, whole, n, WORD(1), held, lambda i, h: work.step(i, 1, h))
    return [work.lanes(k, v) for k, v in enumerate(held)]


def short_sweep(
    builder: Any,
    n: Any,
    reads: Sequence[Any],
    formula: Callable[..., Sequence[Lanes]],
    folds: Sequence[Fold] = (),
    write: Any = None,
    unroll: int = 1,
) -> list[Lanes]:
    """``sweep`` for arrays that a single vector holds, on a machine that has masks: no loop."""
    work = _Sweep(builder, reads, formula, folds, write)
    count = lanes_of([a.stored for a in [*reads, *([write] if write else [])]])
    mask = first_lanes(builder, n, count)
    held = work.step(WORD(0), count, work.starts(count), mask)
    return [joined(fold, work.lanes(k, held[k])) for k, fold in enumerate(folds)]


class _Sweep:
    """What is done at each place of a sweep."""

    def __init__(
        self, builder: Any, reads: Sequence[Any], formula: Any, folds: Sequence[Fold], write: Any
    ) -> None:
        self.builder, self.reads, self.formula = builder, reads, formula
        self.folds, self.write = folds, write
        self.dtypes: list[np.dtype] = []

    def starts(self, count: int) -> list[Any]:
        """The terms' neutral elements; the formula is asked once for the dtypes."""
        probe = [
            Lanes(self.builder, ir.Constant(llvm_type(a.stored), None), a.stored)
            for a in self.reads
        ]
        terms = list(self.formula(*probe))[1 if self.write else 0 :]
        self.dtypes = [t.dtype for t in terms]
        kinds = [llvm_type(d, count) for d in self.dtypes]
        return [
            Lanes(self.builder, ir.Constant(kind, None), d).constant(f.start(d)).value
            for f, d, kind in zip(self.folds, self.dtypes, kinds, strict=True)
        ]

    def lanes(self, k: int, value: Any) -> Lanes:
        return Lanes(self.builder, value, self.dtypes[k])

    def combined(self, k: int, a: Any, b: Any) -> Lanes:
        return self.folds[k].combine(self.lanes(k, a), self.lanes(k, b))

    def step(self, index: Any, count: int, held: list[Any], mask: Any = None) -> list[Any]:
        terms = list(self.formula(*(a.load(index, count, mask) for a in self.reads)))
        if self.write:
            self.write.store(terms.pop(0), index, mask)
        made = []
        for k, (value, term) in enumerate(zip(held, terms, strict=True)):
            new = self.combined(k, value, term.value).value
            made.append(new if mask is None else self.builder.select(mask, new, value))
        return made


def fold_line(fold: Fold, S: np.dtype, D: np.dtype) -> Any:
    """Return ``f(to, address, n, step, onto)`` for kernels: n entries folded into one of D.

    They are ``step`` bytes apart, and there is at least one. With ``onto`` the value is folded with
    what ``to`` holds.
    """

    def write(builder: Any, to: Any, address: Any, n: Any, step: Any, onto: Any) -> None:
        source = Array(builder, address, S)
        total = source.load(WORD(0), 1).to(D)
        held = builder.alloca(total.value.type)
        builder.store(total.value, held)
        beside = builder.icmp_signed("==", step, WORD(S.itemsize))
        several = builder.icmp_signed(">", n, WORD(_FEW))
        with builder.if_else(builder.and_(beside, several)) as (then, otherwise):
            with then:
                builder.store(_line(builder, fold, address, n, S, D).value, held)
            with otherwise:

                def one(i: Any, sums: list[Any]) -> list[Any]:
                    place = builder.add(address, builder.mul(i, step))
                    more = Array(builder, place, S).load(WORD(0), 1).to(D)
                    return [fold.combine(Lanes(builder, sums[0], D), more).value]

                builder.store(loop(builder, WORD(1), n, WORD(1), [total.value], one)[0], held)
        out = Array(builder, to, D)
        made = Lanes(builder, builder.load(held), D)
        with builder.if_then(builder.icmp_signed("!=", onto, WORD(0))):
            builder.store(fold.combine(out.load(WORD(0), 1), made).value, held)
        out.store(Lanes(builder, builder.load(held), D), WORD(0))

    return apart(f"{fold.name}.line.{S.str[1:]}.{D.str[1:]}", write, 5)


def _line(builder: Any, fold: Fold, address: Any, n: Any, S: np.dtype, D: np.dtype) -> Lanes:
    """Entries side by side, in blocks."""
    start = Lanes(builder, ir.Constant(llvm_type(D), None), D).constant(fold.start(D))

    def block(i: Any, sums: list[Any]) -> list[Any]:
        rest = builder.sub(n, i)
        count = builder.select(builder.icmp_signed("<", rest, WORD(_BLOCK)), rest, WORD(_BLOCK))
        place = builder.add(address, builder.mul(i, WORD(S.itemsize)))
        source = [Array(builder, place, S)]
        (found,) = sweep(builder, count, source, lambda x: [x.to(D)], [fold], unroll=4)
        return [fold.combine(Lanes(builder, sums[0], D), found).value]

    found = loop(builder, WORD(0), n, WORD(_BLOCK), [start.value], block)
    return Lanes(builder, found[0], D)


# --- across -------------------------------------------------------------------------------------
def fold_rows(fold: Fold, S: np.dtype, D: np.dtype) -> Any:
    """Return ``f(to, address, rows, step, width)`` for kernels: rows folded into a row of D.

    The entries of a row lie side by side, and there is at least one row.
    """

    def write(builder: Any, *arguments: Any) -> None:
        _write_rows(builder, fold, S, D, *arguments)

    return apart(f"{fold.name}.rows.{S.str[1:]}.{D.str[1:]}", write, 5)


def _write_rows(builder: Any, fold: Fold, S: np.dtype, D: np.dtype, *words: Any) -> None:
    to, address, rows, step, width = words
    out, count, masked = Array(builder, to, D), lanes_of([S, D]), has_masks([S, D])

    def columns(vectors: int, lanes_each: int) -> Callable[..., list[Any]]:
        def body(index: Any, held: list[Any]) -> list[Any]:
            mask = None
            if masked and vectors == 1:
                mask = first_lanes(builder, builder.sub(width, index), lanes_each)
            places = [builder.add(index, WORD(u * lanes_each)) for u in range(vectors)]

            def read(place: Any) -> list[Lanes]:
                row = Array(builder, place, S)
                return [row.load(i, lanes_each, mask).to(D) for i in places]

            found = _folded(builder, fold, read, address, rows, step)
            for i, made in zip(places, found, strict=True):
                out.store(made, i, mask)
            return []

        return body

    block = WORD(4 * count)
    whole = builder.sub(width, builder.srem(width, block))
    loop(builder, WORD(0), whole, block, [], columns(4, count))
    rest = count if masked else 1
    loop(builder, whole, width, WORD(rest), [], columns(1, rest))


def _folded(
    builder: Any, fold: Fold, read: Callable[[Any], list[Lanes]], address: Any, rows: Any, step: Any
) -> list[Lanes]:
    """Fold the rows, two at a time."""
    first = read(address)
    dtype = first[0].dtype

    def combined(a: Sequence[Any], b: Sequence[Lanes]) -> list[Any]:
        return [fold.combine(Lanes(builder, x, dtype), y).value for x, y in zip(a, b, strict=True)]

    def pair(place: Any, held: list[Any]) -> list[Any]:
        other = builder.add(place, step)
        both = [fold.combine(a, b) for a, b in zip(read(place), read(other), strict=True)]
        return combined(held, both)

    rest = builder.sub(rows, WORD(1))
    second = builder.add(address, step)
    even = builder.mul(builder.and_(rest, WORD(-2)), step)
    held = [x.value for x in first]
    pairs = builder.lshr(rest, WORD(1))
    double = builder.add(step, step)

    def numbered(i: Any, held: list[Any]) -> list[Any]:
        return pair(builder.add(second, builder.mul(i, double)), held)

    held = loop(builder, WORD(0), pairs, WORD(1), held, numbered)
    last = builder.add(second, even)

    def odd(i: Any, held: list[Any]) -> list[Any]:
        return combined(held, read(last))

    held = loop(builder, WORD(0), builder.and_(rest, WORD(1)), WORD(1), held, odd)
    return [Lanes(builder, value, dtype) for value in held]
