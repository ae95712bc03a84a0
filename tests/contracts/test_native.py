"""Every registered op computed by the native engine equals the reference; a new op is held unasked.

Each sample is run as a program of its value and its derivatives: whole, with the batch dealt to
lanes, and in slices of one example, so that the rule by which an op goes with a slice is tried too.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from glassnet.engines import Program
from glassnet.engines.native import planning, stages
from glassnet.engines.native.planning import Plan
from glassnet.engines.native.program import NativeProgram
from glassnet.graph import OPS, Dim, Placeholder, Tensor, gradients
from glassnet.graph.dtypes import is_float
from glassnet.graph.op import Sample
from glassnet.graph.recording import record

NAMES = sorted(OPS)
REFERENCE_ONLY = {"numpy_forward", "numpy_backward"}
"""Ops left to the reference: they call a person's own Python."""
NEVER_CUT = {"checked_index", "numpy_backward", "numpy_forward", "place", "slice"}
"""Ops of which no sample has a batch that a slice can be cut from."""
TOLERANCE = {"float32": 2e-5, "float64": 1e-12}
SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0])
WAYS = ("whole", "lanes", "slices")


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that has every program cut: one example a lane, or a slice."""

    def choose(way: str) -> None:
        monkeypatch.setattr(planning, "WORTH_OPERATIONS", 0)
        lanes = (lambda batch: batch) if way == "lanes" else (lambda batch: 1)
        monkeypatch.setattr(stages, "lanes_for", lanes)
        monkeypatch.setattr(planning, "slice_size", lambda rows, each, weights: 1)

    return choose


def recorded(
    sample: Sample, arrays: Sequence[np.ndarray], named: bool
) -> tuple[list[Placeholder], Tensor] | None:
    """The op on placeholders; with the first axis named m, or None where the op fixes its size."""
    if not named:
        inputs = [Placeholder(a.shape, a.dtype) for a in arrays]
        return inputs, record(sample.op, *inputs)
    if not arrays or not arrays[0].ndim:
        return None
    m, size = Dim.named("m"), arrays[0].shape[0]
    alike = {i for i, a in enumerate(arrays) if a.shape[:1] == (size,)}
    for which in (alike, {0}):
        inputs = [
            Placeholder((m, *a.shape[1:]) if i in which else a.shape, a.dtype)
            for i, a in enumerate(arrays)
        ]
        try:
            return inputs, record(sample.op, *inputs)
        except (ValueError, TypeError):
            continue
    return None


def cast(sample: Sample, dtype: str) -> list[np.ndarray]:
    """The sample's inputs, floats in this dtype."""
    arrays = [np.asarray(a) for a in sample.inputs]
    return [a.astype(dtype) if is_float(a.dtype) else a for a in arrays]


def with_derivatives(
    sample: Sample, inputs: list[Placeholder], node: Tensor, arrays: list[np.ndarray]
) -> tuple[Program, list[np.ndarray]]:
    """The program of the value and of the derivatives along a random cotangent."""
    wrt = [i for i, a in enumerate(arrays) if is_float(a.dtype)]
    wrt = wrt if sample.wrt is None else list(sample.wrt)
    if not (wrt and is_float(node.dtype) and sample.op.differentiable):
        return Program(inputs, [node]), arrays
    cotangent = Placeholder(node.shape, node.dtype)
    found = gradients([node], [inputs[i] for i in wrt], [cotangent])
    with np.errstate(all="ignore"):
        shape = np.shape(sample.op.value(np, *arrays))
    drawn = np.random.default_rng(0).normal(size=shape).astype(node.dtype)
    return Program([*inputs, cotangent], [node, *found]), [*arrays, drawn]


def run(program: Program, arrays: Sequence[np.ndarray]) -> tuple[list[Any], list[Any], Plan]:
    """The values of the reference, those of the native engine, and its plan."""
    with np.errstate(all="ignore"):
        expected = program.run(*arrays, step=3)
    native = NativeProgram(program)
    found = native.run(*arrays, step=3)
    again = native.run(*arrays, step=3)
    for a, b in zip(found, again, strict=True):
        assert a.tobytes() == b.tobytes(), "another run gives other bits"
    return expected, found, native.plan_for(program.prepare(*arrays, step=3))


def same(found: np.ndarray, expected: Any, tolerance: float, what: str) -> None:
    """Assert that NaN and infinity stand in the same places and numbers agree."""
    expected = np.asarray(expected)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype), what
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(found, expected, what)
        return
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.where(finite, 0, found), np.where(finite, 0, expected), what)
    largest = np.abs(expected[finite]).max(initial=0.0)
    np.testing.assert_allclose(
        found[finite], expected[finite], rtol=0, atol=tolerance * largest, err_msg=what
    )


def host_ops(plan: Plan) -> set[str]:
    """The names of the ops that the reference computes in a plan."""
    return {call.op.name for call in plan.hosts}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", WAYS)
def test_values_and_derivatives(name: str, way: str, cut: Any) -> None:
    if way != "whole":
        cut(way)
    left, was_cut, tried = set(), False, False
    for number, sample in enumerate(OPS[name].samples()):
        for dtype, tolerance in TOLERANCE.items():
            arrays = cast(sample, dtype)
            got = recorded(sample, arrays, named=way != "whole")
            if got is None:
                continue
            program, given = with_derivatives(sample, *got, arrays)
            expected, found, plan = run(program, given)
            what = f"sample {number}, {sample.op}, {dtype}, {way}"
            for i, (a, b) in enumerate(zip(found, expected, strict=True)):
                same(a, b, tolerance, f"{what}, output {i}")
            left |= host_ops(plan)
            was_cut, tried = was_cut or plan.split is not None, True
    assert left == ({name} & REFERENCE_ONLY if tried else set())
    if way != "whole" and tried:
        assert was_cut == (name not in NEVER_CUT)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", WAYS)
def test_half_precision(name: str, way: str, cut: Any) -> None:
    """No kernel knows float16, so the reference computes it, also a part of a sum."""
    if way != "whole":
        cut(way)
    for number, sample in enumerate(OPS[name].samples()):
        arrays = cast(sample, "float16")
        got = recorded(sample, arrays, named=way != "whole")
        if got is not None:
            expected, found, _ = run(*with_derivatives(sample, *got, arrays))
            for i, (a, b) in enumerate(zip(found, expected, strict=True)):
                same(a, b, 2e-2, f"sample {number}, {sample.op}, {way}, output {i}")


@pytest.mark.parametrize("name", NAMES)
def test_special_values(name: str) -> None:
    """NaN, infinities and zeros of both signs, strewn over the inputs."""
    rng = np.random.default_rng(0)
    for number, sample in enumerate(OPS[name].samples()):
        for dtype, tolerance in TOLERANCE.items():
            arrays = cast(sample, dtype)
            for i, array in enumerate(arrays):
                if is_float(array.dtype):
                    drawn = SPECIAL[rng.integers(0, len(SPECIAL), array.shape)]
                    hit = rng.random(array.shape) < 0.3
                    arrays[i] = np.where(hit, drawn, array).astype(dtype)
            got = recorded(sample, arrays, named=False)
            assert got is not None
            expected, found, _ = run(Program(got[0], [got[1]]), arrays)
            same(found[0], expected[0], tolerance, f"sample {number}, {sample.op}, {dtype}")
