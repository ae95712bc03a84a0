"""What every initializer fulfils."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from glassnet import config, initializers
from glassnet.graph import Variable
from glassnet.initializers import INITIALIZERS, RandomInitializer
from glassnet.registry import deserialize, serialize

SHAPE = (6, 4)
NAMES = list(INITIALIZERS.entries)
RANDOM = [n for n in NAMES if issubclass(INITIALIZERS.entries[n], RandomInitializer)]


def make(name: str, **arguments: Any) -> Any:
    given = {"value": np.arange(24.0).reshape(SHAPE)} if name == "Given" else {}
    return INITIALIZERS.entries[name](**given, **arguments)


@pytest.mark.parametrize("name", NAMES)
def test_json_and_back(name: str) -> None:
    brick = make(name, seed=3) if name in RANDOM else make(name)
    saved = json.loads(json.dumps(serialize(brick)))
    again = deserialize(saved)
    assert type(again) is type(brick)
    assert serialize(again) == saved
    np.testing.assert_array_equal(again(SHAPE).numpy(), brick(SHAPE).numpy())


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_shape_dtype_and_repetition(name: str, dtype: str) -> None:
    brick = make(name)
    value = brick(SHAPE, dtype)
    assert value.shape == SHAPE
    assert value.dtype == dtype
    assert np.isfinite(value.numpy()).all()
    np.testing.assert_array_equal(brick(SHAPE, dtype).numpy(), value.numpy())
    assert brick(SHAPE).dtype == config.floatx()


@pytest.mark.parametrize("name", RANDOM)
def test_seeds(name: str) -> None:
    first = make(name, seed=1)(SHAPE, "float64").numpy()
    assert (make(name, seed=1)(SHAPE, "float64").numpy() == first).all()
    assert (make(name, seed=2)(SHAPE, "float64").numpy() != first).any()
    rounded = make(name, seed=1)(SHAPE, "float32").numpy()
    np.testing.assert_array_equal(rounded, first.astype(np.float32))
    assert len(np.unique(first)) == first.size


@pytest.mark.parametrize("name", RANDOM)
def test_without_a_seed_the_global_one_decides(name: str) -> None:
    config.set_random_seed(5)
    one, two = make(name), make(name)
    assert (one(SHAPE).numpy() != two(SHAPE).numpy()).any()
    config.set_random_seed(5)
    np.testing.assert_array_equal(make(name)(SHAPE).numpy(), one(SHAPE).numpy())
    assert one.get_config()["seed"] is None


@pytest.mark.parametrize("seed", [-1, 1.5, "a", True])
@pytest.mark.parametrize("name", RANDOM)
def test_a_wrong_seed_is_refused(name: str, seed: Any) -> None:
    with pytest.raises(ValueError, match="seed must be an integer of at least 0"):
        make(name, seed=seed)


@pytest.mark.parametrize("name", NAMES)
def test_by_name_and_in_a_variable(name: str) -> None:
    if name != "Given":
        assert type(initializers.get(name)) is INITIALIZERS.entries[name]
    variable = Variable(make(name), SHAPE, "float64")
    assert variable.shape == SHAPE
    assert variable.dtype == np.float64


@pytest.mark.parametrize("name", NAMES)
def test_documented(name: str) -> None:
    assert len(INITIALIZERS.entries[name].__doc__ or "") > 15


@pytest.mark.parametrize("shape", [(2, None), (2, -1), (2.5,)])
@pytest.mark.parametrize("name", NAMES)
def test_a_shape_that_is_not_known_is_refused(name: str, shape: Any) -> None:
    with pytest.raises(ValueError, match="shape of integers"):
        make(name)(shape)
