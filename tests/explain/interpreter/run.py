"""The value of equations, one after the other, in float64."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from interpreter import sliding, taking  # noqa: F401  (they enter their functions)
from interpreter.functions import FUNCTIONS
from interpreter.parser import read_equation
from interpreter.tokens import Unreadable
from interpreter.tree import (
    Call,
    Cases,
    EntryByEntry,
    Equation,
    Fraction,
    Number,
    Over,
    Power,
    Relation,
    SideBySide,
    Sum,
    Symbol,
    Transposed,
)

REDUCTIONS = {"sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min}
RELATIONS = {
    ">": np.greater, "<": np.less, r"\ge": np.greater_equal, r"\le": np.less_equal,
    "=": np.equal, r"\ne": np.not_equal,
}  # fmt: skip


class Interpreter:
    """Computes equations in order.

    Args:
        given: the values of what the equations do not define (inputs, targets, weights, drawn
            masks), by their names in LaTeX; ``m`` among them.
        columns: whether examples are columns, so that functions along an axis work down columns.
    """

    def __init__(self, given: Mapping[str, Any], *, columns: bool = False) -> None:
        self.values = {compact(k): np.asarray(v, np.float64) for k, v in given.items()}
        self.given = set(self.values)
        self.columns = columns

    def __getitem__(self, name: str) -> np.ndarray:
        return self.values[compact(name)]

    def __contains__(self, name: str) -> bool:
        return compact(name) in self.values

    def run(self, equations: Iterable[str | Equation]) -> None:
        """Compute equations in order; what is given stays as it is, unless ``←`` changes it."""
        for equation in equations:
            read = read_equation(equation) if isinstance(equation, str) else equation
            if read.drawn or (read.name in self.given and not read.update):
                continue
            value = np.asarray(self.value(read.term), np.float64)
            if read.sizes is not None:
                value = settled(value, tuple(int(self.value(s)) for s in read.sizes), read.name)
            self.values[read.name] = value

    # --- terms --------------------------------------------------------------------------------
    def value(self, term: Any) -> np.ndarray:
        """Return the value of a term."""
        with np.errstate(all="ignore"):
            return getattr(self, "_" + type(term).__name__.lower())(term)

    def _number(self, term: Number) -> Any:
        return np.float64(term.value)

    def _symbol(self, term: Symbol) -> Any:
        if term.name not in self.values:
            raise Unreadable(f"{term.name} is used before it is told what it is")
        return self.values[term.name]

    def _sum(self, term: Sum) -> Any:
        return sum(sign * self.value(t) for sign, t in term.terms)

    def _entrybyentry(self, term: EntryByEntry) -> Any:
        result = np.float64(1)
        for factor in term.factors:
            result = result * self.value(factor)
        return result

    def _sidebyside(self, term: SideBySide) -> Any:
        first, *others = term.factors
        result = self.value(first)
        for factor in others:
            other = self.value(factor)
            one_number = np.ndim(result) == 0 or np.ndim(other) == 0
            result = result * other if one_number else np.matmul(result, other)
        return result

    def _fraction(self, term: Fraction) -> Any:
        return self.value(term.above) / self.value(term.below)

    def _power(self, term: Power) -> Any:
        return np.power(self.value(term.base), self.value(term.exponent))

    def _transposed(self, term: Transposed) -> Any:
        return np.swapaxes(self.value(term.term), -1, -2)

    def _over(self, term: Over) -> Any:
        if not term.letters:
            raise Unreadable(f"places {term.places!r} without a sum over them")
        value = np.asarray(self.value(term.term))
        if ":" not in term.places:
            long = [axis for axis, size in enumerate(value.shape) if size > 1]
            if len(term.places) not in (len(long), value.ndim):
                raise Unreadable(f"places {term.places!r} of an array of shape {value.shape}")
            return REDUCTIONS[term.kind](value)
        if len(term.places) != value.ndim:
            raise Unreadable(f"places {term.places!r} of an array of shape {value.shape}")
        axes = tuple(axis for axis, place in enumerate(term.places) if place != ":")
        return REDUCTIONS[term.kind](value, axis=axes, keepdims=True)

    def _relation(self, term: Relation) -> Any:
        return RELATIONS[term.sign](self.value(term.first), self.value(term.second)) * 1.0

    def _cases(self, term: Cases) -> Any:
        result: Any = np.float64(np.nan)
        for condition, then in reversed(term.rows):
            holds = True if condition is None else self.value(condition) != 0
            result = np.where(holds, self.value(then), result)
        return result

    def _call(self, term: Call) -> Any:
        if term.function not in FUNCTIONS:
            raise Unreadable(f"the function {term.function!r} is not in the table of functions")
        function = FUNCTIONS[term.function]
        arguments = [self.value(a) for a in term.arguments]
        parameters = {k: self._parameter(v) for k, v in term.parameters.items()}
        if function.along_axis and "axis" not in parameters:
            matrix = max((np.ndim(a) for a in arguments), default=0) <= 2
            parameters["axis"] = 0 if self.columns and matrix else -1
        return function.compute(*arguments, **parameters)

    def _parameter(self, value: Any) -> Any:
        if isinstance(value, str):
            return {"True": True, "False": False, "None": None}.get(value, value)
        if isinstance(value, tuple):
            return tuple(map(self._parameter, value))
        number = float(self.value(value))
        return int(number) if number.is_integer() else number


def compact(name: str) -> str:
    """Return a name without its spaces."""
    return re.sub(r"\s+", "", name)


def settled(value: np.ndarray, sizes: tuple[int, ...], name: str) -> np.ndarray:
    """Return a value in the shape that is stated: axes of length 1 come and go, copies are made."""
    if value.shape == sizes:
        return value
    long = [n for n in value.shape if n != 1] == [n for n in sizes if n != 1]
    if long and (value.ndim != len(sizes) or value.size == 1):
        return value.reshape(sizes)
    try:
        return np.broadcast_to(value, sizes)
    except ValueError:
        shape = value.shape
    raise Unreadable(f"{name} is stated to have shape {sizes}; what is printed has {shape}")
