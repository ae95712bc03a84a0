"""Slips: wrong ways back through an op that people write by hand, declared by the op itself.

The doctor recomputes a network's gradients with one rule replaced by a slip, and looks whether
that gives what a person has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

RIGHT: Any = ...
"""Stands for a derivative that is as it should be."""


@dataclass(frozen=True)
class Slip:
    """A wrong derivative rule of an op.

    Args:
        kind: the mistake in a few words; it names it everywhere: ``"kernel not flipped"``.
        sentence: what was done, in a sentence. ``{x0}``, ``{x1}`` stand for the inputs, ``{y}``
            for the value, and ``{dx0}``, ``{dy}`` for the derivatives by them.
        mend: what to write instead, in the same manner.
        way: ``way(op, g, y, *inputs)`` on arrays: for each input what the wrong rule gives; `RIGHT`
            where it is right, None where nothing goes back.
        weight: how unusual the mistake is: of two that explain the same arrays, the lighter one
            is named first.
        value: ``value(op, *inputs)``, what the wrong forward pass gives; None where it is right.
        harmless: whether the result is as good: the mathematics leaves a choice there.
    """

    kind: str
    sentence: str
    mend: str
    way: Callable[..., tuple[Any, ...]]
    weight: float = 1.0
    value: Callable[..., Any] | None = None
    harmless: bool = False
