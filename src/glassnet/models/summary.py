"""The table of a model's layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glassnet.models.model import Model


def print_summary(
    model: Model,
    line_length: int | None,
    print_fn: Any,
    expand_nested: bool,
    show_trainable: bool,
    layer_range: tuple[str, str] | None,
) -> None:
    """Print the table."""
