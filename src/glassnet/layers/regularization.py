"""Layers that hinder a network while it trains, so that it learns no chance of its data by heart.

They draw counted random numbers: the mask of a step is a pure function of the layer's seed, of how
often the layer stands in the network, and of the number of the step. Outside training they do
nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet import regularizers
from glassnet.config import next_seed
from glassnet.graph.dimension import Size, display
from glassnet.graph.tensor import Tensor
from glassnet.layers.base import LAYERS, Layer
from glassnet.layers.spatial import channels_last
from glassnet.ops import random

# The slope and the limit of SELU: G. Klambauer et al., "Self-normalizing neural networks",
# NIPS 2017.
_SELU_ALPHA = 1.6732632423543772
_SELU_SCALE = 1.0507009873554805


class _Random(Layer):
    """The base of layers that act by chance, in training alone.

    A layer that was given no seed takes one when it is made and keeps it, in its configuration
    too, so that a restored layer goes on drawing what this one would have drawn.
    """

    symbol = "Atilde"

    def __init__(self, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        found = seed.seed if isinstance(seed, random.SeedGenerator) else seed
        self.seed = next_seed() if found is None else random.SeedGenerator(found).seed
        self.supports_masking = True


class _Dropping(_Random):
    """The base of layers that set entries to 0."""

    def __init__(self, rate: float, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.rate = _checked_rate(rate, self, one=True)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        return random.dropout(inputs, self.rate, self.shape_of_mask(inputs), seed=self.seed)

    def shape_of_mask(self, inputs: Tensor) -> Sequence[Size | None] | None:
        """Return the shape of the mask: 1 where an axis is dropped as a whole."""
        raise NotImplementedError


@LAYERS.add()
class Dropout(_Dropping):
    """``A = X · b / (1 - rate)`` in training, each b being 0 with probability ``rate``, else 1.

    The expected value of A is X. Otherwise ``A = X``.

    Args:
        rate: the part of the entries that is set to 0, from 0 to 1.
        noise_shape: the shape of b, which broadcasts: ``(None, 1, None)`` draws one b for all
            steps of a sequence; None stands for the input's size.
        seed: an integer; the next of ``set_random_seed``'s sequence for None.

    Shapes: any, and A has the shape of X.

    Raises:
        ValueError: for a rate outside 0 … 1, or a noise shape that does not broadcast.

    Source: N. Srivastava et al., "Dropout: a simple way to prevent neural networks from
    overfitting", JMLR 15 (2014).

    >>> import numpy as np, glassnet as gn
    >>> y = np.asarray(gn.layers.Dropout(0.5, seed=1)(np.ones((100, 100)), training=True))
    >>> sorted(set(y.ravel().tolist())), bool(abs(y.mean() - 1) < 0.05)
    ([0.0, 2.0], True)
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, seed, **kwargs)
        self.noise_shape = _checked_noise_shape(noise_shape, self)

    def shape_of_mask(self, inputs: Tensor) -> Sequence[Size | None] | None:
        return self.noise_shape


class _SpatialDropout(_Dropping):
    """The base of dropouts of whole channels: one b for all places of an example's channel."""

    rank: int

    def shape_of_mask(self, inputs: Tensor) -> Sequence[Size | None]:
        return (None, *[1] * (inputs.ndim - 2), None)

    def check_input(self, inputs: Any) -> None:
        if inputs.ndim != self.rank:
            places = "steps" if self.rank == 3 else "height, width"
            raise ValueError(
                f"Layer {self.name!r} expects (m, {places}, channels); got an input of shape "
                f"{display(inputs.shape)}."
            )


