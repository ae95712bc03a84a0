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
from glassnet.graph import Variable, gradients, recording
from glassnet.graph.order import topological
from glassnet.layers import Dense
from glassnet.models.data import Batch
from glassnet.models.steps import placeholders, record_loss
from glassnet.nest import flatten

NOTATIONS = ("keras", "course", "torch")
TOLERANCE = 1e-10
DUST = 1e-14
"""What counts as nothing beside the largest gradient of a network: a bias that a normalization
takes away again has a gradient of rounding alone, and the update by its sign means nothing."""

Arrays = dict[str, np.ndarray]


@contextmanager
def in_float64() -> Iterator[None]:
    """Let the library compute in float64."""
    before = config.floatx()
    config.set_floatx("float64")
    try:
        yield
    finally:
        config.set_floatx(before)


# --- the engine -------------------------------------------------------------------------------
@dataclass(frozen=True)
class Computed:
    """The cost and, by the names of the weights, its gradient and their values after a step."""

    cost: float
    slopes: Arrays
    updated: Arrays


def engine(model: Any, x: Any, y: Any) -> Computed:
    """Run a training step, recorded anew, on the engine; the model stays as it is."""
    symbolic, inputs = placeholders(Batch(x, y, None), np.dtype(model.dtype))
    placed = {id(p.weight): str(p.name) for p in placed_weights(model)}
    with recording() as opened:
        outputs = model(symbolic.x, training=True)
        cost, _ = record_loss(model, symbolic, outputs, training=True)
        variables = model.trainable_weights
        slopes = gradients([cost], variables)
        optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
        optimizer.apply(slopes, variables)
    news = {v: t for v, t in opened.updates.items() if id(v) in placed}
    values = Program(inputs, [cost, *slopes, *news.values()]).run(*flatten([x, y]))
    count = 1 + len(slopes)
    return Computed(
        float(values[0]),
        {placed[id(v)]: slope for v, slope in zip(variables, values[1:count], strict=True)},
        {placed[id(v)]: new for v, new in zip(news, values[count:], strict=True)},
    )


# --- arrays as a derivation keeps them --------------------------------------------------------
def in_matrix_shape(array: Any, *, examples: bool = False) -> np.ndarray:
    """Return a vector as a row, or as a column of examples; without idle axes in front."""
    array = np.asarray(array)
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 1:
        return array[:, None] if examples else array[None, :]
    return array


def turned(derivation: Any, name: Name, array: np.ndarray) -> np.ndarray:
    """Return an array as the notation keeps what has this name."""
    return array.T if str(name) in derivation.orientation.turned and array.ndim == 2 else array


def as_stated(derivation: Any, placed: Any, arrays: Mapping[str, np.ndarray]) -> Arrays:
    """Return arrays of the shapes of weights, by names in LaTeX, as the derivation keeps them."""
    found = {}
    for one in placed:
        if str(one.name) in arrays:
            name = derivation.names.of[id(one.weight)]
            found[name_latex(name)] = turned(
                derivation, name, in_matrix_shape(arrays[str(one.name)])
            )
    return found


def check_kernels(derivation: Any, placed: Any, found: Arrays) -> None:
    """Raise where a dense layer's kernel lies otherwise than `convert_weights` has it.

    That is told by the notation alone and knows nothing of formulas.
    """
    if derivation.notation.name == "keras":
        return
    expected = convert_weights(derivation.model, derivation.notation)
    for one in placed:
        if type(one.layer) is Dense and one.weight.name == "kernel":
            name = name_latex(derivation.names.of[id(one.weight)])
            np.testing.assert_array_equal(found[name], expected[str(one.name)])


def given(derivation: Any, placed: Any, x: Any, y: Any) -> Arrays:
    """Return what the equations start from, by names in LaTeX."""
    step, names = derivation.recorded, derivation.names
    found = as_stated(derivation, placed, {str(p.name): np.asarray(p.weight.value) for p in placed})
    check_kernels(derivation, placed, found)
    examples = [np.asarray(a) for a in flatten([x, y]) if a is not None]
    columns = derivation.notation.examples == "columns"
    for leaf, array in zip([*step.inputs, *step.targets], examples, strict=True):
        array = in_matrix_shape(array, examples=True)
        found[name_latex(names.of[id(leaf)])] = array.T if columns and array.ndim == 2 else array
    for node in topological([step.cost, *step.updates.values(), *step.gradients]):
        if isinstance(node, Variable) and name_latex(names.of[id(node)]) not in found:
            name = names.of[id(node)]
            found[name_latex(name)] = turned(derivation, name, in_matrix_shape(node.value))
    for identity, array in derivation.writer.constants.items():
        name = names.of[identity]
        found[name_latex(name)] = turned(derivation, name, in_matrix_shape(array))
    return {**found, **drawn_values(derivation, examples), "m": np.asarray(len(examples[0]))}


def drawn_values(derivation: Any, examples: list[np.ndarray]) -> Arrays:
    """Return the values that were drawn at random."""
    step = derivation.recorded
    drawn = [e for e in derivation.inside if e.drawn]
    nodes = [e.node for e in drawn]
    values = Program([*step.inputs, *step.targets], nodes).run(*examples) if drawn else []
    return {
        name_latex(e.name): turned(derivation, e.name, in_matrix_shape(value, examples=True))
        for e, value in zip(drawn, values, strict=True)
    }


# --- side by side -----------------------------------------------------------------------------
def read(
    derivation: Any, x: Any, y: Any, *, document: bool = False, placed: Any = None
) -> Interpreter:
    """Return the interpreter after it has computed what is printed, equations or document."""
    columns = derivation.notation.examples == "columns"
    placed = placed or placed_weights(derivation.model)
    interpreter = Interpreter(given(derivation, placed, x, y), columns=columns)
    interpreter.run(
        equations_of(derivation.latex()) if document else [s.text for s in derivation.steps]
    )
    return interpreter


def differences(
    derivation: Any, x: Any, y: Any, expected: Computed, *, document: bool = False
) -> dict[str, float]:
    """Return by how much, relatively, what is printed differs from what the engine computes."""
    placed = placed_weights(derivation.model)
    printed = read(derivation, x, y, document=document, placed=placed)
    found = {"J": relative(printed["J"], np.float64(expected.cost), 0.0)}
    slopes = as_stated(derivation, placed, expected.slopes)
    largest = max((float(np.linalg.norm(s)) for s in slopes.values()), default=0.0)
    for name, slope in slopes.items():
        derivative = rf"\mathrm{{d}}{name}"
        found[derivative] = relative(printed[derivative], slope, DUST / TOLERANCE * largest)
    for name, value in as_stated(derivation, placed, expected.updated).items():
        new = printed[name]
        if name in slopes and new.shape == value.shape:
            told = np.abs(slopes[name]) > DUST * largest
            new, value = new[told], value[told]
        found[name] = relative(new, value, 0.0)
    return found


def relative(found: np.ndarray, expected: np.ndarray, floor: float) -> float:
    """Return the relative difference, norm against norm; infinite where shapes differ."""
    if np.shape(found) != np.shape(expected):
        return float("inf")
    size = max(float(np.linalg.norm(expected)), floor)
    difference = float(np.linalg.norm(np.asarray(found) - expected))
    return difference / size if size else (0.0 if difference == 0 else float("inf"))
