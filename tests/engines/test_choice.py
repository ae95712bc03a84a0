"""Which engine `auto` takes: NumPy where a run is short, kernels where they pay; a line says so."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba", reason="the native engine needs Numba")

import glassnet as gn
from glassnet.cli.recipes import RECIPES
from glassnet.engines import choice
from glassnet.engines.native import compiler, crew
from glassnet.engines.native.session import Session

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
Y = np.array([[0], [1], [1], [0]], np.float32)


class Compiles(Exception):
    """A run went on to compile its kernels."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that never compiled anything; who begins to is stopped."""
    monkeypatch.setenv("GLASSNET_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(compiler, "_addresses", {})
    monkeypatch.setattr(crew, "cores", lambda: 2)
    choice._something_is_compiled.cache_clear()

    def stop(session: Session) -> None:
        raise Compiles

    monkeypatch.setattr(Session, "ready", stop)
    yield tmp_path
    choice._something_is_compiled.cache_clear()


def network(engine: str = "auto") -> gn.Model:
    layers = [gn.Input((2,)), gn.layers.Dense(4, "tanh"), gn.layers.Dense(1, "sigmoid")]
    model = gn.Sequential(layers)
    model.compile("adam", "binary_crossentropy", engine=engine)
    return model


def test_a_short_run_compiles_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = network()
    model.fit(X, Y, epochs=20, verbose=2)
    model.evaluate(X, Y, verbose=0)
    model.predict(X, verbose=0)
    assert "ompil" not in capsys.readouterr().out
    assert list(place.iterdir()) == []


def test_a_long_run_compiles_and_says_so(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Compiles):
        network().fit(X, Y, epochs=1_000_000, verbose=1)
    (line,) = capsys.readouterr().out.splitlines()
    said = re.fullmatch(r"Compiling (\d+) kernels, once for this machine: about (\d+) s\.", line)
    assert said is not None
    assert 20 < int(said[1]) < 100
    with pytest.raises(Compiles):
        network().fit(X, Y, epochs=1_000_000, verbose=0)
    assert capsys.readouterr().out == ""


def test_a_wait_that_is_short_is_not_told(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiler, "missing", lambda kernels: ["elementwise.add:f4:f4:f4"])
    monkeypatch.setattr(compiler, "SECONDS_TO_START", 0.0)
    with pytest.raises(Compiles):
        network("native").fit(X, Y, epochs=1, verbose=1)
    assert capsys.readouterr().out == ""


def seconds_of_fit(name: str) -> tuple[float, Callable[[], Any]]:
    """What a built-in problem's run would take NumPy, and the run itself."""
    recipe = RECIPES[name]
    (x, y), _ = recipe.load()
    model = recipe.compiled(x, recipe.epochs, recipe.batch_size)
    model.engine = "auto"
    step = model.training_step(gn.models.data.Batch(x[:4], y[:4], None))
    steps = -(-len(x) // recipe.batch_size) * recipe.epochs
    seconds = step.program.seconds({"m": recipe.batch_size}) * steps

    def run() -> Any:
        return model.fit(x, y, epochs=recipe.epochs, batch_size=recipe.batch_size, verbose=0)

    return seconds, run


def test_the_demo_is_worth_its_kernels(place: Path) -> None:
    seconds, run = seconds_of_fit("mnist")
    assert seconds > choice.COLD_SECONDS
    with pytest.raises(Compiles):
        run()


def test_a_run_of_a_second_is_not(place: Path) -> None:
    seconds, run = seconds_of_fit("xor")
    assert seconds < choice.COLD_SECONDS / 10
    run()
    assert list(place.iterdir()) == []


def test_the_price_is_twice_what_compiling_takes(place: Path) -> None:
    kernels = ["executor.run", "products.few:f4", "elementwise.add:f4:f4:f4"]
    compiling = compiler.compile_time_estimate(kernels)
    planning = choice.price([], 100)
    assert planning == pytest.approx(100 * choice.PLANNING_SECONDS)
    assert choice.price(kernels, 100) == pytest.approx(planning + 2 * compiling)
    above = choice.price(kernels, 100) * 1.01
    assert choice.is_worth("auto", kernels, 100, above)
    assert not choice.is_worth("auto", kernels, 100, compiling * 1.9)
    assert choice.is_worth("native", kernels, 100, 0.0)


def test_after_a_long_run_short_ones_find_the_kernels(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = 10 * choice.PLANNING_SECONDS * 1.1
    assert not choice.may_be_worth("auto", 10, short)
    with pytest.raises(Compiles):
        network().fit(X, Y, epochs=1_000_000, verbose=0)
    monkeypatch.setattr(compiler, "missing", lambda kernels: [])  # what it was about to compile
    assert choice.may_be_worth("auto", 10, short)
    assert not choice.may_be_worth("auto", 10, short / 2)


def test_two_processes_halve_the_price_and_a_core_alone_does_not(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernels = [f"reduction.a{k}:f4" for k in range(24)]
    monkeypatch.setattr(crew, "cores", lambda: 1)
    alone = compiler.compile_time_estimate(kernels)
    work = 24 * compiler.SECONDS_PER_KERNEL
    assert alone == pytest.approx(work + compiler.SECONDS_TO_START, abs=compiler.SECONDS_TO_START)
    monkeypatch.setattr(crew, "cores", lambda: 2)
    assert 0.5 * alone < compiler.compile_time_estimate(kernels) < 0.7 * alone
