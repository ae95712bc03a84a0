"""The spectrum of a Hessian or of a block of it, and what it tells of the shape at a point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Spectrum:
    """The eigenvalues of a symmetric matrix, or what is known of them.

    Args:
        size: how many there are.
        least: the smallest, λmin.
        greatest: the largest, λmax.
        tolerance: up to this absolute value an eigenvalue counts as 0.
        trace: their sum.
        trace_error: the standard error of the sum; 0 where all are known.
        eigenvalues: all of them in ascending order; None where only the ends are known.
    """

    size: int
    least: float
    greatest: float
    tolerance: float
    trace: float
    trace_error: float = 0.0
    eigenvalues: np.ndarray | None = None

    @classmethod
    def of(cls, matrix: np.ndarray, relative: float, least: float = 0.0) -> Spectrum:
        """Return the spectrum of a matrix that is symmetric up to rounding.

        Args:
            matrix: the matrix; its part that is not symmetric tells how large rounding is.
            relative: what part of the largest absolute eigenvalue counts as 0.
            least: the tolerance at least.
        """
        values = np.linalg.eigvalsh((matrix + matrix.T) / 2)
        rounding = float(np.linalg.norm(matrix - matrix.T)) / 2
        tolerance = max(relative * float(np.abs(values).max()), rounding, least)
        trace = float(np.trace(matrix))
        ends = float(values[0]), float(values[-1])
        return cls(len(values), *ends, tolerance, trace, eigenvalues=values)

    def with_tolerance(self, least: float) -> Spectrum:
        """Return the same spectrum with a tolerance of at least ``least``."""
        return replace(self, tolerance=max(self.tolerance, least))

    def with_trace(self, trace: float, error: float) -> Spectrum:
        """Return the same spectrum with an estimate of its trace."""
        return replace(self, trace=trace, trace_error=error)

    @property
    def largest(self) -> float:
        """The largest absolute value, the spectral norm of the matrix."""
        return max(abs(self.least), abs(self.greatest))

    # --- the shape ----------------------------------------------------------------------------
    @property
    def curves_up(self) -> bool:
        """Whether there is a direction along which the function curves up."""
        return self.greatest > self.tolerance

    @property
    def curves_down(self) -> bool:
        """Whether there is a direction along which the function curves down."""
        return self.least < -self.tolerance

    @property
    def kind(self) -> str:
        """``"convex"``, ``"concave"``, ``"saddle"`` or ``"flat"``.

        Convex is where no direction curves down and some curve up; others may be flat.
        """
        if self.curves_up and self.curves_down:
            return "saddle"
        if self.curves_up:
            return "convex"
        return "concave" if self.curves_down else "flat"

    @property
    def has_flat(self) -> bool | None:
        """Whether a direction is flat; None where that is not known."""
        if self.eigenvalues is not None:
            return bool(self.zero)
        return None if self.kind == "saddle" else not self._strict

    @property
    def _strict(self) -> bool:
        return self.least > self.tolerance or self.greatest < -self.tolerance

    @property
    def negative(self) -> int | None:
        """The number of negative eigenvalues; None where not all are known."""
        return self._count(lambda v: v < -self.tolerance)

    @property
    def zero(self) -> int | None:
        """The number of eigenvalues that count as 0; None where not all are known."""
        return self._count(lambda v: np.abs(v) <= self.tolerance)

    @property
    def positive(self) -> int | None:
        """The number of positive eigenvalues; None where not all are known."""
        return self._count(lambda v: v > self.tolerance)

    def _count(self, holds: Callable[[np.ndarray], np.ndarray]) -> int | None:
        if self.eigenvalues is None:
            return None
        return int(np.sum(holds(self.eigenvalues)))

    # --- what follows -------------------------------------------------------------------------
    @property
    def condition(self) -> float | None:
        """``max |λ| / min |λ|``: ∞ where a direction is flat; None where it is not known.

        For a convex function it is λmax / λmin: about as many steps as that does gradient descent
        take for the slowest direction.
        """
        if self.has_flat is None:
            return None
        if self.has_flat:
            return np.inf
        values = self.eigenvalues
        ends = np.array([self.least, self.greatest]) if values is None else values
        return float(self.largest / np.abs(ends).min())

    @property
    def stable_rate(self) -> float:
        """``2 / λmax``: gradient descent with a larger learning rate runs away along the sharpest
        direction. ∞ where nothing curves up."""
        return 2 / self.greatest if self.curves_up else np.inf
