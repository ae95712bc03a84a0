"""Patterns of nodes: a formula found in a graph, whatever arranges its entries in between.

A pattern is a name, which binds any tensor (the same one wherever the name stands again) before it
was arranged; ``Named(name, pattern)``, which binds a tensor of that form just as it stands; a
number, which is a constant; a tuple ``(Op, pattern of each input, …)``; or a list, one of several.
So ``(Log, (Sum, (Exp, "x")))`` is ``log(sum(exp(x)))``. The axes of all reductions of a pattern
agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from glassnet.graph.dtypes import is_float
from glassnet.graph.op import Op
from glassnet.graph.tensor import Constant, Tensor
from glassnet.ops.comparison import Maximum
from glassnet.ops.elementwise import Add, Cast, Multiply
from glassnet.ops.reduction import Number
from glassnet.ops.rounding import Identity
from glassnet.ops.shaping import BroadcastTo, Reshape

Pattern = Any
COUNT, NUMBER, ANY = object(), object(), object()
"""A number of entries, as a mean divides by; any number; any tensor."""

_ARRANGING = (Reshape, BroadcastTo, Identity)
_COMMUTES = (Add, Multiply, Maximum)


@dataclass(frozen=True)
class Named:
    """A name for a tensor of a form, as it stands: reshaped and spread as its user gets it."""

    name: str
    pattern: Pattern = ANY


@dataclass(frozen=True)
class Match:
    """What the names of a pattern stand for, and the axes of its reductions."""

    names: Mapping[str, Tensor]
    axes: tuple[int, ...] | None = None


class Matcher:
    """Finds patterns in a graph.

    Args:
        order: the nodes, inputs before users. Nodes that compute the same are found the same.
    """

    def __init__(self, order: Iterable[Tensor]) -> None:
        self._class: dict[int, int] = {}
        self._kept: list[Tensor] = []
        known: dict[Any, int] = {}
        for node in order:
            key = self._key(node)
            self._class[id(node)] = known.setdefault(key, len(known))
            self._kept.append(node)  # an id is unique only while its node lives

    def _key(self, node: Tensor) -> Any:
        source = arranged_from(node)
        if source is not node:
            return ("as", self._class[id(source)])
        if node.op is not None:
            return node.op, tuple(self._class[id(i)] for i in node.inputs)
        if isinstance(node, Constant) and node.shape == ():
            return node.dtype, node.value.item()
        return id(node)

    def same(self, a: Tensor, b: Tensor) -> bool:
        """Tell whether two nodes hold the same entries, arranged in one way or another."""
        return self._number(a) == self._number(b)

    def _number(self, node: Tensor) -> int:
        return self._class[id(arranged_from(node))]

    def find(self, pattern: Pattern, node: Tensor) -> Match | None:
        """Return what the pattern's names stand for where ``node`` is its value, else None."""
        if arranged_from(node) is not node:
            return None  # the value itself, and nothing that arranges it
        return next(self._matches(pattern, node, Match({})), None)

    def _matches(self, pattern: Pattern, node: Tensor, found: Match) -> Iterator[Match]:
        if isinstance(pattern, list):
            for one in pattern:
                yield from self._matches(one, node, found)
        elif isinstance(pattern, str):
            yield from self._bound(pattern, arranged_from(node, through_casts=False), found)
        elif isinstance(pattern, Named):
            for of_form in self._matches(pattern.pattern, node, found):
                yield from self._bound(pattern.name, node, of_form)
        else:
            yield from self._of_form(pattern, arranged_from(node), found)

    def _bound(self, name: str, node: Tensor, found: Match) -> Iterator[Match]:
        bound = found.names.get(name)
        if bound is None:
            yield Match({**found.names, name: node}, found.axes)
        elif self.same(bound, node):
            yield found

    def _of_form(self, pattern: Pattern, node: Tensor, found: Match) -> Iterator[Match]:
        if pattern is ANY:
            yield found
        elif isinstance(pattern, tuple):
            yield from self._of_op(pattern, node, found)
        elif pattern is COUNT:
            if isinstance(node.op, Number) or _is_number(node):
                yield found
        elif _is_number(node) and (pattern is NUMBER or _number_of(node) == pattern):
            yield found

    def _of_op(self, pattern: Pattern, node: Tensor, found: Match) -> Iterator[Match]:
        kind, *parts = pattern
        op = node.op
        if type(op) is not kind or op is None or len(parts) != len(node.inputs):
            return
        axes = _axes(op)
        if axes is not None:
            if found.axes not in (None, axes):
                return
            found = Match(found.names, axes)
        orders = [node.inputs, node.inputs[::-1]] if kind in _COMMUTES else [node.inputs]
        for inputs in orders:
            yield from self._all(parts, inputs, found)

    def _all(
        self, parts: list[Pattern], inputs: tuple[Tensor, ...], found: Match
    ) -> Iterator[Match]:
        if not parts:
            yield found
            return
        for first in self._matches(parts[0], inputs[0], found):
            yield from self._all(parts[1:], inputs[1:], first)


def arranged_from(node: Tensor, through_casts: bool = True) -> Tensor:
    """Return the node whose entries these are, only reshaped, spread or in another float type."""
    while node.op is not None and len(node.inputs) == 1:
        (source,) = node.inputs
        recast = isinstance(node.op, Cast) and is_float(node.dtype) and is_float(source.dtype)
        if not ((recast and through_casts) or isinstance(node.op, _ARRANGING)):
            break
        node = source
    return node


def _axes(op: Op) -> tuple[int, ...] | None:
    axis = getattr(op, "axis", None)
    return (axis,) if isinstance(axis, int) else axis


def _is_number(node: Tensor) -> bool:
    return isinstance(node, Constant) and node.shape == ()


def _number_of(node: Tensor) -> float:
    assert isinstance(node, Constant)
    return float(node.value)
