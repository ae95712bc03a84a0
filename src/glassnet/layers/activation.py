"""Activations as layers of their own, with a slope or a shape to set, or to learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from glassnet import activations, constraints, initializers, regularizers
from glassnet.graph.dimension import display
from glassnet.graph.tensor import Tensor
from glassnet.graph.variable import Variable
from glassnet.layers.base import LAYERS, Layer
from glassnet.notation import inputs_in_notation
from glassnet.ops import exp, greater, logsumexp, relu, where


@LAYERS.add()
class Activation(Layer):
    """``A = g(X)``: an activation on its own.

    Args:
        activation: g, a name or a function.

    Shapes: any, and A has the shape of X.

    >>> import numpy as np, glassnet as gn
    >>> np.asarray(gn.layers.Activation("relu")(np.array([-3.0, 0.0, 2.0]))).tolist()
    [0.0, 0.0, 2.0]
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        return self.activation(inputs)


@LAYERS.add()
class ReLU(Layer):
    """``a = x`` from the threshold θ up to ``max_value``, and ``s (x - θ)`` below θ.

    Args:
        max_value: the largest value of a; no bound for None.
        negative_slope: s.
        threshold: θ.

    Shapes: any, and A has the shape of X.

    Raises:
        ValueError: where an argument is negative.

    >>> import numpy as np, glassnet as gn
    >>> layer = gn.layers.ReLU(max_value=10, negative_slope=0.5)
    >>> np.asarray(layer(np.array([-10.0, -5.0, 0.0, 5.0, 20.0]))).tolist()
    [-5.0, -2.5, 0.0, 5.0, 10.0]
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_value = None if max_value is None else _at_least_0(max_value, "max_value", self)
        self.negative_slope = _at_least_0(negative_slope, "negative_slope", self)
        self.threshold = _at_least_0(threshold, "threshold", self)
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        return activations.relu(
            inputs,
            negative_slope=self.negative_slope,
            max_value=self.max_value,
            threshold=self.threshold,
        )


@LAYERS.add()
class LeakyReLU(Layer):
    """``a = x`` for x ≥ 0, ``s x`` below: a unit that is off still learns.

    Args:
        negative_slope: s.

    Shapes: any, and A has the shape of X.

    Raises:
        ValueError: where the slope is negative.

    Source: A. L. Maas, A. Y. Hannun, A. Y. Ng, "Rectifier nonlinearities improve neural network
    acoustic models", ICML 2013.

    >>> import numpy as np, glassnet as gn
    >>> layer = gn.layers.LeakyReLU(negative_slope=0.5)
    >>> np.asarray(layer(np.array([-10.0, 0.0, 5.0]))).tolist()
    [-5.0, 0.0, 5.0]
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.negative_slope = _at_least_0(negative_slope, "negative_slope", self)
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        return activations.leaky_relu(inputs, negative_slope=self.negative_slope)


