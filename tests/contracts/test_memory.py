"""What the engine relies on when it writes over arrays: who shares memory with whom."""

from __future__ import annotations

import numpy as np
import pytest

import glassnet  # noqa: F401  (registers every op)
from glassnet.graph.op import OPS, Op, Sample

NAMES = sorted(name for name, op in OPS.items() if op.__module__.startswith("glassnet."))


def samples(name: str) -> list[tuple[Op, tuple[np.ndarray, ...]]]:
    made: list[Sample] = list(OPS[name].samples())
    return [(s.op, tuple(np.array(a) for a in s.inputs)) for s in made]


@pytest.mark.parametrize("name", NAMES)
def test_only_views_share_memory_with_inputs(name: str) -> None:
    for op, inputs in samples(name):
        if op.view:
            continue
        value = np.asarray(op.value(np, *inputs))
        for array in inputs:
            assert not (array.size and np.shares_memory(value, array)), f"{op}: set view = True"


@pytest.mark.parametrize("name", NAMES)
def test_a_writer_may_write_over_any_input_of_the_right_kind(name: str) -> None:
    for op, inputs in samples(name):
        writer = op.writer()
        if writer is None:
            continue
        expected = np.asarray(op.value(np, *inputs))
        for i, array in enumerate(inputs):
            if array.shape != expected.shape or array.dtype != expected.dtype or not array.ndim:
                continue
            given = [np.array(a) for a in inputs]
            found = writer(*given, out=given[i])
            assert found is given[i]
            np.testing.assert_array_equal(found, expected)
