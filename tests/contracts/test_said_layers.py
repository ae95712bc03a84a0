"""Every layer and activation is said in Keras and in PyTorch, or refused for a reason given here.

That the programs give the same numbers is shown in ``parity/test_sources.py``, where both are run.
"""

import ast

import numpy as np
import pytest
from layer_cases import CASES

import glassnet as gn
from glassnet.explain.code.keras_source import keras_source
from glassnet.explain.code.torch_activations import NOT_NAMED, TABLE
from glassnet.explain.code.torch_layers import rule
from glassnet.explain.code.torch_source import torch_source

WRITERS = {"keras": keras_source, "torch": torch_source}
REFUSED: dict[str, dict[str, str]] = {"keras": {}, "torch": {}}
"""Layers that a framework can't say, and why."""

NAMES = [
    name
    for name, cls in gn.layers.LAYERS.entries.items()
    if cls.__module__.startswith("glassnet.layers.")
]
TRIALS = [
    pytest.param(name, case, id=f"{name}-{i}")
    for name in NAMES
    for i, case in enumerate(CASES.get(name, ()))
]


def model_of(name, case):
    """A model of one layer; arrays that it is called with beside its input are inputs too."""
    gn.utils.clear_session()
    rng = np.random.default_rng(1)
    layer = gn.layers.LAYERS.entries[name](**case.arguments)
    if case.prepare is not None:
        case.prepare(layer)
    shapes = case.shape if isinstance(case.shape, list) else [case.shape]
    kinds = ["float32" if case.draw(rng, s).dtype.kind == "f" else "int32" for s in shapes]
    given = [gn.Input(s[1:], dtype=k) for s, k in zip(shapes, kinds, strict=True)]
    arrays = {k: v for k, v in case.call.items() if isinstance(v, np.ndarray)}
    more = {k: gn.Input(v.shape[1:], dtype=v.dtype.name, name=k) for k, v in arrays.items()}
    out = layer(given if isinstance(case.shape, list) else given[0], **more)
    inputs = [*given, *more.values()]
    return gn.Model(inputs if len(inputs) > 1 else inputs[0], out)


@pytest.mark.parametrize("framework", WRITERS)
@pytest.mark.parametrize(("name", "case"), TRIALS)
def test_every_layer_is_said(framework, name, case):
    model = model_of(name, case)
    if name in REFUSED[framework]:
        with pytest.raises(ValueError, match=f"layer '.*{name}"):
            WRITERS[framework](model)
        return
    for weights in ("inline", "file", None):
        source = WRITERS[framework](model, weights=weights)
        imported = {
            alias.name.split(".")[0]
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        assert "glassnet" not in imported
        assert max(map(len, source.split("\n"))) <= 100


@pytest.mark.parametrize("name", NAMES)
def test_every_layer_has_a_rule_of_its_own(name):
    cls = gn.layers.LAYERS.entries[name]
    assert rule.dispatch(cls) is not rule.dispatch(object) or name in REFUSED["torch"]


def test_every_activation_is_said_or_can_not_be_named():
    registered = gn.activations.ACTIVATIONS.entries
    known = {function.__name__ for function in TABLE} | {"linear"}
    assert {f.__name__ for f in registered.values()} - known == set(NOT_NAMED)
