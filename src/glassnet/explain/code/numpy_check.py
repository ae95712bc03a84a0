"""Test vectors of a NumPy program: a few examples, and what the library computes for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.engines import Program
from glassnet.explain.code.layout import WIDTH
from glassnet.explain.code.reading import Leaf, Reading, called
from glassnet.explain.code.terms import number_source, shape_source
from glassnet.explain.recorded import RecordedStep
from glassnet.graph.dimension import Dim
from glassnet.graph.order import topological
from glassnet.graph.substitution import substitute_tensors
from glassnet.graph.tensor import Placeholder, Tensor
from glassnet.graph.variable import Variable
from glassnet.layers import CategoryEncoding, Embedding
from glassnet.models.naming import layers_within

if TYPE_CHECKING:
    from glassnet.models.model import Model

EXAMPLES = 4
STEPS = 5
"""How many steps of training the check makes."""
ENTRIES = 3
"""How many entries of an array it compares beside the norm."""
TOLERANCES = {"float32": 1e-5, "float64": 1e-10}
NOISE = {"float32": 1e-4, "float64": 1e-8}
"""Below this part of the largest, much of a derivative may be rounding; what an optimizer that
divides by its size makes of the weight is not compared."""


# --- the examples -------------------------------------------------------------------------------
def drawn_examples(model: Model, reading: Reading, dtype: str) -> tuple[list[str], dict[str, Any]]:
    """Return source that draws a few examples for the network and its loss, and the arrays."""
    lines = ["rng = np.random.default_rng(1)"]
    below = _categories(model)
    for leaf in reading.inputs:
        shape = shape_source(_sizes(leaf))
        if leaf.tensor.dtype.kind == "f":
            lines.append(f"{called(leaf.name)} = rng.normal(size={shape}){_as(leaf, dtype)}")
        else:
            lines.append(f"{called(leaf.name)} = rng.integers(0, {below}, size={shape})")
    sums = {str(name) for name in reading.writer.distributions}
    for leaf, output in zip(reading.targets, _outputs_of(reading), strict=True):
        lines.append(
            f"{called(leaf.name)} = {_drawn_target(leaf, output, leaf.name in sums, dtype)}"
        )
    space: dict[str, Any] = {"np": np}
    exec("\n".join(lines), space)
    return lines, space


def _outputs_of(reading: Reading) -> list[Tensor]:
    """For each target an output; the first where there are not as many."""
    outputs, count = reading.step.outputs, len(reading.targets)
    return outputs if len(outputs) == count else [outputs[0]] * count


def _drawn_target(leaf: Leaf, output: Tensor, sums: bool, dtype: str) -> str:
    shape = _sizes(leaf)
    if leaf.tensor.dtype.kind != "f":
        classes = output.shape[-1] if output.shape else 2
        return f"rng.integers(0, {max(2, int(classes))}, size={shape_source(shape)})"
    inside = shape[::-1] if leaf.turned else shape
    if sums and inside[-1] != 1:
        chosen = f"rng.integers(0, {inside[-1]}, size={shape_source(inside[:-1])})"
        turn = ".T" if leaf.turned else ""
        return f"np.eye({inside[-1]})[{chosen}]{turn}{_as(leaf, dtype)}"
    return f"rng.uniform(0.1, 0.9, size={shape_source(shape)}){_as(leaf, dtype)}"


def _sizes(leaf: Leaf) -> tuple[int, ...]:
    return tuple(EXAMPLES if isinstance(s, Dim) else int(s) for s in leaf.shape)


def _as(leaf: Leaf, dtype: str) -> str:
    return "" if dtype == "float" else f".astype({dtype})"


def _categories(model: Model) -> int:
    """Below which number the integers among the inputs must stay."""
    known = [layer for _, layer in layers_within(model)]
    limits = [x.input_dim for x in known if isinstance(x, Embedding)]
    limits += [x.num_tokens for x in known if isinstance(x, CategoryEncoding)]
    return min(limits, default=2)


# --- what the library computes ------------------------------------------------------------------
class Library:
    """The recorded step, run by the library's engine on weights that are handed in."""

    def __init__(self, reading: Reading) -> None:
        step = reading.step
        changing = list(dict.fromkeys([*_variables(step), *step.updates]))
        holes = [Placeholder(v.shape, v.dtype, name=v.name or "v") for v in changing]
        stand_ins: dict[Tensor, Tensor] = dict(zip(changing, holes, strict=True))
        roots = [*step.outputs, step.cost, *step.gradients, *step.updates.values()]
        replaced = substitute_tensors(roots, stand_ins)
        self.reading, self.changing = reading, changing
        inputs = [*step.inputs, *step.targets, *holes]
        self.program = Program(inputs, replaced)

    def run(
        self, batch: Sequence[np.ndarray], values: Mapping[int, np.ndarray], number: int
    ) -> tuple[list[np.ndarray], float, list[np.ndarray], dict[int, np.ndarray]]:
        """Return outputs, cost, gradients and the new values of the variables, by id."""
        step = self.reading.step
        given = [*batch, *(values[id(v)] for v in self.changing)]
        found = self.program.run(*given, step=number)
        a = len(step.outputs)
        b = a + 1 + len(step.gradients)
        news = dict(zip(map(id, step.updates), found[b:], strict=True))
        return found[:a], float(found[a]), found[a + 1 : b], {**values, **news}


