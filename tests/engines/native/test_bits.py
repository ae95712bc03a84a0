"""Bitwise the same: repeated, on any number of threads, shuffled, cut, taken up again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")
from networks_drawn import Case, drawn
from thorough import first

import glassnet as gn
from glassnet import callbacks, layers
from glassnet.engines import Program
from glassnet.engines.native import crew, planning, stages
from glassnet.engines.native.instance import Instance
from glassnet.engines.native.program import address
from glassnet.graph import Dim, Placeholder
from glassnet.ops import matmul, tanh

SEEDS = (4, 7, 11, 25, 3, 30, 33)
"""Tables, images, sequences, volumes, two inputs; noise and batch normalization among them.

The first four have all of it; the others are tried with ``--thorough``.
"""
ALWAYS = 4
AVERAGED = (25,)
"""Networks at the end of whose training the weights become their moving averages."""


def prepared(seed: int) -> Case:
    case = drawn(seed)
    case.model.engine = "native"
    return case


def everything(model: Any) -> list[bytes]:
    """The bytes of all that training changes, and of its history."""
    kept = (
        *model.weights,
        *model.optimizer.variables,
        *(v for m in model.metrics for v in m.variables),
    )
    history = [np.asarray(v).tobytes() for v in model.history.history.values()]
    return [*(np.asarray(v.value).tobytes() for v in kept), *history]


def fitted(case: Case, epochs: int = 4, **options: Any) -> list[bytes]:
    """Train, with shuffling; return all bytes."""
    gn.utils.set_random_seed(1)
    given = {"sample_weight": case.weights, "batch_size": case.batch, "verbose": 0}
    case.model.fit(case.x, case.y, epochs=epochs, **given, **options)
    return everything(case.model)


@pytest.fixture(params=["whole", "lanes", "slices"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Cut plans so."""
    monkeypatch.setattr(crew, "cores", lambda: 1)
    if request.param != "whole":
        cut(monkeypatch, 2 if request.param == "lanes" else 1)
    return str(request.param)


def cut(patch: pytest.MonkeyPatch, lanes: int) -> None:
    """Cut every plan into so many lanes of slices of one example."""
    patch.setattr(planning, "WORTH_OPERATIONS", 0)
    patch.setattr(planning, "SHARED_ENTRIES", 16)
    patch.setattr(stages, "lanes_for", lambda batch: lanes if batch % lanes == 0 else 1)
    patch.setattr(planning, "slice_size", lambda rows, each, weights: 1)


@pytest.mark.parametrize("seed", first(ALWAYS, SEEDS))
def test_repeated(seed: int, way: str) -> None:
    assert fitted(prepared(seed)) == fitted(prepared(seed))


@pytest.mark.parametrize("seed", first(ALWAYS, SEEDS))
def test_any_number_of_threads(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    cut(monkeypatch, 4)
    found = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(crew, "cores", lambda threads=threads: threads)
        found.append(fitted(prepared(seed), epochs=2))
    assert found[0] == found[1] == found[2]


def test_threads_of_an_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    """One plan, its clusters shared and its batch dealt, on one to four threads."""
    cut(monkeypatch, 4)
    m = Dim.named("m")
    x, y = Placeholder((m, 300), np.float32), Placeholder((300, 40), np.float32)
    program = Program([x, y], [tanh(matmul(x, y)), (tanh(x) ** 2).sum(0), tanh(y)])
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s).astype("float32") for s in ((64, 300), (300, 40))]
    given = program.prepare(*arrays)
    plan = planning.Planner(program.inputs, program.outputs, program.sizes_of(given)).plan()
    assert plan.parts == 8
    found = []
    for threads in (1, 2, 4):
        instance = Instance(plan, threads)
        assert instance.threads == threads
        for value, array in zip(plan.inputs, given, strict=True):
            if value is not None:
                instance.bind(value, address(array))
        outputs = [np.empty(v.shape, v.dtype) for v in plan.outputs]
        for value, array in zip(plan.outputs, outputs, strict=True):
            instance.bind(value, address(array))
        for _ in range(20):
            instance.run()
        found.append([a.tobytes() for a in outputs])
    assert found[0] == found[1] == found[2]
    for array, expected in zip(outputs, program.run(*arrays), strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("seed", first(ALWAYS, [s for s in SEEDS if s not in AVERAGED]))
def test_taken_up_at_an_epoch(seed: int, way: str) -> None:
    """Epochs 1 to 4 at once, and 1, 2, then 3, 4: the same weights and optimizer state."""
    whole, parts = prepared(seed), prepared(seed)
    at_once = fitted(whole)
    fitted(parts, epochs=2)
    in_parts = fitted(parts, initial_epoch=2)
    count = len(whole.model.weights) + len(whole.model.optimizer.variables)
    assert in_parts[:count] == at_once[:count]


class Killed(Exception):
    """What a run dies of."""


@pytest.mark.parametrize("every", ["epoch", 3])
def test_backup_taken_up(every: Any, tmp_path: Path) -> None:
    """A run that dies goes on from its backup, in another model, to the same bits."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(42, 3)).astype("float32")
    y = np.sin(x.sum(1, keepdims=True))

    def network() -> Any:
        gn.utils.clear_session()
        gn.utils.set_random_seed(1)
        model = gn.Sequential(
            [
                gn.Input((3,)), layers.Dense(6, "tanh"), layers.BatchNormalization(),
                layers.Dropout(0.2), layers.Dense(1),
            ]
        )  # fmt: skip
        model.compile("adam", "mse", metrics=["mae"], engine="native")
        return model

    def fit(model: Any, folder: str, dies: int = -1) -> None:
        gn.utils.set_random_seed(2)

        def die(epoch: int, logs: Any) -> None:
            if epoch == dies:
                raise Killed

        backup = callbacks.BackupAndRestore(tmp_path / folder, save_freq=every)
        hooks = [backup, callbacks.LambdaCallback(on_epoch_end=die)]
        model.fit(x, y, batch_size=8, epochs=6, verbose=0, callbacks=hooks)

    whole, first, second = network(), network(), network()
    fit(whole, "whole")
    with pytest.raises(Killed):
        fit(first, "killed", dies=3)
    fit(second, "killed")
    count = len(whole.weights) + len(whole.optimizer.variables)
    assert everything(second)[:count] == everything(whole)[:count]
    assert vars(second.progress) == vars(whole.progress)
