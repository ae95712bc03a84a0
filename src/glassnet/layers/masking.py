"""Masks: which steps of a sequence hold data."""

from __future__ import annotations

from typing import Any

from glassnet.graph.dimension import display
from glassnet.graph.tensor import Tensor
from glassnet.layers.base import LAYERS, Layer
from glassnet.ops import any as any_
from glassnet.ops import not_equal, squeeze, where


@LAYERS.add()
class Masking(Layer):
    """``A = X`` with a mask: a time step all of whose entries equal ``mask_value`` is left out.

    Args:
        mask_value: the entry of steps that hold no data; they become 0.

    Shapes: X (m, steps, features), A as X, its mask (m, steps), True for steps that count.

    >>> import numpy as np, glassnet as gn
    >>> y = gn.layers.Masking(-1)(np.array([[[1.0, -1.0], [-1.0, -1.0]]]))
    >>> np.asarray(y).tolist(), np.asarray(y.mask).tolist()
    ([[[1.0, -1.0], [0.0, 0.0]]], [[True, False]])
    """

    symbol = "Xtilde"

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = mask_value
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        counts = any_(not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        outputs = where(counts, inputs, 0)
        outputs.mask = squeeze(counts, -1)
        return outputs

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return any_(not_equal(inputs, self.mask_value), axis=-1)

    def check_input(self, inputs: Any) -> None:
        if inputs.ndim < 2:
            raise ValueError(
                f"Layer {self.name!r} looks at the entries of each step, (m, steps, features); "
                f"got {display(inputs.shape)}."
            )
