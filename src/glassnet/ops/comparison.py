"""Ops that compare and choose: truth values, selection, the larger and the smaller of two."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.formulas import Function, Term, call, cases, compare, negated
from glassnet.graph import dtypes
from glassnet.graph.dimension import Shape
from glassnet.graph.op import Op, Sample
from glassnet.graph.recording import as_tensor, record
from glassnet.graph.tensor import Constant, Tensor, implements
from glassnet.ops.elementwise import Elementwise, Grads, absolute, cast
from glassnet.ops.operands import broadcast_shapes, operands, unbroadcast

MAXIMUM = Function("max", r"\operatorname{max}", "np.maximum", entrywise=True,
                   meaning="the larger of the two, entry by entry")  # fmt: skip
MINIMUM = Function("min", r"\operatorname{min}", "np.minimum", entrywise=True,
                   meaning="the smaller of the two, entry by entry")  # fmt: skip
STEP = Function("H", entrywise=True, numpy="step", source="""
def step(x):
    return np.heaviside(x, 0.5)
""", meaning=r"the step: 1 where $x > 0$, $\frac{1}{2}$ where $x = 0$, else 0")  # fmt: skip
IS_FINITE = Function("isfinite", "", "np.isfinite", entrywise=True, meaning="1 at numbers, else 0")
IS_NAN = Function("isnan", "", "np.isnan", entrywise=True, meaning="1 at what is no number, else 0")
IS_INF = Function("isinf", "", "np.isinf", entrywise=True, meaning="1 at infinities, else 0")

CHOICE_RULE = "A choice receives the derivative where it was chosen, and 0 elsewhere"


def _extreme_rules(which: str) -> tuple[str, str]:
    rule = f"The derivative goes to the {which} of the two; where they tie, each receives half"
    return rule, rule


class Truth(Elementwise):
    """The base of ops whose value is a truth value; its derivative is zero."""

    differentiable = False

    def result(self, *inputs: np.dtype) -> np.dtype:
        return np.dtype(np.bool_)


class Comparison(Truth):
    """The base of comparisons of two inputs; the samples contain equal entries."""

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        x = np.array([[1.0, 2.0, np.nan], [-1.0, np.inf, 0.0]])
        yield Sample(cls(), (x, np.array([1.0, 0.5, 0.0])))
        yield Sample(cls(), (x, x))
        yield Sample(cls(), (np.array(2), np.array([[1], [2], [3]])))


class Equal(Comparison):
    name = "equal"

    def formula(self, node: Tensor, a: Term, b: Term) -> Term:
        return compare("=", a, b)

    def value(self, xp: Any, a: Any, b: Any) -> Any:
        return xp.equal(a, b)


class NotEqual(Comparison):
    name = "not_equal"

    def formula(self, node: Tensor, a: Term, b: Term) -> Term:
        return compare("!=", a, b)

    def value(self, xp: Any, a: Any, b: Any) -> Any:
        return xp.not_equal(a, b)


class Less(Comparison):
    name = "less"

    def formula(self, node: Tensor, a: Term, b: Term) -> Term:
        return compare("<", a, b)

    def value(self, xp: Any, a: Any, b: Any) -> Any:
        return xp.less(a, b)


class LessEqual(Comparison):
    name = "less_equal"

    def formula(self, node: Tensor, a: Term, b: Term) -> Term:
        return compare("<=", a, b)

    def value(self, xp: Any, a: Any, b: Any) -> Any:
        return xp.less_equal(a, b)


class Greater(Comparison):
    name = "greater"

    def formula(self, node: Tensor, a: Term, b: Term) -> Term:
        return compare(">", a, b)

    def value(self, xp: Any, a: Any, b: Any) -> Any:
        return xp.greater(a, b)


class GreaterEqual(Comparison):
    name = "greater_equal"

    def formula(self, node: Tensor, a: Term, b: Term) -> Term:
        return compare(">=", a, b)

    def value(self, xp: Any, a: Any, b: Any) -> Any:
        return xp.greater_equal(a, b)


def _truth(node: Tensor, place: int, term: Term) -> Term:
    """An input as 1 and 0."""
    return term if node.inputs[place].dtype == np.bool_ else compare("!=", term, 0)


class LogicalAnd(Comparison):
    name = "logical_and"

    def formula(self, node: Tensor, a: Term, b: Term) -> Term:
        return _truth(node, 0, a) * _truth(node, 1, b)

    def value(self, xp: Any, a: Any, b: Any) -> Any:
        return xp.logical_and(a, b)


class LogicalOr(Comparison):
    name = "logical_or"

    def formula(self, node: Tensor, a: Term, b: Term) -> Term:
        return call(MAXIMUM, _truth(node, 0, a), _truth(node, 1, b))

    def value(self, xp: Any, a: Any, b: Any) -> Any:
        return xp.logical_or(a, b)


class LogicalXor(Comparison):
    name = "logical_xor"

    def formula(self, node: Tensor, a: Term, b: Term) -> Term:
        return compare("!=", _truth(node, 0, a), _truth(node, 1, b))

    def value(self, xp: Any, a: Any, b: Any) -> Any:
        return xp.logical_xor(a, b)


class Predicate(Truth):
    """The base of truth values about one input."""

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls(), (np.array([[1.0, np.nan, np.inf], [-np.inf, 0.0, -2.0]]),))
        yield Sample(cls(), (np.array(3),))


class LogicalNot(Predicate):
    name = "logical_not"

    def formula(self, node: Tensor, x: Term) -> Term:
        return negated(x)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.logical_not(x)


class IsFinite(Predicate):
    name = "isfinite"

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(IS_FINITE, x)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.isfinite(x)


class IsNaN(Predicate):
    name = "isnan"

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(IS_NAN, x)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.isnan(x)


class IsInf(Predicate):
    name = "isinf"

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(IS_INF, x)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.isinf(x)


# --- choosing ---------------------------------------------------------------------------------
class Where(Elementwise):
    """``a`` where the condition holds, else ``b``."""

    name = "where"
    effort = 4.0
    calls = 2
    rules = ("A condition has no derivative", CHOICE_RULE, CHOICE_RULE)

    def infer(self, *inputs: Tensor) -> tuple[Shape, np.dtype]:
        condition, a, b = inputs
        if condition.dtype != np.bool_ or a.dtype != b.dtype:
            raise TypeError(
                "where: expected a condition of truth values and two choices of one dtype; "
                f"got {condition.dtype}, {a.dtype} and {b.dtype}."
            )
        shape = broadcast_shapes(*(i.shape for i in inputs), what="The shapes of where")
        return shape, a.dtype

    def value(self, xp: Any, condition: Any, a: Any, b: Any) -> Any:
        return xp.where(condition, a, b)

    def formula(self, node: Tensor, condition: Term, a: Term, b: Term) -> Term:
        return cases(condition, a, b)

    def vjp(self, g: Tensor, y: Tensor, condition: Tensor, a: Tensor, b: Tensor) -> Grads:
        # Selected, not multiplied by 0 and 1: what was not chosen may be infinite.
        by_a = unbroadcast(where(condition, g, 0.0), a.shape)
        by_b = unbroadcast(where(condition, 0.0, g), b.shape)
        return None, by_a, by_b

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        rng = np.random.default_rng(0)
        condition = rng.uniform(size=(3, 4)) < 0.5
        yield Sample(cls(), (condition, rng.normal(size=(3, 4)), rng.normal(size=(4,))))
        yield Sample(cls(), (condition[:1], rng.normal(size=(3, 1)), rng.normal(size=())))


class Exceeds(Elementwise):
    """1 where a > b, ½ where a = b, else 0: the derivative of max(a, b) by a."""

    name = "exceeds"
    effort = 8.0
    calls = 3
    differentiable = False

    def value(self, xp: Any, a: Any, b: Any) -> Any:
        # Not by the sign of a - b: infinities tie too.
        return xp.where(a == b, 0.5, a > b).astype(a.dtype)

    def formula(self, node: Tensor, a: Term, b: Term) -> Term:
        return call(STEP, a - b)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        x = np.array([[1.0, 2.0, -0.5], [-1.0, 3.0, 0.0]])
        yield Sample(cls(), (x, np.array([1.0, 0.5, 0.0])))


class Maximum(Elementwise):
    """The larger of two; where they tie, each gets half of the derivative."""

    name = "maximum"
    rules = _extreme_rules("larger")
    points = ((-2, 2), (-2, 2))

    def value(self, xp: Any, a: Any, b: Any) -> Any:
        return xp.maximum(a, b)

    def formula(self, node: Tensor, a: Term, b: Term) -> Term:
        return call(MAXIMUM, a, b)

    def vjp(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Grads:
        by_a, by_b = g * record(Exceeds(), a, b), g * record(Exceeds(), b, a)
        return unbroadcast(by_a, a.shape), unbroadcast(by_b, b.shape)


class Minimum(Elementwise):
    """The smaller of two; where they tie, each gets half of the derivative."""

    name = "minimum"
    rules = _extreme_rules("smaller")
    points = ((-2, 2), (-2, 2))

    def value(self, xp: Any, a: Any, b: Any) -> Any:
        return xp.minimum(a, b)

    def formula(self, node: Tensor, a: Term, b: Term) -> Term:
        return call(MINIMUM, a, b)

    def vjp(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Grads:
        by_a, by_b = g * record(Exceeds(), b, a), g * record(Exceeds(), a, b)
        return unbroadcast(by_a, a.shape), unbroadcast(by_b, b.shape)


@dataclass(frozen=True)
class Clip(Elementwise):
    """``min(max(x, lower), upper)`` with bounds that are numbers; one pass over the entries."""

    name = "clip"
    calls = 3
    rules = (
        "The derivative passes between the bounds and is cut beyond them; on a bound half of it "
        "passes",
    )
    lower: float = 0.0
    upper: float = 1.0

    def value(self, xp: Any, x: Any) -> Any:
        return xp.clip(x, self.lower, self.upper)

    def formula(self, node: Tensor, x: Term) -> Term:
        lower, upper = (_short(b, node.dtype) for b in (self.lower, self.upper))
        above = x if lower == -np.inf else call(MAXIMUM, x, lower)
        return above if upper == np.inf else call(MINIMUM, above, upper)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        if self.lower != -np.inf:
            g = g * record(Exceeds(), x, as_tensor(self.lower, x.dtype))
        if self.upper != np.inf:
            g = g * record(Exceeds(), as_tensor(self.upper, x.dtype), x)
        return (g,)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls(-1.0, 0.5), (np.array([[-1.5, -0.5, 0.2], [0.4, 0.9, 3.0]]),))
        yield Sample(cls(-np.inf, 0.5), (np.array([-1.5, 0.7]),))


def _short(bound: float, dtype: np.dtype) -> float:
    """A bound as its dtype writes it: the float32 0.1 is 0.1."""
    return float(str(dtype.type(bound)))


# --- the functions ----------------------------------------------------------------------------
@implements(np.equal)
def equal(x1: Any, x2: Any) -> Tensor:
    """Return where ``x1`` equals ``x2``.

    >>> from glassnet import ops
    >>> ops.equal([1, 2], 2).tolist()
    [False, True]
    """
    return record(Equal(), *operands(x1, x2))


@implements(np.not_equal)
def not_equal(x1: Any, x2: Any) -> Tensor:
    """Return where ``x1`` differs from ``x2``."""
    return record(NotEqual(), *operands(x1, x2))


@implements(np.less)
def less(x1: Any, x2: Any) -> Tensor:
    """Return where ``x1 < x2``."""
    return record(Less(), *operands(x1, x2))


@implements(np.less_equal)
def less_equal(x1: Any, x2: Any) -> Tensor:
    """Return where ``x1 ≤ x2``."""
    return record(LessEqual(), *operands(x1, x2))


@implements(np.greater)
def greater(x1: Any, x2: Any) -> Tensor:
    """Return where ``x1 > x2``."""
    return record(Greater(), *operands(x1, x2))


@implements(np.greater_equal)
def greater_equal(x1: Any, x2: Any) -> Tensor:
    """Return where ``x1 ≥ x2``."""
    return record(GreaterEqual(), *operands(x1, x2))


@implements(np.logical_and, np.bitwise_and)
def logical_and(x1: Any, x2: Any) -> Tensor:
    """Return ``x1 ∧ x2``: where both are true; a number is true unless it is 0."""
    return record(LogicalAnd(), cast(x1, "bool"), cast(x2, "bool"))


@implements(np.logical_or, np.bitwise_or)
def logical_or(x1: Any, x2: Any) -> Tensor:
    """Return ``x1 ∨ x2``: where at least one is true; a number is true unless it is 0."""
    return record(LogicalOr(), cast(x1, "bool"), cast(x2, "bool"))


@implements(np.logical_xor, np.bitwise_xor)
def logical_xor(x1: Any, x2: Any) -> Tensor:
    """Return ``x1 ⊕ x2``: where exactly one is true; a number is true unless it is 0."""
    return record(LogicalXor(), cast(x1, "bool"), cast(x2, "bool"))


@implements(np.logical_not, np.invert)
def logical_not(x: Any) -> Tensor:
    """Return where ``x`` is false."""
    return record(LogicalNot(), cast(x, "bool"))


@implements(np.isfinite)
def isfinite(x: Any) -> Tensor:
    """Return where ``x`` is neither infinite nor NaN."""
    return record(IsFinite(), as_tensor(x))


@implements(np.isnan)
def isnan(x: Any) -> Tensor:
    """Return where ``x`` is NaN."""
    return record(IsNaN(), as_tensor(x))


@implements(np.isinf)
def isinf(x: Any) -> Tensor:
    """Return where ``x`` is infinite."""
    return record(IsInf(), as_tensor(x))


@implements(np.isclose)
def isclose(
    x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Return where ``|x1 - x2| ≤ atol + rtol |x2|``; infinities are close to themselves."""
    a, b = operands(x1, x2)
    near = (absolute(a - b) <= atol + rtol * absolute(b)) & isfinite(b)
    close = near | (a == b)
    return close | (isnan(a) & isnan(b)) if equal_nan else close


