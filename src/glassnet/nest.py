"""Nested lists, tuples and dictionaries: what inputs and outputs of a model may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def flatten(structure: Any) -> list[Any]:
    """Return the leaves of nested lists, tuples and dictionaries, in order; None counts as one.

    >>> from glassnet.nest import flatten
    >>> flatten({"a": [1, 2], "b": (3,)})
    [1, 2, 3]
    """
    if isinstance(structure, (list, tuple)):
        return [leaf for item in structure for leaf in flatten(item)]
    if isinstance(structure, Mapping):
        return [leaf for item in structure.values() for leaf in flatten(item)]
    return [structure]


def map_structure(function: Callable[[Any], Any], structure: Any) -> Any:
    """Return the structure with ``function`` applied to each leaf."""
    if isinstance(structure, (list, tuple)):
        items = [map_structure(function, item) for item in structure]
        if hasattr(structure, "_fields"):  # a named tuple takes its fields one by one
            return type(structure)(*items)
        return type(structure)(items)
    if isinstance(structure, Mapping):
        return {key: map_structure(function, item) for key, item in structure.items()}
    return function(structure)


def pack_like(structure: Any, leaves: list[Any]) -> Any:
    """Return ``leaves`` arranged as ``structure`` is."""
    remaining = iter(leaves)
    return map_structure(lambda _: next(remaining), structure)
