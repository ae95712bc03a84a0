"""Pooling: the largest or the mean entry of each window that slides over the spatial axes.

Max pooling chooses one entry of each window, the first that is largest; its derivative puts g where
that entry lies (`MaxUnpool`), and the derivative of that picks it up again (`MaxPick`). Average
pooling is linear, with the adjoint `AverageUnpool`. The families are closed under differentiation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from math import prod
from typing import Any, ClassVar

import numpy as np

from glassnet.formulas import Function, Term, call
from glassnet.formulas.sliding import AVERAGE_POOL, AVERAGE_UNPOOL, MAX_PICK, MAX_POOL, MAX_UNPOOL
from glassnet.graph.dimension import Shape, display
from glassnet.graph.op import Op, Sample, Work
from glassnet.graph.recording import as_tensor, record
from glassnet.graph.slip import Slip
from glassnet.graph.tensor import Tensor
from glassnet.ops import slips
from glassnet.ops.elementwise import Grads
from glassnet.ops.operands import float_operands
from glassnet.ops.shaping import whole
from glassnet.ops.windows import (
    Pairs,
    cells_of,
    channels_last,
    check_even,
    negated,
    padded,
    pairs_of,
    per_axis,
    placed,
    places,
    said,
    said_padding,
    said_pairs,
    spanned,
)


@dataclass(frozen=True)
class Pooling(Op):
    """The base of pooling: a window of ``pool`` cells moves by ``strides``.

    ``padding`` is in the form of `glassnet.ops.windows`, in which windows end with the padded axis.
    """

    function: ClassVar[Function]
    """What formulas call it."""
    pool: tuple[int, ...] = (2,)
    strides: tuple[int, ...] = (2,)
    padding: Pairs = ((0, 0),)

    def formula(self, node: Tensor, *terms: Term) -> Term:
        arguments = [whole(t, i.shape) for t, i in zip(terms, node.inputs, strict=True)]
        return call(self.function, *arguments, shape=node.shape, **self.said(node))

    def work(self, out: tuple[int, ...], *inputs: tuple[int, ...]) -> Work:
        pooled = min((out, *inputs), key=prod)
        return Work(self.effort * prod(pooled) * prod(self.pool))

    def said(self, node: Tensor) -> dict[str, Any]:
        """Return the parameters that must be said: the window; a stride that is not its size."""
        padding = said_padding(self.padding, self.strides)
        found = {"pool": said(self.pool)}
        if self.strides != self.pool:
            found["stride"] = said(self.strides)
        return found if padding == 0 else {**found, "padding": padding}

    def pooled_shape(self, x: Tensor) -> Shape:
        """Return the shape after pooling; raise where the windows do not fit."""
        if x.ndim != len(self.pool) + 2:
            raise ValueError(
                f"{self.name}: expected {len(self.pool) + 2} axes for {len(self.pool)} spatial "
                f"axes; got shape {display(x.shape)}."
            )
        for size, pair, k, s in zip(
            x.shape[1:-1], self.padding, self.pool, self.strides, strict=True
        ):
            check_even(size, pair, k, s, self.name)
        counts = map(places, x.shape[1:-1], self.padding, self.pool, self.strides)
        return (x.shape[0], *counts, x.shape[-1])

    @property
    def motion(self) -> tuple[Any, ...]:
        """The parameters, which the ops of a family have in common."""
        return self.pool, self.strides, self.padding

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The padding, all sizes known."""
        return tuple((int(lo), int(hi)) for lo, hi in self.padding)

    def counts(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """Return at how many places the window stands; raise where there is none."""
        counts = tuple(map(int, map(places, sizes, self.pairs, self.pool, self.strides)))
        if min(counts) < 1:
            raise ValueError(
                f"{self.name}: the spatial axes {display(sizes)} are smaller than the window "
                f"{display(self.pool)}. Use a smaller window, or padding='same'."
            )
        return counts

    def cells(self, counts: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
        """Yield where each cell of the window lies in the padded array."""
        return cells_of(self.pool, counts, self.strides, (1,) * len(counts))

    def along_each(self, join: Callable[[Any, Any], Any], x: Any) -> Any:
        """Return the cells of each window joined, one axis after another: Σk steps, not ∏k."""
        counts = tuple(
            map(
                int, map(places, x.shape[1:-1], ((0, 0),) * len(self.pool), self.pool, self.strides)
            )
        )
        for axis, (k, o, s) in enumerate(zip(self.pool, counts, self.strides, strict=True), 1):
            lead = (slice(None),) * axis
            x = reduce(join, (x[(*lead, slice(i, i + (o - 1) * s + 1, s))] for i in range(k)))
        return x

    def added_back(self, xp: Any, parts: Iterable[Any], shape: tuple[int, ...], like: Any) -> Any:
        """Return an array of ``shape`` to which each cell of the window adds its part."""
        inside: Any
        wide = [n + lo + hi for n, (lo, hi) in zip(shape[1:-1], self.pairs, strict=True)]
        counts = like.shape[1:-1]
        if xp is np:
            inside = np.zeros((shape[0], *wide, shape[-1]), like.dtype)
            apart = all(s >= k for s, k in zip(self.strides, self.pool, strict=True))
            for cell, part in zip(self.cells(counts), parts, strict=True):
                inside[cell] = part if apart else inside[cell] + part
        else:
            inside = 0
            for offset, part in zip(np.ndindex(*self.pool), parts, strict=True):
                once = (1,) * len(counts)
                inside = inside + placed(xp, part, offset, wide, self.strides, once)
        return padded(xp, inside, negated(self.pairs))

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        rng = np.random.default_rng(0)
        for shape, pool, strides, padding in _TRIALS:
            pairs = pairs_of(padding, shape[1:-1], pool, strides, (1,) * len(pool), cls.name)
            op = cls(pool, strides, pairs)
            # Entries that lie 0.1 apart: a small step does not change which is largest.
            x = 0.1 * rng.permutation(int(np.prod(shape))).reshape(shape).astype(np.float64)
            g = rng.normal(size=(shape[0], *op.counts(shape[1:-1]), shape[-1]))
            yield op.sample(x, g)

    def sample(self, x: np.ndarray, g: np.ndarray) -> Sample:
        """Return a trial of this op, given an input of pooling and a derivative by its value."""
        return Sample(self, (x,))


_TRIALS: tuple[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], str], ...] = (
    ((2, 4, 6, 2), (2, 3), (2, 3), "valid"),
    ((1, 5, 5, 2), (2, 2), (2, 2), "valid"),  # a rest that no window reaches
    ((2, 5, 4, 1), (3, 2), (1, 1), "same"),  # overlapping windows, even and odd
    ((1, 5, 3, 2), (2, 3), (3, 2), "same"),  # a stride larger than the window
    ((1, 1, 3, 2), (1, 3), (1, 1), "valid"),  # an axis of one cell; a window over all
    ((2, 7, 2), (3,), (2,), "valid"),
    ((1, 2, 1), (5,), (1,), "same"),  # a window larger than the input
    ((1, 3, 4, 2, 1), (2, 2, 2), (1, 2, 1), "valid"),
)


