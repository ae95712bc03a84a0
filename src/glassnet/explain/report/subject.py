"""What a report is about: the model, its data, its history, and what is found out once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from glassnet.callbacks import History
from glassnet.inspection.scores import NoScores, Scores, scores
from glassnet.models.data import Batch
from glassnet.models.model import Model
from glassnet.nest import flatten


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the model says through one of its outputs.

    Args:
        output: the name of the output; empty where there is only one.
        truth: the targets.
        outputs: what ``predict`` gives.
        scores: how that is read as classes; None where it is numbers.
    """

    output: str
    truth: np.ndarray
    outputs: np.ndarray
    scores: Scores | None


@dataclass(eq=False)
class Subject:
    """A model, its data, its history, and how the report is to be made.

    Args:
        model: the compiled model.
        held: the examples that the report evaluates.
        held_name: what they are called: "held-out examples".
        train: the examples that were trained on, where they are known.
        train_size: how many there were, of which ``train`` may be a sample.
        history: what ``fit`` returned.
        names: the names of the classes, or of the numbers that are predicted.
        features: the names of the inputs' features.
        shape: height and width of images that come as rows.
        theme: "light", "dark"; as the reader's screen is for None.
        command: the command that made the run.
        seed: the seed of the run.
        seconds: how long training took.
        weights_file: the file that holds the model.
    """

    model: Model
    held: Batch
    held_name: str
    train: Batch | None = None
    train_size: int | None = None
    history: History | Mapping[str, Any] | None = None
    names: Sequence[str] | None = None
    features: Sequence[str] | None = None
    shape: tuple[int, ...] | None = None
    theme: str | None = None
    command: str | None = None
    seed: int | None = None
    seconds: float | None = None
    weights_file: Path | None = None

    @property
    def size(self) -> int:
        """How many examples are evaluated."""
        return len(flatten(self.held.x)[0])

    @cached_property
    def results(self) -> dict[str, float]:
        """What ``evaluate`` says of the held-out examples, the loss first."""
        found = self.model.evaluate(self.held.x, self.held.y, verbose=0, return_dict=True)
        return {name: found[name] for name in sorted(found, key=lambda n: n != "loss")}

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """What the model says of the held-out examples, one verdict an output."""
        if self.model._network is not None and len(self.model.output_names) == 1:
            truth = np.asarray(flatten(self.held.y)[0])
            said = self._scores(0, truth)
            outputs = self.model.predict(self.held.x, verbose=0) if said is None else said.outputs
            return [Verdict("", truth, flatten(outputs)[0], said)]
        predicted = self.model.predict(self.held.x, verbose=0)
        names = self.model.names_of_outputs(predicted)
        arrays = flatten(predicted)
        if isinstance(predicted, Mapping):
            arrays = [predicted[name] for name in names]
        truths = _by_output(self.held.y, names)
        several = len(names) > 1
        found = []
        for place, (name, truth, array) in enumerate(zip(names, truths, arrays, strict=True)):
            if truth is None:
                continue
            named = name if several else ""
            targets = np.asarray(truth)
            found.append(Verdict(named, targets, array, self._scores(place, targets)))
        return found

    def _scores(self, place: int, truth: np.ndarray) -> Scores | None:
        """How an output is read as classes; None where it, or its targets, are numbers."""
        if truth.dtype.kind == "f" and not (truth == np.floor(truth)).all():
            return None  # shares, such as the pixels that an autoencoder gives back
        try:
            return scores(self.model, self.held.x, output=place)
        except NoScores:
            return None

    @property
    def only_input(self) -> np.ndarray | None:
        """The inputs of the held-out examples where the model has one input."""
        leaves = flatten(self.held.x)
        return np.asarray(leaves[0]) if len(leaves) == 1 else None

    def is_image(self) -> bool:
        """Tell whether the examples are images: by their shape, or as ``shape`` says."""
        x = self.only_input
        if x is None or x.dtype.kind not in "fiub":
            return False
        return self.shape is not None or (x.ndim == 3 and min(x.shape[1:]) >= 8) or (
            x.ndim == 4 and x.shape[-1] in (1, 3)
        )  # fmt: skip

    def images(self, x: np.ndarray) -> np.ndarray:
        """Return inputs as images, (m, height, width) or (m, height, width, 3)."""
        if self.shape is not None:
            x = x.reshape(len(x), *self.shape)
        return x[..., 0] if x.ndim == 4 and x.shape[-1] == 1 else x


def _by_output(y: Any, names: Sequence[str]) -> list[Any]:
    if isinstance(y, Mapping):
        return [y.get(name) for name in names]
    leaves = flatten(y)
    return leaves if len(leaves) == len(names) else [y]
