"""What every schedule fulfils."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from glassnet.engines import Program
from glassnet.graph import Placeholder, Variable
from glassnet.graph.validity import check_graph
from glassnet.registry import deserialize, serialize
from glassnet.schedules import SCHEDULES

ARGUMENTS: dict[str, dict[str, Any]] = {
    "ExponentialDecay": {"initial_learning_rate": 0.5, "decay_steps": 7, "decay_rate": 0.9},
    "InverseTimeDecay": {"initial_learning_rate": 0.5, "decay_steps": 7, "decay_rate": 0.9},
    "PolynomialDecay": {"initial_learning_rate": 0.5, "decay_steps": 7, "power": 2.0},
    "PiecewiseConstantDecay": {"boundaries": [3, 9], "values": [0.5, 0.2, 0.1]},
    "CosineDecay": {"initial_learning_rate": 0.5, "decay_steps": 7},
    "CosineDecayRestarts": {"initial_learning_rate": 0.5, "first_decay_steps": 7},
}
NAMES = list(SCHEDULES.entries)


def make(name: str) -> Any:
    return SCHEDULES.entries[name](**ARGUMENTS[name])


@pytest.mark.parametrize("name", NAMES)
def test_json_and_back(name: str) -> None:
    saved = json.loads(json.dumps(serialize(make(name))))
    assert saved["kind"] == "schedule"
    again = deserialize(saved)
    assert serialize(again) == saved
    assert again(5).item() == make(name)(5).item()


@pytest.mark.parametrize("name", NAMES)
def test_symbolic_and_concrete_steps_agree(name: str) -> None:
    step = Placeholder((), np.int64, name="step")
    rate = make(name)(step)
    check_graph([rate], [step])
    program = Program([step], [rate])
    for t in (0, 1, 3, 4, 7, 8, 100, 10**9):
        (found,) = program.run(np.int64(t))
        assert found.dtype == np.float32
        assert found == make(name)(t).numpy()
        assert np.isfinite(found)
    assert make(name)(Variable(4, dtype="int64")).numpy() == make(name)(4).numpy()


@pytest.mark.parametrize("name", NAMES)
def test_it_starts_at_its_first_rate_and_never_exceeds_it(name: str) -> None:
    rates = [make(name)(t).item() for t in range(60)]
    assert rates[0] == 0.5
    assert max(rates) == 0.5
    assert min(rates) >= 0
    assert rates[6] < 0.5


@pytest.mark.parametrize("name", NAMES)
def test_documented(name: str) -> None:
    assert ">>>" in (SCHEDULES.entries[name].__doc__ or "")


@pytest.mark.parametrize("steps", [0, -3])
@pytest.mark.parametrize("name", [n for n in NAMES if n != "PiecewiseConstantDecay"])
def test_steps_must_be_positive(name: str, steps: int) -> None:
    key = "first_decay_steps" if name == "CosineDecayRestarts" else "decay_steps"
    with pytest.raises(ValueError, match=f"{key}: expected a number above 0"):
        SCHEDULES.entries[name](**{**ARGUMENTS[name], key: steps})