# --- the largest ------------------------------------------------------------------------------
def _lowest(dtype: np.dtype) -> float:
    return -np.inf if dtype.kind in "fc" else 0 if dtype.kind == "b" else np.iinfo(dtype).min


class MaxPool(Pooling):
    """x (m, n…, c) → (m, o…, c): the largest entry of each window."""

    name = "max_pool"
    effort = 2.5
    calls = 10
    function = MAX_POOL
    rules = (
        "The derivative goes to the entry of the window that was the largest; the others get 0",
    )

    def infer(self, x: Tensor) -> tuple[Shape, np.dtype]:
        return self.pooled_shape(x), x.dtype

    def value(self, xp: Any, x: Any) -> Any:
        self.counts(x.shape[1:-1])
        return self.along_each(xp.maximum, padded(xp, x, self.pairs, _lowest(x.dtype)))

    def slips(self) -> Iterable[Slip]:
        return slips.MAX_POOL

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (record(MaxUnpool(*self.motion), g, x, y),)


class _Chosen(Pooling):
    """What reads which entry of each window is the first that equals the largest."""

    def hits(self, xp: Any, x: Any, y: Any) -> Iterator[Any]:
        """Yield, for each cell of the window, where it is the first that equals ``y``."""
        x = padded(xp, x, self.pairs, _lowest(x.dtype))
        free: Any = None  # windows whose largest entry is still to be met
        for cell in self.cells(y.shape[1:-1]):
            hit = x[cell] == y
            if free is None:
                free = ~hit
            elif xp is np:
                hit &= free
                free ^= hit
            else:
                hit = hit & free
                free = free ^ hit
            yield hit

    def infer_from(self, values: Tensor, x: Tensor, y: Tensor) -> None:
        """Raise where ``y`` can't be ``x`` after pooling, or the values have another dtype."""
        if y.shape != self.pooled_shape(x) or values.dtype != x.dtype:
            raise ValueError(
                f"{self.name}: {display(x.shape)} pools to {display(self.pooled_shape(x))} of "
                f"{x.dtype}; got {display(y.shape)} with values of {values.dtype}."
            )

    def sample(self, x: np.ndarray, g: np.ndarray) -> Sample:
        y = MaxPool(*self.motion).value(np, x)
        values = g if isinstance(self, MaxUnpool) else np.sin(x)
        return Sample(self, (values, x, y), wrt=(0,))


