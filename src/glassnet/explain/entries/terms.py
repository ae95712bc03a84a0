"""Terms of single numbers: entries of quantities, sums over an index, partial derivatives.

They stand beside the terms of `glassnet.formulas`, all of whose shapes are ``()`` here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from glassnet.formulas import Number, Product, Quantity, Sum, Term
from glassnet.formulas.building import add, multiply
from glassnet.graph.dimension import Shape, Size

EXAMPLE = "i"
"""The letter that counts examples."""
OTHER_EXAMPLES = ("r", "s", "h", "o")
"""The letters for examples where i is taken."""
RUNNING = ("k", "j", "l", "q")
"""The letters that count anything else."""


@dataclass(frozen=True)
class Letter:
    """An index that is a letter: the entry with the number ``name + shift``, counted from 1."""

    name: str
    shift: int = 0


Index = int | Letter
"""The place of an entry on one axis: a number, counted from 0, or a letter."""


@dataclass(frozen=True)
class Entry(Term):
    """One entry of a quantity; of a derivative dQ it is the derivative by that entry of Q."""

    quantity: Quantity
    index: tuple[Index, ...] = ()
    shape: Shape = field(default=(), init=False)

    @property
    def letters(self) -> set[str]:
        """The letters among its indices."""
        return {i.name for i in self.index if isinstance(i, Letter)}


@dataclass(frozen=True)
class EntryOf(Term):
    """One entry of something that is written as a whole."""

    whole: Term
    index: tuple[Index, ...] = ()
    shape: Shape = field(default=(), init=False)


@dataclass(frozen=True)
class Counter(Term):
    """A running number: ``k``, ``k - 1``."""

    letter: Letter
    shape: Shape = field(default=(), init=False)


@dataclass(frozen=True)
class Over(Term):
    """The sum (or ``max``, ``min``, ``prod``) of ``body`` where a letter runs from 1 to a size."""

    kind: str
    letter: str
    size: Size
    body: Term
    shape: Shape = field(default=(), init=False)

    @property
    def parts(self) -> tuple[Term, ...]:
        return (self.body,)

    def rebuilt(self, parts: tuple[Term, ...]) -> Term:
        return replace(self, body=parts[0])


@dataclass(frozen=True)
class Partial(Term):
    """The derivative of an entry, as its equation has it, by an entry that stands there.

    Without ``of`` it is the operator, which is applied to what follows.
    """

    of: Entry | None
    by: Entry
    shape: Shape = field(default=(), init=False)


@dataclass(frozen=True)
class Bracketed(Sum):
    """What an operator stands before: always in brackets."""

    @classmethod
    def of(cls, term: Term) -> Bracketed:
        """Return the term in brackets."""
        return cls(term.terms if isinstance(term, Sum) else (term,))


# --- the same with other parts ----------------------------------------------------------------
def mapped_parts(term: Term, change: Callable[[Term], Term]) -> Term:
    """Return the term with its parts changed and nothing tidied."""
    changed: dict[str, Any] = {}
    for f in fields(term):  # type: ignore[arg-type]
        value = getattr(term, f.name)
        if isinstance(value, Term) and f.name != "whole":
            changed[f.name] = change(value)
        elif isinstance(value, tuple) and value and all(isinstance(v, Term) for v in value):
            changed[f.name] = tuple(map(change, value))
    return replace(term, **changed) if changed else term  # type: ignore[type-var]


def relettered(term: Term, letters: dict[str, Index]) -> Term:
    """Return the term with other indices in place of letters."""

    def other(index: Index) -> Index:
        if not isinstance(index, Letter) or index.name not in letters:
            return index
        found = letters[index.name]
        if isinstance(found, Letter):
            return Letter(found.name, found.shift + index.shift)
        return found + index.shift

    if isinstance(term, Quantity):
        return term
    if isinstance(term, (Entry, EntryOf)):
        return replace(term, index=tuple(map(other, term.index)))
    if isinstance(term, Counter):
        found = other(term.letter)
        return Counter(found) if isinstance(found, Letter) else Number(found + 1)
    if isinstance(term, Over) and term.letter in letters:
        letters = {k: v for k, v in letters.items() if k != term.letter}
    return mapped_parts(term, lambda t: relettered(t, letters))


def distinct(term: Term, taken: frozenset[str]) -> Term:
    """Return the term with no letter that counts twice over: each sum within another has its own.

    Args:
        term: a term of entries.
        taken: the letters that stand for something already.
    """
    if not isinstance(term, Over):
        return mapped_parts(term, lambda t: distinct(t, taken))
    letter = term.letter
    if letter in taken:
        pool = OTHER_EXAMPLES if letter == EXAMPLE else RUNNING
        letter = next(p for p in pool if p not in taken)
        term = replace(
            term, letter=letter, body=relettered(term.body, {term.letter: Letter(letter)})
        )
    return replace(term, body=distinct(term.body, taken | {letter}))


# --- sums -------------------------------------------------------------------------------------
def generalised(terms: Sequence[Term], letter: str) -> Term | None:
    """Return the one term that the k-th of ``terms`` is for each k; None where there is none.

    The letter takes the place of indices and numbers that rise by 1 from term to term.
    """
    first = terms[0]
    if all(t == first for t in terms):
        return first
    if any(type(t) is not type(first) for t in terms):
        return None
    if isinstance(first, Number):
        shift = _rise([t.value for t in terms if isinstance(t, Number)])
        return None if shift is None else Counter(Letter(letter, shift - 1))
    if isinstance(first, (Entry, EntryOf)):
        return _general_entry(
            first, [t.index for t in terms if isinstance(t, type(first))], terms, letter
        )
    return _general_parts(first, terms, letter)


def _general_entry(
    first: Entry | EntryOf, places: list[tuple[Index, ...]], terms: Sequence[Term], letter: str
) -> Term | None:
    if any(replace(t, index=first.index) != first for t in terms):  # type: ignore[type-var]
        return None
    index: list[Index] = []
    for axis in zip(*places, strict=True):
        shift = _rise(axis)
        if len(set(axis)) == 1:
            index.append(axis[0])
        elif shift is not None:
            index.append(Letter(letter, shift))
        else:
            return None
    return replace(first, index=tuple(index))


def _general_parts(first: Term, terms: Sequence[Term], letter: str) -> Term | None:
    changed: dict[str, Any] = {}
    for f in fields(first):  # type: ignore[arg-type]
        values = [getattr(t, f.name) for t in terms]
        one = values[0]
        if isinstance(one, Term):
            changed[f.name] = generalised(values, letter)
        elif isinstance(one, tuple) and one and all(isinstance(v, Term) for v in one):
            if len({len(v) for v in values}) > 1:
                return None
            changed[f.name] = tuple(
                generalised(column, letter) for column in zip(*values, strict=True)
            )
            if None in changed[f.name]:
                return None
        elif any(v != one for v in values):
            return None
    if any(v is None for v in changed.values()):
        return None
    return replace(first, **changed)  # type: ignore[type-var]


def _rise(values: Sequence[Any]) -> int | None:
    """The first number where each is one more than the one before it."""
    whole = all(isinstance(v, int) for v in values)
    rising = whole and all(v == values[0] + n for n, v in enumerate(values))
    return int(values[0]) if rising else None


def letters_in(term: Term) -> set[str]:
    """Return the letters that a term's sums run over."""
    return {t.letter for t in term.walk() if isinstance(t, Over)}


# --- tidiness ---------------------------------------------------------------------------------
def product(terms: Sequence[Term]) -> Term:
    """Return the product of numbers; 0 where one of them is 0."""
    return Number(0) if any(_is_zero(t) for t in terms) else multiply(terms)


def total(terms: Sequence[Term]) -> Term:
    """Return the sum of numbers."""
    kept = [t for t in terms if not _is_zero(t)]
    return add(kept) if kept else Number(0)


def swept(term: Term) -> Term:
    """Return the term without products with 0, which cells of padding leave behind."""
    if isinstance(term, Sum):
        return total([swept(t) for t in term.terms])
    if _is_zero(term):
        return Number(0)
    return term


def _is_zero(term: Term) -> bool:
    return (isinstance(term, Number) and term.value == 0) or (
        isinstance(term, Product) and term.top == 0
    )
