r"""What each example contributes to the derivative by one weight, exactly.

The cost is reached through values that stand one (or a row) an example, F₁, F₂, …: the losses.
With cᵢ = ∂J/∂Fᵢ the chain rule gives ∂J/∂w = Σᵢ cᵢ · ∂Fᵢ/∂w, one summand an example. All ∂Fᵢ/∂w
come from one derivative: Σᵢ uᵢ ∂Fᵢ/∂w, which backpropagation computes, is linear in u, and its
derivative by u is what is looked for. Where examples meet before their losses (batch
normalisation), a summand holds what the weight does to this example's loss, through the others too.

Source: A. Griewank and A. Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008, chapter 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from glassnet.explain.abbreviation import number
from glassnet.explain.evaluation import Evaluation
from glassnet.explain.recorded import RecordedStep, parts_of_cost
from glassnet.formulas.shapes import per_example
from glassnet.graph.derivative import gradients
from glassnet.graph.dimension import Dim, divisible
from glassnet.graph.order import topological
from glassnet.graph.substitution import substitute_tensors
from glassnet.graph.tensor import Constant, Placeholder, Tensor
from glassnet.graph.variable import Variable
from glassnet.models.data import Batch


@dataclass(frozen=True)
class Contribution:
    """One example's summand of the derivative by one weight.

    Args:
        example: its number in the batch, counted from 0.
        value: what it contributes to the derivative.
        loss: the loss of the example.
        weight: what the weight is called.
    """

    example: int
    value: float
    loss: float
    weight: str

    @property
    def direction(self) -> str:
        """Where it pushes the weight, against the sign of the derivative: up, down or nowhere."""
        return direction(self.value)

    def __str__(self) -> str:
        loss = f"its loss is {number(self.loss)}"
        if self.value == 0:
            return f"example {self.example} does not push {self.weight}: {loss}"
        size = number(abs(self.value))
        return f"example {self.example} pushes {self.weight} {self.direction} by {size}: {loss}"


def direction(derivative: float) -> str:
    """Return where descent takes a weight: up, down or nowhere."""
    return "down" if derivative > 0 else "up" if derivative < 0 else "nowhere"


class Contributions(Sequence[Contribution]):
    """The summands of the derivative by one weight, one an example, in the order of the batch.

    Args:
        values: the summands.
        losses: the losses of the examples.
        weight: what the weight is called.
        regularisation: the summand that penalties on weights add.
        shared: what belongs to no single example; 0 for all losses that are means or sums.
        gradient: the derivative by the weight.

    ``values.sum() + regularisation + shared`` is the gradient.
    """

    def __init__(
        self,
        values: np.ndarray,
        losses: np.ndarray,
        weight: str,
        regularisation: float,
        shared: float,
        gradient: float,
    ) -> None:
        self.values, self.losses, self.weight = values, losses, weight
        self.regularisation, self.shared, self.gradient = regularisation, shared, gradient

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, place: int) -> Contribution:  # type: ignore[override]
        example = range(len(self))[place]
        return Contribution(
            example, float(self.values[example]), float(self.losses[example]), self.weight
        )

    def __iter__(self) -> Iterator[Contribution]:
        return (self[i] for i in range(len(self)))

    def strongest(self, count: int = 5) -> list[Contribution]:
        """Return the contributions that are largest, up or down, the largest first."""
        order = np.argsort(-np.abs(self.values), kind="stable")[:count]
        return [self[int(i)] for i in order]

    def told(self, count: int = 5) -> Iterator[tuple[str, float | None, float]]:
        """Yield what a table tells: who, the example's loss, the contribution."""
        strongest = self.strongest(count)
        for one in strongest:
            yield str(one.example), one.loss, one.value
        rest = len(self) - len(strongest)
        if rest:
            others = float(self.values.sum()) - sum(c.value for c in strongest)
            yield f"the other {rest}", None, others
        if self.regularisation:
            yield "regularisation", None, self.regularisation
        if self.shared:
            yield "shared by all", None, self.shared
        yield "together", None, self.gradient

    def __str__(self) -> str:
        strongest = self.strongest()
        more = list(self.told())[len(strongest) :]
        return "\n".join([*map(str, strongest), *(f"{who}: {number(v)}" for who, _, v in more)])

    def __repr__(self) -> str:
        return f"<Contributions of {len(self)} examples to the derivative by {self.weight}>"


