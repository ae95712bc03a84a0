"""What optimizers are compared on, and how one of them makes its steps there.

A plain function and a network on data are the same to a comparison: a loss as a function of one
vector, a start, and something that makes a step and tells what it cost.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import cycle, islice
from typing import Any

import numpy as np

from glassnet.graph.variable import Variable, replace_arrays
from glassnet.inspection.losses import length, loss_on
from glassnet.models.data import ArraySource, Batch, IterableSource, source_of
from glassnet.models.guard import NonFiniteStep
from glassnet.models.model import Model
from glassnet.models.running import Progress, Runner, results
from glassnet.objective import Objective, Problem
from glassnet.optimizers import Optimizer
from glassnet.optimizers.second_order import Move, SecondOrder
from glassnet.optimizers.second_order.telling import told

Vector = np.ndarray

MEASURED_AT_ONCE = 4096
"""How many examples the loss is computed on at once, where training takes fewer."""


class Diverged(ArithmeticError):
    """Raised by a step that can't be made: what it needs is not finite."""


class Stepper(ABC):
    """An optimizer at work, from the start on.

    ``counts`` tells how often values, gradients and products with the curvature were computed;
    ``story`` what a second-order method has to tell of each step.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.counts: Counter[str] = Counter()
        self.story: list[str] = []

    @property
    @abstractmethod
    def x(self) -> Vector:
        """The point now."""

    @property
    @abstractmethod
    def changing(self) -> list[Variable]:
        """All variables that a step changes."""

    @abstractmethod
    def step(self, batch: Batch | None) -> tuple[float, float]:
        """Make a step; return the loss that it saw before and the seconds it took.

        Raises:
            Diverged: where a value is not finite.
        """

    def warm_up(self, batch: Batch | None) -> None:
        """Make a step and take it back: graphs are recorded once, and that is not timed."""
        kept = [(v, v.value) for v in self.changing]
        with suppress(Diverged):
            self.step(batch)
        replace_arrays([v for v, _ in kept], [value for _, value in kept])
        self.counts.clear()
        self.story.clear()

    def note(self, move: Move, problem: Problem) -> None:
        """Count what a move computed, and keep what it tells."""
        self.counts.update(problem.counts)
        self.story.append(told(move))


class Contest(ABC):
    """A loss as a function of one vector, and the way optimizers are set to work on it."""

    title: str
    start: Vector
    counted: str = "numbers"

    @abstractmethod
    def value(self, x: Vector) -> float:
        """Return the loss at x, on all the data."""

    @abstractmethod
    def batches(self, steps: int) -> Iterator[Batch | None]:
        """Yield what each step is made on, the same for every optimizer."""

    @abstractmethod
    @contextmanager
    def entered(self, optimizer: Optimizer) -> Iterator[Stepper]:
        """Set an optimizer to the start; afterwards everything is as it was."""


# --- plain functions --------------------------------------------------------------------------
class FunctionContest(Contest):
    """A plain function of one array, from ``x0``."""

    def __init__(self, f: Callable[[Any], Any], x0: Any, title: str) -> None:
        array = np.asarray(x0, dtype=np.float64)
        self.objective = Objective.of(f, array)
        self.shape, self.start, self.title = array.shape, array.ravel(), title
        self._measured = self.objective.at()

    def value(self, x: Vector) -> float:
        with np.errstate(all="ignore"):
            return self._measured.value(x)

    def batches(self, steps: int) -> Iterator[Batch | None]:
        return iter([None] * steps)

    @contextmanager
    def entered(self, optimizer: Optimizer) -> Iterator[Stepper]:
        yield _FunctionStepper(self, optimizer)


class _FunctionStepper(Stepper):
    def __init__(self, contest: FunctionContest, optimizer: Optimizer) -> None:
        super().__init__(optimizer)
        self.contest = contest
        self.variable = Variable(contest.start, dtype="float64", name="x")
        optimizer.build([self.variable])

    @property
    def x(self) -> Vector:
        return self.variable.value

    @property
    def changing(self) -> list[Variable]:
        return [self.variable, *self.optimizer.variables]

    def step(self, batch: Batch | None) -> tuple[float, float]:
        problem = self.contest.objective.at()
        began = time.perf_counter()
        with np.errstate(all="ignore"):
            try:
                before = self._moved(problem)
            except FloatingPointError as error:
                raise Diverged(str(error)) from None
        return before, time.perf_counter() - began

    def _moved(self, problem: Problem) -> float:
        if isinstance(self.optimizer, SecondOrder):
            move = self.optimizer.move(problem, self.x)
            self.optimizer.finished(move)
            self.variable.assign(move.x)
            self.note(move, problem)
            return move.before
        before, slope = problem.value_and_gradient(self.x)
        self.optimizer.apply([slope], [self.variable])
        self.counts.update(problem.counts)
        return before


# --- networks ---------------------------------------------------------------------------------
class ModelContest(Contest):
    """The loss of a compiled network on data, from the weights that it has."""

    counted = "weights"

    def __init__(
        self, model: Model, data: Any, batch_size: int | None, shuffle: bool, seed: int
    ) -> None:
        self.model = model
        self.seed = seed
        self.source, self.whole = _source(data, batch_size, shuffle, seed)
        self._pass: list[Batch] | None = None
        first = self.whole[0]
        if not model.built:
            model(first.x)
        self.title = f"{model.name}, {sum(length(b) for b in self.whole)} examples"
        if isinstance(self.source, ArraySource) and self.source.batch_size < self.source.size:
            self.title += f" in batches of {self.source.batch_size}"
        self._kept = [(v, v.value) for v in model.weights]
        self.start = weights_of(model)
        self._measured = loss_on(model, self.whole, training=True)

    def value(self, x: Vector) -> float:
        with np.errstate(all="ignore"):
            return sum(share * problem.value(x) for share, problem in self._measured)

    def batches(self, steps: int) -> Iterator[Batch | None]:
        if isinstance(self.source, ArraySource):
            yield from _in_passes(self.source, steps)
        else:
            yield from islice(cycle(self.whole), steps)

    @contextmanager
    def entered(self, optimizer: Optimizer) -> Iterator[Stepper]:
        with unchanged(self.model):
            yield _ModelStepper(self.model, optimizer, self.seed, self.whole[0])


class _ModelStepper(Stepper):
    def __init__(self, model: Model, optimizer: Optimizer, seed: int, checked: Batch) -> None:
        super().__init__(optimizer)
        self.model, self.checked = model, checked
        given = model.compile_arguments or {}
        model.compile(optimizer, given.get("loss"), given.get("loss_weights"))
        model.progress = Progress(seed=seed)
        optimizer.build(model.trainable_weights)
        if isinstance(optimizer, SecondOrder):
            self._listen(optimizer)
        self.runner = Runner(model, "train")

    def _listen(self, optimizer: SecondOrder) -> None:
        """The step of `fit` makes the problem and keeps it to itself: look on where it is passed.

        The optimizer is the comparison's own copy.
        """
        move = optimizer.move

        def heard(problem: Problem, x: Vector) -> Move:
            found = move(problem, x)
            self.note(found, problem)
            return found

        vars(optimizer)["move"] = heard

    @property
    def x(self) -> Vector:
        return weights_of(self.model)

    @property
    def changing(self) -> list[Variable]:
        return [*self.model.weights, *self.optimizer.variables]

    def warm_up(self, batch: Batch | None) -> None:
        super().warm_up(batch)
        self.model.progress = Progress(seed=self.model.progress.seed)

    def step(self, batch: Batch | None) -> tuple[float, float]:
        assert batch is not None
        self.model.reset_metrics()
        began = time.perf_counter()
        try:
            self.runner.run(batch, self.checked)
        except (NonFiniteStep, FloatingPointError) as error:
            raise Diverged(str(error)) from None
        taken = time.perf_counter() - began
        if not isinstance(self.optimizer, SecondOrder):
            self.counts["gradient"] += 1
        return float(results(self.model)["loss"]), taken


def weights_of(model: Model) -> Vector:
    """Return a copy of all trainable weights as one vector."""
    return np.concatenate([v.value.ravel() for v in model.trainable_weights])


@contextmanager
def unchanged(model: Model) -> Iterator[None]:
    """Let a model be compiled and trained; afterwards it is as it was.

    Weights, optimizer, metrics, recorded steps, the counter of random draws.
    """
    attributes = dict(vars(model))
    weights = [(v, v.value) for v in model.weights]
    # compile() clears these two in place, and they are the model's.
    vars(model).update(_steps={}, _loss_trackers={})
    try:
        yield
    finally:
        vars(model).clear()
        vars(model).update(attributes)
        replace_arrays([v for v, _ in weights], [value for _, value in weights])


# --- batches ----------------------------------------------------------------------------------
def _source(
    data: Any, batch_size: int | None, shuffle: bool, seed: int
) -> tuple[ArraySource | IterableSource, list[Batch]]:
    """Where batches come from, and all the data, in parts that are large where they can be."""
    if data is None:
        raise ValueError(
            "compare_optimizers: a network is trained on data: compare_optimizers({…}, model, "
            "(x, y))."
        )
    parts = data if isinstance(data, tuple) else (data,)
    if not 1 <= len(parts) <= 3:
        raise ValueError(
            "compare_optimizers: data is (x, y) or (x, y, sample_weight), or an iterable of "
            f"batches; got a tuple of {len(parts)}."
        )
    source = source_of(*parts, batch_size=batch_size or 1, shuffle=shuffle, seed=seed)
    if not isinstance(source, ArraySource):
        # Another pass might bring other batches, and every optimizer is to see the same ones.
        return source, list(source.batches(0))
    if batch_size is None:
        source.batch_size = source.size
    source.shuffle = source.shuffle and source.batch_size < source.size
    at_once = max(source.batch_size, MEASURED_AT_ONCE)
    return source, list(ArraySource(source.data, at_once, False, seed).batches(0))


def _in_passes(source: ArraySource, steps: int) -> Iterator[Batch]:
    """Pass after pass, each in the order that `fit` would have."""
    taken = 0
    while taken < steps:
        for batch in source.batches(taken):
            yield batch
            taken += 1
            if taken == steps:
                return
