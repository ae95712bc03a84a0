"""Slices of tensors, and their reverse, which puts entries back among zeros.

Each of the two is the derivative rule of the other, so every order of derivative is expressed
with both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.formulas import Term, call, each_axis_in, matrix_shape
from glassnet.formulas.arranging import reshaped
from glassnet.formulas.entries import PAD, PLACE, SLICE
from glassnet.graph.dimension import Shape, display
from glassnet.graph.op import Op, Sample
from glassnet.graph.recording import record
from glassnet.graph.tensor import Tensor
from glassnet.ops.elementwise import Grads

_X = np.arange(24, dtype=np.float64).reshape(2, 3, 4)


def _key(starts: Any, sizes: Any, steps: Any) -> tuple[slice, ...]:
    """The slices that begin at ``starts`` and take ``sizes`` entries, ``steps`` apart."""
    key = []
    for start, size, step in zip(starts, sizes, steps, strict=True):
        stop = start + size * step if size else start
        key.append(slice(start, stop if stop >= 0 else None, step))
    return tuple(key)


def axes_said(
    changed: dict[int, tuple[Any, ...]], keys: Sequence[str], usual: Any
) -> dict[str, Any]:
    """Return the parameters of axes as formulas say them.

    Args:
        changed: for each axis that is told of, what is told.
        keys: what the things told are called.
        usual: by key, what need not be told.
    """
    said: dict[str, Any] = {"axis": tuple(changed) if len(changed) > 1 else next(iter(changed))}
    for key, values in zip(keys, zip(*changed.values(), strict=True), strict=True):
        if any(value != usual.get(key) for value in values):
            said[key] = values[0] if len(set(values)) == 1 else values
    return said


@dataclass(frozen=True)
class Slice(Op):
    """``sizes`` entries from ``starts`` on, ``steps`` apart, along every axis."""

    name = "slice"
    rules = ("What was not taken gets 0; the derivative goes to the entries that were taken",)
    view = True
    starts: Shape = ()
    sizes: Shape = ()
    steps: tuple[int, ...] = ()

    def infer(self, x: Tensor) -> tuple[Shape, np.dtype]:
        return self.sizes, x.dtype

    def value(self, xp: Any, x: Any) -> Any:
        y = x[_key(self.starts, self.sizes, self.steps)]
        if y.shape != self.sizes:
            raise IndexError(
                f"A slice takes {display(self.sizes)} entries from {display(self.starts)} on, and "
                f"the tensor has the shape {display(x.shape)} in this run."
            )
        return y

    def formula(self, node: Tensor, x: Term) -> Term:
        source = node.inputs[0].shape
        parts = zip(self.starts, self.sizes, self.steps, source, strict=True)
        changed: dict[int, tuple[Any, ...]] = {}
        shape = list(matrix_shape(source))
        for axis, part in enumerate(each_axis_in(parts, source, None)):
            if part is None:
                continue
            start, size, step, n = part
            shape[axis] = size
            if (start, size, step) != (0, n, 1):
                changed[axis] = (start, start + size * step if size != 0 else start, step)
        if x.shape == () or not changed:
            return x
        said = axes_said(changed, ("start", "stop", "step"), {"start": 0, "step": 1})
        return call(SLICE, x, shape=tuple(shape), **said)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (record(Place(x.shape, self.starts, self.steps), g),)

    def simplify(self, x: Tensor) -> Tensor | None:
        whole = self.sizes == x.shape and not any(self.starts) and set(self.steps) <= {1}
        return x if whole else None

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls((0, 1, 3), (2, 2, 2), (1, 1, -2)), (_X,))
        yield Sample(cls((1, 0, 0), (1, 3, 0), (1, 1, 1)), (_X,))
        yield Sample(cls((2,), (3,), (-1,)), (_X[0, 0],))


@dataclass(frozen=True)
class Place(Op):
    """Zeros of ``shape`` with x in such a slice: slice reversed."""

    name = "place"
    rules = ("The derivative is taken from where the entries were put",)
    shape: Shape = ()
    starts: Shape = ()
    steps: tuple[int, ...] = ()

    def infer(self, x: Tensor) -> tuple[Shape, np.dtype]:
        return self.shape, x.dtype

    def value(self, xp: Any, x: Any) -> Any:
        y = xp.zeros(self.shape, dtype=x.dtype)
        key = _key(self.starts, x.shape, self.steps)
        if xp is not np:
            return y.at[key].set(x)
        y[key] = x
        return y

    def formula(self, node: Tensor, x: Term) -> Term:
        parts = zip(self.starts, node.inputs[0].shape, self.steps, self.shape, strict=True)
        told = {
            axis: part
            for axis, part in enumerate(each_axis_in(parts, self.shape, None))
            if part is not None and part != (0, part[3], 1, part[3])
        }
        shape = matrix_shape(self.shape)
        given = each_axis_in(node.inputs[0].shape, self.shape, 1)
        x = reshaped(x, given)
        if not told:
            return x
        if all(step == 1 for _, _, step, _ in told.values()):
            around = {a: (start, n - start - size) for a, (start, size, _, n) in told.items()}
            said = axes_said(around, ("before", "after"), {"before": 0, "after": 0})
            return call(PAD, x, shape=shape, **said)
        put = {axis: (start, n, step) for axis, (start, _, step, n) in told.items()}
        said = axes_said(put, ("start", "size", "step"), {"start": 0, "step": 1})
        return call(PLACE, x, shape=shape, **said)

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (record(Slice(self.starts, x.shape, self.steps), g),)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls((4, 3, 8), (1, 0, 7), (2, 1, -2)), (_X,))
        yield Sample(cls((3,), (2,), (-1,)), (_X[0, 0, :3],))


# --- the function -----------------------------------------------------------------------------
def slice_from(x: Tensor, starts: Shape, sizes: Shape, steps: tuple[int, ...] = ()) -> Tensor:
    """Return the entries from ``starts`` on, ``sizes`` many, ``steps`` apart (1 by default)."""
    return record(Slice(starts, sizes, steps or (1,) * x.ndim), x)
