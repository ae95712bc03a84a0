"""Einstein's sums as matrix products: the letters of two operands sorted into stack, m, k, n.

A letter of both operands and the result is an axis of a stack, one of both alone is summed (k), one
of the first and the result is a row (m), one of the second and the result a column (n). Letters
that can't be walked by one step become axes of the stack as well, on which the other operand stays
where it is; an operand whose summed letters can't is copied.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glassnet.engines.native.lowering.base import SUM, Builder, copy, lowers, slices
from glassnet.engines.native.lowering.elementwise import NUMBERS, code
from glassnet.engines.native.lowering.linear import product
from glassnet.engines.native.lowering.reduction import reduce
from glassnet.engines.native.memory import Value
from glassnet.ops.contraction import Einsum

Ints = tuple[int, ...]


@dataclass(frozen=True)
class Lettered:
    """An array whose axes have letters."""

    letters: str
    value: Value

    @property
    def sizes(self) -> dict[str, int]:
        """The length of each letter's axis."""
        return dict(zip(self.letters, self.value.shape, strict=True))

    def step(self, letter: str) -> int:
        """Return the bytes from one entry to the next along a letter; 0 where it has no such."""
        if letter not in self.letters:
            return 0
        return self.value.strides[self.letters.index(letter)]

    def ordered(self, letters: str) -> Value:
        """Return the array with its axes in the order of the letters."""
        sizes = self.sizes
        return self.value.viewed(
            tuple(sizes[c] for c in letters), tuple(self.step(c) for c in letters)
        )


@lowers(Einsum)
def lower_einsum(builder: Builder, op: Einsum, out: Value, *values: Value) -> bool | None:
    """Letters summed alone first, then products of two, those with the smallest value first."""
    dtype = out.dtype
    if code(dtype) not in NUMBERS or any(v.dtype != dtype for v in values):
        return False
    if any(len(set(term)) < len(term) for term in op.terms):
        return False
    if any(_alone(op, i) for i in range(len(values))) and dtype not in (np.float32, np.float64):
        return False
    if out.size == 0 or any(v.size == 0 for v in values):
        return False
    if any(_entry_by_entry(*pair, op.result) for pair in itertools.combinations(op.terms, 2)):
        return False
    parts = [
        _summed(builder, Lettered(op.terms[i], v), _alone(op, i)) for i, v in enumerate(values)
    ]
    while len(parts) > 2:
        x, y = _cheapest(parts, op.result)
        parts = [part for part in parts if part is not x and part is not y]
        kept = _kept(x, y, parts, op.result)
        sizes = {**x.sizes, **y.sizes}
        made = builder.temporary(tuple(sizes[c] for c in kept), dtype)
        multiply(builder, Lettered(kept, made), x, y)
        parts.append(Lettered(kept, made))
    if len(parts) == 2:
        multiply(builder, Lettered(op.result, out), *parts)
    else:
        copy(builder, out, parts[0].ordered(op.result))
    return None


def _alone(op: Einsum, place: int) -> str:
    """Return the letters of a term that neither the result nor another term has."""
    others = op.result + "".join(t for i, t in enumerate(op.terms) if i != place)
    return "".join(letter for letter in op.terms[place] if letter not in others)


def _entry_by_entry(first: str, second: str, result: str) -> bool:
    """Whether two terms make no matrix product: they share their letters, and all are kept."""
    return set(first) == set(second) <= set(result) and bool(first)


def _summed(builder: Builder, part: Lettered, gone: str) -> Lettered:
    if not gone:
        return part
    kept = "".join(letter for letter in part.letters if letter not in gone)
    made = builder.temporary(tuple(part.sizes[c] for c in kept), part.value.dtype)
    reduce(builder, "add", made, part.value, tuple(part.letters.index(c) for c in gone))
    return Lettered(kept, made)


