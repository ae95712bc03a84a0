"""Convolution and its two adjoints on NumPy arrays, fast: columns, then one matrix product.

The windows of a few examples are written out as the rows of a matrix, the columns of an image
("im2col"), so that the sums over windows become a matrix product, which BLAS does near the speed of
the machine. Examples are taken so few at a time that this matrix stays in the processor's cache.

`glassnet.ops.sliding` says what is computed, for any array namespace; the tests hold both equal.

Source: K. Chellapilla, S. Puri and P. Simard, "High performance convolutional neural networks for
document processing", 2006.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import NamedTuple

import numpy as np

from glassnet.ops.windows import all_windows, cells_of, negated, padded, places, span, spanned

_CACHED = 2 << 20
"""Bytes of columns made at a time; 1 to 4 MiB measured best, the whole batch a quarter slower."""

_FEW_CHANNELS = 4
"""Below this the columns are written transposed: runs along a row of the image are longer then."""


class Slide(NamedTuple):
    """How windows move over the spatial axes, all sizes known."""

    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]

    def counts(self, sizes: tuple[int, ...], cells: tuple[int, ...]) -> tuple[int, ...]:
        """Return at how many places windows of ``cells`` stand along axes of ``sizes``."""
        reaches = map(span, cells, self.dilation)
        return tuple(map(int, map(places, sizes, self.padding, reaches, self.strides)))

    def sizes(self, counts: tuple[int, ...], cells: tuple[int, ...]) -> tuple[int, ...]:
        """Return the axes on which windows of ``cells`` stand at ``counts`` places."""
        reaches = map(span, cells, self.dilation)
        return tuple(map(int, map(spanned, counts, self.padding, reaches, self.strides)))

    def cells(self, sizes: tuple[int, ...], counts: tuple[int, ...]) -> tuple[int, ...]:
        """Return how many cells the windows have that stand at ``counts`` places."""
        return tuple(
            (n + lo + hi - 1 - (o - 1) * s) // d + 1
            for n, o, (lo, hi), s, d in zip(
                sizes, counts, self.padding, self.strides, self.dilation, strict=True
            )
        )


class _Block(NamedTuple):
    """Some examples, and some rows of places in them."""

    examples: slice
    rows: slice

    def matrix(self, y: np.ndarray) -> np.ndarray:
        """Return the entries of ``y`` at these places as a matrix with a row for each place."""
        return y[self.examples, self.rows].reshape(-1, y.shape[-1])


def _blocks(m: int, counts: tuple[int, ...], bytes_each: int) -> Iterator[_Block]:
    """Divide ``m`` examples so that each block's columns stay in cache, a large example by rows."""
    size = bytes_each * prod(counts)
    examples = max(1, _CACHED // max(size, 1))
    rows = counts[0] if size <= _CACHED else max(1, _CACHED * counts[0] // size)
    for i in range(0, m, examples):
        for r in range(0, counts[0], rows):
            yield _Block(slice(i, min(i + examples, m)), slice(r, min(r + rows, counts[0])))


def _columns(windows: np.ndarray) -> np.ndarray:
    """Return the view (m, o₁, …, k₁, …, c) written out as the matrix (m·∏o, ∏k·c)."""
    axes = (windows.ndim - 2) // 2
    cells, channels = windows.shape[1 + axes : -1], windows.shape[-1]
    if channels >= _FEW_CHANNELS or prod(cells) == 1:
        return windows.reshape(-1, prod(cells) * channels)
    order = (*range(1 + axes, windows.ndim), *range(1 + axes))
    return windows.transpose(order).reshape(prod(cells) * channels, -1).T


def _groups(channels: int, filters: int, groups: int) -> Iterator[tuple[slice, slice]]:
    c, f = channels // groups, filters // groups
    for i in range(groups):
        yield slice(i * c, (i + 1) * c), slice(i * f, (i + 1) * f)


def convolution(x: np.ndarray, kernel: np.ndarray, slide: Slide, groups: int) -> np.ndarray:
    """Return the sum over every window of ``x`` times ``kernel``."""
    cells, (channels, filters) = kernel.shape[:-2], kernel.shape[-2:]
    counts = slide.counts(x.shape[1:-1], cells)
    y = np.empty((x.shape[0], *counts, filters), x.dtype)
    if groups > 1 and channels == 1:
        _depthwise(x, kernel, y, slide)
        return y
    for block in _blocks(len(x), counts, prod(cells) * channels * x.itemsize):
        inside = padded(np, x[block.examples], slide.padding)
        rows = block.matrix(y)
        for c, f in _groups(x.shape[-1], filters, groups):
            windows = all_windows(inside[..., c], cells, slide.strides, slide.dilation)
            weights = kernel[..., f].reshape(-1, filters // groups)
            np.matmul(_columns(windows[:, block.rows]), weights, out=rows[:, f])
    return y


def by_kernel(x: np.ndarray, g: np.ndarray, slide: Slide, groups: int) -> np.ndarray:
    """Return the derivative of ⟨g, convolution(x, K)⟩ by K: columnsᵀ g."""
    counts, filters = g.shape[1:-1], g.shape[-1]
    cells, channels = slide.cells(x.shape[1:-1], counts), x.shape[-1] // groups
    total = np.zeros((prod(cells) * channels, filters), x.dtype)
    if groups > 1 and channels == 1:
        _depthwise_by_kernel(x, g, total, cells, slide)
    else:
        for block in _blocks(len(x), counts, prod(cells) * channels * x.itemsize):
            inside = padded(np, x[block.examples], slide.padding)
            rows = block.matrix(g)
            for c, f in _groups(x.shape[-1], filters, groups):
                windows = all_windows(inside[..., c], cells, slide.strides, slide.dilation)
                total[:, f] += _columns(windows[:, block.rows]).T @ rows[:, f]
    return total.reshape(*cells, channels, filters)


def by_input(g: np.ndarray, kernel: np.ndarray, slide: Slide, groups: int) -> np.ndarray:
    """Return the derivative of ⟨g, convolution(x, K)⟩ by x: g Kᵀ, added where windows overlap."""
    cells, (channels, filters) = kernel.shape[:-2], kernel.shape[-2:]
    counts = g.shape[1:-1]
    sizes = slide.sizes(counts, cells)
    shape = (len(g), *sizes, channels * groups)
    if prod(cells) == 1 and groups == 1 and sizes == counts and not np.any(slide.padding):
        return (g.reshape(-1, filters) @ kernel.reshape(channels, filters).T).reshape(shape)
    if groups > 1 and channels == 1:
        return _depthwise_by_input(g, kernel, shape, slide)
    # One matrix for each cell of the window: its products lie together, which halves the time of
    # adding them up.
    weights = kernel.reshape(-1, channels, filters).transpose(0, 2, 1)
    x = _Scattered(shape, g.dtype, cells, counts, slide)
    for block in _blocks(len(g), counts, prod(cells) * channels * groups * g.itemsize):
        rows = block.matrix(g)
        for c, f in _groups(shape[-1], filters, groups):
            x.add(block, c, np.matmul(rows[:, f], weights[:, f]))
    return x.result()


class _Scattered:
    """An array into which the cells of windows are added back."""

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: np.dtype,
        cells: tuple[int, ...],
        counts: tuple[int, ...],
        slide: Slide,
    ) -> None:
        self.cells, self.counts, self.slide = cells, counts, slide
        sizes = tuple(n + lo + hi for n, (lo, hi) in zip(shape[1:-1], slide.padding, strict=True))
        self.inside = np.zeros((shape[0], *sizes, shape[-1]), dtype)

    def add(self, block: _Block, channels: slice, parts: np.ndarray) -> None:
        """Add ``parts`` (∏k, places of the block, c), one cell of the window after another."""
        first = block.rows.start * self.slide.strides[0]
        target = self.inside[block.examples, first:, ..., channels]
        counts = (block.rows.stop - block.rows.start, *self.counts[1:])
        places = cells_of(self.cells, counts, self.slide.strides, self.slide.dilation)
        for cell, part in zip(places, parts, strict=True):
            target[cell] += part.reshape(-1, *counts, part.shape[-1])

    def result(self) -> np.ndarray:
        """Return the array without its padding."""
        return padded(np, self.inside, negated(self.slide.padding))


# --- one filter family per channel: no sum over channels, so no matrix product -------------------
def _depthwise(x: np.ndarray, kernel: np.ndarray, y: np.ndarray, slide: Slide) -> None:
    cells, channels = kernel.shape[:-2], x.shape[-1]
    weights = kernel.reshape(prod(cells), channels, -1)
    counts = y.shape[1:-1]
    for block in _blocks(len(x), counts, 4 * y.shape[-1] * y.itemsize):
        inside = padded(np, x[block.examples], slide.padding)[
            :, block.rows.start * slide.strides[0] :
        ]
        rows = y[block.examples, block.rows]
        out = rows.reshape(*rows.shape[:-1], channels, -1)
        places = cells_of(cells, rows.shape[1:-1], slide.strides, slide.dilation)
        for i, (cell, weight) in enumerate(zip(places, weights, strict=True)):
            if i == 0:
                np.multiply(inside[cell][..., None], weight, out=out)
            else:
                out += inside[cell][..., None] * weight


def _depthwise_by_kernel(
    x: np.ndarray, g: np.ndarray, total: np.ndarray, cells: tuple[int, ...], slide: Slide
) -> None:
    channels = x.shape[-1]
    for block in _blocks(len(x), g.shape[1:-1], 4 * g.shape[-1] * g.itemsize):
        inside = padded(np, x[block.examples], slide.padding)[
            :, block.rows.start * slide.strides[0] :
        ]
        rows = g[block.examples, block.rows]
        split = rows.reshape(*rows.shape[:-1], channels, -1)
        places = cells_of(cells, rows.shape[1:-1], slide.strides, slide.dilation)
        for cell, sums in zip(places, total, strict=True):
            products = inside[cell][..., None] * split
            sums += products.reshape(-1, g.shape[-1]).sum(0)


def _depthwise_by_input(
    g: np.ndarray, kernel: np.ndarray, shape: tuple[int, ...], slide: Slide
) -> np.ndarray:
    cells, counts, channels = kernel.shape[:-2], g.shape[1:-1], shape[-1]
    weights = kernel.reshape(prod(cells), channels, -1)
    x = _Scattered(shape, g.dtype, cells, counts, slide)
    for block in _blocks(len(g), counts, prod(cells) * channels * g.itemsize):
        split = block.matrix(g).reshape(-1, channels, weights.shape[-1])
        if weights.shape[-1] == 1:
            parts = split[..., 0] * weights[:, None, :, 0]
        else:
            parts = np.einsum("rcj,kcj->krc", split, weights)
        x.add(block, slice(None), parts)
    return x.result()
