"""Products over chosen axes: einsum, tensordot, dot, inner, outer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from glassnet.formulas import (
    Term,
    call,
    each_axis_in,
    matrix_product,
    matrix_shape,
    reduce,
    transposed,
)
from glassnet.formulas.entries import EINSUM
from glassnet.graph.dimension import Shape, Size, display, product
from glassnet.graph.op import Op, Sample, Work
from glassnet.graph.recording import record
from glassnet.graph.tensor import Tensor, implements
from glassnet.ops.elementwise import Grads
from glassnet.ops.linear import matmul
from glassnet.ops.matrices import diagonal
from glassnet.ops.operands import normalize_axes, normalize_axis, operands
from glassnet.ops.reduction import sum
from glassnet.ops.shaping import broadcast_to, expand_dims, reshape, reshaped, transpose

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Einsum(Op):
    """Products summed over the letters that ``result`` lacks; ``terms`` letter the inputs' axes."""

    name = "einsum"
    rules = (
        "A sum of products: the derivative by one factor is the sum of the derivative times the "
        "other factors, over the letters that it lacks",
    ) * 16
    terms: tuple[str, ...] = ("ij", "jk")
    result: str = "ik"

    @property
    def spec(self) -> str:
        """The specification in NumPy's notation, ``"ij,jk->ik"``."""
        return f"{','.join(self.terms)}->{self.result}"

    def infer(self, *inputs: Tensor) -> tuple[Shape, np.dtype]:
        sizes = _letter_sizes(self.terms, inputs)
        return tuple(sizes[letter] for letter in self.result), inputs[0].dtype

    def value(self, xp: Any, *arrays: Any) -> Any:
        return xp.einsum(self.spec, *arrays, optimize=len(arrays) > 1)

    def work(self, out: tuple[int, ...], *inputs: tuple[int, ...]) -> Work:
        sizes = {
            n: s
            for t, shape in zip(self.terms, inputs, strict=True)
            for n, s in zip(t, shape, strict=True)
        }
        return Work(max(map(prod, (out, *inputs))), 2 * prod(sizes.values()))

    def formula(self, node: Tensor, *terms: Term) -> Term:
        if len(terms) == 2:
            found = self._product(*terms)
            if found is not None:
                return found
        free = next(c for c in "z" + _LETTERS if c not in "".join(self.terms))
        lettered = [
            "".join(each_axis_in(t, i.shape, free)) if t else ""
            for t, i in zip(self.terms, node.inputs, strict=True)
        ]
        result = "".join(each_axis_in(self.result, node.shape, free)) if self.result else ""
        kept = "".join(letter for letter in result if letter in "".join(lettered))
        sizes = {free: 1, **dict(zip(self.result, node.shape, strict=True))}
        shape = tuple(sizes[letter] for letter in kept)
        found = call(EINSUM, *terms, shape=shape, spec=f"{','.join(lettered)}->{kept}")
        return found if matrix_shape(shape) == shape else reshaped(found, matrix_shape(node.shape))

    def _product(self, a: Term, b: Term) -> Term | None:
        """As a matrix product, or entry by entry, where it is one of two matrices or stacks."""
        first, second = self.terms
        if len(first) != len(a.shape) or len(second) != len(b.shape) or len(first) < 2:
            return None
        if first == second and set(self.result) <= set(first):
            if self.result == first:
                return a * b
            kept = [i for i, letter in enumerate(first) if letter in self.result]
            if self.result == first[: len(kept)] and kept == [0]:
                return reduce("sum", a * b, range(1, len(first)))
        lead = self.result[:-2]
        if not (first[:-2] == second[:-2] == lead) or len(self.result) != len(first):
            return None
        (summed,) = set(first[-2:]) & set(second[-2:]) or ("",)
        if len(set(first[-2:]) & set(second[-2:])) != 1 or summed in self.result:
            return None
        left = a if first[-1] == summed else transposed(a)
        right = b if second[-2] == summed else transposed(b)
        row, column = first[-2:].replace(summed, ""), second[-2:].replace(summed, "")
        if self.result[-2:] == row + column:
            return matrix_product(left, right)
        return transposed(matrix_product(left, right))

    def vjp(self, g: Tensor, y: Tensor, *inputs: Tensor) -> Grads:
        return tuple(self._by(i, g, inputs) for i in range(len(inputs)))

    def _by(self, i: int, g: Tensor, inputs: tuple[Tensor, ...]) -> Tensor:
        """The same contraction with g in the place of input i, and i's letters as the result."""
        own = self.terms[i]
        rest = [k for k in range(len(inputs)) if k != i]
        terms = (self.result, *(self.terms[k] for k in rest))
        # A letter that no other term has was summed alone: each entry receives the same.
        alone = [letter for letter in own if not any(letter in term for term in terms)]
        kept = "".join(letter for letter in own if letter not in alone)
        part = record(Einsum(terms, kept), g, *(inputs[k] for k in rest))
        if not alone:
            return part
        places = tuple(place for place, letter in enumerate(own) if letter in alone)
        return broadcast_to(expand_dims(part, places), inputs[i].shape)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        def draw(*shape: int) -> np.ndarray:
            return np.random.default_rng(0).normal(size=shape)

        yield Sample(cls(("ij", "jk"), "ik"), (draw(2, 3), draw(3, 4)))
        yield Sample(cls(("bij", "bkj"), "bik"), (draw(2, 3, 4), draw(2, 2, 4)))
        yield Sample(cls(("ij", "jk", "k"), "i"), (draw(2, 3), draw(3, 4), draw(4)))
        yield Sample(cls(("ijk",), "ki"), (draw(2, 3, 4),))
        yield Sample(cls(("ij", "k"), ""), (draw(2, 3), draw(4)))


