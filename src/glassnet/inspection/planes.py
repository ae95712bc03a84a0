"""A plane through paths in a space of many dimensions, and the heights over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Vector = np.ndarray


@dataclass(frozen=True)
class Plane:
    """``{c + a u + b v}``, with u and v of length 1 and at right angles.

    Args:
        centre: c.
        directions: u and v, (2, n).
        share: the part of the paths' variance that lies in the plane.
        shares: the part along each direction; empty where nobody asked.
    """

    centre: Vector
    directions: np.ndarray
    share: float
    shares: tuple[float, ...] = ()

    def coordinates(self, points: np.ndarray) -> np.ndarray:
        """Return (a, b) of the feet of points (k, n) on the plane, (k, 2)."""
        return np.asarray((points - self.centre) @ self.directions.T)

    def point(self, a: float, b: float) -> Vector:
        """Return c + a u + b v."""
        return np.asarray(self.centre + np.array([a, b]) @ self.directions)

    def heights(self, f: Callable[[Vector], float], a: Vector, b: Vector) -> np.ndarray:
        """Return f over a grid, (len(b), len(a)): row i is b[i]."""
        return np.array([[f(self.point(i, j)) for i in a] for j in b])


def plane_through(paths: Sequence[np.ndarray], centre: Vector | None = None) -> Plane:
    """Return the plane nearest to all points of the paths; the plane itself for two dimensions.

    The directions are the first two right singular vectors of the joined paths less their mean,
    which are their principal components: of all planes, this one has the least sum of squared
    distances. With ``centre`` the plane is moved, without turning, so that it goes through it.

    Source: H. Li et al., "Visualizing the loss landscape of neural nets", NeurIPS 2018, section 7,
    where the plane goes through the last point.
    """
    joined = np.concatenate([np.asarray(p, np.float64) for p in paths])
    size = joined.shape[1]
    if size == 2:
        return Plane(np.zeros(2), np.eye(2), 1.0)
    mean = joined.mean(axis=0)
    spread = joined - mean
    rows = spread if len(spread) > 1 else np.vstack([spread, spread])
    _, lengths, directions = np.linalg.svd(rows, full_matrices=False)
    # A singular vector has no sign of its own; this one makes the paths go to the right and up.
    ends = sum((np.asarray(p[-1], np.float64) - p[0] for p in paths), np.zeros(size))
    signs = np.where(directions[:2] @ ends < 0, -1.0, 1.0)
    total = float((lengths**2).sum())
    shares = tuple(float(v) / total for v in lengths[:2] ** 2) if total else (1.0, 0.0)
    middle = mean if centre is None else np.asarray(centre, np.float64)
    return Plane(middle, directions[:2] * signs[:, None], min(1.0, sum(shares)), shares)
