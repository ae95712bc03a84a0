"""The last part of an emitted program: examples, what the library makes of them, the comparison."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.explain.code.emission import SEED, Emission
from glassnet.explain.code.layout import function, heading
from glassnet.explain.code.numpy_check import (
    COMPARE,
    STEPS,
    TOLERANCES,
    drawn_examples,
    expectations,
    expected_lines,
    predictions,
)
from glassnet.explain.code.reading import called
from glassnet.explain.code.starting import assignment
from glassnet.explain.code.terms import number_source
from glassnet.nest import flatten

MOST = 8
"""How many of the given examples a program carries."""


def check_lines(e: Emission, network: str) -> list[str]:
    """Return the examples, the expected numbers, and the functions that compare.

    Args:
        e: the network.
        network: the program so far; where weights are drawn, it draws them.
    """
    lines, space = _examples(e)
    names = [*e.inputs, *e.targets]
    batch = [leaf.inside(space[name]) for leaf, name in zip(e.data, names, strict=True)]
    values = _first_values(e, network)
    expected = predictions(e.inference, batch[: len(e.inputs)], values)
    expected |= expectations(e.reading, batch, values)
    body = [*lines, f"    return {', '.join(names)}"]
    about = ["Return a few examples: those that the numbers below belong to."]
    digits = 17 if e.dtype == "float" else 9
    tolerance = TOLERANCES[str(np.dtype(e.model.dtype))]
    comparing = COMPARE.format(tolerance=number_source(tolerance)).strip("\n")
    return [
        "", heading("check"), *function("examples", [], about, body), "", "",
        *expected_lines(expected, digits), "", "", comparing, "", "", *_checking(e), "",
    ]  # fmt: skip


def _examples(e: Emission) -> tuple[list[str], dict[str, Any]]:
    """The source of the examples, and their arrays by name."""
    if not e.given:
        drawn, space = drawn_examples(e.model, e.reading, e.dtype)
        return [f"    {line}" for line in drawn], space
    lines, space = [], {}
    arrays = [np.asarray(a)[:MOST] for a in flatten(e.batch) if a is not None]
    for leaf, array in zip(e.data, arrays, strict=True):
        space[called(leaf.name)] = leaf.array(array)
        lines += assignment(called(leaf.name), leaf.array(array), 4)
    return lines, space


def _first_values(e: Emission, network: str) -> dict[int, np.ndarray]:
    """The value of each variable with which the program begins, by its id."""
    values = {id(v): first for v, first in e.beginnings}
    for name in e.fixed:
        variable = e.scalars[name][0]
        values[id(variable)] = np.asarray(variable.value)
    drawn = {}
    if e.fresh:
        space: dict[str, Any] = {"__name__": "program"}
        exec(network, space)
        drawn = space["init"](np.random.default_rng(SEED))
    for leaf in e.weights:
        found = leaf.inside(drawn[leaf.name]) if drawn else leaf.value
        values[id(leaf.tensor)] = found
    return values


def _checking(e: Emission) -> list[str]:
    data = ", ".join([*e.inputs, *e.targets])
    kept = ["parameters", *(["state"] if e.state else [])]
    drawn = ", 0" if e.reading.takes_step else ""
    cost = f"loss({', '.join(e.loss_arguments)})"
    several = len(e.inference.outputs) > 1
    predicted = f"predict({', '.join(e.inputs)}, parameters)"
    if several:
        found = [
            "    found = {}",
            f"    for i, output in enumerate({predicted}, 1):",
            '        found[f"prediction {i}"] = output',
        ]
    else:
        found = [f'    found = {{"prediction": {predicted}}}']
    body = [
        f"    {data} = examples()",
        f"    parameters = {e.beginning}",
        *found,
        f"    cache = forward({', '.join(e.inputs)}, parameters{drawn})",
        f'    found["J"] = {cost}',
        f"    for k, slope in backward({data}, parameters, cache).items():",
        '        found[f"d{k}"] = slope',
        *(["    state = start(parameters)"] if e.state else []),
        f"    for number in range(1, {STEPS + 1}):",
        f'        found[f"J in step {{number}}"] = train_step({data}, {", ".join(kept)})',
        "    for k, w in parameters.items():",
        f'        found[f"{{k}} after {STEPS} steps"] = w',
        "    return 1 if compare(found) else 0",
    ]
    about = ["Compare this program with glassnet; return the exit status, 0 for equal."]
    return function("check", [], about, body)
