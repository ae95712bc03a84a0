"""A scalar function of one vector: its value, gradient and curvature, on arrays.

What second-order methods ask of a network and of a plain function is the same: f(x), ∇f(x),
∇²f(x) v, and for a loss of outputs z(x) the Gauss-Newton product Jᵀ (∂²L/∂z²) J v, which never goes
below 0 where L is convex in z. Each is a graph, recorded when first asked for.

Source: B. Pearlmutter, "Fast exact multiplication by the Hessian", Neural Computation 6, 1994;
N. Schraudolph, "Fast curvature matrix-vector products for second-order gradient descent", Neural
Computation 14, 2002.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from glassnet.engines import Program
from glassnet.graph.derivative import gradients
from glassnet.graph.dimension import display
from glassnet.graph.recording import as_tensor, recording
from glassnet.graph.substitution import substitute_tensors
from glassnet.graph.tensor import Placeholder, Tensor

Vector = np.ndarray


class Objective:
    """A recorded scalar as a function of some of its leaves.

    Args:
        loss: the scalar.
        leaves: what it is a function of: variables or placeholders.
        inputs: the other placeholders it depends on, in the order in which `at` takes arrays.
        outputs: tensors between leaves and loss of which the loss is a convex function, for
            Gauss-Newton products; none where there are none.
        penalty: the part of the loss that depends on the leaves directly, whose own Hessian
            belongs to the Gauss-Newton matrix.

    >>> import numpy as np
    >>> objective = Objective.of(lambda x: (x[0] - 1) ** 2 + 3 * x[1] ** 2, np.zeros(2))
    >>> problem = objective.at()
    >>> problem.gradient(np.array([0.0, 1.0])).tolist(), problem.hessian(np.zeros(2)).tolist()
    ([-2.0, 6.0], [[2.0, 0.0], [0.0, 6.0]])
    """

    def __init__(
        self,
        loss: Tensor,
        leaves: Sequence[Tensor],
        inputs: Sequence[Placeholder] = (),
        outputs: Sequence[Tensor] = (),
        penalty: Tensor | None = None,
    ) -> None:
        if loss.shape != ():
            raise ValueError(
                f"The function gives shape {display(loss.shape)}; a single number is needed. "
                "Bring it together with np.sum or np.mean."
            )
        self.inputs = list(inputs)
        self.shapes = [tuple(int(s) for s in leaf.shape) for leaf in leaves]
        self.points = [
            Placeholder(leaf.shape, leaf.dtype, name=f"x{i}") for i, leaf in enumerate(leaves)
        ]
        known = [loss, *outputs, *([] if penalty is None else [penalty])]
        with recording():
            replaced = substitute_tensors(known, dict(zip(leaves, self.points, strict=True)))
        self.loss, self.outputs = replaced[0], replaced[1 : 1 + len(outputs)]
        self.penalty = None if penalty is None else replaced[-1]

    @classmethod
    def of(cls, f: Callable[..., Any], x: Any, args: Sequence[Any] = ()) -> Objective:
        """Return the objective of a plain function ``f(x, *args)`` of one array.

        A function that gives a vector r(x) stands for the least squares ½ ‖r‖², and its
        Gauss-Newton product is Jᵀ J v.
        """
        start = np.asarray(x, dtype=np.result_type(np.asarray(x).dtype, np.float64))
        point = Placeholder(start.shape, start.dtype, name="x")
        with recording():
            value = as_tensor(f(point, *args))
            if value.shape == ():
                return cls(value.astype(start.dtype), [point])
            residuals = value.astype(start.dtype)
            return cls((residuals * residuals).sum() * 0.5, [point], outputs=[residuals])

    @property
    def size(self) -> int:
        """The number of entries of the vector."""
        return int(sum(np.prod(s, dtype=int) for s in self.shapes))

    def at(self, *arrays: Any, step: int = 0) -> Problem:
        """Return the function for these inputs; ``step`` fixes what is drawn at random."""
        return Problem(self, arrays, step)

    # --- the graphs ---------------------------------------------------------------------------
    @cached_property
    def value_program(self) -> Program:
        """f(x)."""
        return Program([*self.inputs, *self.points], [self.loss])

    @cached_property
    def slopes(self) -> list[Tensor]:
        """∂f/∂x, in parts."""
        return gradients([self.loss], self.points)

    @cached_property
    def gradient_program(self) -> Program:
        """f(x) and ∂f/∂x."""
        return Program([*self.inputs, *self.points], [self.loss, *self.slopes])

    def directions(self) -> list[Placeholder]:
        """Return placeholders for a direction in x."""
        return [Placeholder(p.shape, p.dtype, name=f"v{i}") for i, p in enumerate(self.points)]

    @cached_property
    def product_program(self) -> Program:
        """∇²f(x) v: the gradient of ⟨∇f(x), v⟩."""
        v = self.directions()
        curved = self._curved(self.slopes, v)
        return Program([*self.inputs, *self.points, *v], curved)

    def _curved(self, slopes: Sequence[Tensor], v: Sequence[Tensor]) -> list[Tensor]:
        """The derivative of ⟨slopes, v⟩ by x."""
        return gradients(slopes, self.points, list(v))

    @cached_property
    def output_program(self) -> Program:
        """z(x)."""
        return Program([*self.inputs, *self.points], self.outputs)

    @cached_property
    def gauss_newton_program(self) -> Program:
        """Jᵀ (∂²L/∂z²) J v, from right to left."""
        v, z = self.directions(), self.outputs
        pushed = self.push(v)
        slopes = gradients([self.loss], z)
        found = gradients(z, self.points, gradients(slopes, z, pushed))
        if self.penalty is not None:
            own = self._curved(gradients([self.penalty], self.points), v)
            found = [a + b for a, b in zip(found, own, strict=True)]
        return Program([*self.inputs, *self.points, *v], found)

    def push(self, v: Sequence[Tensor]) -> list[Tensor]:
        """Return J v for z, as graph: Jᵀ u is linear in u, so its derivative by u, at v, is J v."""
        seeds = [Placeholder(z.shape, z.dtype, name="u") for z in self.outputs]
        pulled = gradients(self.outputs, self.points, seeds)
        return gradients(pulled, seeds, list(v))

    @cached_property
    def pull_program(self) -> Program:
        """Jᵀ u."""
        seeds = [Placeholder(z.shape, z.dtype, name="u") for z in self.outputs]
        pulled = gradients(self.outputs, self.points, seeds)
        return Program([*self.inputs, *self.points, *seeds], pulled)


class Problem:
    """An objective on given inputs: a function of one vector x, in float64 outside.

    ``counts`` tells how often value, gradient and products were computed.
    """

    def __init__(self, objective: Objective, arrays: Sequence[Any], step: int = 0) -> None:
        self.objective, self.arrays, self.step = objective, list(arrays), step
        self.counts: Counter[str] = Counter()
        sizes = [int(np.prod(s, dtype=int)) for s in objective.shapes]
        self._ends = np.cumsum(sizes)[:-1]

    @property
    def size(self) -> int:
        """The number of entries of x."""
        return self.objective.size

    def split(self, x: Vector) -> list[np.ndarray]:
        """Return a vector as arrays in the shapes of the leaves."""
        parts = np.split(np.asarray(x), self._ends)
        return [p.reshape(s) for p, s in zip(parts, self.objective.shapes, strict=True)]

    @staticmethod
    def joined(arrays: Sequence[Any]) -> Vector:
        """Return arrays as one vector."""
        return np.concatenate([np.asarray(a, np.float64).ravel() for a in arrays])

    def _run(self, program: Program, *vectors: Vector) -> list[np.ndarray]:
        parts = [part for v in vectors for part in self.split(v)]
        return program.run(*self.arrays, *parts, step=self.step)

    def value(self, x: Vector) -> float:
        """Return f(x)."""
        self.counts["value"] += 1
        return float(self._run(self.objective.value_program, x)[0])

    def value_and_gradient(self, x: Vector) -> tuple[float, Vector]:
        """Return f(x) and ∇f(x)."""
        self.counts["gradient"] += 1
        value, *slopes = self._run(self.objective.gradient_program, x)
        return float(value), self.joined(slopes)

    def gradient(self, x: Vector) -> Vector:
        """Return ∇f(x)."""
        return self.value_and_gradient(x)[1]

    def product(self, x: Vector, v: Vector) -> Vector:
        """Return ∇²f(x) v."""
        self.counts["product"] += 1
        return self.joined(self._run(self.objective.product_program, x, v))

    def hessian(self, x: Vector) -> np.ndarray:
        """Return ∇²f(x), a product a column, made symmetric."""
        columns = [self.product(x, unit) for unit in np.eye(self.size)]
        found = np.stack(columns, axis=1)
        return (found + found.T) / 2

    # --- Gauss-Newton -------------------------------------------------------------------------
    @property
    def has_outputs(self) -> bool:
        """Whether there are outputs of which the loss is a convex function."""
        return bool(self.objective.outputs)

    def gauss_newton_product(self, x: Vector, v: Vector) -> Vector:
        """Return Jᵀ (∂²L/∂z²) J v."""
        self.counts["product"] += 1
        return self.joined(self._run(self.objective.gauss_newton_program, x, v))

    def gauss_newton(self, x: Vector) -> np.ndarray:
        """Return Jᵀ (∂²L/∂z²) J, a product a column, made symmetric."""
        columns = [self.gauss_newton_product(x, unit) for unit in np.eye(self.size)]
        found = np.stack(columns, axis=1)
        return (found + found.T) / 2

    def outputs(self, x: Vector) -> list[np.ndarray]:
        """Return z(x)."""
        return self._run(self.objective.output_program, x)

    def pull(self, x: Vector, u: Sequence[np.ndarray]) -> Vector:
        """Return Jᵀ u."""
        self.counts["gradient"] += 1
        parts = self.split(x)
        return self.joined(
            self.objective.pull_program.run(*self.arrays, *parts, *u, step=self.step)
        )
