"""The landscape of a loss: slices through it along random directions, and the way of a training.

Source: H. Li, Z. Xu, G. Taylor, C. Studer, T. Goldstein, "Visualizing the loss landscape of neural
nets", NeurIPS 2018.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from glassnet.checks import number, whole
from glassnet.graph.variable import Variable
from glassnet.inspection.losses import EvaluatedLoss
from glassnet.inspection.planes import Plane, plane_through
from glassnet.layers import Conv1DTranspose, Conv2DTranspose
from glassnet.layers.base import Layer
from glassnet.models.model import Model
from glassnet.models.naming import layers_within

Vector = np.ndarray

CELLS = 41
"""How many places along each axis; an odd number, so that the middle is one of them."""
MARGIN = 0.15
"""How far a picture reaches beyond a path, as a part of the path's extent."""


@dataclass(frozen=True, eq=False)
class LossLandscape:
    """``f(a) = L(w + a u)``, or ``f(a, b) = L(w + a u + b v)``, on evenly spaced places.

    Args:
        a: the places along u, (n,).
        b: those along v, (k,); None along one direction.
        losses: (n,), or (k, n): row i belongs to ``b[i]``.
        centre: w, the trainable weights as one vector.
        directions: u, or u and v, (1 or 2, size).
        loss: L(w), the loss that ``evaluate`` tells.
        seed: of the directions.
    """

    a: Vector
    b: Vector | None
    losses: np.ndarray
    centre: Vector = field(repr=False)
    directions: np.ndarray = field(repr=False)
    loss: float
    seed: int


@dataclass(frozen=True, eq=False)
class PathLandscape:
    """The loss on the plane through the last weights that is nearest to a training's path.

    Args:
        plane: the plane: the last weights, and the first two principal components of the path.
        a: the places along the first component, (n,).
        b: those along the second, (k,).
        losses: the loss there, (k, n): row i belongs to ``b[i]``.
        points: the feet of the path's points on the plane, (points, 2).
        path_losses: the loss at the path's points themselves, (points,). Off the plane it differs
            from the loss at their feet.
        steps: after how many steps of training each point was taken, where it is known.
    """

    plane: Plane
    a: Vector
    b: Vector
    losses: np.ndarray
    points: np.ndarray
    path_losses: Vector
    steps: tuple[int, ...] | None = None


