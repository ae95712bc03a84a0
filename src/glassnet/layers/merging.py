"""Layers that make one tensor of several: sums, products, extremes, concatenation, dot products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from glassnet.config import epsilon
from glassnet.graph.dimension import Size, display, known, product
from glassnet.graph.tensor import Tensor
from glassnet.layers.base import LAYERS, Layer
from glassnet.layers.normalization import unit_length
from glassnet.ops import any as any_
from glassnet.ops import (
    broadcast_to,
    logical_or,
    matmul,
    ones,
    reshape,
    transpose,
    where,
)
from glassnet.ops import concatenate as concatenate_
from glassnet.ops import maximum as maximum_
from glassnet.ops import minimum as minimum_
from glassnet.ops.operands import broadcast_shapes


class Merge(Layer):
    """The base of layers that merge inputs entry by entry.

    The inputs broadcast; one with fewer axes gets axes of length 1 behind the batch. Where every
    input carries a mask, the output's is True where one of theirs is. A subclass writes
    ``merge(inputs, masks)``.
    """

    symbol = "S"

    count: int | None = None
    """How many inputs it takes; any number for None."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def merge(self, inputs: list[Tensor], masks: list[Tensor | None]) -> Tensor:
        """Return the output for inputs of equal rank and the masks they carry."""
        raise NotImplementedError

    def call(self, inputs: Any, mask: Any = None) -> Tensor:
        rank = max(x.ndim for x in inputs)
        same = [_with_rank(x, rank) for x in inputs]
        masks = list(mask) if mask is not None else [None] * len(same)
        return self.merge(same, [_laid_over(m, x) for m, x in zip(masks, same, strict=True)])

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        if previous_mask is None or any(m is None for m in previous_mask):
            return None
        joined, *others = previous_mask
        for mask in others:
            joined = logical_or(joined, mask)
        return joined

    def check_input(self, inputs: Any) -> None:
        self.check_count(inputs)
        shapes = [x.shape for x in inputs]
        batches = {shape[0] for shape in shapes if shape}
        if len(batches) > 1 and known(batches):
            raise ValueError(
                f"Layer {self.name!r}: the inputs hold different numbers of examples: "
                f"{' and '.join(map(display, shapes))}."
            )
        rank = max(map(len, shapes))
        broadcast_shapes(
            *((*s[:1], *[1] * (rank - len(s)), *s[1:]) for s in shapes),
            what=f"Layer {self.name!r}: the inputs",
        )

    def check_count(self, inputs: Any) -> None:
        """Raise where the inputs are no list, or not as many as the layer takes."""
        if not isinstance(inputs, (list, tuple)) or not inputs:
            shape = inputs.shape if isinstance(inputs, Tensor) else None
            came = "no input" if shape is None else f"a tensor of shape {display(shape)}"
            raise ValueError(
                f"Layer {self.name!r} merges a list of inputs: "
                f"{type(self).__name__}()([a, b]); got {came}."
            )
        if self.count is not None and len(inputs) != self.count:
            raise ValueError(f"Layer {self.name!r} takes {self.count} inputs; got {len(inputs)}.")


def _with_rank(x: Tensor, rank: int) -> Tensor:
    return reshape(x, (*x.shape[:1], *[1] * (rank - x.ndim), *x.shape[1:]))


def _laid_over(mask: Tensor | None, x: Tensor) -> Tensor | None:
    """A mask over leading axes, stretched over all entries of ``x``."""
    if mask is None:
        return None
    return broadcast_to(reshape(mask, (*mask.shape, *[1] * (x.ndim - mask.ndim))), x.shape)


@LAYERS.add()
class Add(Merge):
    """``A = X₁ + X₂ + …``, entry by entry.

    Shapes: inputs that broadcast, A their common shape.

    Raises:
        ValueError: where the inputs do not fit together.

    >>> import numpy as np, glassnet as gn
    >>> np.asarray(gn.layers.Add()([np.ones((1, 2)), np.array([[1.0, 2.0]])])).tolist()
    [[2.0, 3.0]]
    """

    def merge(self, inputs: list[Tensor], masks: list[Tensor | None]) -> Tensor:
        total = inputs[0]
        for x in inputs[1:]:
            total = total + x
        return total


@LAYERS.add()
class Subtract(Merge):
    """``A = X₁ - X₂``.

    Shapes: two inputs that broadcast, A their common shape.

    Raises:
        ValueError: where there are not two inputs, or they do not fit together.

    >>> import numpy as np, glassnet as gn
    >>> a, b = np.array([[1.0, 4.0]]), np.array([[3.0, 2.0]])
    >>> gn.layers.Subtract()([a, b]).tolist()
    [[-2.0, 2.0]]
    """

    count = 2

    def merge(self, inputs: list[Tensor], masks: list[Tensor | None]) -> Tensor:
        return inputs[0] - inputs[1]


