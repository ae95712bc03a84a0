"""What the loops of fit and evaluate are made of: the feed of batches, the runner, the logs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glassnet.models import steps as recorded
from glassnet.models.compiled import leaves_by_output
from glassnet.models.curved import curved_step, needs_objective
from glassnet.models.data import ArraySource, Batch, IterableSource, warn_exhausted

if TYPE_CHECKING:
    from glassnet.models.model import Model

AnySource = ArraySource | IterableSource
STEPS_HELD = 16  # by a run, beside those that the model keeps


@dataclass
class Progress:
    """Where training stands: all that a resumed run needs beside weights and callbacks."""

    epoch: int = 0
    """The epoch under way."""
    batch: int = 0
    """Steps made in this epoch."""
    in_pass: int = 0
    """Batches taken in this pass over the data."""
    seen: int = 0
    """Training steps ever made: the counter of random draws."""
    seed: int | None = None
    """The seed of the shuffling."""


class Runner:
    """Runs batches through a model's recorded steps; finds each step once a run."""

    def __init__(self, model: Model, kind: str, *, checks_losses: bool = False) -> None:
        self.model, self.kind, self.checks_losses = model, kind, checks_losses
        self._make = step_makers(model)[kind]
        self._steps: dict[Any, recorded.Step] = {}

    def run(self, batch: Batch, checked: Batch | None = None) -> None:
        """Run one batch; ``checked`` is what the targets' check looks at the first time."""
        key = recorded.signature(batch)
        step = self._steps.get(key)
        if step is None:
            if len(self._steps) >= STEPS_HELD:
                self._steps.clear()
            step = self._steps[key] = self.model.step_for(self.kind, batch, self._make, key)
            check_targets(step, batch if checked is None else checked)
        elif checked is None:
            check_targets(step, batch)
        training = self.kind == "train"
        check = training and self.model.check_finite
        check = check or (self.checks_losses and self.model.check_finite)
        engine = self.model.engine
        step.run(batch, self.model.progress.seen, check=check, engine=engine)
        if training:
            self.model.progress.seen += 1


def step_makers(model: Model) -> dict[str, Any]:
    """Return what records a step of training and of evaluation."""
    train = curved_step if needs_objective(model.optimizer) else recorded.train_step
    return {"train": train, "test": recorded.test_step}


def check_targets(step: recorded.Step, batch: Batch) -> None:
    """Raise where targets are none that their loss can take."""
    forward = step.forward
    targets = leaves_by_output(batch.y, forward.names, "y")
    for name, loss, target, output in zip(
        forward.names, forward.losses, targets, forward.outputs, strict=True
    ):
        if target is not None and hasattr(loss, "check_targets"):
            try:
                loss.check_targets(target, output.shape)
            except ValueError as error:
                raise ValueError(f"Targets of the output {name!r}: {error}") from None


class LazyLogs(dict[str, Any]):
    """The running results, computed when someone looks at them."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self._model: Model | None = model

    def _fill(self) -> None:
        if self._model is not None:
            model, self._model = self._model, None
            self.update(results(model))

    def __getitem__(self, key: str) -> Any:
        self._fill()
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[str]:
        self._fill()
        return super().__iter__()

    def __len__(self) -> int:
        self._fill()
        return super().__len__()

    def __contains__(self, key: object) -> bool:
        self._fill()
        return super().__contains__(key)

    def __repr__(self) -> str:
        self._fill()
        return super().__repr__()

    def get(self, key: str, default: Any = None) -> Any:
        self._fill()
        return super().get(key, default)

    def keys(self) -> Any:
        self._fill()
        return super().keys()

    def values(self) -> Any:
        self._fill()
        return super().values()

    def items(self) -> Any:
        self._fill()
        return super().items()

    def copy(self) -> dict[str, Any]:
        self._fill()
        return dict(super().items())


class Feed:
    """Batches epoch by epoch: one pass each, or so many steps of an unending round."""

    def __init__(self, source: AnySource, steps_per_epoch: int | None, progress: Progress) -> None:
        self.source, self.steps, self.progress = source, steps_per_epoch, progress
        self._pass: Iterator[Batch] | None = None

    def epoch(self) -> Iterator[Batch]:
        """Yield the batches of the epoch that are still to come."""
        progress = self.progress
        while self.steps is None or progress.batch < self.steps:
            if self._pass is None:
                if not self.source.restarts and progress.in_pass == -1:
                    break
                key = progress.seen - progress.in_pass
                self._pass = self.source.batches(key, progress.in_pass)
            batch = next(self._pass, None)
            if batch is not None:
                progress.in_pass += 1
                yield batch
                continue
            empty = progress.in_pass == 0
            self._pass, progress.in_pass = None, 0
            if not self.source.restarts:
                progress.in_pass = -1
            if self.steps is None or not self.source.restarts or empty:
                break
        if self.steps is not None and progress.batch < self.steps and progress.in_pass == -1:
            warn_exhausted(progress.batch, self.steps)


def results(model: Model) -> dict[str, Any]:
    """Return the loss and the metrics, sorted by name as Keras's logs are."""
    return dict(sorted(model.get_metrics_result().items()))
