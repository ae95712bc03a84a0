"""Ops that arrange entries anew and compute nothing: reshape, transpose, broadcast."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.formulas import (
    Function,
    MatrixProduct,
    Term,
    Transposed,
    call,
    matrix_product,
    matrix_shape,
    transposed,
)
from glassnet.formulas.arranging import RESHAPE as RESHAPE
from glassnet.formulas.arranging import arranged
from glassnet.formulas.arranging import reshaped as reshaped
from glassnet.formulas.arranging import whole as whole
from glassnet.graph.dimension import Dim, Shape, Size, display, divide, divisible, product
from glassnet.graph.op import Op, Sample
from glassnet.graph.recording import as_tensor, record
from glassnet.graph.tensor import Constant, Tensor, implements
from glassnet.ops.elementwise import Grads
from glassnet.ops.operands import broadcast_shapes, normalize_axes, normalize_axis, unbroadcast

PERMUTE = Function("permute", numpy="np.transpose", meaning="the axes in another order")

_X = np.arange(24, dtype=np.float64).reshape(2, 3, 4)


@dataclass(frozen=True)
class Reshape(Op):
    name = "reshape"
    calls = 2
    quiet = True
    rules = ("Entries keep their values, so the derivative takes the way back",)
    view = True
    shape: Shape = ()

    def infer(self, x: Tensor) -> tuple[Shape, np.dtype]:
        if product(self.shape) != product(x.shape):
            raise ValueError(
                f"A tensor of shape {display(x.shape)} has {product(x.shape)} entries; it can't "
                f"take the shape {display(self.shape)} with {product(self.shape)}."
            )
        return self.shape, x.dtype

    def value(self, xp: Any, x: Any) -> Any:
        return xp.reshape(x, self.shape)

    def formula(self, node: Tensor, x: Term) -> Term:
        before, after = matrix_shape(node.inputs[0].shape), matrix_shape(node.shape)
        if x.shape == () or before == after:
            return x
        if len(after) == 2 and 1 in after and x.shape == after[::-1]:
            return transposed(x)
        return arranged(x, after)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (reshape(g, x.shape),)

    def simplify(self, x: Tensor) -> Tensor | None:
        return x if self.shape == x.shape else None

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls((4, 6)), (_X,))
        yield Sample(cls(()), (_X[:1, :1, :1],))


@dataclass(frozen=True)
class Transpose(Op):
    name = "transpose"
    quiet = True
    rules = ("Entries keep their values, so the derivative takes the way back",)
    view = True
    axes: tuple[int, ...] = ()

    def infer(self, x: Tensor) -> tuple[Shape, np.dtype]:
        return tuple(x.shape[a] for a in self.axes), x.dtype

    def value(self, xp: Any, x: Any) -> Any:
        return xp.transpose(x, self.axes)

    def formula(self, node: Tensor, x: Term) -> Term:
        rank = len(self.axes)
        if x.shape == () or rank < 2:
            return x
        if self.axes == (*range(rank - 2), rank - 1, rank - 2):
            if isinstance(x, MatrixProduct) and Transposed in (type(x.first), type(x.second)):
                return matrix_product(transposed(x.second), transposed(x.first))
            return transposed(x)
        return call(PERMUTE, x, shape=node.shape, axes=self.axes)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (transpose(g, tuple(int(i) for i in np.argsort(self.axes))),)

    def simplify(self, x: Tensor) -> Tensor | None:
        return x if self.axes == tuple(range(x.ndim)) else None

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls((2, 0, 1)), (_X,))
        yield Sample(cls((1, 0)), (_X[0],))


@dataclass(frozen=True)
class BroadcastTo(Op):
    name = "broadcast_to"
    calls = 4
    quiet = True
    spreads = True
    rules = ("What was copied to many places receives the sum over them",)
    view = True
    shape: Shape = ()

    def infer(self, x: Tensor) -> tuple[Shape, np.dtype]:
        if broadcast_shapes(x.shape, self.shape) != self.shape:
            raise ValueError(
                f"{display(x.shape)} can't be broadcast to {display(self.shape)}: "
                "only axes of length 1 stretch."
            )
        return self.shape, x.dtype

    def value(self, xp: Any, x: Any) -> Any:
        return xp.broadcast_to(x, self.shape)

    def formula(self, node: Tensor, x: Term) -> Term:
        return x

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (unbroadcast(g, x.shape),)

    def simplify(self, x: Tensor) -> Tensor | None:
        return x if self.shape == x.shape else None

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls((5, 2, 3, 4)), (_X,))
        yield Sample(cls((2, 3, 4)), (_X[:, :1],))
        yield Sample(cls((2, 2)), (np.array(1.5),))


# --- the functions ----------------------------------------------------------------------------
def as_shape(shape: Any) -> Shape:
    """Return a shape argument as a tuple of sizes; raise where an entry is none."""
    items = (shape,) if isinstance(shape, (int, np.integer, Dim)) else tuple(shape)
    for size in items:
        if not isinstance(size, (int, np.integer, Dim)):
            raise TypeError(f"A shape is made of integers; got {size!r} in {items!r}.")
    return tuple(size if isinstance(size, Dim) else int(size) for size in items)


@implements(np.reshape)
def reshape(x: Any, newshape: Any = None, *, shape: Any = None) -> Tensor:
    """Return the entries of ``x``, row by row, in another shape; -1 is what remains.

    >>> from glassnet import ops
    >>> ops.reshape([1, 2, 3, 4], (2, -1)).tolist()
    [[1, 2], [3, 4]]
    """
    x, sizes = as_tensor(x), list(as_shape(newshape if shape is None else shape))
    if sizes.count(-1) > 1:
        raise ValueError(f"reshape: only one size can be -1; got {display(sizes)}.")
    if -1 in sizes:
        rest = product(size for size in sizes if size != -1)
        if not divisible(x.size, rest):
            raise ValueError(
                f"reshape: the {x.size} entries of {display(x.shape)} can't be arranged as "
                f"{display(sizes)}: {x.size} is no multiple of {rest}."
            )
        sizes[sizes.index(-1)] = divide(x.size, rest)
    return record(Reshape(tuple(sizes)), x)


@implements(np.transpose, np.permute_dims)
def transpose(x: Any, axes: Sequence[int] | None = None) -> Tensor:
    """Return ``x`` with its axes in the order ``axes``; reversed by default: ``xᵀ``."""
    x = as_tensor(x)
    order = tuple(reversed(range(x.ndim))) if axes is None else tuple(axes)
    found = tuple(normalize_axis(a, x.ndim) for a in order)
    if sorted(found) != list(range(x.ndim)):
        raise ValueError(f"transpose: axes {order} must name each of {x.ndim} axes once.")
    return record(Transpose(found), x)


@implements(np.broadcast_to)
def broadcast_to(x: Any, shape: Any) -> Tensor:
    """Return ``x`` stretched to ``shape``, as NumPy's broadcasting does."""
    return record(BroadcastTo(as_shape(shape)), as_tensor(x))


