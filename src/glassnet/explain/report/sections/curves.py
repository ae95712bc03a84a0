"""The course of the training: its curves, and their numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from glassnet.explain.diagram.chart import chart
from glassnet.explain.diagram.history import panels_of
from glassnet.explain.report.markup import (
    CannotTell,
    beside,
    clean,
    counted,
    figure,
    fold,
    sentence,
    table,
    told,
    value,
)
from glassnet.explain.report.subject import Subject
from glassnet.inspection.histories import RunHistory, run_histories

ROWS = 100
"""So many epochs the table holds at most."""


def curves(subject: Subject) -> Iterator[str]:
    """Yield a chart for each metric and the table of all values."""
    if subject.history is None:
        raise CannotTell(
            "No history was passed: report(model, data, path, history=model.fit(…)) shows it."
        )
    run = run_histories(subject.history)[0]
    yield sentence(_summary(run))
    made = []
    for panel in panels_of(subject.history):
        said = "; ".join(f"{c.name} {c.note}".strip() for c in panel.curves)
        title = f"{panel.title} over {counted(len(run.epochs), 'epoch')}: {said}"
        made.append(figure(chart([panel], title=title, said=said, theme="page", columns=1)))
    yield beside(made)
    yield sentence(
        "In training a value is the mean over the epoch's batches, while the weights change; in "
        "validation it is measured after the epoch."
    )
    yield _numbers(run)


def _summary(run: RunHistory) -> str:
    name = "val_loss" if "val_loss" in run.values else "loss"
    best = run.best_epoch(name)
    text = f"{counted(len(run.epochs), 'epoch')} of training."
    if best is None:
        return text
    at = int(np.flatnonzero(run.epochs == best)[0])
    what = "validation loss" if name == "val_loss" else "loss"
    lowest = f" The {what} was lowest after epoch {best}, {told(run.values[name][at])}"
    last = float(run.values[name][-1])
    if best == int(run.epochs[-1]):
        return f"{text}{lowest}: the last."
    return f"{text}{lowest}; at the end it was {told(last)}."


def _numbers(run: RunHistory) -> str:
    names = [n for m in run.metrics for n in (m, f"val_{m}") if n in run.values]
    places = np.arange(len(run.epochs))
    caption = "Every epoch"
    if len(places) > ROWS:
        best = run.best_epoch()
        kept = set(np.linspace(0, len(places) - 1, ROWS - 1).astype(int).tolist())
        kept |= set(np.flatnonzero(run.epochs == best).tolist())
        places = np.array(sorted(kept))
        caption = f"{len(places)} of {len(run.epochs):,} epochs, evenly chosen, and the best"
    rows = [
        (value(int(run.epochs[i])), *(value(float(run.values[name][i])) for name in names))
        for i in places
    ]
    header = ["epoch", *(clean(_column(name)) for name in names)]
    return fold("The numbers of the curves", table(caption, header, rows), "data")


def _column(name: str) -> str:
    if name.startswith("val_"):
        return f"{name.removeprefix('val_')}, validation".replace("_", " ")
    return name.replace("_", " ")
