"""The patient: a model, how its run went, a sample of its data, and what they show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from glassnet.callbacks import History
from glassnet.callbacks.history import RunRecord
from glassnet.explain.curvature.points import Point, point_of_model
from glassnet.explain.doctor.training.bench import Bench
from glassnet.explain.doctor.training.heads import Head, activation_of
from glassnet.explain.evaluation import wide
from glassnet.graph.recording import recording
from glassnet.inspection.signals import Signal, Signals, signals
from glassnet.models.compiled import leaves_by_output
from glassnet.models.data import Batch
from glassnet.models.model import Model
from glassnet.models.steps import placeholders, record_loss
from glassnet.nest import flatten, map_structure

LOOKED_AT = 256
"""How many examples signals and curvature are computed on."""


@dataclass
class Case:
    """What an ailment may look at.

    Args:
        model: the compiled model.
        history: the history of its run, or None.
        data: a sample of the training data, or None.
        validation: a sample of the validation data, or None.
        size: the number of all training examples, where it is known.
        rng: for what is drawn.
    """

    model: Model
    history: History | None
    data: Batch | None
    validation: Batch | None
    size: int | None
    rng: np.random.Generator
    facts: dict[str, Any] = field(default_factory=dict)

    # --- the run ------------------------------------------------------------------------------
    @property
    def record(self) -> RunRecord | None:
        """What the run kept of itself."""
        return None if self.history is None else self.history.record

    def log(self, name: str) -> np.ndarray:
        """Return what the history lists under a name, an entry an epoch; empty for nothing."""
        listed = [] if self.history is None else self.history.history.get(name, [])
        return np.asarray([float(v) for v in listed if np.ndim(v) == 0], np.float64)

    @property
    def epochs(self) -> int:
        """The epochs of the run."""
        return len(self.log("loss"))

    @property
    def batch_size(self) -> int | None:
        """The examples of a step; None where nobody told."""
        return None if self.record is None else self.record.batch_size

    @property
    def steps(self) -> int | None:
        """The steps of the run."""
        if self.record is None or not self.batch_size or self.size is None or not self.epochs:
            return None
        return self.epochs * -(-self.size // self.batch_size)

    @property
    def stopped(self) -> str:
        """What was said when a number that is not finite ended the run."""
        return "" if self.record is None else self.record.stopped

    # --- the data -----------------------------------------------------------------------------
    @cached_property
    def small(self) -> Batch:
        """The examples that signals and curvature are computed on."""
        assert self.data is not None
        return first(self.data, LOOKED_AT, self.rng)

    @property
    def examples(self) -> int:
        """The number of examples at hand."""
        return 0 if self.data is None else count(self.data)

    def inputs(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the arrays of x by name."""
        if self.data is not None:
            yield from _named("x", self.data.x)

    # --- the network --------------------------------------------------------------------------
    @cached_property
    def fault(self) -> str:
        """What the library says against a step on these data; empty where nothing."""
        if self.data is None:
            return ""
        try:
            self.model.check_data(self.data.x)
            symbolic, _ = placeholders(self.data, np.dtype(self.model.dtype))
            with recording():
                outputs = self.model(symbolic.x, training=True)
                record_loss(self.model, symbolic, outputs, training=True)
            for head in self._heads(checked=True):
                head.loss.check_targets(head.y, (None, *head.predicted.shape[1:]))
        except ValueError as error:
            return str(error)
        return ""

    @property
    def runs(self) -> bool:
        """Whether there are data that the network can be run on."""
        return self.data is not None and not self.fault and self.finite_data

    @cached_property
    def finite_data(self) -> bool:
        """Whether no number of the sample is NaN or infinite."""
        return self.data is not None and all(
            bool(np.isfinite(wide(a)).all()) for a in flatten(self.data) if a is not None
        )

    @cached_property
    def finite_weights(self) -> bool:
        """Whether no weight is NaN or infinite."""
        return all(bool(np.isfinite(v.value).all()) for v in self.model.weights)

    @cached_property
    def heads(self) -> list[Head]:
        """The outputs that have a loss."""
        return list(self._heads()) if self.runs else []

    def heads_on(self, data: Batch) -> list[Head]:
        """Return the outputs on other data."""
        return list(self._heads(data))

    def _heads(self, data: Batch | None = None, checked: bool = False) -> Iterator[Head]:
        data = self.data if data is None else data
        assert data is not None
        symbolic, _ = placeholders(Batch(data.x), np.dtype(self.model.dtype))
        with recording():
            outputs = self.model(symbolic.x, training=False)
        names = self.model.names_of_outputs(outputs)
        made = list(outputs.values()) if isinstance(outputs, dict) else flatten(outputs)
        if self.model.computes_own_loss:
            return
        predicted = _by_name(self.model.predict(data.x, verbose=0), names)
        targets = leaves_by_output(data.y, names, "y")
        weights = leaves_by_output(data.sample_weight, names, "sample_weight")
        found = self.model.compiled_loss.for_outputs(names)
        for name, output, p, y, w, loss in zip(
            names, made, predicted, targets, weights, found, strict=True
        ):
            if loss is not None and y is not None and (checked or hasattr(loss, "check_targets")):
                yield Head(name, activation_of(output), loss, np.asarray(y), p, w)

    @cached_property
    def signals(self) -> Signals | None:
        """What runs through the network now, as in training."""
        return self._signals() if self.runs and self.finite_weights else None

    @cached_property
    def first_signals(self) -> Signals | None:
        """The same with the weights that the run began with."""
        if not self.runs or self.bench is None or self.bench.start is None:
            return None
        with self.bench.at_start():
            return self._signals()

    def _signals(self) -> Signals:
        data = self.small
        with np.errstate(all="ignore"):
            return signals(
                self.model, data.x, data.y, sample_weight=data.sample_weight, training=True
            )

    # --- one loss, and how it moves -----------------------------------------------------------
    @property
    def head(self) -> Head | None:
        """The output, where there is one."""
        return self.heads[0] if len(self.heads) == 1 else None

    @property
    def skill(self) -> float | None:
        """How much better than the best constant guess the network is on the training data.

        The better of what it gives now and of the last epoch's mean: the moving averages of batch
        normalization lag behind, dropout makes the epoch's mean worse.
        """
        head, loss = self.head, self.log("loss")
        if head is None or np.isnan(head.base):
            return None
        found = [head.skill]
        if len(loss) and head.base > 1e-12:
            found.append(1.0 - float(loss[-1]) / head.base)
        return max((s for s in found if np.isfinite(s)), default=float("-inf"))

    @cached_property
    def validation_head(self) -> Head | None:
        """The output on the validation data."""
        if self.validation is None or not self.runs or self.head is None:
            return None
        found = self.heads_on(self.validation)
        return found[0] if len(found) == 1 else None

    @cached_property
    def bench(self) -> Bench | None:
        """The model on the bench, where steps can be tried."""
        if not self.runs:
            return None
        start = None if self.record is None else self.record.start
        if start is not None:
            fits = [np.shape(a) for a in start] == [v.value.shape for v in self.model.weights]
            start = start if fits else None
        return Bench(self.model, self.small, self.batch_size or 32, start)

    @cached_property
    def point(self) -> Point | None:
        """The loss as a function of the weights, where they stand now."""
        data = self.small
        if not self.runs or not self.model.trainable_weights:
            return None
        return point_of_model(self.model, data.x, data.y, data.sample_weight, True)

    @cached_property
    def penalty(self) -> float:
        """The sum of the penalties on the weights now."""
        with np.errstate(all="ignore"):
            return float(sum(float(np.asarray(p)) for p in self.model.losses))

    def began_with(self) -> Sequence[np.ndarray] | None:
        """Return the first values of the trained weights."""
        if self.bench is None or self.bench.start is None:
            return None
        known = dict(zip(map(id, self.model.weights), self.bench.start, strict=True))
        return [known[id(v)] for v in self.model.trainable_weights]


