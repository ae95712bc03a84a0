"""Normalization within each example: over a layer, over groups of channels, to unit length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from glassnet import constraints, initializers, regularizers
from glassnet.graph.dimension import display
from glassnet.graph.dtypes import promote
from glassnet.graph.recording import written
from glassnet.graph.tensor import Tensor
from glassnet.graph.variable import Variable
from glassnet.layers.base import LAYERS, Layer
from glassnet.notation import inputs_in_notation
from glassnet.ops import cast, maximum, reshape, sqrt, square
from glassnet.ops import sum as sum_


class _Scaled(Layer):
    """The base of normalizations whose result is multiplied by γ and moved by β."""

    symbol = "N"

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = checked_axis(axis, self)
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.supports_masking = True

    gamma: Variable | None
    beta: Variable | None
    weight_layouts: ClassVar = {"gamma": "vector", "beta": "vector"}

    def _add_scale(self, shape: Sequence[int], scale: bool, center: bool) -> None:
        self.gamma = self.beta = None
        if scale:
            self.gamma = self.add_weight(
                shape,
                self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                name="gamma",
            )
        if center:
            self.beta = self.add_weight(
                shape,
                self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                name="beta",
            )

    def _normalized(self, x: Tensor, axes: tuple[int, ...], weights_shape: Any) -> Tensor:
        """``γ (x - μ) / √(σ² + ε) + β`` with μ and σ² over ``axes``."""
        centred, deviation = self._spread(x, axes)
        result = written(centred / deviation, "Xhat")
        if self.gamma is not None:
            result = cast(reshape(self.gamma, weights_shape), x.dtype) * result
        if self.beta is not None:
            result = result + cast(reshape(self.beta, weights_shape), x.dtype)
        return result

    def _spread(self, x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """``x - μ``, and ``√(σ² + ε)`` with μ and σ² over ``axes``."""
        mean = written(x.mean(axes, keepdims=True), "mu")
        centred = x - mean
        variance = written(square(centred).mean(axes, keepdims=True), "V")
        return centred, written(sqrt(variance + self.epsilon), "sigma")

    def _wide(self, inputs: Tensor) -> Tensor:
        """The inputs in float32 at least: float16 overflows in a sum of squares."""
        return cast(inputs, promote([np.dtype(self.dtype), np.dtype(np.float32)]))

    def _check_sizes(self, inputs: Tensor, axes: Sequence[int], sizes: Sequence[int]) -> None:
        found = tuple(inputs.shape[a] for a in axes)
        if found != tuple(sizes):
            raise ValueError(
                f"Layer {self.name!r} expects {display(sizes)} along axis {self.axis}; got "
                f"{display(found)}: an input of shape {display(inputs.shape)}."
                + inputs_in_notation((None, *sizes), inputs.shape)
            )


@LAYERS.add()
class LayerNormalization(_Scaled):
    """``A = γ (X - μ) / √(σ² + ε) + β``, with μ and σ² of each example along ``axis``.

    Args:
        axis: the axis, or several, whose entries are normalized together.
        epsilon: ε, added to the variance.
        center: whether β is added.
        scale: whether γ multiplies.
        beta_initializer: the first value of β.
        gamma_initializer: the first value of γ.
        beta_regularizer: a penalty on β.
        gamma_regularizer: a penalty on γ.
        beta_constraint: a projection of β after each update.
        gamma_constraint: a projection of γ after each update.
        rms_scaling: for old models: ``A = γ X / √(σ² + ε)``, with nothing subtracted or added.

    Shapes: X (m, …), γ and β have the sizes of ``axis``, A as X.

    Raises:
        ValueError: where the axis does not exist or has another size than before.

    Source: J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", arXiv:1607.06450.

    >>> import numpy as np, glassnet as gn
    >>> layer = gn.layers.LayerNormalization(epsilon=0)
    >>> np.asarray(layer(np.array([[1.0, 3.0], [5.0, 25.0]]))).tolist()
    [[-1.0, 1.0], [-1.0, 1.0]]
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        *,
        rms_scaling: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            axis,
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        self.rms_scaling = rms_scaling

    def build(self, input_shape: Any) -> None:
        axes = axes_of(self.axis, len(input_shape), self)
        self._sizes = tuple(input_shape[a] for a in axes)
        rms = self.rms_scaling
        self._add_scale(self._sizes, self.scale or rms, self.center and not rms)

    def check_input(self, inputs: Any) -> None:
        self._check_sizes(inputs, axes_of(self.axis, inputs.ndim, self), self._sizes)

    def call(self, inputs: Tensor) -> Tensor:
        x, axes = self._wide(inputs), axes_of(self.axis, inputs.ndim, self)
        shape = tuple(size if i in axes else 1 for i, size in enumerate(x.shape))
        shape = shape[min(axes) :]  # leading axes broadcast by themselves
        if not self.rms_scaling:
            return cast(self._normalized(x, axes, shape), self.dtype)
        _, deviation = self._spread(x, axes)
        assert self.gamma is not None
        gamma = cast(reshape(self.gamma, shape), x.dtype)
        return cast(gamma * written(x / deviation, "Xhat"), self.dtype)


