"""What the interpreter makes of a printed derivation, beside what the engine computes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from interpreter.document import equations_of
from interpreter.run import Interpreter

from glassnet import config
from glassnet.engines import Program
from glassnet.explain import convert_weights
from glassnet.explain.latex import name_latex
from glassnet.explain.notation import placed_weights
from glassnet.formulas import Name
from glassnet.graph import gradients, recording
from glassnet.graph.order import topological
from glassnet.models.data import Batch
from glassnet.models.steps import placeholders, record_loss
from glassnet.nest import flatten

NOTATIONS = ("keras", "course", "torch")
TOLERANCE = 1e-10
DUST = 1e-14
"""What counts as nothing beside the largest gradient of a network: a bias that a normalization
takes away again has a gradient of rounding alone."""


@contextmanager
def in_float64() -> Iterator[None]:
    """Let the library compute in float64."""
    before = config.floatx()
    config.set_floatx("float64")
    try:
        yield
    finally:
        config.set_floatx(before)


@dataclass(frozen=True)
class Computed:
    """The cost and, by the names of the weights, its gradient and their values after a step."""

    cost: float
    slopes: dict[str, np.ndarray]
    updated: dict[str, np.ndarray]


def engine(model: Any, x: Any, y: Any) -> Computed:
    """Run a training step, recorded anew, on the engine."""
    symbolic, inputs = placeholders(Batch(x, y, None), np.dtype(model.dtype))
    placed = {id(p.weight): p.name for p in placed_weights(model)}
    with recording() as opened:
        outputs = model(symbolic.x, training=True)
        cost, _ = record_loss(model, symbolic, outputs, training=True)
        variables = model.trainable_weights
        slopes = gradients([cost], variables)
        optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
        optimizer.apply(slopes, variables)
    news = {v: t for v, t in opened.updates.items() if id(v) in placed}
    program = Program(inputs, [cost, *slopes, *news.values()])
    values = program.run(*flatten([x, y]))
    count = 1 + len(slopes)
    return Computed(
        float(values[0]),
        {placed[id(v)]: s for v, s in zip(variables, values[1:count], strict=True)},
        {placed[id(v)]: new for v, new in zip(news, values[count:], strict=True)},
    )


def in_notation(model: Any, arrays: Mapping[str, np.ndarray], notation: str) -> dict[str, Any]:
    """Return arrays of the shapes of weights as they lie in a notation, vectors as rows."""
    placed = placed_weights(model)
    whole = {p.name: arrays.get(p.name, np.zeros(p.weight.shape)) for p in placed}
    found = (
        {p.name: p.arrangement_in(notation, whole[p.name]) for p in placed}
        if 0
        else dict(zip(whole, _arranged(model, list(whole.values()), notation), strict=True))
    )
    return {name: as_matrix0(found[name]) for name in arrays}


def _arranged(model: Any, arrays: list[np.ndarray], notation: str) -> list[np.ndarray]:
    if notation == "keras":
        return arrays
    return convert_weights(arrays, notation, "keras", model=model)


def as_matrix(array: np.ndarray) -> np.ndarray:
    """Return a vector as a row; anything else as it is."""
    array = np.asarray(array)
    return array[None, :] if array.ndim == 1 else array


def examples_in(array: np.ndarray, notation: str) -> np.ndarray:
    """Return what has a row an example as it lies in a notation: in the course, a column each."""
    array = np.asarray(array)
    array = array[:, None] if array.ndim == 1 else array
    return array.T if notation == "course" and array.ndim == 2 else array


def given(derivation: Any, model: Any, x: Any, y: Any) -> dict[str, Any]:
    """Return what the equations start from, by names in LaTeX."""
    notation, step, names = derivation.notation.name, derivation.recorded, derivation.names
    arrays = {p.name: np.asarray(p.weight.value) for p in placed_weights(model)}
    latex = {p.name: name_latex(names.of[id(p.weight)]) for p in placed_weights(model)
             if id(p.weight) in names.of}  # fmt: skip
    found = {latex[k]: v for k, v in in_notation(model, arrays, notation).items() if k in latex}
    examples = [a for a in flatten([x, y]) if a is not None]
    for leaf, array in zip([*step.inputs, *step.targets], examples, strict=True):
        if id(leaf) in names.of:
            found[name_latex(names.of[id(leaf)])] = examples_in(array, notation)
    found |= states(derivation) | drawn_values(derivation, examples)
    found["m"] = len(examples[0])
    return found


def states(derivation: Any) -> dict[str, Any]:
    """The optimizer's state, the constants, as the notation keeps them."""
    writer, names, step = derivation.writer, derivation.names, derivation.recorded
    found: dict[str, Any] = {}
    known = {id(v) for v in [*step.weights, *step.variables]}
    for node in topological([step.cost, *step.updates.values(), *step.gradients]):
        if node.op is None and id(node) not in known and hasattr(node, "assign"):
            name = names.of[id(node)]
            found[name_latex(name)] = turned(derivation, name, as_matrix0(np.asarray(node.value)))
    for identity, array in writer.constants.items():
        name = names.of[identity]
        found[name_latex(name)] = turned(derivation, name, as_matrix0(array))
    return found


