"""Several labels at once, judged one by one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from glassnet.explain.report.markup import attempted, clean, heading, sentence, table, value
from glassnet.explain.report.sections.classification import calibration, f1, thresholds
from glassnet.explain.report.subject import Subject, Verdict
from glassnet.inspection.targets import names_of


def labels(subject: Subject, verdict: Verdict) -> Iterator[str]:
    """Yield what is said of each label, ROC and calibration."""
    said = verdict.scores
    assert said is not None
    k = said.values.shape[-1]
    values, truth = said.values.reshape(-1, k), verdict.truth.reshape(-1, k) > 0.5
    names = names_of(subject.names, k, "report")
    decided = values > said.threshold
    yield heading("Label by label")
    rows = []
    for j, name in enumerate(names):
        so, yes = truth[:, j], decided[:, j]
        hits, false, missed = (int(np.sum(a)) for a in (so & yes, ~so & yes, so & ~yes))
        p = hits / (hits + false) if hits + false else float("nan")
        r = hits / (hits + missed) if hits + missed else float("nan")
        counts = (hits, false, missed, int(np.sum(~so & ~yes)))
        rows.append((clean(name), *map(value, counts), value(p), value(r), value(f1(p, r))))
    header = ("label", "rightly yes", "wrongly yes", "wrongly no", "rightly no",
              "precision", "recall", "F1")  # fmt: skip
    yield table(f"The labels, yes above {said.threshold:g}", header, rows)
    whole = int((decided == truth).all(axis=1).sum())
    yield sentence(f"Of {len(truth):,} examples {whole:,} have every label right.")
    yield attempted("Thresholds", lambda: thresholds(verdict, names))
    if said.probable:
        yield attempted("Calibration", lambda: calibration(verdict, names))
