"""Files in good order with a bad description inside: each is refused, with one exception."""

from __future__ import annotations

import copy
import json
import os
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet.errors import FileFormatError
from glassnet.layers import Dense, Dropout, Input
from glassnet.storage import read_tensors, write_tensors

Change = Callable[[dict[str, Any], dict[str, np.ndarray]], Any]


def example() -> Any:
    x = Input((4,), name="x")
    y = np.tanh(Dropout(0.2)(Dense(3, "relu", name="one")(x))) * np.arange(3, dtype=np.float32)
    z = Dense(2, name="two")(gn.ops.reshape(y, (-1, 1, 3)))
    model = gn.Model(x, gn.layers.Flatten()(z))
    model.compile("adam", "mse", metrics=["mae", gn.metrics.AUC()])
    model.fit(np.ones((4, 4)), np.ones((4, 2)), verbose=0)
    return model


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The description and the tensors of a good file."""
    path = tmp_path_factory.mktemp("good") / "model.safetensors"
    example().save(path)
    arrays, texts = read_tensors(path)
    gn.load(path)
    return json.loads(texts["glassnet.model"]), arrays


def write(path: Path, told: Any, arrays: dict[str, np.ndarray]) -> Path:
    text = told if isinstance(told, str) else json.dumps(told)
    write_tensors(path, arrays, {"glassnet.model": text})
    return path


def layers(told: Any) -> Any:
    return told["architecture"]["config"]["layers"]


def nodes(told: Any) -> Any:
    return told["architecture"]["config"]["nodes"]


def at(told: Any, kind: str) -> Any:
    """The first node of a kind."""
    return next(node for node in nodes(told) if kind in node)


def op_called(told: Any, name: str) -> Any:
    return next(node for node in nodes(told) if node.get("op") == name)


def setting(*path: Any, to: Any) -> Change:
    """A change of the description: the entry at a path becomes another."""

    def change(told: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        place: Any = told
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = to

    return change


CONFIG = ("architecture", "config")
BOMB = {"kind": "layer", "class_name": "Dense", "config": {"units": 1}}

CHANGES: dict[str, tuple[Change, str]] = {
    # what is not glassnet's
    "unknown layer": (setting(*CONFIG, "layers", 0, "class_name", to="Dens"), "'Dens' is not part"),
    "module as layer": (setting(*CONFIG, "layers", 0, "class_name", to="os.system"), "not part of"),
    "builtin as layer": (setting(*CONFIG, "layers", 0, "class_name", to="eval"), "'eval' is not"),
    "dunder as layer": (setting(*CONFIG, "layers", 0, "class_name", to="__import__"), "not part"),
    "alias as layer": (setting(*CONFIG, "layers", 0, "class_name", to="dense"), "not part of"),
    "unknown kind": (setting(*CONFIG, "layers", 0, "kind", to="module"), "module 'Dense' is not"),
    "kind of a list": (setting(*CONFIG, "layers", 0, "kind", to=["layer"]), "kind and the name"),
    "optimizer as layer": (
        lambda t, a: layers(t)[0].update(kind="optimizer", class_name="SGD", config={}),
        "Expected a layer",
    ),
    "function as layer": (
        setting(*CONFIG, "layers", 0, to={"kind": "activation", "function": "relu"}),
        "Expected a layer",
    ),
    "text as layer": (setting(*CONFIG, "layers", 0, to="Dense"), "Expected a layer"),
    "unknown activation": (
        setting(*CONFIG, "layers", 0, "config", "activation", to="os.system"), "os.system"),
    "custom activation": (
        setting(*CONFIG, "layers", 0, "config", "activation",
                to={"kind": "custom", "function": "system"}), "'system' is not part of"),
    "code as activation": (
        setting(*CONFIG, "layers", 0, "config", "activation", to="lambda x: x"), "lambda"),
    "class as activation": (
        setting(*CONFIG, "layers", 0, "config", "activation",
                to={"class_name": "function", "config": "x", "module": "os",
                    "registered_name": "system"}), "not part of"),
    "lambda with code": (
        lambda t, a: layers(t)[0].update(
            class_name="Lambda", config={"function": "lambda x: __import__('os').system('x')"}),
        "Lambda takes a function",
    ),
    "lambda with keras code": (
        lambda t, a: layers(t)[0].update(class_name="Lambda", config={
            "function": {"class_name": "__lambda__", "config": {"code": "4wEA"}}}),
        "'__lambda__' is not part of",
    ),
    "unknown op": (lambda t, a: op_called(t, "tanh").update(op="system"), "no op called 'system'"),
    "numpy function as op": (lambda t, a: op_called(t, "tanh").update(op="np.load"), "no op"),
    "unknown loss": (setting("compile", "loss", to="os.system"), "os.system"),
    "custom loss": (
        setting("compile", "loss", to={"kind": "custom", "function": "exec"}), "'exec' is not"),
    "unknown optimizer": (
        setting("compile", "optimizer", "class_name", to="Thief"), "'Thief' is not part of"),
    "unknown metric": (setting("compile", "metrics", to=["os.system"]), "os.system"),
    "unknown argument of compile": (setting("compile", "exec", to=1), "exec"),
    "compile of a list": (setting("compile", to=[]), "compile: expected dict"),
    # arguments
    "unknown argument": (setting(*CONFIG, "layers", 0, "config", "exec", to=1), "exec"),
    "text for units": (setting(*CONFIG, "layers", 0, "config", "units", to="3"), "units"),
    "negative units": (setting(*CONFIG, "layers", 0, "config", "units", to=-3), "units"),
    "units of truth": (setting(*CONFIG, "layers", 0, "config", "units", to=True), "units"),
    "list for name": (setting(*CONFIG, "layers", 0, "config", "name", to=[1]), "name is a text"),
    "config of a list": (setting(*CONFIG, "layers", 0, "config", to=[]), "no dictionary"),
    "no config": (lambda t, a: layers(t)[0].pop("config"), "Expected a layer"),
    "dtype of texts": (setting(*CONFIG, "layers", 0, "config", "dtype", to="S9"), "computes with"),
    "dtype of objects": (setting(*CONFIG, "layers", 0, "config", "dtype", to="O"), "computes with"),
    "dtype of fields": (setting(*CONFIG, "layers", 0, "config", "dtype", to="f4,f4"), "dtype"),
    # nodes
    "place ahead": (
        lambda t, a: at(t, "layer").update(args=[{"tensor": [5, 0]}]), "does not stand before it"),
    "place of itself": (
        lambda t, a: at(t, "layer").update(args=[{"tensor": [1, 0]}]), "does not stand before it"),
    "negative place": (
        lambda t, a: at(t, "layer").update(args=[{"tensor": [-1, 0]}]), "does not stand before it"),
    "output that is not": (
        lambda t, a: at(t, "layer").update(args=[{"tensor": [0, 7]}]), "does not stand before it"),
    "place of truth": (
        lambda t, a: at(t, "layer").update(args=[{"tensor": [False, False]}]), "a place"),
    "place of three": (
        lambda t, a: at(t, "layer").update(args=[{"tensor": [0, 0, 0]}]), "no model"),
    "layer that is not": (lambda t, a: at(t, "layer").update(layer=9), "no layer number 9"),
    "negative layer": (lambda t, a: at(t, "layer").update(layer=-1), "no layer number -1"),
    "layer of text": (lambda t, a: at(t, "layer").update(layer="0"), "number of a layer"),
    "unknown kind of value": (
        lambda t, a: at(t, "layer").update(args=[{"eval": "1"}]), "kind of value called 'eval'"),
    "two kinds of value": (
        lambda t, a: at(t, "layer").update(args=[{"tensor": [0, 0], "list": []}]), "its kind"),
    "unknown argument of a call": (
        lambda t, a: at(t, "layer").update(kwargs={"exec": 1}), "exec"),
    "no tensor in a call": (
        lambda t, a: at(t, "layer").update(args=[1]), "on nothing that the inputs give"),
    "call on a constant": (
        lambda t, a: at(t, "layer").update(args=[{"constant": {
            "kind": "array", "dtype": "float32", "shape": [1, 4], "entries": [[1, 2, 3, 4]]}}]),
        "on nothing that the inputs give"),
    "extra entry of a node": (lambda t, a: at(t, "layer").update(code=""), "is no input"),
    "node of a list": (lambda t, a: nodes(t).insert(1, []), "a node"),
    "parameter that is not": (
        lambda t, a: op_called(t, "tanh").update(parameters={"axis": 1}), "takes no 'axis'"),
    "input too few": (lambda t, a: op_called(t, "tanh").update(inputs=[]), "no model"),
    "input too many": (
        lambda t, a: op_called(t, "tanh")["inputs"].append({"tensor": [0, 0]}), "no model"),
    "size that no input has": (
        lambda t, a: op_called(t, "reshape").update(
            parameters={"shape": {"tuple": [{"size": "q"}, 3]}}), "No input carries the size 'q'"),
    "shape that does not fit": (
        lambda t, a: op_called(t, "reshape").update(
            parameters={"shape": {"tuple": [{"size": "m"}, 4]}}), "no model"),
    "constants alone": (
        lambda t, a: op_called(t, "tanh").update(inputs=[{"constant": {
            "kind": "array", "dtype": "float32", "shape": [1], "entries": [1]}}]),
        "constants alone"),
    "division by zero": (
        lambda t, a: op_called(t, "reshape").update(
            parameters={"shape": {"tuple": [{"size": [[1, [{"//": ["m", 0]}]]]}, 3]}}), "no model"),
    "outputs that are none": (setting(*CONFIG, "outputs", to=3), "outputs"),
    "inputs that are none": (setting(*CONFIG, "inputs", to={"tensor": [1, 0]}), "not its input"),
    "no outputs": (lambda t, a: t["architecture"]["config"].pop("outputs"), "lacks 'outputs'"),
    "extra part": (setting(*CONFIG, "code", to="x"), "holds 'code'"),
    "input dtype": (lambda t, a: at(t, "input")["input"].update(dtype="O"), "computes with"),
    "input shape": (lambda t, a: at(t, "input")["input"].update(shape=[-1, 4]), "has the shape"),
    "input of another width": (
        lambda t, a: at(t, "input")["input"].update(shape=[{"size": "m"}, 5]), "no model"),
    "shared layer that is not": (
        setting(*CONFIG, "layers", 0, to={"shared_object_id": 4}), "did not occur before"),
    # arrays
    "array of texts": (
        lambda t, a: layers(t)[0]["config"].update(kernel_initializer={
            "kind": "initializer", "class_name": "Constant", "config": {"value": {
                "kind": "array", "dtype": "S1000", "shape": [1], "entries": ["a"]}}}),
        "computes with"),
    "array of holes": (
        lambda t, a: layers(t)[0]["config"].update(kernel_initializer={
            "kind": "initializer", "class_name": "Constant", "config": {"value": {
                "kind": "array", "dtype": "float32", "shape": [3], "entries": [1, [2], 3]}}}),
        "no model"),
    "array of a huge shape": (
        lambda t, a: layers(t)[0]["config"].update(kernel_initializer={
            "kind": "initializer", "class_name": "Constant", "config": {"value": {
                "kind": "array", "dtype": "float32", "shape": [2**40], "entries": [1]}}}),
        "no model"),
    "array that is not there": (
        lambda t, a: layers(t)[0]["config"].update(kernel_initializer={
            "kind": "initializer", "class_name": "Constant",
            "config": {"value": {"kind": "array", "number": 3}}}),
        "array number 3 is not there"),
    # weights
    "other units": (setting(*CONFIG, "layers", 0, "config", "units", to=2), "do not fit|no model"),
    "missing weight": (lambda t, a: a.pop("one/kernel"), "one/kernel"),
    "unlisted weight": (lambda t, a: t["weights"].remove("one/bias"), "more than the file"),
    "listed twice": (lambda t, a: t["weights"].append("one/bias"), "listed twice"),
    "turned order": (lambda t, a: t["weights"].reverse(), "order differs"),
    "weight of another shape": (
        lambda t, a: a.update({"one/bias": np.zeros(4, np.float32)}), r"in the file \(4,\)"),
    "weight of another dtype": (
        lambda t, a: a.update({"one/bias": np.zeros(3)}), "in the file float64|more than the"),
    "extra tensor": (lambda t, a: a.update(more=np.zeros(1)), "nothing needs its tensor 'more'"),
    "no weights at all": (lambda t, a: (a.clear(), t.update(weights=[], optimizer=None)), "holds"),
    # the state of training
    "optimizer's tensor missing": (lambda t, a: a.pop("@optimizer/2"), "optimizer"),
    "optimizer's tensor of another shape": (
        lambda t, a: a.update({"@optimizer/2": np.zeros(9, np.float32)}), "state of the optimizer"),
    "optimizer of another kind": (
        lambda t, a: t["compile"]["optimizer"].update(class_name="SGD", config={}), "optimizer"),
    "trained weight that is not": (
        setting("optimizer", "trained", to=[0, 1, 2, 9]), "no weight number 9"),
    "negative trained weight": (
        setting("optimizer", "trained", to=[0, 1, 2, -1]), "no weight number -1"),
    "count of text": (setting("optimizer", "variables", to="2"), "variables"),
    "progress of text": (setting("progress", "seen", to="1"), "progress"),
    "negative progress": (setting("progress", "seen", to=-1), "progress"),
    "too few seeds": (setting("seeds", to=[]), "0 seeds for 1"),
    "seed of text": (setting("seeds", to=["1"]), "a seed"),
    # the whole
    "later format": (setting("format", to=2), "format 2"),
    "format of text": (setting("format", to="1"), "number of the format"),
    "no model": (setting("architecture", to=BOMB), "that of no model"),
    "architecture of text": (setting("architecture", to="Model"), "architecture: expected dict"),
    "no architecture": (lambda t, a: t.pop("architecture"), "architecture"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_bad_description_is_refused(tmp_path: Path, parts: Any, name: str) -> None:
    told, arrays = copy.deepcopy(parts[0]), dict(parts[1])
    change, reason = CHANGES[name]
    change(told, arrays)
    path = write(tmp_path / "model.safetensors", told, arrays)
    began = time.process_time()
    with pytest.raises(FileFormatError, match=reason) as caught:
        gn.load(path)
    assert time.process_time() - began < 2
    assert str(path) in str(caught.value)


def test_the_description_is_right_but_for_the_change(tmp_path: Path, parts: Any) -> None:
    path = write(tmp_path / "model.safetensors", *parts)
    assert gn.load(path).get_layer("one").units == 3


TEXTS: dict[str, tuple[str, str]] = {
    "no json": ("{", "no JSON"),
    "a list": ("[]", r"expected dict; got \[\]"),
    "nothing": ("", "no JSON"),
    "twice": ('{"format":1,"format":1}', "'format' twice"),
    "nan": ('{"format":NaN}', "NaN"),
    "5,000 deep": ('{"architecture":' + "[" * 5000 + "]" * 5000 + "}", "5001 levels deep"),
    "5,000 objects deep": ('{"a":' * 5000 + "1" + "}" * 5000, "5000 levels deep"),
    "a million and more": ("[" + "1," * 3_000_000 + "1]", "more than"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_that_are_no_description(tmp_path: Path, parts: Any, name: str) -> None:
    text, reason = TEXTS[name]
    path = write(tmp_path / "model.safetensors", text, parts[1])
    for use in (gn.load, example().load_weights):
        with pytest.raises(FileFormatError, match=reason):
            use(path)


@pytest.mark.parametrize("limit", [150, 10_000])
def test_a_deep_description_costs_no_stack(tmp_path: Path, parts: Any, limit: int) -> None:
    """Even where someone has raised the limit of recursion, up to which Python would crash."""
    told = copy.deepcopy(parts[0])
    nested: Any = BOMB
    for _ in range(190 // 3):
        nested = {"kind": "layer", "class_name": "Sequential", "config": {"layers": [nested]}}
    told["architecture"] = nested
    path = write(tmp_path / "model.safetensors", told, parts[1])
    before = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(max(limit, 400))
        with pytest.raises(FileFormatError):
            gn.load(path)
    finally:
        sys.setrecursionlimit(before)


# --- memory -----------------------------------------------------------------------------------
def numbers_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if isinstance(item, (dict, list)):
            yield from numbers_in(item, (*path, key))
        elif type(item) in (int, float):
            yield (*path, key)


@pytest.mark.parametrize("number", [10**9, 2**70, -5, 0])
def test_every_number_may_be_absurd(tmp_path: Path, parts: Any, number: int) -> None:
    """Loading asks for no memory that the file does not hold, whatever its numbers say."""
    path = tmp_path / "model.safetensors"
    told, arrays = parts
    places = [p for p in numbers_in(told) if p[0] in ("architecture", "compile", "optimizer")]
    assert len(places) > 30
    for place in places:
        changed = copy.deepcopy(told)
        setting(*place, to=number)(changed, arrays)
        write(path, changed, arrays)
        tracemalloc.start()
        try:
            gn.load(path)
        except FileFormatError:
            pass
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < 50_000_000, place


def test_weights_are_counted_before_they_are_made(tmp_path: Path, parts: Any) -> None:
    told = copy.deepcopy(parts[0])
    layers(told)[2]["config"]["units"] = 10**10
    path = write(tmp_path / "model.safetensors", told, parts[1])
    with pytest.raises(FileFormatError, match="more than the file holds"):
        gn.load(path)


# --- nothing changes --------------------------------------------------------------------------
def test_a_load_that_fails_changes_no_model(tmp_path: Path, parts: Any) -> None:
    model = example()
    before = [w.value.tobytes() for w in (*model.weights, *model.optimizer.variables)]
    config = model.to_json()
    for name in ("unknown op", "optimizer's tensor missing", "turned order", "too few seeds"):
        told, arrays = copy.deepcopy(parts[0]), dict(parts[1])
        CHANGES[name][0](told, arrays)
        with pytest.raises(FileFormatError):
            gn.load(write(tmp_path / "model.safetensors", told, arrays))
    assert [w.value.tobytes() for w in (*model.weights, *model.optimizer.variables)] == before
    assert model.to_json() == config


def test_nothing_is_imported(tmp_path: Path, parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that a file names, in any of the ways that other formats know, is not imported."""
    (tmp_path / "trap_module.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    for entry in (
        {"module": "trap_module", "class_name": "Trap", "config": {}, "registered_name": "Trap"},
        {"kind": "trap_module", "class_name": "Trap", "config": {}},
        {"kind": "layer", "class_name": "trap_module.Trap", "config": {}},
        {"kind": "custom", "function": "trap_module.f"},
        {"class_name": "function", "config": "f", "module": "trap_module"},
    ):
        told = copy.deepcopy(parts[0])
        layers(told)[0] = entry
        with pytest.raises(FileFormatError):
            gn.load(write(tmp_path / "model.safetensors", told, parts[1]))
    assert "trap_module" not in sys.modules


def test_damage_anywhere_is_noticed(tmp_path: Path) -> None:
    """A whole model's file, cut off and with changed bytes."""
    path = tmp_path / "model.safetensors"
    gn.Sequential([Input((2,)), Dense(1)]).save(path)
    whole = path.read_bytes()
    for place in range(0, len(whole), 5):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        for content in (damaged, whole[:place]):
            path.write_bytes(content)
            with pytest.raises(FileFormatError):
                gn.load(path)


def test_other_formats_under_our_name(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with open(path, "wb") as file:
        np.savez(file, a=np.zeros(3))
    with pytest.raises(FileFormatError, match="zip archive"):
        gn.load(path)
    os.truncate(path, 0)
    with pytest.raises(FileFormatError, match="empty"):
        gn.load(path)
