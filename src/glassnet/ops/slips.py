"""The wrong derivative rules that people write for the ops, on arrays.

The doctor tries them; see `glassnet.graph.slip`. What people write was gathered from questions and
from first implementations: course forums, question-and-answer sites, homework graders.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from glassnet.graph.op import Op
from glassnet.graph.slip import RIGHT, Slip
from glassnet.graph.tensor import Constant


def _rule(op: Op, g: Any, y: Any, *inputs: Any) -> list[Any]:
    """The op's own rule on arrays."""
    found = op.vjp(Constant(np.asarray(g)), Constant(y), *map(Constant, inputs))
    return [None if part is None else np.asarray(part) for part in found]


# --- matrix products --------------------------------------------------------------------------
def _untransposed(op: Op, g: Any, y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    return g @ b, RIGHT


def _weights_untransposed(op: Op, g: Any, y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    return RIGHT, a @ g


def _both_transposed(op: Op, g: Any, y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    return RIGHT, a.T @ g.T


MATMUL = (
    Slip(
        "transpose forgotten",
        "In {where} {dx0} is made with {x1} as it is; it belongs to the transpose.",
        "write {dx0} = {dy} @ {x1}.T", _untransposed, 0.9,
    ),
    Slip(
        "transpose forgotten",
        "In {where} {dx1} is the product of {x0} and {dy} as they are; {x0} belongs transposed.",
        "write {dx1} = {x0}.T @ {dy}", _weights_untransposed, 0.95,
    ),
    Slip(
        "transpose forgotten",
        "In {where} {dx1} has both {x0} and {dy} transposed: one transpose too many.",
        "write {dx1} = {x0}.T @ {dy}", _both_transposed, 1.2,
    ),
)  # fmt: skip


# --- quotients --------------------------------------------------------------------------------
def _undivided(op: Op, g: Any, y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    if g.ndim < 2 or np.shape(a) != g.shape:  # of the cost itself: the factor 1/m has its own name
        return RIGHT, RIGHT
    return g, RIGHT


QUOTIENT = (
    Slip(
        "division forgotten in the backward pass",
        "In {where} what comes back to a quotient goes on as it is; the forward pass divided, so "
        "it is to be divided by the same.",
        "divide by what the forward pass divided by: a mean over n entries gives each of them 1/n",
        _undivided, 1.2,
    ),
)  # fmt: skip


# --- softmax ----------------------------------------------------------------------------------
def _diagonal(op: Op, g: Any, y: Any, x: Any) -> tuple[Any]:
    return (g * y * (1 - y),)


SOFTMAX = (
    Slip(
        "softmax's Jacobian taken for its diagonal",
        "In {where} the derivative of softmax is taken entry by entry, a (1 − a): every entry of "
        "{y} depends on every entry of {x0}.",
        "write {dx0} = a ⊙ (g − Σ g a), with g = {dy}", _diagonal, 0.9,
    ),
)  # fmt: skip


# --- rows taken from a table ------------------------------------------------------------------
def _overwritten(op: Any, g: Any, y: Any, x: Any, *indices: Any) -> tuple[Any, ...]:
    found = np.zeros_like(x)
    if op.axes == (0,):
        rows = np.asarray(indices[0]).ravel()
        found[rows] = g.reshape(len(rows), *x.shape[1:])
    return (found, *[None] * len(indices))


PICK = (
    Slip(
        "repeated rows overwritten",
        "In {where} a row that was taken several times holds what one of its places gives: "
        "dE[i] += g with an array of indices adds only once for each row.",
        "write np.add.at(dE, i, g)", _overwritten, 0.9,
    ),
)  # fmt: skip


# --- padding ----------------------------------------------------------------------------------
def _padded(x: Any, pairs: Any, fill: float = 0.0) -> Any:
    """The array with its padding; a negative one cuts off what no window reaches."""
    kept = [slice(max(-lo, 0), n - max(-hi, 0))
            for (lo, hi), n in zip(pairs, x.shape[1:-1], strict=True)]  # fmt: skip
    around = [(max(lo, 0), max(hi, 0)) for lo, hi in pairs]
    return np.pad(x[(slice(None), *kept)], ((0, 0), *around, (0, 0)), constant_values=fill)


def _unpadded(wide: Any, pairs: Any, like: Any) -> Any:
    """What of an array in padded form belongs to the input; 0 where no window reached."""
    found = np.zeros(np.shape(like))
    to = [slice(max(-lo, 0), n - max(-hi, 0))
          for (lo, hi), n in zip(pairs, found.shape[1:-1], strict=True)]  # fmt: skip
    of = [slice(max(lo, 0), n - max(hi, 0))
          for (lo, hi), n in zip(pairs, wide.shape[1:-1], strict=True)]  # fmt: skip
    found[(slice(None), *to)] = wide[(slice(None), *of)]
    return found


# --- convolution ------------------------------------------------------------------------------
def _flip(kernel: Any) -> Any:
    return np.flip(kernel, tuple(range(kernel.ndim - 2)))


def _back_unflipped(op: Any, g: Any, y: Any, x: Any, kernel: Any) -> tuple[Any, Any]:
    return _rule(op, g, y, x, _flip(kernel))[0], RIGHT


def _kernel_flipped(op: Any, g: Any, y: Any, x: Any, kernel: Any) -> tuple[Any, Any]:
    return RIGHT, _flip(_rule(op, g, y, x, kernel)[1])


def _both_flipped(op: Any, g: Any, y: Any, x: Any, kernel: Any) -> tuple[Any, Any]:
    return _back_unflipped(op, g, y, x, kernel)[0], _kernel_flipped(op, g, y, x, kernel)[1]


def _channels(op: Any, g: Any, y: Any, x: Any, kernel: Any) -> tuple[Any, Any]:
    if kernel.shape[-1] != kernel.shape[-2]:
        return RIGHT, RIGHT
    return _rule(op, g, y, x, np.swapaxes(kernel, -1, -2))[0], RIGHT


def _windows(op: Any, g: Any, x: Any, kernel: Any, strides: tuple[int, ...]) -> Iterator[Any]:
    """Yield (place of the output, where its window starts in the padded input)."""
    for place in np.ndindex(*g.shape[1:-1]):
        yield place, tuple(p * s for p, s in zip(place, strides, strict=True))


def _looped(op: Any, g: Any, x: Any, kernel: Any, strides: Any, add: bool) -> tuple[Any, Any]:
    """The backward pass as one writes it in loops, over the places of the output."""
    pairs = op.slide().padding
    padded = _padded(x, pairs)
    back, by_kernel = np.zeros_like(padded), np.zeros_like(kernel)
    sizes = kernel.shape[:-2]
    for place, start in _windows(op, g, x, kernel, strides):
        at = (slice(None), *(slice(a, a + k) for a, k in zip(start, sizes, strict=True)))
        here = g[(slice(None), *place)]  # (m, f)
        part = np.einsum("mf,...cf->m...c", here, kernel)
        back[at] = back[at] + part if add else part
        by_kernel += np.einsum("m...c,mf->...cf", padded[at], here)
    return _unpadded(back, pairs, x), by_kernel


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
        padded = _padded(x, pairs)
        flat = type(op)(op.strides, ((0, 0),) * len(pairs), op.dilation, op.groups)
        wide, _ = _rule(flat, g, y, padded, kernel)
        wide = _shifted(wide, (by,) * len(pairs))
        back = _unpadded(wide, pairs, x)
        read = _rule(flat, g, y, _shifted(padded, (by,) * len(pairs)), kernel)[1]
        return (RIGHT if where == "kernel" else back), (RIGHT if where == "input" else read)

    return way


def _repeated(which: str) -> Any:
    """g enlarged by repeating each entry, where zeros belong between them."""

    def way(op: Any, g: Any, y: Any, x: Any, kernel: Any) -> tuple[Any, Any]:
        if not _plain(op) or all(s == 1 for s in op.strides):
            return RIGHT, RIGHT
        pairs = [(max(lo, 0), max(hi, 0)) for lo, hi in op.slide().padding]  # with the rest
        padded = _padded(x, pairs)
        for axis, s in enumerate(op.strides, 1):
            places = padded.shape[axis] - kernel.shape[axis - 1] + 1
            g = np.repeat(g, s, axis=axis).take(range(min(places, g.shape[axis] * s)), axis=axis)
        flat = type(op)((1,) * len(op.strides), ((0, 0),) * len(pairs), op.dilation, op.groups)
        wide, by_kernel = _rule(flat, g, y, padded, kernel)
        back = _unpadded(wide, pairs, x)
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
    return flat, _shifted(_padded(x, pairs), (by,) * len(pairs))


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
        wide, by_kernel = _rule(flat, g, y, moved, kernel)
        return _unpadded(_shifted(wide, (-by,) * len(pairs)), pairs, x), by_kernel

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


# --- pooling ----------------------------------------------------------------------------------
def _cells(op: Any, x: Any, y: Any, fill: float) -> tuple[Any, list[tuple[slice, ...]]]:
    padded = _padded(x, op.pairs, fill)
    return padded, [
        (slice(None), *(slice(o, o + (n - 1) * s + 1, s)
                        for o, n, s in zip(offset, y.shape[1:-1], op.strides, strict=True)))
        for offset in np.ndindex(*op.pool)
    ]  # fmt: skip


def _collected(op: Any, x: Any, y: Any, share: Any) -> Any:
    """Σ over the cells of each window of what ``share(padded, cell, number)`` says it gets."""
    padded, cells = _cells(op, x, y, -np.inf)
    found = np.zeros(padded.shape)
    for number, cell in enumerate(cells):
        found[cell] += share(padded, cell, number)
    return _unpadded(found, op.pairs, x)


def _hits(op: Any, x: Any, y: Any) -> Any:
    padded, cells = _cells(op, x, y, -np.inf)
    return np.stack([padded[c] == y for c in cells])


def _every_tie(op: Any, g: Any, y: Any, x: Any) -> tuple[Any]:
    hits = _hits(op, x, y)
    return (_collected(op, x, y, lambda p, c, i: g * hits[i]),)


def _tie_split(op: Any, g: Any, y: Any, x: Any) -> tuple[Any]:
    hits = _hits(op, x, y)
    return (_collected(op, x, y, lambda p, c, i: g * hits[i] / hits.sum(0)),)


def _last_tie(op: Any, g: Any, y: Any, x: Any) -> tuple[Any]:
    hits = _hits(op, x, y)
    last = len(hits) - 1 - np.argmax(hits[::-1], axis=0)
    return (_collected(op, x, y, lambda p, c, i: g * (last == i)),)


def _overlaps_of_pools_overwritten(op: Any, g: Any, y: Any, x: Any) -> tuple[Any]:
    padded, cells = _cells(op, x, y, -np.inf)
    hits = _hits(op, x, y)
    first = np.argmax(hits, axis=0)
    found = np.zeros(padded.shape)
    for place in np.ndindex(*y.shape):  # in the order of a loop over the windows
        cell = cells[int(first[place])]
        middle = [c.start + p * c.step for c, p in zip(cell[1:], place[1:-1], strict=True)]
        found[(place[0], *middle, place[-1])] = g[place]
    return (_unpadded(found, op.pairs, x),)


def _spread(divided: bool) -> Any:
    def way(op: Any, g: Any, y: Any, x: Any) -> tuple[Any]:
        by = float(np.prod(op.pool)) if divided else 1.0
        return (_collected(op, x, y, lambda p, c, i: g / by),)

    return way


def _first_cell(op: Any, g: Any, y: Any, x: Any) -> tuple[Any]:
    return (_collected(op, x, y, lambda p, c, i: g * (i == 0)),)


MAX_POOL = (
    Slip(
        "pooling sends the gradient to every tie",
        "In {where} each entry that equals the largest of its window receives the derivative in "
        "full: what comes back is counted several times.",
        "give it to one of them: the first, or in equal shares", _every_tie, 0.9,
    ),
    Slip("tie given to another entry", "Among equal entries another one is chosen.",
         "nothing to mend", _last_tie, 0.5, harmless=True),
    Slip("tie given to another entry", "Equal entries share the derivative.",
         "nothing to mend", _tie_split, 0.5, harmless=True),
    Slip(
        "max pooling's gradient spread over the window",
        "In {where} every entry of a window receives an equal share, as for an average.",
        "only the largest entry of each window receives anything", _spread(True), 1.0,
    ),
    Slip(
        "max pooling's gradient spread over the window",
        "In {where} every entry of a window receives the derivative in full.",
        "only the largest entry of each window receives anything", _spread(False), 1.0,
    ),
    Slip(
        "overlapping windows overwritten",
        "In {where} windows overlap, and where an entry is the largest of several, each overwrites "
        "what the one before gave {dx0}.",
        "add: dX[place] += …", _overlaps_of_pools_overwritten, 1.0,
    ),
    Slip(
        "pooling sends the gradient to the first cell",
        "In {where} the first cell of each window receives the derivative, whichever is largest.",
        "remember in the forward pass which entry was the largest", _first_cell, 1.1,
    ),
)  # fmt: skip

AVERAGE_POOL = (
    Slip(
        "average pooling's gradient not divided",
        "In {where} every entry of a window receives the derivative in full.",
        "divide by the number of cells of the window", _spread(False), 0.9,
    ),
    Slip(
        "average pooling's gradient sent to the largest",
        "In {where} the largest entry of each window receives the derivative, as for a maximum.",
        "every entry of the window receives an equal share",
        lambda op, g, y, x: _every_tie(op, g, _largest(op, x, y), x), 1.1,
    ),
)  # fmt: skip


def _largest(op: Any, x: Any, y: Any) -> Any:
    padded, cells = _cells(op, x, y, -np.inf)
    return np.max(np.stack([padded[c] for c in cells]), axis=0)
