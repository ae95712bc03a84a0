"""Several optimizers from the same start, on the same batches in the same order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from glassnet import optimizers as known
from glassnet.checks import whole
from glassnet.explain.comparison import Comparison, Run
from glassnet.explain.contest import (
    Contest,
    Diverged,
    FunctionContest,
    ModelContest,
    Stepper,
    Vector,
)
from glassnet.explain.surfaces import Surface
from glassnet.layers.base import Layer
from glassnet.models.model import Model
from glassnet.optimizers import Optimizer

POINTS = 200
"""How many points of a path are kept where nothing else is asked for."""
LENGTH = 1e12
"""How far a path goes before it counts as running away."""


def compare_optimizers(
    optimizers: Mapping[str, str | Optimizer],
    model_or_function: Model | Callable[[Any], Any],
    data: Any = None,
    *,
    steps: int = 100,
    x0: Any = None,
    batch_size: int | None = None,
    shuffle: bool = True,
    seed: int = 0,
    every: int | None = None,
) -> Comparison:
    """Return how several optimizers do on one network, or on one plain function.

    Each begins at the same weights and sees the same batches in the same order. What is given is
    left as it is: the network keeps its weights and its optimizer, and copies of the optimizers do
    the work. The time of a step is measured after its graph was recorded, by a step that is taken
    back; computing the loss on all the data, of which the curves are made, is not counted.

    A run ends early where its loss is no longer finite or its path runs away.

    Args:
        optimizers: optimizers or their names, by the names under which they are to appear.
        model_or_function: a compiled network, or a function of one array.
        data: for a network ``(x, y)`` or ``(x, y, sample_weight)``, or an iterable of batches, of
            which one pass is kept.
        steps: how many steps each makes.
        x0: where a function begins; by default its ``start``, as `glassnet.explain.surfaces` have
            one.
        batch_size: examples a step; all of them for None, which suits second-order methods best.
        shuffle: whether each pass over arrays has a new order, the same for all.
        seed: of the shuffling and of dropout.
        every: after how many steps the loss on all the data is computed and the point kept; by
            default so that there are about 200 points. Each takes as much memory as the weights.

    Raises:
        TypeError: where these are no optimizers, or this is no model and no function.
        ValueError: where the model is not compiled, or data or a start is missing.

    >>> import glassnet as gn
    >>> valley = gn.explain.surfaces.rosenbrock
    >>> found = gn.explain.compare_optimizers(
    ...     {"Newton": "newton", "descent": gn.optimizers.SGD(0.001)}, valley, steps=30
    ... )
    >>> [round(float(run.losses[-1]), 3) for run in found]
    [0.0, 4.029]
    """
    given = _checked(optimizers)
    whole(steps, "compare_optimizers: steps", least=1)
    gap = max(1, steps // POINTS) if every is None else whole(every, _EVERY, least=1)
    contest = _contest(model_or_function, data, x0, batch_size, shuffle, seed)
    if not np.isfinite(contest.value(contest.start)):
        raise ValueError(
            "compare_optimizers: the loss is not finite at the start; begin elsewhere."
        )
    runs = {name: _run(name, made, contest, steps, gap) for name, made in given.items()}
    surface = model_or_function if isinstance(model_or_function, Surface) else None
    return Comparison(contest.title, runs, contest.value, surface, contest.counted)


_EVERY = "compare_optimizers: every"


def _checked(optimizers: Any) -> dict[str, Optimizer]:
    """Copies of the optimizers, by name."""
    if not isinstance(optimizers, Mapping) or not optimizers:
        raise TypeError(
            "compare_optimizers: expected a dictionary of optimizers, "
            f"{{'Adam': gn.optimizers.Adam(0.01), …}}; got {optimizers!r}."
        )
    found = {}
    for name, given in optimizers.items():
        optimizer = known.get(given)
        if optimizer is None:
            raise TypeError(f"compare_optimizers: {name!r} is None; expected an optimizer.")
        found[str(name)] = type(optimizer).from_config(optimizer.get_config())
    return found


def _contest(
    subject: Any, data: Any, x0: Any, batch_size: int | None, shuffle: bool, seed: int
) -> Contest:
    if isinstance(subject, Model):
        if not subject.compiled:
            raise ValueError(
                "compare_optimizers: the network needs a loss first: model.compile(loss='mse')."
            )
        if x0 is not None:
            raise ValueError(
                "compare_optimizers: a network begins at the weights it has; set them with "
                "model.set_weights(…) instead of x0=."
            )
        return ModelContest(subject, data, batch_size, shuffle, seed)
    if isinstance(subject, (Layer, type)) or not callable(subject):
        raise TypeError(
            f"compare_optimizers: expected a model, or a function of one array; got {subject!r}."
        )
    if data is not None:
        raise ValueError(
            "compare_optimizers: a function takes no data. Put them into it: "
            "compare_optimizers({…}, lambda w: f(w, x, y), x0=…)."
        )
    start = getattr(subject, "start", None) if x0 is None else x0
    if start is None:
        raise ValueError("compare_optimizers: a function needs a start: x0=[…].")
    return FunctionContest(subject, start, _title(subject))


def _title(function: Any) -> str:
    if isinstance(function, Surface):
        return str(function)
    name = getattr(function, "__name__", type(function).__name__)
    return "f" if name == "<lambda>" else name


def _run(name: str, optimizer: Optimizer, contest: Contest, steps: int, gap: int) -> Run:
    with contest.entered(optimizer) as stepper:
        stepper.warm_up(next(contest.batches(1)))
        log = _Log(contest, stepper)
        for number, batch in enumerate(contest.batches(steps), start=1):
            if not log.stepped(number, batch):
                break
            if (number % gap == 0 or number == steps) and not log.measured(number):
                break
        return log.run(name)


class _Log:
    """What is noted of a run."""

    def __init__(self, contest: Contest, stepper: Stepper) -> None:
        self.contest, self.stepper = contest, stepper
        self.seen: list[float] = []
        self.seconds, self.ended = 0.0, ""
        self.points: list[tuple[int, float, float, dict[str, int], Vector]] = []
        self.measured(0)

    def stepped(self, number: int, batch: Any) -> bool:
        """Make a step; False where the run is over."""
        try:
            before, seconds = self.stepper.step(batch)
        except Diverged:
            self.ended = f"diverged: step {number} met a value that is not finite"
            return False
        self.seen.append(before)
        self.seconds += seconds
        return True

    def measured(self, number: int) -> bool:
        """Note the loss and the point after a step; False where the run is over."""
        x = np.array(self.stepper.x)
        loss = self.contest.value(x)
        if not np.isfinite(loss):
            self.ended = f"diverged: the loss after step {number} is not finite"
            return False
        self.points.append((number, loss, self.seconds, dict(self.stepper.counts), x))
        if np.abs(x).max() > LENGTH:
            self.ended = f"ran away: after step {number} it is {np.abs(x).max():.0e} from 0"
        return not self.ended

    def run(self, name: str) -> Run:
        numbers, losses, seconds, counts, path = zip(*self.points, strict=True)
        return Run(
            name, self.stepper.optimizer, np.array(numbers), np.array(losses), np.array(seconds),
            {kind: np.array([c.get(kind, 0) for c in counts]) for kind in Run.KINDS},
            np.stack(path), np.array(self.seen), tuple(self.stepper.story), self.ended,
        )  # fmt: skip
