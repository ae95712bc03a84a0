"""Ops that pass their input on unchanged and refuse, when they run, what cannot be right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.formulas import Term
from glassnet.graph.dimension import Shape
from glassnet.graph.op import Op, Sample
from glassnet.graph.recording import record
from glassnet.graph.tensor import Tensor


@dataclass(frozen=True)
class CheckedIndex(Op):
    """x, whole numbers that must lie in 0 … ``limit`` - 1.

    Engines that compute on an accelerator cannot look at values, so there x passes unseen.
    """

    name = "checked_index"
    differentiable = False
    elementwise = True
    view = True
    limit: int = 1
    place: str = ""

    def infer(self, x: Tensor) -> tuple[Shape, np.dtype]:
        if x.dtype.kind not in "iu":
            raise TypeError(f"{self.place}: expected whole numbers; got {x.dtype}.")
        return x.shape, x.dtype

    def value(self, xp: Any, x: Any) -> Any:
        if xp is np and x.size and (x.min() < 0 or x.max() >= self.limit):
            entry = int(np.flatnonzero((x < 0) | (x >= self.limit))[0])
            where = ", ".join(str(int(i)) for i in np.unravel_index(entry, x.shape))
            below = x.flat[entry] < 0
            raise ValueError(
                f"{self.place} expects category numbers from 0 to {self.limit - 1}; "
                f"entry [{where}] is {x.flat[entry]}. "
                + ("Number the categories from 0." if below else f"Make room for {x.max() + 1}.")
            )
        return x

    def formula(self, node: Tensor, x: Term) -> Term:
        return x

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls(3, "here"), (np.array([[0, 2], [1, 1]]),))


def checked_index(x: Tensor, limit: int, place: str) -> Tensor:
    """Return the whole numbers ``x``; running it raises where one is not in 0 … ``limit`` - 1.

    Args:
        x: the numbers.
        limit: the first number too large.
        place: who asks, as the error message begins: ``"Layer 'embedding'"``.
    """
    return record(CheckedIndex(limit, place), x)
