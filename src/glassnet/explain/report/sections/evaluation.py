"""How well it does: loss and metrics, then what fits the kind of each output."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from glassnet.explain.report.markup import (
    attempted,
    clean,
    heading,
    sentence,
    table,
    value,
)
from glassnet.explain.report.sections import classification, labels, regression
from glassnet.explain.report.subject import Subject, Verdict
from glassnet.inspection.histories import run_histories


def evaluation(subject: Subject) -> Iterator[str]:
    """Yield the measures as ``evaluate`` tells them, and each output looked at closely."""
    yield sentence(
        f"Measured on the {subject.size:,} {subject.held_name}, as model.evaluate(x, y) does."
    )
    if subject.held_name == "given examples":
        yield sentence(
            "Whether the network was trained on them is not known here; pass "
            "((x_train, y_train), (x_test, y_test)) to tell it."
        )
    elif "training" in subject.held_name:
        yield sentence("The network was trained on these: how it does on others is not known.")
    yield _measures(subject)
    yield attempted("A closer look", partial(_verdicts, subject))


def _verdicts(subject: Subject) -> Iterator[str]:
    for verdict in subject.verdicts:
        if verdict.output:
            yield heading(f"Output {verdict.output}")
        yield attempted("A closer look", partial(_closer, subject, verdict))


def _closer(subject: Subject, verdict: Verdict) -> Iterator[str]:
    if verdict.scores is None:
        return regression.regression(subject, verdict)
    if verdict.scores.kind == "labels":
        return labels.labels(subject, verdict)
    return classification.classification(subject, verdict)


def _measures(subject: Subject) -> str:
    last: dict[str, float] = {}
    if subject.history is not None:
        values = run_histories(subject.history)[0].values
        last = {name: float(found[-1]) for name, found in values.items() if len(found)}
    header = ["measure", subject.held_name]
    if last:
        header.append("training, mean over the last epoch")
    rows = []
    for name, number in subject.results.items():
        row = [clean(name.replace("_", " ")), _measure(number)]
        if last:
            row.append(value(last[name]) if name in last else "–")
        rows.append(row)
    return table("Loss and metrics", header, rows)


def _measure(number: object) -> str:
    if getattr(number, "ndim", 0):
        return clean(str(number))
    return value(number)
