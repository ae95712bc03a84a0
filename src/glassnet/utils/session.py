"""What a session counts: the automatic names of layers; and telling symbolic tensors."""

from __future__ import annotations

from collections import Counter
from typing import Any

from glassnet.graph.tensor import Constant, Tensor
from glassnet.graph.variable import Variable

_names: Counter[str] = Counter()


def auto_name(kind: str) -> str:
    """Return ``kind``, then ``kind_1``, ``kind_2`` …, as Keras numbers its layers."""
    count = _names[kind]
    _names[kind] += 1
    return f"{kind}_{count}" if count else kind


def reset_names() -> None:
    """Start the numbering of automatic names anew."""
    _names.clear()


def clear_session(free_memory: bool = True) -> None:
    """Start anew: the next dense layer without a name is called ``"dense"`` again.

    Nothing else outlives its model, so there is nothing else to clear. The seed stays; set it
    with `set_random_seed`.

    Args:
        free_memory: accepted for Keras's sake; arrays go with the last model that holds them.

    >>> import glassnet as gn
    >>> gn.utils.clear_session()
    >>> gn.layers.Dense(1).name, gn.layers.Dense(1).name
    ('dense', 'dense_1')
    """
    reset_names()


def is_keras_tensor(x: Any) -> bool:
    """Tell whether ``x`` is a symbolic tensor: what `Input` and layers called on it return.

    >>> import numpy as np, glassnet as gn
    >>> gn.utils.is_keras_tensor(gn.Input((2,))), gn.utils.is_keras_tensor(np.zeros(2))
    (True, False)
    """
    return isinstance(x, Tensor) and not isinstance(x, (Constant, Variable))
