"""The chain from the cost to one weight: why its derivative is what it is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.checks import nearest
from glassnet.explain.abbreviation import number
from glassnet.explain.assembly import formula_of
from glassnet.explain.contributions import (
    Contribution,
    Contributions,
    contributions_to,
    direction,
)
from glassnet.explain.document import Block, Document, Formula, Heading, Paragraph, Table
from glassnet.explain.latex import name_latex
from glassnet.explain.numbers import sentence
from glassnet.explain.prose import listing
from glassnet.explain.render.html import to_html
from glassnet.explain.render.text import to_text
from glassnet.formulas import MatrixProduct, Product, Quantity, Term, Transposed
from glassnet.formulas.shapes import per_example
from glassnet.graph.order import topological
from glassnet.graph.tensor import Tensor
from glassnet.graph.variable import Variable

if TYPE_CHECKING:
    from glassnet.explain.derivation import Derivation, Step

STRONGEST = 5
"""How many examples are told of."""


class Chain:
    """How the cost depends on a weight: the equations from J back to its derivative.

    Args:
        derivation: the derivation that they belong to.
        variable: the weight.
        name: what it is called.
        index: one entry of it, in the matrix as the notation shows it; or None.

    Print it, look at its ``steps``, or at ``contributions`` for one entry on a batch.
    """

    def __init__(
        self,
        derivation: Derivation,
        variable: Variable,
        name: str,
        index: tuple[int, ...] | None = None,
    ) -> None:
        self.derivation, self.variable, self.name, self.index = derivation, variable, name, index
        self.steps: tuple[Step, ...] = tuple(_steps_to(derivation, variable, name))
        """The printed equations from the cost back to the derivative by the weight."""

    @property
    def entry(self) -> str:
        """What the weight is called: ``"W2"``, or ``"W2[0, 3]"``."""
        if self.index is None:
            return self.name
        return f"{self.name}[{', '.join(map(str, self.index))}]"

    @cached_property
    def contributions(self) -> Contributions:
        """What each example of the batch contributes to the derivative by one entry.

        Raises:
            ValueError: where the chain is that of a whole matrix, or there is no batch.
        """
        if self.index is None:
            raise ValueError(
                f"Examples contribute to the derivative by one weight: name its place, "
                f"why({self.name!r}, index=(0, 0))."
            )
        if not self.derivation.with_numbers:
            raise ValueError(
                "This derivation was made without a batch, so there are no examples that "
                "contribute. Write model.derive(x, y)."
            )
        place = _place(self.derivation, self.last, self.index)
        return contributions_to(self.derivation.evaluation, self.variable, place, self.entry)

    def strongest(self, count: int = STRONGEST) -> list[Contribution]:
        """Return the examples that push the weight most; see `contributions`."""
        return self.contributions.strongest(count)

    @property
    def last(self) -> Step:
        """The equation of the derivative by the weight."""
        return self.steps[-1]

    # --- reading ------------------------------------------------------------------------------
    @cached_property
    def document(self) -> Document:
        """The chain as a document, which every format is rendered from."""
        return Document(f"Why d{self.entry}", tuple(self._blocks()))

    def _blocks(self) -> Iterator[Block]:
        names = [f"${name_latex(s.equation.name)}$" for s in self.steps]
        yield Paragraph("The way back: " + r" $\rightarrow$ ".join(names))
        if self.index is not None:
            yield from self._words()
        for step in self.steps:
            yield _with_reason(formula_of(self.derivation, step), step)
        if self.index is not None and self.derivation.with_numbers:
            yield from self._examples()

    def _words(self) -> Iterator[Block]:
        """The chain of one entry, in sentences."""
        names = self.derivation.names.of
        derived = (s.inside.of for s in self.steps)
        between = [n for n in derived if n is not None and n is not self.variable]
        losses = [s.inside.node for s in self.steps if s.phase == "cost" and s.name != "J"]
        nodes = {id(n): n for n in (*losses, *between) if id(n) in names}
        through = [f"${name_latex(names[i])}$" for i in reversed(nodes)]
        yield Paragraph(
            f"The weight `{self.entry}` reaches the cost $J$ by way of {listing(through)}. The "
            "derivative comes back the same way, one equation at a time, and is the entry "
            f"`d{self.entry}` of the last one{self._entry_in_words()}."
        )

    def _entry_in_words(self) -> str:
        """What the entry of the last equation is, where that is a product of matrices."""
        term, factor = _without_factor(self.last.equation.term)
        assert self.index is not None
        if not isinstance(term, MatrixProduct) or len(self.index) != 2:
            return ""
        row = _entry_of(term.first, str(self.index[0]), "i")
        column = _entry_of(term.second, "i", str(self.index[1]))
        if row is None or column is None:
            return ""
        summed = "the examples i" if per_example(term.first.shape[-1]) else "i"
        share = "$\\frac{1}{m}$ times the sum" if factor else "the sum"
        return f": {share} over {summed} of `{row} * {column}`"

    def _examples(self) -> Iterator[Block]:
        yield Heading("The examples behind it", 1)
        try:
            found = self.contributions
        except NotImplementedError as error:  # a brick whose backward is written in NumPy
            yield Paragraph(
                f"What each example contributes is not known. {plain_words(str(error))}"
            )
            return
        if not found.values.any():
            yield Paragraph(
                f"On this batch `d{self.entry}` is {number(found.gradient)}, and no example "
                "contributes to it: what comes back by way of the weight is 0 for each of them."
            )
            return
        yield Paragraph(
            f"On this batch `d{self.entry}` is {number(found.gradient)}, so descent moves the "
            f"weight {direction(found.gradient)}. It is the sum of what the examples contribute, "
            "each the derivative of its own share of the cost."
        )
        rows = tuple(
            (label, "" if loss is None else number(loss), number(value), direction(value))
            for label, loss, value in found.told(STRONGEST)
        )
        yield Table(("example", "its loss", "contributes", "pushes the weight"), rows)
        yield Paragraph(sentence(str(found.strongest(1)[0])))

    def text(self, width: int = 80) -> str:
        """Return the chain as plain text for a terminal."""
        return to_text(self.document, width)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Chain to {self.entry}: {' → '.join(s.name for s in self.steps)}>"

    def _repr_html_(self) -> str:
        return to_html(self.document, standalone=False)


def _with_reason(formula: Formula, step: Step) -> Formula:
    """The equation with a sentence, where it has none of its own, on what it does in the chain."""
    if step.rule or step.phase == "backward":
        return formula
    letter = step.equation.name.letter
    rule = (
        "The cost, which training makes small." if letter == "J"
        else "The loss of each example, which the cost is made of." if letter == "L"
        else "The cost depends on the weight through this."
    )  # fmt: skip
    return Formula(formula.latex, formula.space, formula.name, rule, formula.numbers, formula.check)


# --- finding it -------------------------------------------------------------------------------
def chain_to(derivation: Derivation, name: str, index: Any = None) -> Chain:
    """Return the chain from the cost to a weight; see ``Derivation.why``."""
    variable, own = _weight_called(derivation, name)
    chain = Chain(derivation, variable, own)
    if index is None:
        return chain
    return Chain(derivation, variable, own, _checked_index(derivation, chain.last, own, index))


def _weight_called(derivation: Derivation, name: str) -> tuple[Variable, str]:
    """The trained weight of a name, or of the name of its derivative."""
    if not isinstance(name, str):
        raise TypeError(f"why(): expected the name of a weight, 'W1'; got {name!r}.")
    weights = {str(derivation.names.of[id(v)]): v for v in derivation.recorded.variables}
    for asked in (name, name.removeprefix("d")):
        if asked in weights:
            return weights[asked], asked
    others = {str(n) for n in derivation.names.of.values()}
    listed = f"Its weights are {', '.join(weights)}." if weights else "It trains no weight."
    if name in others:
        frozen = {str(derivation.names.of[id(v)]) for v in derivation.recorded.weights}
        what = "a weight that is not trained" if name in frozen else "no weight"
        raise KeyError(f"why({name!r}): {name} is {what}, so no derivative leads to it. {listed}")
    raise KeyError(
        f"why({name!r}): this derivation knows nothing of that name."
        f"{nearest(name, list(weights))} {listed}"
    )


def _steps_to(derivation: Derivation, variable: Variable, name: str) -> Iterator[Step]:
    """From the cost's equation through the losses to the derivative by the weight."""
    between = {id(n) for n in _users(derivation.recorded.cost, variable)}
    cost = [
        s for s in derivation.steps
        if s.phase == "cost" and (id(s.inside.node) in between or s.name == "J")
    ]  # fmt: skip
    yield from reversed(cost)
    backward = [s for s in derivation.steps if s.phase == "backward"]
    needed = {f"d{name}"}
    kept = []
    for step in reversed(backward):
        if step.name in needed:
            kept.append(step)
            needed |= {str(p.name) for p in step.equation.term.walk() if isinstance(p, Quantity)}
    yield from reversed(kept)


