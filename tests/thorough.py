"""What is tried of many equal cases: the first ones always, the others with ``--thorough``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest


def first(count: int, cases: Iterable[Any]) -> list[Any]:
    """Return the cases as parameters of a test, those behind the first ones marked thorough."""
    return [c if i < count else thorough(c) for i, c in enumerate(cases)]


def in_turn(cases: Iterable[Any], others: Sequence[Any]) -> list[Any]:
    """Return each case with one of the others, in turn; with all of them marked thorough.

    >>> [p.values for p in in_turn("abc", "xy") if not p.marks]
    [('a', 'x'), ('b', 'y'), ('c', 'x')]
    """
    return [
        pytest.param(case, other, marks=() if i % len(others) == j else pytest.mark.thorough)
        for i, case in enumerate(cases)
        for j, other in enumerate(others)
    ]


def thorough(*values: Any) -> Any:
    """Return values as a parameter of a test that is tried with ``--thorough`` alone.

    >>> thorough("int16").values
    ('int16',)
    """
    return pytest.param(*values, marks=pytest.mark.thorough)
