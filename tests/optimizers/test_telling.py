"""The narrator: what verbose=2 says of the steps of second-order optimizers."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

import glassnet as gn
from glassnet.callbacks.messages import writable
from glassnet.optimizers.second_order import Move
from glassnet.optimizers.second_order.telling import told

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
Y = np.array([[0], [1], [1], [0]], "float32")


def network(optimizer: object) -> gn.Sequential:
    gn.utils.set_random_seed(1)
    model = gn.Sequential(
        [gn.Input((2,)), gn.layers.Dense(2, "tanh"), gn.layers.Dense(1, "sigmoid")]
    )
    model.compile(optimizer, "binary_crossentropy")
    return model


def move(**known: object) -> Move:
    given: dict[str, object] = {"x": np.zeros(1), "before": 2.0, "after": 1.5, "slope": 4.0}
    return Move(**{**given, **known})  # type: ignore[arg-type]


def test_the_numbers() -> None:
    assert told(move()) == "decrease 0.5; gradient 4; rate 1"
    found = told(move(predicted=0.25, rate=0.5, damping=0.01))
    assert found == "decrease 0.5, predicted 0.25; gradient 4; rate 0.5; damping 0.01"
    assert told(move(after=5.0, predicted=-3.0)).startswith(
        "increase 3, predicted an increase of 3;"
    )


def test_eigenvalues_that_are_zero_but_for_rounding_are_not_called_negative() -> None:
    assert told(move(eigenvalues=np.array([-2.0, -1.0, 3.0]))).splitlines()[1] == (
        "eigenvalues -2 to 3, 2 of 3 negative"
    )
    assert told(move(eigenvalues=np.array([-1e-9, 3.0]))).endswith("none negative")
    assert told(move(eigenvalues=np.array([-5.0]))).endswith("\ncurvature -5")
    assert told(move(eigenvalues=np.zeros(3))).endswith("none negative")


def test_notes_are_lines_of_their_own() -> None:
    found = told(move(notes=["a step was refused.", "word " * 30])).splitlines()
    assert found[1] == "a step was refused"
    assert found[3].startswith("  word")
    assert max(map(len, found)) < 100


def test_fit_tells_each_step_below_its_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    model = network(gn.optimizers.Newton(damping=1e-3))
    model.fit(X, Y, batch_size=4, epochs=2, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    epochs = [i for i, line in enumerate(lines) if line.startswith("Epoch ")]
    assert len(epochs) == 2
    assert all(line.startswith("    ") for i, line in enumerate(lines) if i not in epochs)
    first = lines[epochs[0] + 1 : epochs[1]]
    assert first[0].startswith("    decrease ")
    assert "eigenvalues " in first[1]
    assert "negative" in first[1]
    last = model.optimizer.last
    assert lines[epochs[1] + 1 :] == ["    " + line for line in told(last).splitlines()]


def test_several_steps_are_numbered(capsys: pytest.CaptureFixture[str]) -> None:
    model = network("levenberg_marquardt")
    model.fit(X, Y, batch_size=2, epochs=2, verbose=2)
    told_steps = [
        x.split(":")[0].strip() for x in capsys.readouterr().out.splitlines() if "step " in x
    ]
    assert [x for x in told_steps if x.startswith("step")] == ["step 1", "step 2"] * 2


def test_nothing_is_told_unasked(capsys: pytest.CaptureFixture[str]) -> None:
    network("newton").fit(X, Y, verbose=1)
    network("adam").fit(X, Y, verbose=2)
    assert len(capsys.readouterr().out.splitlines()) == 2
    network("newton").fit(X, Y, verbose=0)
    assert capsys.readouterr().out == ""


def test_minimize_tells_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    found = gn.minimize(lambda x: x[0] ** 2 - x[1] ** 2 + x[1] ** 4, [1.0, 0.1], verbose=2)
    text = capsys.readouterr().out
    for step in found.moves:
        for line in told(step).splitlines():
            assert line in text
    assert "was reflected" in " ".join(text.split())


def test_an_output_without_the_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert writable("dᵀHd = 2") == "d?Hd = 2"
