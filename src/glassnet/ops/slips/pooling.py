"""Slips of pooling: who receives what comes back to a window."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.graph.slip import Slip
from glassnet.ops.slips.padding import with_padding, without_padding


def _cells(op: Any, x: Any, y: Any, fill: float) -> tuple[Any, list[tuple[slice, ...]]]:
    padded = with_padding(x, op.pairs, fill)
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
    return without_padding(found, op.pairs, x)


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
    return (without_padding(found, op.pairs, x),)


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
