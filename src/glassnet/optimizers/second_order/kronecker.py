"""Kronecker factors of the Fisher matrix of layers that are a matrix product with their weights.

A layer ``Y = R̄ W̄``, R̄ (places, n + 1) being its inputs with the bias's 1, has the Fisher block
``Σ (ā āᵀ) ⊗ (g gᵀ)`` over the places, g being the derivative by a row of Y. Taking ā and g for
independent, it is a product of two small matrices ::

    F ≈ A ⊗ G        A = mean of ā āᵀ (n + 1, n + 1)        G = sum of g gᵀ (f, f)

of which the inverse is ``A⁻¹ ⊗ G⁻¹``: on a gradient V as a matrix (n + 1, f) ``A⁻¹ V G⁻¹``. A place
is an example of a dense layer, a place of an image of a convolution (derivatives at different
places then count as uncorrelated).

Sources: J. Martens, R. Grosse, "Optimizing neural networks with Kronecker-factored approximate
curvature", ICML 2015; R. Grosse, J. Martens, "A Kronecker-factored approximate Fisher matrix for
convolution layers", ICML 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add

import numpy as np

from glassnet.engines import Program
from glassnet.graph.derivative import gradients
from glassnet.graph.order import topological
from glassnet.graph.recording import recording
from glassnet.graph.tensor import Placeholder, Tensor
from glassnet.objective import Objective, Problem
from glassnet.ops.joining import concatenate
from glassnet.ops.linear import matmul
from glassnet.ops.reduction import number
from glassnet.ops.shaping import ones, reshape, transpose
from glassnet.optimizers.second_order.output_curvature import OutputCurvature, Root, draws

Vector = np.ndarray


@dataclass(frozen=True)
class Block:
    """A layer's weights: which leaves of the objective, and what they are multiplied with."""

    kernel: int
    bias: int | None
    rows: Tensor
    """R (places, n)."""
    output: Tensor
    """Y, with the bias."""

    @property
    def leaves(self) -> tuple[int, ...]:
        """The leaves in this block."""
        return (self.kernel,) if self.bias is None else (self.kernel, self.bias)


def blocks_of(objective: Objective) -> list[Block]:
    """Return the layers that use their weights once, in a matrix product or convolution."""
    users: dict[int, list[Tensor]] = {}
    for node in topological(objective.outputs):
        for source in node.inputs:
            users.setdefault(id(source), []).append(node)
    places = {id(p): i for i, p in enumerate(objective.points)}
    found = []
    for kernel, point in enumerate(objective.points):
        using = users.get(id(point), [])
        if len(using) != 1 or using[0].op is None or point.ndim < 2:
            continue
        (node,) = using
        place = next(i for i, source in enumerate(node.inputs) if source is point)
        with recording():
            rows = using[0].op.rows(place, *node.inputs)
        if rows is None:
            continue
        bias, output = _bias(node, users, places)
        found.append(Block(kernel, bias, rows, output))
    return found


def _bias(
    node: Tensor, users: dict[int, list[Tensor]], places: dict[int, int]
) -> tuple[int | None, Tensor]:
    """The leaf that is added to a product and used for nothing else; and the sum."""
    using = users.get(id(node), [])
    if len(using) == 1 and using[0].op is not None and using[0].op.additive:
        (total,) = using
        for other in total.inputs:
            fits = other.shape == node.shape[-1:] and total.shape == node.shape
            if id(other) in places and fits and len(users[id(other)]) == 1:
                return places[id(other)], total
    return None, node


