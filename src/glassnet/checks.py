"""Checks of arguments, each with one clear error: what was expected, what came, what is near."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np


def one_of(value: Any, options: Sequence[str], what: str) -> str:
    """Return ``value`` where it is one of ``options``.

    Raises:
        ValueError: naming the options and the nearest of them.
    """
    if value in options:
        return str(value)
    named = ", ".join(map(repr, options))
    raise ValueError(f"{what}: expected one of {named}; got {value!r}.{nearest(value, options)}")


def nearest(value: Any, options: Sequence[str]) -> str:
    """Return the question whether the nearest of the options was meant; nothing where none is."""
    near = difflib.get_close_matches(str(value), options, n=1, cutoff=0.4)
    return f" Did you mean {near[0]!r}?" if near else ""


def listed(names: Sequence[str]) -> str:
    """Return names as words of a sentence.

    >>> listed(["dW1", "db1", "dW2"])
    'dW1, db1 and dW2'
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def number(
    value: Any,
    what: str,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    most: float = math.inf,
) -> float:
    """Return ``value`` where it is a finite number in the range; ``above`` is excluded from it.

    Raises:
        TypeError: where it is no number.
        ValueError: where it is out of range, infinite or NaN.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{what}: expected a number; got {value!r}.")
    if math.isfinite(value) and least <= value <= most and value > above:
        return value  # type: ignore[return-value]
    bounds = [f"of at least {least:g}"] if least > -math.inf else []
    bounds += [f"above {above:g}"] if above > -math.inf else []
    bounds += [f"of at most {most:g}"] if most < math.inf else []
    expected = " and ".join(bounds) or "that is finite"
    raise ValueError(f"{what}: expected a number {expected}; got {value!r}.")


def whole(value: Any, what: str, *, least: int) -> int:
    """Return ``value`` where it is a whole number of at least ``least``.

    Raises:
        TypeError: where it is no whole number.
        ValueError: where it is too small.
    """
    expected = f"{what}: expected a whole number of at least {least}; got {value!r}."
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(expected)
    if value < least:
        raise ValueError(expected)
    return int(value)
