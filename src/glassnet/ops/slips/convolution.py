"""Slips of convolution: the kernel the wrong way around, strides, padding, overlaps."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from glassnet.graph.slip import RIGHT, Slip
from glassnet.ops.slips.padding import rule, with_padding, without_padding


def _flip(kernel: Any) -> Any:
    return np.flip(kernel, tuple(range(kernel.ndim - 2)))


def _back_unflipped(op: Any, g: Any, y: Any, x: Any, kernel: Any) -> tuple[Any, Any]:
    return rule(op, g, y, x, _flip(kernel))[0], RIGHT


def _kernel_flipped(op: Any, g: Any, y: Any, x: Any, kernel: Any) -> tuple[Any, Any]:
    return RIGHT, _flip(rule(op, g, y, x, kernel)[1])


def _both_flipped(op: Any, g: Any, y: Any, x: Any, kernel: Any) -> tuple[Any, Any]:
    return _back_unflipped(op, g, y, x, kernel)[0], _kernel_flipped(op, g, y, x, kernel)[1]


def _channels(op: Any, g: Any, y: Any, x: Any, kernel: Any) -> tuple[Any, Any]:
    if kernel.shape[-1] != kernel.shape[-2]:
        return RIGHT, RIGHT
    return rule(op, g, y, x, np.swapaxes(kernel, -1, -2))[0], RIGHT


def _windows(op: Any, g: Any, x: Any, kernel: Any, strides: tuple[int, ...]) -> Iterator[Any]:
    """Yield (place of the output, where its window starts in the padded input)."""
    for place in np.ndindex(*g.shape[1:-1]):
        yield place, tuple(p * s for p, s in zip(place, strides, strict=True))


def _looped(op: Any, g: Any, x: Any, kernel: Any, strides: Any, add: bool) -> tuple[Any, Any]:
    """The backward pass as one writes it in loops, over the places of the output."""
    pairs = op.slide().padding
    padded = with_padding(x, pairs)
    back, by_kernel = np.zeros_like(padded), np.zeros_like(kernel)
    sizes = kernel.shape[:-2]
    for place, start in _windows(op, g, x, kernel, strides):
        at = (slice(None), *(slice(a, a + k) for a, k in zip(start, sizes, strict=True)))
        here = g[(slice(None), *place)]  # (m, f)
        part = np.einsum("mf,...cf->m...c", here, kernel)
        back[at] = back[at] + part if add else part
        by_kernel += np.einsum("m...c,mf->...cf", padded[at], here)
    return without_padding(back, pairs, x), by_kernel


def _plain(op: Any) -> bool:
    return op.groups == 1 and all(d == 1 for d in op.dilation)


def _overlaps_overwritten(op: Any, g: Any, y: Any, x: Any, kernel: Any) -> tuple[Any, Any]:
    if not _plain(op):
        return RIGHT, RIGHT
    return _looped(op, g, x, kernel, op.strides, False)[0], RIGHT


def _unstrided(which: str) -> Any:
    def way(op: Any, g: Any, y: Any, x: Any, kernel: Any) -> tuple[Any, Any]:
        if not _plain(op) or all(s == 1 for s in op.strides):
            return RIGHT, RIGHT
        back, by_kernel = _looped(op, g, x, kernel, (1,) * len(op.strides), True)
        return (RIGHT if which == "kernel" else back), (RIGHT if which == "input" else by_kernel)

    return way


def _shifted(array: Any, by: tuple[int, ...]) -> Any:
    """The array moved along its spatial axes, zeros where nothing moves in."""
    found = np.zeros_like(array)
    to = tuple(slice(max(b, 0), n + min(b, 0)) for b, n in zip(by, array.shape[1:-1], strict=True))
    of = tuple(
        slice(max(-b, 0), n + min(-b, 0)) for b, n in zip(by, array.shape[1:-1], strict=True)
    )
    found[(slice(None), *to)] = array[(slice(None), *of)]
    return found


def _moved_back(by: int, where: str) -> Any:
    """dX cut out of its padded form one cell beside, and the windows for dK read there."""

    def way(op: Any, g: Any, y: Any, x: Any, kernel: Any) -> tuple[Any, Any]:
        if not _plain(op) or all(k == 1 for k in kernel.shape[:-2]):
            return RIGHT, RIGHT
        pairs = op.slide().padding
        padded = with_padding(x, pairs)
        flat = type(op)(op.strides, ((0, 0),) * len(pairs), op.dilation, op.groups)
        wide, _ = rule(flat, g, y, padded, kernel)
        wide = _shifted(wide, (by,) * len(pairs))
        back = without_padding(wide, pairs, x)
        read = rule(flat, g, y, _shifted(padded, (by,) * len(pairs)), kernel)[1]
        return (RIGHT if where == "kernel" else back), (RIGHT if where == "input" else read)

    return way


def _repeated(which: str) -> Any:
    """g enlarged by repeating each entry, where zeros belong between them."""

    def way(op: Any, g: Any, y: Any, x: Any, kernel: Any) -> tuple[Any, Any]:
        if not _plain(op) or all(s == 1 for s in op.strides):
            return RIGHT, RIGHT
        pairs = [(max(lo, 0), max(hi, 0)) for lo, hi in op.slide().padding]  # with the rest
        padded = with_padding(x, pairs)
        for axis, s in enumerate(op.strides, 1):
            places = padded.shape[axis] - kernel.shape[axis - 1] + 1
            g = np.repeat(g, s, axis=axis).take(range(min(places, g.shape[axis] * s)), axis=axis)
        flat = type(op)((1,) * len(op.strides), ((0, 0),) * len(pairs), op.dilation, op.groups)
        wide, by_kernel = rule(flat, g, y, padded, kernel)
        back = without_padding(wide, pairs, x)
        return (RIGHT if which == "kernel" else back), (RIGHT if which == "input" else by_kernel)

    return way


def _as_it_is(op: Any, g: Any, y: Any, x: Any, kernel: Any) -> tuple[Any, Any]:
    return RIGHT, RIGHT


def _turned_forward(op: Any, x: Any, kernel: Any) -> Any:
    return op.value(np, x, _flip(kernel))


def _beside(op: Any, x: Any, by: int) -> tuple[Any, Any]:
    """The padded input one cell beside, and the op that takes it without padding."""
    pairs = op.slide().padding
    flat = type(op)(op.strides, ((0, 0),) * len(pairs), op.dilation, op.groups)
    return flat, _shifted(with_padding(x, pairs), (by,) * len(pairs))


def _padded_beside(by: int) -> tuple[Any, Any]:
    """A forward pass whose padding stands one cell beside, and its derivative."""

    def value(op: Any, x: Any, kernel: Any) -> Any:
        if all(lo <= 0 and hi <= 0 for lo, hi in op.slide().padding):
            return op.value(np, x, kernel)
        flat, moved = _beside(op, x, by)
        return flat.value(np, moved, kernel)

    def way(op: Any, g: Any, y: Any, x: Any, kernel: Any) -> tuple[Any, Any]:
        pairs = op.slide().padding
        if all(lo <= 0 and hi <= 0 for lo, hi in pairs):
            return RIGHT, RIGHT
        flat, moved = _beside(op, x, by)
        wide, by_kernel = rule(flat, g, y, moved, kernel)
        return without_padding(_shifted(wide, (-by,) * len(pairs)), pairs, x), by_kernel

    return value, way


def _convolution() -> Iterator[Slip]:
    flipped = "kernel not flipped"
    yield Slip(
        flipped,
        "In {where} {dx0} is made with the kernel as it is; on the way back it stands turned "
        "around (or is flipped twice).",
        "{dx0} is the full convolution of {dy} with {x1}: the full correlation with the kernel "
        "turned by 180°", _back_unflipped, 0.9,
    )  # fmt: skip
    yield Slip(
        "kernel gradient flipped",
        "In {where} {dx1} is turned by 180°.",
        "{dx1} is the correlation of what went in with {dy}, not turned", _kernel_flipped, 0.9,
    )  # fmt: skip
    yield Slip(
        "correlation for convolution",
        "In {where} the backward pass is that of a convolution, and the forward pass is a "
        "correlation: the kernel stands the other way around in both {dx0} and {dx1}.",
        "use one of the two throughout: y = corr(X, K), dK = corr(X, dY), dX = fullconv(dY, K)",
        _both_flipped, 0.95,
    )  # fmt: skip
    yield Slip(
        "input and output channels swapped",
        "In {where} {dx0} sums over the wrong one of the kernel's last two axes.",
        "sum over the filters, the last axis of {x1}", _channels, 1.2,
    )  # fmt: skip
    yield Slip(
        "overlapping windows overwritten",
        "In {where} windows overlap, and each overwrites what the one before gave {dx0}.",
        "add: dX[window] += …", _overlaps_overwritten, 1.0,
    )  # fmt: skip
    for which, told in (
        ("both", "{dx0} and {dx1} are"), ("input", "{dx0} is"), ("kernel", "{dx1} is"),
    ):  # fmt: skip
        yield Slip(
            "stride ignored in the backward pass",
            f"In {{where}} {told} computed as if the kernel moved by 1.",
            "the window of output (i, j) starts at (s i, s j), on the way back as well",
            _unstrided(which), 0.95,
        )  # fmt: skip
    for which, told in (("both", "{dx0} and {dx1}"), ("input", "{dx0}"), ("kernel", "{dx1}")):
        yield Slip(
            "stride ignored in the backward pass",
            f"In {{where}} {told} is computed with {{dy}} enlarged by repeating its entries.",
            "zeros stand between the entries of an enlarged {dy}: the window of output (i, j) "
            "starts at (s i, s j)", _repeated(which), 1.0,
        )  # fmt: skip
    for wrong, told in ((_as_it_is, "in the forward pass alone"),
                        (_both_flipped, "in the forward pass")):  # fmt: skip
        yield Slip(
            "correlation for convolution",
            f"In {{where}} the kernel {{x1}} is turned by 180° {told}: a layer of the library "
            "computes the correlation, without turning it.",
            "use one of the two throughout: y = corr(X, K), dK = corr(X, dY), dX = fullconv(dY, K)",
            wrong, 1.1, _turned_forward,
        )  # fmt: skip
    for by in (1, -1):
        value, way = _padded_beside(by)
        yield Slip(
            "padding off by one",
            "In {where} the padding of the forward pass stands one cell beside: "
            f"one more {'in front' if by > 0 else 'behind'}, one less on the other side; so {{dx0}}"
            " and {dx1} are those of another layer.",
            "with padding same, the odd cell stands behind, and a stride needs fewer of them",
            way, 1.15, value,
        )  # fmt: skip
    for by, which in product((1, -1), ("both", "input", "kernel")):
        told = {"both": "{dx0} and {dx1} are", "input": "{dx0} is", "kernel": "{dx1} is"}[which]
        yield Slip(
            "padding off by one",
            f"In {{where}} {told} one cell beside: the padding is cut off or counted wrongly.",
            "with padding p, dX = dX_padded[p : p + n], and windows are read from the padded input",
            _moved_back(by, which), 1.05,
        )  # fmt: skip


CONVOLUTION = tuple(_convolution())
