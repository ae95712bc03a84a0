"""Sizes that are not known until a network runs: the batch ``m`` and what is computed from it.

A ``Dim`` is a polynomial with integer coefficients in named sizes, kept in one canonical form, so
that two equal sizes compare equal: ``m * 28 * 28 // 784 == m``. Where a quotient does not come
out even, or the larger of two is asked for, the expression itself becomes a name of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Union

Size = Union[int, "Dim"]
Shape = tuple[Size, ...]


@dataclass(frozen=True)
class _Call:
    """An operation on sizes that no polynomial expresses: ``first // second`` or the larger."""

    kind: str  # "//" or "max"
    first: Size
    second: Size

    def __repr__(self) -> str:
        if self.kind == "max":
            return f"max({self.first}, {self.second})"
        return f"({self.first})//{self.second}"


_Atom = str | _Call
_Monomial = tuple[_Atom, ...]  # sorted; a repeated atom is a power


class Dim:
    """A size known only at run time, for instance the batch size ``m``.

    >>> from glassnet.graph.dimension import Dim
    >>> m = Dim.named("m")
    >>> m * 28 * 28 // 784 == m, m + m == 2 * m, (m + 1) * 3
    (True, True, 3*m + 3)
    """

    __slots__ = ("_hash", "terms")

    terms: tuple[tuple[_Monomial, int], ...]

    def __init__(self, terms: tuple[tuple[_Monomial, int], ...]) -> None:
        self.terms = terms
        self._hash = hash(terms)

    @staticmethod
    def named(name: str) -> Dim:
        """Return the size called ``name``."""
        return Dim((((name,), 1),))

    # --- arithmetic -------------------------------------------------------------------------
    def __add__(self, other: Size) -> Size:
        total = dict(self.terms)
        for monomial, factor in _terms(other):
            total[monomial] = total.get(monomial, 0) + factor
        return _canonical(total)

    def __mul__(self, other: Size) -> Size:
        total: dict[_Monomial, int] = {}
        for left, a in self.terms:
            for right, b in _terms(other):
                key = tuple(sorted(left + right, key=repr))
                total[key] = total.get(key, 0) + a * b
        return _canonical(total)

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> Size:
        return self * -1

    def __sub__(self, other: Size) -> Size:
        return self + (other * -1)

    def __rsub__(self, other: int) -> Size:
        return self * -1 + other

    def __floordiv__(self, other: Size) -> Size:
        return divide(self, other)

    def __rfloordiv__(self, other: int) -> Size:
        return divide(other, self)

    # --- identity ---------------------------------------------------------------------------
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dim) and self.terms == other.terms

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        text = ""
        for monomial, factor in sorted(self.terms, key=lambda t: (-len(t[0]), repr(t[0]))):
            number = [str(abs(factor))] if abs(factor) != 1 or not monomial else []
            sign = "-" if factor < 0 else "+"
            text += f" {sign} " + "*".join([*number, *map(str, monomial)])
        return text[3:] if text.startswith(" + ") else "-" + text[3:]

    def __index__(self) -> int:
        raise TypeError(
            f"The size {self} is known only when the network runs, so it is no number yet. "
            "Use it as it is (ops.reshape, ops.zeros and slices take it), or write -1 in a reshape."
        )

    __int__ = __index__

    def __bool__(self) -> bool:
        return True


def _terms(size: Size) -> Iterable[tuple[_Monomial, int]]:
    return size.terms if isinstance(size, Dim) else (((), int(size)),)


def _canonical(total: dict[_Monomial, int]) -> Size:
    kept = sorted(((k, v) for k, v in total.items() if v), key=lambda t: repr(t[0]))
    if not kept:
        return 0
    if len(kept) == 1 and kept[0][0] == ():
        return kept[0][1]
    return Dim(tuple(kept))


def _divide_exactly(size: Size, by: Size) -> Size | None:
    """``size / by`` where ``by`` is one term that divides every term of ``size``."""
    divisor = list(_terms(by))
    if len(divisor) != 1:
        return 1 if size == by else None
    (names, number) = divisor[0]
    total: dict[_Monomial, int] = {}
    for monomial, factor in _terms(size):
        rest = list(monomial)
        for name in names:
            if name not in rest:
                return None
            rest.remove(name)
        if factor % number:
            return None
        total[tuple(rest)] = factor // number
    return _canonical(total)


def divide(size: Size, by: Size) -> Size:
    """Return ``size // by``, in closed form where it comes out even."""
    if isinstance(size, int) and isinstance(by, int):
        return size // by
    exact = _divide_exactly(size, by)
    return Dim((((_Call("//", size, by),), 1),)) if exact is None else exact


def divisible(size: Size, by: Size) -> bool:
    """Tell whether ``by`` is known to divide ``size``."""
    if isinstance(size, int) and isinstance(by, int):
        return by != 0 and size % by == 0
    return _divide_exactly(size, by) is not None


def larger(first: Size, second: Size) -> Size:
    """Return ``max(first, second)``."""
    if isinstance(first, int) and isinstance(second, int):
        return max(first, second)
    return first if first == second else Dim((((_Call("max", first, second),), 1),))


def product(sizes: Iterable[Size]) -> Size:
    """Return the product of the sizes; 1 for none."""
    total: Size = 1
    for size in sizes:
        total = size * total
    return total


def known(shape: Iterable[Size]) -> bool:
    """Tell whether every size is a number."""
    return not any(isinstance(size, Dim) for size in shape)


def symbols(value: object) -> set[str]:
    """Return the names that occur in a size, or anywhere inside nested tuples of sizes."""
    if isinstance(value, Dim):
        atoms = [atom for monomial, _ in value.terms for atom in monomial]
        return {a for a in atoms if isinstance(a, str)}.union(*map(symbols, atoms))
    if isinstance(value, _Call):
        return symbols(value.first) | symbols(value.second)
    if isinstance(value, tuple):
        return set().union(*map(symbols, value))
    return set()


def substitute(size: Size, sizes: Mapping[str, Size]) -> Size:
    """Return the size with the named sizes replaced by numbers or by other sizes."""
    if not isinstance(size, Dim):
        return size
    total: Size = 0
    for monomial, factor in size.terms:
        term: Size = factor
        for atom in monomial:
            term = term * _substitute_atom(atom, sizes)
        total = total + term
    return total


def _substitute_atom(atom: _Atom, sizes: Mapping[str, Size]) -> Size:
    if isinstance(atom, str):
        if atom not in sizes:
            raise ValueError(f"The size {atom!r} is not known: no input of this run carries it.")
        return sizes[atom]
    first, second = substitute(atom.first, sizes), substitute(atom.second, sizes)
    return divide(first, second) if atom.kind == "//" else larger(first, second)


def bind(size: Size, sizes: Mapping[str, int]) -> int:
    """Return the number that ``size`` is once the named sizes are known."""
    found = substitute(size, sizes)
    assert isinstance(found, int)
    return found


def display(shape: Iterable[Size]) -> str:
    """Return a shape as text, ``(m, 25)``."""
    items = [str(size) for size in shape]
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