class MaxUnpool(_Chosen):
    """g (m, o…, c), x (m, n…, c), y = max_pool(x) → (m, n…, c): g where each y came from.

    ``y`` is an input only so that it is not computed again.
    """

    name = "max_unpool"
    effort = 10.0
    calls = 15
    function = MAX_UNPOOL
    rules = ("The derivative is picked up where the entries were put",)

    def infer(self, g: Tensor, x: Tensor, y: Tensor) -> tuple[Shape, np.dtype]:
        self.infer_from(g, x, y)
        return x.shape, x.dtype

    def value(self, xp: Any, g: Any, x: Any, y: Any) -> Any:
        parts = (xp.multiply(g, hit) for hit in self.hits(xp, x, y))
        return self.added_back(xp, parts, x.shape, g)

    def vjp(self, h: Tensor, out: Tensor, g: Tensor, x: Tensor, y: Tensor) -> Grads:
        return record(MaxPick(*self.motion), h, x, y), None, None


class MaxPick(_Chosen):
    """h (m, n…, c), x (m, n…, c), y = max_pool(x) → (m, o…, c): h where each y came from."""

    name = "max_pick"
    effort = 8.0
    calls = 15
    function = MAX_PICK
    rules = ("The derivative goes to the entry that was picked",)

    def infer(self, h: Tensor, x: Tensor, y: Tensor) -> tuple[Shape, np.dtype]:
        self.infer_from(h, x, y)
        return y.shape, h.dtype

    def value(self, xp: Any, h: Any, x: Any, y: Any) -> Any:
        h = padded(xp, h, self.pairs)
        cells = self.cells(y.shape[1:-1])
        parts = (h[c] * hit for c, hit in zip(cells, self.hits(xp, x, y), strict=True))
        return reduce(xp.add, parts)

    def vjp(self, g: Tensor, out: Tensor, h: Tensor, x: Tensor, y: Tensor) -> Grads:
        return record(MaxUnpool(*self.motion), g, x, y), None, None


# --- the mean ---------------------------------------------------------------------------------
class _Mean(Pooling):
    """What divides by the number of real cells in each window: padding does not count."""

    def shares(self, xp: Any, sizes: tuple[int, ...], dtype: np.dtype) -> Any:
        """Return 1 / (real cells in the window) at each place, (1, o…, 1)."""
        share = np.ones((1,) * (len(sizes) + 2))
        moves = zip(sizes, self.counts(sizes), self.pool, self.strides, self.pairs, strict=True)
        for axis, (n, o, k, s, (lo, _)) in enumerate(moves, 1):
            first = np.arange(o) * s - lo
            real = np.minimum(first + k, n) - np.maximum(first, 0)
            share = share / np.expand_dims(real, [i for i in range(share.ndim) if i != axis])
        return xp.asarray(share, dtype=dtype)


class AveragePool(_Mean):
    """x (m, n…, c) → (m, o…, c): the mean of the real cells of each window."""

    name = "average_pool"
    effort = 5.0
    calls = 15
    function = AVERAGE_POOL
    rules = ("The derivative is divided evenly among the entries of the window",)

    def infer(self, x: Tensor) -> tuple[Shape, np.dtype]:
        return self.pooled_shape(x), x.dtype

    def value(self, xp: Any, x: Any) -> Any:
        share = self.shares(xp, x.shape[1:-1], x.dtype)
        return self.along_each(xp.add, padded(xp, x, self.pairs)) * share

    def slips(self) -> Iterable[Slip]:
        return slips.AVERAGE_POOL

    def vjp(self, g: Tensor, y: Tensor, x: Tensor) -> Grads:
        return (record(AverageUnpool(*self.motion), g),)


