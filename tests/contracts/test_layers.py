"""What every registered layer must fulfil; a new layer is checked unasked.

The trials are in ``layer_cases``.
"""

import inspect
import json
import re

import numpy as np
import pytest
from layer_cases import CASES

from glassnet import layers
from glassnet.engines import Program
from glassnet.graph import Dim, Placeholder, check_graph, gradients, recording
from glassnet.layers import LAYERS, Layer
from glassnet.nest import flatten, map_structure
from glassnet.registry import constructor_arguments, deserialize, serialize
from glassnet.testing import check_layer
from glassnet.testing.numerics import compare, directions, slope

NAMES = [
    name for name, cls in LAYERS.entries.items() if cls.__module__.startswith("glassnet.layers.")
]
TRIALS = [
    pytest.param(name, case, id=f"{name}-{i}")
    for name in NAMES
    for i, case in enumerate(CASES.get(name, ()))
]
m = Dim.named("m")


def made(name, case, dtype="float32"):
    """A layer with random weights, built for the case's inputs."""
    layer = LAYERS.entries[name](**case.arguments, dtype=dtype)
    if case.prepare is not None:
        case.prepare(layer)
    if not layer.built:
        layer.build(case.shape)
    rng = np.random.default_rng(4)
    layer.set_weights(
        [
            np.abs(rng.normal(size=w.shape)) + 0.1 if w.dtype.kind == "f" else w
            for w in layer.get_weights()
        ]
    )
    return layer


def data(case, dtype="float32"):
    """The inputs, as an array or a list of arrays."""
    rng = np.random.default_rng(1)

    def draw(shape):
        array = case.draw(rng, shape)
        return array.astype(dtype) if array.dtype.kind == "f" else array

    return [draw(s) for s in case.shape] if isinstance(case.shape, list) else draw(case.shape)


def first_rows(structure, count):
    """The first examples of all arrays."""
    return map_structure(lambda a: a[:count] if isinstance(a, np.ndarray) else a, structure)


class Recorded:
    """A layer recorded once with a batch of unknown size."""

    def __init__(self, layer, case, dtype="float32"):
        self.inputs = []
        x = map_structure(self.hole, data(case, dtype))
        self.count = len(self.inputs)
        with recording() as opened:
            call = map_structure(self.hole, dict(case.call))
            self.outputs = flatten(layer(x, **call))
        self.updates = opened.updates

    def hole(self, value):
        if not isinstance(value, np.ndarray):
            return value
        self.inputs.append(Placeholder((m, *value.shape[1:]), value.dtype))
        return self.inputs[-1]

    def run(self, x, call):
        arrays = [a for a in flatten((x, dict(call))) if isinstance(a, np.ndarray)]
        return Program(self.inputs, self.outputs).run(*arrays, step=0)


@pytest.mark.parametrize("name", NAMES)
def test_every_layer_has_a_case(name):
    assert CASES.get(name), f"write a Case for {name} in tests/contracts/layer_cases.py"


@pytest.mark.parametrize("name", NAMES)
def test_every_layer_is_exported(name):
    assert getattr(layers, name) is LAYERS.entries[name]


@pytest.mark.parametrize(("name", "case"), TRIALS)
def test_passes_the_check_that_everybodys_layers_pass(name, case):
    check_layer(made(name, case), data(case, "float64"), call=case.call).raise_if_wrong()


