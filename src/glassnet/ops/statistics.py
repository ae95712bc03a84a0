"""More ops along axes: products, running sums, truth over an axis, variance, norms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from glassnet.formulas import Function, Term, axes_in, axis_in, call
from glassnet.formulas import reduce as reduced
from glassnet.graph.dimension import Shape, product
from glassnet.graph.dtypes import accumulator
from glassnet.graph.op import Op, Sample
from glassnet.graph.recording import as_tensor, record
from glassnet.graph.tensor import Tensor, implements
from glassnet.ops.comparison import where
from glassnet.ops.elementwise import Grads, absolute, cast, sqrt, square
from glassnet.ops.joining import concatenate, flip
from glassnet.ops.matrices import counting, moveaxis, on_or_below
from glassnet.ops.operands import float_operands, normalize_axes, normalize_axis
from glassnet.ops.reduction import Axis, Reduction, max, mean, min, number, sum
from glassnet.ops.shaping import expand_dims, full, reshape, transpose

CUMSUM = Function("cumsum", "", "np.cumsum", axes=("axis",), meaning="the running sum")
CUMPROD = Function("cumprod", "", "np.cumprod", axes=("axis",), meaning="the running product")
SUM_FROM_END = Function("sumfromend", numpy="sum_from_end", axes=("axis",), source="""
def sum_from_end(x, axis):
    return np.flip(np.cumsum(np.flip(x, axis), axis), axis)
