"""Linear algebra: the matrix product, and what is written with it."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np

from glassnet.formulas import Term, matrix_product
from glassnet.formulas.arranging import product_of_vectors
from glassnet.graph.dimension import Shape, display, product
from glassnet.graph.op import Op, Sample, Work
from glassnet.graph.recording import record
from glassnet.graph.slip import Slip
from glassnet.graph.tensor import Tensor, implements
from glassnet.ops import slips
from glassnet.ops.elementwise import Grads
from glassnet.ops.operands import broadcast_shapes, operands, unbroadcast
from glassnet.ops.shaping import expand_dims, reshape, squeeze, transpose


class MatMul(Op):
    """A B over the last two axes; the axes before them broadcast."""

    name = "matmul"
    rules = (
        "In a matrix product the derivative goes back to one factor through the transpose of the "
        "other",
        "The derivative by the weights of a matrix product is what comes back times the transpose "
        "of what went in; the product adds it up over the examples",
    )

    def infer(self, a: Tensor, b: Tensor) -> tuple[Shape, np.dtype]:
        if a.shape[-1] != b.shape[-2]:
            raise ValueError(
                f"matmul: {display(a.shape)} @ {display(b.shape)}: the columns of the first, "
                f"{a.shape[-1]}, must equal the rows of the second, {b.shape[-2]}."
            )
        lead = broadcast_shapes(a.shape[:-2], b.shape[:-2], what="matmul: the leading axes")
        return (*lead, a.shape[-2], b.shape[-1]), b.dtype

    def value(self, xp: Any, a: Any, b: Any) -> Any:
        if a.ndim > 2 and b.ndim == 2:  # one large product in place of many small ones
            rows = xp.reshape(a, (prod(a.shape[:-1]), a.shape[-1]))
            return xp.reshape(rows @ b, (*a.shape[:-1], b.shape[-1]))
        return xp.matmul(a, b)

    def work(self, out: tuple[int, ...], *inputs: tuple[int, ...]) -> Work:
        a, _ = inputs
        return Work(prod(out), 2 * prod(out) * a[-1])

    def formula(self, node: Tensor, a: Term, b: Term) -> Term:
        return product_of_vectors(a, b) or matrix_product(a, b)

    def slips(self) -> Iterable[Slip]:
        return slips.MATMUL

    def vjp(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Grads:
        if a.ndim > 2 and b.ndim == 2:  # all leading axes are rows of one matrix
            rows = product(a.shape[:-1])
            rows_a, rows_g = reshape(a, (rows, a.shape[-1])), reshape(g, (rows, g.shape[-1]))
            return matmul(g, transpose(b)), matmul(transpose(rows_a), rows_g)
        return (
            unbroadcast(matmul(g, _swapped(b)), a.shape),
            unbroadcast(matmul(_swapped(a), g), b.shape),
        )

    def rows(self, place: int, *inputs: Tensor) -> Tensor | None:
        a, b = inputs
        if place != 1 or b.ndim != 2:
            return None
        return reshape(a, (product(a.shape[:-1]), a.shape[-1]))

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        def draw(*shape: int) -> np.ndarray:
            return np.random.default_rng(0).normal(size=shape)

        yield Sample(cls(), (draw(3, 4), draw(4, 2)))
        yield Sample(cls(), (draw(2, 3, 4), draw(4, 2)))
        yield Sample(cls(), (draw(2, 1, 3, 4), draw(5, 4, 2)))
        yield Sample(cls(), (draw(1, 1), draw(1, 1)))
        yield Sample(cls(), (draw(2, 3, 0), draw(0, 2)))


def _swapped(x: Tensor) -> Tensor:
    return transpose(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


@implements(np.matmul)
def matmul(x1: Any, x2: Any) -> Tensor:
    """Return the matrix product ``x1 @ x2``; leading axes broadcast, vectors as in NumPy.

    >>> from glassnet import ops
    >>> ops.matmul([[1.0, 2.0]], [[3.0], [4.0]]).tolist()
    [[11.0]]
    """
    a, b = operands(x1, x2)
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError("matmul: a factor has no axes; use * for a number.")
    if a.ndim == 1:
        return squeeze(matmul(expand_dims(a, 0), b), -2 if b.ndim > 1 else 0)
    if b.ndim == 1:
        return squeeze(matmul(a, expand_dims(b, 1)), -1)
    return record(MatMul(), a, b)
