"""Windows that slide over spatial axes: what convolution and pooling share.

Arrays are (m, n₁, …, n_d, c): examples, spatial axes, channels. Along one axis of size n, padded by
(lo, hi), a window of k cells that lie `dilation` apart spans e = dilation·(k − 1) + 1 cells and
stands at o = (n + lo + hi − e) / stride + 1 places.

The pair (lo, hi) is always kept in the one form where this division comes out even. A negative
number crops: cells at the end that no window reaches are cropped. So any two of n, k and o give
the third, also where n is a named size, and padding by (−lo, −hi) is the adjoint of padding by
(lo, hi).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product as cartesian
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from glassnet.graph.dimension import Dim, Shape, Size, display, divide, larger

Pair = tuple[Size, Size]
Pairs = tuple[Pair, ...]
Padding = str | Sequence[Sequence[int]]


def per_axis(value: Any, axes: int, what: str, least: int = 1) -> tuple[int, ...]:
    """Return ``value`` as one integer for each spatial axis; a single one serves all axes.

    Raises:
        ValueError: where the number of integers is wrong or one is below ``least``.
    """
    single = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    items = (value,) * axes if single else tuple(value) if np.iterable(value) else (value,)
    if len(items) != axes or any(
        isinstance(i, bool) or not isinstance(i, (int, np.integer)) or i < least for i in items
    ):
        raise ValueError(
            f"{what}: expected an integer of at least {least}, or {axes} of them, one for each "
            f"spatial axis; got {value!r}."
        )
    return tuple(int(i) for i in items)


def channels_last(data_format: str | None, function: str) -> None:
    """Raise unless ``data_format`` asks for channels last."""
    if data_format not in (None, "channels_last"):
        raise ValueError(
            f"{function}: glassnet is channels last, (m, height, width, channels); got "
            f"data_format={data_format!r}. Leave the argument out, and turn arrays of shape "
            "(m, channels, height, width) with np.moveaxis(x, 1, -1)."
        )


def span(cells: int, dilation: int) -> int:
    """Return how many cells a window of ``cells`` reaches over: d·(k − 1) + 1."""
    return dilation * (cells - 1) + 1


def places(size: Size, pair: Pair, reach: int, stride: int) -> Size:
    """Return at how many places a window stands: (n + lo + hi − e) // stride + 1."""
    return divide(size + pair[0] + pair[1] - reach, stride) + 1


def spanned(count: Size, pair: Pair, reach: int, stride: int) -> Size:
    """Return the size of an axis on which a window stands at ``count`` places."""
    return (count - 1) * stride + reach - pair[0] - pair[1]


def pairs_of(
    padding: Padding,
    sizes: Shape,
    cells: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    what: str,
) -> Pairs:
    """Return the pair (lo, hi) of each spatial axis, in the form where strides come out even.

    Args:
        padding: ``"valid"`` (windows stay inside), ``"same"`` (⌈n / stride⌉ places; an odd rest of
            the padding goes to the end), ``"full"`` (every window that touches a cell),
            ``"causal"`` (the window ends at its place), or the pairs themselves.
        sizes: the spatial sizes.
        cells: how many cells the window has along each axis.
        strides: the step between windows.
        dilation: the distance between cells of a window.
        what: the function that asks, for the error.

    Raises:
        ValueError: for an unknown padding, and where a window is larger than the padded axis.
    """
    given: Sequence[Any]
    if isinstance(padding, str):
        if padding.lower() not in ("valid", "same", "full", "causal"):
            raise ValueError(
                f"{what}: padding is 'valid', 'same', 'full', 'causal' or a pair of integers for "
                f"each spatial axis, ((1, 1), (0, 2)); got {padding!r}."
            )
        given = [padding.lower()] * len(sizes)
    else:
        given = [per_axis(p, 2, f"{what}: padding", least=0) for p in padding]
        if len(given) != len(sizes):
            raise ValueError(
                f"{what}: expected a pair of padding for each of {len(sizes)} spatial axes; "
                f"got {padding!r}."
            )
    reaches = [span(k, d) for k, d in zip(cells, dilation, strict=True)]
    pairs = tuple(map(_pair, given, sizes, reaches, strides))
    for axis, (pair, size) in enumerate(zip(pairs, sizes, strict=True)):
        count = places(size, pair, reaches[axis], strides[axis])
        if isinstance(count, int) and count < 1:
            raise ValueError(
                f"{what}: spatial axis {axis} has {size} cells, but the window reaches over "
                f"{reaches[axis]} ({cells[axis]} cells, dilation {dilation[axis]}) and "
                f"padding={padding!r}. Use a smaller window, or padding='same'."
            )
    return pairs


def _pair(padding: str | tuple[int, int], size: Size, reach: int, stride: int) -> Pair:
    lo: Size
    count: Size
    if padding == "same":
        count = divide(size + (stride - 1), stride)
        total = larger((count - 1) * stride + reach - size, 0)
        lo = divide(total, 2)
    else:
        named = {"valid": (0, 0), "full": (reach - 1, reach - 1), "causal": (reach - 1, 0)}
        pair = named[padding] if isinstance(padding, str) else padding
        lo = pair[0]
        count = places(size, pair, reach, stride)
    return lo, (count - 1) * stride + reach - size - lo


