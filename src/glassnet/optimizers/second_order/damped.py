"""The system ``(G + λ D) p = -g`` of damped Gauss-Newton steps, by a matrix or by products.

G is the Gauss-Newton matrix, g the gradient, D a diagonal. A matrix is decomposed once, and each
further λ costs no more than a product with it; with products alone each λ is solved anew.

Sources: J. Nocedal, S. Wright, "Numerical optimization", 2nd edition, 2006, algorithm 5.2 and
section 10.3; M. Hestenes, E. Stiefel, "Methods of conjugate gradients for solving linear systems",
1952.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from glassnet.objective import Problem

Vector = np.ndarray

MATRIX_LIMIT = 500
"""Up to how many weights ``solver="auto"`` makes the matrix."""


class System(Protocol):
    """What both ways of solving have in common."""

    eigenvalues: Vector | None
    """Those of G, sorted, where they are known."""
    negative: bool
    """Whether G was found to have a negative eigenvalue."""

    @property
    def largest(self) -> float:
        """About the largest eigenvalue of G in the scale of D: what a λ is compared with."""

    def solve(self, gradient: Vector, damping: float) -> tuple[Vector, float]:
        """Return p and pᵀ G p."""

    def length(self, gradient: Vector) -> float:
        """Return the length of a gradient in the scale of D."""


class MatrixSystem:
    """``D^(-½) G D^(-½) = Q Λ Qᵀ``, so that ``p = -D^(-½) Q (Λ + λ)⁻¹ Qᵀ D^(-½) g``.

    Memory 3 n² numbers; n products make G, and about 10 n³ operations decompose it.

    Eigenvalues below the rounding of the largest count as 0, and with λ = 0 nothing moves along
    them: of all solutions it is the shortest. So do negative ones, of which G has none where the
    loss is convex in the outputs.
    """

    def __init__(self, matrix: np.ndarray, scale: Vector, precision: float) -> None:
        self.roots = np.sqrt(scale)
        values, self.vectors = np.linalg.eigh(matrix / np.outer(self.roots, self.roots))
        # Products in float32 leave eigenvalues of either sign at the rounding of the largest.
        noise = len(values) * precision * float(np.abs(values).max())
        self.negative = bool(values[0] < -100 * noise)
        self.eigenvalues = values if np.all(scale == 1) else None
        self.values = np.where(values > noise, values, 0)

    @property
    def largest(self) -> float:
        return float(self.values[-1])

    def solve(self, gradient: Vector, damping: float) -> tuple[Vector, float]:
        along = self.vectors.T @ (gradient / self.roots)
        damped = self.values + damping
        inverse = np.divide(1, damped, out=np.zeros_like(damped), where=damped > 0)
        taken = -along * inverse
        return (self.vectors @ taken) / self.roots, float(self.values @ taken**2)

    def length(self, gradient: Vector) -> float:
        return float(np.linalg.norm(gradient / self.roots))


class ProductSystem:
    """Conjugate gradients on ``v ↦ G v + λ v``: D is the identity.

    Memory 5 n numbers. Each step is one product, at most ``limit`` of them; it ends when the
    residual is ``tolerance`` times as long as the gradient.
    """

    eigenvalues: Vector | None = None

    def __init__(self, problem: Problem, x: Vector, tolerance: float, limit: int) -> None:
        self.problem, self.x = problem, x
        self.tolerance, self.limit = tolerance, limit
        self.negative = False
        self._largest: float | None = None

    @property
    def largest(self) -> float:
        """|vᵀ G v| for v after two steps of the power iteration from a fixed start."""
        if self._largest is None:
            v = np.random.default_rng(0).normal(size=len(self.x))
            found = 0.0
            for _ in range(3):
                v = v / np.linalg.norm(v)
                product = self.problem.gauss_newton_product(self.x, v)
                found = abs(float(v @ product))
                v = product if np.any(product) else v
            self._largest = found
        return self._largest

    def solve(self, gradient: Vector, damping: float) -> tuple[Vector, float]:
        p = np.zeros_like(gradient)
        residual = -gradient
        direction, square = residual, float(residual @ residual)
        enough = self.tolerance**2 * square
        for _ in range(self.limit):
            if square <= enough:
                break
            product = self.problem.gauss_newton_product(self.x, direction) + damping * direction
            curved = float(direction @ product)
            if curved <= 0:
                self.negative = True
                break
            along = square / curved
            p = p + along * direction
            residual = residual - along * product
            before, square = square, float(residual @ residual)
            direction = residual + square / before * direction
        if not np.any(p):
            return -gradient, 0.0
        # (G + λ) p = -g - residual, so no further product is needed.
        return p, float(-p @ (gradient + residual) - damping * (p @ p))

    def length(self, gradient: Vector) -> float:
        return float(np.linalg.norm(gradient))
