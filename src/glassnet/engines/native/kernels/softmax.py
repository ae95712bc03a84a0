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

from glassnet.engines.native.kernels.arrays import WORD, Array
from glassnet.engines.native.kernels.folding import MAXIMUM, SUM, apart, spread, sweep
from glassnet.engines.native.kernels.formulas import exp, log1p
from glassnet.engines.native.kernels.lanes import Lanes
from glassnet.engines.native.kernels.primitives import words

ARGUMENTS = 1


def softmax(T: np.dtype) -> Any:
    """eˣ / Σ eˣ for each row. Words: see ``_by_rows``."""

    def write(builder: Any, out: Any, source: Any, n: Any, more: Any) -> None:
        x, y = Array(builder, source, T), Array(builder, out, T)
        top = _top(builder, x, n)

        def power(v: Lanes) -> list[Lanes]:
            e = exp(v - spread(top, v.count))
            return [e, e]

        (total,) = sweep(builder, n, [x], power, [SUM], write=y)
        sweep(builder, n, [y], lambda e: [e / spread(total, e.count)], write=y)

    return _by_rows("softmax", write)


def log_softmax(T: np.dtype) -> Any:
    """x - log Σ eˣ for each row. Words: see ``_by_rows``."""

    def write(builder: Any, out: Any, source: Any, n: Any, more: Any) -> None:
        x, y = Array(builder, source, T), Array(builder, out, T)
        top = _top(builder, x, n)
        total = _log_sum(builder, x, n, top)

        def value(v: Lanes) -> list[Lanes]:
            return [v - spread(top, v.count) - spread(total, v.count)]

        sweep(builder, n, [x], value, write=y)

    return _by_rows("log_softmax", write)


def log_sum_exp(T: np.dtype) -> Any:
    """log Σ eˣ for each row. Words: see ``_by_rows``."""

    def write(builder: Any, out: Any, source: Any, n: Any, more: Any) -> None:
        x = Array(builder, source, T)
        top = _top(builder, x, n)
        top = (top - top).equals(0).choose(top, 0.0)  # ∞ - ∞ is no number
        _store(builder, out, _log_sum(builder, x, n, top) + top)

    return _by_rows("log_sum_exp", write)


def cross_entropy(T: np.dtype) -> Any:
    """-Σ t log softmax(x) for each row; ``more`` are the targets. Words: see ``_by_rows``."""

    def write(builder: Any, out: Any, source: Any, n: Any, more: Any) -> None:
        x, t = Array(builder, source, T), Array(builder, more, T)
        top = _top(builder, x, n)
        total = _log_sum(builder, x, n, top)

        def term(v: Lanes, target: Lanes) -> list[Lanes]:
            return [target * (spread(total, v.count) - (v - spread(top, v.count)))]

        _store(builder, out, sweep(builder, n, [x, t], term, [SUM])[0])

    return _by_rows("cross_entropy", write)


def sparse_cross_entropy(T: np.dtype, L: np.dtype) -> Any:
    """-log softmax(x)[c] for each row; ``more`` are the classes. Words: see ``_by_rows``.

    A number that names no class gives NaN.
    """

    def write(builder: Any, out: Any, source: Any, n: Any, more: Any) -> None:
        x = Array(builder, source, T)
        top = _top(builder, x, n)
        total = _log_sum(builder, x, n, top)
        label = Array(builder, more, L).load(WORD(0), 1).to(np.dtype(np.int64))
        known = (label >= 0) & (label < Lanes(builder, n, label.dtype))
        chosen = x.load(known.choose(label, 0).value, 1)
        _store(builder, out, known.choose(total - (chosen - top), np.nan))

    return _by_rows("sparse_cross_entropy", write)


def _by_rows(name: str, write: Callable[..., None]) -> Any:
    """``[out, in, rows, n, out step, step, more, their step]``: n entries, at least one, a row.

    The entries of a row lie side by side; the steps go from row to row.
    """
    row = apart(name, write, 4)

    def kernel(p: int) -> None:
        q = words(p)
        out, source, more = q[0], q[1], q[6]
        for _ in range(q[2]):
            row(out, source, q[3], more)
            out += q[4]
            source += q[5]
            more += q[7]

    return kernel


def _top(builder: Any, x: Any, n: Any) -> Lanes:
    """The largest entry; NaN where one is."""
    return sweep(builder, n, [x], lambda v: [v], [MAXIMUM], unroll=2)[0]


def _log_sum(builder: Any, x: Any, n: Any, top: Lanes) -> Lanes:
    """log Σ e^(x - top)."""

    def terms(v: Lanes) -> list[Lanes]:
        z = v - spread(top, v.count)
        one = z.equals(0).choose(z.constant(1), 0.0)
        return [exp(z) - one, one]

    others, ties = sweep(builder, n, [x], terms, [SUM, SUM])
    return log1p(others + (ties - 1))


def _store(builder: Any, address: Any, number: Lanes) -> None:
    kind: ir.Type = number.value.type
    builder.store(number.value, builder.inttoptr(address, kind.as_pointer()))