""", meaning="the running sum from the end")  # fmt: skip


class Prod(Reduction):
    """Π x."""

    name = "prod"
    rules = ("Product rule: each factor receives the product of all others",)

    def result(self, dtype: np.dtype) -> np.dtype:
        return accumulator(dtype)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.prod(x, axis=self.axis, keepdims=self.keepdims, dtype=self.result(x.dtype))

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        # The product of the others, as what stands before times what stands behind: y / x would
        # fail where an entry is 0.
        kept = tuple(a for a in range(x.ndim) if a not in self.axis)
        order = kept + self.axis
        rows = reshape(
            transpose(x, order),
            (*(x.shape[a] for a in kept), product(x.shape[a] for a in self.axis)),
        )
        others = _product_before(rows) * flip(_product_before(flip(rows, -1)), -1)
        others = reshape(others, tuple(x.shape[a] for a in order))
        back = tuple(int(i) for i in np.argsort(order))
        return (self.spread(g, x) * transpose(others, back),)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield from super().samples()
        yield Sample(cls((1,)), (np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 1.5]]),))

    def simplify(self, x: Tensor) -> Tensor | None:
        return x if not self.axis and self.result(x.dtype) == x.dtype else None


def _product_before(rows: Tensor) -> Tensor:
    """The product of what stands before each entry of the last axis."""
    one = full((*rows.shape[:-1], 1), cast(1, rows.dtype))
    return cumprod(concatenate([one, rows[..., :-1]], -1), -1)


@dataclass(frozen=True)
class _Running(Op):
    axis: int = 0

    def infer(self, x: Tensor) -> tuple[Shape, np.dtype]:
        return x.shape, accumulator(x.dtype)


@dataclass(frozen=True)
class CumSum(_Running):
    """yₖ = x₁ + … + xₖ along ``axis``; from the end where ``reverse``."""

    name = "cumsum"
    rules = ("What enters many running sums receives the sum over them",)
    reverse: bool = False

    def value(self, xp: Any, x: Any) -> Any:
        if self.reverse:
            x = xp.flip(x, self.axis)
        y = xp.cumsum(x, axis=self.axis, dtype=accumulator(x.dtype))
        return xp.flip(y, self.axis) if self.reverse else y

    def formula(self, node: Tensor, x: Term) -> Term:
        axis = axis_in(self.axis, node.shape)
        if axis is None or x.shape == ():
            return x
        return call(SUM_FROM_END if self.reverse else CUMSUM, x, shape=x.shape, axis=axis)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (record(CumSum(self.axis, not self.reverse), g),)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        x = np.random.default_rng(0).normal(size=(3, 4))
        yield Sample(cls(0), (x,))
        yield Sample(cls(1, True), (x,))


class CumProd(_Running):
    """yₖ = x₁ ⋯ xₖ along ``axis``."""

    name = "cumprod"
    rules = ("Product rule: each factor receives, from every product, that of the others",)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.cumprod(x, axis=self.axis, dtype=accumulator(x.dtype))

    def formula(self, node: Tensor, x: Term) -> Term:
        axis = axis_in(self.axis, node.shape)
        if axis is None or x.shape == ():
            return x
        return call(CUMPROD, x, shape=x.shape, axis=axis)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        # Row k of a square holds x₁ … xₖ and ones: its product is yₖ, and the rule of the product
        # is exact where entries are 0. The usual Σ g y / x is not.
        rows = expand_dims(moveaxis(x, self.axis, -1), -2)
        kept = on_or_below(x.shape[self.axis], x.shape[self.axis])
        by_rows = expand_dims(moveaxis(g, self.axis, -1), -1) * _others(where(kept, rows, 1))
        by_x = sum(where(kept, by_rows, 0), -2)
        return (moveaxis(by_x, -1, self.axis),)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        x = np.random.default_rng(0).normal(size=(3, 4))
        yield Sample(cls(1), (x,))
        yield Sample(cls(0), (np.array([[2.0, 0.0], [0.0, 3.0], [1.5, 0.5]]),))


def _others(rows: Tensor) -> Tensor:
    """The product of all other entries of the last axis, for each entry."""
    places = counting(rows.shape[-1])
    squares = where(expand_dims(places, 1) == places, 1, expand_dims(rows, -2))
    return record(Prod((squares.ndim - 1,)), squares)


class _OverTruth(Reduction):
    differentiable = False
    extreme: ClassVar[str] = ""
    """What it is of 1 and 0."""

    def formula(self, node: Tensor, x: Term) -> Term:
        return reduced(self.extreme, x, axes_in(self.axis, node.inputs[0].shape))

    def result(self, dtype: np.dtype) -> np.dtype:
        return np.dtype(np.bool_)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        x = np.array([[[True, False], [True, True]], [[False, False], [True, False]]])
        yield Sample(cls((0,)), (x,))
        yield Sample(cls((1, 2), True), (x,))


class All(_OverTruth):
    name = "all"
    extreme = "min"

    def value(self, xp: Any, x: Any) -> Any:
        return xp.all(x, axis=self.axis, keepdims=self.keepdims)


class Any_(_OverTruth):
    name = "any"
    extreme = "max"

    def value(self, xp: Any, x: Any) -> Any:
        return xp.any(x, axis=self.axis, keepdims=self.keepdims)


# --- the functions ----------------------------------------------------------------------------
@implements(np.prod)
def prod(x: Any, axis: Axis = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """Return the product over ``axis``; its derivative is exact where entries are 0."""
    x = as_tensor(x) if dtype is None else cast(x, dtype)
    return record(Prod(normalize_axes(axis, x.ndim), bool(keepdims)), x)


@implements(np.cumsum)
def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Return the running sum along ``axis``; over all entries as one row for None.

    >>> from glassnet import ops
    >>> ops.cumsum([1, 2, 3]).tolist()
    [1, 3, 6]
    """
    x, axis = _along(x, axis, dtype)
    return record(CumSum(axis), x)


@implements(np.cumprod)
def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Return the running product along ``axis``; over all entries as one row for None."""
    x, axis = _along(x, axis, dtype)
    return record(CumProd(axis), x)


def _along(x: Any, axis: int | None, dtype: Any) -> tuple[Tensor, int]:
    x = as_tensor(x) if dtype is None else cast(x, dtype)
    if axis is None:
        return reshape(x, (-1,)), 0
    return x, normalize_axis(axis, x.ndim)


@implements(np.all)
def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return whether every entry along ``axis`` is true (not 0)."""
    x = cast(x, "bool")
    return record(All(normalize_axes(axis, x.ndim), bool(keepdims)), x)


