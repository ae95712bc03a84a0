"""Activations: the functions between the linear maps of a network, and their names."""

from __future__ import annotations

from typing import Any

from glassnet.graph.tensor import Tensor
from glassnet.registry import Registry

ACTIVATIONS = Registry("activation")


@ACTIVATIONS.add()
def linear(x: Any) -> Tensor:
    """Return ``x``."""
    return x


def get(identifier: Any) -> Any:
    """Return an activation by name (``"relu"``), or as it is; None is linear."""
    return linear if identifier is None else ACTIVATIONS.get(identifier)
