"""Dropout, told from what comes out: where it is 0, and by how much the rest is scaled."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from glassnet import layers
from glassnet.explain.doctor.recognition.problem import Candidate, Problem

CERTAIN = 6.0
"""How many standard deviations a frequency may lie from what it should be."""


def dropping(problem: Problem) -> Iterator[Candidate]:
    """Yield the dropout whose mask and scale are seen in training; nothing where none is."""
    if not problem.chance or problem.again is None or problem.weights or problem.several:
        return
    x, y = problem.again
    if x.shape != y.shape or x.dtype.kind != "f" or (x == 0).any():
        return
    dropped = y == 0
    factors = y[~dropped] / x[~dropped]
    outside = problem.y / problem.x
    if not dropped.any() or not len(factors):
        yield from _noisy(x, y)
        return
    if not np.allclose(factors, factors[0], rtol=1e-5):
        return
    places = int(np.prod(x.shape[1:-1]))
    spatial = x.ndim in (3, 4) and places > 1 and _whole_channels(dropped)
    cls = getattr(layers, f"SpatialDropout{x.ndim - 2}D") if spatial else layers.Dropout
    share = float(dropped.mean())
    count = dropped.size if not spatial else dropped.shape[0] * dropped.shape[-1]
    doubt = CERTAIN * np.sqrt(share * (1 - share) / count) + 1e-9
    scale, calm = float(factors[0]), float(np.median(outside))
    keep = 1 / scale if scale else 0.0
    if abs((1 - keep) - share) <= doubt and np.allclose(outside, 1.0):
        yield Candidate(cls, {"rate": round(1 - keep, 9)})
        return
    near = round(20 * share) / 20
    rate = near if abs(near - share) <= doubt / 2 else round(share, 2)
    fault = _fault(scale, calm, share, doubt)
    yield Candidate(cls, {"rate": rate}, formula=lambda problem: problem.y, fault=fault)


def _noisy(x: np.ndarray, y: np.ndarray) -> Iterator[Candidate]:
    """Noise that is added or multiplied, and dropout that sets entries to another constant."""
    _, counts = np.unique(y, return_counts=True)
    if counts.max() > 0.02 * y.size and counts.max() > 3:
        rate = float(round(counts.max() / y.size, 2))
        yield Candidate(layers.AlphaDropout, {"rate": rate})
        return
    noise, factors = y - x, y / x
    if abs(noise.mean()) > CERTAIN * noise.std() / np.sqrt(noise.size):
        return
    if np.corrcoef(np.abs(noise).ravel(), np.abs(x).ravel())[0, 1] < 0.25:
        yield Candidate(layers.GaussianNoise, {"stddev": float(f"{noise.std():.1g}")})
    else:
        variance = float(factors.var())  # rate / (1 - rate)
        yield Candidate(layers.GaussianDropout, {"rate": round(variance / (1 + variance), 2)})


def _fault(scale: float, calm: float, share: float, doubt: float) -> str:
    """What is wrong with the scale, from that in training and that outside."""
    seen = f"{share:.0%} of the entries are dropped in training and the others are "
    if abs(scale - 1) < 1e-6 and abs(calm - (1 - share)) <= doubt:
        return (
            f"{seen}not scaled; in prediction all are multiplied by {calm:.3g}. That is dropout "
            "as it was first published; Keras divides by 1 - rate in training instead, so that "
            "prediction needs no change"
        )
    if abs(scale - 1) < 1e-6:
        return f"{seen}not divided by 1 - rate, so outputs are larger in prediction"
    if abs(scale - (1 - share)) <= doubt:
        return f"{seen}multiplied by 1 - rate where they should be divided by it"
    if abs(scale - 1 / share) <= doubt * scale * scale:
        return f"{seen}divided by rate where 1 - rate is meant: rate is the part that is dropped"
    if abs(calm - 1) > 1e-6:
        return (
            f"{seen}multiplied by {scale:.4g}; in prediction all are multiplied by {calm:.4g}, "
            "and nothing should happen there"
        )
    return f"{seen}multiplied by {scale:.4g}, where 1 / (1 - rate) is {1 / (1 - share):.4g}"


def _whole_channels(dropped: np.ndarray) -> bool:
    axes = tuple(range(1, dropped.ndim - 1))
    return bool((dropped.all(axis=axes) == dropped.any(axis=axes)).all())
