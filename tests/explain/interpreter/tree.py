"""What a formula is once it is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Number:
    """A number."""

    value: float


@dataclass(frozen=True)
class Symbol:
    """A quantity by its name, in LaTeX without spaces: ``\\mathrm{d}W^{[2]}``."""

    name: str


@dataclass(frozen=True)
class Sum:
    """Summands with their signs."""

    terms: tuple[tuple[int, Any], ...]


@dataclass(frozen=True)
class EntryByEntry:
    """``a ⊙ b ⊙ …``."""

    factors: tuple[Any, ...]


@dataclass(frozen=True)
class SideBySide:
    """``a b …``: matrix products, and numbers times arrays."""

    factors: tuple[Any, ...]


@dataclass(frozen=True)
class Fraction:
    """``a / b``, entry by entry."""

    above: Any
    below: Any


@dataclass(frozen=True)
class Power:
    """``a ^ b``, entry by entry."""

    base: Any
    exponent: Any


@dataclass(frozen=True)
class Transposed:
    """The last two axes exchanged."""

    term: Any


@dataclass(frozen=True)
class Over:
    """``\\sum_{i} X_{i:}`` and its like: which places of the list are letters of the limits."""

    kind: str
    term: Any
    places: str
    letters: tuple[str, ...]


@dataclass(frozen=True)
class Call:
    """A function by its name, without the backslash, of arguments, with parameters."""

    function: str
    arguments: tuple[Any, ...]
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Relation:
    """1 where ``a > b``, else 0."""

    sign: str
    first: Any
    second: Any


@dataclass(frozen=True)
class Cases:
    """The first term whose condition holds; None is the condition that always does."""

    rows: tuple[tuple[Any, Any], ...]


@dataclass(frozen=True)
class Equation:
    """``name = term``, ``name ← term``, ``name ∼ distribution``; with the stated sizes, if any."""

    name: str
    term: Any
    sizes: tuple[Any, ...] | None = None
    update: bool = False
    drawn: bool = False
