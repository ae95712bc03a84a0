"""Entries in LaTeX: lower-case letters with indices, derivatives as fractions of ∂."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from glassnet.explain.entries.terms import (
    Bracketed,
    Counter,
    Entry,
    EntryOf,
    Index,
    Letter,
    Over,
    Partial,
)
from glassnet.explain.latex import (
    BIG,
    DECORATIONS,
    LatexPrinter,
    name_latex,
    number_latex,
    size_latex,
)
from glassnet.formulas import Name, Number, Product, Quantity, SizeOf, Term
from glassnet.graph.dimension import Dim, Shape

RESERVED = frozenset("eijklmqrsho")
"""Letters that an entry is not called by: they count, or mean something else."""


@dataclass(frozen=True)
class Kind:
    """What the writing of a quantity's entries depends on.

    Args:
        rank: how many axes it has where it is computed.
        weight: whether it is a weight.
    """

    rank: int
    weight: bool = False


class EntryNames:
    """How entries are called.

    Args:
        kinds: what is known of quantities, by name.
        names: all names that occur.
        own_loss: whether dQ of what there is one of an example is the derivative of the loss of
            that example; otherwise it is m times that of the cost, and written dq.
        per_example: whether the course's convention holds.
    """

    def __init__(
        self, kinds: Mapping[str, Kind], names: Iterable[Name], *, own_loss: bool, per_example: bool
    ) -> None:
        self.kinds, self.own_loss, self.per_example = kinds, own_loss, per_example
        self.taken = {replace(n, derivative=False) for n in names}

    def letter(self, name: Name) -> str:
        """Return the letter of the entries of a quantity."""
        letter, marks = name.letter, ""
        for suffix in DECORATIONS:
            if letter.endswith(suffix) and letter != suffix:
                letter, marks = letter.removesuffix(suffix), suffix
        small = letter.lower()
        if len(letter) > 1 or letter in ("J", "L") or small in RESERVED:
            return name.letter
        if small != letter and replace(name, letter=small + marks, derivative=False) in self.taken:
            return name.letter
        return small + marks

    def _shown(self, quantity: Quantity) -> list[int]:
        """The axes whose index is written below."""
        shape = quantity.shape
        kind = self.kinds.get(_base(quantity), Kind(len(shape)))
        axes = [a for a, size in enumerate(shape) if not isinstance(size, Dim)]
        if len(shape) == 2 and ((kind.weight and kind.rank == 2) or len(axes) < 2):
            return axes if kind.rank > 1 else []
        wide = [a for a in axes if shape[a] != 1]
        return wide if wide or len(axes) < len(shape) else axes[-1:]

    def latex(self, entry: Entry) -> str:
        """Return an entry in LaTeX, as if it were of no derivative."""
        name = replace(entry.quantity.name, derivative=False)
        plain = name_latex(replace(name, letter=self.letter(name), index=0, layer=None, call=0))
        shape = entry.quantity.shape
        below = index_latex([entry.index[a] for a in self._shown(entry.quantity)], shape)
        if name.index:
            below = f"{name.index};{below}" if below else str(name.index)
        examples = [entry.index[a] for a, size in enumerate(shape) if isinstance(size, Dim)]
        above = "" if name.layer is None else f"[{name.layer}]"
        above += f"({name.call})" if name.call else ""
        above += f"({','.join(map(one_index, examples))})" if examples else ""
        return plain + (f"_{{{below}}}" if below else "") + (f"^{{{above}}}" if above else "")

    def derivative(self, entry: Entry) -> str:
        """Return the derivative that an entry of dQ is."""
        examples = [i for i, s in zip(entry.index, entry.quantity.shape, strict=True)
                    if isinstance(s, Dim)]  # fmt: skip
        weight = self.kinds.get(_base(entry.quantity), Kind(0)).weight
        by = rf"\partial {self.latex(entry)}"
        if not self.per_example or weight:
            return rf"\frac{{\partial J}}{{{by}}}"
        if self.own_loss and examples:
            above = ",".join(map(one_index, examples))
            return rf"\frac{{\partial \mathcal{{L}}^{{({above})}}}}{{{by}}}"
        return rf"\mathrm{{d}}{self.latex(entry)}"


def _base(quantity: Quantity) -> str:
    return str(replace(quantity.name, derivative=False))


def one_index(index: Index) -> str:
    """Return one index, counted from 1."""
    if not isinstance(index, Letter):
        return str(index + 1)
    sign = f"{index.shift:+d}" if index.shift else ""
    return index.name + sign


def index_latex(index: Iterable[Index], shape: Shape) -> str:
    """Return indices side by side, with commas where that could be misread."""
    written = list(map(one_index, index))
    wide = any(isinstance(size, int) and size > 9 for size in shape)
    comma = "," if wide or any(len(w) > 1 for w in written) else ""
    return comma.join(written)


class EntryPrinter(LatexPrinter):
    """Prints terms of entries."""

    def __init__(self, names: EntryNames, *, columns: bool) -> None:
        super().__init__(columns=columns)
        self.names = names
        self.matrices = LatexPrinter(columns=columns)

    def _entry(self, term: Entry) -> tuple[str, int]:
        if term.quantity.name.derivative:
            return self.names.derivative(term), 3
        text = self.names.latex(term)
        return text, 3 if "^" in text or "_" in text else 4

    def _entryof(self, term: EntryOf) -> tuple[str, int]:
        text = self.matrices.print(term.whole)
        if not term.index:
            return text, 0
        return rf"\left({text}\right)_{{{index_latex(term.index, term.whole.shape)}}}", 3

    def _counter(self, term: Counter) -> tuple[str, int]:
        shift = term.letter.shift + 1
        if not shift:
            return term.letter.name, 4
        sign = "+" if shift > 0 else "-"
        return f"{term.letter.name} {sign} {abs(shift)}", 0

    def _partial(self, term: Partial) -> tuple[str, int]:
        above = "" if term.of is None else " " + self.names.latex(term.of)
        return rf"\frac{{\partial{above}}}{{\partial {self.names.latex(term.by)}}}", 3

    def _bracketed(self, term: Bracketed) -> tuple[str, int]:
        return rf"\left({super()._sum(term)[0]}\right)", 3

    def _over(self, term: Over) -> tuple[str, int]:
        limits = rf"_{{{term.letter}=1}}^{{{size_latex(term.size)}}}"
        if term.kind in ("max", "min"):
            return rf"{BIG[term.kind]}_{{{term.letter}}} {self.print(term.body, 3)}", 1
        return f"{BIG[term.kind]}{limits} {self.print(term.body, 1)}", 1

    def _product(self, term: Product) -> tuple[str, int]:
        """Numbers in front, then derivatives, the rest, and sums."""
        above, below = _numbers(term.scalars), _numbers(term.divisors)
        over = [t for t in (*term.scalars, *term.factors) if t not in above]
        under = [t for t in term.divisors if t not in below]
        front = self._beside(abs(term.top), above)
        if term.bottom != 1 or below:
            front = rf"\frac{{{front or 1}}}{{{self._beside(term.bottom, below)}}}"
        over.sort(key=_rank)
        if under:
            return self._over_others(term, above, below, over, under)
        rest = self._row(over, alone=not front and term.top > 0)
        dot = r" \cdot " if front and rest[:1].isdigit() and not front.endswith("}") else " "
        text = dot.join(p for p in (front, rest) if p)
        if term.top < 0:
            return "-" + text, 0
        return text, 1 if over and isinstance(over[-1], Over) else 2

    def _over_others(
        self, term: Product, above: list[Term], below: list[Term], over: list[Term],
        under: list[Term],
    ) -> tuple[str, int]:  # fmt: skip
        """A fraction; what is tall itself stands beside it."""
        tall = [t for t in over if _rank(t) != 1]
        flat = [t for t in over if _rank(t) == 1]
        alone = abs(term.top) == 1 and not above
        numerator = " ".join(
            p for p in (self._beside(abs(term.top), above), self._row(flat, alone=alone)) if p
        )
        alone = term.bottom == 1 and not below
        denominator = " ".join(
            p for p in (self._beside(term.bottom, below), self._row(under, alone=alone)) if p
        )
        text = rf"\frac{{{numerator or 1}}}{{{denominator}}}"
        if tall:
            text += f" {self._row(tall, alone=False)}"
        if term.top < 0:
            return "-" + text, 0
        return text, 1 if tall and isinstance(tall[-1], Over) else 2 if tall else 3

    def _beside(self, number: float | int, terms: list[Term]) -> str:
        parts = [] if number == 1 else [number_latex(number)]
        return " ".join([*parts, *(self.print(t, 2) for t in terms)])

    def _row(self, terms: list[Term], *, alone: bool) -> str:
        """Factors side by side; only the last may be a sum without brackets."""
        if len(terms) == 1:
            return self.print(terms[0], 0 if alone else 1 if isinstance(terms[0], Over) else 2)
        parts = [self.print(t, 2) for t in terms]
        if terms and isinstance(terms[-1], Over):
            parts[-1] = self.print(terms[-1], 1)
        text = ""
        for part in parts:
            text += (r" \cdot " if part[:1].isdigit() else " ") * bool(text) + part
        return text


def _numbers(terms: Iterable[Term]) -> list[Term]:
    return [t for t in terms if isinstance(t, (Number, SizeOf))]


def _rank(term: Term) -> int:
    if isinstance(term, Over):
        return 2
    return 0 if isinstance(term, Entry) and term.quantity.name.derivative else 1