def check_even(size: Size, pair: Pair, reach: int, stride: int, what: str) -> None:
    """Raise where the windows do not end with the padded axis, or where there is none."""
    if any(isinstance(s, Dim) for s in (size, *pair)):
        return
    padded = int(size) + int(pair[0]) + int(pair[1])
    if padded < reach or (padded - reach) % stride:
        raise ValueError(
            f"{what}: an axis of {size} cells padded by {display(pair)} does not end with a window "
            f"that reaches over {reach} and moves by {stride}."
        )


# --- as formulas say it -----------------------------------------------------------------------
def said(values: Sequence[Size]) -> Any:
    """Return what formulas say of numbers for each axis: a single number where all are equal."""
    return values[0] if len(set(values)) == 1 else tuple(values)


def said_padding(pairs: Pairs, strides: Sequence[int]) -> Any:
    """Return what formulas say of padding: a number for all sides, or the only pair, or pairs.

    Cells at the end that no window reaches need no word.
    """
    kept = tuple(
        (lo, 0 if isinstance(hi, int) and -s < hi < 0 else hi)
        for (lo, hi), s in zip(pairs, strides, strict=True)
    )
    sides = {n for pair in kept for n in pair}
    return kept[0][0] if len(sides) == 1 else kept[0] if len(kept) == 1 else kept


def said_pairs(padding: Any, axes: int) -> Pairs:
    """Return the pairs for which formulas say this."""
    if not isinstance(padding, tuple):
        return ((padding, padding),) * axes
    return padding if isinstance(padding[0], tuple) else (padding,)


# --- arrays -----------------------------------------------------------------------------------
def padded(xp: Any, x: Any, pairs: Sequence[tuple[int, int]], fill: float = 0) -> Any:
    """Return ``x`` with its spatial axes padded by ``fill``; cropped where a number is negative."""
    if any(n < 0 for pair in pairs for n in pair):
        crop = tuple(
            slice(max(-lo, 0), size - max(-hi, 0))
            for (lo, hi), size in zip(pairs, x.shape[1:-1], strict=True)
        )
        x = x[(slice(None), *crop)]
    grow = [(max(lo, 0), max(hi, 0)) for lo, hi in pairs]
    if not any(n for pair in grow for n in pair):
        return x
    if xp is not np:
        return xp.pad(x, [(0, 0), *grow, (0, 0)], constant_values=fill)
    shape = tuple(n + lo + hi for n, (lo, hi) in zip(x.shape[1:-1], grow, strict=True))
    new = np.full((x.shape[0], *shape, x.shape[-1]), fill, x.dtype)
    inner = tuple(slice(lo, lo + n) for n, (lo, _) in zip(x.shape[1:-1], grow, strict=True))
    new[(slice(None), *inner)] = x
    return new


def negated(pairs: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return the pairs that undo ``pairs``."""
    return tuple((-lo, -hi) for lo, hi in pairs)


def cells_of(
    cells: Sequence[int], counts: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> Iterator[tuple[slice, ...]]:
    """Yield, for each cell of a window in order, where it lies when the window visits all places.

    ``x[cell]`` of a padded array is then (m, o₁, …, c): that cell at every place.
    """
    for offset in cartesian(*map(range, cells)):
        yield (
            slice(None),
            *(
                slice(i * d, i * d + (o - 1) * s + 1, s)
                for i, o, s, d in zip(offset, counts, strides, dilation, strict=True)
            ),
        )


def placed(
    xp: Any,
    y: Any,
    offset: Sequence[int],
    sizes: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
) -> Any:
    """Return zeros of the spatial ``sizes`` with ``y`` where cell ``offset`` of the windows lies.

    The adjoint of reading that cell, without writing into an array: zeros go between the entries
    (a new axis, padded, and joined again), then around them.
    """
    for axis, (i, n, s, d) in enumerate(zip(offset, sizes, strides, dilation, strict=True), 1):
        count = y.shape[axis]
        if s > 1:
            widths = [(0, 0)] * (y.ndim + 1)
            widths[axis + 1] = (0, s - 1)
            y = xp.pad(xp.expand_dims(y, axis + 1), widths)
            y = xp.reshape(y, (*y.shape[:axis], count * s, *y.shape[axis + 2 :]))
            y = y[(slice(None),) * axis + (slice(0, (count - 1) * s + 1),)]
        widths = [(0, 0)] * y.ndim
        widths[axis] = (i * d, n - i * d - y.shape[axis])
        y = xp.pad(y, widths)
    return y


def all_windows(
    x: np.ndarray, cells: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> np.ndarray:
    """Return the view (m, o₁, …, k₁, …, c) of a padded NumPy array: every window at every place."""
    counts = [
        (n - span(k, d)) // s + 1
        for n, k, s, d in zip(x.shape[1:-1], cells, strides, dilation, strict=True)
    ]
    steps = x.strides[1:-1]
    return as_strided(
        x,
        (x.shape[0], *counts, *cells, x.shape[-1]),
        (
            x.strides[0],
            *(b * s for b, s in zip(steps, strides, strict=True)),
            *(b * d for b, d in zip(steps, dilation, strict=True)),
            x.strides[-1],
        ),
        writeable=False,
    )
