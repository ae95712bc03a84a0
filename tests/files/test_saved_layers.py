"""Every registered layer comes back from a file: new layers are tried here unasked."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path

import numpy as np
import pytest

import glassnet as gn
from glassnet.layers.base import LAYERS
from glassnet.models.saving import SavedModel
from glassnet.nest import flatten

sys.path.insert(0, str(Path(__file__).parents[1] / "contracts"))
layer_cases = importlib.import_module("layer_cases")
sys.path.pop(0)

TRIALS = [(name, i) for name, cases in layer_cases.CASES.items() for i in range(len(cases))]


def test_every_layer_is_tried() -> None:
    layers = {n for n, cls in LAYERS.entries.items() if not issubclass(cls, SavedModel)}
    concrete = {n for n in layers if not inspect.isabstract(LAYERS.entries[n])}
    assert concrete == set(layer_cases.CASES)


@pytest.mark.parametrize(("name", "number"), TRIALS)
def test_a_layer_comes_back(tmp_path: Path, name: str, number: int) -> None:
    case = layer_cases.CASES[name][number]
    rng = np.random.default_rng(0)
    several = isinstance(case.shape, list)
    shapes = case.shape if several else [case.shape]
    data = [case.draw(rng, shape) for shape in shapes]
    data = [d.astype(np.float32) if d.dtype.kind == "f" else d for d in data]
    inputs = [gn.Input(d.shape[1:], dtype=d.dtype) for d in data]
    layer = LAYERS.entries[name](**case.arguments)
    if case.prepare is not None:
        case.prepare(layer)
    arrays = {k: v for k, v in case.call.items() if isinstance(v, np.ndarray)}
    extra = {k: gn.Input(v.shape[1:], dtype=v.dtype) for k, v in arrays.items()}
    outputs = layer(inputs if several else inputs[0], **{**case.call, **extra})
    model = gn.Model([*inputs, *extra.values()], outputs)
    for weight in model.weights:
        if weight.dtype.kind == "f":
            weight.assign(weight.value + rng.uniform(0.1, 0.5, weight.shape).astype(weight.dtype))
    path = tmp_path / "layer.safetensors"
    model.save(path)
    again = gn.load(path)
    given = [*data, *arrays.values()]
    expected, found = (flatten(m.predict_on_batch(given)) for m in (model, again))
    assert [f.tobytes() for f in found] == [e.tobytes() for e in expected]
    assert [(w.trainable, w.dtype) for w in again.weights] == [
        (w.trainable, w.dtype) for w in model.weights
    ]
    assert again.to_json() == model.to_json()
