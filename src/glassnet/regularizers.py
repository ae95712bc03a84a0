"""Regularizers: penalties on weights or outputs, added to the loss."""

from __future__ import annotations

from typing import Any

from glassnet.registry import Registry

REGULARIZERS = Registry("regularizer")


def get(identifier: Any) -> Any:
    """Return a regularizer by name (``"l2"``), from its saved form, or as it is."""
    return REGULARIZERS.get(identifier)
