"""Convolution and pooling by their definitions, place by place.

At place p (a pair of numbers for an image) the window's cell k meets the entry p · stride +
k · dilation - padding of the input; entries outside are zeros, and count for no pooling.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from interpreter.functions import Array, function

Cell = tuple[int, ...]


class Slide:
    """How a window moves over the spatial axes of an input of ``sizes``."""

    def __init__(
        self, sizes: Cell, cells: Cell, stride: Any = 1, padding: Any = 0, dilation: Any = 1
    ) -> None:
        n = len(sizes)
        self.sizes, self.cells = sizes, cells
        self.stride, self.dilation = each(stride, n), each(dilation, n)
        self.padding = pairs(padding, n)

    def places(self) -> Cell:
        """Return how many places there are along each axis."""
        return tuple(
            (size + sum(pad) - (k - 1) * d - 1) // s + 1
            for size, pad, k, d, s in zip(
                self.sizes, self.padding, self.cells, self.dilation, self.stride, strict=True
            )
        )

    def meetings(self, places: Cell) -> Iterator[tuple[Cell, Cell, Cell]]:
        """Yield (place, cell, entry) for all cells that meet an entry of the input."""
        for place in product(*map(range, places)):
            for cell in product(*map(range, self.cells)):
                entry = tuple(
                    p * s + k * d - pad[0]
                    for p, s, k, d, pad in zip(
                        place, self.stride, cell, self.dilation, self.padding, strict=True
                    )
                )
                if all(0 <= e < size for e, size in zip(entry, self.sizes, strict=True)):
                    yield place, cell, entry


def each(value: Any, axes: int) -> Cell:
    """Return a number for each axis."""
    return tuple(value) if isinstance(value, tuple) else (int(value),) * axes


def pairs(value: Any, axes: int) -> tuple[Cell, ...]:
    """Return (before, after) for each axis."""
    if not isinstance(value, tuple):
        return ((int(value), int(value)),) * axes
    return value if isinstance(value[0], tuple) else (value,)


def at(places: Cell) -> tuple[Any, ...]:
    """Return the key of these spatial places for all examples and channels."""
    return (slice(None), *places)


# --- convolution ------------------------------------------------------------------------------
def in_group(kernel: Array, cell: Cell, channels: int, groups: int) -> Array:
    """Return a cell of a kernel as a matrix of all input channels by all filters."""
    part = kernel[cell]
    c, f = channels // groups, part.shape[-1] // groups
    matrix = np.zeros((channels, part.shape[-1]))
    for g in range(groups):
        own = slice(g * f, (g + 1) * f)
        matrix[g * c : (g + 1) * c, own] = part[:, own]
    return matrix


@function("corr")
def corr(
    A: Array, W: Array, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Array:
    axes = A.ndim - 2
    W = W.reshape((1,) * (A.ndim - W.ndim) + W.shape)
    slide = Slide(A.shape[1:-1], W.shape[:axes], stride, padding, dilation)
    places = slide.places()
    Z = np.zeros((len(A), *places, W.shape[-1]))
    matrices = {c: in_group(W, c, A.shape[-1], groups) for c in np.ndindex(*W.shape[:axes])}
    for place, cell, entry in slide.meetings(places):
        Z[at(place)] += A[at(entry)] @ matrices[cell]
    return Z


@function("fullconv")
def fullconv(
    G: Array,
    W: Array,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    size: Any = None,
) -> Array:
    axes = G.ndim - 2
    W = W.reshape((1,) * (G.ndim - W.ndim) + W.shape)
    cells = W.shape[:axes]
    if size is None:
        parts = zip(
            G.shape[1:], each(stride, axes), cells, each(dilation, axes), pairs(padding, axes),
            strict=False,
        )  # fmt: skip
        size = tuple((n - 1) * s + (k - 1) * d + 1 - sum(pad) for n, s, k, d, pad in parts)
    slide = Slide(each(size, axes), cells, stride, padding, dilation)
    channels = W.shape[-2] * groups
    A = np.zeros((len(G), *slide.sizes, channels))
    matrices = {c: in_group(W, c, channels, groups) for c in np.ndindex(*cells)}
    for place, cell, entry in slide.meetings(G.shape[1:-1]):
        A[at(entry)] += G[at(place)] @ matrices[cell].T
    return A


@function("kernelcorr")
def kernelcorr(
    A: Array,
    G: Array,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    size: Any = None,
) -> Array:
    axes = A.ndim - 2
    if size is None:
        parts = zip(
            A.shape[1:], pairs(padding, axes), G.shape[1:], each(stride, axes),
            each(dilation, axes), strict=False,
        )  # fmt: skip
        size = tuple((n + sum(pad) - 1 - (o - 1) * s) // d + 1 for n, pad, o, s, d in parts)
    slide = Slide(A.shape[1:-1], each(size, axes), stride, padding, dilation)
    c, f = A.shape[-1] // groups, G.shape[-1] // groups
    whole = np.zeros((*slide.cells, A.shape[-1], G.shape[-1]))
    for place, cell, entry in slide.meetings(G.shape[1:-1]):
        whole[cell] += A[at(entry)].T @ G[at(place)]
    parts_of_groups = [whole[..., g * c : (g + 1) * c, g * f : (g + 1) * f] for g in range(groups)]
    return np.concatenate(parts_of_groups, axis=-1)


def as_grouped(K: Array) -> Array:
    """Return a kernel with r filters a channel as one of as many groups as channels."""
    return K.reshape(*K.shape[:-2], 1, -1)


@function("depthwisecorr")
def depthwisecorr(A: Array, K: Array, **options: Any) -> Array:
    K = K.reshape((1,) * (A.ndim - K.ndim) + K.shape)
    return corr(A, as_grouped(K), groups=A.shape[-1], **options)


@function("depthwisefullconv")
def depthwisefullconv(G: Array, K: Array, **options: Any) -> Array:
    K = K.reshape((1,) * (G.ndim - K.ndim) + K.shape)
    return fullconv(G, as_grouped(K), groups=K.shape[-2], **options)


@function("depthwisekernelcorr")
def depthwisekernelcorr(A: Array, G: Array, **options: Any) -> Array:
    whole = kernelcorr(A, G, groups=A.shape[-1], **options)
    return whole.reshape(*whole.shape[:-2], A.shape[-1], -1)


# --- pooling ----------------------------------------------------------------------------------
def pooling(
    sizes: Cell, pool: Any, stride: Any, padding: Any
) -> tuple[Slide, Cell, dict[Cell, list[Cell]]]:
    """Return the slide, its places, and for each place the entries in its window, in order."""
    cells = each(pool, len(sizes))
    slide = Slide(sizes, cells, cells if stride is None else stride, padding)
    places = slide.places()
    windows: dict[Cell, list[Cell]] = {place: [] for place in np.ndindex(*places)}
    for place, _, entry in slide.meetings(places):
        windows[place].append(entry)
    return slide, places, windows


@function("maxpool")
def maxpool(A: Array, pool: Any = 2, stride: Any = None, padding: Any = 0) -> Array:
    _, places, windows = pooling(A.shape[1:-1], pool, stride, padding)
    P = np.zeros((len(A), *places, A.shape[-1]))
    for place, window in windows.items():
        P[at(place)] = np.max([A[at(entry)] for entry in window], axis=0)
    return P


@function("maxunpool")
def maxunpool(
    G: Array, A: Array, P: Array, pool: Any = 2, stride: Any = None, padding: Any = 0
) -> Array:
    _, _, windows = pooling(A.shape[1:-1], pool, stride, padding)
    back = np.zeros(A.shape)
    for place, window in windows.items():
        first = np.argmax([A[at(entry)] for entry in window], axis=0)
        for number, entry in enumerate(window):
            back[at(entry)] += np.where(first == number, G[at(place)], 0)
    return back


@function("maxpick")
def maxpick(
    H: Array, A: Array, P: Array, pool: Any = 2, stride: Any = None, padding: Any = 0
) -> Array:
    _, places, windows = pooling(A.shape[1:-1], pool, stride, padding)
    picked = np.zeros((len(A), *places, A.shape[-1]))
    for place, window in windows.items():
        first = np.argmax([A[at(entry)] for entry in window], axis=0)
        for number, entry in enumerate(window):
            picked[at(place)] += np.where(first == number, H[at(entry)], 0)
    return picked


@function("averagepool")
def averagepool(A: Array, pool: Any = 2, stride: Any = None, padding: Any = 0) -> Array:
    _, places, windows = pooling(A.shape[1:-1], pool, stride, padding)
    P = np.zeros((len(A), *places, A.shape[-1]))
    for place, window in windows.items():
        P[at(place)] = sum(A[at(entry)] for entry in window) / len(window)
    return P


@function("averageunpool")
def averageunpool(
    G: Array, pool: Any = 2, stride: Any = None, padding: Any = 0, size: Any = None
) -> Array:
    axes = G.ndim - 2
    cells = each(pool, axes)
    steps = cells if stride is None else each(stride, axes)
    if size is None:
        parts = zip(G.shape[1:], steps, cells, pairs(padding, axes), strict=False)
        size = tuple((n - 1) * s + k - sum(pad) for n, s, k, pad in parts)
    slide, _, windows = pooling(each(size, axes), pool, stride, padding)
    back = np.zeros((len(G), *slide.sizes, G.shape[-1]))
    for place, window in windows.items():
        for entry in window:
            back[at(entry)] += G[at(place)] / len(window)
    return back
