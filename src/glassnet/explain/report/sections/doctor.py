"""What the doctor says of the training."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import replace

from glassnet.callbacks import History
from glassnet.explain.doctor.training import Finding, diagnose_training
from glassnet.explain.report.markup import clean, fold, heading, listing, sentence
from glassnet.explain.report.subject import Subject
from glassnet.models.records import sampled


def doctor(subject: Subject) -> Iterator[str]:
    """Yield each finding with its evidence and remedy; one line where there is none."""
    history = subject.history if isinstance(subject.history, History) else None
    train = subject.train if subject.train is not None else subject.held
    record = None if history is None else history.record
    if history is not None and record is not None and train is subject.held:
        history = copy(history)  # the page says already that it is judged on what it learnt from
        history.record = replace(record, validation=None, validation_size=None)
    if record is not None and record.sample is not None:
        x, y = None, None  # the sample that the run kept, which is enough
    else:
        x, y = sampled(train)[:2]
    held = None if subject.train is None or subject.train is subject.held else subject.held
    validation = None if held is None else tuple(sampled(held)[:2])
    found = diagnose_training(subject.model, history, x, y, validation_data=validation)
    yield f'<p class="verdict{" well" * found.ok}">{clean(found.verdict)}</p>'
    for number, finding in enumerate(found.findings, 1):
        yield from _finding(number, finding)
    quiet = [name for name in found.looked_at if name not in set(found.names)]
    items = "".join(f"<li>{clean(name)}</li>" for name in quiet)
    title = f"Looked for and not found: {len(quiet)} ailments"
    yield fold(title, f'<ul class="columns">{items}</ul>')
    for missing in found.unseen:
        yield f'<p class="soft">{clean(missing)}</p>'


def _finding(number: int, finding: Finding) -> Iterator[str]:
    yield heading(f"{number}. {finding.name} ({finding.severity})")
    if finding.layers:
        yield sentence(f"In {', '.join(finding.layers)}.")
    yield sentence(" ".join(finding.evidence))
    yield f"<p><strong>Why it matters:</strong> {clean(finding.why)}</p>"
    yield f"<p><strong>Try:</strong> {clean(finding.remedy)}</p>"
    if finding.code:
        yield listing(finding.code, "What to try")
