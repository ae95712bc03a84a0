"""Candidates that normalise: over the batch, over the features, over groups of channels."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from glassnet.explain.doctor.recognition.problem import Array, Candidate, Placement, Problem
from glassnet.layers import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    UnitNormalization,
)

EPSILONS = (1e-3, 1e-5, 1e-7, 1e-8, 1e-6, 1e-12, 1e-4, 1e-2, 0.0)
"""The small constants in use; Keras's comes first, then PyTorch's."""

_NAMES = {
    "gamma": r"gamma|scale|^g$|^gain|^a$|^w(eight)?$",
    "beta": r"beta|shift|bias|offset|^b$",
    "moving_mean": r"mean|mu",
    "moving_variance": r"var|sigma|std",
}
_FORWARD = "in prediction it still uses the batch's own mean and variance, not moving averages"


def batch_normalization(problem: Problem) -> Iterator[Candidate]:
    """Yield batch normalisations: with moving averages, and those that have none."""
    if _unfit(problem):
        return
    for names in (("gamma", "beta"), ("gamma",), ("beta",), ()):
        moving = ("moving_mean", "moving_variance")
        for wanted, modes in ((names + moving, (False, True)), (names, (True,))):
            for placed in _placed(problem, wanted):
                arguments = _parts(names)
                for epsilon in EPSILONS:
                    remark = _FORWARD if modes == (True,) else ""
                    told = arguments if epsilon == 1e-3 else {"epsilon": epsilon, **arguments}
                    yield Candidate(BatchNormalization, told, placed, modes=modes, remark=remark)
                axes = tuple(range(problem.x.ndim - 1))
                if modes == (True,):
                    yield from _faulty(BatchNormalization, arguments, placed, modes, axes)


def layer_normalization(problem: Problem) -> Iterator[Candidate]:
    """Yield normalisations of each example, or of each of its vectors, by itself."""
    if _unfit(problem):
        return
    for names in (("gamma", "beta"), ("gamma",), ("beta",), ()):
        for placed in _placed(problem, names):
            arguments = _parts(names)
            for epsilon in EPSILONS:
                told = arguments if epsilon == 1e-3 else {"epsilon": epsilon, **arguments}
                yield Candidate(LayerNormalization, told, placed)
                if names in (("gamma",), ()):
                    told = {k: v for k, v in told.items() if k != "center"}
                    yield Candidate(LayerNormalization, {**told, "rms_scaling": True}, placed)
            yield from _faulty(LayerNormalization, arguments, placed, (False,), (-1,))
    if not problem.weights:
        yield Candidate(UnitNormalization)


def group_normalization(problem: Problem) -> Iterator[Candidate]:
    """Yield normalisations over groups of channels."""
    if _unfit(problem) or len(problem.weights) != 2:
        return
    channels = problem.x.shape[-1]
    for groups in range(1, channels + 1):
        if channels % groups:
            continue
        for placed in _placed(problem, ("gamma", "beta")):
            for epsilon in EPSILONS[:4]:
                told = {} if epsilon == 1e-3 else {"epsilon": epsilon}
                yield Candidate(GroupNormalization, {"groups": groups, **told}, placed)


def _unfit(problem: Problem) -> bool:
    return (
        problem.several
        or problem.x.dtype.kind != "f"
        or problem.x.shape != problem.y.shape
        or problem.x.ndim < 2
        or len(problem.weights) > 4
    )


def _parts(names: Sequence[str]) -> dict[str, Any]:
    absent = {"scale": "gamma", "center": "beta"}
    return {argument: False for argument, name in absent.items() if name not in names}


def _placed(problem: Problem, wanted: Sequence[str]) -> Iterator[tuple[Placement, ...]]:
    """Yield the ways to find these weights among the person's, the likeliest by name first."""
    size = problem.x.shape[-1]
    if len(problem.weights) != len(wanted) or any(np.size(w) != size for w in problem.weights):
        return

    def unlike(order: Sequence[int]) -> int:
        return sum(
            not re.search(_NAMES[name], problem.names[i].lower())
            for name, i in zip(wanted, order, strict=True)
        )

    for order in sorted(itertools.permutations(range(len(wanted))), key=unlike):
        yield tuple(
            Placement(name, i, lambda a: a.reshape(-1), _row(problem.weights[i], size))
            for name, i in zip(wanted, order, strict=True)
        )


def _row(weight: Array, size: int) -> str:
    return "" if weight.ndim == 1 else f"{weight.shape} in place of ({size},)"


def _faulty(
    cls: Any, arguments: Any, placed: tuple[Placement, ...], modes: Any, axes: tuple[int, ...]
) -> Iterator[Candidate]:
    """What is done wrong in a normalisation, with the constant that fits best."""
    faults: list[tuple[str, Callable[[Array, Array, float, int], Array]]] = [
        ("divides by the standard deviation plus ε, where the root is taken of variance plus ε",
         lambda c, v, e, n: c / (np.sqrt(v) + e)),
        ("divides by the variance plus ε and takes no root", lambda c, v, e, n: c / (v + e)),
        ("takes the variance with m - 1 (ddof=1) where the mean of the squares is meant",
         lambda c, v, e, n: c / np.sqrt(v * (n / max(n - 1, 1)) + e)),
        ("subtracts the mean but does not divide", lambda c, v, e, n: c),
    ]  # fmt: skip
    for fault, divided in faults:
        for epsilon in EPSILONS[:-1] if "ε" in fault else EPSILONS[:4]:

            def formula(
                problem: Problem, divided: Any = divided, epsilon: float = epsilon
            ) -> Array:
                x = problem.x
                mean = x.mean(axis=axes, keepdims=True)
                variance = x.var(axis=axes, keepdims=True)
                count = int(np.prod([x.shape[a] for a in axes]))
                y = divided(x - mean, variance, epsilon, count)
                found = {p.library: p.take(problem.weights[p.own]) for p in placed}
                return y * found.get("gamma", 1.0) + found.get("beta", 0.0)

            told = arguments if epsilon == 1e-3 else {"epsilon": epsilon, **arguments}
            yield Candidate(cls, told, placed, modes=modes, formula=formula, fault=fault)