@implements(np.where)
def where(condition: Any, x1: Any = None, x2: Any = None) -> Tensor:
    """Return ``x1`` where the condition holds, else ``x2``; all three broadcast.

    The derivative reaches each choice only where it was chosen, so an infinite value that was
    not chosen does no harm.

    >>> from glassnet import ops
    >>> ops.where([True, False], [1.0, 2.0], 0.0).tolist()
    [1.0, 0.0]
    """
    if x1 is None or x2 is None:
        raise TypeError(
            "where: expected two choices, where(condition, x1, x2). The places where a condition "
            "holds are no tensor of known size; ask np.nonzero(np.asarray(condition)) for them."
        )
    test = cast(condition, "bool")
    a, b = operands(x1, x2)
    return record(Where(), test, a, b)


@implements(np.maximum)
def maximum(x1: Any, x2: Any) -> Tensor:
    """Return ``max(x1, x2)``, entry by entry; where they tie, each gets half of the derivative."""
    return record(Maximum(), *operands(x1, x2))


@implements(np.minimum)
def minimum(x1: Any, x2: Any) -> Tensor:
    """Return ``min(x1, x2)``, entry by entry; where they tie, each gets half of the derivative."""
    return record(Minimum(), *operands(x1, x2))


@implements(np.clip)
def clip(
    x: Any, x_min: Any = None, x_max: Any = None, *, min: Any = None, max: Any = None
) -> Tensor:
    """Return ``min(max(x, x_min), x_max)``; a bound of None is no bound.

    On a bound the derivative is one half, as of `maximum` and `minimum`.

    >>> from glassnet import ops
    >>> ops.clip([-2.0, 0.5, 3.0], 0, 1).tolist()
    [0.0, 0.5, 1.0]
    """
    lower = x_min if min is None else min
    upper = x_max if max is None else max
    x = as_tensor(x)
    low, high = _number(lower, -np.inf), _number(upper, np.inf)
    if dtypes.is_float(x.dtype) and low is not None and high is not None and low < high:
        unbounded = low == -np.inf and high == np.inf
        return x if unbounded else record(_rounded(low, high, x.dtype), x)
    x = x if lower is None else maximum(x, lower)
    return x if upper is None else minimum(x, upper)


def _number(bound: Any, missing: float) -> float | None:
    """The bound as a number, or None where it is a tensor that only a run tells."""
    if bound is None:
        return missing
    if isinstance(bound, Constant):
        bound = bound.value
    if isinstance(bound, Tensor) or np.ndim(bound) > 0:
        return None
    return float(bound)


def _rounded(low: float, high: float, dtype: np.dtype) -> Op:
    """The op with bounds as ``dtype`` holds them, so that an entry on a bound equals it."""
    return Clip(float(dtype.type(low)), float(dtype.type(high)))
