"""The derivation of a network's training step: forward pass, cost, backward pass, update.

The equations are read from the recorded graph and its derivative graph, the very nodes that run.
A brick of one's own appears in it with the formulas of the ops it is composed of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.checks import nearest, one_of
from glassnet.explain import numbers
from glassnet.explain.batches import batch_for
from glassnet.explain.document import Document
from glassnet.explain.equations import Equation, EquationWriter
from glassnet.explain.evaluation import Evaluation
from glassnet.explain.latex import LatexPrinter, name_latex, space_latex
from glassnet.explain.naming import name_nodes
from glassnet.explain.orientation import Orientation
from glassnet.explain.prose import rule_of, users_of
from glassnet.explain.quotients import Check, Finding, findings_of
from glassnet.explain.recorded import record_step
from glassnet.explain.render.html import to_html
from glassnet.explain.render.latex import to_latex
from glassnet.explain.render.markdown import to_markdown
from glassnet.explain.render.text import to_text
from glassnet.explain.render.unicode import unicode
from glassnet.explain.why import Chain, chain_to
from glassnet.models.data import Batch
from glassnet.notation import Notation, get_notation

if TYPE_CHECKING:
    from glassnet.models.model import Model

LEVELS = ("matrix", "scalar")


@dataclass(frozen=True, eq=False)
class Step:
    """One printed equation of a derivation.

    Args:
        name: the name it defines, ``"dW2"``.
        latex: the equation in LaTeX, ``"Z = X W + b"``.
        space: where the left side lives, in LaTeX.
        rule: the sentence by which it follows; may be empty.
        phase: ``"forward"``, ``"cost"``, ``"backward"`` or ``"update"``.
        layer: the number of its layer; None for none.
        equation: the equation in this notation; ``inside`` as it is in what runs.
    """

    name: str
    latex: str
    space: str
    rule: str
    phase: str
    layer: int | None
    equation: Equation
    inside: Equation

    @property
    def text(self) -> str:
        """The equation with the statement of its shape, in LaTeX."""
        return rf"{self.latex} \quad \in {self.space}"


class Derivation:
    """Backpropagation of one network, written out; what ``model.derive`` returns.

    Print it for the terminal, ``save("page.html")`` it (or .tex, .md, .txt), ask for one
    quantity, ``d["dW2"]`` (its value on the batch), or for the chain that leads to it,
    ``d.why("W2")``.

    >>> import glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(3, "tanh"), gn.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> d = model.derive()
    >>> d.step("dW2").latex
    '\\\\mathrm{d}W^{[2]} = A^{[1]\\\\top} \\\\mathrm{d}Z^{[2]}'
    >>> print(d.unicode("dZ1"))
    dZ[1] = dA[1] ⊙ (1 − (A[1])²)
    """

    def __init__(
        self,
        model: Model,
        batch: Batch,
        notation: Notation,
        *,
        level: str = "matrix",
        with_numbers: bool = False,
    ) -> None:
        self.model, self.batch, self.notation, self.level = model, batch, notation, level
        self.with_numbers = with_numbers
        columns = notation.examples == "columns"
        self.recorded = record_step(model, batch, per_example=columns)
        self.names = name_nodes(self.recorded)
        assumed = not with_numbers or numbers.targets_sum_to_one(batch)
        self.writer = EquationWriter(self.recorded, self.names, distributions=assumed)
        self.inside = self.writer.equations()
        self.orientation = Orientation(self.inside, notation.name)
        self.printer = LatexPrinter(columns=columns)
        # Made now, so that the numbers are those of these weights, whenever they are asked for.
        self._evaluation = (
            Evaluation.of_batch(self.recorded, batch, model) if with_numbers else None
        )
        users = users_of(self.recorded.cost)
        self.equations: list[Step] = [
            self._step(e, rule_of(e, self.names, users)) for e in self.inside
        ]
        self._by_name = {s.name: s for s in self.equations if s.phase != "update"}
        for step in self.equations:
            self._by_name.setdefault(step.name, step)

    def _step(self, inside: Equation, rule: str) -> Step:
        equation = self.orientation.equation(inside)
        relation = "=" if inside.target is None else r"\leftarrow"
        relation = r"\sim" if inside.drawn else relation
        latex = f"{name_latex(inside.name)} {relation} {self.printer.print(equation.term)}"
        space = space_latex(equation.quantity.shape)
        return Step(
            str(inside.name), latex, space, rule, inside.phase, inside.layer, equation, inside
        )

    # --- asking -------------------------------------------------------------------------------
    @property
    def steps(self) -> list[Step]:
        """The printed equations, in order."""
        return self.equations

    def step(self, name: str) -> Step:
        """Return the equation that defines ``name``; for a weight, its update.

        Raises:
            KeyError: where there is none; names a near one.
        """
        found = self._by_name.get(name)
        if found is None:
            raise KeyError(
                f"{name!r} is defined by no equation of this derivation."
                f"{nearest(name, list(self._by_name))} There are {', '.join(self._by_name)}."
            )
        return found

    def unicode(self, name: str) -> str:
        """Return the equation that defines ``name`` as plain text."""
        return unicode(self.step(name).latex)

    @property
    def evaluation(self) -> Evaluation:
        """The nodes on the batch, in float64.

        Raises:
            ValueError: where the derivation was made without a batch.
        """
        if self._evaluation is None:
            raise ValueError(
                "This derivation was made without a batch, so its quantities have no values. "
                "Write model.derive(x, y)."
            )
        return self._evaluation

    @cached_property
    def values(self) -> Mapping[str, np.ndarray]:
        """The values of all named quantities on the batch, by name, in this notation.

        In float64, from the weights as they were when the derivation was made. The new value that
        the update gives a weight is ``"W2_new"``.

        Raises:
            ValueError: where the derivation was made without a batch.
        """
        return numbers.values_of(self)

    @cached_property
    def findings(self) -> Mapping[str, Finding]:
        """What difference quotients say of every derivative, by name, in numbers and words.

        Raises:
            ValueError: where the derivation was made without a batch.
        """
        return findings_of(self)

    @property
    def checks(self) -> Mapping[str, Check]:
        """Each derivative beside its difference quotient: (quotient, derivative, relative error).

        Raises:
            ValueError: where the derivation was made without a batch.
        """
        return {name: finding.check for name, finding in self.findings.items()}

    def why(self, name: str, *, index: int | tuple[int, ...] | None = None) -> Chain:
        """Return the chain from the cost to a weight: each equation that its derivative needs.

        Args:
            name: the weight, ``"W2"``, or its derivative, ``"dW2"``.
            index: one entry of it, in the matrix as this notation shows it; with a batch, the
                chain has what each example contributes to its derivative.

        Raises:
            KeyError: where there is no such weight; names a near one.
            TypeError: where ``index`` is no index.
            IndexError: where ``index`` lies outside.

        >>> import glassnet as gn
        >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(3, "tanh"), gn.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> [step.name for step in model.derive().why("W1").steps]
        ['J', 'L', 'dZ2', 'dA1', 'dZ1', 'dW1']
        """
        return chain_to(self, name, index)

    def __getitem__(self, name: str) -> np.ndarray:
        values = self.values
        if name not in values:
            raise KeyError(
                f"{name!r} is no quantity of this derivation.{nearest(name, list(values))} There "
                f"are {', '.join(values)}."
            )
        return values[name]

    def __iter__(self) -> Iterator[Step]:
        return iter(self.equations)

    # --- reading ------------------------------------------------------------------------------
    @cached_property
    def document(self) -> Document:
        """The derivation as a document, which every format is rendered from."""
        from glassnet.explain.assembly import assembled

        return assembled(self)

    def text(self, width: int = 80) -> str:
        """Return the derivation as plain text for a terminal."""
        return to_text(self.document, width)

    def latex(self) -> str:
        """Return a LaTeX document that compiles on its own."""
        return to_latex(self.document)

    def markdown(self) -> str:
        """Return the derivation as Markdown."""
        return to_markdown(self.document)

    def html(self) -> str:
        """Return one self-contained HTML page."""
        return to_html(self.document)

    def save(self, path: str | Path) -> Path:
        """Write the derivation; the ending chooses the format: .html, .tex, .md, .txt."""
        from glassnet.explain.render import write

        return write(self.document, path)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        count = len(self.equations)
        return (
            f"<Derivation of {self.model.name!r}: {count} equations, "
            f"notation {self.notation.name!r}>"
        )

    def _repr_html_(self) -> str:
        return to_html(self.document, standalone=False)


def derive(
    model: Model,
    x: Any = None,
    y: Any = None,
    *,
    notation: str | Notation | None = None,
    level: str = "matrix",
) -> Derivation:
    """Return the derivation of a model's training step; see ``Model.derive``."""
    one_of(level, LEVELS, "level")
    chosen = get_notation(notation)
    batch = batch_for(model, x, y, "derive()")
    found = Derivation(model, batch, chosen, level=level, with_numbers=x is not None)
    if level == "scalar":
        from glassnet.explain.scalars import check_size

        check_size(found)
    return found
