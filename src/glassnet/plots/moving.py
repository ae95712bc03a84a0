"""The pictures that `animate` knows by name: each fixes its scales once, from the whole run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

PICTURES: dict[str, Callable[..., Any]] = {}
