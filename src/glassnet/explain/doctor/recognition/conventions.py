"""The ways in which arrays may lie: examples as rows or columns, channels last or first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Convention:
    """How a person's arrays lie, seen from the library.

    Args:
        said: the convention in words; empty for the library's own.
        into: turns a person's input into the library's.
        into_output: turns a person's output into the library's.
        back: turns the library's output into a person's.
        back_input: turns the library's input into a person's.
    """

    said: str
    into: Callable[[Array], Array]
    into_output: Callable[[Array], Array]
    back: Callable[[Array], Array]
    back_input: Callable[[Array], Array]


def same(array: Array) -> Array:
    """Return the array."""
    return array


ROWS = Convention("", same, same, same, same)
COLUMNS = Convention("examples are columns", *[np.transpose] * 4)


def conventions(x: Array, y: Array) -> Iterator[Convention]:
    """Yield the conventions that fit an input and an output, the library's first."""
    yield ROWS
    if x.ndim == y.ndim == 2 and x.shape[1] == y.shape[1]:
        yield COLUMNS
    if x.ndim in (3, 4):
        inside, outside = _last, _first
        if y.ndim == x.ndim:
            yield Convention("channels come first", inside, inside, outside, outside)
        else:
            yield Convention("channels come first", inside, same, same, outside)
    if x.ndim in (2, 3) and y.ndim == x.ndim:
        yield Convention("there is no axis of channels", _added, _added, _dropped, _dropped)


def _last(array: Array) -> Array:
    return np.moveaxis(array, 1, -1)


def _first(array: Array) -> Array:
    return np.moveaxis(array, -1, 1)


def _added(array: Array) -> Array:
    return array[..., None]


def _dropped(array: Array) -> Array:
    return array[..., 0]
