"""Numbers beside the symbols: the value of every named quantity on a batch, in float64."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from glassnet.explain.abbreviation import abbreviated
from glassnet.explain.quotients import summary
from glassnet.formulas import Quantity
from glassnet.formulas.shapes import per_example
from glassnet.graph.order import topological
from glassnet.graph.tensor import Tensor
from glassnet.models.data import Batch
from glassnet.nest import flatten

if TYPE_CHECKING:
    from glassnet.explain.derivation import Derivation, Step

NEW = "_new"
"""What the name of a weight has behind it when its new value is meant."""


def targets_sum_to_one(batch: Batch) -> list[bool]:
    """Tell of each array of targets whether every example's sum to 1, as a distribution's do."""
    targets = [np.asarray(t) for t in flatten(batch.y) if t is not None]
    return [t.ndim < 2 or bool(np.allclose(t.sum(-1), 1)) for t in targets]


def values_of(derivation: Derivation) -> dict[str, np.ndarray]:
    """Return the values of all named quantities, in the derivation's notation.

    Leaves are there by their names, ``"X"``, ``"W2"``, every quantity by the name that its
    equation defines, ``"dW2"``, and the new value of a weight or of an optimizer's state as
    ``"W2_new"``.
    """
    found = list(_quantities(derivation))
    derivation.evaluation.compute(node for _, _, node in found)
    return {name: in_notation(derivation, quantity, node) for name, quantity, node in found}


def _quantities(derivation: Derivation) -> Iterator[tuple[str, Quantity, Tensor]]:
    """Yield what has a value: the name it has there, the quantity, the node."""
    leaves = _leaves(derivation)
    defined = {str(e.name) for e in derivation.inside if e.target is None}
    seen: set[str] = set()
    for equation in derivation.inside:
        for part in equation.term.walk():
            if isinstance(part, Quantity):
                name = str(part.name)
                if name not in defined and name not in seen and name in leaves:
                    seen.add(name)
                    yield name, part, leaves[name]
    for equation in derivation.inside:
        name = str(equation.name)
        if equation.target is not None:
            if name not in seen:
                seen.add(name)
                yield name, equation.quantity, equation.target
            name += NEW
        yield name, equation.quantity, equation.node


def _leaves(derivation: Derivation) -> dict[str, Tensor]:
    """The named nodes without an op, by name."""
    roots = [e.node for e in derivation.inside]
    nodes = [n for n in topological(roots) if n.op is None]
    names = derivation.names.of
    return {str(names[id(n)]): n for n in nodes if id(n) in names}


def in_notation(derivation: Derivation, quantity: Quantity, node: Tensor) -> np.ndarray:
    """Return the value of a node as the quantity that it is in this notation."""
    evaluation = derivation.evaluation
    value = evaluation[node].reshape(evaluation.shape(quantity.shape))
    return value.T if derivation.orientation.is_turned(quantity) and value.ndim == 2 else value


def shown(derivation: Derivation, step: Step) -> tuple[tuple[str, ...], str]:
    """Return the numbers to stand below an equation, and what its difference quotient says.

    Args:
        derivation: a derivation with a batch.
        step: one of its equations.
    """
    name = step.name if step.inside.target is None else step.name + NEW
    shape = step.equation.quantity.shape
    examples = len(shape) > 2 and per_example(shape[0])
    lines = abbreviated(derivation.values[name], examples=examples)
    finding = derivation.findings.get(step.name) if step.phase == "backward" else None
    return lines, "" if finding is None else sentence(finding.text)


def sentence(text: str) -> str:
    """Return a text as a sentence of its own."""
    return text[:1].upper() + text[1:] + "."


def agreement(derivation: Derivation) -> str:
    """Return the paragraph that says how derivatives and difference quotients agree."""
    return (
        f"The numbers are those of a batch of {_examples(derivation.evaluation.examples)}, in "
        "float64. Each derivative stands beside a difference quotient: how the cost really changes "
        f"when what the derivative is taken by moves a little. {summary(derivation.findings)}"
    )


def _examples(count: int) -> str:
    return "one example" if count == 1 else f"{count} examples"