@LAYERS.add()
class SpatialDropout1D(_SpatialDropout):
    """``A = X b / (1 - rate)`` in training, with one b for each channel of a sequence.

    Each b is 0 with probability ``rate``, else 1. Neighbours in time tell much the same, so single
    entries that are dropped would be made up for by theirs.

    Args:
        rate: the part of the channels that is set to 0, from 0 to 1.
        seed: an integer; the next of ``set_random_seed``'s sequence for None.
        name: the name.
        dtype: the dtype.

    Shapes: X (m, steps, channels), A as X.

    Source: J. Tompson et al., "Efficient object localization using convolutional networks",
    CVPR 2015.

    >>> import numpy as np, glassnet as gn
    >>> layer = gn.layers.SpatialDropout1D(0.5, seed=1)
    >>> a = layer(np.ones((1, 4, 8)), training=True).numpy()
    >>> bool((a == a[:, :1]).all()), sorted(set(a.ravel().tolist()))
    (True, [0.0, 2.0])
    """

    rank = 3

    def __init__(
        self,
        rate: float,
        seed: Any = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, seed, name=name, dtype=dtype, **kwargs)


@LAYERS.add()
class SpatialDropout2D(_SpatialDropout):
    """``A = X b / (1 - rate)`` in training, with one b for each channel of an image.

    Each b is 0 with probability ``rate``, else 1. Neighbouring points tell much the same, so single
    entries that are dropped would be made up for by theirs.

    Args:
        rate: the part of the channels that is set to 0, from 0 to 1.
        data_format: ``"channels_last"``, the one layout.
        seed: an integer; the next of ``set_random_seed``'s sequence for None.
        name: the name.
        dtype: the dtype.

    Shapes: X (m, height, width, channels), A as X.

    Source: J. Tompson et al., "Efficient object localization using convolutional networks",
    CVPR 2015.

    >>> import numpy as np, glassnet as gn
    >>> layer = gn.layers.SpatialDropout2D(0.5, seed=1)
    >>> a = layer(np.ones((1, 4, 4, 8)), training=True).numpy()
    >>> bool((a == a[:, :1, :1]).all()), sorted(set(a.ravel().tolist()))
    (True, [0.0, 2.0])
    """

    rank = 4

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: Any = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, seed, name=name, dtype=dtype, **kwargs)
        self.data_format = channels_last(data_format, self)


