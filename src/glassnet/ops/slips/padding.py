"""What the slips of windows share: the op's own rule on arrays, padding."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.graph.op import Op
from glassnet.graph.tensor import Constant


def rule(op: Op, g: Any, y: Any, *inputs: Any) -> list[Any]:
    """The op's own rule on arrays."""
    found = op.vjp(Constant(np.asarray(g)), Constant(y), *map(Constant, inputs))
    return [None if part is None else np.asarray(part) for part in found]


def with_padding(x: Any, pairs: Any, fill: float = 0.0) -> Any:
    """The array with its padding; a negative one cuts off what no window reaches."""
    kept = [slice(max(-lo, 0), n - max(-hi, 0))
            for (lo, hi), n in zip(pairs, x.shape[1:-1], strict=True)]  # fmt: skip
    around = [(max(lo, 0), max(hi, 0)) for lo, hi in pairs]
    return np.pad(x[(slice(None), *kept)], ((0, 0), *around, (0, 0)), constant_values=fill)


def without_padding(wide: Any, pairs: Any, like: Any) -> Any:
    """What of an array in padded form belongs to the input; 0 where no window reached."""
    found = np.zeros(np.shape(like))
    to = [slice(max(-lo, 0), n - max(-hi, 0))
          for (lo, hi), n in zip(pairs, found.shape[1:-1], strict=True)]  # fmt: skip
    of = [slice(max(lo, 0), n - max(hi, 0))
          for (lo, hi), n in zip(pairs, wide.shape[1:-1], strict=True)]  # fmt: skip
    found[(slice(None), *to)] = wide[(slice(None), *of)]
    return found
