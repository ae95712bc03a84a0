"""Candidates without weights of their own: activations, arranging, merging; and PReLU."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from glassnet import layers
from glassnet.activations import ACTIVATIONS, gelu
from glassnet.explain.doctor.recognition.problem import Candidate, Placement, Problem
from glassnet.graph.tensor import Tensor


def activation(problem: Problem) -> Iterator[Candidate]:
    """Yield what works entry by entry, or row by row."""
    if problem.several or problem.x.shape != problem.y.shape or problem.weights:
        return
    yield Candidate(layers.Identity)
    if problem.x.dtype.kind != "f":
        return
    named = {"relu": layers.ReLU, "softmax": layers.Softmax}
    yield Candidate(layers.ReLU)
    for name in ACTIVATIONS.entries:
        if name in named:
            yield Candidate(named[name])
        elif name != "linear":
            yield Candidate(layers.Activation, {"activation": name})
    yield Candidate(layers.Activation, {"activation": gelu_by_tanh})
    for slope in slopes(problem.x, problem.y):
        yield Candidate(layers.LeakyReLU, {"negative_slope": slope})
    for axis in range(1, problem.x.ndim - 1):
        yield Candidate(layers.Softmax, {"axis": axis})
    yield from _elu(problem)
    yield from _rescaling(problem)


def gelu_by_tanh(x: Any) -> Tensor:
    """GELU, approximated: ``x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))``."""
    return gelu(x, approximate=True)


def slopes(x: Any, y: Any) -> list[float]:
    """Return the slope below 0 of what is the identity above 0, if it is one."""
    below, above = x < 0, x > 0
    if not below.any() or not above.any() or not np.allclose(y[above], x[above], rtol=1e-6):
        return []
    found = y[below] / x[below]
    slope = float(np.median(found))
    known = np.allclose(found, slope, rtol=1e-6, atol=1e-9) and abs(slope - 1) > 1e-6
    return [float(f"{slope:.9g}")] if known and slope else []


def _elu(problem: Problem) -> Iterator[Candidate]:
    below = problem.x < -1e-3
    if below.any():
        alpha = float(np.median(problem.y[below] / np.expm1(problem.x[below])))
        if np.isfinite(alpha) and alpha > 0:
            yield Candidate(layers.ELU, {"alpha": float(f"{alpha:.9g}")})


def _rescaling(problem: Problem) -> Iterator[Candidate]:
    x, y = problem.x.ravel(), problem.y.ravel()
    if len(x) < 3 or not np.isfinite(y).all():
        return
    columns = np.stack([x, np.ones_like(x)], axis=1)
    (scale, offset), *_ = np.linalg.lstsq(columns, y, rcond=None)
    if abs(offset) < 1e-9 * max(1.0, abs(scale)):
        offset = 0.0
    told = {"scale": float(f"{scale:.12g}"), "offset": float(f"{offset:.12g}")}
    yield Candidate(layers.Rescaling, told)


def prelu(problem: Problem) -> Iterator[Candidate]:
    """Yield leaky rectifiers whose slope is a weight."""
    x = problem.x
    if problem.several or x.shape != problem.y.shape or len(problem.weights) != 1 or x.ndim < 2:
        return
    size = np.size(problem.weights[0])
    for shared in ([], list(range(1, x.ndim - 1)), list(range(1, x.ndim))):
        sizes = tuple(1 if i in shared else n for i, n in enumerate(x.shape) if i)
        if int(np.prod(sizes)) == size:
            told = {"shared_axes": shared} if shared else {}
            take = Placement("alpha", 0, lambda a, sizes=sizes: a.reshape(sizes))  # type: ignore[misc]
            yield Candidate(layers.PReLU, told, (take,))
            return


def arranging(problem: Problem) -> Iterator[Candidate]:
    """Yield what moves entries and computes nothing: reshaping, padding, cropping, repeating."""
    if problem.several or problem.weights:
        return
    x, y = problem.x, problem.y
    if x.size == y.size:
        yield Candidate(layers.Flatten)
        if y.ndim > 1:
            yield Candidate(layers.Reshape, {"target_shape": y.shape[1:]})
        if x.ndim == y.ndim > 2:
            for dims in itertools.permutations(range(1, x.ndim)):
                yield Candidate(layers.Permute, {"dims": dims})
    if x.ndim == 2 and y.ndim == 3:
        yield Candidate(layers.RepeatVector, {"n": y.shape[1]})
    if x.ndim in (3, 4) and x.dtype.kind == "f":
        yield from _spatial(problem)


def _spatial(problem: Problem) -> Iterator[Candidate]:
    x, y = problem.x, problem.y
    rank = x.ndim - 2

    def of(name: str) -> Any:
        return getattr(layers, f"{name}{rank}D")

    if y.ndim != x.ndim or x.shape[-1] != y.shape[-1]:
        return
    given, wanted = x.shape[1:-1], y.shape[1:-1]
    change = [w - n for n, w in zip(given, wanted, strict=True)]
    if all(c >= 0 for c in change) and any(change):
        for split in itertools.product(*(range(c + 1) for c in change)):
            pads = tuple((s, c - s) for s, c in zip(split, change, strict=True))
            yield Candidate(of("ZeroPadding"), {"padding": pads if rank > 1 else pads[0]})
    if all(c <= 0 for c in change) and any(change):
        for split in itertools.product(*(range(-c + 1) for c in change)):
            cuts = tuple((s, -c - s) for s, c in zip(split, change, strict=True))
            yield Candidate(of("Cropping"), {"cropping": cuts if rank > 1 else cuts[0]})
    if any(change) and all(w % n == 0 for n, w in zip(given, wanted, strict=True)):
        sizes = tuple(w // n for n, w in zip(given, wanted, strict=True))
        yield Candidate(of("UpSampling"), {"size": sizes if rank > 1 else sizes[0]})
        if rank == 2:
            for way in ("bilinear", "bicubic"):
                yield Candidate(of("UpSampling"), {"size": sizes, "interpolation": way})


def merging(problem: Problem) -> Iterator[Candidate]:
    """Yield what makes one array of several."""
    if not problem.several or problem.weights:
        return
    for cls in (layers.Add, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum):
        yield Candidate(cls)
    for axis in range(1, problem.y.ndim):
        yield Candidate(layers.Concatenate, {} if axis == problem.y.ndim - 1 else {"axis": axis})
    if len(problem.x) == 2:
        yield Candidate(layers.Subtract)
        if problem.x[0].ndim == 2:
            yield Candidate(layers.Dot, {"axes": 1})
