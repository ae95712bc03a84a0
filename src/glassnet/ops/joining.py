"""Ops that put tensors together, take them apart, pad, repeat and turn them round."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from glassnet.formulas import Term, axis_in, call, each_axis_in, matrix_shape
from glassnet.formulas.entries import CONCAT, PAD
from glassnet.graph.dimension import Dim, Shape, Size, display, divide, divisible
from glassnet.graph.op import Op, Sample
from glassnet.graph.recording import as_tensor, record
from glassnet.graph.tensor import Tensor, implements
from glassnet.ops.elementwise import Grads
from glassnet.ops.indexing import take
from glassnet.ops.operands import normalize_axes, normalize_axis, operands
from glassnet.ops.shaping import broadcast_to, expand_dims, reshape, reshaped
from glassnet.ops.slicing import axes_said, slice_from

_X = np.arange(24, dtype=np.float64).reshape(2, 3, 4)


@dataclass(frozen=True)
class Concatenate(Op):
    """The inputs one behind the other along ``axis``."""

    name = "concatenate"
    rules = ("Each part gets the derivative by the entries that it brought",) * 16
    axis: int = 0

    def infer(self, *inputs: Tensor) -> tuple[Shape, np.dtype]:
        shapes = [i.shape for i in inputs]
        rests = {(*s[: self.axis], *s[self.axis + 1 :]) for s in shapes}
        if len(rests) > 1 or len({len(s) for s in shapes}) > 1:
            raise ValueError(
                f"concatenate: {' and '.join(map(display, shapes))} must have equal sizes "
                f"everywhere but on axis {self.axis}."
            )
        total: Size = 0
        for shape in shapes:
            total = shape[self.axis] + total
        return (*shapes[0][: self.axis], total, *shapes[0][self.axis + 1 :]), inputs[0].dtype

    def value(self, xp: Any, *arrays: Any) -> Any:
        return xp.concatenate(arrays, axis=self.axis)

    def formula(self, node: Tensor, *terms: Term) -> Term:
        shape, axis = matrix_shape(node.shape), axis_in(self.axis, node.shape)
        if axis is None:  # a single entry along an axis that formulas drop: the others are empty
            shape, axis = node.shape, self.axis
        parts = []
        for term, source in zip(terms, node.inputs, strict=True):
            sizes = list(shape)
            sizes[axis] = source.shape[self.axis]
            parts.append(reshaped(term, tuple(sizes)))
        return call(CONCAT, *parts, shape=shape, axis=axis)

    def vjp(self, g: Tensor, y: Tensor, *inputs: Tensor) -> Grads:
        return tuple(_pieces(g, self.axis, [i.shape[self.axis] for i in inputs]))

    def simplify(self, *inputs: Tensor) -> Tensor | None:
        return inputs[0] if len(inputs) == 1 else None

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls(1), (_X, _X[:, :1], _X[:, :2]))
        yield Sample(cls(0), (_X[0, 0], _X[0, 1, :0]))


def _pieces(x: Tensor, axis: int, sizes: Sequence[Size]) -> list[Tensor]:
    """``x`` cut along ``axis`` into pieces of these sizes."""
    pieces: list[Tensor] = []
    start: Size = 0
    for size in sizes:
        starts: Shape = tuple(start if i == axis else 0 for i in range(x.ndim))
        pieces.append(
            slice_from(x, starts, tuple(size if i == axis else s for i, s in enumerate(x.shape)))
        )
        start = size + start
    return pieces


@dataclass(frozen=True)
class Pad(Op):
    """x with ``widths`` (before, after) entries of one value around it."""

    name = "pad"
    rules = ("What was added around gets no derivative: it is cut off again",)
    widths: tuple[tuple[int, int], ...] = ()
    fill: float = 0.0

    def infer(self, x: Tensor) -> tuple[Shape, np.dtype]:
        return tuple(s + a + b for s, (a, b) in zip(x.shape, self.widths, strict=True)), x.dtype

    def value(self, xp: Any, x: Any) -> Any:
        if xp is not np:
            return xp.pad(x, self.widths, constant_values=self.fill)
        shape = tuple(s + a + b for s, (a, b) in zip(x.shape, self.widths, strict=True))
        y = np.full(shape, self.fill, x.dtype) if self.fill else np.zeros(shape, x.dtype)
        y[tuple(slice(a, a + s) for s, (a, _) in zip(x.shape, self.widths, strict=True))] = x
        return y

    def formula(self, node: Tensor, x: Term) -> Term:
        shape = node.shape
        widths = dict(enumerate(each_axis_in(self.widths, shape, (0, 0))))
        changed = {axis: pair for axis, pair in widths.items() if any(pair)}
        x = reshaped(x, each_axis_in(node.inputs[0].shape, shape, 1))
        said = axes_said(changed, ("before", "after"), {"before": 0, "after": 0})
        value = {"value": self.fill} if self.fill else {}
        return call(PAD, x, shape=matrix_shape(shape), **said, **value)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (slice_from(g, tuple(a for a, _ in self.widths), x.shape),)

    def simplify(self, x: Tensor) -> Tensor | None:
        return None if any(a or b for a, b in self.widths) else x

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls(((0, 0), (1, 2), (3, 0))), (_X,))
        yield Sample(cls(((2, 0),), -1.5), (_X[0, 0],))


# --- joining and taking apart -----------------------------------------------------------------
@implements(np.concatenate)
def concatenate(xs: Sequence[Any], axis: int | None = 0) -> Tensor:
    """Return the tensors one behind the other along ``axis``; all as one row for None.

    >>> from glassnet import ops
    >>> ops.concatenate([[1, 2], [3]]).tolist()
    [1, 2, 3]
    """
    parts = operands(*_several("concatenate", xs))
    if axis is None:
        parts, axis = tuple(reshape(p, (-1,)) for p in parts), 0
    if parts[0].ndim == 0:
        raise ValueError("concatenate: numbers have no axis to join along; use stack.")
    return record(Concatenate(normalize_axis(axis, parts[0].ndim)), *parts)


@implements(np.stack)
def stack(xs: Sequence[Any], axis: int = 0) -> Tensor:
    """Return the tensors, all of one shape, along a new ``axis``."""
    parts = operands(*_several("stack", xs))
    if len({p.shape for p in parts}) > 1:
        shapes = " and ".join(display(p.shape) for p in parts)
        raise ValueError(f"stack: the shapes must be equal; got {shapes}.")
    axis = normalize_axis(axis, parts[0].ndim + 1)
    return concatenate([expand_dims(p, axis) for p in parts], axis)


@implements(np.vstack)
def vstack(xs: Sequence[Any]) -> Tensor:
    """Return ``[x₁; x₂; …]`` below one another; a tensor with a single axis is a row."""
    return concatenate([_at_least_2d(x) for x in operands(*_several("vstack", xs))], 0)


@implements(np.hstack)
def hstack(xs: Sequence[Any]) -> Tensor:
    """Return ``[x₁, x₂, …]`` beside one another: along axis 1, or 0 where it is the only one."""
    parts = [reshape(x, (1,)) if x.ndim == 0 else x for x in operands(*_several("hstack", xs))]
    return concatenate(parts, 0 if parts[0].ndim == 1 else 1)


def _at_least_2d(x: Tensor) -> Tensor:
    return reshape(x, (1, x.size)) if x.ndim < 2 else x


def _several(what: str, xs: Any) -> Sequence[Any]:
    if isinstance(xs, Tensor) or not isinstance(xs, Iterable):
        raise TypeError(f"{what}: expected a list of tensors; got {xs!r}.")
    parts = list(xs)
    if not parts:
        raise ValueError(f"{what}: expected at least one tensor; got an empty list.")
    return parts


@implements(np.split)
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """Return ``x`` in equal parts along ``axis``, or cut before the places listed.

    >>> from glassnet import ops
    >>> [part.tolist() for part in ops.split([1, 2, 3, 4], [1, 3])]
    [[1], [2, 3], [4]]
    """
    x = as_tensor(x)
    axis = normalize_axis(axis, x.ndim)
    size = x.shape[axis]
    if isinstance(indices_or_sections, (int, np.integer)):
        parts = int(indices_or_sections)
        if parts < 1 or not divisible(size, parts):
            raise ValueError(
                f"split: axis {axis} of {display(x.shape)} with {size} entries does not part "
                f"into {parts} equal pieces."
            )
        return _pieces(x, axis, [divide(size, parts)] * parts)
    key = [slice(None)] * axis
    cuts = [None, *(int(i) for i in np.asarray(indices_or_sections)), None]
    return [x[(*key, slice(a, b))] for a, b in pairwise(cuts)]


def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """Return the slices of ``x`` along ``axis``, without that axis."""
    x = as_tensor(x)
    axis = normalize_axis(axis, x.ndim)
    count = x.shape[axis] if num is None else num
    if isinstance(count, Dim) or count != x.shape[axis]:
        raise ValueError(f"unstack: axis {axis} of {display(x.shape)} gives no {count} slices.")
    return [x[(*[slice(None)] * axis, i)] for i in range(count)]


# --- around and around ------------------------------------------------------------------------
@implements(np.pad)
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Tensor:
    """Return ``x`` with more entries before and after it along each axis.

    Args:
        x: the tensor.
        pad_width: ``(before, after)`` for each axis; one pair, or one number, for all.
        mode: ``"constant"``, or ``"reflect"``, ``"symmetric"``, ``"edge"``, ``"wrap"``, which
            repeat what is there as NumPy does.
        constant_values: the number to fill with; 0 by default.

    >>> from glassnet import ops
    >>> ops.pad([1.0, 2.0, 3.0], (2, 1), mode="reflect").tolist()
    [3.0, 2.0, 1.0, 2.0, 3.0, 2.0]
    """
    x = as_tensor(x)
    widths = _widths(pad_width, x.ndim)
    if mode == "constant":
        return record(Pad(widths, float(0 if constant_values is None else constant_values)), x)
    if mode not in ("reflect", "symmetric", "edge", "wrap"):
        raise ValueError(
            f"pad: mode {mode!r} is none of 'constant', 'reflect', 'symmetric', 'edge', 'wrap'."
        )
    if constant_values is not None:
        raise ValueError(f"pad: mode {mode!r} takes no constant_values.")
    for axis, width in enumerate(widths):
        if any(width):
            size = x.shape[axis]
            if isinstance(size, Dim):
                raise ValueError(f"pad: mode {mode!r} needs a known size on axis {axis}: {x!r}.")
            x = take(x, np.pad(np.arange(size), width, mode=mode), axis)  # type: ignore[call-overload]
    return x


def _widths(given: Any, rank: int) -> tuple[tuple[int, int], ...]:
    try:
        pairs = np.broadcast_to(np.asarray(given), (rank, 2))
    except ValueError:
        raise ValueError(
            f"pad: pad_width must be (before, after) for each of {rank} axes; got {given!r}."
        ) from None
    if pairs.dtype.kind not in "iu" or (pairs < 0).any():
        raise ValueError(f"pad: expected integers of at least 0; got {given!r}.")
    return tuple((int(a), int(b)) for a, b in pairs)


@implements(np.flip)
def flip(x: Any, axis: int | Iterable[int] | None = None) -> Tensor:
    """Return ``x`` back to front along ``axis``; along all axes for None."""
    x = as_tensor(x)
    axes = normalize_axes(axis, x.ndim)
    return x[tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(x.ndim))]


@implements(np.roll)
def roll(x: Any, shift: Any, axis: Any = None) -> Tensor:
    """Return ``x`` moved on by ``shift`` along ``axis``; what leaves at the end enters in front."""
    x = as_tensor(x)
    if axis is None:
        return reshape(roll(reshape(x, (-1,)), shift, 0), x.shape)
    shifts, axes = np.broadcast_arrays(np.atleast_1d(shift), np.atleast_1d(axis))
    for by, along in zip(shifts, axes, strict=True):
        place = normalize_axis(int(along), x.ndim)
        size = x.shape[place]
        move = int(by) if isinstance(size, Dim) else int(by) % max(size, 1)
        if move:
            key = (slice(None),) * place
            x = concatenate([x[(*key, slice(-move, None))], x[(*key, slice(None, -move))]], place)
    return x


@implements(np.repeat)
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Tensor:
    """Return each entry of ``x`` along ``axis`` ``repeats`` times in a row.

    >>> from glassnet import ops
    >>> ops.repeat([1, 2], 2).tolist(), ops.repeat([1, 2], [0, 3]).tolist()
    ([1, 1, 2, 2], [2, 2, 2])
    """
    x = as_tensor(x)
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    axis = normalize_axis(axis, x.ndim)
    size = x.shape[axis]
    if np.ndim(repeats) > 0 and len(repeats) > 1:
        if isinstance(size, Dim):
            raise ValueError(f"repeat: several repeats need a known size on axis {axis}: {x!r}.")
        if len(repeats) != size:
            raise ValueError(
                f"repeat: {len(repeats)} repeats for axis {axis} of {display(x.shape)}, which has "
                f"{size} entries."
            )
        return take(x, np.repeat(np.arange(size), np.asarray(repeats)), axis)
    times = int(np.asarray(repeats).item())
    wide = expand_dims(x, axis + 1)
    wide = broadcast_to(wide, (*x.shape[: axis + 1], times, *x.shape[axis + 1 :]))
    return reshape(wide, (*x.shape[:axis], size * times, *x.shape[axis + 1 :]))


@implements(np.tile)
def tile(x: Any, repeats: Any) -> Tensor:
    """Return ``x`` laid side by side, ``repeats`` times along each axis.

    >>> from glassnet import ops
    >>> ops.tile([1, 2], (2, 2)).tolist()
    [[1, 2, 1, 2], [1, 2, 1, 2]]
    """
    x = as_tensor(x)
    times = (int(repeats),) if np.ndim(repeats) == 0 else tuple(int(r) for r in repeats)
    times = (1,) * (x.ndim - len(times)) + times
    sizes = (1,) * (len(times) - x.ndim) + x.shape
    thin = [part for size in sizes for part in (1, size)]
    wide = [part for time, size in zip(times, sizes, strict=True) for part in (time, size)]
    laid = broadcast_to(reshape(x, tuple(thin)), tuple(wide))
    return reshape(laid, tuple(size * time for time, size in zip(times, sizes, strict=True)))
