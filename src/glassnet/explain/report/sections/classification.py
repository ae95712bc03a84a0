"""A classifier judged: confusion, classes one by one, thresholds, calibration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from glassnet.explain.report.markup import (
    attempted,
    beside,
    clean,
    figure,
    fold,
    heading,
    percent,
    region,
    sentence,
    table,
    told,
    value,
)
from glassnet.explain.report.plane import Line, Plane
from glassnet.explain.report.subject import Subject, Verdict
from glassnet.inspection.classification import Calibration, Confusion
from glassnet.inspection.classification import calibration as calibration_of
from glassnet.inspection.classification import confusion as confusion_of
from glassnet.inspection.classification import precision_recall as precision_recall_of
from glassnet.inspection.classification import roc as roc_of

_WHOLE = 30
"""Up to so many classes the confusion matrix is shown whole."""
_CURVES = 4
"""So many curves a chart holds."""


def classification(subject: Subject, verdict: Verdict) -> Iterator[str]:
    """Yield the confusion matrix, the classes one by one, ROC and calibration."""
    said = verdict.scores
    assert said is not None
    values = said.values if said.kind == "classes" else said.decided
    names = subject.names
    found = confusion_of(verdict.truth, values, names=names)
    yield heading("Which class is taken for which")
    yield sentence(_verdict(found))
    yield sentence(
        "Rows are the true classes, columns what they are taken for; the deeper the colour of a "
        "cell, the larger its share of the row."
    )
    yield confusion_table(found)
    yield attempted("The classes one by one", lambda: _classes(found, verdict))
    yield attempted("Thresholds", lambda: thresholds(verdict, names))
    if said.probable:
        yield attempted("Calibration", lambda: calibration(verdict, names))


def _verdict(found: Confusion) -> str:
    right, total = int(np.trace(found.counts)), int(found.counts.sum())
    text = f"{right:,} of {total:,} are judged rightly ({percent(found.accuracy)})."
    wrong = found.counts - np.diag(np.diag(found.counts))
    if not wrong.any():
        return text + " None is taken for another."
    order = np.argsort(-wrong, axis=None, kind="stable")[:3]
    pairs = [divmod(int(place), len(wrong)) for place in order]
    most = [
        f"{found.names[i]} for {found.names[j]} ({wrong[i, j]:,})" for i, j in pairs if wrong[i, j]
    ]
    return f"{text} Most often taken wrongly: {', '.join(most)}."


def confusion_table(found: Confusion) -> str:
    """Return the confusion matrix; of very many classes the commonest confusions."""
    k = len(found.names)
    if k > _WHOLE:
        return _commonest(found)
    shares = np.nan_to_num(found.normalized("true"))
    names = list(map(clean, found.names))
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    rows = []
    for i, row in enumerate(found.counts):
        cells = "".join(_cell(int(n), float(shares[i, j]), i == j) for j, n in enumerate(row))
        recall = percent(float(found.recalls[i]))
        rows.append(f'<tr><th scope="row">{names[i]}</th>{cells}<td class="end">{recall}</td></tr>')
    small = " many" if k > 6 else ""
    return (
        f'{region("Confusion matrix")}\n<table class="confusion{small}">\n'
        "<caption>Confusion matrix</caption>\n<thead>\n"
        f'<tr><th scope="col">true</th>{head}<th scope="col" class="end">recall</th></tr>\n'
        "</thead>\n<tbody>\n" + "\n".join(rows) + "\n</tbody>\n</table>\n</div>"
    )


def _cell(count: int, share: float, right: bool) -> str:
    kind = "right" if right else "wrong" if count else "none"
    return f'<td class="{kind}" style="--share:{100 * share:.1f}%">{value(count)}</td>'


def _commonest(found: Confusion) -> str:
    wrong = found.counts - np.diag(np.diag(found.counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:20]
    pairs = [divmod(int(place), len(wrong)) for place in order]
    rows = [
        (clean(found.names[i]), clean(found.names[j]), value(int(wrong[i, j])))
        for i, j in pairs
        if wrong[i, j]
    ]
    caption = f"The commonest confusions among {len(found.names)} classes"
    return table(caption, ("true", "taken for", "examples"), rows)


# --- class by class ---------------------------------------------------------------------------
def _classes(found: Confusion, verdict: Verdict) -> Iterator[str]:
    said = verdict.scores
    assert said is not None
    areas: dict[str, float] = {}
    if said.kind == "classes" and len(found.names) > 2:
        areas = {
            c.name: c.area for c in roc_of(verdict.truth, said.values, names=found.names).curves
        }
    rows = []
    for i, name in enumerate(found.names):
        p, r = float(found.precisions[i]), float(found.recalls[i])
        row = [clean(name), value(int(found.counts[i].sum())), value(p), value(r), value(f1(p, r))]
        if areas:
            row.append(value(areas.get(name, float("nan"))))
        rows.append(row)
    header = ["class", "examples", "precision", "recall", "F1", *(["AUC"] if areas else [])]
    meaning = (
        "Precision: of those taken for the class, the share that is of it. Recall: of the class, "
        "the share that is found. F1: their harmonic mean."
    )
    if areas:
        meaning += " AUC: the chance that one of the class scores higher than one that is not."
    made = table("The classes one by one", header, rows) + sentence(meaning)
    yield made if len(rows) <= 12 else fold(f"The {len(rows)} classes one by one", made, "data")


def f1(precision: float, recall: float) -> float:
    """Return ``2 P R / (P + R)``, NaN where it is not defined, 0 where nothing is right."""
    if np.isnan(precision) or np.isnan(recall):
        return float("nan") if np.isnan(recall) else 0.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


# --- thresholds -------------------------------------------------------------------------------
def thresholds(verdict: Verdict, names: Sequence[str] | None) -> Iterator[str]:
    """Yield the ROC curve and precision over recall, where there are few curves."""
    said = verdict.scores
    assert said is not None
    width = said.values.shape[-1] if said.values.ndim > 1 else 1
    if width > _CURVES:
        return
    roc = roc_of(verdict.truth, said.values, names=names)
    precision = precision_recall_of(verdict.truth, said.values, names=names)
    alone = len(roc.curves) == 1
    apart = said.kind == "classes" and not alone
    yield heading("At other thresholds")
    lines = [
        Line(f"{c.name if not alone else 'model'}, AUC {told(c.area)}",
             c.false_positive_rates, c.true_positive_rates)
        for c in roc.curves
    ]  # fmt: skip
    ends = np.array([0.0, 1.0])
    lines.append(Line("chance, AUC 0.5", ends, ends, faint=True))
    first = Plane("ROC curve", "false positive rate", "true positive rate", (0, 1), (0, 1), lines)
    stairs = [
        Line(f"{c.name if not alone else 'model'}, AP {told(c.average_precision)}",
             *_steps(c.recalls, c.precisions))
        for c in precision.curves
    ]  # fmt: skip
    if alone:
        level = precision.curves[0].prevalence
        stairs.append(Line(f"chance, AP {told(level)}", ends, np.full(2, level), faint=True))
    second = Plane(
        "Precision over recall", "recall", "precision", (0, 1), (0, 1), stairs, room=len(lines)
    )
    yield beside(
        [
            figure(first.svg("; ".join(x.name for x in lines))),
            figure(second.svg("; ".join(x.name for x in stairs))),
        ]
    )
    yield sentence(
        "AUC: the chance that a positive example scores higher than a negative one. AP: the mean "
        "precision over all recalls." + (" Each class is held against all others." if apart else "")
    )


def _steps(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The corners of a curve that is level to the left of each point."""
    return np.repeat(x, 2)[:-1], np.repeat(y, 2)[1:]


