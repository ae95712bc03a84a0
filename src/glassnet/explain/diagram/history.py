"""The curves of a training run as SVG: a panel for each metric, training beside validation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from glassnet.explain.diagram.chart import Curve, Panel, chart, short

VALIDATION = "val_"
_MORE_IS_BETTER = (
    "accuracy", "acc", "auc", "precision", "recall", "f1", "fbeta", "iou", "r2", "specificity",
    "sensitivity", "positives_rate", "cosine_similarity",
)  # fmt: skip
_RATES = ("learning_rate", "lr")


def panels_of(
    history: Mapping[str, Sequence[Any]],
    epochs: Sequence[int] = (),
    directions: Mapping[str, int] | None = None,
) -> list[Panel]:
    """Return a panel for each metric of a history, its validation beside it.

    Args:
        history: the values of each epoch, by name.
        epochs: the numbers of the epochs, counted from 0; from the first for none.
        directions: 1 for the names of which more is better, -1 for those of which less is.

    Values that are no numbers, one for each class, say, have no curve.
    """
    numbers = {name: values for name, values in history.items() if _are_numbers(values)}
    groups: dict[str, list[str]] = {}
    for name in numbers:
        base = name.removeprefix(VALIDATION)
        groups.setdefault(base if base in numbers else name, []).append(name)
    found = []
    for base, names in groups.items():
        names.sort(key=lambda name: name != base)
        curves = tuple(_curve(name, base, numbers[name], epochs, directions) for name in names)
        found.append(Panel(base.replace("_", " "), curves))
    return found


def _are_numbers(values: Sequence[Any]) -> bool:
    def is_number(value: Any) -> bool:
        kind = np.asarray(value)
        return kind.ndim == 0 and kind.dtype.kind in "fiub"

    return len(values) > 0 and all(map(is_number, values))


def _curve(
    name: str,
    base: str,
    values: Sequence[Any],
    epochs: Sequence[int],
    directions: Mapping[str, int] | None,
) -> Curve:
    y = np.array([float(v) for v in values])
    # Where it was validated after some epochs alone, nobody wrote down after which.
    known = len(epochs) == len(y)
    x = np.asarray(epochs, float) + 1 if known else np.arange(1.0, len(y) + 1)
    label = "validation" if name.startswith(VALIDATION) else "training"
    label = "each epoch" if base in _RATES else label
    return Curve(label, x, y, _note(x, y, _direction(base, directions)))


def _direction(name: str, directions: Mapping[str, int] | None) -> int:
    """1 where more is better, -1 where less is, 0 where neither is."""
    name = name.removeprefix(VALIDATION)
    if directions and name in directions:
        return directions[name]
    if name in _RATES:
        return 0
    more = name.startswith(_MORE_IS_BETTER) or name.endswith(_MORE_IS_BETTER)
    return 1 if more else -1


def _note(x: np.ndarray, y: np.ndarray, direction: int) -> str:
    """The last value and the best one, in words."""
    last = f"last {short(float(y[-1]))}"
    finite = np.isfinite(y)
    if not finite.all():
        last = f"{last}, {_gaps(x, y, finite)}" if finite.any() else "never finite"
    if not direction or len(y) < 2 or not finite.any():
        return last
    masked = np.where(finite, direction * y, -np.inf)
    best = int(masked.argmax())
    return f"{last} · best {short(float(y[best]))} at {x[best]:.0f}"


def _gaps(x: np.ndarray, y: np.ndarray, finite: np.ndarray) -> str:
    """Where values are not finite, in words."""
    places = np.flatnonzero(~finite)
    kind = "NaN" if math.isnan(float(y[places[0]])) else "infinite"
    if not finite[places[0] :].any():
        return f"{kind} from {x[places[0]]:.0f} on"
    return f"{kind} at {x[places[0]]:.0f}" if len(places) == 1 else f"{len(places)} not finite"


def history_svg(
    history: Mapping[str, Sequence[Any]],
    epochs: Sequence[int] = (),
    directions: Mapping[str, int] | None = None,
    theme: str | None = None,
) -> str:
    """Return the curves of a history as SVG; an empty text where it has none."""
    panels = panels_of(history, epochs, directions)
    if not panels:
        return ""
    said = ". ".join(_sentences(panels)) + "."
    count = max(len(curve.x) for panel in panels for curve in panel.curves)
    title = f"Curves of {count:,} epoch{'' if count == 1 else 's'} of training"
    return chart(panels, title=title, said=said, theme=theme, columns=min(3, len(panels)))


def _sentences(panels: Sequence[Panel]) -> Iterator[str]:
    for panel in panels:
        for curve in panel.curves:
            yield f"{panel.title}, {curve.name}: {curve.note}"
