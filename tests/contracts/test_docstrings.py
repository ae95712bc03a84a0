"""What the documentation in the code fulfils: every public name says what it is and computes.

The names are found by walking the modules that ``glassnet`` exports, so a new one is tested
unasked. Examples are run elsewhere: pytest collects them as doctests.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import glassnet
from glassnet import calculus, testing
from glassnet.activations import ACTIVATIONS
from glassnet.callbacks import CALLBACKS
from glassnet.constraints import CONSTRAINTS
from glassnet.initializers import INITIALIZERS
from glassnet.layers import LAYERS
from glassnet.losses import LOSS_FUNCTIONS, LOSSES
from glassnet.metrics import METRIC_FUNCTIONS, METRICS
from glassnet.optimizers import OPTIMIZERS
from glassnet.regularizers import REGULARIZERS
from glassnet.schedules import SCHEDULES

FAMILIES = {
    "layers": LAYERS,
    "losses": LOSSES,
    "metrics": METRICS,
    "optimizers": OPTIMIZERS,
    "schedules": SCHEDULES,
    "initializers": INITIALIZERS,
    "regularizers": REGULARIZERS,
    "constraints": CONSTRAINTS,
    "callbacks": CALLBACKS,
}
CLASSES = {f"{kind}.{n}": c for kind, r in FAMILIES.items() for n, c in r.entries.items()}
FUNCTIONS = {
    f"{kind}.{name}": function
    for kind, registry in (
        ("activations", ACTIVATIONS),
        ("losses", LOSS_FUNCTIONS),
        ("metrics", METRIC_FUNCTIONS),
    )
    for name, function in registry.entries.items()
}


def names_of(module: ModuleType) -> Iterator[str]:
    """Yield what a module offers: its own definitions and its ``from x import y as y``."""
    assert module.__file__ is not None
    for node in ast.parse(Path(module.__file__).read_text()).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("glassnet"):
            yield from (a.name for a in node.names if a.asname == a.name)


def walk(module: ModuleType, seen: set[str]) -> Iterator[tuple[str, Any]]:
    """Yield the public names below a module, with what stands behind them."""
    for name in names_of(module):
        item = getattr(module, name)
        path = f"{module.__name__}.{name}".removeprefix("glassnet.")
        if name.startswith("_") or path in seen:
            continue
        seen.add(path)
        if inspect.ismodule(item):
            yield path, item
            yield from walk(item, seen)
        elif callable(item) and (getattr(item, "__module__", "") or "").startswith("glassnet"):
            yield path, item


def methods_of(cls: type) -> Iterator[tuple[str, tuple[type, str]]]:
    """Yield the public methods and properties that a class defines itself."""
    for name, value in vars(cls).items():
        function = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
        if not name.startswith("_") and (
            inspect.isfunction(function) or isinstance(value, property)
        ):
            yield f"{cls.__module__.removeprefix('glassnet.')}.{cls.__name__}.{name}", (cls, name)


def public() -> dict[str, Any]:
    seen: set[str] = set()
    return {p: i for module in (glassnet, calculus, testing) for p, i in walk(module, seen)}


PUBLIC = public()
METHODS = {
    path: method
    for cls in {id(c): c for c in PUBLIC.values() if inspect.isclass(c)}.values()
    for path, method in methods_of(cls)
}


def text(item: Any) -> str:
    """Return the docstring of the thing itself, not that of a base class."""
    doc = item.__dict__.get("__doc__") if inspect.isclass(item) else item.__doc__
    return inspect.cleandoc(doc or "")


def opening(item: Any) -> str:
    return text(item).split("\n\n")[0]


def section(item: Any, title: str) -> str:
    """Return a section of the docstring: the indented lines below its title."""
    found = re.search(rf"^{title}:\n((?:[ ]+.*\n?|\n)*)", text(item) + "\n", re.MULTILINE)
    return found.group(1) if found else ""


def documented(item: Any) -> set[str]:
    """Return the arguments that have an entry; ``a, b: …`` is one for both."""
    entries = re.findall(r"^ {4}([\w*][\w*, ]*):", section(item, "Args"), re.MULTILINE)
    return {name.strip(" *") for entry in entries for name in entry.split(",")}


# --- every public name ------------------------------------------------------------------------
@pytest.mark.parametrize("path", PUBLIC)
def test_it_says_what_it_is(path: str) -> None:
    first = opening(PUBLIC[path])
    assert len(first) > 10, f"{path} has no docstring"
    assert first[-1] in ".:", f"{path}: the first paragraph is a sentence: {first!r}"


@pytest.mark.parametrize("path", METHODS)
def test_methods_say_what_they_do(path: str) -> None:
    owner, method = METHODS[path]
    said = [text(vars(c)[method]) for c in owner.__mro__ if method in vars(c)]
    assert any(said), f"{path} has no docstring, nor has it in a base class"


# --- what computes ----------------------------------------------------------------------------
COMPUTES = {
    **CLASSES,
    **FUNCTIONS,
    **{p: f for p, f in PUBLIC.items() if p.startswith("ops.") and inspect.isfunction(f)},
}
NO_FORMULA = {
    "layers.Model": "computes what its layers do",
    "layers.Sequential": "computes what its layers do",
    "ops.random.philox": "makes a generator, computes no value",
}
"""What computes nothing that a formula would say better, and why."""


@pytest.mark.parametrize("path", [p for p in COMPUTES if not p.startswith("callbacks.")])
def test_the_formula_comes_first(path: str) -> None:
    says = re.search(r"``[^`]+``|[=→Σ·]", opening(COMPUTES[path]))
    assert bool(says) != (path in NO_FORMULA), f"{path}: {opening(COMPUTES[path])!r}"


# --- registered classes -----------------------------------------------------------------------
SHARED = {"self", "name", "dtype", "kwargs"}
"""Arguments that the base of each family documents."""


def own_arguments(cls: type) -> list[str]:
    if "__init__" not in vars(cls):
        return []
    parameters = inspect.signature(vars(cls)["__init__"]).parameters.values()
    return [p.name for p in parameters if p.name not in SHARED and not p.name.startswith("_")]


@pytest.mark.parametrize("path", CLASSES)
def test_every_argument_is_documented(path: str) -> None:
    missing = set(own_arguments(CLASSES[path])) - documented(CLASSES[path])
    assert not missing, f"{path}: {sorted(missing)} have no entry under Args"


@pytest.mark.parametrize("path", CLASSES)
def test_documented_arguments_exist(path: str) -> None:
    cls = CLASSES[path]
    taken = set().union(
        *(inspect.signature(vars(b)["__init__"]).parameters for b in cls.__mro__
          if "__init__" in vars(b) and b is not object)
    )  # fmt: skip
    by_keyword = {"common", "input_length"}  # read from ``**kwargs``
    assert documented(cls) <= taken | by_keyword, f"{path}: {sorted(documented(cls) - taken)}"


NO_EXAMPLE = {"callbacks.ProgbarLogger": "its lines hold times, which differ from run to run"}


@pytest.mark.parametrize("path", sorted({*CLASSES} - {*NO_EXAMPLE}))
def test_it_has_an_example(path: str) -> None:
    assert ">>> " in text(CLASSES[path]), f"{path} has no example"


NO_SHAPES = {"Model", "Sequential"}
"""Layers whose shapes are those of the layers they are made of."""


@pytest.mark.parametrize("name", sorted({*LAYERS.entries} - NO_SHAPES))
def test_layers_state_shapes(name: str) -> None:
    assert re.search(r"^Shapes?:", text(LAYERS.entries[name]), re.MULTILINE), name


# --- sources ----------------------------------------------------------------------------------
NO_SOURCE = {
    **dict.fromkeys(
        (f"initializers.{name}" for name in ("Zeros", "Ones", "Constant", "Given", "Identity")),
        "writes down what it is given",
    ),
    **dict.fromkeys(
        (f"initializers.{name}" for name in ("RandomUniform", "RandomNormal", "TruncatedNormal")),
        "draws from a distribution of that name",
    ),
    **dict.fromkeys(
        (f"activations.{name}" for name in ("linear", "exponential", "threshold", "log_sigmoid")),
        "is an elementary function",
    ),
    "activations.tanh_shrink": "is the difference of two elementary functions",
    "layers.UnitNormalization": "divides by a length",
    "layers.Normalization": "standardizes, as statistics has always done",
}
"""What nobody published: its definition is its source."""
SOURCED = [
    *(p for p in CLASSES if p.startswith(("optimizers.", "initializers."))),
    *(p for p in FUNCTIONS if p.startswith("activations.")),
    *(p for p in CLASSES if p.startswith("layers.") and "Normalization" in p),
]


@pytest.mark.parametrize("path", SOURCED)
def test_the_source_is_named(path: str) -> None:
    says = re.search(r"^Sources?:", text(COMPUTES[path]), re.MULTILINE)
    assert bool(says) != (path in NO_SOURCE), path


@pytest.mark.parametrize("name", ACTIVATIONS.entries)
def test_activations_state_their_derivative(name: str) -> None:
    assert "Derivative" in text(ACTIVATIONS.entries[name]), name


def test_exemptions_name_what_exists() -> None:
    assert {*NO_FORMULA, *NO_SOURCE, *NO_EXAMPLE} <= set(COMPUTES)
    assert set(LAYERS.entries) >= NO_SHAPES


def test_the_walk_reaches_what_it_should() -> None:
    modules = {path.split(".")[0] for path in PUBLIC}
    assert modules >= {"layers", "losses", "metrics", "optimizers", "initializers", "regularizers",
                       "constraints", "activations", "callbacks", "ops", "models", "datasets",
                       "utils", "random", "testing", "config", "errors", "calculus"}  # fmt: skip
    assert {"schedules.CosineDecay", "datasets.mnist.load_data"} <= set(PUBLIC)
    assert {"models.model.Model.fit", "models.sequential.Sequential.add"} <= set(METHODS)


@pytest.mark.parametrize("path", [*PUBLIC, *METHODS])
def test_every_argument_and_result_is_typed(path: str) -> None:
    item = vars(METHODS[path][0])[METHODS[path][1]] if path in METHODS else PUBLIC[path]
    if inspect.isclass(item):
        item = vars(item).get("__init__")
    item = getattr(item, "__func__", item)
    item = inspect.unwrap(getattr(item, "fget", item))
    if not inspect.isfunction(item):
        return
    signature = inspect.signature(item)
    untyped = [
        p.name
        for p in signature.parameters.values()
        if p.annotation is p.empty and p.name not in ("self", "cls")
    ]
    assert not untyped, f"{path}: {untyped}"
    assert signature.return_annotation is not signature.empty, f"{path} says no result"
