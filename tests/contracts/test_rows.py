"""An op that calls itself a matrix product with an input is one."""

from __future__ import annotations

import numpy as np
import pytest

from glassnet.engines import Program
from glassnet.graph.op import OPS
from glassnet.graph.recording import recording
from glassnet.graph.tensor import Placeholder

SAMPLES = [(name, s) for name, op in OPS.items() for s in op.samples()]


def test_the_value_is_rows_times_the_input() -> None:
    found = set()
    for name, sample in SAMPLES:
        inputs = [Placeholder(a.shape, a.dtype, name=f"x{i}") for i, a in enumerate(sample.inputs)]
        for place, array in enumerate(sample.inputs):
            with recording():
                rows = sample.op.rows(place, *inputs)
            if rows is None:
                continue
            found.add(name)
            (r,) = Program(inputs, [rows]).run(*sample.inputs)
            y = np.asarray(sample.op.value(np, *sample.inputs))
            expected = r @ array.reshape(-1, array.shape[-1])
            np.testing.assert_allclose(y.reshape(expected.shape), expected, atol=1e-12)
    assert found >= {"matmul", "convolution"}


@pytest.mark.parametrize("name", ["matmul", "convolution"])
def test_the_other_factor_has_none(name: str) -> None:
    for sample in OPS[name].samples():
        inputs = [Placeholder(a.shape, a.dtype, name=f"x{i}") for i, a in enumerate(sample.inputs)]
        assert sample.op.rows(0, *inputs) is None
