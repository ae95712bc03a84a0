"""The weights and seeds of a model, each under the name that it has in a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from glassnet.graph.variable import Variable
from glassnet.layers.base import Layer
from glassnet.ops.random import SeedGenerator


def layers_within(layer: Layer, path: str = "") -> Iterator[tuple[str, Layer]]:
    """Yield a layer and all in it, each once and before its own, with the path to it.

    The layer itself has the path "", a layer in it its name, ``"block/dense_1"``.
    """
    seen: set[int] = set()
    waiting = [(path, layer)]
    while waiting:
        place, found = waiting.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        yield place, found
        inner = [(f"{place}/{x.name}" if place else x.name, x) for x in found._sublayers()]
        waiting += reversed(inner)


def named_weights(layer: Layer) -> dict[str, Variable]:
    """Return every weight once, under a name that follows from the structure of the layer.

    The name is the path of the layer that has it and its own: ``"block/dense_1/kernel"``. Where
    two would have the same, the later gets a number.
    """
    found: dict[str, Variable] = {}
    seen: set[int] = set()
    for place, inner in layers_within(layer):
        for weight in inner._own:
            if id(weight) not in seen:
                seen.add(id(weight))
                found[_unused(f"{place}/{weight.name}" if place else str(weight.name), found)] = (
                    weight
                )
    return found


def _unused(name: str, taken: dict[str, Variable]) -> str:
    if name not in taken:
        return name
    number = 1
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"


def seeded_parts(layer: Layer) -> list[Any]:
    """Return everything in a layer that draws random numbers from a ``seed`` of its own."""
    found: list[Any] = []
    for _, inner in layers_within(layer):
        if isinstance(getattr(inner, "seed", None), int):
            found.append(inner)
        found += [part for part in vars(inner).values() if isinstance(part, SeedGenerator)]
    return found