@implements(np.any)
def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return whether some entry along ``axis`` is true (not 0)."""
    x = cast(x, "bool")
    return record(Any_(normalize_axes(axis, x.ndim), bool(keepdims)), x)


@implements(np.count_nonzero)
def count_nonzero(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return how many entries along ``axis`` are not 0."""
    return sum(as_tensor(x) != 0, axis, keepdims)


@implements(np.var)
def var(x: Any, axis: Axis = None, keepdims: bool = False, *, ddof: int = 0) -> Tensor:
    """Return the variance over ``axis``: ``Σ (x - mean)² / (n - ddof)``.

    >>> from glassnet import ops
    >>> ops.var([1.0, 3.0]).item()
    1.0
    """
    (x,) = float_operands(x)
    centred = square(x - mean(x, axis, keepdims=True))
    if ddof == 0:
        return mean(centred, axis, keepdims)
    count = product(x.shape[a] for a in normalize_axes(axis, x.ndim))
    return sum(centred, axis, keepdims) / number(count - ddof, x.dtype)


@implements(np.std)
def std(x: Any, axis: Axis = None, keepdims: bool = False, *, ddof: int = 0) -> Tensor:
    """Return the standard deviation over ``axis``: ``√var``."""
    return sqrt(var(x, axis, keepdims, ddof=ddof))


def moments(x: Any, axes: Axis, keepdims: bool = False) -> tuple[Tensor, Tensor]:
    """Return the mean and the variance over ``axes``."""
    (x,) = float_operands(x)
    centre = mean(x, axes, keepdims=True)
    spread = mean(square(x - centre), axes, keepdims)
    found = normalize_axes(axes, x.ndim)
    kept = tuple(size for i, size in enumerate(x.shape) if i not in found)
    return centre if keepdims else reshape(centre, kept), spread


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Return ``‖x‖``: of vectors (one axis) or matrices (two axes).

    Args:
        x: the tensor.
        ord: None for ``√Σ x²``; for vectors ``1``, ``2``, ``0``, ``np.inf``, ``-np.inf`` or any p
            for ``(Σ |x|ᵖ)^(1/p)``; for matrices ``"fro"``, ``±1`` (the largest, the
            smallest sum of a column) or ``±np.inf`` (of a row).
        axis: the axis or the two axes; all entries as one vector by default.
        keepdims: whether the axes stay, with length 1.

    >>> from glassnet import ops
    >>> ops.norm([3.0, 4.0]).item()
    5.0
    """
    (x,) = float_operands(x)
    if ord is None:
        return sqrt(sum(square(x), axis, keepdims))
    axes = normalize_axes(axis, x.ndim)
    if len(axes) == 1:
        return _vector_norm(x, ord, axes[0], keepdims)
    if len(axes) != 2:
        raise ValueError(f"norm: ord={ord!r} takes one or two axes; got {len(axes)}.")
    rows, columns = axes if axis is None else [normalize_axis(a, x.ndim) for a in axis]
    if ord in (1, -1, np.inf, -np.inf):
        inner, outer = (rows, columns) if ord in (1, -1) else (columns, rows)
        extreme = max if ord > 0 else min
        sums = extreme(sum(absolute(x), inner, keepdims=True), outer, keepdims=True)
        kept = tuple(size for i, size in enumerate(x.shape) if i not in axes)
        return sums if keepdims else reshape(sums, kept)
    if ord == "fro":
        return sqrt(sum(square(x), axes, keepdims))
    raise ValueError(f"norm: ord={ord!r} of matrices is none of 'fro', ±1, ±np.inf.")


def _vector_norm(x: Tensor, ord: Any, axis: int, keepdims: bool) -> Tensor:
    if ord == np.inf:
        return max(absolute(x), axis, keepdims)
    if ord == -np.inf:
        return min(absolute(x), axis, keepdims)
    if ord == 0:
        return cast(count_nonzero(x, axis, keepdims), x.dtype)
    if ord == 1:
        return sum(absolute(x), axis, keepdims)
    if ord == 2:
        return sqrt(sum(square(x), axis, keepdims))
    if isinstance(ord, str):
        raise ValueError(f"norm: ord={ord!r} is for matrices; a vector takes a number.")
    return sum(absolute(x) ** float(ord), axis, keepdims) ** (1 / float(ord))
