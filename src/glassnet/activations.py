"""Activations: the functions between the linear maps of a network, and their names.

Every activation is a composition of ops, so its derivative follows; the docstrings state it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from glassnet.graph.recording import as_tensor
from glassnet.graph.tensor import Tensor
from glassnet.ops.activation import celu as celu
from glassnet.ops.activation import elu as elu
from glassnet.ops.activation import gelu as _gelu
from glassnet.ops.activation import glu as glu
from glassnet.ops.activation import hard_shrink as hard_shrink
from glassnet.ops.activation import hard_sigmoid as hard_sigmoid
from glassnet.ops.activation import hard_silu as hard_silu
from glassnet.ops.activation import hard_swish as hard_swish
from glassnet.ops.activation import hard_tanh as hard_tanh
from glassnet.ops.activation import leaky_relu as leaky_relu
from glassnet.ops.activation import log_sigmoid as log_sigmoid
from glassnet.ops.activation import mish as mish
from glassnet.ops.activation import relu6 as relu6
from glassnet.ops.activation import selu as selu
from glassnet.ops.activation import silu as silu
from glassnet.ops.activation import soft_shrink as soft_shrink
from glassnet.ops.activation import softsign as softsign
from glassnet.ops.activation import sparse_plus as sparse_plus
from glassnet.ops.activation import sparse_sigmoid as sparse_sigmoid
from glassnet.ops.activation import sparsemax as sparsemax
from glassnet.ops.activation import squareplus as squareplus
from glassnet.ops.activation import swish as swish
from glassnet.ops.activation import tanh_shrink as tanh_shrink
from glassnet.ops.activation import threshold as threshold
from glassnet.ops.comparison import clip, minimum, where
from glassnet.ops.elementwise import exp
from glassnet.ops.functions import relu as _relu
from glassnet.ops.functions import sigmoid as sigmoid
from glassnet.ops.functions import softplus as softplus
from glassnet.ops.functions import tanh as tanh
from glassnet.ops.softmax import log_softmax as log_softmax
from glassnet.ops.softmax import softmax as softmax
from glassnet.registry import Registry
from glassnet.registry import serialize as serialize

ACTIVATIONS = Registry("activation")

for _function in (
    celu,
    elu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    relu6,
    selu,
    sigmoid,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
    tanh_shrink,
    threshold,
):
    ACTIVATIONS.add()(_function)
ACTIVATIONS.add("swish")(silu)
ACTIVATIONS.add("hard_swish")(hard_silu)


@ACTIVATIONS.add()
def linear(x: Any) -> Tensor:
    """Return ``x``. Derivative: 1."""
    return x


@ACTIVATIONS.add()
def relu(
    x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Tensor:
    """Return ``max(x, 0)``, the rectified linear unit. Derivative: 1 where ``x > 0``, else 0.

    Args:
        x: the input.
        negative_slope: the slope below the threshold: ``negative_slope · (x - threshold)``.
        max_value: the largest value; none for None.
        threshold: the value below which ``x`` counts as negative.

    Source: X. Glorot, A. Bordes, Y. Bengio, "Deep sparse rectifier neural networks", AISTATS 2011.

    >>> from glassnet import activations
    >>> activations.relu([-2.0, 1.0, 9.0], max_value=6).tolist()
    [0.0, 1.0, 6.0]
    >>> activations.relu([-2.0, 1.0], negative_slope=0.5).tolist()
    [-1.0, 1.0]
    """
    x = as_tensor(x)
    if negative_slope and max_value is None and threshold == 0:
        return leaky_relu(x, negative_slope)
    y = _relu(x) if threshold == 0 else where(x > threshold, x, 0)
    if max_value is not None:
        y = minimum(y, max_value) if threshold == 0 else clip(y, 0, max_value)
    return y - negative_slope * _relu(threshold - x) if negative_slope else y


@ACTIVATIONS.add()
def gelu(x: Any, approximate: bool = False) -> Tensor:
    """Return ``x Φ(x)`` with Φ the distribution function of the standard normal.

    Derivative: ``Φ(x) + x φ(x)`` with φ its density.

    Args:
        x: the input.
        approximate: compute ``x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))`` in place of it.

    Source: D. Hendrycks, K. Gimpel, "Gaussian error linear units", 2016.

    >>> from glassnet import activations
    >>> round(activations.gelu(1.0).item(), 4)
    0.8413
    """
    return _gelu(x, approximate)


@ACTIVATIONS.add()
def exponential(x: Any) -> Tensor:
    """Return ``eˣ``. Derivative: ``eˣ``."""
    return exp(x)


deserialize = ACTIVATIONS.get


def get(identifier: Any) -> Callable[..., Any]:
    """Return an activation by name (``"relu"``), or as it is; None is linear.

    Raises:
        ValueError: for an unknown name, naming the nearest right one.

    >>> from glassnet import activations
    >>> activations.get("swish").__name__
    'silu'
    """
    return linear if identifier is None else ACTIVATIONS.get(identifier)
