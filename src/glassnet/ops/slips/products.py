"""Slips of matrix products, quotients, softmax, and rows taken from a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.graph.op import Op
from glassnet.graph.slip import RIGHT, Slip


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