@implements(np.expand_dims)
def expand_dims(x: Any, axis: int | Iterable[int]) -> Tensor:
    """Return ``x`` with new axes of length 1 at the places ``axis`` of the result."""
    x = as_tensor(x)
    places = [axis] if isinstance(axis, (int, np.integer)) else list(axis)
    axes = normalize_axes(places, x.ndim + len(places))
    sizes = iter(x.shape)
    return reshape(x, tuple(1 if i in axes else next(sizes) for i in range(x.ndim + len(places))))


@implements(np.squeeze)
def squeeze(x: Any, axis: int | Iterable[int] | None = None) -> Tensor:
    """Return ``x`` without its axes of length 1, or without the axes named."""
    x = as_tensor(x)
    ones = [i for i, size in enumerate(x.shape) if size == 1 and isinstance(size, int)]
    axes = tuple(ones) if axis is None else normalize_axes(axis, x.ndim)
    if not set(axes) <= set(ones):
        raise ValueError(f"squeeze: axis {axis} of {display(x.shape)} does not have length 1.")
    return reshape(x, tuple(size for i, size in enumerate(x.shape) if i not in axes))


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """Return ``y = fill_value`` of a shape; the default float type for Python floats."""
    value, sizes = as_tensor(fill_value, dtype), as_shape(shape)
    numbers = [size for size in sizes if isinstance(size, int)]
    if isinstance(value, Constant) and len(numbers) == len(sizes):
        return Constant(np.broadcast_to(value.value, numbers))
    return broadcast_to(value, sizes)


def zeros(shape: Any, dtype: Any = None) -> Tensor:
    """Return ``y = 0`` of a shape."""
    return full(shape, 0.0, dtype)


def ones(shape: Any, dtype: Any = None) -> Tensor:
    """Return ``y = 1`` of a shape."""
    return full(shape, 1.0, dtype)


@implements(np.zeros_like)
def zeros_like(x: Any, dtype: Any = None) -> Tensor:
    """Return zeros of the shape and dtype of ``x``."""
    x = as_tensor(x)
    return full(x.shape, 0, x.dtype if dtype is None else dtype)


@implements(np.ones_like)
def ones_like(x: Any, dtype: Any = None) -> Tensor:
    """Return ones of the shape and dtype of ``x``."""
    x = as_tensor(x)
    return full(x.shape, 1, x.dtype if dtype is None else dtype)


@implements(np.shape)
def shape(x: Any) -> tuple[Size, ...]:
    """Return the shape of ``x``: numbers, and named sizes such as the batch ``m``."""
    return as_tensor(x).shape


def convert_to_tensor(x: Any, dtype: Any = None) -> Tensor:
    """Return ``x`` as a tensor of the given dtype."""
    tensor = as_tensor(x, None if isinstance(x, Tensor) else dtype)
    return tensor if dtype is None else tensor.astype(dtype)


def convert_to_numpy(x: Any) -> np.ndarray:
    """Return the value of ``x`` as an array."""
    return np.asarray(x)
