"""Batch normalization: each channel centred and scaled by the statistics of the batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from glassnet import config, constraints, initializers, regularizers
from glassnet.graph.dimension import display
from glassnet.graph.dtypes import promote
from glassnet.graph.recording import written
from glassnet.graph.tensor import Tensor
from glassnet.graph.variable import Variable
from glassnet.layers.base import LAYERS, Layer
from glassnet.notation import inputs_in_notation
from glassnet.ops import (
    broadcast_to,
    cast,
    clip,
    expand_dims,
    maximum,
    minimum,
    relu,
    reshape,
    rsqrt,
    sqrt,
    square,
    stop_gradient,
    where,
)
from glassnet.ops import sum as sum_


@LAYERS.add()
class BatchNormalization(Layer):
    """``A = γ (X - μ) / √(σ² + ε) + β`` for each channel.

    In training μ and σ² are the mean and variance of the batch, and the moving statistics follow
    them: ``moving = momentum · moving + (1 - momentum) · batch``. Otherwise, and always where
    ``trainable`` is False, μ and σ² are the moving statistics, and nothing changes.

    Args:
        axis: the axis of the channels.
        momentum: how much of the moving statistics stays at each step.
        epsilon: ε, added to the variance.
        center: whether β is added.
        scale: whether γ multiplies.
        beta_initializer: the first value of β.
        gamma_initializer: the first value of γ.
        moving_mean_initializer: the first value of the moving mean.
        moving_variance_initializer: the first value of the moving variance.
        beta_regularizer: a penalty on β.
        gamma_regularizer: a penalty on γ.
        beta_constraint: a projection of β after each update.
        gamma_constraint: a projection of γ after each update.
        renorm: whether training uses batch renormalization: the batch's statistics corrected by
            ``r`` and ``d`` towards moving ones, for small batches.
        renorm_clipping: bounds ``{"rmin": …, "rmax": …, "dmax": …}`` of the correction.
        renorm_momentum: the momentum of the moving statistics that the correction aims at.
        synchronized: False; there is one copy of a network, whose batch is never split.

    Called with ``mask``, truth values of the inputs' shape but for the last axis, the statistics
    count the places where it is True.

    Shapes: X (m, …, channels, …), γ, β, moving mean and moving variance (channels,), A as X.

    Raises:
        ValueError: where the input has another number of channels, or the mask another rank.

    Sources: S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015; S. Ioffe, "Batch
    renormalization", NIPS 2017.

    >>> import numpy as np, glassnet as gn
    >>> layer = gn.layers.BatchNormalization(epsilon=0)
    >>> x = np.array([[1.0], [3.0]])
    >>> np.asarray(layer(x, training=True)).tolist()
    [[-1.0], [1.0]]
    >>> round(layer.moving_mean.numpy().item(), 3)
    0.02
    """

    symbol = "N"

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Mapping[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if synchronized:
            raise ValueError(
                "BatchNormalization: synchronized=True is for batches split over devices; here "
                "the batch is whole, so leave it out."
            )
        self.axis = int(axis)
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.renorm = renorm
        self.renorm_clipping = _checked_clipping(renorm_clipping)
        self.renorm_momentum = float(renorm_momentum)
        self.synchronized = synchronized
        self.supports_masking = True

    gamma: Variable | None
    beta: Variable | None
    moving_mean: Variable
    moving_variance: Variable
    weight_layouts: ClassVar = {
        "gamma": "vector",
        "beta": "vector",
        "moving_mean": "vector",
        "moving_variance": "vector",
        "moving_stddev": "vector",
        "renorm_mean": "vector",
        "renorm_stddev": "vector",
    }

    def build(self, input_shape: Any) -> None:
        shape = (input_shape[self._channel_axis(len(input_shape))],)
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_weight(
                shape,
                self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                name="gamma",
            )
        if self.center:
            self.beta = self.add_weight(
                shape,
                self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                name="beta",
            )
        self.moving_mean = self._statistic(shape, self.moving_mean_initializer, "moving_mean")
        self.moving_variance = self._statistic(
            shape, self.moving_variance_initializer, "moving_variance"
        )
        if self.renorm:
            deviation = np.sqrt(self.moving_variance.value)
            self.moving_stddev = self._statistic(shape, _holding(deviation), "moving_stddev")
            mean = _holding(self.moving_mean.value)
            self.renorm_mean = self._statistic(shape, mean, "renorm_mean")
            self.renorm_stddev = self._statistic(shape, _holding(deviation), "renorm_stddev")

    def _statistic(self, shape: Any, initializer: Any, name: str) -> Variable:
        return self.add_weight(shape, initializer, trainable=False, name=name)

    def _channel_axis(self, rank: int) -> int:
        if not -rank <= self.axis < rank or self.axis % rank == 0:
            raise ValueError(
                f"Layer {self.name!r} has its channels on axis {self.axis}; an input of {rank} "
                f"axes has them on one of 1 to {rank - 1} (axis 0 counts the examples)."
            )
        return self.axis % rank

    def check_input(self, inputs: Any) -> None:
        channels = inputs.shape[self._channel_axis(inputs.ndim)]
        if channels != self.moving_mean.shape[0]:
            raise ValueError(
                f"Layer {self.name!r} expects {self.moving_mean.shape[0]} channels on axis "
                f"{self.axis}; got an input of shape {display(inputs.shape)}."
                + inputs_in_notation((None, self.moving_mean.shape[0]), inputs.shape)
            )

    def call(self, inputs: Tensor, training: bool | None = None, mask: Any = None) -> Tensor:
        # float16 overflows in a sum of squares: computed in float32 and returned as it came.
        x = cast(inputs, promote([np.dtype(self.dtype), np.dtype(np.float32)]))
        gamma, beta = _cast_or_none(self.gamma, x.dtype), _cast_or_none(self.beta, x.dtype)
        if training and self.trainable:
            normalized = self._by_the_batch(x, mask)
            if gamma is not None:
                normalized = self._along(gamma, x) * normalized
            if beta is not None:
                normalized = normalized + self._along(beta, x)
            return cast(normalized, self.dtype)
        # The statistics are constants: all four vectors together are one factor and one shift.
        factor = rsqrt(cast(self.moving_variance, x.dtype) + self.epsilon)
        if gamma is not None:
            factor = factor * gamma
        shift = -cast(self.moving_mean, x.dtype) * factor
        if beta is not None:
            shift = shift + beta
        return cast(x * self._along(factor, x) + self._along(shift, x), self.dtype)

    def _by_the_batch(self, x: Tensor, mask: Any) -> Tensor:
        """``(X - μ) / σ`` with the statistics of the batch, which the moving ones follow."""
        mean, variance, centred = self._moments(x, mask)
        deviation = written(sqrt(variance + self.epsilon), "sigma")
        normalized = written(centred / deviation, "Xhat")
        mean, variance, deviation = (reshape(t, (-1,)) for t in (mean, variance, deviation))
        if self.renorm:
            r, d = self._correction(mean, deviation)
            return written(self._along(r, x) * normalized + self._along(d, x), "Xtilde")
        self._follow(self.moving_mean, mean, self.momentum)
        self._follow(self.moving_variance, variance, self.momentum)
        return normalized

    def _along(self, statistic: Tensor, x: Tensor) -> Tensor:
        """A vector over the channels, laid along their axis."""
        after = x.ndim - 1 - self.axis % x.ndim
        return reshape(statistic, (-1, *[1] * after)) if after else statistic

    def _moments(self, x: Tensor, mask: Any) -> tuple[Tensor, Tensor, Tensor]:
        """The mean and variance of each channel, along its axis; and the input less its mean."""
        axes = tuple(i for i in range(x.ndim) if i != self.axis % x.ndim)
        if mask is None:
            mean = written(x.mean(axes, keepdims=True), "mu")
            centred = x - mean
            return mean, written(square(centred).mean(axes, keepdims=True), "V"), centred
        if mask.ndim != x.ndim - 1:
            raise ValueError(
                f"Layer {self.name!r}: the mask has the inputs' shape but for the last axis, "
                f"{display(x.shape[:-1])}; got {display(mask.shape)}."
            )
        kept = broadcast_to(expand_dims(cast(mask, "bool"), -1), x.shape)
        count = sum_(cast(kept, x.dtype), axes, keepdims=True) + config.epsilon()
        mean = written(sum_(where(kept, x, 0.0), axes, keepdims=True) / count, "mu")
        centred = x - mean
        variance = sum_(square(where(kept, centred, 0.0)), axes, keepdims=True) / count
        return mean, written(variance, "V"), centred

    def _follow(self, statistic: Variable, value: Tensor, momentum: float) -> Tensor:
        """Move a statistic towards the batch's value; return where it went."""
        new = cast(statistic, value.dtype) * momentum + value * (1.0 - momentum)
        statistic.assign(new)
        return new

    def _correction(self, mean: Tensor, deviation: Tensor) -> tuple[Tensor, Tensor]:
        """r and d, which turn what is normalized by the batch into what moving statistics give."""
        usual = maximum(cast(self.renorm_stddev, mean.dtype), self.epsilon**0.5)
        r = deviation / usual
        d = (mean - cast(self.renorm_mean, mean.dtype)) / usual
        bounds = self.renorm_clipping or {}
        if bounds.get("rmin") is not None:
            r = maximum(r, bounds["rmin"])
        if bounds.get("rmax") is not None:
            r = minimum(r, bounds["rmax"])
        if bounds.get("dmax") is not None:
            d = clip(d, -bounds["dmax"], bounds["dmax"])
        self._follow(self.renorm_mean, mean, self.renorm_momentum)
        self._follow(self.renorm_stddev, deviation, self.renorm_momentum)
        self._follow(self.moving_mean, mean, self.momentum)
        followed = self._follow(self.moving_stddev, deviation, self.momentum)
        self.moving_variance.assign(relu(square(followed) - self.epsilon))
        # The correction is seen as a constant: the derivative runs through the batch alone.
        return stop_gradient(written(r, "r")), stop_gradient(written(d, "delta"))


def _cast_or_none(weight: Variable | None, dtype: np.dtype) -> Tensor | None:
    return None if weight is None else cast(weight, dtype)


def _holding(array: np.ndarray) -> Any:
    """An initializer that gives this array."""
    return lambda shape, dtype: array


def _checked_clipping(clipping: Mapping[str, float] | None) -> dict[str, float] | None:
    if clipping is None:
        return None
    bounds = dict(clipping)
    strange = sorted(set(bounds) - {"rmin", "rmax", "dmax"})
    if strange:
        raise ValueError(
            f"BatchNormalization: renorm_clipping takes 'rmin', 'rmax' and 'dmax'; got {strange}."
        )
    rmin, rmax, dmax = bounds.get("rmin"), bounds.get("rmax"), bounds.get("dmax")
    if rmin is not None and rmax is not None and rmin > rmax:
        raise ValueError(f"BatchNormalization: rmin={rmin} is above rmax={rmax}.")
    if dmax is not None and dmax < 0:
        raise ValueError(f"BatchNormalization: dmax is a bound of at least 0; got {dmax}.")
    return bounds