def _kept(x: Lettered, y: Lettered, others: Sequence[Lettered], result: str) -> str:
    """Return the letters of the product of two that are needed further on: stack, rows, columns."""
    needed = result + "".join(part.letters for part in others)
    both = [c for c in x.letters if c in y.letters]
    left = [c for c in x.letters if c not in both]
    right = [c for c in y.letters if c not in both]
    return "".join(c for c in (*both, *left, *right) if c in needed)


def _cheapest(parts: list[Lettered], result: str) -> tuple[Lettered, Lettered]:
    """Return the two whose product has the fewest entries, the first such."""

    def entries(pair: tuple[Lettered, Lettered]) -> int:
        others = [part for part in parts if part is not pair[0] and part is not pair[1]]
        sizes = {**pair[0].sizes, **pair[1].sizes}
        return math.prod(sizes[c] for c in _kept(*pair, others, result))

    return min(itertools.combinations(parts, 2), key=entries)


def multiply(builder: Builder, out: Lettered, x: Lettered, y: Lettered) -> None:
    """Emit the product of two operands, summed over the letters that ``out`` lacks."""
    if out.letters and out.letters[-1] in x.letters and out.letters[-1] not in y.letters:
        x, y = y, x
    summed = "".join(c for c in x.letters if c not in out.letters)
    if not _one_step(summed, x, y):
        x, y = (
            _regrouped(builder, x, out.letters, summed),
            _regrouped(builder, y, out.letters, summed),
        )
    columns = _last_run(out, x, y)
    rows = _longest_run(out.letters[: len(out.letters) - len(columns)], out, x, y)
    stack = "".join(c for c in out.letters if c not in rows and c not in columns)
    sizes = {**x.sizes, **y.sizes}

    def matrices(part: Lettered, first: str, second: str) -> Value:
        """The part as matrices: a run of letters as one axis, the stack before it."""
        groups = [*stack, first, second]
        steps = tuple(part.step(group[-1]) if group else 0 for group in groups)
        shape = tuple(math.prod(sizes[c] for c in group) for group in groups)
        return part.value.viewed(shape, steps)

    product(
        builder,
        matrices(out, rows, columns),
        matrices(x, rows, summed),
        matrices(y, summed, columns),
    )


def _one_step(letters: str, *parts: Lettered) -> bool:
    """Whether one step walks the letters as one axis, in every part that has them."""
    return all(
        part.step(outer) == part.step(inner) * part.sizes[inner]
        for outer, inner in itertools.pairwise(letters)
        for part in parts
    )


def _regrouped(builder: Builder, part: Lettered, result: str, summed: str) -> Lettered:
    """Return a row-major copy with the summed letters last, the others in the result's order."""
    letters = "".join(c for c in result if c in part.letters) + summed
    return Lettered(letters, builder.contiguous(part.ordered(letters)))


def _last_run(out: Lettered, x: Lettered, y: Lettered) -> str:
    """Return the letters at the end of the result that are columns: of the second alone."""
    run = ""
    for letter in reversed(out.letters):
        if letter in x.letters or not _one_step(letter + run, out, y):
            break
        run = letter + run
    return run


def _longest_run(letters: str, out: Lettered, x: Lettered, y: Lettered) -> str:
    """Return the neighbours among the letters that make the most rows: of the first alone."""
    best, run, sizes = "", "", x.sizes
    for letter in letters:
        if letter in y.letters:
            run = ""
            continue
        run = run + letter if _one_step(run + letter, out, x) else letter
        if math.prod(sizes[c] for c in run) > math.prod(sizes[c] for c in best) or not best:
            best = run
    return best


@slices(Einsum)
def slice_einsum(
    op: Einsum, out_shape: Ints, shapes: Sequence[Ints], axes: Sequence[int | None]
) -> int | str | None:
    """A letter that is the batch wherever it stands: kept slice by slice, or slices add."""
    letters = {term[axis] for term, axis in zip(op.terms, axes, strict=True) if axis is not None}
    if len(letters) != 1:
        return None
    batch = letters.pop()
    for term, axis in zip(op.terms, axes, strict=True):
        if term.count(batch) > 1 or (batch in term and axis is None):
            return None
    return op.result.index(batch) if batch in op.result else SUM