def contributions_to(
    evaluation: Evaluation, variable: Variable, place: int, weight: str
) -> Contributions:
    """Return what each example contributes to the derivative by one entry of a variable.

    Args:
        evaluation: the batch.
        variable: a trained variable.
        place: the entry's place among all its entries, row by row.
        weight: what the entry is called.
    """
    step = evaluation.step
    alone, rest = parts_of_cost(step.cost, Batch(step.inputs, step.targets, None))
    (gradient,) = (g for v, g in zip(step.variables, step.gradients, strict=True) if v is variable)
    whole = float(evaluation[gradient].ravel()[place])
    penalty = _penalty(evaluation, alone, variable, place)
    values = np.zeros(evaluation.examples)
    losses = np.zeros(evaluation.examples)
    if rest is not None:
        frontier = per_example_values(rest)
        weights = _weights_of(evaluation, rest, frontier)
        changes = _changes(evaluation, frontier, variable, place)
        for factor, change in zip(weights, changes, strict=True):
            values += _by_example(factor * change, evaluation.examples)
        losses = _losses(evaluation, step, frontier, weights)
    shared = whole - float(values.sum()) - penalty
    size = float(np.abs(values).sum()) + abs(penalty) + abs(whole)
    shared = 0.0 if abs(shared) <= 1e-10 * size else shared
    return Contributions(values, losses, weight, penalty, shared, whole)


def per_example_values(rest: Tensor) -> list[Tensor]:
    """Return the last values before the cost that have an axis of examples."""
    found: list[Tensor] = []
    seen: set[int] = set()
    stack = [rest]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.shape and per_example(node.shape[0]) and divisible(node.shape[0], Dim.named("m")):
            found.append(node)
        else:
            stack.extend(node.inputs)
    return found


def _penalty(
    evaluation: Evaluation, alone: Sequence[Tensor], variable: Variable, place: int
) -> float:
    """What penalties on the weights add to the derivative."""
    if not any(n is variable for n in topological(alone)):
        return 0.0
    (slope,) = gradients(alone, [variable], [Constant(np.ones((), p.dtype)) for p in alone])
    return float(evaluation[slope].ravel()[place])


def _weights_of(
    evaluation: Evaluation, rest: Tensor, frontier: Sequence[Tensor]
) -> list[np.ndarray]:
    """∂J/∂F for each F of the frontier, the others held fixed."""
    leaves = [Placeholder(f.shape, f.dtype) for f in frontier]
    (cost,) = substitute_tensors([rest], dict(zip(frontier, leaves, strict=True)))
    slopes = gradients([cost], leaves)
    values: dict[Tensor, np.ndarray] = {}
    values.update((p, evaluation[f]) for p, f in zip(leaves, frontier, strict=True))
    given = evaluation.given(values)
    return [given[s] for s in slopes]


def _changes(
    evaluation: Evaluation, frontier: Sequence[Tensor], variable: Variable, place: int
) -> list[np.ndarray]:
    """∂F/∂w for each F of the frontier and one entry w of a variable."""
    seeds = [Placeholder(f.shape, f.dtype) for f in frontier]
    direction = Placeholder(variable.shape, variable.dtype)
    pulled = gradients(frontier, [variable], seeds)
    pushed = gradients(pulled, seeds, [direction])
    along = np.zeros(evaluation[variable].size)
    along[place] = 1.0
    leaves: dict[Tensor, np.ndarray] = {
        s: np.zeros_like(evaluation[f]) for s, f in zip(seeds, frontier, strict=True)
    }
    leaves[direction] = along.reshape(evaluation[variable].shape)
    given = evaluation.given(leaves)
    return [given[p] for p in pushed]


def _by_example(array: np.ndarray, examples: int) -> np.ndarray:
    """The sum over all that an example has."""
    return np.asarray(array.reshape(examples, -1).sum(axis=1))


def _losses(
    evaluation: Evaluation,
    step: RecordedStep,
    frontier: Sequence[Tensor],
    weights: Sequence[np.ndarray],
) -> np.ndarray:
    """The loss of each example: L where there is one, else m times its share of the cost."""
    examples = evaluation.examples
    named = [
        n for n in topological([step.cost])
        if n.symbol == "L" and n.shape and per_example(n.shape[0])
    ]  # fmt: skip
    if len(named) == 1:
        return np.asarray(evaluation[named[0]].reshape(examples, -1).mean(axis=1))
    shares = [
        _by_example(w * evaluation[f], examples) for f, w in zip(frontier, weights, strict=True)
    ]
    return np.asarray(examples * np.sum(shares, axis=0))
