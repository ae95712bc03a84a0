"""A plane through the inputs of a network: two features move, the others stay at their mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.checks import number, whole
from glassnet.models.model import Model

Vector = np.ndarray
Range = tuple[float, float]

AT_ONCE = 4096
"""How many places a network computes at once, which bounds the memory."""
MARGIN = 0.12
"""How far a plane reaches beyond the points, as a part of their extent."""


@dataclass(frozen=True, eq=False)
class InputPlane:
    """The inputs ``x`` with ``x[i] = a``, ``x[j] = b``, the other features held.

    Args:
        a: the places along feature i, (n,).
        b: the places along feature j, (k,).
        features: (i, j).
        names: the names of all features.
        held: at which values the features stand that do not move, (features,).
        dtype: of the inputs.
    """

    a: Vector
    b: Vector
    features: tuple[int, int]
    names: tuple[str, ...]
    held: Vector
    dtype: Any = np.float32

    @property
    def labels(self) -> tuple[str, str]:
        """The names of the two features that move."""
        return self.names[self.features[0]], self.names[self.features[1]]

    @property
    def others(self) -> tuple[str, ...]:
        """The names of the features that are held."""
        return tuple(n for i, n in enumerate(self.names) if i not in self.features)

    def batches(self) -> Iterator[np.ndarray]:
        """Yield the inputs of all places, row by row of b, a bounded number at a time."""
        size, width = len(self.a) * len(self.b), len(self.a)
        for first in range(0, size, AT_ONCE):
            places = np.arange(first, min(first + AT_ONCE, size))
            inputs = np.tile(self.held, (len(places), 1)).astype(self.dtype)
            inputs[:, self.features[0]] = self.a[places % width]
            inputs[:, self.features[1]] = self.b[places // width]
            yield inputs

    def answers(self, f: Callable[[np.ndarray], Any]) -> np.ndarray:
        """Return f of all places, (k, n, …): row i belongs to ``b[i]``."""
        joined = np.concatenate([np.asarray(f(inputs)) for inputs in self.batches()])
        return joined.reshape(len(self.b), len(self.a), *joined.shape[1:])


def input_plane(
    what: str,
    model: Any,
    x: Any,
    *,
    features: Sequence[int | str] | None = None,
    names: Sequence[str] | None = None,
    cells: int,
    margin: float = MARGIN,
    extent: tuple[Range, Range] | None = None,
) -> tuple[InputPlane, np.ndarray]:
    """Return a plane through the inputs that shows all points of x, and x as an array.

    Args:
        what: who asks, for messages.
        model: the network; a model that is not built is called on x.
        x: the points, (m, features).
        features: the two that move, by number or name; needed where there are more than two.
        names: the names of all features; ``x₁``, ``x₂`` … for None.
        cells: how many places along each axis.
        margin: how far the plane reaches beyond the points, as a part of their extent.
        extent: ((a₀, a₁), (b₀, b₁)) in place of that.

    Raises:
        TypeError: where this is no model, or x holds no numbers.
        ValueError: where x has another shape than the network's inputs, fewer than two features,
            or the choice of features or the extent is no such thing.
    """
    if not isinstance(model, Model):
        raise TypeError(f"{what}: expected a model; got {type(model).__name__}.")
    if x is None:
        raise ValueError(f"{what}: x is missing; pass the model and points of its inputs.")
    points = _points(what, x)
    count = points.shape[1]
    named = _names(what, names, count)
    chosen = _features(what, features, named)
    if not model.built:
        model(points[:1])
    model.check_data(points)
    whole(cells, f"{what}: cells", least=2)
    number(margin, f"{what}: margin", least=0.0)
    sides = _sides(points[:, chosen], margin) if extent is None else _extent(what, extent)
    a, b = (np.linspace(low, high, cells) for low, high in sides)
    held = points.mean(axis=0, dtype=np.float64)
    return InputPlane(a, b, chosen, named, held, points.dtype), points


def _points(what: str, x: Any) -> np.ndarray:
    try:
        points = np.asarray(x)
    except ValueError:
        raise ValueError(
            f"{what}: expected x as one array, (m, features); got {len(x)} of different shapes. A "
            "network with several inputs has no plane of them."
        ) from None
    if points.dtype.kind not in "fiub":
        raise TypeError(f"{what}: x holds {points.dtype} values; expected numbers.")
    if points.dtype.kind in "iub":
        points = points.astype(np.float32)
    if points.ndim != 2:
        raise ValueError(
            f"{what}: expected x of shape (m, features), a row a point; got {points.shape}."
        )
    if points.shape[1] < 2:
        raise ValueError(
            f"{what}: x has {points.shape[1]} feature; a picture in the plane needs at least two."
        )
    if not len(points):
        raise ValueError(f"{what}: x has no points.")
    if not np.isfinite(points).all():
        raise ValueError(f"{what}: x holds NaN or infinity.")
    return points


def _names(what: str, names: Sequence[str] | None, count: int) -> tuple[str, ...]:
    if names is None:
        return tuple(f"x{str(i + 1).translate(_SUBSCRIPTS)}" for i in range(count))
    if isinstance(names, str) or len(names) != count:
        raise ValueError(f"{what}: x has {count} features; expected as many names, got {names!r}.")
    return tuple(map(str, names))


_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def _features(
    what: str, features: Sequence[int | str] | None, names: tuple[str, ...]
) -> tuple[int, int]:
    if features is None:
        if len(names) == 2:
            return (0, 1)
        raise ValueError(
            f"{what}: x has {len(names)} features; choose the two that move, "
            f"features=(0, {len(names) - 1}), say. The others are held at their mean."
        )
    if isinstance(features, str) or not isinstance(features, Sequence) or len(features) != 2:
        raise ValueError(f"{what}: features are two numbers or names; got {features!r}.")
    first, second = (_feature(what, f, names) for f in features)
    if first == second:
        raise ValueError(f"{what}: features are two different ones; got {features!r}.")
    return first, second


def _feature(what: str, feature: int | str, names: tuple[str, ...]) -> int:
    if isinstance(feature, str) and feature in names:
        return names.index(feature)
    if isinstance(feature, (int, np.integer)) and not isinstance(feature, bool):
        if -len(names) <= feature < len(names):
            return int(feature) % len(names)
        raise ValueError(
            f"{what}: there is no feature {feature}; x has {len(names)}, numbered from 0."
        )
    raise ValueError(f"{what}: there is no feature {feature!r}; there are {', '.join(names)}.")


def _sides(points: np.ndarray, margin: float) -> list[Range]:
    low, high = (f(points.astype(np.float64), axis=0) for f in (np.min, np.max))
    room = np.where(high > low, (high - low) * margin, 1.0)
    return [(float(v - r), float(w + r)) for v, w, r in zip(low, high, room, strict=True)]


def _extent(what: str, extent: Any) -> list[Range]:
    try:
        (a0, a1), (b0, b1) = extent
    except (TypeError, ValueError):
        raise ValueError(f"{what}: extent is ((a₀, a₁), (b₀, b₁)); got {extent!r}.") from None
    for low, high in ((a0, a1), (b0, b1)):
        number(low, f"{what}: extent")
        number(high, f"{what}: extent", above=low)
    return [(float(a0), float(a1)), (float(b0), float(b1))]