class AverageUnpool(_Mean):
    """g (m, o…, c) → (m, n…, c): each g divided evenly among the real cells of its window."""

    name = "average_unpool"
    effort = 4.0
    calls = 15
    function = AVERAGE_UNPOOL
    rules = ("Each entry collects the mean of the derivative over its window",)

    def infer(self, g: Tensor) -> tuple[Shape, np.dtype]:
        sizes = map(spanned, g.shape[1:-1], self.padding, self.pool, self.strides)
        return (g.shape[0], *sizes, g.shape[-1]), g.dtype

    def value(self, xp: Any, g: Any) -> Any:
        sizes = tuple(
            int(n) for n in map(spanned, g.shape[1:-1], self.pairs, self.pool, self.strides)
        )
        part = g * self.shares(xp, sizes, g.dtype)
        cells = int(np.prod(self.pool))
        return self.added_back(xp, [part] * cells, (g.shape[0], *sizes, g.shape[-1]), g)

    def said(self, node: Tensor) -> dict[str, Any]:
        found = super().said(node)
        pairs = said_pairs(found.get("padding", 0), len(self.pool))
        counts = node.inputs[0].shape[1:-1]
        sizes = tuple(map(spanned, counts, pairs, self.pool, self.strides))
        return found if sizes == node.shape[1:-1] else {**found, "size": said(node.shape[1:-1])}

    def vjp(self, h: Tensor, out: Tensor, g: Tensor) -> Grads:
        return (record(AveragePool(*self.motion), h),)

    def sample(self, x: np.ndarray, g: np.ndarray) -> Sample:
        return Sample(self, (g,))


# --- the functions ----------------------------------------------------------------------------
def max_pool(
    inputs: Any,
    pool_size: int | tuple[int, ...],
    strides: int | tuple[int, ...] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Return the largest entry of each window: ``y[p] = max x[s·p + o]`` over o < k.

    Where entries tie, the derivative goes to the first of them.

    Args:
        inputs: (m, n…, c) with one, two or three spatial axes.
        pool_size: the cells of the window, one integer or one for each spatial axis.
        strides: the step of the window; by default windows touch and do not overlap.
        padding: ``"valid"`` (cells that fill no window are left out) or ``"same"``.
        data_format: None or ``"channels_last"``.

    Returns:
        (m, o…, c): with ``"valid"`` o = ⌊(n − k) / s⌋ + 1, with ``"same"`` o = ⌈n / s⌉.

    Raises:
        ValueError: where the rank does not fit, or the window is larger than the input.

    >>> from glassnet import ops
    >>> ops.max_pool([[[1.0], [3.0], [2.0], [0.0]]], 2).tolist()
    [[[3.0], [2.0]]]
    """
    x = as_tensor(inputs)
    motion = _motion("max_pool", x, pool_size, strides, padding, data_format)
    return record(MaxPool(*motion), x)


def average_pool(
    inputs: Any,
    pool_size: int | tuple[int, ...],
    strides: int | tuple[int, ...] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Return the mean of each window: ``y[p] = (1/k) Σ x[s·p + o]`` over o < k.

    With ``padding="same"`` a window at the border divides by its real cells alone. The arguments
    and errors are those of `max_pool`.

    >>> from glassnet import ops
    >>> ops.average_pool([[[1.0], [3.0], [2.0]]], 2, padding="same").tolist()
    [[[2.0], [2.0]]]
    """
    (x,) = float_operands(inputs)
    motion = _motion("average_pool", x, pool_size, strides, padding, data_format)
    return record(AveragePool(*motion), x)


def _motion(
    function: str, x: Tensor, pool_size: Any, strides: Any, padding: str, data_format: str | None
) -> tuple[tuple[int, ...], tuple[int, ...], Pairs]:
    channels_last(data_format, function)
    if not 3 <= x.ndim <= 5:
        raise ValueError(
            f"{function}: expected inputs of shape (m, n…, c) with 1, 2 or 3 spatial axes; got "
            f"{display(x.shape)}. One image needs an axis for the batch, x[None]."
        )
    if not isinstance(padding, str) or padding.lower() not in ("valid", "same"):
        raise ValueError(f"{function}: padding is 'valid' or 'same'; got {padding!r}.")
    axes = x.ndim - 2
    pool = per_axis(pool_size, axes, f"{function}: pool_size")
    steps = pool if strides is None else per_axis(strides, axes, f"{function}: strides")
    return pool, steps, pairs_of(padding, x.shape[1:-1], pool, steps, (1,) * axes, function)
