"""Ops that work entry by entry: arithmetic, powers, exponentials, trigonometry.

Every rule reads as mathematics: with g = ∂L/∂y, the rule returns ∂L/∂x = g · ∂y/∂x.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from glassnet.formulas import Function, Term, call, compare
from glassnet.formulas import power as power_term
from glassnet.graph import dtypes
from glassnet.graph.dimension import Shape
from glassnet.graph.op import Op, Sample
from glassnet.graph.recording import as_tensor, record
from glassnet.graph.slip import Slip
from glassnet.graph.tensor import Constant, Tensor, apply, implements
from glassnet.ops import slips
from glassnet.ops.operands import (
    broadcast_shapes,
    float_operands,
    is_scalar,
    number_operands,
    operands,
    unbroadcast,
)


def _where(*args: Any) -> Tensor:
    """Select; recorded in the comparison family, which comes after this one."""
    return apply(np.where, *args)


Grads = tuple[Tensor | None, ...]

EXP = Function("exp", r"\exp", "np.exp", entrywise=True)
LOG = Function("log", r"\log", "np.log", entrywise=True)
SQRT = Function("sqrt", r"\sqrt", "np.sqrt", entrywise=True)
ABS = Function("abs", r"\operatorname{abs}", "np.abs", entrywise=True)
SIGN = Function("sign", "", "np.sign", entrywise=True)
TRUNC = Function("trunc", "", "np.trunc", entrywise=True, meaning="$x$ without its fraction")

SUM_RULE = (
    "A sum passes the derivative on to each summand unchanged; what was added to many places "
    "receives the sum over them"
)
PRODUCT_RULE = (
    "Product rule: the derivative by one factor is the derivative by the product times the other "
    "factor"
)


class Elementwise(Op):
    """The base of ops that work entry by entry on broadcast inputs of one dtype."""

    elementwise: ClassVar[bool] = True
    spreads: ClassVar[bool] = True
    points: ClassVar[tuple[tuple[float, float], ...]] = ((-2.0, 2.0),)
    """The interval from which the samples of each input are drawn."""
    ufunc: ClassVar[str] = ""
    """The one function of the array namespace that is the value; empty where it takes more."""

    def value(self, xp: Any, *arrays: Any) -> Any:
        return getattr(xp, self.ufunc)(*arrays)

    def writer(self) -> Callable[..., Any] | None:
        return getattr(np, self.ufunc) if self.ufunc else None

    def infer(self, *inputs: Tensor) -> tuple[Shape, np.dtype]:
        shape = broadcast_shapes(*(i.shape for i in inputs), what=f"The shapes of {self.name}")
        return shape, self.result(*(i.dtype for i in inputs))

    def result(self, *inputs: np.dtype) -> np.dtype:
        """Return the dtype of the value."""
        return inputs[-1]

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        shapes: tuple[tuple[tuple[int, ...], ...], ...] = (
            ((3, 4), (1,), ()),
            ((2, 1, 3), (4, 1), ()),
        )
        rng = np.random.default_rng(0)
        for shape in shapes:
            yield Sample(
                cls(), tuple(rng.uniform(*p, s) for p, s in zip(cls.points, shape, strict=False))
            )


# --- arithmetic -------------------------------------------------------------------------------
class Add(Elementwise):
    name = "add"
    additive = True
    quiet = True
    rules = (
        SUM_RULE,
        SUM_RULE,
    )
    ufunc = "add"
    points = ((-2, 2), (-2, 2))

    def formula(self, node: Tensor, a: Term, b: Term) -> Term:
        return a + b

    def vjp(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Grads:
        return unbroadcast(g, a.shape), unbroadcast(g, b.shape)

    def simplify(self, a: Tensor, b: Tensor) -> Tensor | None:
        return a if is_scalar(b, 0) else b if is_scalar(a, 0) else None


class Subtract(Elementwise):
    name = "subtract"
    rules = (
        SUM_RULE,
        "A difference passes the derivative on with the opposite sign",
    )
    ufunc = "subtract"
    points = ((-2, 2), (-2, 2))

    def formula(self, node: Tensor, a: Term, b: Term) -> Term:
        return a - b

    def vjp(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Grads:
        return unbroadcast(g, a.shape), unbroadcast(-g, b.shape)

    def simplify(self, a: Tensor, b: Tensor) -> Tensor | None:
        return a if is_scalar(b, 0) else None


class Multiply(Elementwise):
    name = "multiply"
    rules = (
        PRODUCT_RULE,
        PRODUCT_RULE,
    )
    ufunc = "multiply"
    points = ((-2, 2), (-2, 2))

    def formula(self, node: Tensor, a: Term, b: Term) -> Term:
        return a * b

    def vjp(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Grads:
        return unbroadcast(g * b, a.shape), unbroadcast(g * a, b.shape)

    def simplify(self, a: Tensor, b: Tensor) -> Tensor | None:
        return a if is_scalar(b, 1) else b if is_scalar(a, 1) else None


class Divide(Elementwise):
    name = "divide"
    rules = (
        "A quotient $a / b$ has the derivative $1 / b$ by $a$",
        "Quotient rule: $a / b$ has the derivative $-a / b^{2}$ by $b$",
    )
    ufunc = "true_divide"
    pitfall = "a division by 0"
    points = ((-2, 2), (0.5, 2))

    def formula(self, node: Tensor, a: Term, b: Term) -> Term:
        return a / b

    def vjp(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Grads:
        return unbroadcast(g / b, a.shape), unbroadcast(-g * y / b, b.shape)

    def simplify(self, a: Tensor, b: Tensor) -> Tensor | None:
        return a if is_scalar(b, 1) else None

    def slips(self) -> Iterable[Slip]:
        return slips.QUOTIENT


class Negative(Elementwise):
    name = "negative"
    rules = ("The sign goes along",)
    ufunc = "negative"

    def formula(self, node: Tensor, x: Term) -> Term:
        return -x

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (-g,)


class Power(Elementwise):
    name = "power"
    effort = 4.0
    rules = (
        "Power rule: $a^{b}$ has the derivative $b a^{b - 1}$ by $a$",
        "$a^{b}$ has the derivative $a^{b} \\log(a)$ by $b$",
    )
    ufunc = "power"
    pitfall = "a power of 0 or of a negative number"
    points = ((0.5, 2), (-2, 2))

    def formula(self, node: Tensor, a: Term, b: Term) -> Term:
        return power_term(a, b)

    def vjp(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Grads:
        # 0⁰ = 1 whatever is near: the derivative by the base is 0 there, not 0 · ∞.
        by_base = _where(b == 0, 0.0, b * a ** _where(b == 0, 1.0, b - 1))
        by_exponent = y * log(_where(a > 0, a, 1.0))
        return unbroadcast(g * by_base, a.shape), unbroadcast(g * by_exponent, b.shape)

    def simplify(self, a: Tensor, b: Tensor) -> Tensor | None:
        if is_scalar(b, 1):
            return a
        if is_scalar(b, 2):
            return square(a)
        return sqrt(a) if is_scalar(b, 0.5) else None


# --- powers, exponentials, logarithms ---------------------------------------------------------
class Square(Elementwise):
    name = "square"
    rules = ("Power rule: $x^{2}$ has the derivative $2 x$",)
    ufunc = "square"

    def formula(self, node: Tensor, x: Term) -> Term:
        return power_term(x, 2)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g * (2 * x),)


class Sqrt(Elementwise):
    name = "sqrt"
    effort = 2.5
    rules = (
        "Chain rule through the root: $\\sqrt{x}$ has the derivative $\\frac{1}{2 \\sqrt{x}}$",
    )
    ufunc = "sqrt"
    pitfall = "the root of a negative number, or the slope of the root at 0"
    points = ((0.5, 3),)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(SQRT, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g / (2 * y),)


class Exp(Elementwise):
    name = "exp"
    effort = 3.0
    rules = ("Chain rule through $\\exp$, which is its own derivative",)
    ufunc = "exp"
    pitfall = "the exponential of a large number"

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(EXP, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g * y,)


class Log(Elementwise):
    name = "log"
    effort = 2.5
    rules = ("Chain rule through $\\log$: its derivative is $\\frac{1}{x}$",)
    ufunc = "log"
    pitfall = "the logarithm of 0 or of a negative number"
    points = ((0.5, 3),)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(LOG, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g / x,)


class Absolute(Elementwise):
    name = "absolute"
    rules = ("Chain rule through $\\left| x \\right|$: its derivative is the sign of $x$",)
    ufunc = "absolute"
    points = ((0.2, 2),)

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(ABS, x)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (g * sign(x),)


class Sign(Elementwise):
    name = "sign"
    ufunc = "sign"
    points = ((0.2, 2),)
    differentiable = False

    def formula(self, node: Tensor, x: Term) -> Term:
        return call(SIGN, x)


# --- dtype ------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Cast(Elementwise):
    name = "cast"
    quiet = True
    rules = ("A change of precision passes the derivative on",)
    dtype: str = "float32"

    def result(self, *inputs: np.dtype) -> np.dtype:
        return np.dtype(self.dtype)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.asarray(x).astype(self.dtype)

    def formula(self, node: Tensor, x: Term) -> Term:
        before, after = node.inputs[0].dtype.kind, node.dtype.kind
        if after == "b" and before != "b":
            return compare("!=", x, 0)
        return call(TRUNC, x) if before == "f" and after in "iu" else x

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (
            cast(g, x.dtype) if dtypes.is_float(x.dtype) and dtypes.is_float(y.dtype) else None,
        )

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls("float64"), (np.linspace(-2, 2, 6).reshape(2, 3),))
        yield Sample(cls("int64"), (np.linspace(-2, 2, 6),), wrt=())


# --- the functions ----------------------------------------------------------------------------
@implements(np.add)
def add(x1: Any, x2: Any) -> Tensor:
    """Return ``x1 + x2``, entry by entry.

    >>> from glassnet import ops
    >>> ops.add([1.0, 2.0], 3).tolist()
    [4.0, 5.0]
    """
    return record(Add(), *operands(x1, x2))


@implements(np.subtract)
def subtract(x1: Any, x2: Any) -> Tensor:
    """Return ``x1 - x2``, entry by entry."""
    return record(Subtract(), *number_operands(x1, x2))


@implements(np.multiply)
def multiply(x1: Any, x2: Any) -> Tensor:
    """Return ``x1 * x2``, entry by entry."""
    return record(Multiply(), *operands(x1, x2))


@implements(np.true_divide, np.divide)
def divide(x1: Any, x2: Any) -> Tensor:
    """Return ``x1 / x2``, entry by entry; integers are divided as floats."""
    return record(Divide(), *float_operands(x1, x2))


@implements(np.negative)
def negative(x: Any) -> Tensor:
    """Return ``-x``."""
    return record(Negative(), *number_operands(x))


@implements(np.power, np.pow)
def power(x1: Any, x2: Any) -> Tensor:
    """Return ``x1 ** x2``, entry by entry; integers give integers.

    Raises:
        ValueError: for integers to a negative power, which are no integers.

    >>> from glassnet import ops
    >>> ops.power([2, 3], 2).tolist(), ops.power([2.0, 4.0], -1).tolist()
    ([4, 9], [0.5, 0.25])
    """
    base, exponent = number_operands(x1, x2)
    if not dtypes.is_float(base.dtype) and _has_negative(exponent):
        raise ValueError(
            "power: an integer to a negative power is no integer. Write x.astype('float32') ** "
            "exponent."
        )
    return record(Power(), base, exponent)


def _has_negative(x: Tensor) -> bool:
    return isinstance(x, Constant) and bool((x.value < 0).any())


@implements(np.square)
def square(x: Any) -> Tensor:
    """Return ``x²``."""
    return record(Square(), *number_operands(x))


@implements(np.sqrt)
def sqrt(x: Any) -> Tensor:
    """Return ``√x``."""
    return record(Sqrt(), *float_operands(x))


@implements(np.exp)
def exp(x: Any) -> Tensor:
    """Return ``eˣ``."""
    return record(Exp(), *float_operands(x))


@implements(np.log)
def log(x: Any) -> Tensor:
    """Return the natural logarithm of ``x``."""
    return record(Log(), *float_operands(x))


@implements(np.absolute, np.abs)
def absolute(x: Any) -> Tensor:
    """Return ``|x|``; the derivative at 0 is taken as 0."""
    return record(Absolute(), *operands(x))


abs = absolute


@implements(np.sign)
def sign(x: Any) -> Tensor:
    """Return -1, 0 or 1: the sign of ``x``; its derivative is 0."""
    return record(Sign(), *number_operands(x))


@implements(np.astype)
def cast(x: Any, dtype: Any) -> Tensor:
    """Return ``x`` with its entries turned into ``dtype``."""
    x, found = as_tensor(x), dtypes.standard(dtype)
    return x if x.dtype == found else record(Cast(found.name), x)
