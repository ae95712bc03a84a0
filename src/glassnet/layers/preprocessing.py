"""Layers that prepare data: rescaling, normalization by its statistics, category encoding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from glassnet import config
from glassnet.graph.dimension import display
from glassnet.graph.recording import as_tensor
from glassnet.graph.tensor import Constant, Tensor
from glassnet.graph.variable import Variable
from glassnet.layers.base import LAYERS, Layer
from glassnet.layers.core import positive_integer
from glassnet.ops import cast, expand_dims, maximum, one_hot, reshape, sqrt, squeeze
from glassnet.ops import max as max_
from glassnet.ops import sum as sum_
from glassnet.ops.checking import checked_index
from glassnet.registry import constructor_arguments, serialize

_ROWS_AT_ONCE = 8192


@LAYERS.add()
class Rescaling(Layer):
    """``A = scale · X + offset``, in training and afterwards.

    Args:
        scale: a number, or an array that broadcasts: ``1 / 255`` brings grey values to 0 … 1.
        offset: a number, or an array that broadcasts.

    Shapes: any, and A has the shape of X. Whole numbers become floats.

    >>> import numpy as np, glassnet as gn
    >>> layer = gn.layers.Rescaling(1 / 127.5, offset=-1)
    >>> np.asarray(layer(np.array([[0, 255]]))).tolist()
    [[-1.0, 1.0]]
    """

    symbol = "Xtilde"

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        scale, offset = as_tensor(self.scale, self.dtype), as_tensor(self.offset, self.dtype)
        return cast(inputs, self.dtype) * scale + offset


@LAYERS.add()
class Normalization(Layer):
    """``A = (X - μ) / σ`` with the mean and standard deviation of the data, feature by feature.

    ``adapt(data)`` computes μ and σ² and keeps them as weights that training leaves alone; or
    they are given. A feature that never varies is divided by 1e-7, Keras's smallest deviation.

    Args:
        axis: the axis, or several, that keep statistics of their own; None for one mean and
            variance of all entries.
        mean: μ, where it is known; it broadcasts to the sizes of ``axis``.
        variance: σ², given together with ``mean``.
        invert: whether to undo instead: ``A = X σ + μ``.

    Shapes: X (m, …), A as X.

    Raises:
        ValueError: where ``axis`` includes the examples, only one of mean and variance is given,
            or the data to adapt to is empty or holds NaN.

    >>> import numpy as np, glassnet as gn
    >>> layer = gn.layers.Normalization()
    >>> layer.adapt(np.array([[0.0, 7.0, 4.0], [2.0, 9.0, 6.0], [0.0, 7.0, 4.0], [2.0, 9.0, 6.0]]))
    >>> np.asarray(layer(np.array([[0.0, 7.0, 4.0]]))).tolist()
    [[-1.0, -1.0, -1.0]]
    """

    symbol = "N"

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if axis is None:
            self.axis: tuple[int, ...] = ()
        else:
            self.axis = (axis,) if isinstance(axis, int) else tuple(axis)
        if (mean is None) != (variance is None):
            raise ValueError("Normalization: give both mean= and variance=, or neither and adapt.")
        self.input_mean: np.ndarray | None = None
        self.input_variance: np.ndarray | None = None
        if mean is not None:
            self.input_mean = np.asarray(mean, dtype=np.float64)
            self.input_variance = np.asarray(variance, dtype=np.float64)
            shapes = self.input_mean.shape, self.input_variance.shape
            if shapes[0] != shapes[1] or len(shapes[0]) > len(self.axis):
                raise ValueError(
                    "Normalization: mean and variance have one shape, of at most the "
                    f"{len(self.axis)} axes {self.axis}; got {shapes[0]} and {shapes[1]}."
                )
        self.invert = invert
        self.supports_masking = True

    adapt_mean: Variable
    adapt_variance: Variable
    count: Variable
    weight_layouts: ClassVar = {"mean": "vector", "variance": "vector"}

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        kept = tuple(sorted({a + rank if a < 0 else a for a in self.axis}))
        if any(not 0 < a < rank for a in kept):
            raise ValueError(
                f"Layer {self.name!r}: axis={self.axis} of an input of {rank} axes. Statistics are "
                "kept along axes behind the first, which counts the examples. For one number an "
                "example pass x[:, None], for one mean of all entries axis=None."
            )
        self._kept, self._sizes = kept, tuple(input_shape[a] for a in kept)
        if self.input_mean is None:
            shape = self._sizes
            self.adapt_mean = self.add_weight(shape, "zeros", trainable=False, name="mean")
            self.adapt_variance = self.add_weight(shape, "ones", trainable=False, name="variance")
            self.count = self.add_weight((), "zeros", dtype="int32", trainable=False, name="count")
        else:
            self._broadcast(self.input_mean)  # raise here where they do not fit

    def _broadcast(self, statistic: np.ndarray) -> np.ndarray:
        try:
            return np.broadcast_to(statistic, self._sizes)
        except ValueError:
            raise ValueError(
                f"Layer {self.name!r}: mean and variance of shape {statistic.shape} do not "
                f"broadcast to {display(self._sizes)}, the input's sizes along axis {self.axis}."
            ) from None

    @property
    def mean(self) -> Tensor | None:
        """μ along ``axis``; None before the layer is built."""
        return self._statistic(self.input_mean, "adapt_mean")

    @property
    def variance(self) -> Tensor | None:
        """σ² along ``axis``; None before the layer is built."""
        return self._statistic(self.input_variance, "adapt_variance")

    def _statistic(self, given: np.ndarray | None, weight: str) -> Tensor | None:
        if not self.built:
            return None
        if given is None:
            return getattr(self, weight)
        return Constant(self._broadcast(given).astype(self.dtype))

    def call(self, inputs: Tensor) -> Tensor:
        rank = inputs.ndim
        shape = tuple(inputs.shape[i] if i in self._kept else 1 for i in range(rank))
        assert self.mean is not None
        assert self.variance is not None
        mean = reshape(self.mean, shape)
        deviation = maximum(sqrt(reshape(self.variance, shape)), config.epsilon())
        x = cast(inputs, self.dtype)
        return x * deviation + mean if self.invert else (x - mean) / deviation

    def check_input(self, inputs: Any) -> None:
        found = tuple(inputs.shape[a] if a < inputs.ndim else 0 for a in self._kept)
        if found != self._sizes:
            raise ValueError(
                f"Layer {self.name!r} has the statistics of {display(self._sizes)} features along "
                f"axis {self.axis}; got an input of shape {display(inputs.shape)}."
            )

    def adapt(self, data: Any) -> None:
        """Set mean and variance to those of ``data``.

        Args:
            data: an array (a memory-mapped one is read in parts), or an iterable of batches of
                any sizes, each an array or a tuple that begins with one.

        The parts are merged exactly, as T. F. Chan, G. H. Golub, R. J. LeVeque do in "Algorithms
        for computing the sample variance", The American Statistician 37 (1983): in float64, the
        result does not depend on how the data is cut.
        """
        if self.input_mean is not None:
            raise ValueError(
                f"Layer {self.name!r} was given its mean and variance; nothing to adapt."
            )
        count, mean, squares = 0, np.zeros(()), np.zeros(())
        for batch in _batches(data):
            if not self.built:
                self._build(batch)
            self.check_input(batch)
            axes = tuple(i for i in range(batch.ndim) if i not in self._kept)
            part = batch.astype(np.float64)
            if np.isnan(part).any():
                raise ValueError(
                    f"Layer {self.name!r}: the data to adapt to holds NaN. Fill or drop these "
                    "entries first; the mean would be NaN."
                )
            n = part.size // max(1, int(np.prod(self._sizes)))
            if not n:
                continue
            part_mean = part.mean(axis=axes)
            part_squares = ((part - np.expand_dims(part_mean, axes)) ** 2).sum(axis=axes)
            change = part_mean - mean
            total = count + n
            mean = mean + change * (n / total)
            squares = squares + part_squares + change**2 * (count * n / total)
            count = total
        if not count:
            raise ValueError(f"Layer {self.name!r}: adapt() got no data.")
        self.adapt_mean.assign(mean)
        self.adapt_variance.assign(squares / count)

    def get_config(self) -> dict[str, Any]:
        given = {"mean": self.input_mean, "variance": self.input_variance}
        values = {
            name: given[name] if name in given else getattr(self, name)
            for name in constructor_arguments(type(self))
        }
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else serialize(value)
            for name, value in values.items()
        }


def _batches(data: Any) -> Iterator[np.ndarray]:
    """The data in parts that fit in memory."""
    if hasattr(data, "__array__"):
        array = data if isinstance(data, np.ndarray) else np.asarray(data)
        if not array.ndim:
            raise ValueError(f"adapt() takes an array of examples; got the number {data!r}.")
        for start in range(0, len(array), _ROWS_AT_ONCE):
            yield np.asarray(array[start : start + _ROWS_AT_ONCE])
    elif isinstance(data, Iterable) and not isinstance(data, (str, bytes)):
        for batch in data:
            first = batch[0] if isinstance(batch, tuple) else batch
            if not hasattr(first, "__array__"):
                raise TypeError(
                    "adapt() takes an array or an iterable of batches that are arrays; got a "
                    f"batch of type {type(first).__name__}. A list of numbers becomes an array "
                    "with np.array(data)."
                )
            yield from _batches(first)
    else:
        raise TypeError(f"adapt() takes an array or an iterable of arrays; got {data!r}.")


@LAYERS.add()
class CategoryEncoding(Layer):
    """Category numbers as indicators: ``a[c] = 1`` where category c occurs, else 0.

    Args:
        num_tokens: the number of categories; they are numbered from 0.
        output_mode: ``"one_hot"`` encodes each number by itself; ``"multi_hot"`` marks which
            categories an example, a row of numbers, holds; ``"count"`` counts them.
        sparse: False; tensors here are dense.
        drop_first: whether category 0 gets no column. It is the base that the others are compared
            with: dummy variables as in regression, whose columns no longer add up to the column
            of ones.

    Called with ``count_weights``, numbers of the inputs' shape, ``"count"`` adds these up.

    Shapes: ``one_hot``: (m,) or (m, 1) to (m, num_tokens); ``multi_hot`` and ``count``: (m, n)
    to (m, num_tokens). With ``drop_first`` one column less.

    Raises:
        ValueError: where a number is below 0 or not below ``num_tokens``, naming the entry; when
            the network runs.

    >>> import numpy as np, glassnet as gn
    >>> layer = gn.layers.CategoryEncoding(3, output_mode="one_hot", drop_first=True)
    >>> np.asarray(layer(np.array([0, 1, 2]))).tolist()
    [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """

    symbol = "E"

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        drop_first: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("autocast", False)  # numbers that come as floats keep their precision
        super().__init__(**kwargs)
        if output_mode not in ("one_hot", "multi_hot", "count"):
            raise ValueError(
                "CategoryEncoding: output_mode is 'one_hot', 'multi_hot' or 'count'; "
                f"got {output_mode!r}."
            )
        if sparse:
            raise ValueError("CategoryEncoding: sparse=True is not available; tensors are dense.")
        self.num_tokens = positive_integer(num_tokens, "num_tokens", self)
        if drop_first and self.num_tokens == 1:
            raise ValueError("CategoryEncoding: with one category drop_first leaves no column.")
        self.output_mode = output_mode
        self.sparse = sparse
        self.drop_first = drop_first

    def call(self, inputs: Tensor, count_weights: Any = None) -> Tensor:
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                f"Layer {self.name!r}: count_weights= is for output_mode='count', not "
                f"{self.output_mode!r}."
            )
        index = inputs if inputs.dtype.kind in "iu" else cast(inputs, "int64")
        index = checked_index(index, self.num_tokens, f"Layer {self.name!r}")
        if index.ndim == 0:
            index = expand_dims(index, 0)
        if self.output_mode == "one_hot" and index.ndim > 1 and index.shape[-1] == 1:
            index = squeeze(index, -1)
        hot = one_hot(index, self.num_tokens, dtype=self.dtype)
        if self.drop_first:
            hot = hot[..., 1:]
        if self.output_mode == "one_hot":
            return hot
        if self.output_mode == "multi_hot":
            return max_(hot, axis=-2)
        if count_weights is not None:
            hot = hot * expand_dims(cast(as_tensor(count_weights), self.dtype), -1)
        return sum_(hot, axis=-2)

    def check_input(self, inputs: Any) -> None:
        if self.output_mode != "one_hot" and inputs.ndim > 2:
            raise ValueError(
                f"Layer {self.name!r} marks the categories of each row, (m, n); got an input of "
                f"shape {display(inputs.shape)}."
            )
