"""Equations in another notation: which quantities are stored transposed, and what becomes of terms.

Inside, examples are rows. A notation keeps some matrices the other way up: the course all of them
(an example is a column, W has a row for each unit), PyTorch the kernels of dense layers. A term
is turned by turning its parts: (A B)ᵀ = Bᵀ Aᵀ, sums over rows become sums over columns, what works
entry by entry does so in either position. Nothing is left to simplify afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from glassnet.explain.equations import BROADCAST, Equation
from glassnet.formulas import (
    Applied,
    Cases,
    Indicator,
    MatrixProduct,
    Power,
    Product,
    Quantity,
    Quotient,
    Reduced,
    Sum,
    Term,
    Transposed,
    call,
    matrix_product,
    reduce,
    transposed,
)
from glassnet.graph.dimension import Shape
from glassnet.ops.shaping import reshaped

ENTRYWISE = (Sum, Product, Quotient, Power, Indicator, Cases)


class Orientation:
    """Which quantities a notation keeps transposed, decided for a whole list of equations.

    Args:
        equations: all equations, as they are inside: examples in rows.
        notation: ``"keras"``, ``"course"`` or ``"torch"``.
    """

    def __init__(self, equations: Sequence[Equation], notation: str) -> None:
        self.notation = notation
        self.turned: set[str] = set()
        if notation == "course":
            rows = _rows_beside_images(equations)
            everything = {str(q.name): q for e in equations for q in _quantities(e)}
            self.turned = {
                name for name, q in everything.items() if len(q.shape) == 2 and name not in rows
            }
        elif notation == "torch":
            self.turned = _kin(equations, _kernels(equations))

    def is_turned(self, quantity: Quantity) -> bool:
        """Tell whether the notation keeps this quantity transposed."""
        return str(quantity.name) in self.turned

    def shape(self, quantity: Quantity) -> Shape:
        """Return the shape of a quantity in this notation."""
        return quantity.shape[::-1] if self.is_turned(quantity) else quantity.shape

    def quantity(self, quantity: Quantity) -> Quantity:
        """Return a quantity with its shape in this notation."""
        return replace(quantity, shape=self.shape(quantity))

    def equation(self, equation: Equation) -> Equation:
        """Return an equation in this notation."""
        if not self.turned:
            return equation
        own, term = equation.quantity, equation.term
        turn = self.is_turned(own)
        if turn and len(term.shape) > 2:  # axes of length 1 are dropped before it is turned
            term = reshaped(term, own.shape)
        return replace(equation, quantity=self.quantity(own), term=self.turn(term, turn))

    # --- terms --------------------------------------------------------------------------------
    def turn(self, term: Term, turn: bool) -> Term:
        """Return the value of ``term``, transposed for ``turn``, in what this notation stores."""
        if isinstance(term, Quantity):
            stored = self.quantity(term)
            return stored if self.is_turned(term) == turn or len(term.shape) != 2 else stored.T
        if isinstance(term, Transposed) and len(term.shape) == 2:
            return self.turn(term.term, not turn)
        if isinstance(term, MatrixProduct) and len(term.shape) == 2 and turn:
            return matrix_product(self.turn(term.second, True), self.turn(term.first, True))
        if isinstance(term, Reduced):
            return self._reduced(term, turn)
        if isinstance(term, Applied) and not term.function.entrywise:
            return self._applied(term, turn)
        turn = turn and len(term.shape) <= 2
        return term.rebuilt(tuple(self.turn(p, turn and len(p.shape) == 2) for p in term.parts))

    def _reduced(self, term: Reduced, turn: bool) -> Term:
        inner = term.term
        if len(inner.shape) != 2:
            return reduce(term.kind, self.turn(inner, False), term.axes)
        if term.shape == ():  # a number: the terms stay as they are kept
            turn = self._mostly_turned(inner)
        axes = tuple(1 - a for a in term.axes) if turn else term.axes
        return reduce(term.kind, self.turn(inner, turn), axes)

    def _mostly_turned(self, term: Term) -> bool:
        found = [self.is_turned(p) for p in term.walk() if isinstance(p, Quantity)]
        return any(found)

    def _applied(self, term: Applied, turn: bool) -> Term:
        function = term.function
        if function.drawn and turn and len(term.shape) == 2:  # drawn as ever, and kept transposed
            parameters = (*term.parameters, ("_columns", True))
            return replace(term, parameters=parameters, shape=term.shape[::-1])
        matrices = len(term.shape) == 2 and all(len(a.shape) in (0, 2) for a in term.arguments)
        if turn and matrices and function.axes:
            parameters = tuple(
                (key, _turned_axis(value) if key in function.axes else value)
                for key, value in term.parameters
            )
            arguments = tuple(self.turn(a, True) for a in term.arguments)
            return replace(term, arguments=arguments, parameters=parameters, shape=term.shape[::-1])
        if turn and matrices and function in (BROADCAST,):
            shape = term.shape[::-1]
            return call(function, self.turn(term.arguments[0], True), shape=shape, sizes=shape)
        found = replace(term, arguments=tuple(self.turn(a, False) for a in term.arguments))
        return transposed(found) if turn and len(term.shape) == 2 else found


def _turned_axis(value: int | tuple[int, ...]) -> int | tuple[int, ...]:
    return tuple(1 - a for a in value) if isinstance(value, tuple) else 1 - value


# --- who is turned ----------------------------------------------------------------------------
def _quantities(equation: Equation) -> Iterator[Quantity]:
    yield equation.quantity
    for part in equation.term.walk():
        if isinstance(part, Quantity):
            yield part


def _is_entrywise(term: Term) -> bool:
    return isinstance(term, ENTRYWISE) or (isinstance(term, Applied) and term.function.entrywise)


def _aligned(term: Term) -> Iterator[Quantity]:
    """Yield the quantities that ``term`` combines entry by entry, down to other kinds of terms."""
    stack = [term]
    while stack:
        part = stack.pop()
        if isinstance(part, Quantity):
            yield part
        elif _is_entrywise(part):
            stack.extend(part.parts)


def _groups(equations: Iterable[Equation]) -> list[tuple[list[Quantity], int]]:
    """Return the quantities that stand entry by entry with each other, and their rank there."""
    groups = []
    for equation in equations:
        for part in equation.term.walk():
            if _is_entrywise(part):
                groups.append((list(_aligned(part)), len(part.shape)))
        root = [equation.quantity, *_aligned(equation.term)]
        groups.append((root, max(len(equation.quantity.shape), len(equation.term.shape))))
    return groups


def _rows_beside_images(equations: Sequence[Equation]) -> set[str]:
    """Rows (1, c) that meet tensors of three axes or more: they stay as broadcasting wants them."""
    groups = _groups(equations)
    rows: set[str] = set()
    for group, rank in groups:
        if rank > 2:
            rows |= {str(q.name) for q in group if len(q.shape) == 2 and q.shape[0] == 1}
    return _spread(groups, rows)


def _kernels(equations: Sequence[Equation]) -> set[str]:
    """The weights that a matrix product has on the right."""
    defined = {str(e.name) for e in equations if e.target is None}
    found = set()
    for equation in equations:
        if equation.phase != "forward":
            continue
        for part in equation.term.walk():
            if isinstance(part, MatrixProduct) and isinstance(part.second, Quantity):
                name = str(part.second.name)
                if len(part.second.shape) == 2 and name not in defined:
                    found.add(name)
    return found


def _kin(equations: Sequence[Equation], kernels: set[str]) -> set[str]:
    """The kernels, their derivatives, and what an optimizer keeps and computes of their shape."""
    start = kernels | {f"d{name}" for name in kernels}
    groups = [g for g in _groups([e for e in equations if e.phase == "update"]) if g[1] == 2]
    return _spread(groups, start)


def _spread(groups: list[tuple[list[Quantity], int]], start: set[str]) -> set[str]:
    """Add, again and again, what stands entry by entry with one of them in the same shape."""
    found = set(start)
    grown = True
    while grown:
        grown = False
        for group, _ in groups:
            shapes = {q.shape for q in group if str(q.name) in found}
            more = {str(q.name) for q in group if q.shape in shapes} - found
            if more:
                found |= more
                grown = True
    return found
