"""Ops whose derivative is a constant or is cut: rounding, remainders, stop_gradient, identity."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from glassnet.formulas import Function, Term, call
from glassnet.graph.op import Sample
from glassnet.graph.recording import as_tensor, record
from glassnet.graph.tensor import Tensor, implements
from glassnet.ops.elementwise import TRUNC, Elementwise, Grads, cast
from glassnet.ops.operands import number_operands, unbroadcast

FLOOR = Function("floor", "", "np.floor", entrywise=True, meaning="the integer at or below $x$")
CEIL = Function("ceil", "", "np.ceil", entrywise=True, meaning="the integer at or above $x$")
ROUND = Function("round", "", "np.round", entrywise=True,
                 meaning="the nearest integer; a half goes to the even one")  # fmt: skip
MOD = Function("mod", "", "np.mod", entrywise=True,
               meaning=r"the remainder $a - b \operatorname{floor}(a / b)$")  # fmt: skip


class Rounding(Elementwise):
    """The base of roundings to an integer; flat between the jumps."""

    differentiable = False
    points: ClassVar[tuple[tuple[float, float], ...]] = ((-3, 3),)


class Floor(Rounding):
    name = "floor"

    def value(self, xp: Any, x: Any) -> Any:
        return xp.floor(x)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(FLOOR, x)


class Ceil(Rounding):
    name = "ceil"

    def value(self, xp: Any, x: Any) -> Any:
        return xp.ceil(x)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(CEIL, x)


class Round(Rounding):
    """The nearest integer; a half goes to the even one."""

    name = "round"

    def value(self, xp: Any, x: Any) -> Any:
        return xp.round(x)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(ROUND, x)


class Trunc(Rounding):
    name = "trunc"

    def value(self, xp: Any, x: Any) -> Any:
        return xp.trunc(x)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(TRUNC, x)


class FloorDivide(Rounding):
    """⌊a / b⌋."""

    name = "floor_divide"
    effort = 60.0
    points = ((-3, 3), (0.5, 2))

    def value(self, xp: Any, a: Any, b: Any) -> Any:
        return xp.floor_divide(a, b)

    def formula(self, node: Tensor, a: Term, b: Term) -> Term:
        return call(FLOOR, a / b)


class Mod(Elementwise):
    """a - b ⌊a / b⌋, with the sign of b."""

    name = "mod"
    effort = 12.0
    rules = (
        r"The remainder $a - b \operatorname{floor}(a / b)$ has the derivative 1 by $a$",
        r"The remainder $a - b \operatorname{floor}(a / b)$ has the derivative "
        r"$-\operatorname{floor}(a / b)$ by $b$",
    )

    def value(self, xp: Any, a: Any, b: Any) -> Any:
        return xp.mod(a, b)

    def formula(self, node: Tensor, a: Term, b: Term) -> Term:
        return call(MOD, a, b)

    def vjp(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Grads:
        return unbroadcast(g, a.shape), unbroadcast(-g * floor_divide(a, b), b.shape)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls(), (np.array([[1.3, -2.4], [3.7, 0.2]]), np.array([1.0, -0.7])))
        yield Sample(cls(), (np.array(5), np.array([2, 3, -3])))


class StopGradient(Elementwise):
    """x, seen by the derivative as a constant."""

    name = "stop_gradient"
    differentiable = False
    view = True

    def value(self, xp: Any, x: Any) -> Any:
        return x

    def formula(self, node: Tensor, x: Term) -> Term:
        return x


class Identity(Elementwise):
    """x, as a node of its own."""

    name = "identity"
    rules = ("What is passed on unchanged passes the derivative on",)
    view = True

    def value(self, xp: Any, x: Any) -> Any:
        return x

    def formula(self, node: Tensor, x: Term) -> Term:
        return x

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g,)


# --- the functions ----------------------------------------------------------------------------
@implements(np.floor)
def floor(x: Any) -> Tensor:
    """Return the largest integer not above ``x``; integers stay as they are."""
    return _rounded(Floor(), x)


@implements(np.ceil)
def ceil(x: Any) -> Tensor:
    """Return the smallest integer not below ``x``; integers stay as they are."""
    return _rounded(Ceil(), x)


@implements(np.trunc)
def trunc(x: Any) -> Tensor:
    """Return ``x`` without its fraction; integers stay as they are."""
    return _rounded(Trunc(), x)


@implements(np.round, np.rint)
def round(x: Any, decimals: int = 0) -> Tensor:
    """Return ``x`` rounded to ``decimals`` places; a half goes to the even neighbour.

    >>> from glassnet import ops
    >>> ops.round([0.5, 1.5, 2.25], 0).tolist()
    [0.0, 2.0, 2.0]
    """
    x = as_tensor(x)
    if x.dtype.kind != "f":
        return x if decimals >= 0 else cast(round(cast(x, "float64"), decimals), x.dtype)
    if decimals == 0:
        return _rounded(Round(), x)
    if decimals > 0:
        factor = float(10**decimals)
        return _rounded(Round(), as_tensor(x) * factor) / factor
    factor = float(10 ** (-decimals))
    return _rounded(Round(), as_tensor(x) / factor) * factor


def _rounded(op: Rounding, x: Any) -> Tensor:
    x = as_tensor(x)
    return record(op, x) if x.dtype.kind == "f" else x


@implements(np.floor_divide)
def floor_divide(x1: Any, x2: Any) -> Tensor:
    """Return ``⌊x1 / x2⌋``; its derivative is 0."""
    return record(FloorDivide(), *number_operands(x1, x2))


@implements(np.mod, np.remainder)
def mod(x1: Any, x2: Any) -> Tensor:
    """Return ``x1 - x2 ⌊x1 / x2⌋``, the remainder with the sign of ``x2``."""
    return record(Mod(), *number_operands(x1, x2))


def stop_gradient(x: Any) -> Tensor:
    """Return ``x`` as a constant in the eyes of the derivative.

    >>> from glassnet.graph import Variable
    >>> from glassnet import ops
    >>> from glassnet.graph import gradients
    >>> w = Variable(3.0)
    >>> gradients([w * ops.stop_gradient(w)], [w])[0].item()
    3.0
    """
    return record(StopGradient(), as_tensor(x))


def identity_node(x: Any) -> Tensor:
    """Return ``x`` as a node of its own, which a name or a mask can be put on."""
    return record(Identity(), as_tensor(x))