@LAYERS.add()
class PReLU(Layer):
    """``a = x`` for x ≥ 0, ``α x`` below, with one learned α for each entry of an example.

    Args:
        alpha_initializer: the first value of α.
        alpha_regularizer: a penalty on α.
        alpha_constraint: a projection of α after each update.
        shared_axes: the axes along which α is the same. After a Conv2D, (m, height, width,
            channels), ``shared_axes=[1, 2]`` gives one α for each channel.

    Shapes: X (m, …), α (…) with 1 on the shared axes, A as X.

    Raises:
        ValueError: where a shared axis does not exist, or is axis 0, which counts the examples.

    Source: K. He et al., "Delving deep into rectifiers", ICCV 2015.

    >>> import numpy as np, glassnet as gn
    >>> layer = gn.layers.PReLU(alpha_initializer="ones")
    >>> np.asarray(layer(np.array([[-2.0, 3.0]]))).tolist()
    [[-2.0, 3.0]]
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        if shared_axes is None:
            self.shared_axes: list[int] | None = None
        else:
            given = [shared_axes] if isinstance(shared_axes, int) else shared_axes
            self.shared_axes = [int(axis) for axis in given]
        self.supports_masking = True

    alpha: Variable
    weight_layouts: ClassVar = {"alpha": "slopes"}

    def build(self, input_shape: Any) -> None:
        sizes = list(input_shape[1:])
        for axis in self.shared_axes or ():
            place = axis if axis > 0 else axis + len(input_shape)
            if not 0 < place < len(input_shape):
                raise ValueError(
                    f"Layer {self.name!r}: shared_axes={self.shared_axes}; an input of "
                    f"{len(input_shape)} axes can share α along axes 1 to {len(input_shape) - 1}."
                )
            sizes[place - 1] = 1
        self.alpha = self.add_weight(
            sizes,
            self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
            name="alpha",
        )

    def call(self, inputs: Tensor) -> Tensor:
        return relu(inputs) - self.alpha * relu(-inputs)

    def check_input(self, inputs: Any) -> None:
        sizes, own = inputs.shape[1:], self.alpha.shape
        shared = {axis % len(inputs.shape) - 1 for axis in self.shared_axes or ()}
        fits = len(sizes) == len(own) and all(
            i in shared or a == b for i, (a, b) in enumerate(zip(sizes, own, strict=True))
        )
        if not fits:
            raise ValueError(
                f"Layer {self.name!r} has one α for each entry of an example, {display(own)} of "
                f"them; got an input of shape {display(inputs.shape)}. To take examples of other "
                "sizes name the axes that share: PReLU(shared_axes=[1, 2])."
                + inputs_in_notation((None, *own), inputs.shape)
            )


@LAYERS.add()
class ELU(Layer):
    """``a = x`` for x > 0, ``α (eˣ - 1)`` below.

    Args:
        alpha: α.

    Shapes: any, and A has the shape of X.

    Source: D.-A. Clevert, T. Unterthiner, S. Hochreiter, "Fast and accurate deep network learning
    by exponential linear units (ELUs)", ICLR 2016.

    >>> import numpy as np, glassnet as gn
    >>> print(gn.layers.ELU()(np.array([-1.0, 0.0, 2.0])).numpy().round(3))
    [-0.632  0.     2.   ]
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        return activations.elu(inputs, alpha=self.alpha)


@LAYERS.add()
class Softmax(Layer):
    """``a = eˣ / Σ eˣ``: positive numbers that sum to 1 along ``axis``.

    Args:
        axis: the axis, or several, to sum along.

    Called with ``mask``, truth values that broadcast to the inputs, the entries where it is False
    get 0 and the others share the 1; a row that is masked as a whole is 0.

    Shapes: any, and A has the shape of X.

    Raises:
        ValueError: where the mask does not broadcast to the inputs.

    >>> import numpy as np, glassnet as gn
    >>> x = np.array([[0.0, 0.0, 9.0]])
    >>> np.asarray(gn.layers.Softmax()(x, mask=np.array([[True, True, False]]))).tolist()
    [[0.5, 0.5, 0.0]]
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis
        self.supports_masking = True

    def call(self, inputs: Tensor, mask: Any = None) -> Tensor:
        if mask is None:
            return self._softmax(inputs)
        self._check_mask(inputs, mask)
        kept = mask if mask.dtype == bool else greater(mask, 0.5)
        low = -3e4 if inputs.dtype == "float16" else -1e9  # a finite number, so no ∞ - ∞
        return where(kept, self._softmax(where(kept, inputs, low)), 0.0)

    def _softmax(self, x: Tensor) -> Tensor:
        if isinstance(self.axis, int) or len(self.axis) == 1:
            # By way of the activation, so that a loss recognises a softmax when it sees one.
            return activations.softmax(x, self.axis if isinstance(self.axis, int) else self.axis[0])
        return exp(x - logsumexp(x, tuple(self.axis), keepdims=True))

    def _check_mask(self, inputs: Tensor, mask: Tensor) -> None:
        ends = zip(reversed(mask.shape), reversed(inputs.shape), strict=False)
        if mask.ndim > inputs.ndim or any(a not in (1, b) for a, b in ends):
            raise ValueError(
                f"Layer {self.name!r}: the mask, {display(mask.shape)}, must broadcast to the "
                f"inputs, {display(inputs.shape)}: each of its sizes, counted from the last, is 1 "
                "or the input's."
            )


def _at_least_0(value: Any, argument: str, layer: Layer) -> float:
    if value is None or not value >= 0:
        raise ValueError(
            f"{type(layer).__name__}: {argument} is a number of at least 0; got {value!r}."
        )
    return float(value)