@LAYERS.add()
class GroupNormalization(_Scaled):
    """``A = γ (X - μ) / √(σ² + ε) + β``, with μ and σ² of each example and group of channels.

    Args:
        groups: the number of groups, which divides the number of channels; -1 for one channel a
            group (instance normalization).
        axis: the axis of the channels.
        epsilon: ε, added to the variance.
        center: whether β is added.
        scale: whether γ multiplies.
        beta_initializer: the first value of β.
        gamma_initializer: the first value of γ.
        beta_regularizer: a penalty on β.
        gamma_regularizer: a penalty on γ.
        beta_constraint: a projection of β after each update.
        gamma_constraint: a projection of γ after each update.

    Shapes: X (m, …, channels, …), γ and β (channels,), A as X.

    Raises:
        ValueError: where the groups do not divide the channels.

    Source: Y. Wu, K. He, "Group normalization", ECCV 2018.

    >>> import numpy as np, glassnet as gn
    >>> layer = gn.layers.GroupNormalization(groups=2, epsilon=0)
    >>> np.asarray(layer(np.array([[1.0, 3.0, 5.0, 25.0]]))).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            axis,
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        if isinstance(groups, bool) or not isinstance(groups, int) or groups < -1 or not groups:
            raise ValueError(
                "GroupNormalization: groups is a whole number above 0, or -1 for one channel a "
                f"group; got {groups!r}."
            )
        self.groups = groups

    def build(self, input_shape: Any) -> None:
        (axis,) = axes_of(self.axis, len(input_shape), self)
        channels = input_shape[axis]
        if channels is not None and channels % self._groups_of(channels):
            raise ValueError(
                f"Layer {self.name!r} splits the channels into {self.groups} groups of one size; "
                f"the input has {channels} channels. Choose groups that divide {channels}."
            )
        self._channels = channels
        self._add_scale((channels,), self.scale, self.center)

    def _groups_of(self, channels: int) -> int:
        return channels if self.groups == -1 else self.groups

    def check_input(self, inputs: Any) -> None:
        self._check_sizes(inputs, axes_of(self.axis, inputs.ndim, self), (self._channels,))

    def call(self, inputs: Tensor) -> Tensor:
        (axis,), groups = axes_of(self.axis, inputs.ndim, self), self._groups_of(self._channels)
        split = (groups, self._channels // groups)
        shape = inputs.shape
        x = reshape(self._wide(inputs), (*shape[:axis], *split, *shape[axis + 1 :]))
        axes = tuple(i for i in range(1, x.ndim) if i != axis)
        ones = (1,) * (inputs.ndim - 1 - axis)
        return cast(reshape(self._normalized(x, axes, (*split, *ones)), shape), self.dtype)


@LAYERS.add()
class UnitNormalization(Layer):
    """``A = X / ‖X‖``: each example has length 1 along ``axis``; zeros stay zeros.

    Args:
        axis: the axis, or several, along which squares are added up.

    Shapes: any, and A has the shape of X.

    >>> import numpy as np, glassnet as gn
    >>> gn.layers.UnitNormalization(dtype="float64")(np.array([[3.0, 4.0]])).numpy().round(6)
    array([[0.6, 0.8]])
    """

    symbol = "N"

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = checked_axis(axis, self)
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        found = tuple(sorted(axis_of(a, inputs.ndim, self) for a in axes))
        return unit_length(inputs, found, 1e-12)


def unit_length(x: Tensor, axis: int | tuple[int, ...], epsilon: float) -> Tensor:
    """Return ``x / max(‖x‖, ε)`` along ``axis``.

    The bound is put on the square, so that the derivative at 0 is 1/ε and not 0 · ∞.
    """
    length2 = sum_(square(x), axis, keepdims=True)
    return x / written(sqrt(maximum(length2, epsilon**2)), "n")


def checked_axis(axis: Any, layer: Layer) -> int | list[int]:
    """Return an axis as an integer, several as a list; raise where it is neither."""
    if isinstance(axis, (int, np.integer)) and not isinstance(axis, bool):
        return int(axis)
    if isinstance(axis, (list, tuple)) and all(isinstance(a, (int, np.integer)) for a in axis):
        return [int(a) for a in axis]
    raise TypeError(
        f"{type(layer).__name__}: axis is an integer or a list of integers; got {axis!r}."
    )


def axis_of(axis: int, rank: int, layer: Layer) -> int:
    """Return ``axis`` counted from the front; raise where an input has no such axis."""
    if not -rank <= axis < rank:
        raise ValueError(
            f"Layer {layer.name!r}: axis={axis}, but an input of {rank} axes has {-rank} to "
            f"{rank - 1}."
        )
    return axis % rank


def axes_of(axis: int | list[int], rank: int, layer: Layer) -> tuple[int, ...]:
    """Return one or several axes counted from the front, sorted; none of them axis 0."""
    axes = tuple(
        sorted({axis_of(a, rank, layer) for a in ([axis] if isinstance(axis, int) else axis)})
    )
    if 0 in axes:
        raise ValueError(
            f"Layer {layer.name!r}: axis={axis} includes axis 0, which counts the examples; they "
            "are normalized one by one."
        )
    return axes
