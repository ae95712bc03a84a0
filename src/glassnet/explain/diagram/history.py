"""The curves of a training run as SVG: a panel for each metric, training beside validation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from glassnet.explain.diagram.chart import Curve, Panel, chart, short
from glassnet.inspection.histories import RATES, RunHistory, grows_better, run_histories


def panels_of(history: Any) -> list[Panel]:
    """Return a panel for each metric of a history, its validation beside it.

    Args:
        history: what ``fit`` returned, or another thing that `run_histories` takes, of one run.

    Raises:
        TypeError: for anything else.
        ValueError: where it holds no epoch.
    """
    run = run_histories(history)[0]
    found = []
    for metric in run.metrics:
        names = [name for name in (metric, f"val_{metric}") if name in run.values]
        curves = tuple(_curve(name, run, history) for name in names)
        found.append(Panel(metric.replace("_", " "), curves))
    return found


def _curve(name: str, run: RunHistory, history: Any) -> Curve:
    x, y = run.epochs.astype(float), np.asarray(run.values[name], float)
    recorded = getattr(history, "history", history)
    if hasattr(recorded, "get") and len(recorded.get(name, y)) < len(y):
        # An epoch without a validation is no gap: the curve goes on to the next that has one.
        told = np.isin(x, np.asarray(getattr(history, "epochs", {}).get(name, ())) + 1)
        x, y = (x[told], y[told]) if told.any() else (x[np.isfinite(y)], y[np.isfinite(y)])
    label = "validation" if name.startswith("val_") else "training"
    label = "each epoch" if name in RATES else label
    direction = 0 if name in RATES else 1 if grows_better(name) else -1
    return Curve(label, x, y, _note(x, y, direction))


def _note(x: np.ndarray, y: np.ndarray, direction: int) -> str:
    """The last value and the best one, in words."""
    if not len(y):
        return "no value"
    last = f"last {short(float(y[-1]))}"
    finite = np.isfinite(y)
    if not finite.all():
        last = f"{last}, {_gaps(x, y, finite)}" if finite.any() else "never finite"
    if not direction or len(y) < 2 or not finite.any():
        return last
    best = int(np.where(finite, direction * y, -np.inf).argmax())
    return f"{last} · best {short(float(y[best]))} at {x[best]:.0f}"


def _gaps(x: np.ndarray, y: np.ndarray, finite: np.ndarray) -> str:
    """Where values are not finite, in words."""
    places = np.flatnonzero(~finite)
    kind = "NaN" if math.isnan(float(y[places[0]])) else "infinite"
    if not finite[places[0] :].any():
        return f"{kind} from {x[places[0]]:.0f} on"
    return f"{kind} at {x[places[0]]:.0f}" if len(places) == 1 else f"{len(places)} not finite"


def history_svg(history: Any, theme: str | None = None) -> str:
    """Return the curves of a history as SVG.

    Args:
        history: what `panels_of` takes.
        theme: "light", "dark", "page" for the colours of the page around, None for the reader's.

    Raises:
        TypeError: where it is no history.
        ValueError: where it holds no epoch.

    >>> svg = history_svg({"loss": [0.5, 0.25], "val_loss": [0.6, 0.5]})
    >>> svg.count('class="series"')
    2
    """
    panels = panels_of(history)
    said = ". ".join(_sentences(panels)) + "."
    count = max(len(curve.x) for panel in panels for curve in panel.curves)
    title = f"Curves of {count:,} epoch{'' if count == 1 else 's'} of training"
    return chart(panels, title=title, said=said, theme=theme, columns=min(3, len(panels)))


def _sentences(panels: Sequence[Panel]) -> Iterator[str]:
    for panel in panels:
        for curve in panel.curves:
            yield f"{panel.title}, {curve.name}: {curve.note}"
