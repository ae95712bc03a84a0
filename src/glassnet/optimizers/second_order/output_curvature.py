"""The curvature of the loss by the outputs, ``H = ∂²L/∂z²``, and a root of it, ``S Sᵀ = H``.

L is a sum over examples (or places of examples), so H consists of a k×k block for each row of z.
Where a row's loss is the negative logarithm of the probability that the network gives the target,
the block is the Fisher matrix of that distribution: ``diag(p) - p pᵀ`` for softmax, ``p (1 - p)``
for sigmoid, the inverse variance for squares. So ``g = Jᵀ S u`` with entries of u that are +1 or -1
at random has mean 0 and the covariance Jᵀ H J: that of gradients whose targets the network draws.

Source: N. Schraudolph, "Fast curvature matrix-vector products for second-order gradient descent",
Neural Computation 14, 2002; A. Botev, H. Ritter, D. Barber, "Practical Gauss-Newton optimisation
for deep learning", ICML 2017 (roots pulled back).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from glassnet.engines import Program
from glassnet.graph.derivative import gradients
from glassnet.graph.recording import recording
from glassnet.graph.substitution import substitute_tensors
from glassnet.graph.tensor import Placeholder
from glassnet.objective import Objective, Problem

LARGEST = 2**27
"""How many numbers the blocks may have: 1 GiB."""
SAME = 1e-4
"""Up to which part of the largest entry two products count as equal; they come in float32."""


class Root:
    """S for one output: a diagonal where H is one, else a matrix for each row."""

    def __init__(self, blocks: np.ndarray | None, diagonal: np.ndarray, convex: bool) -> None:
        self.blocks, self.diagonal, self.convex = blocks, diagonal, convex
        """Blocks are (k, k, rows); the diagonal has the shape of z."""

    @property
    def width(self) -> int:
        """k."""
        return self.diagonal.shape[-1] if self.diagonal.ndim > 1 else 1

    def times(self, u: np.ndarray) -> np.ndarray:
        """Return S u."""
        if self.blocks is None:
            return self.diagonal * u
        flat = u.reshape(-1, self.width)
        return np.einsum("jkr,rk->rj", self.blocks, flat).reshape(u.shape)


class OutputCurvature:
    """H of an objective, by products with it.

    Raises:
        ValueError: where the loss is no sum over the rows of its outputs, or rows are too wide.
    """

    def __init__(self, objective: Objective) -> None:
        outputs = objective.outputs
        z = [Placeholder(o.shape, o.dtype, name="z") for o in outputs]
        v = [Placeholder(o.shape, o.dtype, name="v") for o in outputs]
        with recording():
            (tail,) = substitute_tensors([objective.loss], dict(zip(outputs, z, strict=True)))
            products = gradients(gradients([tail], z), z, v)
        self.program = Program([*objective.inputs, *objective.points, *z, *v], products)

    def roots(self, problem: Problem, x: np.ndarray, z: list[np.ndarray]) -> list[Root]:
        """Return S for each output, at the outputs ``z`` of the weights ``x``."""
        known = [*problem.arrays, *problem.split(x), *z]

        def times(place: int, v: np.ndarray) -> np.ndarray:
            directions = [v if i == place else np.zeros_like(o) for i, o in enumerate(z)]
            found = self.program.run(*known, *directions, step=problem.step)[place]
            return np.asarray(found, np.float64)

        return [_root(partial(times, i), o) for i, o in enumerate(z)]


def _root(times: Callable[[np.ndarray], np.ndarray], z: np.ndarray) -> Root:
    # Not signs: rows of equal ones are common where there are few, and say nothing.
    trial = np.random.default_rng(0).normal(size=z.shape)
    moved, diagonal = times(trial), times(np.ones(z.shape))
    room = SAME * float(np.abs(moved).max(initial=0.0))
    if np.all(np.abs(moved - trial * diagonal) <= room):
        return Root(None, np.sqrt(np.maximum(diagonal, 0)), bool(np.all(diagonal >= -room)))
    k = z.shape[-1]
    if z.size * k > LARGEST:
        raise ValueError(
            f"NaturalGradient: the loss joins {k} outputs of a row, and the curvature of "
            f"{z.size // k} such rows has {z.size * k:,} numbers. Use smaller batches, or LBFGS."
        )
    blocks = np.stack([times(_unit(z.shape, j)).reshape(-1, k).T for j in range(k)], axis=1)
    joined = np.einsum("jkr,rk->rj", blocks, trial.reshape(-1, k)).reshape(z.shape)
    if np.any(np.abs(joined - moved) > room):
        raise ValueError(
            "NaturalGradient: the loss joins several examples, or classes along another axis than "
            "the last, so it is no sum over the rows of the outputs. Use GaussNewton or LBFGS."
        )
    root, convex = _semidefinite_root(blocks, room)
    return Root(root, diagonal, convex)


def _unit(shape: tuple[int, ...], j: int) -> np.ndarray:
    found = np.zeros(shape)
    found[..., j] = 1
    return found


def _semidefinite_root(blocks: np.ndarray, room: float) -> tuple[np.ndarray, bool]:
    """Return Cholesky's factor of every block, with a column of 0 where nothing is left to take."""
    rest, root = blocks.copy(), np.zeros_like(blocks)
    least = 0.0
    for j in range(len(blocks)):
        left = rest[j, j]
        least = min(least, float(left.min(initial=0.0)))
        some = left > np.finfo(np.float32).eps * len(blocks) * blocks[j, j]
        root[:, j] = np.where(some, rest[:, j] / np.sqrt(np.where(some, left, 1)), 0)
        rest -= root[:, None, j] * root[None, :, j]
    return root, least >= -room


def random_signs(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return +1 and -1, each as likely."""
    return rng.integers(0, 2, shape).astype(np.float64) * 2 - 1


def draws(
    roots: list[Root], rng: np.random.Generator, samples: int | None
) -> Iterator[tuple[float, list[np.ndarray]]]:
    """Yield weights w and seeds ``S u`` with ``Σ w (S u)(S u)ᵀ ≈ H`` within every row.

    Args:
        roots: of each output.
        rng: where the signs come from.
        samples: the number of draws; None takes the columns of S, which is exact. Even then each
            row has a sign of its own, so that rows are uncorrelated.
    """
    if samples is not None:
        for _ in range(samples):
            yield 1 / samples, [r.times(random_signs(rng, r.diagonal.shape)) for r in roots]
        return
    for place, root in enumerate(roots):
        shape = root.diagonal.shape
        rows = random_signs(rng, (*shape[:-1], 1) if len(shape) > 1 else shape)
        for j in range(root.width):
            unit = _unit(shape, j) if len(shape) > 1 else np.ones(shape)
            zeros = [np.zeros(r.diagonal.shape) for r in roots]
            zeros[place] = root.times(rows * unit)
            yield 1.0, zeros
