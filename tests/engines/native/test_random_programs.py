"""Programs drawn at random: views of views, values read in two ways, variables that swap places.

Ops that move, reduce, multiply and bend are strung together on variables and two inputs; outputs
and new values of variables are picked among all that came about, so that a plan has to keep what
is still to be read while it writes over old values.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from glassnet import ops
from glassnet.engines import Program
from glassnet.engines.native import crew, planning, stages
from glassnet.engines.native.program import NativeProgram
from glassnet.engines.native.session import Recorded, Session
from glassnet.graph import Dim, Placeholder, Tensor, Variable, gradients
from glassnet.graph.recording import recording

COUNT, CHUNK, EPOCHS = 60, 10, 3
M = Dim.named("m")
SHAPES = ((), (3,), (3, 4), (4,), (4, 3), (2, 3, 4), (3, 3), (1, 4), (5,))


@dataclass
class Drawn:
    """A program's inputs, what it returns, the new values of its variables, and data."""

    inputs: list[Placeholder]
    variables: list[Variable]
    outputs: list[Tensor]
    numbers: list[Tensor]
    updates: dict[Variable, Tensor]
    tables: list[np.ndarray]
    batch: int


def step(rng: random.Random, t: Tensor, u: Tensor) -> Tensor:
    """One op on t, or on t and u; raises where they do not fit."""
    rank = len(t.shape)
    axis = rng.randrange(rank) if rank else 0
    order = rng.sample(range(rank), rank)
    part = [slice(None)] * rank
    if rank and isinstance(t.shape[axis], int):
        part[axis] = rng.choice([slice(None, None, -1), slice(1, None), slice(None, None, 2)])
    bent: tuple[Callable[[], Tensor], ...] = (
        lambda: t + u, lambda: t * u, lambda: t - u, lambda: ops.maximum(t, u),
        lambda: ops.tanh(t), lambda: t * 0.5 + 0.1, lambda: ops.where(t > 0, t, t * 0.1),
        lambda: ops.clip(t, -1, 1), lambda: ops.stop_gradient(t), lambda: ops.square(t),
    )  # fmt: skip
    moved: tuple[Callable[[], Tensor], ...] = (
        lambda: ops.transpose(t, tuple(order)), lambda: t[tuple(part)],
        lambda: ops.concatenate([t, u], axis=axis), lambda: ops.expand_dims(t, axis),
        lambda: ops.reshape(t, (*t.shape[:-2], -1)), lambda: ops.broadcast_to(t, (2, *t.shape)),
    )  # fmt: skip
    gathered: tuple[Callable[[], Tensor], ...] = (
        lambda: ops.sum(t, axis=axis, keepdims=rng.random() < 0.5),
        lambda: ops.max(t, axis=axis, keepdims=True), lambda: ops.mean(t, axis=axis),
        lambda: ops.softmax(t, axis=axis), lambda: ops.matmul(t, u),
        lambda: ops.cumsum(t, axis=axis),
    )  # fmt: skip
    return rng.choice(rng.choice((bent, bent, moved, gathered)))()


def fits(t: Tensor) -> bool:
    """Whether a tensor is small, of floats, with entries, and with at most one axis named."""
    known = [n for n in t.shape if isinstance(n, int)]
    named = len(t.shape) - len(known)
    return t.dtype == np.float64 and 0 < np.prod(known) < 4000 and named < 2 and len(t.shape) < 5


def strung(rng: random.Random, pool: list[Tensor]) -> list[Tensor]:
    """The pool and what ops make of it."""
    for _ in range(rng.randrange(8, 60)):
        try:
            made = step(rng, rng.choice(pool), rng.choice(pool))
        except (ValueError, TypeError, IndexError):
            continue
        if fits(made):
            pool.append(ops.tanh(made) if rng.random() < 0.5 else made)
    return pool