def _letter_sizes(terms: Sequence[str], inputs: Sequence[Tensor]) -> dict[str, Size]:
    sizes: dict[str, Size] = {}
    for term, tensor in zip(terms, inputs, strict=True):
        if len(term) != tensor.ndim:
            raise ValueError(
                f"einsum: {term!r} letters {len(term)} axes, but the operand has the shape "
                f"{display(tensor.shape)}."
            )
        for letter, size in zip(term, tensor.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise ValueError(
                    f"einsum: the axis {letter!r} has length {sizes[letter]} in one operand and "
                    f"{size} in another."
                )
    return sizes


@implements(np.einsum)
def einsum(subscripts: str, *operands_: Any, optimize: Any = None) -> Tensor:
    """Return the sum of products that ``subscripts`` describes, in Einstein's notation.

    Args:
        subscripts: letters for the axes of each operand, ``"ij,jk->ik"``. A letter missing behind
            the arrow is summed over; without an arrow the letters that occur once remain, in
            alphabetical order. ``...`` stands for axes that broadcast. A letter twice in
            one operand takes its diagonal.
        operands_: the tensors.
        optimize: taken for NumPy's sake; the order of the products is always optimized.

    Raises:
        ValueError: where lengths differ, and for a specification that means nothing.

    >>> from glassnet import ops
    >>> ops.einsum("ij,j->i", [[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]).tolist()
    [3.0, 7.0]
    """
    if not isinstance(subscripts, str):
        raise TypeError(f"einsum: expected a text such as 'ij,jk->ik'; got {subscripts!r}.")
    tensors = operands(*operands_)
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(tensors):
        raise ValueError(
            f"einsum: {subscripts!r} is for {len(terms)} operands, not {len(tensors)}."
        )
    for term in terms:
        letters = term.replace("...", "")
        if not all(letter in _LETTERS for letter in letters):
            raise ValueError(f"einsum: {subscripts!r} holds more than letters, ',', '->', '...'.")
    if not arrow:
        once = sorted(c for c in set(left) & set(_LETTERS) if left.count(c) == 1)
        right = ("..." if "..." in left else "") + "".join(once)
    terms, right = _without_dots(terms, right, tensors)
    unknown = set(right) - set("".join(terms))
    if unknown or len(set(right)) != len(right):
        raise ValueError(f"einsum: the result {right!r} of {subscripts!r} can't be formed.")
    terms, tensors = _diagonals(terms, tensors)
    terms, tensors = _stretched_dropped(terms, right, tensors)
    return record(Einsum(tuple(terms), right), *tensors)


def _without_dots(terms: list[str], right: str, tensors: Sequence[Tensor]) -> tuple[list[str], str]:
    """Letters in the place of ``...``, aligned at the end as broadcasting is."""
    if "..." not in "".join(terms):
        return terms, right
    free = [c for c in _LETTERS if c not in "".join(terms) and c not in right]
    ranks = [
        t.ndim - len(term) + 3 if "..." in term else 0
        for term, t in zip(terms, tensors, strict=True)
    ]
    if min(ranks) < 0:
        raise ValueError(f"einsum: an operand has fewer axes than {terms} letter.")
    dots = "".join(free[: max(ranks)])
    spelled = [
        term.replace("...", dots[len(dots) - rank :])
        for term, rank in zip(terms, ranks, strict=True)
    ]
    return spelled, right.replace("...", dots)


def _diagonals(
    terms: Sequence[str], tensors: Sequence[Tensor]
) -> tuple[list[str], tuple[Tensor, ...]]:
    """A letter twice in one term as the diagonal over its two axes, which comes last."""
    new_terms, new_tensors = [], []
    for term, tensor in zip(terms, tensors, strict=True):
        while len(set(term)) < len(term):
            _letter_sizes([term], [tensor])
            letter = next(c for c in term if term.count(c) > 1)
            tensor = diagonal(tensor, 0, term.index(letter), term.rindex(letter))
            first, last = term.index(letter), term.rindex(letter)
            term = term[:first] + term[first + 1 : last] + term[last + 1 :] + letter
        new_terms.append(term)
        new_tensors.append(tensor)
    return new_terms, tuple(new_tensors)


def _stretched_dropped(
    terms: list[str], right: str, tensors: Sequence[Tensor]
) -> tuple[list[str], tuple[Tensor, ...]]:
    """Axes of length 1 that meet longer ones taken away: the letter stands in the other term."""
    longest: dict[str, Size] = {}
    for term, tensor in zip(terms, tensors, strict=True):
        for letter, size in zip(term, tensor.shape, strict=False):
            if longest.get(letter, 1) == 1:
                longest[letter] = size
    new_terms, new_tensors = [], []
    for term, tensor in zip(terms, tensors, strict=True):
        kept = [
            i
            for i, letter in enumerate(term)
            if i >= tensor.ndim or tensor.shape[i] != 1 or longest[letter] == 1
        ]
        if len(term) == tensor.ndim and len(kept) < len(term):
            tensor = reshape(tensor, tuple(tensor.shape[i] for i in kept))
            term = "".join(term[i] for i in kept)
        new_terms.append(term)
        new_tensors.append(tensor)
    return new_terms, tuple(new_tensors)


@implements(np.tensordot)
def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Tensor:
    """Return products summed over ``axes``: a number of axes, or one list for each tensor.

    >>> from glassnet import ops
    >>> ops.tensordot([[1.0, 2.0]], [3.0, 4.0], axes=1).tolist()
    [11.0]
    """
    a, b = operands(x1, x2)
    if isinstance(axes, (int, np.integer)):
        first = list(range(a.ndim - int(axes), a.ndim))
        second = list(range(int(axes)))
    else:
        first, second = (
            [normalize_axis(i, t.ndim) for i in ([given] if np.ndim(given) == 0 else given)]
            for given, t in zip(axes, (a, b), strict=True)
        )
    normalize_axes(first, a.ndim)
    normalize_axes(second, b.ndim)
    if [a.shape[i] for i in first] != [b.shape[i] for i in second]:
        raise ValueError(
            f"tensordot: the axes {first} of {display(a.shape)} and {second} of "
            f"{display(b.shape)} must have equal lengths."
        )
    rows = [i for i in range(a.ndim) if i not in first]
    columns = [i for i in range(b.ndim) if i not in second]
    inner_size = product(a.shape[i] for i in first)
    left_shape = tuple(a.shape[i] for i in rows)
    right_shape = tuple(b.shape[i] for i in columns)
    left = reshape(transpose(a, (*rows, *first)), (product(left_shape), inner_size))
    right = reshape(transpose(b, (*second, *columns)), (inner_size, product(right_shape)))
    return reshape(matmul(left, right), (*left_shape, *right_shape))


@implements(np.dot)
def dot(x1: Any, x2: Any) -> Tensor:
    """Return ``y[i…, j…, l] = Σₖ x1[i…, k] x2[j…, k, l]``: the product of vectors or matrices."""
    a, b = operands(x1, x2)
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    if a.ndim <= 2 and b.ndim <= 2:
        return matmul(a, b)
    return tensordot(a, b, ([-1], [-2 if b.ndim > 1 else -1]))


@implements(np.inner)
def inner(x1: Any, x2: Any) -> Tensor:
    """Return ``y[i…, j…] = Σₖ x1[i…, k] x2[j…, k]``: products summed over the last axis of both."""
    a, b = operands(x1, x2)
    return a * b if a.ndim == 0 or b.ndim == 0 else tensordot(a, b, ([-1], [-1]))


@implements(np.outer)
def outer(x1: Any, x2: Any) -> Tensor:
    """Return every entry of ``x1`` times every entry of ``x2``, as a matrix."""
    a, b = operands(x1, x2)
    return reshape(a, (-1, 1)) * reshape(b, (1, -1))


@implements(np.vdot)
def vdot(x1: Any, x2: Any) -> Tensor:
    """Return ``Σ x1 x2`` over all entries."""
    a, b = operands(x1, x2)
    if a.size != b.size:
        raise ValueError(f"vdot: {a.size} entries against {b.size}.")
    return sum(reshape(a, (-1,)) * reshape(b, (-1,)))