class Statistics:
    """What Kronecker factors are made of: programs that give A, G and the diagonal for the rest."""

    def __init__(self, objective: Objective, largest: int) -> None:
        self.objective = objective
        self.blocks = [b for b in blocks_of(objective) if _fits(objective, b, largest)]
        taken = {leaf for block in self.blocks for leaf in block.leaves}
        self.others = [i for i in range(len(objective.points)) if i not in taken]
        self.outputs = OutputCurvature(objective)
        self._curvatures: dict[int, Program] = {}

    @cached_property
    def _forward(self) -> Program:
        """Loss, gradient, outputs, and A of each block."""
        o = self.objective
        with recording():
            inputs = [_input_factor(b) for b in self.blocks]
        return Program([*o.inputs, *o.points], [o.loss, *o.slopes, *o.outputs, *inputs])

    @cached_property
    def _backward(self) -> Program:
        """For seeds S u: G of each block, and Jᵀ S u for the other leaves."""
        o = self.objective
        seeds = [Placeholder(z.shape, z.dtype, name="u") for z in o.outputs]
        others = [o.points[i] for i in self.others]
        with recording():
            slopes = gradients(o.outputs, [*(b.output for b in self.blocks), *others], seeds)
            count = len(self.blocks)
            factors = [_output_factor(g) for g in slopes[:count]]
        return Program([*o.inputs, *o.points, *seeds], [*factors, *slopes[count:]])

    def look(
        self, problem: Problem, x: Vector
    ) -> tuple[float, Vector, list[np.ndarray], list[np.ndarray]]:
        """Return the loss, its gradient, the outputs, and A of each block, in one run."""
        problem.counts["gradient"] += 1
        found = self._forward.run(*problem.arrays, *problem.split(x), step=problem.step)
        slopes, z = 1 + len(self.objective.points), len(self.objective.outputs)
        factors = [np.asarray(a, np.float64) for a in found[slopes + z :]]
        gradient = problem.joined(found[1:slopes])
        return float(found[0]), gradient, found[slopes : slopes + z], factors

    def fisher(
        self,
        problem: Problem,
        x: Vector,
        z: list[np.ndarray],
        rng: np.random.Generator,
        samples: int | None,
    ) -> tuple[list[np.ndarray], list[np.ndarray], list[Root]]:
        """Return G of each block, the diagonal of the Fisher for the other leaves, and the roots.

        The squares of ``Jᵀ S u`` have the Fisher's diagonal as their mean, so these need no
        gradients of single examples.
        """
        roots = self.outputs.roots(problem, x, z)
        sums: list[np.ndarray] = []
        for weight, seeds in draws(roots, rng, samples):
            problem.counts["gradient"] += 1
            parts = self._backward.run(
                *problem.arrays, *problem.split(x), *seeds, step=problem.step
            )
            wide = [np.asarray(p, np.float64) for p in parts]
            count = len(self.blocks)
            terms = [weight * (p if i < count else p**2) for i, p in enumerate(wide)]
            sums = terms if not sums else [a + b for a, b in zip(sums, terms, strict=True)]
        return sums[: len(self.blocks)], sums[len(self.blocks) :], roots

    def curvatures(self, problem: Problem, x: Vector, directions: Sequence[Vector]) -> np.ndarray:
        """Return ``dᵢᵀ F dⱼ`` of all directions: ``(J dᵢ)ᵀ H (J dⱼ)``, which needs no way back."""
        count = len(directions)
        problem.counts["product"] += count
        if count not in self._curvatures:
            self._curvatures[count] = self._curvature_program(count)
        parts = [part for d in (x, *directions) for part in problem.split(d)]
        found = self._curvatures[count].run(*problem.arrays, *parts, step=problem.step)
        return np.asarray(found, np.float64).reshape(count, count)

    def _curvature_program(self, count: int) -> Program:
        o = self.objective
        directions = [o.directions() for _ in range(count)]
        entries: list[Tensor] = []
        with recording():
            pushed = [o.push(v) for v in directions]
            slopes = gradients([o.loss], o.outputs)
            bent = [gradients(slopes, o.outputs, p) for p in pushed]
            own = [] if o.penalty is None else gradients([o.penalty], o.points)
            curved = [gradients(own, o.points, v) if own else [] for v in directions]
            for p, v in zip(pushed, directions, strict=True):
                for b, c in zip(bent, curved, strict=True):
                    pairs = [*zip(p, b, strict=True), *zip(v, c, strict=bool(c))]
                    entries.append(reduce(add, [(first * then).sum() for first, then in pairs]))
        flat = [v for direction in directions for v in direction]
        return Program([*o.inputs, *o.points, *flat], entries)

    @cached_property
    def _penalty(self) -> Program | None:
        o = self.objective
        if o.penalty is None:
            return None
        with recording():
            along = [ones(p.shape, p.dtype) for p in o.points]
            curved = gradients(gradients([o.penalty], o.points), o.points, along)
        return Program([*o.inputs, *o.points], curved)

    def penalty(self, problem: Problem, x: Vector) -> list[np.ndarray]:
        """Return the second derivatives of the penalties, each entry's own; 0 where negative."""
        if self._penalty is None:
            return [np.zeros(shape) for shape in self.objective.shapes]
        found = self._penalty.run(*problem.arrays, *problem.split(x), step=problem.step)
        return [np.maximum(np.asarray(f, np.float64), 0) for f in found]


def _fits(objective: Objective, block: Block, largest: int) -> bool:
    shape = objective.shapes[block.kernel]
    return factored(shape, largest)


def factored(shape: Sequence[int], largest: int) -> bool:
    """Tell whether weights of this shape have factors of at most ``largest`` rows."""
    return len(shape) >= 2 and int(np.prod(shape[:-1])) <= largest and shape[-1] <= largest


def _input_factor(block: Block) -> Tensor:
    """The mean of ā āᵀ."""
    rows = block.rows
    if block.bias is not None:
        rows = concatenate([rows, ones((rows.shape[0], 1), rows.dtype)], axis=1)
    return matmul(transpose(rows), rows) / number(rows.shape[0], rows.dtype)


def _output_factor(g: Tensor) -> Tensor:
    """The sum of g gᵀ."""
    flat = reshape(g, (-1, g.shape[-1]))
    return matmul(transpose(flat), flat)


# --- the algebra ------------------------------------------------------------------------------
def joined(kernel: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """Return a layer's entries as the matrix (n + 1, f), the bias below."""
    matrix = kernel.reshape(-1, kernel.shape[-1])
    return matrix if bias is None else np.vstack([matrix, bias])


def damped_inverses(a: np.ndarray, g: np.ndarray, damping: float) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(A + π √λ I)⁻¹`` and ``(G + √λ/π I)⁻¹``, which stand for ``(A ⊗ G + λ I)⁻¹``.

    ``π = √(mean eigenvalue of A / mean eigenvalue of G)`` divides the damping so that both factors
    are changed by the same part (Martens and Grosse, section 6.3).
    """
    mean_a, mean_g = np.trace(a) / len(a), np.trace(g) / len(g)
    balance = np.sqrt(mean_a / mean_g) if mean_a > 0 and mean_g > 0 else 1.0
    root = np.sqrt(damping)
    return _inverse(a, balance * root), _inverse(g, root / balance)


def _inverse(matrix: np.ndarray, damping: float) -> np.ndarray:
    """Through Cholesky's factor L: with L⁻¹ it is L⁻ᵀ L⁻¹, symmetric to the last bit."""
    unit = np.eye(len(matrix))
    try:
        inverse = np.linalg.solve(np.linalg.cholesky(matrix + damping * unit), unit)
    except np.linalg.LinAlgError:  # rounding made an eigenvalue smaller than -damping
        values, axes = np.linalg.eigh(matrix)
        inverse = axes.T / np.sqrt(np.maximum(values, 0) + damping)[:, None]
    return inverse.T @ inverse
