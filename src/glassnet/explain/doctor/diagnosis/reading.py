"""A person's gradients read: which derivative each array is, in the order of the backward pass."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from glassnet.checks import nearest
from glassnet.explain.doctor.diagnosis.case import Case
from glassnet.explain.doctor.diagnosis.matching import Tolerance, match
from glassnet.graph.tensor import Tensor
from glassnet.graph.variable import Variable
from glassnet.notation import Arrangement

_PREFIX = re.compile(
    r"^(?:grads?_|gradient_|nabla_|[d∂][JL][_/]?[d∂]|g_|d_|∂|∇|g(?=[A-Z]))", re.IGNORECASE
)
_SUFFIX = re.compile(r"_(?:grads?|gradient)$", re.IGNORECASE)
_LETTERS = {
    "w": "W", "k": "W", "kernel": "W", "weight": "W", "weights": "W", "theta": "W", "θ": "W",
    "b": "b", "bias": "b", "biases": "b",
}  # fmt: skip
"""What weights are called elsewhere, and what the derivation calls them."""


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
        known = known_name(case, name)
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise TypeError(
                f"diagnose: {name} is no array of numbers; got {_kind(value)}. Give the gradient "
                "itself, e.g. gradients={'dW1': dW1}."
            )
        found[known] = _as_rows(case, known, array)
    found = _of_examples(case, found)
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


def known_name(case: Case, name: str) -> str:
    """The name that the derivation has for what a person calls ``name``.

    Raises:
        KeyError: where it is unknown.
    """
    choices = list(case.by_derivative)
    for candidate in _readings(name.strip()):
        alike = [c for c in choices if c == candidate]
        alike = alike or [c for c in choices if c.lower() == candidate.lower()]
        alike = alike or [c for c in choices if re.fullmatch(re.escape(candidate) + r"\d+", c)]
        if len(alike) == 1:
            return alike[0]
    path = re.sub(r"[./]", "/", name.strip())
    ends = [v for v in case.step.variables if f"/{v.path}".endswith(f"/{path}")]
    if len(ends) == 1:
        return f"d{case.name(ends[0])}"
    raise KeyError(
        f"diagnose: {name!r} is no derivative of this network.{nearest(name, choices)} There "
        f"are {', '.join(backward_order(case, choices))}. Layers with weights are numbered 1, 2, …"
    )


def _readings(name: str) -> Iterable[str]:
    """What a name may be short for, the most literal first: ``"grad_K1"`` is ``"dW1"``."""
    yield name
    yield f"d{name}"
    bare = _SUFFIX.sub("", _PREFIX.sub("", name))
    bare = re.sub(r"[\[\]_]", "", bare)
    yield f"d{bare}"
    yield bare
    found = re.fullmatch(r"(d?)(.+?)(\d*)", bare)
    if found is not None:
        letter = _LETTERS.get(found[2].lower())
        if letter is not None:
            yield f"d{letter}{found[3]}"
            if letter == "W":
                yield f"dE{found[3]}"  # the table of an embedding


def _as_rows(case: Case, name: str, array: np.ndarray) -> np.ndarray:
    """The array as it would be in what runs: examples as rows, kernels (inputs, outputs)."""
    node = case.by_derivative[name]
    way = _arrangement(case, node)
    columns = case.derivation.notation.examples == "columns"
    if way is not None and array.shape == way.shape:
        array = way.back(array)
    elif _is_turned(case, node) and array.ndim == 2:
        array = array.T
    elif columns and isinstance(node, Variable) and array.ndim == 2 and len(node.shape) == 1:
        array = array.T  # a bias is a column there; where it was not summed, dZ
    return array


def _of_examples(case: Case, found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Divide derivatives by Z and A by m where those of the course are given.

    The course's dZ is that of one example, and 1/m stands in dW and db; but dZ with the 1/m in it
    is as good.
    """
    between = [
        n for n, a in found.items()
        if not isinstance(case.by_derivative[n], Variable) and a.dtype.kind == "f"
    ]  # fmt: skip
    if case.derivation.notation.examples != "columns" or not case.averaged or not between:
        return found
    right = case.predicted(None, between)
    tolerance = Tolerance.for_arrays(found)
    if all(match(found[n], right[n], tolerance.of[n]).factor == 1.0 for n in between):
        return found
    return {n: a / case.examples if n in between else a for n, a in found.items()}


def as_written(case: Case, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return how the shape of a derivative is written in the case's notation."""
    node = case.by_derivative[name]
    way = _arrangement(case, node)
    if way is not None and shape == tuple(way.own):
        return tuple(way.shape)
    return shape[::-1] if _is_turned(case, node) and len(shape) == 2 else shape


def _arrangement(case: Case, node: Tensor) -> Arrangement | None:
    return case.arrangements.get(node) if isinstance(node, Variable) else None


def _is_turned(case: Case, node: Tensor) -> bool:
    """Whether a matrix lies the other way round in the case's notation."""
    way = _arrangement(case, node)
    if way is not None:
        return way.order == (1, 0)
    columns = case.derivation.notation.examples == "columns"
    return columns and case.values[node].ndim == 2 and not isinstance(node, Variable)


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
