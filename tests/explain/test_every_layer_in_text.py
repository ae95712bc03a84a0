"""Every registered layer, and ops that no layer uses, in a small network: text equals run."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn import scatter
from witness import NOTATIONS, TOLERANCE, differences, engine, in_float64

import glassnet as gn
from glassnet import layers, ops
from glassnet.layers import LAYERS

CONTRACTS = Path(__file__).parents[1] / "contracts" / "layer_cases.py"


def contract_cases() -> dict[str, list[Any]]:
    """Return the trials of the contract tests."""
    import sys

    spec = importlib.util.spec_from_file_location("layer_cases", CONTRACTS)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules.setdefault("layer_cases", importlib.util.module_from_spec(spec))
    if not hasattr(module, "CASES"):
        spec.loader.exec_module(module)
    return module.CASES


CASES = contract_cases()
TRIALS = [
    (name, place)
    for name, cases in CASES.items()
    for place, case in enumerate(cases)
    if not any(isinstance(value, np.ndarray) for value in case.call.values())
]


@pytest.fixture(autouse=True)
def _float64():
    with in_float64():
        gn.utils.set_random_seed(0)
        yield


def around(middle: Any, case: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """Return a network with a dense layer behind ``middle``, and its input."""
    shapes = case.shape if isinstance(case.shape, list) else [case.shape]
    data = [case.draw(rng, (5, *shape[1:])) for shape in shapes]
    data = [a.astype("float64") if a.dtype.kind == "f" else a.astype("int64") for a in data]
    inputs = [gn.Input(a.shape[1:], dtype=str(a.dtype)) for a in data]
    h = middle(inputs if isinstance(case.shape, list) else inputs[0])
    h = layers.Dense(2, "tanh")(layers.Flatten()(h))
    model = gn.Model(inputs if len(inputs) > 1 else inputs[0], h)
    return model, data if len(data) > 1 else data[0]


def check(model: Any, x: Any) -> None:
    rng = np.random.default_rng(1)
    model.compile("sgd", "mse")
    scatter(model, rng)
    y = rng.normal(size=(5, 2))
    expected = engine(model, x, y)
    for notation in NOTATIONS:
        found = differences(model.derive(x, y, notation=notation), x, y, expected)
        assert all(error < TOLERANCE for error in found.values()), (notation, found)


@pytest.mark.parametrize(("name", "place"), TRIALS, ids=[f"{n}-{i}" for n, i in TRIALS])
def test_layer(name, place):
    case = CASES[name][place]
    layer = LAYERS.entries[name](**case.arguments)
    if case.prepare is not None:
        case.prepare(layer)
    check(*around(layer, case, np.random.default_rng(0)))


def test_every_layer_is_tried():
    models = {"Model", "Sequential"}
    assert set(LAYERS.entries) - {name for name, _ in TRIALS} - models == set()


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (lambda x: ops.einsum("mij,mkj->mik", x, x), (4, 3)),
        (lambda x: ops.take(x, [2, 0, 2], axis=1), (4, 3)),
        (lambda x: ops.take_along_axis(x, ops.argsort(x, axis=-1), axis=-1), (4, 3)),
        (lambda x: ops.top_k(x, 2)[0], (5,)),
        (lambda x: ops.sort(x, axis=1), (4, 3)),
        (lambda x: x[:, 1::2, ::-1], (4, 3)),
        (lambda x: ops.cumsum(x, axis=1), (4, 3)),
        (lambda x: ops.cumprod(x, axis=1), (4,)),
        (lambda x: ops.logsumexp(x, axis=1, keepdims=True) * x, (4,)),
        (lambda x: ops.where(x > 0, ops.sin(x), ops.cos(x)), (4,)),
        (lambda x: ops.flip(x, axis=1) * ops.roll(x, 1, axis=1), (4,)),
        (lambda x: ops.stack([x, ops.exp(x)], axis=1), (4,)),
        (lambda x: ops.var(x, axis=1, keepdims=True) + ops.max(x, axis=1, keepdims=True), (4,)),
        (lambda x: ops.matmul(x, ops.transpose(x, (0, 2, 1))), (4, 3)),
        (lambda x: ops.prod(x, axis=1, keepdims=True) * ops.norm(x, axis=1, keepdims=True), (4,)),
    ],
)
def test_function_between_layers(function, shape):
    rng = np.random.default_rng(0)
    inputs = gn.Input(shape)
    h = layers.Dense(shape[-1])(inputs)
    h = layers.Dense(2, "tanh")(layers.Flatten()(function(h)))
    check(gn.Model(inputs, h), rng.normal(size=(5, *shape)))


@pytest.mark.parametrize(
    "behind",
    [
        lambda h: layers.GlobalAveragePooling1D()(h),
        lambda h: layers.GlobalAveragePooling1D()(layers.LayerNormalization()(h)),
        lambda h: layers.Flatten()(layers.BatchNormalization()(h)),
    ],
)
def test_masked_steps(behind):
    """Words of number 0 do not count."""
    inputs = gn.Input((4,), dtype="int64")
    h = behind(layers.Embedding(6, 3, mask_zero=True)(inputs))
    words = np.random.default_rng(0).integers(1, 6, (5, 4))
    words[0, 2:] = words[3, 1:] = 0
    check(gn.Model(inputs, layers.Dense(2)(h)), words)
