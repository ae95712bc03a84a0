"""Bricks of one's own, made known by name in code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from glassnet.registry import CUSTOM

T = TypeVar("T")


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[T], T]:
    """Make a class or function known by its name, as a decorator.

    A saved model that uses it is then built without ``custom_objects=``, and it is found by its
    name where glassnet's own bricks are. Only code that runs can make something known; a file
    can't.

    Args:
        package: accepted for Keras's sake; it is part of no name in glassnet's files.
        name: a further name.

    >>> import glassnet as gn
    >>> @gn.saving.register_keras_serializable()
    ... def double(x):
    ...     return 2 * x
    >>> gn.layers.Dense(3, activation="double").activation is double
    True
    """

    def register(brick: T) -> T:
        own = getattr(brick, "__name__", None)
        if own is None:
            raise TypeError(f"Only classes and functions have a name to register; got {brick!r}.")
        CUSTOM.update({key: brick for key in (own, name) if key})
        return brick

    return register


def get_custom_objects() -> dict[str, Any]:
    """Return the table of the bricks made known by name; changing it takes effect."""
    return CUSTOM


@contextmanager
def custom_object_scope(custom_objects: Mapping[str, Any]) -> Iterator[None]:
    """Make bricks known by name within a ``with`` block.

    >>> import glassnet as gn
    >>> def double(x):
    ...     return 2 * x
    >>> with gn.utils.custom_object_scope({"twice": double}):
    ...     gn.activations.get("twice") is double
    True
    """
    before = dict(CUSTOM)
    CUSTOM.update(custom_objects)
    try:
        yield
    finally:
        CUSTOM.clear()
        CUSTOM.update(before)
