"""What is looked at: a loss as a function of the weights, or a plain function, at a point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.explain.batches import check_ready
from glassnet.explain.curvature.widening import in_float64, wide_placeholder
from glassnet.explain.notation import Placed, placed_weights
from glassnet.graph.recording import recording
from glassnet.layers.base import Layer
from glassnet.models.data import ArraySource, Batch, source_of
from glassnet.models.model import Model
from glassnet.models.steps import placeholders, record_loss
from glassnet.nest import flatten
from glassnet.notation import get_notation
from glassnet.objective import Objective, Problem
from glassnet.optimizers.sgd import SGD

Vector = np.ndarray


@dataclass(frozen=True)
class Part:
    """A leaf of the function: a weight, or the array of a plain function."""

    name: str
    layer: str
    place: slice
    shape: tuple[int, ...]
    placed: Placed | None = None

    def arranged(self, entries: Vector) -> np.ndarray:
        """Return its part of a vector as an array, as the notation in use has it."""
        array = entries[self.place].reshape(self.shape)
        if self.placed is None:
            return array
        return np.asarray(self.placed.arrangement(get_notation()).of(array))


@dataclass(frozen=True)
class Point:
    """A function and where it is looked at."""

    problem: Problem
    x: Vector
    parts: Sequence[Part]
    name: str
    of: str
    dtype: np.dtype
    examples: int | None = None
    rate: float | None = None

    @property
    def size(self) -> int:
        return self.x.size

    @property
    def epsilon(self) -> float:
        """The gap behind 1 of the dtype that the point is known in."""
        return float(np.finfo(self.dtype).eps)

    def product(self, v: Vector) -> Vector:
        """Return H v."""
        found = self.problem.product(self.x, v)
        check_finite(self, "Hessian", found)
        return found

    def hessian(self) -> np.ndarray:
        """Return H as it is computed, a product a column."""
        return np.stack([self.product(unit) for unit in np.eye(self.size)], axis=1)

    def block(self, place: slice) -> Callable[[Vector], Vector]:
        """Return the products with a block on the diagonal of H."""

        def product(v: Vector) -> Vector:
            wide = np.zeros(self.size)
            wide[place] = v
            return self.product(wide)[place]

        return product


def check_finite(point: Point, what: str, values: Any) -> None:
    if not np.all(np.isfinite(values)):
        name = point.name or "this function"
        raise ValueError(
            f"curvature(): the {what} of {name} is not finite at this point, so there is no "
            "curvature to tell. Look at the inputs, or at a point nearer to 0."
        )


def point_of_function(f: Any, x: Any, y: Any, sample_weight: Any) -> Point:
    if isinstance(f, Layer) or not callable(f):
        raise TypeError(
            "curvature(model, x, y) or curvature(f, x0): expected a model, or a function of one "
            f"array; got a {type(f).__name__}."
        )
    if y is not None or sample_weight is not None:
        raise ValueError(
            "curvature(f, x0): a function is looked at at one point and has no targets. Put what "
            "else it needs into it: curvature(lambda x: f(x, y), x0)."
        )
    start = np.asarray(x)
    if start.dtype.kind not in "fiu" or not start.size:
        raise ValueError(f"curvature(f, x0): x0 is an array of numbers, at least one; got {x!r}.")
    dtype = start.dtype if start.dtype.kind == "f" else np.dtype(np.float64)
    start = start.astype(np.float64)
    problem = Objective.of(f, start).at()
    name = getattr(f, "__name__", type(f).__name__)
    part = Part("x", "", slice(0, start.size), start.shape)
    known = "" if name == "<lambda>" else name
    return Point(problem, start.ravel(), [part], known, "numbers", np.dtype(dtype))


def point_of_model(model: Model, x: Any, y: Any, sample_weight: Any, training: bool) -> Point:
    check_ready(model, "curvature()")
    batch = _batch_for(model, x, y, sample_weight)
    variables = model.trainable_weights
    if not variables:
        raise ValueError(
            f"curvature(): model {model.name!r} has no weights to train, so its loss is a function "
            "of nothing."
        )
    symbolic, inputs = placeholders(batch, np.dtype(model.dtype))
    with recording():
        outputs = model(symbolic.x, training=training)
        loss, _ = record_loss(model, symbolic, outputs, training=training)
        points = [wide_placeholder(v) for v in variables]
        holes = [wide_placeholder(i) for i in inputs]
        leaves = dict(zip([*variables, *inputs], [*points, *holes], strict=True))
        (wide_loss,) = in_float64([loss], leaves)
    arrays = [
        np.asarray(a).astype(i.dtype)
        for a, i in zip([a for a in flatten(batch) if a is not None], inputs, strict=True)
    ]
    problem = Objective(wide_loss, points, holes).at(*arrays, step=model.progress.seen)
    named = {id(p.weight): p for p in placed_weights(model)}
    ends = np.cumsum([0, *(v.value.size for v in variables)])
    parts = [
        Part(str(p.name), p.layer.name, slice(int(a), int(b)), v.value.shape, p)
        for v, a, b in zip(variables, ends[:-1], ends[1:], strict=True)
        for p in [named[id(v)]]
    ]
    coarsest = max((v.dtype for v in variables), key=lambda d: float(np.finfo(d).eps))
    return Point(
        problem,
        problem.joined([v.value for v in variables]),
        parts,
        f"model {model.name!r}",
        "weights",
        np.dtype(coarsest),
        len(arrays[0]),
        _plain_rate(model.optimizer),
    )


def _batch_for(model: Model, x: Any, y: Any, sample_weight: Any) -> Batch:
    source = source_of(x, y, sample_weight)
    if not isinstance(source, ArraySource):
        raise TypeError("curvature() takes one batch of arrays; got an iterable. Pass x and y.")
    sizes = {len(a) for a in flatten(source.data) if a is not None}
    if sizes == {0}:
        raise ValueError("curvature(): the batch is empty; it needs at least one example.")
    model.check_data(source.data.x)
    return source.data


def _plain_rate(optimizer: Any) -> float | None:
    """The learning rate where a step is ``w ← w - η g`` and nothing else."""
    changed = ("momentum", "weight_decay", "clipnorm", "clipvalue", "global_clipnorm")
    if type(optimizer) is not SGD or any(getattr(optimizer, name) for name in changed):
        return None
    return float(np.asarray(optimizer.learning_rate))
