"""Candidates with a matrix: dense layers, embeddings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from glassnet.explain.doctor.recognition.problem import (
    BIAS_FAULTS,
    Candidate,
    Placement,
    Problem,
    biases,
)
from glassnet.layers import Dense, Embedding


def dense(problem: Problem) -> Iterator[Candidate]:
    """Yield dense layers: every matrix that fits as it is, transposed, or with the bias in it."""
    x, y = problem.x, problem.y
    if problem.several or x.ndim < 2 or y.ndim < 2 or x.dtype.kind != "f":
        return
    size, units = x.shape[-1], y.shape[-1]
    for place, weight in enumerate(problem.weights):
        if weight.ndim != 2:
            continue
        for bias in biases(problem, place, units):
            for kernel in _kernels(place, weight.shape, size, units):
                yield from _with_faults(units, kernel, bias)
        if len(problem.weights) == 1:
            yield from _holding_the_bias(place, weight.shape, size, units)


def _kernels(place: int, shape: Any, size: int, units: int) -> Iterator[Placement]:
    if shape == (size, units):
        yield Placement("kernel", place)
    if shape == (units, size):
        yield Placement("kernel", place, np.transpose, "transposed")


def _with_faults(units: int, kernel: Placement, bias: tuple[Placement, ...]) -> Iterator[Candidate]:
    arguments: dict[str, Any] = {"units": units}
    if not bias:
        arguments["use_bias"] = False
    yield Candidate(Dense, arguments, (kernel, *bias), activated=True)
    for factor, fault in BIAS_FAULTS if bias else ():
        yield Candidate(
            Dense, arguments, (kernel, *bias), activated=True, scales={"bias": factor}, fault=fault
        )


def _holding_the_bias(place: int, shape: Any, size: int, units: int) -> Iterator[Candidate]:
    """The matrix with a further row (or column) that holds the bias."""
    for turned, how in ((False, "row"), (True, "column")):
        if shape != ((units, size + 1) if turned else (size + 1, units)):
            continue
        for first in (True, False):
            rows = slice(1, None) if first else slice(None, -1)
            row = 0 if first else -1

            def kernel(a: Any, turned: bool = turned, rows: slice = rows) -> Any:
                return (a.T if turned else a)[rows]

            def bias(a: Any, turned: bool = turned, row: int = row) -> Any:
                return (a.T if turned else a)[row]

            where = f"the {'first' if first else 'last'} {how}"
            yield Candidate(
                Dense, {"units": units},
                (Placement("kernel", place, kernel, f"all but {where}"),
                 Placement("bias", place, bias, where)),
                activated=True,
            )  # fmt: skip


def embedding(problem: Problem) -> Iterator[Candidate]:
    """Yield embeddings: a row of a table for every whole number."""
    x, y = problem.x, problem.y
    if problem.several or y.ndim != x.ndim + 1 or len(problem.weights) != 1:
        return
    for take, how in ((lambda a: a, ""), (np.transpose, "transposed")):
        table = take(problem.weights[0])
        if table.ndim == 2 and table.shape[1] == y.shape[-1]:
            yield Candidate(
                Embedding, {"input_dim": table.shape[0], "output_dim": table.shape[1]},
                (Placement("embeddings", 0, take, how),),
            )  # fmt: skip