# --- random directions ------------------------------------------------------------------------
def loss_landscape(
    model: Model,
    x: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    directions: int = 2,
    span: float = 1.0,
    cells: int = CELLS,
    seed: int = 0,
    batch_size: int | None = None,
) -> LossLandscape:
    """Return the loss about the weights along random directions, filter by filter as long as they.

    ``f(a, b) = L(w + a u + b v)``. The entries of u and v are drawn from a standard normal
    distribution; then each filter of u (what makes one channel or one neuron) is scaled to the
    length of the model's own, ``u_f ← u_f ‖w_f‖ / ‖u_f‖``, so that ``a = 1`` changes every filter
    by as much as it is long. Biases, and the factors and offsets of normalizations, are not moved.

    The network is not touched. It computes as in ``evaluate``: no dropout, and batch
    normalizations use their moving averages.

    Args:
        model: a compiled model.
        x, y, sample_weight: the data, as ``evaluate`` takes them.
        directions: 1 for a curve, 2 for a surface.
        span: how far it goes to each side: a and b run from -span to span.
        cells: how many places along each axis, an odd number: the middle is the model itself.
        seed: of the directions.
        batch_size: examples computed at once, which bounds the memory; 1024 for None.

    Raises:
        TypeError: where this is no model, or data or a number is of the wrong kind.
        ValueError: where the model is not compiled or has nothing to move, or a number is out of
            its range.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((1,)), gn.layers.Dense(1, use_bias=False)])
    >>> model.layers[0].set_weights([np.array([[2.0]])])
    >>> model.compile(loss="mse")
    >>> found = gn.inspection.loss_landscape(
    ...     model, np.ones((3, 1)), np.zeros((3, 1)), directions=1, cells=3
    ... )
    >>> sorted(found.losses.tolist())  # (2 ± 2)², and 2² in the middle
    [0.0, 4.0, 16.0]

    Source: H. Li et al., "Visualizing the loss landscape of neural nets", NeurIPS 2018, section 4.
    """
    what = "loss_landscape"
    if directions not in (1, 2) or isinstance(directions, bool):
        raise ValueError(f"{what}: directions is 1 or 2; got {directions!r}.")
    number(span, f"{what}: span", above=0.0)
    if whole(cells, f"{what}: cells", least=3) % 2 == 0:
        raise ValueError(
            f"{what}: cells is an odd number, so that the model itself is in the middle; got "
            f"{cells}: write {cells + 1}."
        )
    loss = EvaluatedLoss(what, model, x, y, sample_weight, _batch_size(what, batch_size))
    if not np.isfinite(loss(loss.start)):
        raise ValueError(f"{what}: the loss of the model itself is not finite.")
    drawn = filter_normalized(model, directions, seed)
    if not drawn.any():
        raise ValueError(
            f"{what}: every direction is zero: biases and normalizations are not moved, and the "
            "other weights of the model are all 0."
        )
    places = np.linspace(-span, span, cells)
    places[cells // 2] = 0.0
    plane = Plane(loss.start, drawn if directions == 2 else np.vstack([drawn, drawn * 0]), 0.0)
    heights = plane.heights(loss, places, places if directions == 2 else np.zeros(1))
    middle = heights[heights.shape[0] // 2, cells // 2]
    return LossLandscape(
        places, places if directions == 2 else None,
        heights if directions == 2 else heights[0],
        loss.start, drawn, float(middle), seed,
    )  # fmt: skip


def filter_normalized(model: Model, count: int, seed: int) -> np.ndarray:
    """Return random directions (count, size) whose filters are as long as those of the model.

    Trainable weights of one axis (biases, gains) have direction 0.
    """
    random = np.random.default_rng(seed)
    owners = {id(w): layer for _, layer in layers_within(model) for w in layer.weights}
    drawn = [
        [_direction(random, w, _filter_axes(owners.get(id(w), model), w)).ravel()
         for w in model.trainable_weights]
        for _ in range(count)
    ]  # fmt: skip
    return np.stack([np.concatenate(parts) for parts in drawn])


def _direction(random: np.random.Generator, weight: Variable, axes: tuple[int, ...]) -> np.ndarray:
    """A random direction; ``axes`` number the filters, the others lie within one."""
    value = np.asarray(weight.value, np.float64)
    drawn = random.standard_normal(value.shape)  # drawn for all, so that seeds stay comparable
    if not axes:
        return np.zeros_like(value)
    within = tuple(i for i in range(value.ndim) if i not in axes)
    own = np.sqrt((drawn**2).sum(axis=within, keepdims=True))
    wanted = np.sqrt((value**2).sum(axis=within, keepdims=True))
    return np.asarray(drawn * wanted / np.where(own == 0, 1.0, own))


def _filter_axes(layer: Layer, weight: Variable) -> tuple[int, ...]:
    """The axes that number filters; none for a weight that is not moved."""
    rank = len(weight.shape)
    if rank <= 1 or weight.name in ("bias", "gamma", "beta"):
        return ()
    layout = layer.weight_layouts.get(str(weight.name))
    if layout == "table":
        return (0,)  # a row an entry
    if layout == "depthwise":
        return (rank - 2, rank - 1)
    if isinstance(layer, (Conv1DTranspose, Conv2DTranspose)):
        return (rank - 2,)
    return (rank - 1,)


# --- the path of a training -------------------------------------------------------------------
def training_path(
    model: Model,
    x: Any,
    y: Any,
    path: Any,
    *,
    sample_weight: Any = None,
    cells: int = CELLS,
    margin: float = MARGIN,
    batch_size: int | None = None,
) -> PathLandscape:
    """Return the loss on the plane in which a training's path lies as well as in any.

    With w₀ … w_n the weights along the training, the plane goes through w_n, along the first two
    principal components of the differences ``w_i - w_n``. Random directions would not do: in many
    dimensions a path is nearly at right angles to any of them.

    The network is not touched; it computes as in ``evaluate``.

    Args:
        model: a compiled model.
        x, y, sample_weight: the data, as ``evaluate`` takes them.
        path: the weights at moments of the training: a list of what ``model.get_weights()``
            returned, or a recorder that kept them, with ``weights`` and ``steps``.
        cells: how many places along each axis.
        margin: how far it reaches beyond the path, as a part of the path's extent.
        batch_size: examples computed at once, which bounds the memory; 1024 for None.

    Raises:
        TypeError: where these are no weights, or this is no model.
        ValueError: for fewer than three points, weights that are not this model's, a path that
            stays where it is.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1, use_bias=False)])
    >>> model.compile(loss="mse")
    >>> path = [[np.array([[2.0], [0.0]])], [np.array([[1.0], [1.0]])], [np.zeros((2, 1))]]
    >>> found = gn.inspection.training_path(model, np.eye(2), np.zeros((2, 1)), path, cells=5)
    >>> found.path_losses.tolist()
    [2.0, 1.0, 0.0]

    Source: H. Li et al., "Visualizing the loss landscape of neural nets", NeurIPS 2018, section 7.
    """
    what = "training_path"
    whole(cells, f"{what}: cells", least=2)
    number(margin, f"{what}: margin", least=0.0)
    loss = EvaluatedLoss(what, model, x, y, sample_weight, _batch_size(what, batch_size))
    weights, steps = _kept(path)
    points = np.stack([_flat(model, one, i) for i, one in enumerate(weights)])
    if points.shape[1] < 2:
        raise ValueError(f"{what}: the model has one weight; its loss is a curve, not a surface.")
    if not np.isfinite(points).all():
        place = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
        raise ValueError(f"{what}: weights are NaN or infinite from point {place} of the path on.")
    if not np.ptp(points, axis=0).any():
        raise ValueError(f"{what}: all points of the path are the same; the weights never moved.")
    plane = plane_through([points], centre=points[-1])
    feet = plane.coordinates(points)
    a, b = (np.linspace(low, high, cells) for low, high in _sides(feet, margin))
    return PathLandscape(
        plane, a, b, plane.heights(loss, a, b), feet, np.array([loss(w) for w in points]), steps
    )


def _kept(path: Any) -> tuple[list[Any], tuple[int, ...] | None]:
    """The weights along a path, and after how many steps they were taken."""
    weights, steps = getattr(path, "weights", path), getattr(path, "steps", None)
    if isinstance(path, Layer) or not isinstance(weights, Sequence) or isinstance(weights, str):
        raise TypeError(
            "training_path: expected the weights along the training, a list of what "
            f"model.get_weights() returned or a recorder that kept them; got {path!r}."
        )
    if len(weights) < 3:
        raise ValueError(
            f"training_path: a path needs at least three points; got {len(weights)}. Keep the "
            "weights at more moments of the training."
        )
    return list(weights), None if steps is None else tuple(int(s) for s in steps)


def _flat(model: Model, weights: Any, place: int) -> Vector:
    """Weights as one vector of the trainable ones; all of the model's may be given, or those."""
    where = f"training_path: point {place} of the path"
    if not isinstance(weights, (Sequence, np.ndarray)) or isinstance(weights, str):
        raise TypeError(f"{where}: expected a list of arrays; got {type(weights).__name__}.")
    for known in (model.weights, model.trainable_weights):
        if [tuple(np.shape(w)) for w in weights] == [v.value.shape for v in known]:
            moved = {id(v) for v in model.trainable_weights}
            kept = [w for w, v in zip(weights, known, strict=True) if id(v) in moved]
            return np.concatenate([np.asarray(w, np.float64).ravel() for w in kept])
    raise ValueError(
        f"{where}: expected {len(model.weights)} arrays in the shapes of model.get_weights(), "
        f"{', '.join(str(v.value.shape) for v in model.weights)}; got "
        f"{', '.join(str(np.shape(w)) for w in weights) or 'none'}."
    )


def _sides(points: np.ndarray, margin: float) -> list[tuple[float, float]]:
    """What to show along each axis; no side is shorter than a third of the other."""
    low, high = points.min(axis=0), points.max(axis=0)
    middle, half = (low + high) / 2, (high - low) / 2
    half = np.maximum(half, half.max() / 3) * (1 + 2 * margin)
    return [(float(m - h), float(m + h)) for m, h in zip(middle, half, strict=True)]


def _batch_size(what: str, given: Any) -> int | None:
    return None if given is None else whole(given, f"{what}: batch_size", least=1)
