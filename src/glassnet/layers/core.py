"""The bricks every network has: dense layers, activations, inputs."""

from __future__ import annotations

from typing import Any, ClassVar

from glassnet import activations, constraints, initializers, regularizers
from glassnet.graph.dimension import display
from glassnet.graph.recording import written
from glassnet.graph.tensor import Tensor
from glassnet.graph.variable import Variable
from glassnet.layers.base import LAYERS, Layer
from glassnet.notation import inputs_in_notation
from glassnet.ops import matmul


@LAYERS.add()
class Dense(Layer):
    """``A = g(X W + b)``: every output is connected to every input.

    Args:
        units: the number of outputs.
        activation: g, a name or a function; linear for None.
        use_bias: whether b is added.
        kernel_initializer: the first value of W.
        bias_initializer: the first value of b.
        kernel_regularizer: a penalty on W.
        bias_regularizer: a penalty on b.
        activity_regularizer: a penalty on A.
        kernel_constraint: a projection of W after each update.
        bias_constraint: a projection of b after each update.

    Shapes: X (m, …, n), W (n, units), b (units,), A (m, …, units).

    >>> import numpy as np, glassnet as gn
    >>> layer = gn.layers.Dense(2, kernel_initializer="ones")
    >>> np.asarray(layer(np.array([[1.0, 2.0, 3.0]]))).tolist()
    [[6.0, 6.0]]
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = positive_integer(units, "units", self)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.supports_masking = True

    kernel: Variable
    bias: Variable | None
    weight_layouts: ClassVar = {"kernel": "kernel", "bias": "vector"}

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(
            (input_shape[-1], self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def call(self, inputs: Tensor) -> Tensor:
        z = matmul(inputs, self.kernel)  # (m, units)
        if self.bias is not None:
            z = z + self.bias
        return self.activation(written(z, "Z"))

    def check_input(self, inputs: Any) -> None:
        width, shape = self.kernel.shape[0], inputs.shape
        if len(shape) < 2:
            raise ValueError(
                f"Layer {self.name!r} expects examples as rows, (m, {width}); got an input of "
                f"shape {display(shape)}. For one example pass x[None, :], for one feature "
                "x[:, None]."
            )
        if shape[-1] != width:
            turned = len(shape) == 2 and shape[0] == width
            raise ValueError(
                f"Layer {self.name!r} expects {width} features on the last axis, (m, {width}); got "
                f"{display(shape)}."
                + (" This looks like features by examples: pass x.T." if turned else "")
                + inputs_in_notation((None, width), shape)
            )


def positive_integer(value: Any, argument: str, layer: Layer) -> int:
    """Return ``value``; raise where it is no integer above 0."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) <= 0:
        raise ValueError(
            f"{type(layer).__name__}: {argument} is a whole number above 0; got {value!r}."
        )
    return int(value)
