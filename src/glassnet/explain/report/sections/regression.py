"""A regression judged: errors, R², residuals."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from glassnet.explain.report.markup import (
    beside,
    clean,
    counted,
    figure,
    heading,
    sentence,
    table,
    told,
    value,
)
from glassnet.explain.report.plane import POINTS, Line, Plane, around
from glassnet.explain.report.subject import Subject, Verdict
from glassnet.inspection.residuals import Residuals
from glassnet.inspection.residuals import residuals as residuals_of

_DRAWN = 4
"""Of so many outputs the residuals are drawn."""


def regression(subject: Subject, verdict: Verdict) -> Iterator[str]:
    """Yield the errors of each output and pictures of the residuals."""
    width = verdict.outputs.shape[-1] if verdict.outputs.ndim > 1 else 1
    names = subject.names if subject.names is not None and len(subject.names) == width else None
    found = residuals_of(verdict.truth, verdict.outputs, names=names)
    yield heading("How far it is off")
    yield _errors(found)
    yield sentence(
        "Residual: true minus predicted. R²: the share of the variance that is explained; 0 is as "
        "good as always saying the mean."
    )
    for i in range(min(len(found.names), _DRAWN)):
        yield from _pictures(found, i)
    if len(found.names) > _DRAWN:
        yield sentence(f"The first {_DRAWN} of {len(found.names)} outputs are drawn.")


def _errors(found: Residuals) -> str:
    rows = []
    for i, name in enumerate(found.names):
        r = found.values[:, i]
        numbers = (
            float(found.explained[i]), float(np.abs(r).mean()), float(np.sqrt((r**2).mean())),
            float(found.means[i]), float(found.deviations[i]), float(np.abs(r).max()),
        )  # fmt: skip
        rows.append((clean(name or "output"), *map(value, numbers)))
    header = ("output", "R²", "mean |error|", "root mean square", "mean residual",
              "deviation", "largest |error|")  # fmt: skip
    return table("Errors", header, rows)


def _pictures(found: Residuals, i: int) -> Iterator[str]:
    true, said, r = found.true[:, i], found.predicted[:, i], found.values[:, i]
    name = f" {found.names[i]}" if found.names[i] else ""
    ends = around(true, said)
    along = np.array(ends)
    few = f" {POINTS:,} of {len(true):,} points are drawn." if len(true) > POINTS else ""
    fit = Plane(
        f"Predicted against true{name}", "true", "predicted", ends, ends,
        [Line("where all would be right", along, along, faint=True)],
        np.stack([true, said], axis=1),
    )  # fmt: skip
    across = around(said)
    zero = Line("", np.array(across), np.zeros(2), faint=True)
    rest = Plane(
        f"Residuals{name} against predicted", "predicted", "true − predicted", across,
        around(r, np.zeros(1)), [zero], np.stack([said, r], axis=1), room=1,
    )  # fmt: skip
    counts, edges = np.histogram(r, bins=min(max(int(np.sqrt(len(r))), 5), 40))
    often = Plane(
        f"How often each residual{name} occurs", "true − predicted", "examples",
        (float(edges[0]), float(edges[-1])), (0, float(counts.max()) * 1.05),
        counts=counts, edges=edges, room=1,
    )  # fmt: skip
    spread = f"mean {told(float(found.means[i]))}, deviation {told(float(found.deviations[i]))}"
    yield beside(
        [
            figure(fit.svg(f"{counted(len(true), 'point')}; R² {told(float(found.explained[i]))}."
                           + few)),
            figure(rest.svg(f"Residuals from {told(float(r.min()))} to {told(float(r.max()))}, "
                            f"{spread}.{few}")),
            figure(often.svg(f"{spread[0].upper()}{spread[1:]}.")),
        ]
    )  # fmt: skip
