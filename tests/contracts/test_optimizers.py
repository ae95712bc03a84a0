"""What every optimizer of gradients fulfils; those of the curvature have test_second_order.py."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from glassnet import optimizers, schedules
from glassnet.engines import Program
from glassnet.graph import Placeholder, Variable, recording
from glassnet.graph.validity import check_graph
from glassnet.optimizers import OPTIMIZERS
from glassnet.optimizers.second_order import SecondOrder
from glassnet.registry import deserialize, serialize

NAMES = [n for n, c in OPTIMIZERS.entries.items() if not issubclass(c, SecondOrder)]
# Adadelta's first steps are of the size of √ε; the paper's rate is 1 and takes its time.
RATES = {"Adadelta": 50.0, "Adagrad": 0.5, "Ftrl": 0.5}


def make(name: str, **arguments: Any) -> Any:
    return OPTIMIZERS.entries[name](learning_rate=RATES.get(name, 0.05), **arguments)


def weights(dtype: str = "float32") -> list[Variable]:
    made = [
        Variable(np.array([[1.0, -2.0, 0.5], [0.3, 1.5, -1.0]]), dtype=dtype, name="kernel"),
        Variable(np.array([0.5, -1.0]), dtype=dtype, name="bias"),
    ]
    for variable in made:
        variable.path = f"dense/{variable.name}"
    return made


def bowl(variables: list[Variable]) -> float:
    """Σ c w² / 2 with curvatures from 0.5 to 3."""
    return sum(float((curvature(v) * v.value**2).sum()) / 2 for v in variables)


def curvature(variable: Variable) -> np.ndarray:
    return np.linspace(0.5, 3, variable.value.size).reshape(variable.value.shape)


def descend(optimizer: Any, variables: list[Variable], steps: int) -> None:
    for _ in range(steps):
        grads = [(curvature(v) * v.value).astype(v.dtype) for v in variables]
        optimizer.apply(grads, variables)


@pytest.mark.parametrize("name", NAMES)
def test_it_descends_a_bowl(name: str) -> None:
    variables = weights()
    before = bowl(variables)
    descend(make(name), variables, 200)
    assert bowl(variables) < 0.05 * before


@pytest.mark.parametrize("name", NAMES)
def test_equal_runs_are_bitwise_equal(name: str) -> None:
    first, second = weights(), weights()
    descend(make(name), first, 20)
    descend(make(name), second, 20)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.value, b.value)


@pytest.mark.parametrize("name", NAMES)
def test_json_and_back(name: str) -> None:
    optimizer = make(name, weight_decay=0.01, clipnorm=1.0, use_ema=True)
    saved = json.loads(json.dumps(serialize(optimizer)))
    again = deserialize(saved)
    assert type(again) is type(optimizer)
    assert serialize(again) == saved
    first, second = weights(), weights()
    descend(optimizer, first, 3)
    descend(again, second, 3)
    np.testing.assert_array_equal(first[0].value, second[0].value)


@pytest.mark.parametrize("name", NAMES)
def test_a_schedule_is_saved_with_it(name: str) -> None:
    schedule = schedules.ExponentialDecay(0.1, 10, 0.5)
    optimizer = OPTIMIZERS.entries[name](schedule)
    again = deserialize(json.loads(json.dumps(serialize(optimizer))))
    assert again.learning_rate.item() == pytest.approx(0.1)
    descend(again, weights(), 10)
    assert again.learning_rate.item() == pytest.approx(0.05)


EVERYTHING = {
    "weight_decay": 0.01,
    "global_clipnorm": 1.0,
    "use_ema": True,
    "ema_overwrite_frequency": 3,
    "gradient_accumulation_steps": 2,
    "loss_scale_factor": 2.0,
}


@pytest.mark.parametrize("arguments", [{}, EVERYTHING], ids=["plain", "everything"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_dtypes_stay(name: str, dtype: str, arguments: dict[str, Any]) -> None:
    variables = weights(dtype)
    optimizer = make(name, **arguments)
    descend(optimizer, variables, 2)
    assert {v.dtype.name for v in variables} == {v.value.dtype.name for v in variables} == {dtype}
    for state in optimizer.variables:
        assert state.value.dtype == state.dtype
        if "dense" in state.path:
            assert state.dtype == dtype


@pytest.mark.parametrize("name", NAMES)
def test_float64_is_computed_in_float64(name: str) -> None:
    # The same run in float32 differs by rounding; a float64 run that went through float32 would
    # not differ from it by so much as this.
    low, high = weights("float32"), weights("float64")
    for variables in (low, high):
        descend(make(name), variables, 5)
    difference = np.abs(low[0].value.astype(np.float64) - high[0].value).max()
    assert 0 < difference < 1e-3
    assert (high[0].value != high[0].value.astype(np.float32)).any()


@pytest.mark.parametrize("arguments", [{}, EVERYTHING], ids=["plain", "everything"])
@pytest.mark.parametrize("name", NAMES)
def test_in_a_recording_it_notes_and_changes_nothing(name: str, arguments: dict[str, Any]) -> None:
    recorded, eager = weights(), weights()
    ours, other = make(name, **arguments), make(name, **arguments)
    holes = [Placeholder(v.shape, v.dtype, name="g") for v in recorded]
    start = [v.value.copy() for v in recorded]
    with recording() as opened:
        ours.apply(holes, recorded)
    check_graph(list(opened.updates.values()), holes)
    for variable, value in zip(recorded, start, strict=True):
        np.testing.assert_array_equal(variable.value, value)
    program = Program(holes, list(opened.updates.values()))
    rng = np.random.default_rng(0)
    for _ in range(4):
        grads = [rng.normal(size=v.value.shape).astype(np.float32) for v in recorded]
        values = program.run(*grads)
        for variable, value in zip(opened.updates, values, strict=True):
            variable.replace_array(np.array(value))
        other.apply(grads, eager)
    for a, b in zip([*recorded, *ours.variables], [*eager, *other.variables], strict=True):
        np.testing.assert_array_equal(a.value, b.value, err_msg=a.path)


@pytest.mark.parametrize("name", NAMES)
def test_state_can_be_taken_to_another_optimizer(name: str) -> None:
    variables, others = weights(), weights()
    first, second = make(name), make(name)
    descend(first, variables, 5)
    for other, variable in zip(others, variables, strict=True):
        other.assign(variable.value)
    second.build(others)
    second.set_weights([v.value for v in first.variables])
    descend(first, variables, 5)
    descend(second, others, 5)
    for a, b in zip(variables, others, strict=True):
        np.testing.assert_array_equal(a.value, b.value)


@pytest.mark.parametrize("name", NAMES)
def test_by_name_and_documented(name: str) -> None:
    cls = OPTIMIZERS.entries[name]
    assert type(optimizers.get(name)) is cls
    assert type(optimizers.get(name.lower())) is cls
    assert "Source" in cls.__doc__
    assert "Args:" in cls.__doc__
    assert cls().learning_rate.shape == ()


@pytest.mark.parametrize("name", NAMES)
def test_a_failing_update_changes_nothing(name: str) -> None:
    variables = weights()
    optimizer = make(name)
    descend(optimizer, variables, 2)
    kept = [v.value.copy() for v in (*variables, *optimizer.variables)]
    with pytest.raises(ValueError, match="'dense/bias' has shape"):
        optimizer.apply([np.zeros((2, 3)), np.zeros(3)], variables)
    with pytest.raises(ValueError, match="gradient of 'dense/kernel' is None"):
        optimizer.apply([None, np.zeros(2)], variables)
    for variable, value in zip((*variables, *optimizer.variables), kept, strict=True):
        np.testing.assert_array_equal(variable.value, value)
