"""A person's gradients read: which derivative each array is, in the order of the backward pass."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from glassnet.checks import nearest
from glassnet.explain.doctor.diagnosis.case import Case
from glassnet.graph.variable import Variable

_PREFIX = re.compile(r"^(?:grads?_|gradient_|d[JL]_?d|d_|∂)", re.IGNORECASE)


def read_gradients(case: Case, given: Any) -> dict[str, np.ndarray]:
    """Return the arrays by the names of the derivation, ``"dW2"``, in backward order, as rows.

    Args:
        case: the network and the batch.
        given: arrays by name (``"dW1"``, ``"W1"``, ``"grad_W1"``, ``"dJ_dW1"``), or a list in the
            order of ``model.trainable_weights``.

    Raises:
        TypeError: where it is neither.
        KeyError: where a name is unknown; the message lists the known ones.
        ValueError: where the list has another length, or there is nothing.
    """
    found: dict[str, np.ndarray] = {}
    for name, value in _pairs(case, given):
        known = _known(case, name)
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise TypeError(
                f"diagnose: {name} is no array of numbers; got {_kind(value)}. Give the gradient "
                "itself, e.g. gradients={'dW1': dW1}."
            )
        found[known] = _as_rows(case, known, array)
    if not found:
        raise ValueError("diagnose: no gradients were given. Write gradients={'dW1': dW1, …}.")
    return {name: found[name] for name in backward_order(case, found)}


def _kind(value: Any) -> str:
    return "None" if value is None else type(value).__name__


def _pairs(case: Case, given: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(given, Mapping):
        return [(str(name), value) for name, value in given.items()]
    if isinstance(given, Sequence) and not isinstance(given, (str, bytes)):
        weights = [f"d{case.name(v)}" for v in case.step.variables]
        if len(given) != len(weights):
            raise ValueError(
                f"diagnose: a list of gradients has one array for each of {len(weights)} trainable "
                f"weights, {', '.join(weights)}; got {len(given)}. Or give them by name."
            )
        return list(zip(weights, given, strict=True))
    raise TypeError(
        "diagnose: gradients are a dictionary of arrays, {'dW1': …, 'db1': …}, or a list in the "
        f"order of model.trainable_weights; got {_kind(given)}."
    )


def _known(case: Case, name: str) -> str:
    bare = _PREFIX.sub("", name.strip()).replace("[", "").replace("]", "").replace("_", "")
    choices = {**case.by_derivative}
    for candidate in (name.strip(), f"d{name.strip()}", f"d{bare}", bare):
        if candidate in choices:
            return candidate
    lower = {c.lower(): c for c in choices}
    for candidate in (f"d{bare}", bare):
        if len([c for c in choices if c.lower() == candidate.lower()]) == 1:
            return lower[candidate.lower()]
    for number, variable in enumerate(case.step.variables):
        if name in (variable.path, variable.name) and _is_alone(case, name, number):
            return f"d{case.name(variable)}"
    raise KeyError(
        f"diagnose: {name!r} is no derivative of this network.{nearest(name, list(choices))} There "
        f"are {', '.join(backward_order(case, choices))}. Layers with weights are numbered 1, 2, …"
    )


def _is_alone(case: Case, name: str, number: int) -> bool:
    alike = [i for i, v in enumerate(case.step.variables) if name in (v.path, v.name)]
    return alike == [number]


def _as_rows(case: Case, name: str, array: np.ndarray) -> np.ndarray:
    """The array as it would be in what runs: examples as rows, kernels (inputs, outputs)."""
    node = case.by_derivative[name]
    notation = case.derivation.notation
    columns = notation.examples == "columns"
    weight = isinstance(node, Variable)
    shape = case.values[node].shape
    turned = columns if not weight else notation.name != "keras"
    if turned and array.ndim == 2 and len(shape) == 2:
        array = array.T
    if columns and not weight and array.dtype.kind == "f":
        array = array / case.examples  # the course's dZ is that of one example
    return array


def backward_order(case: Case, names: Iterable[str]) -> list[str]:
    """Return the names in the order in which the backward pass comes to them."""
    place = {id(n): i for i, n in enumerate(case.walk.order)}

    def when(name: str) -> tuple[float, int]:
        node = case.by_derivative[name]
        if node.op is None:  # a leaf, with the first node that uses it; a bias before its W
            users = [place[id(u)] for u in case.walk.users(node) if u not in case.penalised]
            return (-float(min(users, default=-1)) + 0.5, 0)
        return (-float(place[id(node)]), 0)

    return sorted(names, key=when)