@LAYERS.add()
class GaussianNoise(_Random):
    """``A = X + σ z`` in training, each z normal with mean 0 and variance 1; else ``A = X``.

    Args:
        stddev: σ, from 0 to 1.
        seed: an integer; the next of ``set_random_seed``'s sequence for None.

    Shapes: any, and A has the shape of X.

    Raises:
        ValueError: for a σ outside 0 … 1.

    >>> import numpy as np, glassnet as gn
    >>> layer = gn.layers.GaussianNoise(0.1, seed=1)
    >>> layer(np.array([[1.0, 2.0]])).tolist()
    [[1.0, 2.0]]
    >>> round(float(layer(np.zeros((100, 100)), training=True).numpy().std()), 2)
    0.1
    """

    def __init__(self, stddev: float, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        if not 0 <= stddev <= 1:
            raise ValueError(f"GaussianNoise: stddev lies between 0 and 1; got {stddev!r}.")
        self.stddev = stddev

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        if not training or self.stddev == 0:
            return inputs
        return inputs + random.normal(inputs.shape, 0.0, self.stddev, inputs.dtype, seed=self.seed)


@LAYERS.add()
class GaussianDropout(_Random):
    """``A = X z`` in training, each z normal with mean 1 and variance ``rate / (1 - rate)``.

    Mean and variance of the factor are those of Dropout's. Otherwise ``A = X``.

    Args:
        rate: as Dropout's, at least 0 and below 1.
        seed: an integer; the next of ``set_random_seed``'s sequence for None.

    Shapes: any, and A has the shape of X.

    Raises:
        ValueError: for a rate outside 0 … 1; for 1, where the variance would be infinite.

    Source: N. Srivastava et al., "Dropout: a simple way to prevent neural networks from
    overfitting", JMLR 15 (2014), section 10.

    >>> import numpy as np, glassnet as gn
    >>> layer = gn.layers.GaussianDropout(0.5, seed=1)
    >>> a = layer(np.ones((100, 100)), training=True).numpy()
    >>> round(float(a.mean()), 1), round(float(a.std()), 1)
    (1.0, 1.0)
    """

    def __init__(self, rate: float, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.rate = _checked_rate(rate, self, one=False)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        stddev = math.sqrt(self.rate / (1 - self.rate))
        return inputs * random.normal(inputs.shape, 1.0, stddev, inputs.dtype, seed=self.seed)


@LAYERS.add()
class AlphaDropout(_Random):
    """``A = a (X b + α' (1 - b)) + c`` in training, each b being 0 with probability ``rate``.

    Dropped entries become α' = -1.7581, the limit of SELU on the left; a and c bring inputs of
    mean 0 and variance 1 back to these. Otherwise ``A = X``.

    Args:
        rate: the part of the entries that is dropped, at least 0 and below 1.
        noise_shape: the shape of b, which broadcasts; None stands for the input's size.
        seed: an integer; the next of ``set_random_seed``'s sequence for None.

    Shapes: any, and A has the shape of X.

    Raises:
        ValueError: for a rate outside 0 … 1; for 1, where nothing remains to scale.

    Source: G. Klambauer et al., "Self-normalizing neural networks", NIPS 2017.

    >>> import numpy as np, glassnet as gn
    >>> layer = gn.layers.AlphaDropout(0.5, seed=1)
    >>> x = np.random.default_rng(0).normal(size=(100, 100))
    >>> a = layer(x, training=True).numpy()
    >>> abs(round(float(a.mean()), 1)), round(float(a.std()), 1)
    (0.0, 1.0)
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.rate = _checked_rate(rate, self, one=False)
        self.noise_shape = _checked_noise_shape(noise_shape, self)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        keep, limit = 1 - self.rate, -_SELU_ALPHA * _SELU_SCALE
        given = self.noise_shape or [None] * inputs.ndim
        pairs = zip(given, inputs.shape, strict=True)
        shape = tuple(n if size is None else size for size, n in pairs)
        kept = random.bernoulli(shape, keep, inputs.dtype, seed=self.seed)
        scale = (keep * (1 + self.rate * limit**2)) ** -0.5
        return scale * (inputs * kept + limit * (1 - kept)) - scale * limit * self.rate

    def check_input(self, inputs: Any) -> None:
        given = self.noise_shape
        if given is not None and len(given) != inputs.ndim:
            raise ValueError(
                f"Layer {self.name!r}: noise_shape={given} has {len(given)} sizes, for an input "
                f"of shape {display(inputs.shape)}. Write None for a size of the input, 1 for an "
                "axis that shares its draws."
            )


@LAYERS.add()
class ActivityRegularization(Layer):
    """``A = X``, and ``l1 Σ|x| + l2 Σx²``, for each example, is added to the loss.

    Args:
        l1: the weight of the absolute values.
        l2: the weight of the squares.

    Shapes: any, and A has the shape of X.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.ActivityRegularization(l1=0.5)])
    >>> model.compile(loss="mse")
    >>> x = np.array([[1.0, -3.0]])
    >>> model.evaluate(x, x, verbose=0)
    2.0
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        kwargs.pop("activity_regularizer", None)  # l1 and l2 say it
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1 = l1
        self.l2 = l2
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        return inputs

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["activity_regularizer"]
        return config


def _checked_rate(rate: Any, layer: Layer, one: bool) -> float:
    """Return the rate; raise where it is no number from 0 to 1, or 1 and that is not allowed."""
    number = isinstance(rate, (int, float, np.number)) and not isinstance(rate, bool)
    if not number or not 0 <= rate <= 1 or (rate == 1 and not one):
        bounds = "lies between 0 and 1" if one else "is at least 0 and below 1"
        raise ValueError(f"{type(layer).__name__}: rate {bounds}; got {rate!r}.")
    return float(rate)


def _checked_noise_shape(shape: Any, layer: Layer) -> tuple[int | None, ...] | None:
    if shape is None:
        return None
    sizes = tuple(shape) if isinstance(shape, (list, tuple)) else (shape,)
    if not isinstance(shape, (list, tuple)) or any(
        size is not None and (isinstance(size, bool) or not isinstance(size, int) or size <= 0)
        for size in sizes
    ):
        raise ValueError(
            f"{type(layer).__name__}: noise_shape is a tuple of whole numbers above 0, with None "
            f"for a size of the input: (None, 1, None); got {shape!r}."
        )
    return sizes
