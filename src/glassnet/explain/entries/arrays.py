"""Arrays whose entries are terms of single numbers, and sums of such terms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from glassnet.explain.entries.terms import (
    EXAMPLE,
    OTHER_EXAMPLES,
    RUNNING,
    Index,
    Letter,
    Over,
    generalised,
    letters_in,
    product,
    total,
)
from glassnet.formulas import Term, call
from glassnet.graph.dimension import Dim, Shape
from glassnet.ops.comparison import MAXIMUM, MINIMUM

Array = np.ndarray
"""An array of terms."""

SHORT = 6
"""Sums of at most so many terms are written out."""
M = Dim.named("m")


class NotWritable(Exception):
    """What a term computes has no simple writing entry by entry."""


def places(shape: Shape) -> tuple[int, ...]:
    """Return the shape of the array of entries: one example stands for all."""
    return tuple(1 if isinstance(size, Dim) else int(size) for size in shape)


def full_index(shape: Shape, at: Sequence[int]) -> tuple[Index, ...]:
    """Return the index of the entry at a place of the array: i for the example."""
    letters = iter((EXAMPLE, *OTHER_EXAMPLES))
    return tuple(
        Letter(next(letters)) if isinstance(size, Dim) else int(n)
        for size, n in zip(shape, at, strict=True)
    )


def filled(shape: tuple[int, ...], entry: Callable[[tuple[int, ...]], Term]) -> Array:
    """Return the array whose entries a function gives."""
    found = np.empty(shape, object)
    for at in np.ndindex(*shape):
        found[at] = entry(at)
    return found


def mapped(function: Callable[..., Term], *arrays: Array) -> Array:
    """Return a function of entries, entry by entry, with NumPy's broadcasting."""
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    wide = [np.broadcast_to(a, shape) for a in arrays]
    return filled(shape, lambda at: function(*(a[at] for a in wide)))


def gathered(kind: str, terms: Sequence[Term], short: int = SHORT) -> Term:
    """Return the sum (or ``max`` …) of terms: written out, or with a running letter."""
    if len(terms) > short:
        used = set().union(*map(letters_in, terms))
        letter = next((r for r in RUNNING if r not in used), "")
        pattern = generalised(terms, letter) if letter else None
        if pattern is not None:
            return Over(kind, letter, len(terms), pattern)
    if kind == "sum":
        return total(terms)
    if kind == "prod":
        return product(terms)
    if len(terms) == 1:
        return terms[0]
    return call(MAXIMUM if kind == "max" else MINIMUM, *terms, shape=())


def is_plain(shape: Shape) -> bool:
    """Tell whether at most one axis counts examples and all others are numbers."""
    sizes = [s for s in shape if isinstance(s, Dim)]
    return len(sizes) < 2 and all(s == M for s in sizes)


def gathered_all(kind: str, terms: Any) -> Term:
    """Return the sum of an array of terms over all its axes."""
    if not isinstance(terms, np.ndarray):
        return terms
    if terms.size <= SHORT or terms.ndim == 1:
        return gathered(kind, list(terms.flat))
    return gathered(kind, [_as_sum(kind, part) for part in terms], 1)


def _as_sum(kind: str, terms: Any) -> Term:
    """The sum of an array of terms, with a running letter for each axis."""
    if not isinstance(terms, np.ndarray):
        return terms
    return gathered(kind, [_as_sum(kind, part) for part in terms], 1)