@LAYERS.add()
class Multiply(Merge):
    """``A = X₁ X₂ …``, entry by entry.

    What a mask leaves out of an input counts as a factor 1; where every input has a mask and all
    leave an entry out, the output is 0 there.

    Shapes: inputs that broadcast, A their common shape.

    Raises:
        ValueError: where the inputs do not fit together.

    >>> import numpy as np, glassnet as gn
    >>> a, b = np.array([[1.0, 4.0]]), np.array([[3.0, 2.0]])
    >>> gn.layers.Multiply()([a, b]).tolist()
    [[3.0, 8.0]]
    """

    def merge(self, inputs: list[Tensor], masks: list[Tensor | None]) -> Tensor:
        pairs = zip(inputs, masks, strict=True)
        factors = [x if mask is None else where(mask, x, 1) for x, mask in pairs]
        result = factors[0]
        for factor in factors[1:]:
            result = result * factor
        kept = [mask for mask in masks if mask is not None]
        if len(kept) < len(masks):
            return result
        anywhere = kept[0]
        for mask in kept[1:]:
            anywhere = logical_or(anywhere, mask)
        return where(anywhere, result, 0)


@LAYERS.add()
class Average(Merge):
    """``A = (X₁ + … + Xₙ) / n``.

    Shapes: inputs that broadcast, A their common shape.

    Raises:
        ValueError: where the inputs do not fit together.

    >>> import numpy as np, glassnet as gn
    >>> a, b = np.array([[1.0, 4.0]]), np.array([[3.0, 2.0]])
    >>> gn.layers.Average()([a, b]).tolist()
    [[2.0, 3.0]]
    """

    def merge(self, inputs: list[Tensor], masks: list[Tensor | None]) -> Tensor:
        total = inputs[0]
        for x in inputs[1:]:
            total = total + x
        return total / len(inputs)


class _Extreme(Merge):
    """The base of the larger and the smaller of inputs; what a mask leaves out does not count."""

    choose: Callable[[Any, Any], Tensor]

    def merge(self, inputs: list[Tensor], masks: list[Tensor | None]) -> Tensor:
        result, found = inputs[0], masks[0]
        for x, mask in zip(inputs[1:], masks[1:], strict=True):
            right = x if mask is None else where(mask, x, result)
            left = result if found is None else where(found, result, right)
            result = type(self).choose(left, right)
            found = None if mask is None or found is None else logical_or(found, mask)
        return result


@LAYERS.add()
class Maximum(_Extreme):
    """``A = max(X₁, X₂, …)``, entry by entry.

    Shapes: inputs that broadcast, A their common shape.

    Raises:
        ValueError: where the inputs do not fit together.

    >>> import numpy as np, glassnet as gn
    >>> a, b = np.array([[1.0, 4.0]]), np.array([[3.0, 2.0]])
    >>> gn.layers.Maximum()([a, b]).tolist()
    [[3.0, 4.0]]
    """

    choose = staticmethod(maximum_)


@LAYERS.add()
class Minimum(_Extreme):
    """``A = min(X₁, X₂, …)``, entry by entry.

    Shapes: inputs that broadcast, A their common shape.

    Raises:
        ValueError: where the inputs do not fit together.

    >>> import numpy as np, glassnet as gn
    >>> a, b = np.array([[1.0, 4.0]]), np.array([[3.0, 2.0]])
    >>> gn.layers.Minimum()([a, b]).tolist()
    [[1.0, 2.0]]
    """

    choose = staticmethod(minimum_)


@LAYERS.add()
class Concatenate(Merge):
    """``A = [X₁ | X₂ | …]``: the inputs joined along ``axis``.

    Args:
        axis: the axis; the inputs are equal in all other sizes.

    Shapes: A has the sum of the inputs' sizes on ``axis``. Where an input carries a mask, the
    output carries theirs: joined where time steps are joined, else True where one of them is; an
    input without a mask counts as True everywhere.

    Raises:
        ValueError: where the inputs differ in another size than that of ``axis``.

    >>> import numpy as np, glassnet as gn
    >>> np.asarray(gn.layers.Concatenate()([np.ones((1, 2)), np.zeros((1, 1))])).tolist()
    [[1.0, 1.0, 0.0]]
    """

    symbol = "C"

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any) -> Tensor:
        return concatenate_(list(inputs), axis=self.axis)

    def check_input(self, inputs: Any) -> None:
        self.check_count(inputs)
        shapes = [x.shape for x in inputs]
        rank = len(shapes[0])
        rest = {tuple(s for i, s in enumerate(shape) if i != self.axis % rank) for shape in shapes}
        if {*map(len, shapes)} != {rank} or not -rank <= self.axis < rank or len(rest) > 1:
            raise ValueError(
                f"Layer {self.name!r} joins its inputs along axis {self.axis}: they have equal "
                f"sizes on all other axes; got {' and '.join(map(display, shapes))}."
            )

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        if previous_mask is None or all(m is None for m in previous_mask):
            return None
        rank = inputs[0].ndim
        # A mask that covers every entry covers a step where it covers one of its entries.
        masks = [m if m is None or m.ndim < rank else any_(m, axis=-1) for m in previous_mask]
        width = max(m.ndim for m in masks if m is not None)
        covered = [
            ones(x.shape[:width], "bool")
            if m is None
            else broadcast_to(reshape(m, (*m.shape, *[1] * (width - m.ndim))), x.shape[:width])
            for m, x in zip(masks, inputs, strict=True)
        ]
        if self.axis % rank < width:
            return concatenate_(covered, axis=self.axis % rank)
        joined = covered[0]
        for mask in covered[1:]:
            joined = logical_or(joined, mask)
        return joined


