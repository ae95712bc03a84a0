"""The trace of a matrix of which only products with vectors are known.

Source: M. F. Hutchinson, "A stochastic estimator of the trace of the influence matrix for Laplacian
smoothing splines", Communications in Statistics 19 (1990).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Vector = np.ndarray
Product = Callable[[Vector], Vector]


def signs(size: int, rng: np.random.Generator) -> Vector:
    """Return a random vector of 1 and -1: of all directions it spreads a trace the least."""
    return np.asarray(rng.integers(0, 2, size) * 2.0 - 1.0)


@dataclass(frozen=True)
class Trace:
    """An estimate of a trace.

    Args:
        products: z ⊙ (A z) for each probe, a row each: the sum of a row is a sample of the trace,
            the sum over some columns one of the trace of that diagonal block.
    """

    products: np.ndarray

    @property
    def samples(self) -> np.ndarray:
        """zᵀ A z for each probe."""
        return np.asarray(self.products.sum(axis=1))

    @property
    def value(self) -> float:
        """The mean of the samples: the estimate."""
        return float(self.samples.mean())

    @property
    def error(self) -> float:
        """The standard error of the estimate, ``s / √k`` for k probes; infinite for one."""
        count = len(self.products)
        return float(self.samples.std(ddof=1) / np.sqrt(count)) if count > 1 else np.inf

    def block(self, place: slice) -> Trace:
        """Return the trace of a diagonal block."""
        return Trace(self.products[:, place])


def hutchinson(product: Product, size: int, probes: int, rng: np.random.Generator) -> Trace:
    """Return an estimate of tr(A): ``tr A = E[zᵀ A z]`` for random signs z.

    Its variance is ``2 Σ_{i≠j} A_ij²``, so a diagonal matrix needs one probe.

    Args:
        product: v ↦ A v, for a symmetric A.
        size: the length of v.
        probes: how many z are drawn; the standard error falls with the root of it.
        rng: what draws them.

    Memory: a vector a probe. Time: a product a probe.

    >>> import numpy as np
    >>> trace = hutchinson(lambda v: 2 * v, 5, 3, np.random.default_rng(0))
    >>> trace.value, trace.error
    (10.0, 0.0)
    """
    drawn = [signs(size, rng) for _ in range(probes)]
    return Trace(np.stack([z * product(z) for z in drawn]))


def asymmetry(product: Product, size: int, rng: np.random.Generator) -> float:
    """Return about how large the part of A is that is not symmetric: what rounding has left.

    For an E of independent entries and random signs u, v: ``‖E‖₂ ≈ 2 |uᵀ E v| / √n``.
    """
    u, v = signs(size, rng), signs(size, rng)
    return float(2 * abs(u @ product(v) - v @ product(u)) / np.sqrt(size))
