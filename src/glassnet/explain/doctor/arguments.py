"""What plain functions are called on: what is differentiated by, and what stays as given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from numbers import Number
from typing import Any

import numpy as np

from glassnet.graph.dtypes import is_float
from glassnet.nest import flatten


def as_argument(value: Any) -> Any:
    """Return an argument as a function gets it.

    Arrays, lists of numbers and floats become arrays, floats of them in float64. Integers and truth
    values by themselves (``n``, ``axis``), texts, None and other objects stay what they are.
    """
    if isinstance(value, (bool, int, str, bytes)) or value is None:
        return value
    try:
        array = np.asarray(value)
    except ValueError:  # rows of several lengths
        return value
    if is_float(array.dtype):
        return np.array(array, dtype=np.float64)
    return np.array(array) if array.dtype.kind in "iubc" else value


def as_arguments(values: Sequence[Any]) -> list[Any]:
    """Return the arguments as a function gets them; where all are integers, they are floats."""
    found = [as_argument(v) for v in values]
    if any(differentiated(a) for a in found):
        return found
    return [np.asarray(a, np.float64) if _whole(a) else a for a in found]


def differentiated(value: Any) -> bool:
    """Tell whether a function is differentiated by an argument."""
    return isinstance(value, np.ndarray) and is_float(value.dtype)


def _whole(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "iu"
    return isinstance(value, int) and not isinstance(value, bool)


def fixed_note(names: Sequence[str], arguments: Sequence[Any]) -> tuple[str, ...]:
    """Say of which arguments there is no gradient to check because they hold integers."""
    whole = [n for n, a in zip(names, arguments, strict=False) if _whole(a)]
    if not whole or not any(map(differentiated, arguments)):
        return ()
    one = len(whole) == 1
    told = f"{', '.join(whole)} {'holds' if one else 'hold'} integers"
    return (f"{told}, so {'it counts' if one else 'they count'} as fixed; pass floats otherwise.",)


def is_leaf(value: Any) -> bool:
    """Tell whether an argument is an array, or a list that is one: not a structure of arrays."""
    if isinstance(value, Mapping):
        return False
    if isinstance(value, (list, tuple)):
        return bool(value) and all(isinstance(v, Number) for v in flatten(value))
    return True


def refuse_structures(names: Sequence[str], values: Sequence[Any]) -> None:
    """Raise TypeError where an argument of a plain function is a structure of arrays."""
    for name, value in zip(names, values, strict=False):
        if isinstance(value, Mapping):
            keys = [str(k) for k in value]
            inside = ", ".join(f"{k!r}: {k}" for k in keys)
            raise TypeError(
                f"check_gradients((f, gradient_of_f), …) takes arrays; argument {name!r} is a "
                f"{type(value).__name__} with {', '.join(map(repr, keys))}. Give them one by one: "
                f"f = lambda {', '.join(keys)}: cost({{{inside}}}), and of the gradient a tuple in "
                "that order."
            )
        if isinstance(value, (list, tuple)) and not isinstance(as_argument(value), np.ndarray):
            raise TypeError(
                f"check_gradients((f, gradient_of_f), …) takes arrays; argument {name!r} is a "
                f"{type(value).__name__} of {len(value)} that make no array. Give them one by one, "
                "f = lambda a, b: cost((a, b)), and of the gradient a tuple in that order."
            )


def argument_names(f: Callable[..., Any], arrays: Sequence[Any]) -> list[str]:
    """Return the names of a function's arguments, one an array of a structure."""
    try:
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        named = [p.name for p in inspect.signature(f).parameters.values() if p.kind in kinds]
    except (TypeError, ValueError):
        named = []
    named += [f"x{i}" for i in range(len(named), len(arrays))]
    found = []
    for name, structure in zip(named, arrays, strict=False):
        if is_leaf(structure):
            found.append(name)
        else:
            found += [f"{name}[{i}]" for i in range(len(flatten(structure)))]
    return found


def takes(f: Callable[..., Any], count: int) -> bool | None:
    """Tell whether a function can be called with so many arrays; None where nobody can tell."""
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):
        return None
    try:
        signature.bind(*[None] * count)
    except TypeError:
        return False
    return True


def needs(f: Callable[..., Any], count: int) -> bool:
    """Tell whether a function can't be called with fewer arrays than ``count``."""
    return takes(f, count) is not False and takes(f, count - 1) is False