def drawn(seed: int) -> Drawn:
    """Return the program of a seed."""
    rng, data = random.Random(seed), np.random.default_rng(seed)
    rows = rng.choice([3, 7, 8, 12])
    variables = [
        Variable(data.normal(size=rng.choice(SHAPES)), name=f"v{i}")
        for i in range(rng.randrange(2, 6))
    ]
    inputs = [Placeholder((M, 3), np.float64), Placeholder((M, 2, 4), np.float64)]
    with recording():
        pool = strung(rng, [*variables, *inputs])
        loss = sum((ops.mean(ops.square(t)) for t in rng.sample(pool, 4)), ops.mean(pool[-1]))
        slopes = gradients([loss], variables)
        updates = {}
        for variable, slope in zip(variables, slopes, strict=True):
            alike = [t for t in pool if t.shape == variable.shape]
            if rng.random() < 0.8:
                other = rng.choice(
                    [*alike[-3:], *(v for v in variables if v.shape == variable.shape)]
                )
                updates[variable] = rng.choice([other, variable - 0.01 * slope])
        outputs = rng.sample([*pool, *slopes], 5)
        numbers = [loss, *(ops.mean(t) for t in rng.sample(pool, 2))]
    tables = [data.normal(size=(rows, 3)), data.normal(size=(rows, 2, 4))]
    return Drawn(
        inputs,
        variables,
        [*outputs, outputs[0]],
        numbers,
        updates,
        tables,
        rng.choice([2, 4, rows]),
    )


def same(found: Any, expected: Any, what: str) -> None:
    """Assert equality within rounding."""
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11, err_msg=what)


def check_outputs(seed: int) -> None:
    """Compare a run on full batches, on a smaller one, on a single row."""
    d = drawn(seed)
    program = Program(d.inputs, d.outputs)
    native = NativeProgram(program)
    for rows in {d.batch, 1, len(d.tables[0])}:
        arrays = [table[:rows] for table in d.tables]
        for i, (a, b) in enumerate(zip(native.run(*arrays), program.run(*arrays), strict=True)):
            same(a, b, f"program {seed}, {rows} rows, output {i}")


def check_updates(seed: int) -> None:
    """Compare the variables after epochs in compiled code."""
    d = drawn(seed)
    program = Program(d.inputs, [*d.numbers, *d.updates.values()])
    begin = [v.value.copy() for v in d.variables]
    for _ in range(EPOCHS):
        for k in range(0, len(d.tables[0]), d.batch):
            values = program.run(*(table[k : k + d.batch] for table in d.tables))
            for variable, value in zip(d.updates, values[len(d.numbers) :], strict=True):
                variable.replace_array(np.array(value))
    expected = [v.value.copy() for v in d.variables]
    for variable, value in zip(d.variables, begin, strict=True):
        variable.replace_array(value)
    session = Session(Recorded(program, len(d.numbers), list(d.updates)), d.tables, d.batch)
    session.ready()
    session.take(d.tables, 0)
    session.store.load()
    session.begin(0)
    session.run(EPOCHS, np.zeros((EPOCHS, 1)), 1 << 40)
    session.store.save()
    for variable, value in zip(d.variables, expected, strict=True):
        same(variable.value, value, f"program {seed}, {variable.name}")


@pytest.mark.parametrize("start", range(0, COUNT, CHUNK))
@pytest.mark.parametrize("way", ["whole", "lanes", "slices"])
def test_random_programs(start: int, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "cores", lambda: 1)
    if way != "whole":
        lanes = 2 if way == "lanes" else 1
        monkeypatch.setattr(planning, "WORTH_OPERATIONS", 0)
        monkeypatch.setattr(planning, "SHARED_ENTRIES", 16)
        monkeypatch.setattr(stages, "lanes_for", lambda batch: lanes if batch % lanes == 0 else 1)
        monkeypatch.setattr(planning, "slice_size", lambda rows, each, weights: 1)
    for seed in range(start, start + CHUNK):
        check_outputs(seed)
        check_updates(seed)
