"""Ops that bring axes together: sums, means, extremes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from glassnet.formulas import Function, SizeOf, Term, axes_in, call
from glassnet.formulas import reduce as reduced
from glassnet.graph import dtypes
from glassnet.graph.dimension import Shape, Size, product
from glassnet.graph.op import Op, Sample, Work
from glassnet.graph.recording import as_tensor, record
from glassnet.graph.tensor import Tensor, implements
from glassnet.ops.elementwise import Grads, cast
from glassnet.ops.operands import float_operands, normalize_axes
from glassnet.ops.shaping import broadcast_to, expand_dims

Axis = int | Iterable[int] | None
_ROW = 40
"""What the start of a row costs a sum over rows, in entries."""


@dataclass(frozen=True)
class Reduction(Op):
    """The base of reductions over ``axis`` (counted from the front, sorted)."""

    axis: tuple[int, ...] = ()
    keepdims: bool = False

    def infer(self, x: Tensor) -> tuple[Shape, np.dtype]:
        return reduced_shape(x.shape, self.axis, self.keepdims), self.result(x.dtype)

    def result(self, dtype: np.dtype) -> np.dtype:
        """Return the dtype of the value."""
        return dtype

    def work(self, out: tuple[int, ...], *inputs: tuple[int, ...]) -> Work:
        (shape,) = inputs
        size = prod(shape)
        # Where the last axis stays, NumPy adds row after row, and each row costs a start.
        stays = bool(shape) and size > 0 and len(shape) - 1 not in self.axis
        rows = size // shape[-1] if stays else 0
        return Work(self.effort * (size + _ROW * rows))

    def formula(self, node: Tensor, x: Term) -> Term:
        return reduced(self.name, x, axes_in(self.axis, node.inputs[0].shape))

    def spread(self, g: Tensor, x: Tensor) -> Tensor:
        """Return ``g`` with the reduced axes back as axes of length 1."""
        return g if self.keepdims else expand_dims(g, self.axis)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        x = np.random.default_rng(0).uniform(0.5, 2.0, (2, 3, 4))
        yield Sample(cls((0,)), (x,))
        yield Sample(cls((0, 2), True), (x,))
        yield Sample(cls((0, 1, 2)), (x,))
        yield Sample(cls((1,)), (x[:, :1],))


def over_axes(function: Function, x: Term, axes: Iterable[int]) -> Term:
    """Return the term of a function that reduces axes, which stay as axes of length 1.

    Over all of them its value is a number, and it is told no axis.
    """
    taken = tuple(a for a in axes if x.shape != () and x.shape[a] != 1)
    shape = tuple(1 if i in taken else size for i, size in enumerate(x.shape))
    if all(size == 1 for size in shape):
        return call(function, x, shape=())
    return call(function, x, shape=shape, axis=taken)


def reduced_shape(shape: Shape, axes: tuple[int, ...], keepdims: bool) -> Shape:
    """Return the shape after a reduction."""
    if keepdims:
        return tuple(1 if i in axes else size for i, size in enumerate(shape))
    return tuple(size for i, size in enumerate(shape) if i not in axes)


class Sum(Reduction):
    name = "sum"
    effort = 2.0
    calls = 4
    quiet = True
    rules = ("Every summand receives the derivative by the sum",)

    def result(self, dtype: np.dtype) -> np.dtype:
        return dtypes.accumulator(dtype)

    def value(self, xp: Any, x: Any) -> Any:
        return xp.sum(x, axis=self.axis, keepdims=self.keepdims, dtype=self.result(x.dtype))

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (broadcast_to(self.spread(g, x), x.shape),)

    def simplify(self, x: Tensor) -> Tensor | None:
        return x if not self.axis and self.result(x.dtype) == x.dtype else None


class _Extreme(Reduction):
    rules = ("The derivative goes to the entry that is the extreme; entries that tie share it",)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        # Entries that tie share the derivative evenly.
        chosen = cast(x == self.spread(y, x), x.dtype)
        share = chosen / chosen.sum(self.axis, keepdims=True)
        return (self.spread(g, x) * share,)


class Max(_Extreme):
    name = "max"
    calls = 4

    def value(self, xp: Any, x: Any) -> Any:
        return xp.max(x, axis=self.axis, keepdims=self.keepdims)


class Min(_Extreme):
    name = "min"
    calls = 4

    def value(self, xp: Any, x: Any) -> Any:
        return xp.min(x, axis=self.axis, keepdims=self.keepdims)


@dataclass(frozen=True)
class Number(Op):
    """A size as a number: what a mean over the batch divides by."""

    name = "number"
    differentiable = False
    size: Size = 1
    dtype: str = "float32"

    def infer(self) -> tuple[Shape, np.dtype]:
        return (), np.dtype(self.dtype)

    def formula(self, node: Tensor) -> Term:
        return SizeOf(self.size)

    def value(self, xp: Any) -> Any:
        return xp.asarray(self.size, dtype=self.dtype)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls(3, "float64"))


@implements(np.sum)
def sum(x: Any, axis: Axis = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """Return the sum over ``axis``; over all axes for None. Integers add up as int64.

    >>> from glassnet import ops
    >>> ops.sum([[1.0, 2.0], [3.0, 4.0]], axis=0).tolist()
    [4.0, 6.0]
    """
    x = as_tensor(x) if dtype is None else cast(x, dtype)
    return record(Sum(normalize_axes(axis, x.ndim), bool(keepdims)), x)


@implements(np.mean)
def mean(x: Any, axis: Axis = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """Return the mean over ``axis``: ``(1/n) Σ x``."""
    (x,) = float_operands(x if dtype is None else cast(x, dtype))
    axes = normalize_axes(axis, x.ndim)
    if x.dtype == np.float16:  # the sum may exceed what a half-precision number holds
        return cast(mean(cast(x, np.float32), axes, keepdims), x.dtype)
    return sum(x, axes, keepdims) / number(product(x.shape[a] for a in axes), x.dtype)


@implements(np.max, np.amax)
def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the largest entry along ``axis``; ties share the derivative evenly."""
    x = as_tensor(x)
    return record(Max(normalize_axes(axis, x.ndim), bool(keepdims)), x)


@implements(np.min, np.amin)
def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the smallest entry along ``axis``; ties share the derivative evenly."""
    x = as_tensor(x)
    return record(Min(normalize_axes(axis, x.ndim), bool(keepdims)), x)


def number(size: Size, dtype: Any) -> Tensor:
    """Return a size as a number of the given dtype; a constant where it is known."""
    name = np.dtype(dtype).name
    return as_tensor(size, dtype) if isinstance(size, int) else record(Number(size, name))
