"""Constraints: projections of weights after each update."""

from __future__ import annotations

from typing import Any

from glassnet.registry import Registry

CONSTRAINTS = Registry("constraint")


def get(identifier: Any) -> Any:
    """Return a constraint by name (``"non_neg"``), from its saved form, or as it is."""
    return CONSTRAINTS.get(identifier)