def _variables(step: RecordedStep) -> list[Variable]:
    roots = [step.cost, *step.outputs, *step.gradients, *step.updates.values()]
    return [n for n in topological(roots) if isinstance(n, Variable)]


def predictions(
    inference: Reading, batch: Sequence[np.ndarray], values: Mapping[int, np.ndarray]
) -> dict[str, tuple[float, list[float]]]:
    """Return what the library predicts for the arrays of X, as the program lays it out."""
    outputs, *_ = Library(inference).run(batch, values, 0)
    found = {}
    for i, (output, term) in enumerate(zip(outputs, inference.outputs, strict=True), 1):
        turned = inference.notation.examples == "columns" and output.ndim == 2
        name = f"prediction {i}" if len(outputs) > 1 else "prediction"
        found[name] = summary(output.T if turned and len(term.shape) == 2 else output)
    return found


def expectations(
    reading: Reading, batch: Sequence[np.ndarray], values: Mapping[int, np.ndarray]
) -> dict[str, tuple[float, list[float]]]:
    """Return cost, gradients, and cost and weights after some steps, as the library has them.

    Args:
        reading: the training step.
        batch: the arrays of X and Y, as the graph has them.
        values: the value of each variable at the start, by its id.
    """
    step = reading.step
    library = Library(reading)
    _, cost, slopes, state = library.run(batch, values, 0)
    trained = [reading.leaf(v) for v in step.variables]
    expected = {"J": summary(cost)}
    for leaf, slope in zip(trained, slopes, strict=True):
        expected[f"d{leaf.name}"] = summary(leaf.array(slope))
    for number in range(1, STEPS):
        _, cost, _, state = library.run(batch, state, number)
    tolerance = TOLERANCES[str(step.cost.dtype)]
    moved_cost, moved = _after_a_nudge(library, batch, values)
    if abs(moved_cost - cost) <= tolerance / 4 * max(abs(cost), 1e-3):
        expected[f"J in step {STEPS}"] = summary(cost)
    norms = [float(np.linalg.norm(slope)) for slope in slopes]
    limit = NOISE[str(step.cost.dtype)] * max(norms, default=0.0)
    noise = {leaf.name for leaf, norm in zip(trained, norms, strict=True) if norm <= limit}
    changed = {id(v) for v in step.updates}
    for leaf in reading.weights:
        if leaf.name in noise or id(leaf.tensor) not in changed:
            continue
        after = leaf.array(state[id(leaf.tensor)])
        spread = np.max(np.abs(after - leaf.array(moved[id(leaf.tensor)])), initial=0.0)
        if spread <= tolerance / 4 * max(float(np.linalg.norm(after)), 1e-3):
            expected[f"{leaf.name} after {STEPS} steps"] = summary(after)
    return expected


def _after_a_nudge(
    library: Library, batch: Sequence[np.ndarray], values: Mapping[int, np.ndarray]
) -> tuple[float, dict[int, np.ndarray]]:
    """The last cost, and the variables then, begun with weights that differ in their last digit.

    What that changes much, the order of a sum may change as much: it can't be compared.
    """
    rng = np.random.default_rng(0)
    trained = {id(v) for v in library.reading.step.variables}
    state = {
        key: value + _last_digit(value, rng) if key in trained else value
        for key, value in values.items()
    }
    for number in range(STEPS):
        _, cost, _, state = library.run(batch, state, number)
    return cost, state


def _last_digit(value: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    size = np.finfo(value.dtype).eps * np.maximum(np.abs(value), np.abs(value).mean())
    return np.asarray(size * rng.choice([-1.0, 1.0], value.shape), value.dtype)


def summary(value: Any) -> tuple[float, list[float]]:
    """Return the norm and the first entries.

    >>> summary(np.array([[3.0, 4.0]]))
    (5.0, [3.0, 4.0])
    """
    flat = np.asarray(value, np.float64).ravel()
    return float(np.linalg.norm(flat)), [float(v) for v in flat[:ENTRIES]]


# --- the lines ----------------------------------------------------------------------------------
def expected_lines(expected: Mapping[str, tuple[float, list[float]]], digits: int) -> list[str]:
    """Return the table of what the library computes, with so many digits."""
    lines = ["EXPECTED = {", "    # name: (norm of all entries, the first entries)"]
    for name, (norm, entries) in expected.items():
        first, *listed = (number_source(float(f"{v:.{digits}g}")) for v in (norm, *entries))
        value = f"({first}, [{', '.join(listed)}]),"
        if len(name) + len(value) + 8 <= WIDTH:
            lines.append(f'    "{name}": {value}')
        else:
            lines += [f'    "{name}":', f"        {value}"]
    return [*lines, "}"]


COMPARE = """
def compare(found):
    \"\"\"Print how the values agree with the expected ones; return how many do not.\"\"\"
    slopes = [norm for name, (norm, _) in EXPECTED.items() if name.startswith("d")]
    wrong = 0
    for name, (norm, entries) in EXPECTED.items():
        value = np.ravel(found[name])
        error = abs(np.linalg.norm(value) - norm)
        error = max(error, np.max(np.abs(value[: len(entries)] - entries)))
        least = 0.1 * max(slopes) if name.startswith("d") else 1e-3  # the rest may be rounding
        good = error <= {tolerance} * max(norm, least)
        wrong += not good
        verdict = "ok" if good else f"WRONG: differs by {{error:.2g}}"
        print(f"{{name:24}} {{norm:<14.8g}} {{verdict}}")
    return wrong
"""