def as_matrix0(array: np.ndarray) -> np.ndarray:
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    return as_matrix(array)


def turned(derivation: Any, name: Name, array: np.ndarray) -> np.ndarray:
    """Return an array as the orientation of the derivation keeps the quantity of this name."""
    return array.T if str(name) in derivation.orientation.turned and array.ndim == 2 else array


def drawn_values(derivation: Any, examples: list[Any]) -> dict[str, Any]:
    """The values that were drawn at random."""
    step = derivation.recorded
    drawn = [e for e in derivation.inside if e.drawn]
    program = Program([*step.inputs, *step.targets], [e.node for e in drawn])
    values = program.run(*examples) if drawn else []
    found = {}
    for equation, value in zip(drawn, values, strict=True):
        value = value[:, None] if value.ndim == 1 else as_matrix0(np.asarray(value))
        found[name_latex(equation.name)] = turned(derivation, equation.name, value)
    return found


def read(derivation: Any, model: Any, x: Any, y: Any, *, document: bool = False) -> Interpreter:
    """Return the interpreter after it has computed what is printed."""
    columns = derivation.notation.examples == "columns"
    interpreter = Interpreter(given(derivation, model, x, y), columns=columns)
    texts = equations_of(derivation.latex()) if document else [s.text for s in derivation.steps]
    interpreter.run(texts)
    return interpreter


def differences(
    derivation: Any, model: Any, x: Any, y: Any, expected: Computed, *, document: bool = False
) -> dict[str, float]:
    """Return by how much, relatively, what is printed differs from what the engine computes."""
    names = {p.name: derivation.names.of[id(p.weight)] for p in placed_weights(model)
             if id(p.weight) in derivation.names.of}  # fmt: skip
    interpreter = read(derivation, model, x, y, document=document)
    found = {"J": relative(interpreter["J"], np.float64(expected.cost), 0.0)}
    notation = derivation.notation.name
    slopes = in_notation(model, expected.slopes, notation)
    largest = max((float(np.linalg.norm(s)) for s in slopes.values()), default=0.0)
    for name, slope in slopes.items():
        printed = interpreter[name_latex(names[name].d)]
        found[f"d{name}"] = relative(printed, slope, DUST / TOLERANCE * largest)
    for name, value in in_notation(model, expected.updated, notation).items():
        found[f"new {name}"] = relative(interpreter[name_latex(names[name])], value, 0.0)
    return found


def relative(found: np.ndarray, expected: np.ndarray, floor: float) -> float:
    """Return the relative difference, norm against norm; infinite where shapes differ."""
    if np.shape(found) != np.shape(expected):
        return float("inf")
    size = max(float(np.linalg.norm(expected)), floor)
    difference = float(np.linalg.norm(np.asarray(found) - expected))
    return difference / size if size else (0.0 if difference == 0 else float("inf"))