@LAYERS.add()
class Dot(Merge):
    """``a = Σₖ x₁[…, k, …] x₂[…, k, …]``: for each example, sums of products along one axis.

    Args:
        axes: the axis of both inputs to sum along, or one for each: ``(2, 1)``.
        normalize: whether both are brought to length 1 along it first, which gives the cosine.

    Shapes: X₁ (m, …), X₂ (m, …), A (m, the other sizes of X₁, the other sizes of X₂), and
    (m, 1) where there are none.

    Raises:
        ValueError: where the sizes along the axes differ, or an axis is 0, the examples.

    >>> import numpy as np, glassnet as gn
    >>> a, b = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])
    >>> np.asarray(gn.layers.Dot(axes=1)([a, b])).tolist()
    [[11.0]]
    """

    count = 2

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        pair = list(axes) if isinstance(axes, (list, tuple)) else [axes]
        if len(pair) not in (1, 2) or not all(isinstance(a, int) for a in pair):
            raise ValueError(f"Dot: axes is one integer, or one for each input; got {axes!r}.")
        self.axes: int | list[int] = axes if isinstance(axes, int) else [*axes]
        self.normalize = normalize

    def _axes_of(self, inputs: Any) -> tuple[int, int]:
        pair = [self.axes] * 2 if isinstance(self.axes, int) else self.axes
        first, second = (
            a % x.ndim if -x.ndim <= a < x.ndim else 0 for a, x in zip(pair, inputs, strict=True)
        )
        return first, second

    def check_input(self, inputs: Any) -> None:
        self.check_count(inputs)
        x, y = inputs
        first, second = self._axes_of(inputs)
        if not first or not second or x.shape[0] != y.shape[0]:
            raise ValueError(
                f"Layer {self.name!r} sums along axes {self.axes}, for as many examples in both "
                "inputs; axis 0 counts them and is none to sum along. "
                f"Got {display(x.shape)} and {display(y.shape)}."
            )
        if x.shape[first] != y.shape[second]:
            raise ValueError(
                f"Layer {self.name!r} sums along axis {first} of {display(x.shape)} and axis "
                f"{second} of {display(y.shape)}: their sizes, {x.shape[first]} and "
                f"{y.shape[second]}, must be equal."
            )

    def call(self, inputs: Any) -> Tensor:
        x, y = inputs
        first, second = self._axes_of(inputs)
        if self.normalize:
            x, y = unit_length(x, first, epsilon()), unit_length(y, second, epsilon())
        rest: tuple[Size, ...] = (*_without(x.shape, first), *_without(y.shape, second))
        m, inner = x.shape[0], x.shape[first]
        rows = transpose(x, (*(i for i in range(x.ndim) if i != first), first))
        columns = transpose(y, (0, second, *(i for i in range(1, y.ndim) if i != second)))
        dots = matmul(  # (m, rest of x, k) @ (m, k, rest of y)
            reshape(rows, (m, _count(x.shape, first), inner)),
            reshape(columns, (m, inner, _count(y.shape, second))),
        )
        return reshape(dots, (m, *(rest or (1,))))

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        return None


def _without(shape: tuple[Size, ...], axis: int) -> tuple[Size, ...]:
    return tuple(size for i, size in enumerate(shape) if i not in (0, axis))


def _count(shape: tuple[Size, ...], axis: int) -> Size:
    return product(_without(shape, axis))


# --- the functions ----------------------------------------------------------------------------
def add(inputs: Sequence[Any], **kwargs: Any) -> Tensor:
    """Return the sum of the inputs; arguments as for `Add`."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[Any], **kwargs: Any) -> Tensor:
    """Return the difference of two inputs; arguments as for `Subtract`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[Any], **kwargs: Any) -> Tensor:
    """Return the product of the inputs, entry by entry; arguments as for `Multiply`."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[Any], **kwargs: Any) -> Tensor:
    """Return the mean of the inputs, entry by entry; arguments as for `Average`."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Sequence[Any], **kwargs: Any) -> Tensor:
    """Return the largest of the inputs, entry by entry; arguments as for `Maximum`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[Any], **kwargs: Any) -> Tensor:
    """Return the smallest of the inputs, entry by entry; arguments as for `Minimum`."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Tensor:
    """Return the inputs joined along ``axis``; arguments as for `Concatenate`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Sequence[Any], axes: int | Sequence[int] = -1, **kwargs: Any) -> Tensor:
    """Return the sums of products of two inputs along ``axes``; arguments as for `Dot`."""
    return Dot(axes=axes, **kwargs)(inputs)