# --- calibration ------------------------------------------------------------------------------
def calibration(verdict: Verdict, names: Sequence[str] | None) -> Iterator[str]:
    """Yield how often it is so where the model says p."""
    assert verdict.scores is not None
    found = calibration_of(verdict.truth, verdict.scores.values, names=names)
    yield heading("Does it mean what it says?")
    yield sentence(
        f"Where the model says p, it is so in a share of cases that differs from p by "
        f"{told(found.error, 3)} on average (the expected calibration error)."
    )
    ends = np.array([0.0, 1.0])
    what = "share that is right" if found.told == "confidence" else "share observed"
    lines = [
        Line("model, with 95 % intervals", found.predicted, found.observed, found.intervals, True),
        Line("as often as said", ends, ends, faint=True),
    ]
    said = f"Expected calibration error {told(found.error, 3)}. " + " ".join(
        f"Said {told(float(p), 2)}: so in {told(float(o), 2)} of {n}."
        for p, o, n in zip(found.predicted, found.observed, found.counts, strict=True)
    )
    first = Plane("Calibration", found.told, what, (0, 1), (0, 1), lines)
    counts = np.zeros(len(found.edges) - 1)
    counts[found.bins] = found.counts
    top = float(counts.max()) * 1.05
    second = Plane(
        "How often it says so", found.told, "examples", (0, 1), (0, top),
        counts=counts, edges=found.edges, room=2,
    )  # fmt: skip
    often = f"Most often, {int(counts.max()):,} times, " + _bin(found, int(counts.argmax())) + "."
    yield beside([figure(first.svg(said)), figure(second.svg(often))])
    yield _bins(found)


def _bin(found: Calibration, place: int) -> str:
    return f"{told(float(found.edges[place]), 3)} to {told(float(found.edges[place + 1]), 3)}"


def _bins(found: Calibration) -> str:
    rows = [
        (_bin(found, int(b)), value(int(n)), value(float(p)), value(float(o)))
        for b, n, p, o in zip(
            found.bins, found.counts, found.predicted, found.observed, strict=True
        )
    ]
    header = ("from … to", "examples", "said, on average", "observed")
    return fold("The numbers of the calibration", table("Calibration", header, rows), "data")
