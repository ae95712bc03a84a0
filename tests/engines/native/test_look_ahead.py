"""The rows of the next batch, asked for while this one is computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

import glassnet as gn
from glassnet.engines.native import ahead, crew, planning, stages
from glassnet.engines.native.kernels import ahead as kernels
from glassnet.engines.native.lowering.base import Instruction, Parallel
from glassnet.layers import BatchNormalization, Dense, Input
from glassnet.models.data import Batch


@pytest.mark.parametrize("nbytes", [64, 100, 3136])
def test_every_line_of_the_noted_rows_is_asked_for(nbytes: int) -> None:
    numbers = np.array([7, 3, 11])
    note, table = np.full(8, -5), 1 << 20
    kernels.note_next(note.ctypes.data, table, numbers.ctypes.data, 3, nbytes)
    lines = -(-nbytes // 64)
    assert note[0] == 3 * lines
    for asked in range(1, 3 * lines + 1):
        kernels.look_ahead(note.ctypes.data, 1)
        row, line = divmod(asked - 1, lines)
        assert note[0] == 3 * lines - asked
        assert note[1] == table + numbers[row] * nbytes + 64 * (line + 1)
    kernels.look_ahead(note.ctypes.data, 100)
    assert note[0] == 0
    assert note[3] == numbers.ctypes.data + 24
    kernels.look_ahead(0, 5)


def trained(width: int, batch: int) -> tuple[gn.Model, Any]:
    """A model trained for two epochs natively, and the session that did it."""
    gn.utils.set_random_seed(2)
    model = gn.Sequential([Input((width,)), Dense(25, "relu"), Dense(1)])
    model.compile("sgd", "mse", engine="native")
    rng = np.random.default_rng(3)
    x = rng.normal(size=(5 * batch + 3, width)).astype(np.float32)
    y = rng.normal(size=(5 * batch + 3, 1)).astype(np.float32)
    model.fit(x, y, batch_size=batch, epochs=2, verbose=0)
    step = model.training_step(Batch(x[:batch], y[:batch]))
    return model, next(iter(step.sessions.values()))


def noted(instructions: list[Instruction]) -> list[Instruction]:
    """The gathers that take a note."""
    return [i for i in instructions if i.kernel.startswith("executor.gather") and i.words[6]]


def test_large_batches_are_noted_and_asked_for() -> None:
    _, session = trained(200, 32)
    plan = session._instances["first"].plan
    (gather,) = noted(plan.instructions)
    note = gather.words[6]
    assert gather.words[7] == 32
    asking = [i for i in plan.instructions if i.kernel.startswith("products.") and note in i.words]
    assert asking
    assert all(note in i.scratch for i in (gather, *asking))


def test_small_batches_are_not() -> None:
    _, session = trained(20, 32)
    assert not noted(session._instances["first"].plan.instructions)


def test_each_lane_notes_its_own_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "cores", lambda: 2)
    monkeypatch.setattr(planning, "WORTH_OPERATIONS", 0)
    monkeypatch.setattr(ahead, "WORTH_BYTES", 0)
    _, session = trained(200, 32)
    lanes = [
        i for i in session._instances["first"].plan.instructions
        if isinstance(i, Parallel) and not i.divided
    ]  # fmt: skip
    (gather,) = noted(list(lanes[0].body))
    assert gather.words[4] == 16
    assert gather.words[7] == 32


def test_a_note_of_a_lane_lies_over_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Normalisation cuts the step, so that the rows that are picked are kept for a later stage."""
    monkeypatch.setattr(crew, "cores", lambda: 2)
    monkeypatch.setattr(planning, "WORTH_OPERATIONS", 0)
    monkeypatch.setattr(stages, "lanes_for", lambda batch: 2)
    rng = np.random.default_rng(3)
    x, y = (rng.normal(size=(256, n)).astype(np.float32) for n in (200, 1))
    found = []
    for engine in ("numpy", "native", "native", "native"):
        gn.utils.set_random_seed(2)
        model = gn.Sequential([Input((200,)), Dense(64, "relu"), BatchNormalization(), Dense(1)])
        model.compile(gn.optimizers.SGD(1e-3), "mse", engine=engine)
        model.fit(x, y, batch_size=64, epochs=5, verbose=0)
        found.append([np.asarray(w.value) for w in model.weights])
        if engine == "native":
            session = next(iter(model.training_step(Batch(x[:64], y[:64])).sessions.values()))
            first = session._instances["first"].plan.instructions
            bodies = [i.body for i in first if isinstance(i, Parallel)]
            notes = [g.words[6] for body in bodies for g in noted(list(body))]
            assert notes
            assert {note.buffer.role for note in notes} == {"slice"}
    for weights in found[1:]:
        assert [w.tobytes() for w in weights] == [w.tobytes() for w in found[1]]
        for a, b in zip(weights, found[0], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_the_result_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for worth in (1 << 14, 1 << 60):
        monkeypatch.setattr(ahead, "WORTH_BYTES", worth)
        model, _ = trained(200, 32)
        found.append([np.asarray(w.value).tobytes() for w in model.weights])
    assert found[0] == found[1]
