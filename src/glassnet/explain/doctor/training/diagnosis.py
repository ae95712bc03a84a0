"""Looking for all ailments."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.callbacks import History
from glassnet.explain.doctor.training.ailments import AILMENTS
from glassnet.explain.doctor.training.case import Case, count
from glassnet.explain.doctor.training.report import Finding, TrainingReport
from glassnet.models.data import ArraySource, Batch, source_of
from glassnet.models.model import Model
from glassnet.models.records import sampled

BORN = 10.0
"""Where in the order of causes an ailment stands that was there before the first step."""


def diagnose_training(
    model: Model,
    history: History | None = None,
    x: Any = None,
    y: Any = None,
    *,
    validation_data: Any = None,
    seed: int = 0,
) -> TrainingReport:
    """Return what is wrong with a training run: each ailment with its evidence and a change to try.

    Looked for are faults of the data, of the output, of what was set, dead and saturated units,
    vanishing and exploding gradients, a learning rate that the curvature along the step
    ``uᵀH u / (-gᵀu)`` says to be too high or too low, over- and underfitting. A run that does well
    gives an empty report: ``report.ok``.

    Args:
        model: the compiled model, as the run left it.
        history: what ``fit`` returned; by default that of the last run. It holds a sample of the
            data, so that it alone is enough.
        x: the training inputs, in place of that sample; all of them are looked at.
        y: their targets.
        validation_data: ``(x, y)`` that were not trained on.
        seed: of what is drawn.

    Signals and curvature are computed on up to 256 examples; where the curvature arouses suspicion
    a few training steps are tried. Afterwards the model is as it was.

    Raises:
        TypeError: where ``model`` is no model, or ``x`` yields batches.
        ValueError: where the model is not compiled or not built, or x comes without y.

    >>> import numpy as np, glassnet as gn
    >>> x = np.random.default_rng(0).uniform(0, 255, (64, 3))
    >>> model = gn.Sequential([gn.Input((3,)), gn.layers.Dense(1)])
    >>> model.compile("adam", "mse")
    >>> history = model.fit(x, x[:, :1] / 255, epochs=2, verbose=0)
    >>> gn.explain.diagnose_training(model, history).names[0]
    'unscaled inputs'
    """
    _check(model, history, x, y)
    if history is None:
        history = model.history if isinstance(model.history, History) else None
    record = None if history is None else history.record
    data, size = None, None
    if x is not None:
        data, size = _batch(x, y, None)
        model.check_data(data.x)
    elif record is not None and record.sample is not None:
        data = Batch(*record.sample)
        size = record.size
    validation = None
    if validation_data is not None:
        validation, _ = _batch(*validation_data)
    elif record is not None and record.validation is not None:
        validation = Batch(*record.validation)
    case = Case(model, history, data, validation, size, np.random.default_rng(seed))
    found: list[tuple[tuple[bool, float], Finding]] = []
    looked: list[str] = []
    skipped: list[str] = []
    for known in sorted(AILMENTS, key=lambda one: (one.fallback, one.order)):
        if known.fallback and found:
            continue
        if not known.can_examine(case):
            skipped.append(known.name)
            continue
        looked.append(known.name)
        with np.errstate(all="ignore"):
            finding = known.examine(case)
        if finding is not None:
            found.append((_place(finding, known.order), finding))
    found.sort(key=lambda pair: pair[0])
    return TrainingReport(
        model.name,
        tuple(finding for _, finding in found),
        tuple(looked),
        tuple(_unseen(case, skipped)),
        _subject(case),
    )


def _place(finding: Finding, order: float) -> tuple[bool, float]:
    """Where a finding stands: causes first, what is minor last."""
    if finding.born and order > BORN:
        order = BORN + order / 1000
    return (finding.severity == "minor", order)


def _check(model: Any, history: Any, x: Any, y: Any) -> None:
    what = "diagnose_training(model, history)"
    if not isinstance(model, Model):
        raise TypeError(f"{what}: expected a model first; got a {type(model).__name__}.")
    if history is not None and not isinstance(history, History):
        raise TypeError(
            f"{what}: history is what fit returned; got a {type(history).__name__}. Data are "
            "passed as x= and y=."
        )
    if not model.compiled:
        raise ValueError(
            f"{what} looks at training, so {model.name!r} needs a loss and an optimizer: call "
            "compile(optimizer=…, loss=…) first."
        )
    if not model.built:
        raise ValueError(
            f"{what}: {model.name!r} has no weights yet: it makes them when it first sees data. "
            "Begin it with Input(shape=…), or train it first."
        )
    if (x is None) != (y is None):
        raise ValueError(f"{what}: x and y come together; got only {'y' if x is None else 'x'}.")


def _batch(x: Any, y: Any, sample_weight: Any = None) -> tuple[Batch, int]:
    source = source_of(x, y, sample_weight)
    if not isinstance(source, ArraySource):
        raise TypeError("diagnose_training() takes arrays; got an iterable of batches.")
    return sampled(source.data, strange_first=True), source.size


def _subject(case: Case) -> str:
    told = []
    if case.examples:
        of = f" of {case.size:,}" if case.size and case.size > case.examples else ""
        told.append(f"{case.examples:,}{of} examples")
    if case.validation is not None:
        told.append(f"{count(case.validation):,} validation examples")
    if case.epochs:
        told.append(f"{case.epochs} epoch{'s' * (case.epochs != 1)}")
    return f" ({', '.join(told)})" if told else ""


def _unseen(case: Case, skipped: list[str]) -> list[str]:
    if not skipped:
        return []
    names = ", ".join(skipped)
    if case.data is None:
        return [
            f"Without data these were not looked for: {names}. Pass them: "
            "diagnose_training(model, history, x, y)."
        ]
    if not case.runs:
        return [f"The network can't be run on these data, so these were not looked for: {names}."]
    missing = []
    if case.epochs == 0:
        missing.append("a history")
    if case.validation is None:
        missing.append("validation data")
    return [f"Not looked for, for want of {' and '.join(missing) or 'data'}: {names}."]