def _users(cost: Tensor, variable: Tensor) -> Iterator[Tensor]:
    """Yield the nodes of the cost that depend on a variable."""
    reached = {id(variable)}
    for node in topological([cost]):
        if any(id(i) in reached for i in node.inputs):
            reached.add(id(node))
            yield node


# --- the index --------------------------------------------------------------------------------
def _checked_index(derivation: Derivation, step: Step, name: str, index: Any) -> tuple[int, ...]:
    """The index as numbers from 0, one an axis of the matrix as it is shown."""
    given = index if isinstance(index, (tuple, list)) else (index,)
    if not all(isinstance(i, (int, np.integer)) and not isinstance(i, bool) for i in given):
        raise TypeError(f"why({name!r}, index={index!r}): an index is made of integers, (0, 3).")
    shape = tuple(int(s) for s in step.equation.quantity.shape)
    found = tuple(int(i) for i in given)
    if len(found) == 1 and len(shape) == 2 and 1 in shape:
        found = (0, *found) if shape[0] == 1 else (*found, 0)
    if len(found) != len(shape):
        raise IndexError(
            f"why({name!r}, index={index!r}): {name} has the shape {shape} here, so its index has "
            f"{len(shape)} numbers."
        )
    if not all(-n <= i < n for i, n in zip(found, shape, strict=True)):
        raise IndexError(
            f"why({name!r}, index={index!r}): the index lies outside of {name}, which has the "
            f"shape {shape} in the notation {derivation.notation.name!r}."
        )
    return tuple(i % n for i, n in zip(found, shape, strict=True))


def _place(derivation: Derivation, step: Step, index: tuple[int, ...]) -> int:
    """The place of an entry in the variable, row by row."""
    quantity = step.inside.quantity
    inside = index[::-1] if derivation.orientation.is_turned(quantity) else index
    shape = tuple(int(s) for s in quantity.shape)
    return int(np.ravel_multi_index(inside, shape)) if shape else 0


# --- terms ------------------------------------------------------------------------------------
def _without_factor(term: Term) -> tuple[Term, bool]:
    """A matrix product without the 1/m before it, and whether that stood there."""
    if isinstance(term, Product) and len(term.factors) == 1 and not term.scalars:
        plain = (term.top, term.bottom) == (1, 1) and len(term.divisors) == 1
        return (term.factors[0], True) if plain else (term, False)
    return term, False


def _entry_of(term: Term, row: str, column: str) -> str | None:
    """An entry of a quantity, or of a transposed one, as Python writes it."""
    if isinstance(term, Transposed):
        return _entry_of(term.term, column, row)
    return f"{term.name}[{row}, {column}]" if isinstance(term, Quantity) else None


def plain_words(text: str) -> str:
    """Return a message as words: nothing in it is mathematics or code."""
    return text.replace("$", r"\$").replace("`", r"\`")
