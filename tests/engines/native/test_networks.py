"""300 drawn networks with drawn optimizers: the native engine against the reference.

The first 60 are tried always, all of them with ``--thorough``.

Values, gradients, and training through ``fit`` with its history, metrics, weights and optimizer
state; every sixth network with its batch dealt to lanes, every sixth in slices of one example.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")
from networks_drawn import Case, drawn
from thorough import first

import glassnet as gn
from glassnet.engines import Program
from glassnet.engines.native import crew, planning, stages
from glassnet.engines.native.planning import Plan
from glassnet.engines.native.program import NativeProgram
from glassnet.errors import NonFiniteError
from glassnet.graph import gradients
from glassnet.graph.recording import recording
from glassnet.models import steps as recorded
from glassnet.models.data import Batch
from glassnet.nest import flatten

COUNT, ALWAYS, CHUNK = 300, 60, 10
STEPS = 50
TRAINED = {"float32": 1e-4, "float64": 1e-9}
COMPUTED = {"float32": 2e-5, "float64": 1e-12}
BLOWS_UP = ("Lion", "Lamb", "Ftrl")
"""Optimizers that make a step of full length from a gradient that is zero but for rounding."""
WAYS = ("whole", "whole", "lanes", "whole", "whole", "slices")


@contextmanager
def set_up(dtype: str, way: str) -> Iterator[None]:
    """Make models of a dtype, and cut plans."""
    with pytest.MonkeyPatch.context() as patch:
        before = gn.config.floatx()
        gn.config.set_floatx(dtype)
        if way != "whole":
            cut(patch, way)
        try:
            yield
        finally:
            gn.config.set_floatx(before)


def cut(patch: pytest.MonkeyPatch, way: str) -> None:
    """Cut every plan that can be cut: two lanes of a slice, or one lane of slices of an example."""
    lanes = 2 if way == "lanes" else 1
    patch.setattr(planning, "WORTH_OPERATIONS", 0)
    patch.setattr(stages, "lanes_for", lambda batch: lanes if batch % lanes == 0 else 1)
    patch.setattr(planning, "slice_size", lambda rows, each, weights: 1)
    patch.setattr(crew, "cores", lambda: 1)


def settings(seed: int) -> tuple[str, str]:
    """The dtype of a network, and how its plans are cut."""
    return ("float32", "float64")[seed % 2], WAYS[seed // 2 % 6]


def error(found: Any, expected: Any) -> float:
    """The largest difference relative to the largest entry; infinite where shapes or NaN differ."""
    found, expected = np.asarray(found), np.asarray(expected)
    if (found.shape, found.dtype) != (expected.shape, expected.dtype):
        return np.inf
    if expected.dtype.kind != "f":
        return 0.0 if np.array_equal(found, expected) else np.inf
    finite = np.isfinite(expected)
    if not np.array_equal(found[~finite], expected[~finite], equal_nan=True):
        return np.inf
    difference = np.abs(found[finite].astype(np.float64) - expected[finite]).max(initial=0.0)
    return float(difference / max(np.abs(expected[finite]).max(initial=0.0), 1e-3))


# --- values and gradients ---------------------------------------------------------------------
def graph_of(case: Case, *, training: bool) -> tuple[Program, list[np.ndarray], list[str]]:
    """The program of loss, outputs and gradients; its arrays; the paths of the weights."""
    model = case.model
    batch = Batch(case.x, case.y, case.weights)
    symbolic, inputs = recorded.placeholders(batch, np.dtype(model.dtype))
    with recording():
        forward = recorded.record_forward(model, symbolic, training=training)
        weights = model.trainable_weights
        slopes = gradients([forward.loss], weights)
    arrays = [np.asarray(a) for a in flatten(batch) if a is not None]
    program = Program(inputs, [forward.loss, *forward.outputs, *slopes])
    return program, arrays, [w.path for w in weights]


def check_gradients(seed: int, dtype: str) -> set[str]:
    """Compare loss, outputs and gradients; return the weights whose gradient is rounding alone."""
    case = drawn(seed)
    program, arrays, paths = graph_of(case, training=True)
    expected = program.run(*arrays, step=1)
    native = NativeProgram(program)
    found = native.run(*arrays, step=1)
    check_memory(native.plan_for(program.prepare(*arrays, step=1)))
    slopes = expected[len(expected) - len(paths) :]
    largest = max((float(np.abs(g).max(initial=0)) for g in slopes), default=0.0)
    least = 50 * float(np.finfo(dtype).eps) * largest
    still = {p for p, g in zip(paths, slopes, strict=True) if np.abs(g).max(initial=0) < least}
    names = ["loss", *(f"output {i}" for i in range(len(expected) - len(paths) - 1)), *paths]
    wrong = []
    for i, (name, a, b) in enumerate(zip(names, found, expected, strict=True)):
        if name in still:
            assert np.abs(a).max(initial=0) < 4 * least, f"network {seed}: {name}"
        elif not error(a, b) < COMPUTED[dtype]:
            wrong.append(i)
    if wrong and dtype == "float32":  # where float32 loses digits: no more than the reference does
        gn.config.set_floatx("float64")
        program, arrays, _ = graph_of(drawn(seed), training=True)
        gn.config.set_floatx(dtype)
        exact = [a.astype(dtype) for a in program.run(*arrays, step=1)]
        wrong = [i for i in wrong if error(found[i], exact[i]) > 3 * error(expected[i], exact[i])]
    assert not wrong, f"network {seed}: {[names[i] for i in wrong]}"
    return still


def check_memory(plan: Plan) -> None:
    """The arena is within 1.5 times of the ideal that the plan reports."""
    for arena in (plan.arena, plan.slice_arena):
        assert arena.nbytes <= 1.5 * arena.ideal, arena


# --- training ---------------------------------------------------------------------------------
@dataclass
class Run:
    """What a training leaves behind."""

    history: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    progress: dict[str, Any] = field(default_factory=dict)
    failure: str = ""
    plans: list[Plan] = field(default_factory=list)


def trained(seed: int, engine: str) -> Run:
    """Train the network of a seed for 50 steps, evaluate it, predict."""
    case = drawn(seed)
    model, run = case.model, Run()
    model.engine = engine
    gn.utils.set_random_seed(seed + 1)
    given: dict[str, Any] = {"sample_weight": case.weights, "batch_size": case.batch, "verbose": 0}
    rows = len(flatten(case.x)[0])
    epochs = STEPS // -(-rows // case.batch)
    try:
        run.history = model.fit(case.x, case.y, epochs=epochs, **given).history
    except NonFiniteError as stopped:
        run.failure = str(stopped).split(", gave")[0]
        return run
    if seed % 3 == 0:
        run.results = model.evaluate(case.x, case.y, return_dict=True, **given)
        outputs = model.predict(case.x, batch_size=case.batch, verbose=0)
        run.results |= {f"output {i}": a for i, a in enumerate(flatten(outputs))}
    kept = (*model.weights, *model.optimizer.variables)
    run.weights = {v.path: np.asarray(v.value) for v in kept}
    run.progress = vars(model.progress)
    for step in model._steps.values():
        for session in getattr(step, "sessions", {}).values():
            run.plans += session.plans
    assert bool(run.plans) == (engine == "native")
    return run


def differences(found: Run, expected: Run, still: set[str], optimizer: str) -> dict[str, float]:
    """The error of all that two runs left, by name."""
    assert found.failure == expected.failure
    assert list(found.history) == list(expected.history)
    assert found.progress == expected.progress
    pairs: dict[str, tuple[Any, Any]] = {
        name: (found.history[name], values) for name, values in expected.history.items()
    }
    rough = any(a.dtype == np.float32 for a in expected.weights.values())
    if not ((still or rough) and optimizer in BLOWS_UP):  # else such weights wander
        pairs |= {f"final {n}": (found.results[n], v) for n, v in expected.results.items()}
        own = {path.replace("/", "_") for path in still}
        pairs |= {
            path: (found.weights[path], value)
            for path, value in expected.weights.items()
            if path not in still and not any(name in path for name in own)
        }
    return {name: error(*pair) for name, pair in pairs.items()}


def rounded(run: Run) -> Run:
    """A run in float64 with its arrays in float32."""

    def cast(values: dict[str, Any]) -> dict[str, Any]:
        arrays = {name: np.asarray(v) for name, v in values.items()}
        return {n: a.astype("f4") if a.shape and a.dtype == "f8" else a for n, a in arrays.items()}

    weights = {n: a.astype("f4") if a.dtype == "f8" else a for n, a in run.weights.items()}
    return replace(run, results=cast(run.results), weights=weights)


def check_training(seed: int, dtype: str, still: set[str]) -> Run:
    """Compare trainings; where float32 strays by itself, both engines with float64."""
    expected, found = trained(seed, "numpy"), trained(seed, "native")
    optimizer = type(drawn(seed).model.optimizer).__name__
    wrong = {
        name: e
        for name, e in differences(found, expected, still, optimizer).items()
        if not e < TRAINED[dtype]
    }
    if wrong and dtype == "float32":
        gn.config.set_floatx("float64")
        exact = rounded(trained(seed, "numpy"))
        near = differences(expected, exact, still, optimizer)
        ours = differences(found, exact, still, optimizer)
        wrong = {name: e for name, e in ours.items() if not e < 3 * near[name] + TRAINED[dtype]}
    assert not wrong, f"network {seed}, {optimizer}"
    for plan in found.plans:
        check_memory(plan)
    return found


@pytest.mark.parametrize("start", first(ALWAYS // CHUNK, range(0, COUNT, CHUNK)))
def test_networks(start: int) -> None:
    for seed in range(start, start + CHUNK):
        dtype, way = settings(seed)
        with set_up(dtype, way):
            still = check_gradients(seed, dtype)
            check_training(seed, dtype, still)
