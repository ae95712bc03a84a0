"""Programs of clusters as one compiled loop: bit for bit what their rows give, one by one."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")
from networks_drawn import drawn

import glassnet as gn
from glassnet.engines import Program
from glassnet.engines.native import loops
from glassnet.engines.native.compiler import address_of
from glassnet.engines.native.kernels.elementwise import formula_of
from glassnet.engines.native.lowering.elementwise import element_kernel, works_on_vectors
from glassnet.engines.native.program import NativeProgram
from glassnet.graph import Dim, Placeholder
from glassnet.graph.op import OPS
from glassnet.ops import cast, exp, greater, tanh, transpose, where

RNG = np.random.default_rng(7)


@pytest.fixture
def looped(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make a loop of every program that can be one; return the kernels of those made."""
    made: list[str] = []
    plain = loops.as_loop

    def noted(program: Any) -> Any:
        result = plain(program)
        made.append(result.rows[-1].kernel.name)
        return result

    monkeypatch.setattr(loops, "LOOP_OPERATIONS", 0)
    monkeypatch.setattr(loops, "as_loop", noted)
    return made


def by_rows(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(loops, "LOOP_ROWS", 1 << 60)


def mixed(rows: Any) -> Program:
    """Arrays in order, by columns, rows of one, a number, truth, entries of other widths."""
    x, y = Placeholder((rows, 3), np.float32), Placeholder((3, rows), np.float32)
    row, number = Placeholder((3,), np.float32), Placeholder((), np.float32)
    whole = Placeholder((rows, 3), np.int64)
    a = tanh(x * row) + transpose(y) * number
    chosen = where(greater(a, x), a - number, exp(a) / number)
    wide = cast(chosen, np.float64) * cast(whole, np.float64)
    return Program([x, y, row, number, whole], [chosen * a, wide - 1.0, greater(a, number)])


@pytest.mark.parametrize("rows", [1, 5, 1001])
def test_the_rows_one_by_one(rows: int, looped: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = [
        RNG.normal(size=(rows, 3)).astype(np.float32),
        RNG.normal(size=(3, rows)).astype(np.float32),
        RNG.normal(size=3).astype(np.float32),
        np.float32(0.7),
        RNG.integers(-9, 9, (rows, 3)),
    ]
    program = mixed(Dim.named("rows"))
    found = NativeProgram(program).run(*arrays)
    assert any("where.b1.f4.f4" in kernel for kernel in looped)
    expected = program.run(*arrays)
    by_rows(monkeypatch)
    for one, other, reference in zip(
        found, NativeProgram(program).run(*arrays), expected, strict=True
    ):
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()
        np.testing.assert_allclose(one, reference, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("rows", [3, 16, 40])
def test_only_entries_are_watched(rows: int) -> None:
    """Lanes beyond the end hold zeros, whose logarithm is not finite."""
    kernel = "loops.program:log.f4.f4,v0,-:finite.f4,r0,f1:exp.f4.f4,r0,o2"
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 5)(address_of(kernel))
    x, flag = RNG.uniform(1, 2, rows).astype(np.float32), np.zeros(1, np.int64)
    out = np.full(rows + 1, 7, np.float32)
    slots = np.array([x.ctypes.data, flag.ctypes.data, out.ctypes.data])
    for last, expected in ((x[-1], 0), (np.float32(0), 1)):
        x[-1] = last
        call(slots.ctypes.data, 0, 0, 0, rows)
        assert flag[0] == expected
        np.testing.assert_allclose(out[:rows], x, rtol=1e-6)
        assert out[rows] == 7


def test_training(looped: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "LOOP_ROWS", 9)  # the optimizer's update, not all that is small
    found = []
    for _ in range(2):
        case = drawn(4)
        case.model.engine = "native"
        gn.utils.set_random_seed(1)
        case.model.fit(case.x, case.y, sample_weight=case.weights, epochs=3, verbose=0)
        found.append([np.asarray(w.value).tobytes() for w in case.model.weights])
        by_rows(monkeypatch)
    assert looped
    assert found[0] == found[1]


def test_the_update_of_a_wide_network_is_one_loop() -> None:
    model = gn.Sequential([gn.layers.Input((300,)), gn.layers.Dense(30), gn.layers.Dense(1)])
    model.compile("adam", "mse", engine="native")
    said = str(model.explain_plan(batch_size=8))
    assert "one loop" in said


def test_what_works_on_vectors_is_what_has_a_formula_on_them() -> None:
    for name, op_class in OPS.items():
        for sample in op_class.samples() if op_class.elementwise else ():
            for dtype in ("f4", "f8"):
                arrays = [np.asarray(a) for a in sample.inputs]
                dtypes = [np.dtype(dtype) if a.dtype.kind == "f" else a.dtype for a in arrays]
                kernel = element_kernel(sample.op, dtypes, dtypes[-1])
                if kernel is not None:
                    template, *codes = kernel.removeprefix("elementwise.").split(":")
                    try:
                        formula_of(template, [np.dtype(c) for c in codes])
                    except KeyError:
                        assert not works_on_vectors(kernel), name
                    else:
                        assert works_on_vectors(kernel), name
