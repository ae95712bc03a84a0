"""Eigenvalues of a symmetric matrix of which only products with vectors are known.

Source: C. Lanczos, "An iteration method for the solution of the eigenvalue problem of linear
differential and integral operators", Journal of Research of the National Bureau of Standards 45
(1950); B. Parlett, "The Symmetric Eigenvalue Problem", SIAM 1998, ch. 13.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Vector = np.ndarray
Product = Callable[[Vector], Vector]

_EPSILON = float(np.finfo(np.float64).eps)
_LOOKED_AT_EVERY = 4
"""After how many steps the ends are looked at: it takes the eigenvalues of a small matrix."""


@dataclass(frozen=True)
class Ritz:
    """What Lanczos found: eigenvalues and eigenvectors of A on the space it has seen.

    Args:
        values: the Ritz values, in ascending order.
        weights: the squares of the start vector's components along the Ritz vectors; they sum to
            1. Value and weight are the nodes and weights of Gauss's quadrature for vᵀ g(A) v.
        residuals: ‖A y - θ y‖ of each pair; within that distance of θ there is an eigenvalue.
        basis: the orthonormal vectors that were made, a row each.
        rotation: the eigenvectors of the tridiagonal matrix, a column each.
    """

    values: np.ndarray
    weights: np.ndarray
    residuals: np.ndarray
    basis: np.ndarray
    rotation: np.ndarray

    @property
    def steps(self) -> int:
        """The number of products that were taken."""
        return len(self.values)

    def vector(self, index: int) -> Vector:
        """Return a Ritz vector, of length 1."""
        found = self.rotation[:, index] @ self.basis
        return np.asarray(found / np.linalg.norm(found))


def lanczos(
    product: Product,
    start: Vector,
    steps: int,
    *,
    tolerance: float | None = None,
    rng: np.random.Generator | None = None,
) -> Ritz:
    """Return the Ritz pairs of A from the space of v, A v, …, Aᵏ⁻¹ v: ``Vᵀ A V = T``.

    The ends of the spectrum come first, and fast: the error of an end is about the square of its
    residual. Every new vector is made orthogonal to all before it, twice, since in floating point
    the three-term recurrence alone lets found directions in again, as eigenvalues that are not
    there.

    Args:
        product: v ↦ A v, for a symmetric A.
        start: v, not 0.
        steps: k at most; no more than the length of v.
        tolerance: where given, it ends when both ends of the spectrum have residuals of at most
            this times the largest absolute value.
        rng: where given, a space that is exhausted is left by a random vector; so eigenvalues
            that occur several times are found as often, and as many steps as the length of v find
            them all. Without it the run ends there: the quadrature is then exact.

    Memory: k vectors of the length of v. Time: k products and 4 k² n multiplications.

    >>> import numpy as np
    >>> A = np.diag([1.0, 2.0, 5.0])
    >>> lanczos(lambda v: A @ v, np.ones(3), 3).values.round(12).tolist()
    [1.0, 2.0, 5.0]
    """
    length = float(np.linalg.norm(start))
    if not length > 0:
        raise ValueError("lanczos: the start vector is 0 or not finite; take a random one.")
    steps = min(steps, start.size)
    basis = np.empty((steps, start.size))
    basis[0] = start / length
    diagonal, beside = np.zeros(steps), np.zeros(steps)
    for k in range(steps):
        w = product(basis[k])
        diagonal[k] = basis[k] @ w
        w = _orthogonal(w, basis[: k + 1])
        beside[k] = np.linalg.norm(w)
        scale = max(np.abs(diagonal[: k + 1]).max(), beside[: k + 1].max())
        exhausted = beside[k] <= 10 * _EPSILON * scale
        if exhausted:
            beside[k] = 0.0
        found = k + 1
        if found == steps or (exhausted and rng is None):
            break
        if tolerance is not None and found % _LOOKED_AT_EVERY == 0:
            ritz = _ritz(diagonal[:found], beside[:found], basis[:found])
            ends = max(ritz.residuals[0], ritz.residuals[-1])
            if ends <= tolerance * np.abs(ritz.values[[0, -1]]).max():
                return ritz
        if exhausted and rng is not None:
            w = _orthogonal(rng.standard_normal(start.size), basis[:found])
        basis[found] = w / np.linalg.norm(w)
    return _ritz(diagonal[:found], beside[:found], basis[:found])


def _orthogonal(w: Vector, basis: np.ndarray) -> Vector:
    """The part of w that is orthogonal to the rows; the second time takes what rounding left."""
    for _ in range(2):
        w = w - (basis @ w) @ basis
    return w


def _ritz(diagonal: np.ndarray, beside: np.ndarray, basis: np.ndarray) -> Ritz:
    tridiagonal = np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1)
    values, rotation = np.linalg.eigh(tridiagonal)
    residuals = np.abs(beside[-1] * rotation[-1])
    return Ritz(values, rotation[0] ** 2, residuals, basis, rotation)
