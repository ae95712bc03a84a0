"""Kernels of softmax and its kin, row by row.

A row goes through sweeps over vectors of its entries: the largest entry, the exponentials and
their sum, and what is written. log Σ eᶻ is computed as the ops define it: the exponential of the
largest entry, 1, is left out of the sum, which goes through log1p. Sources: ``ops.softmax``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir

from glassnet.engines.native.kernels.arrays import WORD, Array, has_masks, lanes_of
from glassnet.engines.native.kernels.folding import (
    LARGEST_NUMBER,
    SUM,
    apart,
    short_sweep,
    spread,
    sweep,
)
from glassnet.engines.native.kernels.formulas import exp, log1p
from glassnet.engines.native.kernels.lanes import Lanes
from glassnet.engines.native.kernels.primitives import words

ARGUMENTS = 1


def softmax(T: np.dtype) -> Any:
    """eˣ / Σ eˣ for each row. Words: see ``_by_rows``."""

    def write(builder: Any, go: Any, out: Any, source: Any, n: Any, more: Any) -> None:
        x, y = Array(builder, source, T), Array(builder, out, T)
        top = _top(builder, go, x, n)

        def power(v: Lanes) -> Lanes:
            return exp(v - spread(top, v.count))

        if go is short_sweep:  # the exponentials stay where they are
            (total,) = go(builder, n, [x], lambda v: [power(v)], [SUM])
            go(builder, n, [x], lambda v: [power(v) / spread(total, v.count)], write=y)
        else:
            (total,) = go(builder, n, [x], lambda v: [power(v)] * 2, [SUM], write=y)
            go(builder, n, [y], lambda e: [e / spread(total, e.count)], write=y)

    return _by_rows("softmax", write, T)


def log_softmax(T: np.dtype) -> Any:
    """x - log Σ eˣ for each row. Words: see ``_by_rows``."""

    def write(builder: Any, go: Any, out: Any, source: Any, n: Any, more: Any) -> None:
        x, y = Array(builder, source, T), Array(builder, out, T)
        top = _top(builder, go, x, n)
        total = _log_sum(builder, go, x, n, top)

        def value(v: Lanes) -> list[Lanes]:
            return [v - spread(top, v.count) - spread(total, v.count)]

        go(builder, n, [x], value, write=y)

    return _by_rows("log_softmax", write, T)


def log_sum_exp(T: np.dtype) -> Any:
    """log Σ eˣ for each row. Words: see ``_by_rows``."""

    def write(builder: Any, go: Any, out: Any, source: Any, n: Any, more: Any) -> None:
        x = Array(builder, source, T)
        top = _top(builder, go, x, n)
        top = (top - top).equals(0).choose(top, 0.0)  # ∞ - ∞ is no number
        _store(builder, out, _log_sum(builder, go, x, n, top) + top)

    return _by_rows("log_sum_exp", write, T)


def cross_entropy(T: np.dtype) -> Any:
    """-Σ t log softmax(x) for each row; ``more`` are the targets. Words: see ``_by_rows``."""

    def write(builder: Any, go: Any, out: Any, source: Any, n: Any, more: Any) -> None:
        x, t = Array(builder, source, T), Array(builder, more, T)
        top = _top(builder, go, x, n)
        total = _log_sum(builder, go, x, n, top)

        def term(v: Lanes, target: Lanes) -> list[Lanes]:
            return [target * (spread(total, v.count) - (v - spread(top, v.count)))]

        _store(builder, out, go(builder, n, [x, t], term, [SUM])[0])

    return _by_rows("cross_entropy", write, T)


def sparse_cross_entropy(T: np.dtype, L: np.dtype) -> Any:
    """-log softmax(x)[c] for each row; ``more`` are the classes. Words: see ``_by_rows``.

    A number that names no class gives NaN.
    """

    def write(builder: Any, go: Any, out: Any, source: Any, n: Any, more: Any) -> None:
        x = Array(builder, source, T)
        top = _top(builder, go, x, n)
        total = _log_sum(builder, go, x, n, top)
        label = Array(builder, more, L).load(WORD(0), 1).to(np.dtype(np.int64))
        known = (label >= 0) & (label < Lanes(builder, n, label.dtype))
        chosen = x.load(known.choose(label, 0).value, 1)
        _store(builder, out, known.choose(total - (chosen - top), np.nan))

    return _by_rows("sparse_cross_entropy", write, T)


def _by_rows(name: str, write: Callable[..., None], T: np.dtype) -> Any:
    """``[out, in, rows, n, out step, step, more, their step]``: n entries, at least one, a row.

    The entries of a row lie side by side; the steps go from row to row.
    """

    def choose(builder: Any, out: Any, source: Any, n: Any, more: Any) -> None:
        if not has_masks([T]):
            write(builder, sweep, out, source, n, more)
            return
        few = builder.icmp_signed("<=", n, WORD(lanes_of([T])))
        with builder.if_else(few) as (then, otherwise):
            with then:
                write(builder, short_sweep, out, source, n, more)
            with otherwise:
                write(builder, sweep, out, source, n, more)

    row = apart(name, choose, 4)

    def kernel(p: int) -> None:
        q = words(p)
        out, source, more = q[0], q[1], q[6]
        for _ in range(q[2]):
            row(out, source, q[3], more)
            out += q[4]
            source += q[5]
            more += q[7]

    return kernel


def _top(builder: Any, go: Any, x: Any, n: Any) -> Lanes:
    """The largest entry. With a NaN among them it may be any: what is made of the row is NaN."""
    return go(builder, n, [x], lambda v: [v], [LARGEST_NUMBER], unroll=4)[0]


def _log_sum(builder: Any, go: Any, x: Any, n: Any, top: Lanes) -> Lanes:
    """log Σ e^(x - top)."""

    def terms(v: Lanes) -> list[Lanes]:
        z = v - spread(top, v.count)
        one = z.equals(0).choose(z.constant(1), 0.0)
        return [exp(z) - one, one]

    others, ties = go(builder, n, [x], terms, [SUM, SUM])
    return log1p(others + (ties - 1))


def _store(builder: Any, address: Any, number: Lanes) -> None:
    kind: ir.Type = number.value.type
    builder.store(number.value, builder.inttoptr(address, kind.as_pointer()))