# --- helpers ------------------------------------------------------------------------------------
def count(batch: Batch) -> int:
    """Return the number of examples."""
    return len(next(a for a in flatten(batch) if a is not None))


def first(batch: Batch, most: int, rng: np.random.Generator) -> Batch:
    """Return at most so many examples, drawn at random."""
    size = count(batch)
    if size <= most:
        return batch
    rows = np.sort(rng.choice(size, most, replace=False))
    return Batch(*(None if p is None else map_structure(lambda a: a[rows], p) for p in batch))


def _by_name(predicted: Any, names: list[str]) -> list[np.ndarray]:
    if isinstance(predicted, dict):
        return [np.asarray(predicted[name]) for name in names]
    return [np.asarray(p) for p in flatten(predicted)]


def _named(name: str, part: Any) -> Iterator[tuple[str, np.ndarray]]:
    if isinstance(part, dict):
        for key, value in part.items():
            yield f"{name}[{key!r}]", np.asarray(value)
    elif isinstance(part, (list, tuple)):
        for i, value in enumerate(part):
            yield f"{name}[{i}]", np.asarray(value)
    else:
        yield name, np.asarray(part)


def units(signal: Signal, array: np.ndarray) -> np.ndarray:
    """Return an array of a layer as a matrix, a column a unit: an output, or a channel."""
    if getattr(signal.layer, "data_format", None) == "channels_first" and array.ndim > 2:
        array = np.moveaxis(array, 1, -1)
    return array.reshape(-1, array.shape[-1] if array.ndim > 1 else 1)


def has_kernel(signal: Signal) -> bool:
    """Whether the layer is a linear map with weights: dense, or a convolution."""
    return any(w.ndim >= 2 for w in signal.weights.values()) and signal.outputs.dtype.kind == "f"


def size_of(a: np.ndarray) -> float:
    """Return the root of the mean square of the entries."""
    return float(np.sqrt(np.mean(np.square(wide(a), dtype=np.float64)))) if a.size else 0.0
