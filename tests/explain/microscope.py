"""What the tests of the stability microscope share."""

from __future__ import annotations

from decimal import Decimal, getcontext

import glassnet as gn
from glassnet.layers import Dense, Input

getcontext().prec = 80


def net(loss, *layers, width=3, dtype=None):
    """A network whose first layer passes its inputs on, so that they are the logits."""
    first = Dense(width, kernel_initializer="identity", dtype=dtype)
    model = gn.Sequential([Input((width,)), first, *layers])
    if dtype is not None:
        model = gn.Sequential([Input((width,), dtype=dtype), first, *layers], dtype=dtype)
    model.compile("sgd", loss)
    return model


def row_of(report, op):
    (row,) = [r for r in report.rows if r.op == op]
    return row


def relative(values, truths):
    return max(
        float(abs(Decimal(float(v)) - t) / max(abs(t), Decimal(2) ** -126))
        for v, t in zip(values, truths, strict=True)
    )
