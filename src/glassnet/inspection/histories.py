"""What a training run recorded, epoch by epoch, wherever it was recorded."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glassnet.callbacks import History
from glassnet.checks import nearest
from glassnet.metrics import METRICS

RATES = ("learning_rate", "lr")
"""The names under which a learning rate stands in a history."""


@dataclass(frozen=True, eq=False)
class RunHistory:
    """A run's values by name, each with one entry an epoch.

    Attributes:
        name: what the run is called; empty for a single one.
        epochs: the numbers of the epochs, counted from 1 as the progress bar counts them.
        values: by name, arrays as long as ``epochs``; NaN where an epoch has no value.
    """

    name: str
    epochs: np.ndarray
    values: Mapping[str, np.ndarray]

    @property
    def metrics(self) -> list[str]:
        """The names without those of validation: the loss first, a learning rate last."""
        names = list(dict.fromkeys(name.removeprefix("val_") for name in self.values))
        return sorted(names, key=lambda n: (n != "loss", n in RATES))

    def best_epoch(self, monitor: str | None = None) -> int | None:
        """Return the number of the epoch where ``monitor`` is best, the first of equals.

        Args:
            monitor: a name; for None ``"val_loss"``, or ``"loss"`` where there is no validation.

        Returns:
            The epoch; None where the history holds no finite value of it.
        """
        if monitor is None:
            monitor = "val_loss" if "val_loss" in self.values else "loss"
        if monitor not in self.values:
            return None
        values = self.values[monitor]
        finite = np.isfinite(values)
        if not finite.any():
            return None
        sign = 1 if grows_better(monitor) else -1
        return int(self.epochs[np.argmax(np.where(finite, sign * values, -np.inf))])


def grows_better(name: str) -> bool:
    """Tell whether more of a metric is better, as the metric of this name says of itself.

    A loss, and what no metric is called, is better the smaller it is.
    """
    base = name.removeprefix("val_").rstrip("0123456789").rstrip("_")
    if base in ("accuracy", "acc") or base.endswith(("_accuracy", "_acc")):
        return True
    for full in (base, base.split("_", 1)[-1]):
        try:
            return getattr(METRICS.find(full), "direction", None) == "up"
        except ValueError:
            continue
    return False


def run_histories(history: Any) -> list[RunHistory]:
    """Return the runs that ``history`` holds.

    Args:
        history: what ``fit`` returned, or a model, which keeps that of its last ``fit``; a dict of
            lists by metric; the path of a file that `CSVLogger` wrote; or a dict of several such
            by the names of the runs.

    A list that is shorter than the others belongs to a metric that not every epoch has. What
    ``fit`` returned tells which epochs these are. A plain dict doesn't: with ``validation_freq=f``
    it is every f-th, and so it is taken, f being the largest that gives so many values. A file to
    which several runs were appended is one run whose epochs go on counting.

    Raises:
        TypeError: for anything else.
        ValueError: where it holds no epoch, or lists whose lengths can't belong together.
    """
    if isinstance(history, Mapping) and history and not _is_record(history):
        return [_run(one, str(name)) for name, one in history.items()]
    return [_run(history, "")]


def _is_record(history: Mapping[Any, Any]) -> bool:
    return all(
        not isinstance(value, (str, os.PathLike, Mapping, History))
        and not hasattr(value, "history")
        for value in history.values()
    )


def _run(history: Any, name: str) -> RunHistory:
    if isinstance(history, (str, os.PathLike)):
        return _from_file(Path(history), name)
    if isinstance(getattr(history, "history", None), History):
        history = history.history  # a model keeps that of its last fit
    recorded = getattr(history, "history", history)
    if recorded is None and history is not None:
        raise ValueError(f"history: {history!r} was not trained yet: call fit() first.")
    if not isinstance(recorded, Mapping):
        raise TypeError(
            "history: expected what fit() returned, a dict of lists by metric, the path of a "
            "CSVLogger's file, or a dict of such by the name of the run; got "
            f"{type(history).__name__}."
        )
    lists = {str(key): _numbers(values, str(key)) for key, values in recorded.items()}
    kept = {key: values for key, values in lists.items() if values is not None}
    count = max((len(v) for v in kept.values()), default=0)
    if count == 0:
        raise ValueError(
            f"history{f' {name!r}' if name else ''}: it holds no epoch. Pass what fit() returned."
        )
    counted = getattr(history, "epoch", None)
    epochs = np.arange(count) if counted is None or len(counted) != count else np.array(counted)
    known = getattr(history, "epochs", {})
    placed = {key: _placed(values, epochs, known.get(key), key) for key, values in kept.items()}
    return RunHistory(name, epochs + 1, placed)


def _numbers(values: Any, name: str) -> np.ndarray | None:
    """Return a list of numbers as an array; None for one of arrays, which is no curve."""
    if not isinstance(values, (Sequence, np.ndarray)) or isinstance(values, str):
        raise TypeError(f"history: {name!r} is no list of numbers, one an epoch; got {values!r}.")
    if any(np.ndim(v) for v in values):
        return None
    return np.array([np.nan if v is None else float(v) for v in values], np.float64)


def _placed(
    values: np.ndarray, epochs: np.ndarray, told: Sequence[int] | None, name: str
) -> np.ndarray:
    """Spread a shorter list over the epochs that it belongs to: those told, or every f-th."""
    count = len(epochs)
    if len(values) == count:
        return values
    spread = np.full(count, np.nan)
    if told is not None and len(told) == len(values):
        spread[np.isin(epochs, told)] = values
        return spread
    every = next((f for f in range(count, 0, -1) if count // f == len(values)), 0)
    if len(values) and not every:
        raise ValueError(
            f"history: {name!r} has {len(values)} values for {count} epochs, and no "
            "validation_freq gives so many. Pass what fit() returned, or a CSVLogger's file: they "
            "tell which epochs have one."
        )
    if every:
        spread[every - 1 :: every] = values
    return spread


def _from_file(path: Path, name: str) -> RunHistory:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        near = nearest(path.name, [p.name for p in path.parent.glob("*.csv")])
        raise FileNotFoundError(f"history: there is no file {str(path)!r}.{near}") from None
    first = text.split("\n", 1)[0]
    if not first.startswith("epoch") or len(first) < 7:
        raise ValueError(
            f"history: {str(path)!r} is no CSVLogger's file: its first line is {first[:60]!r}, "
            "expected the names of columns, 'epoch' first."
        )
    rows = list(csv.DictReader(text.splitlines(), delimiter=first[5]))
    if not rows:
        raise ValueError(f"history: {str(path)!r} holds no epoch.")
    values = {}
    for key in list(rows[0])[1:]:
        cells = [row[key] or "NA" for row in rows]
        if any(cell.startswith("[") for cell in cells):
            continue
        column = np.array([np.nan if cell == "NA" else float(cell) for cell in cells])
        if not all(cell == "NA" for cell in cells):
            values[key] = column
    epochs = np.array([int(row["epoch"]) for row in rows]) + 1
    if (np.diff(epochs) <= 0).any():
        epochs = np.arange(len(rows)) + 1  # runs one after another, by CSVLogger(append=True)
    return RunHistory(name, epochs, values)
