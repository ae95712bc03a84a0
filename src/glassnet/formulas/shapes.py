"""Shapes as mathematics has them: no vectors without a direction, no idle leading axes.

A number has no axes. What has one entry an example, ``(m,)``, is a column ``(m, 1)``; any other
``(n,)`` is a row ``(1, n)``, as NumPy's broadcasting reads it. Leading axes of length 1 beyond
the second say nothing and are dropped. Between such shapes most reshaping is no work at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from glassnet.graph.dimension import Shape, Size, symbols


def per_example(size: Size) -> bool:
    """Tell whether a size grows with the batch."""
    return "m" in symbols(size)


def matrix_shape(shape: Shape) -> Shape:
    """Return the shape that a tensor's value has in a formula.

    >>> from glassnet.graph.dimension import Dim
    >>> m = Dim.named("m")
    >>> matrix_shape((m,)), matrix_shape((3,)), matrix_shape((1, 1, 1, 5)), matrix_shape((m, 2))
    ((m, 1), (1, 3), (1, 5), (m, 2))
    """
    if len(shape) == 1:
        return (shape[0], 1) if per_example(shape[0]) else (1, shape[0])
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    return tuple(shape)


def axis_in(axis: int, shape: Shape) -> int | None:
    """Return where an axis of a tensor of this shape stands in its formula; None if dropped."""
    axis %= max(len(shape), 1)
    if len(shape) == 1:
        return 0 if per_example(shape[0]) else 1
    place = axis + len(matrix_shape(shape)) - len(shape)
    return place if place >= 0 else None


def axes_in(axes: Iterable[int], shape: Shape) -> tuple[int, ...]:
    """Return where axes of a tensor of this shape stand in its formula."""
    found = (axis_in(a, shape) for a in axes)
    return tuple(a for a in found if a is not None)


def each_axis_in(values: Iterable[Any], shape: Shape, other: Any) -> tuple[Any, ...]:
    """Return a value for each axis of a tensor of this shape as its formula has the axes.

    Args:
        values: a value for each axis.
        shape: the tensor's shape.
        other: the value for an axis that only the formula has.

    >>> each_axis_in((2,), (5,), 0), each_axis_in((7, 8, 9), (1, 5, 6), 0)
    ((0, 2), (8, 9))
    """
    values = tuple(values)
    if len(shape) == 1:
        return (values[0], other) if per_example(shape[0]) else (other, values[0])
    return values[len(shape) - len(matrix_shape(shape)) :]


def broadcast(*shapes: Shape) -> Shape:
    """Return the shape of an entry-by-entry operation, aligned at the right as in NumPy."""
    rank = max((len(s) for s in shapes), default=0)
    result: list[Size] = []
    for axis in range(-rank, 0):
        sizes = [s[axis] for s in shapes if len(s) >= -axis and s[axis] != 1]
        result.append(sizes[0] if sizes else 1)
    return tuple(result)
