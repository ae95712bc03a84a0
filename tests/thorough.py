"""What is tried of many equal cases: the first ones always, the others with ``--thorough``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def first(count: int, cases: Iterable[Any]) -> list[Any]:
    """Return the cases as parameters of a test, those behind the first ones marked thorough."""
    return [c if i < count else thorough(c) for i, c in enumerate(cases)]


def thorough(*values: Any) -> Any:
    """Return values as a parameter of a test that is tried with ``--thorough`` alone.

    >>> thorough("int16").values
    ('int16',)
    """
    return pytest.param(*values, marks=pytest.mark.thorough)
