"""Clusters that read an array in two ways, and clusters that became one instruction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

pytest.importorskip("numba")

from glassnet.engines import Program
from glassnet.engines.native import planning
from glassnet.engines.native.instance import Instance
from glassnet.engines.native.program import NativeProgram, address
from glassnet.graph import Dim, Placeholder
from glassnet.graph.tensor import Constant
from glassnet.ops import clip, matmul, maximum, square, tanh

RNG = np.random.default_rng(0)


def check(program: Program, arrays: Sequence[np.ndarray]) -> None:
    """Assert that the native engine gives what the reference gives."""
    found = NativeProgram(program).run(*arrays)
    for a, b in zip(found, program.run(*arrays), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [5, 3000])
def test_no_value_lies_over_an_array_that_is_read_out_of_order(size: int) -> None:
    """Its last reading entry by entry comes before one from the back."""
    x, w = Placeholder((size, 3), np.float32), Placeholder((3, 3), np.float32)
    t = matmul(x, w)
    early = square(t)
    late = tanh(t[::-1]) + early
    program = Program([x, w], [matmul(early, w), matmul(late, w)])
    check(program, [RNG.normal(size=(size, 3)), RNG.normal(size=(3, 3))])


def test_no_value_lies_over_an_array_that_a_later_cluster_reads() -> None:
    """Two clusters of one form are one instruction; both read what dies there."""
    x, w = Placeholder((40, 3), np.float32), Placeholder((3, 3), np.float32)
    t = matmul(x, w)
    program = Program([x, w], [matmul(tanh(t), w), matmul(tanh(t[:20]), w[:, :2])])
    check(program, [RNG.normal(size=(40, 3)), RNG.normal(size=(3, 3))])


def test_a_zero_of_the_other_sign_is_another_number() -> None:
    x, zero = Placeholder((4,), np.float32), Constant(np.array(-0.0, "float32"))
    program = Program([x], [maximum(x, zero), clip(x, 0.0, 1.0)])
    array = np.array([-5, 1, 2, -1], "float32")
    for found, sign in zip(NativeProgram(program).run(array), (True, False), strict=True):
        assert np.signbit(found).tolist() == [sign, False, False, sign]


def test_clusters_that_wait_for_each_other_are_not_shared_by_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second reads half of what the first computes."""
    monkeypatch.setattr(planning, "WORTH_OPERATIONS", 0)
    size = 1 << 18
    m = Dim.named("m")
    x, y = Placeholder((m, 2), np.float32), Placeholder((size,), np.float32)
    half = tanh(y)[size // 2 :]
    program = Program([x, y], [square(x).sum(0), tanh(half)])
    arrays = [np.ones((4, 2), np.float32), RNG.normal(size=size).astype("float32")]
    given = program.prepare(*arrays)
    plan = planning.Planner(program.inputs, program.outputs, program.sizes_of(given)).plan()
    instance = Instance(plan, 2)
    assert instance.threads == 2
    expected = program.run(*arrays)
    outputs = [np.empty(v.shape, v.dtype) for v in plan.outputs]
    for value, array in zip([*plan.inputs, *plan.outputs], [*given, *outputs], strict=True):
        if value is not None:
            instance.bind(value, address(array))
    for _ in range(40):
        outputs[1][:] = np.nan
        instance.arena[:] = 0xFF
        instance.run()
        np.testing.assert_allclose(outputs[1], expected[1], rtol=1e-5, atol=1e-6)
