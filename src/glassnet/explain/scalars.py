r"""The derivation entry by entry: ``derive(level="scalar")``, for networks small enough for it.

Every equation of matrices is written out for each entry, and every derivative by an entry with the
chain rule that leads to it, ``\frac{\partial J}{\partial w_{11}} = \sum_{i} …``. One example,
numbered i, stands for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from glassnet.explain.document import Block, Formula, Heading, Paragraph
from glassnet.explain.entries.arrays import M, full_index, places
from glassnet.explain.entries.chain import Chains, Defined
from glassnet.explain.entries.expansion import Expansion
from glassnet.explain.entries.printing import EntryNames, EntryPrinter, Kind
from glassnet.explain.entries.terms import EXAMPLE, Entry, Over, distinct
from glassnet.explain.latex import name_latex
from glassnet.formulas import Applied, Indicator, Product, Quantity, SizeOf, Sum, Term
from glassnet.graph.dimension import Dim

if TYPE_CHECKING:
    from glassnet.explain.derivation import Derivation, Step

MOST = 300
"""So many equations a derivation entry by entry may have."""


def check_size(derivation: Derivation) -> None:
    """Raise where a network is too large to be written out entry by entry.

    Raises:
        ValueError: where there would be more than `MOST` equations.
    """
    count = sum(_count(s) for s in _told(derivation))
    if count > MOST:
        raise ValueError(
            f'derive(level="scalar") writes an equation for every entry: {count} of them for '
            f"{derivation.model.name!r}, where {MOST} are the most. Write "
            f'derive(level="matrix"), or ask for one weight: {_example_of_why(derivation)}.'
        )


def _told(derivation: Derivation) -> list[Step]:
    return [s for s in derivation.steps if s.phase != "update"]


def _count(step: Step) -> int:
    return int(np.prod(places(step.equation.quantity.shape), dtype=np.int64))


def _example_of_why(derivation: Derivation) -> str:
    trained = [derivation.names.of[id(v)] for v in derivation.recorded.variables]
    name = str(trained[0]) if trained else "W1"
    for step in derivation.steps:
        if step.name == f"d{name}":
            index = tuple(0 for size in step.equation.quantity.shape)
            return f'derive().why("{name}", index={index})'
    return f'derive().why("{name}")'


@dataclass(frozen=True)
class Line:
    """The equation of one entry.

    Args:
        step: the equation of matrices that it is of.
        entry: what it defines.
        value: what that is.
        chain: the chain rule that leads there; None where it says nothing more.
        at: the place of the entry in its array.
    """

    step: Step
    entry: Entry
    value: Term
    chain: Term | None
    at: tuple[int, ...]


class Scalars:
    """The equations of a derivation, entry by entry."""

    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation
        self.steps = _told(derivation)
        self.per_example = derivation.recorded.per_example
        self.weights = {str(derivation.names.of[id(w)]) for w in derivation.recorded.weights}
        forward = [s for s in self.steps if s.phase != "backward"]
        raw = [d for s in forward for d, _ in self._defined(s, Expansion())]
        self.known: dict[Term, Entry] = {}
        shown = {d.entry: d.term for s in forward for d, _ in self._shown(s)}
        costs = [s.equation.quantity for s in self.steps if s.name == "J"]
        self.own_loss = _own_loss(raw, costs) if self.per_example else None
        factor = Product(divisors=(SizeOf(M),)) if self.per_example else None
        self.chains = Chains(
            raw, costs[0], self._derivatives(), factor, shown, self.own_loss
        )  # fmt: skip
        names = {p.name for s in self.steps for p in (s.equation.quantity, *s.equation.term.walk())
                 if isinstance(p, Quantity)}  # fmt: skip
        self.names = EntryNames(
            self._kinds(),
            names,
            own_loss=self.own_loss is not None,
            per_example=self.per_example,
        )
        columns = derivation.notation.examples == "columns"
        self.printer = EntryPrinter(self.names, columns=columns)
        self.lines = list(self._lines())

    def _kinds(self) -> dict[str, Kind]:
        """How many axes each quantity has in what runs, and which are weights."""
        recorded, of = self.derivation.recorded, self.derivation.names.of
        found = {s.name: Kind(len(s.inside.node.shape)) for s in self.steps}
        for leaf in (*recorded.inputs, *recorded.targets):
            if id(leaf) in of:
                found[str(of[id(leaf)])] = Kind(len(leaf.shape))
        for weight in recorded.weights:
            found[str(of[id(weight)])] = Kind(len(weight.shape), weight=True)
        return found

    def _derivatives(self) -> dict[str, Quantity]:
        """The quantities dQ that have an equation, by the name of Q."""
        found = {
            str(replace(q.name, derivative=False)): q
            for q in (s.equation.quantity for s in self.steps if s.phase == "backward")
            if q.name.derivative
        }
        if self.own_loss is not None:
            found.pop("L", None)  # its derivative by itself
        return found

    def _defined(
        self, step: Step, expansion: Expansion
    ) -> Iterator[tuple[Defined, tuple[int, ...]]]:
        """Yield the entries that an equation defines, with what they are, and their places."""
        quantity = step.equation.quantity
        shape = places(quantity.shape)
        values = expansion.entries(step.equation.term)
        if values.size == np.prod(shape):
            values = values.reshape(shape)
        values = np.broadcast_to(values, shape)
        for at in np.ndindex(*shape):
            entry = Entry(quantity, full_index(quantity.shape, at))
            yield Defined(entry, values.item(*at)), at

    def _shown(self, step: Step) -> Iterator[tuple[Defined, tuple[int, ...]]]:
        """Yield the entries that an equation defines, what has a name called by it."""
        expansion = Expansion(self.known)
        for defined, at in self._defined(step, expansion):
            if step.phase == "forward" and isinstance(defined.term, (Applied, Product)):
                self.known.setdefault(defined.term, defined.entry)
            yield defined, at

    def _lines(self) -> Iterator[Line]:
        self.known.clear()
        for step in self.steps:
            name = step.equation.quantity.name
            if self.own_loss is not None and name == self.own_loss.name.d:
                continue
            for defined, at in self._shown(step):
                entry, chain = defined.entry, None
                if step.phase == "backward" and name.derivative:
                    base = replace(name, derivative=False)
                    wanted = replace(entry, quantity=replace(entry.quantity, name=base))
                    chain = self.chains.chain(wanted, weight=str(base) in self.weights)
                taken = frozenset(entry.letters)
                chain = None if chain is None else distinct(chain, taken)
                yield Line(step, entry, distinct(defined.term, taken), chain, at)

    # --- printing -----------------------------------------------------------------------------
    def latex(self, line: Line) -> str:
        """Return the equation of an entry in LaTeX."""
        sides = [self.printer.print(line.entry)]
        if line.chain is not None:
            sides.append(self.printer.print(line.chain))
        value = self.printer.print(line.value)
        if value != sides[-1]:
            sides.append(value)
        relation = r" \sim " if line.step.inside.drawn else " = "
        return relation.join(sides)

    def formula(self, line: Line, rule: str = "") -> Formula:
        """Return the block of one entry; with a batch, the value of a derivative by a weight."""
        numbers: tuple[str, ...] = ()
        name = line.step.equation.name
        if self.derivation.with_numbers and str(replace(name, derivative=False)) in self.weights:
            value = np.reshape(
                self.derivation.values[line.step.name], places(line.step.equation.quantity.shape)
            )[line.at]
            numbers = (f"= {value:.6g}",)
        return Formula(self.latex(line), rule=rule, numbers=numbers)

    # --- the page -----------------------------------------------------------------------------
    def blocks(self) -> Iterator[Block]:
        """Yield the derivation entry by entry."""
        yield Heading("Entry by entry")
        yield Paragraph(self._reading())
        for phase in ("forward", "cost"):
            lines = [line for line in self.lines if line.step.phase == phase]
            for layer, group in groupby(lines, key=lambda line: line.step.layer):
                title = f"Layer {layer}, forward" if phase == "forward" else (
                    "Loss of an example, and cost")  # fmt: skip
                yield Heading(title, 2)
                yield from (self.formula(line) for line in group)
        told: set[str] = set()
        backward = [line for line in self.lines if line.step.phase == "backward"]
        for layer, group in groupby(backward, key=lambda line: line.step.layer):
            yield Heading(
                "The loss, backward" if layer is None
                else f"Layer {layer}, backward", 2,
            )  # fmt: skip
            for line in group:
                rule = self._rule(line)
                yield self.formula(line, "" if rule in told else rule)
                told.add(rule)
        yield Paragraph(
            "These are all partial derivatives, one number at a time. The equations of matrices "
            "above gather them: what stands there in one line is here a line for each entry."
        )

    def _reading(self) -> str:
        """How the entries are to be read."""
        text = (
            "The same equations for single numbers, as a course in calculus writes them. Small "
            "letters are the entries of matrices; indices count from 1. "
        )
        kernel = next(filter(self._is_kernel, self._quantities()), None)
        if kernel is not None:
            row, column = (min(n, int(s) - 1) for n, s in enumerate(kernel.shape))
            entry = self.printer.print(Entry(kernel, (row, column)))
            whole = name_latex(kernel.name)
            text += f"${entry}$ is in row {row + 1} and column {column + 1} of ${whole}$. "
        text += "The number in round brackets, $i$, is that of the example."
        if any(line.entry.quantity.name.index for line in self.lines):
            text += " A number before a semicolon belongs to the name."
        if self.own_loss is not None:
            text += (
                " $\\mathcal{L}^{(i)}$ depends on what belongs to example $i$ alone, so "
                "derivatives by that are taken of $\\mathcal{L}^{(i)}$; those by weights are of "
                "$J$, the mean."
            )
        elif self.per_example:
            short = r"$\mathrm{d}q$ is short for $m \frac{\partial J}{\partial q}$"
            text += f" For what is no weight, {short}."
        return text

    def _quantities(self) -> Iterator[Quantity]:
        for step in self.steps:
            yield from (p for p in step.equation.term.walk() if isinstance(p, Quantity))

    def _is_kernel(self, quantity: Quantity) -> bool:
        kind = self.names.kinds.get(str(quantity.name))
        return kind is not None and kind.weight and kind.rank == 2 and len(quantity.shape) == 2

    def _rule(self, line: Line) -> str:
        relations = {p.relation for p in line.value.walk() if isinstance(p, Indicator)}
        if relations == {"=", "<"}:
            return (
                "The derivative goes to the largest entry of a window; of several equal ones to "
                "the first, so those before it must be smaller."
            )
        if line.chain is None:
            return ""
        if any(isinstance(p, Over) and p.size == M for p in line.chain.walk()):
            if not line.entry.letters:
                return "Every example uses the same weight, so what they contribute is added up."
            return "The examples meet here, so what comes back from all of them is added up."
        if isinstance(line.chain, (Sum, Over)):
            return "What is used in several places receives the sum of what comes back from them."
        return "Chain rule: the derivative by what is computed from it, times the slope of that."


def _own_loss(forward: list[Defined], costs: list[Quantity]) -> Quantity | None:
    """The losses of the examples where J is their mean and each depends on one example."""
    found: Quantity | None = None
    for defined in forward:
        if defined.entry.quantity not in costs:
            if any(isinstance(p, Over) and isinstance(p.size, Dim) for p in defined.term.walk()):
                return None
            continue
        summands = defined.term.terms if isinstance(defined.term, Sum) else (defined.term,)
        of_examples = [t for t in summands if _has_examples(t)]
        if len(of_examples) != 1:
            return None
        found = _mean_loss(of_examples[0])
    return found


def _has_examples(term: Term) -> bool:
    return any(isinstance(p, Entry) and EXAMPLE in p.letters for p in term.walk())


def _mean_loss(term: Term) -> Quantity | None:
    """L where a term is the mean of L over the examples."""
    if not isinstance(term, Product) or (term.top, term.bottom) != (1, 1) or term.factors:
        return None
    if term.divisors != (SizeOf(M),) or len(term.scalars) != 1:
        return None
    (added,) = term.scalars
    if not isinstance(added, Over) or added.size != M or not isinstance(added.body, Entry):
        return None
    return added.body.quantity if str(added.body.quantity.name) == "L" else None


def scalar_blocks(derivation: Derivation) -> list[Block]:
    """Return the blocks of the derivation entry by entry."""
    return list(Scalars(derivation).blocks())
