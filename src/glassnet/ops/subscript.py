"""What ``x[...]`` means: integers, slices, None, ``...``, integer arrays, truth values.

NumPy's rules, resolved while recording: first the slices, then the entries that arrays pick.
A slice of a named size is computed with sizes: ``x[1:]`` of ``(m, 3)`` is ``(m - 1, 3)``. A named
size is taken to be at least 1; where NumPy would cut a slice short, the size says so
(``x[:100]`` has ``m + 100 - max(m, 100)`` rows).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.graph.dimension import Dim, Shape, Size, display, divide, larger
from glassnet.graph.recording import as_tensor
from glassnet.graph.tensor import Constant, Tensor, getitem, implements
from glassnet.ops.indexing import pick, take, take_along_axis
from glassnet.ops.shaping import reshape
from glassnet.ops.slicing import slice_from

implements(np.take)(take)
implements(np.take_along_axis)(take_along_axis)


def at_least(size: Size) -> int:
    """Return a number that ``size`` reaches whenever every named size is at least 1."""
    if not isinstance(size, Dim):
        return size
    total = 0
    for monomial, factor in size.terms:
        plain = all(isinstance(atom, str) for atom in monomial)
        if factor < 0 or not plain:
            return 0
        total += factor
    return total


def _smaller(first: Size, second: Size) -> Size:
    return first + second - larger(first, second)


def _position(place: Any, size: Size, lowest: int, highest: Size) -> Size:
    """A bound of a slice counted from the front, cut to ``lowest`` … ``highest``."""
    if not isinstance(place, Dim):
        place = int(place.__index__())
    if isinstance(place, int) and place < 0:
        if isinstance(size, int):
            return max(size + place, lowest)
        kept = size + place
        return kept if at_least(size) >= -place + lowest else larger(kept, lowest)
    if isinstance(place, int) and isinstance(highest, int):
        return min(place, highest)
    if place == highest or (isinstance(place, int) and at_least(highest) >= place):
        return place
    left = highest - place
    if isinstance(left, int):
        return place if left >= 0 else highest
    return place if at_least(left) >= 1 else _smaller(place, highest)


def _resolve_slice(part: slice, size: Size) -> tuple[Size, Size, int]:
    """The start, the number of entries and the step."""
    step = 1 if part.step is None else int(part.step.__index__())
    if step == 0:
        raise ValueError("A slice with step 0 goes nowhere.")
    if step > 0:
        start = 0 if part.start is None else _position(part.start, size, 0, size)
        stop = size if part.stop is None else _position(part.stop, size, 0, size)
        span = stop - start
    else:
        start = size - 1 if part.start is None else _position(part.start, size, -1, size - 1)
        stop = -1 if part.stop is None else _position(part.stop, size, -1, size - 1)
        span = start - stop
    if isinstance(span, int):
        span = max(span, 0)
    count = divide(span + (abs(step) - 1), abs(step))
    if count == 0:
        start = 0
    return start, count, step


def _resolve_integer(place: Any, size: Size, axis: int, shape: Shape) -> Size:
    number = place if isinstance(place, Dim) else int(place.__index__())
    if isinstance(number, int) and isinstance(size, int) and not -size <= number < size:
        raise IndexError(
            f"Index {number} is out of range: axis {axis} of {display(shape)} has {size} entries, "
            f"numbered 0 to {size - 1}."
        )
    return size + number if isinstance(number, int) and number < 0 else number


def _is_array(part: Any) -> bool:
    return isinstance(part, (list, np.ndarray, Tensor))


def _is_integer(part: Any) -> bool:
    return isinstance(part, (int, np.integer, Dim)) and not isinstance(part, (bool, np.bool_))


def _expanded(index: Any, rank: int) -> tuple[list[Any], dict[int, int]]:
    """The index with one part for every axis, ``...`` spelled out, truth values as integers.

    Beside it, by the identity of each part that came from truth values, how many they were.
    """
    parts: list[Any] = []
    masked: dict[int, int] = {}
    for part in index if isinstance(index, tuple) else (index,):
        if not _is_array(part):
            parts.append(part)
            continue
        for integers, count in _as_integers(part):
            parts.append(integers)
            if count is not None:
                masked[id(integers)] = count
    named = sum(part is not None and part is not Ellipsis for part in parts)
    if named > rank:
        raise IndexError(f"{named} indices were given for a tensor with {rank} axes.")
    dots = [i for i, part in enumerate(parts) if part is Ellipsis]
    if len(dots) > 1:
        raise IndexError("An index can hold '...' once.")
    at = dots[0] if dots else len(parts)
    return [*parts[:at], *[slice(None)] * (rank - named), *parts[at + 1 :]], masked


def _as_integers(part: Any) -> list[tuple[Tensor, int | None]]:
    """An index array as integer tensors: one, or one for every axis of truth values."""
    tensor = as_tensor(part)
    if isinstance(part, list) and not part:
        return [(as_tensor(part, np.int64), None)]
    if tensor.dtype != np.bool_:
        return [(tensor, None)]
    if not isinstance(tensor, Constant) or tensor.ndim == 0:
        raise IndexError(
            "x[condition] has a size that only a run tells where the condition is computed. "
            "Write np.where(condition, x, 0.0), which keeps the shape, or give the condition as an "
            "array of one axis or more."
        )
    places = np.nonzero(tensor.value)
    return [(Constant(p), n) for p, n in zip(places, tensor.value.shape, strict=True)]


@implements(getitem)
def subscript(x: Tensor, index: Any) -> Tensor:
    """Return ``x[index]``, as NumPy does.

    >>> from glassnet.ops import reshape
    >>> x = reshape([1, 2, 3, 4, 5, 6], (2, 3))
    >>> x[0, ::-1].tolist(), x[:, [0, 2]].tolist(), x[..., None].shape
    ([3, 2, 1], [[1, 3], [4, 6]], (2, 3, 1))
    """
    parts, masked = _expanded(index, x.ndim)
    picking = any(_is_array(part) for part in parts)
    starts: list[Size] = []
    sizes: list[Size] = []
    steps: list[int] = []
    shape: list[Size] = []  # after the slices, with the axes of integers gone and those of None in
    picked: list[tuple[int, Tensor]] = []
    for part in parts:
        if part is None:
            shape.append(1)
            continue
        axis = len(starts)
        size = x.shape[axis]
        start: Size = 0
        count, step = size, 1
        if isinstance(part, slice):
            start, count, step = _resolve_slice(part, size)
        elif _is_integer(part):
            start = _resolve_integer(part, size, axis, x.shape)
            if picking and isinstance(start, int):  # beside arrays an integer is an array
                start, part = 0, as_tensor(start, np.int64)
            else:
                count = 1
        elif not _is_array(part):
            raise IndexError(
                f"An index is made of integers, slices, None, '...' and integer arrays; got "
                f"{part!r}."
            )
        starts.append(start)
        sizes.append(count)
        steps.append(step)
        if masked.get(id(part), size) != size:
            raise IndexError(
                f"{masked[id(part)]} truth values can't choose from axis {axis} of "
                f"{display(x.shape)}, which has {size} entries."
            )
        if _is_array(part):
            picked.append((len(shape), part))
        if not _is_integer(part):
            shape.append(count)
    y = slice_from(x, tuple(starts), tuple(sizes), tuple(steps))
    y = reshape(y, tuple(shape))
    return y if not picked else pick(y, tuple(a for a, _ in picked), tuple(i for _, i in picked))
