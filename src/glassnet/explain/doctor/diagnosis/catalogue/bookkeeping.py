"""Mistakes with finished gradients: swapped, copied, transposed, of a branch left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations, pairwise, permutations
from typing import TYPE_CHECKING

import numpy as np

from glassnet.explain.doctor.diagnosis.variant import After, Arrays, Variant
from glassnet.explain.doctor.diagnosis.walk import Changes, Given, Walk
from glassnet.graph.tensor import Tensor
from glassnet.graph.variable import Variable

if TYPE_CHECKING:
    from glassnet.explain.doctor.diagnosis.case import Case

_MANY = 12
"""Of more gradients of one shape than this only neighbours are swapped."""


def of_bookkeeping(case: Case, names: list[str]) -> Iterator[Variant]:
    """Yield the mistakes with finished gradients, and with sums over branches."""
    shapes = {name: case.values[case.by_derivative[name]].shape for name in names}
    yield from of_arrays(names, shapes)
    yield from _not_given(case, names)
    yield from _branches(case)


def of_arrays(names: list[str], shapes: dict[str, tuple[int, ...]]) -> Iterator[Variant]:
    """Yield the mistakes with finished arrays, whatever they are the gradients of."""
    yield from _swapped(names, shapes)
    yield from _layers(names, shapes)
    yield from _transposed(names, shapes)


def _swapped(names: list[str], shapes: dict[str, tuple[int, ...]]) -> Iterator[Variant]:
    alike: dict[tuple[int, ...], list[str]] = {}
    for name in names:
        alike.setdefault(tuple(n for n in shapes[name] if n != 1), []).append(name)
    for group in alike.values():
        pairs = list(combinations(group, 2) if len(group) <= _MANY else pairwise(group))
        for first, second in pairs:
            yield Variant(
                "gradients of two weights swapped", f"{first} and {second} are swapped.",
                "give each its own name", first, after=(_swap(first, second),), groups=(),
            )  # fmt: skip
        if len(group) <= _MANY:
            for to, source in permutations(group, 2):
                yield Variant(
                    "gradient of another weight", f"{to} is a copy of {source}.",
                    f"compute {to} from its own layer's input and dZ", to,
                    after=(_copy(to, source),), weight=1.1, groups=(),
                )  # fmt: skip
        if 2 < len(group) <= _MANY:
            yield Variant(
                "gradients in reverse order", "The gradients come in the order of the backward "
                "pass, last layer first, and are taken for the other order.",
                "reverse the list", group[0], after=(_reversed(group),), weight=1.1,
                groups=("reversed",),
            )  # fmt: skip


def _not_given(case: Case, names: list[str]) -> Iterator[Variant]:
    """Gradients of weights whose own are not looked at, under the names of others."""
    others = [(n, w) for n, w in case.weights if f"d{n}" not in names]
    for name, weight in case.weights:
        if f"d{name}" not in names or len(others) > _MANY:
            continue
        for other, source in others:
            if case.values[source].shape == case.values[weight].shape:
                yield Variant(
                    "gradient of another weight", f"d{name} is the gradient of {other}.",
                    f"compute d{name} from its own layer's input and dZ", f"d{name}",
                    Changes(leaves={id(weight): _of(source)}), weight=1.15, groups=(),
                )  # fmt: skip


def _of(node: Tensor) -> Given:
    return lambda walk: walk[node]


def _layers(names: list[str], shapes: dict[str, tuple[int, ...]]) -> Iterator[Variant]:
    """Whole layers exchanged, whether their shapes are alike or not."""
    parts: dict[str, dict[str, str]] = {}
    for name in names:
        found = re.fullmatch(r"(\D+)(\d+)", name)
        if found is not None and not found[1].startswith(("dZ", "dA", "dX")):
            parts.setdefault(found[2], {})[found[1]] = name
    numbers = sorted(parts, key=int)
    pairs = list(combinations(numbers, 2) if len(numbers) <= _MANY else pairwise(numbers))
    for i, j in pairs:
        shared = [letter for letter in parts[i] if letter in parts[j]]
        for letters in {tuple(shared), *((one,) for one in shared)}:
            both = [(parts[i][one], parts[j][one]) for one in letters]
            alike = all(shapes[a] == shapes[b] for a, b in both)
            if not both or (alike and len(both) < 2):
                continue
            told = f"The gradients of layers {i} and {j} are swapped"
            yield Variant(
                "gradients of two weights swapped",
                f"{told}: {', '.join(f'{a} and {b}' for a, b in both)}.",
                "give each its own name", both[0][0], after=(_exchanged(both),),
                weight=1.0 if len(both) == len(shared) else 1.1, groups=(),
            )  # fmt: skip
    if len(numbers) > 2:
        turned = [
            (parts[i][one], parts[j][one])
            for i, j in zip(numbers, numbers[::-1], strict=True)
            if int(i) < int(j)
            for one in parts[i]
            if one in parts[j]
        ]
        if turned:
            yield Variant(
                "gradients in reverse order", "The layers' gradients come in the order of the "
                "backward pass, last layer first, and are taken for the other order.",
                "reverse the list", turned[0][0], after=(_exchanged(turned),), weight=1.05,
                groups=(),
            )  # fmt: skip


def _exchanged(pairs: list[tuple[str, str]]) -> After:
    def after(found: Arrays) -> Arrays:
        turned = {a: found[b] for a, b in pairs} | {b: found[a] for a, b in pairs}
        return {**found, **turned}

    return after


def _swap(first: str, second: str) -> After:
    def after(found: Arrays) -> Arrays:
        one, two = found[first], found[second]
        return {**found, first: two.reshape(one.shape), second: one.reshape(two.shape)}

    return after


def _copy(to: str, source: str) -> After:
    return lambda found: {**found, to: found[source].reshape(found[to].shape)}


def _reversed(group: list[str]) -> After:
    def after(found: Arrays) -> Arrays:
        turned = {
            a: found[b].reshape(found[a].shape) for a, b in zip(group, group[::-1], strict=True)
        }
        return {**found, **turned}

    return after


def _transposed(names: list[str], shapes: dict[str, tuple[int, ...]]) -> Iterator[Variant]:
    flat = [n for n in names if len(shapes[n]) == 2 and min(shapes[n]) > 1]
    for name in flat:
        yield Variant(
            "transposed result", f"{name} is transposed.",
            f"{name} has the shape of what it is the derivative by, "
            f"{shapes[name][0]} × {shapes[name][1]}: dW = Aᵀ dZ, not dZᵀ A",
            name, after=(_turned([name]),), weight=0.9, groups=("turned",),
        )  # fmt: skip
    for name in names:
        last = len(shapes[name]) - 1
        if last < 2:
            continue
        cells = tuple(range(last - 1))
        yield Variant(
            "input and output channels swapped", f"The last two axes of {name} are swapped.",
            "a kernel is (…, channels in, channels out)", name,
            after=(_ordered(name, (*cells, last, last - 1)),), weight=1.2, groups=("channels",),
        )  # fmt: skip
        others = [((*cells[::-1], last - 1, last), "its rows and columns are swapped")]
        others.append(((last, last - 1, *cells), "it lies as torch has it, (out, in, …)"))
        for order, told in others:
            if order != tuple(range(last + 1)):
                yield Variant(
                    "kernel's axes in another order", f"{name} has its axes in another order: "
                    f"{told}.", "a kernel is (rows, columns, channels in, channels out)", name,
                    after=(_ordered(name, order),), weight=1.2, groups=(told,),
                )  # fmt: skip


def _turned(names: list[str]) -> After:
    return lambda found: {**found, **{n: found[n].T for n in names}}


def _ordered(name: str, order: tuple[int, ...]) -> After:
    return lambda found: {**found, name: np.transpose(found[name], order)}


def _branches(case: Case) -> Iterator[Variant]:
    """A value that goes two ways: what comes back from both is added."""
    outputs = {id(t): t for call in case.step.calls for t in (*call.outputs, *call.inputs)}
    for node in outputs.values():
        users = [u for u in case.walk.users(node) if case.walk.reaches(u)]
        owners = {id(case.names.owners.get(id(u))) for u in users}
        if len(owners) < 2 or not case.walk.asks(node) or isinstance(node, Variable):
            continue
        for user in users:
            about = f"d{case.name(node)}"
            yield Variant(
                "branch overwritten",
                f"{case.name(node)} goes into several layers, and {about} is what comes back from "
                f"{case.place_of(user)} alone.", f"add up what comes back: {about} += …", about,
                Changes(given={id(node): _from_one(node, user)}), weight=1.0, groups=(),
            )  # fmt: skip


def _from_one(node: Tensor, user: Tensor) -> Given:
    def given(walk: Walk) -> np.ndarray:
        parts = [p for n, p in walk.rule(user, walk[user]) if n is node]
        return np.asarray(sum(parts[1:], parts[0]))

    return given
