"""How the eigenvalues of a matrix lie: all of them, or a quadrature that stands for them.

Source: B. Ghorbani, S. Krishnan, Y. Xiao, "An investigation into neural net optimization via
Hessian eigenvalue density", ICML 2019; G. Golub, J. Welsch, "Calculation of Gauss quadrature
rules", Mathematics of Computation 23 (1969).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.explain.curvature.hutchinson import signs
from glassnet.explain.curvature.lanczos import lanczos

WIDTH = 0.01
"""The width of a bump, as a part of the span of the spectrum."""


@dataclass(frozen=True)
class Density:
    """The density of eigenvalues: ``φ(t) = Σ_i w_i δ(t - θ_i)``, with ``Σ_i w_i = 1``.

    Args:
        nodes: the θ, in ascending order.
        weights: the w. Of the whole spectrum each is 1/n.
    """

    nodes: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, eigenvalues: np.ndarray) -> Density:
        """Return the density of a spectrum of which all is known."""
        nodes = np.sort(np.asarray(eigenvalues, np.float64))
        return cls(nodes, np.full(nodes.size, 1 / nodes.size))

    def moment(self, order: int) -> float:
        """Return ``∫ tᵏ φ(t) dt``; of a matrix A it is ``tr(Aᵏ) / n``."""
        return float(self.weights @ self.nodes**order)

    def share(self, low: float, high: float) -> float:
        """Return which part of the eigenvalues lies above ``low`` and at most at ``high``."""
        inside = (self.nodes > low) & (self.nodes <= high)
        return float(self.weights[inside].sum())

    def __call__(self, t: Any, width: float | None = None) -> np.ndarray:
        """Return the density at ``t``, every δ widened to the bell curve of this width.

        Args:
            t: a number or an array.
            width: the standard deviation of a bell; by default a hundredth of the span.
        """
        span = float(self.nodes[-1] - self.nodes[0]) or max(abs(float(self.nodes[0])), 1.0)
        sigma = WIDTH * span if width is None else width
        apart = (np.asarray(t, np.float64)[..., None] - self.nodes) / sigma
        return np.asarray(np.exp(-(apart**2) / 2) @ self.weights / (sigma * np.sqrt(2 * np.pi)))


def quadrature(
    product: Callable[[np.ndarray], np.ndarray],
    size: int,
    probes: int,
    steps: int,
    rng: np.random.Generator,
) -> Density:
    """Return the density by stochastic Lanczos quadrature.

    For random signs z, ``tr g(A) / n = E[zᵀ g(A) z] / n``, and k steps of Lanczos from z give the
    nodes and weights by which ``zᵀ g(A) z`` is exact for polynomials g up to degree 2k - 1. The
    mean over the probes is the density.

    Args:
        product: v ↦ A v, for a symmetric A.
        size: n, the length of v.
        probes: how many z are drawn.
        steps: k.
        rng: what draws them.

    Memory: k vectors. Time: k products a probe.

    >>> import numpy as np
    >>> A = np.diag([1.0, 1.0, 4.0])
    >>> density = quadrature(lambda v: A @ v, 3, 2, 3, np.random.default_rng(0))
    >>> round(density.moment(0), 12), round(density.moment(1), 12)
    (1.0, 2.0)
    """
    runs = [lanczos(product, signs(size, rng), steps) for _ in range(probes)]
    nodes = np.concatenate([run.values for run in runs])
    weights = np.concatenate([run.weights for run in runs]) / probes
    order = np.argsort(nodes)
    return Density(nodes[order], weights[order])