@pytest.mark.parametrize(("name", "case"), TRIALS)
def test_config_round_trip(name, case):
    layer = made(name, case)
    config = layer.get_config()
    again = deserialize(json.loads(json.dumps(serialize(layer))))
    assert type(again) is type(layer)
    assert again.get_config() == config
    again.build(case.shape)
    again.set_weights(layer.get_weights())
    x = data(case)
    for a, b in zip(flatten(layer(x, **case.call)), flatten(again(x, **case.call)), strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    assert type(layer).from_config(config).get_config() == config


@pytest.mark.parametrize(("name", "case"), TRIALS)
def test_one_recording_serves_every_batch_and_equals_the_eager_call(name, case):
    for count in (3, 1):
        layer = made(name, case)
        before = layer.get_weights()
        x, call = first_rows(data(case), count), first_rows(dict(case.call), count)
        eager = [np.asarray(t) for t in flatten(layer(x, **call))]
        layer.set_weights(before)
        recorded = Recorded(layer, case)
        for a, b in zip(recorded.run(x, call), eager, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
            assert np.isfinite(b).all()


@pytest.mark.parametrize(("name", "case"), TRIALS)
def test_the_same_call_gives_the_same(name, case):
    x = data(case)
    one, other = made(name, case), Recorded(made(name, case), case)
    again = Recorded(one, case)
    for a, b in zip(again.run(x, case.call), again.run(x, case.call), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [str(t) for t in again.outputs] == [str(t) for t in other.outputs]


@pytest.mark.parametrize(("name", "case"), TRIALS)
def test_shapes_are_foretold(name, case):
    layer = made(name, case)
    real = [t.shape for t in flatten(layer(data(case), **case.call))]
    assert shapes_of(layer, case.shape) == real
    unknown = without_batch(case.shape)
    assert shapes_of(layer, unknown) == [(None, *shape[1:]) for shape in real]
    fresh = LAYERS.entries[name](**case.arguments)
    if case.prepare is None:
        assert shapes_of(fresh, unknown) == [(None, *shape[1:]) for shape in real]


def shapes_of(layer, shapes):
    found = layer.compute_output_shape(shapes)
    return [found] if isinstance(found, tuple) else list(found)


def without_batch(shapes):
    return [(None, *s[1:]) for s in shapes] if isinstance(shapes, list) else (None, *shapes[1:])


@pytest.mark.parametrize(("name", "case"), TRIALS)
def test_derivatives(name, case):
    layer = made(name, case, "float64")
    recorded = Recorded(layer, case, "float64")
    x, weights = data(case, "float64"), layer.trainable_weights
    arrays = [a for a in flatten((x, dict(case.call))) if isinstance(a, np.ndarray)]
    places = [i for i, t in enumerate(recorded.inputs[: recorded.count]) if t.dtype.kind == "f"]
    places = places if case.float_input else []
    if not places and not weights:  # categories in, and nothing learned
        assert not case.float_input or all(a.dtype.kind != "f" for a in arrays)
        return
    wrt = [*(recorded.inputs[i] for i in places), *weights]
    seeds = [Placeholder(o.shape, o.dtype) for o in recorded.outputs]
    derivatives = gradients(recorded.outputs, wrt, seeds)
    check_graph([*recorded.outputs, *derivatives], [*recorded.inputs, *seeds])
    rng = np.random.default_rng(2)
    outputs = Program(recorded.inputs, recorded.outputs)
    projections = [rng.normal(size=o.shape) for o in outputs.run(*arrays)]
    slopes = Program([*recorded.inputs, *seeds], derivatives).run(*arrays, *projections)
    points = [*(arrays[i] for i in places), *(w.value for w in weights)]
    along = directions(points, 3)

    def projected(*moved):
        given = list(arrays)
        for place, array in zip(places, moved, strict=False):
            given[place] = array
        for weight, array in zip(weights, moved[len(places) :], strict=True):
            weight.assign(array)
        found = outputs.run(*given)
        return float(sum(np.sum(o * p) for o, p in zip(found, projections, strict=True)))

    exact = float(sum(np.sum(s * d) for s, d in zip(slopes, along, strict=True)))
    compare(name, exact, slope(projected, points, along), 1e-7)


@pytest.mark.parametrize(("name", "case"), TRIALS)
def test_weights_round_trip(name, case):
    layer = made(name, case)
    weights = layer.get_weights()
    assert layer.count_params() == sum(w.size for w in weights)
    assert len(layer.trainable_weights) + len(layer.non_trainable_weights) == len(weights)
    changed = [w + 1 if w.dtype.kind == "f" else w for w in weights]
    layer.set_weights(changed)
    for held, given in zip(layer.get_weights(), changed, strict=True):
        np.testing.assert_array_equal(held, given)
        assert held is not given
    with pytest.raises(ValueError, match=str(len(weights) + 1)):
        layer.set_weights([*changed, np.zeros(1)])
    layer.trainable = False
    assert layer.trainable_weights == []
    assert len(layer.non_trainable_weights) == len(weights)


@pytest.mark.parametrize(("name", "case"), TRIALS)
def test_names(name, case):
    layer = LAYERS.entries[name](**case.arguments, name="mine")
    assert layer.name == "mine"
    assert layer.get_config()["name"] == "mine"
    with pytest.raises(TypeError, match=rf"(?s){name}.*no_such_argument"):
        LAYERS.entries[name](**case.arguments, no_such_argument=1)


@pytest.mark.parametrize("name", NAMES)
def test_documented(name):
    cls = LAYERS.entries[name]
    own = cls.__dict__.get("__doc__")
    assert own, f"{name} has no docstring of its own"
    common = set(constructor_arguments(Layer))
    arguments = [a for a in constructor_arguments(cls) if a not in common]
    referred = re.findall(r"`(\w+)`", own)  # "Arguments are those of `Conv2D`"
    texts = [
        own,
        *(inspect.getdoc(getattr(layers, r)) or "" for r in referred if hasattr(layers, r)),
    ]
    for argument in arguments:
        found = any(re.search(rf"^\s*(\w+, )*{argument}\b.*:", t, re.MULTILINE) for t in texts)
        assert found, f"{name}: the argument {argument} is not documented"
    if arguments:
        assert "Args:" in own or "Arguments are those of" in own
