"""A model on the bench: steps are tried on it, and all that they changed is put back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from glassnet.graph.variable import Variable, arrays_of, replace_arrays
from glassnet.models.curved import needs_objective
from glassnet.models.data import Batch
from glassnet.models.model import Model
from glassnet.models.running import step_makers
from glassnet.models.steps import Step, signature
from glassnet.nest import flatten, map_structure


class Bench:
    """Tries training steps of a model without changing it.

    Args:
        model: a compiled model.
        batch: the examples that the steps are tried on.
        size: how many of them make a step.
        start: the weights that a run began with, where they are known.
    """

    def __init__(
        self, model: Model, batch: Batch, size: int, start: Sequence[np.ndarray] | None
    ) -> None:
        self.model, self.batch, self.start = model, batch, start
        self.examples = len(next(a for a in flatten(batch) if a is not None))
        self.size = min(size, self.examples)

    @property
    def can_step(self) -> bool:
        """Whether a step is one of the gradient: not where the optimizer searches for itself."""
        return bool(self.model.trainable_weights) and not needs_objective(self.model.optimizer)

    @property
    def rate(self) -> float | None:
        """The learning rate, where it is a number."""
        rate = getattr(self.model.optimizer, "learning_rate", None)
        return float(rate.value) if isinstance(rate, Variable) else None

    def _step(self, batch: Batch) -> Step:
        make = step_makers(self.model)["train"]
        found: Step = self.model.step_for("train", batch, make, signature(batch))
        return found

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Put back weights, state and metrics at the end of the block."""
        variables = self._step(self.batch).updated
        # Variables that no step changes are moved too, where the weights of the start are tried.
        variables = [*variables, *self.model.weights, *self.model.optimizer.variables]
        kept = arrays_of(variables)
        try:
            yield
        finally:
            replace_arrays(variables, kept)

    @contextmanager
    def at_start(self) -> Iterator[None]:
        """Work with the weights that the run began with and an optimizer that has no past."""
        assert self.start is not None
        with self.undone():
            replace_arrays(self.model.weights, [np.array(a) for a in self.start])
            optimizer = self.model.optimizer
            if optimizer.built:
                fresh = type(optimizer).from_config(optimizer.get_config())
                fresh.build(self.model.trainable_weights)
                if len(fresh.variables) == len(optimizer.variables):
                    arrays = [np.array(v.value) for v in fresh.variables]
                    replace_arrays(optimizer.variables, arrays)
            yield

    def update(self) -> np.ndarray:
        """Return what the next step on the whole batch adds to the trained weights."""
        step = self._step(self.batch)
        arrays = [a for a in flatten(self.batch) if a is not None]
        with np.errstate(all="ignore"):
            _, news = step.computed(arrays, self.model.progress.seen, False)
        found = {id(v): new for v, new in zip(step.updated, news, strict=True)}
        with np.errstate(all="ignore"):
            return np.concatenate(
                [
                    (np.asarray(found.get(id(v), v.value), np.float64) - v.value).ravel()
                    for v in self.model.trainable_weights
                ]
            )

    def losses(self, steps: int, factor: float = 1.0) -> list[float]:
        """Return the loss at each of some steps, with the learning rate times a factor.

        The weights move; call it inside `undone` or `at_start`.
        """
        optimizer, rate = self.model.optimizer, self.rate
        found: list[float] = []
        with np.errstate(all="ignore"):
            if factor != 1.0 and rate is not None:
                optimizer.learning_rate.assign(np.asarray(rate * factor))
            for i in range(steps):
                batch = self._batch(i)
                step = self._step(batch)
                arrays = [a for a in flatten(batch) if a is not None]
                results, news = step.computed(arrays, self.model.progress.seen + i, False)
                replace_arrays(step.updated, news)
                found.append(float(results[0]))
        return found

    def _batch(self, number: int) -> Batch:
        """The batch of a step: one after the other, then from the front again."""
        count = max(1, self.examples // self.size)
        first = (number % count) * self.size
        rows = slice(first, first + self.size)

        def cut(a: Any) -> Any:
            return None if a is None else a[rows]

        return Batch(*(map_structure(cut, part) for part in self.batch))
